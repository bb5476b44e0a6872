//! Grids of hyperparameters as experiments write them, and the paths on which they are walked.
//!
//! A value in YAML is one of
//!
//! * a scalar: the parameter is held there;
//! * a list, or `log10(a, b, n)` for `n` powers of ten from `10^a` to `10^b`: the parameter is tuned;
//! * `= other`: the parameter always has the value of another one;
//! * a number, `[a, b]` or `log10(a, b, n)` followed by `x lambda_max`: fractions of the smallest strength that leaves
//!   nothing but zero on the training part of each split, for methods that have it in closed form.
//!
//! `where: ["k < min(p, m)"]` drops points; `p` and `m` are the numbers of features and tasks, and `or` may stand
//! between conditions.

mod condition;

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use indexmap::IndexMap;
use mtl_methods::{Entry, FitError, ParamSet, ParamSpec, ParamValue, Problem};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::cell::Cell;
use crate::yaml::{Source, Spanned, YamlError, unknown};
use condition::Condition;

/// A parameter's value in YAML.
#[derive(Debug, Clone, PartialEq)]
pub enum GridValue {
    /// A scalar, or an expression in a string.
    One(ParamValue),
    /// Several values.
    Many(Vec<ParamValue>),
}

const EXPECTED: &str = "a value, a list of values, log10(a, b, n), \"= other\", or \"0.1 x lambda_max\"";

/// What follows fractions of the largest strength, in YAML and in the identity of cells.
const RELATIVE: &str = " x lambda_max";

