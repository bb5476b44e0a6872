use std::process::ExitCode;

use clap::Args;

#[derive(Args)]
pub struct Report {}

impl Report {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("to be written")
    }
}
