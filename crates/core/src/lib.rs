//! The vocabulary of the workspace: tasks, splits, scaling, moments, metrics and seeds.
//!
//! Everything here is arithmetic on values in memory. Reading files is `mtl-data`'s business, fitting models
//! `mtl-methods`', deciding what to run `mtl-experiments`'.

mod counted;
pub mod metric;
pub mod moments;
pub mod recovery;
pub mod scaling;
pub mod seed;
pub mod sharing;
pub mod sizes;
pub mod split;
pub mod task;

pub use metric::Metric;
pub use moments::Moments;
pub use scaling::{Labels, RowScale, ScaleFit, Scaler, Scaling, Units};
pub use seed::Seed;
pub use sizes::{Counts, Draw, DrawnFractions, Fractions, NestedFractions, RowSizes, Sizes};
pub use split::{Part, Split};
pub use task::{DataError, MultiTask, Target, Task, Truth, likeliest};
