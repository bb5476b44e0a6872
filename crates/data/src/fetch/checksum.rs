//! Checksums of files: SHA-256, and git's own where that is what is known.

use std::fmt::{self, Write};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A checksum, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Checksum {
    /// SHA-256 of the bytes.
    Sha256(String),
    /// The id git gives the file: `sha1("blob <length>\0" + bytes)`.
    GitBlob(String),
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "sha256 {hex}"),
            Self::GitBlob(hex) => write!(f, "git blob {hex}"),
        }
    }
}

/// Both checksums of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digests {
    pub(crate) sha256: String,
    pub(crate) git_blob: String,
}

/// SHA-256 of the first bytes, as many as `most`, of what a file holds that is compressed by gzip.
pub(crate) fn unpacked_sha256(path: &Path, most: u64) -> io::Result<String> {
    let mut sha256 = Sha256::new();
    in_pieces(MultiGzDecoder::new(File::open(path)?).take(most), |bytes| sha256.update(bytes))?;
    Ok(hex(&sha256.finalize()))
}

/// Reads to the end, however long that is, in little memory.
fn in_pieces(mut from: impl Read, mut to: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            n => to(&buffer[..n]),
        }
    }
}

impl Digests {
    /// Reads a file once.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let (mut sha256, mut git_blob) = (Sha256::new(), Sha1::new());
        git_blob.update(format!("blob {}\0", file.metadata()?.len()));
        in_pieces(file, |bytes| {
            sha256.update(bytes);
            git_blob.update(bytes);
        })?;
        Ok(Self { sha256: hex(&sha256.finalize()), git_blob: hex(&git_blob.finalize()) })
    }

    /// Whether the file has this checksum.
    pub(crate) fn matches(&self, checksum: &Checksum) -> bool {
        match checksum {
            Checksum::Sha256(hex) => self.sha256 == *hex,
            Checksum::GitBlob(hex) => self.git_blob == *hex,
        }
    }

    /// The file's checksum of the same kind, to show beside the expected one.
    pub(crate) fn like(&self, checksum: &Checksum) -> Checksum {
        match checksum {
            Checksum::Sha256(_) => Checksum::Sha256(self.sha256.clone()),
            Checksum::GitBlob(_) => Checksum::GitBlob(self.git_blob.clone()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_agree_with_the_tools_people_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "hello\n").unwrap();
        let digests = Digests::of(&path).unwrap();
        // `sha256sum` and `git hash-object` of the same six bytes.
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let git_blob = "ce013625030ba8dba906f756967f9e9ca394464a";
        assert!(digests.matches(&Checksum::Sha256(sha256.into())));
        assert!(digests.matches(&Checksum::GitBlob(git_blob.into())));
        assert!(!digests.matches(&Checksum::GitBlob(sha256.into())));
        assert_eq!(digests.like(&Checksum::GitBlob(String::new())).to_string(), format!("git blob {git_blob}"));
    }
}
