//! A low-rank model: the smallest singular values of the weights are driven to zero.

use std::sync::Arc;

use mtl_core::Target;
use ndarray::{Array1, Array2, Axis, s};
use serde::Deserialize;

use crate::datafit::{LossScale, Squared};
use crate::linalg::{Cholesky, NotFinite, Spectrum, Svd};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Model, Problem};
use crate::params::{Kind, ParamSet, ParamSpec, ParamValue};
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// The small singular values count as zero when they sum to less (the authors' code).
const VANISHED: f64 = 1e-6;

/// `rho` is not raised further than this, nor lowered below its inverse, where the penalty says no more.
const STRONGEST: f64 = 1e12;

/// `min L(W, b) + rho/2 sum_{i > r} sigma_i(W)^2 + ridge/2 ||W||_F^2` with `sigma_1 >= sigma_2 >= ..` and
/// `r = min(p, m) - k`: the `k` smallest singular values are driven to zero, so that `r` is the rank of the model.
///
/// Published as an alternation. The penalty is the least of `rho/2 tr(W'(I - UU')W)` over all `U` (`p x r`) with
/// orthonormal columns, attained at the leading left singular vectors of `W`; given `U`, each task is a ridge
/// problem, `(c_t X_t'X_t + rho (I - UU') + ridge I) w_t = c_t X_t'(y_t - b_t)`. It starts at `W = [c_t X_t'y_t]`.
/// Under `schedule: adapted`, as in the authors' code, `rho` doubles after a sweep that leaves the `k` smallest
/// values above 1e-6 in sum, and halves after one that brings the `k + 1` smallest below; otherwise the fit ends.
/// Intercepts are eliminated exactly instead of alternated, by centring.
pub struct Kmsv;

/// Hyperparameters of [`Kmsv`].
#[derive(Debug, Clone, Deserialize)]
struct Params {
    k: usize,
    ridge: f64,
    rho0: f64,
    schedule: Schedule,
    tol: f64,
    max_iter: usize,
    loss_scale: LossScale,
}

/// What becomes of `rho` after a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Schedule {
    Adapted,
    Fixed,
}

impl Method for Kmsv {
    fn info() -> Info {
        Info {
            name: "kmsv",
            aliases: &["k-minimal-singular-values"],
            family: Family::Linear,
            summary: "low rank: the k smallest singular values of the weights are driven to zero; with intercepts",
            objective: "L(W, b) + rho/2 sum_{i > min(p,m) - k} sigma_i(W)^2 + ridge/2 ||W||_F^2",
            targets: &[Target::Regression],
            citation: "Chang, Nie, Wang and Li (2021), New tight relaxations of rank minimization for multi-task learning, \
                       CIKM",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let positive = |spec| ParamSpec { kind: Kind::Number { min: 0.0, open: true }, ..spec };
        let k = ParamSpec::count("k", 1, 1, "singular values driven to zero; the rank is min(p, m) - k");
        vec![
            ParamSpec { strength: true, ..k.over(&[1.0, 3.0, 5.0, 7.0, 9.0]) },
            positive(ParamSpec::strength("ridge", "strength of the squared norm of all weights")),
            positive(ParamSpec::strength("rho0", "strength of the k smallest singular values at the start"))
                .by_default(ParamValue::Number(100.0)),
            ParamSpec::choice(
                "schedule",
                &["adapted", "fixed"],
                "adapted: rho doubles or halves until exactly k values vanish, as published; fixed: it stays, and the \
                 alternation goes on until the objective stands still",
            ),
            ParamSpec::number("tol", 0.0, true, 1e-6, "schedule=fixed: relative change of the objective to stop at"),
            ParamSpec::count("max_iter", 1, 1000, "sweeps after which a fit is reported as not converged"),
            LossScale::default().param(),
        ]
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        // The published procedure starts every fit from the correlations; nothing is carried along the path.
        path.iter().map(|point| fit(problem, &point.read(), context)).collect()
    }
}

fn fit(problem: &Problem, params: &Params, context: &Context) -> Result<Fitted, FitError> {
    let (p, m) = (problem.train.n_features(), problem.train.n_tasks());
    if params.k >= p.min(m) {
        let message = format!("kmsv needs k < min(features, tasks); k = {}, {p} features, {m} tasks", params.k);
        return Err(FitError::NotApplicable(message));
    }
    let rank = p.min(m) - params.k;
    let centred = problem.centred();
    let loss = Squared::new(Arc::clone(&centred.statistics), params.loss_scale).map_err(SolverError::from)?;
    let ridges = Ridges::new(&loss, params.ridge);
    let mut basis = Svd::of(&loss.correlations()).map_err(SolverError::from)?.leading(rank);
    let mut rho = params.rho0;
    let mut trace: Vec<f64> = Vec::new();
    loop {
        context.check()?;
        let (weights, loss) = ridges.solve(&basis, rho).map_err(SolverError::from)?;
        let svd = Svd::of(&weights).map_err(SolverError::from)?;
        let squares = |from: usize| svd.values.slice(s![from..]).mapv(|v| v * v).sum();
        let penalty = rho / 2.0 * squares(rank) + params.ridge / 2.0 * squares(0);
        let value = Value { total: loss + penalty, loss, penalty };
        let before = trace.last().copied();
        trace.push(value.total);
        let smallest = |count: usize| svd.values.slice(s![p.min(m) - count..]).sum();
        let (residual, converged, end) = match params.schedule {
            Schedule::Fixed => {
                let change = before.map_or(f64::INFINITY, |f| relative_change(f, value.total));
                (change, change <= params.tol, change <= params.tol)
            }
            Schedule::Adapted => {
                let sum = smallest(params.k);
                let next = if sum >= VANISHED {
                    Some(rho * 2.0)
                } else if smallest(params.k + 1) <= VANISHED {
                    Some(rho / 2.0)
                } else {
                    None
                };
                let next = next.filter(|rho| (1.0 / STRONGEST..=STRONGEST).contains(rho));
                rho = next.unwrap_or(rho);
                (sum, next.is_none() && sum < VANISHED, next.is_none())
            }
        };
        if end || trace.len() >= params.max_iter {
            let rule = match params.schedule {
                Schedule::Fixed => ResidualKind::RelativeObjectiveChange,
                Schedule::Adapted => ResidualKind::SmallSingularValues,
            };
            let convergence = Convergence { rule, residual, iterations: trace.len(), converged };
            let intercepts = centred.intercepts(&weights);
            return Ok(Fitted { trace, ..Fitted::new(Model::Linear { weights, intercepts }, value, convergence) });
        }
        basis = svd.leading(rank);
    }
}

/// `|after - before| / |before|`.
fn relative_change(before: f64, after: f64) -> f64 {
    (after - before).abs() / before.abs().max(f64::MIN_POSITIVE)
}

/// The ridge problems of all tasks, in the eigenvectors of their `X_t'X_t`: no sweep factors a `p x p` matrix.
struct Ridges {
    groups: Vec<Group>,
    ridge: f64,
    at_zero: f64,
    shape: (usize, usize),
}

/// Tasks with the same inputs, and so with the same matrix.
struct Group {
    spectrum: Arc<Spectrum>,
    /// Eigenvalues of `c X'X`.
    curvature: Array1<f64>,
    tasks: Vec<usize>,
    /// `c X'y` in the eigenvectors, one column a task.
    targets: Array2<f64>,
}

impl Ridges {
    fn new(loss: &Squared, ridge: f64) -> Self {
        let m = loss.n_tasks();
        let correlations = loss.correlations();
        let same = |s: usize, t: usize| Arc::ptr_eq(loss.spectrum(s), loss.spectrum(t));
        let groups = (0..m)
            .filter(|&t| !(0..t).any(|s| same(s, t)))
            .map(|t| {
                let tasks: Vec<usize> = (t..m).filter(|&s| same(s, t)).collect();
                let spectrum = Arc::clone(loss.spectrum(t));
                // Tasks with the same inputs have as many rows each, and so the same factor.
                let curvature = &spectrum.values * loss.factor(t);
                let targets = spectrum.vectors.t().dot(&correlations.select(Axis(1), &tasks));
                Group { spectrum, curvature, tasks, targets }
            })
            .collect();
        Self { groups, ridge, at_zero: loss.at_zero(), shape: (loss.n_features(), m) }
    }

