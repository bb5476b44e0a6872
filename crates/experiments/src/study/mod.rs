//! One table or figure as its YAML file describes it.

mod show;

pub use show::{
    Curves, Draw, Families, Layers, RecoveryMaps, Sensitivity, SensitivityPanel, Show, Significance, Topics, Traces,
};

use std::collections::BTreeMap;

use indexmap::IndexMap;
use mtl_core::{Counts, Metric, RowSizes, Scaling, Sizes};
use mtl_methods::ParamValue;
use serde::{Deserialize, Serialize};

use crate::grid::GridValue;
use crate::plan::Variant;
use crate::quantity::Quantity;
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
    #[serde(default)]
    pub data: Vec<DataEntry>,
    /// Takes the data sets of another study, with the values that go with them, instead of having `data` of its own.
    #[serde(default)]
    pub data_of: Option<Borrowed>,
    /// How they are sampled, split and scaled, and how often.
    pub protocol: Protocol,
    /// Methods, by their labels in `methods.yaml`.
    pub methods: Vec<Spanned<String>>,
    /// Values that differ from those in `methods.yaml`: method label -> parameter -> values.
    #[serde(default)]
    pub params: IndexMap<String, IndexMap<String, Spanned<GridValue>>>,
    /// Conditions that points of the grids have to meet beside those in `methods.yaml`: method label -> conditions.
    #[serde(default, rename = "where")]
    pub conditions: IndexMap<String, Vec<Spanned<String>>>,
    /// Hyperparameters that are not tuned: a method with values of its own for one stands for a family of methods, one for each
    /// value, each tuned by itself.
    #[serde(default)]
    pub each: Vec<String>,
    /// Centring and scaling of single methods, where the paper treats them differently: method label -> scaling.
    #[serde(default)]
    pub scaling: IndexMap<String, Scaling>,
    /// Which points of a grid are scored.
    #[serde(default)]
    pub score: Score,
    /// Labels in `methods` that stand for the best of other methods of the study, chosen for each data set by the mean of the
    /// validation measure over all repeats.
    #[serde(default)]
    pub either: IndexMap<String, Vec<Spanned<String>>>,
    /// The proposed method, which the others are compared with.
    pub reference: Spanned<String>,
    /// The method that relative measures hold the others against.
    #[serde(default)]
    pub against: Option<Spanned<String>>,
    /// How hyperparameters are chosen.
    #[serde(default)]
    pub select: Select,
    /// How often they are tuned, and in which stages.
    #[serde(default)]
    pub tune: Tune,
    /// Measures shown.
    pub metrics: Vec<Metric>,
    /// Smaller and larger versions of the study.
    #[serde(default)]
    pub profiles: IndexMap<Profile, Narrowing>,
}

/// Whose data sets a study takes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Borrowed {
    /// The study.
    pub study: Spanned<String>,
    /// The labels of the data sets; all, if left out.
    #[serde(default)]
    pub labels: Vec<Spanned<String>>,
}

/// Which points of a grid are scored on the test part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// The one that the validation part chooses.
    #[default]
    Chosen,
    /// All of them: nothing is chosen.
    Every,
}

/// A data set as a study uses it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataEntry {
    /// The paper's name for it.
    pub label: String,
    /// Name in the catalog.
    pub dataset: Spanned<String>,
    /// Options of the data set. Where one has a list of values, the entry stands for a family of data sets, one for each
    /// combination.
    #[serde(default)]
    pub options: BTreeMap<String, OptionValues>,
    /// Variant to use where the data set cannot be had; the report says so.
    #[serde(default)]
    pub otherwise: Option<Spanned<String>>,
    /// Options of that variant.
    #[serde(default)]
    pub otherwise_options: BTreeMap<String, ParamValue>,
    /// Rows drawn per task and repeat; all, if left out.
    #[serde(default)]
    pub rows: Option<usize>,
    /// Centring and scaling, where they differ from the protocol's.
    #[serde(default)]
    pub scaling: Option<Scaling>,
    /// Values that go with this data set, such as sizes of networks: method label -> parameter -> values. They come before
    /// those of the study and of its profiles.
    #[serde(default)]
    pub params: IndexMap<String, IndexMap<String, Spanned<GridValue>>>,
    /// Methods of the study that are not run here, by their labels.
    #[serde(default)]
    pub without: Vec<String>,
    /// Why results cannot be compared with the published ones, whatever they are.
    #[serde(default)]
    pub not_comparable: Option<String>,
}

