//! One reader a file format. All give a [`Table`].

pub mod arff;
pub mod csv;
mod gzip;
pub mod idx;
pub mod mat;
pub mod npy;
pub mod text;
pub mod tsv;
pub mod zip;
pub mod zip_text;

use std::path::Path;

use ndarray::Array2;
use serde::{Deserialize, Deserializer};

use crate::suggest::{did_you_mean, listed};
use mat::Layout;

/// Named columns of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Column names, in file order.
    pub columns: Vec<String>,
    /// Rows x columns. A missing cell is NaN, where a format has such a thing.
    pub values: Array2<f64>,
}

/// The shape a table should have. It bounds the memory that reading a file may take, whatever the file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
}

impl Shape {
    /// Number of cells.
    pub(crate) fn cells(self) -> u64 {
        (self.rows as u64).saturating_mul(self.columns as u64)
    }

    /// Bytes that such a table may take as text, with a line of names. The longest decimal of a double, without
    /// superfluous digits, has 24 characters.
    pub(crate) fn text(self) -> u64 {
        const CELL: u64 = 64;
        const REMARKS: u64 = 1 << 12;
        self.cells().saturating_add(self.columns as u64).saturating_mul(CELL).saturating_add(REMARKS)
    }
}

/// A column that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no column `{wanted}`{}\ncolumns: {}", did_you_mean(wanted, have), listed(have))]
pub struct MissingColumn {
    /// The column asked for.
    pub wanted: String,
    /// The columns there are.
    pub have: Vec<String>,
}

/// Position of a column.
pub(crate) fn position(columns: &[String], wanted: &str) -> Result<usize, MissingColumn> {
    columns
        .iter()
        .position(|c| c == wanted)
        .ok_or_else(|| MissingColumn { wanted: wanted.into(), have: columns.to_vec() })
}

impl Table {
    /// Position of a column.
    pub fn position(&self, column: &str) -> Result<usize, MissingColumn> {
        position(&self.columns, column)
    }
}

/// How a file of the catalog is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Comma-separated numbers with a header line.
    Csv,
    /// Numbers with a decimal comma and semicolons between them, below a header line: what spreadsheets of many
    /// countries write.
    CsvSemicolon,
    /// Comma-separated numbers below a header line, but for the first column, which names the rows and is left out.
    CsvNamed,
    /// Numbers in an attribute-relation file.
    Arff,
    /// Matrices in a MATLAB 5 file, side by side: the name of a variable, or a list of names. `x'` is `x` transposed.
    Mat(#[serde(deserialize_with = "one_or_more")] Vec<String>),
    /// The same for matrices of different lengths: the shorter ones are filled up with missing cells.
    MatFilled(#[serde(deserialize_with = "one_or_more")] Vec<String>),
    /// Cell arrays of matrices in a MATLAB 5 file, see [`mat::Layout::Cells`].
    MatCells(#[serde(deserialize_with = "one_or_more")] Vec<String>),
    /// An array in a NumPy file.
    Npy,
    /// Columns of several kinds between tabs, by name.
    Tsv(tsv::Columns),
    /// Unsigned bytes in an IDX file.
    Idx,
    /// Numbers without a line of names, plain or compressed by gzip, with commas or blanks between them.
    Text(text::Between),
    /// Text files of numbers between blanks in a ZIP archive, side by side: the name of a member, or a list of names.
    ZipText(#[serde(deserialize_with = "one_or_more")] Vec<String>),
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Names {
        One(String),
        Several(Vec<String>),
    }
    match Names::deserialize(deserializer)? {
        Names::One(name) => Ok(vec![name]),
        Names::Several(names) if names.is_empty() => Err(serde::de::Error::custom("expected at least one name")),
        Names::Several(names) => Ok(names),
    }
}

impl Format {
    /// Reads a table that should have this shape. Another one may come back, but none that is much larger than the file
    /// or the shape.
    pub fn read(&self, path: &Path, shape: Shape) -> Result<Table, FormatError> {
        match self {
            Self::Csv => Ok(csv::read(path, csv::Dialect::Comma, &[])?),
            Self::CsvSemicolon => Ok(csv::read(path, csv::Dialect::Semicolon, &[])?),
            Self::CsvNamed => Ok(csv::read_named(path)?),
            Self::Arff => Ok(arff::read(path)?),
            Self::Mat(variables) => Ok(mat::read(path, variables, Layout::SideBySide, shape)?),
            Self::MatFilled(variables) => Ok(mat::read(path, variables, Layout::FilledUp, shape)?),
            Self::MatCells(variables) => Ok(mat::read(path, variables, Layout::Cells, shape)?),
            Self::Npy => Ok(npy::read(path)?),
            Self::Tsv(columns) => Ok(tsv::read(path, columns, shape)?),
            Self::Idx => Ok(idx::read(path, shape)?),
            Self::Text(between) => Ok(text::read(path, *between, shape)?),
            Self::ZipText(members) => Ok(zip_text::read(path, members, shape)?),
        }
    }
}

/// A file that cannot be read as what it should be.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// As comma-separated values.
    #[error(transparent)]
    Csv(#[from] csv::CsvError),
    /// As an attribute-relation file.
    #[error(transparent)]
    Arff(#[from] arff::ArffError),
    /// As a MATLAB file.
    #[error(transparent)]
    Mat(#[from] mat::MatError),
    /// As a NumPy file.
    #[error(transparent)]
    Npy(#[from] npy::NpyError),
    /// As tab-separated columns.
    #[error(transparent)]
    Tsv(#[from] tsv::TsvError),
    /// As an IDX file.
    #[error(transparent)]
    Idx(#[from] idx::IdxError),
    /// As text.
    #[error(transparent)]
    Text(#[from] text::TextError),
    /// As text in an archive.
    #[error(transparent)]
    ZipText(#[from] zip_text::ZipTextError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_spelled_as_the_catalog_says() {
        let parse = |yaml: &str| serde_yaml::from_str::<Format>(yaml).map_err(|e| e.to_string());
        assert_eq!(parse("arff"), Ok(Format::Arff));
        assert_eq!(parse("{mat: a}"), Ok(Format::Mat(vec!["a".into()])));
        assert_eq!(parse("{mat: [a, b]}"), Ok(Format::Mat(vec!["a".into(), "b".into()])));
        assert_eq!(parse("{mat-cells: [X, \"Y\"]}"), Ok(Format::MatCells(vec!["X".into(), "Y".into()])));
        assert_eq!(parse("{mat-filled: [\"x'\"]}"), Ok(Format::MatFilled(vec!["x'".into()])));
        assert_eq!((parse("csv-semicolon"), parse("npy")), (Ok(Format::CsvSemicolon), Ok(Format::Npy)));
        let kinds = [("a".into(), tsv::Kind::Skip), ("b".into(), tsv::Kind::Bases(5))];
        assert_eq!(parse("{tsv: {a: skip, b: {bases: 5}}}"), Ok(Format::Tsv(kinds.into())));
        assert_eq!((parse("csv-named"), parse("idx")), (Ok(Format::CsvNamed), Ok(Format::Idx)));
        assert_eq!(parse("{text: commas}"), Ok(Format::Text(text::Between::Commas)));
        assert_eq!(parse("{text: blanks}"), Ok(Format::Text(text::Between::Blanks)));
        assert_eq!(parse("{zip-text: [d/a.txt, b]}"), Ok(Format::ZipText(vec!["d/a.txt".into(), "b".into()])));
        assert!(parse("{mat: []}").unwrap_err().contains("expected at least one name"));
    }
}
