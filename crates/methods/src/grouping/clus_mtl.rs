//! Clustered multi-task learning in two steps: k-means on single-task weights, then a group lasso a cluster.

use ndarray::Array2;
use serde::Deserialize;

use super::kmeans::kmeans;
use super::{check_groups, n_groups_param, with_groups, within};
use crate::linear::EITHER;
use crate::linear::elastic_net::{self, Loss, Path, positive_strength};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::SolverError;

/// An elastic net a task ([`Stl`](crate::linear::stl::Stl)), k-means of their weights on the features as given, without
/// the intercepts and as long as they are, then `min L(W, b) + lambda ||W||_{1,2}` for the tasks of every cluster.
pub struct ClusMtl;

/// Hyperparameters of the first two steps.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Params {
    n_groups: usize,
    stl_lambda: f64,
    alpha: f64,
    restarts: usize,
    intercept: bool,
    loss: Loss,
}

impl Method for ClusMtl {
    fn info() -> Info {
        Info {
            name: "clus-mtl",
            aliases: &["clusmtl"],
            family: Family::Grouping,
            summary: "k-means of single-task elastic nets, then the same few features for the tasks of a cluster",
            objective: "sum_g L_g(W_g, b_g) + lambda ||W_g||_{1,2}, groups g by k-means of the weights of `stl`",
            targets: EITHER,
            citation: "Kshirsagar, Yang and Lozano (2017), Learning task structure via sparsity grouped multitask \
                       learning, ECML PKDD (the baseline ClusMTL)",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let own = [
            n_groups_param("clusters of tasks, none of them empty"),
            positive_strength("stl_lambda", 0.1, "lambda of the elastic nets that are clustered, as in `stl`"),
            ParamSpec::share("alpha", 0.4, "share of the l1 norm in the penalty of the elastic nets"),
            ParamSpec::count("restarts", 1, 10, "starts of k-means, of which the best is kept"),
        ];
        own.into_iter().chain(within::params()).collect()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        let mut nets = Path::new(&problem.train);
        let mut weights = Array2::zeros((problem.train.n_features(), problem.train.n_tasks()));
        // The clusters do not depend on the strength that is walked.
        let mut known: Option<(Params, Vec<usize>)> = None;
        let fit = |point: &ParamSet| {
            let params: Params = point.read();
            let options: within::Options = point.read();
            check_groups(params.n_groups, problem.train.n_tasks())?;
            let labels = match known.take() {
                Some((same, labels)) if same == params => labels,
                _ => clusters(&mut nets, &params, options, context)?,
            };
            let fitted = within::fit(problem, &labels, options, &mut weights, context)?;
            known = Some((params, labels.clone()));
            Ok(with_groups(fitted, labels))
        };
        path.iter().map(fit).collect()
    }
}

fn clusters(
    nets: &mut Path<'_>,
    params: &Params,
    options: within::Options,
    context: &Context,
) -> Result<Vec<usize>, FitError> {
    let net = elastic_net::Options {
        lambda: params.stl_lambda,
        alpha: params.alpha,
        loss: params.loss,
        standardise: true,
        intercept: params.intercept,
        tol: options.tol,
        max_iter: options.max_iter,
    };
    let single = nets.fit(&net, context)?;
    let Some(weights) = single.model.weights() else { return Ok(Vec::new()) };
    let clusters = kmeans(weights, params.n_groups, params.restarts, &context.seed);
    Ok(clusters.map_err(SolverError::from)?.labels)
}
