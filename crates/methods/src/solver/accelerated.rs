//! Accelerated proximal gradient for one weight matrix and either loss.

use ndarray::Array2;

use super::composite::Composite;
use super::{Convergence, DualPoint, ResidualKind, Solution, SolverError, Stopping};
use crate::method::Context;
use crate::penalty::row::Scratch;

/// Iterations between two looks at the duality gap.
const CHECK_EVERY: usize = 10;

/// How much the curvature that a step assumes falls between two steps. It rises by doubling where it was too low.
const EASE: f64 = 0.9;

/// FISTA (Beck and Teboulle 2009) from `start`, with the gradient restart of O'Donoghue and Candes (2015) and a step
/// that follows the curvature met on the way, which for a logistic loss is mostly far below its bound. Stops on the
/// relative duality gap.
///
/// # Errors
/// If an iterate is not finite or the run is interrupted.
pub fn accelerated(
    problem: &Composite<'_>,
    start: Array2<f64>,
    stopping: Stopping,
    context: &Context,
) -> Result<Solution, SolverError> {
    let most = problem.lipschitz().max(f64::MIN_POSITIVE);
    let mut curvature = most / 8.0;
    let mut scratch = Scratch::default();
    let (mut w, mut search) = (start.clone(), start);
    let mut momentum = 1.0_f64;
    let mut trace = Vec::new();
    for iteration in 0..=stopping.max_iterations {
        let last = iteration == stopping.max_iterations;
        if iteration % CHECK_EVERY == 0 || last {
            context.check()?;
            let gap = problem.gap(&w, &problem.loss.at(&w), &[], None);
            if !gap.value.total.is_finite() {
                return Err(SolverError::NotFinite);
            }
            trace.push(gap.value.total);
            let residual = gap.relative();
            let converged = residual <= stopping.tolerance;
            if converged || last {
                let rule = ResidualKind::RelativeDualityGap;
                let convergence = Convergence { rule, residual, iterations: iteration, converged };
                let (value, dual) = (gap.value, DualPoint::default());
                return Ok(Solution { components: vec![w], value, convergence, trace, dual });
            }
        }
        let here = problem.loss.at(&search);
        let gradient = &here.gradient + &problem.quadratic.gradient(&search);
        let next = loop {
            let mut next = &search - &(&gradient / curvature);
            problem.penalty.prox(&mut next, 1.0 / curvature, &mut scratch);
            if curvature >= most {
                break next;
            }
            let step = &next - &search;
            let bend = problem.loss.at(&next).value - here.value - (&step * &here.gradient).sum()
                + problem.quadratic.value(&step);
            // The comparison is one of differences of losses: it can see no less than their rounding.
            let squares = step.iter().map(|v| v * v).sum::<f64>();
            if bend <= curvature / 2.0 * squares + 1e-15 * here.value {
                break next;
            }
            curvature = (2.0 * curvature).min(most);
        };
        curvature *= EASE;
        let next_momentum = f64::midpoint(1.0, (1.0 + 4.0 * momentum * momentum).sqrt());
        let uphill = ((&search - &next) * (&next - &w)).sum() > 0.0;
        let weight = if uphill { 0.0 } else { (momentum - 1.0) / next_momentum };
        momentum = if uphill { 1.0 } else { next_momentum };
        search = &next + &((&next - &w) * weight);
        w = next;
    }
    Err(SolverError::NotFinite)
}
