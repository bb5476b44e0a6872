//! Small matrices of all groups at once. The entries `(i, j)` of as many groups as a vector register holds lie beside
//! each other, so that one instruction works on several groups: products and decompositions of 20 x 20 matrices are too
//! small to fill registers otherwise.

use std::array;

use pulp::{Arch, Simd, WithSimd};

use super::aligned::Aligned;

/// Rows that a product over many rows takes at a time: few enough to stay in the nearer caches.
const CHUNK: usize = 32;

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

    /// Of a shape, with whatever numbers were in its memory.
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
        let mut product = Self::unset(self.shape(), self.planes);
        for ((to, from), factors) in product.planes_mut().zip(self.planes()).zip(factors.planes()) {
            for (to, from) in to.chunks_exact_mut(factors.len()).zip(from.chunks_exact(factors.len())) {
                to.iter_mut().zip(from).zip(factors).for_each(|((to, v), f)| *to = v * f);
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
    pub(super) fn half_gram(a: &Self) -> Self {
        let mut out = Self::unset((a.cols, a.cols), a.planes);
        Arch::new().dispatch(Multiply { form: Form::Gram, a, b: a, out: &mut out });
        out
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
            let height = if rows - i < R { (rows - i).min(2) } else { R };
            let mut j = if FORM == GRAM { i / C * C } else { 0 };
            while j < cols {
                let at = (i, j);
                match (height, cols - j) {
                    (R, C..) => block::<S, FORM, R, C>(simd, a, b, out, shape, at, span),
                    (R, 2) => block::<S, FORM, R, 2>(simd, a, b, out, shape, at, span),
                    (R, _) => block::<S, FORM, R, 1>(simd, a, b, out, shape, at, span),
                    (2, C..) => block::<S, FORM, 2, C>(simd, a, b, out, shape, at, span),
                    (2, 2) => block::<S, FORM, 2, 2>(simd, a, b, out, shape, at, span),
                    (2, _) => block::<S, FORM, 2, 1>(simd, a, b, out, shape, at, span),
                    (_, C..) => block::<S, FORM, 1, C>(simd, a, b, out, shape, at, span),
                    (_, 2) => block::<S, FORM, 1, 2>(simd, a, b, out, shape, at, span),
                    (_, _) => block::<S, FORM, 1, 1>(simd, a, b, out, shape, at, span),
                }
                j += C;
            }
            i += height;
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

#[cfg(test)]
impl Lanes {
    /// Values that look random, the same ones every time.
    pub(super) fn filled((rows, cols): (usize, usize), groups: usize) -> Self {
        let mut lanes = Self::zeros((rows, cols), groups);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_every_shape() {
        for (n, k, m, groups) in [(1, 1, 1, 1), (4, 5, 3, 6), (5, 7, 8, 9), (7, 3, 2, 8), (9, 70, 20, 17)] {
            let (a, b) = (Lanes::filled((n, k), groups), Lanes::filled((k, m), groups));
            let (left, right) = (Lanes::filled((k, n), groups), Lanes::filled((m, k), groups));
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
}
