//! `mtl report`: a report from stored results alone.

use std::process::ExitCode;

use clap::Args;
use mtl_experiments::Store;
use mtl_experiments::run::Tally;

use super::replicate::Wanted;
use crate::args::{OutArgs, warn};
use crate::output::check_writable;

#[derive(Args)]
#[command(after_help = "Examples:
  mtl report ssmtl                       the page of the default profile
  mtl report ssmtl --profile paper --out /tmp/page")]
pub struct Report {
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    out: OutArgs,
}

impl Report {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let found = self.wanted.find()?;
        let out = self.out.folder()?;
        check_writable(&out)?;
        let store = Store::reading(&found.store).telling(warn);
        found.finish(&store, &Tally::default(), &out)
    }
}
