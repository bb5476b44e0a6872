//! Tasks and the set of tasks a method learns together.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::Split;

/// What is wrong with a set of tasks, in words a user can act on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DataError {
    /// There is nothing to learn from.
    #[error("{0}: no task left; at least one task with two rows is needed")]
    NoTasks(String),
    /// A task's shapes contradict each other or the other tasks'.
    #[error("task `{task}`: {detail}")]
    Shape {
        /// The task at fault.
        task: String,
        /// What was found and what was expected.
        detail: String,
    },
    /// A value is NaN or infinite.
    #[error("task `{task}`, row {row}, {column}: {value} is not a finite number")]
    NotFinite {
        /// The task at fault.
        task: String,
        /// Row within the task, counted from 1.
        row: usize,
        /// `feature NAME` or `target`.
        column: String,
        /// The value found.
        value: f64,
    },
    /// A class label is none of the classes.
    #[error("task `{task}`, row {row}: {value} is not a class from 0 to {}", classes - 1)]
    Class {
        /// The task at fault.
        task: String,
        /// Row within the task, counted from 1.
        row: usize,
        /// The label found.
        value: f64,
        /// Number of classes.
        classes: u32,
    },
    /// A split that comes with the data does not fit them.
    #[error("official split {number}: {detail}")]
    Split {
        /// Its number, counted from 1.
        number: usize,
        /// What was found and what was expected.
        detail: String,
    },
}

/// One task: `n_t` samples of `p` features and one target value each.
#[derive(Debug, Clone)]
pub struct Task {
    /// Name shown in tables and files.
    pub name: String,
    /// Inputs, `n_t x p`. Tasks with the same inputs share one allocation, and everything computed from it.
    pub x: Arc<Array2<f64>>,
    /// Targets, `n_t`.
    pub y: Array1<f64>,
}

impl Task {
    /// Number of samples.
    pub fn n(&self) -> usize {
        self.y.len()
    }
}

/// What the target values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A real number.
    Regression,
    /// A class label, -1 or +1.
    Binary,
    /// One of so many classes, from 0; all tasks have the same.
    Classes(u32),
}

impl Target {
    /// Name of its kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Binary => "binary",
            Self::Classes(_) => "classes",
        }
    }

    /// In words: what there is to predict.
    pub fn described(self) -> String {
        match self {
            Self::Regression => "numbers".into(),
            Self::Binary => "labels of two classes".into(),
            Self::Classes(classes) => format!("labels of {classes} classes"),
        }
    }
}

/// The parameters a synthetic data set was drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// True weights, features x tasks.
    pub weights: Array2<f64>,
    /// Features that matter to the tasks jointly (the row-sparse part).
    pub shared_rows: Vec<usize>,
    /// Group of each task.
    pub groups: Vec<usize>,
    /// Tasks whose weights do not follow the shared pattern.
    pub outliers: Vec<usize>,
    /// Which weights are meant to be there, where others are not zero but noise; the non-zero ones if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<Array2<bool>>,
}

impl Truth {
    /// Whether the weights are meant to be there, features x tasks.
    pub fn support(&self) -> Array2<bool> {
        self.support.clone().unwrap_or_else(|| self.weights.mapv(|w| w != 0.0))
    }

    /// Group of each task, if there is more than one group.
    pub fn several_groups(&self) -> Option<&[usize]> {
        self.groups.iter().any(|g| *g != self.groups[0]).then_some(self.groups.as_slice())
    }
}

/// Several tasks over the same features.
#[derive(Debug, Clone)]
pub struct MultiTask {
    /// Names of the `p` features.
    pub features: Arc<[String]>,
    /// What the targets are.
    pub target: Target,
    /// The tasks, in the order of the columns of every weight matrix.
    pub tasks: Vec<Task>,
    /// The true parameters, for synthetic data.
    pub truth: Option<Arc<Truth>>,
    /// The splits that the data are distributed with, if any.
    pub official: Option<Arc<[Split]>>,
    /// For classes that are only more or less likely: how likely each is, rows x classes, one matrix a task. A row's label
    /// is the likeliest.
    pub likelihoods: Option<Arc<[Array2<f64>]>>,
}

