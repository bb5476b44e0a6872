//! Alternating minimisation of the joint objective.

use ndarray::{Array1, Array2};
use serde::Deserialize;

use super::graph::{Embedding, embed};
use super::latent::{LatentStep, Products};
use super::transport::Transport;
use crate::datafit::Squared;
use crate::linalg::{Cholesky, NotFinite, Spectrum, Svd};
use crate::method::Context;
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// A latent step ends when it gains less than this share of the change that ends the fit.
const WORTHWHILE: f64 = 0.01;

/// Row sums of the coupling further off than this, relatively, do not count as converged.
const COUPLED: f64 = 1e-6;

/// The three strengths of the objective, and whether scales are balanced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strengths {
    pub(super) lambda: f64,
    pub(super) gamma: f64,
    pub(super) alpha: f64,
    pub(super) scales: Scales,
}

/// Whether a sweep ends with [`rescale`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Scales {
    Balanced,
    AsPublished,
}

/// Where an alternation is, or where it ended.
pub(super) struct Alternation<'a> {
    loss: &'a Squared,
    strengths: Strengths,
    groups: usize,
    /// `c_t X_t'y_t`.
    correlations: Array2<f64>,
    latent: Array2<f64>,
    shares: Array2<f64>,
    plan: Array2<f64>,
}

/// The result of an alternation.
pub(super) struct End {
    /// `L`, `p x k`.
    pub(super) latent: Array2<f64>,
    /// `S`, `k x m`.
    pub(super) shares: Array2<f64>,
    /// `P`, `k x m`.
    pub(super) plan: Array2<f64>,
    pub(super) value: Value,
    pub(super) convergence: Convergence,
    pub(super) trace: Vec<f64>,
}

impl<'a> Alternation<'a> {
    /// The published start.
    pub(super) fn new(loss: &'a Squared, strengths: Strengths, k: usize, groups: usize) -> Result<Self, NotFinite> {
        let m = loss.n_tasks();
        let correlations = loss.correlations();
        let latent = start(loss, &correlations, strengths.lambda, k)?;
        // A coupling that nothing follows stays the one that says nothing.
        let entry = if strengths.gamma > 0.0 { 0.0 } else { 1.0 / (k * m) as f64 };
        let (shares, plan) = (Array2::zeros((k, m)), Array2::from_elem((k, m), entry));
        Ok(Self { loss, strengths, groups, correlations, latent, shares, plan })
    }

    /// Alternates until the objective changes by less than `tol`, relatively.
    pub(super) fn run(mut self, tol: f64, max_iter: usize, context: &Context) -> Result<End, SolverError> {
        let (k, m) = self.shares.dim();
        let step = LatentStep::new(self.loss, &self.correlations, self.strengths.lambda, k)?;
        let mut transport = Transport::new(k, m);
        let mut error = 0.0;
        let mut embedding = None;
        let mut products = Products::of(&self.latent, self.loss, &self.correlations);
        let mut trace: Vec<f64> = Vec::new();
        loop {
            context.check()?;
            self.shares = shares(self.loss, &products, &self.plan, self.strengths.gamma)?;
            let before = trace.last().copied();
            let enough = WORTHWHILE * tol * before.unwrap_or(self.loss.at_zero());
            step.solve(&mut self.latent, &self.shares, &products, enough, context)?;
            if self.strengths.scales == Scales::Balanced {
                rescale(&mut self.latent, &mut self.shares, &self.plan, self.strengths);
            }
            products = Products::of(&self.latent, self.loss, &self.correlations);
            if self.strengths.gamma > 0.0 {
                (self.plan, error) = transport.project(&self.target(embedding.as_ref()));
            }
            let found = embed(&self.plan, self.groups)?;
            let value = self.value(&products, &found);
            embedding = Some(found);
            trace.push(value.total);
            if !value.total.is_finite() {
                return Err(SolverError::NotFinite);
            }
            let change = before.map_or(f64::INFINITY, |f| (f - value.total).abs() / f.abs().max(f64::MIN_POSITIVE));
            if change <= tol || trace.len() >= max_iter {
                let rule = ResidualKind::RelativeObjectiveChange;
                let converged = change <= tol && error <= COUPLED;
                let convergence = Convergence { rule, residual: change, iterations: trace.len(), converged };
                let Self { latent, shares, plan, .. } = self;
                return Ok(End { latent, shares, plan, value, convergence, trace });
            }
        }
    }

