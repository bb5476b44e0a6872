//! Images as features of a network, one binary task a class or attribute, labels -1 and +1. Tasks share the inputs.
//!
//! The features that the SRML paper used of CIFAR-10, CelebA and COCO are not published. Those of CIFAR-10 come from a
//! small network of this project, those of the others from whoever makes them.

use std::sync::Arc;

use mtl_core::{MultiTask, Target, Task};
use ndarray::{Array1, Array2, ArrayView1};

use super::{Files, Options};
use crate::library::LoadError;

const CIFAR10: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// A column with the number of the class, from 0: one class against the others.
pub(super) fn load_cifar10(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let inputs = files.table("cifar10_test_cnn128_x.npy")?.values;
    let classes = files.table("cifar10_test_cnn128_y.npy")?.values;
    let labels = one_vs_rest(classes.column(0), CIFAR10.len()).map_err(|e| files.corrupt(e))?;
    together(numbered(&inputs), inputs, CIFAR10.into_iter().map(String::from).zip(labels).collect(), files)
}

/// A column for each of the 40 attributes.
pub(super) fn load_celeba(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    load_columns(["celeba_x.npy", "celeba_y.npy"], "attribute", 40, files)
}

/// A column for each of the 80 categories.
pub(super) fn load_coco(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    load_columns(["coco_x.npy", "coco_y.npy"], "category", 80, files)
}

fn load_columns(names: [&str; 2], label: &str, count: usize, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let inputs = files.table(names[0])?.values;
    let table = files.table(names[1])?.values;
    if table.ncols() != count {
        return Err(files.corrupt(format!("found {} columns of labels, expected {count}", table.ncols())));
    }
    let mut labels = Vec::with_capacity(count);
    for (number, column) in (1..).zip(table.columns()) {
        let of_column = signs(column).map_err(|e| files.corrupt(format!("column {number}, {e}")))?;
        labels.push((format!("{label} {number}"), of_column));
    }
    together(numbered(&inputs), inputs, labels, files)
}

fn numbered(inputs: &Array2<f64>) -> Vec<String> {
    (1..=inputs.ncols()).map(|f| format!("f{f}")).collect()
}

/// Tasks of these names and labels on the same inputs.
pub(super) fn together(
    features: Vec<String>,
    inputs: Array2<f64>,
    labels: Vec<(String, Array1<f64>)>,
    files: &Files<'_>,
) -> Result<MultiTask, LoadError> {
    let x = Arc::new(inputs);
    let tasks = labels.into_iter().map(|(name, y)| Task { name, x: Arc::clone(&x), y }).collect();
    MultiTask::new(features, Target::Binary, tasks).map_err(|e| files.unusable(e))
}

/// Labels of a task for each class, from the number of each row's class, from 0.
pub(super) fn one_vs_rest(classes: ArrayView1<'_, f64>, count: usize) -> Result<Vec<Array1<f64>>, String> {
    if let Some((row, class)) =
        classes.indexed_iter().find(|&(_, &c)| c.fract() != 0.0 || !(0.0..count as f64).contains(&c))
    {
        return Err(format!("row {}: found class {class}, expected a whole number from 0 to {}", row + 1, count - 1));
    }
    Ok((0..count).map(|t| classes.mapv(|c| if c == t as f64 { 1.0 } else { -1.0 })).collect())
}

/// Labels -1 and +1, from these or from 0 and 1.
fn signs(labels: ArrayView1<'_, f64>) -> Result<Array1<f64>, String> {
    let low = if labels.iter().any(|&v| v == 0.0) { 0.0 } else { -1.0 };
    match labels.indexed_iter().find(|&(_, &v)| v != 1.0 && v != low) {
        Some((row, label)) => Err(format!("row {}: found label {label}, expected 0 and 1, or -1 and +1", row + 1)),
        None => Ok(labels.mapv(|v| if v == 1.0 { 1.0 } else { -1.0 })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, aview1};

    #[test]
    fn each_class_is_told_from_the_others() {
        let labels = one_vs_rest(aview1(&[2.0, 0.0, 2.0]), 3).unwrap();
        assert_eq!(labels, [array![-1.0, 1.0, -1.0], array![-1.0, -1.0, -1.0], array![1.0, -1.0, 1.0]]);
        for wrong in [3.0, -1.0, 0.5, f64::NAN] {
            let error = one_vs_rest(aview1(&[0.0, wrong]), 3).unwrap_err();
            assert_eq!(error, format!("row 2: found class {wrong}, expected a whole number from 0 to 2"));
        }
    }

    #[test]
    fn labels_come_in_two_codings_that_do_not_mix() {
        assert_eq!(signs(aview1(&[0.0, 1.0, 0.0])), Ok(array![-1.0, 1.0, -1.0]));
        assert_eq!(signs(aview1(&[-1.0, 1.0])), Ok(array![-1.0, 1.0]));
        assert_eq!(signs(aview1(&[1.0, 1.0])), Ok(array![1.0, 1.0]));
        assert!(signs(aview1(&[-1.0, 0.0])).unwrap_err().starts_with("row 1: found label -1"));
        assert!(signs(aview1(&[1.0, f64::NAN])).unwrap_err().starts_with("row 2: found label NaN"));
    }
}
