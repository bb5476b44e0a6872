//! True and recovered weights as pictures.

use mtl_core::recovery::adjusted_rand;
use mtl_core::{Metric, split::Part};
use mtl_experiments::results::Results;
use mtl_experiments::study::{Draw, RecoveryMaps};
use mtl_methods::{ParamValue, TASK_GROUP};
use mtl_stats::Summary;
use ndarray::Array2;

use super::{Source, covariance, slug, stamp};
use crate::chart::{ChartError, Colours, Frames, Heat, HeatPanel, HeatRow, WEIGHTS};
use crate::document::{Block, Cell, Column, Table, number, plus_minus};

/// Pictures in a row of signs.
const SIGN_PANELS: usize = 5;

/// Pictures of weights, one row a data set: truth, the method made for it, the proposed one. Of signs: the true ones, then
/// the difference that each method makes. Of groups: those of each method. Of covariances: how often tasks share a group.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn maps(results: &Results, maps: &RecoveryMaps, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    if maps.draw == Draw::Covariance {
        return covariance::blocks(results, maps, source);
    }
    let study = &results.study;
    let mut rows = Vec::new();
    for dataset in results.datasets() {
        let methods = drawn(results, maps, dataset);
        if maps.draw == Draw::Groups {
            let panels: Vec<HeatPanel> =
                methods.into_iter().filter_map(|m| groups(results, dataset, m, maps.repeat)).collect();
            let row = |panels: &[HeatPanel]| HeatRow {
                name: results.marked(dataset),
                colours: Colours::Shares,
                frames: Frames::Tall,
                panels: panels.to_vec(),
            };
            rows.extend(panels.chunks(SIGN_PANELS).map(row));
            continue;
        }
        let Some(truth) = truth(results, dataset, maps.repeat, source) else { continue };
        let estimates = methods.into_iter().filter_map(|m| estimate(results, dataset, m, maps.repeat, source));
        let row =
            |panels| HeatRow { name: results.marked(dataset), colours: Colours::Signed, frames: Frames::Tall, panels };
        match maps.draw {
            Draw::Weights => rows.push(row([truth].into_iter().chain(estimates).collect())),
            Draw::Signs => {
                let panels: Vec<HeatPanel> = signs(truth, estimates).collect();
                rows.extend(panels.chunks(SIGN_PANELS).map(|panels| row(panels.to_vec())));
            }
            Draw::Groups | Draw::Covariance => {}
        }
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let (source_name, repeat) = (&study.source, maps.repeat + 1);
    let (name, caption) = match maps.draw {
        Draw::Weights => (
            "weights",
            format!(
                "{source_name}: true and recovered weights of repeat {repeat}, rows x tasks, one colour scale a row of \
                 pictures. The scale is the square root of the weight, so that what is not exactly zero shows."
            ),
        ),
        Draw::Signs => (
            "signs",
            format!(
                "{source_name}: true signs of repeat {repeat}, features x tasks, then the learned sign less the true one \
                 for each method: white where the sign is right, red where it is too large, blue where it is too small."
            ),
        ),
        Draw::Groups | Draw::Covariance => (
            "groups",
            format!("{source_name}: groups learned in repeat {repeat}, groups x tasks; a task's group is filled."),
        ),
    };
    let mut blocks = vec![source.figure(&study.id, slug(&[&study.id, name]), caption, &Heat { rows })?];
    if maps.draw == Draw::Groups && study.protocol.repeats > 1 {
        blocks.push(stability(results).shown());
    }
    Ok(blocks)
}

/// The methods that have a picture.
pub(super) fn drawn<'a>(results: &'a Results, maps: &'a RecoveryMaps, dataset: &str) -> Vec<&'a String> {
    match maps.standard.get(dataset) {
        Some(standard) => vec![standard, &results.study.reference],
        None => results.study.methods.iter().map(|m| &m.label).collect(),
    }
}

