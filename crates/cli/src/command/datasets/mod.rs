//! `mtl datasets`.

mod fetch;
mod show;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use mtl_data::catalog::{Amount, Entry};
use mtl_data::{Catalog, Fetcher, Status};
use serde::Serialize;

use crate::args::DataArgs;
use crate::output::{emit, emit_json};
use crate::table::{Column, Table};

const EXAMPLES: &str = "\
Examples:
  mtl datasets                                  what there is, and what of it is at hand
  mtl datasets show parkinsons                  one set in full: licence, citation, options, files
  mtl datasets fetch parkinsons sarcos          bring files into the cache
  mtl datasets fetch --all --mirror /data/mtl   from a folder laid out <dataset>/<file>
  mtl datasets verify                           check every file of the cache";

/// Arguments of `mtl datasets`.
#[derive(Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Datasets {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

/// What to do with data sets.
#[derive(Subcommand)]
enum Action {
    /// List all data sets (the default)
    List(List),
    /// Show everything that is known about a data set
    Show(show::Show),
    /// Bring the files of data sets into the cache
    Fetch(fetch::Fetch),
    /// Check the files in the cache: checksums and values
    Verify(verify::Verify),
}

/// Arguments of `mtl datasets list`.
#[derive(Args)]
struct List {
    /// Write JSON: an array of data sets
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

impl Datasets {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            None => self.list.run(),
            Some(Action::List(list)) => list.run(),
            Some(Action::Show(show)) => show.run(),
            Some(Action::Fetch(fetch)) => fetch.run(),
            Some(Action::Verify(verify)) => verify.run(),
        }
    }
}

/// A line of the list.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    title: &'a str,
    status: Status,
    tasks: Count<'a>,
    features: Count<'a>,
    rows: Count<'a>,
    /// Whether all files are in the cache or carried by the program; `null` if there is no cache folder to look into.
    /// Synthetic sets need none.
    cached: Option<bool>,
}

/// An amount as JSON shows it.
#[derive(Serialize)]
#[serde(untagged)]
enum Count<'a> {
    Number(u64),
    Words(&'a str),
}

impl<'a> From<&'a Amount> for Count<'a> {
    fn from(amount: &'a Amount) -> Self {
        match amount {
            Amount::Number(n) => Self::Number(*n),
            Amount::Words(words) => Self::Words(words),
        }
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let catalog = Catalog::embedded();
        // Outside a checkout the list is as useful, only without knowledge of the cache.
        let fetcher = self.data.fetcher().ok();
        let cached = |name: &str| match &fetcher {
            Some(fetcher) => fetcher.is_cached(name).ok(),
            None => catalog.get(name).is_ok_and(Entry::is_carried).then_some(true),
        };
        if self.json {
            let all: Vec<Listed<'_>> = catalog.iter().map(|(name, entry)| listed(name, entry, cached(name))).collect();
            emit_json(&all)?;
            return Ok(ExitCode::SUCCESS);
        }
        let columns = [Column::Left, Column::Left, Column::Right, Column::Right, Column::Right, Column::Left];
        let names = ["NAME", "TITLE", "TASKS", "FEATURES", "ROWS", "AT HAND"];
        let mut table = Table::new(names.into_iter().zip(columns));
        for (name, entry) in catalog.iter() {
            let short = |amount: &Amount| match amount {
                Amount::Number(n) => n.to_string(),
                // The number a description begins with; `show` has the rest.
                Amount::Words(words) => words.split_whitespace().next().unwrap_or_default().to_owned(),
            };
            let at_hand = match (entry.status, cached(name)) {
                (Status::Synthetic, _) => "drawn when needed",
                (_, Some(true)) if entry.is_carried() => "yes, carried",
                (_, Some(true)) => "yes",
                (_, Some(false)) if entry.files.iter().any(|f| f.by_hand.is_some()) => "no, by hand",
                (_, Some(false)) => "no",
                (_, None) => "unknown",
            };
            let [tasks, features, rows] = [&entry.tasks, &entry.features, &entry.rows].map(short);
            table.row([name.into(), entry.title.clone(), tasks, features, rows, at_hand.into()]);
        }
        emit(table.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn listed<'a>(name: &'a str, entry: &'a Entry, cached: Option<bool>) -> Listed<'a> {
    Listed {
        name,
        title: &entry.title,
        status: entry.status,
        tasks: (&entry.tasks).into(),
        features: (&entry.features).into(),
        rows: (&entry.rows).into(),
        cached,
    }
}

/// Where the cache keeps a file.
fn place(fetcher: &Fetcher, dataset: &str, entry: &Entry, file: &str) -> PathBuf {
    fetcher.options().cache.join(entry.folder.as_deref().unwrap_or(dataset)).join(file)
}
