//! Small matrices of all groups at once. The entries `(i, j)` of as many groups as a vector register holds lie beside
//! each other, so that one instruction works on several groups: products and decompositions of 20 x 20 matrices are too
//! small to fill registers otherwise.

use std::array;

use pulp::{Arch, Simd, WithSimd};

use super::aligned::Aligned;
use crate::linalg::NotFinite;

/// Rows that a product over many rows takes at a time: few enough to stay in the nearer caches.
const CHUNK: usize = 32;

/// Sweeps of Jacobi's method before a matrix counts as one that has no decomposition. Quadratic convergence takes six
/// or seven from a basis that knows nothing.
const SWEEPS: usize = 60;

/// Rotations by smaller angles than this are added up instead of made one after the other: what that leaves out is their
/// squares.
const SMALL: f64 = 1e-8;

/// Doubles in a vector register.
pub(super) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F64_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// One matrix a group, `rows x cols` each, in planes of [`lanes`] groups. The last plane is filled up with zeros.
#[derive(Debug, Clone)]
pub(super) struct Lanes {
    rows: usize,
    cols: usize,
    planes: usize,
    values: Aligned,
}

impl Lanes {
    /// Zeros for this many groups.
    pub(super) fn zeros(shape: (usize, usize), groups: usize) -> Self {
        Self::zero_planes(shape, groups.div_ceil(lanes()))
    }

    /// Zeros of another shape for the same groups.
    pub(super) fn like(&self, shape: (usize, usize)) -> Self {
        Self::zero_planes(shape, self.planes)
    }

    fn zero_planes(shape: (usize, usize), planes: usize) -> Self {
        let mut zeros = Self::unset(shape, planes);
        zeros.values.fill(0.0);
        zeros
    }

    fn unset((rows, cols): (usize, usize), planes: usize) -> Self {
        Self { rows, cols, planes, values: Aligned::unset(rows * cols * planes * lanes()) }
    }

    /// The identity for the same groups.
    pub(super) fn identity(&self, n: usize) -> Self {
        let (mut identity, lanes) = (self.like((n, n)), lanes());
        for plane in identity.values.chunks_exact_mut((n * n * lanes).max(1)) {
            plane.chunks_exact_mut(lanes).step_by(n + 1).for_each(|entry| entry.fill(1.0));
        }
        identity
    }

    pub(super) fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// Doubles of one plane.
    fn plane(&self) -> usize {
        (self.rows * self.cols * lanes()).max(1)
    }

