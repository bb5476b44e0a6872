//! `mtl datasets fetch`.

use std::process::ExitCode;

use clap::Args;
use mtl_data::catalog::{Entry, FileEntry};
use mtl_data::fetch::{Origin, Trust};
use mtl_data::{FetchError, FetchedFile, Fetcher, Status};

use super::place;
use crate::args::DataArgs;
use crate::output::emit;

const EXAMPLES: &str = "\
Examples:
  mtl datasets fetch parkinsons
  mtl datasets fetch --all --mirror https://example.org/mtl
  mtl datasets fetch sarcos --offline --mirror /data/mtl

Exit status: 0 every set is there, 2 some file could not be had.";

/// Arguments of `mtl datasets fetch`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Fetch {
    /// Names of the data sets
    #[arg(required_unless_present = "all", value_name = "NAME")]
    names: Vec<String>,
    /// Fetch every data set of the catalog
    #[arg(long, conflicts_with = "names")]
    all: bool,
    #[command(flatten)]
    data: DataArgs,
}

impl Fetch {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let fetcher = self.data.fetcher()?;
        let catalog = fetcher.catalog();
        let names: Vec<&str> = match self.all {
            true => catalog.iter().map(|(name, _)| name).collect(),
            false => self.names.iter().map(String::as_str).collect(),
        };
        // A typo in the last name should not wait for the download of the first.
        let sets = names.iter().map(|name| Ok((*name, catalog.get(name)?))).collect::<anyhow::Result<Vec<_>>>()?;
        let mut complete = true;
        for (name, entry) in sets {
            complete &= fetch(&fetcher, name, entry)?;
        }
        Ok(if complete { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

/// Fetches the files of one set, each for itself; says whether all are there.
fn fetch(fetcher: &Fetcher, name: &str, entry: &Entry) -> anyhow::Result<bool> {
    if entry.status == Status::Synthetic {
        emit(format!("{name}: drawn when needed, nothing to fetch\n"))?;
        return Ok(true);
    }
    let mut complete = true;
    for file in &entry.files {
        match fetcher.file(name, &file.name) {
            Ok(fetched) => emit(format!("{name}: {}\n", describe(&fetched, file)))?,
            Err(error) => {
                complete = false;
                eprintln!("error: {error}{}", by_hand(fetcher, name, entry, &error));
            }
        }
    }
    Ok(complete)
}

fn describe(fetched: &FetchedFile, file: &FileEntry) -> String {
    let origin = match &fetched.origin {
        Origin::Cache => "already there".to_owned(),
        Origin::Carried => "carried by this program".to_owned(),
        Origin::Mirror(place) => format!("from the mirror {place}"),
        Origin::Source(url) => format!("from {url}"),
    };
    let trust = match (fetched.checksum, &file.fingerprint) {
        (Trust::Verified, _) => "checksum verified",
        (Trust::Pinned, Some(_)) => "values verified, checksum pinned at first use",
        (Trust::Pinned, None) => "checksum pinned at first use, values unknown to the catalog",
    };
    format!("{} {origin}, {trust}", fetched.path.display())
}

/// How to do without the network. The addresses are in the error already.
fn by_hand(fetcher: &Fetcher, name: &str, entry: &Entry, error: &FetchError) -> String {
    let FetchError::NotObtained { file, by_hand, .. } = error else { return String::new() };
    let path = place(fetcher, name, entry, file);
    let how = if by_hand.is_some() { "" } else { "download it from one of the addresses and " };
    format!("\nby hand:                {how}save it as\n  {}", path.display())
}