/// How much the groups of two repeats agree, over all pairs of repeats.
fn stability(results: &Results) -> Table {
    let study = &results.study;
    let caption = format!("{}: adjusted Rand index between the groups learned in two repeats", study.source);
    let mut table = Table::new(format!("{}-stability", study.id), caption, &["method"]);
    let datasets = results.datasets();
    table.columns.extend(datasets.iter().map(|d| Column { title: results.marked(d), numeric: true }));
    table.stamp = stamp(results);
    for method in &study.methods {
        let agreement = |dataset: &&str| {
            let records = results.scores(dataset, &method.label).into_iter().flat_map(|s| s.records.values());
            let groups: Vec<&Vec<usize>> = records.filter_map(|r| r.scored()?.memberships.get(TASK_GROUP)).collect();
            let pairs = groups.iter().enumerate().flat_map(|(i, a)| groups[..i].iter().map(|b| adjusted_rand(a, b)));
            match Summary::of(&pairs.collect::<Vec<_>>()) {
                Ok(s) => Cell { value: Some(s.mean), ..Cell::text(plus_minus(s.mean, s.std)) },
                Err(_) => Cell::text("–"),
            }
        };
        table.rows.push([Cell::text(&method.label)].into_iter().chain(datasets.iter().map(agreement)).collect());
    }
    table.notes.push(
        "Mean ± standard deviation over all pairs of repeats; pairs that share a repeat are not independent. 1: the same \
         groups every time; 0: no more alike than random groups."
            .into(),
    );
    table
}

/// The true signs, and how far each estimate is from them.
fn signs(truth: HeatPanel, estimates: impl Iterator<Item = HeatPanel>) -> impl Iterator<Item = HeatPanel> {
    let sign = |values: &Array2<f64>| values.mapv(|v| if v == 0.0 { 0.0 } else { v.signum() });
    let of_truth = sign(&truth.values);
    let first = HeatPanel { title: "true signs".into(), values: of_truth.clone(), ..truth };
    let rest = estimates.map(move |panel| {
        let values = sign(&panel.values) - &of_truth;
        let right = values.iter().filter(|d| **d == 0.0).count();
        let subtitle = format!("{right} of {} signs right", values.len());
        HeatPanel { subtitle, values, ..panel }
    });
    std::iter::once(first).chain(rest)
}

fn truth(results: &Results, dataset: &str, repeat: u32, source: Source<'_>) -> Option<HeatPanel> {
    let scores = results.study.methods.iter().filter_map(|m| results.scores(dataset, &m.label));
    let record = scores.filter_map(|s| s.records.get(&repeat)).next()?;
    let values = source.store.matrix(record.scored()?.artifacts.get("true-weights")?)?;
    Some(HeatPanel { title: "truth".into(), subtitle: String::new(), values, axes: WEIGHTS })
}

fn estimate(results: &Results, dataset: &str, method: &str, repeat: u32, source: Source<'_>) -> Option<HeatPanel> {
    let record = results.scores(dataset, method)?.records.get(&repeat)?.clone();
    let point = record.scored()?;
    let values = source.store.matrix(point.artifacts.get("weights")?)?;
    let error = point.mean(Part::Test, Metric::RelativeError).map(number).unwrap_or_default();
    Some(HeatPanel { title: method.to_owned(), subtitle: format!("relative error {error}"), values, axes: WEIGHTS })
}

/// The learned groups, groups x tasks; as many rows as the method could have used, where it says so.
fn groups(results: &Results, dataset: &str, method: &str, repeat: u32) -> Option<HeatPanel> {
    let record = results.scores(dataset, method)?.records.get(&repeat)?.clone();
    let point = record.scored()?;
    let labels = point.memberships.get(TASK_GROUP)?;
    let used = labels.iter().max()? + 1;
    let allowed = match point.params.get("n_groups") {
        Some(ParamValue::Count(n)) => usize::try_from(*n).unwrap_or(used),
        _ => used,
    };
    let mut values = Array2::zeros((used.max(allowed), labels.len()));
    labels.iter().enumerate().for_each(|(t, &group)| values[[group, t]] = 1.0);
    let part = |metric: Metric| Some(format!("{} {}", metric.name(), number(point.mean(Part::Test, metric)?)));
    let parts: Vec<String> = [Metric::ActiveGroups, Metric::GroupAri].into_iter().filter_map(part).collect();
    Some(HeatPanel { title: method.to_owned(), subtitle: parts.join(", "), values, axes: ["group", "task"] })
}
