//! Losses, as functions of sufficient statistics where there are any.

mod centred;
mod squared;

pub use centred::Centred;
pub use squared::{LossScale, Squared, Statistics};
