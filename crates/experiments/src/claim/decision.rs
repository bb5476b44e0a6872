//! What became of a claim, and the steps that all primitives are made of.

use std::collections::BTreeMap;
use std::fmt;

use mtl_stats::claim::{self, Relation as Bound};
use mtl_stats::{ClaimOutcome, ClaimResult, Resampling};
use serde::Serialize;

use super::scope::Relation;

/// What became of a claim.
#[derive(Debug, Clone, Serialize)]
pub struct Decision {
    /// The statistical outcome.
    pub result: ClaimResult,
    /// Whether the claim holds for the means alone.
    pub by_means: Option<bool>,
    /// The numbers behind it, one line each.
    pub details: Vec<String>,
}

/// Values of one method in one place, by repeat.
#[derive(Debug, Clone)]
pub(super) struct Series {
    /// How details call it.
    pub name: String,
    /// Repeat -> value; never empty.
    pub values: BTreeMap<u32, f64>,
    /// How the repeats relate to one another.
    pub resampling: Resampling,
}

impl Series {
    pub fn mean(&self) -> f64 {
        mean(&self.all())
    }

    pub fn all(&self) -> Vec<f64> {
        self.values.values().copied().collect()
    }

    /// The values of both in the repeats that both have.
    pub fn paired(&self, other: &Self) -> (Vec<f64>, Vec<f64>) {
        self.values.iter().filter_map(|(repeat, a)| Some((*a, *other.values.get(repeat)?))).unzip()
    }

    /// The same, each value changed.
    pub fn map(&self, name: String, f: impl Fn(f64) -> f64) -> Self {
        let values = self.values.iter().map(|(repeat, v)| (*repeat, f(*v))).collect();
        Self { name, values, resampling: self.resampling }
    }
}

/// What a series is compared with.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Number(f64),
    Series(Series),
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(super) fn untested(reason: impl Into<String>) -> Decision {
    Decision { result: ClaimResult::untested(reason), by_means: None, details: Vec::new() }
}

/// All (or any) of the parts hold.
pub(super) fn combine(parts: Vec<Decision>, all: bool) -> Decision {
    let results: Vec<ClaimResult> = parts.iter().map(|p| p.result.clone()).collect();
    let mut result = if all { claim::all(&results) } else { claim::any(&results) };
    if let ClaimOutcome::Untested(reason) = &mut result.outcome {
        *reason = match parts.as_slice() {
            [] => "no cell of the results is meant".into(),
            _ => reasons(parts.iter().map(|p| &p.result.outcome)),
        };
    }
    // One part that fails decides all, one that holds decides any; otherwise every part has to be known.
    let known = |wanted| parts.iter().any(|p| p.by_means == Some(wanted));
    let complete = !parts.is_empty() && parts.iter().all(|p| p.by_means.is_some());
    let by_means = if known(!all) { Some(!all) } else { complete.then_some(all) };
    let mut details: Vec<String> = parts.into_iter().flat_map(|p| p.details).collect();
    details.dedup();
    Decision { result, by_means, details }
}

/// What is missing, each thing once.
fn reasons<'a>(outcomes: impl Iterator<Item = &'a ClaimOutcome>) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for outcome in outcomes {
        if let ClaimOutcome::Untested(reason) = outcome {
            reasons.extend(reason.split("; ").filter(|r| !reasons.contains(r)).collect::<Vec<_>>());
        }
    }
    reasons.join("; ")
}

