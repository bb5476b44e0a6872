//! Activities of molecules, from how often they have each of many fragments.
//!
//! The SG-MTL paper (Kshirsagar, Yang, Lozano, ECML PKDD 2017) has the 15 tasks of Merck's competition of 2012, of
//! which one is to be had. Readers give counts as they are: the paper scales inputs and targets, which is the business
//! of a study, and says nothing of logarithms.

use std::sync::Arc;

use mtl_core::{MultiTask, Split, Target, Task};
use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate, s};

use super::{Files, Options, choice};
use crate::format::Table;
use crate::library::LoadError;

/// Tasks of the substitute, in file order: ChEMBL's number of the target and what was measured.
const TARGETS: [&str; 15] = [
    "CHEMBL234 Ki",
    "CHEMBL214 Ki",
    "CHEMBL233 Ki",
    "CHEMBL244 Ki",
    "CHEMBL264 Ki",
    "CHEMBL204 Ki",
    "CHEMBL237 Ki",
    "CHEMBL236 Ki",
    "CHEMBL235 EC50",
    "CHEMBL219 Ki",
    "CHEMBL239 EC50",
    "CHEMBL228 Ki",
    "CHEMBL4792 Ki",
    "CHEMBL2147 Ki",
    "CHEMBL287 Ki",
];
/// Columns before the counts: the task, the row upstream, the part upstream, the activity.
const BEFORE: usize = 4;

pub(super) fn load_chembl(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let features = fragments(&files.table("chembl15_features.tsv")?).map_err(|e| files.corrupt(e))?;
    let mut table = files.table("chembl15.tsv")?;
    if table.values.ncols() != features.len() + BEFORE {
        let found = table.values.ncols().saturating_sub(BEFORE);
        return Err(files.corrupt(format!("found counts of {found} fragments, expected {}", features.len())));
    }
    if choice(options, "counts") == "log1p" {
        table.values.slice_mut(s![.., BEFORE..]).mapv_inplace(f64::ln_1p);
    }
    let tasks = tasks(table.values).map_err(|e| files.corrupt(e))?;
    MultiTask::new(features, Target::Regression, tasks).map_err(|e| files.unusable(e))
}

/// Names of the fragments: kind, 0 for atom pairs and 1 for torsions, and RDKit's number.
fn fragments(table: &Table) -> Result<Vec<String>, String> {
    let name = |(row, cells): (usize, ArrayView1<'_, f64>)| {
        if cells[0] != row as f64 {
            return Err(format!("row {}: found index {}, expected {row}", row + 1, cells[0]));
        }
        Ok(format!("{} {}", if cells[1] == 0.0 { "AP" } else { "TT" }, cells[2]))
    };
    table.values.rows().into_iter().enumerate().map(name).collect()
}

/// One task a target, whose rows follow each other. Taken from the last on: the table shrinks as the tasks are made,
/// which never takes twice its memory.
fn tasks(table: Array2<f64>) -> Result<Vec<Task>, String> {
    let columns = table.ncols();
    let targets = table.column(0).to_owned();
    if let Some(row) = (1..targets.len()).find(|&row| targets[row] < targets[row - 1]) {
        return Err(format!(
            "row {}: found a row of {}, whose rows are above",
            row + 1,
            TARGETS[targets[row] as usize]
        ));
    }
    debug_assert!(table.is_standard_layout(), "readers put row after row");
    let (mut cells, _) = table.into_raw_vec_and_offset();
    let mut tasks = Vec::with_capacity(TARGETS.len());
    for (t, name) in TARGETS.iter().enumerate().rev() {
        let start = targets.iter().filter(|target| **target < t as f64).count();
        let rows = ndarray::ArrayView2::from_shape((cells.len() / columns - start, columns), &cells[start * columns..])
            .map_err(|e| e.to_string())?;
        let (x, y) = (rows.slice(s![.., BEFORE..]).to_owned(), rows.column(BEFORE - 1).to_owned());
        tasks.push(Task { name: (*name).into(), x: Arc::new(x), y });
        cells.truncate(start * columns);
        cells.shrink_to_fit();
    }
    tasks.reverse();
    Ok(tasks)
}

/// One of the 15 tasks of the competition.
pub(super) fn load_metab(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    load_merck(["METAB_training.csv", "METAB_test.csv"], &["METAB"], files)
}

/// Three enzymes, measured on the same molecules.
pub(super) fn load_cyp(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    load_merck(["CYP_dense_training.csv", "CYP_dense_test.csv"], &["CYP2C9", "CYP2D6", "CYP3A4"], files)
}

fn load_merck(names: [&str; 2], tasks: &[&str], files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let (train, test) = (files.table(names[0])?, files.table(names[1])?);
    joined(&train, &test, tasks).map_err(|e| files.unusable(e))
}

