//! A user's own data: one row a sample, with a column that names its task.

mod samples;
mod target;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::StringRecord;
use indexmap::IndexMap;
use mtl_core::{DataError, MultiTask, Target, Task};
use ndarray::Array2;

use crate::format::csv::{CsvError, CsvFile};
use crate::suggest::quoted;
pub use samples::{Samples, TargetColumn, samples};
use target::{TargetReader, coded};

/// Which column is what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongCsvOptions {
    /// The column that names the task of a sample. Its cells are text.
    pub task: String,
    /// The column to predict.
    pub target: String,
    /// What its cells mean: numbers, or the labels 0 and 1, or -1 and +1, of two classes.
    pub target_kind: Target,
    /// The columns to predict from; every other column if `None`.
    pub features: Option<Vec<String>>,
}

/// What is wrong with a user's data or with what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum LongCsvError {
    /// The file is not there.
    #[error("{}: there is no such file (looked in {})", path.display(), folder.display())]
    NoFile {
        /// The path as given.
        path: PathBuf,
        /// The folder it was looked for in.
        folder: PathBuf,
    },
    /// The file cannot be read as a table of numbers.
    #[error("{source}{}", mend(source))]
    Csv {
        /// What is wrong, and where.
        #[from]
        source: CsvError,
    },
    /// A number that is no label of two classes.
    #[error(
        "{}, line {line}, column `{column}`: found {found}, expected a label of two classes: {expected}",
        path.display()
    )]
    Label {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The target column.
        column: String,
        /// The number.
        found: f64,
        /// What it should have been, and why.
        expected: String,
    },
    /// One column is asked to be two things.
    #[error("column `{column}` is asked to be both {first} and {second}; choose different columns")]
    TwoRoles {
        /// The column.
        column: String,
        /// One of its roles.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Nothing is left to predict from.
    #[error(
        "{}: no feature column is left, expected at least one besides task `{task}` and target `{target}`",
        path.display()
    )]
    NoFeatures {
        /// The file.
        path: PathBuf,
        /// The task column.
        task: String,
        /// The target column.
        target: String,
    },
    /// A task has a single row.
    #[error(
        "{}, line {line}: task {} has this row only, expected at least two rows a task; \
         add rows or remove the task",
        path.display(),
        quoted(task)
    )]
    OneRow {
        /// The file.
        path: PathBuf,
        /// The line of the row.
        line: usize,
        /// The task.
        task: String,
    },
    /// A task's target never changes.
    #[error(
        "{}, line {line} and on: the target `{target}` of task {} is {value} in all {rows} rows, \
         expected it to vary; remove the task, or check that `{target}` is the column to predict",
        path.display(),
        quoted(task)
    )]
    ConstantTarget {
        /// The file.
        path: PathBuf,
        /// The line of the task's first row.
        line: usize,
        /// The target column.
        target: String,
        /// The task.
        task: String,
        /// The value.
        value: f64,
        /// Number of rows of the task.
        rows: usize,
    },
    /// The tasks do not fit together.
    #[error("{}: {source}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: DataError,
    },
}

/// What to do about it.
fn mend(error: &CsvError) -> &'static str {
    match error {
        CsvError::Cell { expected, .. } if *expected == TASK_NAME => "\ngive the row a task, or remove it",
        CsvError::Cell { found, .. } if found == "an empty cell" => {
            "\nmissing values are not filled in: fill the cell, or remove the row or the column"
        }
        CsvError::Cell { .. } => "\ncorrect the cell, or choose the feature columns so that this one is left out",
        CsvError::Ragged { .. } => "\nadd or remove cells, or put quotes around a cell with a comma in it",
        CsvError::HeaderOnly { .. } | CsvError::Empty { .. } => "\ncheck that this is the file you mean",
        _ => "",
    }
}

const TASK_NAME: &str = "the name of a task";

/// Rows of one task as they come in.
#[derive(Default)]
struct Rows {
    line: usize,
    x: Vec<f64>,
    y: Vec<f64>,
}

/// Reads a long table. Tasks keep the order in which they first appear, and rows that of the file.
pub fn read(path: &Path, options: &LongCsvOptions) -> Result<MultiTask, LongCsvError> {
    check_roles(options)?;
    let mut file = open(path)?;
    let task = file.position(&options.task)?;
    let target = file.position(&options.target)?;
    let features: Vec<usize> = match &options.features {
        Some(names) => names.iter().map(|name| file.position(name)).collect::<Result<_, _>>()?,
        None => (0..file.header.len()).filter(|&column| column != task && column != target).collect(),
    };
    if features.is_empty() {
        let (task, target) = (options.task.clone(), options.target.clone());
        return Err(LongCsvError::NoFeatures { path: path.into(), task, target });
    }
    let mut target = TargetReader::new(options.target_kind, target);
    let mut tasks: IndexMap<String, Rows> = IndexMap::new();
    while let Some(row) = file.next_row()? {
        let name = task_name(&file, &row, task)?;
        if !tasks.contains_key(name) {
            tasks.insert(name.into(), Rows { line: file.line_of(&row), ..Rows::default() });
        }
        let rows = &mut tasks[name];
        file.numbers(&row, &features, &mut rows.x)?;
        rows.y.push(target.read(&file, &row)?);
    }
    let names = features.iter().map(|&column| file.header[column].clone()).collect();
    let tasks = tasks.into_iter().map(|(name, rows)| to_task(path, options, features.len(), name, rows));
    let tasks = tasks.collect::<Result<_, _>>()?;
    MultiTask::new(names, options.target_kind, tasks).map_err(|source| LongCsvError::Data { path: path.into(), source })
}

