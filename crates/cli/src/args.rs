//! The command line as users type it.

use std::path::PathBuf;
use std::time::Duration;

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
    /// Cut a paper's work into shares of about equal time
    Plan(command::plan::Plan),
    /// Run a share of a paper's work, without a report
    Run(command::run::Run),
    /// Run a paper's work in shares, on a cluster or in processes
    Submit(command::submit::Submit),
    /// What is done, running and failed, and the time left
    Status(command::status::Status),
    /// Join results stores
    Merge(command::merge::Merge),
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
            Self::Plan(c) => c.run(),
            Self::Run(c) => c.run(),
            Self::Submit(c) => c.run(),
            Self::Status(c) => c.run(),
            Self::Merge(c) => c.run(),
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

    /// The folder that downloads are kept in.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        match &self.cache {
            Some(folder) => Ok(folder.clone()),
            None => Ok(Workspace::find().context("no cache folder is given (--cache DIR)")?.cache()),
        }
    }

    /// A fetcher that works as asked.
    pub fn fetcher(&self) -> anyhow::Result<Fetcher> {
        let mut options = FetchOptions::new(self.folder()?);
        options.mirror = self.mirror.as_deref().map(Mirror::from);
        options.offline = self.offline;
        options.progress = std::sync::Arc::new(Bars::default());
        Ok(Fetcher::new(options))
    }
}

/// How cells are run.
#[derive(Args)]
pub struct ComputeArgs {
    /// Threads [default: one a core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
    #[command(flatten)]
    limit: LimitArg,
}

impl ComputeArgs {
    /// Number of threads.
    pub fn threads(&self) -> anyhow::Result<usize> {
        Ok(if self.jobs == 0 { std::thread::available_parallelism()?.get() } else { self.jobs })
    }

    /// Time allowed for one cell.
    pub fn limit(&self) -> anyhow::Result<Duration> {
        self.limit.duration()
    }
}

/// Time allowed for one cell.
#[derive(Args)]
pub struct LimitArg {
    /// Minutes one cell may take before it is recorded as a failure
    #[arg(long = "limit", value_name = "MINUTES", default_value_t = 60.0)]
    pub minutes: f64,
}

impl LimitArg {
    /// The same as a duration.
    pub fn duration(&self) -> anyhow::Result<Duration> {
        Duration::try_from_secs_f64(60.0 * self.minutes)
            .with_context(|| format!("--limit {}: expected a number of minutes", self.minutes))
    }
}

/// Where a report goes.
#[derive(Args)]
pub struct OutArgs {
    /// Folder that reports/PAPER and figures/PAPER are written to [default: the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl OutArgs {
    /// The folder.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        match &self.out {
            Some(folder) => Ok(folder.clone()),
            None => Ok(Workspace::find()?.root().to_owned()),
        }
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
