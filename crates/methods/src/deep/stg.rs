//! Stochastic gates at the inputs of networks.

use mtl_nets::model::Start;
use mtl_nets::penalty::OpenGates;
use serde::Deserialize;

use super::training::{Added, Setting, fit_path};
use super::{Options, strength, with_options};
use crate::linear::EITHER;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// Standard deviation of the means that gates start from.
const START: f64 = 0.01;

/// The mean over tasks of `loss_t + lambda mean_d P(z_td > 0)` with inputs `x_d z_td`, `z_td = clamp(mu_td + 1/2 + sigma e,
/// 0, 1)` with standard normal `e`, drawn anew for each minibatch and zero when the network predicts.
///
/// The paper adds the probabilities up; the released program takes their mean, as is done here. Each task is by itself.
pub struct Stg;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    lambda: f64,
    sigma: f64,
}

impl Method for Stg {
    fn info() -> Info {
        Info {
            name: "stg",
            aliases: &["stochastic-gates"],
            family: Family::Deep,
            summary: "single-task networks that select features by stochastic gates",
            objective: "mean_t (E loss_t + lambda mean_d Phi((mu_td + 1/2) / sigma))",
            targets: EITHER,
            citation: "Yamada, Lindenbaum, Negahban and Kluger (2020), Feature selection using stochastic gates, ICML",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![
            strength("lambda", 0.1, "strength of the expected share of open gates"),
            ParamSpec::number("sigma", 0.0, true, 0.5, "standard deviation of the gates' noise"),
        ])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, fit)
    }
}

fn fit(setting: &Setting<'_>, options: &Options, params: &Params) -> Result<Fitted, FitError> {
    let design = setting.design(options, Some(params.sigma));
    let seed = &setting.context.seed;
    let mut model = setting.start(&design, seed);
    let mut added = Added::default();
    if let Some(gates) = design.gates {
        model.start(gates, Start::Normal(START), seed, setting.labels());
        // Each task's own objective is divided by their number, so its penalty is too.
        let share = params.lambda / setting.tasks as f64;
        added.penalties.push(Box::new(OpenGates::new(design.net.layout(), share, params.sigma, gates)));
    }
    let run = setting.train(&mut model, options, added, seed)?;
    setting.fitted(&model, &design, options, &run)
}
