//! The row lasso with a ridge, for many more features than rows: from the rows themselves or their Gram matrices,
//! without a decomposition of either.

use mtl_core::Moments;
use mtl_core::moments::Gram;
use ndarray::Array2;

use super::coordinate::{Costs, TaskLasso};
use super::{Convergence, DualPoint, Gap, ResidualKind, Solution, SolverError, Stopping, Value};
use crate::datafit::Logistic;
use crate::method::Context;
use crate::penalty::row::norm;

/// Sweeps over the rows that are not zero, between two sweeps over all, and the share of the first one's decrease below
/// which another is not worth it.
const ACTIVE_SWEEPS: usize = 100;
const WORTHWHILE: f64 = 1e-2;

/// Steps towards the length of a row, of which some 5 are used.
const LENGTH_STEPS: usize = 60;

/// Halvings of a Newton step before the search gives up.
const HALVINGS: usize = 40;

/// Share of the promised decrease that a Newton step has to bring.
const ARMIJO: f64 = 1e-4;

/// Relative precision of an objective.
const ROUNDING: f64 = 1e-13;

/// How much smaller than the present gap that of a Newton step's model has to be, and the least such share: it falls
/// where a step does not get on.
const INNER: f64 = 1e-2;
const INNER_LEAST: f64 = 1e-8;

/// Rounds of a Newton step's model. More of them would serve a model that the next step replaces.
const INNER_ROUNDS: usize = 200;

/// Features from which on the model of a Newton step keeps its rows: `X'X` is not worth its products for one use.
const MANY_FEATURES: usize = 64;

/// `rows sum_j ||W_j:||_2 + ridge/2 ||W||_F^2`. With one task that is the elastic net.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowLasso {
    /// Strength of the row norms.
    pub rows: f64,
    /// Strength of half the squared norm.
    pub ridge: f64,
}

/// What is known of a loss at a point.
struct Point {
    loss: f64,
    /// Minus the gradient, features x tasks.
    slack: Array2<f64>,
}

impl RowLasso {
    /// Its value at `w`.
    pub fn value(&self, w: &Array2<f64>) -> f64 {
        let each = w.rows().into_iter().map(|row| {
            let squares = row.dot(&row);
            self.rows * squares.sqrt() + self.ridge / 2.0 * squares
        });
        each.sum()
    }

    /// The objective and its duality gap at the dual points `s G` with `G = -grad L(W)`,
    ///
    /// `sum_j (Omega(W_j:) - s <W_j:, G_j:> + (s ||G_j:|| - rows)_+^2 / (2 ridge)) + divergence(s)`,
    ///
    /// for `s = 1` and for the largest `s` that leaves every row of `G` without the ridge's pull in the ball. The
    /// divergence is that of the loss, `L(W) + L*(s grad L(W)) - s <W, grad L(W)>`.
    fn gap(&self, w: &Array2<f64>, point: &Point, divergence: impl Fn(f64) -> f64) -> Gap {
        let penalty = self.value(w);
        let value = Value { total: point.loss + penalty, loss: point.loss, penalty };
        let pairing: f64 = w.iter().zip(&point.slack).map(|(w, g)| w * g).sum();
        let pulled = w
            .rows()
            .into_iter()
            .zip(point.slack.rows())
            .map(|(w, g)| w.iter().zip(g).map(|(w, g)| (g - self.ridge * w).powi(2)).sum::<f64>().sqrt());
        let longest = pulled.fold(0.0, f64::max);
        let inside = if longest > self.rows { self.rows / longest } else { 1.0 };
        let at = |s: f64| {
            let beyond: f64 =
                point.slack.rows().into_iter().map(|g| (s * g.dot(&g).sqrt() - self.rows).max(0.0).powi(2)).sum();
            let conjugate = if self.ridge > 0.0 {
                beyond / (2.0 * self.ridge)
            } else if s <= inside {
                0.0
            } else {
                f64::INFINITY
            };
            penalty - s * pairing + conjugate + divergence(s)
        };
        let gap = at(inside).min(if inside < 1.0 { at(1.0) } else { f64::INFINITY });
        // A gap that is not a number certifies nothing; rounding can take that of an exact solution below zero.
        Gap { value, gap: if gap.is_nan() { f64::INFINITY } else { gap.max(0.0) } }
    }

