//! From YAML to records: studies, plans, cells, the results store, selection and claims.

pub mod cell;
pub mod claim;
pub mod cost;
pub mod description;
pub mod drive;
mod gain;
pub mod grid;
pub mod layers;
pub mod paper;
pub mod plan;
pub mod prepare;
pub mod presence;
pub mod published;
pub mod quantity;
pub mod results;
pub mod run;
pub mod select;
pub mod shard;
pub mod store;
pub mod study;
pub mod yaml;

pub use cell::{Cell, CellId};
pub use description::Description;
pub use paper::{Paper, Study};
pub use quantity::Quantity;
pub use run::Runner;
pub use store::Store;
pub use study::Profile;
