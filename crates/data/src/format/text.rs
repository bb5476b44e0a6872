//! Text files of numbers without a line of names, plain or compressed by gzip: a row a line, with commas or blanks between
//! the cells.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::Deserialize;

use super::csv::{decoded, finite};
use super::gzip::unpacked;
use super::{Shape, Table};
use crate::suggest::quoted;

/// What is wrong with such a file.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// It cannot be opened, read or decompressed.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's or the decoder's reason.
        source: std::io::Error,
    },
    /// A line is not as it should be.
    #[error("{}, line {line}: found {found}, expected {expected}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
}

/// What is between the cells of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Between {
    /// A comma.
    Commas,
    /// Any number of blanks.
    Blanks,
}

/// Reads a table of as many columns as `shape` has, named by their numbers from 1. Lines of blanks alone are passed over.
pub fn read(path: &Path, between: Between, shape: Shape) -> Result<Table, TextError> {
    let columns = shape.columns;
    let bytes = unpacked(path, shape.text()).map_err(|source| TextError::Io { path: path.into(), source })?;
    let values = numbers(&bytes, between, columns);
    let values = values.map_err(|(line, found, expected)| TextError::Line { path: path.into(), line, found, expected });
    Ok(Table { columns: (1..=columns).map(|c| c.to_string()).collect(), values: values? })
}

/// Line, what was found, and what was expected.
type Fault = (usize, String, String);

fn numbers(bytes: &[u8], between: Between, columns: usize) -> Result<Array2<f64>, Fault> {
    let text = decoded(bytes).map_err(|(line, found)| (line, format!("text that is {found}"), "UTF-8".into()))?;
    // A cell and what ends it take two bytes at least: a file of empty lines asks for no more memory than it has itself.
    let lines = bytes.iter().filter(|b| **b == b'\n').count() + 1;
    let mut values = Vec::with_capacity(lines.saturating_mul(columns).min(bytes.len() / 2 + 1));
    let mut rows = 0;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let before = values.len();
        let mut push = |cell: &str| {
            if values.len() - before == columns {
                return Err((number, "more cells".into(), format!("{columns} cells")));
            }
            values.push(value(cell).map_err(|expected| (number, quoted(cell), expected.to_owned()))?);
            Ok(())
        };
        match between {
            Between::Commas => line.split(',').try_for_each(|cell| push(cell.trim_ascii()))?,
            Between::Blanks => line.split_ascii_whitespace().try_for_each(&mut push)?,
        }
        let found = values.len() - before;
        if found != columns {
            return Err((number, format!("{found} cells"), format!("{columns} cells")));
        }
        rows += 1;
    }
    if rows == 0 {
        return Err((1, "no numbers".into(), "rows of numbers".into()));
    }
    Ok(Array2::from_shape_vec((rows, columns), values).expect("every row has as many cells"))
}

/// The number in a cell. Four in five of Covertype's 32 million cells are a 0 or a 1, for which a parser is slow.
fn value(cell: &str) -> Result<f64, &'static str> {
    match cell.as_bytes() {
        [digit @ b'0'..=b'9'] => Ok(f64::from(digit - b'0')),
        [] => Err("a number: the cell is empty"),
        _ => finite(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use ndarray::array;
    use proptest::prelude::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_bytes(bytes: &[u8], between: Between, columns: usize) -> Result<Array2<f64>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.data");
        std::fs::write(&path, bytes).unwrap();
        let shortened = |e: TextError| e.to_string().replace(&path.display().to_string(), "a.data");
        read(&path, between, Shape { rows: 2, columns }).map(|table| table.values).map_err(shortened)
    }

    #[test]
    fn commas_and_blanks_plain_and_compressed() {
        let expected = array![[2596.0, 0.0, -5.0], [1.5e-5, 7.0, 12.0]];
        for (text, between) in [
            ("2596,0,-5\n1.5e-5,7,12\n", Between::Commas),
            ("2596, 0 ,-5\r\n1.5e-005,7,12", Between::Commas),
            ("2596 0 -5\n1.5e-05 7 12\n", Between::Blanks),
            (" 2596\t0  -5\r\n\n1.5e-05 7 12 \n", Between::Blanks),
        ] {
            assert_eq!(read_bytes(text.as_bytes(), between, 3), Ok(expected.clone()), "{text:?}");
            assert_eq!(read_bytes(&gzip(text.as_bytes()), between, 3), Ok(expected.clone()), "{text:?}");
        }
    }

    #[test]
    fn every_fault_has_its_line() {
        let fails = |text: &str, between, expected: &str| {
            assert_eq!(read_bytes(text.as_bytes(), between, 2).unwrap_err(), expected);
        };
        let number = "expected a number, with a decimal point";
        fails("1,2\n3,x\n", Between::Commas, &format!("a.data, line 2: found `x`, {number}"));
        fails("1 2\n\n3 1,5\n", Between::Blanks, &format!("a.data, line 3: found `1,5`, {number}"));
        fails("1,2\n3,\n", Between::Commas, "a.data, line 2: found ``, expected a number: the cell is empty");
        fails("1,2\n3,inf\n", Between::Commas, "a.data, line 2: found `inf`, expected a finite number");
        fails("1,2\n3\n", Between::Commas, "a.data, line 2: found 1 cells, expected 2 cells");
        fails("1 2 3\n", Between::Blanks, "a.data, line 1: found more cells, expected 2 cells");
        fails("", Between::Blanks, "a.data, line 1: found no numbers, expected rows of numbers");
        let error = read_bytes(b"1,2\n3,\xe4\n", Between::Commas, 2).unwrap_err();
        assert!(error.starts_with("a.data, line 2: found text that is not UTF-8"), "{error}");
        let packed = gzip(b"1,2\n");
        assert!(read_bytes(&packed[..packed.len() - 9], Between::Commas, 2).unwrap_err().contains("cannot be read"));
        assert!(
            read(Path::new("/nowhere/a"), Between::Blanks, Shape { rows: 1, columns: 2 })
                .unwrap_err()
                .to_string()
                .contains("cannot be read")
        );
    }

    #[test]
    fn no_more_is_unpacked_than_such_a_table_can_have() {
        let error = read_bytes(&gzip(&vec![b'\n'; 1 << 24]), Between::Commas, 3).unwrap_err();
        assert!(error.contains("it has more than 4672 bytes when it is unpacked"), "{error}");
    }

    proptest! {
        /// Whatever is broken, there is an error or a table, never a panic.
        #[test]
        fn damage_is_survived(at in 0_usize..40, byte in any::<u8>(), cut in 0_usize..40, packed in any::<bool>()) {
            let mut bytes = b"1,2,3\n4,5,6\n".to_vec();
            bytes = if packed { gzip(&bytes) } else { bytes };
            let last = bytes.len() - 1;
            bytes[at.min(last)] = byte;
            bytes.truncate(bytes.len().saturating_sub(cut / 4));
            if let Ok(values) = read_bytes(&bytes, Between::Commas, 3) {
                prop_assert_eq!(values.ncols(), 3);
            }
        }
    }
}
