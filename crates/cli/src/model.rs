//! Models on disk: what `mtl fit --save` writes and `mtl predict` reads.

use std::path::Path;

use anyhow::{Context, bail};
use mtl_core::Target;
use mtl_methods::{Model, ParamSet};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::command::fit::Preprocess;
use crate::output::write_atomically;

/// Of this file format. A program refuses formats it does not know. Models of version 1 predict numbers.
const VERSION: u32 = 2;

/// A fitted model with what is needed to use it on other data. Weights and intercepts are on the scale of the file it
/// was fitted to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedModel {
    /// Version of the file format.
    version: u32,
    /// Version of the program that wrote it.
    software: String,
    /// Method.
    pub method: String,
    /// Revision of the method.
    method_revision: u32,
    /// Hyperparameters.
    params: ParamSet,
    /// What was done to the data before the fit.
    preprocess: Preprocess,
    /// Columns of the file it was fitted to.
    pub columns: Columns,
    /// What it predicts: numbers, or scores whose sign is the class.
    #[serde(default = "regression")]
    pub target_kind: Target,
    /// Names of the features, in the order of the rows of `weights`.
    pub features: Vec<String>,
    /// Names of the tasks, in the order of the columns of `weights`.
    pub tasks: Vec<String>,
    /// One row a feature, one column a task.
    weights: Vec<Vec<f64>>,
    /// One a task; all 0 if no intercept was asked for.
    intercepts: Vec<f64>,
}

/// Which column was what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Columns {
    /// The column that names the task of a sample.
    pub task: String,
    /// The column to predict.
    pub target: String,
}

/// What a model is made from.
pub struct Parts<'a> {
    /// The method.
    pub entry: &'a mtl_methods::Entry,
    /// Its hyperparameters.
    pub params: &'a ParamSet,
    /// What was done to the data before the fit.
    pub preprocess: Preprocess,
    /// Which column was what.
    pub columns: Columns,
    /// The data it was fitted to.
    pub data: &'a mtl_core::MultiTask,
    /// The model for raw data.
    pub model: &'a Model,
}

impl SavedModel {
    /// Puts a model together.
    pub fn new(parts: Parts<'_>) -> Self {
        let Model::Linear { weights, intercepts } = parts.model;
        Self {
            version: VERSION,
            software: env!("CARGO_PKG_VERSION").into(),
            method: parts.entry.info.name.into(),
            method_revision: parts.entry.info.revision,
            params: parts.params.clone(),
            preprocess: parts.preprocess,
            columns: parts.columns,
            target_kind: parts.data.target,
            features: parts.data.features.to_vec(),
            tasks: parts.data.task_names(),
            weights: weights.rows().into_iter().map(|row| row.to_vec()).collect(),
            intercepts: intercepts.to_vec(),
        }
    }

    /// Writes it.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let mut json = serde_json::to_vec_pretty(self).context("the model cannot be written as JSON")?;
        json.push(b'\n');
        write_atomically(path, &json)
    }

    /// Reads one and checks that its parts fit together.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let refused = || format!("{} is no model that `mtl fit --save` wrote", path.display());
        let version: Version = serde_json::from_str(&text).with_context(refused)?;
        if !(1..=VERSION).contains(&version.version) {
            bail!(
                "{}: found a model of format version {}, expected at most {VERSION}; fit it again with this version of \
                 mtl",
                path.display(),
                version.version
            );
        }
        let model: Self = serde_json::from_str(&text).with_context(refused)?;
        model.check().with_context(refused)?;
        Ok(model)
    }

    fn check(&self) -> anyhow::Result<()> {
        let (p, m) = (self.features.len(), self.tasks.len());
        let shape = |what: &str, found: usize, expected: usize| {
            if found == expected { Ok(()) } else { bail!("`{what}`: found {found}, expected {expected}") }
        };
        shape("rows of weights (one a feature)", self.weights.len(), p)?;
        for row in &self.weights {
            shape("weights in a row (one a task)", row.len(), m)?;
        }
        shape("intercepts (one a task)", self.intercepts.len(), m)
    }

    /// What predicts.
    pub fn model(&self) -> Model {
        let (p, m) = (self.features.len(), self.tasks.len());
        Model::Linear {
            weights: Array2::from_shape_fn((p, m), |(i, t)| self.weights[i][t]),
            intercepts: Array1::from(self.intercepts.clone()),
        }
    }
}

fn regression() -> Target {
    Target::Regression
}

/// What tells formats apart.
#[derive(Deserialize)]
struct Version {
    version: u32,
}
