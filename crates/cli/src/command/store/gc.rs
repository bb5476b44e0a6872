//! `mtl store gc`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use mtl_experiments::Store;
use mtl_experiments::store::{Garbage, Kind};

use super::size;
use crate::args::{StoreArgs, warn};
use crate::output::{emit, emit_json};
use crate::table::{Column, Table, count};

const EXAMPLES: &str = "\
Examples:
  mtl store gc                  what could go, and how much room it takes
  mtl store gc --json           the same, file by file
  mtl store gc --delete         delete it

What can go: records of earlier revisions of methods, data sets and measures, which no study asks for any more; artifacts
that no record refers to; temporary files of runs that died; the quarantine. Results that a study can use are never deleted.";

/// Arguments of `mtl store gc`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Gc {
    #[command(flatten)]
    store: StoreArgs,
    /// Delete what is listed. Refused while a run is using the store
    #[arg(long)]
    delete: bool,
    /// Write JSON: every file
    #[arg(long)]
    json: bool,
}

impl Gc {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let folder = self.store.existing()?;
        let store = if self.delete { Store::alone(&folder)? } else { Store::reading(&folder) }.telling(warn);
        let garbage = store.garbage();
        if self.delete {
            store.delete(&garbage)?;
        }
        if self.json {
            emit_json(&garbage)?;
        } else {
            emit(text(&garbage, self.delete))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn text(garbage: &Garbage, deleted: bool) -> String {
    let mut kinds: BTreeMap<&Kind, (usize, u64)> = BTreeMap::new();
    for litter in &garbage.files {
        let (files, bytes) = kinds.entry(&litter.kind).or_default();
        (*files, *bytes) = (*files + 1, *bytes + litter.bytes);
    }
    let total = kinds.values().fold((0, 0), |(files, bytes), kind| (files + kind.0, bytes + kind.1));
    let mut text = String::new();
    if !kinds.is_empty() {
        let mut table = Table::new([("FILES", Column::Right), ("SIZE", Column::Right), ("WHAT", Column::Left)]);
        for (kind, (files, bytes)) in kinds {
            table.row([files.to_string(), size(bytes), kind.to_string()]);
        }
        text += &format!("{table}\n");
    }
    if garbage.artifacts_kept {
        text += "artifacts of no record are kept: some records cannot be read, and may refer to them\n";
    }
    let (files, bytes) = (count(total.0, "file"), size(total.1));
    text += &match (total.0, deleted) {
        (0, _) => "nothing to delete\n".to_owned(),
        (_, true) => format!("{files} deleted, {bytes}\n"),
        (_, false) => format!("{files} could go, {bytes}; to delete them: mtl store gc --delete\n"),
    };
    text
}
