//! Linear models with groups of tasks, learned or known.

pub mod bigmtl;
pub mod clus_mtl;
pub mod go_mtl;
pub mod kang;
pub mod kmeans;
pub mod membership;
pub mod oracle_groups;
pub mod sg_mtl;
mod within;

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView1, Axis};

use crate::method::{FitError, Fitted, TASK_GROUP};
use crate::params::ParamSpec;

/// Groups if nobody says how many.
const GROUPS: u64 = 2;

/// `n_groups`, which every method of this family calls so.
fn n_groups_param(doc: &'static str) -> ParamSpec {
    ParamSpec::count("n_groups", 1, GROUPS, doc)
}

/// Each of `m` tasks can have a group of its own, and no group is empty.
fn check_groups(n_groups: usize, m: usize) -> Result<(), FitError> {
    let message = format!("n_groups = {n_groups}, but there are {m} tasks and no group may be empty");
    if n_groups > m { Err(FitError::NotApplicable(message)) } else { Ok(()) }
}

/// The fit with what it says about the tasks.
fn with_groups(fitted: Fitted, groups: Vec<usize>) -> Fitted {
    Fitted { memberships: BTreeMap::from([(TASK_GROUP.into(), groups)]), ..fitted }
}

/// The group with the largest share of every task (shares groups x tasks), the first of several.
fn strongest_of(shares: &Array2<f64>) -> Vec<usize> {
    let strongest = |shares: ArrayView1<'_, f64>| {
        shares.iter().enumerate().fold(0, |best, (g, q)| if *q > shares[best] { g } else { best })
    };
    shares.axis_iter(Axis(1)).map(strongest).collect()
}