/// One value of a data set's option, or several.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum OptionValues {
    /// Several values.
    Many(Vec<ParamValue>),
    /// One value.
    One(ParamValue),
}

impl OptionValues {
    /// The values.
    pub fn as_slice(&self) -> &[ParamValue] {
        match self {
            Self::Many(values) => values,
            Self::One(value) => std::slice::from_ref(value),
        }
    }
}

/// How data become training, validation and test parts.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Sizes of the three parts.
    pub split: Sizes,
    /// Takes training and test part of each repeat from the splits that come with the data, and the validation part
    /// where they have one; fractions of `split` only say how large they are. Where `split` gives numbers of rows or
    /// says how to draw, rows are drawn from the parts of the splits.
    #[serde(default)]
    pub official: bool,
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
    /// The form in which the statistics want it, for a data set. Where test rows are those that are left of each task,
    /// their mean number counts.
    pub fn resampling(&self, variant: &Variant) -> mtl_stats::Resampling {
        let test_over_train = || match self.split {
            Sizes::Rows(RowSizes { rows: Counts { train, valid, test: None }, .. }) => {
                let left = match variant.official {
                    Some([_, _, test]) if self.official => test,
                    _ => variant.samples as f64 / variant.m as f64 - (train + valid) as f64,
                };
                left.max(0.0) / train as f64
            }
            // Only the rest has to be counted.
            split => split.test_over_train().unwrap_or_default(),
        };
        match self.resampling {
            Resampling::Independent => mtl_stats::Resampling::Independent,
            Resampling::Overlapping => mtl_stats::Resampling::Overlapping { test_over_train: test_over_train() },
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
    /// Folds of a cross-validation inside the training part, after which the chosen point is fitted to all of it;
    /// if left out, the validation part chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<u32>,
}

impl Default for Select {
    fn default() -> Self {
        Self { metric: Metric::NMse, ties: Ties::default(), folds: None }
    }
}

/// How often hyperparameters are tuned, and in which stages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tune {
    /// Tunes on the first repeat's parts, and scores what they choose in every repeat: test rows of other repeats are among
    /// those that choose.
    pub once: bool,
    /// Tunes one method first, and the others with values that it chose.
    pub freeze: Option<Freeze>,
}

/// What is tuned first.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// The method, by its label.
    pub from: Spanned<String>,
    /// Its hyperparameters whose values the others take.
    pub params: Vec<String>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// A minute: that everything runs.
    Smoke,
    /// A coffee: the documented subset that runs by default.
    #[default]
    Quick,
    /// The protocol as far as the paper states it.
    Paper,
    /// More than the protocol at a documented cost: grids that `paper` ties or holds.
    Exhaustive,
}

impl Profile {
    /// Name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Paper => "paper",
            Self::Exhaustive => "exhaustive",
        }
    }
}

/// What a profile runs otherwise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Narrowing {
    /// Fewer repeats.
    pub repeats: Option<u32>,
    /// Other grids: method label -> parameter -> values.
    pub params: IndexMap<String, IndexMap<String, Spanned<GridValue>>>,
    /// Fewer members of a family of data sets: its label -> option -> the values that stay.
    pub data: IndexMap<String, BTreeMap<String, OptionValues>>,
    /// What that leaves out or adds, for the reader.
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
    /// Ids of the tables and figures that need no fit, in the order of the report.
    #[serde(default)]
    pub descriptions: Vec<Spanned<String>>,
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
    /// One reading.
    pub a: FindingSide,
    /// The other.
    pub b: FindingSide,
    /// What is compared: measures, `objective` or `iterations` [default: the measures of the first study].
    #[serde(default)]
    pub measures: Vec<Quantity>,
}

/// One side of a finding: a study, or one method or one measure of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingSide {
    /// The study.
    pub study: Spanned<String>,
    /// The method; every method with the one of the same name on the other side, if left out.
    #[serde(default)]
    pub method: Option<Spanned<String>>,
    /// The measure, where the two sides are two measures of the same fits.
    #[serde(default)]
    pub measure: Option<Quantity>,
}

impl FindingSide {
    /// How tables call it: by what tells it from the other side.
    pub fn name(&self, other: &Self) -> &str {
        match (&self.measure, &self.method) {
            (Some(measure), _) if self.measure != other.measure => measure.name(),
            (_, Some(method)) if Some(&method.value) != other.method.as_ref().map(|m| &m.value) => &method.value,
            _ => &self.study.value,
        }
    }
}
