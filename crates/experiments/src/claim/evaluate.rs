//! Deciding claims from results.

use std::collections::BTreeMap;

use mtl_core::Metric;
use mtl_methods::ParamValue;
use mtl_stats::claim::{self, Relation as Bound};
use mtl_stats::{ClaimOutcome, ClaimResult, Resampling, friedman, nemenyi_cd};
use serde::Serialize;

use super::{
    Argbest, Check, Compare, Constant, Direction, Elsewhere, End, Equal, Extremum, Monotone, Names, Order, Others,
    Over, Ratio, Recovery, Relation, Scope, Side, Slope, Spread, Stretch, Values,
};
use crate::published::{Better, Published};
use crate::results::Results;

/// Results of all studies of a paper.
pub struct Evidence<'a> {
    /// The studies.
    pub studies: &'a [Results],
    /// For the direction of metrics that only the paper knows.
    pub published: &'a Published,
}

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

/// Decides a check.
pub fn evaluate(check: &Check, evidence: &Evidence<'_>) -> Decision {
    match check {
        Check::All(parts) => combine(parts.iter().map(|p| evaluate(p, evidence)).collect(), true),
        Check::Any(parts) => combine(parts.iter().map(|p| evaluate(p, evidence)).collect(), false),
        Check::Not(part) => {
            let inner = evaluate(part, evidence);
            Decision { result: claim::not(inner.result), by_means: inner.by_means.map(|b| !b), details: inner.details }
        }
        Check::Compare(c) => compare(c, evidence),
        Check::Extremum(c) => extremum(c, evidence),
        Check::Order(c) => order(c, evidence),
        Check::Ratio(c) => ratio(c, evidence),
        Check::Spread(c) => spread(c, evidence),
        Check::Monotone(c) => monotone(c, evidence),
        Check::Argbest(c) => argbest(c, evidence),
        Check::Slope(c) => slope(c, evidence),
        Check::Recovery(c) => recovery(c, evidence),
        Check::Equal(c) => equal(c, evidence),
        Check::Constant(c) => constant(c, evidence),
        Check::Manual(reason) => untested(format!("not decided by records: {reason}")),
    }
}

type Params = BTreeMap<String, ParamValue>;

/// One cell of the results.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    study: Option<String>,
    dataset: String,
    metric: String,
    params: Params,
}

/// Values of one method in one cell.
struct Series {
    name: String,
    values: Vec<f64>,
    resampling: Resampling,
}

impl Series {
    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }
}

impl Evidence<'_> {
    fn studies(&self, cell: &Cell) -> impl Iterator<Item = &Results> {
        self.studies.iter().filter(move |r| cell.study.as_ref().is_none_or(|s| *s == r.study.id))
    }

    fn series(&self, cell: &Cell, method: &str) -> Result<Series, String> {
        let mut reason = match &cell.study {
            Some(study) => format!("{study} has not been run"),
            None => format!("{method} on {} has not been run", cell.dataset),
        };
        for results in self.studies(cell) {
            match results.series(&cell.dataset, method, &cell.metric, &cell.params) {
                Ok(values) => {
                    let name = format!("{method} ({}, {})", cell.dataset, cell.metric);
                    return Ok(Series { name, values, resampling: results.study.protocol.resampling() });
                }
                Err(why) => reason = why,
            }
        }
        Err(reason)
    }

    /// All methods of the studies a cell may belong to.
    fn methods(&self, cell: &Cell) -> Vec<String> {
        let mut methods: Vec<String> = Vec::new();
        for results in self.studies(cell).filter(|r| r.datasets().contains(&cell.dataset.as_str())) {
            methods.extend(
                results.methods().into_iter().map(str::to_owned).filter(|m| !methods.contains(m)).collect::<Vec<_>>(),
            );
        }
        methods
    }

    fn higher_is_better(&self, metric: &str) -> bool {
        let published = self.published.tables.values().find_map(|t| t.better.get(metric));
        match published {
            Some(better) => *better == Better::Higher,
            None => metric.parse::<Metric>().is_ok_and(Metric::higher_is_better),
        }
    }

    /// The cells of a scope: one for every combination of its lists.
    fn cells(&self, scope: &Scope) -> Vec<Cell> {
        let all = |names: &Option<Names>| {
            names.as_ref().map_or_else(|| vec![String::new()], |n| n.iter().map(str::to_owned).collect())
        };
        let mut cells = Vec::new();
        for dataset in all(&scope.dataset) {
            for metric in all(&scope.metric) {
                for params in combinations(&scope.params) {
                    cells.push(Cell {
                        study: scope.study.clone(),
                        dataset: dataset.clone(),
                        metric: metric.clone(),
                        params,
                    });
                }
            }
        }
        cells
    }
}

