//! The weights of one group of tasks, to a certified optimum.

use super::rows::Rows;
use super::task::{Point, TaskLoss};
use crate::method::Context;
use crate::solver::SolverError;

/// Rows that the first working set has at least, and how many times the rows in use any other has.
const WORKING_SET: (usize, usize) = (32, 2);

/// How much of the gap is left after the work on one working set.
const SHARE: f64 = 0.1;

/// Share of the promised decrease that a step has to bring.
const ARMIJO: f64 = 1e-4;

/// Relative precision of an objective.
const ROUNDING: f64 = 1e-13;

/// Halvings of a step at most.
const HALVINGS: usize = 40;

/// Working sets in a row that may bring neither a lower objective nor a narrower gap: rounding is then all that is
/// left.
const STALLS: usize = 3;

/// The weights of a group and what they cost.
#[derive(Debug, Clone)]
pub(super) struct GroupFit {
    /// Features in use.
    pub(super) features: Vec<usize>,
    /// Their weights, one list a task.
    pub(super) weights: Vec<Vec<f64>>,
    /// One a task.
    pub(super) intercepts: Vec<f64>,
    pub(super) loss: f64,
    /// `lambda (sum_j ||W_j:||)^2`.
    pub(super) penalty: f64,
    /// How far loss and penalty together can be above their least.
    pub(super) gap: f64,
    pub(super) sweeps: usize,
    pub(super) converged: bool,
}

impl GroupFit {
    pub(super) fn value(&self) -> f64 {
        self.loss + self.penalty
    }

    /// The weights of one task, by its position in the group.
    pub(super) fn of_task(&self, i: usize, p: usize) -> Vec<f64> {
        let mut w = vec![0.0; p];
        self.features.iter().zip(&self.weights[i]).for_each(|(&j, v)| w[j] = *v);
        w
    }
}

/// What a fit came to.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Fit(GroupFit),
    /// The least cost of the group is this or more.
    AtLeast(f64),
}

/// When a fit ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Gap relative to the cost.
    pub(super) tolerance: f64,
    pub(super) max_sweeps: usize,
    /// Groups that provably cost as much need no fit.
    pub(super) ceiling: f64,
}

