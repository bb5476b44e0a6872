//! Groups of tasks that share a subspace each, learned by relaxed integer shares.

mod metric;
mod shares;
mod weights;

use mtl_core::Scaler;
use mtl_core::sharing::strongest;
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use serde::Deserialize;

use self::metric::Metric;
use self::shares::Grouping;
use self::weights::Tasks;
use super::{n_groups_param, with_groups};
use crate::datafit::LossScale;
use crate::linalg::Svd;
use crate::linear::elastic_net::{Loss, loss_param, positive_strength};
use crate::linear::{EITHER, free_intercept};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::anderson::Anderson;
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// Steps of the weights between two of the shares, as published.
const INNER: usize = 5;

/// Steps of the shares: as published, and at most where they go on for as long as the objective falls.
const PUBLISHED_OUTER: usize = 5;
const OUTER: usize = 20;

/// The automatic `eps` relative to the mean eigenvalue of the first weights, and its floor.
const EPS_SHARE: f64 = 1e-3;
const EPS_FLOOR: f64 = 1e-8;

/// Weights that a step of the acceleration mixes.
const MIXED: usize = 8;

/// `min L(W, b) + gamma sum_g (tr (W Q_g W' + eps I)^{1/2})^2`, `Q_g = diag(q_g1 .. q_gm)`, over weights and shares `Q`
/// (groups x tasks) whose columns are on the simplex. With `eps` towards 0 the penalty is the squared trace norm of `W
/// sqrt(Q_g)`: a group's tasks share a subspace. `L = sum_t ||y_t - b_t - X_t w_t||^2` as published (`loss_scale:
/// sum`).
///
/// Alternates: weights by ridge regressions in the metric `D_t^{-1} = sum_g q_gt D_g^{-1}`, with
/// `D_g = (W Q_g W' + eps I)^{1/2}` over its trace (each lowers the objective); shares by gradient descent in
/// `Q = softmax(alpha)` from a fresh random `alpha`, kept if they are better than the present ones. The first weights
/// have all tasks in one group. The best of several runs is kept, and its weights are solved for to the end.
///
/// The penalty is concave in the shares, so shares go to corners and a run ends where its draws took it: restarts
/// matter.
pub struct Kang;

/// Who solves for the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Engine {
    Auto,
    Primal,
    Dual,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Params {
    gamma: f64,
    n_groups: usize,
    restarts: usize,
    eps: f64,
    compat: bool,
    engine: Engine,
    loss: Loss,
    intercept: bool,
    loss_scale: LossScale,
    tol: f64,
    max_iter: usize,
}

impl Method for Kang {
    fn info() -> Info {
        Info {
            name: "kang",
            aliases: &["whom", "dg-mtl"],
            family: Family::Grouping,
            summary: "groups of tasks that share a subspace each: squared trace norms with learned shares",
            objective: "sum_t ||y_t - b_t - X_t w_t||^2 + gamma sum_g (tr (W Q_g W' + eps I)^{1/2})^2",
            targets: EITHER,
            citation: "Kang, Grauman and Sha (2011), Learning with whom to share in multi-task feature learning, ICML",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        vec![
            positive_strength("gamma", 1.0, "strength of the squared trace norms"),
            n_groups_param("groups; some may stay empty"),
            ParamSpec::count("restarts", 1, 5, "runs from other random shares, of which the best is kept"),
            ParamSpec::number(
                "eps",
                0.0,
                false,
                0.0,
                "smoothing; 0: a thousandth of lambda_max(W0 W0')/m, at least 1e-8 (authors' toy: 0.1)",
            ),
            ParamSpec::flag(
                "compat",
                false,
                "as the authors' code: one run of 5 x 5 steps that ends with the shares; these are always taken, and found \
                 with the wrong sign in Armijo's rule and a trace off by sqrt(eps) (m - d) for d < m",
            ),
        ]
        .into_iter()
        .chain(solver_params(LossScale::Sum))
        .collect()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        path.iter().map(|point| fit(problem, &point.read(), context)).collect()
    }
}

/// How the weights are solved for.
pub(crate) fn solver_params(scale: LossScale) -> [ParamSpec; 6] {
    [
        ParamSpec::choice(
            "engine",
            &["auto", "primal", "dual"],
            "equations in the features or in the rows; auto: whichever are fewer",
        ),
        loss_param(),
        free_intercept(),
        scale.param(),
        ParamSpec::number("tol", 0.0, true, 1e-5, "largest gradient in the weights, relative to that at zero"),
        ParamSpec::count("max_iter", 1, 2000, "last steps of the weights before a fit is not converged"),
    ]
}

/// Weights with the metric and the objective that belong to them.
struct Point {
    weights: Array2<f64>,
    metric: Metric,
    value: Value,
    gradient: Array2<f64>,
    intercepts: Array1<f64>,
}

/// One problem at one choice of hyperparameters.
struct Run<'a> {
    tasks: Tasks,
    params: &'a Params,
    eps: f64,
    context: &'a Context,
}

impl Params {
    /// One group: the squared trace norm of all tasks together.
    pub(crate) fn together(gamma: f64, rest: Together) -> Self {
        let Together { eps, engine, loss, intercept, loss_scale, tol, max_iter } = rest;
        Self { gamma, n_groups: 1, restarts: 1, compat: false, eps, engine, loss, intercept, loss_scale, tol, max_iter }
    }
}

/// What a squared trace norm is told beside its strength.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Together {
    eps: f64,
    engine: Engine,
    loss: Loss,
    intercept: bool,
    loss_scale: LossScale,
    tol: f64,
    max_iter: usize,
}

