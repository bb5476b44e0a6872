//! Places where paper, code and mathematics disagree, run both ways.

use std::collections::BTreeMap;

use mtl_experiments::Quantity;
use mtl_experiments::results::{Results, Scores, Swept};
use mtl_experiments::study::{Finding, FindingSide, Show};
use mtl_stats::effect::cliffs_delta;
use mtl_stats::{Comparison, Summary, compare, holm};

use super::comparison::{axis, mark};
use super::{Source, judge, slug, stamp};
use crate::chart::{ChartError, Intervals, Panel, Series};
use crate::document::{Block, Cell, Table, plus_minus};

/// One finding after the other; those whose studies were not both run are left out.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn findings(source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let mut blocks = Vec::new();
    for finding in &source.paper.findings {
        let study = |side: &FindingSide| source.studies.iter().find(|r| r.study.id == side.study.value);
        if let (Some(a), Some(b)) = (study(&finding.a), study(&finding.b)) {
            blocks.extend(one(finding, a, b, source)?);
        }
    }
    if !blocks.is_empty() {
        blocks.insert(0, Block::heading(2, "findings", "Findings"));
    }
    Ok(blocks)
}

/// Means that differ by less than this share of the published value are equally close to it.
const ALIKE: f64 = 1e-3;

/// Both sides of one cell.
struct Row {
    dataset: String,
    quantity: Quantity,
    /// Method and point, as far as they are not what tells the sides apart.
    label: String,
    /// Values on one side and on the other; repeat by repeat if `paired`.
    a: Vec<f64>,
    b: Vec<f64>,
    /// Whether both sides measure the same on the same splits of the same data.
    paired: bool,
    published: Option<(f64, Option<f64>)>,
}

/// What two sides have to show for one method: the point, if several were scored, and both sides' values.
type Point<'a> = (String, Box<dyn Fn(Quantity, Quantity) -> (BTreeMap<u32, f64>, BTreeMap<u32, f64>) + 'a>);

/// The points of two sides that belong together.
fn points<'a>(left: &'a Scores, right: &'a Scores) -> Vec<Point<'a>> {
    if left.sweep.is_empty() {
        return vec![(String::new(), Box::new(|a, b| (left.chosen(a), right.chosen(b))))];
    }
    let varied = varied(&left.sweep);
    let pair = |one: &'a Swept| -> Option<Point<'a>> {
        let place = one.params.iter().filter(|(name, _)| varied.contains(name));
        let place: BTreeMap<_, _> = place.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        let other = right.sweep.iter().find(|s| s.held_at(&place))?;
        let label = place.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ");
        Some((label, Box::new(|a, b| (one.by_repeat(a), other.by_repeat(b)))))
    };
    left.sweep.iter().filter_map(pair).collect()
}

/// The hyperparameters that differ between the points of a sweep.
fn varied(sweep: &[Swept]) -> Vec<&str> {
    let Some(first) = sweep.first() else { return Vec::new() };
    let differs = |name: &str, value| sweep.iter().any(|s| s.params.get(name) != Some(value));
    first.params.iter().filter(|(name, value)| differs(name, value)).map(|(name, _)| name).collect()
}

fn rows(finding: &Finding, a: &Results, b: &Results, source: Source<'_>) -> Vec<Row> {
    let judged = judge(a, source.paper);
    let methods: Vec<(&str, &str)> = match (&finding.a.method, &finding.b.method) {
        (Some(a), Some(b)) => vec![(&a.value, &b.value)],
        _ => a.methods().into_iter().map(|method| (method, method)).collect(),
    };
    let quantities: Vec<(Quantity, Quantity)> = match (finding.a.measure, finding.b.measure) {
        (Some(a), Some(b)) => vec![(a, b)],
        _ if finding.measures.is_empty() => {
            a.study.metrics.iter().map(|m| (Quantity::Metric(*m), Quantity::Metric(*m))).collect()
        }
        _ => finding.measures.iter().map(|q| (*q, *q)).collect(),
    };
    let mut rows = Vec::new();
    for dataset in a.datasets() {
        for (qa, qb) in &quantities {
            for (ma, mb) in &methods {
                let (Some(left), Some(right)) = (a.scores(dataset, ma), b.scores(dataset, mb)) else { continue };
                let paired = left.same_splits(right);
                let same = judged.iter().find(|j| j.dataset == dataset && j.metric == qa.name() && j.method == *ma);
                let published = same.and_then(|j| j.published.as_ref()).and_then(|p| Some((p.mean?, p.std)));
                for (point, values) in points(left, right) {
                    let (mut one, mut other) = values(*qa, *qb);
                    if paired {
                        one.retain(|repeat, _| other.contains_key(repeat));
                        other.retain(|repeat, _| one.contains_key(repeat));
                    }
                    if one.is_empty() || other.is_empty() {
                        continue;
                    }
                    let method = (finding.a.method.is_none()).then(|| (*ma).to_owned());
                    let parts = method.into_iter().chain((!point.is_empty()).then_some(point));
                    let label = parts.collect::<Vec<_>>().join("; ");
                    rows.push(Row {
                        dataset: dataset.to_owned(),
                        quantity: *qa,
                        label: if label.is_empty() { "–".into() } else { label },
                        a: one.into_values().collect(),
                        b: other.into_values().collect(),
                        paired: paired && qa == qb,
                        published,
                    });
                }
            }
        }
    }
    rows
}