/// `min sum_t L_t(w_t) + lambda (sum_j ||W_j:||)^2` over the tasks of a group, from `start` (one list of all features a
/// task).
///
/// The conjugate of the penalty is `max_j ||V_j:||^2 / (4 lambda)`, finite everywhere, so that `V = -grad L(W)` is
/// itself a dual point, with the gap `lambda S^2 + max_j ||V_j:||^2 / (4 lambda) - <W, V>`. Rows outside a working set
/// are zero; within it the loss, or its second-order expansion with a line search, is minimised by [`Rows`].
pub(super) fn fit(
    tasks: &[&TaskLoss<'_>],
    lambda: f64,
    start: Vec<Vec<f64>>,
    limits: Limits,
    context: &Context,
) -> Result<Outcome, SolverError> {
    let mut weights = start;
    let mut sweeps = 0;
    let (mut stalls, mut least, mut narrowest) = (0, f64::INFINITY, f64::INFINITY);
    loop {
        context.check()?;
        let points: Vec<Point> = tasks.iter().zip(&weights).map(|(task, w)| task.at(w)).collect();
        let rows = Survey::of(&weights, &points);
        let loss: f64 = points.iter().map(|point| point.value).sum();
        let penalty = lambda * rows.sum * rows.sum;
        let gap = (penalty + rows.largest_slack() / (4.0 * lambda) - rows.pairing).max(0.0);
        let value = loss + penalty;
        if !(value + gap).is_finite() {
            return Err(SolverError::NotFinite);
        }
        stalls = if value < least || gap < narrowest { 0 } else { stalls + 1 };
        (least, narrowest) = (least.min(value), narrowest.min(gap));
        let converged = gap <= limits.tolerance * value;
        if converged || sweeps >= limits.max_sweeps || stalls >= STALLS {
            let features: Vec<usize> = (0..rows.norms.len()).filter(|&j| rows.norms[j] > 0.0).collect();
            return Ok(Outcome::Fit(GroupFit {
                weights: weights.iter().map(|w| features.iter().map(|&j| w[j]).collect()).collect(),
                features,
                intercepts: points.iter().map(|point| point.intercept).collect(),
                loss,
                penalty,
                gap,
                sweeps,
                converged,
            }));
        }
        if value - gap >= limits.ceiling {
            return Ok(Outcome::AtLeast(value - gap));
        }
        let features = rows.working_set(2.0 * lambda * rows.sum);
        let models = tasks.iter().zip(&points).map(|(task, point)| task.around(point, &features)).collect();
        let among = weights.iter().map(|w| features.iter().map(|&j| w[j]).collect()).collect();
        let mut inner = Rows::new(lambda, models, among);
        let before = inner.objective();
        let wanted = (SHARE * gap).max(0.3 * limits.tolerance * value);
        sweeps += inner.descend(wanted, limits.max_sweeps - sweeps);
        let mut target = weights.clone();
        for (target, found) in target.iter_mut().zip(&inner.weights) {
            features.iter().zip(found).for_each(|(&j, v)| target[j] = *v);
        }
        weights = if tasks.iter().all(|task| task.is_quadratic()) {
            target
        } else {
            let promised = (before - inner.objective()).max(0.0);
            search(tasks, lambda, (weights, value), target, promised)
        };
    }
}

/// The first point on the way from one to the other that brings enough of what was promised.
fn search(
    tasks: &[&TaskLoss<'_>],
    lambda: f64,
    (from, value): (Vec<Vec<f64>>, f64),
    to: Vec<Vec<f64>>,
    promised: f64,
) -> Vec<Vec<f64>> {
    let mut step = 1.0;
    for _ in 0..HALVINGS {
        let point: Vec<Vec<f64>> = if step == 1.0 {
            to.clone()
        } else {
            from.iter().zip(&to).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + step * (b - a)).collect()).collect()
        };
        let loss: f64 = tasks.iter().zip(&point).map(|(task, w)| task.value(w)).sum();
        let sum: f64 = row_norms(&point).iter().sum();
        // Near the optimum both sides are rounding, and the full step is as good as any that does not go up.
        if loss + lambda * sum * sum <= value - ARMIJO * step * promised + ROUNDING * value {
            return point;
        }
        step /= 2.0;
    }
    from
}

/// `||W_j:||` over the tasks of a group.
pub(super) fn row_norms(weights: &[Vec<f64>]) -> Vec<f64> {
    let mut squares = vec![0.0; weights.first().map_or(0, Vec::len)];
    for w in weights {
        squares.iter_mut().zip(w).for_each(|(s, w)| *s += w * w);
    }
    squares.iter().map(|s| s.sqrt()).collect()
}

/// What weights and slack have row by row.
struct Survey {
    norms: Vec<f64>,
    sum: f64,
    /// Squared norms of the rows of the slack.
    slack: Vec<f64>,
    pairing: f64,
}

impl Survey {
    fn of(weights: &[Vec<f64>], points: &[Point]) -> Self {
        let norms = row_norms(weights);
        let mut slack = vec![0.0; norms.len()];
        let mut pairing = 0.0;
        for (w, point) in weights.iter().zip(points) {
            for ((square, v), w) in slack.iter_mut().zip(&point.slack).zip(w) {
                *square += v * v;
                pairing += v * w;
            }
        }
        Self { sum: norms.iter().sum(), norms, slack, pairing }
    }

    fn largest_slack(&self) -> f64 {
        self.slack.iter().fold(0.0, |max, s| max.max(*s))
    }

    /// The rows in use and those of zeros that want to be used most.
    fn working_set(&self, threshold: f64) -> Vec<usize> {
        let active = self.norms.iter().filter(|norm| **norm > 0.0).count();
        let size = (WORKING_SET.1 * active).max(WORKING_SET.0);
        let mut others: Vec<usize> =
            (0..self.norms.len()).filter(|&j| self.norms[j] == 0.0 && self.slack[j] > threshold * threshold).collect();
        others.sort_by(|&a, &b| self.slack[b].total_cmp(&self.slack[a]).then(a.cmp(&b)));
        others.truncate(size - active);
        let mut rows: Vec<usize> = (0..self.norms.len()).filter(|&j| self.norms[j] > 0.0).chain(others).collect();
        rows.sort_unstable();
        rows
    }
}
