//! Matrices in MATLAB 5 files (`save -v5` to `-v7`).

mod file;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use super::Table;
use crate::suggest::listed;
use file::{first_line, open, to_matrices, to_matrix};

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
    /// The file ends inside a variable.
    #[error("{}: the file is cut short: {found} bytes, expected at least {expected}", path.display())]
    CutShort {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: usize,
        /// The size it claims.
        expected: usize,
    },
    /// The contents make no sense to the parser.
    #[error("{}: the file is damaged: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's words.
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

/// Reads real matrices into one table. It should have so many columns, which are named by their numbers, from 1. A
/// variable whose name is followed by `'` is transposed.
pub fn read(path: &Path, variables: &[impl AsRef<str>], layout: Layout, columns: usize) -> Result<Table, MatError> {
    let file = open(path)?;
    let expected = layout.expected(variables.len(), columns);
    let mut parts: Vec<Vec<Array2<f64>>> = Vec::with_capacity(variables.len());
    for name in variables.iter().map(AsRef::as_ref) {
        let (variable, transposed) = name.strip_suffix('\'').map_or((name, false), |name| (name, true));
        if !file.contains(variable) {
            let have = file.iter().map(|(name, _)| name.clone()).collect();
            return Err(MatError::MissingVariable { path: path.into(), wanted: variable.into(), have });
        }
        let matrices = || match layout {
            Layout::Cells => to_matrices(&file[variable]),
            _ => Ok(vec![to_matrix(&file[variable])?]),
        };
        let path = path.to_owned();
        match catch_unwind(AssertUnwindSafe(matrices)) {
            Ok(Ok(values)) if transposed => parts.push(values.into_iter().map(Array2::reversed_axes).collect()),
            Ok(Ok(values)) => parts.push(values),
            Ok(Err(found)) => return Err(MatError::Shape { path, variables: vec![variable.into()], found, expected }),
            Err(panic) => {
                return Err(MatError::Damaged {
                    path,
                    detail: format!("variable `{variable}`: {}", first_line(&*panic)),
                });
            }
        }
    }
    match arranged(&parts, layout) {
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

/// The matrices of each variable in their places, or what does not fit.
fn arranged(parts: &[Vec<Array2<f64>>], layout: Layout) -> Result<Array2<f64>, String> {
    let beside = |matrices: &[ArrayView2<'_, f64>]| concatenate(Axis(1), matrices).map_err(|e| e.to_string());
    match layout {
        Layout::SideBySide => beside(&parts.iter().flatten().map(Array2::view).collect::<Vec<_>>()),
        Layout::FilledUp => {
            let rows = parts.iter().flatten().map(Array2::nrows).max().unwrap_or(0);
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
pub(crate) mod tests {
    use super::*;
    use matrw::{MatFile, MatVariable, MatlabType};
    use ndarray::array;

    /// The bytes of a file with one real matrix of doubles, laid out as the GPML files are.
    pub(crate) fn mat_bytes(variable: &str, values: &Array2<f64>) -> Vec<u8> {
        let mut bytes = format!("{:<124}", "MATLAB 5.0 MAT-file, Platform: GLNX86, made up").into_bytes();
        bytes.extend([0x00, 0x01, b'I', b'M']);
        let element = |kind: u32, data: &[u8]| {
            let mut out = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
            out.extend(data);
            out.resize(out.len().next_multiple_of(8), 0);
            out
        };
        let words = |w: &[u32]| w.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let (rows, columns) = values.dim();
        let data: Vec<u8> = values.t().iter().flat_map(|v| v.to_le_bytes()).collect();
        let matrix = [
            element(6, &words(&[6, 0])),
            element(5, &words(&[rows as u32, columns as u32])),
            element(1, variable.as_bytes()),
            element(9, &data),
        ];
        bytes.extend(element(14, &matrix.concat()));
        bytes
    }

    fn read_bytes(bytes: &[u8], variable: &str) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.mat");
        std::fs::write(&path, bytes).unwrap();
        let prefix = path.display().to_string();
        read(&path, &[variable], Layout::SideBySide, 2).map_err(|e| e.to_string().replace(&prefix, "m.mat"))
    }

    fn values() -> Array2<f64> {
        array![[1.5, -2.0], [3.25, 1e-300], [f64::MAX, 0.1]]
    }

    #[test]
    fn a_matrix_comes_back_bit_for_bit() {
        let table = read_bytes(&mat_bytes("inputs", &values()), "inputs").unwrap();
        assert_eq!(table, Table { columns: vec!["1".into(), "2".into()], values: values() });
        assert!(table.values.is_standard_layout());
    }

    #[test]
    fn headers_of_other_writers_are_accepted() {
        let mut bytes = mat_bytes("inputs", &values());
        bytes[..24].copy_from_slice(b"MATLAB 5.0 MAT-file Plat");
        assert_eq!(read_bytes(&bytes, "inputs").unwrap().values, values());
    }

    #[test]
    fn compressed_files_and_shortened_numbers_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.mat");
        // Whole numbers are stored as bytes, as MATLAB does.
        let whole = matrw::matvar!([[1.0, 2.0], [3.0, 4.0], [5.0, 250.0]]);
        let mut file = MatFile::new();
        file.insert("w", whole);
        matrw::save_matfile_v7(path.to_str().unwrap(), file, true).unwrap();
        let table = read(&path, &["w"], Layout::SideBySide, 2).unwrap();
        assert_eq!(table.values, array![[1.0, 2.0], [3.0, 4.0], [5.0, 250.0]]);
    }

    #[test]
    fn every_fault_is_named() {
        let good = mat_bytes("inputs", &values());
        let fails = |bytes: &[u8], variable: &str, expected: &str| {
            assert_eq!(read_bytes(bytes, variable).unwrap_err(), expected);
        };
        fails(&good, "input", "m.mat: there is no variable `input`\nvariables: `inputs`");
        fails(
            &mat_bytes("inputs", &array![[1.0, 2.0, 3.0]]),
            "inputs",
            "m.mat, variable `inputs`: found a 1 x 3 matrix, expected a real matrix with 2 columns",
        );
        let short = good.len() - 20;
        let expected = format!("m.mat: the file is cut short: {short} bytes, expected at least {}", good.len());
        fails(&good[..short], "inputs", &expected);
        fails(b"", "inputs", "m.mat: found an empty file, expected a MATLAB 5 file");
        fails(
            b"<html>",
            "inputs",
            "m.mat: found something else (a web page, a MATLAB 4 file?), expected a MATLAB 5 file",
        );
        fails(b"MATLAB 7.3 MAT-file", "inputs", "m.mat: found a MATLAB 7.3 (HDF5) file, expected a MATLAB 5 file");
        assert!(
            read(Path::new("/nowhere/m.mat"), &["a"], Layout::SideBySide, 1)
                .unwrap_err()
                .to_string()
                .contains("cannot be read")
        );
    }

    #[test]
    fn a_panic_inside_the_parser_is_an_error() {
        let mut bytes = mat_bytes("inputs", &values());
        // The number of rows: more than there are numbers.
        bytes[160] = 200;
        let error = read_bytes(&bytes, "inputs").unwrap_err();
        assert!(error.starts_with("m.mat: the file is damaged: ") && error.contains("does not match"), "{error}");
    }

    #[test]
    fn other_kinds_of_variables_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.mat");
        let mut file = MatFile::new();
        file.insert("c", matrw::matvar!(["text", 1.0]));
        file.insert("z", matrw::matvar!([[(1.0, 2.0), (3.0, 4.0)], [(1.0, 2.0), (3.0, 4.0)]]));
        file.insert("s", matrw::matvar!({ a: 1.0 }));
        file.insert("b", matrw::matvar!([[true, false], [false, true]]));
        file.insert("l", matrw::matvar!([[1_i64, 2_i64], [3_i64, 9007199254740993_i64]]));
        file.insert("w", matrw::matvar!([[1_i64, 2_i64], [3_i64, 9007199254740992_i64]]));
        matrw::save_matfile_v7(path.to_str().unwrap(), file, true).unwrap();
        let found = |name: &str| read(&path, &[name], Layout::SideBySide, 2).unwrap_err().to_string();
        assert!(found("c").contains("found a cell array, expected"), "{}", found("c"));
        assert!(found("z").contains("found a complex 2 x 2 matrix, expected"), "{}", found("z"));
        assert!(found("s").contains("found a structure, expected"), "{}", found("s"));
        assert!(found("x").contains("variables: `c`, `z`, `s`"), "{}", found("x"));
        assert!(found("b").contains("found a 2 x 2 array of text or truth values, expected"), "{}", found("b"));
        assert!(
            found("l").contains("found a 2 x 2 array of 64-bit integers, some beyond 2^53, expected"),
            "{}",
            found("l")
        );
        let whole = read(&path, &["w"], Layout::SideBySide, 2).unwrap().values;
        assert_eq!(whole, array![[1.0, 2.0], [3.0, 9007199254740992.0]]);
    }

    #[test]
    fn matrices_are_put_side_by_side_and_small_integers_widened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.mat");
        let mut file = MatFile::new();
        let column = |numbers: MatlabType, rows: usize| {
            MatVariable::NumericArray(matrw::NumericArray::new(vec![rows, 1], numbers, None).unwrap())
        };
        file.insert("x", matrw::matvar!([[0.5, 2.0], [3.0, 4.5], [5.0, 6.0]]));
        file.insert("y", column(vec![1_u8, 26, 200].into(), 3));
        file.insert("short", column(vec![1.0, 2.0].into(), 2));
        matrw::save_matfile_v7(path.to_str().unwrap(), file, true).unwrap();
        let table = read(&path, &["x", "y"], Layout::SideBySide, 3).unwrap();
        assert_eq!(table.columns, ["1", "2", "3"]);
        assert_eq!(table.values, array![[0.5, 2.0, 1.0], [3.0, 4.5, 26.0], [5.0, 6.0, 200.0]]);
        assert!(table.values.is_standard_layout());

        let fails = |variables: &[&str], columns: usize, expected: &str| {
            let error = read(&path, variables, Layout::SideBySide, columns).unwrap_err().to_string();
            assert_eq!(error.replace(&path.display().to_string(), "m.mat"), expected);
        };
        fails(
            &["x", "y"],
            4,
            "m.mat, variables `x`, `y`: found a 3 x 2 matrix and a 3 x 1 matrix, expected real matrices with the same \
             number of rows and 4 columns together",
        );
        fails(
            &["x", "short"],
            3,
            "m.mat, variables `x`, `short`: found a 3 x 2 matrix and a 2 x 1 matrix, expected real matrices with the \
             same number of rows and 3 columns together",
        );
        assert!(
            read(&path, &["x", "z"], Layout::SideBySide, 3)
                .unwrap_err()
                .to_string()
                .contains("there is no variable `z`")
        );
    }

    /// A file with cell arrays: `X` of a 2 x 2 and a 1 x 2 matrix, `Y` of columns of these lengths, both of bytes.
    fn cells(lengths: &[usize]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.mat");
        let matrix = |rows: usize, columns: usize, first: u8| {
            let numbers: Vec<u8> = (first..).take(rows * columns).collect();
            MatVariable::NumericArray(matrw::NumericArray::new(vec![rows, columns], numbers.into(), None).unwrap())
        };
        let array = |cells: Vec<MatVariable>| {
            MatVariable::CellArray(matrw::CellArray::new(vec![1, cells.len()], cells).unwrap())
        };
        let mut file = MatFile::new();
        file.insert("X", array(vec![matrix(2, 2, 1), matrix(1, 2, 5)]));
        file.insert("Y", array(lengths.iter().map(|&rows| matrix(rows, 1, 100)).collect()));
        file.insert("N", array(vec![array(vec![matrix(1, 1, 1)]), matrix(1, 1, 1)]));
        file.insert("M", matrix(2, 3, 1));
        file.insert("v", matrix(1, 3, 7));
        matrw::save_matfile_v7(path.to_str().unwrap(), file, true).unwrap();
        (folder, path)
    }

    #[test]
    fn cells_are_tasks_below_each_other() {
        let (_folder, path) = cells(&[2, 1]);
        let table = read(&path, &["X", "Y"], Layout::Cells, 4).unwrap();
        assert_eq!(table.values, array![[1.0, 1.0, 3.0, 100.0], [1.0, 2.0, 4.0, 101.0], [2.0, 5.0, 6.0, 100.0]]);
        assert!(table.values.is_standard_layout());
        let fails = |variables: &[&str], columns: usize, expected: &str| {
            let error = read(&path, variables, Layout::Cells, columns).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        fails(&["X", "Y"], 5, "found 3 columns together and 3 rows, expected cell arrays of as many real matrices");
        fails(&["M"], 4, "variable `M`: found a matrix, expected cell arrays");
        fails(&["N"], 2, "variable `N`: found a cell array in cell 1, expected cell arrays");
        fails(&["X", "Z"], 4, "there is no variable `Z`");
    }

    #[test]
    fn cells_that_do_not_belong_together_are_refused() {
        for (lengths, expected) in [
            (&[2_usize, 1, 1] as &[usize], "found cell arrays of 2 and 3 matrices"),
            (&[2, 2], "found matrices of different lengths in cell 2"),
        ] {
            let (_folder, path) = cells(lengths);
            let error = read(&path, &["X", "Y"], Layout::Cells, 4).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let (_folder, path) = cells(&[]);
        assert!(read(&path, &["Y"], Layout::Cells, 2).unwrap_err().to_string().contains("found"), "no task at all");
    }

    #[test]
    fn matrices_can_be_transposed_and_filled_up() {
        let (_folder, path) = cells(&[2, 1]);
        let table = read(&path, &["M'", "v'"], Layout::SideBySide, 3).unwrap();
        assert_eq!(table.values, array![[1.0, 2.0, 7.0], [3.0, 4.0, 8.0], [5.0, 6.0, 9.0]]);
        let table = read(&path, &["v'", "M"], Layout::FilledUp, 4).unwrap();
        assert_eq!(table.values.slice(s![..2, ..]), array![[7.0, 1.0, 3.0, 5.0], [8.0, 2.0, 4.0, 6.0]]);
        assert_eq!(table.values[[2, 0]], 9.0);
        assert!(table.values.slice(s![2, 1..]).iter().all(|v| v.is_nan()));
        let error = read(&path, &["v'", "M"], Layout::FilledUp, 3).unwrap_err().to_string();
        assert!(
            error.contains("found a 3 x 1 matrix and a 2 x 3 matrix, expected real matrices with 3 columns"),
            "{error}"
        );
    }

    proptest::proptest! {
        /// Nor do broken cells end in a panic.
        #[test]
        fn damaged_cells_are_survived(at in 128_usize..600, bit in 0_u8..8) {
            let (folder, path) = cells(&[2, 1]);
            let mut file = MatFile::new();
            let array = open(&path).unwrap().take("X").unwrap();
            file.insert("X", array);
            let plain = folder.path().join("p.mat");
            matrw::save_matfile_v7(plain.to_str().unwrap(), file, false).unwrap();
            let mut bytes = std::fs::read(&plain).unwrap();
            let at = at.min(bytes.len() - 1);
            bytes[at] ^= 1 << bit;
            std::fs::write(&plain, bytes).unwrap();
            if let Ok(table) = read(&plain, &["X"], Layout::Cells, 3) {
                proptest::prop_assert_eq!(table.values.ncols(), 3);
            }
        }

        /// Whatever is broken, there is an error or a matrix, never a panic.
        #[test]
        fn damage_is_survived(at in 128_usize..256, bit in 0_u8..8) {
            let mut bytes = mat_bytes("inputs", &values());
            let at = at.min(bytes.len() - 1);
            bytes[at] ^= 1 << bit;
            if let Ok(table) = read_bytes(&bytes, "inputs") {
                proptest::prop_assert_eq!(table.values.ncols(), 2);
            }
        }
    }
}
