//! Stored records as one table for other tools.

mod csv;
mod jsonl;
mod parquet;

use std::collections::BTreeMap;

use mtl_core::split::Part;
use mtl_core::{DrawnFractions, Fractions, Metric, NestedFractions, RowSizes, Sizes};
use mtl_experiments::cell::{Fold, Purpose, Selection};
use mtl_experiments::store::{Outcome, PointResult, Record, Store};
use serde::Serialize;

/// File formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// Columns, with types.
    Parquet,
    /// One JSON object a line.
    Jsonl,
}

/// The table cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the records cannot be written as a table: {0}")]
pub struct ExportError(String);

impl ExportError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A cell of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Count(i64),
    Number(f64),
    Missing(()),
}

/// Rows of values under named columns.
struct Sheet {
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
}

/// All records, one row for each point, part and measure, sorted by what was run. Without `circumstances` nothing in
/// it depends on the clock, the machine, threads or order.
///
/// # Errors
/// If the format cannot hold it, which would be a bug.
pub fn export(store: &Store, format: Format, circumstances: bool) -> Result<Vec<u8>, ExportError> {
    let sheet = sheet(store, circumstances);
    match format {
        Format::Csv => csv::write(&sheet),
        Format::Jsonl => jsonl::write(&sheet),
        Format::Parquet => parquet::write(&sheet),
    }
}

fn sheet(store: &Store, circumstances: bool) -> Sheet {
    let mut columns = vec![
        "record",
        "purpose",
        "dataset",
        "options",
        "data_revision",
        "rows",
        "train",
        "valid",
        "test",
        "scaling",
        "repeat",
        "method",
        "method_revision",
        "params",
        "selected_by",
        "grid",
        "outcome",
        "reason",
        "objective",
        "loss",
        "penalty",
        "iterations",
        "converged",
        "residual_rule",
        "residual",
        "part",
        "metric",
        "value",
        "task_values",
        "artifacts",
    ];
    if circumstances {
        columns.extend(["seconds", "finished", "software", "cpu"]);
    }
    let mut records = store.all();
    // Readers want like beside like; the hash decides between records that differ in something else.
    records.sort_by_cached_key(|r| {
        let key = &r.key;
        (key.data.clone(), key.method.clone(), !key.purpose.tunes(), key.repeat, key.id())
    });
    let mut rows = Vec::new();
    for record in &records {
        let last: Vec<Value> = if circumstances {
            let c = &record.circumstances;
            let finished = i64::try_from(c.finished).unwrap_or(i64::MAX);
            vec![Value::Number(c.seconds), Value::Count(finished), text(&c.software), text(&c.cpu)]
        } else {
            Vec::new()
        };
        for row in of_record(record) {
            rows.push(row.into_iter().chain(last.iter().cloned()).collect());
        }
    }
    Sheet { columns, rows }
}

fn text(value: impl ToString) -> Value {
    Value::Text(value.to_string())
}

fn pairs<K: ToString, V: ToString>(pairs: impl IntoIterator<Item = (K, V)>) -> Value {
    let pairs: Vec<_> = pairs.into_iter().map(|(k, v)| format!("{}={}", k.to_string(), v.to_string())).collect();
    text(pairs.join(";"))
}

fn of_record(record: &Record) -> Vec<Vec<Value>> {
    let key = &record.key;
    let (purpose, selection): (_, Option<&Selection>) = match &key.purpose {
        Purpose::Tune => ("tune".to_owned(), None),
        Purpose::Fold(Fold { fold, of }) => (format!("tune on fold {} of {of}", fold + 1), None),
        Purpose::Sweep => ("sweep".to_owned(), None),
        Purpose::Score(selection) => ("score".to_owned(), selection.as_ref()),
    };
    // Plain enumerations and numbers, which JSON always holds.
    let scaling = serde_json::to_string(&key.scaling).unwrap_or_default();
    // Fractions, or numbers of rows; of these, no number for the rest.
    let [train, valid, test] = match key.sampling.split {
        Sizes::Fractions(split) | Sizes::Drawn(DrawnFractions { fractions: split, .. }) => {
            [split.train, split.valid, split.test].map(Value::Number)
        }
        Sizes::Nested(NestedFractions { nested: Fractions { train, valid, test } }) => {
            [(1.0 - test) * train, (1.0 - test) * valid, test].map(Value::Number)
        }
        Sizes::Rows(RowSizes { rows, .. }) => [Some(rows.train), Some(rows.valid), rows.test]
            .map(|n| n.map_or(Value::Missing(()), |n| Value::Number(n as f64))),
    };
    let head = vec![
        text(key.id()),
        text(&purpose),
        text(&key.data.name),
        pairs(&key.data.options),
        Value::Count(key.data_revision.into()),
        key.sampling.rows.map_or(Value::Missing(()), |n| Value::Count(n as i64)),
        train,
        valid,
        test,
        text(scaling),
        Value::Count(key.repeat.into()),
        text(&key.method),
        Value::Count(key.method_revision.into()),
    ];
    let chosen = [
        selection.map_or(Value::Missing(()), |s| text(s.by.metric.name())),
        selection.map_or(Value::Missing(()), |s| text(&s.grid)),
    ];
    match &record.outcome {
        Outcome::Failed(reason) => {
            let path = key.path.iter().map(|p| p.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(";"));
            let mut row = head;
            row.push(text(path.collect::<Vec<_>>().join(" | ")));
            row.extend(chosen);
            row.extend([text("failed"), text(reason)]);
            row.extend(std::iter::repeat_n(Value::Missing(()), 12));
            vec![row]
        }
        Outcome::Done(points) => {
            let scored = purpose == "score";
            points.iter().flat_map(|point| of_point(&head, &chosen, point, scored)).collect()
        }
    }
}

fn of_point(head: &[Value], chosen: &[Value; 2], point: &PointResult, scored: bool) -> Vec<Vec<Value>> {
    let mut fixed = head.to_vec();
    fixed.push(pairs(point.params.iter()));
    fixed.extend(chosen.iter().cloned());
    let iterations = i64::try_from(point.convergence.iterations).unwrap_or(i64::MAX);
    fixed.extend([
        text("done"),
        Value::Missing(()),
        Value::Number(point.objective.total),
        Value::Number(point.objective.loss),
        Value::Number(point.objective.penalty),
        Value::Count(iterations),
        text(point.convergence.converged),
        text(point.convergence.rule.name()),
        Value::Number(point.convergence.residual),
    ]);
    let artifacts = || pairs(&point.artifacts);
    let row = |part: &str, metric: Metric, value: f64, tasks: Value| {
        let mut row = fixed.clone();
        row.extend([text(part), text(metric.name()), Value::Number(value), tasks, artifacts()]);
        row
    };
    let mut rows = Vec::new();
    let metrics: &BTreeMap<Part, BTreeMap<Metric, Vec<f64>>> = &point.metrics;
    for (part, metrics) in metrics {
        for (metric, values) in metrics {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            // Values of single tasks only where they are results: of tuning there are too many to be of use.
            let all = values.iter().map(f64::to_string).collect::<Vec<_>>().join(";");
            rows.push(row(part.name(), *metric, mean, if scored { text(all) } else { Value::Missing(()) }));
        }
    }
    rows.extend(point.recovery.iter().map(|(metric, value)| row("weights", *metric, *value, Value::Missing(()))));
    rows
}