    /// Minimises `sum_t c_t/2 ||y_t - X_t w_t||^2` plus this penalty from `start`, by coordinate descent over the rows
    /// of `W`, with Newton steps where there is one task only.
    ///
    /// # Errors
    /// If an iterate is not finite or the run is interrupted.
    pub fn squares(
        &self,
        (moments, factors): (&Moments, &[f64]),
        start: Array2<f64>,
        stopping: Stopping,
        context: &Context,
    ) -> Result<Solution, SolverError> {
        let m = moments.n_tasks();
        let each = || (0..m).zip(factors).map(|(t, &c)| (t, c, &moments.xty.column(t) * c));
        let mut tasks: Vec<TaskLasso<'_>> = each()
            .map(|(t, c, b)| {
                let costs = Costs::symmetric(if m == 1 { self.rows } else { 0.0 }, start.nrows());
                TaskLasso::new(&moments.gram[t], c, self.ridge, costs, b.to_vec(), start.column(t).to_vec())
            })
            .collect();
        let mut trace = Vec::new();
        let mut w = start;
        for iteration in 0..=stopping.max_iterations {
            context.check()?;
            let mut point = Point { loss: 0.0, slack: Array2::zeros(w.raw_dim()) };
            for ((t, c, b), task) in each().zip(&tasks) {
                let mut energy = c * moments.yty[t];
                for (j, b) in b.iter().enumerate() {
                    let slack = task.slack(j) + self.ridge * task.w[j];
                    point.slack[[j, t]] = slack;
                    energy -= task.w[j] * (b + slack);
                }
                point.loss += (energy / 2.0).max(0.0);
            }
            let gap = self.gap(&w, &point, |s| (1.0 - s).powi(2) * point.loss);
            if !gap.value.total.is_finite() {
                return Err(SolverError::NotFinite);
            }
            trace.push(gap.value.total);
            let converged = gap.relative() <= stopping.tolerance;
            if converged || iteration == stopping.max_iterations {
                return Ok(solved(w, gap, iteration, converged, trace));
            }
            match tasks.as_mut_slice() {
                [task] => task.settle(),
                tasks => self.round(tasks),
            }
            for (t, task) in tasks.iter().enumerate() {
                w.column_mut(t).iter_mut().zip(&task.w).for_each(|(w, v)| *w = *v);
            }
        }
        Err(SolverError::NotFinite)
    }

