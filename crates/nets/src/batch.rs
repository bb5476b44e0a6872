//! Samples of many tasks, and the order in which minibatches take them.

use std::sync::Arc;

use mtl_core::seed::Seed;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::real::Real;

/// Samples of one task.
#[derive(Debug, Clone)]
pub struct Samples<R> {
    /// `rows x inputs`, row by row. Tasks may share it.
    pub inputs: Arc<Vec<R>>,
    /// `rows x outputs`, row by row.
    pub targets: Vec<R>,
}

/// Samples of all tasks.
#[derive(Debug, Clone)]
pub struct Data<R> {
    /// One entry a task.
    pub tasks: Vec<Samples<R>>,
    /// Inputs of a sample.
    pub inputs: usize,
    /// Targets of a sample.
    pub outputs: usize,
    /// Weight of a task's samples in a pooled batch; see [`Data::balance`].
    pub weights: Vec<f64>,
}

impl<R: Real> Data<R> {
    /// Samples that all weigh the same.
    pub fn new(tasks: Vec<Samples<R>>, inputs: usize, outputs: usize) -> Self {
        let weights = vec![1.0; tasks.len()];
        Self { tasks, inputs, outputs, weights }
    }

    /// Weights `mean_s(N_s) / N_t` by the sizes of a pool that the samples may be a part of.
    #[must_use]
    pub fn balance(mut self, sizes: &[usize]) -> Self {
        let mean = sizes.iter().sum::<usize>() as f64 / sizes.len().max(1) as f64;
        self.weights = sizes.iter().map(|&n| if n == 0 { 0.0 } else { mean / n as f64 }).collect();
        self
    }

    /// Number of samples of a task.
    pub fn rows(&self, task: usize) -> usize {
        self.tasks[task].targets.len() / self.outputs.max(1)
    }

    /// Number of samples of all tasks.
    pub fn len(&self) -> usize {
        (0..self.tasks.len()).map(|task| self.rows(task)).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first thing in which this is no set of samples for a network of that size.
    pub(crate) fn mistake(&self, tasks: usize, inputs: usize, outputs: usize) -> Option<String> {
        if self.tasks.len() != tasks || self.inputs != inputs || self.outputs != outputs {
            let [a, b, c] = [self.tasks.len(), self.inputs, self.outputs];
            return Some(format!(
                "{a} tasks, {b} inputs and {c} outputs, where the network has {tasks}, {inputs} and {outputs}"
            ));
        }
        if self.weights.len() != tasks {
            return Some(format!("{} weights for {tasks} tasks", self.weights.len()));
        }
        (0..tasks).find_map(|task| {
            let Samples { inputs: x, targets } = &self.tasks[task];
            let right = targets.len() == self.rows(task) * outputs && x.len() == self.rows(task) * inputs;
            (!right).then(|| format!("{} inputs for {} targets in task {task}", x.len(), targets.len()))
        })
    }
}

/// Which samples a step sees, sorted by task.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Where each task's samples start, and the end of the last.
    pub starts: Vec<usize>,
    /// Task and row of every sample.
    pub samples: Vec<(u32, u32)>,
    /// What each sample's loss counts, per task.
    pub weights: Vec<f64>,
}

impl Batch {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// All samples of the tasks, each task's loss a mean, and these averaged over tasks.
    pub fn all<R: Real>(data: &Data<R>) -> Self {
        let mut batch = Self { starts: vec![0], ..Self::default() };
        for task in 0..data.tasks.len() {
            let rows = data.rows(task);
            batch.samples.extend((0..rows).map(|row| (narrow(task), narrow(row))));
            batch.starts.push(batch.samples.len());
            batch.weights.push(1.0 / (rows.max(1) * data.tasks.len()) as f64);
        }
        batch
    }
}

/// How minibatches are made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batching {
    /// So many samples of every task. The loss is the mean over tasks of the mean over the task's samples. Tasks with
    /// fewer samples than the longest start again. Each task has its own order.
    EqualRows(usize),
    /// So many samples of all tasks together, sorted by task: `sum_i w_i loss_i / sum_i w_i`. If that is more than
    /// half of them, all. The last, short batch of an epoch is kept.
    Pooled(usize),
}

/// The minibatches of one epoch after another.
#[derive(Debug, Clone)]
pub struct Order {
    batching: Batching,
    seed: Seed,
    sizes: Vec<usize>,
    weights: Vec<f64>,
    labels: Vec<String>,
    epoch: usize,
    at: usize,
    /// One order a task, or one of all samples.
    shuffled: Vec<Vec<(u32, u32)>>,
    /// How often each task has started again, in all epochs.
    rounds: Vec<usize>,
}

#[allow(clippy::cast_possible_truncation)]
fn narrow(i: usize) -> u32 {
    debug_assert!(u32::try_from(i).is_ok());
    i as u32
}

