//! Tables and figures that describe methods or data, and need no fit.
//!
//! Some state something besides, and say in how many cases it held: a [`Statement`], which claims refer to.

mod equation;
mod known_weights;
mod statement;
mod theorems;
mod toy_pairs;
mod unit_balls;

pub use equation::Equation;
pub use known_weights::{Best, Drawn, Expected, Holds, KnownWeights};
pub use statement::{Statement, Statements, statement_name};
pub use theorems::{Theorem, Theorems};
pub use toy_pairs::{Compared, Costs, Free, Pair, Span, ToyPairs, Weight};
pub use unit_balls::{Ball, UnitBalls};

use std::collections::BTreeMap;

use indexmap::IndexMap;
use mtl_data::Catalog;
use mtl_methods::{ParamSet, ParamValue};
use serde::Deserialize;

use crate::paper::{DataUse, MethodUse, Methods, data_uses, known};
use crate::published::Published;
use crate::study::DataEntry;
use crate::yaml::{Source, Spanned, YamlError};

/// `experiments/<slug>/<id>.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescriptionFile {
    title: String,
    source: String,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    published: Option<Spanned<String>>,
    show: ShowFile,
}

/// What is described, as the file says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ShowFile {
    /// Method label -> hyperparameters that differ from the defaults.
    Declarations(IndexMap<String, BTreeMap<String, ParamValue>>),
    /// What methods minimise, by their labels.
    Objectives(Vec<String>),
    /// Strengths of a method's terms, a panel for each set of hyperparameters.
    Strengths(StrengthsFile),
    /// Sizes of data sets.
    Sizes(Vec<DataEntry>),
    /// Sizes of the networks that a study trains.
    Networks(Networks),
    /// What two tasks cost in one group and in two.
    ToyPairs(ToyPairs),
    /// Unit balls of a regulariser.
    UnitBalls(UnitBalls),
    /// The best shares of tasks in groups for known weights.
    KnownWeights(KnownWeights),
    /// Theorems on random cases.
    Theorems(Theorems),
}

/// Whose networks are described.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Networks {
    /// The study.
    pub study: Spanned<String>,
    /// Its method.
    pub method: Spanned<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct StrengthsFile {
    method: String,
    panels: Vec<BTreeMap<String, ParamValue>>,
}

/// A checked description.
#[derive(Clone)]
pub struct Description {
    /// File name without its ending.
    pub id: String,
    /// Title.
    pub title: String,
    /// What it is in the paper.
    pub source: String,
    /// What a reader should know before looking at it.
    pub note: Option<String>,
    /// Table of `published.yaml` to compare with.
    pub published: Option<String>,
    /// What is described.
    pub shows: Shows,
}

/// What a description describes.
#[derive(Clone)]
pub enum Shows {
    /// Penalties as the methods' code declares them.
    Declarations(Vec<(MethodUse, ParamSet)>),
    /// What methods minimise, as their code declares it.
    Objectives(Vec<MethodUse>),
    /// Strengths of a method's terms over its components.
    Strengths(Box<MethodUse>, Vec<ParamSet>),
    /// Sizes of data sets.
    Sizes(Vec<DataUse>),
    /// Sizes of the networks that a study trains.
    Networks(Networks),
    /// What two tasks cost in one group and in two.
    ToyPairs(ToyPairs),
    /// Unit balls of a regulariser.
    UnitBalls(UnitBalls),
    /// The best shares of tasks in groups for known weights.
    KnownWeights(KnownWeights),
    /// Theorems on random cases.
    Theorems(Theorems),
}

impl Description {
    pub(crate) fn load(
        id: &str,
        source: &Source,
        methods: &Methods,
        published: &Published,
        catalog: &Catalog,
    ) -> Result<Self, YamlError> {
        let file: DescriptionFile = source.parse()?;
        if let Some(table) = &file.published {
            known(source, "table of published.yaml", table, published.tables.keys().map(String::as_str))?;
        }
        let method = |label: &str| methods.labelled(label).map_err(|e| source.error_below(&["show", label], e));
        let point = |method: &MethodUse, given: &BTreeMap<String, ParamValue>| {
            let set = ParamSet::new(&method.entry.params, given);
            set.map_err(|e| source.error_below(&["show", &method.label], e.to_string()))
        };
        let shows = match &file.show {
            ShowFile::Declarations(listed) => Shows::Declarations(
                listed
                    .iter()
                    .map(|(label, given)| {
                        let method = method(label)?;
                        let set = point(&method, given)?;
                        declared(method, source).map(|method| (method, set))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            ShowFile::Objectives(listed) => {
                Shows::Objectives(listed.iter().map(|label| method(label)).collect::<Result<_, _>>()?)
            }
            ShowFile::Strengths(listed) => {
                let method = declared(method(&listed.method)?, source)?;
                let panels = listed.panels.iter().map(|given| point(&method, given)).collect::<Result<_, _>>()?;
                Shows::Strengths(Box::new(method), panels)
            }
            ShowFile::Sizes(entries) => Shows::Sizes(data_uses(entries.clone(), false, source, catalog)?),
            ShowFile::Networks(networks) => Shows::Networks(networks.clone()),
            ShowFile::ToyPairs(pairs) => checked(Shows::ToyPairs(pairs.clone()), pairs.check(), source)?,
            ShowFile::UnitBalls(balls) => checked(Shows::UnitBalls(balls.clone()), balls.check(), source)?,
            ShowFile::KnownWeights(known) => checked(Shows::KnownWeights(known.clone()), known.check(), source)?,
            ShowFile::Theorems(theorems) => checked(Shows::Theorems(theorems.clone()), theorems.check(), source)?,
        };
        let published = file.published.map(|p| p.value);
        let description =
            Self { id: id.into(), title: file.title, source: file.source, note: file.note, published, shows };
        let ids = description.statement_ids();
        if let Some((_, twice)) = ids.iter().enumerate().find(|(i, id)| ids[..*i].contains(id)) {
            return Err(source.error_below(&["show", twice], format!("the statement `{twice}` is made twice")));
        }
        Ok(description)
    }

    /// The data sets it needs.
    pub fn data(&self) -> &[DataUse] {
        match &self.shows {
            Shows::Sizes(data) => data,
            _ => &[],
        }
    }

    /// Names of its statements.
    pub fn statement_ids(&self) -> Vec<&str> {
        match &self.shows {
            Shows::ToyPairs(toy) => toy.pairs.iter().map(|p| p.id.as_str()).collect(),
            Shows::KnownWeights(known) => known.statements.iter().map(|s| s.id.as_str()).collect(),
            Shows::Theorems(theorems) => theorems.cases.keys().map(|t| t.id()).collect(),
            Shows::Declarations(_)
            | Shows::Objectives(_)
            | Shows::Strengths(..)
            | Shows::Sizes(_)
            | Shows::Networks(_)
            | Shows::UnitBalls(_) => Vec::new(),
        }
    }
}

/// What a description shows, unless it makes no sense.
fn checked(shows: Shows, check: Result<(), String>, source: &Source) -> Result<Shows, YamlError> {
    check.map(|()| shows).map_err(|message| source.error_below(&["show"], message))
}

/// Only methods of the generalized group lasso declare components and penalties.
fn declared(method: MethodUse, source: &Source) -> Result<MethodUse, YamlError> {
    if method.entry.decomposition.is_some() {
        return Ok(method);
    }
    let message = format!("{} declares no penalties of the generalized group lasso", method.entry.info.name);
    Err(source.error_below(&["show", &method.label], message))
}
