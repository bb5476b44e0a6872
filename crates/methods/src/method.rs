//! What every method has in common: the problem it is given, what it gives back, and how it is described.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use mtl_core::{Moments, MultiTask, Scaler, Seed, Target};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::datafit::{Centred, Statistics};
use crate::deep::Network;
use crate::params::{ParamSet, ParamSpec};
use crate::solver::{Convergence, SolverError, Value};

/// Data to fit to. Statistics of the training part are computed when a method first asks for them and shared by
/// every fit on it.
#[derive(Debug)]
pub struct Problem {
    /// Rows to fit to.
    pub train: MultiTask,
    /// Rows that a method may use to choose things inside the fit; only methods that declare so look at them.
    pub valid: Option<MultiTask>,
    statistics: OnceLock<Arc<Statistics>>,
    centred: OnceLock<Arc<Centred>>,
}

impl Problem {
    /// A problem on the given parts.
    pub fn new(train: MultiTask, valid: Option<MultiTask>) -> Self {
        Self { train, valid, statistics: OnceLock::new(), centred: OnceLock::new() }
    }

    /// Sufficient statistics of least squares on the training part.
    pub fn statistics(&self) -> &Arc<Statistics> {
        self.statistics.get_or_init(|| Arc::new(Statistics::new(Moments::of(&self.train))))
    }

    /// The same with an intercept a task, which centring eliminates.
    pub fn centred(&self) -> &Arc<Centred> {
        self.centred.get_or_init(|| Arc::new(Centred::of(&self.train, || Arc::clone(self.statistics()))))
    }

    /// One of the two.
    pub fn statistics_with(&self, intercept: bool) -> Arc<Statistics> {
        Arc::clone(if intercept { &self.centred().statistics } else { self.statistics() })
    }

    /// Intercepts that go with weights (features x tasks) fitted to these statistics, one a task.
    pub fn intercepts_with(&self, intercept: bool, weights: &Array2<f64>) -> Array1<f64> {
        if intercept { self.centred().intercepts(weights) } else { Array1::zeros(weights.ncols()) }
    }
}

/// What surrounds a fit: its randomness and its permission to go on.
#[derive(Debug, Clone)]
pub struct Context {
    /// Seed for initial values and batches.
    pub seed: Seed,
    stop: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Context {
    /// A context that is never interrupted.
    pub fn new(seed: Seed) -> Self {
        Self { seed, stop: Arc::default(), deadline: None }
    }

    /// A context that ends when `stop` becomes true or the deadline passes.
    pub fn until(seed: Seed, stop: Arc<AtomicBool>, deadline: Option<Instant>) -> Self {
        Self { seed, stop, deadline }
    }

    /// Asked regularly by solvers.
    ///
    /// # Errors
    /// If the run is to end here.
    pub fn check(&self) -> Result<(), SolverError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(SolverError::Interrupted);
        }
        match self.deadline {
            Some(deadline) if Instant::now() > deadline => Err(SolverError::OutOfTime),
            _ => Ok(()),
        }
    }
}

/// Something that predicts targets from features: numbers, scores whose sign is the class, or scores of several classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Model {
    /// `y = X w_t + c_t`.
    Linear {
        /// Weights, features x tasks.
        weights: Array2<f64>,
        /// Intercepts, one a task.
        intercepts: Array1<f64>,
    },
    /// A network; of labels its outputs are log-odds, of several classes a score for each.
    Network(Box<Network>),
}

impl Model {
    /// A linear model through the origin.
    pub fn linear(weights: Array2<f64>) -> Self {
        let intercepts = Array1::zeros(weights.ncols());
        Self::Linear { weights, intercepts }
    }

    /// Predictions for task `t` on inputs `x` (`n x p`): one a row or, of several classes, the scores of all, row by row.
    pub fn predict(&self, t: usize, x: &Array2<f64>) -> Array1<f64> {
        match self {
            Self::Linear { weights, intercepts } => x.dot(&weights.column(t)) + intercepts[t],
            Self::Network(network) => network.predict(t, x),
        }
    }

    /// Weights of a linear model, features x tasks.
    pub fn weights(&self) -> Option<&Array2<f64>> {
        match self {
            Self::Linear { weights, .. } => Some(weights),
            Self::Network(_) => None,
        }
    }

