//! The weights at given metrics: a ridge regression a task.

use std::sync::Arc;

use mtl_core::{MultiTask, Task};
use ndarray::{Array1, Array2, Axis, Zip};
use rayon::prelude::*;

use super::Engine;
use super::metric::Metric;
use crate::datafit::{Logistic, LogisticPoint};
use crate::linalg::{Cholesky, Spectrum};
use crate::method::{Context, FitError};
use crate::solver::{RowLasso, SolverError, StopRule, Stopping};

/// Accuracy and Newton steps of a logistic ridge regression.
const ACCURACY: f64 = 1e-14;
const NEWTON_STEPS: usize = 50;

/// What a task's equations are made of.
enum Products {
    /// `X'X`.
    Primal(Arc<Array2<f64>>),
    /// `XX'`.
    Dual(Arc<Array2<f64>>),
}

/// The tasks, with inputs and targets centred where a squared loss has intercepts.
pub(super) struct Tasks {
    data: MultiTask,
    factors: Vec<f64>,
    logistic: bool,
    intercept: bool,
    products: Vec<Products>,
}

/// The loss at some weights.
pub(super) struct LossAt {
    pub(super) value: f64,
    pub(super) gradient: Array2<f64>,
    /// Under logistic loss; zeros otherwise.
    pub(super) intercepts: Array1<f64>,
}

impl Tasks {
    pub(super) fn new(data: MultiTask, factors: Vec<f64>, logistic: bool, intercept: bool, engine: Engine) -> Self {
        let first = data.distinct_inputs();
        let d = data.n_features();
        let mut products: Vec<Products> = Vec::with_capacity(data.n_tasks());
        for (t, Task { x, .. }) in data.tasks.iter().enumerate() {
            let primal = engine == Engine::Primal || (engine == Engine::Auto && d <= x.nrows());
            let known = (first[t] < t).then(|| &products[first[t]]);
            products.push(match known {
                Some(Products::Primal(known)) => Products::Primal(Arc::clone(known)),
                Some(Products::Dual(known)) => Products::Dual(Arc::clone(known)),
                None if primal => Products::Primal(Arc::new(x.t().dot(&**x))),
                None => Products::Dual(Arc::new(x.dot(&x.t()))),
            });
        }
        Self { data, factors, logistic, intercept, products }
    }

    /// Features and tasks.
    pub(super) fn shape(&self) -> (usize, usize) {
        (self.data.n_features(), self.data.n_tasks())
    }

    pub(super) fn loss(&self, weights: &Array2<f64>) -> Result<LossAt, FitError> {
        if self.logistic {
            let loss = Logistic::with_factors(&self.data, self.factors.clone(), self.intercept)?;
            let LogisticPoint { value, gradient, intercepts, .. } = loss.at(weights);
            return Ok(LossAt { value, gradient, intercepts });
        }
        let mut gradient = Array2::zeros(weights.raw_dim());
        let mut value = 0.0;
        for (t, (Task { x, y, .. }, c)) in self.data.tasks.iter().zip(&self.factors).enumerate() {
            let residual = x.dot(&weights.column(t)) - y;
            value += c / 2.0 * residual.dot(&residual);
            gradient.column_mut(t).assign(&(x.t().dot(&residual) * *c));
        }
        Ok(LossAt { value, gradient, intercepts: Array1::zeros(weights.ncols()) })
    }

    /// `w_t = argmin L_t(w) + gamma w'D_t^{-1}w` for every task.
    pub(super) fn step(&self, metric: &Metric, gamma: f64, context: &Context) -> Result<Array2<f64>, FitError> {
        let of_task = |t: usize| {
            context.check()?;
            if self.logistic {
                self.logistic_ridge(t, metric, gamma, context)
            } else {
                Ok(self.ridge(t, metric, gamma)?)
            }
        };
        let (d, m) = self.shape();
        let columns = (0..m).into_par_iter().map(of_task).collect::<Result<Vec<_>, FitError>>()?;
        let mut weights = Array2::zeros((d, m));
        weights.axis_iter_mut(Axis(1)).zip(&columns).for_each(|(mut column, w)| column.assign(w));
        Ok(weights)
    }

    /// Primal: `(c X'X + 2 gamma D^{-1}) w = c X'y`. Dual: `(X D X' + 2 gamma/c I) a = y`, `w = D X'a`, in which no
    /// matrix is larger than the rows are many.
    fn ridge(&self, t: usize, metric: &Metric, gamma: f64) -> Result<Array1<f64>, SolverError> {
        let (Task { x, y, .. }, c) = (&self.data.tasks[t], self.factors[t]);
        match &self.products[t] {
            Products::Primal(gram) => {
                let system = dense(metric, t) * (2.0 * gamma) + &(&**gram * c);
                let mut w = x.t().dot(y) * c;
                Cholesky::of(&system).ok_or(SolverError::NotFinite)?.solve(&mut w);
                Ok(w)
            }
            Products::Dual(kernel) => {
                let Transformed { mut products, inside, own } = Transformed::of(x, kernel, metric, t)?;
                products.diag_mut().mapv_inplace(|v| v + 2.0 * gamma / c);
                let mut dual = y.clone();
                Cholesky::of(&products).ok_or(SolverError::NotFinite)?.solve(&mut dual);
                Ok(back(x, metric, t, &dual, (&inside, &own)))
            }
        }
    }