fn combinations(params: &BTreeMap<String, Values>) -> Vec<Params> {
    let mut all = vec![Params::new()];
    for (name, values) in params {
        let values = match values {
            Values::One(value) => std::slice::from_ref(value),
            Values::Many(values) => values.as_slice(),
        };
        let with = |params: &Params, value: &ParamValue| {
            let mut params = params.clone();
            params.insert(name.clone(), value.clone());
            params
        };
        all = all.iter().flat_map(|p| values.iter().map(move |v| with(p, v))).collect();
    }
    all
}

fn untested(reason: impl Into<String>) -> Decision {
    Decision { result: ClaimResult::untested(reason), by_means: None, details: Vec::new() }
}

fn combine(parts: Vec<Decision>, all: bool) -> Decision {
    let results: Vec<ClaimResult> = parts.iter().map(|p| p.result.clone()).collect();
    let means: Vec<bool> = parts.iter().filter_map(|p| p.by_means).collect();
    let complete = means.len() == parts.len();
    let by_means = if all {
        if means.contains(&false) { Some(false) } else { complete.then_some(true) }
    } else if means.contains(&true) {
        Some(true)
    } else {
        complete.then_some(false)
    };
    let result = if all { claim::all(&results) } else { claim::any(&results) };
    let mut details: Vec<String> = parts.into_iter().flat_map(|p| p.details).collect();
    details.dedup();
    Decision { result, by_means, details }
}

/// Holds in at least `k` of the cells.
fn at_least(parts: Vec<Decision>, k: usize) -> Decision {
    let count = |outcome: &dyn Fn(&ClaimOutcome) -> bool| parts.iter().filter(|p| outcome(&p.result.outcome)).count();
    let supported = count(&|o| *o == ClaimOutcome::Supported);
    let contradicted = count(&|o| *o == ClaimOutcome::Contradicted);
    let open = count(&|o| matches!(o, ClaimOutcome::Untested(_)));
    let holding = parts.iter().filter(|p| p.by_means == Some(true)).count();
    let outcome = if supported >= k {
        ClaimOutcome::Supported
    } else if parts.len() - contradicted < k {
        ClaimOutcome::Contradicted
    } else if open > 0 {
        ClaimOutcome::Untested(format!("{open} of {} cells have not been run", parts.len()))
    } else {
        ClaimOutcome::Inconclusive
    };
    let by_means = if holding >= k {
        Some(true)
    } else if holding + open < k {
        Some(false)
    } else {
        None
    };
    let n = parts.iter().filter_map(|p| p.result.n).min();
    let line =
        format!("holds by means in {holding}, significantly in {supported} of {} cells; {k} are claimed", parts.len());
    let result = ClaimResult { outcome, p_for: None, p_against: None, effect: None, n };
    let details = std::iter::once(line).chain(parts.into_iter().flat_map(|p| p.details)).collect();
    Decision { result, by_means, details }
}

fn every(parts: Vec<Decision>, at_least_k: Option<usize>) -> Decision {
    match at_least_k {
        Some(k) => at_least(parts, k),
        None => combine(parts, true),
    }
}

