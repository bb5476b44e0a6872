//! Shares as processes on this machine.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail};
use mtl_experiments::Store;
use mtl_experiments::cost::Costs;
use mtl_experiments::plan::Outlook;
use mtl_experiments::run::Tally;
use mtl_experiments::shard::{outlooks, parcels};

use super::Job;
use super::slurm::quoted;
use crate::command::replicate::Found;
use crate::interrupt;
use crate::progress::Bars;

/// Time between two looks at the processes.
const LOOK: Duration = Duration::from_millis(50);

/// The commands, one a share.
pub fn described(job: &Job) -> String {
    let line = |share: &usize| {
        let words: Vec<String> = arguments(job, *share).iter().map(|word| quoted(word)).collect();
        words.join(" ") + "\n"
    };
    job.pending.iter().map(line).collect()
}

/// Runs the shares, and writes the report when all have ended.
pub fn run(job: &Job, found: Found, store: &Store, out: &Path) -> anyhow::Result<ExitCode> {
    let cores = std::thread::available_parallelism()?.get();
    let at_once = job.at_once.unwrap_or(cores / job.cpus as usize).max(1);
    let before = progress(&found, store);
    std::fs::create_dir_all(job.logs()).with_context(|| format!("{} cannot be made", job.logs().display()))?;
    eprintln!("{}; {at_once} at a time, logs in {}", job.about, job.logs().display());
    let stop = interrupt::flag();
    let bars = Bars::default();
    bars.begin(Some(job.pending.len() as u64), "{msg:8} {bar:40} {pos}/{len} shares, {elapsed} so far", "running");
    let mut waiting: VecDeque<usize> = job.pending.iter().copied().collect();
    let mut running: Vec<(usize, Child)> = Vec::new();
    let mut broken = Vec::new();
    while !(waiting.is_empty() && running.is_empty()) {
        if stop.load(Ordering::Relaxed) {
            // Whatever is stored is whole; a cell in progress is lost either way.
            for (_, child) in &mut running {
                let _ = child.kill();
                let _ = child.wait();
            }
            let after = progress(&found, store);
            bars.finish();
            return Ok(interrupt::stopped(&tally(&before, &after)));
        }
        while running.len() < at_once
            && let Some(share) = waiting.pop_front()
        {
            running.push((share, start(job, share)?));
        }
        let mut still = Vec::new();
        for (share, mut child) in running {
            match child.try_wait()? {
                None => still.push((share, child)),
                Some(status) => {
                    bars.advance(1);
                    // That cells failed is told by the report.
                    if !matches!(status.code(), Some(0 | 1)) {
                        broken.push(share);
                    }
                }
            }
        }
        running = still;
        std::thread::sleep(LOOK);
    }
    bars.finish();
    if let Some(share) = broken.first() {
        bail!(
            "{} of {} shares ended with an error; the first one's log: {}",
            broken.len(),
            job.pending.len(),
            log(job, *share).display()
        );
    }
    let tally = tally(&before, &progress(&found, store));
    found.finish(store, &tally, out)
}

fn arguments(job: &Job, share: usize) -> Vec<String> {
    let own = ["--shard".into(), format!("{share}/{}", job.shares), "--jobs".into(), job.cpus.to_string()];
    job.run.iter().flatten().cloned().chain(own).collect()
}

fn log(job: &Job, share: usize) -> std::path::PathBuf {
    job.logs().join(format!("{share}.log"))
}

fn start(job: &Job, share: usize) -> anyhow::Result<Child> {
    let path = log(job, share);
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    let words = arguments(job, share);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(&job.workspace).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    command.spawn().with_context(|| format!("{} cannot be started", words[0]))
}

fn progress(found: &Found, store: &Store) -> Outlook {
    outlooks(&parcels(&found.studies), Some(store), &Costs::default()).into_iter().sum()
}

/// What has come since.
fn tally(before: &Outlook, after: &Outlook) -> Tally {
    let failed = after.failed.saturating_sub(before.failed) as u64;
    let stored = after.stored.saturating_sub(before.stored) as u64;
    Tally { done: stored.saturating_sub(failed), failed, interrupted: false }
}