    /// `w_t = (c_t X_t'X_t + rho (I - UU') + ridge I)^{-1} c_t X_t'y_t` for every task, and the loss there.
    fn solve(&self, basis: &Array2<f64>, rho: f64) -> Result<(Array2<f64>, f64), NotFinite> {
        let mut weights = Array2::zeros(self.shape);
        let mut loss = self.at_zero;
        for group in &self.groups {
            let (solution, change) = group.solve(basis, rho, self.ridge)?;
            loss += change;
            for (column, &t) in solution.columns().into_iter().zip(&group.tasks) {
                weights.column_mut(t).assign(&column);
            }
        }
        Ok((weights, loss.max(0.0)))
    }
}

impl Group {
    /// Woodbury's formula on `B - rho UU'` with `B = c X'X + (ridge + rho) I`, whose small matrix is
    /// `I - rho U'B^{-1}U = rho/(ridge + rho) Z'diag(d/b)Z + ridge/(ridge + rho) I` with `Z = V'U`: a sum of positive
    /// terms, so that nothing cancels however large `rho` is. Eigenvectors of eigenvalue 0 need not be known.
    fn solve(&self, basis: &Array2<f64>, rho: f64, ridge: f64) -> Result<(Array2<f64>, f64), NotFinite> {
        let rest = ridge + rho;
        let d = &self.curvature;
        let b = (d + rest).insert_axis(Axis(1));
        let share = &d.view().insert_axis(Axis(1)) / &b;
        let z = self.spectrum.vectors.t().dot(basis);
        let mut small = z.t().dot(&(&z * &share)) * (rho / rest);
        small.diag_mut().mapv_inplace(|v| v + ridge / rest);
        let small = Cholesky::of(&small).ok_or(NotFinite)?;
        let scaled = &self.targets / &b;
        let mut inner = z.t().dot(&scaled) * rho;
        for mut column in inner.columns_mut() {
            let mut solution = column.to_owned();
            small.solve(&mut solution);
            column.assign(&solution);
        }
        let shift = z.dot(&inner);
        let weights = self.spectrum.vectors.dot(&(&scaled - &(&shift * &share / rest))) + basis.dot(&(&inner / rest));
        // The same weights in the eigenvectors give the loss without another product.
        let own = scaled + shift / &b;
        let quadratic = &own * &(&own * &d.view().insert_axis(Axis(1)) / 2.0 - &self.targets);
        Ok((weights, quadratic.sum()))
    }
}
