//! Places where paper, code and mathematics disagree, run both ways.

use mtl_core::Metric;
use mtl_experiments::results::Results;
use mtl_experiments::study::{Finding, Show};
use mtl_stats::effect::cliffs_delta;
use mtl_stats::{Comparison, Summary, compare, holm};

use super::comparison::{axis, mark};
use super::{Source, judge, shown, slug, stamp};
use crate::chart::{ChartError, Intervals, Panel, Series};
use crate::document::{Block, Cell, Table, plus_minus};

/// One finding after the other; those whose studies were not both run are left out.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn findings(source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let mut blocks = Vec::new();
    for finding in &source.paper.findings {
        let study = |id: &str| source.studies.iter().find(|r| r.study.id == id);
        if let (Some(a), Some(b)) = (study(&finding.a.value), study(&finding.b.value)) {
            blocks.extend(one(finding, a, b, source)?);
        }
    }
    if !blocks.is_empty() {
        blocks.insert(0, Block::heading(2, "findings", "Findings"));
    }
    Ok(blocks)
}

/// Both sides of one cell.
struct Row {
    dataset: String,
    metric: Metric,
    method: String,
    /// Values on one side and on the other; repeat by repeat if `paired`.
    a: Vec<f64>,
    b: Vec<f64>,
    /// Whether both sides met the same splits of the same data.
    paired: bool,
    published: Option<(f64, Option<f64>)>,
}

fn rows(a: &Results, b: &Results, source: Source<'_>) -> Vec<Row> {
    let judged = judge(a, source.paper);
    let mut rows = Vec::new();
    for dataset in a.datasets() {
        for metric in &a.study.metrics {
            for method in a.methods() {
                let (Some(left), Some(right)) = (a.scores(dataset, method), b.scores(dataset, method)) else {
                    continue;
                };
                let paired = left.same_splits(right);
                let (left, right) = match paired {
                    true => left.paired(right, *metric),
                    false => (left.values(*metric), right.values(*metric)),
                };
                if left.is_empty() || right.is_empty() {
                    continue;
                }
                let same =
                    judged.iter().find(|j| j.dataset == dataset && j.metric == metric.name() && j.method == method);
                let published = same.and_then(|j| j.published.as_ref()).and_then(|p| Some((p.mean?, p.std)));
                let (dataset, method) = (dataset.to_owned(), method.to_owned());
                rows.push(Row { dataset, metric: *metric, method, a: left, b: right, paired, published });
            }
        }
    }
    rows
}

fn one(finding: &Finding, a: &Results, b: &Results, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let rows = rows(a, b, source);
    let mut blocks =
        vec![Block::heading(3, slug(&["finding", &finding.id]), &finding.title), Block::text(finding.says.trim())];
    if rows.is_empty() {
        blocks.push(Block::text("No data set of both studies could be had."));
        return Ok(blocks);
    }
    let table = table(finding, (a, b), &rows);
    // Measures of recovery mostly sit at their bounds: a table says that better than a chart.
    if a.study.show != Show::Comparison {
        blocks.push(table.shown());
        return Ok(blocks);
    }
    let caption = format!(
        "{}: {} and {} beside the published values. Bars are one standard deviation over repeats.",
        finding.title, finding.a.value, finding.b.value
    );
    let studies = format!("{},{}", finding.a.value, finding.b.value);
    let chart = chart(finding, a, &rows);
    blocks.push(source.figure(&studies, slug(&["finding", &finding.id]), caption, &chart)?);
    blocks.push(table.folded());
    Ok(blocks)
}

