//! Problems with one weight matrix, either loss, a quadratic and a penalty with a closed proximal operator.

use std::sync::Arc;

use ndarray::{Array1, Array2};

use super::{Gap, SolverError, Value};
use crate::datafit::{Logistic, LogisticPoint, LossScale, Squared};
use crate::penalty::row::Scratch;
use crate::penalty::{Penalty, Quadratic};

/// A loss of either kind.
#[derive(Debug, Clone, Copy)]
pub enum Loss<'a> {
    /// Of real targets.
    Squared(&'a Squared),
    /// Of labels, with what bounds its curvature.
    Logistic(&'a Logistic<'a>, f64),
}

impl Loss<'_> {
    /// Features x tasks.
    pub fn shape(self) -> (usize, usize) {
        match self {
            Self::Squared(loss) => (loss.n_features(), loss.n_tasks()),
            Self::Logistic(loss, _) => (loss.n_features(), loss.n_tasks()),
        }
    }

    /// Largest eigenvalue of the Hessian, or a bound on it.
    pub fn lipschitz(self) -> f64 {
        match self {
            Self::Squared(loss) => loss.lipschitz(),
            Self::Logistic(_, lipschitz) => lipschitz,
        }
    }

    /// Value and gradient at `w`.
    pub fn at(self, w: &Array2<f64>) -> LossPoint {
        match self {
            Self::Squared(loss) => {
                let (value, gradient) = loss.value_and_gradient(w);
                LossPoint { value, gradient, logistic: None }
            }
            Self::Logistic(loss, _) => {
                let point = loss.at(w);
                LossPoint { value: point.value, gradient: point.gradient.clone(), logistic: Some(point) }
            }
        }
    }
}

/// A loss at some weights.
#[derive(Debug, Clone)]
pub struct LossPoint {
    /// The loss.
    pub value: f64,
    /// Its gradient.
    pub gradient: Array2<f64>,
    logistic: Option<LogisticPoint>,
}

/// `min L(W) + q(W) + Omega(W)`.
#[derive(Clone, Copy)]
pub struct Composite<'a> {
    /// `L`.
    pub loss: Loss<'a>,
    /// `q`. Reported as part of the penalty.
    pub quadratic: Quadratic,
    /// `Omega`.
    pub penalty: &'a dyn Penalty,
}

