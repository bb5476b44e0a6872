//! Trace norm: the tasks' weights span few directions.

use serde::Deserialize;

use super::composite;
use super::gengl::{self, Decomposition, GenGlMethod, StrengthMax};
use crate::method::{Family, Info};
use crate::params::ParamSpec;
use crate::penalty::{Component, spectral_norm};

/// `min L + lambda ||W||_* + ridge ||W||_F^2`, with squared loss for real targets and logistic loss for labels.
pub struct TraceNorm;

/// Hyperparameters of [`TraceNorm`].
#[derive(Debug, Clone, Deserialize)]
pub struct Params {
    lambda: f64,
}

impl GenGlMethod for TraceNorm {
    type Params = Params;

    fn info() -> Info {
        Info {
            name: "trace-norm",
            aliases: &["trace", "low-rank"],
            family: Family::Linear,
            summary: "trace norm: the tasks' weights lie in a space of few dimensions",
            objective: "L + lambda ||W||_*",
            targets: composite::EITHER,
            citation: "Ji and Ye (2009), An accelerated gradient method for trace norm minimization, ICML; in MALSAR \
                       as Least_Trace and Logistic_Trace",
            revision: 3,
        }
    }

    fn own_params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("lambda", "strength of the sum of singular values").walked(),
            gengl::ridge_param(),
            composite::intercept_param(),
        ]
    }

    fn decomposition(params: &Params) -> Decomposition {
        vec![("W".into(), Component { nuclear: params.lambda, ..Component::default() })]
    }

    fn strength_max() -> Option<StrengthMax> {
        Some(StrengthMax { parameter: "lambda", of: spectral_norm })
    }
}
