//! Symmetric matrices that are multiplied with a vector again and again: half of one has to come from memory.

use ndarray::Array2;
use pulp::{Arch, Simd, WithSimd};

use super::aligned::Aligned;
use crate::linalg::Cholesky;
use crate::solver::SolverError;

/// Rows that are read together.
const ROWS: usize = 4;

/// The lower half of a symmetric matrix by blocks of [`ROWS`] rows, each as long as the last of them.
#[derive(Debug, Clone)]
pub(super) struct Symmetric {
    n: usize,
    values: Aligned,
}

impl Symmetric {
    pub(super) fn of(a: &Array2<f64>) -> Self {
        let n = a.nrows();
        let mut values = Vec::new();
        for start in (0..n).step_by(ROWS) {
            let end = (start + ROWS).min(n);
            for i in start..end {
                // Beyond the diagonal block there is nothing; inside it, each entry is kept once.
                values.extend((0..end).map(|j| if j <= i { a[[i, j]] } else { 0.0 }));
            }
        }
        let mut aligned = Aligned::unset(values.len());
        aligned.copy_from_slice(&values);
        Self { n, values: aligned }
    }

    /// The whole matrix.
    pub(super) fn to_full(&self) -> Array2<f64> {
        let mut full = Array2::zeros((self.n, self.n));
        let mut rest = &*self.values;
        for i in 0..self.n {
            let (row, after) = rest.split_at((i / ROWS * ROWS + ROWS).min(self.n));
            rest = after;
            for (j, &value) in row[..=i].iter().enumerate() {
                full[[i, j]] = value;
                full[[j, i]] = value;
            }
        }
        full
    }

    /// `(A + shift I)^{-1}`.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn shifted_inverse(&self, shift: f64) -> Result<Self, SolverError> {
        let mut full = self.to_full();
        full.diag_mut().mapv_inplace(|v| v + shift);
        Ok(Self::of(&Cholesky::of(&full).ok_or(SolverError::NotFinite)?.inverse()))
    }

    /// Overwrites `out` by `A v`.
    pub(super) fn times(&self, v: &[f64], out: &mut [f64]) {
        Arch::new().dispatch(Times { a: self, v, out });
    }
}

struct Times<'a> {
    a: &'a Symmetric,
    v: &'a [f64],
    out: &'a mut [f64],
}

impl WithSimd for Times<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a: Symmetric { n, values }, v, out } = self;
        let n = *n;
        out.fill(0.0);
        let mut rest = &**values;
        for start in (0..n).step_by(ROWS) {
            let end = (start + ROWS).min(n);
            let (block, after) = rest.split_at((end - start) * end);
            rest = after;
            if end - start == ROWS {
                let rows: [&[f64]; ROWS] = std::array::from_fn(|i| &block[i * end..i * end + start]);
                let sums = left::<S>(simd, rows, &v[..start], &v[start..end], &mut out[..start]);
                for (o, sum) in out[start..end].iter_mut().zip(sums) {
                    *o += sum;
                }
            } else {
                for (row, i) in block.chunks_exact(end).zip(start..end) {
                    let mut sum = 0.0;
                    for j in 0..start {
                        out[j] += row[j] * v[i];
                        sum += row[j] * v[j];
                    }
                    out[i] += sum;
                }
            }
            for (row, i) in block.chunks_exact(end).zip(start..end) {
                for j in start..i {
                    out[i] += row[j] * v[j];
                    out[j] += row[j] * v[i];
                }
                out[i] += row[i] * v[i];
            }
        }
    }
}

/// Four rows left of the diagonal block: their products with `v`, and `out` plus the rows times `own`.
#[inline(always)]
fn left<S: Simd>(simd: S, rows: [&[f64]; ROWS], v: &[f64], own: &[f64], out: &mut [f64]) -> [f64; ROWS] {
    let heads = rows.map(|row| S::as_simd_f64s(row));
    let (v_head, v_tail) = S::as_simd_f64s(v);
    let (out_head, out_tail) = S::as_mut_simd_f64s(out);
    let factors: [_; ROWS] = std::array::from_fn(|i| simd.splat_f64s(own[i]));
    let mut sums = [simd.splat_f64s(0.0); ROWS];
    let [a, b, c, d] = heads.map(|(head, _)| head);
    for (((((o, &v), &a), &b), &c), &d) in out_head.iter_mut().zip(v_head).zip(a).zip(b).zip(c).zip(d) {
        let mut to = *o;
        for ((row, sum), factor) in [a, b, c, d].into_iter().zip(&mut sums).zip(factors) {
            to = simd.mul_add_e_f64s(row, factor, to);
            *sum = simd.mul_add_e_f64s(row, v, *sum);
        }
        *o = to;
    }
    let mut totals = sums.map(|sum| simd.reduce_sum_f64s(sum));
    for (j, (o, v)) in out_tail.iter_mut().zip(v_tail).enumerate() {
        for (((_, tail), total), own) in heads.iter().zip(&mut totals).zip(own) {
            *o += tail[j] * own;
            *total += tail[j] * v;
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_matrix_is_enough() {
        for n in [1, 2, 3, 4, 5, 7, 8, 13, 30] {
            let a = Array2::from_shape_fn((n, n), |(i, j)| ((i * j * 7 + i + j) % 13) as f64 - 5.0);
            let v: Vec<f64> = (0..n).map(|i| (i * i % 11) as f64 - 4.0).collect();
            let mut out = vec![f64::NAN; n];
            Symmetric::of(&a).times(&v, &mut out);
            let expected = a.dot(&ndarray::aview1(&v));
            assert!(expected.iter().zip(&out).all(|(e, o)| (e - o).abs() < 1e-12), "{n}");

            let definite = a.dot(&a);
            let inverse = Symmetric::of(&definite).shifted_inverse(2.0).unwrap();
            let mut back = vec![0.0; n];
            inverse.times(&v, &mut out);
            Symmetric::of(&definite).times(&out, &mut back);
            let off = back.iter().zip(&out).zip(&v).map(|((b, o), v)| (b + 2.0 * o - v).abs());
            assert!(off.fold(0.0, f64::max) < 1e-9, "{n}");
        }
    }
}
