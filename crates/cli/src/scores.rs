//! How well a model predicts each task.

use std::collections::BTreeMap;

use mtl_core::{Metric, MultiTask, Target};
use mtl_methods::Model;
use ndarray::Array1;
use serde::Serialize;
use serde::ser::SerializeMap;

use crate::table::{Column, Table, number};

/// Measures of one task.
pub struct TaskScores {
    /// The task.
    pub name: String,
    /// Number of samples.
    pub n: usize,
    /// Every measure of a task, in the order of listings; `None` where these targets do not have it.
    pub metrics: Vec<(Metric, Option<f64>)>,
}

/// Measures of a model.
#[derive(Default)]
pub struct Scores {
    /// Those of each task.
    pub tasks: Vec<TaskScores>,
    /// Those of all rows together, in the order of listings.
    pub pooled: Vec<(Metric, f64)>,
}

impl Scores {
    /// Judges predictions: name, targets and predictions of each task.
    pub fn of(target: Target, tasks: &[(String, Array1<f64>, Array1<f64>)]) -> Self {
        let (pooled, of_task): (Vec<_>, Vec<_>) =
            Metric::of_predictions(target).into_iter().partition(|metric| metric.is_pooled());
        let pairs: Vec<_> = tasks.iter().map(|(_, y, predicted)| (y, predicted)).collect();
        let judge = |(name, y, predicted): &(String, Array1<f64>, Array1<f64>)| TaskScores {
            name: name.clone(),
            n: y.len(),
            metrics: of_task.iter().map(|&m| (m, m.of_task(y, predicted))).collect(),
        };
        Self {
            tasks: tasks.iter().map(judge).collect(),
            pooled: pooled.into_iter().filter_map(|m| Some((m, m.of_pool(&pairs)?))).collect(),
        }
    }

    /// Judges a model on data.
    pub fn of_model(model: &Model, data: &MultiTask) -> Self {
        let tasks = data.tasks.iter().enumerate();
        let tasks: Vec<_> =
            tasks.map(|(t, task)| (task.name.clone(), task.y.clone(), model.predict(t, &task.x))).collect();
        Self::of(data.target, &tasks)
    }

    /// The measure over all tasks: its mean over those that have it, each with the same weight, or the pooled one.
    pub fn overall(&self, metric: Metric) -> Option<f64> {
        if let Some((_, value)) = self.pooled.iter().find(|(m, _)| *m == metric) {
            return Some(*value);
        }
        let values = self.tasks.iter().flat_map(|task| &task.metrics).filter(|(m, _)| *m == metric);
        let values: Vec<f64> = values.filter_map(|(_, value)| *value).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// One line a task, with the tasks' labels where there are any, and one for the means. A measure that no task has
    /// is left out.
    pub fn table(&self, labels: &BTreeMap<String, Vec<usize>>) -> Table {
        let metrics = self.tasks.iter().take(1).flat_map(|task| &task.metrics).map(|(metric, _)| *metric);
        let metrics: Vec<(Metric, f64)> = metrics.filter_map(|m| Some((m, self.overall(m)?))).collect();
        let names = metrics.iter().map(|(metric, _)| metric.name()).chain(labels.keys().map(String::as_str));
        let columns = ["n"].into_iter().chain(names).map(|name| (name, Column::Right));
        let mut table = Table::new([("task", Column::Left)].into_iter().chain(columns));
        for (t, task) in self.tasks.iter().enumerate() {
            let shown = task.metrics.iter().filter(|(m, _)| metrics.iter().any(|(shown, _)| shown == m));
            let values = shown.map(|(_, value)| value.map(number).unwrap_or_default());
            let labels = labels.values().map(|labels| labels[t].to_string());
            table.row([task.name.clone(), task.n.to_string()].into_iter().chain(values).chain(labels));
        }
        if self.tasks.len() > 1 {
            let means = metrics.iter().map(|(_, mean)| number(*mean));
            table.row(["(mean)".to_owned(), String::new()].into_iter().chain(means));
        }
        table
    }
}

/// `tasks`, and the pooled measures by their names as `pooled`, where there are any.
impl Serialize for Scores {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("tasks", &self.tasks)?;
        if !self.pooled.is_empty() {
            let pooled: BTreeMap<&str, f64> = self.pooled.iter().map(|(m, value)| (m.name(), *value)).collect();
            map.serialize_entry("pooled", &pooled)?;
        }
        map.end()
    }
}

/// `name`, `n` and the measures that the task has by their names, side by side.
impl Serialize for TaskScores {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("n", &self.n)?;
        for (metric, value) in self.metrics.iter().filter_map(|(metric, value)| Some((metric, (*value)?))) {
            map.serialize_entry(metric.name(), &value)?;
        }
        map.end()
    }
}
