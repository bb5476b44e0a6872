//! `mtl methods`.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use mtl_methods::method::Family;
use mtl_methods::{Entry, ParamSpec};
use serde::Serialize;

use crate::lookup;
use crate::output::{emit, emit_json};
use crate::table::{Column, Table, parameter, wrap};

const EXAMPLES: &str = "Examples:
  mtl methods                list all methods
  mtl methods lasso          one method in full, with every hyperparameter
  mtl methods --json | jq -r '.[].name'

In objectives L = 1/2 sum_t ||y_t - X_t w_t||^2, W has one column a task and one row a feature.";

/// Arguments of `mtl methods`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Methods {
    /// Show this method in full
    #[arg(value_name = "METHOD")]
    name: Option<String>,
    /// Write JSON: an array of methods, or one object if a method is named
    #[arg(long)]
    json: bool,
}

/// A method as JSON shows it.
#[derive(Serialize)]
struct Described {
    name: &'static str,
    aliases: &'static [&'static str],
    family: Family,
    summary: &'static str,
    objective: &'static str,
    parameters: &'static [ParamSpec],
    targets: Vec<&'static str>,
    citation: &'static str,
    revision: u32,
}

impl From<&'static Entry> for Described {
    fn from(entry: &'static Entry) -> Self {
        let info = &entry.info;
        Self {
            name: info.name,
            aliases: info.aliases,
            family: info.family,
            summary: info.summary,
            objective: info.objective,
            parameters: &entry.params,
            targets: info.targets.iter().map(|target| target.name()).collect(),
            citation: info.citation,
            revision: info.revision,
        }
    }
}

impl Methods {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.name {
            Some(name) => {
                let entry = lookup::method(&name)?;
                if self.json { emit_json(&Described::from(entry))? } else { emit(in_full(entry))? }
            }
            None => {
                let all: Vec<Described> = mtl_methods::methods().iter().map(Described::from).collect();
                if self.json { emit_json(&all)? } else { emit(overview())? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn overview() -> String {
    let columns = [Column::Left, Column::Wrapped(36), Column::Wrapped(40), Column::Left];
    let mut table =
        Table::new(["METHOD", "WHAT IT DOES", "OBJECTIVE", "TUNED BY --cv"].into_iter().zip(columns)).spaced();
    for entry in mtl_methods::methods() {
        let tuned: Vec<&str> = entry.params.iter().filter(|p| !p.grid.is_empty()).map(|p| p.name).collect();
        table.row([entry.info.name.into(), entry.info.summary.into(), entry.info.objective.into(), tuned.join(", ")]);
    }
    format!(
        "{table}\nL = 1/2 sum_t ||y_t - X_t w_t||^2; W has one column a task and one row a feature.\n\
         `mtl methods METHOD` shows one in full.\n"
    )
}

fn in_full(entry: &Entry) -> String {
    let info = &entry.info;
    let mut text = format!("{}: {}\n\n", info.name, info.summary);
    let mut line = |name: &str, value: &str| {
        for (n, part) in wrap(value, 92).iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:<11}{part}", if n == 0 { name } else { "" });
        }
    };
    line("minimises", info.objective);
    line("where", "L = 1/2 sum_t ||y_t - X_t w_t||^2");
    if !info.aliases.is_empty() {
        line("also", &info.aliases.join(", "));
    }
    line("family", &words(&info.family));
    line("targets", &info.targets.iter().map(|target| target.name()).collect::<Vec<_>>().join(", "));
    line("citation", info.citation);
    line("revision", &info.revision.to_string());
    if entry.params.is_empty() {
        text.push_str("\nIt has no hyperparameters.\n");
        return text;
    }
    let columns = [Column::Left, Column::Left, Column::Wrapped(26), Column::Wrapped(46)];
    let mut table = Table::new(["PARAMETER", "DEFAULT", "RANGE", "WHAT IT IS"].into_iter().zip(columns));
    for spec in &entry.params {
        table.row([spec.name.into(), parameter(&spec.default), spec.kind.to_string(), documented(spec)]);
    }
    format!("{text}\n{table}")
}

fn documented(spec: &ParamSpec) -> String {
    if spec.grid.is_empty() {
        return spec.doc.into();
    }
    let grid: Vec<String> = spec.grid.iter().map(f64::to_string).collect();
    format!("{}\n--cv tries {}", spec.doc, grid.join(", "))
}

/// A name as JSON writes it.
fn words<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(String::from)).unwrap_or_default()
}
