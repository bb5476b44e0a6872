//! Ordinary least squares per task: the sanity row of every regression table.

use linfa::Dataset;
use linfa::traits::Fit as _;
use linfa_linear::LinearRegression;
use mtl_core::Target;
use ndarray::Array2;

use crate::datafit::{LossScale, Squared};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// `min L`, each task through linfa-linear's QR decomposition.
///
/// Where a task's features are linearly dependent the minimiser is not unique and QR refuses; the shortest one is
/// given then, from the pseudo-inverse.
pub struct Ols;

impl Method for Ols {
    fn info() -> Info {
        Info {
            name: "ols",
            aliases: &["least-squares"],
            family: Family::Linear,
            summary: "ordinary least squares, every task on its own; the shortest solution where it is not unique",
            objective: "L",
            targets: &[Target::Regression],
            citation: "Legendre (1805); linfa-linear",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        Vec::new()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        path.iter().map(|_| fit(problem, context)).collect()
    }
}

fn fit(problem: &Problem, context: &Context) -> Result<Fitted, FitError> {
    let train = &problem.train;
    let loss = Squared::new(problem.statistics().clone(), LossScale::HalfSum).map_err(SolverError::from)?;
    let b = loss.correlations();
    let mut weights = Array2::zeros((train.n_features(), train.n_tasks()));
    for (t, task) in train.tasks.iter().enumerate() {
        context.check()?;
        let spectrum = loss.spectrum(t);
        let full_rank = spectrum.rank() == train.n_features();
        let qr = full_rank.then(|| {
            LinearRegression::new().with_intercept(false).fit(&Dataset::new((*task.x).clone(), task.y.clone())).ok()
        });
        match qr.flatten() {
            Some(fit) => weights.column_mut(t).assign(fit.params()),
            None => weights.column_mut(t).assign(&spectrum.pseudo_solve(&b.column(t).to_owned())),
        }
    }
    let (value, gradient) = loss.value_and_gradient(&weights);
    let largest = |a: &Array2<f64>| a.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let residual = largest(&gradient) / largest(&b).max(f64::MIN_POSITIVE);
    let objective = Value { total: value, loss: value, penalty: 0.0 };
    let convergence = Convergence { rule: ResidualKind::RelativeGradient, residual, iterations: 0, converged: true };
    Ok(Fitted { trace: vec![value], ..Fitted::new(Model::linear(weights), objective, convergence) })
}
