//! What tasks add to a common network in topics, and whether sparsity can have made any of it zero.

use mtl_core::{Metric, Part};
use mtl_data::synthetic::tomato::deviations;
use mtl_experiments::Quantity;
use mtl_experiments::results::Results;
use mtl_experiments::study::Topics;
use mtl_stats::Summary;
use ndarray::Array2;

use super::{Source, slug, stamp};
use crate::chart::{ChartError, Colours, Frames, Heat, HeatPanel, HeatRow};
use crate::document::{Block, Cell, Column, Table, plus_minus};

const AXES: [&str; 2] = ["topic", "task"];

/// A row of heat maps a data set, one a method, below the true norms where they are known; and a table.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn blocks(results: &Results, show: &Topics, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let study = &results.study;
    let rows: Vec<HeatRow> =
        results.datasets().into_iter().flat_map(|dataset| rows(results, show, dataset, source)).collect();
    let mut blocks = Vec::new();
    if rows.iter().any(|row| !row.panels.is_empty()) {
        let caption = format!(
            "{}: norms of what tasks add in topics, topics x tasks, in repeat {}. White is exactly zero; colours go by the \
             root of the norm. Tasks are in the order of their names.",
            study.source,
            show.repeat + 1
        );
        blocks.push(source.figure(&study.id, slug(&[&study.id, "topics"]), caption, &Heat { rows })?);
    }
    blocks.push(table(results, source).shown());
    Ok(blocks)
}

fn rows(results: &Results, show: &Topics, dataset: &str, source: Source<'_>) -> Vec<HeatRow> {
    let study = &results.study;
    let row = |name: String, panels: Vec<HeatPanel>| HeatRow {
        name,
        colours: Colours::Norms,
        frames: Frames::Square(Vec::new()),
        panels,
    };
    let variant = results.resolved.iter().find(|r| r.label == dataset).and_then(|r| r.variant.as_ref());
    let truth = variant.and_then(|variant| deviations(&variant.spec)).map(|values| {
        let panel = HeatPanel { title: "truth".into(), subtitle: String::new(), values, axes: AXES };
        row(format!("{dataset}, truth"), vec![panel])
    });
    let panels = study.methods.iter().filter_map(|method| {
        let values = norms(results, dataset, &method.label, show.repeat, source)?;
        let zeros = values.iter().filter(|norm| **norm == 0.0).count();
        let subtitle = format!("{zeros} of {} are zero", values.len());
        Some(HeatPanel { title: method.label.clone(), subtitle, values, axes: AXES })
    });
    let learned = row(results.marked(dataset), panels.collect());
    truth.into_iter().chain((!learned.panels.is_empty()).then_some(learned)).collect()
}

/// Norms in one repeat, topics x tasks.
fn norms(results: &Results, dataset: &str, method: &str, repeat: u32, source: Source<'_>) -> Option<Array2<f64>> {
    let record = results.scores(dataset, method)?.records.get(&repeat)?;
    source.store.matrix(record.scored()?.artifacts.get("component-topics")?)
}

/// What is told of every method, with the heading.
const COUNTS: [(Quantity, &str); 6] = [
    (Quantity::ZeroDeviations, "deviations that are zero"),
    (Quantity::ZeroTopics, "topics with nothing else"),
    (Quantity::SparseTopics, "topics with any"),
    (Quantity::ShrinkBudget, "shrink budget"),
    (Quantity::FirstNorm, "norm at the start"),
    (Quantity::KeptEpoch, "epoch kept"),
];

fn table(results: &Results, source: Source<'_>) -> Table {
    let study = &results.study;
    let caption = format!("{}: zeros and norms", study.source);
    let mut table = Table::new(format!("{}-topics", study.id), caption, &["data set", "method"]);
    table.stamp = stamp(results);
    let columns = COUNTS.iter().map(|(_, title)| *title).chain(["largest norm at the end"]);
    let columns = columns.map(String::from).chain(study.metrics.iter().map(|m| m.name().to_owned()));
    table.columns.extend(columns.map(|title| Column { title, numeric: true }));
    for dataset in results.datasets() {
        for method in &study.methods {
            let Some(scores) = results.scores(dataset, &method.label) else { continue };
            let largest = scores.records.keys().filter_map(|repeat| {
                let norms = norms(results, dataset, &method.label, *repeat, source)?;
                norms.iter().copied().reduce(f64::max)
            });
            let value = |metric: &Metric| {
                scores.records.values().filter_map(|r| r.scored()?.mean(Part::Test, *metric)).collect::<Vec<f64>>()
            };
            let counts = COUNTS.iter().map(|(quantity, _)| scores.chosen(*quantity).into_values().collect());
            let values = counts.chain([largest.collect()]).chain(study.metrics.iter().map(value));
            let head = [Cell::text(results.marked(dataset)), Cell::text(&method.label)];
            table.rows.push(head.into_iter().chain(values.map(|values: Vec<f64>| cell(&values))).collect());
        }
    }
    table.notes.push(
        "Mean ± standard deviation over repeats. The shrink budget is lambda times the sum of the learning rates of all steps: \
         the most that the maps of sparsity can have taken off a norm of TOMATO-el. Where it is below the norm at the start, \
         sparsity alone cannot have made a deviation zero."
            .into(),
    );
    table
}

fn cell(values: &[f64]) -> Cell {
    match Summary::of(values) {
        Ok(s) => Cell { value: Some(s.mean), ..Cell::text(plus_minus(s.mean, s.std)) },
        Err(_) => Cell::text("–"),
    }
}
