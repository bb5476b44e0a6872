//! `mtl merge`: one store out of several.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mtl_experiments::Store;
use mtl_experiments::store::Conflict;

use crate::args::warn;
use crate::output::emit;
use crate::table::count;

#[derive(Args)]
#[command(
    after_help = "Records are copied as they are; those that are there stay. A result takes the place of a failure. Where two results of
one cell differ, the one that is there is kept, both are named, and the exit status is 1: that is either another
processor or an error.

Examples:
  mtl merge /scratch/part-1 /scratch/part-2 --into store
  mtl merge laptop/store --into store && mtl report ssmtl"
)]
pub struct Merge {
    /// Stores to take results from
    #[arg(required = true, value_name = "STORE")]
    stores: Vec<PathBuf>,
    /// Store that takes them; made if it is not there
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
}

impl Merge {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        for folder in &self.stores {
            let there = folder.join("records").is_dir();
            anyhow::ensure!(there, "{} is no results store: it has no folder `records`", folder.display());
        }
        let into = Store::open(&self.into)?.telling(warn);
        let mut conflicts = 0;
        for folder in &self.stores {
            let merged = into.merge(&Store::reading(folder).telling(warn))?;
            let mut text = format!("{}: {} added, {} there already", folder.display(), merged.added, merged.same);
            let mut note = |n: usize, what: &str| {
                if n > 0 {
                    text += &format!(", {what}");
                }
            };
            note(merged.mended, &format!("{} in place of failures", count(merged.mended, "result")));
            note(merged.damaged, &format!("{} left out", count(merged.damaged, "damaged record")));
            note(merged.lost, &format!("{} missing", count(merged.lost, "artifact")));
            note(merged.conflicts.len(), &count(merged.conflicts.len(), "conflict"));
            emit(text + "\n")?;
            merged.conflicts.iter().for_each(|conflict| eprintln!("{}", described(conflict)));
            conflicts += merged.conflicts.len();
        }
        Ok(if conflicts == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn described(conflict: &Conflict) -> String {
    let Conflict { id, kept, other } = conflict;
    let origin = |what: &mtl_experiments::store::Circumstances| format!("{} on {}", what.software, what.cpu);
    format!(
        "conflict: {} on {}, repeat {} (cell {}) has two results: kept that of mtl {}, not that of mtl {}",
        kept.key.method,
        kept.key.data,
        kept.key.repeat,
        id.short(),
        origin(&kept.circumstances),
        origin(&other.circumstances)
    )
}
