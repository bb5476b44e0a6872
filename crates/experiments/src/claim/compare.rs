//! One side against another: `compare`, `ratio`, `equal`.

use mtl_stats::claim::{self, Relation as Bound};
use mtl_stats::{ClaimOutcome, ClaimResult};

use super::decision::{Decision, Digits, Operand, Series, bound, combine, every, mean, stands, untested};
use super::evidence::{Evidence, Place};
use super::schema::{Compare, Equal, Ratio};
use super::scope::{Elsewhere, Except, Names, Others, Scope, Side};

/// A method in a place with its values, or a number.
struct Term {
    method: String,
    place: Place,
    found: Result<Operand, String>,
}

impl Term {
    fn of(method: &str, place: &Place, evidence: &Evidence<'_>) -> Self {
        let found = evidence.series(place, method).map(Operand::Series);
        Self { method: method.to_owned(), place: place.clone(), found }
    }

    fn mean(&self) -> Option<f64> {
        match &self.found {
            Ok(Operand::Series(series)) => Some(series.mean()),
            _ => None,
        }
    }

    fn is_left_out(&self, except: &[Except]) -> bool {
        let matches = |wanted: &Option<String>, have: &str| wanted.as_ref().is_none_or(|w| w == have);
        except.iter().any(|e| matches(&e.method, &self.method) && matches(&e.dataset, &self.place.dataset))
    }
}

/// What stands on one side, given the place of the scope and the methods on the other side.
fn terms(side: &Side, place: &Place, other: &[&str], evidence: &Evidence<'_>) -> Vec<Term> {
    let named = |names: &Names, place: &Place| -> Vec<Term> {
        names.iter().map(|method| Term::of(method, place, evidence)).collect()
    };
    let elsewhere = match side {
        Side::Number(value) => {
            return vec![Term { method: String::new(), place: place.clone(), found: Ok(Operand::Number(*value)) }];
        }
        Side::Methods(names) => return named(names, place),
        Side::Elsewhere(elsewhere) => elsewhere,
    };
    let mut terms = Vec::new();
    for place in place.elsewhere(elsewhere) {
        terms.extend(match elsewhere {
            Elsewhere { method: Some(names), .. } => named(names, &place),
            Elsewhere { others: Some(others), .. } => rest(*others, &place, other, evidence),
            _ => other.iter().map(|method| Term::of(method, &place, evidence)).collect(),
        });
    }
    terms
}

/// All methods of a place but some, or the best or worst of them. Those without values stay: any of them might have
/// been the best.
fn rest(others: Others, place: &Place, but: &[&str], evidence: &Evidence<'_>) -> Vec<Term> {
    let methods = evidence.methods(place).into_iter().filter(|m| !but.contains(&m.as_str()));
    let all: Vec<Term> = methods.map(|method| Term::of(&method, place, evidence)).collect();
    if all.is_empty() {
        let found = Err(format!("no other method has been run on {}", place.dataset));
        return vec![Term { method: String::new(), place: place.clone(), found }];
    }
    if others == Others::Each {
        return all;
    }
    let largest = (others == Others::Best) == evidence.higher_is_better(&place.metric);
    let (mut known, mut terms): (Vec<Term>, Vec<Term>) = all.into_iter().partition(|t| t.found.is_ok());
    known.sort_by(|a, b| a.mean().partial_cmp(&b.mean()).unwrap_or(std::cmp::Ordering::Equal));
    terms.extend(if largest { known.pop() } else { known.into_iter().next() });
    terms
}

/// Decides something for every pair of terms on the two sides; one decision a place of the scope.
fn pairs(
    scope: &Scope,
    (a, b): (&Side, &Side),
    except: &[Except],
    evidence: &Evidence<'_>,
    decide: &dyn Fn(&Series, &Operand, &Place) -> Decision,
) -> Result<Vec<Decision>, String> {
    let mut decisions = Vec::new();
    for place in evidence.places(scope)? {
        let left = terms(a, &place, &b.names(), evidence);
        let right = terms(b, &place, &a.names(), evidence);
        let mut parts = Vec::new();
        for l in left.iter().filter(|l| !l.is_left_out(except)) {
            for r in right.iter().filter(|r| !r.is_left_out(except)) {
                let apart = (a.follows() || b.follows()) && l.method != r.method;
                let itself = l.method == r.method && l.place == r.place;
                if apart || itself {
                    continue;
                }
                parts.push(match (&l.found, &r.found) {
                    (Ok(Operand::Series(l)), Ok(r)) => decide(l, r, &place),
                    (Ok(Operand::Number(_)), _) => untested("the left side is a number"),
                    (Err(l), Err(r)) => combine(vec![untested(l), untested(r)], true),
                    (Err(reason), _) | (_, Err(reason)) => untested(reason),
                });
            }
        }
        if !parts.is_empty() {
            decisions.push(combine(parts, true));
        }
    }
    Ok(decisions)
}

