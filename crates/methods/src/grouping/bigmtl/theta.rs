//! The shares of tasks in groups, and the linear map from weights to groups of weights that they are.

use ndarray::{Array1, Array2, Axis};
use pulp::{Arch, Simd, WithSimd};

use super::lanes::Lanes;

/// Shares of the tasks in the groups, for every task on the simplex. Matrices of a group have the longer of tasks and
/// features in rows; weights have a row a task.
#[derive(Debug, Clone)]
pub(super) struct Theta {
    /// `1 x tasks`.
    shares: Lanes,
    groups: usize,
    features: usize,
}

impl Theta {
    /// From shares, groups x tasks.
    pub(super) fn new(shares: &Array2<f64>, features: usize) -> Self {
        let (groups, m) = shares.dim();
        let mut lanes = Lanes::zeros((1, m), groups);
        for ((l, t), &share) in shares.indexed_iter() {
            lanes.set(l, (0, t), share);
        }
        Self { shares: lanes, groups, features }
    }

    /// The shares, groups x tasks.
    pub(super) fn shares(&self) -> Array2<f64> {
        self.apart(&self.shares)
    }

    fn tasks(&self) -> usize {
        self.shares.shape().1
    }

    /// Whether a row of a group's matrix is a task.
    fn tasks_in_rows(&self) -> bool {
        self.tasks() >= self.features
    }

    /// Matrices of zeros, one a group.
    pub(super) fn zeros(&self) -> Lanes {
        let (m, p) = (self.tasks(), self.features);
        self.shares.like((m.max(p), m.min(p)))
    }

    /// `factor theta_l . W` added.
    pub(super) fn add_scaled(&self, factor: f64, w: &Array2<f64>, to: &mut Lanes) {
        let turned = (!self.tasks_in_rows()).then(|| w.t().as_standard_layout().into_owned());
        let w = turned.as_ref().unwrap_or(w);
        if let Some(w) = w.as_slice() {
            let tasks_in_rows = self.tasks_in_rows();
            Arch::new().dispatch(AddScaled { factor, w, shares: &self.shares, tasks_in_rows, to });
        }
    }

    /// `factor theta_l . W`.
    pub(super) fn scaled(&self, factor: f64, w: &Array2<f64>) -> Lanes {
        let mut scaled = self.zeros();
        self.add_scaled(factor, w, &mut scaled);
        scaled
    }

    /// `sum_l theta_lt u_tl`, the adjoint of the map.
    pub(super) fn adjoint(&self, u: &Lanes) -> Array2<f64> {
        let tasks_in_rows = self.tasks_in_rows();
        let mut sums = Array2::zeros(u.shape());
        if let Some(to) = sums.as_slice_mut() {
            Arch::new().dispatch(Adjoint { u, shares: &self.shares, tasks_in_rows, to });
        }
        if tasks_in_rows { sums } else { sums.reversed_axes().as_standard_layout().into_owned() }
    }

    /// `<u_tl, z_t>`, `1 x tasks`.
    pub(super) fn inner(&self, u: &Lanes, z: &Array2<f64>) -> Lanes {
        let mut products = self.shares.like((1, self.tasks()));
        let turned = (!self.tasks_in_rows()).then(|| z.t().as_standard_layout().into_owned());
        if let Some(z) = turned.as_ref().unwrap_or(z).as_slice() {
            Arch::new().dispatch(Inner { u, z, tasks_in_rows: self.tasks_in_rows(), products: &mut products });
        }
        products
    }

    /// What is `1 x tasks` for each group, as groups x tasks.
    pub(super) fn apart(&self, products: &Lanes) -> Array2<f64> {
        Array2::from_shape_fn((self.groups, self.tasks()), |(l, t)| products.get(l, (0, t)))
    }

    /// Where entry `(task, feature)` is.
    fn place(&self, t: usize, i: usize) -> (usize, usize) {
        if self.tasks_in_rows() { (t, i) } else { (i, t) }
    }

    /// The matrices of the groups, features x tasks each.
    pub(super) fn matrices(&self, u: &Lanes) -> Vec<Array2<f64>> {
        let shape = (self.features, self.tasks());
        (0..self.groups).map(|l| Array2::from_shape_fn(shape, |(i, t)| u.get(l, self.place(t, i)))).collect()
    }

