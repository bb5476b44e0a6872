//! Personal computers: one task a respondent of a conjoint survey, how likely they are to buy each of twenty
//! computers.
//!
//! All respondents rated the same computers, so tasks share their inputs: the constant 1 and thirteen attributes, -1 or
//! +1 each. Papers report 180 and 179 respondents of the 190; which ones were left out is not documented.

use std::sync::Arc;

use mtl_core::{MultiTask, Target, Task};
use ndarray::{Array2, s};

use super::{Files, Options};
use crate::library::LoadError;

const FILE: &str = "conjointAnalysisComputerBuyers.mat";
const RESPONDENTS: usize = 190;
const ATTRIBUTES: [&str; 14] = [
    "constant",
    "hot line",
    "RAM",
    "screen size",
    "CPU speed",
    "hard disk",
    "CD ROM",
    "cache",
    "colour",
    "availability",
    "warranty",
    "software",
    "guarantee",
    "price",
];

/// The file holds a column for each respondent, and then the computers' attributes.
pub(super) fn load(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let table = files.table(FILE)?;
    let tasks = tasks(&table.values).map_err(|e| files.corrupt(e))?;
    let features = ATTRIBUTES.map(String::from).to_vec();
    MultiTask::new(features, Target::Regression, tasks).map_err(|e| files.unusable(e))
}

fn tasks(rows: &Array2<f64>) -> Result<Vec<Task>, String> {
    let columns = RESPONDENTS + ATTRIBUTES.len();
    if rows.ncols() != columns {
        return Err(format!("found {} columns, expected {columns}", rows.ncols()));
    }
    let (ratings, attributes) = rows.view().split_at(ndarray::Axis(1), RESPONDENTS);
    if attributes.column(0).iter().any(|&v| v != 1.0) || attributes.iter().any(|&v| v.abs() != 1.0) {
        return Err("found attributes other than -1 and +1 behind a constant 1".into());
    }
    if ratings.iter().any(|rating| !(0.0..=10.0).contains(rating)) {
        return Err("found a rating outside 0 to 10".into());
    }
    let x = Arc::new(attributes.to_owned());
    let task = |respondent: usize| Task {
        name: format!("respondent {}", respondent + 1),
        x: Arc::clone(&x),
        y: rows.slice(s![.., respondent]).to_owned(),
    };
    Ok((0..RESPONDENTS).map(task).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two computers; respondent `r` gives the first `r % 10`.
    fn rows() -> Array2<f64> {
        Array2::from_shape_fn((2, 204), |(computer, column)| match (computer, column) {
            (0, r) if r < RESPONDENTS => (r % 10) as f64,
            (1, r) if r < RESPONDENTS => 10.0,
            (1, 203) => -1.0,
            _ => 1.0,
        })
    }

    #[test]
    fn respondents_share_the_computers() {
        let tasks = tasks(&rows()).unwrap();
        assert!(tasks.iter().all(|t| Arc::ptr_eq(&t.x, &tasks[0].x)));
        assert_eq!(
            (tasks.len(), tasks[13].name.as_str(), tasks[13].y.to_vec()),
            (190, "respondent 14", vec![3.0, 10.0])
        );
        assert_eq!((tasks[0].x.dim(), tasks[0].x[[1, 13]], tasks[0].x[[1, 0]]), ((2, 14), -1.0, 1.0));
    }

    #[test]
    fn strange_values_are_refused() {
        let with = |cell: [usize; 2], value: f64| {
            let mut rows = rows();
            rows[cell] = value;
            tasks(&rows).unwrap_err()
        };
        assert!(with([0, 3], 11.0).contains("a rating outside 0 to 10"));
        assert!(with([0, 200], 0.0).contains("other than -1 and +1"));
        assert!(with([0, 190], -1.0).contains("behind a constant 1"));
        assert_eq!(tasks(&Array2::zeros((2, 5))).unwrap_err(), "found 5 columns, expected 204");
    }
}