/// Tests where both sides met the same splits; effect sizes everywhere.
fn table(finding: &Finding, (a, b): (&Results, &Results), rows: &[Row]) -> Table {
    let mut table = Table::new(
        slug(&["finding", &finding.id]) + "-numbers",
        format!("{}: both sides", finding.title),
        &[
            "data set",
            "measure",
            "method",
            &format!("#{}", finding.a.value),
            &format!("#{}", finding.b.value),
            "#published",
            "closer to the paper",
            "#n",
            "#difference",
            "95 % interval",
            "test that applies",
            "#p",
            "#p (Holm)",
            "#d_z",
            "#Cliff's δ",
        ],
    );
    table.stamp = format!("{}: {}; {}: {}", finding.a.value, stamp(a), finding.b.value, stamp(b));
    let compared = |r: &Row| compare(&r.a, &r.b, a.study.protocol.resampling(), r.metric.higher_is_better()).ok();
    let comparisons: Vec<Option<Comparison>> = rows.iter().map(|r| if r.paired { compared(r) } else { None }).collect();
    let raw: Vec<f64> = comparisons.iter().flatten().map(|c| c.test().p).collect();
    let mut corrected = holm(&raw).into_iter();
    for (row, comparison) in rows.iter().zip(&comparisons) {
        let (Ok(left), Ok(right)) = (Summary::of(&row.a), Summary::of(&row.b)) else { continue };
        let closer = row.published.map_or("–", |(mean, _)| {
            let nearer = (left.mean - mean).abs() < (right.mean - mean).abs();
            if nearer { finding.a.value.as_str() } else { finding.b.value.as_str() }
        });
        let side = |s: &Summary| Cell { value: Some(s.mean), ..Cell::text(plus_minus(s.mean, s.std)) };
        let mut cells = vec![
            Cell::text(shown(a, &row.dataset)),
            Cell::text(row.metric.name()),
            Cell::text(&row.method),
            side(&left),
            side(&right),
            row.published.map_or_else(|| Cell::text("–"), |(mean, std)| Cell::text(plus_minus(mean, std))),
            Cell::text(closer),
        ];
        match comparison {
            Some(c) => cells.extend([
                Cell::count(c.n),
                Cell::number(c.difference),
                Cell::interval(c.interval),
                Cell::text(c.test().name).hint(&c.why),
                Cell::p(c.test().p),
                Cell::p(corrected.next().unwrap_or(1.0)),
                Cell::maybe(c.cohen_dz.map(|e| e.value)),
            ]),
            None => {
                cells.extend([Cell::text(format!("{} and {}", left.n, right.n)), Cell::number(left.mean - right.mean)]);
                cells.extend(std::iter::repeat_n(Cell::text("–"), 5));
            }
        }
        cells.push(Cell::maybe(cliffs_delta(&row.a, &row.b).map(|e| e.value)));
        table.rows.push(cells);
    }
    if raw.is_empty() {
        table.notes.push("The two sides draw data of their own, so there are no pairs to test.".into());
    } else {
        table.notes.push(format!("Paired by repeat; Holm's correction is over the {} rows of this table.", raw.len()));
    }
    table
}

fn chart(finding: &Finding, a: &Results, rows: &[Row]) -> Intervals {
    let mut panels = Vec::new();
    for dataset in a.datasets() {
        for metric in &a.study.metrics {
            let own: Vec<&Row> = rows.iter().filter(|r| r.dataset == dataset && r.metric == *metric).collect();
            let ours = |values: &[f64]| Summary::of(values).ok().map(|s| mark(s.mean, s.std, false));
            panels.push(Panel {
                title: format!("{}, {}", shown(a, dataset), metric.name()),
                rows: own.iter().map(|r| r.method.clone()).collect(),
                series: vec![
                    Series { name: finding.a.value.clone(), marks: own.iter().map(|r| ours(&r.a)).collect() },
                    Series {
                        name: "published".into(),
                        marks: own.iter().map(|r| r.published.map(|(mean, std)| mark(mean, std, true))).collect(),
                    },
                    Series { name: finding.b.value.clone(), marks: own.iter().map(|r| ours(&r.b)).collect() },
                ],
                axis: axis(*metric),
                reference: None,
            });
        }
    }
    Intervals { panels, columns: a.study.metrics.len().min(3) }
}
