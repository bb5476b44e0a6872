//! `mtl`: replicate papers of structured-sparsity multi-task learning, fit their methods, compare them.

mod args;
mod command;
mod output;
mod progress;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match args::Cli::parse().command.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
