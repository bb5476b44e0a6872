//! From an upstream file to tasks.
//!
//! The [`catalog`] says which data sets exist and where they come from, [`fetch`] brings their files,
//! [`mod@format`] reads them, [`fingerprint`] proves that the values are the right ones, and [`sets`] turns them into
//! tasks. [`synthetic`] sets are drawn instead. [`Library`] is the door to all of it. [`long_csv`] reads a user's own
//! data.

pub mod catalog;
pub mod fetch;
pub mod fingerprint;
pub mod format;
pub mod library;
pub mod long_csv;
mod pca;
mod sequence;
pub mod sets;
pub mod spec;
pub mod suggest;
pub mod synthetic;

pub use catalog::{Catalog, Entry as CatalogEntry, Status};
pub use fetch::{FetchError, FetchOptions, FetchedFile, Fetcher, Mirror, NoProgress, Progress};
pub use library::{Library, LoadError};
pub use spec::{DatasetSpec, SpecError};
