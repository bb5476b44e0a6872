//! One linear model a task.

pub mod all_tasks;
pub mod caso;
mod composite;
pub mod constant;
pub(crate) mod elastic_net;
pub mod gbdsp;
mod gengl;
pub mod kmsv;
pub mod l21;
pub mod lasso;
pub mod metag;
pub mod mtw;
pub mod multi_level_lasso;
pub mod ols;
pub mod oracle_support;
pub mod rmtfl;
pub mod rmtl;
pub mod srml;
pub mod srmtl;
pub mod ssml;
pub mod ssmtl_m;
pub mod stl;
pub mod stl2;
pub mod trace_norm;

pub(crate) use composite::EITHER;
pub use gengl::{Decomposition, GenGlMethod, StrengthMax};

use std::collections::BTreeMap;

use mtl_core::recovery::fused_tasks;
use ndarray::Array2;

use crate::TASK_GROUP;
use crate::params::ParamSpec;

/// Tasks closer than this share of the median length of a weight vector count as fused (SSMTL spec 3.4: solutions
/// are numerical, exact ties are not to be expected).
const FUSED: f64 = 1e-2;

/// `intercept` of methods for which the data are centred.
fn by_centring() -> ParamSpec {
    ParamSpec::flag("intercept", true, "an intercept a task, by centring")
}

/// `intercept` of methods with either loss.
pub(crate) fn free_intercept() -> ParamSpec {
    ParamSpec::flag("intercept", true, "an unpenalised intercept a task")
}

/// Groups of tasks whose weights have been fused, from the sum of the components.
fn task_groups(components: &[(String, Array2<f64>)]) -> BTreeMap<String, Vec<usize>> {
    let Some(((_, first), rest)) = components.split_first() else { return BTreeMap::new() };
    let total = rest.iter().fold(first.clone(), |total, (_, w)| total + w);
    BTreeMap::from([(TASK_GROUP.into(), fused_tasks(&total, FUSED))])
}

/// 1 for a task whose column of the named component is not zero.
fn outliers(components: &[(String, Array2<f64>)], name: &str) -> BTreeMap<String, Vec<usize>> {
    let label = |w: &Array2<f64>| w.columns().into_iter().map(|c| usize::from(c.iter().any(|v| *v != 0.0))).collect();
    components.iter().filter(|(n, _)| n == name).map(|(_, w)| ("outlier".into(), label(w))).collect()
}
