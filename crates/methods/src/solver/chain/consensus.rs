//! The published scheme: the alternating direction method of multipliers on `W = U`.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};
use serde::Deserialize;

use super::loss::newton;
use super::{ChainLoss, ChainObjective};
use crate::datafit::Logistic;
use crate::method::{Context, FitError};
use crate::penalty::ChainProx;
use crate::solver::resolvent::{Resolvent, Tie};
use crate::solver::{Objective, SolverError, Value};

/// How the chains are updated, given the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UStep {
    /// The global optimum of every chain.
    Exact,
    /// One sweep from the first task to the last, each weight by its closed form.
    Sweep,
    /// One sweep by the rule of the authors' notebook, which is not the minimiser.
    Notebook32,
}

/// How the tasks are updated, given the chains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WStep {
    /// The optimum: from a factorisation that serves all iterations, or by Newton steps.
    Exact,
    /// This many gradient steps.
    Gradient(usize),
}

/// What the iterates leave behind: one value an iteration.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// `F(U)`.
    pub objective: Vec<f64>,
    /// Further series by name: `primal-residual` `||W - U||`, `dual-residual` `rho ||U - U_prev||`, `lagrangian`
    /// (augmented) and `squared-step` `||W - W_prev||^2 + ||U - U_prev||^2`.
    pub series: BTreeMap<String, Vec<f64>>,
}

/// Where the iteration ended.
pub struct Consensus {
    /// `U`: the weights with exact zeros and signs.
    pub weights: Array2<f64>,
    /// `W`, which each task has fitted.
    pub fitted: Array2<f64>,
    /// `D`, the dual variables of `W = U`.
    pub dual: Array2<f64>,
    /// `F(U)`.
    pub value: Value,
    /// [`ChainObjective::stationarity`] of `U`.
    pub stationarity: f64,
    /// Iterations.
    pub iterations: usize,
    /// Values over the iterations.
    pub trail: Trail,
}

/// Iterates `W = argmin L(W) + l2 ||W||^2 + <D, W> + rho/2 ||W - U||^2`, `U = prox(W + D/rho)`, `D += rho (W - U)` from
/// `W = U = start`, `D = 0` until `U` is stationary to within `tol`.
///
/// # Errors
/// If an iterate is not finite, the run is interrupted, or the loss does not support the step.
#[allow(clippy::too_many_arguments, reason = "two steps, a start and the settings of the iteration")]
pub fn consensus(
    objective: &ChainObjective<'_>,
    (w_step, u_step): (WStep, UStep),
    rho: f64,
    start: Array2<f64>,
    tol: f64,
    max_iterations: usize,
    context: &Context,
) -> Result<Consensus, FitError> {
    let tasks = Tasks::new(objective, w_step, rho)?;
    let mut chains = Chains::new(objective, u_step, rho);
    let mut u = start.clone();
    let mut w = start;
    let mut dual = Array2::zeros(u.raw_dim());
    let mut trail = Trail::default();
    let squares = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>();
    let mut iterations = 0;
    loop {
        context.check()?;
        let (w_before, u_before) = (w, u.clone());
        let loss;
        (w, loss) = tasks.step(&w_before, &u, &dual)?;
        chains.step(&(&w + &(&dual / rho)), &mut u);
        let apart = &w - &u;
        dual.scaled_add(rho, &apart);
        iterations += 1;
        let (value, gradient) = objective.at(&u);
        if !value.total.is_finite() {
            return Err(SolverError::NotFinite.into());
        }
        let stationarity = objective.stationarity(&u, &gradient);
        let moved = squares(&(&u - &u_before));
        let lagrangian = loss
            + objective.l2 * squares(&w)
            + objective.kinks(&u)
            + (&dual * &apart).sum()
            + rho / 2.0 * squares(&apart);
        trail.objective.push(value.total);
        for (name, v) in [
            ("primal-residual", squares(&apart).sqrt()),
            ("dual-residual", rho * moved.sqrt()),
            ("lagrangian", lagrangian),
            ("squared-step", squares(&(&w - &w_before)) + moved),
        ] {
            trail.series.entry(name.into()).or_default().push(v);
        }
        if stationarity <= tol || iterations >= max_iterations {
            return Ok(Consensus { weights: u, fitted: w, dual, value, stationarity, iterations, trail });
        }
    }
}

/// Why the rows alone do not do.
pub(super) fn by_rows() -> FitError {
    FitError::NotApplicable("without sufficient statistics only gradient steps can be taken".into())
}

