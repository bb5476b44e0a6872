//! GO-MTL: tasks as sparse combinations of a few latent tasks, so that groups may overlap.

mod basis;
mod codes;

use mtl_core::MultiTask;
use ndarray::{Array1, Array2, Axis, Zip};
use rayon::prelude::*;
use serde::Deserialize;

use self::basis::{Basis, Stacked, System};
use super::kmeans::kmeans;
use super::{n_groups_param, with_groups};
use crate::datafit::{Logistic, LossScale};
use crate::linalg::Svd;
use crate::linear::elastic_net::{Loss, loss_param, positive_strength};
use crate::linear::{EITHER, free_intercept};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{ParamSet, ParamSpec, ParamValue};
use crate::solver::anderson::Anderson;
use crate::solver::{Convergence, ResidualKind, RowLasso, SolverError, StopRule, Stopping, Value};

/// Starts of k-means on the codes.
const RESTARTS: usize = 10;

/// Bases that a step of the acceleration mixes.
const MIXED: usize = 8;

/// Accuracy of the ridge regressions that the alternation starts from.
const START: f64 = 1e-8;

/// `min sum_t c_t/2 ||y_t - b_t - X_t L s_t||^2 + mu ||S||_1 + lambda ||L||_F^2` over `L` (`d x k`, latent tasks) and
/// `S` (`k x m`, codes), with `c_t = 2/n_t` as published (`loss_scale: mean`), and the logistic loss for labels.
///
/// Starts as the authors do: ridge regression a task, `L` its first `k` left singular vectors. Alternates the codes
/// (a lasso in `k` variables a task), `L` (least squares: `(lambda I + sum_t c_t/2 s_t s_t' kron X_t'X_t) vec L = ..`,
/// through its dual where there are more unknowns than rows) and, where both strengths are positive, the best scales
/// of the latent tasks, `alpha_a^3 = mu ||S_a:||_1 / (2 lambda ||L_a||^2)`, which leave `L S` as it is. Each of them
/// lowers the objective; the alternation ends at a stationary point. Groups are k-means clusters of the codes; shares
/// are the codes' sizes.
pub struct GoMtl;

/// Who solves for `L`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Engine {
    Auto,
    Kronecker,
    Dual,
    Conjugate,
}

#[derive(Debug, Clone, Deserialize)]
struct Params {
    n_groups: usize,
    mu: f64,
    lambda: f64,
    engine: Engine,
    stop: StopRule,
    loss: Loss,
    intercept: bool,
    loss_scale: LossScale,
    tol: f64,
    max_iter: usize,
}

impl Method for GoMtl {
    fn info() -> Info {
        Info {
            name: "go-mtl",
            aliases: &["gomtl"],
            family: Family::Grouping,
            summary: "sparse combinations of a few latent tasks; tasks that share some of them overlap in groups",
            objective: "sum_t 1/n_t ||y_t - b_t - X_t L s_t||^2 + mu ||S||_1 + lambda ||L||_F^2",
            targets: EITHER,
            citation: "Kumar and Daume III (2012), Learning task grouping and overlap in multi-task learning, ICML",
            revision: 2,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let mu = ParamSpec::strength("mu", "strength of the l1 norm of the codes");
        vec![
            n_groups_param("latent tasks, and clusters of the tasks' codes"),
            mu.by_default(ParamValue::Number(0.1)),
            positive_strength("lambda", 0.1, "strength of the latent tasks' squared norm"),
            ParamSpec::choice(
                "engine",
                &["auto", "kronecker", "dual", "conjugate"],
                "how L is solved for: the normal equations, their dual (squared loss), or conjugate gradients; auto \
                 takes the smallest that is small",
            ),
            ParamSpec::choice(
                "stop",
                &["certificate", "change"],
                "certificate: stationarity of the codes and of L; change: relative change of L, as published (at 1e-4)",
            ),
            loss_param(),
            free_intercept(),
            LossScale::Mean.param(),
            ParamSpec::number("tol", 0.0, true, 1e-4, "tolerance of the stopping rule"),
            ParamSpec::count("max_iter", 1, 2000, "alternations after which a fit is not converged (published: 100)"),
        ]
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        // The published procedure starts every fit from ridge regression; only products of the data are kept.
        let mut stacked = None;
        path.iter().map(|point| fit(problem, &point.read(), &mut stacked, context)).collect()
    }
}

/// Either loss as a function of `W = L S`.
enum Data<'a> {
    /// With the targets, centred where there are intercepts.
    Squared(System<'a>),
    Logistic(Logistic<'a>),
}

impl Data<'_> {
    /// Value and gradient at `w`, and the best intercepts where they are not a matter of centring.
    fn at(&self, w: &Array2<f64>) -> (f64, Array2<f64>, Option<Array1<f64>>) {
        match self {
            Self::Squared(system) => {
                let (value, gradient) = system.value_and_gradient(w);
                (value, gradient, None)
            }
            Self::Logistic(loss) => {
                let point = loss.at(w);
                (point.value, point.gradient, Some(point.intercepts))
            }
        }
    }
}

/// Where the alternation is.
struct State {
    basis: Array2<f64>,
    codes: Array2<f64>,
}

impl State {
    fn weights(&self) -> Array2<f64> {
        self.basis.dot(&self.codes)
    }

