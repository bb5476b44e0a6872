//! Small matrices of all groups at once. The entries `(i, j)` of the groups lie beside each other, so that vector
//! instructions work on several groups in step: products and decompositions of 20 x 20 matrices are too small to fill
//! them otherwise.

use std::array;
use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};

use crate::linalg::NotFinite;

/// Rows that a product over many rows takes at a time: few enough to stay in the nearer caches.
const CHUNK: usize = 32;

/// Freed matrices that a thread keeps for the next ones. Large ones would go back to the system and come again page by
/// page, many times a step.
const SPARE: usize = 32;

thread_local! {
    static SPARES: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) };
}

/// Sweeps of Jacobi's method before a matrix counts as one that has no decomposition. Quadratic convergence takes six
/// or seven from a basis that knows nothing.
const SWEEPS: usize = 60;

/// A sweep that met no entry off the diagonal larger than this, relative to one and the diagonal, was the last one: it
/// left their squares.
const NEGLIGIBLE: f64 = 1e-8;

/// Doubles in a vector register, or in four where registers are short.
pub(super) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F64_LANES
        }
    }
    Arch::new().dispatch(Lanes).max(4)
}

/// One matrix a group, `rows x cols` each. Groups are filled up with zeros to a multiple of [`lanes`].
#[derive(Debug)]
pub(super) struct Lanes {
    rows: usize,
    cols: usize,
    width: usize,
    values: Vec<f64>,
}

/// A matrix a group to read from, perhaps transposed.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    values: &'a [f64],
    shape: (usize, usize),
    strides: (usize, usize),
    width: usize,
}

impl View<'_> {
    pub(super) fn t(self) -> Self {
        let Self { shape, strides, .. } = self;
        Self { shape: (shape.1, shape.0), strides: (strides.1, strides.0), ..self }
    }
}

impl Lanes {
    /// Zeros for this many groups.
    pub(super) fn zeros(shape: (usize, usize), groups: usize) -> Self {
        let mut zeros = Self::unset(shape, groups.next_multiple_of(lanes()));
        zeros.values.fill(0.0);
        zeros
    }

    /// Zeros of another shape for the same groups.
    pub(super) fn like(&self, shape: (usize, usize)) -> Self {
        Self::zeros(shape, self.width)
    }

    /// Whatever a spare matrix holds.
    fn unset((rows, cols): (usize, usize), width: usize) -> Self {
        let size = rows * cols * width;
        let spare = SPARES.with_borrow_mut(|spares| {
            let place = spares.iter().rposition(|spare| spare.len() == size)?;
            Some(spares.swap_remove(place))
        });
        Self { rows, cols, width, values: spare.unwrap_or_else(|| vec![0.0; size]) }
    }

    /// The identity for the same groups.
    pub(super) fn identity(&self, n: usize) -> Self {
        let mut identity = self.like((n, n));
        (0..n).for_each(|i| identity.at_mut(i, i).fill(1.0));
        identity
    }

