//! Comma-separated values with a header line. Every error says where it is, what was found and what was expected.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::{Reader, ReaderBuilder, StringRecord, Trim};
use ndarray::Array2;

use super::{MissingColumn, Table, position};
use crate::suggest::quoted;

/// What is wrong with a CSV file.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The file cannot be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file has no bytes, or nothing but blank lines.
    #[error("{}: the file is empty, expected a line of column names and then data", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// There is a header and nothing below it.
    #[error("{}: there are column names but no rows below them", path.display())]
    HeaderOnly {
        /// The file.
        path: PathBuf,
    },
    /// The bytes are not text as we know it.
    #[error(
        "{}, line {line}: the text is {found}, expected UTF-8; save the file again with that encoding",
        path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Line of the first bad byte.
        line: usize,
        /// What it looks like instead.
        found: &'static str,
    },
    /// Two columns have the same name.
    #[error(
        "{}, line 1: columns {first} and {second} are both called {}, expected different names",
        path.display(),
        quoted(name)
    )]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// Position of the first, counted from 1.
        first: usize,
        /// Position of the second, counted from 1.
        second: usize,
    },
    /// A column has no name.
    #[error(
        "{}, line 1: column {column} has no name; name it, or leave it out \
         (pandas writes such a column unless it is told `index=False`)",
        path.display()
    )]
    UnnamedColumn {
        /// The file.
        path: PathBuf,
        /// Position of the column, counted from 1.
        column: usize,
    },
    /// A column that is needed is not there.
    #[error(
        "{}: {missing}{}",
        path.display(),
        if *separator { "\nthe columns must be separated by commas" } else { "" }
    )]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column, and the columns there are.
        missing: MissingColumn,
        /// Whether the header looks like another separator was used.
        separator: bool,
    },
    /// A line has more or fewer cells than the header.
    #[error("{}, line {line}: expected {expected} cells as in the line of column names, found {found}", path.display())]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// Cells in it.
        found: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// A cell holds something other than a finite number.
    #[error("{}, line {line}, column {}: found {found}, expected {expected}", path.display(), quoted(column))]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column's name.
        column: String,
        /// The cell's text in backticks, or words.
        found: String,
        /// What it should have been.
        expected: &'static str,
    },
}

/// What separates cells, and the whole from the fraction in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// A comma, and a decimal point.
    Comma,
    /// A semicolon, and a decimal comma.
    Semicolon,
}

/// Reads a table in which every cell is a finite number. The `required` columns must be there; others may be.
pub fn read(path: &Path, dialect: Dialect, required: &[&str]) -> Result<Table, CsvError> {
    let file = CsvFile::open_as(path, dialect)?;
    for column in required {
        file.position(column)?;
    }
    rest(file, 0)
}

/// The same for a file whose first column names the rows, and is left out.
pub fn read_named(path: &Path) -> Result<Table, CsvError> {
    rest(CsvFile::open(path)?, 1)
}

/// The rows that are left, from a column on.
fn rest(mut file: CsvFile, first: usize) -> Result<Table, CsvError> {
    let columns: Vec<usize> = (first..file.header.len()).collect();
    let mut values = Vec::new();
    let mut rows = 0;
    while let Some(row) = file.next_row()? {
        file.numbers(&row, &columns, &mut values)?;
        rows += 1;
    }
    let values = Array2::from_shape_vec((rows, columns.len()), values).expect("one value a column in every row");
    Ok(Table { columns: file.header.split_off(first), values })
}

/// A CSV file read row by row.
pub(crate) struct CsvFile {
    path: PathBuf,
    bytes: Arc<[u8]>,
    reader: Reader<std::io::Cursor<Arc<[u8]>>>,
    /// Column names.
    pub(crate) header: Vec<String>,
    dialect: Dialect,
    rows: usize,
}

impl CsvFile {
    /// Reads a file with commas between cells into memory, and its header into `header`.
    pub(crate) fn open(path: &Path) -> Result<Self, CsvError> {
        Self::open_as(path, Dialect::Comma)
    }

