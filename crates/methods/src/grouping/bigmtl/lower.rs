//! The lower-level problem on one split: the model of given groups, and how its dual is climbed.

use std::sync::Arc;

use mtl_core::Moments;
use ndarray::{Array1, Array2, Axis};

use super::lanes::Lanes;
use super::symmetric::Symmetric;
use crate::datafit::LossScale;
use crate::solver::SolverError;

/// A quadratic of every task: `1/2 w_t' H_t w_t - b_t' w_t + constant`, for weights with a row a task.
#[derive(Debug, Clone)]
pub(super) struct Quadratics {
    /// `H_t`, features x features; one allocation for tasks with the same inputs.
    pub(super) curvature: Vec<Arc<Symmetric>>,
    /// `b_t` in rows, tasks x features.
    pub(super) linear: Array2<f64>,
    /// Half the targets' squares.
    pub(super) constant: f64,
}

impl Quadratics {
    /// Half the squared errors, each task's multiplied by what the scale says.
    pub(super) fn new(moments: &Moments, scale: LossScale) -> Self {
        let m = moments.n_tasks();
        let factors: Vec<f64> = moments.n.iter().map(|&n| scale.factor(n, m)).collect();
        let mut curvature: Vec<Arc<Symmetric>> = Vec::with_capacity(m);
        for (t, gram) in moments.gram.iter().enumerate() {
            let same = |&s: &usize| Arc::ptr_eq(&moments.gram[s], gram) && factors[s] == factors[t];
            curvature.push(match (0..t).find(same) {
                Some(s) => Arc::clone(&curvature[s]),
                None => Arc::new(Symmetric::of(&(gram.to_full() * factors[t]))),
            });
        }
        let factors = Array1::from(factors);
        let linear = (&moments.xty * &factors).reversed_axes().as_standard_layout().into_owned();
        Self { curvature, linear, constant: 0.5 * factors.dot(&moments.yty) }
    }

    /// `H_t w_t - b_t`, a row a task.
    pub(super) fn gradient(&self, w: &Array2<f64>) -> Array2<f64> {
        times(&self.curvature, w) - &self.linear
    }

    /// The sum over the tasks.
    pub(super) fn value(&self, w: &Array2<f64>) -> f64 {
        self.constant + 0.5 * (w * &(self.gradient(w) - &self.linear)).sum()
    }
}

/// A symmetric matrix a task times a row a task.
fn times(matrices: &[Arc<Symmetric>], rows: &Array2<f64>) -> Array2<f64> {
    let mut product = Array2::zeros(rows.raw_dim());
    for ((matrix, row), mut out) in matrices.iter().zip(rows.rows()).zip(product.rows_mut()) {
        if let (Some(row), Some(out)) = (row.as_slice(), out.as_slice_mut()) {
            matrix.times(row, out);
        }
    }
    product
}

/// `min_W f(W) + lambda sum_l ||theta_l . W||_*` with `f(W) = loss + eps/2 ||W||_F^2`, on one training part.
///
/// Its dual variables `U_l` are in spectral balls of radius lambda; `V_l = grad phi(U_l)`, the mirror variables, are
/// anywhere. Matrices of a group have the longer of tasks and features in rows.
#[derive(Debug, Clone)]
pub(super) struct Lower {
    pub(super) loss: Quadratics,
    /// `D_t^{-1} = (H_t + eps I)^{-1}`.
    inverse: Vec<Arc<Symmetric>>,
    pub(super) eps: f64,
    pub(super) lambda: f64,
}

impl Lower {
    /// # Errors
    /// If the data are not finite.
    pub(super) fn new(loss: Quadratics, lambda: f64, eps: f64) -> Result<Self, SolverError> {
        let mut inverse: Vec<Arc<Symmetric>> = Vec::with_capacity(loss.curvature.len());
        for (t, curvature) in loss.curvature.iter().enumerate() {
            let known = (0..t).find(|&s| Arc::ptr_eq(&loss.curvature[s], curvature));
            inverse.push(match known {
                Some(s) => Arc::clone(&inverse[s]),
                None => Arc::new(curvature.shifted_inverse(eps)?),
            });
        }
        Ok(Self { loss, inverse, eps, lambda })
    }

    /// Tasks and features.
    pub(super) fn dim(&self) -> (usize, usize) {
        self.loss.linear.dim()
    }

    /// `D_t^{-1} r_t`, a row a task.
    pub(super) fn solve(&self, r: &Array2<f64>) -> Array2<f64> {
        times(&self.inverse, r)
    }

    /// Weights that go with dual variables: `w_t = D_t^{-1} (b_t - sum_l theta_lt u_tl)`.
    pub(super) fn weights(&self, theta: &Theta, u: &Lanes) -> Array2<f64> {
        self.solve(&(&self.loss.linear - &theta.adjoint(u)))
    }

