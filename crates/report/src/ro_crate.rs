//! The report as a research object (RO-Crate 1.1): its files, what made them, and how to make them again.

use std::collections::BTreeSet;
use std::path::Path;

use mtl_experiments::Paper;
use mtl_experiments::results::Results;
use mtl_experiments::study::PaperFile;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::provenance::{Maker, Provenance, moment};
use crate::{Described, File};

/// Name of the file, which the standard prescribes.
pub const METADATA: &str = "ro-crate-metadata.json";

/// Id of the entity that says how the report was made.
const ACTION: &str = "#replication";

/// Id of the entity for the authors of the program and so of the text.
const AUTHOR: &str = "#developers";

/// What was asked for: what `mtl replicate` has to be told to make the report again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The paper.
    pub paper: String,
    /// The profile.
    pub profile: String,
    /// Tables and figures; all if empty.
    pub only: Vec<String>,
    /// Kinds of processors that took part: where they are the same, so are the results to the last bit.
    pub cpu: Vec<String>,
    /// Programs that took part.
    pub software: Vec<String>,
}

/// The metadata file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}; expected the file that `mtl replicate` or `mtl report` writes beside a report")]
pub struct CrateError {
    file: String,
    reason: String,
}

impl Request {
    /// What was asked for where this came out.
    pub fn of(
        paper: &Paper,
        profile: &str,
        described: &[Described],
        results: &[Results],
        provenance: &Provenance,
    ) -> Self {
        let shown = described.iter().map(|(d, _)| &d.id).chain(results.iter().map(|r| &r.study.id));
        let all = described.len() + results.len() == paper.descriptions.len() + paper.studies.len();
        let distinct = |of: &dyn Fn(&Maker) -> &String| {
            let found: BTreeSet<&String> = provenance.work.keys().map(of).collect();
            found.into_iter().cloned().collect()
        };
        Self {
            paper: paper.slug.clone(),
            profile: profile.to_owned(),
            only: if all { Vec::new() } else { shown.cloned().collect() },
            cpu: distinct(&|maker| &maker.cpu),
            software: distinct(&|maker| &maker.software),
        }
    }

    /// The options of `mtl replicate`.
    pub fn options(&self) -> Vec<String> {
        let mut options = vec![self.paper.clone(), "--profile".into(), self.profile.clone()];
        if !self.only.is_empty() {
            options.extend(["--only".into(), self.only.join(",")]);
        }
        options
    }

    /// Reads it from the metadata file in the folder of a report.
    ///
    /// # Errors
    /// If there is no such file, or nothing in it says how the report was made.
    pub fn read(folder: &Path) -> Result<Self, CrateError> {
        let file = folder.join(METADATA);
        let fault = |reason: String| CrateError { file: file.display().to_string(), reason };
        let text = std::fs::read_to_string(&file).map_err(|e| fault(e.to_string()))?;
        let metadata: Value = serde_json::from_str(&text).map_err(|e| fault(e.to_string()))?;
        let entities = metadata["@graph"].as_array().into_iter().flatten();
        let property = entities.filter(|e| e["@id"] == format!("{ACTION}/request")).find_map(|e| e["value"].as_str());
        let property = property.ok_or_else(|| fault(format!("no entity `{ACTION}/request` has a value")))?;
        serde_json::from_str(property).map_err(|e| fault(format!("`{ACTION}/request`: {e}")))
    }
}

/// The metadata of a report whose files are given by their paths below the output folder; of them, those beside the page
/// belong to it.
pub fn metadata(about: &PaperFile, request: &Request, provenance: &Provenance, beside: &Path, files: &[File]) -> Value {
    let inside: Vec<(String, &File)> = files
        .iter()
        .filter_map(|file| Some((file.path.strip_prefix(beside).ok()?.to_string_lossy().into_owned(), file)))
        .collect();
    let reference = |id: &str| json!({"@id": id});
    let references = |ids: &mut dyn Iterator<Item = String>| ids.map(|id| json!({"@id": id})).collect::<Vec<Value>>();
    let command = format!("mtl replicate {}", request.options().join(" "));
    let (first, last) = provenance.span().unwrap_or_default();
    let programs: Vec<String> = (1..=request.software.len()).map(|n| format!("#software-{n}")).collect();
    let data = |dataset: &str, name: &str| format!("#data/{dataset}/{name}");
    let used = provenance.files.iter().map(|file| data(&file.dataset, &file.name));

    let mut graph = vec![
        json!({
            "@id": METADATA,
            "@type": "CreativeWork",
            "conformsTo": reference("https://w3id.org/ro/crate/1.1"),
            "about": reference("./"),
        }),
        json!({
            "@id": "./",
            "@type": "Dataset",
            "name": format!("Replication: {}", about.title),
            "description": format!(
                "Tables and figures of the paper, regenerated, with verdicts on its numbers and claims. {}",
                about.coverage.trim()
            ),
            "datePublished": moment(last),
            "license": reference("https://spdx.org/licenses/MIT"),
            "author": reference(AUTHOR),
            "hasPart": references(&mut inside.iter().map(|(path, _)| path.clone())),
            "mentions": reference(ACTION),
            "isBasedOn": reference("#paper"),
        }),
        json!({
            "@id": "#paper",
            "@type": "ScholarlyArticle",
            "name": about.title,
            "author": about.authors,
            "isPartOf": about.venue,
            "datePublished": about.year.to_string(),
        }),
        json!({"@id": "https://spdx.org/licenses/MIT", "@type": "CreativeWork", "name": "MIT License"}),
        // Who wrote what a report says; who had it made and publishes it is not known here.
        json!({"@id": AUTHOR, "@type": "Organization", "name": "The mtl-repro developers"}),
        json!({
            "@id": ACTION,
            "@type": "CreateAction",
            "name": command,
            "description": format!("`mtl reproduce` with the folder of this file runs `{command}` again and compares."),
            "startTime": moment(first),
            "endTime": moment(last),
            "instrument": references(&mut programs.iter().cloned()),
            "object": references(&mut used.chain([format!("{ACTION}/request")])),
            "result": references(&mut inside.iter().map(|(path, _)| path.clone())),
        }),
        json!({
            "@id": format!("{ACTION}/request"),
            "@type": "PropertyValue",
            "name": "what was asked for, and of whom",
            // Plain strings, which JSON always holds.
            "value": serde_json::to_string(request).unwrap_or_default(),
        }),
    ];
    graph.extend(programs.iter().zip(&request.software).map(|(id, software)| {
        json!({
            "@id": id,
            "@type": "SoftwareApplication",
            "name": "mtl-repro",
            "author": reference(AUTHOR),
            "version": software,
            "processorRequirements": request.cpu.join("; "),
        })
    }));
    graph.extend(provenance.files.iter().map(|file| {
        json!({
            "@id": data(&file.dataset, &file.name),
            "@type": "CreativeWork",
            "name": format!("{} of data set {}", file.name, file.dataset),
            "sha256": file.sha256,
        })
    }));
    graph.extend(inside.iter().map(|(path, file)| {
        let format = match file.path.extension().and_then(|ending| ending.to_str()) {
            Some("html") => "text/html",
            Some("md") => "text/markdown",
            Some("csv") => "text/csv",
            _ => "application/x-tex",
        };
        let hash: String = Sha256::digest(&file.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "@id": path,
            "@type": "File",
            "name": path,
            "encodingFormat": format,
            "contentSize": file.bytes.len().to_string(),
            "sha256": hash,
        })
    }));
    json!({"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph})
}