    /// `S/m - C/c` with `c = m^2 gamma/alpha`: the coupling's part of the objective is `m^2 gamma/2` times its squared
    /// distance from there, up to a constant.
    fn target(&self, embedding: Option<&Embedding>) -> Array2<f64> {
        let m = self.shares.ncols() as f64;
        let mut target = &self.shares / m;
        if let Some(embedding) = embedding {
            target.scaled_add(-self.strengths.alpha / (m * m * self.strengths.gamma), &embedding.cost);
        }
        target
    }

    fn value(&self, products: &Products, embedding: &Embedding) -> Value {
        let Strengths { lambda, gamma, alpha, .. } = self.strengths;
        let m = self.shares.ncols() as f64;
        let explained: f64 = (self.shares.columns().into_iter().zip(products.targets.columns()).zip(&products.inner))
            .map(|((s, target), inner)| s.dot(&(inner.dot(&s) * 0.5 - target)))
            .sum();
        let loss = (self.loss.at_zero() + explained).max(0.0);
        let squares = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>();
        let penalty = lambda / 2.0 * squares(&self.latent)
            + gamma / 2.0 * squares(&(&self.shares - &(&self.plan * m)))
            + alpha * embedding.values.sum();
        Value { total: loss + penalty, loss, penalty }
    }
}

/// Multiplies each latent task's shares by the `u` that is best for the penalties, and divides the latent task by it:
/// the weights stay as they are. Alternation alone moves along these scales by tiny steps where the loss determines
/// the weights.
fn rescale(latent: &mut Array2<f64>, shares: &mut Array2<f64>, plan: &Array2<f64>, strengths: Strengths) {
    let Strengths { lambda, gamma, .. } = strengths;
    let m = shares.ncols() as f64;
    let rows = shares.rows_mut().into_iter().zip(plan.rows());
    for (mut latent, (mut shares, plan)) in latent.columns_mut().into_iter().zip(rows) {
        let (a, b) = (lambda * latent.dot(&latent), gamma * shares.dot(&shares));
        let u = best_scale(a, b, gamma * m * shares.dot(&plan));
        latent /= u;
        shares *= u;
    }
}

/// `argmin_{u > 0} a/(2 u^2) + b u^2/2 - d u`, 1 where there is none. The derivative `b u - d - a/u^3` is increasing and
/// concave, so that Newton's method from the left of its root climbs to it.
fn best_scale(a: f64, b: f64, d: f64) -> f64 {
    if !(a > 0.0 && b > 0.0) {
        return 1.0;
    }
    let mut u = if d >= 0.0 { (a / b).powf(0.25) } else { (a / (2.0 * b)).powf(0.25).min((a / (-2.0 * d)).cbrt()) };
    for _ in 0..100 {
        let step = (a / u.powi(3) + d - b * u) / (b + 3.0 * a / u.powi(4));
        u += step;
        if step.abs() <= 1e-14 * u {
            break;
        }
    }
    if u.is_normal() && u > 0.0 { u } else { 1.0 }
}

/// The leading left singular vectors of the tasks' own ridge solutions.
fn start(loss: &Squared, correlations: &Array2<f64>, lambda: f64, k: usize) -> Result<Array2<f64>, NotFinite> {
    let mut own = Array2::zeros(correlations.raw_dim());
    for t in 0..loss.n_tasks() {
        let spectrum = loss.spectrum(t);
        let mut inner = spectrum.vectors.t().dot(&correlations.column(t));
        inner.zip_mut_with(&spectrum.values, |v, d| *v /= loss.factor(t) * d + lambda);
        own.column_mut(t).assign(&spectrum.vectors.dot(&inner));
    }
    let svd = Svd::of(&own)?;
    let mut latent = svd.leading(k);
    for (mut column, right) in latent.columns_mut().into_iter().zip(svd.right.columns()) {
        if right.sum() < 0.0 {
            column.mapv_inplace(|v| -v);
        }
    }
    Ok(latent)
}

