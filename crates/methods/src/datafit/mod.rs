//! Losses, as functions of sufficient statistics where there are any.

mod centred;
mod logistic;
mod rows;
mod scale;
mod squared;

pub use centred::Centred;
pub use logistic::{Logistic, LogisticPoint, TaskExpansion};
pub use rows::Rows;
pub use scale::LossScale;
pub use squared::{Squared, Statistics};
