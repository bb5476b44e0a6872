//! Arrays of numbers in NumPy's `.npy` files, versions 1 and 2.
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::Table;
use crate::suggest::quoted;

/// What is wrong with a NumPy file.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// The file cannot be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no array, or not one that is read here.
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

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy pads headers of two fields and a shape to some 128 bytes.
const LONGEST_HEADER: usize = 4096;

/// Why the bytes are no table: what was found, and what was expected.
type Fault = (String, &'static str);

/// Reads an array of one dimension as a column, or of two as it is. Columns are named by their numbers, from 1.
pub fn read(path: &Path) -> Result<Table, NpyError> {
    let bytes = std::fs::read(path).map_err(|source| NpyError::Io { path: path.into(), source })?;
    let values = decoded(&bytes);
    let values = values.map_err(|(found, expected)| NpyError::Unlike { path: path.into(), found, expected })?;
    Ok(Table { columns: (1..=values.ncols()).map(|c| c.to_string()).collect(), values })
}

fn decoded(bytes: &[u8]) -> Result<Array2<f64>, Fault> {
    let (header, data) = parts(bytes)?;
    let (kind, shape) = (Kind::of(&field(header, "descr")?)?, shape(&field(header, "shape")?)?);
    if field(header, "fortran_order")? != "False" {
        return Err(("columns one after the other".into(), "rows one after the other: numpy.ascontiguousarray"));
    }
    let (rows, columns) = shape;
    let size = rows.checked_mul(columns).and_then(|n| n.checked_mul(kind.bytes()));
    // Compared with the bytes that are there before anything is set aside for the numbers.
    if size != Some(data.len()) {
        let found = format!("{} bytes for {rows} x {columns} numbers of {} bytes", data.len(), kind.bytes());
        return Err((found, "as many as the header says"));
    }
    let values: Vec<f64> = data.chunks_exact(kind.bytes()).map(|chunk| kind.number(chunk)).collect();
    Array2::from_shape_vec((rows, columns), values).map_err(|e| (e.to_string(), "an array as the header says"))
}

/// The header's text and the bytes behind it.
fn parts(bytes: &[u8]) -> Result<(&str, &[u8]), Fault> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| ("something else".into(), "a NumPy array (.npy)"))?;
    let short = || ("a file cut short".into(), "a NumPy array (.npy)");
    let (length, rest) = match rest {
        [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        [1 | 2, ..] | [] => return Err(short()),
        [version, ..] => return Err((format!("format version {version}"), "version 1 or 2")),
    };
    if length > LONGEST_HEADER {
        return Err((format!("a header of {length} bytes"), "one of a plain array"));
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(short)?;
    let header = std::str::from_utf8(header).map_err(|_| ("a header that is no text".into(), "a NumPy array"))?;
    Ok((header, data))
}

/// The text of one value in a header like `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn field(header: &str, name: &str) -> Result<String, Fault> {
    let fault = || (format!("the header {}", quoted(header.trim())), "descr, fortran_order and shape");
    let (_, rest) = header.split_once(&format!("'{name}':")).ok_or_else(fault)?;
    let rest = rest.trim_start();
    let text = match rest.chars().next() {
        Some('\'') => rest[1..].split_once('\'').ok_or_else(fault)?.0,
        Some('(') => rest[1..].split_once(')').ok_or_else(fault)?.0,
        _ => rest.split_once([',', '}']).ok_or_else(fault)?.0,
    };
    Ok(text.trim().to_owned())
}

fn shape(text: &str) -> Result<(usize, usize), Fault> {
    let fault = || (format!("an array of shape {}", quoted(&format!("({text})"))), "one or two dimensions, none empty");
    let sizes: Vec<usize> = text
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(|s| s.parse().map_err(|_| fault()))
        .collect::<Result<_, _>>()?;
    match sizes[..] {
        [rows] if rows > 0 => Ok((rows, 1)),
        [rows, columns] if rows > 0 && columns > 0 => Ok((rows, columns)),
        _ => Err(fault()),
    }
}

/// Numbers that are read here.
#[derive(Clone, Copy)]
enum Kind {
    F4,
    F8,
    I8,
    U1,
}

impl Kind {
    /// By NumPy's name. Several bytes must be in little-endian order.
    fn of(name: &str) -> Result<Self, Fault> {
        match name {
            "<f4" => Ok(Self::F4),
            "<f8" => Ok(Self::F8),
            "<i8" => Ok(Self::I8),
            "|u1" => Ok(Self::U1),
            other => Err((format!("numbers of type {}", quoted(other)), "`<f4`, `<f8`, `<i8` or `|u1`")),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::U1 => 1,
            Self::F4 => 4,
            Self::F8 | Self::I8 => 8,
        }
    }

