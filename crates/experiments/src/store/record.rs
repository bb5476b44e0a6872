//! What is kept of a cell.

use std::collections::BTreeMap;

use mtl_core::{Metric, split::Part};
use mtl_methods::ParamSet;
use mtl_methods::solver::{Convergence, Value};
use serde::{Deserialize, Serialize};

use crate::cell::CellKey;
use crate::layers::LayerMeasure;

/// A cell's result or failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What was run.
    pub key: CellKey,
    /// What came out.
    pub outcome: Outcome,
    /// Circumstances: not part of the result.
    pub circumstances: Circumstances,
}

/// What came out of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Evaluated points, in the order of the path (the last one only, for a score).
    Done(Vec<PointResult>),
    /// Why there is no result.
    Failed(String),
}

/// One fitted and evaluated point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointResult {
    /// All hyperparameters.
    pub params: ParamSet,
    /// Training objective.
    pub objective: Value,
    /// How the solver ended.
    pub convergence: Convergence,
    /// Measures of prediction, one value a task that has the measure; one in all for those that pool the tasks.
    pub metrics: BTreeMap<Part, BTreeMap<Metric, Vec<f64>>>,
    /// Measures of recovered structure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recovery: BTreeMap<Metric, f64>,
    /// Labels of the tasks, where the method gives any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub memberships: BTreeMap<String, Vec<usize>>,
    /// Where the solver's named series ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub last: BTreeMap<String, f64>,
    /// Measures of the hidden layers of networks, from the first on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<BTreeMap<LayerMeasure, f64>>,
    /// Arrays kept beside the record: name -> content hash.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub artifacts: BTreeMap<String, String>,
}

/// When, where and how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circumstances {
    /// Wall-clock time of the fits, in seconds.
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub finished: u64,
    /// What the program was built from: version, commit, compiler, hash of `Cargo.lock`.
    pub software: String,
    /// Architecture and vector extensions: results are bit-identical only where these agree.
    pub cpu: String,
    /// Seeds of split and data.
    pub seeds: BTreeMap<String, String>,
}

impl PointResult {
    /// Whether every number in it is finite.
    pub fn is_finite(&self) -> bool {
        let Value { total, loss, penalty } = self.objective;
        let single = [total, loss, penalty, self.convergence.residual];
        let measures = self.metrics.values().flat_map(BTreeMap::values).flatten();
        let layers = self.layers.iter().flat_map(BTreeMap::values);
        measures
            .chain(layers)
            .chain(self.recovery.values())
            .chain(self.last.values())
            .chain(&single)
            .all(|v| v.is_finite())
    }

    /// Mean over tasks of a measure of prediction, or a measure of recovery.
    pub fn mean(&self, part: Part, metric: Metric) -> Option<f64> {
        if let Some(value) = self.recovery.get(&metric) {
            return Some(*value);
        }
        let values = self.metrics.get(&part)?.get(&metric)?;
        Some(values.iter().sum::<f64>() / values.len() as f64)
    }
}

impl Record {
    /// Whether every number in it is finite.
    pub fn is_finite(&self) -> bool {
        self.circumstances.seconds.is_finite() && self.points().iter().all(PointResult::is_finite)
    }

    /// The evaluated points, if there are any.
    pub fn points(&self) -> &[PointResult] {
        match &self.outcome {
            Outcome::Done(points) => points,
            Outcome::Failed(_) => &[],
        }
    }

    /// Names and content hashes of the arrays kept beside it.
    pub fn artifacts(&self) -> impl Iterator<Item = (&String, &String)> {
        self.points().iter().flat_map(|point| &point.artifacts)
    }

    /// The point a score is about.
    pub fn scored(&self) -> Option<&PointResult> {
        self.points().last()
    }
}
