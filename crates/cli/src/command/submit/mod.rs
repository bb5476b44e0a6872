//! `mtl submit`: all shares of a paper's work, by a scheduler or in processes.

mod local;
mod slurm;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use mtl_experiments::Store;
use mtl_experiments::cost::Costs;
use mtl_experiments::plan::Outlook;
use mtl_experiments::shard::{Shares, outlooks, parcels};

use super::plan::by_share;
use super::replicate::{Found, Wanted};
use super::run::read_shares;
use crate::args::{LimitArg, OutArgs, warn};
use crate::output::{check_writable, emit, write_atomically};
use crate::table::{count, rough};

#[derive(Args)]
#[command(
    after_help = "Data are fetched here; shares need no network. They use one store, which has to be on a disk that all nodes see, and a
last job writes the report when all have ended. Shares that are complete are not submitted: the same command continues.

Examples:
  mtl submit ssmtl --profile paper --engine slurm --array 64 --time 02:00:00 --mem 4G --partition cpu
  mtl submit ssmtl --profile paper --engine slurm --array 64%16 --dry-run    at most 16 at a time; prints the scripts
  mtl submit ssmtl --engine slurm --array 8 --sbatch=--constraint=avx512f    any option of sbatch
  mtl submit ssmtl --engine local --array 8                                  processes on this machine

Results are bit-identical on processors with the same vector extensions; --sbatch=--constraint=.. asks for such nodes."
)]
pub struct Submit {
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    out: OutArgs,
    /// What runs the shares
    #[arg(long, value_enum)]
    engine: Engine,
    /// Number of shares; 64%8 runs no more than 8 of them at a time
    #[arg(long, value_name = "N[%M]")]
    array: Array,
    /// Cores, and so threads, of a share
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    cpus: u32,
    #[command(flatten)]
    limit: LimitArg,
    #[command(flatten)]
    slurm: slurm::Options,
    /// Print what would be written and submitted, and do neither
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    /// An array job of the scheduler Slurm
    Slurm,
    /// Processes on this machine
    Local,
}

/// A number of shares, and how many of them may run at a time.
#[derive(Debug, Clone, Copy)]
struct Array {
    shares: usize,
    at_once: Option<usize>,
}

impl FromStr for Array {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|n| (1..=1_000_000).contains(n));
        let (shares, at_once) = match text.split_once('%') {
            Some((shares, at_once)) => (number(shares), Some(number(at_once))),
            None => (number(text), None),
        };
        match (shares, at_once) {
            (Some(shares), None) => Ok(Self { shares, at_once: None }),
            (Some(shares), Some(Some(at_once))) => Ok(Self { shares, at_once: Some(at_once) }),
            _ => Err("expected a number of shares such as 64, or 64%8 for 8 at a time".into()),
        }
    }
}

/// Work in shares, as an engine needs to know it.
struct Job {
    /// Paper, profile and, if it is not all, tables and figures.
    name: String,
    /// What it is, for people.
    about: String,
    /// Folder of scripts, plan and logs.
    folder: PathBuf,
    /// Number of shares.
    shares: usize,
    /// The shares that have something to run.
    pending: Vec<usize>,
    /// How many may run at a time.
    at_once: Option<usize>,
    /// Threads of each.
    cpus: u32,
    /// Folder to run in.
    workspace: PathBuf,
    /// `mtl run` and its arguments but for share and threads, grouped by option.
    run: Vec<Vec<String>>,
    /// `mtl report` and its arguments.
    report: Vec<Vec<String>>,
}

impl Submit {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let found = self.wanted.find()?;
        let out = self.out.folder()?;
        self.limit.duration()?;
        let (job, shares) = self.job(&found)?;
        if job.pending.is_empty() {
            emit(format!("{}: all is stored. `mtl report` writes the report.\n", job.name))?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.dry_run {
            emit(match self.engine {
                Engine::Slurm => slurm::described(&job, &self.slurm),
                Engine::Local => local::described(&job),
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        check_writable(&out)?;
        let store = Store::open(&found.store)?.telling(warn);
        write_atomically(&job.plan(), &serde_json::to_vec(&shares)?)?;
        match self.engine {
            Engine::Slurm => slurm::submit(&job, &self.slurm),
            Engine::Local => local::run(&job, found, &store, &out),
        }
    }

    fn job(&self, found: &Found) -> anyhow::Result<(Job, Shares)> {
        let parcels = parcels(&found.studies);
        let store = Store::reading(&found.store).telling(warn);
        let costs = Costs::measured(&store);
        let fresh = Shares::balanced(&parcels, &outlooks(&parcels, None, &costs), self.array.shares);
        let name = self.wanted.name();
        let folder =
            format!("{}-{}-{}-{}", self.wanted.paper(), self.wanted.profile().name(), self.array.shares, fresh.id());
        let folder = std::path::absolute(&found.store)?.join("jobs").join(folder);
        // What was submitted keeps its shares: some of them may be running.
        let shares = read_shares(&folder.join(PLAN), &parcels).unwrap_or(fresh);
        let sums = by_share(&shares, &parcels, &outlooks(&parcels, Some(&store), &costs));
        let pending: Vec<usize> = (1..=sums.len()).filter(|share| sums[share - 1].missing > 0).collect();
        let longest = sums.iter().map(|sum| sum.seconds).fold(0.0, f64::max);
        let total: Outlook = sums.into_iter().sum();
        let about = format!(
            "{name}: {} to run in {}, about {} on one thread, {} the longest share",
            count(total.missing, "cell"),
            count(pending.len(), "share"),
            rough(total.seconds),
            rough(longest)
        );
        let program = std::env::current_exe().context("the path of mtl cannot be found out")?;
        let command = |name: &str| -> anyhow::Result<Vec<Vec<String>>> {
            let first = vec![program.to_string_lossy().into_owned(), name.to_owned(), self.wanted.paper().to_owned()];
            Ok([vec![first], self.wanted.options()?].concat())
        };
        let own = [
            vec!["--limit".into(), self.limit.minutes.to_string()],
            vec!["--plan".into(), folder.join(PLAN).to_string_lossy().into_owned()],
        ];
        let out = std::path::absolute(self.out.folder()?)?;
        let job = Job {
            about,
            shares: self.array.shares,
            pending,
            at_once: self.array.at_once,
            cpus: self.cpus,
            workspace: std::env::current_dir().context("the current folder cannot be read")?,
            run: [command("run")?, own.into()].concat(),
            report: [command("report")?, vec![vec!["--out".into(), out.to_string_lossy().into_owned()]]].concat(),
            name,
            folder,
        };
        Ok((job, shares))
    }
}

const PLAN: &str = "plan.json";

impl Job {
    fn plan(&self) -> PathBuf {
        self.folder.join(PLAN)
    }

    fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }
}
