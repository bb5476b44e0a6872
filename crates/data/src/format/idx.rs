//! Unsigned bytes in the IDX format of the MNIST files, plain or compressed by gzip: big-endian sizes of one to three
//! dimensions, then a byte a number.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::gzip::unpacked;
use super::{Shape, Table};

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

/// Four bytes that say what it is, and the sizes of three dimensions.
const LONGEST_HEADER: u64 = 16;

/// Why the bytes are no table: what was found, and what was expected.
type Fault = (String, &'static str);

/// Reads an array whose first dimension are the rows, and all others together the columns, named by their numbers from
/// 1. `shape` is what there should be: compressed bytes are unpacked no further.
pub fn read(path: &Path, shape: Shape) -> Result<Table, IdxError> {
    let most = shape.cells().saturating_add(LONGEST_HEADER);
    let bytes = unpacked(path, most).map_err(|source| IdxError::Io { path: path.into(), source })?;
    let values = decoded(&bytes);
    let values = values.map_err(|(found, expected)| IdxError::Unlike { path: path.into(), found, expected })?;
    Ok(Table { columns: (1..=values.ncols()).map(|c| c.to_string()).collect(), values })
}

fn decoded(bytes: &[u8]) -> Result<Array2<f64>, Fault> {
    let cut_short = || ("a file cut short".into(), "an IDX file");
    // Two zeros, the type of the numbers, the number of dimensions.
    let (dimensions, rest) = match bytes {
        [0, 0, 8, dimensions @ 1..=3, rest @ ..] => (usize::from(*dimensions), rest),
        [0, 0, 8, dimensions, ..] => return Err((format!("{dimensions} dimensions"), "one to three")),
        [0, 0, kind, _, ..] => return Err((format!("numbers of type {kind:#04x}"), "unsigned bytes, type 0x08")),
        _ => return Err(("something else".into(), "an IDX file")),
    };
    let (sizes, data) = rest.split_at_checked(4 * dimensions).ok_or_else(cut_short)?;
    let sizes: Vec<usize> =
        sizes.chunks_exact(4).map(|s| u32::from_be_bytes([s[0], s[1], s[2], s[3]]) as usize).collect();
    let (rows, inner) = sizes.split_first().ok_or_else(cut_short)?;
    let columns = inner.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    // Compared with the bytes that are there before anything is set aside for the numbers.
    match columns.filter(|columns| rows.checked_mul(*columns) == Some(data.len()) && !data.is_empty()) {
        Some(columns) => {
            let values = data.iter().copied().map(f64::from).collect();
            Array2::from_shape_vec((*rows, columns), values).map_err(|e| (e.to_string(), "an array as the header says"))
        }
        None => {
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            Err((
                format!("{} bytes for {} numbers", data.len(), sizes.join(" x ")),
                "a byte a number, and at least one",
            ))
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
        read(&path, Shape { rows: 4, columns: 6 }).map(|table| table.values).map_err(shortened)
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
        let byte_a_number = "expected a byte a number, and at least one";
        fails(&idx(&[2], &[1]), &format!("found 1 bytes for 2 numbers, {byte_a_number}"));
        fails(&gzip(&idx(&[2, 1], &[1, 2, 3])), &format!("found 3 bytes for 2 x 1 numbers, {byte_a_number}"));
        fails(&idx(&[0, 5], &[]), &format!("found 0 bytes for 0 x 5 numbers, {byte_a_number}"));
        let most = u32::MAX;
        fails(&idx(&[most; 3], &[]), &format!("found 0 bytes for {most} x {most} x {most} numbers, {byte_a_number}"));
        let bomb = gzip(&idx(&[1 << 12, 1 << 12], &vec![0; 1 << 24]));
        assert!(read_bytes(&bomb).unwrap_err().contains("it has more than 40 bytes when it is unpacked"));
        assert!(read_bytes(&gzip(&idx(&[2], &[1, 2]))[..20]).unwrap_err().contains("cannot be read"));
        assert!(
            read(Path::new("/nowhere/a.gz"), Shape { rows: 1, columns: 1 })
                .unwrap_err()
                .to_string()
                .contains("cannot be read")
        );
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
