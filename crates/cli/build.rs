//! Notes what the program is built from, so that results can say what made them.

#![allow(clippy::print_stdout, reason = "this is how cargo is told")]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let git = |arguments: &[&str]| output(Command::new("git").args(arguments).current_dir(&root));
    let commit = git(&["rev-parse", "HEAD"]);
    let modified = git(&["status", "--porcelain", "--untracked-files=no", "--", "crates", "Cargo.toml", "Cargo.lock"]);
    // An archive made by `just dist` says what it was made from.
    let archived = std::fs::read_to_string(root.join("COMMIT")).ok();
    let commit = match (archived, commit, modified.as_deref()) {
        (Some(commit), ..) => commit.trim().to_owned(),
        (None, Some(commit), Some("")) => commit,
        (None, Some(commit), _) => format!("{commit}-modified"),
        (None, None, _) => "unknown".into(),
    };
    let compiler = output(Command::new(env::var_os("RUSTC").unwrap_or("rustc".into())).arg("--version"));
    println!("cargo::rustc-env=MTL_COMMIT={commit}");
    println!("cargo::rustc-env=MTL_COMPILER={}", compiler.unwrap_or("rustc unknown".into()));
    // Whatever is compiled, and every commit.
    println!("cargo::rerun-if-changed={}", root.join("crates").display());
    println!("cargo::rerun-if-changed={}", root.join("Cargo.lock").display());
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={}", root.join(log).display());
    }
}

/// What a command says, if it can be run and ends well.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
