//! Robust multi-task learning: a low-rank part that the tasks share plus tasks that stand apart.

use std::collections::BTreeMap;

use mtl_core::Target;
use ndarray::Array2;
use serde::Deserialize;

use super::gengl::{Decomposition, GenGlMethod};
use crate::datafit::LossScale;
use crate::method::{Family, Info};
use crate::params::ParamSpec;
use crate::penalty::Component;

/// `min 2 L(Lr + S) + rho1 ||Lr||_* + rho2 sum_t ||S_:t||_2`, where `2 L` is the sum of squared residuals.
///
/// That factor is the code's: the header of MALSAR's `Least_RMTL` says 1/2. Hence the default `loss_scale=sum`.
pub struct Rmtl;

/// Hyperparameters of [`Rmtl`].
#[derive(Debug, Clone, Deserialize)]
pub struct Params {
    rho1: f64,
    rho2: f64,
}

impl GenGlMethod for Rmtl {
    type Params = Params;

    fn info() -> Info {
        Info {
            name: "rmtl",
            aliases: &["robust-mtl"],
            family: Family::Linear,
            summary: "robust multi-task learning: a low-rank part (L) plus tasks that stand apart (S)",
            objective: "2 L(Lr + S) + rho1 ||Lr||_* + rho2 sum_t ||S_:t||_2",
            targets: &[Target::Regression],
            citation: "Chen, Zhou and Ye (2011), Integrating low-rank and group-sparse structures for robust \
                       multi-task learning, KDD",
            revision: 3,
        }
    }

    fn own_params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("rho1", "strength of the singular values of L: what the tasks share").walked(),
            ParamSpec::strength("rho2", "strength of the columns of S: tasks that stand apart"),
        ]
    }

    fn decomposition(params: &Params) -> Decomposition {
        vec![
            ("L".into(), Component { nuclear: params.rho1, ..Component::default() }),
            ("S".into(), Component { columns: params.rho2, ..Component::default() }),
        ]
    }

    fn loss_scale() -> LossScale {
        LossScale::Sum
    }

    /// 1 for a task whose column of S is not zero.
    fn memberships(components: &[(String, Array2<f64>)]) -> BTreeMap<String, Vec<usize>> {
        super::outliers(components, "S")
    }
}