    fn open_as(path: &Path, dialect: Dialect) -> Result<Self, CsvError> {
        let mut bytes = std::fs::read(path).map_err(|source| CsvError::Io { path: path.into(), source })?;
        decoded(&bytes).map_err(|(line, found)| CsvError::NotUtf8 { path: path.into(), line, found })?;
        // Spreadsheets put a byte order mark in front. It is no part of the first name, and nothing else is no data.
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(CsvError::Empty { path: path.into() });
        }
        let bytes: Arc<[u8]> = bytes.into();
        let delimiter = if dialect == Dialect::Comma { b',' } else { b';' };
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).trim(Trim::All).from_reader(std::io::Cursor::new(bytes.clone()));
        let mut file = match reader.headers().map(|h| h.iter().map(String::from).collect()) {
            Ok(header) => Self { path: path.into(), bytes, reader, header, dialect, rows: 0 },
            Err(e) => return Err(CsvError::Io { path: path.into(), source: e.into() }),
        };
        file.check_header()?;
        Ok(file)
    }

    fn check_header(&mut self) -> Result<(), CsvError> {
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(self.header.len());
        for (index, name) in self.header.iter().enumerate() {
            if name.is_empty() {
                return Err(CsvError::UnnamedColumn { path: self.path.clone(), column: index + 1 });
            }
            if let Some(first) = places.insert(name, index) {
                return Err(CsvError::DuplicateColumn {
                    path: self.path.clone(),
                    name: name.clone(),
                    first: first + 1,
                    second: index + 1,
                });
            }
        }
        Ok(())
    }

    /// Position of a column.
    pub(crate) fn position(&self, column: &str) -> Result<usize, CsvError> {
        position(&self.header, column).map_err(|missing| CsvError::MissingColumn {
            path: self.path.clone(),
            missing,
            separator: self.header.len() == 1 && self.header[0].contains([';', '\t', '|']),
        })
    }

    /// The next row, or `None` after the last. A file without rows is an error.
    pub(crate) fn next_row(&mut self) -> Result<Option<StringRecord>, CsvError> {
        let mut row = StringRecord::new();
        match self.reader.read_record(&mut row) {
            Ok(true) => {
                self.rows += 1;
                Ok(Some(row))
            }
            Ok(false) if self.rows == 0 => Err(CsvError::HeaderOnly { path: self.path.clone() }),
            Ok(false) => Ok(None),
            Err(e) => Err(match e.kind() {
                csv::ErrorKind::UnequalLengths { len, .. } => CsvError::Ragged {
                    path: self.path.clone(),
                    line: self.line(e.position().map_or(0, csv::Position::byte)),
                    found: *len as usize,
                    expected: self.header.len(),
                },
                _ => CsvError::Io { path: self.path.clone(), source: e.into() },
            }),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Line of a row.
    pub(crate) fn line_of(&self, row: &StringRecord) -> usize {
        self.line(row.position().map_or(0, csv::Position::byte))
    }

    /// Line of the first cell at or after a byte. The csv crate's own count stops before blank lines.
    fn line(&self, byte: u64) -> usize {
        let start = (byte as usize).min(self.bytes.len());
        let blank = self.bytes[start..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        line_at(&self.bytes, start + blank)
    }

    /// Appends the numbers in the given columns of a row.
    pub(crate) fn numbers(&self, row: &StringRecord, columns: &[usize], to: &mut Vec<f64>) -> Result<(), CsvError> {
        for &column in columns {
            to.push(self.number(row, column)?);
        }
        Ok(())
    }

    /// The number in one cell.
    pub(crate) fn number(&self, row: &StringRecord, column: usize) -> Result<f64, CsvError> {
        let cell = row.get(column).unwrap_or_default();
        let number = match self.dialect {
            Dialect::Comma => finite(cell),
            Dialect::Semicolon if cell.contains('.') => Err("a number, with a decimal comma"),
            Dialect::Semicolon => finite(&cell.replacen(',', ".", 1)).map_err(|_| "a number, with a decimal comma"),
        };
        number.map_err(|expected| self.bad_cell(row, column, expected))
    }

    /// The error for a cell that is not what it should be.
    pub(crate) fn bad_cell(&self, row: &StringRecord, column: usize, expected: &'static str) -> CsvError {
        let text = row.get(column).unwrap_or_default();
        let found = if text.is_empty() { "an empty cell".into() } else { quoted(text) };
        CsvError::Cell {
            path: self.path.clone(),
            line: self.line_of(row),
            column: self.header[column].clone(),
            found,
            expected,
        }
    }
}

/// Line of a byte, counted from 1. A carriage return ends a line of its own only without a line feed.
fn line_at(bytes: &[u8], at: usize) -> usize {
    let ends = |i: usize| bytes[i] == b'\n' || (bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
    1 + (0..at).filter(|&i| ends(i)).count()
}

/// The number in a cell, or what was expected there.
pub(super) fn finite(cell: &str) -> Result<f64, &'static str> {
    match cell.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err("a finite number"),
        Err(_) => Err("a number, with a decimal point"),
    }
}

/// The text, or the line of the first bad byte and what the bytes look like instead.
pub(super) fn decoded(bytes: &[u8]) -> Result<&str, (usize, &'static str)> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
        return Err((1, "UTF-16"));
    }
    std::str::from_utf8(bytes).map_err(|e| (line_at(bytes, e.valid_up_to()), "not UTF-8 (perhaps Latin-1)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn read_bytes(bytes: &[u8]) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.csv");
        std::fs::write(&path, bytes).unwrap();
        let prefix = path.display().to_string();
        read(&path, Dialect::Comma, &["a"]).map_err(|e| e.to_string().replace(&prefix, "d.csv"))
    }

    #[test]
    fn decimal_commas_are_read_between_semicolons() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path, Dialect::Semicolon, &[]).map_err(|e| e.to_string())
        };
        let table = read("a;b (%)\r\n1;4,1\r\n-2,5;8\r\n").unwrap();
        assert_eq!((table.columns.join(" "), table.values), ("a b (%)".into(), array![[1.0, 4.1], [-2.5, 8.0]]));
        for cell in ["4.1", "1.000,5", "1,000,5", "x", "inf"] {
            let error = read(&format!("a\n{cell}\n")).unwrap_err();
            let expected = format!("line 2, column `a`: found `{cell}`, expected a number, with a decimal comma");
            assert!(error.ends_with(&expected), "{error}");
        }
    }

    #[test]
    fn names_of_rows_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.csv");
        std::fs::write(&path, "id,a,b\nM_1,1,2\nM_2,3,4\n").unwrap();
        let table = read_named(&path).unwrap();
        assert_eq!((table.columns.join(" "), table.values), ("a b".into(), array![[1.0, 2.0], [3.0, 4.0]]));
        std::fs::write(&path, "id,a,b\nM_1,1,x\n").unwrap();
        let error = read_named(&path).unwrap_err().to_string();
        assert!(error.ends_with("line 2, column `b`: found `x`, expected a number, with a decimal point"), "{error}");
    }

    #[test]
    fn spreadsheets_and_windows_are_understood() {
        let expected = Table { columns: vec!["a".into(), "b(%)".into()], values: array![[1.0, -2.5e-5], [3.0, 4.0]] };
        for text in [
            "a,b(%)\n1,-2.5e-005\n3,4\n",
            "a,b(%)\r\n1,-2.5e-005\r\n3,4",
            "\u{feff}a,b(%)\n1,-2.5e-005\n3,4\n",
            " a ,\"b(%)\"\n\n 1 ,\t-2.5e-005\n3,\"4\"\n\n",
            "a,b(%)\r1,-2.5e-005\r3,4\r",
        ] {
            assert_eq!(read_bytes(text.as_bytes()), Ok(expected.clone()), "{text:?}");
        }
    }

    #[test]
    fn every_fault_has_its_place() {
        let fails = |text: &str, expected: &str| assert_eq!(read_bytes(text.as_bytes()).unwrap_err(), expected);
        fails("", "d.csv: the file is empty, expected a line of column names and then data");
        fails("\u{feff}\r\n\n", "d.csv: the file is empty, expected a line of column names and then data");
        fails("a,b\n\n", "d.csv: there are column names but no rows below them");
        fails("b,aa\n1,2\n", "d.csv: there is no column `a`; did you mean `aa`?\ncolumns: `b`, `aa`");
        fails("x;a\n1;2\n", "d.csv: there is no column `a`\ncolumns: `x;a`\nthe columns must be separated by commas");
        fails("a,b,a\n", "d.csv, line 1: columns 1 and 3 are both called `a`, expected different names");
        fails(
            ",a\n0,1\n",
            "d.csv, line 1: column 1 has no name; name it, or leave it out \
             (pandas writes such a column unless it is told `index=False`)",
        );
        fails("a,b\n1,2\n3\n", "d.csv, line 3: expected 2 cells as in the line of column names, found 1");
        fails("a,b\n1,2\n3,x1\n", "d.csv, line 3, column `b`: found `x1`, expected a number, with a decimal point");
        fails("a,b\n1,\"2,5\"\n", "d.csv, line 2, column `b`: found `2,5`, expected a number, with a decimal point");
        fails("a,b\n1,\n", "d.csv, line 2, column `b`: found an empty cell, expected a number, with a decimal point");
        fails("a,b\n1,NaN\n", "d.csv, line 2, column `b`: found `NaN`, expected a finite number");
        fails("a,b\n-inf,1\n", "d.csv, line 2, column `a`: found `-inf`, expected a finite number");
        fails("a,b\n1,1e999\n", "d.csv, line 2, column `b`: found `1e999`, expected a finite number");
    }

    #[test]
    fn lines_are_counted_past_blank_lines_quotes_and_carriage_returns() {
        let line = |text: &str| {
            let error = read_bytes(text.as_bytes()).unwrap_err();
            error.split([',', ':']).nth(1).map(|part| part.trim().to_string()).unwrap()
        };
        assert_eq!(line("a\r\n1\r\n2\r\nx\r\n"), "line 4");
        assert_eq!(line("a\n1\n\n\nx\n"), "line 5");
        assert_eq!(line("a,\"b\nc\"\n1,2\n3,x\n"), "line 4");
        assert_eq!(line("a\r1\rx\r"), "line 3");
        assert_eq!(line("a,b\r\n1,2\r\n\r\n3\r\n"), "line 4");
    }

    #[test]
    fn other_encodings_are_named() {
        let error = read_bytes(b"a,b\n1,2\n3,\xe4\n").unwrap_err();
        assert!(error.starts_with("d.csv, line 3: the text is not UTF-8 (perhaps Latin-1), expected UTF-8"), "{error}");
        let error = read_bytes(b"\xff\xfea\0,\0").unwrap_err();
        assert!(error.starts_with("d.csv, line 1: the text is UTF-16"), "{error}");
    }

    #[test]
    fn names_do_not_fill_the_screen() {
        let long = "x".repeat(1000);
        for text in [format!("a,{long},{long}\n"), format!("a,{long}\n1,x\n")] {
            let error = read_bytes(text.as_bytes()).unwrap_err();
            assert!(error.contains("x...`") && error.chars().count() < 200, "{error}");
        }
    }

    #[test]
    fn a_runaway_quote_does_not_fill_the_screen() {
        let error = read_bytes(format!("a\n\"{}\n", "1,2,3\n".repeat(1000)).as_bytes()).unwrap_err();
        assert!(error.chars().count() < 200, "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("/nowhere/d.csv"), Dialect::Comma, &[]).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/d.csv: cannot be read: "), "{error}");
    }
}
