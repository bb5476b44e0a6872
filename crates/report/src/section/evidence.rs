//! What is behind the numbers: chosen hyperparameters, certificates, records, failures.

use mtl_experiments::paper::MethodUse;
use mtl_experiments::results::{Results, Scores};
use mtl_experiments::study::Score;
use mtl_methods::ParamValue;

use super::comparison::anchor;
use super::stamp;
use crate::document::{Block, Cell, Table, Tone};

/// Tables of fits and of records; of failures, if there are any.
pub fn blocks(results: &Results) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !results.failures().is_empty() {
        blocks.push(failures(results).shown());
    }
    blocks.push(fits(results).folded());
    // A sweep has a record a path and repeat, which `mtl export` lists.
    if results.study.score == Score::Chosen {
        blocks.push(records(results).folded());
    }
    blocks
}

fn failures(results: &Results) -> Table {
    let study = &results.study;
    let caption = format!("{}: cells that failed", study.source);
    let mut table = Table::new(format!("{}-failures", study.id), caption, &["data set", "method", "record", "reason"]);
    table.stamp = stamp(results);
    for (dataset, method, id, reason) in results.failures() {
        table.rows.push([dataset, method, id.short(), reason].map(Cell::text).into());
    }
    table
}

/// What was chosen, and whether the fits are as good as they claim.
fn fits(results: &Results) -> Table {
    let study = &results.study;
    let mut table = Table::new(
        format!("{}-fits", study.id),
        format!("{}: chosen hyperparameters and certificates", study.source),
        &[
            "data set",
            "method",
            "chosen (repeats)",
            "#scored",
            "#of them open",
            "#tuning fits",
            "#of them open",
            "certificate",
            "#worst residual",
            "our parameters",
        ],
    );
    table.stamp = stamp(results);
    for dataset in results.datasets() {
        for method in study.methods.iter().filter(|method| method.either.is_empty()) {
            let Some(scores) = results.scores(dataset, &method.label) else { continue };
            let (scored, open) = scores.convergence();
            let points = || scores.scored();
            let worst = points().map(|p| p.convergence.residual).fold(0.0, f64::max);
            let rule = points().next().map_or("–", |p| p.convergence.rule.name());
            table.rows.push(vec![
                Cell::text(results.marked(dataset)),
                Cell::text(&method.label),
                Cell::text(match study.score {
                    Score::Chosen => chosen(scores, used(results, dataset, method)),
                    Score::Every => format!("every one of {} points", scores.sweep.len()),
                }),
                Cell::count(scored),
                open_cell(open),
                Cell::count(scores.tuning.0),
                open_cell(scores.tuning.1),
                Cell::text(rule),
                Cell::number(worst),
                Cell::text(method.note.as_deref().unwrap_or_default().trim()),
            ]);
        }
    }
    table.notes.push(format!(
        "Chosen by {} {}, ties to the {}. Open: ended before the certificate fell below the tolerance.",
        if study.select.folds.is_some() { "the mean over folds of" } else { "validation" },
        study.select.metric.name(),
        match study.select.ties {
            mtl_experiments::study::Ties::LargerPenalty => "stronger penalty",
            mtl_experiments::study::Ties::FirstInGrid => "first point of the grid",
        }
    ));
    table
}

fn open_cell(count: usize) -> Cell {
    let cell = Cell::count(count);
    if count == 0 { cell } else { cell.judged("open", Tone::Near) }
}

/// The method with the values that go with a data set.
fn used<'a>(results: &'a Results, dataset: &str, method: &'a MethodUse) -> &'a MethodUse {
    results.study.data.iter().find(|data| data.label == dataset).map_or(method, |data| data.method(method))
}

/// `gamma = 0.1 (7), 1 (3); phi = 2 (10)`.
fn chosen(scores: &Scores, method: &MethodUse) -> String {
    let one = |name: &str| {
        let mut values: Vec<(&ParamValue, usize)> = Vec::new();
        for value in scores.records.values().filter_map(|r| r.scored()?.params.get(name)) {
            match values.iter_mut().find(|(v, _)| *v == value) {
                Some((_, n)) => *n += 1,
                None => values.push((value, 1)),
            }
        }
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.partial_cmp(b.0).unwrap_or(std::cmp::Ordering::Equal)));
        let values: Vec<_> = values.iter().map(|(v, n)| format!("{v} ({n})")).collect();
        format!("{name} = {}", values.join(", "))
    };
    method.grid.names().map(one).collect::<Vec<_>>().join("; ")
}

/// One line a scored record.
fn records(results: &Results) -> Table {
    let study = &results.study;
    let mut headings = vec!["data set", "method", "#repeat", "record", "hyperparameters", "#residual", "converged"];
    let metrics: Vec<String> = study.metrics.iter().map(|m| format!("#{}", m.name())).collect();
    headings.extend(metrics.iter().map(String::as_str));
    let caption = format!("{}: the records behind the numbers", study.source);
    let mut table = Table::new(format!("{}-records", study.id), caption, &headings);
    table.stamp = stamp(results);
    for dataset in results.datasets() {
        for method in &study.methods {
            let Some(scores) = results.scores(dataset, &method.label) else { continue };
            for (i, (repeat, record)) in scores.records.iter().enumerate() {
                let Some(point) = record.scored() else { continue };
                let names = used(results, dataset, method).grid.names();
                let params: Vec<String> =
                    names.filter_map(|name| Some(format!("{name} = {}", point.params.get(name)?))).collect();
                let first = (i == 0).then(|| anchor(&study.id, dataset, &method.label));
                let mut row = vec![
                    Cell { anchor: first, ..Cell::text(results.marked(dataset)) },
                    Cell::text(&method.label),
                    Cell::count(*repeat as usize + 1),
                    Cell::text(record.key.id().short()),
                    Cell::text(params.join(", ")),
                    Cell::number(point.convergence.residual),
                    Cell::text(if point.convergence.converged { "yes" } else { "no" }),
                ];
                let test = mtl_core::split::Part::Test;
                row.extend(study.metrics.iter().map(|m| Cell::maybe(point.mean(test, *m))));
                table.rows.push(row);
            }
        }
    }
    table.notes.push("`mtl export` lists all that is stored of a record.".into());
    table
}