pub(super) fn compare(c: &Compare, evidence: &Evidence<'_>) -> Result<Decision, String> {
    let decide = |a: &Series, b: &Operand, place: &Place| {
        let relation = bound(c.is, evidence.higher_is_better(&place.metric));
        let decision = stands(a, relation, b, c.margin);
        if c.significant == Some(false) { insignificant(decision) } else { decision }
    };
    Ok(every(pairs(&c.on, (&c.a, &c.b), &c.except, evidence, &decide)?, c.at_least))
}

/// The paper reports the direction and says that noise could explain it: significance either way contradicts it, and
/// the other direction does not support it. A single pair, on which nothing can be significant, says nothing.
fn insignificant(decision: Decision) -> Decision {
    let outcome = match decision.result.outcome {
        ClaimOutcome::Supported | ClaimOutcome::Contradicted => ClaimOutcome::Contradicted,
        ClaimOutcome::Inconclusive if decision.result.p_for.is_some() && decision.by_means == Some(true) => {
            ClaimOutcome::Supported
        }
        other => other,
    };
    // The p-value in the details is about a difference; none is about its absence.
    Decision { result: ClaimResult { outcome, p_for: None, p_against: None, ..decision.result }, ..decision }
}

pub(super) fn ratio(c: &Ratio, evidence: &Evidence<'_>) -> Result<Decision, String> {
    let decide = |a: &Series, b: &Operand, _: &Place| {
        let (size, name) = match b {
            Operand::Number(value) => (*value, value.to_string()),
            Operand::Series(b) => (mean(&a.paired(b).1), b.name.clone()),
        };
        // Multiplied out, so that repeats near zero do no harm; below zero that would turn the bounds round.
        if size <= 0.0 {
            return untested(format!("a ratio to {name} means nothing, which is {} on average", Digits(size)));
        }
        let times = |factor: f64| match b {
            Operand::Number(value) => Operand::Number(factor * value),
            Operand::Series(b) => Operand::Series(b.map(format!("{factor} x {name}"), |v| factor * v)),
        };
        let mut parts = Vec::new();
        parts.extend(c.at_least.map(|factor| stands(a, Bound::AtLeast, &times(factor), 0.0)));
        parts.extend(c.at_most.map(|factor| stands(a, Bound::AtMost, &times(factor), 0.0)));
        combine(parts, true)
    };
    Ok(combine(pairs(&c.on, (&c.a, &c.b), &[], evidence, &decide)?, true))
}

pub(super) fn equal(c: &Equal, evidence: &Evidence<'_>) -> Result<Decision, String> {
    let decide = |a: &Series, b: &Operand, _: &Place| {
        let b = match b {
            Operand::Series(b) => b.clone(),
            Operand::Number(value) => a.map(value.to_string(), |_| *value),
        };
        let size = mean(&a.paired(&b).1).abs();
        same(a, &b, c.within.unwrap_or(0.0).max(c.within_relative.unwrap_or(0.0) * size))
    };
    Ok(combine(pairs(&c.on, (&c.a, &c.b), &[], evidence, &decide)?, true))
}

/// The means lie within a tolerance of each other.
pub(super) fn same(a: &Series, b: &Series, tolerance: f64) -> Decision {
    let (x, y) = a.paired(b);
    if x.is_empty() {
        return untested(format!("{} and {} have no repeat in common", a.name, b.name));
    }
    let mut result = claim::equal(&x, &y, tolerance, a.resampling);
    if x == y && x.len() > 1 {
        // The test asks for strictly less than the tolerance, which may be 0.
        result = ClaimResult { outcome: ClaimOutcome::Supported, p_for: Some(0.0), p_against: Some(1.0), ..result };
    }
    let (left, right) = (mean(&x), mean(&y));
    let p = result.p().map_or_else(String::new, |p| format!(", p = {}", super::decision::PValue(p)));
    let values = format!("{} {} and {} {}", a.name, Digits(left), b.name, Digits(right));
    let details = vec![format!("{values}, tolerance {}, n = {}{p}", Digits(tolerance), x.len())];
    Decision { by_means: Some((left - right).abs() <= tolerance), result, details }
}
