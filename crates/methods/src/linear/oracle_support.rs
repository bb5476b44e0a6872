//! What a method could reach that knew which weights are zero.

use mtl_core::{Scaler, Target};
use ndarray::{Array1, Array2, Axis};
use serde::Deserialize;

use super::by_centring;
use crate::linalg::Spectrum;
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// Least squares a task on the features whose true weights are not zero; the shortest solution where it is not unique.
pub struct OracleSupport;

#[derive(Debug, Deserialize)]
struct Params {
    intercept: bool,
}

impl Method for OracleSupport {
    fn info() -> Info {
        Info {
            name: "oracle-support",
            aliases: &[],
            family: Family::Linear,
            summary: "least squares on the features that matter to a task, as synthetic data know them",
            objective: "L(W, b) with w_jt = 0 where the true weight is",
            targets: &[Target::Regression],
            citation: "Kshirsagar, Yang and Lozano (2017), Learning task structure via sparsity grouped multitask \
                       learning, ECML PKDD (a bound of ours for its synthetic data)",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        vec![by_centring()]
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        path.iter().map(|point| fit(problem, &point.read(), context)).collect()
    }
}

fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let train = &problem.train;
    let Some(truth) = &train.truth else {
        let message = "oracle-support needs the true weights, which synthetic data have";
        return Err(FitError::NotApplicable(message.into()));
    };
    let scaler = Scaler::with(train, params.intercept, false, params.intercept, false);
    let centred = scaler.transform(train);
    let mut weights = Array2::zeros((train.n_features(), train.n_tasks()));
    let (mut loss, mut residual) = (0.0, 0.0_f64);
    for (t, task) in centred.tasks.iter().enumerate() {
        context.check()?;
        let support: Vec<usize> = (0..train.n_features()).filter(|&j| truth.weights[[j, t]] != 0.0).collect();
        let x = task.x.select(Axis(1), &support);
        let tall = x.nrows() >= x.ncols();
        let spectrum = if tall { Spectrum::of(&x.t().dot(&x)) } else { Spectrum::of_root(&x) };
        let b = x.t().dot(&task.y);
        let own = spectrum.map_err(SolverError::from)?.pseudo_solve(&b);
        let rest = &task.y - &x.dot(&own);
        loss += rest.dot(&rest) / 2.0;
        let largest = |v: &Array1<f64>| v.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        residual = residual.max(largest(&x.t().dot(&rest)) / largest(&b).max(f64::MIN_POSITIVE));
        support.iter().zip(&own).for_each(|(&j, w)| weights[[j, t]] = *w);
    }
    let (weights, intercepts) = scaler.unscale(&weights);
    let value = Value { total: loss, loss, penalty: 0.0 };
    let convergence = Convergence { rule: ResidualKind::RelativeGradient, residual, iterations: 0, converged: true };
    Ok(Fitted { trace: vec![loss], ..Fitted::new(Model::Linear { weights, intercepts }, value, convergence) })
}
