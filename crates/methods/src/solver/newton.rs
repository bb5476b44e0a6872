//! Proximal Newton steps: a logistic problem as a short sequence of least-squares problems.

use ndarray::Array2;

use super::composite::{Composite, Loss};
use super::{Convergence, DualPoint, Gap, ResidualKind, Solution, SolverError, Stopping};
use crate::datafit::Squared;
use crate::method::Context;

/// Halvings of a step before the search gives up: nothing better is within rounding.
const HALVINGS: usize = 40;

/// Share of the decrease promised by the model that a step has to bring.
const ARMIJO: f64 = 1e-4;

/// Relative precision of an objective: predictors are sums of products that may cancel.
const ROUNDING: f64 = 1e-13;

/// How much smaller than the present gap that of the inner problem has to be; the same again whenever that was too
/// little to move, down to [`INNER_LEAST`].
const INNER: f64 = 1e-2;

/// Inner problems are not solved more precisely than this share of the present gap.
const INNER_LEAST: f64 = 1e-8;

/// Minimises a logistic problem from `start`: the loss is replaced by its local squared loss, `inner` solves that to a
/// given relative tolerance from the present point (its dual guesses are of the penalty), and a line search takes the
/// step (Lee, Sun and Saunders 2014). The conditioning of the data is the inner solver's affair, and a handful of steps
/// do.
///
/// # Errors
/// If an iterate is not finite, the run is interrupted or the inner solver fails.
pub fn newton<E: From<SolverError>>(
    problem: &Composite<'_>,
    start: Array2<f64>,
    stopping: Stopping,
    context: &Context,
    mut inner: impl FnMut(&Squared, &Array2<f64>, f64) -> Result<Solution, E>,
) -> Result<Solution, E> {
    let mut w = start;
    let mut point = problem.loss.at(&w);
    let mut trace = Vec::new();
    let mut share = INNER;
    let mut guesses = Vec::new();
    let mut local = problem.local(&point)?;
    let mut moved_on = false;
    let mut least = f64::INFINITY;
    // Where rounding is all that is left, what follows the narrowest gap is worse.
    let mut narrowest: Option<(Gap, Array2<f64>)> = None;
    for iteration in 0..=stopping.max_iterations {
        context.check()?;
        // The curvature of the step before is as good for a certificate, if that step was the last.
        let mut gap = problem.gap(&w, &point, &guesses, Some(&local));
        if moved_on && gap.relative() > stopping.tolerance {
            local = problem.local(&point)?;
            gap = problem.gap(&w, &point, &guesses, Some(&local));
        }
        if !gap.value.total.is_finite() {
            return Err(SolverError::NotFinite.into());
        }
        trace.push(gap.value.total);
        let narrower = narrowest.as_ref().is_none_or(|(known, _)| gap.gap < known.gap);
        // No progress to speak of in either: more precision within the step, or none is left.
        if gap.value.total >= least * (1.0 - ROUNDING) && !narrower {
            share *= INNER;
        }
        least = least.min(gap.value.total);
        if narrower {
            narrowest = Some((gap, w.clone()));
        }
        let converged = gap.relative() <= stopping.tolerance;
        if converged || share < INNER_LEAST || iteration == stopping.max_iterations {
            let (gap, w) = narrowest.unwrap_or((gap, w));
            let rule = ResidualKind::RelativeDualityGap;
            let convergence = Convergence { rule, residual: gap.relative(), iterations: iteration, converged };
            let (value, dual) = (gap.value, DualPoint::default());
            return Ok(Solution { components: vec![w], value, convergence, trace, dual });
        }
        let model = Composite { loss: Loss::Squared(&local), ..*problem };
        let of_model = model.value(&w, &model.loss.at(&w)).total;
        let wanted = share * gap.gap.min(gap.value.total) / of_model.max(f64::MIN_POSITIVE);
        let solved = inner(&local, &w, wanted.clamp(1e-14, 0.1))?;
        guesses = solved.dual.guesses;
        let target = super::sum(&solved.components);
        let promised = of_model - model.value(&target, &model.loss.at(&target)).total;
        let direction = &target - &w;
        let mut step = 1.0;
        moved_on = false;
        for _ in 0..HALVINGS {
            let moved = if step == 1.0 { target.clone() } else { &w + &(&direction * step) };
            let there = problem.loss.at(&moved);
            let decrease = gap.value.total - problem.value(&moved, &there).total;
            // Near the optimum both sides are rounding, that of the model larger than that of the objective; the full
            // step is then as good as any that does not go up.
            if decrease >= ARMIJO * step * promised.max(0.0) - ROUNDING * gap.value.total {
                moved_on = moved != w;
                (w, point) = (moved, there);
                break;
            }
            step /= 2.0;
        }
        // The model's solution was worse for the model itself than where it started.
        if promised <= 0.0 && step < 1.0 {
            share *= INNER;
        }
    }
    Err(SolverError::NotFinite.into())
}