    fn penalty(&self, params: &Params) -> f64 {
        let squares: f64 = self.basis.iter().map(|v| v * v).sum();
        params.mu * self.codes.iter().map(|v| v.abs()).sum::<f64>() + params.lambda * squares
    }

    /// Gives every latent task the scale at which it costs least.
    fn rescale(&mut self, params: &Params) {
        for (mut column, mut row) in self.basis.columns_mut().into_iter().zip(self.codes.rows_mut()) {
            let cost = params.mu * row.iter().map(|v| v.abs()).sum::<f64>();
            let squares = 2.0 * params.lambda * column.dot(&column);
            let scale = (cost / squares).cbrt();
            if cost > 0.0 && squares > 0.0 && scale.is_finite() {
                column *= scale;
                row /= scale;
            }
        }
    }

    /// The largest violations of the conditions of a minimum in `S` and in `L`, each relative to the gradient of its
    /// linear part, that at `S = 0` and that at `L = 0`.
    fn violation(&self, params: &Params, gradient: &Array2<f64>, at_zero: &Array2<f64>) -> f64 {
        let largest = |a: &Array2<f64>| a.iter().fold(0.0_f64, |max, v| max.max(v.abs()));
        let pull = self.basis.t().dot(gradient);
        let in_codes = Zip::from(&self.codes)
            .and(&pull)
            .map_collect(|&s, &g| if s == 0.0 { (g.abs() - params.mu).max(0.0) } else { g + params.mu * s.signum() });
        let in_basis = gradient.dot(&self.codes.t()) + &self.basis * (2.0 * params.lambda);
        let relative = |violation: f64, scale: f64| if violation == 0.0 { 0.0 } else { violation / scale };
        let of_codes = relative(largest(&in_codes), largest(&self.basis.t().dot(at_zero)).max(params.mu));
        of_codes.max(relative(largest(&in_basis), largest(&at_zero.dot(&self.codes.t()))))
    }
}

fn fit(
    problem: &Problem,
    params: &Params,
    stacked: &mut Option<Stacked>,
    context: &Context,
) -> Result<Fitted, FitError> {
    let train = &problem.train;
    let (d, m, k) = (train.n_features(), train.n_tasks(), params.n_groups);
    if k > d.min(m) {
        let message = format!("go-mtl needs n_groups <= min(features, tasks); n_groups = {k}, {d} features, {m} tasks");
        return Err(FitError::NotApplicable(message));
    }
    let logistic = params.loss.is_logistic(train.target);
    let statistics = problem.statistics_with(params.intercept);
    let factors: Vec<f64> = train.tasks.iter().map(|task| params.loss_scale.factor(task.n(), m)).collect();
    let data = if logistic {
        Data::Logistic(Logistic::with_factors(train, factors, params.intercept)?)
    } else {
        Data::Squared(System { moments: &statistics.moments, factors })
    };
    let (_, at_zero, _) = data.at(&Array2::zeros((d, m)));
    let single = single_tasks(train, &data, params, context)?;
    let basis = Svd::of(&single).map_err(SolverError::from)?.leading(k);
    let mut state = State { basis, codes: Array2::zeros((k, m)) };
    let solver = Basis::new(train, params, logistic, stacked)?;
    let mut trace: Vec<f64> = Vec::new();
    let mut anderson = Anderson::new(MIXED);
    loop {
        context.check()?;
        // Codes are a function of the basis, so it is the basis that is accelerated.
        let mixed = anderson.mixture().map(|basis| State { basis, codes: state.codes.clone() });
        let known = trace.last().copied().unwrap_or(f64::INFINITY);
        let better = match mixed {
            Some(mut mixed) => {
                codes::update(train, &data, &mut mixed, params, context)?;
                let total = data.at(&mixed.weights()).0 + mixed.penalty(params);
                (total <= known).then_some(mixed)
            }
            None => None,
        };
        match better {
            Some(mixed) => state = mixed,
            None => {
                // Nothing to mix yet, or the mixture went up.
                if anderson.mixture().is_some() {
                    anderson.clear();
                }
                codes::update(train, &data, &mut state, params, context)?;
            }
        }
        let before = state.basis.clone();
        solver.update(&data, &mut state, params, context)?;
        let norm = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>().sqrt();
        let change = norm(&(&state.basis - &before)) / norm(&before).max(f64::MIN_POSITIVE);
        state.rescale(params);
        anderson.push(&before, &state.basis);
        let weights = state.weights();
        let (loss, gradient, intercepts) = data.at(&weights);
        let penalty = state.penalty(params);
        let value = Value { total: loss + penalty, loss, penalty };
        if !value.total.is_finite() {
            return Err(SolverError::NotFinite.into());
        }
        trace.push(value.total);
        let (rule, residual) = match params.stop {
            StopRule::Certificate => (ResidualKind::Stationarity, state.violation(params, &gradient, &at_zero)),
            StopRule::Change => (ResidualKind::WeightChange, change),
        };
        let converged = residual <= params.tol;
        if converged || trace.len() >= params.max_iter {
            let convergence = Convergence { rule, residual, iterations: trace.len(), converged };
            let intercepts = intercepts.unwrap_or_else(|| problem.intercepts_with(params.intercept, &weights));
            let groups = kmeans(&state.codes, k, RESTARTS, &context.seed).map_err(SolverError::from)?.labels;
            let fitted = Fitted::new(Model::Linear { weights, intercepts }, value, convergence);
            return Ok(with_groups(Fitted { trace, shares: Some(shares(&state.codes)), ..fitted }, groups));
        }
    }
}

/// `|S[l, t]| / sum_l |S[l, t]|`, groups x tasks; equal ones for a task without a code.
fn shares(codes: &Array2<f64>) -> Array2<f64> {
    let mut shares = codes.mapv(f64::abs);
    for mut column in shares.columns_mut() {
        let sum = column.sum();
        if sum > 0.0 {
            column /= sum;
        } else {
            column.fill(1.0 / codes.nrows() as f64);
        }
    }
    shares
}

/// The ridge regressions that the published procedure starts from, `L_t + lambda ||w_t||^2`; features x tasks.
fn single_tasks(
    train: &MultiTask,
    data: &Data<'_>,
    params: &Params,
    context: &Context,
) -> Result<Array2<f64>, FitError> {
    let (d, m) = (train.n_features(), train.n_tasks());
    let ridge = RowLasso { rows: 0.0, ridge: 2.0 * params.lambda };
    let stopping = Stopping { rule: StopRule::Certificate, tolerance: START, max_iterations: params.max_iter };
    let of_task = |t: usize| -> Result<Array1<f64>, FitError> {
        let zero = Array2::zeros((d, 1));
        let solution = match data {
            Data::Squared(System { moments, factors }) => {
                ridge.squares((&moments.select(&[t]), &[factors[t]]), zero, stopping, context)?
            }
            Data::Logistic(loss) => {
                let own = train.subset(&[t]);
                let loss = Logistic::with_factors(&own, vec![loss.factor(t)], params.intercept)?;
                ridge.logistic(&loss, zero, stopping, context)?
            }
        };
        Ok(solution.components[0].column(0).to_owned())
    };
    let columns = (0..m).into_par_iter().map(of_task).collect::<Result<Vec<_>, _>>()?;
    let mut weights = Array2::zeros((d, m));
    weights.axis_iter_mut(Axis(1)).zip(&columns).for_each(|(mut column, w)| column.assign(w));
    Ok(weights)
}
