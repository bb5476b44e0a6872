//! One method against known numbers: `recovery`, `constant`. And what descriptions state: `statement`.

use mtl_stats::claim::Relation as Bound;
use mtl_stats::{ClaimOutcome, ClaimResult};

use super::decision::{Decision, Operand, Series, bound, combine, stands, untested};
use super::evidence::{Evidence, Place};
use super::schema::{Constant, Recovery};
use super::scope::{Names, Scope};

pub(super) fn recovery(c: &Recovery, evidence: &Evidence<'_>) -> Result<Decision, String> {
    each_method(&c.on, &c.method, evidence, &|series, place| {
        let relation = bound(c.is, evidence.higher_is_better(&place.metric));
        stands(series, relation, &Operand::Number(c.value), 0.0)
    })
}

pub(super) fn constant(c: &Constant, evidence: &Evidence<'_>) -> Result<Decision, String> {
    each_method(&c.on, &c.method, evidence, &|series, _| within(series, c.low, c.high))
}

/// Holds in every case, or is contradicted by one in which it does not.
pub(super) fn statement(name: &str, evidence: &Evidence<'_>) -> Result<Decision, String> {
    let described = name.split('/').next().unwrap_or(name);
    let found = evidence.statements.get(name).ok_or_else(|| format!("{described} has not been looked at"))?;
    let outcome = if found.holds() { ClaimOutcome::Supported } else { ClaimOutcome::Contradicted };
    let details = vec![format!("{name}: holds in {} of {} cases", found.held, found.cases)];
    let result = ClaimResult { outcome, p_for: None, p_against: None, effect: None, n: Some(found.cases) };
    Ok(Decision { result, by_means: None, details })
}

/// The mean lies in a range.
pub(super) fn within(series: &Series, low: f64, high: f64) -> Decision {
    let low = stands(series, Bound::AtLeast, &Operand::Number(low), 0.0);
    let high = stands(series, Bound::AtMost, &Operand::Number(high), 0.0);
    combine(vec![low, high], true)
}

fn each_method(
    scope: &Scope,
    methods: &Names,
    evidence: &Evidence<'_>,
    decide: &dyn Fn(&Series, &Place) -> Decision,
) -> Result<Decision, String> {
    let mut parts = Vec::new();
    for place in evidence.places(scope)? {
        parts.extend(methods.iter().map(|method| match evidence.series(&place, method) {
            Ok(series) => decide(&series, &place),
            Err(reason) => untested(reason),
        }));
    }
    Ok(combine(parts, true))
}
