//! What networks look like from layer to layer.

use mtl_experiments::Quantity;
use mtl_experiments::layers::{Layer, LayerMeasure, hidden};
use mtl_experiments::results::Results;
use mtl_experiments::study::Layers;
use mtl_stats::Summary;

use super::{Source, slug, stamp};
use crate::chart::{
    Axis, ChartError, Colours, Frames, Heat, HeatPanel, HeatRow, Line, LinePanel, LineStyle, Lines, Point, Scale,
};
use crate::document::{Block, Cell, Column, Table, plus_minus};

/// A panel for every data set and measure, the correlations themselves where such a measure is shown, and a table.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn blocks(results: &Results, show: &Layers, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let study = &results.study;
    let datasets = results.datasets();
    let pairs = datasets.iter().flat_map(|dataset| show.measures.iter().map(move |measure| (*dataset, *measure)));
    let panels: Vec<LinePanel> = pairs.map(|(dataset, measure)| panel(results, dataset, measure)).collect();
    if panels.iter().all(|panel| panel.lines.is_empty()) {
        return Ok(Vec::new());
    }
    let caption = format!(
        "{}: means over repeats, from the first hidden layer to the last; bars are one standard deviation to both sides.",
        study.source
    );
    let chart = Lines { panels, columns: show.measures.len().clamp(1, 3) };
    let mut blocks = vec![source.figure(&study.id, slug(&[&study.id, "layers"]), caption, &chart)?];
    let rows: Vec<HeatRow> = datasets
        .iter()
        .flat_map(|dataset| maps(results, show, dataset, source))
        .filter(|r| !r.panels.is_empty())
        .collect();
    if !rows.is_empty() {
        let caption = format!(
            "{}: correlations between tasks in repeat {}, tasks x tasks. Colours go by the root of the correlation, so that \
             small ones show.",
            study.source,
            show.repeat + 1
        );
        blocks.push(source.figure(&study.id, slug(&[&study.id, "correlations"]), caption, &Heat { rows })?);
    }
    blocks.push(table(results, show).shown());
    Ok(blocks)
}

/// Means and spreads over the repeats, from layer to layer; a layer without values ends them.
fn along(results: &Results, dataset: &str, method: &str, measure: LayerMeasure) -> Vec<Summary> {
    let Some(scores) = results.scores(dataset, method) else { return Vec::new() };
    let of = |layer| {
        let values = scores.chosen(Quantity::Layer(measure, Some(layer)));
        Summary::of(&values.into_values().collect::<Vec<_>>()).ok()
    };
    (1..).map_while(of).collect()
}

fn panel(results: &Results, dataset: &str, measure: LayerMeasure) -> LinePanel {
    let study = &results.study;
    let line = |(i, method): (usize, &mtl_experiments::paper::MethodUse)| {
        let point = |(l, s): (usize, Summary)| {
            let std = s.std.unwrap_or(0.0);
            Point { x: (l + 1) as f64, y: s.mean, low: s.mean - std, high: s.mean + std }
        };
        let layers = along(results, dataset, &method.label, measure);
        Line {
            name: method.label.clone(),
            points: layers.into_iter().enumerate().map(point).collect(),
            style: LineStyle { colour: i, dashed: method.label != study.reference },
        }
    };
    let lines = study.methods.iter().enumerate().map(line).filter(|line| !line.points.is_empty()).collect();
    LinePanel {
        title: format!("{}, {}", results.marked(dataset), measure.name()),
        x: Axis { label: "hidden layer".into(), scale: Scale::Linear },
        y: Axis { label: named(measure), scale: Scale::Linear },
        lines,
    }
}

/// The measure with its unit.
fn named(measure: LayerMeasure) -> String {
    let unit = match measure {
        LayerMeasure::NeuronSparsity | LayerMeasure::WeightSparsity => ", %",
        LayerMeasure::NetWiseCorrelation | LayerMeasure::NeuronWiseCorrelation => "",
    };
    format!("{}{unit}", measure.name())
}

/// Correlations between tasks: a row a measure and method, a picture a layer.
fn maps(results: &Results, show: &Layers, dataset: &str, source: Source<'_>) -> Vec<HeatRow> {
    let resolved = results.resolved.iter().find(|r| r.label == dataset);
    let Some(variant) = resolved.and_then(|r| r.variant.as_ref()) else { return Vec::new() };
    let kept = |method: &str| -> Option<Vec<Layer>> {
        let point = results.scores(dataset, method)?.records.get(&show.repeat)?.scored()?.clone();
        let read = |(name, hash): (&String, &String)| {
            let name = name.strip_prefix("component-")?.to_owned();
            Some((name, source.store.matrix(hash)?))
        };
        let components: Vec<_> = point.artifacts.iter().filter_map(read).collect();
        Some(hidden(components.iter().map(|(name, w)| (name.as_str(), w.clone())), variant.p))
    };
    let row = |measure: LayerMeasure, method: &str| HeatRow {
        name: format!("{}, {method}, {}", results.marked(dataset), measure.name()),
        colours: Colours::Signed,
        frames: Frames::Square(Vec::new()),
        panels: kept(method)
            .unwrap_or_default()
            .iter()
            .enumerate()
            .filter_map(|(l, layer)| {
                Some(HeatPanel {
                    title: format!("hidden layer {}", l + 1),
                    subtitle: String::new(),
                    values: measure.correlations(layer)?,
                    axes: ["task", "task"],
                })
            })
            .collect(),
    };
    let methods = &results.study.methods;
    show.measures.iter().flat_map(|measure| methods.iter().map(|method| row(*measure, &method.label))).collect()
}

fn table(results: &Results, show: &Layers) -> Table {
    let study = &results.study;
    let caption = format!("{}. {}", study.source, study.title);
    let mut table = Table::new(&study.id, caption, &["data set", "measure", "#hidden layer"]);
    table.stamp = stamp(results);
    table.columns.extend(study.methods.iter().map(|m| Column { title: m.label.clone(), numeric: true }));
    for dataset in results.datasets() {
        for measure in &show.measures {
            let lines: Vec<Vec<Summary>> =
                study.methods.iter().map(|m| along(results, dataset, &m.label, *measure)).collect();
            for layer in 0..lines.iter().map(Vec::len).max().unwrap_or(0) {
                let cell = |line: &Vec<Summary>| match line.get(layer) {
                    Some(s) => Cell { value: Some(s.mean), ..Cell::text(plus_minus(s.mean, s.std)) },
                    None => Cell::text("–"),
                };
                let head = [Cell::text(results.marked(dataset)), Cell::text(named(*measure)), Cell::count(layer + 1)];
                table.rows.push(head.into_iter().chain(lines.iter().map(cell)).collect());
            }
        }
    }
    table.notes.push(
        "Mean ± standard deviation over repeats. Removed are weights below 1e-3, and inputs or neurons all of whose outgoing \
         weights are. Correlations are Pearson's, averaged over pairs of tasks; neuron-wise ones are of the input or neuron \
         whose outgoing weights have the largest mean norm."
            .into(),
    );
    table
}
