//! SARCOS inverse dynamics: seven torques of a robot arm from 21 inputs that all tasks share.

use std::sync::Arc;

use mtl_core::{MultiTask, Target, Task};
use ndarray::{Array2, Axis, concatenate, s};

use super::{Files, Options};
use crate::library::LoadError;

const TRAIN: &str = "sarcos_inv.mat";
const TEST: &str = "sarcos_inv_test.mat";
const JOINTS: usize = 7;
const INPUTS: usize = 3 * JOINTS;

/// Both files: training rows first, then test rows, each in file order.
pub(super) fn load_full(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let train = files.table(TRAIN)?;
    let test = files.table(TEST)?;
    let rows = concatenate(Axis(0), &[train.values.view(), test.values.view()]);
    let rows = rows.map_err(|e| files.corrupt(e.to_string()))?;
    to_tasks(&rows, files)
}

/// The test file alone.
pub(super) fn load_test(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let test = files.table(TEST)?;
    to_tasks(&test.values, files)
}

fn to_tasks(rows: &Array2<f64>, files: &Files<'_>) -> Result<MultiTask, LoadError> {
    if rows.ncols() != INPUTS + JOINTS {
        return Err(files.corrupt(format!("found {} columns, expected {}", rows.ncols(), INPUTS + JOINTS)));
    }
    let x = Arc::new(rows.slice(s![.., ..INPUTS]).to_owned());
    let task = |joint: usize| Task {
        name: format!("torque {}", joint + 1),
        x: Arc::clone(&x),
        y: rows.column(INPUTS + joint).to_owned(),
    };
    let features = ["position", "velocity", "acceleration"]
        .iter()
        .flat_map(|kind| (1..=JOINTS).map(move |joint| format!("{kind} {joint}")))
        .collect();
    let tasks = (0..JOINTS).map(task).collect();
    MultiTask::new(features, Target::Regression, tasks).map_err(|e| files.unusable(e))
}
