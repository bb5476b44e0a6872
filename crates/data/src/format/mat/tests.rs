//! Files made up byte by byte, and by another writer.

use super::*;
use flate2::{Compression, write::ZlibEncoder};
use matrw::{MatFile, MatVariable, MatlabType};
use ndarray::array;
use std::io::Write;

/// The bytes of an element.
fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut out = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
    out.extend(data);
    out.resize(out.len().next_multiple_of(8), 0);
    out
}

/// A variable of a class, with these sizes and parts.
fn variable(class: u32, sizes: [u32; 2], name: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    let words = |w: &[u32]| w.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let head = [element(6, &words(&[class, 0])), element(5, &words(&sizes)), element(1, name.as_bytes())];
    element(14, &[head.concat(), parts.concat()].concat())
}

/// A real matrix of doubles.
fn matrix(name: &str, values: &Array2<f64>) -> Vec<u8> {
    let data: Vec<u8> = values.t().iter().flat_map(|v| v.to_le_bytes()).collect();
    variable(6, [values.nrows() as u32, values.ncols() as u32], name, &[element(9, &data)])
}

/// An element in compressed form.
fn compressed(element: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(element).unwrap();
    let packed = encoder.finish().unwrap();
    [15_u32.to_le_bytes().as_slice(), &(packed.len() as u32).to_le_bytes(), &packed].concat()
}

/// A file of elements, with a header as the GPML files have it.
fn file_of(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("{:<124}", "MATLAB 5.0 MAT-file, Platform: GLNX86, made up").into_bytes();
    bytes.extend([0x00, 0x01, b'I', b'M']);
    bytes.extend(elements.concat());
    bytes
}

/// The bytes of a file with one real matrix of doubles.
fn mat_bytes(variable: &str, values: &Array2<f64>) -> Vec<u8> {
    file_of(&[matrix(variable, values)])
}

fn read(path: &Path, variables: &[&str], layout: Layout, columns: usize) -> Result<Table, MatError> {
    super::read(path, variables, layout, Shape { rows: 8, columns })
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
    let expected = format!("m.mat: the file is damaged: it is cut short: {} bytes instead of", good.len() - 156);
    let error = read_bytes(&good[..good.len() - 20], "inputs").unwrap_err();
    assert!(error.starts_with(&expected), "{error}");
    fails(b"", "inputs", "m.mat: found an empty file, expected a MATLAB 5 file");
    fails(b"<html>", "inputs", "m.mat: found something else (a web page, a MATLAB 4 file?), expected a MATLAB 5 file");
    fails(b"MATLAB 7.3 MAT-file", "inputs", "m.mat: found a MATLAB 7.3 (HDF5) file, expected a MATLAB 5 file");
    assert!(
        read(Path::new("/nowhere/m.mat"), &["a"], Layout::SideBySide, 1)
            .unwrap_err()
            .to_string()
            .contains("cannot be read")
    );
}

#[test]
fn sizes_that_contradict_each_other_are_damage() {
    let fails = |elements: &[Vec<u8>], expected: &str| {
        let error = read_bytes(&file_of(elements), "x").unwrap_err();
        assert_eq!(error, format!("m.mat: the file is damaged: {expected}"));
    };
    let six = element(9, &[0; 48]);
    fails(&[variable(6, [200, 2], "x", std::slice::from_ref(&six))], "6 numbers for a 200 x 2 matrix");
    fails(&[variable(6, [u32::MAX, u32::MAX], "x", &[six])], &format!("6 numbers for a {0} x {0} matrix", u32::MAX));
    fails(&[variable(6, [3, 2], "x", &[element(9, &[0; 44])])], "44 bytes for numbers of 8");
    fails(&[variable(6, [3, 2], "x", &[element(77, &[0; 48])])], "numbers of the unknown type 77");
    fails(&[element(14, &[0; 8])], "a variable without its flags");
    let mut cut = compressed(&matrix("x", &values()));
    cut.truncate(cut.len() - 8);
    let size = (cut.len() - 8) as u32;
    cut[4..8].copy_from_slice(&size.to_le_bytes());
    let error = read_bytes(&file_of(&[cut]), "x").unwrap_err();
    assert!(error.contains("damaged: a compressed element that cannot be unpacked: "), "{error}");
    let mut long = matrix("x", &values());
    long.extend([0; 8]);
    let size = long.len() - 16;
    fails(&[compressed(&long)], &format!("a compressed element of {} bytes instead of {size}", size + 1));
}

