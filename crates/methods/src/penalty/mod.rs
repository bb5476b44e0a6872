//! Penalties on one weight matrix: values, proximal operators, dual feasibility and smoothed gradients.

mod chain;
mod component;
mod coupling;
mod pairs;
pub mod row;
mod singular;
mod squared;

pub use chain::{Chain, ChainProx};
pub use component::{Component, Seminorm};
pub use coupling::{Coupling, Quadratic};
pub use pairs::{ColumnPairs, n_pairs};
pub use singular::{SparedDirections, spectral_norm};
pub use squared::SquaredRows;

use ndarray::Array2;

use self::row::Scratch;

/// A convex penalty with a closed proximal operator, which vanishes at zero.
pub trait Penalty {
    /// Value at `w`.
    fn value(&self, w: &Array2<f64>) -> f64;

    /// Overwrites `w` by `argmin_z 1/2 ||z - w||_F^2 + step * penalty(z)`.
    fn prox(&self, w: &mut Array2<f64>, step: f64, scratch: &mut Scratch);

    /// A factor in `[0, 1]` that takes `y` to where the conjugate is finite, and the conjugate there.
    fn conjugate(&self, y: &Array2<f64>, scratch: &mut Scratch) -> (f64, f64);

    /// Whether it is a norm, so that its conjugate is the indicator of a ball.
    fn is_norm(&self) -> bool;

    /// Whether it is zero everywhere.
    fn is_free(&self) -> bool;
}

impl Penalty for Component {
    fn value(&self, w: &Array2<f64>) -> f64 {
        self.value(w)
    }

    fn prox(&self, w: &mut Array2<f64>, step: f64, scratch: &mut Scratch) {
        self.prox(w, step, scratch);
    }

    fn conjugate(&self, y: &Array2<f64>, scratch: &mut Scratch) -> (f64, f64) {
        (1.0 / self.excess(y, None, 1.0, scratch), 0.0)
    }

    fn is_norm(&self) -> bool {
        true
    }

    fn is_free(&self) -> bool {
        self.is_free()
    }
}
