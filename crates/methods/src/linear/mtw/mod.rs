//! Tasks whose weights are near each other as distributions over the features.

mod barycentre;

use mtl_core::Target;
use ndarray::{Array2, Axis};
use serde::Deserialize;

use super::by_centring;
use crate::datafit::{LossScale, Squared};
use crate::linalg::axpy;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec, ParamValue};
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

use barycentre::{Barycentre, Ground};

/// The inner iterations are more accurate by this than the outer one has been so far.
const INNER: f64 = 0.1;

/// Sweeps of coordinate descent at most.
const SWEEPS: usize = 2000;

/// `min L(W+ - W-) + alpha (OT(W+) + OT(W-)) + beta (||W+||_1 + ||W-||_1)` over `W+, W- >= 0`, where `OT` is the
/// unbalanced entropic transport of the tasks' weights to a common barycentre, moved over the features' indices:
///
/// `OT(W) = min_{P, q} sum_t <M, P_t> + epsilon sum P_t (log P_t - 1) + gamma KL(P_t 1 | w_t) + gamma KL(P_t'1 | q)`,
/// `M_ij = (i - j)^2` over its median.
///
/// Alternates, as in mutar: coordinate descent for `W+`, for `W-`, and some Sinkhorn iterations for each, continued where
/// the last ones ended. The problem is convex. For features in no order, the distance of their indices and with it
/// the regulariser has no meaning. With `alpha > 0` no weight is exactly zero.
pub struct Mtw;

/// Hyperparameters of [`Mtw`].
#[derive(Debug, Clone, Deserialize)]
struct Params {
    alpha: f64,
    beta: f64,
    epsilon: f64,
    gamma: f64,
    intercept: bool,
    loss_scale: LossScale,
    tol: f64,
    max_iter: usize,
}

impl Method for Mtw {
    fn info() -> Info {
        Info {
            name: "mtw",
            aliases: &["mwt", "wasserstein"],
            family: Family::Linear,
            summary: "multi-task Wasserstein: weights close to a barycentre as distributions over ordered features",
            objective: "L(W+ - W-) + alpha (OT(W+) + OT(W-)) + beta (||W+||_1 + ||W-||_1), W+, W- >= 0",
            targets: &[Target::Regression],
            citation: "Janati, Cuturi and Gramfort (2019), Wasserstein regularization for sparse multi-task regression, \
                       AISTATS; mutar",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let strength = |name, doc| ParamSpec::strength(name, doc).by_default(ParamValue::Number(0.1));
        vec![
            strength("alpha", "strength of the transport cost"),
            strength("beta", "strength of the l1 norm"),
            ParamSpec::number("epsilon", 0.0, false, 0.0, "strength of the plans' entropy; 0: 5 / features"),
            ParamSpec::number("gamma", 0.0, false, 0.0, "cost of mass that is not transported; 0: 2.24 max(M)"),
            by_centring(),
            LossScale::HalfMean.param(),
            ParamSpec::number("tol", 0.0, true, 1e-6, "relative change of the weights to stop at (mutar: 1e-4)"),
            ParamSpec::count("max_iter", 1, 2000, "iterations after which a fit is reported as not converged"),
        ]
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        path.iter().map(|point| fit(problem, &point.read(), context)).collect()
    }
}

fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let loss = Squared::new(problem.statistics_with(params.intercept), params.loss_scale).map_err(SolverError::from)?;
    let (p, m) = (loss.n_features(), loss.n_tasks());
    let ground = Ground::new(p, params.epsilon, params.gamma);
    let costs = Costs { transported: params.alpha * ground.gamma(), l1: params.beta };
    let mut tasks: Vec<Task> = (0..m).map(|t| Task::new(&loss, t, 1.0 / p as f64)).collect();
    let mut plans = [Barycentre::new(p, m), Barycentre::new(p, m)];
    let mut weights: Array2<f64> = Array2::zeros((p, m));
    let mut trace: Vec<f64> = Vec::new();
    let mut residual = INNER;
    loop {
        context.check()?;
        let inner = INNER * residual.clamp(params.tol, INNER);
        for sign in [0, 1] {
            for (t, task) in tasks.iter_mut().enumerate() {
                let marginals = plans[sign].marginals.column(t).to_vec();
                task.descend(sign, costs, &marginals, inner);
            }
        }
        let parts = [0, 1].map(|sign| stacked(&tasks, |task| &task.parts[sign]));
        if params.alpha > 0.0 {
            for (plan, part) in plans.iter_mut().zip(&parts) {
                // A task without mass has nothing to transport, and no logarithm.
                if part.columns().into_iter().all(|w| w.iter().any(|v| *v > 0.0)) {
                    plan.update(&ground, part, inner);
                }
            }
        }
        let before = std::mem::replace(&mut weights, &parts[0] - &parts[1]);
        let value = loss.value(&weights);
        let transport: f64 = if params.alpha > 0.0 {
            plans.iter().zip(&parts).map(|(plan, part)| plan.cost(&ground, part)).sum()
        } else {
            0.0
        };
        let penalty = params.alpha * transport + params.beta * (parts[0].sum() + parts[1].sum());
        let value = Value { total: value + penalty, loss: value, penalty };
        if !value.total.is_finite() {
            return Err(SolverError::NotFinite.into());
        }
        trace.push(value.total);
        residual = change(&before, &weights);
        let converged = residual <= params.tol;
        if converged || trace.len() >= params.max_iter {
            let convergence =
                Convergence { rule: ResidualKind::WeightChange, residual, iterations: trace.len(), converged };
            let intercepts = problem.intercepts_with(params.intercept, &weights);
            let barycentre = (&plans[0].q - &plans[1].q).insert_axis(Axis(1)).dot(&Array2::ones((1, m)));
            let [up, down] = parts;
            return Ok(Fitted {
                components: vec![("W+".into(), up), ("W-".into(), down), ("barycentre".into(), barycentre)],
                trace,
                ..Fitted::new(Model::Linear { weights, intercepts }, value, convergence)
            });
        }
    }
}

