//! The file of a record: one line with the record, one that proves it whole.
//!
//! The second line is `{"format":2,"blake3":"<hash>"}`. The hash is of all that stands before it, format included, so
//! that the file of a later program can be told from a damaged one without being understood: the second line stays as it
//! is in all formats to come. Files of before there were formats say `{"blake3":"<hash>"}`, which is of the first line.

use serde::Deserialize;

use super::Record;

/// The format that is written.
pub const FORMAT: u32 = 2;

/// Why a file is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    /// It is not what somebody once wrote.
    #[error("{0}")]
    Damaged(String),
    /// It is whole, but only a later program can read it.
    #[error("it is of format {0}, this program reads up to {FORMAT}")]
    Newer(u32),
}

impl Flaw {
    fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }
}

#[derive(Deserialize)]
struct Seal {
    format: Option<u32>,
    blake3: String,
}

/// The file of a record.
pub(super) fn encode(record: &Record) -> serde_json::Result<Vec<u8>> {
    let mut text = serde_json::to_string(record)?;
    text.push_str(&format!("\n{{\"format\":{FORMAT},\"blake3\":\""));
    let hash = blake3::hash(text.as_bytes()).to_hex();
    text.push_str(&format!("{hash}\"}}\n"));
    Ok(text.into_bytes())
}

/// The record in a file of this name.
pub(super) fn decode(bytes: &[u8], name: &str) -> Result<Record, Flaw> {
    if bytes.is_empty() {
        return Err(Flaw::damaged("the file is empty"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Flaw::damaged("it is not text"))?.trim_end();
    let (body, last) = text.split_once('\n').ok_or_else(|| Flaw::damaged("it is cut short"))?;
    let seal: Seal = serde_json::from_str(last).map_err(|_| Flaw::damaged("its last line is no checksum"))?;
    let hashed = match seal.format {
        None => body,
        Some(_) => text.strip_suffix("\"}").and_then(|t| t.strip_suffix(&seal.blake3)).unwrap_or_default(),
    };
    if blake3::hash(hashed.as_bytes()).to_hex().as_str() != seal.blake3 {
        return Err(Flaw::damaged("it is not what its checksum says"));
    }
    if let Some(format) = seal.format.filter(|format| *format > FORMAT) {
        return Err(Flaw::Newer(format));
    }
    let record: Record = serde_json::from_str(body)
        .map_err(|e| Flaw::damaged(format!("it is whole, but another version wrote it in another way: {e}")))?;
    let id = record.key.id();
    if id.as_str() != name {
        return Err(Flaw::damaged(format!("it is the record of another cell, {id}")));
    }
    Ok(record)
}