impl MultiTask {
    /// Checks that the tasks fit together: one width, as many targets as rows, finite values throughout.
    pub fn new(features: Vec<String>, target: Target, tasks: Vec<Task>) -> Result<Self, DataError> {
        if tasks.is_empty() {
            return Err(DataError::NoTasks("the data set".into()));
        }
        let p = features.len();
        for task in &tasks {
            let shape = |detail: String| DataError::Shape { task: task.name.clone(), detail };
            if task.x.ncols() != p {
                return Err(shape(format!("{} feature columns, expected {p}", task.x.ncols())));
            }
            if task.x.nrows() != task.n() {
                return Err(shape(format!("{} rows of features but {} targets", task.x.nrows(), task.n())));
            }
            if task.n() == 0 {
                return Err(shape("no rows".into()));
            }
            if let Some(((row, column), &value)) = task.x.indexed_iter().find(|(_, v)| !v.is_finite()) {
                let column = format!("feature `{}`", features[column]);
                return Err(DataError::NotFinite { task: task.name.clone(), row: row + 1, column, value });
            }
            if let Some((row, &value)) = task.y.indexed_iter().find(|(_, v)| !v.is_finite()) {
                return Err(DataError::NotFinite {
                    task: task.name.clone(),
                    row: row + 1,
                    column: "target".into(),
                    value,
                });
            }
            if let Target::Classes(classes) = target
                && let Some((row, &value)) =
                    task.y.indexed_iter().find(|(_, v)| v.fract() != 0.0 || !(0.0..f64::from(classes)).contains(*v))
            {
                return Err(DataError::Class { task: task.name.clone(), row: row + 1, value, classes });
            }
        }
        Ok(Self { features: features.into(), target, tasks, truth: None, official: None, likelihoods: None })
    }

    /// Attaches how likely classes are, rows x classes, one matrix a task.
    ///
    /// # Errors
    /// If the matrices are not those of the tasks' rows and classes, a row is no distribution, or its likeliest class is not
    /// the row's label.
    pub fn with_likelihoods(mut self, likelihoods: Vec<Array2<f64>>) -> Result<Self, DataError> {
        let Target::Classes(classes) = self.target else {
            let detail = format!("likelihoods of classes, but {} to predict", self.target.described());
            return Err(DataError::Shape { task: self.tasks[0].name.clone(), detail });
        };
        for (t, task) in self.tasks.iter().enumerate() {
            let shape = |detail: String| DataError::Shape { task: task.name.clone(), detail };
            let expected = (task.n(), classes as usize);
            let Some(rows) = likelihoods.get(t).filter(|rows| rows.dim() == expected) else {
                let found =
                    likelihoods.get(t).map_or("no likelihoods".into(), |rows| format!("{:?} likelihoods", rows.dim()));
                return Err(shape(format!("{found}, expected {expected:?}")));
            };
            for (i, (row, label)) in rows.rows().into_iter().zip(&task.y).enumerate() {
                if !(row.iter().all(|p| *p >= 0.0) && (row.sum() - 1.0).abs() < 1e-6) {
                    return Err(shape(format!("the likelihoods in row {} are no distribution", i + 1)));
                }
                if likeliest(row.iter().copied()) as f64 != *label {
                    return Err(shape(format!("{label} is not the likeliest class in row {}", i + 1)));
                }
            }
        }
        self.likelihoods = Some(likelihoods.into());
        Ok(self)
    }

    /// Attaches the parameters the data was drawn from.
    #[must_use]
    pub fn with_truth(mut self, truth: Truth) -> Self {
        self.truth = Some(Arc::new(truth));
        self
    }

