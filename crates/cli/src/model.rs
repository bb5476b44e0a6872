//! Models on disk: what `mtl fit --save` writes and `mtl predict` reads.

use std::path::Path;

use anyhow::{Context, bail};
use mtl_core::Target;
use mtl_methods::deep::Network;
use mtl_methods::{Model, ParamSet};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::command::fit::Preprocess;
use crate::output::write_atomically;

/// Of this file format. A program refuses formats it does not know. Models of version 1 predict numbers, those of version 2
/// are linear.
const VERSION: u32 = 3;
/// Of linear models, which older programs can read.
const LINEAR: u32 = 2;

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
    /// One row a feature, one column a task; none of a network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    weights: Vec<Vec<f64>>,
    /// One a task; all 0 if no intercept was asked for; none of a network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    intercepts: Vec<f64>,
    /// The network, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<Box<Network>>,
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
        let network = match parts.model {
            Model::Linear { .. } => None,
            Model::Network(network) => Some(network.clone()),
        };
        let rows = |weights: &Array2<f64>| weights.rows().into_iter().map(|row| row.to_vec()).collect();
        Self {
            version: if network.is_some() { VERSION } else { LINEAR },
            software: env!("CARGO_PKG_VERSION").into(),
            method: parts.entry.info.name.into(),
            method_revision: parts.entry.info.revision,
            params: parts.params.clone(),
            preprocess: parts.preprocess,
            columns: parts.columns,
            target_kind: parts.data.target,
            features: parts.data.features.to_vec(),
            tasks: parts.data.task_names(),
            weights: parts.model.weights().map(rows).unwrap_or_default(),
            intercepts: parts.model.intercepts().map(|c| c.to_vec()).unwrap_or_default(),
            network,
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
        if let Some(network) = &self.network {
            return network.check(p, m).map_err(anyhow::Error::msg);
        }
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
        if let Some(network) = &self.network {
            return Model::Network(network.clone());
        }
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
