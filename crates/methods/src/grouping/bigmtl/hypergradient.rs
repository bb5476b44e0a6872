//! How the validation error of the lower level's last iterate changes with the groups.
//!
//! The published recursion alternates between dual variables `U` and `grad phi(U)`, and differentiates both maps. They
//! are inverse to each other, so keeping `V = grad phi(U)` as the state leaves one map, one decomposition a step and
//! nothing that cancels where singular values of `U` come close to lambda:
//!
//! `U = psi(V)`, `W` from `U`, `V <- V + gamma theta . W`.

use ndarray::Array2;

use super::lanes::Lanes;
use super::lower::{Lower, Upper};
use super::spectral::Spectral;
use super::theta::Theta;
use crate::method::Context;
use crate::solver::SolverError;

/// Most memory for the states of one forward pass, in doubles; beyond it, passages are computed again on the way back.
const KEPT: usize = 1 << 24;

/// The mirror variables after some steps with their decomposition. It survives from one outer step to the next.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) v: Lanes,
    pub(super) spectral: Spectral,
    /// `U = psi(V)`.
    pub(super) u: Lanes,
}

impl State {
    /// `U = 0`.
    ///
    /// # Errors
    /// Never for what is finite.
    pub(super) fn cold(theta: &Theta) -> Result<Self, SolverError> {
        let v = theta.zeros();
        let spectral = Spectral::of_mirror(&v, None)?;
        Ok(Self { u: v.clone(), v, spectral })
    }

    fn step(&self, lower: &Lower, theta: &Theta, gamma: f64, w: &Array2<f64>) -> Result<Self, SolverError> {
        let mut v = self.v.clone();
        theta.add_scaled(gamma, w, &mut v);
        let spectral = Spectral::of_mirror(&v, Some(&self.spectral))?;
        let u = spectral.mirror(lower.lambda);
        Ok(Self { v, spectral, u })
    }
}

/// The size of the dual's steps, admissible for all shares: `||A_theta|| <= 1`.
pub(super) fn step_size(lower: &Lower) -> f64 {
    lower.eps / (2.0 * lower.lambda)
}

/// Steps on the dual, without a derivative.
///
/// # Errors
/// If an iterate is not finite.
pub(super) fn forward(
    lower: &Lower,
    theta: &Theta,
    mut state: State,
    steps: usize,
) -> Result<(State, Array2<f64>), SolverError> {
    let gamma = step_size(lower);
    for _ in 0..steps {
        let w = lower.weights(theta, &state.u);
        state = state.step(lower, theta, gamma, &w)?;
    }
    let w = lower.weights(theta, &state.u);
    Ok((state, w))
}

/// What one evaluation returns.
pub(super) struct Evaluation {
    /// `d upper(W^(Q)) / d theta`, groups x tasks.
    pub(super) gradient: Array2<f64>,
    /// Where the dual ended: what a warm restart goes on from.
    pub(super) state: State,
    /// The upper-level objective at `W^(Q)`.
    pub(super) value: f64,
}

/// The gradient of the upper-level objective at the `steps`-th iterate, from a start that counts as a constant.
///
/// With `frozen`, all steps back are taken at the last iterate, which needs no memory and is right in the limit.
///
/// # Errors
/// If an iterate is not finite or the run is interrupted.
pub(super) fn hypergradient(
    (lower, upper): (&Lower, &Upper),
    theta: &Theta,
    start: State,
    steps: usize,
    frozen: bool,
    context: &Context,
) -> Result<Evaluation, SolverError> {
    let (gamma, lambda) = (step_size(lower), lower.lambda);
    let (long, short) = start.v.shape();
    let size = start.v.values().len() / (long * short) * short * (3 * long + short);
    // All at once, or passages as long as there are of them.
    let whole = frozen || steps * size <= KEPT;
    let passage = if whole { steps } else { steps.isqrt() + 1 };
    let (mut marks, mut kept) = (Vec::new(), Vec::new());
    let mut state = start;
    for q in 0..steps {
        if q % 64 == 0 {
            context.check()?;
        }
        let w = lower.weights(theta, &state.u);
        let next = state.step(lower, theta, gamma, &w)?;
        let before = std::mem::replace(&mut state, next);
        if !whole && q % passage == 0 {
            marks.push(before);
        } else if whole && !frozen {
            kept.push((before, w));
        }
    }
    let rest = lower.rest(theta, &state.u);
    let (value, z) = upper.at(&rest);
    let last = if frozen { lower.solve(&rest) } else { rest };
    let mut products = theta.inner(&state.u, &z);
    products.values_mut().iter_mut().for_each(|v| *v = -*v);
    let mut s = state.spectral.mirror_derivative(lambda, &theta.scaled(-1.0, &z));
    for number in (0..steps.div_ceil(passage)).rev() {
        if let Some(mark) = marks.pop() {
            let mut state = mark;
            for _ in number * passage..((number + 1) * passage).min(steps) {
                let w = lower.weights(theta, &state.u);
                let next = state.step(lower, theta, gamma, &w)?;
                kept.push((std::mem::replace(&mut state, next), w));
            }
        }
        for q in (number * passage..((number + 1) * passage).min(steps)).rev() {
            if q % 64 == 0 {
                context.check()?;
            }
            let (at, w) =
                if frozen { (&state, &last) } else { (&kept[q - number * passage].0, &kept[q - number * passage].1) };
            let z = lower.solve(&theta.adjoint(&s));
            add(&mut products, gamma, &theta.inner(&s, w));
            add(&mut products, -gamma, &theta.inner(&at.u, &z));
            if q > 0 {
                add(&mut s, -gamma, &at.spectral.mirror_derivative(lambda, &theta.scaled(1.0, &z)));
            }
        }
        kept.clear();
    }
    Ok(Evaluation { gradient: theta.apart(&products), state, value })
}

fn add(to: &mut Lanes, factor: f64, what: &Lanes) {
    to.values_mut().iter_mut().zip(what.values()).for_each(|(v, w)| *v += factor * w);
}
