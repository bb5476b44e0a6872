//! River Flow 1: the flow of a river network at eight sites 48 hours ahead, from the flows of the last 60 hours, which
//! all tasks share.
//!
//! Copies of the file spell the columns' names differently, so columns go by position. The fingerprint has proved
//! that they hold what they should. What is missing are lags that reach back before a record begins.

use std::sync::Arc;

use mtl_core::{MultiTask, Target, Task};
use ndarray::{Array2, ArrayViewMut1, Axis, s};

use super::{Files, Options, choice};
use crate::library::LoadError;

const FILE: &str = "rf1.arff";
const SITES: [&str; 8] = ["CHSI2", "NASI2", "EADM7", "SCLM7", "CLKM7", "VALI2", "NAPM7", "DLDI4"];
/// Hours back; the sites of one lag stand together.
const LAGS: [u32; 8] = [0, 6, 12, 18, 24, 36, 48, 60];
const INPUTS: usize = SITES.len() * LAGS.len();

pub(super) fn load(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let table = files.table(FILE)?;
    let fill = choice(options, "missing") == "mean";
    let tasks = tasks(table.values, fill).map_err(|e| files.corrupt(e))?;
    let features = LAGS.iter().flat_map(|lag| SITES.iter().map(move |site| format!("{site} {lag} h ago"))).collect();
    MultiTask::new(features, Target::Regression, tasks).map_err(|e| files.unusable(e))
}

/// One task a site. Inputs that are missing are filled with their column's mean, or their rows dropped. A target is
/// never made up.
fn tasks(mut rows: Array2<f64>, fill: bool) -> Result<Vec<Task>, String> {
    let columns = INPUTS + SITES.len();
    if rows.ncols() != columns {
        return Err(format!("found {} columns, expected {columns}", rows.ncols()));
    }
    if fill {
        rows.slice_mut(s![.., ..INPUTS]).columns_mut().into_iter().for_each(fill_with_mean);
    }
    let complete: Vec<usize> =
        rows.rows().into_iter().enumerate().filter(|(_, r)| r.iter().all(|v| !v.is_nan())).map(|(n, _)| n).collect();
    let rows = rows.select(Axis(0), &complete);
    let x = Arc::new(rows.slice(s![.., ..INPUTS]).to_owned());
    let task = |(number, site): (usize, &&str)| Task {
        name: (*site).into(),
        x: Arc::clone(&x),
        y: rows.column(INPUTS + number).to_owned(),
    };
    Ok(SITES.iter().enumerate().map(task).collect())
}

/// A column without any value stays as it is.
fn fill_with_mean(mut column: ArrayViewMut1<'_, f64>) {
    let (sum, count) =
        column.iter().filter(|v| !v.is_nan()).fold((0.0, 0_usize), |(sum, count), v| (sum + v, count + 1));
    let mean = sum / count as f64;
    column.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = mean);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Cell `(r, c)` holds `100 r + c`, but for the ones that are missing.
    fn rows(missing: &[[usize; 2]]) -> Array2<f64> {
        let mut rows = Array2::from_shape_fn((4, 72), |(r, c)| (100 * r + c) as f64);
        missing.iter().for_each(|&cell| rows[cell] = f64::NAN);
        rows
    }

    #[test]
    fn sites_become_tasks_with_shared_inputs() {
        let tasks = tasks(rows(&[]), false).unwrap();
        let names: Vec<&str> = tasks.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, SITES);
        assert!(tasks.iter().all(|t| Arc::ptr_eq(&t.x, &tasks[0].x)));
        assert_eq!((tasks[0].x.dim(), tasks[0].x[[3, 63]]), ((4, 64), 363.0));
        assert_eq!(
            (&tasks[0].y, &tasks[7].y),
            (&array![64.0, 164.0, 264.0, 364.0], &array![71.0, 171.0, 271.0, 371.0])
        );
    }

    #[test]
    fn rows_with_a_missing_value_are_dropped_or_filled() {
        let gaps = [[0, 8], [0, 63], [2, 8]];
        let dropped = tasks(rows(&gaps), false).unwrap();
        assert_eq!(dropped[1].y, array![165.0, 365.0]);
        assert_eq!(dropped[1].x.column(8), array![108.0, 308.0]);
        let filled = tasks(rows(&gaps), true).unwrap();
        assert_eq!(filled[1].y, array![65.0, 165.0, 265.0, 365.0]);
        assert_eq!(filled[1].x.column(8), array![208.0, 108.0, 208.0, 308.0]);
        assert_eq!(filled[1].x.column(63)[0], 263.0);
    }

    #[test]
    fn a_row_without_a_target_is_dropped_either_way() {
        for fill in [false, true] {
            assert_eq!(tasks(rows(&[[1, 70]]), fill).unwrap()[0].y, array![64.0, 264.0, 364.0]);
        }
    }

    #[test]
    fn another_width_is_refused() {
        assert_eq!(tasks(Array2::zeros((2, 71)), false).unwrap_err(), "found 71 columns, expected 72");
    }
}