impl Order {
    /// The order for some samples. `labels` name the tasks' random streams under [`Batching::EqualRows`]: a task's order
    /// does not depend on which others there are.
    pub fn new<R: Real>(batching: Batching, data: &Data<R>, labels: &[String], seed: &Seed) -> Self {
        let sizes: Vec<usize> = (0..data.tasks.len()).map(|task| data.rows(task)).collect();
        let each = |task: usize| (0..sizes[task]).map(move |row| (narrow(task), narrow(row)));
        let shuffled = match batching {
            Batching::EqualRows(_) => (0..sizes.len()).map(|task| each(task).collect()).collect(),
            Batching::Pooled(_) => vec![(0..sizes.len()).flat_map(each).collect()],
        };
        let rounds = vec![0; sizes.len()];
        let (labels, weights) = (labels.to_vec(), data.weights.clone());
        Self { batching, seed: seed.clone(), weights, labels, epoch: 0, at: 0, shuffled, rounds, sizes }
    }

    /// Number of steps of an epoch.
    pub fn steps(&self) -> usize {
        match self.batching {
            Batching::EqualRows(size) => self.sizes.iter().map(|&n| n.div_ceil(size.max(1))).max().unwrap_or(0),
            Batching::Pooled(_) => self.shuffled[0].len().div_ceil(self.pooled()),
        }
    }

    /// Size of a pooled batch.
    fn pooled(&self) -> usize {
        let (Batching::Pooled(size) | Batching::EqualRows(size)) = self.batching;
        let n = self.shuffled[0].len();
        (if 2 * size > n { n } else { size }).max(1)
    }

    /// Fills in the next minibatch; `false` at the end of an epoch, after which the next one starts.
    pub fn next(&mut self, batch: &mut Batch) -> bool {
        if self.at == self.steps() {
            self.at = 0;
            self.epoch += 1;
            return false;
        }
        batch.samples.clear();
        batch.starts.clear();
        batch.starts.push(0);
        batch.weights.clear();
        match self.batching {
            Batching::EqualRows(size) => self.equal(size.max(1), batch),
            Batching::Pooled(_) => self.mixed(batch),
        }
        self.at += 1;
        true
    }

    fn equal(&mut self, size: usize, batch: &mut Batch) {
        let tasks = self.sizes.len();
        for (task, order) in self.shuffled.iter_mut().enumerate() {
            let n = order.len();
            let steps = n.div_ceil(size);
            let part = if steps == 0 { 0 } else { self.at % steps };
            if part == 0 {
                let stream = format!("order/{}/{}", self.labels[task], self.rounds[task]);
                order.shuffle(&mut self.seed.stream(&stream).rng());
                self.rounds[task] += 1;
            }
            let rows = &order[part * size..n.min((part + 1) * size)];
            batch.samples.extend_from_slice(rows);
            batch.starts.push(batch.samples.len());
            batch.weights.push(1.0 / (rows.len().max(1) * tasks) as f64);
        }
    }

    fn mixed(&mut self, batch: &mut Batch) {
        let size = self.pooled();
        let order = &mut self.shuffled[0];
        if self.at == 0 {
            order.shuffle(&mut self.seed.stream(&format!("order/{}", self.epoch)).rng());
        }
        batch.samples.extend_from_slice(&order[self.at * size..order.len().min((self.at + 1) * size)]);
        batch.samples.sort_unstable();
        let mut sum = 0.0;
        for (task, weight) in self.weights.iter().enumerate() {
            let end = batch.samples.partition_point(|&(t, _)| t as usize <= task);
            sum += weight * (end - batch.starts[task]) as f64;
            batch.starts.push(end);
        }
        batch.weights.extend(self.weights.iter().map(|w| w / sum));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(sizes: &[usize]) -> Data<f32> {
        let samples = |&n: &usize| Samples { inputs: Arc::new(vec![0.0; n]), targets: vec![0.0; n] };
        Data::new(sizes.iter().map(samples).collect(), 1, 1)
    }

    fn labels(n: usize) -> Vec<String> {
        (0..n).map(|i| i.to_string()).collect()
    }

    #[test]
    fn a_pooled_epoch_sees_every_sample_once_sorted_by_task() {
        let data = data(&[40, 0, 25]).balance(&[40, 0, 25]);
        let mut order = Order::new(Batching::Pooled(16), &data, &labels(3), &Seed::of(&1));
        let (mut batch, mut seen) = (Batch::default(), Vec::new());
        let mut sizes = Vec::new();
        while order.next(&mut batch) {
            assert!(batch.samples.is_sorted());
            let total: f64 = (0..3).map(|t| batch.weights[t] * (batch.starts[t + 1] - batch.starts[t]) as f64).sum();
            assert!((total - 1.0).abs() < 1e-12);
            seen.extend_from_slice(&batch.samples);
            sizes.push(batch.len());
        }
        assert_eq!(sizes, [16, 16, 16, 16, 1]);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 65);
        let mut whole = Order::new(Batching::Pooled(33), &data, &labels(3), &Seed::of(&1));
        assert!(whole.next(&mut batch) && batch.len() == 65 && !whole.next(&mut batch));
    }

    #[test]
    fn equal_rows_start_again_where_a_task_is_short() {
        let data = data(&[10, 4]);
        let mut order = Order::new(Batching::EqualRows(4), &data, &labels(2), &Seed::of(&1));
        let mut batch = Batch::default();
        let mut sizes = Vec::new();
        while order.next(&mut batch) {
            sizes.push((batch.starts[1], batch.starts[2] - batch.starts[1]));
        }
        assert_eq!(sizes, [(4, 4), (4, 4), (2, 4)]);
    }
}
