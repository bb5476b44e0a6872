//! Group lasso, then adaptive group lasso, on the neurons of networks.

use mtl_nets::model::Model as Trained;
use mtl_nets::penalty::Terms;
use mtl_nets::proximal::SparseGroups;
use serde::Deserialize;

use super::training::{Added, Design, Selection, Setting, fit_path, structured};
use super::{Options, strength, with_options};
use crate::linear::EITHER;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// Two stages, each the mean over tasks of `loss_t` and a penalty of the task's own, with `w_l,t,j` the weights that leave
/// input `j` of layer `l`:
///
/// 1. `lambda sum_l sum_j ||w_l,t,j||`, which ends at `v_l,t,j`;
/// 2. from a new start, `zeta sum_l sum_j ||w_l,t,j|| / ||v_l,t,j||^power`. What was zero stays zero.
///
/// The original has the first layer only (`penalised=first`), selecting features, and maps instead of gradients
/// (`selection=proximal`). SSMTL's table has the terms of every layer, and writes both stages as one objective.
pub struct GlAgl;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    lambda: f64,
    zeta: f64,
    power: f64,
    penalised: Penalised,
    selection: Selection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Penalised {
    All,
    First,
}

impl Method for GlAgl {
    fn info() -> Info {
        Info {
            name: "gl-agl",
            aliases: &["gl+agl"],
            family: Family::Deep,
            summary: "networks with the group lasso, then anew with the adaptive group lasso that follows from it",
            objective: "mean_t (loss_t + zeta sum_{l,j} ||w_l,t,j||_2 / ||v_l,t,j||_2^power), v from \
                        mean_t (loss_t + lambda sum_{l,j} ||v_l,t,j||_2)",
            targets: EITHER,
            citation: "Dinh and Ho (2020), Consistent feature selection for analytic deep neural networks, NeurIPS",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![
            strength("lambda", 1e-4, "strength of the group lasso of the first stage"),
            strength("zeta", 1e-4, "strength of the adaptive group lasso of the second stage"),
            ParamSpec::number("power", 0.0, true, 2.0, "power of the first stage's norms that divide the second's"),
            ParamSpec::choice("penalised", &["all", "first"], "all layers, or the first as originally published"),
            Selection::param(),
        ])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, fit)
    }
}

fn fit(setting: &Setting<'_>, options: &Options, params: &Params) -> Result<Fitted, FitError> {
    let design = setting.design(options, None);
    let penalised = match params.penalised {
        Penalised::All => design.layers.len(),
        Penalised::First => 1,
    };
    let layers = || design.layers[..penalised].iter().copied();
    let layout = design.net.layout();
    // Each task's own objective is divided by their number, so its penalty is too.
    let share = |strength: f64| strength / setting.tasks as f64;

    let seed = &setting.context.seed;
    let mut first = setting.start(&design, seed);
    let terms = Terms { units: share(params.lambda), ..Terms::default() };
    let added = structured(layout, layers().map(|id| (id, terms.clone())).collect(), params.selection, options)?;
    setting.train(&mut first, options, added, seed)?;

    let factors: Vec<Vec<f64>> = adaptive(&first, &design, penalised, params.power);
    let seed = seed.stream("adaptive");
    let mut second = setting.start(&design, &seed);
    let terms = |factors: &Vec<f64>| Terms {
        units: share(params.zeta),
        unit_factors: factors.iter().map(|f| if f.is_finite() { *f } else { 0.0 }).collect(),
        ..Terms::default()
    };
    let terms = layers().zip(&factors).map(|(id, factors)| (id, terms(factors))).collect();
    let mut added: Added = structured(layout, terms, params.selection, options)?;
    let removed = |factors: &Vec<f64>| factors.iter().map(|f| if f.is_finite() { 0.0 } else { *f }).collect();
    let removed = layers().zip(&factors).map(|(id, factors)| (id, removed(factors))).collect();
    added.proximals.push(Box::new(SparseGroups::new(layout, 1.0, 0.0, removed)));
    let run = setting.train(&mut second, options, added, &seed)?;
    setting.fitted(&second, &design, options, &run)
}

/// `1 / ||v||^power` for every group of the first layers, tasks x groups; infinite where a group is zero.
fn adaptive(model: &Trained<f32>, design: &Design, layers: usize, power: f64) -> Vec<Vec<f64>> {
    let layout = design.net.layout();
    let of_layer = |id| {
        let place = layout.place(id);
        let norm = |group: &[f32]| group.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
        let groups = (0..layout.tasks).flat_map(|t| model.params().slice(place, t).chunks_exact(place.shape[2]));
        // What would not be finite in single precision is gone, too.
        let factor = |norm: f64| Some(norm.powf(-power)).filter(|f| *f <= 1e30).unwrap_or(f64::INFINITY);
        groups.map(|group| factor(norm(group))).collect()
    };
    design.layers[..layers].iter().map(|id| of_layer(*id)).collect()
}
