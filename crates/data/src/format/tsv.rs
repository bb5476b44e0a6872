//! Tab-separated columns of several kinds below a header line, which may begin with `#`; the file may be compressed
//! by gzip. Words and letters become numbers, as the catalog says.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use ndarray::Array2;
use serde::Deserialize;

use super::csv::{decoded, finite};
use super::gzip::unpacked;
use super::{Shape, Table};
use crate::suggest::{listed, quoted};

/// What a column of the file holds, and what becomes of it in the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A finite number.
    Number,
    /// Anything. It is left out.
    Skip,
    /// One of these words: its place in the list, from 0.
    Words(Vec<String>),
    /// So many bases of DNA: a column for each, with 0 for A, 1 for C, 2 for G and 3 for T.
    Bases(usize),
    /// Pairs `index:count` between spaces, the indices from 0 and ascending: a column for each index, so many in all,
    /// with 0 for those that are not there.
    Counts(usize),
}

/// The columns of a file, in order.
pub type Columns = IndexMap<String, Kind>;

/// What is wrong with such a file.
#[derive(Debug, thiserror::Error)]
pub enum TsvError {
    /// It cannot be opened, read or decompressed.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's or the decoder's reason.
        source: std::io::Error,
    },
    /// There is no row.
    #[error("{}: the file has no rows, expected a line of column names and then data", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// A line is not what it must be.
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
    /// A cell is not what its column holds.
    #[error("{}, line {line}, column `{column}`: found {found}, expected {expected}", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column.
        column: String,
        /// The text in backticks, or words.
        found: String,
        /// What it should have been.
        expected: String,
    },
}

/// A cell that is left out, such as a formula, may be so long.
const SKIPPED: u64 = 1 << 10;

/// Reads a file with these columns into a table that should have this shape. Those of a list of bases are called by their place, from 1, those of counts by
/// their index.
pub fn read(path: &Path, columns: &Columns, shape: Shape) -> Result<Table, TsvError> {
    let skipped = Shape { rows: shape.rows, columns: columns.len() }.cells().saturating_mul(SKIPPED);
    let bytes = unpacked(path, shape.text().saturating_add(skipped))
        .map_err(|source| TsvError::Io { path: path.into(), source })?;
    let bad_line = |line, found, expected| TsvError::Line { path: path.into(), line, found, expected };
    let text =
        decoded(&bytes).map_err(|(line, found)| bad_line(line, format!("text that is {found}"), "UTF-8".into()))?;
    let mut lines = (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty());
    let no_rows = || TsvError::NoRows { path: path.into() };

    let (line, header) = lines.next().ok_or_else(no_rows)?;
    let header = header.strip_prefix('#').unwrap_or(header);
    if !header.split('\t').eq(columns.keys()) {
        let names: Vec<&String> = columns.keys().collect();
        return Err(bad_line(line, quoted(header), format!("the column names {} between tabs", listed(&names))));
    }
    let names: Vec<String> = columns.iter().flat_map(|(name, kind)| kind.columns(name)).collect();
    let (mut values, mut rows) = (Vec::new(), 0);
    for (line, text) in lines {
        if rows == shape.rows {
            return Err(bad_line(line, "another row".into(), format!("the end after {rows} rows")));
        }
        let found = text.split('\t').count();
        if found != columns.len() {
            return Err(bad_line(line, format!("{found} cells"), format!("{} between tabs", columns.len())));
        }
        for (cell, (column, kind)) in text.split('\t').zip(columns) {
            kind.read(cell, &mut values).map_err(|(found, expected)| TsvError::Cell {
                path: path.into(),
                line,
                column: column.clone(),
                found,
                expected,
            })?;
        }
        rows += 1;
    }
    if rows == 0 {
        return Err(no_rows());
    }
    let values = Array2::from_shape_vec((rows, names.len()), values).expect("a cell gives as many values in each row");
    Ok(Table { columns: names, values })
}

impl Kind {
    fn columns(&self, name: &str) -> Vec<String> {
        match self {
            Self::Skip => Vec::new(),
            Self::Number | Self::Words(_) => vec![name.into()],
            Self::Bases(count) => (1..=*count).map(|place| format!("{name} {place}")).collect(),
            Self::Counts(count) => (0..*count).map(|index| format!("{name} {index}")).collect(),
        }
    }

