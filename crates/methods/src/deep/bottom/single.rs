//! One network for all tasks.

use mtl_nets::params::Own;
use serde::Deserialize;

use super::setting::{Setting, fit_path};
use super::{CLASSES, PAPER, top, with_options};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// Shared-bottom whose upper layers are the same for all tasks, too: which task a row is of does not matter but for its weight.
/// `R = {W_hidden, W_output}`; in the released program `l2` is without effect here, which is `l2=0`.
pub struct Single;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    top: usize,
}

impl Method for Single {
    fn info() -> Info {
        Info {
            name: "single",
            aliases: &[],
            family: Family::Deep,
            summary: "one network for all tasks",
            objective: "mean_t loss_t + l2 sum_{W in hidden, output} ||W||_F^2, one W for all tasks",
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
    let model = setting.start(setting.shared_bottom(Own::Shared, Own::Shared, params.top));
    let added = setting.decay(model.layout(), &["hidden", "output"]);
    setting.fit(model, added)
}
