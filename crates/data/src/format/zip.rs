//! Members of a ZIP archive, by name: just enough of the format to read what big data sets are distributed in.
//!
//! Stored and deflated members of archives below 4 GiB. A member is unpacked as it is read, no further than the size
//! that the archive states, and has to have the checksum that it states. Nothing is ever written by a member's name.
//!
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use crate::suggest::quoted;

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The file cannot be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's or the decoder's reason.
        source: io::Error,
    },
    /// The file is no archive, or not one that is read here.
    #[error("{}: found {found}, expected {expected}", path.display())]
    Unlike {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What it should have been.
        expected: String,
    },
}

/// A member may unpack to so many bytes.
const LARGEST: u64 = 2 << 30;
/// The directory of a data set's archive takes a fraction of this.
const LONGEST_DIRECTORY: u64 = 64 << 20;
/// The record at the end, and the longest comment that may follow it.
const END: u64 = 22;
const COMMENT: u64 = 65535;

/// Where a member is, as the directory says.
struct Entry {
    method: u64,
    crc: u32,
    packed: u64,
    unpacked: u64,
    header: u64,
}

/// A member's text, a line at a time.
pub(super) struct Member {
    path: PathBuf,
    name: String,
    lines: Checked,
}

/// Bytes of a member, with their sum so far.
struct Checked {
    bytes: BufReader<Box<dyn Read>>,
    crc: Crc,
    expected: (u64, u32),
}

impl Member {
    /// Finds a member.
    pub(super) fn open(path: &Path, name: &str) -> Result<Self, ZipError> {
        let io = |source| ZipError::Io { path: path.into(), source };
        let unlike =
            |found: String, expected: &str| ZipError::Unlike { path: path.into(), found, expected: expected.into() };
        let mut file = File::open(path).map_err(io)?;
        let directory = directory(&mut file).map_err(io)?;
        let directory = directory.ok_or_else(|| unlike("something else".into(), "a ZIP archive below 4 GiB"))?;
        let entry = find(&directory, name).ok_or_else(|| unlike("no such file in the archive".into(), name))?;
        if entry.unpacked > LARGEST {
            return Err(unlike(format!("{} of {} bytes", quoted(name), entry.unpacked), "at most 2 GiB"));
        }
        let mut header = [0; 30];
        file.seek(SeekFrom::Start(entry.header)).and_then(|_| file.read_exact(&mut header)).map_err(io)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(unlike(
                format!("{} in another place than the directory says", quoted(name)),
                "a whole archive",
            ));
        }
        let skip = number(&header[26..28]) + number(&header[28..30]);
        file.seek(SeekFrom::Start(entry.header + 30 + skip)).map_err(io)?;
        let packed = BufReader::new(file.take(entry.packed));
        // One byte more would show that there are too many.
        let bytes: Box<dyn Read> = match entry.method {
            0 => Box::new(packed.take(entry.unpacked + 1)),
            8 => Box::new(DeflateDecoder::new(packed).take(entry.unpacked + 1)),
            other => return Err(unlike(format!("{} packed by method {other}", quoted(name)), "stored or deflated")),
        };
        let lines = Checked { bytes: BufReader::new(bytes), crc: Crc::new(), expected: (entry.unpacked, entry.crc) };
        Ok(Self { path: path.into(), name: name.into(), lines })
    }

    /// Reads the next line without its end into `line`; false behind the last one, where the sum must be right. A line
    /// of more than `most` bytes is an error.
    pub(super) fn next_line(&mut self, line: &mut String, most: u64) -> Result<bool, ZipError> {
        line.clear();
        let io = |source| ZipError::Io { path: self.path.clone(), source };
        if self.lines.bytes.by_ref().take(most.saturating_add(1)).read_line(line).map_err(io)? == 0 {
            let found = (self.lines.crc.amount(), self.lines.crc.sum());
            let (bytes, sum) = self.lines.expected;
            return match u64::from(found.0) == bytes && found.1 == sum {
                true => Ok(false),
                false => Err(ZipError::Unlike {
                    path: self.path.clone(),
                    found: format!("{} bytes with checksum {:08x} in {}", found.0, found.1, quoted(&self.name)),
                    expected: format!("{bytes} with {sum:08x}"),
                }),
            };
        }
        if line.len() as u64 > most {
            return Err(ZipError::Unlike {
                path: self.path.clone(),
                found: format!("a line of more than {most} bytes in {}", quoted(&self.name)),
                expected: "numbers between blanks".into(),
            });
        }
        self.lines.crc.update(line.as_bytes());
        line.truncate(line.trim_end_matches(['\n', '\r']).len());
        Ok(true)
    }
}

/// The archive's list of members; `None` if this is no archive that is read here.
fn directory(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(END + COMMENT);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(END + COMMENT).read_to_end(&mut tail)?;
    let Some(at) = tail.windows(END as usize).rposition(|w| w.starts_with(b"PK\x05\x06")) else { return Ok(None) };
    let (size, offset) = (number(&tail[at + 12..at + 16]), number(&tail[at + 16..at + 20]));
    if size > LONGEST_DIRECTORY || offset + size > start + at as u64 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut directory = Vec::new();
    file.take(size).read_to_end(&mut directory)?;
    Ok(Some(directory))
}

/// The member of that name.
fn find(mut directory: &[u8], name: &str) -> Option<Entry> {
    while let Some((fixed, rest)) = directory.split_at_checked(46).filter(|(fixed, _)| fixed.starts_with(b"PK\x01\x02"))
    {
        let at = |from: usize, to: usize| number(&fixed[from..to]);
        let (found, rest) = rest.split_at_checked(at(28, 30) as usize)?;
        if found == name.as_bytes() {
            return Some(Entry {
                method: at(10, 12),
                crc: at(16, 20) as u32,
                packed: at(20, 24),
                unpacked: at(24, 28),
                header: at(42, 46),
            });
        }
        directory = rest.get((at(30, 32) + at(32, 34)) as usize..)?;
    }
    None
}

/// A whole number, lowest byte first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
