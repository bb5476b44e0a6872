//! Files that may be compressed by gzip.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// The bytes of a file, unpacked if it is compressed. A few compressed bytes can stand for any number of others: more
/// than `most` are an error, and are not waited for.
pub(super) fn unpacked(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes.as_slice()).take(most.saturating_add(1)).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > most {
        return Err(io::Error::other(format!(
            "it has more than {most} bytes when it is unpacked, which is more than such a table can have"
        )));
    }
    Ok(unpacked)
}
