//! One table or figure as its YAML file describes it.

use indexmap::IndexMap;
use mtl_core::{Fractions, Metric, Scaling};
use serde::{Deserialize, Serialize};

use crate::grid::GridValue;
use crate::yaml::Spanned;

/// `experiments/<slug>/<id>.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyFile {
    /// Title shown above the table or figure.
    pub title: String,
    /// What it is in the paper ("Table 2").
    pub source: String,
    /// What a reader should know before looking at it.
    #[serde(default)]
    pub note: Option<String>,
    /// How it is shown.
    pub show: Show,
    /// Table of `published.yaml` that the results are compared with.
    #[serde(default)]
    pub published: Option<Spanned<String>>,
    /// The data sets.
    pub data: Vec<DataEntry>,
    /// How they are sampled, split and scaled, and how often.
    pub protocol: Protocol,
    /// Methods, by their labels in `methods.yaml`.
    pub methods: Vec<Spanned<String>>,
    /// The proposed method, which the others are compared with.
    pub reference: Spanned<String>,
    /// How hyperparameters are chosen.
    #[serde(default)]
    pub select: Select,
    /// Measures shown.
    pub metrics: Vec<Metric>,
    /// Smaller versions of the study.
    #[serde(default)]
    pub profiles: IndexMap<Profile, Narrowing>,
}

/// How a study is shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Show {
    /// A table of data sets and measures by methods, with charts of the published values and of paired differences.
    Comparison,
    /// Heat maps of true and recovered weights, with measures of recovery.
    Recovery(RecoveryMaps),
}

/// What the heat maps of a recovery study show beside truth and the reference method.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryMaps {
    /// Data set label -> the standard method made for it.
    pub standard: IndexMap<String, String>,
    /// Repeat whose weights are drawn.
    #[serde(default)]
    pub repeat: u32,
}

/// A data set as a study uses it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataEntry {
    /// The paper's name for it.
    pub label: String,
    /// Name in the catalog.
    pub dataset: Spanned<String>,
    /// Options of the data set.
    #[serde(default)]
    pub options: std::collections::BTreeMap<String, String>,
    /// Variant to use where the data set cannot be had; the report says so.
    #[serde(default)]
    pub otherwise: Option<Spanned<String>>,
    /// Rows drawn per task and repeat; all, if left out.
    #[serde(default)]
    pub rows: Option<usize>,
    /// Why results cannot be compared with the published ones, whatever they are.
    #[serde(default)]
    pub not_comparable: Option<String>,
}

/// How data become training, validation and test parts.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Sizes of the three parts.
    pub split: Fractions,
    /// Centring and scaling.
    #[serde(default)]
    pub scaling: Scaling,
    /// How often.
    pub repeats: u32,
    /// How the repeats relate to one another, which decides the test that fits.
    pub resampling: Resampling,
}

/// How repeats relate to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resampling {
    /// Each repeat draws new data.
    Independent,
    /// Repeats are random splits of the same data.
    Overlapping,
}

impl Protocol {
    /// The form in which the statistics want it.
    pub fn resampling(&self) -> mtl_stats::Resampling {
        match self.resampling {
            Resampling::Independent => mtl_stats::Resampling::Independent,
            Resampling::Overlapping => {
                mtl_stats::Resampling::Overlapping { test_over_train: self.split.test / self.split.train }
            }
        }
    }
}

/// How one point of a grid is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// Validation measure, averaged over tasks.
    pub metric: Metric,
    /// What decides between points with the same value.
    #[serde(default)]
    pub ties: Ties,
}

impl Default for Select {
    fn default() -> Self {
        Self { metric: Metric::NMse, ties: Ties::default() }
    }
}

/// What decides between points with the same validation value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    /// The stronger penalty, parameter by parameter in the order of the method's declaration.
    #[default]
    LargerPenalty,
    /// The first point of the grid.
    FirstInGrid,
}

/// How much of a study is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// A minute: that everything runs.
    Smoke,
    /// A coffee: the documented subset that runs by default.
    #[default]
    Quick,
    /// The full protocol.
    Paper,
}

impl Profile {
    /// Name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Paper => "paper",
        }
    }
}

/// What a profile runs less of.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Narrowing {
    /// Fewer repeats.
    pub repeats: Option<u32>,
    /// Coarser grids: method label -> parameter -> values.
    pub params: IndexMap<String, IndexMap<String, Spanned<GridValue>>>,
    /// What the subset leaves out, for the reader.
    pub note: Option<String>,
}

/// One entry of `methods.yaml`: what a paper calls a method, in our terms.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodFile {
    /// Name in the registry.
    pub method: Spanned<String>,
    /// Hyperparameters: held, tuned or tied.
    #[serde(default)]
    pub params: IndexMap<String, Spanned<GridValue>>,
    /// Conditions that points of the grid have to meet.
    #[serde(default, rename = "where")]
    pub conditions: Vec<Spanned<String>>,
    /// How our parameters relate to the paper's.
    #[serde(default)]
    pub note: Option<String>,
}

/// `paper.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperFile {
    /// Title of the paper.
    pub title: String,
    /// Its authors.
    pub authors: Vec<String>,
    /// Where it appeared.
    pub venue: String,
    /// When.
    pub year: u16,
    /// The authors' code.
    #[serde(default)]
    pub code: Option<String>,
    /// What of the paper is covered here, and what is not yet.
    pub coverage: String,
    /// Ids of the studies, in the order of the report.
    pub studies: Vec<Spanned<String>>,
}

/// A place where paper, code and mathematics disagree, with the two studies that show what it changes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Short name.
    pub id: String,
    /// The finding in one line.
    pub title: String,
    /// What the disagreement is.
    pub says: String,
    /// Study that follows one reading.
    pub a: Spanned<String>,
    /// Study that follows the other.
    pub b: Spanned<String>,
}
