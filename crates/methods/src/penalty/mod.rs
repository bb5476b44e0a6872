//! Penalties on one weight matrix: values, proximal operators, dual feasibility and smoothed gradients.

mod chain;
mod component;
mod pairs;
pub mod row;

pub use chain::{Chain, ChainProx};
pub use component::{Component, Seminorm};
pub use pairs::{ColumnPairs, n_pairs};
