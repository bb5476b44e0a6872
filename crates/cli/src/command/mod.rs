//! One file a subcommand.

pub mod compare;
pub mod datasets;
pub mod export;
pub mod fit;
pub mod merge;
pub mod methods;
pub mod plan;
pub mod predict;
pub mod replicate;
pub mod report;
pub mod reproduce;
pub mod run;
pub mod status;
pub mod store;
pub mod submit;
