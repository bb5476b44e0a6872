//! Networks: one a task, all of one shape, trained together on minibatches that have rows of every task.
//!
//! The loss is the mean over tasks of `loss_t`, the mean over a task's rows of `ln(1 + exp(-y f))` for labels and of
//! `1/2 (y - f)^2` for numbers; `f` is the one output. Penalties are on the weights `W_l,t` of layer `l` (inputs x
//! outputs), not on biases. Weights and biases start uniform up to `1/sqrt(inputs)`, as in PyTorch. A task's start and the
//! order of its rows come from streams of its own name.
//!
//! What the methods share is here and in `training`: the shape of the network, the optimiser, the loop. Each method says
//! which penalties, proximal maps or stages it adds. Layers come back as components, each weights x tasks: the weights that
//! leave one input lie side by side. [`sparsity`] measures them.
//!
//! [`bottom`] has networks that share a layer, several outputs and minibatches of all tasks together.

pub mod bottom;
pub mod deep_lasso;
pub mod dmtrl;
pub mod gl_agl;
pub mod mlp;
mod network;
pub mod sgl;
pub mod sparsity;
pub mod ssmtl_t;
pub mod stg;
mod training;

pub use network::Network;

use mtl_nets::batch::Batching;
use mtl_nets::net::Activation;
use mtl_nets::optimiser::Optimiser;
use mtl_nets::trainer::{Keep, Plan};
use serde::Deserialize;

use crate::params::{ParamSpec, ParamValue, widths};

/// The grid of every strength in the deep experiments of SSMTL.
const STRENGTHS: &[f64] = &[1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0];

/// What every network has: its shape and how it is trained.
#[derive(Debug, Clone, Deserialize)]
struct Options {
    layers: String,
    activation: Unit,
    epochs: usize,
    batch: usize,
    optimiser: Steps,
    rate: f64,
    keep: Kept,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Unit {
    LeakyRelu,
    Relu,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Steps {
    Adam,
    Sgd,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kept {
    Last,
    Best,
}

impl Options {
    /// Units of the hidden layers.
    fn widths(&self) -> Vec<usize> {
        widths(&self.layers).unwrap_or_default()
    }

    fn activation(&self) -> Activation {
        match self.activation {
            Unit::LeakyRelu => Activation::LeakyRelu(0.01),
            Unit::Relu => Activation::Relu,
        }
    }

    fn plan(&self) -> Plan {
        Plan {
            epochs: self.epochs,
            batching: Batching::EqualRows(self.batch),
            optimiser: match self.optimiser {
                Steps::Adam => Optimiser::adam(self.rate),
                Steps::Sgd => Optimiser::Sgd { rate: self.rate, decay: 1.0, decay_steps: 1.0 },
            },
            keep: match self.keep {
                Kept::Last => Keep::Last,
                Kept::Best => Keep::LeastLoss,
            },
        }
    }
}

/// A method's own hyperparameters and those of [`Options`], at the values of SSMTL's experiments; the network is the one for
/// COVER.
fn with_options(mut own: Vec<ParamSpec>) -> Vec<ParamSpec> {
    own.extend([
        ParamSpec::widths("layers", "50-50-25", "units of the hidden layers; one output follows"),
        ParamSpec::choice("activation", &["leaky-relu", "relu"], "of hidden units; leaky: slope 0.01 below zero"),
        ParamSpec::count("epochs", 0, 200, "passes over the rows; tasks with fewer rows start again"),
        ParamSpec::count("batch", 1, 128, "rows of every task in a minibatch"),
        ParamSpec::choice("optimiser", &["adam", "sgd"], "Adam with its usual constants, or plain gradient steps"),
        ParamSpec::number("rate", 0.0, true, 1e-3, "learning rate"),
        ParamSpec::choice(
            "keep",
            &["last", "best"],
            "the last epoch's parameters, as published, or those with the least loss on the validation part",
        ),
    ]);
    own
}

/// A strength, tuned over the grid of the deep experiments.
fn strength(name: &'static str, default: f64, doc: &'static str) -> ParamSpec {
    ParamSpec::strength(name, doc).over(STRENGTHS).by_default(ParamValue::Number(default))
}
