//! Methods against the published numbers and against each other.

use std::collections::BTreeMap;

use mtl_core::Metric;
use mtl_experiments::Quantity;
use mtl_experiments::results::Results;
use mtl_experiments::study::Show;
use mtl_stats::{Comparison, compare, holm};

use super::judged::{Judged, badge};
use super::{Source, judge, slug, stamp};
use crate::chart::{ChartError, Intervals, Mark, Panel, Series};
use crate::document::{Block, Cell, Column, Table, Tone};

/// Everything about the scores of a study.
pub fn blocks(results: &Results, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let study = &results.study;
    let judged = judge(results, source.paper);
    let mut blocks = vec![scores(results, &judged).shown()];
    let published = judged.iter().any(|j| j.published.is_some());
    // Measures of recovery mostly sit at their bounds: a table says that better than a chart.
    if published || study.show == Show::Comparison {
        let what = if published { "our means (discs) beside the published ones (diamonds)" } else { "means" };
        let caption = format!(
            "{}: {what}. Bars are one standard deviation over repeats; a number at the edge is a mean beyond it.",
            study.source
        );
        let chart = beside(results, &judged, published);
        if !chart.panels.is_empty() {
            let id = slug(&[&study.id, if published { "published" } else { "means" }]);
            blocks.push(source.figure(&study.id, id, caption, &chart)?);
        }
    }
    if published {
        blocks.push(cells(results, &judged).folded());
    }
    let pairs = pairs(results);
    if !pairs.is_empty() {
        blocks.push(Block::heading(
            3,
            slug(&[&study.id, "paired"]),
            format!("{} against each method", study.reference),
        ));
        if study.show == Show::Comparison {
            let caption = format!(
                "Paired differences between {} and the other methods, with 95 % intervals of the test that applies.",
                study.reference
            );
            blocks.push(source.figure(&study.id, slug(&[&study.id, "paired"]), caption, &forest(results, &pairs))?);
        }
        blocks.push(paired_table(results, &pairs).folded());
    }
    Ok(blocks)
}

/// Data sets and measures by methods, as papers print it.
fn scores(results: &Results, judged: &[Judged]) -> Table {
    let study = &results.study;
    let mut table = Table::new(&study.id, format!("{}. {}", study.source, study.title), &["data set", "measure"]);
    table.stamp = stamp(results);
    table.columns.extend(study.methods.iter().map(|m| Column { title: m.label.clone(), numeric: true }));
    for found in &results.resolved {
        for metric in &study.metrics {
            let row: Vec<&Judged> = study
                .methods
                .iter()
                .filter_map(|m| {
                    let same =
                        |j: &&Judged| j.dataset == found.label && j.metric == metric.name() && j.method == m.label;
                    judged.iter().find(same)
                })
                .collect();
            if row.iter().all(|j| j.values.is_empty() && j.published.is_none()) {
                continue;
            }
            let means: Vec<f64> = row.iter().filter_map(|j| Some(j.summary()?.mean)).collect();
            let (best, arrow) = match Quantity::Metric(*metric).direction() {
                Some(true) => (means.into_iter().reduce(f64::max), "higher is better"),
                Some(false) => (means.into_iter().reduce(f64::min), "lower is better"),
                None => (None, "says what the model is like; neither end is better"),
            };
            let mut cells = vec![Cell::text(results.marked(&found.label)), Cell::text(metric.name()).hint(arrow)];
            cells.extend(row.iter().map(|j| {
                let mean = j.summary().map(|s| s.mean);
                let cell = Cell {
                    text: j.ours(),
                    value: mean,
                    small: j.theirs().map(|t| format!("paper {t}")),
                    strong: mean.is_some() && mean == best,
                    ..Cell::default()
                };
                let cell = if j.values.is_empty() { cell } else { cell.link(anchor(&study.id, &j.dataset, &j.method)) };
                match (&j.verdict, j.reason()) {
                    (Some(verdict), Some(reason)) => badge(cell, verdict).hint(reason),
                    (Some(verdict), None) => badge(cell, verdict),
                    (None, _) => cell,
                }
            }));
            table.rows.push(cells);
        }
    }
    table.notes.push(
        "Mean ± standard deviation over repeats; bold: the best mean. Numbers link to the records behind them.".into(),
    );
    if judged.iter().any(|j| j.published.is_some()) {
        table.notes.push(
            "Reproduced: equivalent to the published mean within a margin (the published standard deviation; without one \
             the larger of 5 % and our own) at the 0.05 level. Close: within twice the margin. Otherwise better or \
             differs. Not comparable is decided by data and protocol, never by outcome."
                .into(),
        );
    }
    table
}

