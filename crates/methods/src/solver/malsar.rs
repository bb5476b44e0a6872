//! The accelerated proximal gradient of MALSAR 1.1 (Zhou, Chen and Ye 2011), step by step as released.

use ndarray::Array2;

use super::composite::Loss;
use super::{Convergence, ResidualKind, SolverError, Stopping};
use crate::method::Context;
use crate::penalty::row::Scratch;
use crate::penalty::{Penalty, Quadratic};

/// A step shorter than this, squared, ends the run at once.
const TINY: f64 = 1e-20;

/// A smooth function plus a penalty with a closed proximal operator, of one or more matrices.
pub trait Malsar {
    /// Smooth part and its gradients, at a search point.
    fn expand(&self, at: &[Array2<f64>]) -> Result<(f64, Vec<Array2<f64>>), SolverError>;

    /// Smooth part at a candidate.
    fn smooth(&self, at: &[Array2<f64>]) -> f64;

    /// Moves a candidate by the proximal operator.
    fn prox(&self, at: &mut [Array2<f64>], step: f64) -> Result<(), SolverError>;

    /// Penalty at a candidate.
    fn nonsmooth(&self, at: &[Array2<f64>]) -> f64;
}

/// How a run of [`malsar`] ended.
pub struct Run {
    /// The matrices.
    pub blocks: Vec<Array2<f64>>,
    /// The rule is the relative change of the objective.
    pub convergence: Convergence,
    /// Objective after every iteration.
    pub trace: Vec<f64>,
}

/// Runs the released iteration from `start`: with `t_0 = 0`, `t_1 = 1` the search point is `W + (t_{k-1} - 1)/t_k (W -
/// W_old)`; the step `1 / gamma` is halved until the quadratic model lies above the function, starting from 1 and never
/// growing again. Not monotone, no restart. It ends when the objective changes by no more than the tolerance,
/// relatively, tested once `test_from` objectives are known, or when the step is all but zero, which counts as
/// converged.
///
/// # Errors
/// If an iterate is not finite or the run is interrupted.
pub fn malsar(
    problem: &dyn Malsar,
    start: Vec<Array2<f64>>,
    test_from: usize,
    stopping: Stopping,
    context: &Context,
) -> Result<Run, SolverError> {
    let mut w = start;
    let mut old = w.clone();
    let (mut t_old, mut t) = (0.0_f64, 1.0_f64);
    let mut gamma = 1.0;
    let mut trace: Vec<f64> = Vec::new();
    loop {
        context.check()?;
        let alpha = (t_old - 1.0) / t;
        let search: Vec<_> = w.iter().zip(&old).map(|(w, old)| w * (1.0 + alpha) - old * alpha).collect();
        let (value, gradients) = problem.expand(&search)?;
        let (next, smooth, tiny) = loop {
            let mut next: Vec<_> = search.iter().zip(&gradients).map(|(s, g)| s - &(g / gamma)).collect();
            problem.prox(&mut next, 1.0 / gamma)?;
            let smooth = problem.smooth(&next);
            let moved: Vec<_> = next.iter().zip(&search).map(|(n, s)| n - s).collect();
            let squares: f64 = moved.iter().flatten().map(|v| v * v).sum();
            let linear: f64 = moved.iter().zip(&gradients).map(|(v, g)| (v * g).sum()).sum();
            if squares.is_nan() {
                return Err(SolverError::NotFinite);
            }
            let tiny = squares <= TINY;
            if tiny || smooth <= value + linear + gamma / 2.0 * squares {
                break (next, smooth, tiny);
            }
            gamma *= 2.0;
        };
        old = std::mem::replace(&mut w, next);
        let total = smooth + problem.nonsmooth(&w);
        if !total.is_finite() {
            return Err(SolverError::NotFinite);
        }
        let before = trace.last().copied();
        trace.push(total);
        let residual = before.map_or(f64::INFINITY, |f| (total - f).abs() / f.abs().max(f64::MIN_POSITIVE));
        let settled = trace.len() >= test_from && residual <= stopping.tolerance;
        if tiny || settled || trace.len() >= stopping.max_iterations {
            let rule = ResidualKind::RelativeObjectiveChange;
            let residual = if tiny { 0.0 } else { residual };
            let convergence = Convergence { rule, residual, iterations: trace.len(), converged: tiny || settled };
            return Ok(Run { blocks: w, convergence, trace });
        }
        t_old = t;
        t = f64::midpoint(1.0, (1.0 + 4.0 * t * t).sqrt());
    }
}

/// `L(W_1 + .. + W_h) + q(W_1 + ..) + sum_l Omega_l(W_l)`. Rows of the matrices beyond `penalised` are intercepts,
/// which neither the quadratic nor a penalty sees.
pub struct Sum<'a> {
    /// `L`.
    pub loss: Loss<'a>,
    /// `q`.
    pub quadratic: Quadratic,
    /// One penalty a matrix.
    pub penalties: Vec<&'a dyn Penalty>,
    /// Rows of weights.
    pub penalised: usize,
}

impl Sum<'_> {
    fn weights(&self, of: &Array2<f64>) -> Array2<f64> {
        of.slice(ndarray::s![..self.penalised, ..]).to_owned()
    }
}

impl Malsar for Sum<'_> {
    fn expand(&self, at: &[Array2<f64>]) -> Result<(f64, Vec<Array2<f64>>), SolverError> {
        let total = super::sum(at);
        let weights = self.weights(&total);
        let point = self.loss.at(&total);
        let mut gradient = point.gradient;
        let mut of_weights = gradient.slice_mut(ndarray::s![..self.penalised, ..]);
        of_weights += &self.quadratic.gradient(&weights);
        Ok((point.value + self.quadratic.value(&weights), vec![gradient; at.len()]))
    }

    fn smooth(&self, at: &[Array2<f64>]) -> f64 {
        let total = super::sum(at);
        self.loss.at(&total).value + self.quadratic.value(&self.weights(&total))
    }

    fn prox(&self, at: &mut [Array2<f64>], step: f64) -> Result<(), SolverError> {
        for (block, penalty) in at.iter_mut().zip(&self.penalties) {
            let mut weights = self.weights(block);
            penalty.prox(&mut weights, step, &mut Scratch::default());
            block.slice_mut(ndarray::s![..self.penalised, ..]).assign(&weights);
        }
        Ok(())
    }

    fn nonsmooth(&self, at: &[Array2<f64>]) -> f64 {
        self.penalties.iter().zip(at).map(|(penalty, w)| penalty.value(&self.weights(w))).sum()
    }
}
