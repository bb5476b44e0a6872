//! The group lasso over features within groups of tasks: what remains once the groups are known.

use mtl_core::MultiTask;
use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;
use serde::Deserialize;

use crate::datafit::{Logistic, LossScale};
use crate::linear::elastic_net::{Loss, loss_param, together};
use crate::linear::free_intercept;
use crate::method::{Context, FitError, Fitted, Model, Problem};
use crate::params::ParamSpec;
use crate::solver::{RowLasso, Solution, StopRule, Stopping};

/// What the second step of a grouping method is told.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(super) struct Options {
    pub(super) lambda: f64,
    pub(super) loss: Loss,
    pub(super) intercept: bool,
    pub(super) loss_scale: LossScale,
    pub(super) tol: f64,
    pub(super) max_iter: usize,
}

/// Its parameters.
pub(super) fn params() -> Vec<ParamSpec> {
    vec![
        ParamSpec::strength("lambda", "strength of the row norms within the groups").walked(),
        loss_param(),
        free_intercept(),
        LossScale::HalfSum.param(),
        ParamSpec::number("tol", 0.0, true, 1e-6, "relative duality gap to stop at"),
        ParamSpec::count("max_iter", 1, 10_000, "rounds after which a fit is reported as not converged"),
    ]
}

/// `min L(W, b) + lambda sum_g ||W_g||_{1,2}` for the groups of tasks that `labels` name. The groups are problems of
/// their own; `weights` is where they start and end.
pub(super) fn fit(
    problem: &Problem,
    labels: &[usize],
    options: Options,
    weights: &mut Array2<f64>,
    context: &Context,
) -> Result<Fitted, FitError> {
    let data: &MultiTask = &problem.train;
    let m = data.n_tasks();
    let members = |g: usize| (0..m).filter(|&t| labels[t] == g).collect::<Vec<_>>();
    let groups: Vec<Vec<usize>> = (0..=labels.iter().copied().max().unwrap_or(0)).map(members).collect();
    let penalty = RowLasso { rows: options.lambda, ridge: 0.0 };
    let stopping = Stopping { rule: StopRule::Certificate, tolerance: options.tol, max_iterations: options.max_iter };
    let logistic = options.loss.is_logistic(data.target);
    let statistics = (!logistic).then(|| problem.statistics_with(options.intercept));
    let start = &*weights;
    let of_group = |tasks: &Vec<usize>| -> Result<(Solution, Array1<f64>), FitError> {
        let start = start.select(Axis(1), tasks);
        let factors: Vec<f64> = tasks.iter().map(|&t| options.loss_scale.factor(data.tasks[t].n(), m)).collect();
        if let Some(statistics) = &statistics {
            let moments = statistics.moments.select(tasks);
            let solution = penalty.squares((&moments, &factors), start, stopping, context)?;
            return Ok((solution, Array1::zeros(tasks.len())));
        }
        let own = data.subset(tasks);
        let loss = Logistic::with_factors(&own, factors, options.intercept)?;
        let solution = penalty.logistic(&loss, start, stopping, context)?;
        let intercepts = loss.at(&solution.components[0]).intercepts;
        Ok((solution, intercepts))
    };
    let groups: Vec<Vec<usize>> = groups.into_iter().filter(|tasks| !tasks.is_empty()).collect();
    let solved = groups.par_iter().map(of_group).collect::<Result<Vec<_>, _>>()?;
    let mut intercepts = Array1::zeros(m);
    for (tasks, (solution, own)) in groups.iter().zip(&solved) {
        for ((&t, column), b) in tasks.iter().zip(solution.components[0].columns()).zip(own) {
            weights.column_mut(t).assign(&column);
            intercepts[t] = *b;
        }
    }
    if !logistic {
        intercepts = problem.intercepts_with(options.intercept, weights);
    }
    let solutions: Vec<Solution> = solved.into_iter().map(|(solution, _)| solution).collect();
    Ok(together(Model::Linear { weights: weights.clone(), intercepts }, &solutions))
}
