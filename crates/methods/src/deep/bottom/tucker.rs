//! Shared-bottom whose hidden layers are a product of shared factors.

use mtl_nets::free::Tucker;
use mtl_nets::params::{Layout, Own};
use mtl_nets::penalty::Decay;
use serde::Deserialize;

use super::super::training::Added;
use super::setting::{Setting, fit_path, ids};
use super::{CLASSES, Options, top, with_options};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::SolverError;

/// Deep multi-task representation learning above a bottom, as the TOMATO paper compares it: `W_hidden`, stacked over tasks, is
/// a Tucker product `S x_1 U_1 x_2 U_2 x_3 U_3` over inputs, outputs and tasks. Biases and the output layer are the tasks' own.
/// `R = {S, U_1, U_2, U_3, W_output}`. `dmtrl` has the published form, where every hidden layer is such a product and tasks
/// share nothing else.
///
/// Shared-bottom is trained first, by its own `primary_*` options; the factors start at the truncated singular value
/// decompositions of its `W_hidden`, with the ranks that keep singular values above `accuracy` times the largest. All else
/// starts anew, unless `restore_bottom` keeps the bottom.
pub struct SharedBottomTucker;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    top: usize,
    accuracy: f64,
    restore_bottom: bool,
    primary_l2: f64,
    primary_rate: f64,
    primary_decay: f64,
    primary_decay_steps: f64,
    primary_epochs: usize,
}

impl Method for SharedBottomTucker {
    fn info() -> Info {
        Info {
            name: "shared-bottom-tucker",
            aliases: &[],
            family: Family::Deep,
            summary: "Shared-bottom whose hidden layers, stacked over tasks, are a Tucker product of low rank",
            objective: "mean_t loss_t + l2 sum_{W in S, U_1, U_2, U_3, output} ||W||_F^2, W_hidden = S x_1 U_1 x_2 U_2 x_3 U_3",
            targets: CLASSES,
            citation: "Yang and Hospedales (2017), Deep multi-task representation learning: a tensor factorisation approach, \
                       ICLR",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![
            top(),
            ParamSpec::share("accuracy", 0.1, "singular values up to this share of the largest are dropped"),
            ParamSpec::flag("restore_bottom", false, "keeps the bottom of the network that factors start from"),
            ParamSpec::number("primary_l2", 0.0, false, 0.0, "l2 of the network that factors start from"),
            ParamSpec::number("primary_rate", 0.0, true, 0.1, "its learning rate of the first step"),
            ParamSpec::number("primary_decay", 0.0, true, 0.9, "what primary_decay_steps steps multiply that with"),
            ParamSpec::number("primary_decay_steps", 0.0, true, 1000.0, "how many steps that takes"),
            ParamSpec::count("primary_epochs", 0, 100, "passes over the rows for it"),
        ])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, fit)
    }
}

fn fit(setting: &Setting<'_>, params: &Params) -> Result<Fitted, FitError> {
    let net = setting.shared_bottom(Own::Shared, Own::Task, params.top);
    let layout = net.layout().clone();
    let mut primary = setting.start(net.clone());
    let plan = setting.plan_of(&Options {
        rate: params.primary_rate,
        decay: params.primary_decay,
        decay_steps: params.primary_decay_steps,
        epochs: params.primary_epochs,
        ..setting.options.clone()
    });
    let mut added = Added::default();
    let decayed = ids(&layout, &["hidden", "output"]);
    setting.add(&mut added, params.primary_l2, |l2| Box::new(Decay::new(&layout, l2, &decayed)));
    setting.train_by(&mut primary, plan, added, setting.seed())?;

    let hidden = decayed[0];
    let ranks = Tucker::ranks(&layout, primary.params(), hidden, params.accuracy).ok_or(SolverError::NotFinite)?;
    let factors = Tucker::new(&layout, &[(hidden, ranks)]);
    let mut model = setting.start_composed(net, Box::new(factors.clone()), &setting.seed_of_start().stream("factors"));
    factors.factorise(primary.params(), model.free_mut()).ok_or(SolverError::NotFinite)?;
    if params.restore_bottom {
        for name in ["bottom", "bottom.bias"] {
            let place = |layout: &Layout| layout.find(name).map(|id| layout.place(id).range());
            if let (Some(from), Some(to)) = (place(&layout), place(model.layout())) {
                model.free_mut().shared[to].copy_from_slice(&primary.params().shared[from]);
            }
        }
    }
    model.refresh();

    let names = ["hidden.core", "hidden.inputs", "hidden.outputs", "hidden.tasks", "output"];
    let added = setting.decay(model.layout(), &names);
    let run = setting.train_by(&mut model, setting.plan(), added, &setting.seed().stream("factors"))?;
    let mut fitted = setting.fitted(&model, &run, Vec::new())?;
    fitted.traces.insert("ranks".into(), ranks.iter().map(|r| *r as f64).collect());
    Ok(fitted)
}