impl Run<'_> {
    fn at(&self, weights: Array2<f64>, shares: &Array2<f64>) -> Result<Point, FitError> {
        let metric = Metric::of(&weights, shares, self.eps).map_err(SolverError::from)?;
        let at = self.tasks.loss(&weights)?;
        let gamma = self.params.gamma;
        let penalty = gamma * metric.squares;
        let value = Value { total: at.value + penalty, loss: at.value, penalty };
        if !value.total.is_finite() {
            return Err(SolverError::NotFinite.into());
        }
        let gradient = at.gradient + metric.pull(&weights) * (2.0 * gamma);
        Ok(Point { weights, metric, value, gradient, intercepts: at.intercepts })
    }

    fn step(&self, point: &Point, shares: &Array2<f64>) -> Result<Point, FitError> {
        let weights = self.tasks.step(&point.metric, self.params.gamma, self.context)?;
        self.at(weights, shares)
    }

    /// One run of the alternation from the weights of one group.
    fn alternate(&self, restart: usize, start: &Array2<f64>) -> Result<(Point, Array2<f64>, Vec<f64>), FitError> {
        let mut rng = self.context.seed.stream(&format!("shares {restart}")).rng();
        let compat = self.params.compat;
        let mut shares = all_in_first(self.params.n_groups, start.ncols());
        let mut point = self.at(start.clone(), &shares)?;
        let mut trace = vec![point.value.total];
        for outer in 1..=if compat { PUBLISHED_OUTER } else { OUTER } {
            for _ in 0..INNER {
                point = self.step(&point, &shares)?;
                trace.push(point.value.total);
            }
            let grouping = Grouping::new(&point.weights, self.eps, compat).map_err(SolverError::from)?;
            let drawn = grouping.descend(self.params.n_groups, &mut rng, self.context)?;
            let value = |shares| grouping.value(shares).map_err(SolverError::from);
            if compat || value(&drawn)? < value(&shares)? {
                shares = drawn;
                point = self.at(point.weights, &shares)?;
                trace.push(point.value.total);
            } else if outer >= PUBLISHED_OUTER {
                break;
            }
        }
        Ok((point, shares, trace))
    }

    /// Steps of the weights, accelerated, until their gradient vanishes.
    fn finish(
        &self,
        mut point: Point,
        shares: &Array2<f64>,
        at_zero: f64,
        trace: &mut Vec<f64>,
    ) -> Result<(Point, Convergence), FitError> {
        let mut anderson = Anderson::new(MIXED);
        for iteration in 0.. {
            self.context.check()?;
            let residual = largest(&point.gradient) / at_zero.max(f64::MIN_POSITIVE);
            let converged = residual <= self.params.tol;
            if converged || self.params.compat || iteration >= self.params.max_iter {
                let rule = ResidualKind::Stationarity;
                return Ok((point, Convergence { rule, residual, iterations: trace.len(), converged }));
            }
            let next = self.step(&point, shares)?;
            anderson.push(&point.weights, &next.weights);
            let mixed = anderson.mixture().map(|weights| self.at(weights, shares)).transpose()?;
            point = match mixed {
                Some(mixed) if mixed.value.total <= next.value.total => mixed,
                Some(_) => {
                    anderson.clear();
                    next
                }
                None => next,
            };
            trace.push(point.value.total);
        }
        Err(SolverError::NotFinite.into())
    }
}

fn largest(a: &Array2<f64>) -> f64 {
    a.iter().fold(0.0, |max, v| max.max(v.abs()))
}

fn all_in_first(n_groups: usize, m: usize) -> Array2<f64> {
    Array2::from_shape_fn((n_groups, m), |(g, _)| if g == 0 { 1.0 } else { 0.0 })
}

pub(crate) fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let train = &problem.train;
    let (d, m) = (train.n_features(), train.n_tasks());
    let logistic = params.loss.is_logistic(train.target);
    let centre = params.intercept && !logistic;
    let scaler = Scaler::with(train, centre, false, centre, false);
    let data = if centre { scaler.transform(train) } else { train.clone() };
    let factors = train.tasks.iter().map(|task| params.loss_scale.factor(task.n(), m)).collect();
    let tasks = Tasks::new(data, factors, logistic, params.intercept, params.engine);
    let at_zero = largest(&tasks.loss(&Array2::zeros((d, m)))?.gradient);
    let first = tasks.step(&Metric::first(d, m), params.gamma, context)?;
    let eps = if params.eps > 0.0 {
        params.eps
    } else {
        let top = Svd::of(&first).map_err(SolverError::from)?.values[0];
        (EPS_SHARE * top * top / m as f64).max(EPS_FLOOR)
    };
    let run = Run { tasks, params, eps, context };
    // The shares of a single group are known.
    let restarts = if params.compat || params.n_groups == 1 { 1 } else { params.restarts };
    let runs = (0..restarts).into_par_iter().map(|restart| run.alternate(restart, &first));
    let runs = runs.collect::<Result<Vec<_>, FitError>>()?;
    let best = runs.into_iter().reduce(|best, next| if next.0.value.total < best.0.value.total { next } else { best });
    let Some((point, shares, mut trace)) = best else { return Err(SolverError::NotFinite.into()) };
    let (point, convergence) = run.finish(point, &shares, at_zero, &mut trace)?;
    let Point { weights, value, intercepts, .. } = point;
    let intercepts = if centre { scaler.unscale(&weights).1 } else { intercepts };
    let groups = strongest(&shares);
    let fitted = Fitted::new(Model::Linear { weights, intercepts }, value, convergence);
    Ok(with_groups(Fitted { trace, shares: Some(shares), ..fitted }, groups))
}