    /// Sweeps over all rows of the weights, then over those that are not zero.
    fn round(&self, tasks: &mut [TaskLasso<'_>]) {
        tasks.iter_mut().for_each(TaskLasso::refresh);
        let p = tasks.first().map_or(0, |task| task.w.len());
        let mut row = RowUpdate::new(tasks.len());
        for j in 0..p {
            row.apply(self.rows, tasks, j);
        }
        let active: Vec<usize> = (0..p).filter(|&j| tasks.iter().any(|task| task.w[j] != 0.0)).collect();
        let mut first = 0.0;
        for sweep in 0..ACTIVE_SWEEPS {
            let decrease: f64 = active.iter().map(|&j| row.apply(self.rows, tasks, j)).sum();
            if sweep == 0 {
                first = decrease;
            }
            if decrease <= WORTHWHILE * first {
                break;
            }
        }
    }

    /// Minimises a logistic loss plus this penalty from `start`: proximal Newton steps, each of them a squared loss
    /// (Lee, Sun and Saunders 2014).
    ///
    /// # Errors
    /// If an iterate is not finite or the run is interrupted.
    pub fn logistic(
        &self,
        loss: &Logistic<'_>,
        start: Array2<f64>,
        stopping: Stopping,
        context: &Context,
    ) -> Result<Solution, SolverError> {
        let mut w = start;
        let mut at = loss.at(&w);
        let mut trace: Vec<f64> = Vec::new();
        let mut share = INNER;
        for iteration in 0..=stopping.max_iterations {
            context.check()?;
            let point = Point { loss: at.value, slack: -&at.gradient };
            let gap = self.gap(&w, &point, |s| loss.divergence(&at, s));
            let total = gap.value.total;
            if !total.is_finite() {
                return Err(SolverError::NotFinite);
            }
            // No progress to speak of: more precision within the step, or none is left.
            if trace.last().is_some_and(|before| total >= before * (1.0 - ROUNDING)) {
                share *= INNER;
            }
            trace.push(total);
            let converged = gap.relative() <= stopping.tolerance;
            if converged || share < INNER_LEAST || iteration == stopping.max_iterations {
                return Ok(solved(w, gap, iteration, converged, trace));
            }
            let local = loss.local_moments(&at, |root| {
                if root.ncols() > MANY_FEATURES { Gram::Root(root) } else { Gram::Full(root.t().dot(&root)) }
            });
            let model = |w: &Array2<f64>| {
                let each = local.gram.iter().zip(w.columns()).enumerate().map(|(t, (gram, w))| {
                    let bent = gram.times(&w.to_owned());
                    (local.yty[t] + w.dot(&(bent - &(&local.xty.column(t) * 2.0)))) / 2.0
                });
                each.sum::<f64>() + self.value(w)
            };
            let here = model(&w);
            let wanted = (share * gap.gap.min(total) / here.max(f64::MIN_POSITIVE)).clamp(1e-14, 0.1);
            let inner = Stopping { tolerance: wanted, max_iterations: INNER_ROUNDS, ..stopping };
            let factors = vec![1.0; local.n_tasks()];
            let target = self.squares((&local, &factors), w.clone(), inner, context)?;
            let promised = here - target.value.total;
            let [target] = target.components.as_slice() else { return Err(SolverError::NotFinite) };
            let direction = target - &w;
            let mut step = 1.0;
            for _ in 0..HALVINGS {
                let moved = &w + &(&direction * step);
                let there = loss.at(&moved);
                let decrease = total - there.value - self.value(&moved);
                if decrease >= ARMIJO * step * promised.max(0.0) - ROUNDING * total {
                    (w, at) = (moved, there);
                    break;
                }
                step /= 2.0;
            }
            if promised <= 0.0 && step < 1.0 {
                share *= INNER;
            }
        }
        Err(SolverError::NotFinite)
    }
}

fn solved(w: Array2<f64>, gap: Gap, iterations: usize, converged: bool, trace: Vec<f64>) -> Solution {
    let rule = ResidualKind::RelativeDualityGap;
    let convergence = Convergence { rule, residual: gap.relative(), iterations, converged };
    Solution { components: vec![w], value: gap.value, convergence, trace, dual: DualPoint::default() }
}

/// The exact minimiser over one row of the weights, with buffers for all tasks.
struct RowUpdate {
    curvature: Vec<f64>,
    target: Vec<f64>,
}

impl RowUpdate {
    fn new(m: usize) -> Self {
        Self { curvature: vec![0.0; m], target: vec![0.0; m] }
    }

    /// Minimises over row `j`, `sum_t h_t/2 x_t^2 - u_t x_t + strength ||x||`; a measure of the decrease.
    ///
    /// With `v = ||x||`, `x_t = u_t v / (h_t v + strength)`, and `v` is the root of
    /// `sum_t (u_t / (h_t v + strength))^2 = 1`: Newton steps on the inverse root of the left side, which is concave
    /// in `v`, from the curvatures' upper end, which lies left of it.
    fn apply(&mut self, strength: f64, tasks: &mut [TaskLasso<'_>], j: usize) -> f64 {
        let Self { curvature, target } = self;
        for ((h, u), task) in curvature.iter_mut().zip(target.iter_mut()).zip(&*tasks) {
            *h = task.curvature(j);
            *u = task.slack(j) + *h * task.w[j];
        }
        let pull = norm(target);
        let steepest = curvature.iter().fold(0.0_f64, |most, &h| most.max(h));
        let mut length = if pull > strength && steepest > 0.0 { (pull - strength) / steepest } else { 0.0 };
        if length > 0.0 && strength > 0.0 {
            for _ in 0..LENGTH_STEPS {
                let (mut square, mut slope) = (0.0, 0.0);
                for (h, u) in curvature.iter().zip(&*target) {
                    let below = h * length + strength;
                    let ratio = u / below;
                    square += ratio * ratio;
                    slope += ratio * ratio * h / below;
                }
                let root = square.sqrt();
                let step = (root - 1.0) * square / slope.max(f64::MIN_POSITIVE);
                length += step;
                if step.abs() <= 4.0 * f64::EPSILON * length {
                    break;
                }
            }
        }
        let mut decrease = 0.0;
        for ((h, u), task) in curvature.iter().zip(&*target).zip(tasks) {
            let x =
                if length > 0.0 && h * length + strength > 0.0 { u * length / (h * length + strength) } else { 0.0 };
            decrease += h * (x - task.w[j]).powi(2);
            task.set(j, x);
        }
        decrease
    }
}