/// `a < b - margin`, or the other way round.
fn below(a: &Series, b: &Series, margin: f64) -> Decision {
    let result = claim::less(&a.values, &b.values, margin, a.resampling);
    let p = result.p().map_or_else(String::new, |p| format!(", p = {}", Short(p)));
    let n = a.values.len();
    let details = vec![format!("{} {:.4} against {} {:.4}, n = {n}{p}", a.name, a.mean(), b.name, b.mean())];
    Decision { by_means: Some(a.mean() < b.mean() - margin), result, details }
}

/// A p-value in two digits.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 < 1e-3 { write!(f, "{:.1e}", self.0) } else { write!(f, "{:.3}", self.0) }
    }
}

fn related(a: &Series, relation: Relation, b: &Series, margin: f64, higher_is_better: bool) -> Decision {
    let smaller = match relation {
        Relation::Lt | Relation::Le => true,
        Relation::Gt | Relation::Ge => false,
        Relation::Better => !higher_is_better,
        Relation::Worse => higher_is_better,
    };
    let mut decision = if smaller { below(a, b, margin) } else { below(b, a, margin) };
    // Equality satisfies the weak relations.
    if matches!(relation, Relation::Le | Relation::Ge) && a.values == b.values && margin == 0.0 {
        decision.by_means = Some(true);
        decision.result.outcome = ClaimOutcome::Supported;
    }
    decision
}

fn against_number(a: &Series, relation: Relation, value: f64, higher_is_better: bool) -> Decision {
    let (bound, holds) = match (relation, higher_is_better) {
        (Relation::Lt, _) | (Relation::Better, false) | (Relation::Worse, true) => (Bound::Below, a.mean() < value),
        (Relation::Le, _) => (Bound::AtMost, a.mean() <= value),
        (Relation::Gt, _) | (Relation::Better, true) | (Relation::Worse, false) => (Bound::Above, a.mean() > value),
        (Relation::Ge, _) => (Bound::AtLeast, a.mean() >= value),
    };
    let result = claim::threshold(&a.values, bound, value);
    let details = vec![format!("{} {:.4} against {value}, n = {}", a.name, a.mean(), a.values.len())];
    Decision { result, by_means: Some(holds), details }
}

/// What stands on one side in one cell.
enum Found {
    Number(f64),
    Series(Vec<(String, Result<Series, String>)>),
}

fn find(side: &Side, cell: &Cell, other: &[String], evidence: &Evidence<'_>) -> Found {
    let named = |names: &Names, cell: &Cell| {
        Found::Series(names.iter().map(|m| (m.to_owned(), evidence.series(cell, m))).collect())
    };
    match side {
        Side::Number(value) => Found::Number(*value),
        Side::Methods(names) => named(names, cell),
        Side::Elsewhere(elsewhere) => {
            let cell = moved(cell, elsewhere);
            if let Some(names) = &elsewhere.method {
                return named(names, &cell);
            }
            let Some(others) = elsewhere.others else {
                return named(&Names::Many(other.to_vec()), &cell);
            };
            let rest: Vec<_> = evidence.methods(&cell).into_iter().filter(|m| !other.contains(m)).collect();
            let mut series: Vec<_> = rest.into_iter().map(|m| (m.clone(), evidence.series(&cell, &m))).collect();
            if others != Others::Each {
                let largest = (others == Others::Best) == evidence.higher_is_better(&cell.metric);
                series.retain(|(_, s)| s.is_ok());
                let value = |s: &(String, Result<Series, String>)| s.1.as_ref().map_or(f64::NAN, Series::mean);
                series.sort_by(|a, b| value(a).total_cmp(&value(b)));
                if largest {
                    series.reverse();
                }
                series.truncate(1);
            }
            Found::Series(series)
        }
    }
}

fn moved(cell: &Cell, to: &Elsewhere) -> Cell {
    let first =
        |names: &Option<Names>, old: &str| names.as_ref().and_then(|n| n.iter().next()).unwrap_or(old).to_owned();
    let mut params = cell.params.clone();
    for (name, values) in &to.params {
        if let Values::One(value) = values {
            params.insert(name.clone(), value.clone());
        }
    }
    Cell {
        study: to.study.clone().or_else(|| cell.study.clone()),
        dataset: first(&to.dataset, &cell.dataset),
        metric: first(&to.metric, &cell.metric),
        params,
    }
}

