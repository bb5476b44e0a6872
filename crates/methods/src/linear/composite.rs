//! Methods of one weight matrix under either loss: `L(W) + q(W) + Omega(W)`. Such a method only says what the quadratic
//! and the penalty are; everything else is here.

use mtl_core::{MultiTask, Target};
use ndarray::{Array1, Array2, Axis, concatenate, s};
use serde::Deserialize;

use crate::datafit::{Logistic, LossScale, Squared};
use crate::method::{Context, FitError, Fitted, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::penalty::{Component, Penalty, Quadratic};
use crate::solver::{
    Composite, Convergence, DualPoint, Loss, Malsar, ResidualKind, Solution, SolverError, Split, StopRule, Stopping,
    Sum, Value, accelerated, malsar, newton, quadratic_minimum,
};

/// Iterations of a least-squares problem within a Newton step. More of them would serve a model that the next step
/// replaces.
pub(super) const INNER_ITERATIONS: usize = 20_000;

/// Targets of a method with either loss.
pub(crate) const EITHER: &[Target] = &[Target::Regression, Target::Binary];

/// `intercept`, for methods that learn labels.
pub(super) fn intercept_param() -> ParamSpec {
    let doc = "logistic loss only: an unpenalised intercept a task (solver=malsar always has it); under squared loss \
               centre the data instead";
    ParamSpec::flag("intercept", false, doc)
}

/// Refuses intercepts where the data can be centred instead.
pub(super) fn no_intercept(intercept: bool) -> Result<(), FitError> {
    let message = "intercept=true is for labels; under squared loss centre the data instead";
    if intercept { Err(FitError::NotApplicable(message.into())) } else { Ok(()) }
}

/// The logistic loss of a training part with the bound on its curvature.
pub(super) struct Bounded<'a> {
    loss: Logistic<'a>,
    lipschitz: f64,
}

impl<'a> Bounded<'a> {
    pub(super) fn new(problem: &'a Problem, scale: LossScale, intercept: bool) -> Result<Self, FitError> {
        let loss = Logistic::new(&problem.train, scale, intercept)?;
        let statistics = if intercept { &problem.centred().statistics } else { problem.statistics() };
        let lipschitz = loss.lipschitz(statistics).map_err(SolverError::from)?;
        Ok(Self { loss, lipschitz })
    }

    pub(super) fn get(&self) -> Loss<'_> {
        Loss::Logistic(&self.loss, self.lipschitz)
    }
}

/// A model as MALSAR's iteration sees it.
pub(super) trait Published {
    /// The smooth part and the penalty; rows beyond `p` are intercepts.
    fn problem<'l>(&'l self, loss: Loss<'l>, p: usize) -> Box<dyn Malsar + 'l>;

    /// Where the iteration starts. The first matrix is that of the weights, with the rows of the intercepts.
    fn start(&self, p: usize, rows: usize, m: usize) -> Vec<Array2<f64>>;

    /// What the weights cost beside the loss.
    fn penalty(&self, w: &Array2<f64>) -> f64;
}

/// What a method adds to the loss.
pub(super) struct Parts {
    /// `q`.
    pub quadratic: Quadratic,
    /// `Omega`.
    pub penalty: Box<dyn Penalty>,
    /// What MALSAR iterates on, where that is not `L + q` and the prox of `Omega`.
    pub published: Option<Box<dyn Published>>,
}

impl Published for Parts {
    fn problem<'l>(&'l self, loss: Loss<'l>, p: usize) -> Box<dyn Malsar + 'l> {
        Box::new(Sum { loss, quadratic: self.quadratic, penalties: vec![&*self.penalty], penalised: p })
    }

    fn start(&self, _p: usize, rows: usize, m: usize) -> Vec<Array2<f64>> {
        vec![Array2::zeros((rows, m))]
    }

    fn penalty(&self, w: &Array2<f64>) -> f64 {
        self.quadratic.value(w) + self.penalty.value(w)
    }
}

/// A fit of one weight matrix with intercepts.
pub(super) type Fit = (Solution, Array1<f64>);

/// The iteration of MALSAR. Its logistic models have a column of ones whose weights, the intercepts, are stepped like
/// the others and never penalised.
pub(super) fn published(
    problem: &Problem,
    scale: LossScale,
    model: &dyn Published,
    stopping: Stopping,
    context: &Context,
) -> Result<Fit, FitError> {
    let (p, m) = (problem.train.n_features(), problem.train.n_tasks());
    let (ones, logistic, squared);
    let (loss, rows) = match problem.train.target {
        Target::Binary => {
            ones = with_ones(&problem.train);
            logistic = Logistic::new(&ones, scale, false)?;
            // The line search finds the step: nothing asks for a bound on the curvature.
            (Loss::Logistic(&logistic, f64::INFINITY), p + 1)
        }
        Target::Regression | Target::Classes(_) => {
            squared = Squared::new(problem.statistics().clone(), scale).map_err(SolverError::from)?;
            (Loss::Squared(&squared), p)
        }
    };
    let run = malsar(&*model.problem(loss, p), model.start(p, rows, m), 3, stopping, context)?;
    let all = &run.blocks[0];
    let weights = all.slice(s![..p, ..]).to_owned();
    let intercepts = if rows > p { all.row(p).to_owned() } else { Array1::zeros(m) };
    let (loss, penalty) = (loss.at(all).value, model.penalty(&weights));
    let value = Value { total: loss + penalty, loss, penalty };
    let dual = DualPoint::default();
    let solution = Solution { components: vec![weights], value, convergence: run.convergence, trace: run.trace, dual };
    Ok((solution, intercepts))
}

