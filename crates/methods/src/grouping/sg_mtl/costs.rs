//! What groups of tasks cost, each at its own best weights: with that known, a grouping's cost is a sum.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::Array2;

use super::group::{self, GroupFit, Limits, Outcome};
use super::task::TaskLoss;
use crate::method::Context;
use crate::solver::SolverError;

/// A group's strength, by its number where strengths differ, and its tasks in increasing order.
type Key = (usize, Vec<usize>);

/// Fits by their groups.
pub(super) type Fits = HashMap<Key, Arc<GroupFit>>;

/// Fits that are known. Those of [`Costs::fit`] depend on their keys and on what was known before this object was made,
/// never on the order of questions, so that threads may share it.
pub(super) struct Costs<'a> {
    losses: &'a [TaskLoss<'a>],
    p: usize,
    strengths: Vec<f64>,
    mu: f64,
    limits: Limits,
    context: &'a Context,
    /// Weights at another strength, to start from.
    before: Fits,
    /// Every task's weights in a group of its own.
    singles: Vec<Arc<GroupFit>>,
    known: Mutex<HashMap<Key, Known>>,
}

#[derive(Debug, Clone)]
enum Known {
    Fit(Arc<GroupFit>),
    AtLeast(f64),
}

impl<'a> Costs<'a> {
    /// `strengths` are `lambda_g`, one a group; `lambda` is that of tasks on their own.
    pub(super) fn new(
        losses: &'a [TaskLoss<'a>],
        p: usize,
        (lambda, strengths): (f64, Vec<f64>),
        mu: f64,
        limits: Limits,
        before: Fits,
        context: &'a Context,
    ) -> Result<Self, SolverError> {
        let known = Mutex::new(HashMap::new());
        let mut costs = Self { losses, p, strengths, mu, limits, context, before, singles: Vec::new(), known };
        let single = |t: usize| {
            let start = costs.before.get(&(0, vec![t])).map_or_else(|| vec![0.0; p], |fit| fit.of_task(0, p));
            match group::fit(&[&losses[t]], lambda, vec![start], limits, context)? {
                Outcome::Fit(fit) => Ok(Arc::new(fit)),
                Outcome::AtLeast(_) => Err(SolverError::NotFinite),
            }
        };
        costs.singles = (0..losses.len()).map(single).collect::<Result<_, _>>()?;
        if costs.strengths.iter().all(|s| *s == lambda) {
            let known = costs.singles.iter().enumerate().map(|(t, fit)| ((0, vec![t]), Known::Fit(Arc::clone(fit))));
            costs.known = Mutex::new(known.collect());
        }
        Ok(costs)
    }

    pub(super) fn n_tasks(&self) -> usize {
        self.losses.len()
    }

    pub(super) fn n_groups(&self) -> usize {
        self.strengths.len()
    }

    pub(super) fn n_features(&self) -> usize {
        self.p
    }

    /// Whether all groups are alike.
    pub(super) fn is_symmetric(&self) -> bool {
        self.strengths.windows(2).all(|s| s[0] == s[1])
    }

    pub(super) fn strengths(&self) -> &[f64] {
        &self.strengths
    }

    pub(super) fn mu(&self) -> f64 {
        self.mu
    }

    pub(super) fn context(&self) -> &Context {
        self.context
    }

    /// Every task's weights in a group of its own, and their loss.
    pub(super) fn alone(&self) -> (Array2<f64>, f64) {
        let columns: Vec<Vec<f64>> = self.singles.iter().map(|fit| fit.of_task(0, self.p)).collect();
        let weights = Array2::from_shape_fn((self.p, columns.len()), |(j, t)| columns[t][j]);
        (weights, self.singles.iter().map(|fit| fit.loss).sum())
    }

    /// The same grouping with groups numbered by their first tasks, where numbers mean nothing.
    pub(super) fn numbered(&self, groups: Vec<usize>) -> Vec<usize> {
        if !self.is_symmetric() {
            return groups;
        }
        let mut numbers: Vec<usize> = Vec::new();
        let number = |g: usize| {
            numbers.iter().position(|&known| known == g).unwrap_or_else(|| {
                numbers.push(g);
                numbers.len() - 1
            })
        };
        groups.into_iter().map(number).collect()
    }

    fn key(&self, g: usize, tasks: &[usize]) -> Key {
        (if self.is_symmetric() { 0 } else { g }, tasks.to_vec())
    }

    /// The fit of these tasks as group `g`.
    pub(super) fn fit(&self, g: usize, tasks: &[usize]) -> Result<Arc<GroupFit>, SolverError> {
        self.fit_below(g, tasks, f64::INFINITY, None)?.ok_or(SolverError::NotFinite)
    }

    /// The same, unless the group provably costs `ceiling` or more; from given weights, one list a task of all tasks.
    fn fit_below(
        &self,
        g: usize,
        tasks: &[usize],
        ceiling: f64,
        from: Option<&[Vec<f64>]>,
    ) -> Result<Option<Arc<GroupFit>>, SolverError> {
        let key = self.key(g, tasks);
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match lock().get(&key) {
            Some(Known::Fit(fit)) => return Ok(Some(Arc::clone(fit))),
            Some(Known::AtLeast(bound)) if *bound >= ceiling => return Ok(None),
            _ => {}
        }
        let before = self.before.get(&key);
        let start = |(i, &t): (usize, &usize)| match (from, before) {
            (Some(weights), _) => weights[t].clone(),
            (None, Some(fit)) => fit.of_task(i, self.p),
            (None, None) => self.singles[t].of_task(0, self.p),
        };
        let losses: Vec<&TaskLoss<'_>> = tasks.iter().map(|&t| &self.losses[t]).collect();
        let start = tasks.iter().enumerate().map(start).collect();
        let limits = Limits { ceiling, ..self.limits };
        match group::fit(&losses, self.strengths[g], start, limits, self.context)? {
            Outcome::Fit(fit) => {
                let fit = Arc::new(fit);
                lock().insert(key, Known::Fit(Arc::clone(&fit)));
                Ok(Some(fit))
            }
            Outcome::AtLeast(bound) => {
                // A fit by another thread says more than a bound.
                lock().entry(key).or_insert(Known::AtLeast(bound));
                Ok(None)
            }
        }
    }

    /// What the tasks cost as group `g`, less what the fusion term grants them for being together.
    pub(super) fn of_group(&self, g: usize, tasks: &[usize]) -> Result<f64, SolverError> {
        if tasks.is_empty() {
            return Ok(0.0);
        }
        Ok(self.fit(g, tasks)?.value() - self.mu * (tasks.len() * tasks.len()) as f64)
    }

    /// The same, unless it is provably `ceiling` or more. The fit starts from weights of all tasks, one list each; who
    /// asks has to do so in an order that does not depend on threads.
    pub(super) fn below(
        &self,
        g: usize,
        tasks: &[usize],
        ceiling: f64,
        from: &[Vec<f64>],
    ) -> Result<Option<f64>, SolverError> {
        if tasks.is_empty() {
            return Ok(Some(0.0));
        }
        let together = self.mu * (tasks.len() * tasks.len()) as f64;
        Ok(self.fit_below(g, tasks, ceiling + together, Some(from))?.map(|fit| fit.value() - together))
    }

    /// A task's part of the dual objective at the point that belongs to its weights, and that point: minus the
    /// gradient.
    pub(super) fn dual_of(&self, t: usize, weights: &[f64]) -> (f64, Vec<f64>) {
        let point = self.losses[t].at(weights);
        let pairing: f64 = weights.iter().zip(&point.slack).map(|(w, v)| w * v).sum();
        (point.value + pairing, point.slack)
    }

    /// What the tasks cost at least as group `g`, by a dual point, less what the fusion term grants them.
    pub(super) fn at_least(&self, g: usize, tasks: &[usize], duals: &[(f64, Vec<f64>)]) -> f64 {
        let mut squares = vec![0.0; self.p];
        for &t in tasks {
            squares.iter_mut().zip(&duals[t].1).for_each(|(s, v)| *s += v * v);
        }
        let largest = squares.iter().fold(0.0_f64, |max, s| max.max(*s));
        let value = tasks.iter().map(|&t| duals[t].0).sum::<f64>() - largest / (4.0 * self.strengths[g]);
        value - self.mu * (tasks.len() * tasks.len()) as f64
    }

    /// What the fusion term charges before any task is with another.
    pub(super) fn apart(&self) -> f64 {
        self.mu * (self.n_tasks() * self.n_tasks()) as f64
    }

    /// All fits, to start others from.
    pub(super) fn into_fits(self) -> Fits {
        let known = self.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        let fits = known.into_iter().filter_map(|(key, known)| match known {
            Known::Fit(fit) => Some((key, fit)),
            Known::AtLeast(_) => None,
        });
        let singles = self.singles.into_iter().enumerate().map(|(t, fit)| ((0, vec![t]), fit));
        singles.chain(fits).collect()
    }
}

/// Tasks of each group, in increasing order.
pub(super) fn members(groups: &[usize], n_groups: usize) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); n_groups];
    groups.iter().enumerate().for_each(|(t, &g)| members[g].push(t));
    members
}
