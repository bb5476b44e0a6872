//! The generalized group lasso as an algebra of operators: the reference every group penalty is tested against.
//!
//! A partition of each mode of a weight array (features and tasks, or the two sides of a layer and tasks) gives a
//! set of operators per mode; a penalty is the sum of the lengths of all `(pi_N kron .. kron pi_1) vec(W)`
//! (SSMTL, sections 4.1-4.2). The operators are written out as matrices here, which is exact and slow.

mod name;

pub use name::{Level, name};

use ndarray::linalg::kron;
use ndarray::{Array1, Array2, ArrayD};
use serde::Serialize;

/// How one mode of length `q` is cut into groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Partition {
    /// `P_C`, one block: the operator is the identity.
    Coarsest,
    /// `P_F`, singletons: one operator `e_j'` an index.
    Finest,
    /// `P_F2`, pairs of singletons `j < k`: one operator `(e_j - e_k)'` a pair.
    Pairs,
}

impl Partition {
    /// The operators for a mode of length `q`, each a matrix with `q` columns.
    pub fn operators(self, q: usize) -> Vec<Array2<f64>> {
        let row = |entries: &[(usize, f64)]| {
            let mut operator = Array2::zeros((1, q));
            entries.iter().for_each(|&(j, v)| operator[[0, j]] = v);
            operator
        };
        match self {
            Self::Coarsest => vec![Array2::eye(q)],
            Self::Finest => (0..q).map(|j| row(&[(j, 1.0)])).collect(),
            Self::Pairs => {
                (0..q).flat_map(|j| (j + 1..q).map(move |k| (j, k))).map(|(j, k)| row(&[(j, 1.0), (k, -1.0)])).collect()
            }
        }
    }

    /// The letter used in SSMTL's tables.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Coarsest => "P_C",
            Self::Finest => "P_F",
            Self::Pairs => "P_F²",
        }
    }
}

/// A GenGL seminorm of an array with one partition a mode; the last mode is the tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GenGl {
    /// Partition of each mode, first mode first.
    pub modes: Vec<Partition>,
}

impl GenGl {
    /// The seminorm of the given partitions.
    pub fn new(modes: impl Into<Vec<Partition>>) -> Self {
        Self { modes: modes.into() }
    }

    /// Every group's operator on `vec(W)`, `pi_N kron .. kron pi_1`.
    pub fn operators(&self, shape: &[usize]) -> Vec<Array2<f64>> {
        let mut all = vec![Array2::eye(1)];
        for (mode, &q) in self.modes.iter().zip(shape) {
            let own = mode.operators(q);
            // The group index of the first mode runs fastest, like the entries of vec(W).
            all = own.iter().flat_map(|next| all.iter().map(move |inner| kron(next, inner))).collect();
        }
        all
    }

    /// All operators stacked: the matrix `D`.
    pub fn stacked(&self, shape: &[usize]) -> Array2<f64> {
        let operators = self.operators(shape);
        let views: Vec<_> = operators.iter().map(Array2::view).collect();
        ndarray::concatenate(ndarray::Axis(0), &views).unwrap_or_else(|_| Array2::zeros((0, shape.iter().product())))
    }

    /// `sum_g ||D_g vec(W)||_2`.
    pub fn value(&self, w: &ArrayD<f64>) -> f64 {
        let v = vec(w);
        self.operators(w.shape()).iter().map(|d| length(&d.dot(&v))).sum()
    }

    /// Smoothed value and gradient (as a vector in the order of [`vec()`]) of `strength` times the seminorm.
    pub fn smoothed(&self, w: &ArrayD<f64>, strength: f64, mu: f64) -> (f64, Array1<f64>) {
        let v = vec(w);
        let mut value = 0.0;
        let mut gradient = Array1::zeros(v.len());
        for d in self.operators(w.shape()) {
            let u = d.dot(&v) * strength;
            let b = project_to_ball(&(&u / mu));
            value += b.dot(&u) - mu / 2.0 * b.dot(&b);
            gradient += &(d.t().dot(&b) * strength);
        }
        (value, gradient)
    }
}

/// `v / max(1, ||v||)`, the projection on the unit ball.
pub fn project_to_ball(v: &Array1<f64>) -> Array1<f64> {
    v / length(v).max(1.0)
}

/// `vec` of the mode-1 unfolding: the first index runs fastest.
pub fn vec(w: &ArrayD<f64>) -> Array1<f64> {
    w.t().iter().copied().collect()
}

fn length(v: &Array1<f64>) -> f64 {
    v.dot(v).sqrt()
}