fn open(path: &Path) -> Result<CsvFile, LongCsvError> {
    if !path.exists() {
        let folder = std::path::absolute(path).ok().and_then(|p| p.parent().map(Path::to_path_buf)).unwrap_or_default();
        return Err(LongCsvError::NoFile { path: path.into(), folder });
    }
    Ok(CsvFile::open(path)?)
}

fn task_name<'r>(file: &CsvFile, row: &'r StringRecord, column: usize) -> Result<&'r str, LongCsvError> {
    match row.get(column) {
        Some(name) if !name.is_empty() => Ok(name),
        _ => Err(file.bad_cell(row, column, TASK_NAME).into()),
    }
}

fn check_roles(options: &LongCsvOptions) -> Result<(), LongCsvError> {
    let clash = |column: &str, first, second| Err(LongCsvError::TwoRoles { column: column.into(), first, second });
    if options.task == options.target {
        return clash(&options.task, "task", "target");
    }
    let features = options.features.as_deref().unwrap_or_default();
    for (index, feature) in features.iter().enumerate() {
        if *feature == options.task {
            return clash(feature, "task", "feature");
        }
        if *feature == options.target {
            return clash(feature, "target", "feature");
        }
        if features[..index].contains(feature) {
            return clash(feature, "one feature", "another feature");
        }
    }
    Ok(())
}

