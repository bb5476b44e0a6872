use std::process::ExitCode;

use clap::Args;

#[derive(Args)]
pub struct Replicate {}

impl Replicate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("to be written")
    }
}
