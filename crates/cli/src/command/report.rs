//! `mtl report`: a report from stored results alone.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mtl_experiments::Store;
use mtl_experiments::results::Results;
use mtl_experiments::run::Tally;

use super::replicate::{ProfileArg, finish, selected, with_data};
use crate::args::{DataArgs, StoreArgs};
use crate::output::check_writable;
use crate::workspace::Workspace;

#[derive(Args)]
#[command(after_help = "Examples:
  mtl report ssmtl                       the page of the default profile
  mtl report ssmtl --profile paper --out /tmp/page")]
pub struct Report {
    /// Paper: the name of a folder in experiments/
    paper: String,
    /// Which results to show
    #[arg(long, value_enum, default_value_t = ProfileArg::Quick)]
    profile: ProfileArg,
    /// Tables and figures to show, by the names of their files [default: all]
    #[arg(long, value_delimiter = ',', value_name = "ID,..")]
    only: Vec<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// Folder that reports/PAPER and figures/PAPER are written to [default: the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

impl Report {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let workspace = Workspace::find()?;
        let paper = workspace.paper(&self.paper)?;
        let studies = with_data(selected(&paper, self.profile.into(), &self.only)?, &self.data.library()?)?;
        let out = self.out.unwrap_or_else(|| workspace.root().to_owned());
        check_writable(&out)?;
        let store = Store::reading(&self.store.folder()?);
        let results = studies.into_iter().map(|(study, data)| Results::collect(study, data, &store)).collect();
        finish(&paper, results, &store, &out, &Tally::default())
    }
}
