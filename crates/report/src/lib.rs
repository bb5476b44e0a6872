//! Tables, charts and pages from stored records.
pub mod export;
use mtl_experiments::results::Results;
use mtl_experiments::{Paper, Store};
pub struct File { pub path: std::path::PathBuf, pub bytes: Vec<u8> }
pub struct Report;
impl Report {
    pub fn build(_: &Paper, _: Vec<Results>, _: &Store) -> anyhow::Result<Self> { Ok(Self) }
    pub fn files(&self) -> anyhow::Result<Vec<File>> { Ok(vec![]) }
    pub fn summary(&self) -> String { String::new() }
    pub fn page(&self) -> std::path::PathBuf { "x".into() }
    pub fn figures(&self) -> std::path::PathBuf { "x".into() }
    pub fn failures(&self) -> usize { 0 }
}
