//! How likely stochastic gates are to be open.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::Penalty;
use crate::params::{Layout, ParamId, Params, Place};
use crate::real::Real;

/// `strength * sum_t mean_d Phi((mu_td + 1/2) / sigma)`: the expected share of open gates (Yamada et al. 2020; the
/// released program takes the mean, the paper the sum over `d`).
#[derive(Debug, Clone)]
pub struct OpenGates {
    strength: f64,
    sigma: f64,
    place: Place,
    tasks: usize,
}

impl OpenGates {
    /// Of gates with noise of this size.
    pub fn new(layout: &Layout, strength: f64, sigma: f64, means: ParamId) -> Self {
        Self { strength, sigma, place: layout.place(means).clone(), tasks: layout.tasks }
    }
}

impl<R: Real> Penalty<R> for OpenGates {
    fn add(&mut self, params: &Params<R>, grads: &mut Params<R>) -> f64 {
        let share = self.strength / self.place.len().max(1) as f64;
        let mut value = 0.0;
        for task in 0..self.tasks {
            let means = params.slice(&self.place, task);
            for (grad, mean) in grads.slice_mut(&self.place, task).iter_mut().zip(means) {
                let x = (mean.wide() + 0.5) / self.sigma;
                value += share * normal_below(x);
                *grad += R::of(share / self.sigma * (-x * x / 2.0).exp() / (2.0 * PI).sqrt());
            }
        }
        value
    }
}

/// The probability that a standard normal number is below `x`, to about 1e-14: a series near zero, a continued
/// fraction in the tails.
pub(crate) fn normal_below(x: f64) -> f64 {
    let z = x.abs() * FRAC_1_SQRT_2;
    let tail = if z < 2.0 {
        let (mut term, mut sum) = (z, z);
        for n in 1..80 {
            term *= 2.0 * z * z / f64::from(2 * n + 1);
            sum += term;
        }
        1.0 - sum * (-z * z).exp() * 2.0 / PI.sqrt()
    } else {
        let fraction = (1..=80).rev().fold(z, |below, n| z + f64::from(n) / 2.0 / below);
        (-z * z).exp() / (PI.sqrt() * fraction)
    };
    if x < 0.0 { tail / 2.0 } else { 1.0 - tail / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Own, Role};
    use crate::penalty::{deviation, sample};

    #[test]
    fn normal_probabilities() {
        let table = [(0.0, 0.5), (1.0, 0.841_344_746_068_542_9), (-1.96, 0.024_997_895_148_220_435)];
        let far =
            [(-3.5, 2.326_290_790_355_250_2e-4), (-6.0, 9.865_876_450_376_98e-10), (3.6, 0.999_840_891_409_842_4)];
        for (x, p) in table.into_iter().chain(far) {
            assert!((normal_below(x) - p).abs() < 1e-13 * p.max(1e-3), "{x}: {} {p}", normal_below(x));
        }
    }

    #[test]
    fn derivatives() {
        let mut layout = Layout::new(3);
        layout.push("w", Own::Task, Role::Weights, [1, 2, 2]);
        let means = layout.push("gates", Own::Task, Role::Gates, [1, 1, 7]);
        let mut penalty = OpenGates::new(&layout, 0.2, 0.5, means);
        assert!(deviation(&mut penalty, &sample(&layout)) < 1e-8);
    }
}
