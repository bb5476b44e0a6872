//! What made a report: programs, machines, data and seeds. All of it is read from the stored records, so that a report made
//! again from the same results says the same.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, SecondsFormat};
use mtl_data::fetch::Trust;
use mtl_experiments::plan::{Resolved, units};
use mtl_experiments::results::Results;
use mtl_experiments::store::Record;
use mtl_experiments::{CellId, Store};

/// What made a report.
#[derive(Debug, Default)]
pub struct Provenance {
    /// What each program did on each kind of processor.
    pub work: BTreeMap<Maker, Work>,
    /// The files that data sets were read from.
    pub files: BTreeSet<DataFile>,
    /// The seeds of data and splits.
    pub seeds: BTreeSet<Seeds>,
}

/// Who made records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Maker {
    /// Version, commit, compiler and the hash of `Cargo.lock`.
    pub software: String,
    /// Architecture and vector extensions.
    pub cpu: String,
}

/// What was made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work {
    /// Number of records.
    pub records: usize,
    /// Wall-clock time of their fits, in seconds.
    pub seconds: f64,
    /// When the first and the last of them were finished, in seconds since 1970.
    pub span: Option<(u64, u64)>,
}

/// A file of a data set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataFile {
    /// The data set.
    pub dataset: String,
    /// Name of the file.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Why it is believed.
    pub trust: String,
}

/// The seeds of one repeat on one variant of data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seeds {
    /// The variant.
    pub data: String,
    /// The repeat, from 1.
    pub repeat: u32,
    /// Seeds by what they are for.
    pub seeds: BTreeMap<String, String>,
}

impl Provenance {
    /// Of the results of studies.
    pub fn of(results: &[Results], store: &Store) -> Self {
        let mut provenance = Self::default();
        let mut seen: HashSet<CellId> = HashSet::new();
        for results in results {
            for unit in units(&results.study, &results.resolved) {
                let records = unit.records(store);
                let new = records.iter().filter(|record| seen.insert(record.key.id()));
                new.for_each(|record| provenance.add(record));
            }
            results.resolved.iter().for_each(|resolved| provenance.add_files(resolved));
        }
        provenance
    }

    fn add(&mut self, record: &Record) {
        let made = &record.circumstances;
        let work = self.work.entry(Maker { software: made.software.clone(), cpu: made.cpu.clone() }).or_default();
        work.records += 1;
        work.seconds += made.seconds;
        let (first, last) = work.span.unwrap_or((made.finished, made.finished));
        work.span = Some((first.min(made.finished), last.max(made.finished)));
        self.seeds.insert(Seeds {
            data: record.key.data.to_string(),
            repeat: record.key.repeat + 1,
            seeds: made.seeds.clone(),
        });
    }

    /// The files of a data set, with those that the program carries.
    pub fn add_files(&mut self, resolved: &Resolved) {
        let Some(variant) = &resolved.variant else { return };
        self.files.extend(variant.files.iter().map(|file| {
            DataFile {
                dataset: variant.spec.name.clone(),
                name: file.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                sha256: file.sha256.clone(),
                trust: match file.checksum {
                    Trust::Verified => "checksum of the catalog",
                    Trust::Pinned => "pinned at first use",
                }
                .to_owned(),
            }
        }));
    }

    /// When the first and the last record were finished.
    pub fn span(&self) -> Option<(u64, u64)> {
        let spans = self.work.values().filter_map(|work| work.span);
        spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }
}

/// A moment as ISO 8601 has it, in universal time.
pub fn moment(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    moment.map_or_else(|| "unknown".into(), |moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true))
}
