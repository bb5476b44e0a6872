//! What the program released with SG-MTL does.

use ndarray::Array2;

use super::group::row_norms;
use super::task::{self, TaskLoss};
use super::{Params, exact, grouped, paper};
use crate::grouping::membership::{Assignment, Regulariser, Rounding, random_shares};
use crate::grouping::sg_mtl::costs::members;
use crate::method::{Context, FitError, Fitted, Problem};
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// Steps of both descents.
const STEP: f64 = 1e-5;

/// Iterations of both at most, of which so many are taken before the stopping rules are asked.
const WEIGHT_STEPS: usize = 50_000;
const SHARE_STEPS: usize = 20_000;
const AT_LEAST: usize = 10;

/// Relative changes of the objective to stop at, and the rise that stops the descent on shares.
const WEIGHT_CHANGE: f64 = 1e-6;
const SHARE_CHANGE: f64 = 1e-7;
const RISE: f64 = 1e-4;

/// Rounds of both steps, and the change of the memberships below which there is no other.
const ROUNDS: usize = 2;
const STILL: f64 = 1e-3;

pub(super) fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let strengths = params.strengths(context);
    // The program fits squared loss to labels, too.
    let losses = task::squared(problem, params.loss_scale, params.intercept);
    let mut weights = paper::alone(problem, params, context)?;
    let regulariser = Regulariser::eq5(params.n_groups).with_strengths(strengths.clone()).with_fusion(params.mu);
    let mut rng = context.seed.stream("sg-mtl code").rng();
    let mut shares = random_shares(params.n_groups, losses.len(), &mut rng);
    let (mut relaxed, mut groups) = (shares.clone(), Vec::new());
    let (mut trace, mut iterations, mut change) = (Vec::new(), 0, f64::INFINITY);
    for _ in 0..ROUNDS {
        let assignment = Assignment::new(&weights, regulariser.clone());
        relaxed = descend(&assignment, &weights, &strengths, params.mu, shares.clone(), context)?;
        groups = assignment.round(&relaxed, Rounding::Argmax);
        let next = assignment.shares_of(&groups);
        let moved = (&next - &shares).mapv(|d| d * d).sum().sqrt();
        shares = next;
        if moved <= STILL {
            break;
        }
        let of = members(&groups, params.n_groups);
        (iterations, change) = step_weights(&losses, &mut weights, &of, &strengths, context)?;
        let (loss, penalty) = value(&losses, &weights, &of, &strengths);
        trace.push(loss + penalty + params.mu * exact::fusion(&of));
    }
    let of = members(&groups, params.n_groups);
    let (loss, penalty) = value(&losses, &weights, &of, &strengths);
    let penalty = penalty + params.mu * exact::fusion(&of);
    let value = Value { total: loss + penalty, loss, penalty };
    if !value.total.is_finite() {
        return Err(SolverError::NotFinite.into());
    }
    let rule = ResidualKind::RelativeObjectiveChange;
    let convergence = Convergence { rule, residual: change, iterations, converged: change < WEIGHT_CHANGE };
    let intercepts = problem.intercepts_with(params.intercept, &weights);
    Ok(grouped((weights, intercepts), value, convergence, groups, relaxed, trace))
}

/// Projected gradient on the shares with the program's gradient.
fn descend(
    assignment: &Assignment,
    weights: &Array2<f64>,
    strengths: &[f64],
    mu: f64,
    mut shares: Array2<f64>,
    context: &Context,
) -> Result<Array2<f64>, SolverError> {
    let squares = weights.mapv(|w| w * w);
    let mut before = assignment.value(&shares);
    for iteration in 1..=SHARE_STEPS {
        if iteration % 100 == 0 {
            context.check()?;
        }
        let slope = gradient(&squares, &shares, strengths, mu);
        shares = assignment.stepped(&shares, &slope, STEP);
        let value = assignment.value(&shares);
        let change = (value - before) / before.abs().max(f64::MIN_POSITIVE);
        before = value;
        if iteration > AT_LEAST && (change > RISE || change.abs() < SHARE_CHANGE) {
            break;
        }
    }
    Ok(shares)
}

