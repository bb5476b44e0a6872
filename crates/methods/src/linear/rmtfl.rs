//! Robust multi-task feature learning: shared features plus outlier tasks.

use std::collections::BTreeMap;

use mtl_core::Target;
use ndarray::Array2;
use serde::Deserialize;

use super::gengl::{Decomposition, GenGlMethod};
use crate::method::{Family, Info};
use crate::params::ParamSpec;
use crate::penalty::Component;

/// `min L(P + Q) + gamma1 ||P||_{2,1} + gamma2 ||Q'||_{2,1}`.
pub struct RMtfl;

/// Hyperparameters of [`RMtfl`].
#[derive(Debug, Clone, Deserialize)]
pub struct Params {
    gamma1: f64,
    gamma2: f64,
}

impl GenGlMethod for RMtfl {
    type Params = Params;

    fn info() -> Info {
        Info {
            name: "rmtfl",
            aliases: &["robust-mtfl"],
            family: Family::Linear,
            summary: "robust multi-task feature learning: shared features (P) plus outlier tasks (Q)",
            objective: "L(P + Q) + gamma1 sum_i ||P_i:||_2 + gamma2 sum_t ||Q_:t||_2",
            targets: &[Target::Regression],
            citation: "Gong, Ye and Zhang (2012), Robust multi-task feature learning, KDD",
            revision: 3,
        }
    }

    fn own_params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("gamma1", "strength of the rows of P: features shared by all tasks"),
            ParamSpec::strength("gamma2", "strength of the columns of Q: tasks that stand apart").walked(),
        ]
    }

    fn decomposition(params: &Params) -> Decomposition {
        vec![
            ("P".into(), Component { rows: params.gamma1, ..Component::default() }),
            ("Q".into(), Component { columns: params.gamma2, ..Component::default() }),
        ]
    }

    /// 1 for a task whose column of Q is not zero.
    fn memberships(components: &[(String, Array2<f64>)]) -> BTreeMap<String, Vec<usize>> {
        super::outliers(components, "Q")
    }
}