    /// The dual objective, which no primal one is below.
    pub(super) fn dual(&self, theta: &Theta, u: &Lanes) -> f64 {
        let rest = &self.loss.linear - &theta.adjoint(u);
        self.loss.constant - 0.5 * (&rest * &self.solve(&rest)).sum()
    }

    /// `f(W)`: the loss with the ridge that makes it strictly convex.
    pub(super) fn smooth(&self, w: &Array2<f64>) -> f64 {
        self.loss.value(w) + 0.5 * self.eps * (w * w).sum()
    }
}

/// Shares of the tasks in the groups, for every task on the simplex, beside each other as [`Lanes`] have them.
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
            lanes.at_mut(0, t)[l] = share;
        }
        Self { shares: lanes, groups, features }
    }

    /// The shares, groups x tasks.
    pub(super) fn shares(&self) -> Array2<f64> {
        let m = self.shares.shape().1;
        Array2::from_shape_fn((self.groups, m), |(l, t)| self.shares.at(0, t)[l])
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
        Lanes::zeros((m.max(p), m.min(p)), self.groups)
    }

    /// Where entry `(task, feature)` is.
    #[inline]
    fn place(&self, t: usize, i: usize) -> (usize, usize) {
        if self.tasks_in_rows() { (t, i) } else { (i, t) }
    }

    /// `factor theta_l . W` for weights with a row a task, added.
    pub(super) fn add_scaled(&self, factor: f64, w: &Array2<f64>, to: &mut Lanes) {
        for ((t, i), &w) in w.indexed_iter() {
            let (row, column) = self.place(t, i);
            let size = factor * w;
            to.at_mut(row, column).iter_mut().zip(self.shares.at(0, t)).for_each(|(v, share)| *v += size * share);
        }
    }

    /// `factor theta_l . W`.
    pub(super) fn scaled(&self, factor: f64, w: &Array2<f64>) -> Lanes {
        let mut scaled = self.zeros();
        self.add_scaled(factor, w, &mut scaled);
        scaled
    }

    /// `sum_l theta_lt u_tl`, a row a task.
    pub(super) fn adjoint(&self, u: &Lanes) -> Array2<f64> {
        Array2::from_shape_fn((self.tasks(), self.features), |(t, i)| {
            let (row, column) = self.place(t, i);
            // Four sums, so that one addition need not wait for the last; widths are multiples of four.
            let mut sums = [0.0; 4];
            let (u, _) = u.at(row, column).as_chunks::<4>();
            let (shares, _) = self.shares.at(0, t).as_chunks::<4>();
            for (u, shares) in u.iter().zip(shares) {
                sums.iter_mut().zip(u).zip(shares).for_each(|((sum, u), share)| *sum += u * share);
            }
            sums.iter().sum()
        })
    }

    /// `<u_tl, z_t>`, groups beside each other for every task: `1 x tasks`.
    pub(super) fn inner(&self, u: &Lanes, z: &Array2<f64>) -> Lanes {
        let mut products = self.shares.like((1, self.tasks()));
        for ((t, i), &z) in z.indexed_iter() {
            let (row, column) = self.place(t, i);
            products.at_mut(0, t).iter_mut().zip(u.at(row, column)).for_each(|(sum, u)| *sum += u * z);
        }
        products
    }

    /// Matrices that lie beside each other, features x tasks each.
    pub(super) fn matrices(&self, u: &Lanes) -> Vec<Array2<f64>> {
        let entry = |l: usize, i: usize, t: usize| {
            let (row, column) = self.place(t, i);
            u.at(row, column)[l]
        };
        let matrix = |l| Array2::from_shape_fn((self.features, self.tasks()), |(i, t)| entry(l, i, t));
        (0..self.groups).map(matrix).collect()
    }

    /// The way back.
    pub(super) fn lanes(&self, matrices: &[Array2<f64>]) -> Lanes {
        let mut lanes = self.zeros();
        for (l, matrix) in matrices.iter().enumerate() {
            for ((i, t), &value) in matrix.indexed_iter() {
                let (row, column) = self.place(t, i);
                lanes.at_mut(row, column)[l] = value;
            }
        }
        lanes
    }

    /// What is beside each other, as groups x tasks.
    pub(super) fn apart(&self, products: &Lanes) -> Array2<f64> {
        Array2::from_shape_fn((self.groups, self.tasks()), |(l, t)| products.at(0, t)[l])
    }

    /// Squared lengths of the tasks' shares.
    pub(super) fn squares(&self) -> Array1<f64> {
        self.shares().mapv(|v| v * v).sum_axis(Axis(0))
    }
}
