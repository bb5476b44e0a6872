//! Experts for all tasks, a gate for each.

use mtl_nets::net::{Activation, Layer};
use mtl_nets::params::Own;
use serde::Deserialize;

use super::setting::{Setting, fit_path};
use super::{CLASSES, with_options};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// `f_t(x) = W_output,t' sum_e g_te(z) v_e(z) + b_output,t` with experts `v_e = relu(W_e' z + b_e)` that all tasks share and
/// gates `g_t = softmax(W_gate,t' z + b_gate,t)` of each task's own. `R = {W_experts, W_gate, W_output}`.
pub struct Mmoe;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    experts: usize,
    expert_width: usize,
}

impl Method for Mmoe {
    fn info() -> Info {
        Info {
            name: "mmoe",
            aliases: &[],
            family: Family::Deep,
            summary: "experts for all tasks, mixed by a gate of each task's own",
            objective: "mean_t loss_t + l2 sum_{W in experts, gate, output} ||W||_F^2",
            targets: CLASSES,
            citation: "Ma, Zhao, Yi, Chen, Hong and Chi (2018), Modeling task relationships in multi-task learning with multi-gate \
                       mixture-of-experts, KDD",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        with_options(vec![
            ParamSpec::count("experts", 1, 4, "number of experts").over(&[1.0, 2.0, 4.0, 8.0]),
            ParamSpec::count("expert_width", 1, 8, "units of an expert").over(&[4.0, 8.0, 16.0, 32.0]),
        ])
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, fit)
    }
}

fn fit(setting: &Setting<'_>, params: &Params) -> Result<Fitted, FitError> {
    let (mut net, z) = setting.bottom(Own::Shared);
    let experts = Layer::new("experts", Own::Shared, params.expert_width, Activation::Relu).blocks(params.experts);
    let experts = net.dense(z, experts);
    let gate = net.dense(z, Layer::new("gate", Own::Task, params.experts, Activation::Softmax));
    let mixed = net.mix(gate, experts);
    net.dense(mixed, Layer::new("output", Own::Task, setting.classes, Activation::Linear));
    let model = setting.start(net);
    let added = setting.decay(model.layout(), &["experts", "gate", "output"]);
    setting.fit(model, added)
}
