//! Symmetric matrices that are multiplied with a vector again and again: half of one has to come from memory.

use ndarray::Array2;
use pulp::{Arch, Simd, WithSimd};

use super::aligned::Aligned;
use super::lanes::lanes;
use crate::linalg::Cholesky;
use crate::solver::SolverError;

/// Rows that are read together.
const ROWS: usize = 4;

/// A matrix up to this size comes from the nearer caches, where half of it saves less than going through it by blocks
/// costs.
const WHOLE: usize = 32;

#[derive(Debug, Clone)]
pub(super) struct Symmetric {
    n: usize,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    /// All rows, each filled up to whole registers.
    Whole(Aligned),
    /// The lower half by blocks of [`ROWS`] rows, each as long as the last of them. Left of the diagonal a block has a
    /// register's columns of its rows one after the other, so that it comes from memory in one stream.
    Half(Aligned),
}

/// Rows `start..end`. Columns before `head` are interleaved, those from there to `end` are in rows.
#[derive(Debug, Clone, Copy)]
struct Block {
    start: usize,
    end: usize,
    head: usize,
}

impl Block {
    /// From top to bottom; the last one may have fewer rows.
    fn all(n: usize, lanes: usize) -> impl Iterator<Item = Self> {
        (0..n).step_by(ROWS).map(move |start| {
            let end = (start + ROWS).min(n);
            Self { start, end, head: if end - start == ROWS { start / lanes * lanes } else { 0 } }
        })
    }

    fn rows(self) -> usize {
        self.end - self.start
    }

    /// Its numbers, first those that are interleaved, and what comes after it.
    fn split(self, values: &[f64]) -> (&[f64], &[f64], &[f64]) {
        let (head, rest) = values.split_at(self.rows() * self.head);
        let (tail, rest) = rest.split_at(self.rows() * (self.end - self.head));
        (head, tail, rest)
    }
}

impl Symmetric {
    pub(super) fn of(a: &Array2<f64>) -> Self {
        let n = a.nrows();
        Self { n, form: if n <= WHOLE { Form::Whole(whole(a)) } else { Form::Half(half(a)) } }
    }

