//! Every weight is a product of what the feature means to all tasks and to its own.

use mtl_core::Target;
use mtl_core::moments::Gram;
use ndarray::{Array1, Array2, Axis, Zip};
use serde::Deserialize;

use super::by_centring;
use crate::datafit::{LossScale, Squared};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::coordinate::{Costs, TaskLasso};
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// The published stopping rule: relative change of the weights.
const STILL: f64 = 1e-4;

/// Rounds on a block at most; some five are used.
const ROUNDS: usize = 1000;

/// `min L + alpha sum_j C_j + alpha sum_jt |S_jt|` over `w_tj = C_j S_jt` with `C >= 0`, which is
/// `min L + 2 alpha sum_j sqrt(||W_j:||_1)`: whole features go, and single weights within features.
///
/// Alternates between one lasso a task for `S` and one non-negative lasso for `C`, from `C = 1`, `S = 0`; each block at
/// its optimum, so that the objective never rises. It is not convex, and a feature that is once zero stays zero. A step
/// that is not published is added, because the alternation creeps without it: each feature's `C_j` and `S_j:` are
/// rescaled against each other, which leaves the weights as they are (`scales`).
pub struct MultiLevelLasso;

/// Hyperparameters of [`MultiLevelLasso`].
#[derive(Debug, Clone, Deserialize)]
struct Params {
    alpha: f64,
    intercept: bool,
    scales: Scales,
    stop: Stop,
    loss_scale: LossScale,
    tol: f64,
    max_iter: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Scales {
    Balanced,
    AsPublished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stop {
    Stationary,
    Change,
}

impl Method for MultiLevelLasso {
    fn info() -> Info {
        Info {
            name: "multi-level-lasso",
            aliases: &["mll", "multi-lasso"],
            family: Family::Linear,
            summary: "weights are products of a feature's relevance to all tasks and to its own, both sparse",
            objective: "L + alpha sum_j C_j + alpha sum_jt |S_jt| with w_tj = C_j S_jt and C >= 0",
            targets: &[Target::Regression],
            citation: "Lozano and Swirszcz (2012), Multi-level lasso for sparse multi-task regression, ICML; mutar",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("alpha", "strength of both l1 norms"),
            by_centring(),
            ParamSpec::choice(
                "scales",
                &["balanced", "as-published"],
                "balanced: every iteration ends with the best scales of C and S; as-published: left to the alternation",
            ),
            ParamSpec::choice(
                "stop",
                &["stationary", "change"],
                "stationary: optimality conditions to within tol; change: relative change of the weights below 1e-4",
            ),
            LossScale::HalfMean.param(),
            ParamSpec::number("tol", 0.0, true, 1e-8, "stop=stationary: largest violation of a condition, relatively"),
            ParamSpec::count("max_iter", 1, 2000, "iterations after which a fit is reported as not converged"),
        ]
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        // The result depends on the start, which is the published one for every fit.
        path.iter().map(|point| fit(problem, &point.read(), context)).collect()
    }
}

fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let loss = Squared::new(problem.statistics_with(params.intercept), params.loss_scale).map_err(SolverError::from)?;
    let grams: Vec<Array2<f64>> = (0..loss.n_tasks()).map(|t| loss.gram(t).to_full() * loss.factor(t)).collect();
    let b = loss.correlations();
    let (p, m) = b.dim();
    let scale = b.iter().fold(0.0_f64, |max, v| max.max(v.abs())).max(f64::MIN_POSITIVE);
    let (mut shared, mut own) = (Array1::<f64>::ones(p), Array2::<f64>::zeros((p, m)));
    let mut weights: Array2<f64> = Array2::zeros((p, m));
    let mut trace: Vec<f64> = Vec::new();
    loop {
        context.check()?;
        for (t, gram) in grams.iter().enumerate() {
            let costs = Costs { up: vec![params.alpha; p], down: vec![params.alpha; p] };
            let start = Zip::from(&own.column(t)).and(&shared).map_collect(|s, c| if *c > 0.0 { *s } else { 0.0 });
            let solved = solve(gram, &b.column(t).to_owned(), &shared, costs, start);
            own.column_mut(t).assign(&solved);
        }
        let (mut hessian, mut linear) = (Array2::zeros((p, p)), Array1::zeros(p));
        for (t, s) in own.columns().into_iter().enumerate() {
            linear += &(&b.column(t) * &s);
            hessian += &(&grams[t] * &s * s.insert_axis(Axis(1)));
        }
        let costs = Costs { up: vec![params.alpha; p], down: vec![f64::INFINITY; p] };
        shared = solve(&hessian, &linear, &Array1::ones(p), costs, shared);
        let before = std::mem::replace(&mut weights, &own * &shared.view().insert_axis(Axis(1)));
        if params.scales == Scales::Balanced {
            balance(&mut shared, &mut own, &weights);
        }
        let (value, gradient) = loss.value_and_gradient(&weights);
        let penalty = params.alpha * (shared.sum() + own.iter().map(|s| s.abs()).sum::<f64>());
        let value = Value { total: value + penalty, loss: value, penalty };
        if !value.total.is_finite() {
            return Err(SolverError::NotFinite.into());
        }
        trace.push(value.total);
        let (rule, residual, tol) = match params.stop {
            Stop::Stationary => {
                let violation = violation(&gradient, &shared, &own, params.alpha) / scale;
                (ResidualKind::Stationarity, violation, params.tol)
            }
            Stop::Change => (ResidualKind::WeightChange, change(&before, &weights), STILL),
        };
        if residual <= tol || trace.len() >= params.max_iter {
            let convergence = Convergence { rule, residual, iterations: trace.len(), converged: residual <= tol };
            let intercepts = problem.intercepts_with(params.intercept, &weights);
            let shared = shared.insert_axis(Axis(1)).dot(&Array2::ones((1, m)));
            return Ok(Fitted {
                components: vec![("C".into(), shared), ("S".into(), own)],
                trace,
                ..Fitted::new(Model::Linear { weights, intercepts }, value, convergence)
            });
        }
    }
}

/// `argmin 1/2 (c.v)'G(c.v) - b'(c.v)` plus the costs of `v`.
fn solve(gram: &Array2<f64>, b: &Array1<f64>, c: &Array1<f64>, costs: Costs, start: Array1<f64>) -> Array1<f64> {
    let scaled = Gram::Full((gram * c * c.view().insert_axis(Axis(1))).as_standard_layout().into_owned());
    let mut task = TaskLasso::new(&scaled, 1.0, 0.0, costs, (b * c).to_vec(), start.to_vec());
    for _ in 0..ROUNDS {
        let before = task.w.clone();
        task.round();
        let moved = before.iter().zip(&task.w).fold(0.0_f64, |max, (a, b)| max.max((a - b).abs()));
        if moved <= 1e-14 * task.w.iter().fold(0.0_f64, |max, w| max.max(w.abs())) {
            break;
        }
    }
    Array1::from(task.w)
}

/// The scales that cost least: `C_j = sum_t |S_jt|`, the weights being what they are.
fn balance(shared: &mut Array1<f64>, own: &mut Array2<f64>, weights: &Array2<f64>) {
    for ((c, mut s), w) in shared.iter_mut().zip(own.rows_mut()).zip(weights.rows()) {
        *c = w.iter().map(|w| w.abs()).sum::<f64>().sqrt();
        if *c > 0.0 {
            s.assign(&(&w / *c));
        } else {
            s.fill(0.0);
        }
    }
}

/// The largest violation of an optimality condition of one block, the other being what it is.
fn violation(gradient: &Array2<f64>, shared: &Array1<f64>, own: &Array2<f64>, alpha: f64) -> f64 {
    let of = |w: f64, slope: f64| {
        if w == 0.0 { (slope.abs() - alpha).max(0.0) } else { (slope + alpha * w.signum()).abs() }
    };
    let rows = shared.iter().zip(own.rows()).zip(gradient.rows());
    rows.map(|((&c, s), g)| {
        let down = if c == 0.0 { (-g.dot(&s) - alpha).max(0.0) } else { of(c, g.dot(&s)) };
        s.iter().zip(&g).fold(down, |worst, (&s, &g)| worst.max(of(s, c * g)))
    })
    .fold(0.0, f64::max)
}

/// Largest change of a weight relative to the largest weight, or to 1.
fn change(before: &Array2<f64>, after: &Array2<f64>) -> f64 {
    let largest = |w: &Array2<f64>| w.iter().fold(0.0_f64, |max, v| max.max(v.abs()));
    largest(&(after - before)) / largest(before).max(largest(after)).max(1.0)
}
