//! Parameters that are trained where they are not the weights themselves.

mod additive;
mod tucker;

pub use additive::Additive;
pub use tucker::Tucker;

use crate::params::{Layout, Params, Place};
use crate::real::Real;

/// A network's parameters as a function of free ones.
pub trait Reparametrisation<R: Real>: Send {
    /// Of the free parameters. Those that the network uses as they are keep their names.
    fn layout(&self) -> &Layout;

    /// Writes the network's parameters.
    fn compose(&mut self, free: &Params<R>, net: &mut Params<R>);

    /// Derivatives by the free parameters from those by the network's, which are needed no more.
    fn pull_back(&mut self, free: &Params<R>, net: &mut Params<R>, out: &mut Params<R>);
}

/// Copies parameters from one layout to another: pairs of places, for all tasks.
fn copy<R: Real>(tasks: usize, places: &[(Place, Place)], from: &Params<R>, to: &mut Params<R>) {
    for (source, target) in places {
        let times = if source.own == crate::params::Own::Shared { 1 } else { tasks };
        for task in 0..times {
            to.slice_mut(target, task).copy_from_slice(from.slice(source, task));
        }
    }
}
