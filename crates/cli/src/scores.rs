//! How well a model predicts each task.

use std::collections::BTreeMap;

use mtl_core::{Metric, MultiTask};
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
    /// Every measure that applies, in the order of listings.
    pub metrics: Vec<(Metric, f64)>,
}

impl TaskScores {
    /// Judges predictions of one task.
    pub fn of(name: &str, metrics: &[Metric], y: &Array1<f64>, predicted: &Array1<f64>) -> Self {
        let measured = metrics.iter().filter_map(|&m| Some((m, m.of_task(y, predicted)?))).collect();
        Self { name: name.to_owned(), n: y.len(), metrics: measured }
    }
}

/// Judges a model on every task.
pub fn scores(model: &Model, data: &MultiTask) -> Vec<TaskScores> {
    let metrics = Metric::of_predictions(data.target);
    let tasks = data.tasks.iter().enumerate();
    tasks.map(|(t, task)| TaskScores::of(&task.name, &metrics, &task.y, &model.predict(t, &task.x))).collect()
}

/// Means over tasks, each with the same weight.
pub fn means(tasks: &[TaskScores]) -> Vec<(Metric, f64)> {
    let Some(first) = tasks.first() else { return Vec::new() };
    let mean = |i: usize| tasks.iter().map(|t| t.metrics[i].1).sum::<f64>() / tasks.len() as f64;
    first.metrics.iter().enumerate().map(|(i, (metric, _))| (*metric, mean(i))).collect()
}

/// One line a task, with the tasks' labels where there are any, and one for the means.
pub fn table(tasks: &[TaskScores], labels: &BTreeMap<String, Vec<usize>>) -> Table {
    let metrics = tasks.iter().take(1).flat_map(|t| &t.metrics).map(|(metric, _)| metric.name());
    let names = ["n"].into_iter().chain(metrics).chain(labels.keys().map(String::as_str));
    let mut table = Table::new([("task", Column::Left)].into_iter().chain(names.map(|name| (name, Column::Right))));
    for (t, task) in tasks.iter().enumerate() {
        let labels = labels.values().map(|labels| labels[t].to_string());
        let values = task.metrics.iter().map(|(_, value)| number(*value));
        table.row([task.name.clone(), task.n.to_string()].into_iter().chain(values).chain(labels));
    }
    if tasks.len() > 1 {
        let values = means(tasks).into_iter().map(|(_, value)| number(value));
        table.row(["(mean)".to_owned(), String::new()].into_iter().chain(values));
    }
    table
}

/// `name`, `n` and the measures by their names, side by side.
impl Serialize for TaskScores {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2 + self.metrics.len()))?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("n", &self.n)?;
        for (metric, value) in &self.metrics {
            map.serialize_entry(metric.name(), value)?;
        }
        map.end()
    }
}