    /// Planes of groups, row by row.
    pub(super) fn planes(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.plane())
    }

    pub(super) fn planes_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f64]> {
        let plane = self.plane();
        self.values.chunks_exact_mut(plane)
    }

    /// Entry `(i, j)` of a group.
    pub(super) fn get(&self, group: usize, (i, j): (usize, usize)) -> f64 {
        self.values[self.place(group, (i, j))]
    }

    pub(super) fn set(&mut self, group: usize, (i, j): (usize, usize), value: f64) {
        let place = self.place(group, (i, j));
        self.values[place] = value;
    }

    fn place(&self, group: usize, (i, j): (usize, usize)) -> usize {
        let lanes = lanes();
        group / lanes * self.plane() + (i * self.cols + j) * lanes + group % lanes
    }

    /// All numbers, those that fill up included.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    pub(super) fn diagonal(&self) -> Self {
        let (mut diagonal, lanes) = (Self::unset((1, self.cols), self.planes), lanes());
        for (to, from) in diagonal.planes_mut().zip(self.planes()) {
            for (to, from) in to.chunks_exact_mut(lanes).zip(from.chunks_exact(lanes).step_by(self.cols + 1)) {
                to.copy_from_slice(from);
            }
        }
        diagonal
    }

    /// The columns multiplied by factors, `1 x cols`.
    pub(super) fn times_columns(&self, factors: &Self) -> Self {
        let mut product = self.clone();
        for (plane, factors) in product.planes_mut().zip(factors.planes()) {
            for row in plane.chunks_exact_mut(factors.len()) {
                row.iter_mut().zip(factors).for_each(|(v, f)| *v *= f);
            }
        }
        product
    }

    /// `a b` for each group.
    pub(super) fn product(a: &Self, b: &Self) -> Self {
        let mut out = Self::unset((a.rows, b.cols), a.planes);
        Arch::new().dispatch(Multiply { form: Form::Plain, a, b, out: &mut out });
        out
    }

    /// `a b'` for each group.
    pub(super) fn product_transposed(a: &Self, b: &Self) -> Self {
        let mut out = Self::unset((a.rows, b.rows), a.planes);
        Arch::new().dispatch(Multiply { form: Form::RightTransposed, a, b, out: &mut out });
        out
    }

    /// `a' b` for each group.
    pub(super) fn inner_product(a: &Self, b: &Self) -> Self {
        let mut out = Self::unset((a.cols, b.cols), a.planes);
        Arch::new().dispatch(Multiply { form: Form::LeftTransposed, a, b, out: &mut out });
        out
    }

    /// `a' a` for each group, of which the upper half is computed and the rest left as it was.
    fn half_gram(a: &Self) -> Self {
        let mut out = Self::unset((a.cols, a.cols), a.planes);
        Arch::new().dispatch(Multiply { form: Form::Gram, a, b: a, out: &mut out });
        out
    }

    /// Eigenvalues of `a' a` for each group, `1 x cols`; the rows of `basis` become its eigenvectors, if they are those
    /// of the identity, or are turned with it: with `a = v basis'` they become those of `v' v`. Few sweeps do for a basis
    /// that is nearly right. Entries below `rounding` times one and the diagonal count as zeros.
    ///
    /// # Errors
    /// If there is an entry that is not finite.
    pub(super) fn eigenvalues(a: &Self, basis: &mut Self, rounding: f64) -> Result<Self, NotFinite> {
        let mut gram = Self::half_gram(a);
        let mut angles = Self::unset(gram.shape(), gram.planes);
        for _ in 0..SWEEPS {
            let largest = Arch::new().dispatch(Angles { a: &gram, angles: &mut angles, rounding });
            if largest.is_nan() {
                return Err(NotFinite);
            }
            if largest <= SMALL {
                if largest > 0.0 {
                    let turned = Self::product(&angles, basis);
                    basis.values.iter_mut().zip(turned.values()).for_each(|(b, t)| *b += t);
                }
                return Ok(gram.diagonal());
            }
            Arch::new().dispatch(Sweep { a: &mut gram, basis });
        }
        Err(NotFinite)
    }
}

/// Which factors are transposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    RightTransposed,
    LeftTransposed,
    /// Left transposed, and only the upper half is wanted.
    Gram,
}

struct Multiply<'a> {
    form: Form,
    a: &'a Lanes,
    b: &'a Lanes,
    out: &'a mut Lanes,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { form, a, b, out } = self;
        let (a_cols, b_cols, (rows, cols)) = (a.cols, b.cols, out.shape());
        let inner = if matches!(form, Form::Plain | Form::RightTransposed) { a.cols } else { a.rows };
        let sizes = [a.rows * a.cols, b.rows * b.cols, rows * cols].map(|size| size.max(1));
        let (a, b) = (S::as_simd_f64s(&a.values).0, S::as_simd_f64s(&b.values).0);
        let out = S::as_mut_simd_f64s(&mut out.values).0;
        let planes = a.chunks_exact(sizes[0]).zip(b.chunks_exact(sizes[1])).zip(out.chunks_exact_mut(sizes[2]));
        for ((a, b), out) in planes {
            let shape = Shape { rows, cols, inner, left: a_cols, right: b_cols };
            match form {
                Form::Plain => plane::<S, PLAIN>(simd, a, b, out, shape),
                Form::RightTransposed => plane::<S, RIGHT>(simd, a, b, out, shape),
                Form::LeftTransposed => plane::<S, LEFT>(simd, a, b, out, shape),
                Form::Gram => plane::<S, GRAM>(simd, a, b, out, shape),
            }
        }
    }
}

const PLAIN: u8 = 0;
const RIGHT: u8 = 1;
const LEFT: u8 = 2;
const GRAM: u8 = 3;

/// Sizes of a product: of the result, of the sum, and the widths of the factors.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    cols: usize,
    inner: usize,
    left: usize,
    right: usize,
}

