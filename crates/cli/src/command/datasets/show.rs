//! `mtl datasets show`.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mtl_data::catalog::{Entry, FileEntry, OptionEntry, Source, Values};
use mtl_data::fingerprint::Fingerprint;
use mtl_data::{Catalog, Fetcher, Status};
use serde::Serialize;

use super::{Count, place};
use crate::args::DataArgs;
use crate::output::{emit, emit_json};
use crate::table::wrap;

/// Arguments of `mtl datasets show`.
#[derive(Args)]
#[command(after_help = "Examples:\n  mtl datasets show parkinsons\n  mtl datasets show sarcos --json | jq .files")]
pub struct Show {
    /// Name of the data set
    name: String,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    title: &'a str,
    summary: &'a str,
    status: Status,
    status_note: &'a str,
    tasks: Count<'a>,
    features: Count<'a>,
    rows: Count<'a>,
    licence: &'a str,
    citation: &'a str,
    homepage: Option<&'a str>,
    options: Vec<ShownOption<'a>>,
    files: Vec<ShownFile<'a>>,
}

#[derive(Serialize)]
struct ShownOption<'a> {
    name: &'a str,
    /// What can be asked for, where it is one of several words.
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<&'a [String]>,
    /// What can be asked for, in words.
    range: String,
    default: &'a str,
    doc: &'a str,
}

#[derive(Serialize)]
struct ShownFile<'a> {
    name: &'a str,
    bytes: Option<u64>,
    /// Where the cache keeps it; `null` if there is no cache folder.
    path: Option<PathBuf>,
    /// Whether it is there. Its contents are not looked at.
    cached: Option<bool>,
    sources: Vec<ShownSource<'a>>,
    /// How to make it, if no address has it; what it was drawn from, if the program carries it; and the checksum of that
    /// copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_hand: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    carried: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    /// Checksum of what is in a compressed file, where copies compressed anew are as good.
    #[serde(skip_serializing_if = "Option::is_none")]
    unpacked: Option<&'a str>,
    /// `null` where everybody makes the file for themselves.
    fingerprint: Option<ShownFingerprint<'a>>,
}

#[derive(Serialize)]
struct ShownSource<'a> {
    url: &'a str,
    sha256: &'a str,
    git_blob: Option<&'a str>,
}

#[derive(Serialize)]
struct ShownFingerprint<'a> {
    rows: usize,
    columns: usize,
    missing: usize,
    column_sums: Option<&'a [f64]>,
    total: Option<f64>,
}

impl Show {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let catalog = Catalog::embedded();
        let entry = catalog.get(&self.name)?;
        let fetcher = self.data.fetcher().ok();
        let shown = shown(&self.name, entry, fetcher.as_ref());
        if self.json {
            emit_json(&shown)?
        } else {
            emit(shown.text())?
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn shown<'a>(name: &'a str, entry: &'a Entry, fetcher: Option<&Fetcher>) -> Shown<'a> {
    let file = |file: &'a FileEntry| shown_file(file, fetcher.map(|f| place(f, name, entry, &file.name)));
    let option = |(name, option): (&'a String, &'a OptionEntry)| ShownOption {
        name,
        choices: match &option.values {
            Values::Choices(choices) => Some(choices),
            _ => None,
        },
        range: option.values.to_string(),
        default: &option.default,
        doc: &option.doc,
    };
    Shown {
        name,
        title: &entry.title,
        summary: &entry.summary,
        status: entry.status,
        status_note: entry.status_note.trim(),
        tasks: (&entry.tasks).into(),
        features: (&entry.features).into(),
        rows: (&entry.rows).into(),
        licence: &entry.licence,
        citation: entry.citation.trim(),
        homepage: entry.homepage.as_deref(),
        options: entry.options.iter().map(option).collect(),
        files: entry.files.iter().map(file).collect(),
    }
}

fn shown_file<'a>(file: &'a FileEntry, path: Option<PathBuf>) -> ShownFile<'a> {
    let source = |source: &'a Source| ShownSource {
        url: &source.url,
        sha256: &source.sha256,
        git_blob: source.git_blob.as_deref(),
    };
    ShownFile {
        name: &file.name,
        bytes: file.bytes,
        cached: path.as_ref().map(|p| p.is_file()),
        path,
        sources: file.sources.iter().map(source).collect(),
        by_hand: file.by_hand.as_deref(),
        carried: file.carried.as_deref(),
        sha256: file.sha256.as_deref(),
        unpacked: file.unpacked.as_deref(),
        fingerprint: file.fingerprint.as_ref().map(shown_fingerprint),
    }
}

fn shown_fingerprint(print: &Fingerprint) -> ShownFingerprint<'_> {
    ShownFingerprint {
        rows: print.rows,
        columns: print.columns,
        missing: print.missing,
        column_sums: print.column_sums.as_deref(),
        total: print.total,
    }
}

impl Count<'_> {
    fn text(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Words(words) => (*words).to_owned(),
        }
    }
}

impl Shown<'_> {
    fn text(&self) -> String {
        let mut text = format!("{}: {}\n\n", self.name, self.title);
        let mut line = |name: &str, value: &str| {
            for (n, part) in wrap(value, 96).iter().enumerate() {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{}", format!("{:<11}{part}", if n == 0 { name } else { "" }).trim_end());
            }
        };
        line("what", self.summary);
        line("status", &format!("{}. {}", self.status, self.status_note));
        line("tasks", &self.tasks.text());
        line("features", &self.features.text());
        line("rows", &self.rows.text());
        line("licence", self.licence);
        line("citation", self.citation);
        self.homepage.iter().for_each(|homepage| line("homepage", homepage));
        for option in &self.options {
            let (name, doc, range, default) = (option.name, option.doc, &option.range, option.default);
            line("option", &format!("{name}: {doc} ({range}; default {default})"));
        }
        for file in &self.files {
            line("", "");
            file.lines(&mut line);
        }
        text
    }
}

impl ShownFile<'_> {
    fn lines(&self, line: &mut impl FnMut(&str, &str)) {
        let bytes = self.bytes.map_or(String::new(), |bytes| format!(", {bytes} bytes"));
        let print = self.fingerprint.as_ref();
        let size = print.map_or(String::new(), |p| format!(", {} rows of {} numbers", p.rows, p.columns));
        line("file", &format!("{}{bytes}{size}", self.name));
        match (&self.path, self.cached) {
            (Some(path), Some(true)) => line("cached", &path.display().to_string()),
            (Some(path), _) => line("cached", &format!("no; it would be {}", path.display())),
            (None, _) => line("cached", "unknown: no cache folder (see --cache)"),
        }
        self.by_hand.iter().for_each(|how| line("by hand", how));
        self.carried.iter().for_each(|from| line("carried", &format!("by this program, drawn from {from}")));
        let copy = if self.carried.is_some() { "this copy" } else { "the copy that was seen" };
        self.sha256.iter().for_each(|sha256| line("", &format!("sha256 of {copy} {sha256}")));
        for source in &self.sources {
            line("from", source.url);
            line("", &format!("sha256 {}", source.sha256));
            source.git_blob.iter().for_each(|blob| line("", &format!("git blob {blob}")));
        }
        self.unpacked.iter().for_each(|sha256| line("or else", &format!("sha256 {sha256} of what is in it")));
    }
}
