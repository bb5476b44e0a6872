//! The lasso, task by task with one common strength.

use linfa::traits::Fit as _;
use linfa::{Dataset, ParamGuard as _};
use mtl_core::Target;
use ndarray::Array2;
use serde::Deserialize;

use super::composite;
use super::gengl::{self, Decomposition, GenGlMethod, StrengthMax};
use crate::datafit::{LossScale, Squared};
use crate::method::{Context, Family, FitError, Fitted, Info, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::penalty::Component;
use crate::solver::{Convergence, DualPoint, Objective, ResidualKind, SolverError, duality_gap};

/// `min L + gamma ||W||_1 + ridge ||W||_F^2`, with squared loss for real targets and logistic loss for labels.
pub struct Lasso;

/// Hyperparameters of [`Lasso`].
#[derive(Debug, Clone, Deserialize)]
pub struct Params {
    gamma: f64,
}

/// Who solves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Engine {
    Own,
    Linfa,
}

#[derive(Debug, Deserialize)]
struct Options {
    engine: Engine,
    loss_scale: LossScale,
    tol: f64,
    max_iter: u32,
    ridge: f64,
}

impl GenGlMethod for Lasso {
    type Params = Params;

    fn info() -> Info {
        Info {
            name: "lasso",
            aliases: &[],
            family: Family::Linear,
            summary: "lasso, every task on its own with one common strength",
            objective: "L + gamma ||W||_1",
            targets: composite::EITHER,
            citation: "Tibshirani (1996), Regression shrinkage and selection via the lasso, JRSS B 58(1)",
            revision: 2,
        }
    }

    fn own_params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::strength("gamma", "strength of the l1 norm").walked(),
            ParamSpec::choice(
                "engine",
                &["own", "linfa"],
                "own: this crate's solver; linfa: linfa-elasticnet, as a baseline",
            ),
            gengl::ridge_param(),
            composite::intercept_param(),
        ]
    }

    fn decomposition(params: &Params) -> Decomposition {
        vec![("W".into(), Component { entries: params.gamma, ..Component::default() })]
    }

    fn strength_max() -> Option<StrengthMax> {
        let of = |gradient: &Array2<f64>| gradient.iter().fold(0.0_f64, |max, v| max.max(v.abs()));
        Some(StrengthMax { parameter: "gamma", of })
    }

    fn fit(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        match path.first().map(|p| p.read::<Options>().engine) {
            Some(Engine::Linfa) if problem.train.target != Target::Regression => {
                Err(FitError::NotApplicable("engine=linfa learns real targets only; use engine=own".into()))
            }
            Some(Engine::Linfa) => path.iter().map(|point| with_linfa(problem, point)).collect(),
            _ => gengl::fit_path::<Self>(problem, path, context),
        }
    }
}

/// Each task through linfa-elasticnet, whose objective is `1/(2n) ||y - Xw||^2 + penalty ||w||_1`.
fn with_linfa(problem: &Problem, point: &ParamSet) -> Result<Fitted, FitError> {
    let (Params { gamma }, options): (Params, Options) = (point.read(), point.read());
    if options.ridge > 0.0 {
        return Err(FitError::NotApplicable("engine=linfa has no ridge here; use engine=own".into()));
    }
    let loss = Squared::new(problem.statistics().clone(), options.loss_scale).map_err(SolverError::from)?;
    let train = &problem.train;
    let mut weights = Array2::zeros((train.n_features(), train.n_tasks()));
    for (t, task) in train.tasks.iter().enumerate() {
        let fit = linfa_elasticnet::ElasticNet::params()
            .penalty(gamma / (loss.factor(t) * task.n() as f64))
            .l1_ratio(1.0)
            .with_intercept(false)
            .tolerance(options.tol)
            .max_iterations(options.max_iter)
            .check()
            .and_then(|valid| valid.fit(&Dataset::new((*task.x).clone(), task.y.clone())));
        let fit = fit.map_err(|e| FitError::NotApplicable(format!("linfa-elasticnet on task `{}`: {e}", task.name)))?;
        weights.column_mut(t).assign(fit.hyperplane());
    }
    let penalty = [Component { entries: gamma, ..Component::default() }];
    let components = [weights];
    let gap = duality_gap(&Objective { loss: &loss, components: &penalty }, &components, &DualPoint::default());
    let convergence = Convergence {
        rule: ResidualKind::RelativeDualityGap,
        residual: gap.relative(),
        iterations: 0,
        converged: gap.relative() <= options.tol.max(1e-6),
    };
    let [weights] = components;
    let trace = vec![gap.value.total];
    Ok(Fitted { trace, ..Fitted::new(Model::linear(weights), gap.value, convergence) })
}