/// `s_t = (c_t L'X_t'X_t L + gamma I)^{-1} (c_t L'X_t'y_t + gamma m p_t)` for every task.
fn shares(loss: &Squared, products: &Products, plan: &Array2<f64>, gamma: f64) -> Result<Array2<f64>, NotFinite> {
    let (k, m) = plan.dim();
    let right = &products.targets + &(plan * (gamma * m as f64));
    let mut shares = Array2::zeros((k, m));
    let mut known: Option<(usize, Solver)> = None;
    for t in 0..m {
        let solver = match known.take() {
            // Tasks with the same inputs have the same matrix.
            Some((s, solver)) if std::ptr::eq(loss.gram(s), loss.gram(t)) => solver,
            _ => Solver::of(&(&*products.inner[t] + &Array2::from_diag_elem(k, gamma)))?,
        };
        shares.column_mut(t).assign(&solver.solve(right.column(t).to_owned()));
        known = Some((t, solver));
    }
    Ok(shares)
}

/// A small positive semidefinite system.
enum Solver {
    Definite(Cholesky),
    Singular(Spectrum),
}

impl Solver {
    fn of(matrix: &Array2<f64>) -> Result<Self, NotFinite> {
        Ok(match Cholesky::of(matrix) {
            Some(factor) => Self::Definite(factor),
            None => Self::Singular(Spectrum::of(matrix)?),
        })
    }

