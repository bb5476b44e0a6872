//! The family of methods that sum components, each with a penalty of the generalized group lasso. A method of this
//! family only says which components it has; everything else is here.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::datafit::{LossScale, Squared};
use crate::method::{Context, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::penalty::Component;
use crate::solver::{
    Admm, Convergence, DualPoint, Momentum, Objective, ResidualKind, Smoothing, Solution, SolverError, Spg, Step,
    StopRule, Stopping, cascade, coordinate_descent, fista, spg, sum,
};

/// Named components with their penalties.
pub type Decomposition = Vec<(String, Component)>;

/// A strength that leaves nothing but zero from some value on.
#[derive(Debug, Clone, Copy)]
pub struct StrengthMax {
    /// Its name.
    pub parameter: &'static str,
    /// The value, given the gradient of the loss at zero up to its sign, `c_t X_t'y_t` (features x tasks).
    pub of: fn(&Array2<f64>) -> f64,
}

impl StrengthMax {
    /// The value on the training part of a problem.
    ///
    /// # Errors
    /// If the data are not finite.
    pub fn on(&self, problem: &Problem, point: &ParamSet) -> Result<f64, FitError> {
        let options: Options = point.read();
        let loss = Squared::new(problem.statistics().clone(), options.loss_scale).map_err(SolverError::from)?;
        Ok((self.of)(&loss.correlations()))
    }
}

/// A method whose weights are a sum of penalised components.
pub trait GenGlMethod: Send + Sync {
    /// Its own hyperparameters.
    type Params: DeserializeOwned;

    /// How it is described.
    fn info() -> Info;

    /// Its own hyperparameters, declared.
    fn own_params() -> Vec<ParamSpec>;

    /// The components and their penalties (SSMTL, Table 1).
    fn decomposition(params: &Self::Params) -> Decomposition;

    /// The strength that leaves nothing but zero from some value on, where that value has a closed form.
    fn strength_max() -> Option<StrengthMax> {
        None
    }

    /// What the fitted components say about the tasks.
    fn memberships(_components: &[(String, Array2<f64>)]) -> BTreeMap<String, Vec<usize>> {
        BTreeMap::new()
    }

    /// Fits a path; overridden by methods that offer a second engine.
    ///
    /// # Errors
    /// If a solver fails or cannot be applied.
    fn fit(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError>
    where
        Self: Sized,
    {
        fit_path::<Self>(problem, path, context)
    }
}

impl<M: GenGlMethod> Method for M {
    fn info() -> Info {
        M::info()
    }

    fn params() -> Vec<ParamSpec> {
        M::own_params().into_iter().chain(shared_params()).collect()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        M::fit(problem, path, context)
    }
}

/// How to solve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Solver {
    Auto,
    Coordinate,
    Admm,
    Fista,
    Spg,
}

/// Together or one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fit {
    Joint,
    Cascade,
}

/// The options that all methods of the family share.
#[derive(Debug, Clone, Deserialize)]
struct Options {
    tol: f64,
    max_iter: usize,
    stop: StopRule,
    loss_scale: LossScale,
    solver: Solver,
    momentum: Momentum,
    step: Step,
    mu: f64,
    components: Fit,
    sweeps: usize,
}

/// Declares the shared options.
fn shared_params() -> Vec<ParamSpec> {
    vec![
        ParamSpec::choice(
            "solver",
            &["auto", "coordinate", "admm", "fista", "spg"],
            "auto: coordinate descent for a pure l1 penalty, admm otherwise; fista: accelerated proximal gradient, \
             where there is a closed proximal operator; spg: the published smoothing proximal gradient",
        ),
        ParamSpec::choice(
            "stop",
            &["certificate", "change"],
            "certificate: relative duality gap; change: relative change of the objective, as published",
        ),
        ParamSpec::number("tol", 0.0, true, 1e-6, "tolerance of the stopping rule (published: 1e-4 with stop=change)"),
        ParamSpec::count("max_iter", 1, 20_000, "iterations after which a fit is reported as not converged"),
        ParamSpec::choice("loss_scale", LossScale::CHOICES, "weight of the squared residuals"),
        ParamSpec::choice("momentum", Momentum::CHOICES, "spg only: the correct extrapolation or the printed one"),
        ParamSpec::choice(
            "step",
            Step::CHOICES,
            "spg only: 1 / Lip, or the schedule of SSMTL's demo, which soon freezes",
        ),
        ParamSpec::number("mu", 0.0, false, 0.0, "spg only: smoothing parameter; 0 lowers it in stages (demo: 1e-4)"),
        ParamSpec::choice("components", &["joint", "cascade"], "fit components together or one after the other"),
        ParamSpec::count("sweeps", 1, 1, "cascade only: passes through the components"),
    ]
}