/// Link target of the records behind a cell.
pub fn anchor(study: &str, dataset: &str, method: &str) -> String {
    slug(&["records", study, dataset, method])
}

/// One line a cell, with the numbers behind the verdict.
pub fn cells(results: &Results, judged: &[Judged]) -> Table {
    let study = &results.study;
    let mut table = Table::new(
        format!("{}-cells", study.id),
        format!("{}: every published number and what became of it", study.source),
        &[
            "data set",
            "measure",
            "method",
            "point",
            "#n",
            "#mean",
            "#std",
            "#published",
            "#published std",
            "#difference",
            "#in published std",
            "#margin",
            "#p (equivalence)",
            "verdict",
            "reason",
        ],
    );
    table.stamp = stamp(results);
    for j in judged {
        let Some(verdict) = &j.verdict else { continue };
        let (summary, published) = (j.summary(), j.published.as_ref());
        table.rows.push(vec![
            Cell::text(results.marked(&j.dataset)),
            Cell::text(&j.metric),
            Cell::text(&j.method),
            Cell::text(&j.point),
            Cell::count(j.values.len()),
            Cell::maybe(summary.map(|s| s.mean)),
            Cell::maybe(summary.and_then(|s| s.std)),
            Cell::maybe(published.and_then(|p| p.mean)),
            Cell::maybe(published.and_then(|p| p.std)),
            Cell::maybe(verdict.difference),
            Cell::maybe(j.distance()),
            Cell::maybe(verdict.margin),
            verdict.p.map_or_else(|| Cell::text("–"), Cell::p),
            badge(Cell::default(), verdict),
            Cell::text(j.reason().unwrap_or_default()),
        ]);
    }
    table
}

/// A panel for every data set and measure: ours by method, and theirs where there are any.
fn beside(results: &Results, judged: &[Judged], published: bool) -> Intervals {
    let study = &results.study;
    let mut panels = Vec::new();
    for dataset in results.datasets() {
        for metric in &study.metrics {
            let of = |label: &str| {
                judged.iter().find(|j| j.dataset == dataset && j.metric == metric.name() && j.method == label)
            };
            let ours = |label: &str| of(label)?.summary().map(|s| mark(s.mean, s.std, false));
            let theirs = |label: &str| {
                let row = of(label)?.published.as_ref()?;
                Some(mark(row.mean?, row.std, true))
            };
            let labels: Vec<&str> = results.methods();
            let mut series = vec![Series { name: "ours".into(), marks: labels.iter().map(|l| ours(l)).collect() }];
            if published {
                series.push(Series { name: "published".into(), marks: labels.iter().map(|l| theirs(l)).collect() });
            }
            // A measure may be one of other data sets' targets.
            if series.iter().all(|series| series.marks.iter().all(Option::is_none)) {
                continue;
            }
            panels.push(Panel {
                title: format!("{}, {}", results.marked(dataset), metric.name()),
                rows: labels.iter().map(|l| (*l).to_owned()).collect(),
                series,
                axis: axis(Quantity::Metric(*metric)),
                reference: None,
            });
        }
    }
    Intervals { panels, columns: study.metrics.len().min(3) }
}

/// A value with its standard deviation to both sides.
pub fn mark(value: f64, std: Option<f64>, hollow: bool) -> Mark {
    let std = std.unwrap_or(0.0);
    Mark { value, low: value - std, high: value + std, hollow }
}

/// A measure with its direction.
pub fn axis(quantity: Quantity) -> String {
    match quantity.direction() {
        Some(higher) => format!("{} ({} is better)", quantity.name(), if higher { "higher" } else { "lower" }),
        None => quantity.name().to_owned(),
    }
}

/// The reference method against another one.
struct Pair {
    dataset: String,
    metric: Metric,
    method: String,
    comparison: Comparison,
    /// p-value after Holm's correction over all pairs of the study.
    corrected: f64,
}

/// The paired comparisons of a study that shows none of the rest.
pub fn paired(results: &Results) -> Option<Table> {
    let pairs = pairs(results);
    (!pairs.is_empty()).then(|| paired_table(results, &pairs))
}

