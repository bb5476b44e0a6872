//! Solvers for `L(W_1 + .. + W_h) + sum_l Omega_l(W_l)` with a squared loss and GenGL penalties, and for
//! `L(W) + q(W) + Omega(W)` with either loss, a quadratic and a penalty with a closed proximal operator.

mod accelerated;
mod admm;
pub(crate) mod anderson;
mod cascade;
mod certificate;
pub mod chain;
mod composite;
pub(crate) mod coordinate;
mod coupled;
mod fista;
mod malsar;
mod newton;
mod resolvent;
mod row_lasso;
mod spg;
mod split;

pub use accelerated::accelerated;
pub use admm::Admm;
pub use cascade::cascade;
pub use certificate::{Candidate, DualPoint, Gap, Pooled, best_gap, duality_gap, pool};
pub use composite::{Composite, Loss, LossPoint};
pub use coordinate::coordinate_descent;
pub use coupled::{Coupled, quadratic_minimum};
pub use fista::fista;
pub use malsar::{Malsar, Run, Sum, malsar};
pub use newton::newton;
pub use row_lasso::RowLasso;
pub use spg::{Momentum, Smoothing, Spg, Step, spg};
pub use split::Split;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::datafit::Squared;
use crate::linalg::NotFinite;
use crate::penalty::Component;

/// The convex problem all solvers of this module share.
#[derive(Debug, Clone)]
pub struct Objective<'a> {
    /// The loss of the sum of the components.
    pub loss: &'a Squared,
    /// One penalty a component.
    pub components: &'a [Component],
}

impl Objective<'_> {
    /// Loss, penalty and their sum at the given components.
    pub fn value(&self, w: &[Array2<f64>]) -> Value {
        let loss = self.loss.value(&sum(w));
        let penalty = self.penalty(w);
        Value { total: loss + penalty, loss, penalty }
    }

    /// The penalty alone.
    pub fn penalty(&self, w: &[Array2<f64>]) -> f64 {
        self.components.iter().zip(w).map(|(c, w)| c.value(w)).sum()
    }

    /// Components of zeros.
    pub fn zeros(&self) -> Vec<Array2<f64>> {
        vec![Array2::zeros((self.loss.n_features(), self.loss.n_tasks())); self.components.len()]
    }
}

/// An objective in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Value {
    /// Loss plus penalty.
    pub total: f64,
    /// The loss.
    pub loss: f64,
    /// The penalty.
    pub penalty: f64,
}

/// `W_1 + .. + W_h`.
pub fn sum(w: &[Array2<f64>]) -> Array2<f64> {
    let mut total = w[0].clone();
    for component in &w[1..] {
        total += component;
    }
    total
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopRule {
    /// The relative duality gap falls below the tolerance: the objective is certified.
    #[default]
    Certificate,
    /// The objective's relative change from one iteration to the next falls below the tolerance, as published.
    Change,
}

/// When to stop, and after how many iterations at the latest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopping {
    /// The quantity that is watched.
    pub rule: StopRule,
    /// The bound it has to fall below.
    pub tolerance: f64,
    /// Iterations after which the solver gives up.
    pub max_iterations: usize,
}

/// What a solver says about how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// The rule that was applied.
    pub rule: ResidualKind,
    /// Its value at the returned point.
    pub residual: f64,
    /// Iterations used.
    pub iterations: usize,
    /// Whether the residual is below the tolerance.
    pub converged: bool,
}

/// What a residual measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResidualKind {
    /// `(primal - dual) / primal`: the objective is at most this far, relatively, above the optimum.
    RelativeDualityGap,
    /// `|f_k - f_{k-1}| / |f_{k-1}|`, the rule of most published code. It bounds nothing.
    RelativeObjectiveChange,
    /// The solution is closed-form; the value is the largest entry of the gradient relative to that at zero.
    RelativeGradient,
    /// Sum of the singular values that are to vanish: how far the weights are from the rank asked for.
    SmallSingularValues,
    /// Largest violation of a coordinate's optimality condition, relative to the largest gradient at zero: 0 at points
    /// that no coordinate can leave downhill.
    Stationarity,
    /// How far the weights moved in the last iteration, as the published code measures it. It bounds nothing.
    WeightChange,
    /// Planned epochs that were not run. It says nothing about how good the fit is.
    EpochsLeft,
    /// Reported by another library.
    External,
}

impl ResidualKind {
    /// Name in reports and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::RelativeDualityGap => "relative-duality-gap",
            Self::RelativeObjectiveChange => "relative-objective-change",
            Self::RelativeGradient => "relative-gradient",
            Self::SmallSingularValues => "small-singular-values",
            Self::Stationarity => "stationarity",
            Self::WeightChange => "weight-change",
            Self::EpochsLeft => "epochs-left",
            Self::External => "external",
        }
    }
}

/// A solved problem.
#[derive(Debug, Clone)]
pub struct Solution {
    /// The components `W_1, .., W_h`.
    pub components: Vec<Array2<f64>>,
    /// Objective at the components.
    pub value: Value,
    /// How the solver ended.
    pub convergence: Convergence,
    /// Objective at every check, in order.
    pub trace: Vec<f64>,
    /// The dual variables the solver ended with.
    pub dual: DualPoint,
}

/// Why a solver stopped without an answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SolverError {
    /// The data or the iterates stopped being finite.
    #[error("the iterates became non-finite (a hyperparameter or the data may be out of scale)")]
    NotFinite,
    /// The time allowed for the fit is over.
    #[error("out of time")]
    OutOfTime,
    /// The run was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl From<NotFinite> for SolverError {
    fn from(_: NotFinite) -> Self {
        Self::NotFinite
    }
}
