//! Hyperparameters: how a method declares them, and how values from YAML or the command line are checked.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A hyperparameter's value.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// On or off.
    Flag(bool),
    /// A whole number.
    Count(u64),
    /// A number.
    Number(f64),
    /// One of several names.
    Choice(String),
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(v) => write!(f, "{v}"),
            Self::Count(v) => write!(f, "{v}"),
            Self::Number(v) => write!(f, "{v}"),
            Self::Choice(v) => f.write_str(v),
        }
    }
}

/// Which values a hyperparameter takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Kind {
    /// A finite number, at least `min` (more than `min` if `open`).
    Number {
        /// Lower bound.
        min: f64,
        /// Whether the bound itself is excluded.
        open: bool,
    },
    /// A whole number, at least `min`.
    Count {
        /// Lower bound.
        min: u64,
    },
    /// A number between 0 and 1, both included.
    Share,
    /// `true` or `false`.
    Flag,
    /// One of these names.
    Choice {
        /// The names.
        choices: &'static [&'static str],
    },
    /// Units of layers, as `80-40-20`, or `none`.
    Widths,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, open: true } => write!(f, "a number > {min}"),
            Self::Number { min, open: false } => write!(f, "a number >= {min}"),
            Self::Count { min } => write!(f, "a whole number >= {min}"),
            Self::Share => f.write_str("a number from 0 to 1"),
            Self::Flag => f.write_str("true or false"),
            Self::Choice { choices } => write!(f, "one of {}", choices.join(", ")),
            Self::Widths => f.write_str("widths such as 80-40-20, or none"),
        }
    }
}

/// A hyperparameter as a method declares it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParamSpec {
    /// Name.
    pub name: &'static str,
    /// Allowed values.
    #[serde(rename = "range")]
    pub kind: Kind,
    /// Value if none is given.
    pub default: ParamValue,
    /// Grid for `--cv` when the user names none; empty for parameters that are not tuned.
    pub grid: &'static [f64],
    /// Whether a larger value means a stronger penalty; ties between models go to the stronger one.
    pub strength: bool,
    /// Whether grids are walked along this parameter, from the largest value down, each fit starting from the last.
    pub walk: bool,
    /// What it does.
    pub doc: &'static str,
}

/// The grid of every strength in the papers' shallow experiments.
pub const DECADES: &[f64] = &[1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3];

