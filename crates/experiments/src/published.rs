//! What a paper says: its numbers and its claims (`experiments/<slug>/published.yaml`).

use std::collections::{BTreeMap, HashSet};

use indexmap::IndexMap;
use mtl_methods::ParamValue;
use serde::Deserialize;

use crate::claim::Claim;
use crate::yaml::{Source, Spanned, YamlError};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Tables and figures with numbers, by the id that studies refer to.
    pub tables: IndexMap<String, PublishedTable>,
    /// Statements that can be checked.
    pub claims: Vec<Spanned<Claim>>,
}

/// One published table, or the numbers of a figure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedTable {
    /// What it shows, in our words.
    pub caption: String,
    /// Where it is in the paper, if its id does not say so.
    #[serde(default)]
    pub source: Option<String>,
    /// How its numbers came to us, if they are not printed: read off a figure, an author's log, derived.
    #[serde(default)]
    pub provenance: Option<String>,
    /// Uncertainty of numbers that were read off a figure.
    #[serde(default)]
    pub tolerance: Option<f64>,
    /// Anything a reader should know before comparing.
    #[serde(default)]
    pub note: Option<String>,
    /// Which way each metric is better; a metric left out is neither.
    #[serde(default)]
    pub better: BTreeMap<String, Better>,
    /// The cells.
    pub rows: Vec<PublishedRow>,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Smaller is better.
    Lower,
    /// Larger is better.
    Higher,
}

/// One published number.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedRow {
    /// Data set, by the paper's name.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Method, by the paper's name.
    #[serde(default)]
    pub method: Option<String>,
    /// What is measured.
    pub metric: String,
    /// The number; absent where the paper only says something in words.
    #[serde(default)]
    pub mean: Option<f64>,
    /// Its printed spread.
    #[serde(default)]
    pub std: Option<f64>,
    /// Repeats behind it.
    #[serde(default)]
    pub n: Option<usize>,
    /// What else distinguishes the cell.
    #[serde(default)]
    pub params: BTreeMap<String, ParamValue>,
    /// What the paper has instead of a number.
    #[serde(default)]
    pub text: Option<String>,
    /// Why the number may not be what the paper meant.
    #[serde(default)]
    pub uncertain: Option<String>,
}

impl Published {
    /// Reads the file and checks that every claim can be decided.
    ///
    /// # Errors
    /// With the position of the first value that does not fit, or of the first claim that means nothing.
    pub fn load(source: &Source) -> Result<Self, YamlError> {
        let published: Self = source.parse()?;
        let mut ids = HashSet::new();
        for claim in &published.claims {
            let Claim { id, check, .. } = &claim.value;
            if !ids.insert(id) {
                return Err(source.error(claim, format!("the id `{id}` is used twice")));
            }
            check.problem().map_err(|message| source.error(claim, format!("claim `{id}`: {message}")))?;
        }
        Ok(published)
    }

    /// The number for a cell of a table.
    pub fn row(&self, table: &str, dataset: &str, method: &str, metric: &str) -> Option<&PublishedRow> {
        self.tables.get(table)?.rows.iter().find(|row| {
            row.dataset.as_deref() == Some(dataset) && row.method.as_deref() == Some(method) && row.metric == metric
        })
    }
}
