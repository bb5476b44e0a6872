//! The weight of a task's loss.

use serde::{Deserialize, Serialize};

/// How the losses of the tasks are weighted. Papers differ, and a penalty's strength means nothing without it. Written
/// for the squared loss; the logistic loss of a row takes the place of half its squared residual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossScale {
    /// `1/2 sum_t ||y_t - X_t w_t||^2`.
    #[default]
    HalfSum,
    /// `sum_t 1/(2 n_t) ||y_t - X_t w_t||^2`.
    HalfMean,
    /// `sum_t 1/(2 m n_t) ||y_t - X_t w_t||^2`.
    MeanOverTasks,
    /// `sum_t ||y_t - X_t w_t||^2`.
    Sum,
}

impl LossScale {
    /// The names, for parameter schemas.
    pub const CHOICES: &'static [&'static str] = &["half-sum", "half-mean", "mean-over-tasks", "sum"];

    /// `c_t`, the factor on half the squared residuals, or on the logistic losses, of a task of `n` rows among `m`
    /// tasks.
    pub fn factor(self, n: usize, m: usize) -> f64 {
        match self {
            Self::HalfSum => 1.0,
            Self::HalfMean => 1.0 / n as f64,
            Self::MeanOverTasks => 1.0 / (n * m) as f64,
            Self::Sum => 2.0,
        }
    }
}
