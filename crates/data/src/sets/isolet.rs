//! ISOLET, spoken letters: one task a group of speakers, the letter's place in the alphabet from 617 features.
//!
//! The SSMTL paper predicts the place, 1 to 26, as a real number. It prints 671 features, which must be a slip.

use std::sync::Arc;

use mtl_core::{MultiTask, Target, Task};
use ndarray::s;

use super::{Files, Options};
use crate::format::Table;
use crate::library::LoadError;

/// A file holds the features of a group of speakers and, last, the letters.
const FILES: [&str; 5] = ["Isolet1.mat", "Isolet2.mat", "Isolet3.mat", "Isolet4.mat", "isolet5.mat"];
const INPUTS: usize = 617;
const LETTERS: f64 = 26.0;

pub(super) fn load(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let mut tasks = Vec::with_capacity(FILES.len());
    for (number, file) in (1..).zip(FILES) {
        let table = files.table(file)?;
        tasks.push(task(number, &table).map_err(|e| files.corrupt(e))?);
    }
    let features = (1..=INPUTS).map(|feature| format!("f{feature}")).collect();
    MultiTask::new(features, Target::Regression, tasks).map_err(|e| files.unusable(e))
}

/// Rows in file order.
fn task(number: usize, table: &Table) -> Result<Task, String> {
    let columns = table.values.ncols();
    if columns != INPUTS + 1 {
        return Err(format!("found {columns} columns, expected {}", INPUTS + 1));
    }
    let y = table.values.column(INPUTS).to_owned();
    for (row, &letter) in y.indexed_iter() {
        if letter.fract() != 0.0 || !(1.0..=LETTERS).contains(&letter) {
            return Err(format!("row {}: found letter {letter}, expected a whole number from 1 to {LETTERS}", row + 1));
        }
    }
    let x = Arc::new(table.values.slice(s![.., ..INPUTS]).to_owned());
    Ok(Task { name: format!("group {number}"), x, y })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    /// Cell `(r, c)` holds `r + c / 1000`, but for the letters.
    fn table(letters: &[f64]) -> Table {
        let mut values = Array2::from_shape_fn((letters.len(), INPUTS + 1), |(r, c)| r as f64 + c as f64 / 1000.0);
        values.column_mut(INPUTS).assign(&ndarray::aview1(letters));
        Table { columns: (1..=INPUTS + 1).map(|c| c.to_string()).collect(), values }
    }

    #[test]
    fn the_last_column_is_the_target() {
        let task = task(3, &table(&[26.0, 1.0])).unwrap();
        assert_eq!((task.name.as_str(), task.y), ("group 3", array![26.0, 1.0]));
        assert_eq!((task.x.dim(), task.x[[1, 616]]), ((2, 617), 1.616));
    }

    #[test]
    fn what_is_no_letter_is_refused() {
        for wrong in [0.0, 27.0, 1.5, f64::NAN] {
            let error = task(1, &table(&[1.0, wrong])).unwrap_err();
            assert_eq!(error, format!("row 2: found letter {wrong}, expected a whole number from 1 to 26"));
        }
        let narrow = Table { columns: vec!["1".into()], values: array![[1.0]] };
        assert_eq!(task(1, &narrow).unwrap_err(), "found 1 columns, expected 618");
    }
}
