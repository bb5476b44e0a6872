//! Files of a data set and where they can be had.

use std::path::Path;

use serde::Deserialize;

use crate::fetch::{Checksum, Digests};
use crate::fingerprint::{Fingerprint, Mismatch};
use crate::format::{Format, FormatError, Shape, Table};

/// One file of a data set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Name in the cache and in mirrors.
    pub name: String,
    /// Size of the copy that was seen.
    pub bytes: Option<u64>,
    /// How to read it.
    pub format: Format,
    /// Where it can be had, best first.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// How to make the file, for one that no address has as it is read here.
    pub by_hand: Option<String>,
    /// What a file was drawn from that this program carries in itself, so that no place has to be asked.
    pub carried: Option<String>,
    /// SHA-256 of the copy that was seen of a file made by hand, or of the one that is carried.
    pub sha256: Option<String>,
    /// SHA-256 of what a file holds that is compressed by gzip, where copies that somebody compressed anew are as good.
    pub unpacked: Option<String>,
    /// What its values must be; nothing is known of a file that everybody makes for themselves.
    pub fingerprint: Option<Fingerprint>,
}

/// One address of a file, with the checksums of what was seen there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The address.
    pub url: String,
    /// SHA-256 in hexadecimal, or `unverified` where nobody has seen the bytes.
    pub sha256: String,
    /// Git's checksum, where the file was seen in a repository.
    pub git_blob: Option<String>,
    /// The `Accept` header the address wants.
    pub accept: Option<String>,
}

/// The word for a source whose bytes nobody has seen.
const UNVERIFIED: &str = "unverified";

impl Source {
    /// What the bytes of this source must hash to; empty if nobody has seen them.
    pub fn checksums(&self) -> Vec<Checksum> {
        let sha256 = (self.sha256 != UNVERIFIED).then(|| Checksum::Sha256(self.sha256.clone()));
        sha256.into_iter().chain(self.git_blob.clone().map(Checksum::GitBlob)).collect()
    }
}

impl FileEntry {
    /// Every checksum known of any source of this file.
    pub fn checksums(&self) -> Vec<Checksum> {
        let seen = self.sha256.iter().cloned().map(Checksum::Sha256);
        let mut all: Vec<Checksum> = self.sources.iter().flat_map(Source::checksums).chain(seen).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether the bytes are those of a source, by every checksum known of that source, or of the copy that was seen.
    pub(crate) fn recognises(&self, found: &Digests) -> bool {
        let seen = self.sha256.iter().any(|sha256| *sha256 == found.sha256);
        seen || self.sources.iter().map(Source::checksums).any(|c| !c.is_empty() && c.iter().all(|c| found.matches(c)))
    }

    /// Whether bytes from no particular source may be believed for their values: where nobody has seen any bytes, and
    /// where everybody makes the file, and so the bytes, anew.
    pub(crate) fn may_pin(&self) -> bool {
        self.by_hand.is_some() || (self.checksums().is_empty() && self.unpacked.is_none())
    }

    /// The shape of the table; empty if nothing is known of it.
    pub(crate) fn shape(&self) -> Shape {
        self.fingerprint.as_ref().map_or(Shape { rows: 0, columns: 0 }, |p| Shape { rows: p.rows, columns: p.columns })
    }

    /// Bytes that a copy may have. Copies differ in container and in how numbers are written, but not by much.
    pub(crate) fn most_bytes(&self) -> u64 {
        const OTHER_SPELLING: u64 = 4;
        const REMARKS: u64 = 1 << 20;
        const UNKNOWN: u64 = 4 << 30;
        match (self.bytes, &self.fingerprint) {
            (Some(bytes), _) => bytes.saturating_mul(OTHER_SPELLING).saturating_add(REMARKS),
            (None, Some(_)) => self.shape().text().saturating_add(REMARKS),
            (None, None) => UNKNOWN,
        }
    }

    /// Reads a copy and checks its values.
    ///
    /// # Errors
    /// If it cannot be read, or holds other values than it should.
    pub fn read(&self, path: &Path) -> Result<Table, ReadError> {
        let table = self.format.read(path, self.shape())?;
        if let Some(print) = &self.fingerprint {
            print.verify(&table)?;
        }
        Ok(table)
    }

    /// Whether the entry makes sense; the message goes on from the file's name.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_line =
            |text: &Option<String>| text.as_ref().is_none_or(|t| !t.trim().is_empty() && !t.trim().contains('\n'));
        match (&self.by_hand, &self.carried) {
            (None, None) if self.sources.is_empty() => return Err(" has no source".into()),
            (None, None) if self.sha256.is_some() => return Err(": the checksum belongs to its source".into()),
            (_, Some(_)) if self.sha256.is_none() => return Err(": a carried file has a `sha256`".into()),
            _ if !is_line(&self.by_hand) => return Err(": `by_hand` is one line on how to make it".into()),
            _ if !is_line(&self.carried) => return Err(": `carried` is one line on what it was drawn from".into()),
            _ => {}
        }
        let tells_nothing = !matches!(self.format, Format::Npy) || self.by_hand.is_none();
        match &self.fingerprint {
            Some(print) => print.check().map_err(|e| format!(": {e}"))?,
            None if tells_nothing => return Err(" has no fingerprint".into()),
            None => {}
        }
        [&self.sha256, &self.unpacked]
            .into_iter()
            .flatten()
            .try_for_each(|text| hexadecimal(&Checksum::Sha256(text.clone())))
            .map_err(|e| format!(": {e}"))?;
        self.sources.iter().try_for_each(|source| source.check().map_err(|e| format!(", source {}: {e}", source.url)))
    }
}

/// A file is not what the catalog says.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// It holds other values.
    #[error(transparent)]
    Values(#[from] Mismatch),
}

impl Source {
    fn check(&self) -> Result<(), String> {
        if !self.url.starts_with("https://") && !self.url.starts_with("http://") {
            return Err("the address must begin with https:// or http://".into());
        }
        self.checksums().iter().try_for_each(hexadecimal)
    }
}

fn hexadecimal(checksum: &Checksum) -> Result<(), String> {
    let (text, length) = match checksum {
        Checksum::Sha256(text) => (text, 64),
        Checksum::GitBlob(text) => (text, 40),
    };
    let digits = text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    if text.len() != length || !digits {
        return Err(format!("{checksum} is not {length} lower-case hexadecimal digits (or `{UNVERIFIED}`)"));
    }
    Ok(())
}
