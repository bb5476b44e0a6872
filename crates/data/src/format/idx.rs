//! Unsigned bytes in the IDX format of the MNIST files, plain or compressed by gzip: big-endian sizes of one to three
//! dimensions, then a byte a number.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use ndarray::Array2;

use super::Table;

/// What is wrong with such a file.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    /// It cannot be opened, read or decompressed.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's or the decoder's reason.
        source: std::io::Error,
    },
    /// It is no array of bytes.
    #[error("{}: found {found}, expected {expected}", path.display())]
    Unlike {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What it should have been.
        expected: &'static str,
    },
}

/// No table here has more numbers: MNIST's largest has 47 million.
const LARGEST: u64 = 1 << 28;

/// Why the bytes are no table: what was found, and what was expected.
type Fault = (String, &'static str);

/// Reads an array whose first dimension are the rows, and all others together the columns, named by their numbers from
/// 1. Compressed bytes are unpacked no further than the sizes in front of them say.
pub fn read(path: &Path) -> Result<Table, IdxError> {
    let io = |source| IdxError::Io { path: path.into(), source };
    let unlike = |(found, expected)| IdxError::Unlike { path: path.into(), found, expected };
    let file = std::fs::read(path).map_err(io)?;
    let mut bytes: Box<dyn Read> = if file.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(file.as_slice()))
    } else {
        Box::new(file.as_slice())
    };
    let mut header = Vec::new();
    bytes.by_ref().take(4).read_to_end(&mut header).map_err(io)?;
    let dimensions = dimensions(&header).map_err(unlike)?;
    let mut sizes = Vec::new();
    bytes.by_ref().take(4 * dimensions).read_to_end(&mut sizes).map_err(io)?;
    let (rows, columns) = shape(&sizes, dimensions).map_err(unlike)?;
    let expected = rows * columns;
    let mut data = Vec::new();
    bytes.take(expected + 1).read_to_end(&mut data).map_err(io)?;
    if data.len() as u64 != expected {
        let found = if data.len() as u64 > expected { "more".into() } else { data.len().to_string() };
        return Err(unlike((format!("{found} bytes for {rows} x {columns} numbers"), "a byte a number")));
    }
    let values = data.into_iter().map(f64::from).collect();
    let values = Array2::from_shape_vec((rows as usize, columns as usize), values);
    let values = values.map_err(|e| unlike((e.to_string(), "an array as the header says")))?;
    Ok(Table { columns: (1..=columns).map(|c| c.to_string()).collect(), values })
}

/// Number of dimensions from the first four bytes: two zeros, the type of the numbers, the dimensions.
fn dimensions(header: &[u8]) -> Result<u64, Fault> {
    match header {
        [0, 0, 8, dimensions @ 1..=3] => Ok((*dimensions).into()),
        [0, 0, 8, dimensions] => Err((format!("{dimensions} dimensions"), "one to three")),
        [0, 0, kind, _] => Err((format!("numbers of type {kind:#04x}"), "unsigned bytes, type 0x08")),
        _ => Err(("something else".into(), "an IDX file")),
    }
}

/// Rows and columns, none empty and together not too many.
fn shape(sizes: &[u8], dimensions: u64) -> Result<(u64, u64), Fault> {
    let sizes: Vec<u64> =
        sizes.chunks_exact(4).map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]).into()).collect();
    let [rows, inner @ ..] = sizes.as_slice() else { return Err(("a file cut short".into(), "an IDX file")) };
    if sizes.len() as u64 != dimensions {
        return Err(("a file cut short".into(), "an IDX file"));
    }
    let columns = inner.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
    match columns.and_then(|columns| Some((columns, rows.checked_mul(columns)?))) {
        Some((columns, 1..=LARGEST)) => Ok((*rows, columns)),
        _ => {
            let sizes: Vec<String> = sizes.iter().map(u64::to_string).collect();
            Err((format!("an array of {} numbers", sizes.join(" x ")), "at least one and at most 2^28"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use ndarray::array;
    use proptest::prelude::*;
    use std::io::Write;

    fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
        let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
        [&[0, 0, 8, (sizes.len() / 4) as u8], sizes.as_slice(), data].concat()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_bytes(bytes: &[u8]) -> Result<Array2<f64>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, bytes).unwrap();
        let shortened = |e: IdxError| e.to_string().replace(&format!("{}: ", path.display()), "");
        read(&path).map(|table| table.values).map_err(shortened)
    }

    #[test]
    fn arrays_of_one_to_three_dimensions_are_read() {
        let images = idx(&[2, 2, 3], &[0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255]);
        let expected = array![[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [250.0, 251.0, 252.0, 253.0, 254.0, 255.0]];
        assert_eq!(read_bytes(&images), Ok(expected.clone()));
        assert_eq!(read_bytes(&gzip(&images)), Ok(expected));
        assert_eq!(read_bytes(&idx(&[3], &[7, 2, 1])), Ok(array![[7.0], [2.0], [1.0]]));
        assert_eq!(read_bytes(&idx(&[1, 2], &[7, 2])), Ok(array![[7.0, 2.0]]));
    }

    #[test]
    fn what_is_no_such_array_is_named() {
        let fails = |bytes: &[u8], text: &str| assert_eq!(read_bytes(bytes).unwrap_err(), text);
        fails(b"<html>", "found something else, expected an IDX file");
        fails(b"", "found something else, expected an IDX file");
        fails(&[0, 0, 13, 1, 0, 0, 0, 1, 0], "found numbers of type 0x0d, expected unsigned bytes, type 0x08");
        fails(&[0, 0, 8, 4], "found 4 dimensions, expected one to three");
        fails(&[0, 0, 8, 0], "found 0 dimensions, expected one to three");
        fails(&idx(&[2, 2], &[])[..7], "found a file cut short, expected an IDX file");
        fails(&idx(&[2], &[1]), "found 1 bytes for 2 x 1 numbers, expected a byte a number");
        fails(&gzip(&idx(&[2], &[1, 2, 3])), "found more bytes for 2 x 1 numbers, expected a byte a number");
        fails(&idx(&[0, 5], &[]), "found an array of 0 x 5 numbers, expected at least one and at most 2^28");
        let vast = idx(&[u32::MAX, u32::MAX, u32::MAX], &[]);
        assert!(read_bytes(&vast).unwrap_err().contains("expected at least one and at most 2^28"));
        assert!(read_bytes(&gzip(&idx(&[2], &[1, 2]))[..20]).unwrap_err().contains("cannot be read"));
        assert!(read(Path::new("/nowhere/a.gz")).unwrap_err().to_string().contains("cannot be read"));
    }

    proptest! {
        /// Whatever is broken, there is an error or an array, never a panic.
        #[test]
        fn damage_is_survived(at in 0_usize..24, byte in any::<u8>(), cut in 0_usize..24, packed in any::<bool>()) {
            let mut bytes = idx(&[2, 2, 3], &[9; 12]);
            bytes = if packed { gzip(&bytes) } else { bytes };
            let last = bytes.len() - 1;
            bytes[at.min(last)] = byte;
            bytes.truncate(bytes.len().saturating_sub(cut / 4));
            if let Ok(values) = read_bytes(&bytes) {
                prop_assert!(!values.is_empty());
            }
        }
    }
}
