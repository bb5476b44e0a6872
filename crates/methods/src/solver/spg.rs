//! The published solver: Nesterov smoothing of the penalty, then accelerated gradient steps (Chen et al. 2012).

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::certificate::{DualPoint, Pooled, duality_gap, pool};
use super::{Convergence, Objective, ResidualKind, Solution, SolverError, StopRule, Stopping, sum};
use crate::method::Context;
use crate::penalty::{ColumnPairs, Component, n_pairs};

/// The extrapolation after a gradient step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Momentum {
    /// From the last iterate to this one: accelerated.
    #[default]
    Fista,
    /// From the last *search point* to this iterate, as printed in SSMTL's supplement and written in its demo. That is
    /// the gradient step once more: plain gradient descent with up to twice the step.
    AsPrinted,
}

impl Momentum {
    /// The names, for parameter schemas.
    pub const CHOICES: &'static [&'static str] = &["fista", "as-printed"];
}

/// The smoothing parameter `mu`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smoothing {
    /// One value throughout (the demo's is 1e-4).
    Fixed(f64),
    /// From 0.1 down by factors of ten to `2 eps / groups`, at which the smoothed objective is within `eps` of the
    /// true one; `eps` is the tolerance times the objective.
    Continuation,
}

/// The step size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// `1 / Lip` throughout, as published.
    #[default]
    Lipschitz,
    /// As in SSMTL's demo: 5e-5, half of it after the first iteration, a tenth after every thirty. It does not look at the
    /// data, and after some sixty iterations nothing moves any more.
    Demo,
}

impl Step {
    /// The names, for parameter schemas.
    pub const CHOICES: &'static [&'static str] = &["lipschitz", "demo"];

    /// Step of iteration `k` where the gradient has this Lipschitz constant.
    fn at(self, k: usize, lipschitz: f64) -> f64 {
        match (self, k) {
            (Self::Lipschitz, _) => 1.0 / lipschitz.max(f64::MIN_POSITIVE),
            (Self::Demo, 0) => 5e-5,
            (Self::Demo, _) => 2.5e-5 * 0.1_f64.powi((k / 30) as i32),
        }
    }
}

/// The choices that the published solver leaves open, or that its printed and its released form make differently.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spg {
    /// The smoothing parameter.
    pub smoothing: Smoothing,
    /// The extrapolation.
    pub momentum: Momentum,
    /// The step size.
    pub step: Step,
}

/// Minimises the smoothed objective. The value reported and watched is that of the true objective.
///
/// # Errors
/// If an iterate is not finite or the run is interrupted.
pub fn spg(
    objective: &Objective<'_>,
    start: Vec<Array2<f64>>,
    how: Spg,
    stopping: Stopping,
    context: &Context,
) -> Result<Solution, SolverError> {
    let (p, m, h) = (objective.loss.n_features(), objective.loss.n_tasks(), objective.components.len());
    let groups: usize = objective.components.iter().flat_map(Component::terms).map(|(s, _)| s.n_groups(p, m)).sum();
    let pooled = Pooled::new(objective)?;
    let mut mu = match how.smoothing {
        Smoothing::Fixed(mu) => mu,
        Smoothing::Continuation => 0.1,
    };
    let mut w = start;
    let mut trace = Vec::new();
    let mut iterations = 0;
    loop {
        let target = match how.smoothing {
            Smoothing::Fixed(mu) => mu,
            Smoothing::Continuation => 2.0 * stopping.tolerance * objective.value(&w).total / groups.max(1) as f64,
        };
        let final_stage = mu <= target;
        let stage = Stage { objective, h, mu: mu.max(target), how, pooled: &pooled, last: final_stage };
        let (solution, used) = stage.run(w, stopping, iterations, &mut trace, context)?;
        iterations += used;
        if final_stage || solution.convergence.converged || iterations >= stopping.max_iterations {
            return Ok(Solution { trace, ..solution });
        }
        w = solution.components;
        mu /= 10.0;
    }
}

/// One value of the smoothing parameter.
struct Stage<'a> {
    objective: &'a Objective<'a>,
    h: usize,
    mu: f64,
    how: Spg,
    pooled: &'a Pooled,
    last: bool,
}

