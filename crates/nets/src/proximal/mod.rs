//! What is done to parameters after each step, in place of a subgradient: it makes exact zeros.

mod groups;
mod topics;

pub use groups::SparseGroups;
pub use topics::{Form, Topics, shrink_exclusive};

use crate::params::Params;
use crate::real::Real;

/// A proximal map.
pub trait Proximal<R: Real>: Send {
    /// Applies the map of the penalty times the rate of the step just taken.
    fn apply(&mut self, params: &mut Params<R>, rate: f64);
}
