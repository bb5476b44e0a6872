//! The target column of a long table.

use csv::StringRecord;
use mtl_core::Target;
use ndarray::Array1;

use super::LongCsvError;
use crate::format::csv::CsvFile;

/// The target column, which knows what has been in it.
pub(super) struct TargetReader {
    kind: Target,
    column: usize,
    /// The label other than 1 and the line it was first met on.
    negative: Option<(f64, usize)>,
}

impl TargetReader {
    pub(super) fn new(kind: Target, column: usize) -> Self {
        Self { kind, column, negative: None }
    }

    /// The number in a row; of two classes a label as it is in the file.
    pub(super) fn read(&mut self, file: &CsvFile, row: &StringRecord) -> Result<f64, LongCsvError> {
        let found = file.number(row, self.column)?;
        if self.kind != Target::Binary || found == 1.0 {
            return Ok(found);
        }
        let line = file.line_of(row);
        let expected = match self.negative {
            Some((label, _)) if label == found => return Ok(found),
            Some((label, first)) => format!("{label} or 1, as line {first} has {label}"),
            None if found == 0.0 || found == -1.0 => {
                self.negative = Some((found, line));
                return Ok(found);
            }
            None => "0 or 1, or -1 or 1".into(),
        };
        let (path, column) = (file.path().to_owned(), file.header[self.column].clone());
        Err(LongCsvError::Label { path, line, column, found, expected })
    }
}

/// Targets as methods take them: of two classes -1 and +1.
pub(super) fn coded(kind: Target, y: Vec<f64>) -> Array1<f64> {
    match kind {
        Target::Regression | Target::Classes(_) => y.into(),
        Target::Binary => y.into_iter().map(|label| if label > 0.0 { 1.0 } else { -1.0 }).collect(),
    }
}