/// Fits a path of points.
///
/// # Errors
/// If a solver fails or cannot be applied.
pub(super) fn fit_path<M: GenGlMethod>(
    problem: &Problem,
    path: &[ParamSet],
    context: &Context,
) -> Result<Vec<Fitted>, FitError> {
    let mut warm = Warm::default();
    path.iter()
        .map(|point| {
            let options: Options = point.read();
            let decomposition = M::decomposition(&point.read());
            let m = problem.train.n_tasks();
            let (names, penalties): (Vec<_>, Vec<_>) =
                decomposition.into_iter().map(|(name, component)| (name, component.for_tasks(m))).unzip();
            let loss = Squared::new(problem.statistics().clone(), options.loss_scale).map_err(SolverError::from)?;
            let objective = Objective { loss: &loss, components: &penalties };
            let solution = match options.components {
                Fit::Joint => solve(&objective, &options, &mut warm, context)?,
                Fit::Cascade => cascade(&objective, options.sweeps, options.stopping(), context, |alone, start| {
                    let mut warm = Warm { admm: None, components: vec![start] };
                    solve(alone, &options, &mut warm, context).map_err(|e| match e {
                        FitError::Solver(e) => e,
                        FitError::NotApplicable(_) => SolverError::NotFinite,
                    })
                })?,
            };
            let model = Model::linear(sum(&solution.components));
            let components: Vec<_> = names.into_iter().zip(solution.components).collect();
            let memberships = M::memberships(&components);
            let Solution { value: objective, convergence, trace, .. } = solution;
            Ok(Fitted { model, objective, convergence, components, memberships, trace, traces: BTreeMap::new() })
        })
        .collect()
}

/// What one point of a path leaves to the next.
#[derive(Default)]
struct Warm {
    admm: Option<Admm>,
    components: Vec<Array2<f64>>,
}

impl Options {
    fn stopping(&self) -> Stopping {
        Stopping { rule: self.stop, tolerance: self.tol, max_iterations: self.max_iter }
    }
}

fn solve(
    objective: &Objective<'_>,
    options: &Options,
    warm: &mut Warm,
    context: &Context,
) -> Result<Solution, FitError> {
    if let Some(solution) = least_squares(objective) {
        return Ok(solution);
    }
    let stopping = options.stopping();
    let closed = objective.components.iter().all(Component::has_closed_prox);
    let pure_l1 = match objective.components {
        [only] => Some(only.entries).filter(|&entries| *only == Component { entries, ..Component::default() }),
        _ => None,
    };
    // The published procedure starts every fit from zero; warm starts would change where its loose rule ends.
    let published = stopping.rule == StopRule::Change;
    let mut start = if published || warm.components.len() != objective.components.len() {
        objective.zeros()
    } else {
        std::mem::take(&mut warm.components)
    };
    let refuse = |reason: &str| Err(FitError::NotApplicable(reason.into()));
    let solution = match (options.solver, pure_l1) {
        (Solver::Auto | Solver::Coordinate, Some(strength)) => {
            coordinate_descent(objective, strength, start.swap_remove(0), stopping, context)?
        }
        (Solver::Coordinate, None) => return refuse("solver=coordinate needs a pure l1 penalty; use admm"),
        (Solver::Fista, _) if !closed => {
            return refuse("solver=fista needs a closed proximal operator, which column clustering has not; use admm");
        }
        (Solver::Fista, _) => fista(objective, start, stopping, context)?,
        (Solver::Auto | Solver::Admm, _) => {
            let mut admm = match warm.admm.take() {
                Some(admm) if !published && admm.fits(objective) => admm,
                _ => Admm::new(objective)?,
            };
            let solution = admm.solve(objective, stopping, context)?;
            warm.admm = Some(admm);
            solution
        }
        (Solver::Spg, _) => {
            let smoothing = if options.mu > 0.0 { Smoothing::Fixed(options.mu) } else { Smoothing::Continuation };
            let how = Spg { smoothing, momentum: options.momentum, step: options.step };
            spg(objective, start, how, stopping, context)?
        }
    };
    warm.components.clone_from(&solution.components);
    Ok(solution)
}

/// A component without a penalty can explain whatever least squares can: the problem has a closed-form solution, of
/// which the shortest is given (what gradient steps from zero converge to).
fn least_squares(objective: &Objective<'_>) -> Option<Solution> {
    let l = objective.components.iter().position(|c| c.terms().next().is_none())?;
    let loss = objective.loss;
    let b = loss.correlations();
    let mut components = objective.zeros();
    for t in 0..loss.n_tasks() {
        let solution = loss.spectrum(t).pseudo_solve(&b.column(t).to_owned()) / loss.factor(t);
        components[l].column_mut(t).assign(&solution);
    }
    let value = objective.value(&components);
    let largest = |a: &Array2<f64>| a.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let gradient = largest(&loss.value_and_gradient(&components[l]).1);
    let residual = gradient / largest(&b).max(f64::MIN_POSITIVE);
    let convergence = Convergence { rule: ResidualKind::RelativeGradient, residual, iterations: 0, converged: true };
    Some(Solution { components, value, convergence, trace: vec![value.total], dual: DualPoint::default() })
}
