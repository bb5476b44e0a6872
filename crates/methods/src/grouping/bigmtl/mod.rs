//! Groups of related tasks by bilevel optimisation: weights for given groups below, groups by validation error above.

mod aligned;
mod alternate;
mod exact;
mod hypergradient;
mod jacobi;
mod lanes;
mod lower;
mod reference;
mod spectral;
mod splits;
mod symmetric;
mod theta;

use std::collections::BTreeMap;

use mtl_core::Seed;
use mtl_core::sharing::strongest;
use ndarray::{Array2, Axis};
use rand::Rng;
use rand_distr::StandardNormal;
use serde::Deserialize;

pub use self::alternate::Alternate;
use self::hypergradient::{Evaluation, State};
use self::reference::Formula;
use self::splits::{Source, Split, Strengths};
use self::theta::Theta;
use super::membership::project;
use super::{n_groups_param, with_groups};
use crate::datafit::LossScale;
use crate::linear::EITHER;
use crate::linear::elastic_net::positive_strength;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::{Convergence, ResidualKind, SolverError, StopRule, Stopping};

/// Steps on the dual between two of the groups where it starts from zero each time, as published.
const UNROLLED: usize = 500;

/// Steps on the groups at most, unless told: from zero, with warm restarts on one split, and for each split of a pool.
const STEPS_COLD: usize = 150;
const STEPS_WARM: usize = 3000;
const STEPS_OF_SPLIT: usize = 1600;

/// With warm restarts shares hardly move while the dual builds up: no change is small before this step.
const BUILDING_UP: usize = 500;

/// Random shares between which the gradient's Lipschitz constant is estimated.
const PROBES: usize = 5;

/// Standard deviation of the shares about `1 / n_groups` at the start.
const PERTURBATION: f64 = 0.01;

/// Steps over which the objective has to fall by [`PROGRESS`] of itself, or the step is halved.
const WINDOW: usize = 10;
const PROGRESS: f64 = 1e-4;

/// `min_theta C(W(theta))` over shares of the tasks in `n_groups` groups, with `C = 1/2 sum_t ||y_t - X_t w_t||^2` on
/// validation rows and
///
/// `W(theta) = argmin_W L + eps/2 ||W||_F^2 + lambda sum_l ||theta_l . W||_*`
///
/// on training rows, where `theta_l . W` has the weights of task `t` multiplied by its share in group `l`.
///
/// Shares take projected gradient steps; their gradient goes through the iterations of a dual algorithm for the lower
/// level. `variant: cv` makes 500 of these from zero at every step, on one split; `mccv` on a new random split at every
/// step; `cv-wr` one, from where the last one ended. `mccv-wr` does so on a pool of random splits in turn, each with a
/// dual of its own; `mccv-wr-literal` is the published loop, one dual and a new split at every step, in which the dual
/// of one split is far off on the next and shares freeze.
///
/// The weights are those of the lower level's optimum on all training rows under the shares found. Groups are read off
/// as the largest shares.
pub struct BiGmtl;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Variant {
    MccvWr,
    Cv,
    CvWr,
    Mccv,
    MccvWrLiteral,
}

