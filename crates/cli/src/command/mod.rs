//! One file a subcommand.

pub mod compare;
pub mod datasets;
pub mod export;
pub mod fit;
pub mod methods;
pub mod predict;
pub mod replicate;
pub mod report;
pub mod reproduce;
pub mod store;