impl ParamSpec {
    /// A penalty's strength: a number >= 0, tuned over [`DECADES`].
    pub fn strength(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Number { min: 0.0, open: false },
            default: ParamValue::Number(1.0),
            grid: DECADES,
            strength: true,
            walk: false,
            doc,
        }
    }

    /// A number with a lower bound.
    pub fn number(name: &'static str, min: f64, open: bool, default: f64, doc: &'static str) -> Self {
        let default = ParamValue::Number(default);
        Self { name, kind: Kind::Number { min, open }, default, grid: &[], strength: false, walk: false, doc }
    }

    /// A share of something, from 0 to 1.
    pub fn share(name: &'static str, default: f64, doc: &'static str) -> Self {
        Self { kind: Kind::Share, ..Self::number(name, 0.0, false, default, doc) }
    }

    /// A whole number with a lower bound.
    pub fn count(name: &'static str, min: u64, default: u64, doc: &'static str) -> Self {
        let default = ParamValue::Count(default);
        Self { name, kind: Kind::Count { min }, default, grid: &[], strength: false, walk: false, doc }
    }

    /// One of several names; the first is the default.
    pub fn choice(name: &'static str, choices: &'static [&'static str], doc: &'static str) -> Self {
        let default = ParamValue::Choice(choices.first().copied().unwrap_or_default().into());
        Self { name, kind: Kind::Choice { choices }, default, grid: &[], strength: false, walk: false, doc }
    }

    /// Units of layers, as [`widths`] reads them.
    pub fn widths(name: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self { kind: Kind::Widths, ..Self::choice(name, &[], doc) }.by_default(ParamValue::Choice(default.into()))
    }

    /// `true` or `false`.
    pub fn flag(name: &'static str, default: bool, doc: &'static str) -> Self {
        let default = ParamValue::Flag(default);
        Self { name, kind: Kind::Flag, default, grid: &[], strength: false, walk: false, doc }
    }

    /// Has this value if none is given.
    #[must_use]
    pub fn by_default(mut self, value: ParamValue) -> Self {
        self.default = value;
        self
    }

    /// Tunes over these values by default.
    #[must_use]
    pub fn over(mut self, grid: &'static [f64]) -> Self {
        self.grid = grid;
        self
    }

    /// Walks grids along this parameter.
    #[must_use]
    pub fn walked(mut self) -> Self {
        self.walk = true;
        self
    }

    /// Brings a value into this parameter's type and checks its range.
    ///
    /// # Errors
    /// If it has the wrong type or lies outside the range; the message names both.
    pub fn check(&self, value: &ParamValue) -> Result<ParamValue, String> {
        let wrong = || Err(format!("`{}` is {value}, expected {}", self.name, self.kind));
        match (&self.kind, value) {
            (Kind::Number { .. } | Kind::Share, ParamValue::Number(_) | ParamValue::Count(_)) => {
                let number = match value {
                    ParamValue::Count(v) => *v as f64,
                    ParamValue::Number(v) => *v,
                    _ => return wrong(),
                };
                let fits = match self.kind {
                    Kind::Number { min, open } => number.is_finite() && number >= min && !(open && number == min),
                    _ => (0.0..=1.0).contains(&number),
                };
                if fits { Ok(ParamValue::Number(number)) } else { wrong() }
            }
            (Kind::Count { min }, ParamValue::Count(v)) if v >= min => Ok(value.clone()),
            (Kind::Count { min }, ParamValue::Number(v)) if v.fract() == 0.0 && *v >= *min as f64 && *v < 1e15 => {
                Ok(ParamValue::Count(*v as u64))
            }
            (Kind::Flag, ParamValue::Flag(_)) => Ok(value.clone()),
            (Kind::Widths, ParamValue::Choice(v)) if widths(v).is_some() => Ok(value.clone()),
            // One layer, which YAML reads as a number.
            (Kind::Widths, ParamValue::Count(v)) if *v > 0 => Ok(ParamValue::Choice(v.to_string())),
            (Kind::Choice { choices }, ParamValue::Choice(v)) if choices.contains(&v.as_str()) => Ok(value.clone()),
            _ => wrong(),
        }
    }

    /// Reads a value from text, as after `--param name=`.
    ///
    /// # Errors
    /// As [`ParamSpec::check`].
    pub fn parse(&self, text: &str) -> Result<ParamValue, String> {
        let value = match &self.kind {
            Kind::Flag => text.parse().map(ParamValue::Flag).ok(),
            Kind::Choice { .. } | Kind::Widths => Some(ParamValue::Choice(text.trim().into())),
            Kind::Number { .. } | Kind::Share | Kind::Count { .. } => text.trim().parse().map(ParamValue::Number).ok(),
        };
        self.check(&value.unwrap_or_else(|| ParamValue::Choice(text.into())))
    }
}

/// Units of layers: positive whole numbers with hyphens between them, or `none`.
pub fn widths(text: &str) -> Option<Vec<usize>> {
    if text == "none" {
        return Some(Vec::new());
    }
    text.split('-').map(|width| width.parse().ok().filter(|&width| width > 0)).collect()
}

/// A complete, checked set of hyperparameters of one method.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParamSet(BTreeMap<String, ParamValue>);