    /// The number in so many bytes. Whole numbers beyond 2^53 are rounded.
    fn number(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        match self {
            Self::F4 => f32::from_le_bytes([word[0], word[1], word[2], word[3]]).into(),
            Self::F8 => f64::from_le_bytes(word),
            Self::I8 => i64::from_le_bytes(word) as f64,
            Self::U1 => word[0].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    fn npy(version: u8, descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let length = header.len() as u32;
        let length = if version == 1 { length.to_le_bytes()[..2].to_vec() } else { length.to_le_bytes().to_vec() };
        [MAGIC, &[version, 0], &length, header.as_bytes(), data].concat()
    }

    fn bytes<const N: usize>(numbers: impl IntoIterator<Item = [u8; N]>) -> Vec<u8> {
        numbers.into_iter().flatten().collect()
    }

    #[test]
    fn every_type_and_version_is_read() {
        let expected = array![[1.5, -2.0], [0.25, 3072.0], [0.0, -0.5]];
        for version in [1, 2] {
            let f8 = bytes(expected.iter().map(|v: &f64| v.to_le_bytes()));
            assert_eq!(decoded(&npy(version, "<f8", "False", "(3, 2)", &f8)), Ok(expected.clone()));
            let f4 = bytes(expected.iter().map(|v| (*v as f32).to_le_bytes()));
            assert_eq!(decoded(&npy(version, "<f4", "False", "(3, 2)", &f4)), Ok(expected.clone()));
        }
        let i8 = bytes([-3_i64, 7].map(i64::to_le_bytes));
        assert_eq!(decoded(&npy(1, "<i8", "False", "(2,)", &i8)), Ok(array![[-3.0], [7.0]]));
        assert_eq!(decoded(&npy(1, "|u1", "False", "(1, 3)", &[0, 9, 255])), Ok(array![[0.0, 9.0, 255.0]]));
    }

    #[test]
    fn what_is_no_plain_array_is_named() {
        let fails = |bytes: &[u8], expected: &str| {
            let (found, wanted) = decoded(bytes).unwrap_err();
            assert_eq!(format!("{found}, expected {wanted}"), expected);
        };
        let of = |descr: &str, order: &str, shape: &str| npy(1, descr, order, shape, &[0; 8]);
        fails(b"<html>", "something else, expected a NumPy array (.npy)");
        fails(MAGIC, "a file cut short, expected a NumPy array (.npy)");
        fails(&of("<f8", "False", "(1,)")[..40], "a file cut short, expected a NumPy array (.npy)");
        fails(&npy(3, "<f8", "False", "(1,)", &[0; 8]), "format version 3, expected version 1 or 2");
        fails(&of(">f8", "False", "(1,)"), "numbers of type `>f8`, expected `<f4`, `<f8`, `<i8` or `|u1`");
        fails(&of("|O", "False", "(1,)"), "numbers of type `|O`, expected `<f4`, `<f8`, `<i8` or `|u1`");
        fails(
            &of("<f8", "True", "(1,)"),
            "columns one after the other, expected rows one after the other: numpy.ascontiguousarray",
        );
        for shape in ["()", "(1, 1, 1)", "(0,)", "(-1,)", "(1, x)"] {
            let error = decoded(&of("<f8", "False", shape)).unwrap_err();
            assert_eq!(error, (format!("an array of shape `{shape}`"), "one or two dimensions, none empty"));
        }
        fails(&of("<f8", "False", "(2,)"), "8 bytes for 2 x 1 numbers of 8 bytes, expected as many as the header says");
        let vast = format!("({}, {})", u64::MAX, u64::MAX);
        assert!(decoded(&of("<f8", "False", &vast)).unwrap_err().0.starts_with("8 bytes for 1844"));
        let mut long = MAGIC.to_vec();
        long.extend([2, 0, 255, 255, 255, 255]);
        fails(&long, "a header of 4294967295 bytes, expected one of a plain array");
        assert!(read(Path::new("/nowhere/a.npy")).unwrap_err().to_string().contains("cannot be read"));
    }

    proptest! {
        /// Whatever is broken, there is an error or an array, never a panic.
        #[test]
        fn damage_is_survived(at in 0_usize..100, byte in any::<u8>(), cut in 0_usize..100) {
            let mut bytes = npy(1, "<f8", "False", "(2, 1)", &[0; 16]);
            let at = at.min(bytes.len() - 1);
            bytes[at] = byte;
            bytes.truncate(bytes.len().saturating_sub(cut / 4));
            if let Ok(values) = decoded(&bytes) {
                prop_assert!(!values.is_empty());
            }
        }
    }
}
