//! Attacks on everything that reads a file: damaged, contradictory and hostile files made from a small corpus.
//!
//! A [`Reader`] must give an answer or an error that names the file, soon, without a panic, and in memory that is bounded
//! by the size of the file and of the table it should hold. [`hunt`] tries to prove otherwise: it changes files of
//! `corpus/<reader>` and keeps those that bring a reader to say something new. What the readers say stands in for the
//! coverage that a compiler would have to instrument, so that a stable toolchain and `cargo test` are enough.
//!
//! `cargo test` tries each reader for two seconds, `just fuzz READER MINUTES` for longer. A file that breaks a reader is
//! reported with its place; once the reader is mended it belongs into `corpus/<reader>` under a name that says what it
//! shows, where every run begins with it.

mod hunt;
mod mutate;
mod readers;

pub use hunt::{Found, Tally, hunt};
pub use readers::{READERS, Reader, Wrap};

/// Counts the memory that readers ask for.
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