impl ParamSet {
    /// Fills the defaults in and checks every given value against its declaration.
    ///
    /// # Errors
    /// Names the first unknown parameter with the valid ones, or the first value out of range.
    pub fn new(specs: &[ParamSpec], given: &BTreeMap<String, ParamValue>) -> Result<Self, ParamError> {
        for name in given.keys() {
            if !specs.iter().any(|s| s.name == name) {
                let valid: Vec<_> = specs.iter().map(|s| s.name).collect();
                let message = format!("unknown parameter `{name}`; valid: {}", valid.join(", "));
                return Err(ParamError { name: name.clone(), message });
            }
        }
        let value = |spec: &ParamSpec| match given.get(spec.name) {
            Some(value) => spec.check(value).map_err(|message| ParamError { name: spec.name.into(), message }),
            None => Ok(spec.default.clone()),
        };
        specs.iter().map(|s| Ok((s.name.to_owned(), value(s)?))).collect::<Result<_, _>>().map(Self)
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&ParamValue> {
        self.0.get(name)
    }

    /// All parameters with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParamValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The same with one value replaced, unchecked.
    #[must_use]
    pub fn with(mut self, name: &str, value: ParamValue) -> Self {
        self.0.insert(name.into(), value);
        self
    }

    /// Only the values that differ from the declared defaults: what identifies a run.
    pub fn changed(&self, specs: &[ParamSpec]) -> BTreeMap<String, ParamValue> {
        let default = |name: &str| specs.iter().find(|s| s.name == name).map(|s| &s.default);
        self.0
            .iter()
            .filter(|(name, value)| default(name) != Some(value))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    }

    /// The values as the struct a method works with. It may leave parameters out.
    ///
    /// # Panics
    /// If the struct asks for something that was not declared; the registry's tests exclude it.
    pub fn read<T: DeserializeOwned>(&self) -> T {
        let object = serde_json::to_value(&self.0).and_then(serde_json::from_value);
        object.unwrap_or_else(|e| panic!("parameters as declared do not fit the method's struct: {e}"))
    }
}

/// A hyperparameter that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParamError {
    /// The parameter at fault.
    pub name: String,
    /// What is wrong and what would be right.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("gamma", ""),
            ParamSpec::count("h", 1, 2, ""),
            ParamSpec::choice("solver", &["auto", "spg"], ""),
            ParamSpec::share("alpha", 0.4, ""),
            ParamSpec::widths("layers", "8-4", ""),
        ]
    }

    #[test]
    fn widths_of_layers() {
        let layers = |value: ParamValue| set(&[("layers", value)]).map(|set| set.get("layers").cloned().unwrap());
        assert_eq!(widths("80-40-20"), Some(vec![80, 40, 20]));
        assert_eq!(widths("none"), Some(vec![]));
        assert_eq!(layers(ParamValue::Count(12)), Ok(ParamValue::Choice("12".into())));
        for bad in ["", "80-", "80-0", "-3", "80,40", "3.5"] {
            let message = format!("`layers` is {bad}, expected widths such as 80-40-20, or none");
            assert_eq!(layers(ParamValue::Choice(bad.into())), Err(message));
        }
        assert_eq!(specs()[4].parse("5"), Ok(ParamValue::Choice("5".into())));
    }

    fn set(pairs: &[(&str, ParamValue)]) -> Result<ParamSet, String> {
        let given = pairs.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        ParamSet::new(&specs(), &given).map_err(|e| e.to_string())
    }

    #[test]
    fn values_are_checked_against_their_declaration() {
        use ParamValue::{Choice, Count, Number};
        assert_eq!(set(&[("gamma", Count(2))]).unwrap().get("gamma"), Some(&Number(2.0)));
        assert_eq!(set(&[]).unwrap().get("h"), Some(&Count(2)));
        for (bad, message) in [
            (("gama", Number(1.0)), "unknown parameter `gama`; valid: gamma, h, solver, alpha, layers"),
            (("alpha", Number(1.5)), "`alpha` is 1.5, expected a number from 0 to 1"),
            (("alpha", Number(f64::NAN)), "`alpha` is NaN, expected a number from 0 to 1"),
            (("gamma", Number(-1.0)), "`gamma` is -1, expected a number >= 0"),
            (("gamma", Number(f64::INFINITY)), "`gamma` is inf, expected a number >= 0"),
            (("gamma", Number(f64::NAN)), "`gamma` is NaN, expected a number >= 0"),
            (("h", Number(1.5)), "`h` is 1.5, expected a whole number >= 1"),
            (("h", Count(0)), "`h` is 0, expected a whole number >= 1"),
            (("solver", Choice("adam".into())), "`solver` is adam, expected one of auto, spg"),
        ] {
            assert_eq!(set(&[bad]).unwrap_err(), message);
        }
    }

    #[test]
    fn only_changes_identify_a_run() {
        let changed =
            set(&[("gamma", ParamValue::Number(1.0)), ("h", ParamValue::Count(3))]).unwrap().changed(&specs());
        assert_eq!(changed.into_iter().collect::<Vec<_>>(), vec![("h".to_owned(), ParamValue::Count(3))]);
    }

    #[test]
    fn text_is_read_by_the_declared_type() {
        assert_eq!(specs()[0].parse("1e-3"), Ok(ParamValue::Number(1e-3)));
        assert!(specs()[0].parse("much").unwrap_err().contains("`gamma` is much, expected a number >= 0"));
    }
}
