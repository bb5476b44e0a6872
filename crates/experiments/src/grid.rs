//! Grids of hyperparameters as experiments write them, and the paths on which they are walked.
//!
//! A value in YAML is one of
//!
//! * a scalar: the parameter is held there;
//! * a list, or `log10(a, b, n)` for `n` powers of ten from `10^a` to `10^b`: the parameter is tuned;
//! * `= other`: the parameter always has the value of another one.
//!
//! `where: ["k < min(p, m)"]` drops points; `p` and `m` are the numbers of features and tasks.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use mtl_methods::{Entry, ParamSet, ParamSpec, ParamValue};
use serde::Deserialize;

use crate::yaml::{Source, Spanned, YamlError, unknown};

/// A parameter's value in YAML.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum GridValue {
    /// A scalar, or an expression in a string.
    One(ParamValue),
    /// Several values.
    Many(Vec<ParamValue>),
}

/// What a parameter does in a grid.
#[derive(Debug, Clone, PartialEq)]
enum Axis {
    Fixed(ParamValue),
    Values(Vec<ParamValue>),
    TiedTo(String),
}

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
        let mut axes = IndexMap::new();
        for (name, value) in values {
            let spec = entry.params.iter().find(|s| s.name == name);
            let axis = match spec {
                Some(spec) => axis(spec, &value.value),
                None => Err(unknown(
                    &format!("parameter of {}", entry.info.name),
                    name,
                    entry.params.iter().map(|s| s.name),
                )),
            };
            axes.insert(name.clone(), axis.map_err(|message| source.error(value, message))?);
        }
        for (name, value) in values {
            if let Some(Axis::TiedTo(other)) = axes.get(name)
                && !matches!(axes.get(other), Some(Axis::Fixed(_) | Axis::Values(_)))
            {
                let message = format!("`{name}` is tied to `{other}`, which has no values of its own here");
                return Err(source.error(value, message));
            }
        }
        let parse = |c: &Spanned<String>| Condition::parse(&c.value, &axes).map_err(|message| source.error(c, message));
        let conditions = conditions.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { axes, conditions })
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
        grid.axes.extend(Self::parse(values, &[], entry, source)?.axes);
        Ok(grid)
    }

    /// Names of the parameters that it gives values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.axes.keys().map(String::as_str)
    }

    /// Whether there is anything to choose.
    pub fn is_tuned(&self) -> bool {
        self.axes.values().any(|a| matches!(a, Axis::Values(v) if v.len() > 1))
    }

    /// The points for data of `p` features and `m` tasks, cut into paths: points that differ in the walked parameter
    /// only, from its largest value down. Paths and points are in the order of the YAML.
    pub fn paths(&self, entry: &Entry, p: usize, m: usize) -> Vec<Vec<ParamSet>> {
        let mut points = vec![BTreeMap::new()];
        for (name, axis) in &self.axes {
            let values = match axis {
                Axis::Fixed(value) => std::slice::from_ref(value),
                Axis::Values(values) => values.as_slice(),
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
        let mut paths: Vec<(BTreeMap<String, ParamValue>, Vec<ParamSet>)> = Vec::new();
        for point in points {
            // Values were checked when the grid was parsed.
            let Ok(set) = ParamSet::new(&entry.params, &point) else { continue };
            let mut rest = point;
            rest.retain(|name, _| Some(name.as_str()) != walked);
            match paths.iter_mut().find(|(key, _)| *key == rest) {
                Some((_, path)) if walked.is_some() => path.push(set),
                _ => paths.push((rest, vec![set])),
            }
        }
        let value = |set: &ParamSet| walked.and_then(|w| set.get(w)).cloned();
        for (_, path) in &mut paths {
            path.sort_by(|a, b| value(b).partial_cmp(&value(a)).unwrap_or(std::cmp::Ordering::Equal));
        }
        paths.into_iter().map(|(_, path)| path).collect()
    }
}

fn axis(spec: &ParamSpec, value: &GridValue) -> Result<Axis, String> {
    let check = |values: &[ParamValue]| values.iter().map(|v| spec.check(v)).collect::<Result<Vec<_>, _>>();
    match value {
        GridValue::Many(values) if values.is_empty() => Err(format!("`{}` has an empty list of values", spec.name)),
        GridValue::Many(values) => Ok(Axis::Values(check(values)?)),
        GridValue::One(ParamValue::Choice(text)) => {
            if let Some(other) = text.strip_prefix('=') {
                return Ok(Axis::TiedTo(other.trim().to_owned()));
            }
            if let Some(arguments) = text.strip_prefix("log10(").and_then(|t| t.strip_suffix(')')) {
                return Ok(Axis::Values(check(&powers_of_ten(arguments)?)?));
            }
            Ok(Axis::Fixed(spec.check(&ParamValue::Choice(text.clone()))?))
        }
        GridValue::One(value) => Ok(Axis::Fixed(spec.check(value)?)),
    }
}

/// `a, b, n`: `n` values from `10^a` to `10^b`, evenly spaced in the exponent. Whole exponents give exact decimals.
fn powers_of_ten(arguments: &str) -> Result<Vec<ParamValue>, String> {
    let usage = || format!("log10({arguments}): expected log10(first exponent, last exponent, number of values)");
    let parts: Vec<&str> = arguments.split(',').map(str::trim).collect();
    let [first, last, count] = parts[..] else { return Err(usage()) };
    let (Ok(first), Ok(last), Ok(count)) = (first.parse::<f64>(), last.parse::<f64>(), count.parse::<usize>()) else {
        return Err(usage());
    };
    if count < 2 {
        return Err(usage());
    }
    let exponent = |i: usize| first + (last - first) * i as f64 / (count - 1) as f64;
    // Through text, so that 10^-3 is the number written 0.001.
    let power =
        |e: f64| if e.fract() == 0.0 { format!("1e{e}").parse().unwrap_or(10.0_f64.powf(e)) } else { 10.0_f64.powf(e) };
    Ok((0..count).map(|i| ParamValue::Number(power(exponent(i)))).collect())
}

/// `name < expression`, with the usual six relations; an expression is a number, a name or `min(a, b)`.
#[derive(Debug, Clone, PartialEq)]
struct Condition {
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
                (_, Some(ParamValue::Number(v))) => *v,
                (_, Some(ParamValue::Count(v))) => *v as f64,
                ("p", _) => p as f64,
                ("m", _) => m as f64,
                _ => f64::NAN,
            },
        }
    }
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
            ("params:\n  gamma: log10(1, 2)\n", "expected log10(first exponent, last exponent, number of values)"),
            ("params:\n  gamma: \"= delta\"\n", "tied to `delta`, which has no values"),
            ("params:\n  gamma: 1\nwhere: [\"k < 3\"]\n", ":3:9: unknown name in a condition `k`"),
        ] {
            let message = grid("lasso", yaml).err().unwrap();
            assert!(message.contains(expected), "{message}");
        }
    }
}
