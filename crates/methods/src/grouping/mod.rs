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
