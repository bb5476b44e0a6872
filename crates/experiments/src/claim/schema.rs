//! Claims as they are written down.

use std::collections::BTreeMap;

use mtl_methods::ParamValue;
use serde::Deserialize;

use super::scope::{Except, Names, Relation, Scope, Side, Values};

/// A statement of a paper.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Short name, unique in the paper.
    pub id: String,
    /// Where the paper says it.
    pub source: String,
    /// What it says, in our words.
    pub says: String,
    /// Whether the paper's own numbers agree; absent if it prints none.
    #[serde(default)]
    pub printed: Option<bool>,
    /// Anything a reader should know.
    #[serde(default)]
    pub note: Option<String>,
    /// How it is decided.
    pub check: Check,
}

/// How a claim is decided.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Every part holds.
    All(Vec<Check>),
    /// At least one part holds.
    Any(Vec<Check>),
    /// The part does not hold.
    Not(Box<Check>),
    /// One side is below or above the other.
    Compare(Compare),
    /// A method is the best, the worst, or of a given rank.
    Extremum(Extremum),
    /// Methods stand in a given order.
    Order(Order),
    /// One side is a multiple of the other.
    Ratio(Ratio),
    /// Several values lie close together.
    Spread(Spread),
    /// A value rises or falls along a parameter.
    Monotone(Monotone),
    /// The best value of a parameter is a given one.
    Argbest(Argbest),
    /// A quantity grows like a power of a parameter.
    Slope(Slope),
    /// A structure is found: a measure of recovery passes a bound.
    Recovery(Recovery),
    /// Two sides are the same.
    Equal(Equal),
    /// A value is a known number.
    Constant(Constant),
    /// A statement of a description, `description/id`, holds in all cases that were tried.
    Statement(String),
    /// Cannot be decided from records; says why, and what decides it instead.
    Manual(String),
}

/// `a` is related to `b` in every cell of the scope.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// Where.
    #[serde(default)]
    pub on: Scope,
    /// Left side.
    pub a: Side,
    /// How the sides are related.
    pub is: Relation,
    /// Right side.
    pub b: Side,
    /// By at least this much.
    #[serde(default)]
    pub margin: f64,
    /// `true`: the paper calls the difference significant; `false`: it says the difference is not.
    #[serde(default)]
    pub significant: Option<bool>,
    /// Number of cells in which it has to hold; all, if left out.
    #[serde(default)]
    pub at_least: Option<usize>,
    /// Cells left out.
    #[serde(default)]
    pub except: Vec<Except>,
}

/// Where in a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Best in the direction of the metric.
    Best,
    /// Worst in the direction of the metric.
    Worst,
    /// Smallest.
    Min,
    /// Largest.
    Max,
}

/// What a ranking is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// Each cell of the scope by itself.
    #[default]
    EachCell,
    /// The mean rank over all cells of the scope.
    MeanRank,
}

/// One of `method` is at an end of the ranking.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extremum {
    /// Where.
    #[serde(default)]
    pub on: Scope,
    /// The method; of several, the best one has to be there.
    pub method: Names,
    /// Which end.
    pub is: End,
    /// Rank counted from that end.
    #[serde(default = "first")]
    pub rank: usize,
    /// The methods that are ranked; all in the study, if left out.
    #[serde(default)]
    pub among: Option<Names>,
    /// Methods that are left out of the ranking.
    #[serde(default)]
    pub excluding: Option<Names>,
    /// Each cell, or the mean rank over all.
    #[serde(default)]
    pub over: Over,
    /// Number of cells in which it has to hold; all, if left out.
    #[serde(default)]
    pub at_least: Option<usize>,
}

fn first() -> usize {
    1
}

/// Which part of the ranking an [`Order`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stretch {
    /// Only the order among the named methods.
    #[default]
    Among,
    /// The named methods come first.
    Head,
    /// The named methods come last.
    Tail,
}

/// Methods in increasing (or decreasing) order of the metric.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Where.
    #[serde(default)]
    pub on: Scope,
    /// Methods from the smallest value up.
    #[serde(default)]
    pub ascending: Vec<String>,
    /// Methods from the largest value down.
    #[serde(default)]
    pub descending: Vec<String>,
    /// Which part of the ranking they make up.
    #[serde(default)]
    pub stretch: Stretch,
}