fn with_ones(data: &MultiTask) -> MultiTask {
    let one = |x: &Array2<f64>| Array2::<f64>::ones((x.nrows(), 1));
    // Both have the rows of x, so they can be joined.
    let join = |x: &Array2<f64>| concatenate(Axis(1), &[x.view(), one(x).view()]).unwrap_or_else(|_| x.clone());
    data.map(|_, x| join(x), |_, y| y.clone())
}

/// How to solve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Solver {
    Auto,
    Fista,
    Malsar,
}

/// The options that the methods of this family share.
#[derive(Debug, Clone, Deserialize)]
struct Options {
    solver: Solver,
    tol: f64,
    max_iter: usize,
    loss_scale: LossScale,
    intercept: bool,
}

/// Declares the shared options.
pub(super) fn shared_params() -> Vec<ParamSpec> {
    vec![
        ParamSpec::choice(
            "solver",
            &["auto", "fista", "malsar"],
            "auto: alternating directions, for labels within Newton steps; fista: accelerated proximal gradient; \
             malsar: the iteration of MALSAR 1.1, which stops on the objective's change",
        ),
        ParamSpec::number("tol", 0.0, true, 1e-6, "relative duality gap to stop at (solver=malsar: relative change)"),
        ParamSpec::count("max_iter", 1, 20_000, "iterations after which a fit is reported as not converged"),
        LossScale::default().param(),
        intercept_param(),
    ]
}

/// Fits a path of points, each from where the one before ended.
pub(super) fn fit_path(
    problem: &Problem,
    path: &[ParamSet],
    context: &Context,
    parts: impl Fn(&ParamSet) -> Parts,
) -> Result<Vec<Fitted>, FitError> {
    let mut warm = Warm::default();
    path.iter()
        .map(|point| {
            let options: Options = point.read();
            let (solution, intercepts) = fit(problem, &parts(point), &options, &mut warm, context)?;
            let Solution { mut components, value: objective, convergence, trace, .. } = solution;
            let weights = components.swap_remove(0);
            Ok(Fitted { trace, ..Fitted::new(Model::Linear { weights, intercepts }, objective, convergence) })
        })
        .collect()
}

/// What one point of a path leaves to the next.
#[derive(Default)]
struct Warm {
    split: Option<Split>,
    weights: Option<Array2<f64>>,
}

fn fit(
    problem: &Problem,
    parts: &Parts,
    options: &Options,
    warm: &mut Warm,
    context: &Context,
) -> Result<Fit, FitError> {
    let stopping = Stopping { rule: StopRule::Certificate, tolerance: options.tol, max_iterations: options.max_iter };
    if options.solver == Solver::Malsar {
        let model: &dyn Published = parts.published.as_deref().unwrap_or(parts);
        return published(problem, options.loss_scale, model, stopping, context);
    }
    let (squared, logistic);
    let loss = match problem.train.target {
        Target::Regression | Target::Classes(_) => {
            no_intercept(options.intercept)?;
            squared = Squared::new(problem.statistics().clone(), options.loss_scale).map_err(SolverError::from)?;
            Loss::Squared(&squared)
        }
        Target::Binary => {
            logistic = Bounded::new(problem, options.loss_scale, options.intercept)?;
            logistic.get()
        }
    };
    let composite = Composite { loss, quadratic: parts.quadratic, penalty: &*parts.penalty };
    let start = warm.weights.take().unwrap_or_else(|| composite.zeros());
    let solution = match (options.solver, loss) {
        (Solver::Fista, _) => accelerated(&composite, start, stopping, context)?,
        (_, Loss::Squared(loss)) => squares(&composite, loss, stopping, warm, context)?,
        (_, Loss::Logistic(..)) => newton(&composite, start, stopping, context, |local, _, tolerance| {
            let stopping = Stopping { tolerance, max_iterations: INNER_ITERATIONS, ..stopping };
            squares(&composite, local, stopping, warm, context)
        })?,
    };
    let weights = &solution.components[0];
    let intercepts = composite.intercepts(&loss.at(weights));
    warm.weights = Some(weights.clone());
    Ok((solution, intercepts))
}

/// A least-squares problem: closed-form without a penalty, else by alternating directions.
fn squares(
    composite: &Composite<'_>,
    loss: &Squared,
    stopping: Stopping,
    warm: &mut Warm,
    context: &Context,
) -> Result<Solution, FitError> {
    let composite = Composite { loss: Loss::Squared(loss), ..*composite };
    if composite.penalty.is_free() {
        let (w, residual) = quadratic_minimum(loss, composite.quadratic)?;
        let value = composite.value(&w, &composite.loss.at(&w));
        let rule = ResidualKind::RelativeGradient;
        let convergence = Convergence { rule, residual, iterations: 0, converged: residual <= stopping.tolerance };
        let (trace, dual) = (vec![value.total], DualPoint::default());
        return Ok(Solution { components: vec![w], value, convergence, trace, dual });
    }
    let mut split = warm.split.take().unwrap_or_else(|| Split::new(&composite));
    let solution = split.solve(loss, &composite, stopping, context)?;
    warm.split = Some(split);
    Ok(solution)
}

/// One component with a ridge, as such a problem.
pub(super) fn of_component(component: &Component, ridge: f64) -> Parts {
    Parts { quadratic: Quadratic::ridge(ridge), penalty: Box::new(*component), published: None }
}
