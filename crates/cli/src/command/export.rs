//! `mtl export`: stored results as a table for other tools.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mtl_experiments::Store;
use mtl_report::export::{Format, export};

use crate::args::{StoreArgs, warn};
use crate::output;

#[derive(Args)]
#[command(
    after_help = "One row for each record, hyperparameter point, part, measure and task (task empty: the mean over tasks), sorted
by what was run.

Examples:
  mtl export > results.csv
  mtl export --format parquet -o results.parquet
  mtl export --no-timings | sha256sum            the same on every run, whatever the number of threads"
)]
pub struct Export {
    #[command(flatten)]
    store: StoreArgs,
    /// Leave out everything that depends on the clock or the machine
    #[arg(long)]
    no_timings: bool,
    /// File format
    #[arg(long, value_enum, default_value_t = FormatArg::Csv)]
    format: FormatArg,
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum FormatArg {
    /// Comma-separated values
    Csv,
    /// Columns for polars, pandas, DuckDB
    Parquet,
    /// One JSON object a line
    Jsonl,
}

impl From<FormatArg> for Format {
    fn from(arg: FormatArg) -> Self {
        match arg {
            FormatArg::Csv => Self::Csv,
            FormatArg::Parquet => Self::Parquet,
            FormatArg::Jsonl => Self::Jsonl,
        }
    }
}

impl Export {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = Store::reading(&self.store.existing()?).telling(warn);
        let bytes = export(&store, self.format.into(), !self.no_timings)?;
        match &self.output {
            Some(file) => output::write_atomically(file, &bytes)?,
            None => output::emit(&bytes)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
