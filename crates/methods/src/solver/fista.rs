//! Accelerated proximal gradient for penalties whose components all have a closed proximal operator.

use ndarray::Array2;

use super::certificate::{DualPoint, Pooled, duality_gap, pool};
use super::{Convergence, Objective, ResidualKind, Solution, SolverError, StopRule, Stopping, sum};
use crate::method::Context;
use crate::penalty::row::Scratch;

/// Iterations between two looks at the duality gap.
const CHECK_EVERY: usize = 10;

/// FISTA (Beck and Teboulle 2009) with the gradient restart of O'Donoghue and Candes (2015), from `start`.
///
/// All components see the same gradient, that of the loss at their sum; the step is `1 / (h lambda_max)`.
///
/// # Errors
/// If an iterate is not finite or the run is interrupted.
pub fn fista(
    objective: &Objective<'_>,
    start: Vec<Array2<f64>>,
    stopping: Stopping,
    context: &Context,
) -> Result<Solution, SolverError> {
    let h = objective.components.len();
    let step = 1.0 / (h as f64 * objective.loss.lipschitz()).max(f64::MIN_POSITIVE);
    let pooled = Pooled::new(objective)?;
    let mut scratch = Scratch::default();
    let mut w = start;
    let mut search = w.clone();
    let mut momentum = 1.0_f64;
    let mut trace = Vec::new();
    let mut previous = f64::INFINITY;
    for iteration in 0..=stopping.max_iterations {
        let check = match stopping.rule {
            StopRule::Certificate => iteration % CHECK_EVERY == 0 || iteration == stopping.max_iterations,
            StopRule::Change => true,
        };
        if check {
            context.check()?;
            let mut candidate = w.clone();
            pool(objective, &pooled, &mut candidate);
            let (value, residual, kind) = match stopping.rule {
                StopRule::Certificate => {
                    let gap = duality_gap(objective, &candidate, &DualPoint::default());
                    (gap.value, gap.relative(), ResidualKind::RelativeDualityGap)
                }
                StopRule::Change => {
                    let value = objective.value(&candidate);
                    let change = (previous - value.total).abs() / value.total.abs().max(f64::MIN_POSITIVE);
                    (value, change, ResidualKind::RelativeObjectiveChange)
                }
            };
            if !value.total.is_finite() {
                return Err(SolverError::NotFinite);
            }
            trace.push(value.total);
            previous = value.total;
            let converged = residual <= stopping.tolerance;
            if converged || iteration == stopping.max_iterations {
                let convergence = Convergence { rule: kind, residual, iterations: iteration, converged };
                return Ok(Solution { components: candidate, value, convergence, trace, dual: DualPoint::default() });
            }
        }
        let gradient = objective.loss.value_and_gradient(&sum(&search)).1;
        let next_momentum = f64::midpoint(1.0, (1.0 + 4.0 * momentum * momentum).sqrt());
        let mut uphill = 0.0;
        let mut next = Vec::with_capacity(h);
        for ((component, search), w) in objective.components.iter().zip(&search).zip(&w) {
            let mut point = search - &(&gradient * step);
            component.prox(&mut point, step, &mut scratch);
            uphill += ((search - &point) * &(&point - w)).sum();
            next.push(point);
        }
        let weight = if uphill > 0.0 { 0.0 } else { (momentum - 1.0) / next_momentum };
        momentum = if uphill > 0.0 { 1.0 } else { next_momentum };
        for ((search, next), w) in search.iter_mut().zip(&next).zip(&w) {
            *search = next + &((next - w) * weight);
        }
        w = next;
    }
    Err(SolverError::NotFinite)
}
