//! Shared-bottom whose tasks see all tasks' hidden layers.

use mtl_nets::model::Model as Trained;
use mtl_nets::net::{Activation, Layer};
use mtl_nets::params::Own;
use serde::Deserialize;

use super::setting::{Setting, fit_path};
use super::{CLASSES, top, with_options};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// Hidden layers as in Shared-bottom, of all `T` tasks for every row, side by side; a full matrix `A` of `T top x T top` that
/// starts as the identity mixes them, and each task's part goes to its output layer. `R = {W_hidden, W_output}`, without `A`.
///
/// The published unit has one number for each pair of tasks; this is the more general one of the TOMATO paper's program.
/// At first it is Shared-bottom from the same start.
pub struct CrossStitch;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    top: usize,
}

impl Method for CrossStitch {
    fn info() -> Info {
        Info {
            name: "cross-stitch",
            aliases: &[],
            family: Family::Deep,
            summary: "Shared-bottom whose hidden layers are mixed across tasks by a trained matrix",
            objective: "mean_t loss_t + l2 sum_{W in hidden, output} ||W||_F^2",
            targets: CLASSES,
            citation: "Misra, Shrivastava, Gupta and Hebert (2016), Cross-stitch networks for multi-task learning, CVPR",
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
    let (tasks, top) = (setting.tasks, params.top);
    let (mut net, z) = setting.bottom(Own::Shared);
    let u = net.dense(z, Layer::new("hidden", Own::Shared, tasks * top, Activation::Relu));
    let v = net.dense(u, Layer::new("stitch", Own::Task, top, Activation::Linear).without_bias());
    net.dense(v, Layer::new("output", Own::Task, setting.classes, Activation::Linear));
    let mut model = setting.start(net);
    let alike = setting.start(setting.shared_bottom(Own::Shared, Own::Task, top));
    for name in ["hidden", "hidden.bias"] {
        side_by_side(&alike, &mut model, name);
    }
    let added = setting.decay(model.layout(), &["hidden", "output"]);
    setting.fit(model, added)
}

/// Copies a layer of the tasks' own to one that has all of them beside each other.
fn side_by_side(from: &Trained<f32>, to: &mut Trained<f32>, name: &str) {
    let place = |model: &Trained<f32>| model.layout().find(name).map(|id| model.layout().place(id).clone());
    let (Some(own), Some(all)) = (place(from), place(to)) else { return };
    let (units, width) = (own.shape[2], all.shape[2]);
    for task in 0..from.layout().tasks {
        let rows = from.free().slice(&own, task).chunks_exact(units);
        for (row, out) in rows.zip(to.free_mut().slice_mut(&all, task).chunks_exact_mut(width)) {
            out[task * units..][..units].copy_from_slice(row);
        }
    }
}
