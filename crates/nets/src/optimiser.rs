//! Steps along the gradient.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::params::{Layout, Params};
use crate::real::Real;
use crate::vector::wide;

/// Numbers that a thread updates at a time.
const CHUNK: usize = 8192;

/// How parameters follow their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimiser {
    /// `w -= r_i g` with `r_i = rate decay^(i / decay_steps)`, continuously, `i` counting steps from 0.
    Sgd {
        /// Rate of the first step.
        rate: f64,
        /// What `decay_steps` steps multiply the rate with; 1 for a constant rate.
        decay: f64,
        /// How many steps that takes.
        decay_steps: f64,
    },
    /// Adam (Kingma and Ba 2015), as in PyTorch.
    Adam {
        /// Learning rate.
        rate: f64,
        /// Share of the running mean of gradients that stays.
        beta1: f64,
        /// Share of the running mean of their squares that stays.
        beta2: f64,
        /// Added to the root of the latter.
        epsilon: f64,
    },
}

impl Optimiser {
    /// Adam with its usual constants.
    pub const fn adam(rate: f64) -> Self {
        Self::Adam { rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// The rate of a step.
    pub fn rate(&self, step: usize) -> f64 {
        match *self {
            Self::Sgd { rate, decay, decay_steps } => rate * decay.powf(step as f64 / decay_steps),
            Self::Adam { rate, .. } => rate,
        }
    }
}

/// An optimiser in the middle of a run.
#[derive(Debug, Clone)]
pub struct Stepper<R> {
    optimiser: Optimiser,
    step: usize,
    /// Running means of gradients and of their squares, for Adam.
    moments: Option<[Params<R>; 2]>,
}

impl<R: Real> Stepper<R> {
    /// At the start of a run.
    pub fn new(optimiser: Optimiser, layout: &Layout) -> Self {
        let adam = matches!(optimiser, Optimiser::Adam { .. });
        let moments = adam.then(|| [Params::zeros(layout), Params::zeros(layout)]);
        Self { optimiser, step: 0, moments }
    }

    /// Steps taken so far.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Takes a step and tells its rate.
    pub fn update(&mut self, params: &mut Params<R>, grads: &Params<R>) -> f64 {
        let rate = self.optimiser.rate(self.step);
        self.step += 1;
        let parts = [(&mut params.shared, &grads.shared), (&mut params.tasks, &grads.tasks)];
        match (self.optimiser, &mut self.moments) {
            (Optimiser::Adam { beta1, beta2, epsilon, .. }, Some([means, squares])) => {
                let t = self.step as f64;
                let adam = Adam {
                    beta: [R::of(beta1), R::of(beta2)],
                    rest: [R::of(1.0 - beta1), R::of(1.0 - beta2)],
                    rate: R::of(rate / (1.0 - beta1.powf(t))),
                    scale: R::of(1.0 / (1.0 - beta2.powf(t)).sqrt()),
                    epsilon: R::of(epsilon),
                };
                let moments = [(&mut means.shared, &mut squares.shared), (&mut means.tasks, &mut squares.tasks)];
                for ((w, g), (m, v)) in parts.into_iter().zip(moments) {
                    let chunks = w.par_chunks_mut(CHUNK).zip(g.par_chunks(CHUNK));
                    let moments = m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK));
                    chunks.zip(moments).for_each(|((w, g), (m, v))| wide(|| adam.update(w, g, m, v)));
                }
            }
            _ => {
                let rate = R::of(rate);
                for (w, g) in parts {
                    let chunks = w.par_chunks_mut(CHUNK).zip(g.par_chunks(CHUNK));
                    chunks.for_each(|(w, g)| wide(|| w.iter_mut().zip(g).for_each(|(w, &g)| *w -= rate * g)));
                }
            }
        }
        rate
    }
}

/// One step of Adam.
#[derive(Clone, Copy)]
struct Adam<R> {
    beta: [R; 2],
    rest: [R; 2],
    rate: R,
    scale: R,
    epsilon: R,
}

impl<R: Real> Adam<R> {
    #[inline(always)]
    fn update(self, w: &mut [R], g: &[R], m: &mut [R], v: &mut [R]) {
        let Self { beta, rest, rate, scale, epsilon } = self;
        for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            *m = beta[0] * *m + rest[0] * g;
            *v = beta[1] * *v + rest[1] * g * g;
            *w -= rate * *m / (v.sqrt() * scale + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Own, Role};

    #[test]
    fn the_rate_decays_continuously() {
        let sgd = Optimiser::Sgd { rate: 0.5, decay: 0.8, decay_steps: 100.0 };
        assert!((sgd.rate(100) - 0.4).abs() < 1e-15);
        assert!((sgd.rate(50) - 0.5 * 0.8f64.sqrt()).abs() < 1e-15);
        assert_eq!(sgd.rate(0), 0.5);
    }

    #[test]
    fn adam_takes_the_steps_of_its_definition() {
        let mut layout = Layout::new(1);
        layout.push("w", Own::Task, Role::Weights, [1, 1, 1]);
        let (mut w, mut g) = (Params::<f64>::zeros(&layout), Params::zeros(&layout));
        let mut stepper = Stepper::new(Optimiser::adam(0.1), &layout);
        let (mut m, mut v, mut x) = (0.0, 0.0, 0.0);
        for t in 1..6 {
            let grad = 1.0 / t as f64 - 0.4;
            g.tasks[0] = grad;
            stepper.update(&mut w, &g);
            m = 0.9 * m + 0.1 * grad;
            v = 0.999 * v + 0.001 * grad * grad;
            let (m_hat, v_hat) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            x -= 0.1 * m_hat / (v_hat.sqrt() + 1e-8);
            assert!((w.tasks[0] - x).abs() < 1e-14);
        }
    }
}
