//! One method among all: `extremum`, `order`.

use indexmap::IndexMap;
use mtl_stats::claim::Relation as Bound;
use mtl_stats::{ALPHA, ClaimOutcome, ClaimResult, friedman, nemenyi_cd};

use super::decision::{Decision, Operand, PValue, Series, combine, every, stands, untested};
use super::evidence::{Evidence, Place};
use super::schema::{End, Extremum, Order, Over, Stretch};

/// Which way an end of a ranking lies: whether it is the smallest value.
pub(super) fn smallest(end: End, higher_is_better: bool) -> bool {
    match end {
        End::Min => true,
        End::Max => false,
        End::Best => !higher_is_better,
        End::Worst => higher_is_better,
    }
}

/// The methods that are ranked beside the named ones.
fn rivals(c: &Extremum, place: &Place, evidence: &Evidence<'_>) -> Vec<String> {
    let among = c.among.as_ref().map(|n| n.iter().map(str::to_owned).collect());
    let mut rivals: Vec<String> = among.unwrap_or_else(|| evidence.methods(place));
    rivals.retain(|m| !c.method.contains(m) && !c.excluding.as_ref().is_some_and(|e| e.contains(m)));
    rivals
}

pub(super) fn extremum(c: &Extremum, evidence: &Evidence<'_>) -> Result<Decision, String> {
    let places = evidence.places(&c.on)?;
    if c.over == Over::MeanRank {
        return mean_rank(c, &places, evidence);
    }
    let decide = |place: &Place| {
        let find = |method: &str| evidence.series(place, method);
        let named = c.method.iter().map(find).collect();
        let others = rivals(c, place, evidence).iter().map(|m| find(m)).collect();
        holds_rank(named, others, c.rank, smallest(c.is, evidence.higher_is_better(&place.metric)))
    };
    Ok(every(places.iter().map(decide).collect(), c.at_least))
}

/// The `k`-th smallest p-value: that of "at least `k` of these hold", not corrected for their number.
fn at_least(p: &[f64], k: usize) -> f64 {
    let mut p = p.to_vec();
    p.sort_by(f64::total_cmp);
    k.checked_sub(1).map_or(0.0, |i| p.get(i).copied().unwrap_or(1.0))
}

/// The first of the named ones has this rank among the others.
///
/// Rank `r` of `n + 1` means that at least `r - 1` of the others are ahead and at least `n - r + 1` behind. It is
/// refuted by `r` ahead, or by `n - r + 2` behind. What has no values may turn out to be anywhere.
pub(super) fn holds_rank(
    named: Vec<Result<Series, String>>,
    others: Vec<Result<Series, String>>,
    rank: usize,
    smallest: bool,
) -> Decision {
    let n = others.len();
    let (named, mut missing) = known(named);
    let all_named = missing.is_empty();
    let (others, missing_others) = known(others);
    missing.extend(missing_others);
    let sign = if smallest { 1.0 } else { -1.0 };
    let Some(own) = named.iter().min_by(|a, b| (sign * a.mean()).total_cmp(&(sign * b.mean()))) else {
        return untested(missing.join("; "));
    };
    if n == 0 || rank == 0 || rank > n + 1 {
        return untested(format!("rank {rank} is claimed for {}, with {n} others to be ranked with", own.name));
    }
    let ahead = if smallest { Bound::Below } else { Bound::Above };
    let pairs: Vec<Decision> =
        others.iter().map(|other| stands(own, ahead, &Operand::Series(other.clone()), 0.0)).collect();
    for pair in &pairs {
        if let ClaimOutcome::Untested(reason) = &pair.result.outcome {
            missing.push(reason.clone());
        }
    }
    let p = |of: fn(&ClaimResult) -> Option<f64>| -> Vec<f64> { pairs.iter().filter_map(|d| of(&d.result)).collect() };
    let (behind, front) = (p(|r| r.p_for), p(|r| r.p_against));
    let p_for = at_least(&front, rank - 1).max(at_least(&behind, n + 1 - rank));
    let p_against = at_least(&front, rank).min(at_least(&behind, n + 2 - rank));
    // Of several named methods one without values may be the one that is meant, unless this one is the very first.
    let outcome = if p_for < ALPHA && (all_named || rank == 1) {
        ClaimOutcome::Supported
    } else if p_against < ALPHA && all_named {
        ClaimOutcome::Contradicted
    } else if missing.is_empty() {
        ClaimOutcome::Inconclusive
    } else {
        ClaimOutcome::Untested(missing.join("; "))
    };
    let leads = others.iter().map(|other| sign * (other.mean() - own.mean()));
    let (in_front, level) =
        leads.fold((0, 0), |(f, l), lead| (f + usize::from(lead < 0.0), l + usize::from(lead == 0.0)));
    let unknown = n - others.len();
    let holds = if rank <= in_front || rank > 1 + in_front + level + unknown {
        Some(false)
    } else {
        (unknown == 0).then_some(true)
    };
    let tested = !front.is_empty();
    let result = ClaimResult {
        outcome,
        p_for: tested.then_some(p_for),
        p_against: tested.then_some(p_against),
        effect: None,
        n: pairs.iter().filter_map(|d| d.result.n).min(),
    };
    let by_means = holds.filter(|holds| all_named || (*holds && rank == 1));
    Decision { result, by_means, details: pairs.into_iter().flat_map(|d| d.details).collect() }
}

