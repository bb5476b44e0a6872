//! Matrices in MATLAB 5 files (`save -v5` to `-v7`).

mod element;
mod file;

use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use super::{Shape, Table};
use crate::suggest::listed;
use element::Fault;
use file::File;

/// What is wrong with a MATLAB file.
#[derive(Debug, thiserror::Error)]
pub enum MatError {
    /// The file cannot be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is of another format.
    #[error("{}: found {found}, expected a MATLAB 5 file", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: &'static str,
    },
    /// The contents contradict themselves.
    #[error("{}: the file is damaged: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The variable is not there.
    #[error("{}: there is no variable `{wanted}`\nvariables: {}", path.display(), listed(have))]
    MissingVariable {
        /// The file.
        path: PathBuf,
        /// The variable asked for.
        wanted: String,
        /// The variables there are.
        have: Vec<String>,
    },
    /// The variables are there but are not the matrices they should be.
    #[error(
        "{}, variable{} {}: found {found}, expected {expected}",
        path.display(),
        if variables.len() == 1 { "" } else { "s" },
        listed(variables)
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The variables at fault.
        variables: Vec<String>,
        /// What they are.
        found: String,
        /// What they should have been.
        expected: String,
    },
}

/// How the variables of a file make one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Matrices with the same number of rows stand side by side.
    SideBySide,
    /// Matrices stand side by side, and the shorter ones are filled up with missing cells.
    FilledUp,
    /// Cell arrays of matrices, one for each task. Matrices of the same task stand side by side, behind a column with
    /// the task's number, from 1; tasks stand below each other.
    Cells,
}

impl Layout {
    fn expected(self, variables: usize, columns: usize) -> String {
        match (self, variables) {
            (Self::SideBySide, 1) => format!("a real matrix with {columns} columns"),
            (Self::SideBySide, _) => {
                format!("real matrices with the same number of rows and {columns} columns together")
            }
            (Self::FilledUp, _) => format!("real matrices with {columns} columns together"),
            (Self::Cells, _) => format!(
                "cell arrays of as many real matrices, those of a task with the same number of rows and {} columns \
                 together",
                columns.saturating_sub(1)
            ),
        }
    }
}

/// Reads real matrices into one table. It should have this shape; columns are named by their numbers, from 1. A
/// variable whose name is followed by `'` is transposed. None is unpacked that is larger than the table could be.
pub fn read(path: &Path, variables: &[impl AsRef<str>], layout: Layout, shape: Shape) -> Result<Table, MatError> {
    let file = File::open(path)?;
    let (columns, most) = (shape.columns, most_bytes(shape));
    let expected = layout.expected(variables.len(), columns);
    let mut parts: Vec<Vec<Array2<f64>>> = Vec::with_capacity(variables.len());
    for name in variables.iter().map(AsRef::as_ref) {
        let (variable, transposed) = name.strip_suffix('\'').map_or((name, false), |name| (name, true));
        let (path, wanted) = (path.to_owned(), variable.to_owned());
        match file.matrices(variable, layout == Layout::Cells, most) {
            Ok(values) if transposed => parts.push(values.into_iter().map(Array2::reversed_axes).collect()),
            Ok(values) => parts.push(values),
            Err(Fault::Damaged(detail)) => return Err(MatError::Damaged { path, detail }),
            Err(Fault::Missing(have)) => return Err(MatError::MissingVariable { path, wanted, have }),
            Err(Fault::Other(found)) => {
                return Err(MatError::Shape { path, variables: vec![wanted], found, expected });
            }
        }
    }
    match arranged(&parts, layout, shape) {
        Ok(values) if values.ncols() == columns && values.nrows() > 0 => {
            let values = values.as_standard_layout().into_owned();
            Ok(Table { columns: (1..=columns).map(|c| c.to_string()).collect(), values })
        }
        result => {
            let found = match (layout, result) {
                (Layout::Cells, Err(found)) => found,
                (Layout::Cells, Ok(values)) => {
                    format!("{} columns together and {} rows", values.ncols().saturating_sub(1), values.nrows())
                }
                _ => {
                    let shapes = parts.iter().flatten().map(|p| format!("a {} x {} matrix", p.nrows(), p.ncols()));
                    shapes.collect::<Vec<_>>().join(" and ")
                }
            };
            let variables = variables.iter().map(|v| v.as_ref().to_owned()).collect();
            Err(MatError::Shape { path: path.into(), variables, found, expected })
        }
    }
}

/// Bytes of a variable from which a table of this shape can be made.
fn most_bytes(shape: Shape) -> u64 {
    /// Of a cell, besides its numbers: types, sizes, flags and an empty name.
    const CELL: u64 = 128;
    const REMARKS: u64 = 1 << 12;
    let numbers = shape.cells().saturating_mul(size_of::<f64>() as u64);
    numbers.saturating_add(CELL.saturating_mul(shape.rows as u64)).saturating_add(REMARKS)
}

/// The matrices of each variable in their places, or what does not fit. Cells that no file holds, as the rows of a matrix
/// without columns, are made for a table of this shape only.
fn arranged(parts: &[Vec<Array2<f64>>], layout: Layout, shape: Shape) -> Result<Array2<f64>, String> {
    let sum = |size: fn(&Array2<f64>) -> usize| parts.iter().flatten().map(size).fold(0, usize::saturating_add);
    let beside = |matrices: &[ArrayView2<'_, f64>]| concatenate(Axis(1), matrices).map_err(|e| e.to_string());
    match layout {
        Layout::SideBySide => beside(&parts.iter().flatten().map(Array2::view).collect::<Vec<_>>()),
        Layout::FilledUp => {
            let rows = parts.iter().flatten().map(Array2::nrows).max().unwrap_or(0);
            if rows > shape.rows || sum(Array2::ncols) > shape.columns {
                return Err("more than the table should have".into());
            }
            let filled = |part: &Array2<f64>| {
                let mut whole = Array2::from_elem((rows, part.ncols()), f64::NAN);
                whole.slice_mut(s![..part.nrows(), ..]).assign(part);
                whole
            };
            let filled: Vec<_> = parts.iter().flatten().map(filled).collect();
            beside(&filled.iter().map(Array2::view).collect::<Vec<_>>())
        }
        Layout::Cells => {
            let counts: Vec<usize> = parts.iter().map(Vec::len).collect();
            if counts.windows(2).any(|two| two[0] != two[1]) {
                let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
                return Err(format!("cell arrays of {} matrices", counts.join(" and ")));
            }
            if sum(Array2::nrows) > shape.rows.saturating_mul(parts.len()) {
                return Err(format!("more than {} rows", shape.rows));
            }
            let mut tasks = Vec::new();
            for t in 0..counts.first().copied().unwrap_or(0) {
                let number = Array2::from_elem((parts[0][t].nrows(), 1), (t + 1) as f64);
                let matrices: Vec<_> = [number.view()].into_iter().chain(parts.iter().map(|p| p[t].view())).collect();
                tasks.push(beside(&matrices).map_err(|_| format!("matrices of different lengths in cell {}", t + 1))?);
            }
            let views: Vec<_> = tasks.iter().map(Array2::view).collect();
            concatenate(Axis(0), &views).map_err(|_| "different numbers of columns from cell to cell".into())
        }
    }
}

#[cfg(test)]
mod tests;