    fn solve(&self, mut right: Array1<f64>) -> Array1<f64> {
        match self {
            Self::Definite(factor) => {
                factor.solve(&mut right);
                right
            }
            Self::Singular(spectrum) => spectrum.pseudo_solve(&right),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datafit::LossScale;
    use crate::method::Problem;
    use mtl_core::{MultiTask, Seed, Target, Task};
    use ndarray::Axis;
    use rand::Rng;
    use std::sync::Arc;

    fn problem(n: usize, p: usize, m: usize) -> Problem {
        let mut rng = Seed::of(&("alternation", n, p, m)).rng();
        let mut draw = || rng.random_range(-1.0..1.0);
        let task = |t: usize| {
            let x = Array2::from_shape_fn((n, p), |_| draw());
            let y = &x.column(t % 2) * 2.0 + Array1::from_shape_fn(n, |_| draw());
            Task { name: t.to_string(), x: Arc::new(x), y }
        };
        let features = (0..p).map(|i| i.to_string()).collect();
        Problem::new(MultiTask::new(features, Target::Regression, (0..m).map(task).collect()).unwrap(), None)
    }

    fn run(loss: &Squared, strengths: Strengths, tol: f64, max_iter: usize) -> End {
        let alternation = Alternation::new(loss, strengths, 3, 2).unwrap();
        alternation.run(tol, max_iter, &Context::new(Seed::of(&0))).unwrap()
    }

    /// SSMTL spec 8, 18, and an objective that never rises and is what its formula says.
    #[test]
    fn couplings_are_couplings_and_the_objective_falls() {
        let problem = problem(20, 5, 7);
        let loss = Squared::new(problem.statistics().clone(), LossScale::HalfSum).unwrap();
        for (lambda, scales) in [(1e-3, Scales::Balanced), (1.0, Scales::AsPublished), (1e2, Scales::Balanced)] {
            for gamma in [0.0, 1e-3, 1.0, 1e3] {
                for alpha in [0.0, 1e-3, 1.0, 1e3] {
                    let strengths = Strengths { lambda, gamma, alpha, scales };
                    let end = run(&loss, strengths, 1e-10, 200);
                    let tolerance = 1e-9;
                    assert!(end.plan.iter().all(|&v| v >= 0.0));
                    assert!(
                        end.plan.sum_axis(Axis(1)).iter().all(|v| (v - 1.0 / 3.0).abs() < tolerance),
                        "{strengths:?}"
                    );
                    assert!(
                        end.plan.sum_axis(Axis(0)).iter().all(|v| (v - 1.0 / 7.0).abs() < tolerance),
                        "{strengths:?}"
                    );
                    assert!(
                        end.trace.windows(2).all(|f| f[1] <= f[0] * (1.0 + 1e-10)),
                        "{strengths:?} {:?}",
                        end.trace
                    );
                    let squares = |a: &Array2<f64>| a.mapv(|v| v * v).sum();
                    let expected = loss.value(&end.latent.dot(&end.shares))
                        + lambda / 2.0 * squares(&end.latent)
                        + gamma / 2.0 * squares(&(&end.shares - &(&end.plan * 7.0)))
                        + alpha * embed(&end.plan, 2).unwrap().values.sum();
                    assert!((end.value.total - expected).abs() < 1e-9 * expected);
                }
            }
        }
    }

    /// At the end no small change of the shares or the latent tasks helps.
    #[test]
    fn ends_are_stationary() {
        let problem = problem(20, 5, 7);
        let loss = Squared::new(problem.statistics().clone(), LossScale::HalfSum).unwrap();
        let strengths = Strengths { lambda: 0.5, gamma: 2.0, alpha: 1.0, scales: Scales::Balanced };
        let end = run(&loss, strengths, 1e-15, 20_000);
        let objective = |l: &Array2<f64>, s: &Array2<f64>| {
            let squares = |a: Array2<f64>| a.mapv(|v| v * v).sum();
            loss.value(&l.dot(s)) + 0.25 * squares(l.clone()) + squares(s - &(&end.plan * 7.0))
        };
        let difference = |change: &dyn Fn(f64) -> f64| (change(1e-4) - change(-1e-4)) / 2e-4;
        let nudge = |a: &Array2<f64>, at: (usize, usize), by: f64| {
            let mut a = a.clone();
            a[at] += by;
            a
        };
        for (at, _) in end.latent.indexed_iter() {
            assert!(difference(&|by| objective(&nudge(&end.latent, at, by), &end.shares)).abs() < 1e-4);
        }
        for (at, _) in end.shares.indexed_iter() {
            assert!(difference(&|by| objective(&end.latent, &nudge(&end.shares, at, by))).abs() < 1e-4);
        }
    }

    #[test]
    fn scales_are_roots_of_their_derivative() {
        for (a, b, d) in [(1.0, 1.0, 0.0), (1e-6, 1e3, 50.0), (1e4, 1e-4, -3.0), (2.0, 0.5, -1e5), (1e-12, 1.0, 1.0)] {
            let u = best_scale(a, b, d);
            let terms = [b * u, -d, -a / u.powi(3)];
            let size = terms.iter().fold(0.0_f64, |max, v| max.max(v.abs()));
            assert!(u > 0.0 && terms.iter().sum::<f64>().abs() < 1e-10 * size, "{a} {b} {d}: {u}");
        }
        assert_eq!(best_scale(0.0, 1.0, 1.0), 1.0);
    }

    /// Strong block structure makes as many blocks as asked for.
    #[test]
    fn a_strong_structure_falls_into_blocks() {
        let problem = problem(30, 6, 6);
        let loss = Squared::new(problem.statistics().clone(), LossScale::HalfSum).unwrap();
        let end = run(&loss, Strengths { lambda: 0.1, gamma: 1.0, alpha: 1e3, scales: Scales::Balanced }, 1e-9, 500);
        let values = embed(&end.plan, 3).unwrap().values;
        let zeros = values.iter().filter(|v| **v < 1e-9).count();
        assert!(zeros >= 2, "{values} {}", end.plan);
    }
}
