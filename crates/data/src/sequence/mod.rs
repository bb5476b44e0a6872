//! Sequences of DNA, as numbers 0 to 3 for A, C, G and T, and the features they have.

mod kmers;
mod shuffle;

pub(crate) use kmers::{Labelled, tasks};
pub(crate) use shuffle::shuffled;

/// The other strand's base across from this one.
pub(crate) fn complement(base: u8) -> u8 {
    3 - base
}
