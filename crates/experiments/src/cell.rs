//! The unit of work, checkpoint and failure: one path of fits on one split, identified by its content.

use std::collections::BTreeMap;
use std::fmt;

use mtl_core::{Scaling, Seed, Sizes};
use mtl_data::DatasetSpec;
use mtl_methods::{Entry, ParamSet, ParamValue};
use serde::{Deserialize, Serialize};

use crate::study::Select;

/// Everything that determines a cell's result, and nothing else: no table, paper, path or thread. Studies that ask for
/// the same thing share it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellKey {
    /// Data variant.
    pub data: DatasetSpec,
    /// Revision of the code that turns files (or seeds) into tasks.
    pub data_revision: u32,
    /// Sampling and splitting.
    pub sampling: Sampling,
    /// Centring and scaling.
    pub scaling: Scaling,
    /// Which repeat.
    pub repeat: u32,
    /// Method.
    pub method: String,
    /// Revision of the method.
    pub method_revision: u32,
    /// The hyperparameter points in the order they are fitted, each as what differs from the method's defaults. What is
    /// relative to the data stays so: `0.1 x lambda_max`.
    pub path: Vec<BTreeMap<String, ParamValue>>,
    /// What is evaluated.
    pub purpose: Purpose,
    /// Revision of the metrics.
    pub metrics_revision: u32,
}

/// How rows are drawn. Part of the seed: whatever shares it meets identical splits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Rows drawn per task; all if absent.
    pub rows: Option<usize>,
    /// Sizes of the parts.
    pub split: Sizes,
    /// Whether training and test part are those that come with the data, a split a repeat.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub official: bool,
}

/// What a cell is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Every point on the validation part, to choose between them.
    Tune,
    /// Every point on one fold of the training part, fitted to the others, to choose between them.
    Fold(Fold),
    /// Every point on all parts, without artifacts: nothing is chosen.
    Sweep,
    /// The last point on validation and test parts, with artifacts: the chosen one, and how it was chosen.
    Score(Option<Selection>),
}

/// One fold of a cross-validation inside the training part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    /// Which, from 0.
    pub fold: u32,
    /// Of how many.
    pub of: u32,
}

impl Purpose {
    /// Whether points are tried out, rather than scored.
    pub fn tunes(&self) -> bool {
        matches!(self, Self::Tune | Self::Fold(_))
    }
}

/// How a point was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// The rule.
    pub by: Select,
    /// Number of points it chose between.
    pub points: usize,
    /// Hash of these points: two studies that tune the same method over different grids do not get mixed up.
    pub grid: String,
}

/// A cell's identity, as a hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CellId(String);

impl CellId {
    /// The hash in full.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough of it to find the record.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hash of anything that is plain data, in hexadecimal.
pub fn hash<T: Serialize>(what: &T) -> String {
    // Keys hold strings, numbers and maps with string keys only.
    let json = serde_json::to_vec(what).unwrap_or_default();
    blake3::hash(&json).to_hex().to_string()
}

/// A cell with what is needed to run it.
#[derive(Clone)]
pub struct Cell {
    /// Its identity.
    pub key: CellKey,
    /// The method.
    pub entry: &'static Entry,
    /// The path with all hyperparameters filled in; of relative ones, the fractions.
    pub path: Vec<ParamSet>,
    id: CellId,
}

impl Cell {
    /// A cell with its hash.
    pub fn new(key: CellKey, entry: &'static Entry, path: Vec<ParamSet>) -> Self {
        Self { id: key.id(), key, entry, path }
    }

    /// Hash of the key.
    pub fn id(&self) -> CellId {
        self.id.clone()
    }
}

impl CellKey {
    /// Hash of the key.
    pub fn id(&self) -> CellId {
        CellId(hash(self))
    }

    /// Seed of everything random on this split: the same for all methods and for every scaling.
    pub fn split_seed(&self) -> Seed {
        Seed::of(&(&self.data, self.sampling, self.repeat))
    }

    /// Seed of the data themselves, for synthetic sets.
    pub fn data_seed(&self) -> Seed {
        Seed::of(&(&self.data, self.repeat)).stream("data")
    }

    /// What cells on the same prepared data have in common.
    pub fn preparation(&self) -> String {
        let fold = if let Purpose::Fold(fold) = self.purpose { Some(fold) } else { None };
        hash(&(&self.data, self.data_revision, self.sampling, self.scaling, self.repeat, fold))
    }
}