#[inline(always)]
fn plane<S: Simd, const FORM: u8>(simd: S, a: &[S::f64s], b: &[S::f64s], out: &mut [S::f64s], shape: Shape) {
    const R: usize = 4;
    const C: usize = 3;
    let Shape { rows, cols, inner, .. } = shape;
    // Sums over few columns stay whole: their factors are small.
    let chunk = if FORM >= LEFT { CHUNK } else { inner.max(1) };
    let mut start = 0;
    loop {
        let span = (start, chunk.min(inner - start));
        let mut i = 0;
        while i < rows {
            let mut j = if FORM == GRAM { i / C * C } else { 0 };
            while j < cols {
                let at = (i, j);
                match (rows - i, cols - j) {
                    (R.., C..) => block::<S, FORM, R, C>(simd, a, b, out, shape, at, span),
                    (R.., 2) => block::<S, FORM, R, 2>(simd, a, b, out, shape, at, span),
                    (R.., _) => block::<S, FORM, R, 1>(simd, a, b, out, shape, at, span),
                    (rows, cols) => {
                        for i in i..i + rows {
                            for j in j..j + cols.min(C) {
                                block::<S, FORM, 1, 1>(simd, a, b, out, shape, (i, j), span);
                            }
                        }
                    }
                }
                j += C;
            }
            i += R;
        }
        start += chunk;
        if start >= inner {
            return;
        }
    }
}

/// One block of the result, `R x C`, from some terms of the sum.
#[inline(always)]
fn block<S: Simd, const FORM: u8, const R: usize, const C: usize>(
    simd: S,
    a: &[S::f64s],
    b: &[S::f64s],
    out: &mut [S::f64s],
    shape: Shape,
    (i, j): (usize, usize),
    (start, length): (usize, usize),
) {
    let mut sums = [[simd.splat_f64s(0.0); C]; R];
    let mut add = |left: [S::f64s; R], right: [S::f64s; C]| {
        for (sums, left) in sums.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = simd.mul_add_e_f64s(left, right, *sum);
            }
        }
    };
    // Rows of a factor that the sum runs along, cut to the same length, so that no index has to be checked.
    let along = |values: &'_ [S::f64s], row: usize, width: usize| -> usize { row * width + start.min(values.len()) };
    match FORM {
        PLAIN => {
            let left: [&[S::f64s]; R] = array::from_fn(|r| &a[along(a, i + r, shape.left)..][..length]);
            let right = b[start * shape.right..].chunks_exact(shape.right).take(length);
            for (k, right) in right.enumerate() {
                let right = &right[j..j + C];
                add(array::from_fn(|r| left[r][k]), array::from_fn(|c| right[c]));
            }
        }
        RIGHT => {
            let left: [&[S::f64s]; R] = array::from_fn(|r| &a[along(a, i + r, shape.left)..][..length]);
            let right: [&[S::f64s]; C] = array::from_fn(|c| &b[along(b, j + c, shape.right)..][..length]);
            for k in 0..length {
                add(array::from_fn(|r| left[r][k]), array::from_fn(|c| right[c][k]));
            }
        }
        _ => {
            let left = a[start * shape.left..].chunks_exact(shape.left);
            let right = b[start * shape.right..].chunks_exact(shape.right);
            for (left, right) in left.zip(right).take(length) {
                let (left, right) = (&left[i..i + R], &right[j..j + C]);
                add(array::from_fn(|r| left[r]), array::from_fn(|c| right[c]));
            }
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        let out = &mut out[(i + r) * shape.cols + j..][..C];
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = if start == 0 { sum } else { simd.add_f64s(*out, sum) };
        }
    }
}

/// The tangents of the rotations that would make entries of the upper half vanish, as the antisymmetric matrix that
/// adds them to a basis. Returns the largest, not a number if there is none.
struct Angles<'a> {
    a: &'a Lanes,
    angles: &'a mut Lanes,
    rounding: f64,
}