/// What was found, and the reasons why the rest was not.
fn known(found: Vec<Result<Series, String>>) -> (Vec<Series>, Vec<String>) {
    let (known, missing): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
    (known.into_iter().filter_map(Result::ok).collect(), missing.into_iter().filter_map(Result::err).collect())
}

/// Ranks by Friedman's procedure and Nemenyi's critical difference. Cells of one data set show the same fits from
/// several sides: their ranks are averaged first, so that each data set counts once.
fn mean_rank(c: &Extremum, places: &[Place], evidence: &Evidence<'_>) -> Result<Decision, String> {
    let Some(first) = places.first() else { return Err("no cell of the results is meant".into()) };
    let named: Vec<String> = c.method.iter().map(str::to_owned).collect();
    let mut methods = rivals(c, first, evidence);
    methods.extend(named.clone());
    let mut datasets: IndexMap<&str, Vec<Vec<f64>>> = IndexMap::new();
    let mut missing = Vec::new();
    for place in places {
        // Turned so that smaller is the claimed end.
        let sign = if smallest(c.is, evidence.higher_is_better(&place.metric)) { 1.0 } else { -1.0 };
        let mut row = Vec::new();
        for method in &methods {
            match evidence.series(place, method) {
                Ok(series) => row.push(sign * series.mean()),
                Err(reason) => missing.push(untested(reason)),
            }
        }
        datasets.entry(&place.dataset).or_default().push(row);
    }
    if !missing.is_empty() {
        return Ok(combine(missing, true));
    }
    let ranks_of = |rows: &[Vec<f64>]| friedman(rows, false).map(|test| test.average_ranks);
    let ranks: Result<Vec<Vec<f64>>, _> = datasets.values().map(|rows| ranks_of(rows)).collect();
    let test = ranks.and_then(|ranks| friedman(&ranks, false)).map_err(|e| e.to_string())?;
    let ranked: Vec<(&String, f64)> = methods.iter().zip(test.average_ranks).collect();
    let of = |name: bool| ranked.iter().filter(|(m, _)| named.contains(m) == name).map(|(_, rank)| *rank).collect();
    let (own, others): (Vec<f64>, Vec<f64>) = (of(true), of(false));
    let own = own.into_iter().fold(f64::INFINITY, f64::min);
    let (n, cells) = (others.len(), datasets.len());
    let difference = nemenyi_cd(methods.len(), cells, ALPHA);
    let count = |wanted: &dyn Fn(f64) -> bool| others.iter().filter(|rank| wanted(**rank - own)).count();
    let (ahead, behind) = (count(&|lead| lead <= -difference), count(&|lead| lead >= difference));
    let outcome = if ahead >= c.rank || behind + c.rank >= n + 2 {
        ClaimOutcome::Contradicted
    } else if ahead + behind == n {
        ClaimOutcome::Supported
    } else {
        ClaimOutcome::Inconclusive
    };
    let (front, level) = (count(&|lead| lead < 0.0), count(&|lead| lead == 0.0));
    let list: Vec<String> = ranked.iter().map(|(m, rank)| format!("{m} {rank:.2}")).collect();
    let details = vec![format!(
        "mean ranks over {cells} data sets: {}; Friedman p = {}, critical difference {difference:.2}",
        list.join(", "),
        PValue(test.f_p)
    )];
    // Nemenyi's test answers at one level; it has no p-value of the claim.
    let result = ClaimResult { outcome, p_for: None, p_against: None, effect: None, n: Some(cells) };
    Ok(Decision { result, by_means: Some((1 + front..=1 + front + level).contains(&c.rank)), details })
}

pub(super) fn order(c: &Order, evidence: &Evidence<'_>) -> Result<Decision, String> {
    let (methods, relation) =
        if c.ascending.is_empty() { (&c.descending, Bound::Above) } else { (&c.ascending, Bound::Below) };
    let mut parts = Vec::new();
    for place in evidence.places(&c.on)? {
        let mut step = |first: &str, second: &str| {
            parts.push(match (evidence.series(&place, first), evidence.series(&place, second)) {
                (Ok(a), Ok(b)) => stands(&a, relation, &Operand::Series(b), 0.0),
                (Err(a), Err(b)) => combine(vec![untested(a), untested(b)], true),
                (Err(reason), _) | (_, Err(reason)) => untested(reason),
            });
        };
        for pair in methods.windows(2) {
            step(&pair[0], &pair[1]);
        }
        let rest: Vec<_> = evidence.methods(&place).into_iter().filter(|m| !methods.contains(m)).collect();
        match (c.stretch, methods.first(), methods.last()) {
            (Stretch::Head, _, Some(last)) => rest.iter().for_each(|other| step(last, other)),
            (Stretch::Tail, Some(first), _) => rest.iter().for_each(|other| step(other, first)),
            _ => {}
        }
    }
    Ok(combine(parts, true))
}
