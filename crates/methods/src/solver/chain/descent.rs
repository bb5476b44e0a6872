//! Block descent on the chain objective: chains of single features in turn, then whole tasks.

use ndarray::Array2;

use super::ChainObjective;
use super::consensus::by_rows;
use super::task::TaskProblem;
use crate::method::{Context, FitError, Fitted, Model};
use crate::penalty::ChainProx;
use crate::solver::coordinate::Costs;
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// A chain of one feature is moved if that lowers the objective by more than this share of it, which rounding does not
/// reach.
const WORTHWHILE: f64 = 1e-12;

/// Where a descent ended.
pub struct Descended {
    /// The weights, features x tasks.
    pub weights: Array2<f64>,
    /// Objective there.
    pub value: Value,
    /// [`ChainObjective::stationarity`] there.
    pub stationarity: f64,
    /// Whether that is below the tolerance.
    pub converged: bool,
    /// Sweeps through all tasks.
    pub sweeps: usize,
    /// Objective after each sweep, the start first.
    pub trace: Vec<f64>,
}

impl From<Descended> for Fitted {
    fn from(found: Descended) -> Self {
        let Descended { weights, value: objective, stationarity: residual, converged, sweeps: iterations, trace } =
            found;
        let convergence = Convergence { rule: ResidualKind::Stationarity, residual, iterations, converged };
        Self { trace, ..Self::new(Model::linear(weights), objective, convergence) }
    }
}

/// Lowers the objective from `start` until its stationarity is below `tol`.
///
/// A sweep gives each feature, from `first` on, the *global* optimum over all tasks' weights of that feature, which a
/// dynamic programme finds; then each task in turn the optimum of its convex problem (or goes some way towards it), its
/// neighbours standing still. Both only go downhill. The fixed points are Nash points of the tasks from which no single feature
/// can leave either, which removes most of the local minima that signs create.
///
/// # Errors
/// If an iterate is not finite, the run is interrupted, or the loss keeps no statistics.
pub fn descend(
    objective: &ChainObjective<'_>,
    start: Array2<f64>,
    first: usize,
    tol: f64,
    max_sweeps: usize,
    context: &Context,
) -> Result<Descended, FitError> {
    let mut weights = start;
    let (p, m) = weights.dim();
    let tasks: Option<Vec<_>> = (0..m).map(|t| TaskProblem::new(objective, t, &weights)).collect();
    let mut tasks = tasks.ok_or_else(by_rows)?;
    let mut features = Features::new(m);
    let mut trace = Vec::new();
    for sweeps in 0..=max_sweeps {
        context.check()?;
        let (value, gradient) = objective.at(&weights);
        if value.total.is_nan() {
            return Err(SolverError::NotFinite.into());
        }
        trace.push(value.total);
        let stationarity = objective.stationarity(&weights, &gradient);
        // The first sweep always runs: a start may be stationary for the tasks but not for the features.
        let converged = stationarity <= tol && sweeps > 0;
        if converged || sweeps == max_sweeps {
            return Ok(Descended { weights, value, stationarity, converged, sweeps, trace });
        }
        let worthwhile = WORTHWHILE * value.total.abs().min(trace[0].abs());
        for j in (0..p).map(|j| (first + j) % p) {
            features.step(objective, &mut tasks, &mut weights, j, worthwhile);
        }
        for &t in objective.order() {
            let slopes = (0..p).map(|j| objective.slopes(&weights, j, t));
            let (up, down) = slopes.unzip();
            tasks[t].round(Costs { up, down });
            weights.column_mut(t).iter_mut().zip(tasks[t].weights()).for_each(|(w, v)| *w = *v);
        }
    }
    Err(SolverError::NotFinite.into())
}

/// The chain of one feature, in the order of the chain.
struct Features {
    prox: ChainProx,
    q: Vec<f64>,
    b: Vec<f64>,
    u: Vec<f64>,
}

impl Features {
    fn new(m: usize) -> Self {
        Self { prox: ChainProx::default(), q: vec![0.0; m], b: vec![0.0; m], u: vec![0.0; m] }
    }

    fn step(
        &mut self,
        objective: &ChainObjective<'_>,
        tasks: &mut [TaskProblem<'_>],
        weights: &mut Array2<f64>,
        j: usize,
        worthwhile: f64,
    ) {
        let chain = objective.chain;
        let mut present = 0.0;
        for (position, &t) in objective.order().iter().enumerate() {
            let (q, b) = tasks[t].along(j);
            let w = weights[[j, t]];
            (self.q[position], self.b[position]) = (q, b);
            present += (q / 2.0 * w - b) * w + chain.l1 * w.abs();
        }
        present += chain.disagreement(objective.order().iter().map(|&t| weights[[j, t]]));
        let least = self.prox.minimise(chain, &self.q, &self.b, &mut self.u);
        if least < present - worthwhile {
            for (&t, &u) in objective.order().iter().zip(&self.u) {
                tasks[t].set(j, u);
                weights[[j, t]] = u;
            }
        }
    }
}
