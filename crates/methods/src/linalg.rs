//! The dense linear algebra of the solvers, through faer on one thread: cells run in parallel, their insides do not,
//! so that a result does not depend on the number of threads.

use std::array;

use faer::Side;
use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::linalg::solvers::{DenseSolveCore, Llt, Solve};
use faer::{Accum, Mat, MatMut, Par};
use ndarray::{Array1, Array2, ArrayView1, s};
use pulp::{Arch, Simd, WithSimd};

/// Eigenvalues below this share of the largest are zero: the directions they belong to carry no data.
const RANK: f64 = 1e-13;

/// Copies an ndarray matrix into a faer matrix.
fn to_faer(a: &Array2<f64>) -> Mat<f64> {
    match a.as_slice() {
        Some(flat) => faer::MatRef::from_row_major_slice(flat, a.nrows(), a.ncols()).to_owned(),
        None => Mat::from_fn(a.nrows(), a.ncols(), |i, j| a[[i, j]]),
    }
}

/// The positive part of the spectrum of a symmetric positive semidefinite matrix: `A = V diag(values) V'`.
#[derive(Debug, Clone)]
pub struct Spectrum {
    /// Positive eigenvalues, in decreasing order; `r` of them.
    pub values: Array1<f64>,
    /// Eigenvectors, `p x r`.
    pub vectors: Array2<f64>,
}

impl Spectrum {
    /// Decomposes a symmetric positive semidefinite matrix.
    ///
    /// # Errors
    /// If the matrix has non-finite entries.
    pub fn of(a: &Array2<f64>) -> Result<Self, NotFinite> {
        let eigen = to_faer(a).self_adjoint_eigen(Side::Lower).map_err(|_| NotFinite)?;
        let (values, vectors) = (eigen.S().column_vector(), eigen.U());
        let n = a.nrows();
        let largest = if n == 0 { 0.0 } else { values[n - 1] };
        if !largest.is_finite() {
            return Err(NotFinite);
        }
        let keep: Vec<usize> = (0..n).rev().filter(|&i| values[i] > RANK * largest).collect();
        Ok(Self {
            values: keep.iter().map(|&i| values[i]).collect(),
            vectors: Array2::from_shape_fn((n, keep.len()), |(i, j)| vectors[(i, keep[j])]),
        })
    }

    /// Decomposes `X'X` for an `X` with fewer rows than columns, through the smaller matrix `XX'`.
    ///
    /// # Errors
    /// If the matrix has non-finite entries.
    pub fn of_root(x: &Array2<f64>) -> Result<Self, NotFinite> {
        let small = Self::of(&x.dot(&x.t()))?;
        let mut vectors = x.t().dot(&small.vectors);
        for (mut column, value) in vectors.columns_mut().into_iter().zip(&small.values) {
            column /= value.sqrt();
        }
        Ok(Self { values: small.values, vectors: vectors.as_standard_layout().into_owned() })
    }

    /// Rank `r`.
    pub fn rank(&self) -> usize {
        self.values.len()
    }

    /// The largest eigenvalue, 0 for a zero matrix.
    pub fn largest(&self) -> f64 {
        self.values.first().copied().unwrap_or(0.0)
    }

    /// `A^+ b`, the least-squares solution of smallest length.
    pub fn pseudo_solve(&self, b: &Array1<f64>) -> Array1<f64> {
        let mut inner = self.rotate(b.view());
        inner.zip_mut_with(&self.values, |v, value| *v /= value);
        self.vectors.dot(&inner)
    }

    /// `V'v`.
    pub fn rotate(&self, v: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut out = Vec::new();
        self.rotate_into(&v.to_vec(), &mut out);
        Array1::from(out)
    }

    /// Overwrites `out` by `V'v`, row by row of `V`, which is how it lies in memory.
    pub fn rotate_into(&self, v: &[f64], out: &mut Vec<f64>) {
        out.clear();
        out.resize(self.rank(), 0.0);
        add_rows(&self.vectors, v, out);
    }