/// What a weight `theta >= 0` with transported mass `m` costs: `transported (theta - m log theta) + l1 theta`.
#[derive(Debug, Clone, Copy)]
struct Costs {
    transported: f64,
    l1: f64,
}

impl Costs {
    /// `argmin curvature/2 theta^2 - target theta` plus the cost.
    fn minimise(self, target: f64, curvature: f64, mass: f64) -> f64 {
        let z = target - self.transported - self.l1;
        let root = (z * z + 4.0 * self.transported * mass * curvature).sqrt();
        // The positive root, in the form in which nothing cancels.
        if z > 0.0 {
            if curvature > 0.0 { (z + root) / (2.0 * curvature) } else { 0.0 }
        } else if root - z > 0.0 {
            2.0 * self.transported * mass / (root - z)
        } else {
            0.0
        }
    }
}

/// One task's weights in their parts.
struct Task {
    /// `c X'X`.
    gram: Array2<f64>,
    /// `w+` and `w-`.
    parts: [Vec<f64>; 2],
    /// `c X'(y - X (w+ - w-))`.
    slack: Vec<f64>,
}

impl Task {
    /// Both parts at `start` everywhere.
    fn new(loss: &Squared, t: usize, start: f64) -> Self {
        let gram = (loss.gram(t).to_full() * loss.factor(t)).as_standard_layout().into_owned();
        let p = gram.nrows();
        Self { gram, parts: [vec![start; p], vec![start; p]], slack: loss.correlations_of(t).to_vec() }
    }

    /// Coordinate descent on one part until no weight moves by more than `tol`, relatively.
    fn descend(&mut self, sign: usize, costs: Costs, masses: &[f64], tol: f64) {
        let direction = if sign == 0 { 1.0 } else { -1.0 };
        let part = &mut self.parts[sign];
        for _ in 0..SWEEPS {
            let (mut moved, mut largest) = (0.0_f64, 1.0_f64);
            for j in 0..part.len() {
                let curvature = self.gram[[j, j]];
                let target = direction * self.slack[j] + curvature * part[j];
                let change = costs.minimise(target, curvature, masses[j]) - part[j];
                part[j] += change;
                if let Some(row) = self.gram.row(j).as_slice() {
                    axpy(-direction * change, row, &mut self.slack);
                }
                moved = moved.max(change.abs());
                largest = largest.max(part[j]);
            }
            if moved <= tol * largest {
                break;
            }
        }
    }
}

fn stacked(tasks: &[Task], part: impl Fn(&Task) -> &Vec<f64>) -> Array2<f64> {
    let p = tasks.first().map_or(0, |task| part(task).len());
    Array2::from_shape_fn((p, tasks.len()), |(j, t)| part(&tasks[t])[j])
}

/// Largest change of a weight relative to the largest weight, or to 1.
fn change(before: &Array2<f64>, after: &Array2<f64>) -> f64 {
    let largest = |w: &Array2<f64>| w.iter().fold(0.0_f64, |max, v| max.max(v.abs()));
    largest(&(after - before)) / largest(before).max(largest(after)).max(1.0)
}
