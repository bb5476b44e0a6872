//! The folder that holds experiments, results and reports.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use mtl_experiments::Paper;

/// A checkout of the project.
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Walks up from the current folder until there is one with `experiments/*/paper.yaml`.
    pub fn find() -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("the current folder cannot be read")?;
        let root = here.ancestors().find(|folder| !Paper::list(&folder.join("experiments")).is_empty());
        match root {
            Some(root) => Ok(Self { root: root.to_owned() }),
            None => bail!(
                "no workspace found: neither {} nor a folder above it has experiments/<paper>/paper.yaml\n\
                 run mtl inside a checkout of mtl-repro",
                here.display()
            ),
        }
    }

    /// The folder itself, where reports and figures go.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The papers' folders.
    pub fn experiments(&self) -> PathBuf {
        self.root.join("experiments")
    }

    /// Where data sets are kept.
    pub fn cache(&self) -> PathBuf {
        self.root.join("datasets/cache")
    }

    /// Where results are kept.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// A paper by name.
    pub fn paper(&self, slug: &str) -> anyhow::Result<Paper> {
        let known = Paper::list(&self.experiments());
        if !known.iter().any(|k| k == slug) {
            bail!("unknown paper `{slug}`; valid: {}", known.join(", "));
        }
        Ok(Paper::load(&self.experiments(), slug, &mtl_data::Catalog::embedded())?)
    }
}
