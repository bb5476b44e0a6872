use std::process::ExitCode;

use clap::Args;

#[derive(Args)]
pub struct Methods {}

impl Methods {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("to be written")
    }
}