    /// Intercepts of a linear model, one a task.
    pub fn intercepts(&self) -> Option<&Array1<f64>> {
        match self {
            Self::Linear { intercepts, .. } => Some(intercepts),
            Self::Network(_) => None,
        }
    }

    /// How many weights are not zero, and how many there are. Intercepts and biases do not count.
    pub fn count_weights(&self) -> (usize, usize) {
        match self {
            Self::Linear { weights, .. } => (weights.iter().filter(|w| **w != 0.0).count(), weights.len()),
            Self::Network(network) => network.count_weights(),
        }
    }

    /// The model for unscaled data, if this one is for data that went through `scaler`.
    #[must_use]
    pub fn unscaled(&self, scaler: &Scaler) -> Self {
        match self {
            Self::Linear { weights, intercepts } => {
                let (weights, shift) = scaler.unscale(weights);
                let sd = scaler.tasks.iter().map(|task| task.y_sd).collect::<Array1<f64>>();
                Self::Linear { weights, intercepts: intercepts * &sd + shift }
            }
            Self::Network(network) => Self::Network(Box::new(network.unscaled(scaler))),
        }
    }
}

/// Name of the membership that says which group each task is in.
pub const TASK_GROUP: &str = "task_group";

/// A fitted method.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// What predicts.
    pub model: Model,
    /// Training objective at the fit, in the method's own scaling.
    pub objective: Value,
    /// How the solver ended.
    pub convergence: Convergence,
    /// Named parts of the parameters (`W1`, `P`, ..), features x tasks each; of a network its layers, weights x tasks, those
    /// that leave one input side by side.
    pub components: Vec<(String, Array2<f64>)>,
    /// What the method says about the tasks, such as their groups: one label a task.
    pub memberships: BTreeMap<String, Vec<usize>>,
    /// Soft memberships of tasks in groups, groups x tasks; a column sums to 1. None of a method that has none.
    pub shares: Option<Array2<f64>>,
    /// Objective over the iterations.
    pub trace: Vec<f64>,
    /// Other series over the iterations, such as residuals, by name.
    pub traces: BTreeMap<String, Vec<f64>>,
}

impl Fitted {
    /// A fit whose one component is its weights, with nothing said of groups or iterations.
    pub fn new(model: Model, objective: Value, convergence: Convergence) -> Self {
        Self {
            components: model.weights().map(|w| ("W".to_owned(), w.clone())).into_iter().collect(),
            model,
            objective,
            convergence,
            memberships: BTreeMap::new(),
            shares: None,
            trace: Vec::new(),
            traces: BTreeMap::new(),
        }
    }
}

/// Where a method belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// One linear model a task.
    Linear,
    /// Linear models with learned task groups.
    Grouping,
    /// Networks.
    Deep,
}

/// A method as users see it.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    /// Name on the command line and in files.
    pub name: &'static str,
    /// Other names that find it.
    pub aliases: &'static [&'static str],
    /// Where it belongs.
    pub family: Family,
    /// One line on what it does.
    pub summary: &'static str,
    /// What is minimised, with `L = 1/2 sum_t ||y_t - X_t w_t||^2`.
    pub objective: &'static str,
    /// Targets it can learn; of classes any number, whichever is named.
    pub targets: &'static [Target],
    /// Where it was published.
    pub citation: &'static str,
    /// Increased whenever the method's output changes for the same input; part of every result's identity.
    pub revision: u32,
}

impl Info {
    /// Whether it can learn such targets.
    pub fn learns(&self, target: Target) -> bool {
        self.targets.iter().any(|known| std::mem::discriminant(known) == std::mem::discriminant(&target))
    }
}

/// Why a fit has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// The solver gave up.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// The method cannot be applied to these data.
    #[error("{0}")]
    NotApplicable(String),
}

/// A published method.
pub trait Method: Send + Sync {
    /// How it is described.
    fn info() -> Info;

    /// Hyperparameters with defaults and ranges.
    fn params() -> Vec<ParamSpec>;

    /// Fits a path of hyperparameter points, each free to start from the one before.
    ///
    /// # Errors
    /// If one of the points has no result; the whole path is then reported as failed.
    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError>;
}
