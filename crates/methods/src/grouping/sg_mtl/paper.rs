//! SG-MTL as the paper describes it.

use mtl_core::Target;
use ndarray::{Array2, ArrayView2};

use super::costs::members;
use super::group::{self, Limits, Outcome};
use super::{Params, exact, grouped, task};
use crate::datafit::{LossScale, Squared};
use crate::grouping::membership::{Assignment, Regulariser, Restarts};
use crate::method::{Context, FitError, Fitted, Problem};
use crate::solver::coordinate::{Costs, TaskLasso};
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// Rounds of both steps (the released program).
const ROUNDS: usize = 2;

/// Squared row norms below this share of the largest count as zero: the others of a row that sum to less are rounding.
const ZERO: f64 = 1e-14;

/// Newton steps for one weight at most; some five are used.
const WEIGHT_STEPS: usize = 100;

pub(super) fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    if problem.train.target != Target::Regression {
        return Err(FitError::NotApplicable("preset=paper learns real targets only; use preset=exact".into()));
    }
    let strengths = params.strengths(context);
    let mut weights = alone(problem, params, context)?;
    let regulariser = Regulariser::eq5(params.n_groups).with_strengths(strengths.clone()).with_fusion(params.mu);
    let mut descent = Descent::new(problem, params.loss_scale, params.intercept)?;
    let mut trace = Vec::new();
    let mut ended = None;
    let mut groups: Vec<usize> = Vec::new();
    let mut shares = Array2::zeros((0, 0));
    for round in 0..ROUNDS {
        let assignment = Assignment::new(&weights, regulariser.clone());
        let restarts = Restarts { count: params.restarts, rounding: params.rounding, ..Restarts::default() };
        let found = assignment.search(&restarts, &context.seed.stream(&format!("sg-mtl paper {round}")));
        let found = found.ok_or(SolverError::NotFinite)?;
        let next = assignment.round(&found.shares, params.rounding);
        shares = found.shares;
        if next == groups {
            break;
        }
        groups = next;
        let fusion = params.mu * exact::fusion(&members(&groups, params.n_groups));
        trace.push(descent.loss(&weights) + assignment.hard_value(&groups));
        let end = descent.run(&mut weights, &groups, &strengths, (params.tol, params.max_iter), context)?;
        let penalty = end.penalty + fusion;
        trace.push(end.loss + penalty);
        ended = Some((Value { total: end.loss + penalty, loss: end.loss, penalty }, end));
    }
    let (value, end) = ended.ok_or(SolverError::NotFinite)?;
    if !value.total.is_finite() {
        return Err(SolverError::NotFinite.into());
    }
    let rule = ResidualKind::RelativeObjectiveChange;
    let convergence =
        Convergence { rule, residual: end.change, iterations: end.sweeps, converged: end.change <= params.tol };
    let intercepts = problem.intercepts_with(params.intercept, &weights);
    Ok(grouped((weights, intercepts), value, convergence, groups, shares, trace))
}

/// Weights of squared loss with every task in a group of its own, features x tasks: the start in place of STL.
pub(super) fn alone(problem: &Problem, params: &Params, context: &Context) -> Result<Array2<f64>, FitError> {
    let losses = task::squared(problem, params.loss_scale, params.intercept);
    let p = problem.train.n_features();
    let limits = Limits { tolerance: 1e-6, max_sweeps: params.max_iter, ceiling: f64::INFINITY };
    let mut weights = Array2::zeros((p, losses.len()));
    for (t, loss) in losses.iter().enumerate() {
        let Outcome::Fit(fit) = group::fit(&[loss], params.lambda, vec![vec![0.0; p]], limits, context)? else {
            return Err(SolverError::NotFinite.into());
        };
        weights.column_mut(t).iter_mut().zip(fit.of_task(0, p)).for_each(|(w, v)| *w = v);
    }
    Ok(weights)
}

/// Coordinate descent on single weights.
pub(super) struct Descent {
    loss: Squared,
    correlations: Array2<f64>,
}

/// Where a descent ended.
pub(super) struct End {
    loss: f64,
    penalty: f64,
    sweeps: usize,
    /// Relative change of the objective in the last sweep.
    change: f64,
}

impl Descent {
    pub(super) fn new(problem: &Problem, scale: LossScale, intercept: bool) -> Result<Self, SolverError> {
        let loss = Squared::new(problem.statistics_with(intercept), scale)?;
        Ok(Self { correlations: loss.correlations(), loss })
    }

    fn loss(&self, weights: &Array2<f64>) -> f64 {
        self.loss.value(weights)
    }

    /// Sweeps over all weights, each to its own optimum, until the objective stands still.
    pub(super) fn run(
        &mut self,
        weights: &mut Array2<f64>,
        groups: &[usize],
        strengths: &[f64],
        (tol, max_sweeps): (f64, usize),
        context: &Context,
    ) -> Result<End, SolverError> {
        let (p, m) = weights.dim();
        let free = || Costs { up: vec![0.0; p], down: vec![0.0; p] };
        let mut tasks: Vec<TaskLasso<'_>> = (0..m)
            .map(|t| {
                let (b, w) = (self.correlations.column(t).to_vec(), weights.column(t).to_vec());
                TaskLasso::new(self.loss.gram(t), self.loss.factor(t), 0.0, free(), b, w)
            })
            .collect();
        let members = members(groups, strengths.len());
        let mut end = End { loss: self.loss.value(weights), penalty: f64::INFINITY, sweeps: 0, change: f64::INFINITY };
        end.penalty = members.iter().zip(strengths).map(|(tasks, s)| s * sum_of(weights.view(), tasks).powi(2)).sum();
        while end.change > tol && end.sweeps < max_sweeps {
            context.check()?;
            for (of, &lambda) in members.iter().zip(strengths) {
                sweep(&mut tasks, of, lambda, p);
            }
            for (t, task) in tasks.iter().enumerate() {
                weights.column_mut(t).iter_mut().zip(&task.w).for_each(|(w, v)| *w = *v);
            }
            let before = end.loss + end.penalty;
            end.loss = self.loss.value(weights);
            end.penalty =
                members.iter().zip(strengths).map(|(tasks, s)| s * sum_of(weights.view(), tasks).powi(2)).sum();
            end.sweeps += 1;
            end.change = (before - end.loss - end.penalty).abs() / before.abs().max(f64::MIN_POSITIVE);
        }
        Ok(end)
    }
}

