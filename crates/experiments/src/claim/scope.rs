//! Which cells of the results a claim is about, and what is compared in them.

use std::collections::BTreeMap;
use std::fmt;

use mtl_methods::ParamValue;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// One name or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// One name.
    One(String),
    /// Several names.
    Many(Vec<String>),
}

impl Names {
    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names.as_slice(),
        }
        .iter()
        .map(String::as_str)
    }

    /// Whether this name is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|n| n == name)
    }
}

/// Which cells are meant.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// Study whose results are meant; any, if left out.
    pub study: Option<String>,
    /// Data sets; all of the study, if left out.
    pub dataset: Option<Names>,
    /// Metrics or measured quantities (`seconds`, ..); all metrics of the study, if left out.
    pub metric: Option<Names>,
    /// Hyperparameters that the cells are held at; a list stands for each of its values.
    pub params: BTreeMap<String, Values>,
}

/// One value or several.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// One value.
    One(ParamValue),
    /// Several values.
    Many(Vec<ParamValue>),
}

impl Values {
    /// The values.
    pub fn as_slice(&self) -> &[ParamValue] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// One side of a comparison: methods, methods in other cells, a number, or the other methods as a group.
#[derive(Debug, Clone, PartialEq)]
pub enum Side {
    /// A number.
    Number(f64),
    /// Methods in the cells of the check's scope.
    Methods(Names),
    /// Methods (or none) in other cells: what is given here replaces the scope's.
    Elsewhere(Elsewhere),
}

/// By hand, so that a wrong field in other cells is reported as such and in its place.
impl<'de> Deserialize<'de> for Side {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sides;
        impl<'de> Visitor<'de> for Sides {
            type Value = Side;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a method, a list of methods, a number, or the fields of other cells")
            }

            fn visit_i64<E>(self, value: i64) -> Result<Side, E> {
                Ok(Side::Number(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Side, E> {
                Ok(Side::Number(value as f64))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Side, E> {
                Ok(Side::Number(value))
            }

            fn visit_str<E>(self, name: &str) -> Result<Side, E> {
                Ok(Side::Methods(Names::One(name.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Side, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(names)).map(|names| Side::Methods(Names::Many(names)))
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Side, A::Error> {
                Elsewhere::deserialize(MapAccessDeserializer::new(fields)).map(Side::Elsewhere)
            }
        }
        deserializer.deserialize_any(Sides)
    }
}

impl Side {
    /// The methods it names.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Methods(names) | Self::Elsewhere(Elsewhere { method: Some(names), .. }) => names.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether its methods are those of the other side, each compared with itself.
    pub fn follows(&self) -> bool {
        matches!(self, Self::Elsewhere(Elsewhere { method: None, others: None, .. }))
    }
}

/// Cells that differ from the check's scope. As there, a list stands for each of its elements.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Elsewhere {
    /// Methods. If left out, each method of the other side is compared with itself in these cells.
    pub method: Option<Names>,
    /// Replaces the scope's study.
    pub study: Option<String>,
    /// Replaces the scope's data sets.
    pub dataset: Option<Names>,
    /// Replaces the scope's metrics.
    pub metric: Option<Names>,
    /// Added to the scope's hyperparameters.
    pub params: BTreeMap<String, Values>,
    /// Instead of naming methods: all in the study but those of the other side.
    pub others: Option<Others>,
}

/// A group of methods, reduced to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Others {
    /// Each of them.
    Each,
    /// The best of them.
    Best,
    /// The worst of them.
    Worst,
}

/// How two numbers are related. `better` and `worse` follow the metric's direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// Smaller.
    Lt,
    /// Smaller or equal.
    Le,
    /// Larger.
    Gt,
    /// Larger or equal.
    Ge,
    /// Better in the direction of the metric.
    Better,
    /// Worse in the direction of the metric.
    Worse,
}

/// A cell that a claim leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Except {
    /// Method; any, if left out.
    #[serde(default)]
    pub method: Option<String>,
    /// Data set; any, if left out.
    #[serde(default)]
    pub dataset: Option<String>,
}
