//! The command line as users type it.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use mtl_data::{FetchOptions, Fetcher, Library, Mirror};
use mtl_experiments::store::Damage;

use crate::command;
use crate::progress::Bars;
use crate::workspace::Workspace;

/// Reproducibility benchmark and paper-replication harness for structured-sparsity multi-task learning.
///
/// Results go to standard output, progress and warnings to standard error. Exit status: 0 done (data sets that could
/// not be had are named and skipped), 1 some cell failed, 2 bad input.
#[derive(Parser)]
#[command(name = "mtl", version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Command {
    /// Regenerate a paper's tables and figures and judge its numbers and claims
    Replicate(command::replicate::Replicate),
    /// Write a paper's report and figures from stored results, running nothing
    Report(command::report::Report),
    /// Run a report again from nothing and compare every value
    Reproduce(command::reproduce::Reproduce),
    /// Write stored results as a table
    Export(command::export::Export),
    /// Check, tidy or compare stores of results
    Store(command::store::Store),
    /// List, show, fetch or verify data sets
    Datasets(command::datasets::Datasets),
    /// List methods with their objectives and hyperparameters
    Methods(command::methods::Methods),
    /// Fit a method to your own data
    Fit(command::fit::Fit),
    /// Predict with a model that `mtl fit --save` wrote
    Predict(command::predict::Predict),
    /// Compare two methods over repeats: every test, which one applies, effect sizes
    Compare(command::compare::Compare),
}

impl Command {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<std::process::ExitCode> {
        match self {
            Self::Replicate(c) => c.run(),
            Self::Report(c) => c.run(),
            Self::Reproduce(c) => c.run(),
            Self::Export(c) => c.run(),
            Self::Store(c) => c.run(),
            Self::Datasets(c) => c.run(),
            Self::Methods(c) => c.run(),
            Self::Fit(c) => c.run(),
            Self::Predict(c) => c.run(),
            Self::Compare(c) => c.run(),
        }
    }
}

/// Where data come from.
#[derive(Args)]
pub struct DataArgs {
    /// Folder that downloaded data sets are kept in [default: datasets/cache in the workspace]
    #[arg(long, value_name = "DIR", env = "MTL_CACHE")]
    cache: Option<PathBuf>,
    /// Folder or address with copies, laid out DATASET/FILE, tried before the official addresses
    #[arg(long, value_name = "DIR|URL", env = "MTL_MIRROR")]
    mirror: Option<String>,
    /// Leave the network alone; a mirror folder still serves
    #[arg(long)]
    offline: bool,
}

impl DataArgs {
    /// A library that fetches as asked.
    pub fn library(&self) -> anyhow::Result<Library> {
        Ok(Library::new(self.fetcher()?))
    }

    /// A fetcher that works as asked.
    pub fn fetcher(&self) -> anyhow::Result<Fetcher> {
        let cache = match &self.cache {
            Some(folder) => folder.clone(),
            None => Workspace::find().context("no cache folder is given (--cache DIR)")?.cache(),
        };
        let mut options = FetchOptions::new(cache);
        options.mirror = self.mirror.as_deref().map(Mirror::from);
        options.offline = self.offline;
        options.progress = std::sync::Arc::new(Bars::default());
        Ok(Fetcher::new(options))
    }
}

/// Where results are kept.
#[derive(Args)]
pub struct StoreArgs {
    /// Folder of the results store [default: store in the workspace]
    #[arg(long, value_name = "DIR", env = "MTL_STORE")]
    store: Option<PathBuf>,
}

impl StoreArgs {
    /// The folder.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        match &self.store {
            Some(folder) => Ok(folder.clone()),
            None => Ok(Workspace::find().context("no results store is given (--store DIR)")?.store()),
        }
    }

    /// The folder, which has to be there.
    pub fn existing(&self) -> anyhow::Result<PathBuf> {
        let folder = self.folder()?;
        anyhow::ensure!(
            folder.is_dir(),
            "{}: there is no results store; `mtl replicate` makes one, and --store DIR names another",
            folder.display()
        );
        Ok(folder)
    }
}

/// Says on standard error what in a store is not believed.
pub fn warn(damage: &Damage) {
    eprintln!("warning: results store: {damage}");
}
