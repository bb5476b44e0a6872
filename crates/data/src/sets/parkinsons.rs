//! Parkinsons telemonitoring: one task a subject, UPDRS score from voice measures.
//!
//! The SSMTL paper's 16 features are the voice measures alone: with `test_time` among them errors fall far below the
//! published ones. It predicts `total_UPDRS`.

use std::collections::BTreeMap;
use std::sync::Arc;

use mtl_core::{MultiTask, Target, Task};
use ndarray::Axis;

use super::{Files, Options, choice};
use crate::format::Table;
use crate::library::LoadError;

const FILE: &str = "parkinsons_updrs.data";

const VOICE: [&str; 16] = [
    "Jitter(%)",
    "Jitter(Abs)",
    "Jitter:RAP",
    "Jitter:PPQ5",
    "Jitter:DDP",
    "Shimmer",
    "Shimmer(dB)",
    "Shimmer:APQ3",
    "Shimmer:APQ5",
    "Shimmer:APQ11",
    "Shimmer:DDA",
    "NHR",
    "HNR",
    "RPDE",
    "DFA",
    "PPE",
];

pub(super) fn load(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let table = files.table(FILE)?;
    let target = match choice(options, "target") {
        "motor" => "motor_UPDRS",
        _ => "total_UPDRS",
    };
    let more: &[&str] = match choice(options, "features") {
        "voice+time" => &["test_time"],
        "all" => &["test_time", "age", "sex"],
        _ => &[],
    };
    let features: Vec<&str> = VOICE.iter().chain(more).copied().collect();
    let tasks = tasks(&table, target, &features).map_err(|e| files.corrupt(e))?;
    let names = features.into_iter().map(String::from).collect();
    MultiTask::new(names, Target::Regression, tasks).map_err(|e| files.unusable(e))
}

/// One task a subject, in the order of their numbers, rows in file order.
fn tasks(table: &Table, target: &str, features: &[&str]) -> Result<Vec<Task>, String> {
    let position = |column: &str| table.position(column).map_err(|e| e.to_string());
    let (subject, target) = (position("subject#")?, position(target)?);
    let features = features.iter().map(|f| position(f)).collect::<Result<Vec<_>, _>>()?;
    let mut rows: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, &number) in table.values.column(subject).indexed_iter() {
        if number.fract() != 0.0 || !(1.0..=1e6).contains(&number) {
            return Err(format!("row {}: found subject {number}, expected a whole number from 1", row + 1));
        }
        rows.entry(number as u32).or_default().push(row);
    }
    let inputs = table.values.select(Axis(1), &features);
    let targets = table.values.column(target);
    let task = |(number, rows): (u32, Vec<usize>)| Task {
        name: format!("subject {number}"),
        x: Arc::new(inputs.select(Axis(0), &rows)),
        y: targets.select(Axis(0), &rows),
    };
    Ok(rows.into_iter().map(task).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    /// Made-up numbers in the file's columns: cell `(r, c)` holds `100 r + c`, but for the subjects.
    fn table(subjects: &[f64]) -> Table {
        let columns = ["subject#", "age", "sex", "test_time", "motor_UPDRS", "total_UPDRS"];
        let columns: Vec<String> = columns.iter().chain(&VOICE).map(|c| c.to_string()).collect();
        let mut values = Array2::from_shape_fn((subjects.len(), columns.len()), |(r, c)| (100 * r + c) as f64);
        values.column_mut(0).assign(&ndarray::aview1(subjects));
        Table { columns, values }
    }

    #[test]
    fn subjects_become_tasks() {
        let tasks = tasks(&table(&[10.0, 2.0, 10.0]), "total_UPDRS", &["DFA", "age"]).unwrap();
        let names: Vec<&str> = tasks.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["subject 2", "subject 10"]);
        assert_eq!(*tasks[0].x, array![[120.0, 101.0]]);
        assert_eq!(*tasks[1].x, array![[20.0, 1.0], [220.0, 201.0]]);
        assert_eq!(tasks[1].y, array![5.0, 205.0]);
    }

    #[test]
    fn a_strange_subject_or_a_missing_column_is_named() {
        let error = tasks(&table(&[1.0, 1.5]), "total_UPDRS", &VOICE).unwrap_err();
        assert_eq!(error, "row 2: found subject 1.5, expected a whole number from 1");
        let error = tasks(&table(&[1.0]), "total_UPDR", &VOICE).unwrap_err();
        assert!(error.starts_with("there is no column `total_UPDR`; did you mean `total_UPDRS`?"), "{error}");
    }
}
