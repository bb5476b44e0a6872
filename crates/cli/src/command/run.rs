//! `mtl run`: a share of a paper's work.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, anyhow};
use clap::Args;
use mtl_experiments::cost::Costs;
use mtl_experiments::drive::drive;
use mtl_experiments::plan::Unit;
use mtl_experiments::presence::{Presence, Worker};
use mtl_experiments::shard::{Parcel, Shares, outlooks, parcels};
use mtl_experiments::{Runner, Store};

use super::replicate::Wanted;
use crate::args::{ComputeArgs, warn};
use crate::interrupt;
use crate::output::emit;
use crate::progress::Bars;
use crate::software;

#[derive(Args)]
#[command(
    after_help = "Shares know nothing of each other. They can use one store, on one machine or on many that share a disk, or a store
each that `mtl merge` joins; the results are the same. `mtl submit` does all of this where Slurm is.

Examples:
  mtl run ssmtl --profile paper --shard 3/8
  parallel mtl run ssmtl --jobs 1 --shard {}/8 ::: 1 2 3 4 5 6 7 8    all shares by GNU parallel
  mtl plan ssmtl --shards 8 -o plan.json                              by measured times, where there are any:
  mtl run ssmtl --shard 3/8 --plan plan.json
  mtl report ssmtl                                                    when they are done

Run the same command again to go on after an interruption."
)]
pub struct Run {
    #[command(flatten)]
    wanted: Wanted,
    /// Which of how many shares
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// Plan that says what is in which share, written by `mtl plan` [default: shares of about equal rough times]
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// One of several shares, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        match parts {
            Some((index, count)) if 1 <= index && index <= count => Ok(Self { index, count }),
            _ => Err("expected two numbers such as 3/8, the first from 1 to the second".into()),
        }
    }
}

impl Run {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (limit, jobs) = (self.compute.limit()?, self.compute.threads()?);
        let found = self.wanted.find()?;
        let parcels = parcels(&found.studies);
        let shares = self.shares(&parcels)?;
        let store = Store::open(&found.store)?.telling(warn);
        let own = |parcel: &Parcel<'_>| shares.of(parcel) == Some(self.shard.index);
        let units: Vec<Unit<'_>> = parcels.into_iter().filter(own).flat_map(|parcel| parcel.units).collect();
        let presence = Presence::announce(&found.store, &self.worker(jobs));
        let _presence = presence.with_context(|| format!("{} cannot be written to", found.store.display()))?;
        let (stop, software, limit) = (interrupt::flag(), software::describe(), Some(limit));
        let runner = Runner { library: &found.library, store: &store, jobs, stop, limit, software: &software };
        let tally = drive(&units, &runner, &Bars::default())?;
        if tally.interrupted {
            return Ok(interrupt::stopped(&tally));
        }
        let Shard { index, count } = self.shard;
        let run = tally.done + tally.failed;
        emit(format!("share {index} of {count}: {run} cells run now, {} of them failed\n", tally.failed))?;
        Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn shares(&self, parcels: &[Parcel<'_>]) -> anyhow::Result<Shares> {
        let Shard { count, .. } = self.shard;
        let Some(file) = &self.plan else {
            return Ok(Shares::balanced(parcels, &outlooks(parcels, None, &Costs::default()), count));
        };
        let shares = read_shares(file, parcels)?;
        let planned = shares.count();
        anyhow::ensure!(planned == count, "{}: the plan is of {planned} shares, expected {count}", file.display());
        Ok(shares)
    }

    fn worker(&self, threads: usize) -> Worker {
        let Shard { index, count } = self.shard;
        let host = hostname::get().map_or_else(|_| "unknown".into(), |name| name.to_string_lossy().into_owned());
        Worker { work: self.wanted.name(), shard: (index, count), threads, host, process: std::process::id() }
    }
}

/// Reads a plan and checks that it is one of this work.
pub fn read_shares(file: &Path, parcels: &[Parcel<'_>]) -> anyhow::Result<Shares> {
    let text = std::fs::read(file).with_context(|| format!("the plan {} cannot be read", file.display()))?;
    let shares: Shares = serde_json::from_slice(&text)
        .map_err(|e| anyhow!("{}: {e}; expected a plan written by `mtl plan --output`", file.display()))?;
    shares.check(parcels).map_err(|message| {
        anyhow!(
            "{}: {message}: other data sets are to be had here, or the experiments, the profile or the program differ; make a \
             new plan",
            file.display()
        )
    })?;
    Ok(shares)
}
