//! What a study's tables and figures show.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use mtl_methods::ParamValue;
use serde::Deserialize;

use crate::layers::LayerMeasure;
use crate::quantity::Quantity;

/// How a study is shown.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Show {
    /// A table of data sets and measures by methods, with charts of the published values and of paired differences.
    Comparison,
    /// Heat maps of true and recovered weights, with measures of recovery.
    Recovery(RecoveryMaps),
    /// A table of the p-values of the reference method against others, beside the published ones.
    Significance(Significance),
    /// Heat maps of a measure over two hyperparameters, beside the published ones. Needs `score: every`.
    Sensitivity(Sensitivity),
    /// Lines of measures along one hyperparameter. Needs `score: every`.
    Curves(Curves),
    /// Lines of a measure along an option of families of data sets.
    Families(Families),
    /// Lines of what solvers report about their iterations.
    Traces(Traces),
    /// Lines of measures of networks' hidden layers, from layer to layer.
    Layers(Layers),
    /// Heat maps of what tasks add in topics, with what sparsity could have taken off.
    Topics(Topics),
}

/// The panels of a figure over topics: one a data set and method.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topics {
    /// Repeat whose norms are drawn.
    #[serde(default)]
    pub repeat: u32,
}

/// The panels of a figure over layers: one a data set and measure.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layers {
    /// What is shown, a line a method. Of a correlation between tasks, the matrices of one repeat are drawn as well.
    pub measures: Vec<LayerMeasure>,
    /// Repeat whose correlations are drawn.
    #[serde(default)]
    pub repeat: u32,
}

/// The panels of a figure over families of data sets: one a family.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Families {
    /// Options of the horizontal axis; each family has one of them. The rows a task trains on stand for `samples`.
    pub along: Vec<String>,
    /// What is shown, a line a method.
    pub measure: Quantity,
    /// Shows instead by how many per cent the reference method has less of the measure than this one. Lines then differ
    /// in the families' other options.
    #[serde(default)]
    pub against: Option<String>,
    /// Adds a table of the first place along the axis where the mean of the measure is as good as this.
    #[serde(default)]
    pub reach: Option<f64>,
}

/// The panels of a figure over iterations.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// Series that the methods' solvers report; `objective` is one of all.
    pub series: Vec<String>,
    /// Repeat whose series are drawn.
    #[serde(default)]
    pub repeat: u32,
}

/// What the p-values are of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Significance {
    /// What is compared, repeat by repeat.
    pub measure: Quantity,
}

/// The panels of a sensitivity figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensitivity {
    /// What the colours are.
    pub measure: Quantity,
    /// The panels.
    pub panels: Vec<SensitivityPanel>,
}

/// One heat map over two hyperparameters.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensitivityPanel {
    /// Name in the figure, and the value of `panel` in published numbers.
    pub panel: String,
    /// Hyperparameter of the rows.
    pub rows: String,
    /// Hyperparameter of the columns.
    pub columns: String,
    /// Where the other hyperparameters are held.
    #[serde(default)]
    pub at: BTreeMap<String, ParamValue>,
}

/// The lines of a figure.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// Hyperparameter of the horizontal axis.
    pub along: String,
    /// Measures, `objective` or `iterations`: one panel each.
    pub measures: Vec<Quantity>,
}

/// What the heat maps of a recovery study show beside truth and the reference method.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryMaps {
    /// What is drawn.
    #[serde(default)]
    pub draw: Draw,
    /// Data set label -> the standard method made for it; every method, for a data set that is left out.
    #[serde(default)]
    pub standard: IndexMap<String, String>,
    /// Repeat whose weights are drawn; of covariances, all are.
    #[serde(default)]
    pub repeat: u32,
}

/// What pictures of recovered weights show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Draw {
    /// The weights.
    #[default]
    Weights,
    /// Their signs less the true signs.
    Signs,
    /// The groups of tasks that each method learned.
    Groups,
    /// How often tasks share a group: the mean of `theta' theta` over all repeats.
    Covariance,
}