/// `sum_j ||W_{j,g}||` over the tasks of a group.
fn sum_of(weights: ArrayView2<'_, f64>, tasks: &[usize]) -> f64 {
    let norm = |row: ndarray::ArrayView1<'_, f64>| tasks.iter().map(|&t| row[t] * row[t]).sum::<f64>().sqrt();
    weights.rows().into_iter().map(norm).sum()
}

/// One sweep over the weights of a group, feature by feature.
fn sweep(tasks: &mut [TaskLasso<'_>], members: &[usize], lambda: f64, p: usize) {
    let square = |tasks: &[TaskLasso<'_>], j: usize| members.iter().map(|&t| tasks[t].w[j].powi(2)).sum::<f64>();
    let squares: Vec<f64> = (0..p).map(|j| square(tasks, j)).collect();
    let zero = ZERO * squares.iter().fold(0.0_f64, |max, s| max.max(*s));
    let mut norms: Vec<f64> = squares.iter().map(|s| s.sqrt()).collect();
    let mut sum: f64 = norms.iter().sum();
    for (j, norm) in norms.iter_mut().enumerate() {
        let others = (sum - *norm).max(0.0);
        for &t in members {
            let rest: f64 = members.iter().filter(|s| **s != t).map(|&s| tasks[s].w[j].powi(2)).sum();
            let rest = if rest <= zero { 0.0 } else { rest };
            let (a, w) = (tasks[t].curvature(j), tasks[t].w[j]);
            let b = tasks[t].slack(j) + a * w;
            tasks[t].set(j, weight(a + 2.0 * lambda, 2.0 * lambda * others, rest, b));
        }
        *norm = square(tasks, j).sqrt();
        sum = others + *norm;
    }
}

/// `argmin curvature/2 x^2 - b x + slope sqrt(rest + x^2)`.
pub(super) fn weight(curvature: f64, slope: f64, rest: f64, b: f64) -> f64 {
    if rest == 0.0 {
        return (b - b.clamp(-slope, slope)) / curvature;
    }
    // The derivative rises from below b at zero to above it at the end of the bracket.
    let (mut low, mut high) = (0.0, b.abs() / curvature);
    let mut x = high;
    for _ in 0..WEIGHT_STEPS {
        let root = (rest + x * x).sqrt();
        let excess = curvature * x + slope * x / root - b.abs();
        if excess > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let newton = x - excess / (curvature + slope * rest / (root * root * root));
        let next = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
        let moved = (next - x).abs();
        x = next;
        if moved <= 4.0 * f64::EPSILON * x {
            break;
        }
    }
    x * b.signum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use mtl_core::{MultiTask, Seed, Task};
    use ndarray::array;
    use proptest::prelude::*;

    proptest! {
        /// A weight's own objective is least where the update puts it.
        #[test]
        fn weights_are_minimisers(
            curvature in 0.01..10.0_f64,
            slope in 0.0..10.0_f64,
            rest in prop::sample::select(vec![0.0, 1e-8, 0.1, 5.0]),
            b in -9.0..9.0_f64,
        ) {
            let phi = |x: f64| curvature / 2.0 * x * x - b * x + slope * (rest + x * x).sqrt();
            let best = weight(curvature, slope, rest, b);
            for step in [1e-5, 1e-3, 0.1, 1.0] {
                prop_assert!(phi(best) <= phi(best + step) + 1e-12 && phi(best) <= phi(best - step) + 1e-12);
            }
        }
    }

    fn example() -> Problem {
        let x = Arc::new(Array2::eye(2));
        let tasks = ["a", "b"].map(|name| Task { name: name.into(), x: Arc::clone(&x), y: array![1.0, 0.6] });
        Problem::new(MultiTask::new(vec!["1".into(), "2".into()], Target::Regression, tasks.into()).unwrap(), None)
    }

    /// Spec 2.2: a row of zeros is tested task by task and stays, 0.86 where the optimum is 0.853333.
    #[test]
    fn a_row_of_zeros_is_a_trap() {
        let problem = example();
        let mut descent = Descent::new(&problem, LossScale::HalfSum, false).unwrap();
        let context = Context::new(Seed::of(&0));
        let mut run = |start: Array2<f64>| {
            let mut w = start;
            let end = descent.run(&mut w, &[0, 0], &[0.5], (1e-15, 1000), &context).unwrap();
            (end.loss + end.penalty, w)
        };
        let (value, w) = run(array![[1.0, 1.0], [0.0, 0.0]]);
        assert!((value - 0.86).abs() < 1e-9, "{value}");
        assert!((w - array![[0.5, 0.5], [0.0, 0.0]]).iter().all(|d| d.abs() < 1e-6));
        let (value, _) = run(array![[1.0, 1.0], [0.1, 0.1]]);
        assert!((value - 0.853_333_333_3).abs() < 1e-6, "{value}");
    }
}
