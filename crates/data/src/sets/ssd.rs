//! Sensorless Drive Diagnosis: features of a motor's currents, a task a state of the motor against the others, labels -1 and
//! +1. Tasks share the inputs.

use mtl_core::MultiTask;
use ndarray::{Array1, Array2, s};

use super::image_features::{one_vs_rest, together};
use super::{Files, Options};
use crate::library::LoadError;

const INPUTS: usize = 48;
const STATES: usize = 11;

/// One text file, whose last column is the number of the state, from 1.
pub(super) fn load(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let rows = files.table("Sensorless_drive_diagnosis.txt")?.values;
    let columns = rows.ncols();
    if columns != INPUTS + 1 {
        return Err(files.corrupt(format!("found {columns} columns, expected {}", INPUTS + 1)));
    }
    let states = rows.column(INPUTS).mapv(|state| state - 1.0);
    tasks(rows.slice(s![.., ..INPUTS]).to_owned(), &states, files)
}

/// Inputs and states, from 0, in two files.
pub(super) fn load_kios(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let inputs = files.table("kios_sample_X.npy")?.values;
    if inputs.ncols() != INPUTS {
        return Err(files.corrupt(format!("found {} columns, expected {INPUTS}", inputs.ncols())));
    }
    let states = files.table("kios_sample_Y.npy")?.values;
    tasks(inputs, &states.column(0).to_owned(), files)
}

fn tasks(inputs: Array2<f64>, states: &Array1<f64>, files: &Files<'_>) -> Result<MultiTask, LoadError> {
    let labels = one_vs_rest(states.view(), STATES)
        .map_err(|e| files.corrupt(format!("the states, counted from 0 here: {e}")))?;
    // Nobody here has seen the full file. That every state was recorded equally often is what is known of it.
    let rows: Vec<usize> = labels.iter().map(|y| y.iter().filter(|y| **y > 0.0).count()).collect();
    if rows.iter().any(|n| *n != rows[0]) {
        return Err(files.corrupt(format!("found {rows:?} rows of the states, expected as many of each")));
    }
    let features = (1..=INPUTS).map(|feature| format!("f{feature}")).collect();
    together(features, inputs, (1..).map(|state| format!("state {state}")).zip(labels).collect(), files)
}
