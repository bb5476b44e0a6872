//! `mtl status`: how far along the work is.

use std::collections::HashSet;
use std::process::ExitCode;

use clap::Args;
use mtl_experiments::Store;
use mtl_experiments::cost::Costs;
use mtl_experiments::plan::{Outlook, units};
use mtl_experiments::presence::workers;

use super::replicate::{Found, Wanted};
use crate::args::warn;
use crate::output::emit;
use crate::table::{Column, Table, count, rough};

#[derive(Args)]
#[command(
    after_help = "Everything is read from the store, so it can be asked on any machine that sees the store, whatever runs there. Times
are those of like fits in the store, or rough guesses.

Examples:
  mtl status ssmtl --profile paper
  watch -n 60 mtl status ssmtl --profile paper"
)]
pub struct Status {
    #[command(flatten)]
    wanted: Wanted,
}

impl Status {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let found = self.wanted.find()?;
        emit(progress(&found, &self.wanted.name()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Cells by study; those that several share are counted with the first. Then who is at work.
fn progress(found: &Found, name: &str) -> String {
    use Column::{Left, Right};
    let store = Store::reading(&found.store).telling(warn);
    let costs = Costs::measured(&store);
    let mut table = Table::new([
        ("study", Left),
        ("done", Right),
        ("failed", Right),
        ("to run", Right),
        ("about, on one thread", Right),
    ]);
    let (mut total, mut seen) = (Outlook::default(), HashSet::new());
    for (study, resolved) in &found.studies {
        let outlooks = units(study, resolved).into_iter().map(|unit| {
            let outlook = unit.outlook(Some(&store), &costs, &mut seen);
            store.release();
            outlook
        });
        let outlook: Outlook = outlooks.sum();
        table.row([
            study.id.clone(),
            (outlook.stored - outlook.failed).to_string(),
            outlook.failed.to_string(),
            outlook.missing.to_string(),
            rough(outlook.seconds),
        ]);
        total = total + outlook;
    }
    let (all, done) = (total.stored + total.missing, total.stored - total.failed);
    let mut text = format!("{table}\n{done} of {} done, {} failed", count(all, "cell"), total.failed);
    let workers: Vec<_> = workers(&found.store).into_iter().filter(|(worker, _)| worker.work == name).collect();
    let threads: usize = workers.iter().filter(|(_, alive)| *alive).map(|(worker, _)| worker.threads).sum();
    if total.missing > 0 {
        let left = rough(total.seconds / threads.max(1) as f64);
        text += &format!(", {} to run, about {left} left on {}", total.missing, count(threads.max(1), "thread"));
    }
    text += "\n";
    for (worker, alive) in &workers {
        let (index, number) = worker.shard;
        let who = format!("share {index} of {number} on {}, process {}", worker.host, worker.process);
        text += &match alive {
            true => format!("running  {who}, {}\n", count(worker.threads, "thread")),
            false => format!("silent   {who}: no sign of life for a minute; run or submit it again to go on\n"),
        };
    }
    if workers.is_empty() && total.missing > 0 {
        text += "nobody is at work on it\n";
    }
    text
}