    /// Attaches the splits that the data are distributed with.
    ///
    /// # Errors
    /// If there is none, or one names another number of tasks, a row that is not there, or a row twice.
    pub fn with_official(mut self, splits: Vec<Split>) -> Result<Self, DataError> {
        if splits.is_empty() {
            return Err(DataError::Split { number: 0, detail: "there is no split".into() });
        }
        for (number, split) in (1..).zip(&splits) {
            split.check(&self).map_err(|detail| DataError::Split { number, detail })?;
        }
        self.official = Some(splits.into());
        Ok(self)
    }

    /// Number of features `p`.
    pub fn n_features(&self) -> usize {
        self.features.len()
    }

    /// Number of tasks `m`.
    pub fn n_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Samples over all tasks; rows of shared inputs count once per task.
    pub fn n_samples(&self) -> usize {
        self.tasks.iter().map(Task::n).sum()
    }

    /// Rows over all tasks; those of shared inputs count once.
    pub fn n_rows(&self) -> usize {
        let first = self.distinct_inputs();
        self.tasks.iter().enumerate().filter(|(t, _)| first[*t] == *t).map(|(_, task)| task.n()).sum()
    }

    /// Whether all tasks look at one and the same input matrix.
    pub fn shares_inputs(&self) -> bool {
        self.tasks.iter().all(|t| Arc::ptr_eq(&t.x, &self.tasks[0].x))
    }

    /// Names of the tasks, in column order.
    pub fn task_names(&self) -> Vec<String> {
        self.tasks.iter().map(|t| t.name.clone()).collect()
    }

    /// For each task, the index of the first task with the very same inputs: work done per distinct input
    /// matrix is done once.
    pub fn distinct_inputs(&self) -> Vec<usize> {
        (0..self.n_tasks())
            .map(|t| (0..t).find(|&s| Arc::ptr_eq(&self.tasks[s].x, &self.tasks[t].x)).unwrap_or(t))
            .collect()
    }

    /// The same tasks with other inputs and targets. `f` maps inputs once per distinct matrix, so sharing survives;
    /// `g` maps every task's target. Both receive the index of the task.
    #[must_use]
    pub fn map(
        &self,
        mut f: impl FnMut(usize, &Array2<f64>) -> Array2<f64>,
        mut g: impl FnMut(usize, &Array1<f64>) -> Array1<f64>,
    ) -> Self {
        let first = self.distinct_inputs();
        let mut tasks: Vec<Task> = Vec::with_capacity(self.n_tasks());
        for (t, task) in self.tasks.iter().enumerate() {
            let x = if first[t] < t { Arc::clone(&tasks[first[t]].x) } else { Arc::new(f(t, &task.x)) };
            tasks.push(Task { name: task.name.clone(), x, y: g(t, &task.y) });
        }
        Self { tasks, ..self.clone() }
    }

    /// Some of the tasks, in the given order. The truth and official splits stay behind: they speak of all of them.
    #[must_use]
    pub fn subset(&self, tasks: &[usize]) -> Self {
        let likelihoods = self.likelihoods.as_ref().map(|all| tasks.iter().map(|&t| all[t].clone()).collect());
        let tasks = tasks.iter().map(|&t| self.tasks[t].clone()).collect();
        let features = Arc::clone(&self.features);
        Self { features, target: self.target, tasks, truth: None, official: None, likelihoods }
    }

    /// The given rows of each task. Tasks that share inputs and are given the same row list share the result. Official
    /// splits stay behind: their row numbers are those of the whole.
    #[must_use]
    pub fn select(&self, rows: &[Arc<[usize]>]) -> Self {
        let first: Vec<usize> = (0..self.n_tasks())
            .map(|t| {
                (0..t).find(|&s| Arc::ptr_eq(&self.tasks[s].x, &self.tasks[t].x) && rows[s] == rows[t]).unwrap_or(t)
            })
            .collect();
        let mut tasks: Vec<Task> = Vec::with_capacity(self.n_tasks());
        for (t, task) in self.tasks.iter().enumerate() {
            let x =
                if first[t] < t { Arc::clone(&tasks[first[t]].x) } else { Arc::new(task.x.select(Axis(0), &rows[t])) };
            tasks.push(Task { name: task.name.clone(), x, y: task.y.select(Axis(0), &rows[t]) });
        }
        let select = |(all, rows): (&Array2<f64>, &Arc<[usize]>)| all.select(Axis(0), rows);
        let likelihoods = self.likelihoods.as_ref().map(|all| all.iter().zip(rows).map(select).collect());
        Self { tasks, official: None, likelihoods, ..self.clone() }
    }
}

