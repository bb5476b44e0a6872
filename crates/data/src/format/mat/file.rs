//! A file's variables, unpacked one at a time.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;
use ndarray::Array2;

use super::MatError;
use super::element::{COMPRESSED, Elements, Fault, Variable};

const HEADER: usize = 128;
/// A variable's flags, sizes and name take a small part of this.
const LONGEST_HEAD: u64 = 1 << 12;

/// A file whose variables are still packed.
pub(super) struct File {
    bytes: Vec<u8>,
    little: bool,
}

impl File {
    pub(super) fn open(path: &Path) -> Result<Self, MatError> {
        let bytes = std::fs::read(path).map_err(|source| MatError::Io { path: path.into(), source })?;
        let other = |found| Err(MatError::OtherFormat { path: path.into(), found });
        if bytes.starts_with(b"\x89HDF") || bytes.starts_with(b"MATLAB 7.3") {
            return other("a MATLAB 7.3 (HDF5) file");
        }
        let little = match bytes.get(HEADER - 2..HEADER) {
            Some(b"IM") => true,
            Some(b"MI") => false,
            _ if bytes.is_empty() => return other("an empty file"),
            _ => return other("something else (a web page, a MATLAB 4 file?)"),
        };
        Ok(Self { bytes, little })
    }

    /// The matrix of a variable, or those in its cells. If it is compressed it may have so many bytes.
    pub(super) fn matrices(&self, wanted: &str, cells: bool, most: u64) -> Result<Vec<Array2<f64>>, Fault> {
        let mut elements = Elements::new(&self.bytes[HEADER..], self.little);
        let mut have = Vec::new();
        while let Some(element) = elements.next()? {
            let (kind, head) = self.head(element)?;
            let Some(head) = Variable::of((kind, &head), self.little)? else { continue };
            if head.name != wanted {
                have.push(head.name);
                continue;
            }
            let (kind, whole) = self.whole(element, most)?;
            let Some(variable) = Variable::of((kind, &whole), self.little)? else { continue };
            return if cells { variable.to_matrices() } else { Ok(vec![variable.to_matrix()?]) };
        }
        Err(Fault::Missing(have))
    }

    /// An element's type and bytes, of a compressed one only the first.
    fn head<'a>(&self, (kind, bytes): (u32, &'a [u8])) -> Result<(u32, Cow<'a, [u8]>), Fault> {
        if kind != COMPRESSED {
            return Ok((kind, Cow::Borrowed(bytes)));
        }
        let head = inflated(bytes, LONGEST_HEAD)?;
        let (kind, _) = Elements::new(&head, self.little).tag()?;
        Ok((kind, Cow::Owned(head[TAG..].to_vec())))
    }

    /// An element's type and bytes.
    fn whole<'a>(&self, (kind, bytes): (u32, &'a [u8]), most: u64) -> Result<(u32, Cow<'a, [u8]>), Fault> {
        if kind != COMPRESSED {
            return Ok((kind, Cow::Borrowed(bytes)));
        }
        let head = inflated(bytes, TAG as u64)?;
        let (kind, size) = Elements::new(&head, self.little).tag()?;
        if size > most {
            return Err(Fault::Other(format!("{size} bytes, more than {most}")));
        }
        // One byte more, so that the end is seen and with it the checksum.
        let mut whole = inflated(bytes, TAG as u64 + size + 1)?;
        whole.drain(..TAG);
        if whole.len() as u64 != size {
            return Err(Fault::Damaged(format!("a compressed element of {} bytes instead of {size}", whole.len())));
        }
        Ok((kind, Cow::Owned(whole)))
    }
}

/// Type and size in front of an element.
const TAG: usize = 8;

/// The first bytes of what is packed, as many as `most`.
fn inflated(packed: &[u8], most: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let read = ZlibDecoder::new(packed).take(most).read_to_end(&mut bytes);
    read.map_err(|e| Fault::Damaged(format!("a compressed element that cannot be unpacked: {e}")))?;
    Ok(bytes)
}