impl WithSimd for Angles<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let n = self.a.cols;
        let a = S::as_simd_f64s(&self.a.values).0.chunks_exact((n * n).max(1));
        let angles = S::as_mut_simd_f64s(&mut self.angles.values).0.chunks_exact_mut((n * n).max(1));
        let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
        let (rounding, tiny) = (simd.splat_f64s(self.rounding), simd.splat_f64s(f64::MIN_POSITIVE));
        let (mut largest, mut sum) = (zero, zero);
        for (a, angles) in a.zip(angles) {
            for p in 0..n {
                let (pp, row) = (a[p * n + p], &a[p * n..][..n]);
                sum = simd.add_f64s(sum, pp);
                angles[p * n + p] = zero;
                for q in p + 1..n {
                    let (qq, pq) = (a[q * n + q], row[q]);
                    sum = simd.add_f64s(sum, pq);
                    let (gap, size) = (simd.sub_f64s(qq, pp), simd.abs_f64s(pq));
                    let scale = simd.add_f64s(one, simd.add_f64s(simd.abs_f64s(pp), simd.abs_f64s(qq)));
                    let noise = simd.less_than_or_equal_f64s(size, simd.mul_f64s(rounding, scale));
                    let tan = simd.div_f64s(size, simd.max_f64s(simd.abs_f64s(gap), tiny));
                    let tan = simd.select_f64s(noise, zero, tan);
                    largest = simd.max_f64s(largest, tan);
                    let opposite = simd.less_than_f64s(simd.mul_f64s(gap, pq), zero);
                    let tan = simd.select_f64s(opposite, simd.neg_f64s(tan), tan);
                    angles[p * n + q] = simd.neg_f64s(tan);
                    angles[q * n + p] = tan;
                }
            }
        }
        // Maxima may swallow what is not a number; sums do not.
        if simd.reduce_sum_f64s(sum).is_finite() { simd.reduce_max_f64s(largest) } else { f64::NAN }
    }
}

/// One sweep of Jacobi's rotations over all pairs of rows, of the upper half.
struct Sweep<'a> {
    a: &'a mut Lanes,
    basis: &'a mut Lanes,
}

impl WithSimd for Sweep<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let n = self.a.cols;
        let a = S::as_mut_simd_f64s(&mut self.a.values).0.chunks_exact_mut((n * n).max(1));
        let basis = S::as_mut_simd_f64s(&mut self.basis.values).0.chunks_exact_mut((n * n).max(1));
        a.zip(basis).for_each(|(a, basis)| sweep(simd, a, basis, n));
    }
}

/// The rotation of columns `p` and `q` that makes entry `pq` vanish.
#[inline(always)]
fn rotation<S: Simd>(simd: S, [pp, qq, pq]: [S::f64s; 3]) -> Rotation<S> {
    let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
    let gap = simd.sub_f64s(qq, pp);
    let twice = simd.add_f64s(pq, pq);
    let root = simd.sqrt_f64s(simd.mul_add_e_f64s(gap, gap, simd.mul_f64s(twice, twice)));
    let negative = simd.less_than_f64s(gap, zero);
    let below = simd.add_f64s(simd.add_f64s(simd.abs_f64s(gap), root), simd.splat_f64s(f64::MIN_POSITIVE));
    // The smaller of the two angles, whose tangent is above / below.
    let above = simd.select_f64s(negative, simd.neg_f64s(twice), twice);
    let tan = simd.div_f64s(above, below);
    let cos = simd.div_f64s(one, simd.sqrt_f64s(simd.mul_add_e_f64s(tan, tan, one)));
    Rotation { cos, sin: simd.mul_f64s(tan, cos), moved: simd.mul_f64s(tan, pq) }
}

#[derive(Clone, Copy)]
struct Rotation<S: Simd> {
    cos: S::f64s,
    sin: S::f64s,
    /// What moves from one diagonal entry to the other.
    moved: S::f64s,
}

impl<S: Simd> Rotation<S> {
    #[inline(always)]
    fn turn(self, simd: S, x: &mut S::f64s, y: &mut S::f64s) {
        let left = simd.negate_mul_add_e_f64s(self.sin, *y, simd.mul_f64s(self.cos, *x));
        (*x, *y) = (left, simd.mul_add_e_f64s(self.sin, *x, simd.mul_f64s(self.cos, *y)));
    }
}

