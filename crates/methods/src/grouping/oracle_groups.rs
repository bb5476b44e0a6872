//! What a method could reach that knew the groups.

use ndarray::Array2;

use super::{with_groups, within};
use crate::linear::EITHER;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// `min L(W, b) + lambda sum_g ||W_g||_{1,2}` over the true groups `g` of synthetic data.
pub struct OracleGroups;

impl Method for OracleGroups {
    fn info() -> Info {
        Info {
            name: "oracle-groups",
            aliases: &[],
            family: Family::Grouping,
            summary: "the same few features for the tasks of a group, with the true groups of synthetic data",
            objective: "L(W, b) + lambda sum_g ||W_g||_{1,2}, true groups g",
            targets: EITHER,
            citation: "Kshirsagar, Yang and Lozano (2017), Learning task structure via sparsity grouped multitask \
                       learning, ECML PKDD, equation 1",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        within::params()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        let Some(truth) = &problem.train.truth else {
            return Err(FitError::NotApplicable(
                "oracle-groups needs the true groups, which synthetic data have".into(),
            ));
        };
        let mut weights = Array2::zeros((problem.train.n_features(), problem.train.n_tasks()));
        let fit = |point: &ParamSet| {
            let fitted = within::fit(problem, &truth.groups, point.read(), &mut weights, context)?;
            Ok(with_groups(fitted, truth.groups.clone()))
        };
        path.iter().map(fit).collect()
    }
}
