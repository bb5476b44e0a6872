//! Measures along one hyperparameter, one line a method.

use mtl_experiments::Quantity;
use mtl_experiments::results::{Results, as_number};
use mtl_experiments::study::Curves;
use mtl_methods::ParamValue;
use mtl_stats::Summary;

use super::comparison::axis;
use super::{Source, slug, stamp};
use crate::chart::{Axis, ChartError, Line, LinePanel, LineStyle, Lines, Point, Scale};
use crate::document::{Block, Cell, Column, Table, plus_minus};

/// A panel for every data set and measure, and a table of the numbers.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn blocks(results: &Results, show: &Curves, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let study = &results.study;
    let panels: Vec<LinePanel> = results
        .datasets()
        .into_iter()
        .flat_map(|dataset| show.measures.iter().map(move |quantity| panel(results, show, dataset, *quantity)))
        .collect();
    if panels.iter().all(|p| p.lines.iter().all(|l| l.points.is_empty())) {
        return Ok(Vec::new());
    }
    let caption = format!(
        "{}: means over repeats along {}; bars are one standard deviation to both sides.",
        study.source, show.along
    );
    let chart = Lines { panels, columns: show.measures.len().clamp(1, 3) };
    Ok(vec![source.figure(&study.id, slug(&[&study.id, "curves"]), caption, &chart)?, table(results, show).shown()])
}

/// The points of a method, by the value along the axis.
fn along(results: &Results, show: &Curves, dataset: &str, method: &str, q: Quantity) -> Vec<(ParamValue, Summary)> {
    let Some(scores) = results.scores(dataset, method) else { return Vec::new() };
    let point = |swept: &mtl_experiments::results::Swept| {
        let value = swept.params.get(&show.along)?.clone();
        Some((value, Summary::of(&swept.by_repeat(q).into_values().collect::<Vec<_>>()).ok()?))
    };
    let mut points: Vec<_> = scores.sweep.iter().filter_map(point).collect();
    points.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
    points
}

fn panel(results: &Results, show: &Curves, dataset: &str, quantity: Quantity) -> LinePanel {
    let study = &results.study;
    let line = |(i, method): (usize, &mtl_experiments::paper::MethodUse)| {
        let point = |(x, s): (ParamValue, Summary)| {
            let std = s.std.unwrap_or(0.0);
            Some(Point { x: as_number(&x)?, y: s.mean, low: s.mean - std, high: s.mean + std })
        };
        let points = along(results, show, dataset, &method.label, quantity);
        Line {
            name: method.label.clone(),
            points: points.into_iter().filter_map(point).collect(),
            style: LineStyle { colour: i, dashed: method.label != study.reference },
        }
    };
    let mut lines: Vec<Line> = study.methods.iter().enumerate().map(line).collect();
    let xs = || lines.iter().flat_map(|l| l.points.iter().map(|p| p.x));
    let positive = |(l, h): (f64, f64), x: f64| if x > 0.0 { (l.min(x), h.max(x)) } else { (l, h) };
    let (low, high) = xs().fold((f64::INFINITY, f64::NEG_INFINITY), positive);
    let scale = if high >= 100.0 * low && xs().all(|x| x >= 0.0) { Scale::Log10 } else { Scale::Linear };
    let none = xs().any(|x| x == 0.0) && scale == Scale::Log10;
    if none {
        // A logarithm has no place for zero.
        lines.iter_mut().flat_map(|l| &mut l.points).filter(|p| p.x == 0.0).for_each(|p| p.x = low / 10.0);
    }
    // Most measures are read off best as they are, unless they run over several powers of ten.
    let ys = || lines.iter().flat_map(|l| l.points.iter().map(|p| p.y));
    let (least, most) = ys().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
    let y = match quantity {
        Quantity::Metric(_) if most < 100.0 * least => Scale::Linear,
        _ if least > 0.0 => Scale::Log10,
        _ => Scale::Linear,
    };
    LinePanel {
        title: format!("{}, {}", results.marked(dataset), quantity.name()),
        x: Axis { label: if none { format!("{} (leftmost: 0)", show.along) } else { show.along.clone() }, scale },
        y: Axis { label: axis(quantity), scale: y },
        lines,
    }
}

fn table(results: &Results, show: &Curves) -> Table {
    let study = &results.study;
    let caption = format!("{}. {}", study.source, study.title);
    let mut table = Table::new(&study.id, caption, &["data set", "measure", &show.along]);
    table.stamp = stamp(results);
    table.columns.extend(study.methods.iter().map(|m| Column { title: m.label.clone(), numeric: true }));
    for dataset in results.datasets() {
        for quantity in &show.measures {
            let lines: Vec<_> =
                study.methods.iter().map(|m| along(results, show, dataset, &m.label, *quantity)).collect();
            for (value, _) in lines.iter().max_by_key(|l| l.len()).into_iter().flatten() {
                let cell = |line: &Vec<(ParamValue, Summary)>| match line.iter().find(|(v, _)| v == value) {
                    Some((_, s)) => Cell { value: Some(s.mean), ..Cell::text(plus_minus(s.mean, s.std)) },
                    None => Cell::text("–"),
                };
                let head =
                    [Cell::text(results.marked(dataset)), Cell::text(quantity.name()), Cell::text(value.to_string())];
                table.rows.push(head.into_iter().chain(lines.iter().map(cell)).collect());
            }
        }
    }
    table.notes.push("Mean ± standard deviation over repeats; nothing is chosen, every point is scored.".into());
    table
}
