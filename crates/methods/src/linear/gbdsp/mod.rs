//! Latent tasks that output tasks share in blocks, the blocks found as components of a graph.

mod alternation;
mod graph;
mod latent;
mod transport;

use std::collections::BTreeMap;

use mtl_core::Target;
use serde::Deserialize;

use crate::datafit::{LossScale, Squared};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem, TASK_GROUP};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::SolverError;

use alternation::{Alternation, Scales, Strengths};

/// Groups when none are asked for (SSMTL does not report a number).
const GROUPS: usize = 3;

/// `min L(L S) + lambda/2 ||L||_F^2 + gamma/2 ||S - m P||_F^2 + alpha sum_{g <= K} lambda_g(P)`: the weights are shares
/// `S` (`k x m`) of `k` latent tasks `L` (`p x k`). The shares follow a coupling `P` of latent and output tasks
/// (`P >= 0`, row sums `1/k`, column sums `1/m`), and the `K` smallest eigenvalues of the Laplacian of the bipartite
/// graph with weights `P`, which are all 0 if it falls into `K` blocks, are pushed down.
///
/// Published as an alternation, from the leading left singular vectors of the tasks' own ridge solutions and
/// `S = P = 0`: `S`, a small linear system a task; `L`, a ridge problem; `P`, a quadratic optimal transport; and the
/// eigenvectors. A step that is not published is added, because the alternation creeps without it (`scales`): each
/// latent task and its shares are rescaled against each other. Every step lowers the one objective, which so never
/// rises. It is not convex: where the fit ends depends on where it starts. The singular vectors' signs are open; they
/// are chosen for the tasks' coefficients to add up to something positive, as the coupling is.
pub struct Gbdsp;

/// Hyperparameters of [`Gbdsp`].
#[derive(Debug, Clone, Deserialize)]
struct Params {
    lambda: f64,
    gamma: f64,
    alpha: f64,
    k: usize,
    groups: usize,
    scales: Scales,
    tol: f64,
    max_iter: usize,
    loss_scale: LossScale,
}

impl Method for Gbdsp {
    fn info() -> Info {
        Info {
            name: "gbdsp",
            aliases: &["block-diagonal-structure-pursuit"],
            family: Family::Linear,
            summary: "output tasks share a few latent tasks, in blocks that a coupling of the two learns",
            objective: "L(L S) + lambda/2 ||L||_F^2 + gamma/2 ||S - m P||_F^2 + alpha sum_{g=1..groups} lambda_g(P)",
            targets: &[Target::Regression],
            citation: "Yang, Xu, Jiang, Cao and Huang (2019), Generalized block-diagonal structure pursuit: learning \
                       soft latent task assignment against negative transfer, NeurIPS 32",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("lambda", "strength of the squared norm of the latent tasks"),
            ParamSpec::strength("gamma", "strength of the shares' distance from the coupling; at 0 it has no effect"),
            ParamSpec::strength("alpha", "strength of the block structure"),
            ParamSpec::count("k", 1, 3, "latent tasks, at most min(p, m)").over(&[1.0, 3.0, 5.0, 7.0, 9.0]),
            ParamSpec::count("groups", 0, 0, "blocks of tasks, at most k; 0: min(k, 3)"),
            ParamSpec::choice(
                "scales",
                &["balanced", "as-published"],
                "balanced: every sweep ends with the best scales of the latent tasks and their shares, which leaves \
                 the weights as they are; as-published: scales are left to the alternation",
            ),
            ParamSpec::number("tol", 0.0, true, 1e-4, "relative change of the objective to stop at"),
            ParamSpec::count("max_iter", 1, 50, "sweeps after which a fit is reported as not converged"),
            LossScale::default().param(),
        ]
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        // The result depends on the start, which is the published one for every fit.
        path.iter().map(|point| fit(problem, &point.read(), context)).collect()
    }
}

fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let (p, m) = (problem.train.n_features(), problem.train.n_tasks());
    let (k, refuse) = (params.k, |message| Err(FitError::NotApplicable(message)));
    if k > p.min(m) {
        return refuse(format!("gbdsp needs k <= min(features, tasks); k = {k}, {p} features, {m} tasks"));
    }
    let groups = if params.groups == 0 { k.min(GROUPS) } else { params.groups };
    if groups > k {
        return refuse(format!("gbdsp needs groups <= k; groups = {groups}, k = {k}"));
    }
    let loss = Squared::new(problem.statistics().clone(), params.loss_scale).map_err(SolverError::from)?;
    let strengths =
        Strengths { lambda: params.lambda, gamma: params.gamma, alpha: params.alpha, scales: params.scales };
    let alternation = Alternation::new(&loss, strengths, k, groups).map_err(SolverError::from)?;
    let end = alternation.run(params.tol, params.max_iter, context)?;
    let weights = end.latent.dot(&end.shares);
    // Each task's group is the latent task that it is coupled to most.
    let mut seen: Vec<usize> = Vec::new();
    let labels = end.plan.columns().into_iter().map(|column| {
        let most = (0..k).rev().max_by(|&a, &b| column[a].total_cmp(&column[b])).unwrap_or(0);
        seen.iter().position(|&known| known == most).unwrap_or_else(|| {
            seen.push(most);
            seen.len() - 1
        })
    });
    let memberships = BTreeMap::from([(TASK_GROUP.into(), labels.collect())]);
    let trace = end.trace;
    Ok(Fitted { memberships, trace, ..Fitted::new(Model::linear(weights), end.value, end.convergence) })
}
