//! Which task belongs to which group, for weights that are known.
//!
//! `W` has a row a feature and a column a task. Shares `U` (groups x tasks) are not negative and every column sums to
//! 1; where every column has a single 1 they are hard, and written as one group number a task. A [`Regulariser`] says
//! what `W` costs under `U`; an [`Assignment`] is the problem of finding the `U` of least cost:
//!
//! - [`Assignment::descend`]: projected gradient from one start,
//! - [`Assignment::round`], [`Assignment::improve`]: to hard groups, and moves and swaps of tasks between these,
//! - [`Assignment::search`]: the best of many random starts, as figure 4 of the paper is drawn,
//! - [`Assignment::exhaustive`]: the least cost over all hard groups of few tasks, for the paper's propositions.
//!
//! Kshirsagar, Yang and Lozano (2017), Learning task structure via sparsity grouped multitask learning, ECML PKDD.

mod descent;
mod exhaustive;
mod hard;
mod regulariser;
mod search;
mod simplex;

pub use descent::{Descent, Relaxed};
pub use exhaustive::{EXHAUSTIBLE, Exhaustive};
pub use hard::Rounding;
pub use regulariser::Regulariser;
pub use search::{End, Found, Restarts, random_shares};
pub use simplex::project;

use ndarray::{Array2, ArrayView1};

/// `min_U R(W, U)` over the shares `U` of tasks in groups, for known weights.
#[derive(Debug, Clone)]
pub struct Assignment {
    regulariser: Regulariser,
    /// `w_jt^2`, one list a feature that any task uses.
    rows: Vec<Vec<f64>>,
    /// The same, one list a task.
    tasks: Vec<Vec<f64>>,
    /// `||w_t||_1`.
    lengths: Vec<f64>,
    /// Row norms below this count as this in gradients.
    floor: f64,
}

/// Row norms are kept from zero in gradients by this share of the largest row of `W`.
const FLOOR: f64 = 1e-10;

impl Assignment {
    /// The problem for weights (features x tasks) and a regulariser, which knows the number of groups.
    pub fn new(weights: &Array2<f64>, regulariser: Regulariser) -> Self {
        let squares = |v: ArrayView1<'_, f64>| v.iter().map(|w| w * w).collect::<Vec<f64>>();
        // Features that no task uses cost nothing under any shares.
        let used = weights.rows().into_iter().filter(|row| row.iter().any(|w| *w != 0.0));
        let rows: Vec<Vec<f64>> = used.map(squares).collect();
        let tasks = (0..weights.ncols()).map(|t| rows.iter().map(|row| row[t]).collect()).collect();
        let lengths = weights.columns().into_iter().map(|w| w.iter().map(|v| v.abs()).sum()).collect();
        let largest = rows.iter().map(|row| row.iter().sum::<f64>()).fold(0.0, f64::max);
        Self { regulariser, rows, tasks, lengths, floor: FLOOR * f64::sqrt(largest) }
    }

    /// What is minimised.
    pub fn regulariser(&self) -> &Regulariser {
        &self.regulariser
    }

    /// Number of groups `N`.
    pub fn n_groups(&self) -> usize {
        self.regulariser.n_groups()
    }

    /// Number of tasks `m`.
    pub fn n_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Shares (groups x tasks) of hard groups, one group a task.
    pub fn shares_of(&self, groups: &[usize]) -> Array2<f64> {
        Array2::from_shape_fn((self.n_groups(), groups.len()), |(g, t)| f64::from(u8::from(groups[t] == g)))
    }
}
