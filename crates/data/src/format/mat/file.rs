//! A file's variables as matrices.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use matrw::{MatFile, MatVariable, MatlabType};
use ndarray::{Array2, ShapeBuilder};

use super::MatError;

const HEADER: usize = 128;

/// Parses the file.
pub(super) fn open(path: &Path) -> Result<MatFile, MatError> {
    let mut bytes = std::fs::read(path).map_err(|source| MatError::Io { path: path.into(), source })?;
    check_extent(path, &bytes)?;
    // matrw wants this literal text. The header's first 116 bytes are free text, and writers differ.
    let magic = b"MATLAB 5.0 MAT-file, ";
    bytes[..magic.len()].copy_from_slice(magic);

    let damaged = |detail: String| MatError::Damaged { path: path.into(), detail };
    // matrw panics on some damaged files; a file is no reason to stop the program.
    match catch_unwind(AssertUnwindSafe(|| matrw::load_matfile_from_u8(&bytes))) {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(e)) => Err(damaged(e.to_string())),
        Err(panic) => Err(damaged(first_line(&*panic))),
    }
}

/// What a panic said, as far as it fits on a line.
pub(super) fn first_line(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.and_then(|t| t.lines().next()).unwrap_or("the parser gave up").into()
}

/// Walks over the top-level elements. matrw takes the end of the bytes for the end of the file, so a file cut short
/// would look like one with a variable missing.
fn check_extent(path: &Path, bytes: &[u8]) -> Result<(), MatError> {
    let other = |found| Err(MatError::OtherFormat { path: path.into(), found });
    if bytes.starts_with(b"\x89HDF") || bytes.starts_with(b"MATLAB 7.3") {
        return other("a MATLAB 7.3 (HDF5) file");
    }
    let little = match bytes.get(HEADER - 2..HEADER) {
        Some(b"IM") => true,
        Some(b"MI") => false,
        _ if bytes.is_empty() => return other("an empty file"),
        _ => return other("something else (a web page, a MATLAB 4 file?)"),
    };
    let word = |at: usize| -> Option<u32> {
        let word: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) })
    };
    const COMPRESSED: u32 = 15;
    let mut at = HEADER;
    while let (Some(kind), Some(size)) = (word(at), word(at + 4)) {
        let end = at + 8 + size as usize;
        if end > bytes.len() {
            return Err(MatError::CutShort { path: path.into(), found: bytes.len(), expected: end });
        }
        at = if kind == COMPRESSED { end } else { end.next_multiple_of(8) };
    }
    Ok(())
}

/// The matrices of a cell array, or what is there instead.
pub(super) fn to_matrices(found: &MatVariable) -> Result<Vec<Array2<f64>>, String> {
    let MatVariable::CellArray(cells) = found else {
        return Err(to_matrix(found).map_or_else(|found| found, |_| "a matrix".into()));
    };
    let in_cell = |(cell, found)| to_matrix(found).map_err(|found| format!("{found} in cell {}", cell + 1));
    cells.value.iter().enumerate().map(in_cell).collect()
}

/// Whole numbers up to this size are doubles.
const EXACT: u64 = 1 << 53;

/// The matrix, or what is there instead.
pub(super) fn to_matrix(found: &MatVariable) -> Result<Array2<f64>, String> {
    let MatVariable::NumericArray(array) = found else {
        return Err(match found {
            MatVariable::CellArray(_) => "a cell array".into(),
            MatVariable::SparseArray(_) => "a sparse matrix".into(),
            MatVariable::Structure(_) | MatVariable::StructureArray(_) => "a structure".into(),
            _ => "something that is no matrix".into(),
        });
    };
    let shape = array.dim.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
    let &[rows, width] = array.dim.as_slice() else {
        return Err(format!("a {shape} array"));
    };
    if array.is_complex() {
        return Err(format!("a complex {shape} matrix"));
    }
    let values = match array.numeric_type() {
        MatlabType::F64(v) => v.clone(),
        MatlabType::F32(v) => widened(v),
        MatlabType::U8(v) => widened(v),
        MatlabType::I8(v) => widened(v),
        MatlabType::U16(v) => widened(v),
        MatlabType::I16(v) => widened(v),
        MatlabType::U32(v) => widened(v),
        MatlabType::I32(v) => widened(v),
        // Not every 64-bit integer is a double.
        MatlabType::U64(v) if v.iter().all(|v| *v <= EXACT) => v.iter().map(|&v| v as f64).collect(),
        MatlabType::I64(v) if v.iter().all(|v| v.unsigned_abs() <= EXACT) => v.iter().map(|&v| v as f64).collect(),
        MatlabType::U64(_) | MatlabType::I64(_) => {
            return Err(format!("a {shape} array of 64-bit integers, some beyond 2^53"));
        }
        MatlabType::UTF8(_) | MatlabType::UTF16(_) | MatlabType::BOOL(_) => {
            return Err(format!("a {shape} array of text or truth values"));
        }
    };
    Array2::from_shape_vec((rows, width).f(), values).map_err(|_| format!("a {shape} matrix cut short"))
}

fn widened<T: Copy + Into<f64>>(values: &[T]) -> Vec<f64> {
    values.iter().map(|&v| v.into()).collect()
}
