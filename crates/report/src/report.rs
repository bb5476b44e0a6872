//! A paper's report: everything that `mtl replicate` writes.

use std::fmt::Write;
use std::path::PathBuf;

use mtl_experiments::description::{Statements, statement_name};
use mtl_experiments::results::Results;
use mtl_experiments::study::PaperFile;
use mtl_experiments::{Paper, Store};

use crate::chart::ChartError;
use crate::document::{Document, PageError, csv_table, html_page, latex_table, markdown_page};
use crate::provenance::Provenance;
use crate::ro_crate::{METADATA, Request, metadata};
use crate::section::{
    self, Claims, Counts, Described, Source, claims, description, findings, judge, notices, study, summary,
};

/// A file of the report, by its path below the output folder.
pub struct File {
    /// Path below the output folder.
    pub path: PathBuf,
    /// Content.
    pub bytes: Vec<u8>,
}

/// The report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A chart.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The page.
    #[error(transparent)]
    Page(#[from] PageError),
    /// A table.
    #[error("a table cannot be written as CSV: {0}")]
    Csv(#[from] csv::Error),
}

/// A paper's report.
pub struct Report {
    slug: String,
    document: Document,
    summary: String,
    failures: usize,
    about: PaperFile,
    request: Request,
    provenance: Provenance,
}

impl Report {
    /// Puts it together from results.
    ///
    /// # Errors
    /// If a chart cannot be drawn.
    pub fn build(
        paper: &Paper,
        described: &[Described],
        results: &[Results],
        store: &Store,
    ) -> Result<Self, ReportError> {
        let source = Source { paper, studies: results, store };
        let (mut sections, mut statements) = (Vec::new(), Statements::new());
        for described in described {
            let (blocks, stated) = description(described, source)?;
            sections.extend(blocks);
            statements.extend(stated.into_iter().map(|s| (statement_name(&described.0.id, &s.id), s)));
        }
        let claims = claims(source, &statements);
        let mut blocks = summary(source, &claims);
        blocks.extend(sections);
        for results in results {
            blocks.extend(study(results, source)?);
        }
        blocks.extend(findings(source)?);
        blocks.extend(claims.blocks.iter().cloned());
        let mut provenance = Provenance::of(results, store);
        described.iter().flat_map(|(_, data)| data).for_each(|data| provenance.add_files(data));
        blocks.extend(section::provenance(&provenance));
        let about = &paper.about;
        let profile = results.first().map_or("quick", |r| r.study.profile.name());
        let code = about.code.as_ref().map_or(String::new(), |code| format!(" Authors' code: {code}."));
        let document = Document {
            title: format!("Replication: {}", about.title),
            subtitle: format!("{}. {}, {}.{code}", about.authors.join(", "), about.venue, about.year),
            command: format!("mtl replicate {} --profile {profile}", paper.slug),
            blocks,
        };
        let failures = results.iter().map(|r| r.failures().len()).sum();
        let summary = in_words(source, &claims);
        let request = Request::of(paper, profile, described, results, &provenance);
        let about = about.clone();
        Ok(Self { slug: paper.slug.clone(), document, summary, failures, about, request, provenance })
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from("reports").join(&self.slug)
    }

    /// The page's path below the output folder.
    pub fn page(&self) -> PathBuf {
        self.folder().join("index.html")
    }

    /// The figures' folder below the output folder.
    pub fn figures(&self) -> PathBuf {
        PathBuf::from("figures").join(&self.slug)
    }

    /// Number of cells that failed.
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// The outcome in a few lines of text.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// All files: the page in HTML and Markdown, every table in CSV and LaTeX, every figure in SVG and PNG, and what
    /// describes them to programs.
    ///
    /// # Errors
    /// If the page's template is at fault.
    pub fn files(&self) -> Result<Vec<File>, ReportError> {
        let folder = self.folder();
        let figures = format!("../../figures/{}", self.slug);
        let mut files = vec![
            File { path: self.page(), bytes: html_page(&self.document)?.into_bytes() },
            File { path: folder.join("index.md"), bytes: markdown_page(&self.document, &figures).into_bytes() },
        ];
        for table in self.document.tables() {
            let path = |ending: &str| folder.join("tables").join(format!("{}.{ending}", table.id));
            files.push(File { path: path("csv"), bytes: csv_table(table)? });
            files.push(File { path: path("tex"), bytes: latex_table(table).into_bytes() });
        }
        let metadata = metadata(&self.about, &self.request, &self.provenance, &folder, &files);
        files.push(File { path: folder.join(METADATA), bytes: format!("{metadata:#}\n").into_bytes() });
        for figure in self.document.figures() {
            let path = |ending: &str| self.figures().join(format!("{}.{ending}", figure.id));
            files.push(File { path: path("svg"), bytes: figure.svg.clone().into_bytes() });
            files.push(File { path: path("png"), bytes: figure.png.clone() });
        }
        Ok(files)
    }
}

/// Verdicts, claims, skipped data and failures for the terminal.
fn in_words(source: Source<'_>, claims: &Claims) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for results in source.studies {
        let study = &results.study;
        let Counts { reproduced, close, better, differs, not_comparable, not_comparable_near, not_run } =
            Counts::of(&judge(results, source.paper));
        let _ = write!(text, "{:<16} {} (n = {})", study.id, study.title, study.protocol.repeats);
        if study.published.is_some() {
            let _ = write!(
                text,
                "\n{:<16} published numbers: {reproduced} reproduced, {close} close, {better} better, {differs} differ, \
                 {not_comparable} not comparable ({not_comparable_near} of them within 2 published std), {not_run} not run",
                ""
            );
        }
        text.push('\n');
        for (dataset, method, id, reason) in results.failures() {
            let _ = writeln!(text, "  FAILED {method} on {dataset} ({}): {reason}", id.short());
        }
    }
    let [supported, contradicted, inconclusive, untested] = claims.counts;
    let _ = writeln!(
        text,
        "{:<16} {supported} supported, {contradicted} contradicted, {inconclusive} inconclusive, {untested} not decided \
         by these results",
        "claims"
    );
    for notice in notices(source.studies) {
        let _ = writeln!(text, "{notice}");
    }
    text
}
