//! Tasks in a chain whose neighbours are to agree in sign, feature by feature.

mod authors;
mod order;

use std::collections::BTreeMap;

use mtl_core::Target;
use ndarray::Array2;
use rand::Rng;
use serde::Deserialize;

use crate::datafit::LossScale;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec, ParamValue};
use crate::penalty::Chain;
use crate::solver::chain::{ChainLoss, ChainObjective, Search, UStep, WStep, consensus, descend, search};
use crate::solver::{Convergence, ResidualKind};

use authors::Authors;
pub(super) use order::Order;

/// How far beyond the theory's `rho > 2 H`, and beyond `2 c`, where the update of a chain would be ambiguous, the penalty
/// of ADMM is set.
const BEYOND: f64 = 2.1;

/// `rho` and the inner steps of the authors' file.
const AUTHORS: (f64, usize) = (10.0, 1000);

/// Gradient steps a task and iteration of ADMM.
const GRADIENT_STEPS: usize = 10;

/// `min L + l2 sum_t ||w_t||^2 + l1 sum_t ||w_t||_1 + c sum_{t<T} sum_j relu(-w_tj w_{t+1,j})`, with the slack of the
/// paper's constraints eliminated. Every fit starts from its own tasks' ridge solutions: nothing is carried along a
/// grid, because the objective is not convex and the result depends on the start.
///
/// `solver: bcd` is block descent (see [`descend`]): tasks in turn, whole chains of one feature in turn, each block at
/// its optimum, never uphill. `auto` is a search over such descents, for the local minima that signs create: from the
/// ridge solutions, from their strict projection, and then from the best point with one feature's signs redrawn, until
/// `restarts` in a row found nothing lower. Where the loss bends more than the chain (its least curvature and `2 l2`
/// exceed `2 c`), `F` is convex and one descent is enough. `admm` is the published scheme, returning `U`, whose zeros
/// and signs are exact. `authors` is the loop of the authors' final file as it is.
///
/// The stationarity that is reported is the largest violation of any weight's optimality condition, relative to the
/// largest gradient at zero; at 0 the weights are the Nash point of the paper's theorem 5.3.
pub struct Srml;

