//! Sparsity-grouped multi-task learning: groups of tasks that use the same features, learned along with the weights.

mod costs;
mod exact;
mod fusion;
mod group;
mod paper;
mod released;
mod rows;
mod task;

use std::collections::BTreeMap;

use mtl_core::Target;
use ndarray::{Array1, Array2};
use rand::Rng;
use serde::Deserialize;

use self::costs::{Costs, Fits, members};
use self::exact::Options;
pub use self::fusion::FusionSgMtl;
use self::group::Limits;
use super::membership::Rounding;
use crate::datafit::LossScale;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem, TASK_GROUP};
use crate::params::{Kind, ParamSet, ParamSpec};
use crate::solver::{Convergence, ResidualKind, Value};

/// `min L + lambda sum_g (sum_j ||W_{j,g}||_2)^2` over weights and `n_groups` groups of tasks, where `W_{j,g}` are the
/// weights of feature `j` in the tasks of group `g`; squared loss for real targets and logistic loss for labels.
///
/// The square makes it dear to have features in a group that few of its tasks use, so that tasks with the same features
/// end up together. Published with memberships `U` relaxed to the simplex: given `U`, weights; given weights, `U`.
///
/// `preset: exact`: from random `U` and the tasks' weights on their own, alternates between the weights at their
/// optimum, which a duality gap certifies group by group, and the best groups out of projected gradient from fresh
/// random `U`, rounding, and moves and swaps of tasks. Where that ends, weights keep their groups together: the best
/// restarts go on with moves of tasks under which weights are fitted anew (`polish`). `preset: paper` is the
/// published scheme: the best of random `U`, then coordinate descent on single weights, which is no minimiser (at a row
/// of zeros it looks at one task at a time), twice. `preset: code` is what the released program does, on squared loss
/// for either target: subgradient steps of 1e-5 that leave rows of zeros as they are, groups that attract tasks without
/// their features, random group weights, twice.
pub struct SgMtl;

/// Hyperparameters of both methods.
#[derive(Debug, Clone, Deserialize)]
struct Params {
    lambda: f64,
    #[serde(default)]
    mu: f64,
    n_groups: usize,
    restarts: usize,
    preset: Preset,
    rounding: Rounding,
    polish: usize,
    random_rho: bool,
    intercept: bool,
    loss_scale: LossScale,
    tol: f64,
    max_iter: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Preset {
    Exact,
    Paper,
    Code,
}

impl Method for SgMtl {
    fn info() -> Info {
        Info {
            name: "sg-mtl",
            aliases: &["sparsity-grouped"],
            family: Family::Grouping,
            summary: "learns groups of tasks that use the same features",
            objective: "L + lambda sum_g (sum_j ||W_{j,g}||_2)^2 over W and n_groups groups of tasks",
            targets: &[Target::Regression, Target::Binary],
            citation: "Kshirsagar, Yang and Lozano (2017), Learning task structure via sparsity grouped multitask \
                       learning, ECML PKDD",
            revision: 2,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let [lambda, rest @ ..] = shared_params();
        std::iter::once(lambda).chain(rest).collect()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context)
    }
}

/// All but `mu`; the strength comes first.
fn shared_params() -> [ParamSpec; 11] {
    let lambda = ParamSpec::strength("lambda", "strength of the groups' squared norms").walked();
    [
        ParamSpec { kind: Kind::Number { min: 0.0, open: true }, ..lambda },
        ParamSpec::count("n_groups", 1, 5, "groups at most"),
        ParamSpec::count("restarts", 1, 10, "random starts; the best is kept (preset=code has one)"),
        ParamSpec::choice(
            "preset",
            &["exact", "paper", "code"],
            "exact: both steps at their optima; paper: coordinate descent on single weights, two rounds; code: what \
             the released program does",
        ),
        ParamSpec::choice(
            "rounding",
            &["sequential", "argmax"],
            "how memberships become groups: task after task at least cost, or the largest share (preset=code always)",
        ),
        ParamSpec::count(
            "polish",
            0,
            3,
            "preset=exact: in how many of the best restarts tasks go on to change groups, with the weights of both \
             fitted anew, while that pays",
        ),
        ParamSpec::flag(
            "random_rho",
            false,
            "strengths lambda rho_g with rho_g uniform on (0, 1), as in the released program (preset=code always)",
        ),
        ParamSpec::flag("intercept", true, "an unpenalised intercept a task"),
        LossScale::default().param(),
        ParamSpec::number(
            "tol",
            0.0,
            true,
            1e-6,
            "relative duality gap of the weights to stop at (preset=paper: relative change a sweep)",
        ),
        ParamSpec::count("max_iter", 1, 20_000, "sweeps over a group's weights at most"),
    ]
}

/// What one point of a path leaves to the next.
#[derive(Default)]
struct Warm {
    fits: Fits,
    groups: Option<Vec<usize>>,
}

fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
    let mut warm = Warm::default();
    path.iter()
        .map(|point| {
            let params: Params = point.read();
            match params.preset {
                Preset::Exact => exact(problem, &params, &mut warm, context),
                Preset::Paper => paper::fit(problem, &params, context),
                Preset::Code => released::fit(problem, &params, context),
            }
        })
        .collect()
}

