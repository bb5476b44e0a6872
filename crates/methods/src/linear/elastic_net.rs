//! Elastic nets as MATLAB's `lasso` and `lassoglm` state them, one a task: what the single-task baselines and the
//! methods that start from them share.

use mtl_core::{Moments, MultiTask, Scaler, Target};
use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;
use serde::Deserialize;

use super::free_intercept;
use crate::datafit::{Logistic, LossScale};
use crate::method::{Context, FitError, Fitted, Model};
use crate::params::{Kind, ParamSpec, ParamValue};
use crate::solver::{Convergence, ResidualKind, RowLasso, Solution, StopRule, Stopping, Value};

/// Which loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Loss {
    /// That of the targets.
    Auto,
    /// The squared one, of labels too.
    Squared,
}

/// What an elastic net is told.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Options {
    pub(crate) lambda: f64,
    pub(crate) alpha: f64,
    pub(crate) loss: Loss,
    pub(crate) standardise: bool,
    pub(crate) intercept: bool,
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
}

impl Loss {
    /// Whether such targets have the logistic loss.
    pub(crate) fn is_logistic(self, target: Target) -> bool {
        target == Target::Binary && self == Self::Auto
    }
}

/// `loss`, for methods that can fit labels by squared loss.
pub(crate) fn loss_param() -> ParamSpec {
    let doc = "auto: squared loss for numbers, logistic loss for labels; squared: squared loss for labels too, as the \
               SG-MTL code has it";
    ParamSpec::choice("loss", &["auto", "squared"], doc)
}

/// A strength that has to be positive, tuned over decades.
pub(crate) fn positive_strength(name: &'static str, default: f64, doc: &'static str) -> ParamSpec {
    let kind = Kind::Number { min: 0.0, open: true };
    ParamSpec { kind, ..ParamSpec::strength(name, doc).by_default(ParamValue::Number(default)) }
}

/// The parameters of an elastic net.
pub(super) fn params() -> Vec<ParamSpec> {
    vec![
        positive_strength("lambda", 0.1, "strength of the penalty").walked(),
        ParamSpec::share("alpha", 0.4, "share of the l1 norm in the penalty: 1 is the lasso, 0 ridge regression"),
        loss_param(),
        ParamSpec::flag(
            "standardise",
            true,
            "the penalty sees features divided by their standard deviation; weights are those of the features as given",
        ),
        free_intercept(),
        ParamSpec::number("tol", 0.0, true, 1e-6, "relative duality gap to stop at"),
        ParamSpec::count("max_iter", 1, 10_000, "rounds after which a fit is reported as not converged"),
    ]
}

/// A path of elastic nets on the same tasks, each point warm-started from the one before.
pub(crate) struct Path<'a> {
    data: &'a MultiTask,
    prepared: Option<Prepared>,
    warm: Array2<f64>,
}

/// The tasks as the penalty sees them.
struct Prepared {
    /// `standardise`, `intercept` and whether the loss is logistic.
    how: (bool, bool, bool),
    scaler: Scaler,
    rows: Rows,
}

enum Rows {
    Squared(Moments),
    Logistic(MultiTask),
}

impl Prepared {
    fn new(data: &MultiTask, how: (bool, bool, bool)) -> Self {
        let (standardise, intercept, logistic) = how;
        let scaler = Scaler::with(data, intercept, standardise, intercept && !logistic, false);
        let scaled = scaler.transform(data);
        let rows = if logistic { Rows::Logistic(scaled) } else { Rows::Squared(Moments::of(&scaled)) };
        Self { how, scaler, rows }
    }
}

impl<'a> Path<'a> {
    pub(crate) fn new(data: &'a MultiTask) -> Self {
        Self { data, prepared: None, warm: Array2::zeros((data.n_features(), data.n_tasks())) }
    }

    /// `min_{w_t, b_t} loss_t + lambda (alpha ||w_t||_1 + (1 - alpha)/2 ||w_t||^2)` for every task, with
    /// `loss_t = 1/(2 n_t) ||y_t - b_t - X_t w_t||^2` or the mean logistic loss.
    pub(crate) fn fit(&mut self, options: &Options, context: &Context) -> Result<Fitted, FitError> {
        let logistic = options.loss.is_logistic(self.data.target);
        let how = (options.standardise, options.intercept, logistic);
        let prepared = match self.prepared.take() {
            Some(prepared) if prepared.how == how => prepared,
            _ => Prepared::new(self.data, how),
        };
        let penalty = RowLasso { rows: options.lambda * options.alpha, ridge: options.lambda * (1.0 - options.alpha) };
        let stopping =
            Stopping { rule: StopRule::Certificate, tolerance: options.tol, max_iterations: options.max_iter };
        let warm = &self.warm;
        let of_task = |t: usize| -> Result<(Solution, f64), FitError> {
            let start = warm.select(Axis(1), &[t]);
            Ok(match &prepared.rows {
                Rows::Squared(moments) => {
                    let factor = LossScale::HalfMean.factor(moments.n[t], 1);
                    (penalty.squares((&moments.select(&[t]), &[factor]), start, stopping, context)?, 0.0)
                }
                Rows::Logistic(scaled) => {
                    let task = scaled.subset(&[t]);
                    let loss = Logistic::new(&task, LossScale::HalfMean, options.intercept)?;
                    let solution = penalty.logistic(&loss, start, stopping, context)?;
                    let intercept = loss.at(&solution.components[0]).intercepts[0];
                    (solution, intercept)
                }
            })
        };
        // Every task by itself and collected in order: threads change nothing.
        let solved = (0..self.data.n_tasks()).into_par_iter().map(of_task).collect::<Result<Vec<_>, _>>()?;
        for (mut column, (solution, _)) in self.warm.columns_mut().into_iter().zip(&solved) {
            column.assign(&solution.components[0].column(0));
        }
        let (weights, mut intercepts) = prepared.scaler.unscale(&self.warm);
        if options.intercept {
            intercepts += &solved.iter().map(|(_, b)| *b).collect::<Array1<f64>>();
        } else {
            intercepts.fill(0.0);
        }
        self.prepared = Some(prepared);
        let solutions: Vec<Solution> = solved.into_iter().map(|(solution, _)| solution).collect();
        Ok(together(Model::Linear { weights, intercepts }, &solutions))
    }
}

/// Problems that were solved apart, as the one problem that they are: objectives and their gaps add up.
pub(crate) fn together(model: Model, solutions: &[Solution]) -> Fitted {
    let sum = |of: fn(&Value) -> f64| solutions.iter().map(|s| of(&s.value)).sum();
    let value = Value { total: sum(|v| v.total), loss: sum(|v| v.loss), penalty: sum(|v| v.penalty) };
    let gap: f64 = solutions.iter().map(|s| s.convergence.residual * s.value.total.abs()).sum();
    let convergence = Convergence {
        rule: ResidualKind::RelativeDualityGap,
        residual: if gap == 0.0 { 0.0 } else { gap / value.total.abs().max(f64::MIN_POSITIVE) },
        iterations: solutions.iter().map(|s| s.convergence.iterations).max().unwrap_or(0),
        converged: solutions.iter().all(|s| s.convergence.converged),
    };
    // A problem that is solved earlier stays where it is.
    let length = solutions.iter().map(|s| s.trace.len()).max().unwrap_or(0);
    let at = |s: &Solution, i: usize| s.trace.get(i).or(s.trace.last()).copied().unwrap_or_default();
    let trace = (0..length).map(|i| solutions.iter().map(|s| at(s, i)).sum()).collect();
    Fitted { trace, ..Fitted::new(model, value, convergence) }
}