    /// `V diag(values) V'`, half of it computed and the rest mirrored.
    pub fn rebuild(&self, values: &Array1<f64>) -> Array2<f64> {
        let p = self.vectors.nrows();
        let (left, right) = (to_faer(&(&self.vectors * values)), to_faer(&self.vectors));
        let mut product = Mat::zeros(p, p);
        let (lower, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        let (left, right) = (left.as_ref(), right.as_ref().transpose());
        matmul(product.as_mut(), lower, Accum::Replace, left, whole, right, whole, 1.0, Par::Seq);
        Array2::from_shape_fn((p, p), |(i, j)| product[(i.max(j), i.min(j))])
    }
}

/// All eigenvalues of a symmetric matrix, whatever their signs: `A = V diag(values) V'`.
#[derive(Debug, Clone)]
pub struct Eigen {
    /// Eigenvalues, in increasing order.
    pub values: Array1<f64>,
    /// Eigenvectors, one column a value.
    pub vectors: Array2<f64>,
}

impl Eigen {
    /// Decomposes a symmetric matrix, of which the lower half is read.
    ///
    /// # Errors
    /// If the matrix has non-finite entries.
    pub fn of(a: &Array2<f64>) -> Result<Self, NotFinite> {
        if a.iter().any(|v| !v.is_finite()) {
            return Err(NotFinite);
        }
        let eigen = to_faer(a).self_adjoint_eigen(Side::Lower).map_err(|_| NotFinite)?;
        let (values, vectors) = (eigen.S().column_vector(), eigen.U());
        let n = a.nrows();
        Ok(Self {
            values: (0..n).map(|i| values[i]).collect(),
            vectors: Array2::from_shape_fn((n, n), |(i, j)| vectors[(i, j)]),
        })
    }
}

/// Thin singular value decomposition `A = U diag(values) V'`. Small values keep their digits, which the eigenvalues of
/// `A'A` would halve.
#[derive(Debug, Clone)]
pub struct Svd {
    /// Singular values, in decreasing order; as many as the shorter side is long.
    pub values: Array1<f64>,
    /// Left singular vectors, one column a value.
    pub left: Array2<f64>,
    /// Right singular vectors, one column a value.
    pub right: Array2<f64>,
}

impl Svd {
    /// Decomposes a matrix.
    ///
    /// # Errors
    /// If the matrix has non-finite entries.
    pub fn of(a: &Array2<f64>) -> Result<Self, NotFinite> {
        if a.iter().any(|v| !v.is_finite()) {
            return Err(NotFinite);
        }
        let svd = to_faer(a).thin_svd().map_err(|_| NotFinite)?;
        let (values, left, right) = (svd.S().column_vector(), svd.U(), svd.V());
        let q = a.nrows().min(a.ncols());
        Ok(Self {
            values: (0..q).map(|i| values[i]).collect(),
            left: Array2::from_shape_fn((a.nrows(), q), |(i, j)| left[(i, j)]),
            right: Array2::from_shape_fn((a.ncols(), q), |(i, j)| right[(i, j)]),
        })
    }

    /// `U diag(values) V'` with other values.
    pub fn rebuild(&self, values: &Array1<f64>) -> Array2<f64> {
        (&self.left * values).dot(&self.right.t())
    }

    /// The first `r` left vectors.
    pub fn leading(&self, r: usize) -> Array2<f64> {
        self.left.slice(s![.., ..r]).to_owned()
    }
}

/// A matrix had an entry that is not a finite number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("non-finite entry in a matrix decomposition")]
pub struct NotFinite;

/// Cholesky factor of a symmetric positive definite matrix.
pub struct Cholesky(Llt<f64>);

impl Cholesky {
    /// Factors the matrix; `None` if it is not positive definite.
    pub fn of(a: &Array2<f64>) -> Option<Self> {
        to_faer(a).llt(Side::Lower).ok().map(Self)
    }

    /// `A^{-1}`.
    pub fn inverse(&self) -> Array2<f64> {
        let n = self.0.L().nrows();
        let inverse = self.0.inverse();
        Array2::from_shape_fn((n, n), |(i, j)| inverse[(i.max(j), i.min(j))])
    }

    /// Overwrites `b` by `A^{-1} b`.
    pub fn solve(&self, b: &mut Array1<f64>) {
        let n = b.len();
        if let Some(slice) = b.as_slice_mut() {
            self.0.solve_in_place(MatMut::from_column_major_slice_mut(slice, n, 1));
        }
    }
}

/// Singular values in decreasing order.
///
/// # Errors
/// If the matrix has non-finite entries.
pub fn singular_values(a: &Array2<f64>) -> Result<Array1<f64>, NotFinite> {
    let values = to_faer(a).singular_values().map_err(|_| NotFinite)?;
    if values.iter().all(|v| v.is_finite()) { Ok(values.into()) } else { Err(NotFinite) }
}

/// Largest eigenvalue of a symmetric positive semidefinite matrix; not a number if an entry is none.
pub fn largest_eigenvalue(a: &Array2<f64>) -> f64 {
    let values = to_faer(a).self_adjoint_eigenvalues(Side::Lower);
    values.map_or(f64::NAN, |values| values.last().map_or(0.0, |v| v.max(0.0)))
}

/// `out = A v` for a symmetric `A`, summed column by column so that the compiler can use vector instructions.
pub fn symmetric_times(a: &Array2<f64>, v: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    add_rows(a, v, out);
}

/// `out += A' factors` for a matrix in standard layout. Four rows at a time, added in their order: `out` is read and
/// written a quarter as often, with the same result. So is the result on processors with longer vectors.
pub fn add_rows(a: &Array2<f64>, factors: &[f64], out: &mut [f64]) {
    if let Some(rows) = a.as_slice() {
        Arch::new().dispatch(AddRows { rows, factors, out });
    }
}

struct AddRows<'a> {
    rows: &'a [f64],
    factors: &'a [f64],
    out: &'a mut [f64],
}

