//! What results can be compared by: measures, and what a fit says of itself.

use std::str::FromStr;

use mtl_core::{Metric, split::Part};
use serde::Deserialize;

use crate::layers::LayerMeasure;
use crate::store::{PointResult, Record};

/// What results can be compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Quantity {
    /// A measure on the test part.
    Metric(Metric),
    /// Training objective.
    Objective,
    /// The loss in the training objective.
    Loss,
    /// Iterations of the solver.
    Iterations,
    /// Wall-clock time of the fit; of a tuned method, of the fits on the path up to the chosen point.
    Seconds,
    /// The same by the iterations of the chosen point: of a path of several points, too much.
    SecondsPerIteration,
    /// What the solver's last iteration left between the two copies of its variables.
    PrimalResidual,
    /// How far the solver's last iteration moved one of these copies, times its penalty parameter.
    DualResidual,
    /// Of networks: the epoch whose parameters were kept.
    KeptEpoch,
    /// Of networks with topics: deviations of tasks in topics that are zero.
    ZeroDeviations,
    /// Topics in which every task's deviation is zero.
    ZeroTopics,
    /// Topics in which some task's deviation is zero.
    SparseTopics,
    /// The most that sparsity can have taken off the norm of a deviation.
    ShrinkBudget,
    /// Mean norm of deviations before the first step.
    FirstNorm,
    /// A measure of a hidden layer, counted from 1; without one, its mean over the hidden layers.
    Layer(LayerMeasure, Option<usize>),
}

impl TryFrom<String> for Quantity {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "objective" => Ok(Self::Objective),
            "loss" => Ok(Self::Loss),
            "iterations" => Ok(Self::Iterations),
            "seconds" => Ok(Self::Seconds),
            "seconds-per-iteration" => Ok(Self::SecondsPerIteration),
            "primal-residual" => Ok(Self::PrimalResidual),
            "dual-residual" => Ok(Self::DualResidual),
            "kept-epoch" => Ok(Self::KeptEpoch),
            "zero-deviations" => Ok(Self::ZeroDeviations),
            "zero-topics" => Ok(Self::ZeroTopics),
            "sparse-topics" => Ok(Self::SparseTopics),
            "shrink-budget" => Ok(Self::ShrinkBudget),
            "first-norm" => Ok(Self::FirstNorm),
            _ => match LayerMeasure::ALL.into_iter().find(|measure| measure.name() == name) {
                Some(measure) => Ok(Self::Layer(measure, None)),
                None => name.parse().map(Self::Metric),
            },
        }
    }
}

impl Quantity {
    /// Name in files, tables and on axes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric.name(),
            Self::Objective => "objective",
            Self::Loss => "loss",
            Self::Iterations => "iterations",
            Self::Seconds => "seconds",
            Self::SecondsPerIteration => "seconds-per-iteration",
            Self::PrimalResidual => "primal-residual",
            Self::DualResidual => "dual-residual",
            Self::KeptEpoch => "kept-epoch",
            Self::ZeroDeviations => "zero-deviations",
            Self::ZeroTopics => "zero-topics",
            Self::SparseTopics => "sparse-topics",
            Self::ShrinkBudget => "shrink-budget",
            Self::FirstNorm => "first-norm",
            Self::Layer(measure, _) => measure.name(),
        }
    }

    /// Whether larger values are better; none for what says what a model is like rather than how good it is: more groups
    /// are neither better nor worse.
    pub fn direction(self) -> Option<bool> {
        let describes = matches!(
            self,
            Self::Metric(Metric::ActiveGroups | Metric::LargestGroup)
                | Self::Layer(..)
                | Self::KeptEpoch
                | Self::ZeroDeviations
                | Self::ZeroTopics
                | Self::SparseTopics
                | Self::ShrinkBudget
                | Self::FirstNorm
        );
        (!describes).then(|| self.higher_is_better())
    }

    /// Whether larger values are better.
    pub fn higher_is_better(self) -> bool {
        matches!(self, Self::Metric(metric) if metric.higher_is_better())
    }

    /// Whether it is a time.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Seconds | Self::SecondsPerIteration)
    }

    /// Its value at a point of a record.
    pub fn of(self, record: &Record, point: &PointResult) -> Option<f64> {
        match self {
            Self::Metric(metric) => point.mean(Part::Test, metric),
            Self::Objective => Some(point.objective.total),
            Self::Loss => Some(point.objective.loss),
            Self::Iterations => Some(point.convergence.iterations as f64),
            // A path is timed as a whole.
            Self::Seconds => (record.points().len() == 1).then_some(record.circumstances.seconds),
            Self::SecondsPerIteration => {
                let iterations = (point.convergence.iterations > 0).then_some(point.convergence.iterations as f64)?;
                Some(Self::Seconds.of(record, point)? / iterations)
            }
            Self::PrimalResidual | Self::DualResidual | Self::KeptEpoch => point.last.get(self.name()).copied(),
            Self::ZeroDeviations | Self::ZeroTopics | Self::SparseTopics | Self::ShrinkBudget | Self::FirstNorm => {
                point.last.get(self.name()).copied()
            }
            Self::Layer(measure, Some(layer)) => point.layers.get(layer.checked_sub(1)?)?.get(&measure).copied(),
            Self::Layer(measure, None) => {
                let values: Vec<f64> = point.layers.iter().filter_map(|layer| layer.get(&measure).copied()).collect();
                // A mean that leaves layers out would be of something else.
                let all = !values.is_empty() && values.len() == point.layers.len();
                all.then(|| values.iter().sum::<f64>() / values.len() as f64)
            }
        }
    }
}