    pub(super) fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn view(&self) -> View<'_> {
        View { values: &self.values, shape: self.shape(), strides: (self.cols, 1), width: self.width }
    }

    /// Entries `(i, j)` of all groups.
    #[inline]
    pub(super) fn at(&self, i: usize, j: usize) -> &[f64] {
        let start = (i * self.cols + j) * self.width;
        &self.values[start..start + self.width]
    }

    #[inline]
    pub(super) fn at_mut(&mut self, i: usize, j: usize) -> &mut [f64] {
        let start = (i * self.cols + j) * self.width;
        &mut self.values[start..start + self.width]
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    pub(super) fn diagonal(&self) -> Self {
        let mut diagonal = self.like((1, self.cols));
        (0..self.cols).for_each(|i| diagonal.at_mut(0, i).copy_from_slice(self.at(i, i)));
        diagonal
    }

    /// The columns multiplied by factors, `1 x cols`.
    pub(super) fn times_columns(&self, factors: &Self) -> Self {
        let mut product = self.clone();
        let row = self.cols * self.width;
        for chunk in product.values.chunks_exact_mut(row.max(1)) {
            chunk.iter_mut().zip(&factors.values).for_each(|(v, f)| *v *= f);
        }
        product
    }

    /// `a b` for each group.
    pub(super) fn product(a: View<'_>, b: View<'_>) -> Self {
        Self::multiply(a, b, false)
    }

    /// `a' a` for each group.
    pub(super) fn gram(a: View<'_>) -> Self {
        Self::multiply(a.t(), a, true)
    }

    fn multiply(a: View<'_>, b: View<'_>, symmetric: bool) -> Self {
        let (rows, cols) = (a.shape.0, b.shape.1);
        let mut out = Self::unset((rows, cols), a.width);
        Arch::new().dispatch(Multiply { a, b, symmetric, out: &mut out });
        if symmetric {
            for i in 0..rows {
                for j in 0..i {
                    let (upper, lower) = ((j * cols + i) * out.width, (i * cols + j) * out.width);
                    out.values.copy_within(lower..lower + out.width, upper);
                }
            }
        }
        out
    }

    /// Makes symmetric matrices diagonal by rotations, which are applied to the rows of `basis` as well: with rows of an
    /// orthogonal matrix there, and `A` in its basis here, these end as eigenvectors of `A`. Few sweeps do for a basis
    /// that is nearly right.
    ///
    /// # Errors
    /// If there is an entry that is not finite.
    pub(super) fn diagonalise(&mut self, basis: &mut Self) -> Result<(), NotFinite> {
        for _ in 0..SWEEPS {
            let excess = Arch::new().dispatch(Sweep { a: self, basis });
            if excess.is_nan() {
                return Err(NotFinite);
            }
            if excess <= 0.0 {
                return Ok(());
            }
        }
        Err(NotFinite)
    }
}

impl Clone for Lanes {
    fn clone(&self) -> Self {
        let mut clone = Self::unset(self.shape(), self.width);
        clone.values.copy_from_slice(&self.values);
        clone
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        // A thread that is ending keeps nothing.
        let _ = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() == SPARE {
                spares.remove(0);
            }
            spares.push(std::mem::take(&mut self.values));
        });
    }
}

struct Multiply<'a> {
    a: View<'a>,
    b: View<'a>,
    /// Only the lower half is wanted.
    symmetric: bool,
    out: &'a mut Lanes,
}