impl Stage<'_> {
    fn lipschitz(&self) -> f64 {
        let m = self.objective.loss.n_tasks();
        let penalty = |c: &Component| c.terms().map(|(s, g)| g * g * s.operator_norm_squared(m)).sum::<f64>() / self.mu;
        let worst = self.objective.components.iter().map(penalty).fold(0.0, f64::max);
        self.h as f64 * self.objective.loss.lipschitz() + worst
    }

    fn run(
        &self,
        start: Vec<Array2<f64>>,
        stopping: Stopping,
        before: usize,
        trace: &mut Vec<f64>,
        context: &Context,
    ) -> Result<(Solution, usize), SolverError> {
        let lipschitz = self.lipschitz();
        let budget = stopping.max_iterations.saturating_sub(before);
        let mut w = start;
        let mut search = w.clone();
        let mut previous = self.objective.value(&w).total;
        for k in 0..budget.max(1) {
            let mut gradients = vec![self.objective.loss.value_and_gradient(&sum(&search)).1; self.h];
            for ((component, search), gradient) in self.objective.components.iter().zip(&search).zip(&mut gradients) {
                for (seminorm, strength) in component.terms() {
                    seminorm.smoothed(search, strength, self.mu, gradient);
                }
            }
            let step = self.how.step.at(before + k, lipschitz);
            let next: Vec<_> = search.iter().zip(&gradients).map(|(s, g)| s - &(g * step)).collect();
            // ((1 - theta_k) / theta_k) theta_{k+1} with theta_k = 2 / (k + 2).
            let weight = k as f64 / (k as f64 + 3.0);
            search = next
                .iter()
                .zip(if self.how.momentum == Momentum::Fista { &w } else { &search })
                .map(|(next, from)| next + &((next - from) * weight))
                .collect();
            w = next;
            let value = self.objective.value(&w);
            if !value.total.is_finite() {
                return Err(SolverError::NotFinite);
            }
            trace.push(value.total);
            let change = (previous - value.total).abs() / previous.abs().max(f64::MIN_POSITIVE);
            previous = value.total;
            let out_of_time = k + 1 >= budget;
            let settled = change <= stopping.tolerance;
            let convergence =
                |rule, residual, converged| Convergence { rule, residual, iterations: before + k + 1, converged };
            match stopping.rule {
                StopRule::Change if settled || out_of_time => {
                    let convergence = convergence(ResidualKind::RelativeObjectiveChange, change, settled && self.last);
                    let solution =
                        Solution { components: w, value, convergence, trace: Vec::new(), dual: DualPoint::default() };
                    return Ok((solution, k + 1));
                }
                StopRule::Certificate if k % 50 == 49 || out_of_time => {
                    context.check()?;
                    let mut candidate = w.clone();
                    pool(self.objective, self.pooled, &mut candidate);
                    let dual = DualPoint { pairs: self.pair_duals(&w), guesses: Vec::new() };
                    let gap = duality_gap(self.objective, &candidate, &dual);
                    let converged = gap.relative() <= stopping.tolerance;
                    // A stage has done its work once progress per iteration is far below what the next mu can bring.
                    if converged || out_of_time || (!self.last && change <= 0.01 * stopping.tolerance.sqrt() / 50.0) {
                        let convergence = convergence(ResidualKind::RelativeDualityGap, gap.relative(), converged);
                        let solution =
                            Solution { components: candidate, value: gap.value, convergence, trace: Vec::new(), dual };
                        return Ok((solution, k + 1));
                    }
                }
                _ => {}
            }
        }
        Err(SolverError::NotFinite)
    }

    /// The dual variables behind the smoothed column clustering: each pair's difference, scaled and clipped.
    fn pair_duals(&self, w: &[Array2<f64>]) -> Vec<Option<Array2<f64>>> {
        let m = self.objective.loss.n_tasks();
        let duals = |component: &Component, w: &Array2<f64>| {
            let strength = component.column_pairs;
            let mut duals = Array2::zeros((w.nrows(), n_pairs(m)));
            ColumnPairs { m }.differences(w, &mut duals);
            for mut column in duals.columns_mut() {
                let length = column.dot(&column).sqrt();
                column *= strength * strength / self.mu.max(strength * length);
            }
            duals
        };
        let components = self.objective.components.iter().zip(w);
        components.map(|(c, w)| (c.column_pairs > 0.0).then(|| duals(c, w))).collect()
    }
}
