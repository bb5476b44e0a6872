//! `mtl store check`.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use mtl_experiments::Store;
use mtl_experiments::store::Survey;

use crate::args::StoreArgs;
use crate::output::{emit, emit_json};
use crate::table::count;

const EXAMPLES: &str = "\
Examples:
  mtl store check
  mtl store check --store /shared/store --json
  mtl store check --mend

Exit status: 0 everything is sound, or was mended; 1 something is damaged, missing or unreadable.";

/// Arguments of `mtl store check`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    #[command(flatten)]
    store: StoreArgs,
    /// Move what is damaged into the store's folder `quarantine`, and records whose artifacts are missing, so that their
    /// cells run again
    #[arg(long)]
    mend: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let folder = self.store.existing()?;
        let store = if self.mend { Store::open(&folder)? } else { Store::reading(&folder) };
        let survey = store.survey();
        if self.json {
            emit_json(&survey)?;
        } else {
            emit(format!("store      {}\n{}", folder.display(), text(&survey, self.mend)))?;
        }
        Ok(if survey.is_sound() || survey.is_mended() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn text(survey: &Survey, mend: bool) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "records    {} with results, {} of failed cells", survey.done, survey.failed);
    let _ = writeln!(text, "artifacts  {}, {} of them of no record", survey.artifacts, survey.orphans);
    if survey.temporaries > 0 {
        let _ = writeln!(
            text,
            "temporary  {}, of runs in progress or left by dead ones",
            count(survey.temporaries, "file")
        );
    }
    if survey.quarantined > 0 {
        let _ = writeln!(text, "quarantine {}, each with the reason beside it", count(survey.quarantined, "file"));
    }
    for (outdated, records) in &survey.outdated {
        let _ = writeln!(text, "outdated   {} by {outdated}", count(*records, "record"));
    }
    for damage in &survey.damaged {
        let _ = writeln!(text, "DAMAGED    {damage}");
    }
    for damage in &survey.unreadable {
        let _ = writeln!(text, "UNREADABLE {damage}");
    }
    for lacking in &survey.incomplete {
        let (cell, artifact) = (&lacking.cell, &lacking.artifact);
        let moved = lacking.moved.as_ref().map(|to| format!("; moved to {}, and its cell runs again", to.display()));
        let _ = writeln!(text, "INCOMPLETE record {cell} has lost `{artifact}`{}", moved.unwrap_or_default());
    }
    let verdict = match (survey.is_sound(), survey.is_mended()) {
        (true, _) => "everything is sound",
        (false, true) => "mended",
        (false, false) if mend => "not everything could be mended",
        (false, false) => "to mend it: mtl store check --mend",
    };
    let _ = writeln!(text, "{verdict}");
    text
}