fn names_of(side: &Side) -> Vec<String> {
    match side {
        Side::Methods(names) => names.iter().map(str::to_owned).collect(),
        Side::Elsewhere(Elsewhere { method: Some(names), .. }) => names.iter().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Decides something for every pair of series on the two sides, in every cell.
fn pairs(
    scope: &Scope,
    a: &Side,
    b: &Side,
    evidence: &Evidence<'_>,
    left_out: &dyn Fn(&str, &Cell) -> bool,
    decide: &dyn Fn(&Series, Result<&Series, f64>, &Cell) -> Decision,
) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for cell in evidence.cells(scope) {
        let left = find(a, &cell, &names_of(b), evidence);
        let right = find(b, &cell, &names_of(a), evidence);
        let (left, right) = match (left, right) {
            (Found::Series(left), right) => (left, right),
            (Found::Number(_), _) => return vec![untested("the left side of a comparison is a number")],
        };
        for (name, left) in left.iter().filter(|(name, _)| !left_out(name, &cell)) {
            match (left, &right) {
                (Err(reason), _) => decisions.push(untested(reason.clone())),
                (Ok(left), Found::Number(value)) => decisions.push(decide(left, Err(*value), &cell)),
                (Ok(left), Found::Series(right)) => {
                    // A method stands against itself only in another cell.
                    let same_cell = matches!(b, Side::Methods(_));
                    for (other, right) in right.iter().filter(|(other, _)| !(same_cell && other == name)) {
                        match right {
                            Err(reason) => decisions.push(untested(reason.clone())),
                            Ok(right) if left.values.len() != right.values.len() => {
                                decisions
                                    .push(untested(format!("{name} and {other} were not run on the same repeats")));
                            }
                            Ok(right) => decisions.push(decide(left, Ok(right), &cell)),
                        }
                    }
                }
            }
        }
    }
    decisions
}

fn compare(c: &Compare, evidence: &Evidence<'_>) -> Decision {
    let left_out = |method: &str, cell: &Cell| {
        let matches = |wanted: &Option<String>, have: &str| wanted.as_ref().is_none_or(|w| w == have);
        c.except.iter().any(|e| matches(&e.method, method) && matches(&e.dataset, &cell.dataset))
    };
    let decide = |a: &Series, b: Result<&Series, f64>, cell: &Cell| {
        let higher = evidence.higher_is_better(&cell.metric);
        let mut decision = match b {
            Ok(b) => related(a, c.is, b, c.margin, higher),
            Err(value) => against_number(a, c.is, value, higher),
        };
        if c.significant == Some(false) {
            // The paper reports the direction and says that noise could explain it.
            decision.result.outcome = match decision.result.outcome {
                ClaimOutcome::Inconclusive => ClaimOutcome::Supported,
                ClaimOutcome::Untested(reason) => ClaimOutcome::Untested(reason),
                _ => ClaimOutcome::Contradicted,
            };
        }
        decision
    };
    every(pairs(&c.on, &c.a, &c.b, evidence, &left_out, &decide), c.at_least)
}

fn nothing_left_out(_: &str, _: &Cell) -> bool {
    false
}

/// Which way an end of the ranking lies: whether it is the smallest value.
fn smallest(end: End, higher_is_better: bool) -> bool {
    match end {
        End::Min => true,
        End::Max => false,
        End::Best => !higher_is_better,
        End::Worst => higher_is_better,
    }
}

fn extremum(c: &Extremum, evidence: &Evidence<'_>) -> Decision {
    let cells = evidence.cells(&c.on);
    let among = |cell: &Cell| -> Vec<String> {
        let listed = c.among.as_ref().map(|n| n.iter().map(str::to_owned).collect());
        let mut methods: Vec<String> = listed.unwrap_or_else(|| evidence.methods(cell));
        methods.retain(|m| !c.excluding.iter().flat_map(Names::iter).any(|e| e == m));
        methods
            .extend(c.method.iter().filter(|m| !methods.iter().any(|k| k == m)).map(str::to_owned).collect::<Vec<_>>());
        methods
    };
    if c.over == Over::MeanRank {
        return mean_rank(c, &cells, &among, evidence);
    }
    let decide = |cell: &Cell| {
        let smallest = smallest(c.is, evidence.higher_is_better(&cell.metric));
        let mut ranked = Vec::new();
        let mut missing = Vec::new();
        for method in among(cell) {
            match evidence.series(cell, &method) {
                Ok(series) => ranked.push((method, series)),
                Err(reason) => missing.push(untested(reason)),
            }
        }
        ranked.sort_by(|a, b| a.1.mean().total_cmp(&b.1.mean()));
        if !smallest {
            ranked.reverse();
        }
        // Of several methods the one that comes first is meant.
        let Some(position) = ranked.iter().position(|(m, _)| c.method.iter().any(|wanted| wanted == m)) else {
            return missing.into_iter().next().unwrap_or_else(|| untested("no such result"));
        };
        let own = &ranked[position].1;
        let mut parts = missing;
        for (i, (method, other)) in ranked.iter().enumerate() {
            if i == position || c.method.iter().any(|m| m == method) {
                continue;
            }
            // The claim puts `rank - 1` methods in front: the ones our means put in front.
            let in_front = if i < position { i + 1 < c.rank } else { i < c.rank };
            let (first, second) = if in_front { (other, own) } else { (own, other) };
            parts.push(if smallest { below(first, second, 0.0) } else { below(second, first, 0.0) });
        }
        let mut decision = combine(parts, true);
        if decision.by_means.is_some() {
            decision.by_means = Some(position + 1 == c.rank);
        }
        decision
    };
    every(cells.iter().map(decide).collect(), c.at_least)
}

fn mean_rank(c: &Extremum, cells: &[Cell], among: &dyn Fn(&Cell) -> Vec<String>, evidence: &Evidence<'_>) -> Decision {
    let Some(first) = cells.first() else { return untested("no cell is named") };
    let methods = among(first);
    let mut scores = Vec::new();
    for cell in cells {
        let row: Result<Vec<f64>, String> =
            methods.iter().map(|m| evidence.series(cell, m).map(|s| s.mean())).collect();
        match row {
            // Oriented so that smaller is the claimed end.
            Ok(row) if smallest(c.is, evidence.higher_is_better(&cell.metric)) => scores.push(row),
            Ok(row) => scores.push(row.into_iter().map(|v| -v).collect()),
            Err(reason) => return untested(reason),
        }
    }
    let Ok(test) = friedman(&scores, false) else { return untested("too few cells to rank") };
    let own =
        methods.iter().zip(&test.average_ranks).filter(|(m, _)| c.method.iter().any(|w| w == *m)).map(|(_, r)| *r);
    let own = own.fold(f64::INFINITY, f64::min);
    let mut others: Vec<f64> = methods
        .iter()
        .zip(&test.average_ranks)
        .filter(|(m, _)| !c.method.iter().any(|w| w == *m))
        .map(|(_, r)| *r)
        .collect();
    others.sort_by(f64::total_cmp);
    let difference = nemenyi_cd(methods.len(), cells.len(), mtl_stats::ALPHA);
    let in_front = others.iter().filter(|r| **r < own).count();
    let clear = others.iter().all(|r| (r - own).abs() > difference);
    let outcome = match (in_front + 1 == c.rank, clear) {
        (true, true) => ClaimOutcome::Supported,
        (false, true) => ClaimOutcome::Contradicted,
        _ => ClaimOutcome::Inconclusive,
    };
    let ranks: Vec<String> = methods.iter().zip(&test.average_ranks).map(|(m, r)| format!("{m} {r:.2}")).collect();
    let details = vec![format!(
        "mean ranks over {} cells: {}; Friedman p = {}, critical difference {difference:.2}",
        cells.len(),
        ranks.join(", "),
        Short(test.f_p)
    )];
    let p = Some(test.f_p);
    let result = ClaimResult { outcome, p_for: p, p_against: p, effect: None, n: Some(cells.len()) };
    Decision { result, by_means: Some(in_front + 1 == c.rank), details }
}

fn order(c: &Order, evidence: &Evidence<'_>) -> Decision {
    let (methods, rising) = if c.ascending.is_empty() { (&c.descending, false) } else { (&c.ascending, true) };
    let mut parts = Vec::new();
    for cell in evidence.cells(&c.on) {
        let mut step = |first: &str, second: &str| {
            parts.push(match (evidence.series(&cell, first), evidence.series(&cell, second)) {
                (Ok(a), Ok(b)) if rising => below(&a, &b, 0.0),
                (Ok(a), Ok(b)) => below(&b, &a, 0.0),
                (Err(reason), _) | (_, Err(reason)) => untested(reason),
            });
        };
        for pair in methods.windows(2) {
            step(&pair[0], &pair[1]);
        }
        let rest: Vec<_> = evidence.methods(&cell).into_iter().filter(|m| !methods.contains(m)).collect();
        match (c.stretch, methods.first(), methods.last()) {
            (Stretch::Head, _, Some(last)) => rest.iter().for_each(|other| step(last, other)),
            (Stretch::Tail, Some(first), _) => rest.iter().for_each(|other| step(other, first)),
            _ => {}
        }
    }
    combine(parts, true)
}

fn ratio(c: &Ratio, evidence: &Evidence<'_>) -> Decision {
    let decide = |a: &Series, b: Result<&Series, f64>, _: &Cell| {
        let scaled = |factor: f64| match b {
            Ok(b) => Series {
                name: format!("{factor} x {}", b.name),
                values: b.values.iter().map(|v| v * factor).collect(),
                resampling: b.resampling,
            },
            Err(value) => Series {
                name: format!("{factor} x {value}"),
                values: vec![value * factor; a.values.len()],
                resampling: a.resampling,
            },
        };
        let mut parts = Vec::new();
        parts.extend(c.at_least.map(|factor| below(&scaled(factor), a, 0.0)));
        parts.extend(c.at_most.map(|factor| below(a, &scaled(factor), 0.0)));
        combine(parts, true)
    };
    combine(pairs(&c.on, &c.a, &c.b, evidence, &nothing_left_out, &decide), true)
}

/// The cell at each point along one or more parameters.
fn along(cell: &Cell, axes: &BTreeMap<String, Vec<ParamValue>>) -> Vec<Cell> {
    let axes = axes.iter().map(|(name, values)| (name.clone(), Values::Many(values.clone()))).collect();
    let point = |params: Params| {
        let mut cell = cell.clone();
        cell.params.extend(params);
        cell
    };
    combinations(&axes).into_iter().map(point).collect()
}

fn series_along(
    cell: &Cell,
    method: &str,
    axes: &BTreeMap<String, Vec<ParamValue>>,
    evidence: &Evidence<'_>,
) -> Result<Vec<(Params, Series)>, String> {
    along(cell, axes).into_iter().map(|c| Ok((c.params.clone(), evidence.series(&c, method)?))).collect()
}

/// Largest minus smallest (or over smallest) value of each repeat.
fn spreads(series: &[Series], ratio: bool) -> Vec<f64> {
    let n = series.iter().map(|s| s.values.len()).min().unwrap_or(0);
    let of = |i: usize| {
        let values = series.iter().map(|s| s.values[i]);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if ratio { high / low } else { high - low }
    };
    (0..n).map(of).collect()
}

fn spread(c: &Spread, evidence: &Evidence<'_>) -> Decision {
    let mut parts = Vec::new();
    for cell in evidence.cells(&c.on) {
        let named: Option<Vec<String>> = c.method.as_ref().map(|n| n.iter().map(str::to_owned).collect());
        let mut methods = named.unwrap_or_else(|| evidence.methods(&cell));
        methods.retain(|m| !c.excluding.iter().flat_map(Names::iter).any(|e| e == m));
        let groups: Vec<Result<Vec<Series>, String>> = if c.along.is_empty() {
            vec![methods.iter().map(|m| evidence.series(&cell, m)).collect()]
        } else {
            let one =
                |m: &String| Ok(series_along(&cell, m, &c.along, evidence)?.into_iter().map(|(_, s)| s).collect());
            methods.iter().map(one).collect()
        };
        for (group, method) in groups.into_iter().zip(methods.iter().cycle()) {
            let series = match group {
                Ok(series) if series.len() > 1 => series,
                Ok(_) => {
                    parts.push(untested("a spread needs two results"));
                    continue;
                }
                Err(reason) => {
                    parts.push(untested(reason));
                    continue;
                }
            };
            let resampling = series[0].resampling;
            let of = |ratio| Series { name: "spread".into(), values: spreads(&series, ratio), resampling };
            parts.extend(c.difference.map(|bound| against_number(&of(false), Relation::Le, bound, false)));
            parts.extend(c.ratio.map(|bound| against_number(&of(true), Relation::Le, bound, false)));
            for axes in &c.less_than_along {
                parts.push(match series_along(&cell, method, axes, evidence) {
                    Ok(other) => {
                        let other: Vec<Series> = other.into_iter().map(|(_, s)| s).collect();
                        let name = axes.keys().cloned().collect::<Vec<_>>().join(", ");
                        let wide =
                            Series { name: format!("spread along {name}"), values: spreads(&other, false), resampling };
                        below(&of(false), &wide, 0.0)
                    }
                    Err(reason) => untested(reason),
                });
            }
        }
    }
    combine(parts, true)
}

fn monotone(c: &Monotone, evidence: &Evidence<'_>) -> Decision {
    let mut parts = Vec::new();
    for cell in evidence.cells(&c.on) {
        for method in c.method.iter() {
            match series_along(&cell, method, &c.along, evidence) {
                Err(reason) => parts.push(untested(reason)),
                Ok(series) => parts.extend(series.windows(2).map(|pair| match c.direction {
                    Direction::Increasing => below(&pair[0].1, &pair[1].1, 0.0),
                    Direction::Decreasing => below(&pair[1].1, &pair[0].1, 0.0),
                })),
            }
        }
    }
    combine(parts, true)
}

fn argbest(c: &Argbest, evidence: &Evidence<'_>) -> Decision {
    let mut parts = Vec::new();
    for cell in evidence.cells(&c.on) {
        let smallest = smallest(c.is, evidence.higher_is_better(&cell.metric));
        for method in c.method.iter() {
            let points = match series_along(&cell, method, &c.along, evidence) {
                Ok(points) => points,
                Err(reason) => {
                    parts.push(untested(reason));
                    continue;
                }
            };
            let number = |value: &ParamValue| match value {
                ParamValue::Number(v) => *v,
                ParamValue::Count(v) => *v as f64,
                _ => f64::NAN,
            };
            let expected = |params: &Params| {
                let listed = c.expected.iter().all(|(name, values)| {
                    let have = params.get(name);
                    match values {
                        Values::One(value) => have == Some(value),
                        Values::Many(values) => values.iter().any(|v| have == Some(v)),
                    }
                });
                let below = c
                    .below
                    .is_none_or(|bound| c.along.keys().all(|n| params.get(n).is_some_and(|v| number(v) < bound)));
                listed && below
            };
            let (inside, outside): (Vec<_>, Vec<_>) = points.into_iter().partition(|(params, _)| expected(params));
            let best = |points: &[(Params, Series)]| -> Option<usize> {
                let key = |i: &usize| if smallest { points[*i].1.mean() } else { -points[*i].1.mean() };
                (0..points.len()).min_by(|a, b| key(a).total_cmp(&key(b)))
            };
            let Some(own) = best(&inside).map(|i| &inside[i].1) else {
                parts.push(untested("none of the expected values was run"));
                continue;
            };
            parts.extend(
                outside.iter().map(|(_, other)| if smallest { below(own, other, 0.0) } else { below(other, own, 0.0) }),
            );
        }
    }
    combine(parts, true)
}

fn slope(c: &Slope, evidence: &Evidence<'_>) -> Decision {
    let mut parts = Vec::new();
    for cell in evidence.cells(&c.on) {
        for method in c.method.iter() {
            for axis in c.along.iter() {
                parts.push(slope_along(&cell, method, axis, (c.low, c.high), evidence));
            }
        }
    }
    combine(parts, true)
}

/// Exponent of the metric over a parameter, fitted to each repeat on logarithmic axes. The parameter's values are those
/// that were run.
fn slope_along(cell: &Cell, method: &str, axis: &str, (low, high): (f64, f64), evidence: &Evidence<'_>) -> Decision {
    let values = evidence.studies(cell).flat_map(|r| r.values_of(method, axis));
    let axes = BTreeMap::from([(axis.to_owned(), values.collect::<Vec<_>>())]);
    let points = match series_along(cell, method, &axes, evidence) {
        Ok(points) if points.len() > 1 => points,
        Ok(_) => return untested(format!("{method} has not been run along {axis}")),
        Err(reason) => return untested(reason),
    };
    let number = |params: &Params| match params.get(axis) {
        Some(ParamValue::Number(v)) => v.ln(),
        Some(ParamValue::Count(v)) => (*v as f64).ln(),
        _ => f64::NAN,
    };
    let x: Vec<f64> = points.iter().map(|(params, _)| number(params)).collect();
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let spread: f64 = x.iter().map(|v| (v - mean).powi(2)).sum();
    let repeats = points.iter().map(|(_, s)| s.values.len()).min().unwrap_or(0);
    let fit = |r: usize| x.iter().zip(&points).map(|(x, (_, s))| (x - mean) * s.values[r].ln()).sum::<f64>() / spread;
    let slopes = Series {
        name: format!("exponent of {method} over {axis}"),
        values: (0..repeats).map(fit).collect(),
        resampling: points[0].1.resampling,
    };
    combine(
        vec![against_number(&slopes, Relation::Ge, low, false), against_number(&slopes, Relation::Le, high, false)],
        true,
    )
}

fn recovery(c: &Recovery, evidence: &Evidence<'_>) -> Decision {
    per_method(&c.on, &c.method, evidence, &|series| vec![against_number(series, c.is, c.value, true)])
}

fn constant(c: &Constant, evidence: &Evidence<'_>) -> Decision {
    per_method(&c.on, &c.method, evidence, &|series| {
        vec![against_number(series, Relation::Ge, c.low, false), against_number(series, Relation::Le, c.high, false)]
    })
}

fn per_method(
    scope: &Scope,
    methods: &Names,
    evidence: &Evidence<'_>,
    decide: &dyn Fn(&Series) -> Vec<Decision>,
) -> Decision {
    let mut parts = Vec::new();
    for cell in evidence.cells(scope) {
        for method in methods.iter() {
            match evidence.series(&cell, method) {
                Ok(series) => parts.extend(decide(&series)),
                Err(reason) => parts.push(untested(reason)),
            }
        }
    }
    combine(parts, true)
}

fn equal(c: &Equal, evidence: &Evidence<'_>) -> Decision {
    let decide = |a: &Series, b: Result<&Series, f64>, _: &Cell| {
        let fixed;
        let b = match b {
            Ok(b) => b,
            Err(value) => {
                fixed =
                    Series { name: value.to_string(), values: vec![value; a.values.len()], resampling: a.resampling };
                &fixed
            }
        };
        let tolerance = c.within.unwrap_or(0.0).max(c.within_relative.unwrap_or(0.0) * b.mean().abs());
        let result = claim::equal(&a.values, &b.values, tolerance, a.resampling);
        let details =
            vec![format!("{} {:.4} and {} {:.4}, tolerance {tolerance:.4}", a.name, a.mean(), b.name, b.mean())];
        Decision { by_means: Some((a.mean() - b.mean()).abs() <= tolerance), result, details }
    };
    combine(pairs(&c.on, &c.a, &c.b, evidence, &nothing_left_out, &decide), true)
}
