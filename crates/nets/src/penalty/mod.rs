//! What is added to the loss, as a function of a model's free parameters.
//!
//! Penalties see a layer's weights stacked over tasks: [`Place`](crate::params::Place) tells where they lie.

mod decay;
mod gates;
mod mrn;
mod mrn_released;
mod spread;
mod structured;

pub use decay::Decay;
pub use gates::OpenGates;
pub use mrn::{Axes, Mrn};
pub use mrn_released::MrnReleased;
pub use spread::Spread;
pub use structured::{Groups, Structured, Terms};

use crate::params::Params;
use crate::real::Real;

/// A term of the objective.
pub trait Penalty<R: Real>: Send {
    /// Its value. Its derivatives are added to `grads`. Where a norm is zero, its derivative is taken to be zero.
    fn add(&mut self, params: &Params<R>, grads: &mut Params<R>) -> f64;

    /// Called after each step, with the number of steps taken: a penalty may have a state of its own.
    fn after_step(&mut self, _steps: usize, _params: &Params<R>) {}
}

/// A penalty's derivatives against central differences: the largest deviation relative to the largest derivative.
#[cfg(test)]
pub(crate) fn deviation(penalty: &mut dyn Penalty<f64>, params: &Params<f64>) -> f64 {
    let mut zero = params.clone();
    zero.clear();
    let mut grads = zero.clone();
    penalty.add(params, &mut grads);
    let largest = grads.iter().fold(0.0f64, |a, g| a.max(g.abs()));
    assert!(largest > 0.0, "the penalty has no derivatives to check");
    let (mut moved, mut sink) = (params.clone(), zero);
    let mut worst = 0.0f64;
    for (i, &g) in grads.iter().enumerate() {
        let x = *moved.at_mut(i);
        let mut at = |h: f64| {
            *moved.at_mut(i) = x + h;
            penalty.add(&moved, &mut sink)
        };
        let h = 1e-4;
        // Fourth order: the error is far below the bound even where norms are small.
        let slope = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
        *moved.at_mut(i) = x;
        worst = worst.max((slope - g).abs());
    }
    worst / largest
}

/// Parameters without a pattern, the same on every run.
#[cfg(test)]
pub(crate) fn sample(layout: &crate::params::Layout) -> Params<f64> {
    let mut params = Params::zeros(layout);
    for i in 0..layout.len() {
        let noise = crate::noise::Noise::of_step(11, i as u64);
        *params.at_mut(i) = noise.normal(0, 0);
    }
    params
}