    /// Appends what a cell holds; the error says what was found and what was expected.
    fn read(&self, cell: &str, to: &mut Vec<f64>) -> Result<(), (String, String)> {
        let wrong = |expected: String| {
            (if cell.trim().is_empty() { "an empty cell".into() } else { quoted(cell.trim()) }, expected)
        };
        match self {
            Self::Skip => {}
            Self::Number => to.push(finite(cell.trim()).map_err(|expected| wrong(expected.into()))?),
            Self::Words(words) => match words.iter().position(|word| word == cell.trim()) {
                Some(place) => to.push(place as f64),
                None => return Err(wrong(format!("one of {}", listed(words)))),
            },
            Self::Bases(count) => {
                if cell.len() != *count {
                    return Err((format!("{} letters", cell.chars().count()), format!("{count} of A, C, G and T")));
                }
                for letter in cell.chars() {
                    let Some(place) = "ACGT".find(letter) else {
                        return Err((format!("the letter `{letter}`"), "A, C, G and T".into()));
                    };
                    to.push(place as f64);
                }
            }
            Self::Counts(count) => {
                let start = to.len();
                to.resize(start + count, 0.0);
                let mut next = 0;
                for pair in cell.split_ascii_whitespace() {
                    let numbers =
                        pair.split_once(':').and_then(|(i, n)| Some((i.parse().ok()?, n.parse::<u32>().ok()?)));
                    let (index, number): (usize, u32) =
                        numbers.filter(|(index, _)| (next..*count).contains(index)).ok_or_else(|| {
                            (quoted(pair), format!("`index:count`, the index from {next} to {}", count - 1))
                        })?;
                    to[start + index] = f64::from(number);
                    next = index + 1;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn columns() -> Columns {
        let yaml = "task: {words: [a, b]}\nid: skip\ny: number\nseq: {bases: 3}\ncounts: {counts: 4}\n";
        serde_yaml::from_str(yaml).unwrap()
    }

    fn read_bytes(bytes: &[u8]) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.tsv");
        std::fs::write(&path, bytes).unwrap();
        let prefix = path.display().to_string();
        read(&path, &columns(), Shape { rows: 2, columns: 9 }).map_err(|e| e.to_string().replace(&prefix, "d.tsv"))
    }

    const HEADER: &str = "task\tid\ty\tseq\tcounts\n";

    #[test]
    fn kinds_become_numbers() {
        let text = format!("#{HEADER}b\tx y\t-1.5\tACG\t0:7 3:2\n\na\t\t2\tTTA\t\n");
        let table = read_bytes(text.as_bytes()).unwrap();
        let names = ["task", "y", "seq 1", "seq 2", "seq 3", "counts 0", "counts 1", "counts 2", "counts 3"];
        assert_eq!(table.columns, names);
        let values =
            array![[1.0, -1.5, 0.0, 1.0, 2.0, 7.0, 0.0, 0.0, 2.0], [0.0, 2.0, 3.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0]];
        assert_eq!(table.values, values);
        let windows = text.replace('\n', "\r\n");
        assert_eq!(read_bytes(windows.replacen('#', "", 1).as_bytes()), Ok(table.clone()));

        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(read_bytes(&packed), Ok(table));
        let error = read_bytes(&packed[..packed.len() / 2]).unwrap_err();
        assert!(error.starts_with("d.tsv: cannot be read: "), "{error}");
    }

    #[test]
    fn no_more_is_unpacked_than_such_a_table_can_have() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &vec![b'\n'; 1 << 24]).unwrap();
        let error = read_bytes(&packed.finish().unwrap()).unwrap_err();
        assert!(error.contains("it has more than 16064 bytes when it is unpacked"), "{error}");
    }

    #[test]
    fn every_fault_has_its_place() {
        let fails = |text: &str, expected: &str| assert_eq!(read_bytes(text.as_bytes()).unwrap_err(), expected);
        let none = "d.tsv: the file has no rows, expected a line of column names and then data";
        fails("", none);
        fails(HEADER, none);
        let names = "expected the column names `task`, `id`, `y`, `seq`, `counts` between tabs";
        fails("task\ty\n", &format!("d.tsv, line 1: found `task\ty`, {names}"));
        fails("<html>\n", &format!("d.tsv, line 1: found `<html>`, {names}"));
        let row = |row: &str, expected: &str| fails(&format!("{HEADER}\n{row}\n"), &format!("d.tsv, line 3{expected}"));
        row("a\t1", ": found 2 cells, expected 5 between tabs");
        row("c\t\t1\tACG\t", ", column `task`: found `c`, expected one of `a`, `b`");
        row("a\t\t1,5\tACG\t", ", column `y`: found `1,5`, expected a number, with a decimal point");
        row("a\t\t\tACG\t", ", column `y`: found an empty cell, expected a number, with a decimal point");
        row("a\t\tinf\tACG\t", ", column `y`: found `inf`, expected a finite number");
        row("a\t\t1\tACGT\t", ", column `seq`: found 4 letters, expected 3 of A, C, G and T");
        row("a\t\t1\tACN\t", ", column `seq`: found the letter `N`, expected A, C, G and T");
        row("a\t\t1\tACG\t1", ", column `counts`: found `1`, expected `index:count`, the index from 0 to 3");
        row("a\t\t1\tACG\t4:1", ", column `counts`: found `4:1`, expected `index:count`, the index from 0 to 3");
        row("a\t\t1\tACG\t1:-1", ", column `counts`: found `1:-1`, expected `index:count`, the index from 0 to 3");
        row("a\t\t1\tACG\t2:1 1:1", ", column `counts`: found `1:1`, expected `index:count`, the index from 3 to 3");
        let three = format!("{HEADER}{}", "a\t\t1\tACG\t\n".repeat(3));
        fails(&three, "d.tsv, line 4: found another row, expected the end after 2 rows");
        let error = read_bytes(b"task\tid\ty\tseq\tcounts\n\xe4").unwrap_err();
        assert_eq!(error, "d.tsv, line 2: found text that is not UTF-8 (perhaps Latin-1), expected UTF-8");
    }
}