impl Params {
    /// `lambda_g`, one a group.
    fn strengths(&self, context: &Context) -> Vec<f64> {
        if !self.random_rho && self.preset != Preset::Code {
            return vec![self.lambda; self.n_groups];
        }
        let mut rng = context.seed.stream("rho").rng();
        // Uniform on (0, 1]: a group without a strength would cost nothing.
        (0..self.n_groups).map(|_| self.lambda * (1.0 - rng.random::<f64>())).collect()
    }
}

/// Restarts from random groups, and from those of the point before; weights start from what is known of the same
/// groups.
fn exact(problem: &Problem, params: &Params, warm: &mut Warm, context: &Context) -> Result<Fitted, FitError> {
    let data = task::alone(&problem.train);
    let losses = task::losses(problem, &data, params.loss_scale, params.intercept)?;
    let p = problem.train.n_features();
    let limits = Limits { tolerance: params.tol, max_sweeps: params.max_iter, ceiling: f64::INFINITY };
    let strengths = (params.lambda, params.strengths(context));
    let before = std::mem::take(&mut warm.fits);
    let costs = Costs::new(&losses, p, strengths, params.mu, limits, before, context)?;
    let also = warm.groups.take().filter(|groups| groups.iter().all(|&g| g < params.n_groups));
    let options = Options {
        restarts: params.restarts,
        rounding: params.rounding,
        polish: params.polish,
        seed: context.seed.stream("sg-mtl"),
        also: also.as_deref(),
    };
    let mut found = exact::search(&costs, &options)?;
    found.groups = costs.numbered(found.groups);
    let (weights, loss) = exact::weights_of(&costs, &found.groups)?;
    let mut intercepts = problem.intercepts_with(params.intercept, &weights);
    let (mut penalty, mut gap, mut sweeps, mut converged) = (0.0, 0.0, 0, found.converged);
    let all = members(&found.groups, params.n_groups);
    for (g, tasks) in all.iter().enumerate().filter(|(_, tasks)| !tasks.is_empty()) {
        let fit = costs.fit(g, tasks)?;
        penalty += fit.penalty;
        gap += fit.gap;
        sweeps += fit.sweeps;
        converged &= fit.converged;
        if problem.train.target == Target::Binary {
            tasks.iter().zip(&fit.intercepts).for_each(|(&t, b)| intercepts[t] = *b);
        }
    }
    penalty += params.mu * exact::fusion(&all);
    let value = Value { total: loss + penalty, loss, penalty };
    let residual = gap / value.total.abs().max(f64::MIN_POSITIVE);
    let convergence = Convergence { rule: ResidualKind::RelativeDualityGap, residual, iterations: sweeps, converged };
    let shares = exact::relaxed(&costs, &found.groups, &weights);
    warm.groups = Some(found.groups.clone());
    let fitted = grouped((weights, intercepts), value, convergence, found.groups, shares, found.trace);
    warm.fits = costs.into_fits();
    Ok(fitted)
}

/// A fit with its groups.
fn grouped(
    (weights, intercepts): (Array2<f64>, Array1<f64>),
    value: Value,
    convergence: Convergence,
    groups: Vec<usize>,
    shares: Array2<f64>,
    trace: Vec<f64>,
) -> Fitted {
    Fitted {
        memberships: BTreeMap::from([(TASK_GROUP.into(), groups)]),
        shares: Some(shares),
        trace,
        ..Fitted::new(Model::Linear { weights, intercepts }, value, convergence)
    }
}
