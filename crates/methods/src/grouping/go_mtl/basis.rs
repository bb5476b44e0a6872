//! The latent tasks of GO-MTL at given codes: a least-squares problem in `d k` unknowns.

use mtl_core::{Moments, MultiTask, Scaler};
use ndarray::linalg::kron;
use ndarray::{Array1, Array2, Axis, concatenate};

use super::{Data, Engine, Params, State};
use crate::datafit::Logistic;
use crate::linalg::Cholesky;
use crate::method::{Context, FitError};
use crate::solver::SolverError;

/// Unknowns up to which a system of them is factored instead of iterated on. Conjugate gradients that go on from where
/// the last alternation ended are far cheaper than a factorisation already at some hundreds.
const FACTORED: usize = 300;

/// Rows up to which the dual is factored where there are fewer of them than unknowns. Such problems interpolate, and
/// conjugate gradients take long on them.
const FACTORED_ROWS: usize = 1500;

/// Steps of conjugate gradients, and by how much they lower the gradient before the codes have their turn again.
const CONJUGATE_STEPS: usize = 500;
const CONJUGATE_GAIN: f64 = 1e-2;

/// The same for the Newton steps of a logistic loss.
const NEWTON_STEPS: usize = 10;
const NEWTON_GAIN: f64 = 3e-2;

/// Gradients below this share of that at zero are rounding.
const ROUNDING: f64 = 1e-14;

/// Halvings of a Newton step, and the share of the decrease that its slope promises.
const HALVINGS: usize = 40;
const ARMIJO: f64 = 1e-4;

/// `sum_t c_t/2 ||y_t - X_t w_t||^2` from moments.
pub(super) struct System<'a> {
    pub(super) moments: &'a Moments,
    pub(super) factors: Vec<f64>,
}

impl System<'_> {
    /// `c_t X_t'X_t w_t`, features x tasks.
    fn times(&self, w: &Array2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros(w.raw_dim());
        for ((t, column), c) in w.columns().into_iter().enumerate().zip(&self.factors) {
            out.column_mut(t).assign(&(self.moments.gram[t].times(&column.to_owned()) * *c));
        }
        out
    }

    /// `c_t X_t'y_t`, features x tasks.
    fn correlations(&self) -> Array2<f64> {
        &self.moments.xty * &Array1::from(self.factors.clone())
    }

    pub(super) fn value_and_gradient(&self, w: &Array2<f64>) -> (f64, Array2<f64>) {
        let (product, b) = (self.times(w), self.correlations());
        let at_zero: f64 = self.moments.yty.iter().zip(&self.factors).map(|(yty, c)| c * yty / 2.0).sum();
        let value = at_zero + (w * &(&product * 0.5 - &b)).sum();
        (value.max(0.0), product - b)
    }
}

/// The rows of all tasks, centred where there are intercepts, and their products: what the dual needs, and what does
/// not change from fit to fit.
pub(super) struct Stacked {
    intercept: bool,
    rows: Array2<f64>,
    targets: Array1<f64>,
    products: Array2<f64>,
    /// The task of each row.
    tasks: Vec<usize>,
}

impl Stacked {
    fn new(train: &MultiTask, intercept: bool) -> Result<Self, FitError> {
        let centred = Scaler::with(train, intercept, false, intercept, false).transform(train);
        let inputs: Vec<_> = centred.tasks.iter().map(|task| task.x.view()).collect();
        let targets: Vec<_> = centred.tasks.iter().map(|task| task.y.view()).collect();
        let (Ok(rows), Ok(targets)) = (concatenate(Axis(0), &inputs), concatenate(Axis(0), &targets)) else {
            return Err(FitError::NotApplicable("the tasks' inputs cannot be stacked".into()));
        };
        let products = rows.dot(&rows.t());
        let tasks = centred.tasks.iter().enumerate().flat_map(|(t, task)| vec![t; task.n()]).collect();
        Ok(Self { intercept, rows, targets, products, tasks })
    }

