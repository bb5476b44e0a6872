//! The lower-level problem at its optimum.

use ndarray::Array2;

use super::lanes::Lanes;
use super::lower::Lower;
use super::spectral::Spectral;
use super::symmetric::Symmetric;
use super::theta::Theta;
use crate::method::Context;
use crate::solver::{Convergence, ResidualKind, SolverError, Stopping, Value};

/// Iterations between two looks at the duality gap.
const LOOK_EVERY: usize = 10;

/// A residual this many times the other one has the penalty parameter changed.
const IMBALANCE: f64 = 5.0;

/// A certified solution.
pub(super) struct Exact {
    /// A row a task.
    pub(super) weights: Array2<f64>,
    pub(super) value: Value,
    pub(super) convergence: Convergence,
}

/// Value and relative duality gap of weights, and of dual variables inside the balls.
pub(super) fn certify(lower: &Lower, theta: &Theta, w: &Array2<f64>, u: &Lanes) -> Result<(Value, f64), SolverError> {
    let norms = Spectral::of(&theta.scaled(1.0, w), None)?.nuclear_norm();
    let (loss, penalty) = (lower.smooth(w), lower.lambda * norms);
    let value = Value { total: loss + penalty, loss, penalty };
    if !value.total.is_finite() {
        return Err(SolverError::NotFinite);
    }
    let gap = (value.total - lower.dual(theta, u)) / value.total.abs().max(f64::MIN_POSITIVE);
    Ok((value, gap))
}

/// `(H_t + (eps + rho |theta_t|^2) I)^{-1}` for every task.
fn resolvents(lower: &Lower, squares: &[f64], rho: f64) -> Result<Vec<Symmetric>, SolverError> {
    let curvatures = lower.loss.curvature.iter().zip(squares);
    curvatures.map(|(curvature, square)| curvature.shifted_inverse(lower.eps + rho * square)).collect()
}

/// Alternating directions on copies `Z_l` of `theta_l . W`: weights by one linear system a task, copies by soft
/// thresholds on their singular values. What the thresholds cut off is a point of the dual, which certifies the weights.
///
/// # Errors
/// If an iterate is not finite or the run is interrupted.
pub(super) fn solve(
    lower: &Lower,
    shares: &Array2<f64>,
    stopping: Stopping,
    context: &Context,
) -> Result<Exact, SolverError> {
    let (m, p) = lower.dim();
    let theta = Theta::new(shares, p);
    let squares = theta.squares().to_vec();
    let mut rho = lower.lambda.max(0.01);
    let mut inverse = resolvents(lower, &squares, rho)?;
    // What the copies lack, in units of the penalty parameter, and the copies.
    let (mut multipliers, mut copies) = (theta.zeros(), theta.zeros());
    let mut spectral: Option<Spectral> = None;
    let mut weights = Array2::zeros((m, p));
    let mut next_balance = LOOK_EVERY;
    for iteration in 1..=stopping.max_iterations.max(1) {
        let mut target = copies.clone();
        subtract(&mut target, &multipliers);
        let right = &lower.loss.linear + &(theta.adjoint(&target) * rho);
        for ((inverse, right), mut w) in inverse.iter().zip(right.rows()).zip(weights.rows_mut()) {
            if let (Some(right), Some(w)) = (right.as_slice(), w.as_slice_mut()) {
                inverse.times(right, w);
            }
        }
        let mut point = multipliers.clone();
        theta.add_scaled(1.0, &weights, &mut point);
        let decomposed = Spectral::of(&point, spectral.as_ref())?;
        let threshold = lower.lambda / rho;
        let before = std::mem::replace(
            &mut copies,
            decomposed.apply(|x| (1.0 - threshold / x.sqrt().max(f64::MIN_POSITIVE)).max(0.0)),
        );
        spectral = Some(decomposed);
        subtract(&mut point, &copies);
        multipliers = point;
        let last = iteration == stopping.max_iterations.max(1);
        if iteration % LOOK_EVERY == 0 || last {
            context.check()?;
            let mut dual = multipliers.clone();
            dual.values_mut().iter_mut().for_each(|v| *v *= rho);
            let (value, residual) = certify(lower, &theta, &weights, &dual)?;
            let converged = residual <= stopping.tolerance;
            if converged || last {
                let rule = ResidualKind::RelativeDualityGap;
                let convergence = Convergence { rule, residual, iterations: iteration, converged };
                return Ok(Exact { weights, value, convergence });
            }
        }
        if iteration == next_balance {
            next_balance = next_balance * 3 / 2 + LOOK_EVERY;
            let mut moved = copies.clone();
            subtract(&mut moved, &before);
            let dual = rho * norm_of(&theta.adjoint(&moved));
            let mut apart = theta.scaled(1.0, &weights);
            subtract(&mut apart, &copies);
            let primal = apart.values().iter().map(|v| v * v).sum::<f64>().sqrt();
            let factor = (primal / dual.max(f64::MIN_POSITIVE)).sqrt().clamp(0.1, 10.0);
            if factor.powi(2) > IMBALANCE || factor.powi(2) < 1.0 / IMBALANCE {
                rho *= factor;
                multipliers.values_mut().iter_mut().for_each(|v| *v /= factor);
                inverse = resolvents(lower, &squares, rho)?;
                spectral = None;
            }
        }
    }
    Err(SolverError::NotFinite)
}

fn norm_of(a: &Array2<f64>) -> f64 {
    (a * a).sum().sqrt()
}

fn subtract(from: &mut Lanes, what: &Lanes) {
    from.values_mut().iter_mut().zip(what.values()).for_each(|(v, w)| *v -= w);
}