/// Twice the derivative of the squared norms, nothing where a row norm is zero; and the fusion term's, with the wrong
/// sign towards tasks further on.
fn gradient(squares: &Array2<f64>, shares: &Array2<f64>, strengths: &[f64], mu: f64) -> Array2<f64> {
    let mut gradient = Array2::zeros(shares.raw_dim());
    for (g, (u, mut slope)) in shares.rows().into_iter().zip(gradient.rows_mut()).enumerate() {
        let mut sum = 0.0;
        for row in squares.rows() {
            let norm = row.dot(&u).sqrt();
            if norm > 0.0 {
                sum += norm;
                slope.scaled_add(1.0 / norm, &row);
            }
        }
        slope *= 2.0 * strengths[g] * sum;
        if mu > 0.0 {
            let (mut sum_before, mut sum_after) = (0.0, u.sum());
            let m = u.len();
            for (t, (&own, slope)) in u.iter().zip(slope.iter_mut()).enumerate() {
                sum_after -= own;
                let before = t as f64 * own - sum_before;
                let after = (m - 1 - t) as f64 * own - sum_after;
                *slope += 2.0 * mu * (before - after);
                sum_before += own;
            }
        }
    }
    gradient
}

/// Subgradient steps on the weights. Rows of zeros in a group stay as they are. Returns the steps and the relative
/// change of the objective in the last.
fn step_weights(
    losses: &[TaskLoss<'_>],
    weights: &mut Array2<f64>,
    members: &[Vec<usize>],
    strengths: &[f64],
    context: &Context,
) -> Result<(usize, f64), SolverError> {
    let (loss, penalty) = value(losses, weights, members, strengths);
    let mut before = loss + penalty;
    let mut change = f64::INFINITY;
    for iteration in 1..=WEIGHT_STEPS {
        if iteration % 100 == 0 {
            context.check()?;
        }
        let mut now = 0.0;
        for (tasks, lambda) in members.iter().zip(strengths) {
            let mut columns: Vec<Vec<f64>> = tasks.iter().map(|&t| weights.column(t).to_vec()).collect();
            let norms = row_norms(&columns);
            let sum: f64 = norms.iter().sum();
            now += lambda * sum * sum;
            for (&t, w) in tasks.iter().zip(&mut columns) {
                let point = losses[t].at(w);
                now += point.value;
                for ((w, norm), slack) in w.iter_mut().zip(&norms).zip(&point.slack).filter(|((_, n), _)| **n > 0.0) {
                    *w += STEP * (slack - 2.0 * lambda * sum * *w / norm);
                }
                weights.column_mut(t).iter_mut().zip(&*w).for_each(|(to, w)| *to = *w);
            }
        }
        // The objective is that of the point that was left.
        change = (before - now).abs() / before.abs().max(f64::MIN_POSITIVE);
        before = now;
        if !now.is_finite() {
            return Err(SolverError::NotFinite);
        }
        if iteration > AT_LEAST && change < WEIGHT_CHANGE {
            return Ok((iteration, change));
        }
    }
    Ok((WEIGHT_STEPS, change))
}

/// Loss and squared norms.
fn value(losses: &[TaskLoss<'_>], weights: &Array2<f64>, members: &[Vec<usize>], strengths: &[f64]) -> (f64, f64) {
    let (mut loss, mut penalty) = (0.0, 0.0);
    for (tasks, lambda) in members.iter().zip(strengths) {
        let columns: Vec<Vec<f64>> = tasks.iter().map(|&t| weights.column(t).to_vec()).collect();
        loss += tasks.iter().zip(&columns).map(|(&t, w)| losses[t].value(w)).sum::<f64>();
        penalty += lambda * row_norms(&columns).iter().sum::<f64>().powi(2);
    }
    (loss, penalty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Twice the gradient of the squared norms; the fusion term's is right towards tasks before and the opposite
    /// towards tasks after.
    #[test]
    fn the_gradient_is_the_programs() {
        let w = array![[1.0, -2.0, 0.5], [0.0, 1.0, 3.0]];
        let u = array![[0.2, 0.5, 0.9], [0.8, 0.5, 0.1]];
        let strengths = [0.7, 1.3];
        let squares = w.mapv(|v| v * v);
        let eq5 = Assignment::new(&w, Regulariser::eq5(2).with_strengths(strengths.to_vec()));
        let norms = gradient(&squares, &u, &strengths, 0.0);
        assert!((&norms - &(eq5.value_and_gradient(&u).1 * 2.0)).iter().all(|d| d.abs() < 1e-12));
        let fusion = gradient(&squares, &u, &strengths, 0.6) - norms;
        for ((g, t), found) in fusion.indexed_iter() {
            let each = (0..3).map(|s| if s < t { u[[g, t]] - u[[g, s]] } else { u[[g, s]] - u[[g, t]] });
            assert!((found - 2.0 * 0.6 * each.sum::<f64>()).abs() < 1e-12);
        }
    }
}
