//! Fitting the components one after the other instead of together.

use ndarray::Array2;

use super::certificate::{DualPoint, Pooled, duality_gap, pool};
use super::{Convergence, Objective, ResidualKind, Solution, SolverError, Stopping, sum};
use crate::method::Context;

/// Minimises over one component at a time, the others fixed, `sweeps` times through all components (Zweig and
/// Weinshall 2013, as SSMTL's text describes its solver). One sweep is an upper bound of the joint minimum; many
/// sweeps are block coordinate descent, which converges to it because only the smooth loss ties the components.
///
/// `solve` minimises a problem with a single component.
///
/// # Errors
/// If the inner solver fails.
pub fn cascade(
    objective: &Objective<'_>,
    sweeps: usize,
    stopping: Stopping,
    context: &Context,
    mut solve: impl FnMut(&Objective<'_>, Array2<f64>) -> Result<Solution, SolverError>,
) -> Result<Solution, SolverError> {
    let mut w = objective.zeros();
    let mut dual = DualPoint { pairs: vec![None; w.len()], guesses: Vec::new() };
    let mut trace = vec![objective.value(&w).total];
    let mut iterations = 0;
    for _ in 0..sweeps {
        context.check()?;
        for l in 0..w.len() {
            let zeros = Array2::zeros(w[l].raw_dim());
            let current = std::mem::replace(&mut w[l], zeros);
            let loss = objective.loss.after(&sum(&w));
            let alone = Objective { loss: &loss, components: &objective.components[l..=l] };
            let solution = solve(&alone, current)?;
            iterations += solution.convergence.iterations;
            dual.pairs[l] = solution.dual.pairs.into_iter().next().flatten();
            w[l] = solution.components.into_iter().next().ok_or(SolverError::NotFinite)?;
        }
        trace.push(objective.value(&w).total);
    }
    pool(objective, &Pooled::new(objective)?, &mut w);
    let gap = duality_gap(objective, &w, &dual);
    let residual = gap.relative();
    let converged = residual <= stopping.tolerance;
    let convergence = Convergence { rule: ResidualKind::RelativeDualityGap, residual, iterations, converged };
    Ok(Solution { components: w, value: gap.value, convergence, trace, dual })
}
