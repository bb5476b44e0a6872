//! Inner London Education Authority: one task a school, exam scores of its pupils from what is known of pupil and
//! school.
//!
//! Two copies of the same survey: MALSAR's, and A. Argyriou's, which comes with the ten splits that many papers use.
//! They hold the same rows in the same order. The last feature is the constant 1.

use std::sync::Arc;

use mtl_core::{MultiTask, Split, Target, Task};
use ndarray::{Array2, ArrayView1, s};

use super::{Files, Options};
use crate::format::Table;
use crate::library::LoadError;

const CELLS: &str = "school.mat";
const ROWS: &str = "school_b.mat";
const SPLITS: usize = 10;
const SCHOOLS: usize = 139;

/// Features in file order: a name, and the number of indicator columns it has, or 1 for a number. Which indicator is
/// which category is not documented.
const FEATURES: [(&str, usize); 9] = [
    ("year", 3),
    ("% eligible for free school meals", 1),
    ("% in VR band 1", 1),
    ("gender", 2),
    ("VR band", 3),
    ("ethnic group", 11),
    ("school gender", 3),
    ("school denomination", 3),
    ("constant", 1),
];
const INPUTS: usize = 28;

fn features() -> Vec<String> {
    let names = FEATURES.iter().flat_map(|&(name, columns)| {
        (1..=columns).map(move |c| if columns == 1 { name.to_owned() } else { format!("{name} {c}") })
    });
    names.collect()
}

/// MALSAR's copy, which has a cell for each school.
pub(super) fn load_cells(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let table = files.table(CELLS)?;
    let starts = starts_of_cells(&table).map_err(|e| files.corrupt(e))?;
    let tasks = tasks(table.values.slice(s![.., 1..]).to_owned(), &starts).map_err(|e| files.corrupt(e))?;
    MultiTask::new(features(), Target::Regression, tasks).map_err(|e| files.unusable(e))
}

/// MALSAR's copy with the scores cut into three classes: below 10, below 20, and the rest (TOMATO, section 5.1).
pub(super) fn load_classes(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let scores = load_cells(options, files)?;
    let class = |score: f64| [10.0, 20.0].iter().filter(|bound| score >= **bound).count() as f64;
    let tasks = scores.tasks.into_iter().map(|task| Task { y: task.y.mapv(class), ..task }).collect();
    MultiTask::new(features(), Target::Classes(3), tasks).map_err(|e| files.unusable(e))
}

/// Argyriou's copy, with the official splits.
pub(super) fn load_with_splits(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let table = files.table(ROWS)?;
    let starts = starts(table.values.column(INPUTS + 1)).map_err(|e| files.corrupt(e))?;
    let rows = table.values.slice(s![.., ..=INPUTS]).to_owned();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([rows.nrows()]).collect();
    let tasks = tasks(rows, &starts).map_err(|e| files.corrupt(e))?;
    let data = MultiTask::new(features(), Target::Regression, tasks).map_err(|e| files.unusable(e))?;
    let mut splits = Vec::with_capacity(SPLITS);
    for number in 1..=SPLITS {
        let table = files.table(&format!("school_{number}_indexes.mat"))?;
        splits.push(split(&table, &starts, &ends).map_err(|e| files.corrupt(e))?);
    }
    data.with_official(splits).map_err(|e| files.unusable(e))
}

/// First row of each school, from the column with the number of its cell.
fn starts_of_cells(table: &Table) -> Result<Vec<usize>, String> {
    let cells = table.values.column(0);
    let starts: Vec<usize> = (0..cells.len()).filter(|&row| row == 0 || cells[row] != cells[row - 1]).collect();
    if starts.len() == SCHOOLS {
        Ok(starts)
    } else {
        Err(format!("found {} schools, expected {SCHOOLS}", starts.len()))
    }
}

/// First row of each school, counted from 0, from a column in which they are counted from 1 and which is filled up with
/// missing cells.
fn starts(column: ArrayView1<'_, f64>) -> Result<Vec<usize>, String> {
    let starts = column.iter().take_while(|v| !v.is_nan()).map(|&v| index(v)).collect::<Result<Vec<_>, _>>()?;
    if starts.len() != SCHOOLS || starts[0] != 0 || starts.windows(2).any(|two| two[0] >= two[1]) {
        return Err(format!("found first rows of {} schools, expected {SCHOOLS}, rising from 1", starts.len()));
    }
    Ok(starts)
}

/// An index counted from 1, counted from 0.
fn index(value: f64) -> Result<usize, String> {
    if value.fract() != 0.0 || !(1.0..=1e9).contains(&value) {
        return Err(format!("found index {value}, expected a whole number from 1"));
    }
    Ok(value as usize - 1)
}

/// Rows of 28 features and, last, the target.
fn tasks(rows: Array2<f64>, starts: &[usize]) -> Result<Vec<Task>, String> {
    if rows.ncols() != INPUTS + 1 {
        return Err(format!("found {} columns of features and target, expected {}", rows.ncols(), INPUTS + 1));
    }
    let ends = starts.iter().skip(1).copied().chain([rows.nrows()]);
    if starts.last().is_some_and(|&last| last >= rows.nrows()) {
        return Err(format!("found {} rows, but a school that begins further down", rows.nrows()));
    }
    let task = |(number, (&start, end)): (usize, (&usize, usize))| Task {
        name: format!("school {number}"),
        x: Arc::new(rows.slice(s![start..end, ..INPUTS]).to_owned()),
        y: rows.slice(s![start..end, INPUTS]).to_owned(),
    };
    Ok((1..).zip(starts.iter().zip(ends)).map(task).collect())
}