/// Holds in every cell, or in at least so many of them.
pub(super) fn every(cells: Vec<Decision>, at_least: Option<usize>) -> Decision {
    let Some(k) = at_least else { return combine(cells, true) };
    if k > cells.len() {
        return untested(format!("{k} cells are claimed and {} are meant", cells.len()));
    }
    let count = |outcome: ClaimOutcome| cells.iter().filter(|c| c.result.outcome == outcome).count();
    let (supported, contradicted) = (count(ClaimOutcome::Supported), count(ClaimOutcome::Contradicted));
    let open = cells.iter().filter(|c| matches!(c.result.outcome, ClaimOutcome::Untested(_))).count();
    let possible = cells.len() - contradicted;
    let outcome = if supported >= k {
        ClaimOutcome::Supported
    } else if possible < k {
        ClaimOutcome::Contradicted
    } else if supported + open >= k || possible < k + open {
        // The open cells may still decide it.
        ClaimOutcome::Untested(reasons(cells.iter().map(|c| &c.result.outcome)))
    } else {
        ClaimOutcome::Inconclusive
    };
    let holding = cells.iter().filter(|c| c.by_means == Some(true)).count();
    let unknown = cells.iter().filter(|c| c.by_means.is_none()).count();
    let by_means = if holding >= k { Some(true) } else { (holding + unknown < k).then_some(false) };
    let n = cells.iter().filter_map(|c| c.result.n).min();
    let of = cells.len();
    let line = format!("holds by means in {holding}, significantly in {supported} of {of} cells; {k} are claimed");
    let details = std::iter::once(line).chain(cells.into_iter().flat_map(|c| c.details)).collect();
    Decision { result: ClaimResult { outcome, p_for: None, p_against: None, effect: None, n }, by_means, details }
}

/// What a relation asks for, given which way the metric is better.
pub(super) fn bound(relation: Relation, higher_is_better: bool) -> Bound {
    match (relation, higher_is_better) {
        (Relation::Lt, _) | (Relation::Better, false) | (Relation::Worse, true) => Bound::Below,
        (Relation::Gt, _) | (Relation::Better, true) | (Relation::Worse, false) => Bound::Above,
        (Relation::Le, _) => Bound::AtMost,
        (Relation::Ge, _) => Bound::AtLeast,
    }
}

/// `a` stands in this relation to `b`, by at least `margin`. Series are paired by their repeats.
pub(super) fn stands(a: &Series, relation: Bound, b: &Operand, margin: f64) -> Decision {
    let less = matches!(relation, Bound::Below | Bound::AtMost);
    let weak = matches!(relation, Bound::AtMost | Bound::AtLeast);
    let (mut result, values, other, name) = match b {
        Operand::Number(value) => {
            let bound = if less { value - margin } else { value + margin };
            let values = a.all();
            (claim::threshold(&values, relation, bound), values, *value, Digits(*value).to_string())
        }
        Operand::Series(b) => {
            let (x, y) = a.paired(b);
            if x.is_empty() {
                return untested(format!("{} and {} have no repeat in common", a.name, b.name));
            }
            let mut result = if less {
                claim::less(&x, &y, margin, a.resampling)
            } else {
                claim::less(&y, &x, margin, a.resampling)
            };
            // The effect is `a - b` whichever way the claim goes.
            result.effect = result.effect.map(|effect| if less { effect } else { -effect });
            (result, x, mean(&y), format!("{} {}", b.name, Digits(mean(&y))))
        }
    };
    // The test knows strict relations only, and finds no evidence either way just where all pairs are equal.
    if weak && (result.p_for, result.p_against) == (Some(1.0), Some(1.0)) {
        result = ClaimResult { outcome: ClaimOutcome::Supported, p_for: Some(0.0), ..result };
    }
    let own = mean(&values);
    let lead = if less { other - own } else { own - other };
    let holds = lead > margin || (weak && lead == margin);
    let n = match values.len() {
        n if n == a.values.len() => n.to_string(),
        n => format!("{n} of {} repeats", a.values.len()),
    };
    let p = result.p().map_or_else(String::new, |p| format!(", p = {}", PValue(p)));
    let details = vec![format!("{} {} against {name}, n = {n}{p}", a.name, Digits(own))];
    Decision { result, by_means: Some(holds), details }
}

/// A number in four significant digits.
pub(super) struct Digits(pub f64);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if self.0 == 0.0 {
            f.write_str("0")
        } else if (1e-3..1e5).contains(&size) {
            let decimals = (3.0 - size.log10().floor()).max(0.0) as usize;
            write!(f, "{:.decimals$}", self.0)
        } else {
            write!(f, "{:.3e}", self.0)
        }
    }
}

/// A p-value in two or three digits.
pub(super) struct PValue(pub f64);

impl fmt::Display for PValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0.0 || self.0 >= 1e-3 { write!(f, "{:.3}", self.0) } else { write!(f, "{:.1e}", self.0) }
    }
}