/// Hyperparameters of [`Srml`].
#[derive(Debug, Clone, Deserialize)]
struct Params {
    l1: f64,
    l2: f64,
    c: f64,
    loss_scale: LossScale,
    solver: Solver,
    u_step: UStep,
    w_step: Tasks,
    inner_steps: usize,
    rho: f64,
    lr: f64,
    order: Order,
    start: Start,
    restarts: usize,
    tol: f64,
    max_iter: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Solver {
    Auto,
    Bcd,
    Admm,
    Authors,
}

/// How ADMM updates the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Tasks {
    Exact,
    Gradient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Start {
    Ridge,
    Random,
}

impl Method for Srml {
    fn info() -> Info {
        Info {
            name: "srml",
            aliases: &["sign-regularized"],
            family: Family::Linear,
            summary: "sign-regularized MTL: neighbouring tasks of a chain pay for weights of opposite sign",
            objective: "L + l2 sum_t ||w_t||^2 + l1 sum_t ||w_t||_1 + c sum_{t<T} sum_j relu(-w_tj w_{t+1,j})",
            targets: &[Target::Regression, Target::Binary],
            citation: "Bai, Torres, Wang, Zhao, Abad and Vaca (2023), Sign-regularized multi-task learning, SDM",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        vec![
            strength("l1", 0.0, &[], "strength of the l1 norm"),
            strength("l2", 1e-2, &[0.0, 1e-5, 1e-3, 1e-1, 1.0, 100.0], "strength of the squared norm"),
            strength("c", 1e-2, &[0.0, 1e-5, 1e-3, 1e-1, 10.0], "cost of opposite signs of neighbours"),
            LossScale::HalfMean.param(),
            ParamSpec::choice(
                "solver",
                &["auto", "bcd", "admm", "authors"],
                "auto: the best of several descents; bcd: one descent; admm: as published, for its traces; authors: \
                 their final file's loop (regression)",
            ),
            ParamSpec::choice(
                "u_step",
                &["exact", "sweep", "notebook32"],
                "admm: global optimum of each feature's chain, one sweep of the closed form, or the notebook's older rule",
            ),
            ParamSpec::choice(
                "w_step",
                &["exact", "gradient"],
                "admm: each task's optimum, or gradient steps on the rows",
            ),
            ParamSpec::count(
                "inner_steps",
                0,
                0,
                "gradient steps a task and iteration; 0: 10, or up to 1000 for solver=authors",
            ),
            ParamSpec::number(
                "rho",
                0.0,
                false,
                0.0,
                "admm: penalty on W = U; 0: 2.1 times the larger of the loss's curvature and c, or 10 for authors",
            ),
            ParamSpec::number("lr", 0.0, true, 1e-3, "authors: learning rate of Adagrad"),
            ParamSpec::choice(
                "order",
                Order::CHOICES,
                "order of the chain: as in the file, random, or alike tasks together",
            ),
            ParamSpec::choice(
                "start",
                &["ridge", "random"],
                "first weights: the tasks' ridge solutions, or uniform(0, 1)",
            ),
            ParamSpec::count(
                "restarts",
                0,
                40,
                "auto: the search ends when so many descents in a row, each from new signs of a feature, found nothing",
            ),
            ParamSpec::number(
                "tol",
                0.0,
                true,
                1e-8,
                "stationarity to stop at (authors: change of the cost; theirs 1e-4)",
            ),
            ParamSpec::count(
                "max_iter",
                1,
                5000,
                "iterations after which a fit is reported as not converged (authors: 100)",
            ),
        ]
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        path.iter().map(|point| fit(problem, &point.read(), context)).collect()
    }
}

/// A strength of the paper's methods with its default and the values it is tuned over.
pub(super) fn strength(name: &'static str, default: f64, grid: &'static [f64], doc: &'static str) -> ParamSpec {
    ParamSpec::strength(name, doc).over(grid).by_default(ParamValue::Number(default))
}

fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let by_rows = params.solver == Solver::Authors || params.w_step == Tasks::Gradient;
    let loss = ChainLoss::of(problem, params.loss_scale, by_rows)?;
    let order = params.order.of(loss.shape().1, &context.seed, || loss.ridge_solution(2.0 * params.l2))?;
    let chain = Chain { l1: params.l1, c: params.c };
    let objective = ChainObjective::new(loss, params.l2, chain, order);
    let start = match (params.solver, params.start) {
        (Solver::Authors, _) | (_, Start::Random) => uniform(objective.loss.shape(), context),
        (_, Start::Ridge) => objective.loss.ridge_solution(2.0 * params.l2)?,
    };
    match params.solver {
        Solver::Authors => as_published(&objective, params, start, context),
        Solver::Bcd => Ok(descend(&objective, start, 0, params.tol, params.max_iter, context)?.into()),
        Solver::Auto if !by_rows => {
            let ridge = objective.loss.ridge_solution(2.0 * params.l2)?;
            let settings = Search { restarts: params.restarts, tol: params.tol, max_sweeps: params.max_iter };
            Ok(search(&objective, &ridge, start, settings, context)?.into())
        }
        Solver::Auto | Solver::Admm => admm(&objective, params, start, context),
    }
}

/// `U` predicts; `W` and `D` are kept beside it.
fn admm(
    objective: &ChainObjective<'_>,
    params: &Params,
    start: Array2<f64>,
    context: &Context,
) -> Result<Fitted, FitError> {
    let w_step = match (params.w_step, params.inner_steps) {
        (Tasks::Exact, _) => WStep::Exact,
        (Tasks::Gradient, 0) => WStep::Gradient(GRADIENT_STEPS),
        (Tasks::Gradient, steps) => WStep::Gradient(steps),
    };
    let automatic = BEYOND * objective.loss.lipschitz().max(params.c).max(f64::MIN_POSITIVE);
    let rho = if params.rho > 0.0 { params.rho } else { automatic };
    let steps = (w_step, params.u_step);
    let found = consensus(objective, steps, rho, start, params.tol, params.max_iter, context)?;
    let convergence = Convergence {
        rule: ResidualKind::Stationarity,
        residual: found.stationarity,
        iterations: found.iterations,
        converged: found.stationarity <= params.tol,
    };
    Ok(Fitted {
        components: vec![("U".into(), found.weights.clone()), ("W".into(), found.fitted), ("D".into(), found.dual)],
        trace: found.trail.objective,
        traces: found.trail.series,
        ..Fitted::new(Model::linear(found.weights), found.value, convergence)
    })
}

fn as_published(
    objective: &ChainObjective<'_>,
    params: &Params,
    start: Array2<f64>,
    context: &Context,
) -> Result<Fitted, FitError> {
    let ChainLoss::Rows(rows) = &objective.loss else {
        return Err(FitError::NotApplicable("solver=authors is their regression file; it learns no labels".into()));
    };
    let authors = Authors {
        rho: if params.rho > 0.0 { params.rho } else { AUTHORS.0 },
        lr: params.lr,
        inner_steps: if params.inner_steps > 0 { params.inner_steps } else { AUTHORS.1 },
        tol: params.tol,
        max_iter: params.max_iter,
    };
    let ended = authors.run(objective, rows, start, context)?;
    let convergence = Convergence {
        rule: ResidualKind::RelativeObjectiveChange,
        residual: ended.change,
        iterations: ended.iterations,
        converged: ended.change <= params.tol,
    };
    let value = objective.at(&ended.weights).0;
    Ok(Fitted {
        trace: ended.trace,
        traces: BTreeMap::from([("cost".into(), ended.costs)]),
        ..Fitted::new(Model::linear(ended.weights), value, convergence)
    })
}

fn uniform((p, m): (usize, usize), context: &Context) -> Array2<f64> {
    let mut rng = context.seed.stream("start").rng();
    Array2::from_shape_simple_fn((p, m), || rng.random())
}
