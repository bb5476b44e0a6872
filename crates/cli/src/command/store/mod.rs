//! `mtl store`: what stores of results hold, and whether they hold it well.

mod check;
mod diff;
mod gc;

use std::process::ExitCode;

use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  mtl store check                    read everything, say what is damaged
  mtl store check --mend             and move it out of the way, so that its cells run again
  mtl store gc                       list what could be deleted
  mtl store gc --delete              delete it
  mtl store diff store /tmp/other    which results two stores do not share

Results are stored as soon as they are computed, each in a file of its own that proves itself by a hash. Runs check what
they read and put damaged files into the store's folder `quarantine`, with the reason beside them.";

/// Arguments of `mtl store`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Store {
    #[command(subcommand)]
    action: Action,
}

/// What to do with stores.
#[derive(Subcommand)]
enum Action {
    /// Read every file and say what is damaged, missing or superfluous
    Check(check::Check),
    /// List what no study needs, or delete it
    Gc(gc::Gc),
    /// Compare the results of two stores, cell by cell
    Diff(diff::Diff),
}

impl Store {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Check(check) => check.run(),
            Action::Gc(gc) => gc.run(),
            Action::Diff(diff) => diff.run(),
        }
    }
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
