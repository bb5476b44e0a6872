//! Multi-level task grouping: tasks are fused into groups, level by level.

use std::collections::BTreeMap;

use mtl_core::Target;
use ndarray::Array2;
use serde::Deserialize;

use super::gengl::{Decomposition, GenGlMethod};
use crate::method::{Family, Info};
use crate::params::ParamSpec;
use crate::penalty::Component;

/// `min L(sum_l W_l) + sum_{l=1..h} gamma phi^-l sum_{j<k} ||w_{l,j} - w_{l,k}||_2`.
///
/// All levels have the same seminorm, so the least of their strengths decides: any solution can be moved into that
/// level without cost, and the levels collapse to one (see `levels`). The published model does not say so.
pub struct MeTaG;

/// Hyperparameters of [`MeTaG`].
#[derive(Debug, Clone, Deserialize)]
pub struct Params {
    gamma: f64,
    phi: f64,
    h: u32,
    levels: Levels,
}

/// How the levels are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Levels {
    /// Solve for the one level of least strength; the others stay zero. Same optimum, exactly.
    Collapsed,
    /// Keep all levels as variables, as published.
    All,
}

impl GenGlMethod for MeTaG {
    type Params = Params;

    fn info() -> Info {
        Info {
            name: "metag",
            aliases: &[],
            family: Family::Linear,
            summary: "multi-level task grouping: fuses whole weight vectors of tasks, level by level",
            objective: "L(sum_l W_l) + sum_{l=1..h} gamma phi^-l sum_{j<k} ||w_{l,j} - w_{l,k}||_2",
            targets: &[Target::Regression],
            citation: "Han and Zhang (2015), Learning multi-level task groups in multi-task learning, AAAI",
            revision: 3,
        }
    }

    fn own_params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("gamma", "strength of the pairwise differences").walked(),
            ParamSpec::number("phi", 1.0, false, 2.0, "factor by which the strength falls from level to level"),
            ParamSpec::count("h", 1, 2, "number of levels"),
            ParamSpec::choice(
                "levels",
                &["collapsed", "all"],
                "collapsed: solve for the level of least strength, which has the same optimum; all: keep every level",
            ),
        ]
    }

    fn decomposition(params: &Params) -> Decomposition {
        let level = |l: u32| {
            let column_pairs = params.gamma * params.phi.powi(-(l as i32));
            (format!("W{l}"), Component { column_pairs, ..Component::default() })
        };
        match params.levels {
            Levels::Collapsed => vec![level(params.h)],
            Levels::All => (1..=params.h).map(level).collect(),
        }
    }

    fn memberships(components: &[(String, Array2<f64>)]) -> BTreeMap<String, Vec<usize>> {
        super::task_groups(components)
    }
}