/// The step of all tasks.
enum Tasks<'a> {
    /// `(I + sigma A_t)^{-1}` for every task, with `sigma = 1 / (2 l2 + rho)`, and `c_t X_t'y_t`.
    Resolvent { resolvent: Resolvent, correlations: Array2<f64>, at_zero: f64, rho: f64, ridge: f64 },
    /// By Newton steps.
    Newton { loss: &'a Logistic<'a>, ridge: f64, rho: f64 },
    /// Step lengths, one a task.
    Gradient { objective: &'a ChainObjective<'a>, rho: f64, steps: usize, lengths: Array2<f64> },
}

impl<'a> Tasks<'a> {
    fn new(objective: &'a ChainObjective<'a>, step: WStep, rho: f64) -> Result<Self, FitError> {
        let ridge = 2.0 * objective.l2 + rho;
        let m = objective.loss.shape().1;
        Ok(match (step, &objective.loss) {
            (WStep::Exact, ChainLoss::Squared(loss)) => {
                let resolvent = Resolvent::new(&Objective { loss, components: &[] }, 1.0 / ridge, Tie::None)?;
                Self::Resolvent { resolvent, correlations: loss.correlations(), at_zero: loss.at_zero(), rho, ridge }
            }
            (WStep::Exact, ChainLoss::Logistic { loss, .. }) => Self::Newton { loss, ridge, rho },
            (WStep::Exact, ChainLoss::Rows(_)) => return Err(by_rows()),
            (WStep::Gradient(steps), loss) => {
                let lengths = Array2::from_shape_fn((1, m), |(_, t)| 1.0 / (loss.curvature(t) + ridge));
                Self::Gradient { objective, rho, steps, lengths }
            }
        })
    }

    /// The new `W` and the loss there.
    fn step(&self, w: &Array2<f64>, u: &Array2<f64>, dual: &Array2<f64>) -> Result<(Array2<f64>, f64), SolverError> {
        match self {
            Self::Resolvent { resolvent, correlations, at_zero, rho, ridge } => {
                let linear = (u * *rho - dual) / *ridge;
                let (w, gradient) = resolvent.solve(&linear, correlations);
                // With `A w = gradient + b` the loss needs no further product.
                let loss = at_zero + (&w * &(gradient - correlations)).sum() / 2.0;
                Ok((w, loss))
            }
            Self::Newton { loss, ridge, rho } => {
                let linear = u * *rho - dual;
                let mut next = w.clone();
                for t in 0..w.ncols() {
                    let (linear, start) = (linear.column(t).to_owned(), w.column(t).to_owned());
                    next.column_mut(t).assign(&newton(loss, t, *ridge, &linear, start)?);
                }
                let value = loss.value(&next);
                Ok((next, value))
            }
            Self::Gradient { objective, rho, steps, lengths } => {
                let mut next = w.clone();
                let ridge = 2.0 * objective.l2 + rho;
                for _ in 0..*steps {
                    let gradient = objective.loss.value_and_gradient(&next).1;
                    let slope = gradient + dual - u * *rho + &next * ridge;
                    next -= &(slope * lengths);
                }
                let value = objective.loss.value_and_gradient(&next).0;
                Ok((next, value))
            }
        }
    }
}

/// The step of all chains.
struct Chains<'a> {
    objective: &'a ChainObjective<'a>,
    step: UStep,
    q: Vec<f64>,
    prox: ChainProx,
}

impl<'a> Chains<'a> {
    fn new(objective: &'a ChainObjective<'a>, step: UStep, rho: f64) -> Self {
        Self { objective, step, q: vec![rho; objective.order().len()], prox: ChainProx::default() }
    }

    fn step(&mut self, target: &Array2<f64>, u: &mut Array2<f64>) {
        let order = self.objective.order();
        let chain = self.objective.chain;
        let mut present = vec![0.0; order.len()];
        for (j, row) in target.axis_iter(Axis(0)).enumerate() {
            let b: Vec<f64> = order.iter().zip(&self.q).map(|(&t, rho)| rho * row[t]).collect();
            present.iter_mut().zip(order).for_each(|(v, &t)| *v = u[[j, t]]);
            match self.step {
                UStep::Exact => {
                    self.prox.minimise(chain, &self.q, &b, &mut present);
                }
                UStep::Sweep => chain.sweep(&self.q, &b, &mut present),
                UStep::Notebook32 => chain.notebook_sweep(&self.q, &b, &mut present),
            }
            present.iter().zip(order).for_each(|(v, &t)| u[[j, t]] = *v);
        }
    }
}
