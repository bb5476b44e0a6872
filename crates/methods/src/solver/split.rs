//! Alternating directions for a squared loss with a coupling quadratic and one penalty.

use std::collections::HashMap;
use std::rc::Rc;

use ndarray::Array2;

use super::admm::copies::{MatrixCopy, Part, Rho, square};
use super::composite::{Composite, Loss};
use super::coupled::Coupled;
use super::{Convergence, DualPoint, Gap, ResidualKind, Solution, SolverError, Stopping};
use crate::datafit::Squared;
use crate::method::Context;
use crate::penalty::row::Scratch;

/// Iterations between two looks at the duality gap.
const CHECK_EVERY: usize = 10;

/// ADMM on a copy of the weights that carries the penalty, while the loss and the quadratic are minimised together and
/// exactly. The same scheme as [`super::Admm`], whose weight step knows no coupling. Keeps its state from one solve to
/// the next.
pub struct Split {
    copy: MatrixCopy,
}

impl Split {
    /// Starts from zero. The penalty parameter ranges about the largest curvature: far below it the weight step has too
    /// few digits for a certificate.
    pub fn new(problem: &Composite<'_>) -> Self {
        let rho = Rho::near(problem.loss.lipschitz());
        Self { copy: MatrixCopy::new(Part::Whole, problem.loss.shape(), rho) }
    }

    /// Minimises the objective for a squared loss, starting from where the last call ended.
    ///
    /// # Errors
    /// If an iterate is not finite or the run is interrupted.
    pub fn solve(
        &mut self,
        loss: &Squared,
        problem: &Composite<'_>,
        stopping: Stopping,
        context: &Context,
    ) -> Result<Solution, SolverError> {
        let problem = Composite { loss: Loss::Squared(loss), ..*problem };
        let b = loss.correlations();
        let mut systems: HashMap<Rho, Rc<Coupled>> = HashMap::new();
        let mut scratch = Scratch::default();
        let mut trace = Vec::new();
        let mut next_balance = 10;
        // Where rounding is all that is left, what follows the narrowest gap is worse.
        let mut narrowest: Option<(Gap, Array2<f64>, Array2<f64>)> = None;
        for iteration in 0..=stopping.max_iterations {
            let last = iteration == stopping.max_iterations;
            if iteration % CHECK_EVERY == 0 || last {
                context.check()?;
                let w = &self.copy.value;
                let gap = problem.gap(w, &problem.loss.at(w), &[self.copy.dual()], None);
                if !gap.value.total.is_finite() {
                    return Err(SolverError::NotFinite);
                }
                trace.push(gap.value.total);
                if narrowest.as_ref().is_none_or(|(known, ..)| gap.gap < known.gap) {
                    narrowest = Some((gap, w.clone(), self.copy.dual()));
                }
                let converged = gap.relative() <= stopping.tolerance;
                if let Some((gap, w, dual)) = narrowest.take_if(|_| converged || last) {
                    let (rule, residual) = (ResidualKind::RelativeDualityGap, gap.relative());
                    let convergence = Convergence { rule, residual, iterations: iteration, converged };
                    let (value, dual) = (gap.value, DualPoint { guesses: vec![dual], ..Default::default() });
                    return Ok(Solution { components: vec![w], value, convergence, trace, dual });
                }
            }
            let system = match systems.get(&self.copy.rho) {
                Some(system) => Rc::clone(system),
                None => {
                    let system = Rc::new(Coupled::new(loss, problem.quadratic, self.copy.rho.value())?);
                    systems.insert(self.copy.rho, Rc::clone(&system));
                    system
                }
            };
            let mut pulled: Array2<f64> = b.clone();
            self.copy.add_pull(&mut pulled);
            let w = system.solve(&pulled);
            let balance = iteration + 1 == next_balance;
            let total = balance.then(|| square(&w));
            self.copy.advance(&w, total, |value, step| problem.penalty.prox(value, step, &mut scratch));
            if balance {
                next_balance = next_balance * 3 / 2 + 10;
            }
        }
        Err(SolverError::NotFinite)
    }
}