/// All comparisons with the reference, by the measures that have a better end: those that have none would only raise
/// the number of tests that the others are corrected for.
fn pairs(results: &Results) -> Vec<Pair> {
    let study = &results.study;
    let mut pairs = Vec::new();
    for dataset in results.datasets() {
        let resampling = results.resampling(dataset, &BTreeMap::new());
        for metric in &study.metrics {
            let Some(higher_is_better) = Quantity::Metric(*metric).direction() else { continue };
            for method in study.methods.iter().filter(|m| m.label != study.reference) {
                if results.same_fits(dataset, &study.reference, &method.label) {
                    continue;
                }
                let (a, b) = results.paired(dataset, &study.reference, &method.label, *metric);
                // One pair proves nothing.
                if a.len() < 2 {
                    continue;
                }
                if let Ok(comparison) = compare(&a, &b, resampling, higher_is_better) {
                    let (dataset, method) = (dataset.to_owned(), method.label.clone());
                    pairs.push(Pair { dataset, metric: *metric, method, comparison, corrected: 1.0 });
                }
            }
        }
    }
    let raw: Vec<f64> = pairs.iter().map(|p| p.comparison.test().p).collect();
    for (pair, corrected) in pairs.iter_mut().zip(holm(&raw)) {
        pair.corrected = corrected;
    }
    pairs
}

fn paired_table(results: &Results, pairs: &[Pair]) -> Table {
    let study = &results.study;
    let mut table = Table::new(
        format!("{}-paired", study.id),
        format!("{}: {} minus each other method, paired by repeat", study.source, study.reference),
        &[
            "data set",
            "measure",
            "against",
            "#n",
            "#difference",
            "95 % interval",
            "test that applies",
            "#p",
            "#p (Holm)",
            "better",
            "#d_z",
            "#Cliff's δ",
            "#paired t: p",
            "#Wilcoxon: p",
            "#P(practically equal)",
        ],
    );
    table.stamp = stamp(results);
    for pair in pairs {
        let c = &pair.comparison;
        let significant = pair.corrected < mtl_stats::ALPHA;
        let better = match c.better.filter(|_| significant) {
            Some(mtl_stats::Side::A) => Cell::badge(&study.reference, Tone::Good),
            Some(mtl_stats::Side::B) => Cell::badge(&pair.method, Tone::Bad),
            None => Cell::badge("not decided", Tone::Neutral),
        };
        table.rows.push(vec![
            Cell::text(results.marked(&pair.dataset)),
            Cell::text(pair.metric.name()),
            Cell::text(&pair.method),
            Cell::count(c.n),
            Cell::number(c.difference),
            Cell::interval(c.interval),
            Cell::text(c.test().name).hint(&c.why),
            Cell::p(c.test().p),
            Cell::p(pair.corrected),
            better.hint(c.sentence_for(&study.reference, &pair.method)),
            Cell::maybe(c.cohen_dz.map(|e| e.value)),
            Cell::maybe(c.cliffs_delta.map(|e| e.value)),
            Cell::p(c.paired_t.p),
            Cell::p(c.wilcoxon.p),
            Cell::maybe(c.bayes.map(|b| b.rope)),
        ]);
    }
    table.notes.push(format!(
        "Holm's correction is over the {} comparisons of this table. P(practically equal): posterior probability that \
         the means differ by less than 1 %.",
        pairs.len()
    ));
    table
}

/// A panel for every data set and measure: differences with intervals, by whether they survive the correction.
fn forest(results: &Results, pairs: &[Pair]) -> Intervals {
    let study = &results.study;
    let mut panels = Vec::new();
    for dataset in results.datasets() {
        for metric in &study.metrics {
            let own: Vec<&Pair> = pairs.iter().filter(|p| p.dataset == dataset && p.metric == *metric).collect();
            if own.is_empty() {
                continue;
            }
            let marks = |significant: bool| {
                let mark = |p: &&Pair| {
                    let value = p.comparison.difference;
                    let (low, high) = p.comparison.interval.map_or((value, value), |i| (i.low, i.high));
                    let mark = Mark { value, low, high, hollow: !significant };
                    ((p.corrected < mtl_stats::ALPHA) == significant).then_some(mark)
                };
                own.iter().map(mark).collect()
            };
            let side = if metric.higher_is_better() { "right" } else { "left" };
            panels.push(Panel {
                title: format!("{}, {}", results.marked(dataset), metric.name()),
                rows: own.iter().map(|p| p.method.clone()).collect(),
                series: vec![
                    Series { name: "significant after Holm's correction".into(), marks: marks(true) },
                    Series { name: "not significant".into(), marks: marks(false) },
                ],
                axis: format!("{} − other; {side}: {} better", study.reference, study.reference),
                reference: Some(0.0),
            });
        }
    }
    Intervals { panels, columns: study.metrics.len().min(3) }
}