    /// The same under logistic loss: a plain ridge in features `Z` with `ZZ' = X D X'`.
    fn logistic_ridge(
        &self,
        t: usize,
        metric: &Metric,
        gamma: f64,
        context: &Context,
    ) -> Result<Array1<f64>, FitError> {
        let (Task { x, y, .. }, c) = (&self.data.tasks[t], self.factors[t]);
        let fit = |z: Array2<f64>| -> Result<(Array1<f64>, Array1<f64>), FitError> {
            let names: Vec<String> = (0..z.ncols()).map(|j| j.to_string()).collect();
            let task = Task { name: String::new(), x: Arc::new(z), y: y.clone() };
            let own = MultiTask { features: names.into(), tasks: vec![task], ..self.data.subset(&[]) };
            let loss = Logistic::with_factors(&own, vec![c], self.intercept)?;
            let ridge = RowLasso { rows: 0.0, ridge: 2.0 * gamma };
            let stopping = Stopping { rule: StopRule::Certificate, tolerance: ACCURACY, max_iterations: NEWTON_STEPS };
            let start = Array2::zeros((own.n_features(), 1));
            let v = ridge.logistic(&loss, start, stopping, context)?.components.swap_remove(0);
            let predictor = own.tasks[0].x.dot(&v.column(0)) + loss.at(&v).intercepts[0];
            // Where the gradient vanishes, 2 gamma v = Z'a' with a' = c y sigma(-y f), whatever Z is.
            let dual = Zip::from(y).and(&predictor).map_collect(|y, f| c * y / (1.0 + (y * f).exp()) / (2.0 * gamma));
            Ok((v.column(0).to_owned(), dual))
        };
        match &self.products[t] {
            Products::Primal(_) => {
                // D = F F', and w = F v.
                let inverse = Cholesky::of(&dense(metric, t)).ok_or(SolverError::NotFinite)?.inverse();
                let spectrum = Spectrum::of(&inverse).map_err(SolverError::from)?;
                let factor = &spectrum.vectors * &spectrum.values.mapv(f64::sqrt);
                let (v, _) = fit(x.dot(&factor))?;
                Ok(factor.dot(&v))
            }
            Products::Dual(kernel) => {
                let Transformed { products, inside, own } = Transformed::of(x, kernel, metric, t)?;
                let spectrum = Spectrum::of(&products).map_err(SolverError::from)?;
                let (_, dual) = fit(&spectrum.vectors * &spectrum.values.mapv(f64::sqrt))?;
                Ok(back(x, metric, t, &dual, (&inside, &own)))
            }
        }
    }
}

/// `D_t^{-1}` as a matrix.
fn dense(metric: &Metric, t: usize) -> Array2<f64> {
    let (d, r) = metric.basis.dim();
    let inner = &metric.inside[t] - &(Array2::<f64>::eye(r) * metric.outside[t]);
    let mut out = metric.basis.dot(&inner).dot(&metric.basis.t());
    out.diag_mut().mapv_inplace(|v| v + metric.outside[t]);
    debug_assert_eq!(out.nrows(), d);
    out
}

/// `X D X'` of a task, with `D = 1/outside (I - BB') + B P^{-1} B'`.
struct Transformed {
    products: Array2<f64>,
    /// `P^{-1}`.
    inside: Array2<f64>,
    /// `XB`.
    own: Array2<f64>,
}

impl Transformed {
    fn of(x: &Array2<f64>, kernel: &Array2<f64>, metric: &Metric, t: usize) -> Result<Self, SolverError> {
        let own = x.dot(&metric.basis);
        let r = own.ncols();
        let inside = if r == 0 {
            Array2::zeros((0, 0))
        } else {
            Cholesky::of(&metric.inside[t]).ok_or(SolverError::NotFinite)?.inverse()
        };
        let excess = &inside - &(Array2::<f64>::eye(r) / metric.outside[t]);
        let products = kernel / metric.outside[t] + &own.dot(&excess).dot(&own.t());
        Ok(Self { products, inside, own })
    }
}

/// `w = D X'a`.
fn back(
    x: &Array2<f64>,
    metric: &Metric,
    t: usize,
    dual: &Array1<f64>,
    (inside, own): (&Array2<f64>, &Array2<f64>),
) -> Array1<f64> {
    let inner = own.t().dot(dual);
    let turned = inside.dot(&inner) - &inner / metric.outside[t];
    x.t().dot(dual) / metric.outside[t] + metric.basis.dot(&turned)
}
