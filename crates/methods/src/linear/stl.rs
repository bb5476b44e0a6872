//! Single-task learning: an elastic net a task.

use super::composite::EITHER;
use super::elastic_net::{self, Options, Path};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// `min sum_t loss_t(w_t, b_t) + lambda (alpha ||w_t||_1 + (1 - alpha)/2 ||w_t||^2)` with `loss_t = 1/(2 n_t) ||y_t -
/// b_t - X_t w_t||^2` for real targets and `1/n_t sum_i log(1 + exp(-y_ti f_ti))` for labels: the conventions of
/// MATLAB's `lasso` and `lassoglm`, which the code of SG-MTL calls.
///
/// Features are standardised inside (mean 0, population standard deviation 1, per task), weights given back for the
/// features as they are. The objective is in terms of the standardised features.
pub struct Stl;

impl Method for Stl {
    fn info() -> Info {
        Info {
            name: "stl",
            aliases: &["elastic-net"],
            family: Family::Linear,
            summary: "single-task learning: an elastic net a task, features standardised inside",
            objective: "sum_t 1/(2 n_t) ||y_t - b_t - X_t w_t||^2 + lambda (alpha ||w_t||_1 + (1 - alpha)/2 ||w_t||^2)",
            targets: EITHER,
            citation: "Zou and Hastie (2005), Regularization and variable selection via the elastic net, JRSS B 67(2)",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        elastic_net::params()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        let mut nets = Path::new(&problem.train);
        path.iter().map(|point| nets.fit(&point.read::<Options>(), context)).collect()
    }
}