    /// The whole matrix.
    pub(super) fn to_full(&self) -> Array2<f64> {
        match &self.form {
            Form::Whole(values) => {
                let width = self.n.next_multiple_of(lanes());
                Array2::from_shape_fn((self.n, self.n), |(i, j)| values[i * width + j])
            }
            Form::Half(values) => from_half(self.n, values),
        }
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

fn whole(a: &Array2<f64>) -> Aligned {
    let width = a.nrows().next_multiple_of(lanes());
    let mut values = Aligned::unset(a.nrows() * width);
    values.fill(0.0);
    for ((i, j), &value) in a.indexed_iter() {
        values[i * width + j] = value;
    }
    values
}

fn half(a: &Array2<f64>) -> Aligned {
    let (n, lanes) = (a.nrows(), lanes());
    let mut values = Vec::new();
    for Block { start, end, head } in Block::all(n, lanes) {
        for j in (0..head).step_by(lanes) {
            (start..end).for_each(|i| values.extend((j..j + lanes).map(|j| a[[i, j]])));
        }
        for i in start..end {
            // Beyond the diagonal block there is nothing; inside it, each entry is kept once.
            values.extend((head..end).map(|j| if j <= i { a[[i, j]] } else { 0.0 }));
        }
    }
    let mut aligned = Aligned::unset(values.len());
    aligned.copy_from_slice(&values);
    aligned
}

fn from_half(n: usize, values: &[f64]) -> Array2<f64> {
    let lanes = lanes();
    let mut full = Array2::zeros((n, n));
    let mut set = |i: usize, j: usize, value: f64| {
        full[[i, j]] = value;
        full[[j, i]] = value;
    };
    let mut rest = values;
    for block in Block::all(n, lanes) {
        let (head, tail, after) = block.split(rest);
        rest = after;
        for (k, &value) in head.iter().enumerate() {
            let (chunk, lane) = (k / lanes, k % lanes);
            set(block.start + chunk % block.rows(), chunk / block.rows() * lanes + lane, value);
        }
        for (row, i) in tail.chunks_exact(block.end - block.head).zip(block.start..) {
            row[..=i - block.head].iter().zip(block.head..).for_each(|(&value, j)| set(i, j, value));
        }
    }
    full
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
        match &self.a.form {
            Form::Whole(values) => times_whole(simd, values, self.v, self.out),
            Form::Half(values) => times_half(simd, values, self.v, self.out),
        }
    }
}

/// Each row multiplied by its entry of `v` and added: by columns of the result, which stay in registers.
#[inline(always)]
fn times_whole<S: Simd>(simd: S, values: &[f64], v: &[f64], out: &mut [f64]) {
    const MANY: usize = 5;
    let width = v.len().div_ceil(S::F64_LANES);
    let rows = S::as_simd_f64s(values).0;
    let mut start = 0;
    while width - start >= MANY {
        columns::<S, MANY>(simd, (rows, width), start, v, out);
        start += MANY;
    }
    while start < width {
        columns::<S, 1>(simd, (rows, width), start, v, out);
        start += 1;
    }
}

/// As many registers of the result, from the `start`-th on.
#[inline(always)]
fn columns<S: Simd, const C: usize>(
    simd: S,
    (rows, width): (&[S::f64s], usize),
    start: usize,
    v: &[f64],
    out: &mut [f64],
) {
    let mut sums = [simd.splat_f64s(0.0); C];
    for (row, &v) in rows.chunks_exact(width).zip(v) {
        let factor = simd.splat_f64s(v);
        for (sum, &value) in sums.iter_mut().zip(&row[start..start + C]) {
            *sum = simd.mul_add_e_f64s(value, factor, *sum);
        }
    }
    for (out, sum) in out[start * S::F64_LANES..].chunks_mut(S::F64_LANES).zip(sums) {
        simd.partial_store_f64s(out, sum);
    }
}

#[inline(always)]
fn times_half<S: Simd>(simd: S, values: &[f64], v: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    let mut rest = values;
    for block in Block::all(v.len(), S::F64_LANES) {
        let (head, tail, after) = block.split(rest);
        rest = after;
        let Block { start, end, head: first } = block;
        let width = end - first;
        if block.rows() == ROWS {
            let rows: [&[f64]; ROWS] = std::array::from_fn(|i| &tail[i * width..][..start - first]);
            let sums = left::<S>(simd, head, rows, &v[..start], &v[start..end], &mut out[..start]);
            for (o, sum) in out[start..end].iter_mut().zip(sums) {
                *o += sum;
            }
        } else {
            for (row, i) in tail.chunks_exact(width).zip(start..end) {
                let mut sum = 0.0;
                for j in 0..start {
                    out[j] += row[j] * v[i];
                    sum += row[j] * v[j];
                }
                out[i] += sum;
            }
        }
        for (row, i) in tail.chunks_exact(width).zip(start..end) {
            let row = &row[start - first..];
            for (j, &value) in (start..i).zip(row) {
                out[i] += value * v[j];
                out[j] += value * v[i];
            }
            out[i] += row[i - start] * v[i];
        }
    }
}

/// Four rows left of the diagonal block, interleaved but for the last columns: their products with `v`, and `out` plus the
/// rows times `own`.
#[inline(always)]
fn left<S: Simd>(simd: S, head: &[f64], tails: [&[f64]; ROWS], v: &[f64], own: &[f64], out: &mut [f64]) -> [f64; ROWS] {
    let (head, _) = S::as_simd_f64s(head);
    let (v_head, v_tail) = S::as_simd_f64s(v);
    let (out_head, out_tail) = S::as_mut_simd_f64s(out);
    let factors: [_; ROWS] = std::array::from_fn(|i| simd.splat_f64s(own[i]));
    let mut sums = [simd.splat_f64s(0.0); ROWS];
    for ((o, &v), rows) in out_head.iter_mut().zip(v_head).zip(head.chunks_exact(ROWS)) {
        let mut to = *o;
        for ((&row, sum), factor) in rows.iter().zip(&mut sums).zip(factors) {
            to = simd.mul_add_e_f64s(row, factor, to);
            *sum = simd.mul_add_e_f64s(row, v, *sum);
        }
        *o = to;
    }
    let mut totals = sums.map(|sum| simd.reduce_sum_f64s(sum));
    for (j, (o, v)) in out_tail.iter_mut().zip(v_tail).enumerate() {
        for ((tail, total), own) in tails.iter().zip(&mut totals).zip(own) {
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
        for n in [1, 2, 3, 4, 5, 7, 8, 13, 20, 30, 32, 33, 34, 36, 47, 61] {
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