/// The training rows and below them the test rows, with the fragments that both files have, and the split as official
/// one. The first columns are activities.
fn joined(train: &Table, test: &Table, tasks: &[&str]) -> Result<MultiTask, mtl_core::DataError> {
    let place: std::collections::HashMap<&str, usize> =
        test.columns.iter().enumerate().skip(tasks.len()).map(|(c, name)| (name.as_str(), c)).collect();
    let named = train.columns.iter().enumerate().skip(tasks.len());
    let shared: Vec<(usize, usize)> = named.filter_map(|(c, name)| Some((c, *place.get(name.as_str())?))).collect();
    let rows = train.values.nrows();
    let mut x = Array2::zeros((rows + test.values.nrows(), shared.len()));
    for (row, mut cells) in x.rows_mut().into_iter().enumerate() {
        for (cell, &(of_train, of_test)) in cells.iter_mut().zip(&shared) {
            *cell = if row < rows { train.values[[row, of_train]] } else { test.values[[row - rows, of_test]] };
        }
    }
    let x = Arc::new(x);
    let task = |(t, name): (usize, &&str)| {
        let parts = [train.values.column(t), test.values.column(t)];
        let y: Array1<f64> = concatenate(Axis(0), &parts).expect("columns can be put below each other");
        Task { name: (*name).into(), x: Arc::clone(&x), y }
    };
    let features = shared.iter().map(|&(c, _)| train.columns[c].clone()).collect();
    let data = MultiTask::new(features, Target::Regression, tasks.iter().enumerate().map(task).collect())?;
    let each = |rows: std::ops::Range<usize>| vec![rows.collect::<Arc<[usize]>>(); tasks.len()];
    let split = Split { train: each(0..rows), valid: each(0..0), test: each(rows..x.nrows()) };
    data.with_official(vec![split])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn targets_become_tasks() {
        // 20 rows: two of the first five targets, one of the others. The activity is 10 times the row.
        let targets: Vec<usize> = (0..15).flat_map(|t| vec![t; if t < 5 { 2 } else { 1 }]).collect();
        let table = Array2::from_shape_fn((20, 6), |(r, c)| match c {
            0 => targets[r] as f64,
            3 => 10.0 * r as f64,
            _ => (100 * r + c) as f64,
        });
        let tasks = tasks(table.clone()).unwrap();
        assert_eq!(tasks.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), TARGETS);
        assert_eq!(
            (tasks[1].x.view(), &tasks[1].y),
            (array![[204.0, 205.0], [304.0, 305.0]].view(), &array![20.0, 30.0])
        );
        assert_eq!((tasks[14].x.view(), &tasks[14].y), (array![[1904.0, 1905.0]].view(), &array![190.0]));
        let mut mixed = table;
        mixed[[19, 0]] = 3.0;
        let error = super::tasks(mixed).unwrap_err();
        assert_eq!(error, "row 20: found a row of CHEMBL244 Ki, whose rows are above");
    }

    #[test]
    fn fragments_have_names() {
        let columns = ["index", "kind", "rdkit_id", "molecules"].map(String::from).to_vec();
        let mut table = Table { columns, values: array![[0.0, 0.0, 541730.0, 9.0], [1.0, 1.0, 60140310570.0, 75.0]] };
        assert_eq!(fragments(&table).unwrap(), ["AP 541730", "TT 60140310570"]);
        table.values[[1, 0]] = 2.0;
        assert_eq!(fragments(&table).unwrap_err(), "row 2: found index 2, expected 1");
    }

    #[test]
    fn only_what_both_files_count_is_a_feature() {
        let table = |columns: &str, values| Table { columns: columns.split(' ').map(String::from).collect(), values };
        let train = table("Act_1 Act_2 a b c", array![[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]]);
        let test = table("Act_1 Act_2 c x a", array![[0.1, 0.2, 0.3, 0.4, 0.5]]);
        let data = joined(&train, &test, &["one", "two"]).unwrap();
        assert_eq!((data.features.join(" "), data.task_names()), ("a c".into(), vec!["one".into(), "two".into()]));
        assert!(data.shares_inputs());
        assert_eq!(*data.tasks[0].x, array![[3.0, 5.0], [8.0, 10.0], [0.5, 0.3]]);
        assert_eq!((&data.tasks[0].y, &data.tasks[1].y), (&array![1.0, 6.0, 0.1], &array![2.0, 7.0, 0.2]));
        let split = &data.official.as_ref().unwrap()[0];
        assert_eq!((split.train[1].to_vec(), split.valid[0].len(), split.test[0].to_vec()), (vec![0, 1], 0, vec![2]));
    }
}
