//! What solvers report about their iterations.

use mtl_experiments::results::Results;
use mtl_experiments::study::Traces;
use mtl_stats::Summary;

use super::{Source, slug, stamp};
use crate::chart::{Axis, ChartError, Line, LinePanel, LineStyle, Lines, Point, Scale};
use crate::document::{Block, Cell, Table, plus_minus};

/// A panel for every data set and series, and a table of where they begin and end.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn blocks(results: &Results, show: &Traces, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let study = &results.study;
    let datasets = results.datasets();
    let panels: Vec<LinePanel> = datasets
        .iter()
        .flat_map(|dataset| show.series.iter().map(|series| panel(results, show, dataset, series, source)))
        .filter(|panel| !panel.lines.is_empty())
        .collect();
    if panels.is_empty() {
        return Ok(Vec::new());
    }
    let caption =
        format!("{}: repeat {}, iteration by iteration, on a logarithmic axis.", study.source, show.repeat + 1);
    let chart = Lines { panels, columns: show.series.len().clamp(1, 3) };
    let figure = source.figure(&study.id, slug(&[&study.id, "traces"]), caption, &chart)?;
    Ok(vec![figure, table(results, show, source).shown()])
}

/// A series of the scored fit of one repeat.
fn trace(results: &Results, dataset: &str, method: &str, repeat: u32, series: &str, source: Source<'_>) -> Vec<f64> {
    let read = || {
        let point = results.scores(dataset, method)?.records.get(&repeat)?.scored()?.clone();
        source.store.matrix(point.artifacts.get(&format!("trace-{series}"))?)
    };
    read().map_or_else(Vec::new, |values| values.iter().copied().collect())
}

fn panel(results: &Results, show: &Traces, dataset: &str, series: &str, source: Source<'_>) -> LinePanel {
    let study = &results.study;
    let line = |(i, method): (usize, &mtl_experiments::paper::MethodUse)| {
        let values = trace(results, dataset, &method.label, show.repeat, series, source);
        let points = values.into_iter().enumerate().map(|(k, value)| Point::new((k + 1) as f64, value)).collect();
        Line {
            name: method.label.clone(),
            points,
            style: LineStyle { colour: i, dashed: method.label != study.reference },
        }
    };
    let lines: Vec<Line> = study.methods.iter().enumerate().map(line).filter(|l| !l.points.is_empty()).collect();
    LinePanel {
        title: format!("{}, {series}", results.marked(dataset)),
        x: Axis { label: "iteration".into(), scale: Scale::Linear },
        y: Axis { label: series.to_owned(), scale: Scale::Log10 },
        lines,
    }
}

fn table(results: &Results, show: &Traces, source: Source<'_>) -> Table {
    let study = &results.study;
    let caption = format!("{}. {}", study.source, study.title);
    let columns = ["data set", "method", "series", "#iterations", "#first", "#last"];
    let mut table = Table::new(&study.id, caption, &columns);
    table.stamp = stamp(results);
    for dataset in results.datasets() {
        for method in &study.methods {
            for series in &show.series {
                let repeats = 0..study.protocol.repeats;
                let traces: Vec<Vec<f64>> = repeats
                    .map(|repeat| trace(results, dataset, &method.label, repeat, series, source))
                    .filter(|trace| !trace.is_empty())
                    .collect();
                let over = |value: fn(&Vec<f64>) -> f64| {
                    let values: Vec<f64> = traces.iter().map(value).collect();
                    Summary::of(&values).map_or_else(
                        |_| Cell::text("–"),
                        |s| Cell { value: Some(s.mean), ..Cell::text(plus_minus(s.mean, s.std)) },
                    )
                };
                table.rows.push(vec![
                    Cell::text(results.marked(dataset)),
                    Cell::text(&method.label),
                    Cell::text(series),
                    over(|t| t.len() as f64),
                    over(|t| t.first().copied().unwrap_or(f64::NAN)),
                    over(|t| t.last().copied().unwrap_or(f64::NAN)),
                ]);
            }
        }
    }
    table.notes.push("Mean ± standard deviation over repeats.".into());
    table
}