    /// The way back.
    pub(super) fn lanes(&self, matrices: &[Array2<f64>]) -> Lanes {
        let mut lanes = self.zeros();
        for (l, matrix) in matrices.iter().enumerate() {
            for ((i, t), &value) in matrix.indexed_iter() {
                lanes.set(l, self.place(t, i), value);
            }
        }
        lanes
    }

    /// Squared lengths of the tasks' shares.
    pub(super) fn squares(&self) -> Array1<f64> {
        self.shares().mapv(|v| v * v).sum_axis(Axis(0))
    }
}

struct AddScaled<'a> {
    factor: f64,
    /// In the layout of a group's matrix.
    w: &'a [f64],
    shares: &'a Lanes,
    tasks_in_rows: bool,
    to: &'a mut Lanes,
}

impl WithSimd for AddScaled<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { factor, w, shares, tasks_in_rows, to } = self;
        let cols = to.shape().1;
        for (to, shares) in to.planes_mut().zip(shares.planes()) {
            let (to, shares) = (S::as_mut_simd_f64s(to).0, S::as_simd_f64s(shares).0);
            let rows = to.chunks_exact_mut(cols).zip(w.chunks_exact(cols)).enumerate();
            for (row, (to, w)) in rows {
                if tasks_in_rows {
                    let share = simd.mul_f64s(simd.splat_f64s(factor), shares[row]);
                    for (to, &w) in to.iter_mut().zip(w) {
                        *to = simd.mul_add_e_f64s(simd.splat_f64s(w), share, *to);
                    }
                } else {
                    for ((to, &w), &share) in to.iter_mut().zip(w).zip(shares) {
                        *to = simd.mul_add_e_f64s(simd.splat_f64s(factor * w), share, *to);
                    }
                }
            }
        }
    }
}

struct Adjoint<'a> {
    u: &'a Lanes,
    shares: &'a Lanes,
    tasks_in_rows: bool,
    /// In the layout of a group's matrix; sums are added.
    to: &'a mut [f64],
}

impl WithSimd for Adjoint<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { u, shares, tasks_in_rows, to } = self;
        let cols = u.shape().1;
        for (u, shares) in u.planes().zip(shares.planes()) {
            let (u, shares) = (S::as_simd_f64s(u).0, S::as_simd_f64s(shares).0);
            for (row, (u, to)) in u.chunks_exact(cols).zip(to.chunks_exact_mut(cols)).enumerate() {
                if tasks_in_rows {
                    let share = shares[row];
                    for (&u, to) in u.iter().zip(to) {
                        *to += simd.reduce_sum_f64s(simd.mul_f64s(u, share));
                    }
                } else {
                    for ((&u, &share), to) in u.iter().zip(shares).zip(to) {
                        *to += simd.reduce_sum_f64s(simd.mul_f64s(u, share));
                    }
                }
            }
        }
    }
}

struct Inner<'a> {
    u: &'a Lanes,
    /// In the layout of a group's matrix.
    z: &'a [f64],
    tasks_in_rows: bool,
    products: &'a mut Lanes,
}

impl WithSimd for Inner<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { u, z, tasks_in_rows, products } = self;
        let cols = u.shape().1;
        for (u, products) in u.planes().zip(products.planes_mut()) {
            let (u, products) = (S::as_simd_f64s(u).0, S::as_mut_simd_f64s(products).0);
            for (row, (u, z)) in u.chunks_exact(cols).zip(z.chunks_exact(cols)).enumerate() {
                if tasks_in_rows {
                    let mut sum = simd.splat_f64s(0.0);
                    for (&u, &z) in u.iter().zip(z) {
                        sum = simd.mul_add_e_f64s(u, simd.splat_f64s(z), sum);
                    }
                    products[row] = sum;
                } else {
                    for ((&u, &z), product) in u.iter().zip(z).zip(&mut *products) {
                        *product = simd.mul_add_e_f64s(u, simd.splat_f64s(z), *product);
                    }
                }
            }
        }
    }
}