impl WithSimd for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, factors, out } = self;
        let width = out.len().max(1);
        let (fours, rest) = factors.as_chunks::<4>();
        let (many, few) = rows.split_at(4 * width * fours.len());
        let (outs, tail) = S::as_mut_simd_f64s(out);
        for (block, &factors) in many.chunks_exact(4 * width).zip(fours) {
            let parts: [_; 4] = array::from_fn(|i| S::as_simd_f64s(&block[i * width..(i + 1) * width]));
            let [(r, r_tail), (s, s_tail), (t, t_tail), (u, u_tail)] = parts;
            let [a, b, c, d] = factors.map(|factor| simd.splat_f64s(factor));
            let add = |o, factor, row| simd.add_f64s(o, simd.mul_f64s(factor, row));
            for ((((o, &r), &s), &t), &u) in outs.iter_mut().zip(r).zip(s).zip(t).zip(u) {
                *o = add(add(add(add(*o, a, r), b, s), c, t), d, u);
            }
            let [a, b, c, d] = factors;
            for ((((o, r), s), t), u) in tail.iter_mut().zip(r_tail).zip(s_tail).zip(t_tail).zip(u_tail) {
                *o = *o + a * r + b * s + c * t + d * u;
            }
        }
        for (row, &factor) in few.chunks_exact(width).zip(rest) {
            let (row, row_tail) = S::as_simd_f64s(row);
            let splat = simd.splat_f64s(factor);
            for (o, &r) in outs.iter_mut().zip(row) {
                *o = simd.add_f64s(*o, simd.mul_f64s(splat, r));
            }
            axpy(factor, row_tail, tail);
        }
    }
}

/// `out += factor * v`.
#[inline]
pub fn axpy(factor: f64, v: &[f64], out: &mut [f64]) {
    for (o, x) in out.iter_mut().zip(v) {
        *o += factor * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn spectra_rebuild_their_matrix() {
        let x = array![[1.0, 2.0, 0.5, -1.0], [0.0, 1.0, -2.0, 4.0]];
        let gram = x.t().dot(&x);
        for spectrum in [Spectrum::of(&gram).unwrap(), Spectrum::of_root(&x).unwrap()] {
            assert_eq!(spectrum.rank(), 2);
            let rebuilt = spectrum.rebuild(&spectrum.values);
            assert!((rebuilt - &gram).iter().all(|d| d.abs() < 1e-12));
        }
    }

    #[test]
    fn small_singular_values_keep_their_digits() {
        let (small, angle) = (1e-12, 0.7_f64);
        let (cos, sin) = (angle.cos(), angle.sin());
        let u = array![[cos, -sin], [sin, cos], [0.0, 0.0]];
        let svd = Svd::of(&(&u * &array![3.0, small])).unwrap();
        assert!((svd.values[0] - 3.0).abs() < 1e-14 && (svd.values[1] - small).abs() < 1e-15);
        let rebuilt = (&svd.left * &svd.values).dot(&svd.right.t());
        assert!((rebuilt - &u * &array![3.0, small]).iter().all(|d| d.abs() < 1e-14));
        assert!((svd.leading(1).column(0).dot(&u.column(0)).abs() - 1.0).abs() < 1e-14);
        assert_eq!(Svd::of(&array![[f64::NAN]]).err(), Some(NotFinite));
    }

    #[test]
    fn cholesky_solves() {
        let a = array![[4.0, 1.0], [1.0, 3.0]];
        let mut b = array![1.0, 2.0];
        Cholesky::of(&a).unwrap().solve(&mut b);
        assert!((a.dot(&b) - array![1.0, 2.0]).iter().all(|d: &f64| d.abs() < 1e-14));
        let inverse = Cholesky::of(&a).unwrap().inverse();
        assert!((a.dot(&inverse) - Array2::<f64>::eye(2)).iter().all(|d| d.abs() < 1e-14));
        assert!(Cholesky::of(&array![[0.0, 1.0], [1.0, 0.0]]).is_none());
    }

    #[test]
    fn symmetric_products() {
        let a = array![[4.0, 1.0], [1.0, 3.0]];
        let mut out = [0.0; 2];
        symmetric_times(&a, &[2.0, -1.0], &mut out);
        assert_eq!(out, [7.0, -1.0]);
    }
}
