//! The weight of a task's loss.

use serde::{Deserialize, Serialize};

use crate::params::{ParamSpec, ParamValue};

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
    /// `sum_t 1/n_t ||y_t - X_t w_t||^2`.
    Mean,
}

impl LossScale {
    const CHOICES: &'static [&'static str] = &["half-sum", "half-mean", "mean-over-tasks", "sum", "mean"];

    /// The parameter `loss_scale` of a method that has this scale unless asked for another.
    pub fn param(self) -> ParamSpec {
        let spec = ParamSpec::choice("loss_scale", Self::CHOICES, "weight of the tasks' losses");
        spec.by_default(ParamValue::Choice(Self::CHOICES[self as usize].into()))
    }

    /// `c_t`, the factor on half the squared residuals, or on the logistic losses, of a task of `n` rows among `m`
    /// tasks.
    pub fn factor(self, n: usize, m: usize) -> f64 {
        match self {
            Self::HalfSum => 1.0,
            Self::HalfMean => 1.0 / n as f64,
            Self::MeanOverTasks => 1.0 / (n * m) as f64,
            Self::Sum => 2.0,
            Self::Mean => 2.0 / n as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scale_is_its_own_default() {
        use LossScale::{HalfMean, HalfSum, Mean, MeanOverTasks, Sum};
        for scale in [HalfSum, HalfMean, MeanOverTasks, Sum, Mean] {
            let name = serde_json::to_value(scale).unwrap();
            assert_eq!(name, serde_json::to_value(scale.param().default).unwrap());
        }
    }
}
