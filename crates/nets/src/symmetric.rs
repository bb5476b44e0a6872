//! Eigenvalues of small symmetric matrices and singular values of others, on one thread.

use faer::{MatRef, Side};

/// Eigenvalues in increasing order and eigenvectors (row-major `n x n`, one a column) of a symmetric matrix; none if
/// it has entries that are not finite.
pub(crate) fn eigen(n: usize, matrix: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    if matrix.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let decomposed = MatRef::from_row_major_slice(matrix, n, n).self_adjoint_eigen(Side::Lower).ok()?;
    let (values, vectors) = (decomposed.S().column_vector(), decomposed.U());
    let flat = (0..n * n).map(|i| vectors[(i / n, i % n)]).collect();
    Some(((0..n).map(|i| values[i]).collect(), flat))
}

/// Left singular vectors, singular values in falling order and right singular vectors (row-major `n x n`, one a column) of a
/// square matrix; none if it has entries that are not finite.
pub(crate) fn singular(n: usize, matrix: &[f64]) -> Option<(Vec<f64>, Vec<f64>, Vec<f64>)> {
    if matrix.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let decomposed = MatRef::from_row_major_slice(matrix, n, n).svd().ok()?;
    let flat = |m: MatRef<'_, f64>| (0..n * n).map(|i| m[(i / n, i % n)]).collect();
    let values = decomposed.S().column_vector();
    Some((flat(decomposed.U()), (0..n).map(|i| values[i]).collect(), flat(decomposed.V())))
}