fn to_task(path: &Path, options: &LongCsvOptions, p: usize, name: String, rows: Rows) -> Result<Task, LongCsvError> {
    let n = rows.y.len();
    if n < 2 {
        return Err(LongCsvError::OneRow { path: path.into(), line: rows.line, task: name });
    }
    if rows.y.iter().all(|&y| y == rows.y[0]) {
        return Err(LongCsvError::ConstantTarget {
            path: path.into(),
            line: rows.line,
            target: options.target.clone(),
            task: name,
            value: rows.y[0],
            rows: n,
        });
    }
    let x = Array2::from_shape_vec((n, p), rows.x).expect("as many numbers as features in every row");
    Ok(Task { name, x: Arc::new(x), y: coded(options.target_kind, rows.y) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn options(features: Option<&[&str]>) -> LongCsvOptions {
        LongCsvOptions {
            task: "school".into(),
            target: "score".into(),
            target_kind: Target::Regression,
            features: features.map(|f| f.iter().map(|n| n.to_string()).collect()),
        }
    }

    fn read_text(text: &str, options: &LongCsvOptions) -> Result<MultiTask, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.csv");
        std::fs::write(&path, text).unwrap();
        let prefix = path.display().to_string();
        read(&path, options).map_err(|e| e.to_string().replace(&prefix, "d.csv"))
    }

    const GOOD: &str = "age,school,score,size\n1,north,5,9\n2,7,6,8\n3,north,7,7\n4,7,8,6\n";

    #[test]
    fn tasks_keep_their_order_and_are_text() {
        let data = read_text(GOOD, &options(None)).unwrap();
        assert_eq!(data.task_names(), ["north", "7"]);
        assert_eq!(data.features.to_vec(), ["age", "size"]);
        assert_eq!(*data.tasks[0].x, array![[1.0, 9.0], [3.0, 7.0]]);
        assert_eq!(data.tasks[1].y, array![6.0, 8.0]);
        assert_eq!(data.target, Target::Regression);
    }

    #[test]
    fn features_can_be_chosen_and_text_elsewhere_does_no_harm() {
        let text = GOOD.replace("age", "note").replace("\n1,", "\nhello,");
        let data = read_text(&text, &options(Some(&["size"]))).unwrap();
        assert_eq!(*data.tasks[0].x, array![[9.0], [7.0]]);
        assert!(read_text(&text, &options(None)).unwrap_err().contains("column `note`: found `hello`"));
    }

    #[test]
    fn every_fault_says_where_what_and_what_to_do() {
        let fails = |text: &str, options: &LongCsvOptions, expected: &str| {
            assert_eq!(read_text(text, options).unwrap_err(), expected);
        };
        let all = options(None);
        fails(
            &GOOD.replace("score", "scores"),
            &all,
            "d.csv: there is no column `score`; did you mean `scores`?\ncolumns: `age`, `school`, `scores`, `size`",
        );
        fails(
            &GOOD.replace("\n3,", "\nthree,"),
            &all,
            "d.csv, line 4, column `age`: found `three`, expected a number, with a decimal point\n\
             correct the cell, or choose the feature columns so that this one is left out",
        );
        fails(
            &GOOD.replace("\n3,", "\n,"),
            &all,
            "d.csv, line 4, column `age`: found an empty cell, expected a number, with a decimal point\n\
             missing values are not filled in: fill the cell, or remove the row or the column",
        );
        fails(
            &GOOD.replace(",7,7\n", ",nan,7\n"),
            &all,
            "d.csv, line 4, column `score`: found `nan`, expected a finite number\n\
             correct the cell, or choose the feature columns so that this one is left out",
        );
        fails(
            &GOOD.replace("3,north,", "3,,"),
            &all,
            "d.csv, line 4, column `school`: found an empty cell, expected the name of a task\n\
             give the row a task, or remove it",
        );
        fails(
            &GOOD.replace("3,north", "3,south"),
            &all,
            "d.csv, line 2: task `north` has this row only, expected at least two rows a task; \
             add rows or remove the task",
        );
        fails(
            &GOOD.replace("north,7", "north,5"),
            &all,
            "d.csv, line 2 and on: the target `score` of task `north` is 5 in all 2 rows, expected it to vary; \
             remove the task, or check that `score` is the column to predict",
        );
        fails(
            &GOOD.replace("\n3,", "\n3,3,"),
            &all,
            "d.csv, line 4: expected 4 cells as in the line of column names, found 5\n\
             add or remove cells, or put quotes around a cell with a comma in it",
        );
        fails(
            "school,score\na,1\na,2\n",
            &all,
            "d.csv: no feature column is left, expected at least one besides task `school` and target `score`",
        );
        fails(
            "",
            &all,
            "d.csv: the file is empty, expected a line of column names and then data\n\
             check that this is the file you mean",
        );
        fails(
            "age,school,score\n",
            &all,
            "d.csv: there are column names but no rows below them\ncheck that this is the file you mean",
        );
        fails(
            GOOD,
            &options(Some(&[])),
            "d.csv: no feature column is left, expected at least one besides task `school` and target `score`",
        );
    }

    #[test]
    fn a_column_has_one_role() {
        let fails = |options: &LongCsvOptions, expected: &str| {
            assert_eq!(read_text(GOOD, options).unwrap_err(), expected);
        };
        let roles = "is asked to be both";
        fails(
            &options(Some(&["score"])),
            &format!("column `score` {roles} target and feature; choose different columns"),
        );
        fails(
            &options(Some(&["age", "school"])),
            &format!("column `school` {roles} task and feature; choose different columns"),
        );
        fails(
            &options(Some(&["age", "age"])),
            &format!("column `age` {roles} one feature and another feature; choose different columns"),
        );
        let same = LongCsvOptions { target: "school".into(), ..options(None) };
        fails(&same, &format!("column `school` {roles} task and target; choose different columns"));
    }

    #[test]
    fn labels_are_zero_and_one_or_minus_and_plus_one() {
        let text = |labels: [&str; 4]| {
            let rows: String = labels.iter().enumerate().map(|(i, y)| format!("{i},{},{y}\n", i % 2)).collect();
            format!("age,school,score\n{rows}")
        };
        let binary = LongCsvOptions { target_kind: Target::Binary, ..options(None) };
        for labels in [["1", "0", "0", "1"], ["1", "-1", "-1.0", "+1"]] {
            let data = read_text(&text(labels), &binary).unwrap();
            assert_eq!(data.target, Target::Binary);
            assert_eq!((&data.tasks[0].y, &data.tasks[1].y), (&array![1.0, -1.0], &array![-1.0, 1.0]));
        }
        let fails = |labels: [&str; 4], expected: &str| {
            assert_eq!(read_text(&text(labels), &binary).unwrap_err(), format!("d.csv, {expected}"));
        };
        let found = "column `score`: found";
        fails(
            ["1", "0", "0.5", "1"],
            &format!("line 4, {found} 0.5, expected a label of two classes: 0 or 1, as line 3 has 0"),
        );
        fails(["2", "1", "1", "2"], &format!("line 2, {found} 2, expected a label of two classes: 0 or 1, or -1 or 1"));
        fails(
            ["1", "-1", "0", "1"],
            &format!("line 4, {found} 0, expected a label of two classes: -1 or 1, as line 3 has -1"),
        );
        fails(
            ["yes", "1", "1", "0"],
            "line 2, column `score`: found `yes`, expected a number, with a decimal point\n\
             correct the cell, or choose the feature columns so that this one is left out",
        );
        fails(
            ["0", "1", "0", "0"],
            "line 2 and on: the target `score` of task `0` is 0 in all 2 rows, expected it to vary; remove the task, \
             or check that `score` is the column to predict",
        );
    }

    #[test]
    fn a_missing_file_says_where_it_was_looked_for() {
        let error = read(Path::new("/no/such/d.csv"), &options(None)).unwrap_err().to_string();
        assert_eq!(error, "/no/such/d.csv: there is no such file (looked in /no/such)");
    }
}
