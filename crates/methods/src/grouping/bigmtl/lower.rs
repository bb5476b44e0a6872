//! The lower-level problem on one split: the model of given groups, and how its dual is climbed.

use std::sync::Arc;

use mtl_core::Moments;
use ndarray::{Array1, Array2};

use super::lanes::Lanes;
use super::symmetric::Symmetric;
use super::theta::Theta;
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

    /// `b_t - sum_l theta_lt u_tl`, a row a task: what the weights that go with dual variables are solved from.
    pub(super) fn rest(&self, theta: &Theta, u: &Lanes) -> Array2<f64> {
        &self.loss.linear - &theta.adjoint(u)
    }

    /// Weights that go with dual variables: `w_t = D_t^{-1} (b_t - sum_l theta_lt u_tl)`.
    pub(super) fn weights(&self, theta: &Theta, u: &Lanes) -> Array2<f64> {
        self.solve(&self.rest(theta, u))
    }

    /// The dual objective, which no primal one is below.
    pub(super) fn dual(&self, theta: &Theta, u: &Lanes) -> f64 {
        let rest = self.rest(theta, u);
        self.loss.constant - 0.5 * (&rest * &self.solve(&rest)).sum()
    }

    /// `f(W)`: the loss with the ridge that makes it strictly convex.
    pub(super) fn smooth(&self, w: &Array2<f64>) -> f64 {
        self.loss.value(w) + 0.5 * self.eps * (w * w).sum()
    }
}

/// The upper-level objective as a function of what the lower level's weights are solved from: with `w_t = D_t^{-1} r_t`
/// it is a quadratic of `r_t`, so its value and the first step back need neither the weights nor the validation rows.
#[derive(Debug, Clone)]
pub(super) struct Upper {
    /// `D_t^{-1} H_t D_t^{-1}` with the curvature of the validation rows.
    curvature: Vec<Arc<Symmetric>>,
    /// `D_t^{-1} b_t` with their linear term.
    linear: Array2<f64>,
    /// In the weights, as it was given.
    pub(super) loss: Quadratics,
}

impl Upper {
    pub(super) fn new(lower: &Lower, loss: Quadratics) -> Self {
        let mut curvature: Vec<Arc<Symmetric>> = Vec::with_capacity(loss.curvature.len());
        for (t, (inverse, own)) in lower.inverse.iter().zip(&loss.curvature).enumerate() {
            let same = |s: &usize| Arc::ptr_eq(&lower.inverse[*s], inverse) && Arc::ptr_eq(&loss.curvature[*s], own);
            curvature.push(match (0..t).find(same) {
                Some(s) => Arc::clone(&curvature[s]),
                None => {
                    let inverse = inverse.to_full();
                    Arc::new(Symmetric::of(&inverse.dot(&own.to_full()).dot(&inverse)))
                }
            });
        }
        Self { curvature, linear: lower.solve(&loss.linear), loss }
    }

    /// The objective, and `D_t^{-1}` times its gradient in the weights, a row a task.
    pub(super) fn at(&self, rest: &Array2<f64>) -> (f64, Array2<f64>) {
        let slope = times(&self.curvature, rest) - &self.linear;
        (self.loss.constant + 0.5 * (rest * &(&slope - &self.linear)).sum(), slope)
    }
}
