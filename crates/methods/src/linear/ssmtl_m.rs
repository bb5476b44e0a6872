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
///
/// `terms` leaves half of the terms out (the ablations of Fig. 3). `exponents=demo` is the authors' demo program: `l`
/// counts from 0, `gamma1` belongs to both vector terms with `phi^+l`, `gamma2` to both element terms with `phi^-l`. A
/// misspelt name makes its clustering terms vanish, so what it runs is that with `terms=feature-level`.
pub struct SsmtlM;

/// Hyperparameters of [`SsmtlM`].
#[derive(Debug, Clone, Deserialize)]
pub struct Params {
    gamma1: f64,
    gamma2: f64,
    phi: f64,
    h: u32,
    terms: Terms,
    exponents: Exponents,
}

/// Which of the four terms there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Terms {
    All,
    FeatureLevel,
    TaskLevel,
    VectorWise,
    ElementWise,
}

impl Terms {
    const CHOICES: &'static [&'static str] = &["all", "feature-level", "task-level", "vector-wise", "element-wise"];
}

/// How strengths depend on the component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Exponents {
    /// As in Table 1.
    Paper,
    /// As in the demo program.
    Demo,
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
            revision: 3,
        }
    }

    fn own_params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("gamma1", "task-level strength: clustering of vectors and entries"),
            ParamSpec::strength("gamma2", "feature-level strength: selection of rows and entries").walked(),
            ParamSpec::number("phi", 1.0, false, 2.0, "factor between the strengths of neighbouring components")
                .over(&[2.0, 5.0, 10.0, 50.0]),
            ParamSpec::count("h", 1, 2, "number of components"),
            ParamSpec::choice("terms", Terms::CHOICES, "all four terms, or half of them, as in the paper's ablations"),
            ParamSpec::choice(
                "exponents",
                &["paper", "demo"],
                "paper: strengths by term and component as in Table 1; demo: as in the authors' program",
            ),
        ]
    }

    fn decomposition(params: &Params) -> Decomposition {
        let component = |l: u32| {
            let power = |l: u32| (params.phi.powi(-(l as i32)), params.phi.powi(l as i32));
            let whole = match params.exponents {
                Exponents::Paper => {
                    let (down, up) = power(l);
                    Component {
                        column_pairs: params.gamma1 * down,
                        rows: params.gamma2 * up,
                        entry_pairs: params.gamma1 * up,
                        entries: params.gamma2 * down,
                        ..Component::default()
                    }
                }
                Exponents::Demo => {
                    let (down, up) = power(l - 1);
                    Component {
                        column_pairs: params.gamma1 * up,
                        rows: params.gamma1 * up,
                        entry_pairs: params.gamma2 * down,
                        entries: params.gamma2 * down,
                        ..Component::default()
                    }
                }
            };
            let component = match params.terms {
                Terms::All => whole,
                Terms::FeatureLevel => Component { column_pairs: 0.0, entry_pairs: 0.0, ..whole },
                Terms::TaskLevel => Component { rows: 0.0, entries: 0.0, ..whole },
                Terms::VectorWise => Component { entry_pairs: 0.0, entries: 0.0, ..whole },
                Terms::ElementWise => Component { column_pairs: 0.0, rows: 0.0, ..whole },
            };
            (format!("W{l}"), component)
        };
        (1..=params.h).map(component).collect()
    }

    fn memberships(components: &[(String, Array2<f64>)]) -> BTreeMap<String, Vec<usize>> {
        super::task_groups(components)
    }
}
