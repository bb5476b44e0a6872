//! One method along a parameter: `spread` (which is also over methods), `monotone`, `argbest`, `slope`.

use std::collections::BTreeMap;

use mtl_stats::claim::Relation as Bound;

use super::bound::within;
use super::compare::same;
use super::decision::{Decision, Digits, Operand, Series, combine, stands, untested};
use super::evidence::{Axes, Evidence, Params, Place};
use super::rank::{holds_rank, smallest};
use super::schema::{Argbest, Direction, Monotone, Slope, Spread};
use super::scope::Values;
use crate::results::{as_number, same as same_value};

type Found = Result<Series, String>;

/// A method at each point along some parameters.
fn series_along(place: &Place, method: &str, axes: &Axes, evidence: &Evidence<'_>) -> Vec<(Params, Found)> {
    place.along(axes).into_iter().map(|p| (p.params.clone(), evidence.series(&p, method))).collect()
}

/// All of a group, or what is missing in it.
fn complete(group: Vec<Found>) -> Result<Vec<Series>, Decision> {
    let missing: Vec<Decision> = group.iter().filter_map(|f| f.as_ref().err().map(untested)).collect();
    match missing.is_empty() {
        true => Ok(group.into_iter().flatten().collect()),
        false => Err(combine(missing, true)),
    }
}

/// The series of smallest and of largest mean.
fn ends(series: &[Series]) -> Option<(&Series, &Series)> {
    let by_mean = |a: &&Series, b: &&Series| a.mean().total_cmp(&b.mean());
    Some((series.iter().min_by(by_mean)?, series.iter().max_by(by_mean)?))
}

pub(super) fn spread(c: &Spread, evidence: &Evidence<'_>) -> Result<Decision, String> {
    let mut parts = Vec::new();
    for place in evidence.places(&c.on)? {
        let named = c.method.as_ref().map(|n| n.iter().map(str::to_owned).collect());
        let mut methods: Vec<String> = named.unwrap_or_else(|| evidence.methods(&place));
        methods.retain(|m| !c.excluding.as_ref().is_some_and(|e| e.contains(m)));
        if c.along.is_empty() {
            parts.push(spread_of(methods.iter().map(|m| evidence.series(&place, m)).collect(), c));
            continue;
        }
        for method in methods {
            let group = |axes: &Axes| -> Vec<Found> {
                series_along(&place, &method, axes, evidence).into_iter().map(|(_, found)| found).collect()
            };
            if c.difference.is_some() || c.ratio.is_some() {
                parts.push(spread_of(group(&c.along), c));
            }
            parts.extend(c.less_than_along.iter().map(|axes| narrower(group(&c.along), group(axes), axes)));
        }
    }
    Ok(combine(parts, true))
}

/// All pairs of means lie within the bounds, which is to say that the largest and the smallest do.
fn spread_of(group: Vec<Found>, c: &Spread) -> Decision {
    let series = match complete(group) {
        Ok(series) => series,
        Err(missing) => return missing,
    };
    let Some((low, high)) = ends(&series).filter(|_| series.len() > 1) else {
        return untested("a spread needs two results");
    };
    let mut parts = Vec::new();
    for (i, a) in series.iter().enumerate() {
        for b in &series[i + 1..] {
            parts.extend(c.difference.map(|bound| same(a, b, bound)));
            parts.extend(c.ratio.map(|bound| at_most_times(a, b, bound)));
            parts.extend(c.ratio.map(|bound| at_most_times(b, a, bound)));
        }
    }
    let (smallest, largest) = (Digits(low.mean()), Digits(high.mean()));
    let details = vec![format!("smallest {} {smallest}, largest {} {largest}", low.name, high.name)];
    Decision { details, ..combine(parts, true) }
}

fn at_most_times(a: &Series, b: &Series, factor: f64) -> Decision {
    if b.mean() <= 0.0 {
        return untested(format!("a ratio to {} means nothing, which is {} on average", b.name, Digits(b.mean())));
    }
    stands(a, Bound::AtMost, &Operand::Series(b.map(format!("{factor} x {}", b.name), |v| factor * v)), 0.0)
}

/// The means spread less in one group than in another. Each group stands for itself by the difference of the two
/// series at its ends; the largest minus the smallest value of every repeat would measure noise as well.
fn narrower(group: Vec<Found>, other: Vec<Found>, axes: &Axes) -> Decision {
    let range = |group: Vec<Found>, name: String| -> Result<Series, Decision> {
        let series = complete(group)?;
        let (low, high) = ends(&series).ok_or_else(|| untested("a spread needs two results"))?;
        let difference = |(repeat, v): (&u32, &f64)| Some((*repeat, v - low.values.get(repeat)?));
        Ok(Series { name, values: high.values.iter().filter_map(difference).collect(), resampling: high.resampling })
    };
    let names = axes.keys().cloned().collect::<Vec<_>>().join(", ");
    match (range(group, "spread".into()), range(other, format!("spread along {names}"))) {
        (Ok(narrow), Ok(wide)) => stands(&narrow, Bound::Below, &Operand::Series(wide), 0.0),
        (Err(a), Err(b)) => combine(vec![a, b], true),
        (Err(missing), _) | (_, Err(missing)) => missing,
    }
}

