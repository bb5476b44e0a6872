//! `mtl report`: a report from stored results alone.

use std::process::ExitCode;

use clap::Args;
use mtl_experiments::Store;
use mtl_experiments::run::Tally;

use super::replicate::Wanted;
use crate::args::warn;
use crate::output::check_writable;

#[derive(Args)]
#[command(after_help = "Examples:
  mtl report ssmtl                       the page of the default profile
  mtl report ssmtl --profile paper --out /tmp/page")]
pub struct Report {
    #[command(flatten)]
    wanted: Wanted,
}

impl Report {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let found = self.wanted.find()?;
        check_writable(&found.out)?;
        let store = Store::reading(&found.store).telling(warn);
        found.finish(&store, &Tally::default())
    }
}
