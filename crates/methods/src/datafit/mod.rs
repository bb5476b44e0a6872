//! Losses, as functions of sufficient statistics where there are any.

mod squared;

pub use squared::{LossScale, Squared, Statistics};
