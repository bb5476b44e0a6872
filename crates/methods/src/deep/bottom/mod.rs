//! Networks of one hidden layer for all tasks, the bottom, and layers of the tasks' own on top of it, as the TOMATO paper
//! compares them (Zhang and Lee 2020, section 5; what its text leaves open is as in the released program).
//!
//! Outputs are scores of `p` classes, `z = relu(W_b' x + b_b)` is the bottom. With `N_t` rows of task `t`, targets `y`
//! (smoothed labels) and `w_i = mean_s(N_s) / N_t(i)` by the rows of the training and the validation part together, a
//! minibatch costs
//!
//! ```text
//! sum_i w_i CE(y_i, softmax(f(x_i, t_i))) / sum_i w_i + l2 sum_(W in R) ||W||_F^2
//! ```
//!
//! which over a whole pass is the mean over tasks of their mean losses. `R` has the weights above the bottom, without biases;
//! each method says which. Plain gradient steps with the rate `r_i = rate decay^(i / decay_steps)` on `batch` rows of all
//! tasks together; what is kept is the epoch with the least loss on the validation part.
//!
//! What methods share is here and in `setting`; each says what its network and its penalties are.

pub mod cross_stitch;
pub mod inter_task_l2;
pub mod mmoe;
pub mod mrn;
pub mod separate;
mod setting;
pub mod shared_bottom;
pub mod single;
pub mod tomato;
pub mod tucker;

use mtl_core::Target;
use mtl_nets::batch::Batching;
use mtl_nets::optimiser::Optimiser;
use mtl_nets::trainer::{Keep, Plan};
use serde::Deserialize;

use crate::params::{ParamSpec, ParamValue};

/// What these networks learn.
const CLASSES: &[Target] = &[Target::Binary, Target::Classes(2)];
/// The paper's grids.
const DECAYS: &[f64] = &[0.0, 0.01, 0.1, 1.0];
const STRENGTHS: &[f64] = &[0.0, 1e-4, 1e-3, 1e-2, 0.1, 1.0];
/// Where the methods come from that the paper made to be compared with.
const PAPER: &str = "Zhang and Lee (2020), TOMATO: A topic-wise multi-task sparsity model, CIKM";

/// What every network has: its bottom and how it is trained.
#[derive(Debug, Clone, Deserialize)]
struct Options {
    bottom: usize,
    l2: f64,
    rate: f64,
    decay: f64,
    decay_steps: f64,
    epochs: usize,
    batch: usize,
    keep: Kept,
    smoothing: f64,
    loss: Scale,
    dropout: bool,
    input_dropout: f64,
    bottom_dropout: f64,
    start: Drawn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kept {
    Best,
    Last,
}

/// What the loss of a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Scale {
    Mean,
    Sum,
}

/// Where first parameters come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Drawn {
    Shared,
    PerSplit,
}

impl Options {
    /// A strength as it is beside the mean loss over tasks: beside their sum everything is that many times as large.
    fn share(&self, strength: f64, tasks: usize) -> f64 {
        strength / self.factor(tasks)
    }

    /// The reported objective over the trained one.
    fn factor(&self, tasks: usize) -> f64 {
        if self.loss == Scale::Sum { tasks as f64 } else { 1.0 }
    }

    /// A step of some rate on `T` times the objective is one of `T` times the rate on the objective.
    fn plan(&self, tasks: usize, validated: bool) -> Plan {
        Plan {
            epochs: self.epochs,
            batching: Batching::Pooled(self.batch),
            optimiser: Optimiser::Sgd {
                rate: self.rate * self.factor(tasks),
                decay: self.decay,
                decay_steps: self.decay_steps,
            },
            keep: if validated && self.keep == Kept::Best { Keep::LeastLossAndPenalty } else { Keep::Last },
        }
    }
}

/// A method's own hyperparameters and those of [`Options`].
fn with_options(mut own: Vec<ParamSpec>) -> Vec<ParamSpec> {
    own.extend([
        ParamSpec::count("bottom", 1, 32, "units of the bottom layer"),
        strength("l2", 0.0, DECAYS, "strength of the squared norms of weights above the bottom, without a factor 1/2"),
        ParamSpec::number("rate", 0.0, true, 0.1, "learning rate of the first step"),
        ParamSpec::number("decay", 0.0, true, 0.9, "what decay_steps steps multiply the rate with, continuously"),
        ParamSpec::number("decay_steps", 0.0, true, 1000.0, "how many steps that takes"),
        ParamSpec::count("epochs", 0, 100, "passes over the rows of all tasks"),
        ParamSpec::count("batch", 1, 512, "rows of all tasks together in a minibatch; all if that is more than half of them"),
        ParamSpec::choice(
            "keep",
            &["best", "last"],
            "parameters of the epoch with the least loss and penalty on the validation part (where there is none, of the last \
             one), or of the last one",
        ),
        ParamSpec::number("smoothing", 0.0, false, 0.1, "added to every class of a label, which is then normalised"),
        ParamSpec::choice(
            "loss",
            &["mean", "sum"],
            "mean over tasks of their mean losses, as released, or their sum, as printed: strengths and rates mean something \
             else",
        ),
        ParamSpec::flag("dropout", false, "switches dropout on; the released program never did"),
        ParamSpec::share("input_dropout", 0.1, "share of inputs that dropout drops"),
        ParamSpec::share("bottom_dropout", 0.2, "share of the bottom's units that dropout drops"),
        ParamSpec::choice(
            "start",
            &["shared", "per-split"],
            "first parameters: the same in every repeat, as released, or drawn anew",
        ),
    ]);
    own
}

fn strength(name: &'static str, default: f64, grid: &'static [f64], doc: &'static str) -> ParamSpec {
    ParamSpec::strength(name, doc).over(grid).by_default(ParamValue::Number(default))
}

/// Units of the tasks' hidden layer.
fn top() -> ParamSpec {
    ParamSpec::count("top", 1, 32, "units of the hidden layer above the bottom")
}
