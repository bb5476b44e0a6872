//! Tables, charts and pages from stored records. Nothing here fits anything.

pub mod chart;
pub mod document;
pub mod export;
pub mod provenance;
mod report;
pub mod ro_crate;
mod section;

pub use report::{File, Report, ReportError};
pub use section::Described;
