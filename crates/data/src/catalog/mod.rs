//! Which data sets exist, where they come from, under what terms, and how to recognise them.
//!
//! The catalog is `datasets/catalog.yaml`, compiled into the program.

mod file;
mod option;

use std::fmt;
use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use file::{FileEntry, ReadError, Source};
pub use option::{OptionEntry, Values};

use crate::suggest::{did_you_mean, listed};

const EMBEDDED: &str = include_str!("../../../../datasets/catalog.yaml");

/// How the rows at hand relate to the data a paper used. Shown wherever results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All of the data as its owners distribute it.
    Official,
    /// A part of it.
    Subsample,
    /// Other data in its place.
    Substitute,
    /// Drawn by a generator of ours.
    Synthetic,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Official => "official",
            Self::Subsample => "subsample",
            Self::Substitute => "substitute",
            Self::Synthetic => "synthetic",
        })
    }
}

/// A number, or words where a number would hide something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Amount {
    /// A plain number.
    Number(u64),
    /// A number with an explanation.
    Words(String),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => f.pad(&n.to_string()),
            Self::Words(words) => f.pad(words),
        }
    }
}

/// One data set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Name in headings.
    pub title: String,
    /// One sentence: what is predicted from what, and what a task is.
    pub summary: String,
    /// How the rows relate to the data a paper used.
    pub status: Status,
    /// The same in words.
    pub status_note: String,
    /// Number of tasks.
    pub tasks: Amount,
    /// Number of features.
    pub features: Amount,
    /// Number of samples, rows shared by several tasks counted once.
    pub rows: Amount,
    /// Terms of use.
    pub licence: String,
    /// Whom to cite.
    pub citation: String,
    /// The owners' page.
    pub homepage: Option<String>,
    /// Folder of the files in the cache and in mirrors, where it is not the data set's name.
    pub folder: Option<String>,
    /// Variants, by name.
    #[serde(default)]
    pub options: IndexMap<String, OptionEntry>,
    /// The files it is made from; none for a synthetic set.
    #[serde(default)]
    pub files: Vec<FileEntry>,
}

/// Every data set by name, in the order of listings.
#[derive(Debug, Clone)]
pub struct Catalog {
    entries: IndexMap<String, Entry>,
}

/// The catalog is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// It is not YAML of the expected shape.
    #[error("the catalog cannot be read: {0}")]
    Syntax(String),
    /// An entry contradicts itself.
    #[error("the catalog's entry `{dataset}`: {detail}")]
    Entry {
        /// The entry at fault.
        dataset: String,
        /// What is wrong.
        detail: String,
    },
}

/// A name that is not in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown data set `{name}`{}\nvalid: {}", did_you_mean(name, valid), listed(valid))]
pub struct UnknownDataset {
    /// The name asked for.
    pub name: String,
    /// The names there are.
    pub valid: Vec<String>,
}

impl Catalog {
    /// The catalog this program was built with.
    ///
    /// # Panics
    /// Never in a released program: a test parses the very text that is compiled in.
    pub fn embedded() -> Arc<Self> {
        static CATALOG: LazyLock<Arc<Catalog>> =
            LazyLock::new(|| Arc::new(Catalog::parse(EMBEDDED).expect("the embedded catalog is tested")));
        Arc::clone(&CATALOG)
    }

    /// Reads and checks a catalog.
    pub fn parse(yaml: &str) -> Result<Self, CatalogError> {
        let entries: IndexMap<String, Entry> =
            serde_yaml::from_str(yaml).map_err(|e| CatalogError::Syntax(e.to_string()))?;
        for (name, entry) in &entries {
            entry.check(name).map_err(|detail| CatalogError::Entry { dataset: name.clone(), detail })?;
        }
        Ok(Self { entries })
    }

    /// The entry of a data set.
    pub fn get(&self, name: &str) -> Result<&Entry, UnknownDataset> {
        self.entries
            .get(name)
            .ok_or_else(|| UnknownDataset { name: name.into(), valid: self.entries.keys().cloned().collect() })
    }

