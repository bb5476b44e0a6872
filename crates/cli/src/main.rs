//! `mtl`: replicate papers of structured-sparsity multi-task learning, fit their methods, compare them.

mod args;
mod command;
mod interrupt;
mod lookup;
mod model;
mod output;
mod progress;
mod scores;
mod software;
mod table;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match args::Cli::parse().command.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            ExitCode::from(2)
        }
    }
}

/// An error with its causes, each said once: many errors tell their cause themselves.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text
}