/// Where the blocks of a product lie, in registers.
#[derive(Clone, Copy)]
struct Layout {
    /// Registers to the next row and the next column of the two factors.
    a: (usize, usize),
    b: (usize, usize),
    /// To the next row and column of the product.
    out: (usize, usize),
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const R: usize = 4;
        const C: usize = 3;
        let Self { a, b, symmetric, out } = self;
        let registers = a.width / S::F64_LANES;
        let scaled = |(row, column): (usize, usize)| (row * registers, column * registers);
        let (rows, cols) = out.shape();
        let layout = Layout { a: scaled(a.strides), b: scaled(b.strides), out: scaled((out.cols, 1)) };
        let inner = a.shape.1;
        let (a, b) = (S::as_simd_f64s(a.values).0, S::as_simd_f64s(b.values).0);
        let out = S::as_mut_simd_f64s(&mut out.values).0;
        let chunk = if inner > 2 * CHUNK { CHUNK } else { inner.max(1) };
        for start in (0..inner.max(1)).step_by(chunk) {
            let inner = chunk.min(inner - start);
            let (a, b) = (&a[start * layout.a.1..], &b[start * layout.b.0..]);
            for i in (0..rows).step_by(R) {
                for register in 0..registers {
                    for j in (0..cols).step_by(C) {
                        if symmetric && j >= i + R {
                            break;
                        }
                        let at = At { a: i * layout.a.0 + register, b: j * layout.b.1 + register, out: i * layout.out.0 + j * layout.out.1 + register, inner, first: start == 0 };
                        match (rows - i, cols - j) {
                            (R.., C..) => block::<S, R, C>(simd, a, b, out, layout, at),
                            (R.., 2) => block::<S, R, 2>(simd, a, b, out, layout, at),
                            (R.., _) => block::<S, R, 1>(simd, a, b, out, layout, at),
                            (3, C..) => block::<S, 3, C>(simd, a, b, out, layout, at),
                            (2, C..) => block::<S, 2, C>(simd, a, b, out, layout, at),
                            (1, C..) => block::<S, 1, C>(simd, a, b, out, layout, at),
                            (rows, cols) => {
                                for i in 0..rows {
                                    for j in 0..cols.min(C) {
                                        let At { a: left, b: right, out: to, .. } = at;
                                        let (left, right) = (left + i * layout.a.0, right + j * layout.b.1);
                                        let to = to + i * layout.out.0 + j * layout.out.1;
                                        let at = At { a: left, b: right, out: to, ..at };
                                        block::<S, 1, 1>(simd, a, b, out, layout, at);
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where one block of a product starts, in registers.
#[derive(Clone, Copy)]
struct At {
    a: usize,
    b: usize,
    out: usize,
    /// Terms to sum.
    inner: usize,
    /// Whether they are the first ones, or are added.
    first: bool,
}

#[inline(always)]
fn block<S: Simd, const R: usize, const C: usize>(
    simd: S,
    a: &[S::f64s],
    b: &[S::f64s],
    out: &mut [S::f64s],
    layout: Layout,
    at: At,
) {
    let mut sums = [[simd.splat_f64s(0.0); C]; R];
    for k in 0..at.inner {
        let right: [S::f64s; C] = array::from_fn(|j| b[at.b + k * layout.b.0 + j * layout.b.1]);
        for (i, sums) in sums.iter_mut().enumerate() {
            let left = a[at.a + i * layout.a.0 + k * layout.a.1];
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = simd.mul_add_e_f64s(left, right, *sum);
            }
        }
    }
    for (i, sums) in sums.into_iter().enumerate() {
        for (j, sum) in sums.into_iter().enumerate() {
            let out = &mut out[at.out + i * layout.out.0 + j * layout.out.1];
            *out = if at.first { sum } else { simd.add_f64s(*out, sum) };
        }
    }
}

/// One sweep of rotations over all pairs of rows. Returns by how much the largest entry off the diagonal that it met
/// was too large, at most 0 if none was.
struct Sweep<'a> {
    a: &'a mut Lanes,
    basis: &'a mut Lanes,
}

impl WithSimd for Sweep<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (n, width) = (self.a.cols, self.a.cols * self.a.width / S::F64_LANES);
        let registers = self.a.width / S::F64_LANES;
        let basis_row = self.basis.cols * registers;
        let a = S::as_mut_simd_f64s(&mut self.a.values).0;
        let basis = S::as_mut_simd_f64s(&mut self.basis.values).0;
        let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
        let (tiny, negligible) = (simd.splat_f64s(f64::MIN_POSITIVE), simd.splat_f64s(NEGLIGIBLE));
        let mut excess = simd.splat_f64s(f64::NEG_INFINITY);
        let mut sum = zero;
        for p in 0..n {
            for q in p + 1..n {
                for register in 0..registers {
                    let at = |i: usize, j: usize| i * width + j * registers + register;
                    let (pp, qq, pq) = (a[at(p, p)], a[at(q, q)], a[at(p, q)]);
                    sum = simd.add_f64s(sum, pq);
                    let size = simd.add_f64s(one, simd.add_f64s(simd.abs_f64s(pp), simd.abs_f64s(qq)));
                    let over = simd.sub_f64s(simd.abs_f64s(pq), simd.mul_f64s(negligible, size));
                    excess = simd.max_f64s(excess, over);
                    // tan of the smaller of the two angles that make the entry vanish.
                    let gap = simd.sub_f64s(qq, pp);
                    let twice = simd.add_f64s(pq, pq);
                    let root = simd.sqrt_f64s(simd.mul_add_e_f64s(gap, gap, simd.mul_f64s(twice, twice)));
                    let negative = simd.less_than_f64s(gap, zero);
                    let below = simd.add_f64s(simd.add_f64s(simd.abs_f64s(gap), root), tiny);
                    let above = simd.select_f64s(negative, simd.neg_f64s(twice), twice);
                    let tan = simd.div_f64s(above, below);
                    let cos = simd.div_f64s(one, simd.sqrt_f64s(simd.mul_add_e_f64s(tan, tan, one)));
                    let sin = simd.mul_f64s(tan, cos);
                    let moved = simd.mul_f64s(tan, pq);
                    a[at(p, p)] = simd.sub_f64s(pp, moved);
                    a[at(q, q)] = simd.add_f64s(qq, moved);
                    a[at(p, q)] = zero;
                    let rotate = |x: S::f64s, y: S::f64s| {
                        let left = simd.negate_mul_add_e_f64s(sin, y, simd.mul_f64s(cos, x));
                        (left, simd.mul_add_e_f64s(sin, x, simd.mul_f64s(cos, y)))
                    };
                    let mut turn = |i: usize, j: usize| (a[i], a[j]) = rotate(a[i], a[j]);
                    (0..p).for_each(|k| turn(at(k, p), at(k, q)));
                    (p + 1..q).for_each(|k| turn(at(p, k), at(k, q)));
                    (q + 1..n).for_each(|k| turn(at(p, k), at(q, k)));
                    let (head, tail) = basis.split_at_mut(q * basis_row);
                    let rows = head[p * basis_row..].iter_mut().zip(tail).skip(register).step_by(registers);
                    for (x, y) in rows.take(n) {
                        (*x, *y) = rotate(*x, *y);
                    }
                }
            }
        }
        // Maxima may swallow what is not a number; sums do not.
        if simd.reduce_sum_f64s(sum).is_finite() { simd.reduce_max_f64s(excess) } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that look random, the same ones every time.
    fn filled(shape: (usize, usize), groups: usize) -> Lanes {
        let mut lanes = Lanes::zeros(shape, groups);
        let width = lanes.width();
        for (k, v) in lanes.values_mut().iter_mut().enumerate() {
            *v = if k % width < groups { ((k * k * 31 + k * 17) % 101) as f64 / 50.0 - 1.0 } else { 0.0 };
        }
        lanes
    }

    #[test]
    fn products_of_every_shape() {
        for (n, k, m, groups) in [(1, 1, 1, 1), (4, 5, 3, 6), (5, 7, 8, 9), (7, 3, 2, 8), (9, 30, 20, 17)] {
            let (a, b) = (filled((n, k), groups), filled((k, m), groups));
            let product = Lanes::product(a.view(), b.view());
            let turned = Lanes::product(b.view().t(), a.view().t());
            let gram = Lanes::gram(b.view());
            for g in 0..groups {
                for i in 0..n {
                    for j in 0..m {
                        let expected: f64 = (0..k).map(|l| a.at(i, l)[g] * b.at(l, j)[g]).sum();
                        assert!((product.at(i, j)[g] - expected).abs() < 1e-13);
                        assert!((turned.at(j, i)[g] - expected).abs() < 1e-13);
                    }
                }
                for i in 0..m {
                    for j in 0..m {
                        let expected: f64 = (0..k).map(|l| b.at(l, i)[g] * b.at(l, j)[g]).sum();
                        assert!((gram.at(i, j)[g] - expected).abs() < 1e-13);
                    }
                }
            }
        }
    }

    #[test]
    fn rotations_find_the_eigenvectors() {
        for (rows, n, groups) in [(3, 1, 2), (9, 5, 6), (4, 7, 10)] {
            let mut x = filled((rows, n), groups);
            // A zero matrix and a repeated eigenvalue among them.
            (0..rows).for_each(|i| (0..n).for_each(|j| x.at_mut(i, j)[0] = 0.0));
            (0..rows).for_each(|i| (0..n).for_each(|j| x.at_mut(i, j)[1] = if i == j { 2.0 } else { 0.0 }));
            let a = Lanes::gram(x.view());
            let (mut diagonal, mut basis) = (a.clone(), a.identity(n));
            diagonal.diagonalise(&mut basis).unwrap();
            let values = diagonal.diagonal();
            // A = sum_k value_k b_k b_k', and the b_k are orthonormal.
            let rebuilt = Lanes::product(basis.view().t(), basis.view().t().t());
            let mut scaled = basis.clone();
            for i in 0..n {
                for j in 0..n {
                    scaled.at_mut(i, j).iter_mut().zip(values.at(0, i)).for_each(|(b, v)| *b *= v);
                }
            }
            let product = Lanes::product(basis.view().t(), scaled.view());
            for g in 0..groups {
                for i in 0..n {
                    for j in 0..n {
                        assert!((product.at(i, j)[g] - a.at(i, j)[g]).abs() < 1e-12, "group {g}, {n}");
                        assert!((rebuilt.at(i, j)[g] - f64::from(u8::from(i == j))).abs() < 1e-13);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        let mut a = filled((3, 3), 2);
        a.at_mut(0, 2)[1] = f64::NAN;
        let mut basis = a.identity(3);
        assert_eq!(a.diagonalise(&mut basis), Err(NotFinite));
    }
}
