//! Group lasso over features: all tasks use the same few features.

use ndarray::Array2;
use serde::Deserialize;

use super::composite;
use super::gengl::{self, Decomposition, GenGlMethod, StrengthMax};
use crate::method::{Family, Info};
use crate::params::ParamSpec;
use crate::penalty::Component;

/// `min L + gamma sum_i ||W_i:||_2 + ridge ||W||_F^2`, with squared loss for real targets and logistic loss for labels.
pub struct L21;

/// Hyperparameters of [`L21`].
#[derive(Debug, Clone, Deserialize)]
pub struct Params {
    gamma: f64,
}

impl GenGlMethod for L21 {
    type Params = Params;

    fn info() -> Info {
        Info {
            name: "l21",
            aliases: &["group-lasso", "gl"],
            family: Family::Linear,
            summary: "group lasso over features: all tasks use the same few features",
            objective: "L + gamma sum_i ||W_i:||_2",
            targets: composite::EITHER,
            citation: "Obozinski, Taskar and Jordan (2006), Multi-task feature selection; Yuan and Lin (2006), JRSS B 68(1)",
            revision: 3,
        }
    }

    fn own_params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("gamma", "strength of the row norms").walked(),
            gengl::ridge_param(),
            composite::intercept_param(),
        ]
    }

    fn decomposition(params: &Params) -> Decomposition {
        vec![("W".into(), Component { rows: params.gamma, ..Component::default() })]
    }

    fn strength_max() -> Option<StrengthMax> {
        let of = |gradient: &Array2<f64>| gradient.rows().into_iter().fold(0.0_f64, |max, r| max.max(r.dot(&r).sqrt()));
        Some(StrengthMax { parameter: "gamma", of })
    }
}