pub(super) fn monotone(c: &Monotone, evidence: &Evidence<'_>) -> Result<Decision, String> {
    let relation = match c.direction {
        Direction::Increasing => Bound::Below,
        Direction::Decreasing => Bound::Above,
    };
    let mut parts = Vec::new();
    for place in evidence.places(&c.on)? {
        for method in c.method.iter() {
            let series = series_along(&place, method, &c.along, evidence);
            parts.extend(series.windows(2).map(|pair| match (&pair[0].1, &pair[1].1) {
                (Ok(a), Ok(b)) => stands(a, relation, &Operand::Series(b.clone()), 0.0),
                (Err(a), Err(b)) => combine(vec![untested(a), untested(b)], true),
                (Err(reason), _) | (_, Err(reason)) => untested(reason),
            }));
        }
    }
    Ok(combine(parts, true))
}

/// One of the expected points is the best of all.
pub(super) fn argbest(c: &Argbest, evidence: &Evidence<'_>) -> Result<Decision, String> {
    let expected = |params: &Params| {
        let listed = |(name, values): (&String, &Values)| {
            params.get(name).is_some_and(|have| values.as_slice().iter().any(|v| same_value(v, have)))
        };
        let is_below = |name: &String, bound| params.get(name).and_then(as_number).is_some_and(|v| v < bound);
        c.expected.iter().all(listed) && c.below.is_none_or(|bound| c.along.keys().all(|n| is_below(n, bound)))
    };
    let mut parts = Vec::new();
    for place in evidence.places(&c.on)? {
        let smallest = smallest(c.is, evidence.higher_is_better(&place.metric));
        for method in c.method.iter() {
            let points = series_along(&place, method, &c.along, evidence);
            let (inside, outside): (Vec<_>, Vec<_>) = points.into_iter().partition(|(params, _)| expected(params));
            let found = |points: Vec<(Params, Found)>| points.into_iter().map(|(_, found)| found).collect();
            parts.push(holds_rank(found(inside), found(outside), 1, smallest));
        }
    }
    Ok(combine(parts, true))
}

pub(super) fn slope(c: &Slope, evidence: &Evidence<'_>) -> Result<Decision, String> {
    let mut parts = Vec::new();
    for place in evidence.places(&c.on)? {
        for method in c.method.iter() {
            parts.extend(c.along.iter().map(|axis| match exponent(&place, method, axis, evidence) {
                Ok(exponent) => within(&exponent, c.low, c.high),
                Err(reason) => untested(reason),
            }));
        }
    }
    Ok(combine(parts, true))
}

/// Exponent of the metric over a parameter, fitted to each repeat on logarithmic axes. The parameter's values are those
/// that were run.
fn exponent(place: &Place, method: &str, axis: &str, evidence: &Evidence<'_>) -> Result<Series, String> {
    let values = evidence.values_of(place, method, axis);
    let mut points: Vec<(f64, Series)> = Vec::new();
    for (params, found) in series_along(place, method, &BTreeMap::from([(axis.to_owned(), values)]), evidence) {
        let x = params.get(axis).and_then(as_number).filter(|x| *x > 0.0);
        let x = x.ok_or_else(|| format!("{axis} takes values without a logarithm"))?;
        // What has no values here was run on other data only.
        points.extend(found.ok().map(|series| (x, series)));
    }
    if points.len() < 2 {
        evidence.series(place, method)?;
        return Err(format!("{method} on {} has not been run at two values of {axis}", place.dataset));
    }
    let positive = points.iter().all(|(_, s)| s.values.values().all(|v| *v > 0.0));
    if !positive {
        return Err(format!("{method} has values of {} without a logarithm", place.metric));
    }
    let fit = |repeat: &u32| -> Option<f64> {
        let points: Option<Vec<_>> = points.iter().map(|(x, s)| Some((*x, *s.values.get(repeat)?))).collect();
        mtl_stats::growth::exponent(&points?)
    };
    let (_, first) = &points[0];
    let values: BTreeMap<u32, f64> = first.values.keys().filter_map(|r| Some((*r, fit(r)?))).collect();
    if values.is_empty() {
        return Err(format!("{method} has no repeat in common over {axis}"));
    }
    Ok(Series { name: format!("exponent of {method} over {axis}"), values, resampling: first.resampling })
}
