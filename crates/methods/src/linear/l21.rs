//! Group lasso over features: all tasks use the same few features.

use mtl_core::Target;
use ndarray::Array2;
use serde::Deserialize;

use super::gengl::{Decomposition, GenGlMethod, StrengthMax};
use crate::method::{Family, Info};
use crate::params::ParamSpec;
use crate::penalty::Component;

/// `min L + gamma sum_i ||W_i:||_2`.
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
            targets: &[Target::Regression],
            citation: "Obozinski, Taskar and Jordan (2006), Multi-task feature selection; Yuan and Lin (2006), JRSS B 68(1)",
            revision: 2,
        }
    }

    fn own_params() -> Vec<ParamSpec> {
        vec![ParamSpec::strength("gamma", "strength of the row norms").walked()]
    }

    fn decomposition(params: &Params) -> Decomposition {
        vec![("W".into(), Component { rows: params.gamma, ..Component::default() })]
    }

    fn strength_max() -> Option<StrengthMax> {
        let of = |gradient: &Array2<f64>| gradient.rows().into_iter().fold(0.0_f64, |max, r| max.max(r.dot(&r).sqrt()));
        Some(StrengthMax { parameter: "gamma", of })
    }
}