#[inline(always)]
fn sweep<S: Simd>(simd: S, a: &mut [S::f64s], basis: &mut [S::f64s], n: usize) {
    for p in 0..n {
        for q in p + 1..n {
            let (pp, qq, pq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
            let rotation = rotation(simd, [pp, qq, pq]);
            a[p * n + p] = simd.sub_f64s(pp, rotation.moved);
            a[q * n + q] = simd.add_f64s(qq, rotation.moved);
            a[p * n + q] = simd.splat_f64s(0.0);
            // Above row p, between the rows, and right of column q.
            for row in a.chunks_exact_mut(n).take(p) {
                let (x, y) = row.split_at_mut(q);
                rotation.turn(simd, &mut x[p], &mut y[0]);
            }
            let (upper, lower) = a.split_at_mut(q * n);
            let (top, between) = upper[p * n..].split_at_mut(n);
            for (x, row) in top[p + 1..q].iter_mut().zip(between.chunks_exact_mut(n)) {
                rotation.turn(simd, x, &mut row[q]);
            }
            for (x, y) in top[q + 1..].iter_mut().zip(&mut lower[q + 1..n]) {
                rotation.turn(simd, x, y);
            }
            let (head, tail) = basis.split_at_mut(q * n);
            for (x, y) in head[p * n..][..n].iter_mut().zip(&mut tail[..n]) {
                rotation.turn(simd, x, y);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that look random, the same ones every time.
    fn filled((rows, cols): (usize, usize), groups: usize) -> Lanes {
        let mut lanes = Lanes::zeros((rows, cols), groups);
        for g in 0..groups {
            for i in 0..rows {
                for j in 0..cols {
                    let k = (g * rows + i) * cols + j;
                    lanes.set(g, (i, j), ((k * k * 31 + k * 17) % 101) as f64 / 50.0 - 1.0);
                }
            }
        }
        lanes
    }

    #[test]
    fn products_of_every_shape() {
        for (n, k, m, groups) in [(1, 1, 1, 1), (4, 5, 3, 6), (5, 7, 8, 9), (7, 3, 2, 8), (9, 70, 20, 17)] {
            let (a, b) = (filled((n, k), groups), filled((k, m), groups));
            let (left, right) = (filled((k, n), groups), filled((m, k), groups));
            let plain = Lanes::product(&a, &b);
            let transposed = Lanes::product_transposed(&a, &right);
            let inner = Lanes::inner_product(&left, &b);
            let gram = Lanes::half_gram(&b);
            let sum = |f: &dyn Fn(usize) -> f64| (0..k).map(f).sum::<f64>();
            for g in 0..groups {
                for (i, j) in (0..n).flat_map(|i| (0..m).map(move |j| (i, j))) {
                    let near = |out: &Lanes, expected: f64| assert!((out.get(g, (i, j)) - expected).abs() < 1e-12);
                    near(&plain, sum(&|l| a.get(g, (i, l)) * b.get(g, (l, j))));
                    near(&transposed, sum(&|l| a.get(g, (i, l)) * right.get(g, (j, l))));
                    near(&inner, sum(&|l| left.get(g, (l, i)) * b.get(g, (l, j))));
                }
                for (i, j) in (0..m).flat_map(|i| (i..m).map(move |j| (i, j))) {
                    let expected = sum(&|l| b.get(g, (l, i)) * b.get(g, (l, j)));
                    assert!((gram.get(g, (i, j)) - expected).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn rotations_find_the_eigenvectors() {
        for (rows, n, groups) in [(3, 1, 2), (9, 5, 6), (4, 7, 10)] {
            let mut x = filled((rows, n), groups);
            // A zero matrix and a repeated eigenvalue among them.
            for (i, j) in (0..rows).flat_map(|i| (0..n).map(move |j| (i, j))) {
                x.set(0, (i, j), 0.0);
                x.set(1, (i, j), if i == j { 2.0 } else { 0.0 });
            }
            let a = Lanes::inner_product(&x, &x);
            let mut basis = a.identity(n);
            let values = Lanes::eigenvalues(&x, &mut basis, 1e-16).unwrap();
            for g in 0..groups {
                for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    // A = sum_k value_k b_k b_k', and the b_k are orthonormal.
                    let pair = |k: usize| basis.get(g, (k, i)) * basis.get(g, (k, j));
                    let rebuilt: f64 = (0..n).map(|k| values.get(g, (0, k)) * pair(k)).sum();
                    assert!((rebuilt - a.get(g, (i, j))).abs() < 1e-12, "group {g}, {n}");
                    let unit: f64 = (0..n).map(pair).sum();
                    assert!((unit - f64::from(u8::from(i == j))).abs() < 1e-13);
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        let mut x = filled((3, 3), 2);
        x.set(1, (0, 2), f64::NAN);
        let mut basis = x.identity(3);
        assert!(Lanes::eigenvalues(&x, &mut basis, 1e-16).is_err());
    }
}