impl Variant {
    fn warm(self) -> bool {
        matches!(self, Self::CvWr | Self::MccvWr | Self::MccvWrLiteral)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Start {
    Perturbed,
    Dirichlet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Derivative {
    Mirror,
    Gram,
    Svd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Weights {
    Optimal,
    LastIterate,
}

#[derive(Debug, Clone, Deserialize)]
struct Params {
    lambda: f64,
    n_groups: usize,
    variant: Variant,
    steps: usize,
    inner: usize,
    pool: usize,
    eps: f64,
    step: f64,
    start: Start,
    safeguard: bool,
    derivative: Derivative,
    frozen: bool,
    weights: Weights,
    loss_scale: LossScale,
    tol: f64,
    gap: f64,
    max_iter: usize,
}

/// The ridge that makes the lower level strictly convex.
fn eps_param() -> ParamSpec {
    ParamSpec::number("eps", 0.0, true, 1e-3, "ridge of the weights, eps/2 ||W||_F^2")
}

/// How exactly the lower level is solved for the final weights.
fn gap_params() -> [ParamSpec; 2] {
    [
        ParamSpec::number("gap", 0.0, true, 1e-8, "relative duality gap of the final weights to stop at"),
        ParamSpec::count("max_iter", 1, 20_000, "iterations for the final weights at most"),
    ]
}

impl Method for BiGmtl {
    fn info() -> Info {
        Info {
            name: "bigmtl",
            aliases: &["bi-gmtl"],
            family: Family::Grouping,
            summary: "groups of tasks with low-rank weights, learned by their validation error",
            objective: "min_theta C(W(theta)) on validation rows; \
                        W(theta) = argmin L + eps/2 ||W||_F^2 + lambda sum_l ||theta_l . W||_*",
            targets: EITHER,
            citation: "Frecon, Salzo and Pontil (2020), Unveiling groups of related tasks in multi-task learning, ICPR",
            revision: 3,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let [gap, max_iter] = gap_params();
        vec![
            positive_strength("lambda", 1.0, "strength of the groups' trace norms"),
            n_groups_param("groups; some may stay empty"),
            ParamSpec::choice(
                "variant",
                &["mccv-wr", "cv", "cv-wr", "mccv", "mccv-wr-literal"],
                "validation on one split (cv), on new ones (mccv), with warm restarts of the dual (wr); mccv-wr has a pool \
                 of splits with a dual each, mccv-wr-literal one dual as printed",
            ),
            ParamSpec::count(
                "steps",
                0,
                0,
                "steps on the shares at most; 0: 150, with warm restarts 3000, with a pool 1600 a split",
            ),
            ParamSpec::count("inner", 0, 0, "steps on the dual for each of them; 0: 500, with warm restarts 1"),
            ParamSpec::count("pool", 1, 5, "random splits of variant=mccv-wr"),
            eps_param(),
            ParamSpec::number(
                "step",
                0.0,
                false,
                0.0,
                "size of the steps on the shares; 0: one over an estimated Lipschitz constant",
            ),
            ParamSpec::choice(
                "start",
                &["perturbed", "dirichlet"],
                "first shares: nearly equal, or uniform on the simplex; equal ones would stay so for ever",
            ),
            ParamSpec::flag("safeguard", true, "variant=cv: halve the step where the objective no longer falls"),
            ParamSpec::choice(
                "derivative",
                &["mirror", "gram", "svd"],
                "how the gradient is computed: in mirror variables, or as printed from Gram matrices or singular vectors; \
                 they agree",
            ),
            ParamSpec::flag(
                "frozen",
                false,
                "derivative=mirror: take all steps back at the last iterate, which needs no memory and is an approximation",
            ),
            ParamSpec::choice(
                "weights",
                &["optimal", "last-iterate"],
                "final weights: the lower level's optimum on all training rows, or the last ones on the way",
            ),
            LossScale::HalfSum.param(),
            ParamSpec::number("tol", 0.0, true, 1e-4, "change of a task's shares (root mean square) to stop at"),
            gap,
            max_iter,
        ]
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        path.iter().map(|point| fit(problem, &point.read(), context)).collect()
    }
}

fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let strengths = Strengths { lambda: params.lambda, eps: params.eps, scale: params.loss_scale };
    let source = Source::new(problem, strengths, context.seed.stream("bigmtl"));
    let mut search = Search::new(problem, params, &source, context)?;
    let steps = match (params.steps, params.variant) {
        (0, Variant::Cv | Variant::Mccv) => STEPS_COLD,
        (0, Variant::CvWr) => STEPS_WARM,
        (0, Variant::MccvWr | Variant::MccvWrLiteral) => STEPS_OF_SPLIT * params.pool,
        (steps, _) => steps,
    };
    while search.traces.change.len() < steps && !search.settled() {
        search.step()?;
    }
    search.finish(&strengths)
}

/// What is watched, step by step.
#[derive(Default)]
struct Traces {
    /// Root mean square change of the tasks' shares.
    change: Vec<f64>,
    /// Validation objective on the split of the step.
    upper: Vec<f64>,
    /// Largest singular value of the mirror variables.
    mirror: Vec<f64>,
}

/// Projected gradient steps on the shares.
struct Search<'a> {
    problem: &'a Problem,
    params: &'a Params,
    source: &'a Source<'a>,
    context: &'a Context,
    /// The splits in use, each with where its dual ended last.
    splits: Vec<(Split, Option<State>)>,
    shares: Array2<f64>,
    momentum: Array2<f64>,
    step: f64,
    /// Shares before the last step, and the split it was on.
    before: Option<(Array2<f64>, usize)>,
    traces: Traces,
}

impl<'a> Search<'a> {
    fn new(
        problem: &'a Problem,
        params: &'a Params,
        source: &'a Source<'a>,
        context: &'a Context,
    ) -> Result<Self, FitError> {
        let splits = match params.variant {
            Variant::Cv | Variant::CvWr => vec![(source.fixed()?, None)],
            Variant::MccvWr => {
                (0..params.pool).map(|s| Ok((source.random(s)?, None))).collect::<Result<_, SolverError>>()?
            }
            Variant::Mccv | Variant::MccvWrLiteral => vec![(source.random(0)?, None)],
        };
        let m = problem.train.n_tasks();
        let shape = (params.n_groups, m);
        let seed = context.seed.stream("shares");
        let shares = match params.start {
            Start::Perturbed => perturbed(shape, &seed),
            Start::Dirichlet => dirichlet(shape, &seed),
        };
        let momentum = Array2::zeros(shape);
        let traces = Traces::default();
        let mut search = Self {
            problem,
            params,
            source,
            context,
            splits,
            shares,
            momentum,
            step: params.step,
            before: None,
            traces,
        };
        if search.step == 0.0 {
            search.step = 1.0 / search.lipschitz(&seed)?;
        }
        Ok(search)
    }

    fn evaluate(
        &self,
        split: &Split,
        shares: &Array2<f64>,
        start: Option<State>,
        inner: usize,
    ) -> Result<Evaluation, SolverError> {
        let theta = Theta::new(shares, self.problem.train.n_features());
        let start = start.map_or_else(|| State::cold(&theta), Ok)?;
        let levels = (&split.lower, &split.upper);
        match self.params.derivative {
            Derivative::Mirror => {
                hypergradient::hypergradient(levels, &theta, start, inner, self.params.frozen, self.context)
            }
            Derivative::Gram => reference::hypergradient(Formula::Gram, levels, &theta, &start, inner, self.context),
            Derivative::Svd => reference::hypergradient(Formula::Svd, levels, &theta, &start, inner, self.context),
        }
    }

    /// The largest ratio of differences of gradients to those of their shares, over pairs of random ones: a lower bound of
    /// the Lipschitz constant.
    fn lipschitz(&self, seed: &Seed) -> Result<f64, SolverError> {
        let inner = if self.params.inner > 1 { self.params.inner } else { UNROLLED };
        let probe = |i: usize| {
            let shares = dirichlet(self.shares.dim(), &seed.stream(&format!("probe {i}")));
            let gradient = self.evaluate(&self.splits[0].0, &shares, None, inner)?.gradient;
            Ok((shares, gradient))
        };
        let probes = (0..PROBES).map(probe).collect::<Result<Vec<_>, SolverError>>()?;
        let mut largest = 0.0_f64;
        for (i, (a, at_a)) in probes.iter().enumerate() {
            for (b, at_b) in &probes[..i] {
                largest = largest.max(norm(&(at_a - at_b)) / norm(&(a - b)).max(f64::MIN_POSITIVE));
            }
        }
        // One group has one choice of shares.
        Ok(if largest > 0.0 { largest } else { 1.0 })
    }

    fn step(&mut self) -> Result<(), SolverError> {
        let k = self.traces.change.len();
        let (params, warm) = (self.params, self.params.variant.warm());
        if matches!(params.variant, Variant::Mccv | Variant::MccvWrLiteral) && k > 0 {
            self.splits[0].0 = self.source.random(k)?;
        }
        let inner = match (params.inner, warm) {
            (0, true) => 1,
            (0, false) => UNROLLED,
            (inner, _) => inner,
        };
        let s = k % self.splits.len();
        let start = self.splits[s].1.take().filter(|_| warm);
        let split = &self.splits[s].0;
        let Evaluation { gradient, state, value } = self.evaluate(split, &self.shares, start, inner)?;
        self.traces.upper.push(value);
        self.traces.mirror.push(state.spectral.norm());
        self.splits[s].1 = Some(state);
        if warm {
            // The mean of the gradients from the second one on, as published.
            let kept = if k == 0 { 0.0 } else { (k - 1) as f64 / k as f64 };
            self.momentum = &self.momentum * kept + gradient * (1.0 - kept);
        } else {
            self.momentum = gradient;
        }
        let before = self.shares.clone();
        self.shares.scaled_add(-self.step, &self.momentum);
        project_columns(&mut self.shares);
        if self.shares.iter().any(|v| !v.is_finite()) {
            return Err(SolverError::NotFinite);
        }
        self.traces.change.push(norm(&(&self.shares - &before)) / (self.shares.ncols() as f64).sqrt());
        self.before = Some((before, s));
        if params.variant == Variant::Cv && params.safeguard && (k + 1).is_multiple_of(WINDOW) && k >= WINDOW {
            let (now, then) = (self.traces.upper[k], self.traces.upper[k - WINDOW]);
            if now > then - PROGRESS * then.abs() {
                self.step /= 2.0;
            }
        }
        Ok(())
    }

    /// Whether shares have stopped moving.
    fn settled(&self) -> bool {
        let building_up = self.params.variant.warm() && self.traces.change.len() < BUILDING_UP;
        !building_up && self.traces.change.last().is_some_and(|change| *change < self.params.tol)
    }

    fn finish(self, strengths: &Strengths) -> Result<Fitted, FitError> {
        let Self { problem, params, context, splits, shares, step, before, traces, .. } = self;
        let lower = strengths.lower(&problem.train)?;
        let last = before.and_then(|(before, s)| {
            let (split, state) = splits.into_iter().nth(s)?;
            let dual = state?.u;
            let weights = split.lower.weights(&Theta::new(&before, problem.train.n_features()), &dual);
            Some((weights, dual))
        });
        let mut fitted = match last {
            Some((weights, dual)) if params.weights == Weights::LastIterate => {
                let theta = Theta::new(&shares, problem.train.n_features());
                let (value, residual) = exact::certify(&lower, &theta, &weights, &dual)?;
                let rule = ResidualKind::RelativeDualityGap;
                let convergence = Convergence { rule, residual, iterations: 0, converged: residual <= params.gap };
                grouped(exact::Exact { weights, value, convergence }, &shares)
            }
            last => {
                let mut fitted = solved(&lower, &shares, (params.gap, params.max_iter), context)?;
                fitted.components.extend(last.map(|(weights, _)| ("last-iterate".to_owned(), by_features(weights))));
                fitted
            }
        };
        fitted.convergence.iterations = traces.change.len();
        fitted.trace = traces.upper;
        let named = [("share-change", traces.change), ("mirror-norm", traces.mirror), ("step", vec![step])];
        fitted.traces = BTreeMap::from(named.map(|(name, values)| (name.to_owned(), values)));
        Ok(fitted)
    }
}

/// The model at the lower level's optimum under these shares, with the groups they round to.
fn solved(
    lower: &lower::Lower,
    shares: &Array2<f64>,
    (tolerance, max_iterations): (f64, usize),
    context: &Context,
) -> Result<Fitted, FitError> {
    let stopping = Stopping { rule: StopRule::Certificate, tolerance, max_iterations };
    Ok(grouped(exact::solve(lower, shares, stopping, context)?, shares))
}

/// A fit with shares and the groups they round to.
fn grouped(exact: exact::Exact, shares: &Array2<f64>) -> Fitted {
    let exact::Exact { weights, value, convergence } = exact;
    let fitted = Fitted::new(Model::linear(by_features(weights)), value, convergence);
    with_groups(Fitted { shares: Some(shares.clone()), ..fitted }, strongest(shares))
}

/// Weights with a row a feature, from those with a row a task.
fn by_features(weights: Array2<f64>) -> Array2<f64> {
    weights.reversed_axes().as_standard_layout().into_owned()
}

fn norm(a: &Array2<f64>) -> f64 {
    a.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Every task's shares to the nearest point of the simplex.
fn project_columns(shares: &mut Array2<f64>) {
    for mut column in shares.axis_iter_mut(Axis(1)) {
        let mut values = column.to_vec();
        project(&mut values);
        column.iter_mut().zip(values).for_each(|(v, projected)| *v = projected);
    }
}

/// Nearly equal shares.
fn perturbed((groups, tasks): (usize, usize), seed: &Seed) -> Array2<f64> {
    let mut rng = seed.rng();
    let draw = || 1.0 / groups as f64 + PERTURBATION * rng.sample::<f64, _>(StandardNormal);
    let mut shares = Array2::from_shape_simple_fn((groups, tasks), draw);
    project_columns(&mut shares);
    shares
}

/// Shares uniform on the simplex.
fn dirichlet(shape: (usize, usize), seed: &Seed) -> Array2<f64> {
    let mut rng = seed.rng();
    let mut shares = Array2::from_shape_simple_fn(shape, || -(1.0 - rng.random::<f64>()).ln());
    let sums = shares.sum_axis(Axis(0));
    shares /= &sums;
    shares
}

#[cfg(test)]
mod tests;
