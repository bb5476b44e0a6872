//! The family of methods that sum components, each with a penalty of the generalized group lasso. A method of this
//! family only says which components it has; everything else is here.

use std::collections::BTreeMap;

use mtl_core::Target;
use ndarray::{Array1, Array2};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::composite::{self, Bounded};
use crate::datafit::{LossScale, Squared};
use crate::method::{Context, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::penalty::{Component, Penalty, Quadratic};
use crate::solver::{
    Admm, Composite, Convergence, DualPoint, Loss, Momentum, Objective, ResidualKind, Smoothing, Solution, SolverError,
    Spg, Step, StopRule, Stopping, Sum, accelerated, cascade, coordinate_descent, fista, malsar, newton, spg, sum,
};

/// Named components with their penalties.
pub type Decomposition = Vec<(String, Component)>;

/// A strength that leaves nothing but zero from some value on.
#[derive(Debug, Clone, Copy)]
pub struct StrengthMax {
    /// Its name.
    pub parameter: &'static str,
    /// The value, given the gradient of the loss at zero up to its sign, for least squares `c_t X_t'y_t` (features x
    /// tasks).
    pub of: fn(&Array2<f64>) -> f64,
}

impl StrengthMax {
    /// The value on the training part of a problem.
    ///
    /// # Errors
    /// If the data are not finite.
    pub fn on(&self, problem: &Problem, point: &ParamSet) -> Result<f64, FitError> {
        let options: Options = point.read();
        if problem.train.target == Target::Binary {
            let loss = Bounded::new(problem, options.loss_scale, options.intercept)?;
            let zeros = Array2::zeros(loss.get().shape());
            return Ok((self.of)(&-loss.get().at(&zeros).gradient));
        }
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

    /// The loss scale if none is given, for methods whose strengths are known under another than `half-sum`.
    fn loss_scale() -> LossScale {
        LossScale::default()
    }

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
        M::own_params().into_iter().chain(shared_params(M::loss_scale())).collect()
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
    Malsar,
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
    /// Of methods that have it.
    #[serde(default)]
    ridge: f64,
    /// Of methods that have it.
    #[serde(default)]
    intercept: bool,
}

/// `ridge`, for methods that offer it.
pub(super) fn ridge_param() -> ParamSpec {
    let doc = "strength of an additional ridge ||W||_F^2, without 1/2 (rho_L2 in MALSAR)";
    ParamSpec { strength: true, ..ParamSpec::number("ridge", 0.0, false, 0.0, doc) }
}

/// Declares the shared options.
fn shared_params(scale: LossScale) -> Vec<ParamSpec> {
    vec![
        ParamSpec::choice(
            "solver",
            &["auto", "coordinate", "admm", "fista", "spg", "malsar"],
            "auto: coordinate descent for a pure l1 penalty, admm otherwise, for labels within Newton steps; fista: \
             accelerated proximal gradient, where there is a closed proximal operator; spg: the published smoothing \
             proximal gradient; malsar: the iteration of MALSAR 1.1, which stops on the objective's change",
        ),
        ParamSpec::choice(
            "stop",
            &["certificate", "change"],
            "certificate: relative duality gap; change: relative change of the objective, as published",
        ),
        ParamSpec::number("tol", 0.0, true, 1e-6, "tolerance of the stopping rule (published: 1e-4 with stop=change)"),
        ParamSpec::count("max_iter", 1, 20_000, "iterations after which a fit is reported as not converged"),
        scale.param(),
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
            let m = problem.train.n_tasks();
            let (names, penalties): (Vec<_>, Vec<_>) =
                M::decomposition(&point.read()).into_iter().map(|(name, c)| (name, c.for_tasks(m))).unzip();
            let (solution, intercepts) = match problem.train.target {
                Target::Regression | Target::Classes(_) => {
                    (squared(problem, &penalties, &options, &mut warm, context)?, Array1::zeros(m))
                }
                Target::Binary => binary(problem, &penalties, &options, &mut warm, context)?,
            };
            let model = Model::Linear { weights: sum(&solution.components), intercepts };
            let components: Vec<_> = names.into_iter().zip(solution.components).collect();
            let memberships = M::memberships(&components);
            let Solution { value: objective, convergence, trace, .. } = solution;
            Ok(Fitted { components, memberships, trace, ..Fitted::new(model, objective, convergence) })
        })
        .collect()
}

/// One point under squared loss.
fn squared(
    problem: &Problem,
    penalties: &[Component],
    options: &Options,
    warm: &mut Warm,
    context: &Context,
) -> Result<Solution, FitError> {
    composite::no_intercept(options.intercept)?;
    let plain = Squared::new(problem.statistics().clone(), options.loss_scale).map_err(SolverError::from)?;
    if options.solver == Solver::Malsar {
        return published(&plain, penalties, options, context);
    }
    if options.ridge == 0.0 {
        return joint_or_cascade(&plain, penalties, options, warm, context);
    }
    let key = (options.ridge, options.loss_scale);
    let loss = match warm.ridged.take() {
        Some((known, loss)) if known == key => loss,
        _ => plain.with_ridge(options.ridge).map_err(SolverError::from)?,
    };
    let mut solution = joint_or_cascade(&loss, penalties, options, warm, context)?;
    let value = &mut solution.value;
    value.loss = plain.value(&sum(&solution.components));
    value.penalty = value.total - value.loss;
    warm.ridged = Some((key, loss));
    Ok(solution)
}

fn joint_or_cascade(
    loss: &Squared,
    penalties: &[Component],
    options: &Options,
    warm: &mut Warm,
    context: &Context,
) -> Result<Solution, FitError> {
    let objective = Objective { loss, components: penalties };
    match options.components {
        Fit::Joint => solve(&objective, options, warm, context),
        Fit::Cascade => Ok(cascade(&objective, options.sweeps, options.stopping(), context, |alone, start| {
            let mut warm = Warm { components: vec![start], ..Warm::default() };
            solve(alone, options, &mut warm, context).map_err(|e| match e {
                FitError::Solver(e) => e,
                FitError::NotApplicable(_) => SolverError::NotFinite,
            })
        })?),
    }
}

/// The iteration of MALSAR under squared loss.
fn published(
    loss: &Squared,
    penalties: &[Component],
    options: &Options,
    context: &Context,
) -> Result<Solution, FitError> {
    if !penalties.iter().all(Component::has_closed_prox) {
        return Err(FitError::NotApplicable(NO_PROX.into()));
    }
    let objective = Objective { loss, components: penalties };
    let quadratic = Quadratic::ridge(options.ridge);
    let each = penalties.iter().map(|c| c as &dyn Penalty).collect();
    let smooth = Sum { loss: Loss::Squared(loss), quadratic, penalties: each, penalised: loss.n_features() };
    // MALSAR's file for two components tests its rule an iteration earlier than the others.
    let test_from = if penalties.len() > 1 { 2 } else { 3 };
    let run = malsar(&smooth, objective.zeros(), test_from, options.stopping(), context)?;
    let mut value = objective.value(&run.blocks);
    value.penalty += quadratic.value(&sum(&run.blocks));
    value.total = value.loss + value.penalty;
    let dual = DualPoint::default();
    Ok(Solution { components: run.blocks, value, convergence: run.convergence, trace: run.trace, dual })
}

const NO_PROX: &str =
    "solver=fista and solver=malsar need a closed proximal operator, which column clustering has not; use admm";

/// One point under logistic loss, for methods of one component.
fn binary(
    problem: &Problem,
    penalties: &[Component],
    options: &Options,
    warm: &mut Warm,
    context: &Context,
) -> Result<(Solution, Array1<f64>), FitError> {
    let refuse = |reason: &str| Err(FitError::NotApplicable(reason.into()));
    let [penalty] = penalties else { return refuse("labels are learned with one component only") };
    let parts = composite::of_component(penalty, options.ridge);
    let stopping = options.stopping();
    match options.solver {
        Solver::Spg => return refuse("solver=spg smooths penalties under squared loss only; use auto"),
        Solver::Malsar => {
            return composite::published(problem, options.loss_scale, &parts, stopping, context);
        }
        _ if options.stop == StopRule::Change => {
            return refuse("stop=change is for squared loss, or for solver=malsar, which always stops so");
        }
        _ => {}
    }
    let loss = Bounded::new(problem, options.loss_scale, options.intercept)?;
    let composite = Composite { loss: loss.get(), quadratic: parts.quadratic, penalty };
    let start = warm.components.pop().unwrap_or_else(|| composite.zeros());
    let solution = if options.solver == Solver::Fista {
        accelerated(&composite, start, stopping, context)?
    } else {
        newton(&composite, start, stopping, context, |local, start, tol| {
            let local =
                if options.ridge > 0.0 { &local.with_ridge(options.ridge).map_err(SolverError::from)? } else { local };
            let objective = Objective { loss: local, components: penalties };
            let options = Options { tol, max_iter: composite::INNER_ITERATIONS, ..options.clone() };
            warm.components = vec![start.clone()];
            warm.admm = warm.admm.take().map(|admm| admm.on(&objective)).transpose()?;
            solve(&objective, &options, warm, context)
        })?
    };
    warm.components.clone_from(&solution.components);
    let point = composite.loss.at(&solution.components[0]);
    Ok((solution, composite.intercepts(&point)))
}

/// What one point of a path leaves to the next.
#[derive(Default)]
struct Warm {
    admm: Option<Admm>,
    components: Vec<Array2<f64>>,
    /// The loss with its ridge, and which.
    ridged: Option<((f64, LossScale), Squared)>,
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
            return refuse(NO_PROX);
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
        (Solver::Spg, _) if objective.components.iter().any(|c| c.nuclear > 0.0) => {
            return refuse("solver=spg smooths the penalties of the generalized group lasso; use admm");
        }
        (Solver::Malsar, _) => return refuse("solver=malsar fits components together"),
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
    let l = objective.components.iter().position(Component::is_free)?;
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
