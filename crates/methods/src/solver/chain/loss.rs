//! The losses that tasks on a chain can have.

use ndarray::{Array1, Array2};

use crate::datafit::{Logistic, LossScale, Rows, Squared};
use crate::linalg::Cholesky;
use crate::method::{FitError, Problem};
use crate::solver::SolverError;
use mtl_core::Target;

/// Newton steps on one task; some five are used.
const NEWTON_STEPS: usize = 100;

/// Ridge of a logistic start, relative to the curvature of the loss, where the objective has none: separable classes
/// have no finite optimum.
const LEAST_RIDGE: f64 = 1e-6;

/// A smooth convex loss that falls apart over the tasks.
pub enum ChainLoss<'a> {
    /// The squared loss, on sufficient statistics.
    Squared(Squared),
    /// The squared loss, on the rows.
    Rows(Rows<'a>),
    /// The logistic loss, without intercepts.
    Logistic {
        /// The loss.
        loss: Logistic<'a>,
        /// The squared loss of the same rows, whose curvature bounds that of the logistic loss fourfold.
        rows: Rows<'a>,
    },
}

impl<'a> ChainLoss<'a> {
    /// The loss that fits the targets. `by_rows` avoids sufficient statistics and everything else that does not take
    /// time linear in rows, features and tasks.
    ///
    /// # Errors
    /// If a label is not one, or a moment not finite.
    pub fn of(problem: &'a Problem, scale: LossScale, by_rows: bool) -> Result<Self, FitError> {
        let rows = Rows::new(&problem.train, scale);
        Ok(match problem.train.target {
            Target::Binary => Self::Logistic { loss: Logistic::new(&problem.train, scale, false)?, rows },
            Target::Regression | Target::Classes(_) if by_rows => Self::Rows(rows),
            Target::Regression | Target::Classes(_) => {
                Self::Squared(Squared::new(problem.statistics().clone(), scale).map_err(SolverError::from)?)
            }
        })
    }

    /// Features and tasks.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::Squared(loss) => (loss.n_features(), loss.n_tasks()),
            Self::Rows(loss) => loss.shape(),
            Self::Logistic { loss, .. } => (loss.n_features(), loss.n_tasks()),
        }
    }

    /// Loss and gradient at `w`.
    pub fn value_and_gradient(&self, w: &Array2<f64>) -> (f64, Array2<f64>) {
        match self {
            Self::Squared(loss) => loss.value_and_gradient(w),
            Self::Rows(loss) => loss.value_and_gradient(w),
            Self::Logistic { loss, .. } => {
                let point = loss.at(w);
                (point.value, point.gradient)
            }
        }
    }

    /// A bound on the eigenvalues of task `t`'s Hessian.
    pub fn curvature(&self, t: usize) -> f64 {
        match self {
            Self::Squared(loss) => loss.factor(t) * loss.spectrum(t).largest(),
            Self::Rows(loss) => loss.curvature(t),
            Self::Logistic { rows, .. } => rows.curvature(t) / 4.0,
        }
    }

    /// The least eigenvalue of task `t`'s Hessian at any weights, as far as it is known.
    pub fn least_curvature(&self, t: usize) -> f64 {
        match self {
            Self::Squared(loss) if loss.spectrum(t).rank() == loss.n_features() => {
                loss.factor(t) * loss.spectrum(t).values.last().copied().unwrap_or(0.0)
            }
            _ => 0.0,
        }
    }

    /// A bound on the eigenvalues of all tasks' Hessians: the `H` of the paper's theory.
    pub fn lipschitz(&self) -> f64 {
        (0..self.shape().1).map(|t| self.curvature(t)).fold(0.0, f64::max)
    }

    /// `argmin L_t(w_t) + ridge/2 ||w_t||^2` for every task; the shortest solution where it is not unique.
    ///
    /// # Errors
    /// If an iterate is not finite.
    pub fn ridge_solution(&self, ridge: f64) -> Result<Array2<f64>, SolverError> {
        match self {
            Self::Squared(loss) => {
                let b = loss.correlations();
                let mut weights = Array2::zeros(b.raw_dim());
                for t in 0..loss.n_tasks() {
                    let spectrum = loss.spectrum(t);
                    let damped = spectrum.rotate(b.column(t)) / &(&spectrum.values * loss.factor(t) + ridge);
                    weights.column_mut(t).assign(&spectrum.vectors.dot(&damped));
                }
                Ok(weights)
            }
            Self::Rows(loss) => Ok(loss.ridge_solution(ridge)),
            Self::Logistic { loss, .. } => {
                let (p, m) = self.shape();
                let ridge = ridge.max(LEAST_RIDGE * self.lipschitz());
                let mut weights = Array2::zeros((p, m));
                for t in 0..m {
                    let w = newton(loss, t, ridge, &Array1::zeros(p), Array1::zeros(p))?;
                    weights.column_mut(t).assign(&w);
                }
                Ok(weights)
            }
        }
    }
}

/// `argmin L_t(w) + ridge/2 ||w||^2 - linear'w` for `ridge > 0` by damped Newton steps.
pub(super) fn newton(
    loss: &Logistic<'_>,
    t: usize,
    ridge: f64,
    linear: &Array1<f64>,
    mut w: Array1<f64>,
) -> Result<Array1<f64>, SolverError> {
    const ACCURACY: f64 = 1e-12;
    let rest = |w: &Array1<f64>| ridge / 2.0 * w.dot(w) - linear.dot(w);
    for _ in 0..NEWTON_STEPS {
        let expansion = loss.expand(t, w.view());
        let value = expansion.value + rest(&w);
        let mut direction = linear - &expansion.gradient - &w * ridge;
        let gradient = direction.clone();
        let mut hessian = expansion.hessian;
        hessian.diag_mut().mapv_inplace(|d| d + ridge);
        Cholesky::of(&hessian).ok_or(SolverError::NotFinite)?.solve(&mut direction);
        // Twice what the quadratic model promises.
        let promised = gradient.dot(&direction);
        if !promised.is_finite() {
            return Err(SolverError::NotFinite);
        }
        let mut step = 1.0;
        loop {
            let next = &w + &(&direction * step);
            if loss.task_value(t, next.view()) + rest(&next) <= value - 1e-4 * step * promised {
                w = next;
                break;
            }
            step /= 2.0;
            // Rounding hides what is left to gain; the full step is the more accurate point.
            if step < 1e-3 && promised <= ACCURACY * value.abs().max(f64::MIN_POSITIVE) {
                return Ok(w + direction);
            }
            if step < 1e-12 {
                return Ok(w);
            }
        }
        if promised <= ACCURACY * ACCURACY * value.abs() {
            break;
        }
    }
    Ok(w)
}
