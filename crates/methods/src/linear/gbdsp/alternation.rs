//! Alternating minimisation of the joint objective.

use ndarray::{Array1, Array2};

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

/// The three strengths of the objective.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strengths {
    pub(super) lambda: f64,
    pub(super) gamma: f64,
    pub(super) alpha: f64,
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
        let Strengths { lambda, gamma, alpha } = self.strengths;
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