    /// The optimum is `L = sum_t X_t'a_t s_t'` with `(K + 2 lambda I) a = y` in rows scaled by `sqrt(c_t)`, where block
    /// `(t, u)` of `K` is `(s_t's_u) X_t X_u'`.
    fn solve(&self, factors: &[f64], codes: &Array2<f64>, lambda: f64) -> Result<Array2<f64>, SolverError> {
        let roots: Vec<f64> = self.tasks.iter().map(|&t| factors[t].sqrt()).collect();
        let alike = codes.t().dot(codes);
        let mut system = self.products.clone();
        for ((i, j), value) in system.indexed_iter_mut() {
            *value *= alike[[self.tasks[i], self.tasks[j]]] * roots[i] * roots[j];
        }
        system.diag_mut().mapv_inplace(|v| v + 2.0 * lambda);
        let roots = Array1::from(roots);
        let mut dual = &self.targets * &roots;
        Cholesky::of(&system).ok_or(SolverError::NotFinite)?.solve(&mut dual);
        dual *= &roots;
        let spread = codes.t().select(Axis(0), &self.tasks) * &dual.insert_axis(Axis(1));
        Ok(self.rows.t().dot(&spread))
    }
}

/// Who solves for the latent tasks.
pub(super) enum Basis<'a> {
    Kronecker,
    Dual(&'a Stacked),
    Conjugate,
}

impl<'a> Basis<'a> {
    /// The engine that was asked for, or the one with least to factor.
    pub(super) fn new(
        train: &MultiTask,
        params: &Params,
        logistic: bool,
        stacked: &'a mut Option<Stacked>,
    ) -> Result<Self, FitError> {
        let (unknowns, rows) = (train.n_features() * params.n_groups, train.n_samples());
        let engine = match params.engine {
            Engine::Auto if unknowns <= FACTORED => Engine::Kronecker,
            Engine::Auto if rows <= unknowns.min(FACTORED_ROWS) && !logistic => Engine::Dual,
            Engine::Auto => Engine::Conjugate,
            asked => asked,
        };
        Ok(match engine {
            Engine::Kronecker => Self::Kronecker,
            Engine::Dual if logistic => {
                let message = "engine=dual is for squared loss; use auto, kronecker or conjugate for labels";
                return Err(FitError::NotApplicable(message.into()));
            }
            Engine::Dual => {
                if stacked.as_ref().is_none_or(|known| known.intercept != params.intercept) {
                    *stacked = Some(Stacked::new(train, params.intercept)?);
                }
                stacked.as_ref().map_or(Self::Conjugate, Self::Dual)
            }
            Engine::Auto | Engine::Conjugate => Self::Conjugate,
        })
    }

    /// Minimises over the latent tasks, or for large problems goes most of the way.
    pub(super) fn update(
        &self,
        data: &Data<'_>,
        state: &mut State,
        params: &Params,
        context: &Context,
    ) -> Result<(), FitError> {
        match data {
            Data::Squared(system) => {
                state.basis = self.solve(system, &state.basis, &state.codes, params.lambda, context)?;
            }
            Data::Logistic(loss) => self.newton(loss, state, params.lambda, context)?,
        }
        Ok(())
    }

    fn solve(
        &self,
        system: &System<'_>,
        start: &Array2<f64>,
        codes: &Array2<f64>,
        lambda: f64,
        context: &Context,
    ) -> Result<Array2<f64>, SolverError> {
        match self {
            Self::Kronecker => kronecker(system, codes, lambda),
            Self::Dual(stacked) => stacked.solve(&system.factors, codes, lambda),
            Self::Conjugate => conjugate(system, start, codes, lambda, context),
        }
    }

