//! Penalties on one weight matrix: values, proximal operators, dual feasibility and smoothed gradients.

mod component;
mod pairs;
pub mod row;

pub use component::{Component, Seminorm};
pub use pairs::{ColumnPairs, n_pairs};
