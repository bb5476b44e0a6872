//! One bottom for all tasks, layers of their own above it.

use mtl_nets::params::Own;
use serde::Deserialize;

use super::setting::{Setting, fit_path};
use super::{CLASSES, top, with_options};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// `f_t(x) = W_output,t' relu(W_hidden,t' z + b_hidden,t) + b_output,t` on one bottom `z(x)`; `R = {W_hidden, W_output}`.
pub struct SharedBottom;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    top: usize,
}

impl Method for SharedBottom {
    fn info() -> Info {
        Info {
            name: "shared-bottom",
            aliases: &[],
            family: Family::Deep,
            summary: "networks with one bottom layer for all tasks",
            objective: "mean_t loss_t + l2 sum_{W in hidden, output} ||W||_F^2",
            targets: CLASSES,
            citation: "Caruana (1997), Multitask learning, Machine Learning 28",
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
    let model = setting.start(setting.shared_bottom(Own::Shared, Own::Task, params.top));
    let added = setting.decay(model.layout(), &["hidden", "output"]);
    setting.fit(model, added)
}
