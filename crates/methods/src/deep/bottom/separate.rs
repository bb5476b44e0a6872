//! Each task its own network, trained together on pooled minibatches.

use mtl_nets::params::Own;
use serde::Deserialize;

use super::setting::{Setting, fit_path};
use super::{CLASSES, PAPER, top, with_options};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// `relu` layers and outputs of each task's own, the bottom too; `R = {W_hidden, W_output}`. A task's parameters get gradients
/// from its rows alone, but by their weight in minibatches that all tasks share.
pub struct Separate;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    top: usize,
}

impl Method for Separate {
    fn info() -> Info {
        Info {
            name: "separate",
            aliases: &[],
            family: Family::Deep,
            summary: "networks of each task's own, on minibatches of all tasks",
            objective: "mean_t loss_t + l2 sum_{W in hidden, output} ||W||_F^2",
            targets: CLASSES,
            citation: PAPER,
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![top()])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, fit)
    }
}

fn fit(setting: &Setting<'_>, params: &Params) -> Result<Fitted, FitError> {
    let model = setting.start(setting.shared_bottom(Own::Task, Own::Task, params.top));
    let added = setting.decay(model.layout(), &["hidden", "output"]);
    setting.fit(model, added)
}
