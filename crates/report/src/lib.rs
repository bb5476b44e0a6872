//! Tables, charts and pages from stored records. Nothing here fits anything.

pub mod chart;
pub mod document;
pub mod export;
mod report;
mod section;

pub use report::{File, Report, ReportError};
pub use section::Described;
