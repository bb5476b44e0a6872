//! Deep multi-task representation learning: layers of all tasks as products of shared factors.

use mtl_nets::free::{Reparametrisation, Tucker};
use mtl_nets::model::Model as Trained;
use mtl_nets::params::ParamId;
use serde::Deserialize;

use super::training::{Added, Setting, fit_path};
use super::{Kept, Options, with_options};
use crate::linear::EITHER;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::SolverError;

/// The mean over tasks of `loss_t` with every hidden layer, stacked over tasks, a Tucker product `S_l x_1 U_l x_2 V_l x_3
/// T_l` over inputs, outputs and tasks. No penalty: what tasks have in common is a matter of the ranks. Biases and the output
/// layer are the tasks' own.
///
/// Single networks are trained first, for `single_epochs`; the factors start at their truncated higher-order singular value
/// decomposition, with the ranks that keep singular values above `accuracy` times the largest, and are then trained
/// themselves. At `accuracy=0` they start at the very networks.
pub struct Dmtrl;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    accuracy: f64,
    single_epochs: usize,
}

impl Method for Dmtrl {
    fn info() -> Info {
        Info {
            name: "dmtrl",
            aliases: &["dmtrl-tucker"],
            family: Family::Deep,
            summary: "networks whose hidden layers, stacked over tasks, are Tucker products of low rank",
            objective: "mean_t loss_t, W_l = S_l x_1 U_l x_2 V_l x_3 T_l for every hidden layer",
            targets: EITHER,
            citation: "Yang and Hospedales (2017), Deep multi-task representation learning: a tensor factorisation approach, \
                       ICLR",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let accuracy = ParamSpec::share("accuracy", 0.1, "singular values up to this share of the largest are dropped");
        with_options(vec![
            ParamSpec { strength: true, ..accuracy.over(&[0.05, 0.1, 0.2, 0.3]) },
            ParamSpec::count(
                "single_epochs",
                0,
                20,
                "passes over the rows of the single networks that factors start from",
            ),
        ])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, fit)
    }
}

fn fit(setting: &Setting<'_>, options: &Options, params: &Params) -> Result<Fitted, FitError> {
    let design = setting.design(options, None);
    let layout = design.net.layout();
    let seed = &setting.context.seed;
    let mut single = setting.start(&design, seed);
    let start = Options { epochs: params.single_epochs, keep: Kept::Last, ..options.clone() };
    setting.train(&mut single, &start, Added::default(), seed)?;

    let hidden = &design.layers[..design.layers.len() - 1];
    let with_ranks = |id: &ParamId| Some((*id, Tucker::ranks(layout, single.params(), *id, params.accuracy)?));
    let which: Option<Vec<_>> = hidden.iter().map(with_ranks).collect();
    let which = which.ok_or(SolverError::NotFinite)?;
    let factors = Tucker::<f32>::new(layout, &which);
    let mut model = Trained::composed(design.net.clone(), setting.loss(), Box::new(factors.clone()));
    for place in layout.places() {
        // What is not factorised keeps its name.
        if let Some(id) = Reparametrisation::<f32>::layout(&factors).find(&place.name) {
            let own = model.layout().place(id).clone();
            for task in 0..setting.tasks {
                model.free_mut().slice_mut(&own, task).copy_from_slice(single.params().slice(place, task));
            }
        }
    }
    factors.factorise(single.params(), model.free_mut()).ok_or(SolverError::NotFinite)?;
    model.refresh();

    let run = setting.train(&mut model, options, Added::default(), &seed.stream("factors"))?;
    let mut fitted = setting.fitted(&model, &design, options, &run)?;
    for (l, (_, ranks)) in which.iter().enumerate() {
        fitted.traces.insert(format!("ranks-layer{}", l + 1), ranks.iter().map(|r| *r as f64).collect());
    }
    Ok(fitted)
}
