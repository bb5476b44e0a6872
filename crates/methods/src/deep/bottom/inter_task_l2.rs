//! Shared-bottom whose tasks are pulled together.

use mtl_nets::params::Own;
use mtl_nets::penalty::Spread;
use serde::Deserialize;

use super::setting::{Setting, fit_path, ids};
use super::{CLASSES, STRENGTHS, strength, top, with_options};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// Shared-bottom and `mu sum_A sum_(s,t) ||A_s - A_t||^2` over weights and biases of both layers above the bottom and over
/// ordered pairs of tasks: each pair counts twice. `R = {W_hidden, W_output}`.
pub struct InterTaskL2;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    top: usize,
    mu: f64,
}

impl Method for InterTaskL2 {
    fn info() -> Info {
        Info {
            name: "inter-task-l2",
            aliases: &[],
            family: Family::Deep,
            summary: "Shared-bottom with a penalty on differences between tasks",
            objective: "mean_t loss_t + l2 sum_{W in hidden, output} ||W||_F^2 + mu sum_{A in hidden, output} sum_{s,t} ||A_s - A_t||^2",
            targets: CLASSES,
            citation: "Duong, Cohn, Bird and Cook (2015), Low resource dependency parsing: cross-lingual parameter sharing in a \
                       neural network parser, ACL",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![
            top(),
            strength("mu", 1e-3, STRENGTHS, "strength of the squared differences between tasks, each pair twice"),
        ])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, fit)
    }
}

fn fit(setting: &Setting<'_>, params: &Params) -> Result<Fitted, FitError> {
    let model = setting.start(setting.shared_bottom(Own::Shared, Own::Task, params.top));
    let layout = model.layout();
    let mut added = setting.decay(layout, &["hidden", "output"]);
    let tied = ids(layout, &["hidden", "hidden.bias", "output", "output.bias"]);
    setting.add(&mut added, params.mu, |mu| Box::new(Spread::new(layout, mu, &tied)));
    setting.fit(model, added)
}
