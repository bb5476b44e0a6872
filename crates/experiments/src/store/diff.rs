//! Two stores beside each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Record, Store};
use crate::cell::CellId;

/// How two stores differ. Circumstances, such as times, are not compared.
#[derive(Debug, Default)]
pub struct Differences {
    /// Cells with the same result in both.
    pub same: usize,
    /// Records of cells that only the first has.
    pub only_a: Vec<Arc<Record>>,
    /// Records of cells that only the second has.
    pub only_b: Vec<Arc<Record>>,
    /// Cells with different results, the furthest apart first.
    pub different: Vec<Difference>,
}

/// A cell with different results.
#[derive(Debug)]
pub struct Difference {
    /// The record in the first store.
    pub record: Arc<Record>,
    /// Where in the result they are furthest apart: `done[0].metrics.test.nMSE[2]`.
    pub place: String,
    /// What the first has there.
    pub a: String,
    /// What the second has there.
    pub b: String,
    /// Their difference relative to the larger of the two; infinite where they are not two numbers.
    pub relative: f64,
}

/// Compares two stores cell by cell.
pub fn diff(a: &Store, b: &Store) -> Differences {
    let by_cell = |store: &Store| -> BTreeMap<CellId, Arc<Record>> {
        store.all().into_iter().map(|record| (record.key.id(), record)).collect()
    };
    let mut others = by_cell(b);
    let mut differences = Differences::default();
    for (id, record) in by_cell(a) {
        match others.remove(&id) {
            None => differences.only_a.push(record),
            Some(other) if other.outcome == record.outcome => differences.same += 1,
            Some(other) => differences.different.push(furthest(record, &other)),
        }
    }
    differences.only_b = others.into_values().collect();
    differences.different.sort_by(|x, y| y.relative.total_cmp(&x.relative));
    differences
}

fn furthest(record: Arc<Record>, other: &Record) -> Difference {
    // Records are finite, and so always representable.
    let json = |record: &Record| serde_json::to_value(&record.outcome).unwrap_or_default();
    let mut apart = Apart::default();
    apart.compare("", &json(&record), &json(other));
    let Apart { relative, place, a, b } = apart;
    Difference { record, place, a, b, relative }
}

/// The widest gap found so far.
#[derive(Default)]
struct Apart {
    relative: f64,
    place: String,
    a: String,
    b: String,
}

impl Apart {
    fn compare(&mut self, place: &str, a: &Value, b: &Value) {
        match (a, b) {
            (Value::Object(x), Value::Object(y)) if x.keys().eq(y.keys()) => {
                let dot = if place.is_empty() { "" } else { "." };
                x.iter().for_each(|(name, a)| self.compare(&format!("{place}{dot}{name}"), a, &y[name]));
            }
            (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
                x.iter().zip(y).enumerate().for_each(|(i, (a, b))| self.compare(&format!("{place}[{i}]"), a, b));
            }
            (a, b) if a == b => {}
            (a, b) => {
                let relative = match (a.as_f64(), b.as_f64()) {
                    (Some(a), Some(b)) => (a - b).abs() / a.abs().max(b.abs()),
                    _ => f64::INFINITY,
                };
                if relative >= self.relative {
                    *self = Self { relative, place: place.to_owned(), a: short(a), b: short(b) };
                }
            }
        }
    }
}

/// A value on one line.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { format!("{}…", text.chars().take(59).collect::<String>()) }
}