/// `a / b` is at least (or at most) `value`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Where.
    #[serde(default)]
    pub on: Scope,
    /// Numerator.
    pub a: Side,
    /// Denominator.
    pub b: Side,
    /// Lower bound of the ratio.
    #[serde(default)]
    pub at_least: Option<f64>,
    /// Upper bound of the ratio.
    #[serde(default)]
    pub at_most: Option<f64>,
}

/// The means of several methods, or of one method along a parameter, lie within a bound.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Where.
    #[serde(default)]
    pub on: Scope,
    /// The methods; each by itself where a parameter is named in `along`.
    #[serde(default)]
    pub method: Option<Names>,
    /// Methods that are left out.
    #[serde(default)]
    pub excluding: Option<Names>,
    /// Parameter and its values, for the spread of one method along it.
    #[serde(default)]
    pub along: BTreeMap<String, Vec<ParamValue>>,
    /// Largest minus smallest mean is at most this.
    #[serde(default)]
    pub difference: Option<f64>,
    /// Largest over smallest mean is at most this.
    #[serde(default)]
    pub ratio: Option<f64>,
    /// The spread is smaller than the spread along each of these other parameters.
    #[serde(default)]
    pub less_than_along: Vec<BTreeMap<String, Vec<ParamValue>>>,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Upwards.
    Increasing,
    /// Downwards.
    Decreasing,
}

/// The metric rises (or falls) from each value of a parameter to the next.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monotone {
    /// Where.
    #[serde(default)]
    pub on: Scope,
    /// The methods, each by itself.
    pub method: Names,
    /// Parameter and its values, in order.
    pub along: BTreeMap<String, Vec<ParamValue>>,
    /// Which way.
    pub direction: Direction,
}

/// The best value lies where expected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argbest {
    /// Where.
    #[serde(default)]
    pub on: Scope,
    /// The methods, each by itself.
    pub method: Names,
    /// Parameters and the values they run through.
    pub along: BTreeMap<String, Vec<ParamValue>>,
    /// Which end is best.
    pub is: End,
    /// Values (of each parameter) the best point may have.
    #[serde(default)]
    pub expected: BTreeMap<String, Values>,
    /// The best point's parameter lies below this.
    #[serde(default)]
    pub below: Option<f64>,
}

/// Slope of the metric over a parameter on logarithmic axes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slope {
    /// Where.
    #[serde(default)]
    pub on: Scope,
    /// The method.
    pub method: Names,
    /// Parameter along which the metric grows.
    pub along: Names,
    /// Smallest exponent.
    pub low: f64,
    /// Largest exponent.
    pub high: f64,
}

/// A measure of recovered structure passes a bound.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// Where; its metrics are measures of structure.
    #[serde(default)]
    pub on: Scope,
    /// The methods, each by itself.
    pub method: Names,
    /// How the measure is related to the bound.
    pub is: Relation,
    /// The bound.
    pub value: f64,
}

/// Two sides agree within a tolerance.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equal {
    /// Where.
    #[serde(default)]
    pub on: Scope,
    /// Left side.
    pub a: Side,
    /// Right side.
    pub b: Side,
    /// Largest difference.
    #[serde(default)]
    pub within: Option<f64>,
    /// Largest difference relative to `b`.
    #[serde(default)]
    pub within_relative: Option<f64>,
}

/// A value lies near a known number or in a range.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Where.
    #[serde(default)]
    pub on: Scope,
    /// The methods, each by itself.
    pub method: Names,
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

impl Check {
    /// The reasons of all `manual` parts.
    pub fn manual(&self) -> Vec<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::manual).collect(),
            Self::Not(part) => part.manual(),
            Self::Manual(reason) => vec![reason],
            _ => Vec::new(),
        }
    }

    /// The names of all statements of descriptions in it.
    pub fn statements(&self) -> Vec<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::statements).collect(),
            Self::Not(part) => part.statements(),
            Self::Statement(name) => vec![name],
            _ => Vec::new(),
        }
    }
}