#[test]
fn no_more_is_unpacked_than_the_table_can_have() {
    let bomb = file_of(&[compressed(&matrix("x", &Array2::zeros((1 << 20, 2))))]);
    assert!(bomb.len() < 1 << 18, "{}", bomb.len());
    let error = read_bytes(&bomb, "x").unwrap_err();
    assert!(error.contains("found 16777272 bytes, more than 5248, expected a real matrix with 2 columns"), "{error}");
    // A bomb beside what is wanted is not unpacked at all.
    let both = file_of(&[compressed(&matrix("y", &Array2::zeros((1 << 20, 2)))), matrix("x", &values())]);
    assert_eq!(read_bytes(&both, "x").unwrap().values, values());
}

/// Cells that take no bytes in the file.
#[test]
fn empty_matrices_of_any_size_make_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.mat");
    let empty = |name: &str, sizes: [u32; 2]| variable(6, sizes, name, &[element(9, &[])]);
    let (tall, wide) = (empty("tall", [1 << 30, 0]), empty("wide", [0, 1 << 30]));
    let cells = variable(1, [1, 1], "cells", &[empty("", [1 << 30, 0])]);
    std::fs::write(&path, file_of(&[tall, wide, cells, matrix("x", &values())])).unwrap();
    for (variables, layout) in [
        (&["tall", "x"] as &[&str], Layout::FilledUp),
        (&["wide", "x"], Layout::FilledUp),
        (&["tall", "x"], Layout::SideBySide),
        (&["cells"], Layout::Cells),
    ] {
        let error = read(&path, variables, layout, 2).unwrap_err();
        assert!(matches!(error, MatError::Shape { .. }), "{error}");
    }
}

#[test]
fn nesting_goes_no_deeper_than_it_is_read() {
    let deep = (0..20_000).fold(matrix("", &values()), |inner, _| variable(1, [1, 1], "x", &[inner]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.mat");
    std::fs::write(&path, file_of(&[deep])).unwrap();
    let error = read(&path, &["x"], Layout::Cells, 3).unwrap_err().to_string();
    assert!(error.contains("found a cell array in cell 1"), "{error}");
}

#[test]
fn big_endian_files_are_read() {
    let turned = |width: usize, bytes: &[u8]| {
        bytes.chunks(width).flat_map(|word| word.iter().rev().copied()).collect::<Vec<u8>>()
    };
    let mut bytes = mat_bytes("inputs", &values());
    let name = bytes.windows(6).position(|w| w == b"inputs").unwrap();
    let words = [turned(4, &bytes[128..name]), bytes[name..name + 8].to_vec(), turned(4, &bytes[name + 8..name + 16])];
    let numbers = turned(8, &bytes[name + 16..]);
    bytes.splice(126.., [b"MI".to_vec(), words.concat(), numbers].concat());
    assert_eq!(read_bytes(&bytes, "inputs").unwrap().values, values());
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
        read(&path, &["x", "z"], Layout::SideBySide, 3).unwrap_err().to_string().contains("there is no variable `z`")
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
    let array =
        |cells: Vec<MatVariable>| MatVariable::CellArray(matrw::CellArray::new(vec![1, cells.len()], cells).unwrap());
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
        let two = [matrix("", &array![[1.0, 2.0], [3.0, 4.0]]), matrix("", &array![[5.0, 6.0]])];
        let mut bytes = file_of(&[variable(1, [1, 2], "X", &two)]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.mat");
        let at = at.min(bytes.len() - 1);
        bytes[at] ^= 1 << bit;
        std::fs::write(&path, bytes).unwrap();
        if let Ok(table) = read(&path, &["X"], Layout::Cells, 3) {
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
