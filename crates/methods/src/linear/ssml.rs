//! Tasks in a chain whose neighbours must agree in sign, feature by feature.

use mtl_core::Target;
use ndarray::{Array1, Array2};
use rand::Rng;
use serde::Deserialize;

use super::srml::{Order, strength};
use crate::datafit::LossScale;
use crate::linalg::Cholesky;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::penalty::Chain;
use crate::solver::chain::{ChainLoss, ChainObjective, Search, search};
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// The authors' stopping rule: `rho ||z - z_old||` below this.
const STILL: f64 = 1e-3;

/// `min L + l2 sum_t ||w_t||^2 + l1 sum_t ||w_t||_1` subject to `w_tj w_{t+1,j} >= 0` for neighbouring tasks of a chain.
///
/// `mode: exact` solves that: it is [`super::srml::Srml`] with an infinite cost of opposite signs, and the same search
/// serves it. Which weights are zero between opposite signs is decided by the strict projection, a maximum-weight
/// independent set on the chain. `mode: heuristic` is the authors' loop, which is no such thing: from uniform(-1, 1)
/// weights, each task in turn takes a ridge step towards its last value, and is then clipped to the signs of its
/// neighbours. Its dual variables are zero from the first iteration on, so they are left out, and the random signs of
/// the start are all but frozen in.
pub struct Ssml;

/// Hyperparameters of [`Ssml`].
#[derive(Debug, Clone, Deserialize)]
struct Params {
    mode: Mode,
    l1: f64,
    l2: f64,
    loss_scale: LossScale,
    order: Order,
    alpha: f64,
    rho: f64,
    restarts: usize,
    tol: f64,
    max_iter: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Exact,
    Heuristic,
}

impl Method for Ssml {
    fn info() -> Info {
        Info {
            name: "ssml",
            aliases: &["strict-sign"],
            family: Family::Linear,
            summary: "neighbouring tasks of a chain must not have weights of opposite sign",
            objective: "L + l2 sum_t ||w_t||^2 + l1 sum_t ||w_t||_1 subject to w_tj w_{t+1,j} >= 0",
            targets: &[Target::Regression, Target::Binary],
            citation: "the strict version in Bai, Torres, Wang, Zhao, Abad and Vaca (2023), Sign-regularized multi-task \
                       learning, SDM",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::choice(
                "mode",
                &["exact", "heuristic"],
                "exact: the optimum; heuristic: the authors' clipping loop",
            ),
            strength("l1", 0.0, &[], "exact: strength of the l1 norm"),
            strength("l2", 1e-2, &[0.0, 1e-5, 1e-3, 1e-1, 1.0, 100.0], "exact: strength of the squared norm"),
            LossScale::HalfMean.param(),
            ParamSpec::choice(
                "order",
                Order::CHOICES,
                "order of the chain: as in the file, random, or alike tasks together",
            ),
            strength("alpha", 1.0, &[], "heuristic: strength of the squared norm"),
            ParamSpec::number("rho", 0.0, true, 1.0, "heuristic: pull towards the last weights"),
            ParamSpec::count(
                "restarts",
                0,
                40,
                "exact: the search ends when so many descents in a row, each from new signs of a feature, found nothing",
            ),
            ParamSpec::number(
                "tol",
                0.0,
                true,
                1e-8,
                "exact: stationarity to stop at; heuristic stops at 1e-3 as published",
            ),
            ParamSpec::count(
                "max_iter",
                1,
                5000,
                "iterations after which a fit is reported as not converged (authors: 1000)",
            ),
        ]
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        path.iter()
            .map(|point| {
                let params: Params = point.read();
                match params.mode {
                    Mode::Exact => exact(problem, &params, context),
                    Mode::Heuristic => heuristic(problem, &params, context),
                }
            })
            .collect()
    }
}

fn exact(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let loss = ChainLoss::of(problem, params.loss_scale, false)?;
    let ridge = loss.ridge_solution(2.0 * params.l2)?;
    let order = params.order.of(ridge.ncols(), &context.seed, || Ok::<_, FitError>(ridge.clone()))?;
    let objective = ChainObjective::new(loss, params.l2, Chain { l1: params.l1, c: f64::INFINITY }, order);
    let settings = Search { restarts: params.restarts, tol: params.tol, max_sweeps: params.max_iter };
    Ok(search(&objective, &ridge, ridge.clone(), settings, context)?.into())
}

fn heuristic(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let loss = ChainLoss::of(problem, params.loss_scale, false)?;
    let ridge = || loss.ridge_solution(params.alpha / 2.0);
    let order = params.order.of(loss.shape().1, &context.seed, ridge)?;
    let ChainLoss::Squared(loss) = &loss else {
        return Err(FitError::NotApplicable(
            "mode=heuristic is the authors' regression code; it learns no labels".into(),
        ));
    };
    let (p, m) = (loss.n_features(), loss.n_tasks());
    // The code's loss is `1/n ||y - Xw||^2`, and its ends count the squared norm twice.
    let systems: Option<Vec<_>> = (0..m)
        .map(|t| {
            let ends = t == order[0] || t == order[m - 1];
            let mut system = loss.gram(t).to_full() * (2.0 * loss.factor(t));
            let diagonal = if ends { 2.0 * params.alpha } else { params.alpha } + params.rho;
            system.diag_mut().mapv_inplace(|d| d + diagonal);
            Cholesky::of(&system)
        })
        .collect();
    let systems = systems.ok_or(SolverError::NotFinite)?;
    let b = loss.correlations() * 2.0;
    let mut rng = context.seed.stream("start").rng();
    let mut w = Array2::from_shape_simple_fn((p, m), || rng.random_range(-1.0..1.0));
    let mut z: Array2<f64> = Array2::zeros((p, m));
    let norm = |w: &Array2<f64>| params.alpha / 2.0 * w.iter().map(|v| v * v).sum::<f64>();
    let mut trace = Vec::new();
    loop {
        context.check()?;
        for (position, &t) in order.iter().enumerate() {
            let mut next: Array1<f64> = &b.column(t) + &(&z.column(t) * params.rho);
            systems[t].solve(&mut next);
            let before = position.checked_sub(1).map(|i| order[i]);
            let after = order.get(position + 1).copied();
            for j in 0..p {
                let signs = [before, after].map(|s| s.map_or(0.0, |s| sign(w[[j, s]])));
                w[[j, t]] = clip(next[j], signs);
            }
        }
        let change = params.rho * (&w - &z).iter().map(|v| v * v).sum::<f64>().sqrt();
        z.assign(&w);
        let (loss, penalty) = (2.0 * loss.value(&w), norm(&w));
        if !loss.is_finite() {
            return Err(SolverError::NotFinite.into());
        }
        trace.push(loss + penalty);
        let converged = change < STILL;
        if converged || trace.len() >= params.max_iter {
            let rule = ResidualKind::WeightChange;
            let objective = Value { total: loss + penalty, loss, penalty };
            let convergence = Convergence { rule, residual: change, iterations: trace.len(), converged };
            return Ok(Fitted { trace, ..Fitted::new(Model::linear(w), objective, convergence) });
        }
    }
}

/// 0 where the neighbours disagree, else no further than 0 against the one sign they have.
fn clip(w: f64, [before, after]: [f64; 2]) -> f64 {
    let common = before + after;
    if before * after < 0.0 {
        0.0
    } else if common > 0.0 {
        w.max(0.0)
    } else if common < 0.0 {
        w.min(0.0)
    } else {
        w
    }
}

fn sign(v: f64) -> f64 {
    if v == 0.0 { 0.0 } else { v.signum() }
}
