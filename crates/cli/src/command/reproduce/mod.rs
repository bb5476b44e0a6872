//! `mtl reproduce`: a report again, from nothing, and what came out otherwise.

mod tables;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail, ensure};
use clap::Args;
use mtl_report::ro_crate::Request;

use crate::output::emit;
use crate::table::{Column, Table, count};
use crate::workspace::Workspace;
use tables::{Comparison, compare};

const EXAMPLES: &str = "\
Examples:
  mtl reproduce reports/ssmtl
  mtl reproduce reports/ssmtl -- --offline --jobs 4
  mtl reproduce /tmp/theirs/reports/srml --into /tmp/mine --tolerance 1e-4

What was run is read from ro-crate-metadata.json in the report's folder, run again with a store of its own, and every value
of every table is compared; times are not. On the same kind of processor values have to be the same. On another they may
differ by 1e-6 of the larger of 1 and the value: sums are added up in another order there, and solvers end at a relative
duality gap of 1e-6, below which solutions are not determined. Interrupted, it goes on where it was.

Exit status: 0 all values are the same within the tolerance, 1 some are not, 2 it could not be run.";

/// Differences that are listed; there is no end to them once a seed is another.
const SHOWN: usize = 30;

/// Tolerance between kinds of processors: see the help.
const BETWEEN_PROCESSORS: f64 = 1e-6;

/// Arguments of `mtl reproduce`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Reproduce {
    /// Folder of a report, with ro-crate-metadata.json
    report: PathBuf,
    /// Folder for store, report and figures of the new run; what an earlier run left there is used [default:
    /// reproduced/PAPER in the workspace]
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Largest difference that counts as none, relative to the larger of 1 and the value [default: 0, or 1e-6 on another
    /// kind of processor]
    #[arg(long, value_name = "X")]
    tolerance: Option<f64>,
    /// Options for `mtl replicate`, after `--`
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<String>,
}

impl Reproduce {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(x) = self.tolerance.filter(|x| x.is_nan() || *x < 0.0) {
            bail!("--tolerance {x}: expected a number from 0 on");
        }
        let reported = Request::read(&self.report)?;
        let into = match &self.into {
            Some(folder) => folder.clone(),
            None => Workspace::find()?.root().join("reproduced").join(&reported.paper),
        };
        let again = into.join("reports").join(&reported.paper);
        let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        ensure!(!same(&self.report, &again), "--into {}: this would overwrite the report itself", into.display());
        if let Some(code) = self.replicate(&reported, &into)? {
            return Ok(code);
        }
        let here = Request::read(&again)?;
        let same_processor = reported.cpu == here.cpu;
        let tolerance = self.tolerance.unwrap_or(if same_processor { 0.0 } else { BETWEEN_PROCESSORS });
        let found = compare(&self.report.join("tables"), &again.join("tables"), tolerance)?;
        let why = if same_processor { "the same kind of processor" } else { "another kind of processor" };
        emit(format!(
            "reported   {} on {}\nhere       {} on {}\nreport     {}\n{}",
            reported.software.join("; "),
            reported.cpu.join("; "),
            here.software.join("; "),
            here.cpu.join("; "),
            again.join("index.html").display(),
            text(&found, tolerance, why)
        ))?;
        Ok(if found.is_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Runs what was run; an exit status if there is nothing to compare.
    fn replicate(&self, reported: &Request, into: &Path) -> anyhow::Result<Option<ExitCode>> {
        let program = std::env::current_exe().context("this program cannot be found")?;
        let mut command = Command::new(program);
        command.arg("replicate").args(reported.options()).args(&self.options);
        command.arg("--store").arg(into.join("store")).arg("--out").arg(into).stdout(Stdio::null());
        let status = command.status().context("`mtl replicate` cannot be started")?;
        // Failed cells are results, which the report may have had as well.
        match status.code() {
            Some(0 | 1) => Ok(None),
            Some(code) => Ok(Some(ExitCode::from(u8::try_from(code).unwrap_or(2)))),
            None => bail!("`mtl replicate` was killed; run this again to go on"),
        }
    }
}

fn text(found: &Comparison, tolerance: f64, why: &str) -> String {
    let mut text = format!(
        "compared   {} in {}, tolerance {tolerance} ({why}); {} left out\n",
        count(found.values, "value"),
        count(found.tables, "table"),
        count(found.times, "time"),
    );
    for fault in &found.faults {
        text += &format!("DIFFERS    {fault}\n");
    }
    if found.deviations.is_empty() {
        return text + if found.faults.is_empty() { "reproduced: all values are the same\n" } else { "" };
    }
    text += &format!("DIFFERS    {}\n\n", count(found.deviations.len(), "value"));
    let names = ["TABLE", "ROW", "COLUMN", "REPORTED", "HERE"];
    let columns = [Column::Left, Column::Wrapped(40), Column::Wrapped(24), Column::Right, Column::Right];
    let mut table = Table::new(names.into_iter().zip(columns));
    for deviation in found.deviations.iter().take(SHOWN) {
        table.row([&deviation.table, &deviation.row, &deviation.column, &deviation.reported, &deviation.here]);
    }
    text += &table.to_string();
    if found.deviations.len() > SHOWN {
        text += &format!("and {} more\n", found.deviations.len() - SHOWN);
    }
    text
}