    /// Newton steps on `L(L S) + lambda ||L||^2`, each the least-squares problem of the loss near the present point.
    fn newton(
        &self,
        loss: &Logistic<'_>,
        state: &mut State,
        lambda: f64,
        context: &Context,
    ) -> Result<(), SolverError> {
        let squares = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>();
        let mut point = loss.at(&state.weights());
        let mut enough = None;
        for _ in 0..NEWTON_STEPS {
            context.check()?;
            let gradient = point.gradient.dot(&state.codes.t()) + &state.basis * (2.0 * lambda);
            let size = squares(&gradient).sqrt();
            if size <= *enough.get_or_insert(NEWTON_GAIN * size) {
                break;
            }
            let local = loss.local(&point);
            let system = System { factors: vec![1.0; local.moments.n_tasks()], moments: &local.moments };
            let target = self.solve(&system, &state.basis, &state.codes, lambda, context)?;
            let direction = target - &state.basis;
            let slope = (&direction * &gradient).sum();
            let here = point.value + lambda * squares(&state.basis);
            let mut step = 1.0;
            let mut moved = false;
            for _ in 0..HALVINGS {
                let basis = &state.basis + &(&direction * step);
                let there = loss.at(&basis.dot(&state.codes));
                let value = there.value + lambda * squares(&basis);
                if value <= here + ARMIJO * step * slope {
                    (state.basis, point, moved) = (basis, there, true);
                    break;
                }
                step /= 2.0;
            }
            if !moved {
                break;
            }
        }
        Ok(())
    }
}

/// `[2 lambda I + sum_t c_t s_t s_t' kron X_t'X_t] vec L = vec sum_t c_t X_t'y_t s_t'`.
fn kronecker(system: &System<'_>, codes: &Array2<f64>, lambda: f64) -> Result<Array2<f64>, SolverError> {
    let (d, k) = (system.moments.n_features(), codes.nrows());
    let mut matrix = Array2::eye(d * k) * (2.0 * lambda);
    for ((code, gram), c) in codes.columns().into_iter().zip(&system.moments.gram).zip(&system.factors) {
        let code = code.insert_axis(Axis(1));
        if code.iter().any(|s| *s != 0.0) {
            matrix += &(kron(&code.dot(&code.t()), &gram.to_full()) * *c);
        }
    }
    // Column after column of L.
    let rhs = codes.dot(&system.correlations().t());
    let mut solution: Array1<f64> = rhs.iter().copied().collect();
    Cholesky::of(&matrix).ok_or(SolverError::NotFinite)?.solve(&mut solution);
    let rows = solution.into_shape_with_order((k, d)).map_err(|_| SolverError::NotFinite)?;
    Ok(rows.t().to_owned())
}

/// Conjugate gradients on the same equations, preconditioned by what the codes do to the average feature.
fn conjugate(
    system: &System<'_>,
    start: &Array2<f64>,
    codes: &Array2<f64>,
    lambda: f64,
    context: &Context,
) -> Result<Array2<f64>, SolverError> {
    let inner = |a: &Array2<f64>, b: &Array2<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let apply = |l: &Array2<f64>| system.times(&l.dot(codes)).dot(&codes.t()) + l * (2.0 * lambda);
    let rhs = system.correlations().dot(&codes.t());
    let d = system.moments.n_features() as f64;
    let traces = system.moments.gram.iter().zip(&system.factors).map(|(gram, c)| c * gram.trace() / d);
    let mut average = Array2::eye(codes.nrows()) * (2.0 * lambda);
    for (code, weight) in codes.columns().into_iter().zip(traces) {
        let code = code.insert_axis(Axis(1));
        average += &(code.dot(&code.t()) * weight);
    }
    let preconditioner = Cholesky::of(&average).ok_or(SolverError::NotFinite)?.inverse();
    let mut basis = start.clone();
    let mut residual = &rhs - &apply(&basis);
    let mut scaled = residual.dot(&preconditioner);
    let mut direction = scaled.clone();
    let mut energy = inner(&residual, &scaled);
    let least = ROUNDING * ROUNDING * inner(&rhs, &rhs.dot(&preconditioner));
    let enough = (CONJUGATE_GAIN * CONJUGATE_GAIN * energy).max(least);
    for _ in 0..CONJUGATE_STEPS {
        context.check()?;
        if energy <= enough {
            break;
        }
        let bent = apply(&direction);
        let step = energy / inner(&direction, &bent);
        basis.scaled_add(step, &direction);
        residual.scaled_add(-step, &bent);
        scaled = residual.dot(&preconditioner);
        let next = inner(&residual, &scaled);
        direction = &scaled + &(direction * (next / energy));
        energy = next;
    }
    if basis.iter().all(|v| v.is_finite()) { Ok(basis) } else { Err(SolverError::NotFinite) }
}