/// The position of the largest number; of equal ones the first.
pub fn likeliest(scores: impl Iterator<Item = f64>) -> usize {
    let first = (0, f64::NEG_INFINITY);
    scores.enumerate().fold(first, |best, (i, score)| if score > best.1 { (i, score) } else { best }).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn shared() -> MultiTask {
        let x = Arc::new(array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
        let task = |name: &str, y| Task { name: name.into(), x: Arc::clone(&x), y };
        MultiTask::new(
            vec!["a".into(), "b".into()],
            Target::Regression,
            vec![task("s", array![1.0, 2.0, 3.0]), task("t", array![0.0, 1.0, 0.0])],
        )
        .unwrap()
    }

    #[test]
    fn selecting_the_same_rows_keeps_inputs_shared() {
        let data = shared();
        let rows: Arc<[usize]> = vec![2, 0].into();
        let picked = data.select(&[Arc::clone(&rows), rows]);
        assert!(picked.shares_inputs());
        assert_eq!(*picked.tasks[1].x, array![[5.0, 6.0], [1.0, 2.0]]);
        assert_eq!(picked.tasks[0].y, array![3.0, 1.0]);
        let apart = data.select(&[vec![0].into(), vec![1].into()]);
        assert!(!apart.shares_inputs());
    }

    #[test]
    fn classes_are_checked_and_their_likelihoods_go_with_the_rows() {
        let classes = |y: Array1<f64>| {
            let task = Task { name: "s".into(), x: Arc::new(Array2::ones((3, 1))), y };
            MultiTask::new(vec!["a".into()], Target::Classes(3), vec![task])
        };
        let wrong = classes(array![0.0, 3.0, 1.0]).unwrap_err();
        assert_eq!(wrong.to_string(), "task `s`, row 2: 3 is not a class from 0 to 2");
        assert!(classes(array![0.0, 0.5, 1.0]).is_err() && classes(array![0.0, -1.0, 1.0]).is_err());
        let data = classes(array![0.0, 2.0, 1.0]).unwrap();
        let soft = array![[0.5, 0.3, 0.2], [0.0, 0.1, 0.9], [0.4, 0.6, 0.0]];
        let with = data.clone().with_likelihoods(vec![soft.clone()]).unwrap();
        let picked = with.select(&[vec![2, 0].into()]);
        assert_eq!(picked.likelihoods.unwrap()[0], soft.select(Axis(0), &[2, 0]));
        assert_eq!(with.subset(&[0]).likelihoods.unwrap()[0], soft);
        let refuse = |likelihoods: Vec<Array2<f64>>, part: &str| {
            let error = data.clone().with_likelihoods(likelihoods).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refuse(vec![], "no likelihoods, expected (3, 3)");
        refuse(vec![soft.slice(ndarray::s![.., ..2]).to_owned()], "(3, 2) likelihoods, expected (3, 3)");
        refuse(vec![&soft * 2.0], "the likelihoods in row 1 are no distribution");
        refuse(vec![soft.select(Axis(0), &[0, 2, 1])], "2 is not the likeliest class in row 2");
    }

    #[test]
    fn bad_values_are_named() {
        let x = Arc::new(array![[1.0, f64::NAN]]);
        let task = Task { name: "s".into(), x, y: array![1.0] };
        let error = MultiTask::new(vec!["a".into(), "b".into()], Target::Regression, vec![task]).unwrap_err();
        assert_eq!(error.to_string(), "task `s`, row 1, feature `b`: NaN is not a finite number");
    }
}
