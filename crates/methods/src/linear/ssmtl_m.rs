//! Structured sparse multi-task learning, the linear member of the family.

use std::collections::BTreeMap;

use mtl_core::Target;
use ndarray::Array2;
use serde::Deserialize;

use super::gengl::{Decomposition, GenGlMethod};
use crate::method::{Family, Info};
use crate::params::ParamSpec;
use crate::penalty::Component;

/// `W = sum_{l=1..h} W_l`, each component with vector-wise and element-wise selection and clustering, whose strengths
/// run in opposite directions over `l` (SSMTL, Table 1 and eq. 10):
///
/// * task clustering of whole vectors, `gamma1 phi^-l sum_{j<k} ||w_{l,j} - w_{l,k}||_2`
/// * feature selection of whole rows, `gamma2 phi^+l ||W_l||_{2,1}`
/// * task clustering entry by entry, `gamma1 phi^+l sum_i sum_{j<k} |w_{l,ij} - w_{l,ik}|`
/// * selection of entries, `gamma2 phi^-l ||W_l||_1`
///
/// The paper prints the third term squared; a GenGL norm of a scalar is its absolute value, which is used here.
pub struct SsmtlM;

/// Hyperparameters of [`SsmtlM`].
#[derive(Debug, Clone, Deserialize)]
pub struct Params {
    gamma1: f64,
    gamma2: f64,
    phi: f64,
    h: u32,
}

impl GenGlMethod for SsmtlM {
    type Params = Params;

    fn info() -> Info {
        Info {
            name: "ssmtl-m",
            aliases: &["ssmtl_m"],
            family: Family::Linear,
            summary: "structured sparse MTL: components from vector-wise clustering to row-wise selection",
            objective: "L(sum_l W_l) + sum_{l=1..h} (gamma1 phi^-l sum_{j<k} ||w_{l,j} - w_{l,k}||_2 \
                        + gamma2 phi^l sum_i ||W_{l,i:}||_2 + gamma1 phi^l sum_i sum_{j<k} |w_{l,ij} - w_{l,ik}| \
                        + gamma2 phi^-l ||W_l||_1)",
            targets: &[Target::Regression],
            citation: "Fei, Sun, Kudo and Kimura (2023), Structured sparse multi-task learning with generalized group \
                       lasso, ECAI",
            revision: 1,
        }
    }

    fn own_params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("gamma1", "task-level strength: clustering of vectors and entries"),
            ParamSpec::strength("gamma2", "feature-level strength: selection of rows and entries").walked(),
            ParamSpec::number("phi", 1.0, false, 2.0, "factor between the strengths of neighbouring components")
                .over(&[2.0, 5.0, 10.0, 50.0]),
            ParamSpec::count("h", 1, 2, "number of components"),
        ]
    }

    fn decomposition(params: &Params) -> Decomposition {
        let component = |l: u32| {
            let (down, up) = (params.phi.powi(-(l as i32)), params.phi.powi(l as i32));
            let component = Component {
                column_pairs: params.gamma1 * down,
                rows: params.gamma2 * up,
                entry_pairs: params.gamma1 * up,
                entries: params.gamma2 * down,
                columns: 0.0,
            };
            (format!("W{l}"), component)
        };
        (1..=params.h).map(component).collect()
    }

    fn memberships(components: &[(String, Array2<f64>)]) -> BTreeMap<String, Vec<usize>> {
        super::task_groups(components)
    }
}
