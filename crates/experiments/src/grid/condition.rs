//! Conditions that drop points from a grid.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use mtl_methods::ParamValue;

use super::Axis;
use crate::results::as_number;
use crate::yaml::unknown;

/// `name < expression`, with the usual six relations; an expression is a number, a name or `min(a, b)`. Several of them
/// with `or` between.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition(Vec<Relation>);

#[derive(Debug, Clone, PartialEq)]
struct Relation {
    left: Term,
    relation: &'static str,
    right: Term,
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    Number(f64),
    Name(String),
    Min(Box<Term>, Box<Term>),
}

impl Condition {
    /// Checks the names; besides the grid's parameters there are `p` and `m`.
    pub fn parse(text: &str, axes: &IndexMap<String, Axis>) -> Result<Self, String> {
        text.split(" or ").map(|part| Relation::parse(part, axes)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a point meets it, on data of `p` features and `m` tasks.
    pub fn holds(&self, point: &BTreeMap<String, ParamValue>, p: usize, m: usize) -> bool {
        self.0.iter().any(|relation| relation.holds(point, p, m))
    }
}

impl Relation {
    fn parse(text: &str, axes: &IndexMap<String, Axis>) -> Result<Self, String> {
        for relation in ["<=", ">=", "!=", "=", "<", ">"] {
            if let Some((left, right)) = text.split_once(relation) {
                return Ok(Self { left: Term::parse(left, axes)?, relation, right: Term::parse(right, axes)? });
            }
        }
        Err(format!("`{text}` is no condition; write for example k < min(p, m)"))
    }

    fn holds(&self, point: &BTreeMap<String, ParamValue>, p: usize, m: usize) -> bool {
        let (left, right) = (self.left.value(point, p, m), self.right.value(point, p, m));
        match self.relation {
            "<=" => left <= right,
            ">=" => left >= right,
            "!=" => left != right,
            "=" => left == right,
            "<" => left < right,
            _ => left > right,
        }
    }
}

impl Term {
    fn parse(text: &str, axes: &IndexMap<String, Axis>) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        if let Some((a, b)) =
            text.strip_prefix("min(").and_then(|t| t.strip_suffix(')')).and_then(|t| t.split_once(','))
        {
            return Ok(Self::Min(Box::new(Self::parse(a, axes)?), Box::new(Self::parse(b, axes)?)));
        }
        if let Some(Axis::Relative(_)) = axes.get(text) {
            return Err(format!("`{text}` has values that depend on the data; a condition cannot name it"));
        }
        if text == "p" || text == "m" || axes.contains_key(text) {
            return Ok(Self::Name(text.into()));
        }
        Err(unknown("name in a condition", text, axes.keys().map(String::as_str).chain(["p", "m", "min(a, b)"])))
    }

    fn value(&self, point: &BTreeMap<String, ParamValue>, p: usize, m: usize) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Min(a, b) => a.value(point, p, m).min(b.value(point, p, m)),
            Self::Name(name) => match (name.as_str(), point.get(name)) {
                (_, Some(value)) => as_number(value).unwrap_or(f64::NAN),
                ("p", _) => p as f64,
                ("m", _) => m as f64,
                _ => f64::NAN,
            },
        }
    }
}
