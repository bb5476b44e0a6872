//! Urban traffic of São Paulo: how slow it is in each half hour of five days, from the hour and what happened.
//!
//! Nobody has written down what the tasks of the SRML paper are; the shape of a weight matrix in its notebook says
//! that there are two.

use std::sync::Arc;

use mtl_core::{MultiTask, Target, Task};
use ndarray::{Array2, Axis, s};

use super::{Files, Options, choice};
use crate::library::LoadError;

const FILE: &str = "traffic_sp.csv";
/// The day is not a column: each has so many rows, whose hours are coded from 1.
const HALF_HOURS: usize = 27;
const DAYS: usize = 5;
/// The hour code and sixteen counts of events.
const INPUTS: usize = 17;

pub(super) fn load(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let table = files.table(FILE)?;
    let tasks = tasks(&table.values, choice(options, "tasks")).map_err(|e| files.corrupt(e))?;
    let features = table.columns[..INPUTS].to_vec();
    MultiTask::new(features, Target::Regression, tasks).map_err(|e| files.unusable(e))
}

/// One task a group of half hours or a day, rows in file order.
fn tasks(rows: &Array2<f64>, grouping: &str) -> Result<Vec<Task>, String> {
    if rows.dim() != (DAYS * HALF_HOURS, INPUTS + 1) {
        let (found, columns) = rows.dim();
        return Err(format!("found {found} rows of {columns} columns, expected 135 of 18"));
    }
    if let Some(row) = (0..rows.nrows()).find(|&row| rows[[row, 0]] != (row % HALF_HOURS + 1) as f64) {
        let (found, expected) = (rows[[row, 0]], row % HALF_HOURS + 1);
        return Err(format!("row {}: found hour code {found}, expected {expected}", row + 1));
    }
    let groups: Vec<(String, Vec<usize>)> = match grouping {
        "days" => {
            (0..DAYS).map(|d| (format!("day {}", d + 1), (d * HALF_HOURS..(d + 1) * HALF_HOURS).collect())).collect()
        }
        "day-parts" => [[1, 9], [10, 18], [19, 27]].map(of_hours).into(),
        "slots" => (1..=HALF_HOURS).map(|hour| of_hours([hour, hour])).collect(),
        _ => [[1, 13], [14, 27]].map(of_hours).into(),
    };
    let task = |(name, group): (String, Vec<usize>)| {
        let rows = rows.select(Axis(0), &group);
        Task { name, x: Arc::new(rows.slice(s![.., ..INPUTS]).to_owned()), y: rows.column(INPUTS).to_owned() }
    };
    Ok(groups.into_iter().map(task).collect())
}

/// The rows of all days with these hour codes, both included.
fn of_hours([first, last]: [usize; 2]) -> (String, Vec<usize>) {
    let rows = (0..DAYS * HALF_HOURS).filter(|row| (first..=last).contains(&(row % HALF_HOURS + 1))).collect();
    (if first == last { format!("hour code {first}") } else { format!("hour codes {first}-{last}") }, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hour code first, and then `1000 day + c`.
    fn rows() -> Array2<f64> {
        Array2::from_shape_fn(
            (135, 18),
            |(r, c)| if c == 0 { (r % 27 + 1) as f64 } else { (1000 * (r / 27) + c) as f64 },
        )
    }

    #[test]
    fn half_hours_go_to_their_tasks() {
        for (grouping, sizes, names) in [
            ("halves", vec![65, 70], vec!["hour codes 1-13", "hour codes 14-27"]),
            ("days", vec![27; 5], vec!["day 1", "day 2", "day 3", "day 4", "day 5"]),
            ("day-parts", vec![45; 3], vec!["hour codes 1-9", "hour codes 10-18", "hour codes 19-27"]),
        ] {
            let tasks = tasks(&rows(), grouping).unwrap();
            assert_eq!(tasks.iter().map(Task::n).collect::<Vec<_>>(), sizes);
            assert_eq!(tasks.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), names);
        }
        let slots = tasks(&rows(), "slots").unwrap();
        assert_eq!((slots.len(), slots[26].name.as_str()), (27, "hour code 27"));
        assert_eq!(
            (slots[3].x.column(0).to_vec(), slots[3].y.to_vec()),
            (vec![4.0; 5], vec![17.0, 1017.0, 2017.0, 3017.0, 4017.0])
        );
        let halves = tasks(&rows(), "halves").unwrap();
        assert!(
            halves[0].x.column(0).iter().all(|&hour| hour <= 13.0) && halves[1].x.column(0).iter().all(|&h| h > 13.0)
        );
    }

    #[test]
    fn days_must_be_whole() {
        let mut shuffled = rows();
        shuffled[[40, 0]] = 3.0;
        assert_eq!(tasks(&shuffled, "days").unwrap_err(), "row 41: found hour code 3, expected 14");
        assert!(tasks(&Array2::zeros((134, 18)), "days").unwrap_err().starts_with("found 134 rows of 18 columns"));
    }
}
