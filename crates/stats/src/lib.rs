//! What may be concluded from numbers: tests, corrections, effect sizes, ranks, verdicts and claims.
//!
//! Pure functions on slices of `f64`; the crate depends on nothing else of the workspace. From the ground up:
//!
//! - [`paired`] tests paired differences, [`correction`] adjusts a family of p-values, [`effect`] says how large a
//!   difference is, [`bootstrap`] how well it is known, [`bayes`] how probable it is, [`equivalence`] whether it is
//!   small enough not to matter, [`ranks`] compares many methods over many data sets.
//! - [`choice`] decides from the protocol which paired test applies, and says why.
//! - [`comparison`] puts two methods side by side with all of the above.
//! - [`verdict`] judges a reproduced number against the published one, [`claim`] a paper's sentence. Their rules were
//!   fixed before any result was seen.
//!
//! No function returns NaN. A test of degenerate input says so by its p-value, a description of it by `None`; only
//! input that is no sample at all (empty, not finite, not paired) is a [`SampleError`].

pub mod bayes;
pub mod bootstrap;
pub mod choice;
pub mod claim;
pub mod comparison;
pub mod correction;
pub mod effect;
pub mod equivalence;
pub mod growth;
pub mod paired;
pub mod ranks;
pub mod sample;
pub mod verdict;

mod distribution;
mod estimate;
mod midrank;
mod wording;

#[cfg(test)]
mod testing;

pub use bayes::Posterior;
pub use bootstrap::{Bootstrap, BootstrapInterval};
pub use choice::{Applicable, Resampling};
pub use claim::{ClaimOutcome, ClaimResult, Relation};
pub use comparison::{Comparison, Side, compare};
pub use correction::holm;
pub use effect::{Effect, Magnitude};
pub use equivalence::{Equivalence, tost};
pub use paired::{Alternative, TestResult};
pub use ranks::{Friedman, friedman, nemenyi_cd};
pub use sample::{Interval, SampleError, Summary};
pub use verdict::{CellVerdict, Comparability, PublishedValue, VerdictKind, cell_verdict};

/// The significance level of every verdict and claim.
pub const ALPHA: f64 = 0.05;