/// A split from its four columns: training and test rows of the whole table, and where each school begins in them.
fn split(table: &Table, starts: &[usize], ends: &[usize]) -> Result<Split, String> {
    if table.values.ncols() != 4 {
        return Err(format!("found {} columns, expected 4", table.values.ncols()));
    }
    let part = |rows: usize, firsts: usize| -> Result<Vec<Arc<[usize]>>, String> {
        let rows = table.values.column(rows);
        let rows = rows.iter().take_while(|v| !v.is_nan()).map(|&v| index(v)).collect::<Result<Vec<_>, _>>()?;
        let firsts = self::starts(table.values.column(firsts))?;
        let mut parts = Vec::with_capacity(starts.len());
        for (t, &first) in firsts.iter().enumerate() {
            let last = firsts.get(t + 1).copied().unwrap_or(rows.len());
            let of_school =
                rows.get(first..last).ok_or_else(|| format!("a part of {} rows is too short", rows.len()))?;
            if let Some(row) = of_school.iter().find(|row| !(starts[t]..ends[t]).contains(row)) {
                return Err(format!("row {} is not of school {}", row + 1, t + 1));
            }
            let mut of_school: Vec<usize> = of_school.iter().map(|row| row - starts[t]).collect();
            of_school.sort_unstable();
            parts.push(of_school.into());
        }
        Ok(parts)
    };
    Ok(Split { train: part(0, 2)?, valid: vec![Vec::new().into(); starts.len()], test: part(1, 3)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn there_is_a_name_for_each_column() {
        let names = features();
        assert_eq!(
            (names.len(), names[3].as_str(), names[6].as_str()),
            (INPUTS, "% eligible for free school meals", "gender 2")
        );
        assert_eq!((names[20].as_str(), names[27].as_str()), ("ethnic group 11", "constant"));
    }

    fn table(values: Array2<f64>) -> Table {
        Table { columns: (1..=values.ncols()).map(|c| c.to_string()).collect(), values }
    }

    /// Three rows a school; cell `(r, c)` is `100 r + c`.
    fn rows() -> Array2<f64> {
        Array2::from_shape_fn((3 * SCHOOLS, INPUTS + 1), |(r, c)| (100 * r + c) as f64)
    }

    fn every_third() -> Vec<usize> {
        (0..SCHOOLS).map(|t| 3 * t).collect()
    }

    #[test]
    fn rows_go_to_their_schools() {
        let tasks = tasks(rows(), &every_third()).unwrap();
        assert_eq!((tasks.len(), tasks[1].name.as_str(), tasks[138].x.dim()), (SCHOOLS, "school 2", (3, INPUTS)));
        assert_eq!((tasks[1].x[[0, 27]], tasks[1].y.to_vec()), (327.0, vec![328.0, 428.0, 528.0]));
        assert!(super::tasks(Array2::zeros((3, 28)), &[0]).is_err());
        assert!(super::tasks(Array2::zeros((3, 29)), &[0, 3]).unwrap_err().contains("further down"));
    }

    #[test]
    fn schools_must_be_as_many_as_there_are() {
        let cells = |count: usize| table(Array2::from_shape_fn((2 * count, 1), |(r, _)| (1 + r / 2) as f64));
        assert_eq!(starts_of_cells(&cells(SCHOOLS)).unwrap()[..3], [0, 2, 4]);
        assert_eq!(starts_of_cells(&cells(138)).unwrap_err(), "found 138 schools, expected 139");
        let column =
            |first: f64| {
                ndarray::Array1::from_shape_fn(SCHOOLS + 1, |t| {
                    if t == SCHOOLS { f64::NAN } else { first + 3.0 * t as f64 }
                })
            };
        assert_eq!(starts(column(1.0).view()).unwrap(), every_third());
        assert!(starts(column(2.0).view()).unwrap_err().contains("rising from 1"));
        assert!(starts(column(0.5).view()).unwrap_err().contains("found index 0.5"));
    }

    #[test]
    fn split_rows_are_counted_within_their_school() {
        // The first two rows of each school train, in falling order, and the third is for tests.
        let (starts, ends) = (every_third(), every_third().into_iter().map(|s| s + 3).collect::<Vec<_>>());
        let mut values = Array2::from_elem((2 * SCHOOLS, 4), f64::NAN);
        for t in 0..SCHOOLS {
            (values[[2 * t, 0]], values[[2 * t + 1, 0]]) = ((3 * t + 2) as f64, (3 * t + 1) as f64);
            (values[[t, 1]], values[[t, 2]], values[[t, 3]]) = ((3 * t + 3) as f64, (2 * t + 1) as f64, (t + 1) as f64);
        }
        let good = split(&table(values.clone()), &starts, &ends).unwrap();
        assert_eq!((good.train[7].to_vec(), good.test[7].to_vec(), good.valid[7].len()), (vec![0, 1], vec![2], 0));
        values[[5, 1]] = 1.0;
        assert_eq!(split(&table(values), &starts, &ends).unwrap_err(), "row 1 is not of school 6");
    }
}