fn one(finding: &Finding, a: &Results, b: &Results, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let rows = rows(finding, a, b, source);
    let mut blocks =
        vec![Block::heading(3, slug(&["finding", &finding.id]), &finding.title), Block::text(finding.says.trim())];
    if rows.is_empty() {
        blocks.push(Block::text("There are no results that both sides have."));
        return Ok(blocks);
    }
    let table = table(finding, (a, b), &rows);
    let chart = chart(finding, a, &rows);
    // Measures of recovery mostly sit at their bounds, and a line alone is no picture: a table says that better.
    if matches!(a.study.show, Show::Recovery(_)) || chart.panels.iter().all(|p| p.rows.len() < 2) {
        blocks.push(table.shown());
        return Ok(blocks);
    }
    let beside = if rows.iter().any(|r| r.published.is_some()) { " beside the published values" } else { "" };
    let caption = format!(
        "{}: {} and {}{beside}. Bars are one standard deviation over repeats; a number at the edge is a value beyond it.",
        finding.title,
        finding.a.name(&finding.b),
        finding.b.name(&finding.a)
    );
    let mut studies = vec![finding.a.study.value.as_str(), &finding.b.study.value];
    studies.dedup();
    blocks.push(source.figure(&studies.join(","), slug(&["finding", &finding.id]), caption, &chart)?);
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
            "method or point",
            &format!("#{}", finding.a.name(&finding.b)),
            &format!("#{}", finding.b.name(&finding.a)),
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
    table.stamp = match a.study.id == b.study.id {
        true => stamp(a),
        false => format!("{}: {}; {}: {}", a.study.id, stamp(a), b.study.id, stamp(b)),
    };
    let compared = |r: &Row| {
        let resampling = a.resampling(&r.dataset, &BTreeMap::new());
        compare(&r.a, &r.b, resampling, r.quantity.higher_is_better()).ok()
    };
    let comparisons: Vec<Option<Comparison>> = rows.iter().map(|r| if r.paired { compared(r) } else { None }).collect();
    let raw: Vec<f64> = comparisons.iter().flatten().map(|c| c.test().p).collect();
    let mut corrected = holm(&raw).into_iter();
    for (row, comparison) in rows.iter().zip(&comparisons) {
        let (Ok(left), Ok(right)) = (Summary::of(&row.a), Summary::of(&row.b)) else { continue };
        let closer = row.published.map_or("–", |(mean, _)| {
            let nearer = (left.mean - mean).abs() < (right.mean - mean).abs();
            if (left.mean - right.mean).abs() <= ALIKE * mean.abs() {
                "–"
            } else if nearer {
                finding.a.name(&finding.b)
            } else {
                finding.b.name(&finding.a)
            }
        });
        let side = |s: &Summary| Cell { value: Some(s.mean), ..Cell::text(plus_minus(s.mean, s.std)) };
        let mut cells = vec![
            Cell::text(a.marked(&row.dataset)),
            Cell::text(row.quantity.name()),
            Cell::text(&row.label),
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
    if finding.a.measure != finding.b.measure {
        table.notes.push("Two measures of the same predictions: their difference is no matter of chance.".into());
    } else if raw.is_empty() {
        table.notes.push("The two sides draw data of their own, so there are no pairs to test.".into());
    } else {
        table.notes.push(format!("Paired by repeat; Holm's correction is over the {} rows of this table.", raw.len()));
    }
    table
}

/// A panel for every data set and measure, a row for every method or point.
fn chart(finding: &Finding, a: &Results, rows: &[Row]) -> Intervals {
    let mut panels: Vec<Panel> = Vec::new();
    let key = |r: &Row| format!("{}, {}", a.marked(&r.dataset), r.quantity.name());
    for row in rows {
        let title = key(row);
        if panels.iter().any(|p| p.title == title) {
            continue;
        }
        let own: Vec<&Row> = rows.iter().filter(|r| key(r) == title).collect();
        let ours = |values: &[f64]| Summary::of(values).ok().map(|s| mark(s.mean, s.std, false));
        let series = |name: &str, marks| Series { name: name.to_owned(), marks };
        let published: Vec<_> = own.iter().map(|r| r.published.map(|(mean, std)| mark(mean, std, true))).collect();
        let mut all = vec![series(finding.a.name(&finding.b), own.iter().map(|r| ours(&r.a)).collect())];
        if published.iter().any(Option::is_some) {
            all.push(series("published", published));
        }
        all.push(series(finding.b.name(&finding.a), own.iter().map(|r| ours(&r.b)).collect()));
        panels.push(Panel {
            title,
            rows: own.iter().map(|r| r.label.clone()).collect(),
            series: all,
            axis: axis(row.quantity),
            reference: None,
        });
    }
    let columns = rows.iter().filter(|r| r.dataset == rows[0].dataset && r.label == rows[0].label).count();
    Intervals { panels, columns: columns.clamp(1, 3) }
}
