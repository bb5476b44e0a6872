//! `mtl store diff`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::ensure;
use clap::Args;
use mtl_experiments::Store;
use mtl_experiments::store::{Difference, Differences, Record, diff};

use crate::args::warn;
use crate::output::emit;
use crate::table::{Column, Table, count};

const EXAMPLES: &str = "\
Examples:
  mtl store diff store /tmp/other                      the same bits?
  mtl store diff store /tmp/other --tolerance 1e-6     the same numbers, on another kind of processor?

Cells are the same if they are the same fit on the same split of the same data; times and machines are not compared. Exit
status: 0 both have the same cells with the same results, 1 they do not.";

/// Arguments of `mtl store diff`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Diff {
    /// A store
    a: PathBuf,
    /// Another
    b: PathBuf,
    /// Relative difference up to which numbers count as the same
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    tolerance: f64,
    /// Most lines of each list
    #[arg(long, value_name = "N", default_value_t = 20)]
    lines: usize,
}

impl Diff {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        ensure!(self.tolerance >= 0.0, "--tolerance {}: expected a number from 0 on", self.tolerance);
        let found = diff(&open(&self.a)?, &open(&self.b)?);
        emit(self.text(&found))?;
        let equal = found.only_a.is_empty() && found.only_b.is_empty() && self.beyond(&found).is_empty();
        Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// What differs by more than is tolerated.
    fn beyond<'a>(&self, found: &'a Differences) -> &'a [Difference] {
        let within = found.different.partition_point(|d| d.relative > self.tolerance);
        &found.different[..within]
    }

    fn text(&self, found: &Differences) -> String {
        let beyond = self.beyond(found);
        let within = found.different.len() - beyond.len();
        let mut text = format!("{} with the same result", count(found.same, "cell"));
        if within > 0 {
            text += &format!(", {} within the tolerance", count(within, "cell"));
        }
        text += &format!(
            ", {} with another\n{} only in {}, {} only in {}\n",
            count(beyond.len(), "cell"),
            count(found.only_a.len(), "cell"),
            self.a.display(),
            count(found.only_b.len(), "cell"),
            self.b.display()
        );
        for (records, folder) in [(&found.only_a, &self.a), (&found.only_b, &self.b)] {
            if !records.is_empty() {
                text += &format!("\nonly in {}:\n{}", folder.display(), self.grouped(records));
            }
        }
        if !beyond.is_empty() {
            text += &format!("\nfurthest apart first:\n{}", self.apart(beyond));
        }
        text
    }

    fn grouped(&self, records: &[Arc<Record>]) -> String {
        let mut groups: BTreeMap<(String, &str), usize> = BTreeMap::new();
        for record in records {
            *groups.entry((record.key.data.to_string(), &record.key.method)).or_default() += 1;
        }
        let names = [("CELLS", Column::Right), ("DATA", Column::Left), ("METHOD", Column::Left)];
        let mut table = Table::new(names);
        for ((data, method), cells) in groups.iter().take(self.lines) {
            table.row([&cells.to_string(), data, *method]);
        }
        table.to_string() + &more(groups.len(), self.lines)
    }

    fn apart(&self, beyond: &[Difference]) -> String {
        use Column::{Left, Right};
        let names = ["RECORD", "DATA", "METHOD", "REPEAT", "WHERE", "A", "B", "RELATIVE"];
        let columns = [Left, Left, Left, Right, Left, Right, Right, Right];
        let mut table = Table::new(names.into_iter().zip(columns));
        for difference in beyond.iter().take(self.lines) {
            let key = &difference.record.key;
            table.row([
                key.id().short().to_owned(),
                key.data.to_string(),
                key.method.clone(),
                (key.repeat + 1).to_string(),
                difference.place.clone(),
                difference.a.clone(),
                difference.b.clone(),
                if difference.relative.is_finite() { format!("{:.1e}", difference.relative) } else { "-".into() },
            ]);
        }
        table.to_string() + &more(beyond.len(), self.lines)
    }
}

fn open(folder: &Path) -> anyhow::Result<Store> {
    ensure!(folder.is_dir(), "no results store at {}", folder.display());
    Ok(Store::reading(folder).telling(warn))
}

fn more(total: usize, shown: usize) -> String {
    if total > shown { format!("and {} more (--lines)\n", total - shown) } else { String::new() }
}
