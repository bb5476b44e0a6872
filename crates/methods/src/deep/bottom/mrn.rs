//! Shared-bottom with multilinear relationships between tasks, inputs and outputs of layers.

use mtl_nets::params::Own;
use mtl_nets::penalty::{Axes, Mrn as Relationships, MrnReleased};
use serde::Deserialize;

use super::setting::{Setting, fit_path, ids};
use super::{CLASSES, STRENGTHS, strength, top, with_options};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// Shared-bottom and `nu vec(W)' (C_tasks x C_outputs x C_inputs) vec(W)` for both layers above the bottom. The inverse
/// covariances start as identities; every `frequency` steps each becomes the inverse of the weights' second moments along
/// its axis, with the others in between. `R = {W_hidden, W_output}`.
///
/// `axes=as-released` has what the program of the TOMATO paper computes, where axes end up in reverse
/// ([`MrnReleased`]); the authors of MRN align them.
pub struct Mrn;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    top: usize,
    nu: f64,
    frequency: usize,
    axes: Order,
}

impl Method for Mrn {
    fn info() -> Info {
        Info {
            name: "mrn",
            aliases: &[],
            family: Family::Deep,
            summary: "Shared-bottom with a tensor-normal prior whose covariances follow the weights",
            objective: "mean_t loss_t + sum_{W in hidden, output} (l2 ||W||_F^2 + nu vec(W)'(C_tasks x C_outputs x C_inputs) vec(W))",
            targets: CLASSES,
            citation: "Long, Cao, Wang and Yu (2017), Learning multiple tasks with multilinear relationship networks, NeurIPS",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![
            top(),
            strength("nu", 1e-3, STRENGTHS, "strength of the prior"),
            ParamSpec::count("frequency", 1, 30, "steps after which covariances follow the weights"),
            ParamSpec::choice(
                "axes",
                &["aligned", "as-released"],
                "the prior, or what the released program makes of it",
            ),
        ])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, fit)
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Order {
    Aligned,
    AsReleased,
}

fn fit(setting: &Setting<'_>, params: &Params) -> Result<Fitted, FitError> {
    let model = setting.start(setting.shared_bottom(Own::Shared, Own::Task, params.top));
    let layout = model.layout();
    let mut added = setting.decay(layout, &["hidden", "output"]);
    let which = ids(layout, &["hidden", "output"]);
    setting.add(&mut added, params.nu, |nu| match params.axes {
        Order::Aligned => Box::new(Relationships::new(layout, nu, params.frequency, Axes::All, &which)),
        Order::AsReleased => Box::new(MrnReleased::new(layout, nu, params.frequency, &which)),
    });
    setting.fit(model, added)
}