    /// All entries with their names, in catalog order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }
}

impl Entry {
    /// The file of that name.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|f| f.name == name)
    }

    /// Whether the program carries all of its files in itself.
    pub fn is_carried(&self) -> bool {
        !self.files.is_empty() && self.files.iter().all(|f| f.carried.is_some())
    }

    fn check(&self, name: &str) -> Result<(), String> {
        // Names become folders and files; nothing may lead out of the cache.
        let plain = |s: &str| !s.is_empty() && !s.starts_with('.') && !s.contains(['/', '\\', ':']);
        let require = |ok: bool, detail: &dyn fmt::Display| if ok { Ok(()) } else { Err(detail.to_string()) };
        for folder in [Some(name), self.folder.as_deref()].into_iter().flatten() {
            require(plain(folder), &format!("`{folder}` is not a plain folder name"))?;
        }
        require(!self.status_note.trim().is_empty(), &"the status note is empty")?;
        let synthetic = self.status == Status::Synthetic;
        require(synthetic == self.files.is_empty(), &"a synthetic set has no files, any other has some")?;
        for (option, entry) in &self.options {
            entry.check().map_err(|e| format!("option `{option}`: {e}"))?;
        }
        for file in &self.files {
            require(plain(&file.name), &format!("`{}` is not a plain file name", file.name))?;
            let once = self.files.iter().filter(|f| f.name == file.name).count() == 1;
            require(once, &format!("file `{}` is listed twice", file.name))?;
            file.check().map_err(|e| format!("file `{}`{e}", file.name))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Checksum;

    #[test]
    fn the_embedded_catalog_is_valid() {
        let catalog = Catalog::parse(EMBEDDED).unwrap();
        let names: Vec<&str> = catalog.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "parkinsons",
                "sarcos",
                "sarcos-test",
                "rf1",
                "isolet",
                "school",
                "school-argyriou",
                "school-classes",
                "computers",
                "traffic-sp",
                "cifar10-cnn128",
                "celeba",
                "coco",
                "mnist",
                "mnist-sample",
                "mnist-mtl",
                "covertype",
                "covertype-sample",
                "ssd",
                "ssd-kios",
                "awa2",
                "awa2-mtl",
                "office-caltech",
                "office-caltech-mtl",
                "mcsem",
                "merck-metab",
                "merck-cyp",
                "qsar-chembl15",
                "tfbs",
                "synthetic-gl",
                "synthetic-metag",
                "synthetic-rmtfl",
                "synthetic-srml",
                "synthetic-srml-classes",
                "synthetic-sgmtl-set1",
                "synthetic-sgmtl-set2",
                "synthetic-motifs",
                "synthetic-bigmtl",
                "synthetic-tomato",
                "synthetic-tomato-case"
            ]
        );
        let sarcos = catalog.get("sarcos").unwrap();
        assert_eq!((sarcos.status, &sarcos.tasks), (Status::Official, &Amount::Number(7)));
        assert_eq!(sarcos.files[0].checksums(), [Checksum::GitBlob("687b7aaa5faf5a9c67fc6655fd59fd8b4539ad55".into())]);
        let rows = |entry: &Entry| {
            Amount::Number(entry.files.iter().filter_map(|f| Some(f.fingerprint.as_ref()?.rows as u64)).sum())
        };
        assert_eq!(rows(sarcos), sarcos.rows);
        assert_eq!(catalog.get("sarcos-test").unwrap().files[0].checksums(), sarcos.files[1].checksums());
        let isolet = catalog.get("isolet").unwrap();
        assert_eq!(rows(isolet), isolet.rows);
        let voice = &catalog.get("parkinsons").unwrap().features;
        assert_eq!(voice.to_string(), "16 voice measures (17 and 19 as options)");
    }

    #[test]
    fn unknown_names_get_help() {
        let error = Catalog::embedded().get("parkinson").unwrap_err().to_string();
        assert!(error.starts_with("unknown data set `parkinson`; did you mean `parkinsons`?\nvalid: `parkinsons`, "));
        assert!(!Catalog::embedded().get("zebra").unwrap_err().to_string().contains("did you mean"));
    }

    /// A valid entry with one line replaced.
    fn with(from: &str, to: &str) -> Result<Catalog, CatalogError> {
        let hex = "0123456789abcdef".repeat(4);
        let yaml = format!(
            "a:\n  title: A\n  summary: s\n  status: official\n  status_note: all\n  tasks: 1\n  features: 2\n  \
             rows: 3\n  licence: l\n  citation: c\n  options:\n    o: {{choices: [x, y], default: x, doc: d}}\n  \
             files:\n  - name: f.csv\n    format: csv\n    sources:\n    - url: https://example.org/f\n      \
             sha256: {hex}\n    fingerprint: {{rows: 3, columns: 2, missing: 0, column_sums: [1.0, 2.0]}}\n"
        );
        assert!(yaml.contains(from), "the test replaces nothing");
        Catalog::parse(&yaml.replacen(from, to, 1))
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(with("title: A", "title: B").is_ok());
        let refused = |from, to, part: &str| {
            let error = with(from, to).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused("title: A", "titel: A", "titel");
        refused("status: official", "status: synthetic", "a synthetic set has no files");
        refused("status: official", "status: real", "real");
        refused("default: x", "default: z", "the default `z` is not a choice");
        refused("name: f.csv", "name: ../f.csv", "not a plain file name");
        refused("https://", "ftp://", "must begin with https://");
        refused("sha256: 0", "sha256: x", "64 lower-case hexadecimal");
        refused("sha256: 01", "sha256: 1", "64 lower-case hexadecimal");
        refused("[1.0, 2.0]", "[1.0]", "1 column sums for 2 columns");
        refused("[1.0, 2.0]", "[1.0, 2.0], total: .inf", "the total is not finite");
        refused("status_note: all", "status_note: ''", "status note is empty");
        refused("choices: [x, y]", "whole: [1, 5]", "the default `x` is not a whole number from 1 to 5");
        refused("choices: [x, y]", "number: [5, 1]", "there is no number from 5 to 1");
        refused("choices: [x, y]", "choices: [x], number: [0, 1]", "one of `choices`, `whole` and `number`");
        refused("[1.0, 2.0]}", "[1.0, 2.0]}\n    by_hand: \"two\\nlines\"", "one line on how to make it");
    }

    #[test]
    fn files_made_by_hand_need_no_source_and_others_do() {
        let sources = |yaml: &str| {
            let start = yaml.find("    sources:").unwrap();
            let end = yaml.find("    fingerprint").unwrap();
            yaml[start..end].to_owned()
        };
        let hex = "0123456789abcdef".repeat(4);
        let yaml = format!("    sources:\n    - url: https://example.org/f\n      sha256: {hex}\n    fingerprint");
        let without = sources(&yaml);
        assert!(with(&without, "    by_hand: draw it\n").is_ok());
        let error = with(&without, "").unwrap_err().to_string();
        assert!(error.contains("file `f.csv` has no source"), "{error}");
        let known = with(&without, &format!("    by_hand: draw it\n    sha256: {hex}\n")).unwrap();
        assert_eq!(known.get("a").unwrap().files[0].checksums(), [Checksum::Sha256(hex)]);
        let error = with(&without, "    by_hand: draw it\n    sha256: abc\n").unwrap_err().to_string();
        assert!(error.contains("64 lower-case hexadecimal"), "{error}");

        let hex = "0123456789abcdef".repeat(4);
        assert!(
            with(&without, &format!("    carried: drawn from a\n    sha256: {hex}\n"))
                .unwrap()
                .get("a")
                .unwrap()
                .is_carried()
        );
        let error = with(&without, "    carried: drawn from a\n").unwrap_err().to_string();
        assert!(error.contains("file `f.csv`: a carried file has a `sha256`"), "{error}");
        let error = with("    fingerprint", "    unpacked: abc\n    fingerprint").unwrap_err().to_string();
        assert!(error.contains("64 lower-case hexadecimal"), "{error}");
    }
}