impl Composite<'_> {
    /// Zero weights.
    pub fn zeros(&self) -> Array2<f64> {
        Array2::zeros(self.loss.shape())
    }

    /// Largest eigenvalue of the Hessian of `L + q`, or a bound on it.
    pub fn lipschitz(&self) -> f64 {
        self.loss.lipschitz() + self.quadratic.lipschitz()
    }

    /// The objective at `w`, where the loss is known.
    pub fn value(&self, w: &Array2<f64>, point: &LossPoint) -> Value {
        let penalty = self.quadratic.value(w) + self.penalty.value(w);
        Value { total: point.value + penalty, loss: point.value, penalty }
    }

    /// The objective at `w` and how far it can be above the optimum.
    ///
    /// A dual point is a guess `Y` of the optimal `-grad L`, of which `U` is for the quadratic and `V = Y - U` for the
    /// penalty. Scaled by a factor `s` that makes the conjugate of the penalty finite, it leaves the gap
    ///
    /// `Omega(W) + Omega*(sV) - <W, sV>  +  q*(sU - grad q(W))  +  D(sY, -grad L(W))`,
    ///
    /// one part each of the penalty, the quadratic and the loss, where `D` is the divergence of the loss: for a squared
    /// loss `1/2 sum_t delta_t' (c_t X_t'X_t)^+ delta_t`, for a logistic one a relative entropy. The guesses are `-grad
    /// L(W)`, what is left of it when `V` is moved to the nearest point of the dual ball, and those that the solver has
    /// for `V`; `U` is `grad q(W)`, or whatever of the rest the quadratic can take. `local` are statistics of the loss
    /// near `w`, without which a logistic loss looks at the first guess only.
    pub fn gap(&self, w: &Array2<f64>, point: &LossPoint, guesses: &[Array2<f64>], local: Option<&Squared>) -> Gap {
        let scratch = &mut Scratch::default();
        let value = self.value(w, point);
        let pull = self.quadratic.gradient(w);
        let at_point = -&point.gradient;
        let v = &at_point - &pull;
        let mut gap = self.gap_at(w, point, (&at_point, &v), scratch, |scale| self.divergence(point, scale));
        let clipped = self.penalty.is_norm().then(|| {
            let mut beyond = v.clone();
            self.penalty.prox(&mut beyond, 1.0, scratch);
            &v - &beyond
        });
        for guess in clipped.iter().chain(guesses) {
            let wanted = guess + &pull;
            let found = match (self.loss, local) {
                (Loss::Squared(loss), _) => {
                    let y = loss.in_column_space(&wanted);
                    let divergence = |scale: f64| loss.distance(&(&y * scale + &point.gradient));
                    self.shared(&y, guess, &pull).map(|v| self.gap_at(w, point, (&y, &v), scratch, divergence))
                }
                (Loss::Logistic(loss, _), Some(local)) => {
                    let Some(point_of) = point.logistic.as_ref() else { continue };
                    let step = local.pseudo_solve(&(&wanted - &at_point));
                    let Some((dual, y)) = loss.dual_at(point_of, &step) else { continue };
                    let divergence = |scale: f64| loss.entropy(point_of, &dual, scale);
                    self.shared(&y, guess, &pull).map(|v| self.gap_at(w, point, (&y, &v), scratch, divergence))
                }
                (Loss::Logistic(..), None) => continue,
            };
            gap = found.into_iter().fold(gap, f64::min);
        }
        // Rounding can take the gap of an exact solution below zero; a gap that is not a number certifies nothing.
        Gap { value, gap: gap.max(0.0) }
    }

    /// Two `V` for a dual point `Y` near a guess of `V`: what `grad q(W)` leaves, and the guess itself as far as the
    /// quadratic can take the rest.
    fn shared(&self, y: &Array2<f64>, guess: &Array2<f64>, pull: &Array2<f64>) -> [Array2<f64>; 2] {
        let v = y - pull;
        let taken = self.quadratic.range_of(&(&v - guess));
        [&v - &taken, v]
    }

    fn gap_at(
        &self,
        w: &Array2<f64>,
        point: &LossPoint,
        (y, v): (&Array2<f64>, &Array2<f64>),
        scratch: &mut Scratch,
        divergence: impl FnOnce(f64) -> f64,
    ) -> f64 {
        debug_assert_eq!(y.dim(), point.gradient.dim());
        let (scale, conjugate) = self.penalty.conjugate(v, scratch);
        let linear: f64 = w.iter().zip(v).map(|(w, v)| w * v).sum();
        let of_penalty = self.penalty.value(w) + conjugate - scale * linear;
        let of_quadratic = self.quadratic.conjugate(&((y - v) * scale - self.quadratic.gradient(w)));
        let gap = of_penalty + of_quadratic + divergence(scale);
        if gap.is_nan() { f64::INFINITY } else { gap }
    }

    fn divergence(&self, point: &LossPoint, scale: f64) -> f64 {
        match (self.loss, &point.logistic) {
            (Loss::Squared(loss), _) => (1.0 - scale).powi(2) * loss.distance(&point.gradient),
            (Loss::Logistic(loss, _), Some(point)) => loss.divergence(point, scale),
            (Loss::Logistic(..), None) => f64::INFINITY,
        }
    }

    /// The loss near a point as a squared one: itself, if it is.
    ///
    /// # Errors
    /// If it is not finite.
    pub fn local(&self, point: &LossPoint) -> Result<Squared, SolverError> {
        match (self.loss, &point.logistic) {
            (Loss::Logistic(loss, _), Some(point)) => {
                Ok(Squared::new(Arc::new(loss.local(point)), LossScale::HalfSum)?)
            }
            (Loss::Squared(loss), _) => Ok(loss.clone()),
            (Loss::Logistic(..), None) => Err(SolverError::NotFinite),
        }
    }

    /// The best intercepts at a point; zeros where the model has none.
    pub fn intercepts(&self, point: &LossPoint) -> Array1<f64> {
        point.logistic.as_ref().map_or_else(|| Array1::zeros(self.loss.shape().1), |point| point.intercepts.clone())
    }
}