/// By hand, so that what fits nowhere is answered with what would.
impl<'de> Deserialize<'de> for GridValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Grids;
        impl<'de> Visitor<'de> for Grids {
            type Value = GridValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_bool<E>(self, value: bool) -> Result<GridValue, E> {
                Ok(GridValue::One(ParamValue::Flag(value)))
            }

            fn visit_u64<E>(self, value: u64) -> Result<GridValue, E> {
                Ok(GridValue::One(ParamValue::Count(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<GridValue, E> {
                let number = ParamValue::Number(value as f64);
                Ok(GridValue::One(u64::try_from(value).map_or(number, ParamValue::Count)))
            }

            fn visit_f64<E>(self, value: f64) -> Result<GridValue, E> {
                Ok(GridValue::One(ParamValue::Number(value)))
            }

            fn visit_str<E>(self, text: &str) -> Result<GridValue, E> {
                Ok(GridValue::One(ParamValue::Choice(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<GridValue, A::Error> {
                let values = Vec::deserialize(SeqAccessDeserializer::new(values)).map(GridValue::Many);
                values.map_err(|_| A::Error::custom(format!("in a list every element is a value; expected {EXPECTED}")))
            }
        }
        deserializer.deserialize_any(Grids)
    }
}

/// What a parameter does in a grid.
#[derive(Debug, Clone, PartialEq)]
enum Axis {
    Fixed(ParamValue),
    Values(Vec<ParamValue>),
    TiedTo(String),
    Relative(Vec<ParamValue>),
}

/// More points than anybody waits for; a slip in a `log10` should not fill the memory.
const MOST_POINTS: usize = 100_000;

/// A checked grid of one method.
#[derive(Debug, Clone)]
pub struct Grid {
    axes: IndexMap<String, Axis>,
    conditions: Vec<Condition>,
}

impl Grid {
    /// Checks names, types and ranges.
    ///
    /// # Errors
    /// With the position of the first value that does not fit its parameter.
    pub fn parse(
        values: &IndexMap<String, Spanned<GridValue>>,
        conditions: &[Spanned<String>],
        entry: &Entry,
        source: &Source,
    ) -> Result<Self, YamlError> {
        let empty = Self { axes: IndexMap::new(), conditions: Vec::new() };
        empty.narrowed(values, entry, source)?.with(conditions, source)
    }

    /// Checks the ties of the values just read: each to a parameter with values of its own, all of which fit.
    fn checked(
        self,
        values: &IndexMap<String, Spanned<GridValue>>,
        entry: &Entry,
        source: &Source,
    ) -> Result<Self, YamlError> {
        let several = |axis: &Axis| if let Axis::Values(v) | Axis::Relative(v) = axis { v.len() } else { 1 };
        let points = self.axes.values().map(several).fold(1, usize::saturating_mul);
        if points > MOST_POINTS {
            let message = format!("the grid has {points} points, conditions aside, expected at most {MOST_POINTS}");
            let last = values.values().last();
            return Err(last.map_or_else(|| source.whole(&message), |at| source.error(at, &message)));
        }
        for (name, axis) in &self.axes {
            let Axis::TiedTo(other) = axis else { continue };
            let own = match self.axes.get(other) {
                Some(Axis::Fixed(value)) => Ok(std::slice::from_ref(value)),
                Some(Axis::Values(values)) => Ok(values.as_slice()),
                Some(Axis::Relative(_)) => {
                    Err(format!("`{name}` is tied to `{other}`, whose values depend on the data"))
                }
                Some(Axis::TiedTo(_)) | None => {
                    let own = |axis: &Axis| matches!(axis, Axis::Fixed(_) | Axis::Values(_));
                    let untied = self.axes.iter().filter(|(_, axis)| own(axis));
                    let untied: Vec<&str> = untied.map(|(name, _)| name.as_str()).collect();
                    let choices = if untied.is_empty() { "none".into() } else { untied.join(", ") };
                    Err(format!("`{name}` is tied to `{other}`, which has no values of its own here; valid: {choices}"))
                }
            };
            let Some(spec) = entry.params.iter().find(|s| s.name == name) else { continue };
            let fits = own.and_then(|own| own.iter().try_for_each(|v| spec.check(v).map(drop)));
            if let Err(message) = fits {
                // A tie that was there before fails by the values that are new.
                let at = values.get(name).or_else(|| values.get(other));
                return Err(at.map_or_else(|| source.whole(&message), |at| source.error(at, &message)));
            }
        }
        Ok(self)
    }

    /// The same grid with more conditions.
    ///
    /// # Errors
    /// With the position of a condition that names what is not there.
    pub fn with(mut self, conditions: &[Spanned<String>], source: &Source) -> Result<Self, YamlError> {
        for text in conditions {
            let condition = Condition::parse(&text.value, &self.axes).map_err(|message| source.error(text, message))?;
            self.conditions.push(condition);
        }
        Ok(self)
    }

    /// The same grid with some parameters' values replaced.
    ///
    /// # Errors
    /// As [`Grid::parse`].
    pub fn narrowed(
        &self,
        values: &IndexMap<String, Spanned<GridValue>>,
        entry: &Entry,
        source: &Source,
    ) -> Result<Self, YamlError> {
        let mut grid = self.clone();
        for (name, value) in values {
            grid.axes.insert(name.clone(), Axis::parse(name, value, entry, source)?);
        }
        grid.checked(values, entry, source)
    }

    /// The values of a parameter; none where it has no list of its own.
    pub fn values(&self, name: &str) -> &[ParamValue] {
        match self.axes.get(name) {
            Some(Axis::Values(values)) => values,
            Some(Axis::Fixed(value)) => std::slice::from_ref(value),
            Some(Axis::Relative(_) | Axis::TiedTo(_)) | None => &[],
        }
    }

    /// The same grid with one of its parameters at one of its values.
    #[must_use]
    pub fn held(&self, name: &str, value: &ParamValue) -> Self {
        let mut grid = self.clone();
        grid.axes.insert(name.to_owned(), Axis::Fixed(value.clone()));
        grid
    }

    /// Names of the parameters that it gives values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.axes.keys().map(String::as_str)
    }

    /// Whether there is anything to choose.
    pub fn is_tuned(&self) -> bool {
        self.tuned().next().is_some()
    }

    /// Names of the parameters that it has several values for.
    pub fn tuned(&self) -> impl Iterator<Item = &str> {
        let several = |axis: &Axis| matches!(axis, Axis::Values(v) | Axis::Relative(v) if v.len() > 1);
        self.axes.iter().filter(move |(_, axis)| several(axis)).map(|(name, _)| name.as_str())
    }

    /// Whether a strength depends on the data.
    pub fn is_relative(&self) -> bool {
        self.axes.values().any(|axis| matches!(axis, Axis::Relative(_)))
    }

    /// What identifies a point: its values that differ from the method's defaults, relative ones as they are written.
    pub fn identity(&self, point: &ParamSet, entry: &Entry) -> BTreeMap<String, ParamValue> {
        let mut identity = point.changed(&entry.params);
        for (name, axis) in &self.axes {
            if let (Axis::Relative(_), Some(fraction)) = (axis, point.get(name)) {
                identity.insert(name.clone(), ParamValue::Choice(format!("{fraction}{RELATIVE}")));
            }
        }
        identity
    }

    /// The points for data of `p` features and `m` tasks, cut into paths: points that differ in the walked parameter
    /// only, from its largest value down. Paths and points are in the order of the YAML.
    pub fn paths(&self, entry: &Entry, p: usize, m: usize) -> Vec<Vec<ParamSet>> {
        let mut points = vec![BTreeMap::new()];
        for (name, axis) in &self.axes {
            let values = match axis {
                Axis::Fixed(value) => std::slice::from_ref(value),
                Axis::Values(values) | Axis::Relative(values) => values.as_slice(),
                Axis::TiedTo(_) => continue,
            };
            let extend = |point: &BTreeMap<String, ParamValue>, value: &ParamValue| {
                let mut point = point.clone();
                point.insert(name.clone(), value.clone());
                point
            };
            points = points.iter().flat_map(|point| values.iter().map(move |v| extend(point, v))).collect();
        }
        for point in &mut points {
            for (name, axis) in &self.axes {
                if let Axis::TiedTo(other) = axis
                    && let Some(value) = point.get(other).cloned()
                {
                    point.insert(name.clone(), value);
                }
            }
        }
        points.retain(|point| self.conditions.iter().all(|c| c.holds(point, p, m)));
        let walked = entry.params.iter().find(|s| s.walk).map(|s| s.name);
        let (mut paths, mut places) = (Vec::<Vec<ParamSet>>::new(), HashMap::<String, usize>::new());
        for point in points {
            // Values were checked when the grid was parsed, tied ones included.
            let Ok(set) = ParamSet::new(&entry.params, &point) else { continue };
            let mut rest = point;
            rest.retain(|name, _| Some(name.as_str()) != walked);
            match places.entry(format!("{rest:?}")) {
                MapEntry::Occupied(place) if walked.is_some() => paths[*place.get()].push(set),
                place => {
                    place.insert_entry(paths.len());
                    paths.push(vec![set]);
                }
            }
        }
        let value = |set: &ParamSet| walked.and_then(|w| set.get(w)).cloned();
        for path in &mut paths {
            path.sort_by(|a, b| value(b).partial_cmp(&value(a)).unwrap_or(std::cmp::Ordering::Equal));
        }
        paths
    }
}

impl Axis {
    fn parse(name: &str, value: &Spanned<GridValue>, entry: &Entry, source: &Source) -> Result<Self, YamlError> {
        let axis = match entry.params.iter().find(|s| s.name == name) {
            Some(spec) => Self::of(spec, &value.value, entry),
            None => {
                let kind = format!("parameter of {}", entry.info.name);
                Err(unknown(&kind, name, entry.params.iter().map(|s| s.name)))
            }
        };
        axis.map_err(|message| source.error(value, message))
    }

    fn of(spec: &ParamSpec, value: &GridValue, entry: &Entry) -> Result<Self, String> {
        let check = |values: &[ParamValue]| values.iter().map(|v| spec.check(v)).collect::<Result<Vec<_>, _>>();
        match value {
            GridValue::Many(values) if values.is_empty() => Err(format!("`{}` has an empty list of values", spec.name)),
            GridValue::Many(values) => Ok(Self::Values(check(values)?)),
            GridValue::One(ParamValue::Choice(text)) => {
                if let Some(other) = text.strip_prefix('=') {
                    return Ok(Self::TiedTo(other.trim().to_owned()));
                }
                if let Some(fractions) = text.strip_suffix(RELATIVE) {
                    if !is_relative_to_data(spec, entry) {
                        return Err(no_closed_form(spec, entry));
                    }
                    return Ok(Self::Relative(check(&fractions_of(fractions.trim())?)?));
                }
                if let Some(arguments) = text.strip_prefix("log10(").and_then(|t| t.strip_suffix(')')) {
                    return Ok(Self::Values(check(&powers_of_ten(arguments)?)?));
                }
                Ok(Self::Fixed(spec.check(&ParamValue::Choice(text.clone()))?))
            }
            GridValue::One(value) => Ok(Self::Fixed(spec.check(value)?)),
        }
    }
}

fn is_relative_to_data(spec: &ParamSpec, entry: &Entry) -> bool {
    entry.strength_max.is_some_and(|s| s.parameter == spec.name)
}

fn no_closed_form(spec: &ParamSpec, entry: &Entry) -> String {
    let having = mtl_methods::methods().iter().filter_map(|m| Some((m.info.name, m.strength_max?.parameter)));
    let having: Vec<String> = having.map(|(method, parameter)| format!("{parameter} of {method}")).collect();
    let (name, method, valid) = (spec.name, entry.info.name, having.join(", "));
    format!("`{name}` of {method} has no lambda_max in closed form; valid: {valid}")
}

/// What stands before `x lambda_max`.
fn fractions_of(text: &str) -> Result<Vec<ParamValue>, String> {
    if let Some(arguments) = text.strip_prefix("log10(").and_then(|t| t.strip_suffix(')')) {
        return powers_of_ten(arguments);
    }
    let list = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let number = |t: &str| t.trim().parse().map(ParamValue::Number).ok();
    let numbers: Option<Vec<ParamValue>> = list.split(',').map(number).collect();
    numbers.ok_or_else(|| format!("`{text}`: expected a number, [a, b] or log10(a, b, n) before{RELATIVE}"))
}

/// The same path with every relative strength as the number it is on the data at hand.
///
/// # Errors
/// If the data are not finite.
pub fn on_data(cell: &Cell, problem: &Problem) -> Result<Vec<ParamSet>, FitError> {
    let Some(largest) = cell.entry.strength_max else { return Ok(cell.path.clone()) };
    let resolve = |(point, identity): (&ParamSet, &BTreeMap<String, ParamValue>)| {
        let name = largest.parameter;
        match (identity.get(name), point.get(name)) {
            (Some(ParamValue::Choice(_)), Some(ParamValue::Number(fraction))) => {
                let value = fraction * largest.on(problem, point)?;
                Ok(point.clone().with(name, ParamValue::Number(value)))
            }
            _ => Ok(point.clone()),
        }
    };
    cell.path.iter().zip(&cell.key.path).map(resolve).collect()
}

/// `a, b, n`: `n` values from `10^a` to `10^b`, evenly spaced in the exponent. Whole exponents give exact decimals.
fn powers_of_ten(arguments: &str) -> Result<Vec<ParamValue>, String> {
    let usage = || {
        format!("log10({arguments}): expected log10(first exponent, last exponent, number of values from 2 to 1000)")
    };
    let parts: Vec<&str> = arguments.split(',').map(str::trim).collect();
    let [first, last, count] = parts[..] else { return Err(usage()) };
    let (Ok(first), Ok(last), Ok(count)) = (first.parse::<f64>(), last.parse::<f64>(), count.parse::<usize>()) else {
        return Err(usage());
    };
    if !(2..=1000).contains(&count) || !first.is_finite() || !last.is_finite() {
        return Err(usage());
    }
    let exponent = |i: usize| first + (last - first) * i as f64 / (count - 1) as f64;
    // Through text, so that 10^-3 is the number written 0.001.
    let power =
        |e: f64| if e.fract() == 0.0 { format!("1e{e}").parse().unwrap_or(10.0_f64.powf(e)) } else { 10.0_f64.powf(e) };
    Ok((0..count).map(|i| ParamValue::Number(power(exponent(i)))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[derive(Deserialize)]
    struct File {
        params: IndexMap<String, Spanned<GridValue>>,
        #[serde(default, rename = "where")]
        conditions: Vec<Spanned<String>>,
    }

    fn grid(method: &str, yaml: &str) -> Result<(Grid, &'static Entry), String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(yaml.as_bytes()).unwrap();
        let source = Source::read(file.path()).unwrap();
        let parsed: File = source.parse().map_err(|e| e.to_string())?;
        let entry = mtl_methods::method(method).unwrap();
        Grid::parse(&parsed.params, &parsed.conditions, entry, &source).map(|g| (g, entry)).map_err(|e| e.to_string())
    }

    #[test]
    fn paths_walk_from_strong_to_weak() {
        let yaml = "params:\n  gamma1: log10(-1, 1, 3)\n  gamma2: [0.5, 2]\n  phi: [2, 5]\n  h: 2\n";
        let (grid, entry) = grid("ssmtl-m", yaml).unwrap();
        assert!(grid.is_tuned());
        let paths = grid.paths(entry, 5, 3);
        assert_eq!(paths.len(), 6);
        for path in &paths {
            let values: Vec<_> = path.iter().map(|s| s.get("gamma2").unwrap().to_string()).collect();
            assert_eq!(values, ["2", "0.5"], "the walked parameter falls");
            assert!(path.iter().all(|s| s.get("gamma1") == path[0].get("gamma1")));
        }
        assert_eq!(paths[0][0].get("gamma1"), Some(&ParamValue::Number(0.1)));
    }

    #[test]
    fn ties_and_conditions() {
        let yaml = "params:\n  gamma1: [1, 2, 3]\n  gamma2: \"= gamma1\"\nwhere: [\"gamma1 < min(p, 3)\"]\n";
        let (grid, entry) = grid("rmtfl", yaml).unwrap();
        let points: Vec<_> = grid.paths(entry, 9, 4).into_iter().flatten().collect();
        assert_eq!(points.len(), 2);
        assert!(points.iter().all(|s| s.get("gamma1") == s.get("gamma2")));
        assert_eq!(grid.paths(entry, 2, 4).into_iter().flatten().count(), 1);
    }

    #[test]
    fn decimal_powers_are_exact() {
        let (grid, entry) = grid("lasso", "params: {gamma: \"log10(-3, 3, 7)\"}\n").unwrap();
        let values: Vec<f64> = grid.paths(entry, 1, 1)[0]
            .iter()
            .map(|s| match s.get("gamma") {
                Some(ParamValue::Number(v)) => *v,
                _ => f64::NAN,
            })
            .collect();
        assert_eq!(values, [1e3, 1e2, 1e1, 1.0, 1e-1, 1e-2, 1e-3]);
    }

    #[test]
    fn errors_point_at_the_value() {
        for (yaml, expected) in [
            ("params:\n  gama: 1\n", ":2:9: unknown parameter of lasso `gama`; valid: gamma, engine"),
            ("params:\n  gamma: [1, -2]\n", ":2:10: `gamma` is -2, expected a number >= 0"),
            (
                "params:\n  gamma: log10(1, 2)\n",
                "expected log10(first exponent, last exponent, number of values from 2 to 1000)",
            ),
            ("params:\n  gamma: \"= delta\"\n", "tied to `delta`, which has no values"),
            ("params:\n  gamma: 1\nwhere: [\"k < 3\"]\n", ":3:9: unknown name in a condition `k`"),
        ] {
            let message = grid("lasso", yaml).err().unwrap();
            assert!(message.contains(expected), "{message}");
        }
    }
}
