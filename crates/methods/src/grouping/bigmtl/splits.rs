//! The splits into training and validation rows on which groups are learned.

use std::borrow::Cow;
use std::sync::Arc;

use mtl_core::{Moments, MultiTask, Seed, Task};
use ndarray::{Axis, concatenate};
use rand::seq::SliceRandom;

use super::lower::{Lower, Quadratics, Upper};
use crate::datafit::LossScale;
use crate::method::Problem;
use crate::solver::SolverError;

/// One split: what weights are fitted to, and what groups are judged by.
pub(super) struct Split {
    pub(super) lower: Lower,
    pub(super) upper: Upper,
}

/// Strengths of the lower level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strengths {
    pub(super) lambda: f64,
    pub(super) eps: f64,
    pub(super) scale: LossScale,
}

impl Strengths {
    /// The lower-level problem on these rows.
    ///
    /// # Errors
    /// If the data are not finite.
    pub(super) fn lower(self, train: &MultiTask) -> Result<Lower, SolverError> {
        Lower::new(Quadratics::new(&Moments::of(train), self.scale), self.lambda, self.eps)
    }

    fn split(self, train: &MultiTask, valid: &MultiTask) -> Result<Split, SolverError> {
        let lower = self.lower(train)?;
        let upper = Upper::new(&lower, Quadratics::new(&Moments::of(valid), self.scale));
        Ok(Split { lower, upper })
    }
}

/// Where splits come from.
pub(super) struct Source<'a> {
    given: Option<(&'a MultiTask, &'a MultiTask)>,
    /// All rows that may train or validate.
    pooled: Cow<'a, MultiTask>,
    /// How many of each task's rows train.
    sizes: Vec<usize>,
    strengths: Strengths,
    seed: Seed,
}

impl<'a> Source<'a> {
    /// Training and validation rows of the problem, or halves of the training rows where there are no others.
    pub(super) fn new(problem: &'a Problem, strengths: Strengths, seed: Seed) -> Self {
        let train = &problem.train;
        let rows = |data: &MultiTask| data.tasks.iter().map(Task::n).collect::<Vec<_>>();
        let (given, pooled, sizes) = match &problem.valid {
            Some(valid) if valid.tasks.iter().all(|task| task.n() > 0) => {
                (Some((train, valid)), Cow::Owned(pool(train, valid)), rows(train))
            }
            _ => (None, Cow::Borrowed(train), rows(train).into_iter().map(|n| n.div_ceil(2)).collect()),
        };
        Self { given, pooled, sizes, strengths, seed }
    }

    /// The split that the problem came with.
    ///
    /// # Errors
    /// If the data are not finite.
    pub(super) fn fixed(&self) -> Result<Split, SolverError> {
        match self.given {
            Some((train, valid)) => self.strengths.split(train, valid),
            None => self.random(0),
        }
    }

    /// The numbered random split of all rows, with as many training rows as the fixed one has.
    ///
    /// # Errors
    /// If the data are not finite.
    pub(super) fn random(&self, number: usize) -> Result<Split, SolverError> {
        let seed = self.seed.stream(&format!("split {number}"));
        let first = self.pooled.distinct_inputs();
        let (mut train, mut valid) = (Vec::<Arc<[usize]>>::new(), Vec::<Arc<[usize]>>::new());
        for (t, task) in self.pooled.tasks.iter().enumerate() {
            if first[t] < t {
                train.push(Arc::clone(&train[first[t]]));
                valid.push(Arc::clone(&valid[first[t]]));
                continue;
            }
            let mut order: Vec<usize> = (0..task.n()).collect();
            order.shuffle(&mut seed.stream(&format!("task {t}")).rng());
            let (mut trained, mut validated) = (order.clone(), order.split_off(self.sizes[t]));
            trained.truncate(self.sizes[t]);
            trained.sort_unstable();
            validated.sort_unstable();
            train.push(trained.into());
            valid.push(validated.into());
        }
        self.strengths.split(&self.pooled.select(&train), &self.pooled.select(&valid))
    }
}

/// The rows of both, task by task; tasks that share their inputs go on sharing them.
fn pool(train: &MultiTask, valid: &MultiTask) -> MultiTask {
    let (first, also) = (train.distinct_inputs(), valid.distinct_inputs());
    let mut tasks: Vec<Task> = Vec::with_capacity(train.n_tasks());
    for (t, (a, b)) in train.tasks.iter().zip(&valid.tasks).enumerate() {
        let known = (first[t] == also[t] && first[t] < t).then(|| Arc::clone(&tasks[first[t]].x));
        // Both have the same features, so the rows fit below each other.
        let below = || concatenate(Axis(0), &[a.x.view(), b.x.view()]).unwrap_or_else(|_| (*a.x).clone());
        let y = concatenate(Axis(0), &[a.y.view(), b.y.view()]).unwrap_or_else(|_| a.y.clone());
        tasks.push(Task { name: a.name.clone(), x: known.unwrap_or_else(|| Arc::new(below())), y });
    }
    MultiTask { tasks, official: None, ..train.clone() }
}
