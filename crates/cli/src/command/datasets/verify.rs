//! `mtl datasets verify`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mtl_data::catalog::FileEntry;
use mtl_data::fetch::Trust;
use mtl_data::{FetchError, FetchOptions, Fetcher};
use serde::Serialize;

use super::place;
use crate::args::DataArgs;
use crate::output::{emit, emit_json};
use crate::table::{Column, Table};

const EXAMPLES: &str = "\
Examples:
  mtl datasets verify
  mtl datasets verify parkinsons --cache /data/cache

Each file's checksum is compared with the catalog's, and its values with the fingerprint there: rows, columns, missing \
cells and sums. Exit status: 0 nothing is damaged, 2 a file is.";

/// Arguments of `mtl datasets verify`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    /// Names of the data sets [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Write JSON: an array of files
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// What is the matter with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Good,
    Damaged,
    Absent,
}

#[derive(Serialize)]
struct Verified {
    file: String,
    path: PathBuf,
    /// The data sets made from it.
    datasets: Vec<String>,
    state: State,
    detail: String,
}

impl Verify {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let fetcher = onlooker(&self.data.fetcher()?);
        let catalog = fetcher.catalog();
        for name in &self.names {
            catalog.get(name)?;
        }
        let wanted = |name: &str| self.names.is_empty() || self.names.iter().any(|n| n == name);
        let mut files: Vec<Verified> = Vec::new();
        for (name, entry) in catalog.iter().filter(|(name, _)| wanted(name)) {
            for file in &entry.files {
                let path = place(&fetcher, name, entry, &file.name);
                // Sets can share a file; it is read once.
                match files.iter_mut().find(|f| f.path == path) {
                    Some(known) => known.datasets.push(name.to_owned()),
                    None => files.push(verify(&fetcher, name, file, path)?),
                }
            }
        }
        if self.json {
            emit_json(&files)?
        } else {
            emit(text(&files))?
        }
        let damaged = files.iter().any(|f| f.state == State::Damaged);
        Ok(if damaged { ExitCode::from(2) } else { ExitCode::SUCCESS })
    }
}

/// A fetcher that looks at the cache and, where a file is carried, into the program, and nowhere else.
fn onlooker(fetcher: &Fetcher) -> Fetcher {
    let mut options = FetchOptions::new(&fetcher.options().cache);
    options.offline = true;
    Fetcher::with_catalog(options, fetcher.catalog().clone())
}

fn verify(fetcher: &Fetcher, dataset: &str, file: &FileEntry, path: PathBuf) -> anyhow::Result<Verified> {
    let (state, detail) = if path.is_file() { judge(fetcher, dataset, file, &path)? } else { absent(dataset, file) };
    Ok(Verified { file: file.name.clone(), path, datasets: vec![dataset.to_owned()], state, detail })
}

fn absent(dataset: &str, file: &FileEntry) -> (State, String) {
    if file.carried.is_some() {
        return (State::Good, "carried by this program, written to the cache when it is wanted".to_owned());
    }
    let (verb, aside) = if file.by_hand.is_some() { ("show", ", for how to make it") } else { ("fetch", "") };
    (State::Absent, format!("mtl datasets {verb} {dataset}{aside}"))
}

fn judge(fetcher: &Fetcher, dataset: &str, file: &FileEntry, path: &Path) -> anyhow::Result<(State, String)> {
    let damaged =
        |reason: String| Ok((State::Damaged, format!("{reason}; to replace it: mtl datasets fetch {dataset}")));
    let trust = match fetcher.file(dataset, &file.name) {
        Ok(found) => found.checksum,
        // The first attempt is the cache's.
        Err(FetchError::NotObtained { tried, .. }) => {
            return damaged(tried.into_iter().next().map_or_else(String::new, |attempt| attempt.reason));
        }
        Err(other) => return Err(other.into()),
    };
    if let Err(error) = file.read(path) {
        return damaged(error.to_string());
    }
    let checksum = match (trust, &file.fingerprint) {
        (Trust::Verified, _) => "checksum and values as in the catalog",
        (Trust::Pinned, Some(_)) => "values as in the catalog, checksum as pinned at first use",
        (Trust::Pinned, None) => "checksum as pinned at first use; the catalog does not know its values",
    };
    Ok((State::Good, checksum.to_owned()))
}

fn text(files: &[Verified]) -> String {
    let columns = [Column::Left, Column::Left, Column::Left, Column::Wrapped(72)];
    let mut table = Table::new(["STATE", "FILE", "DATA SETS", "DETAIL"].into_iter().zip(columns));
    for file in files {
        let state = match file.state {
            State::Good => "good",
            State::Damaged => "DAMAGED",
            State::Absent => "absent",
        };
        table.row([state.to_owned(), file.file.clone(), file.datasets.join(", "), file.detail.clone()]);
    }
    table.to_string()
}
