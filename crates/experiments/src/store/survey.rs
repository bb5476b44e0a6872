//! What a store holds, and what is wrong with it.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use mtl_core::metric::METRICS_REVISION;
use mtl_data::sets;
use serde::Serialize;

use super::damage::quarantine;
use super::{Absence, Damage, Fate, Outcome, Record, Store, list};
use crate::cell::{CellId, CellKey};

/// What a store holds, and what is wrong with it.
#[derive(Debug, Default, Serialize)]
pub struct Survey {
    /// Records with results.
    pub done: usize,
    /// Records of failures.
    pub failed: usize,
    /// Intact artifacts.
    pub artifacts: usize,
    /// Records and artifacts that are damaged.
    pub damaged: Vec<Damage>,
    /// Files that may be whole, but that this program cannot read: of a later format, or on a failing disk.
    pub unreadable: Vec<Damage>,
    /// Records that refer to artifacts which are missing or damaged.
    pub incomplete: Vec<Incomplete>,
    /// What no study asks for any more, with the number of records.
    pub outdated: BTreeMap<Outdated, usize>,
    /// Artifacts that no record refers to.
    pub orphans: usize,
    /// Temporary files, of runs in progress or left by dead ones.
    pub temporaries: usize,
    /// Files in the quarantine.
    pub quarantined: usize,
}

/// A record that refers to an artifact which is not there.
#[derive(Debug, Serialize)]
pub struct Incomplete {
    /// The record.
    pub cell: CellId,
    /// What is missing, by its name in the record.
    pub artifact: String,
    /// Where the record was moved to, if it was.
    pub moved: Option<PathBuf>,
}

/// Why no study asks for a record: what it was made with has changed since.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Outdated {
    /// The method computes something else now.
    #[error("{name} of revision {was}, now {now}")]
    Revision {
        /// Method or data set.
        name: String,
        /// The record's revision.
        was: u32,
        /// The present one.
        now: u32,
    },
    /// There is no such method or data set any more.
    #[error("{0}, which there is no more")]
    Gone(String),
}

impl Serialize for Outdated {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Outdated {
    /// Whether a cell is of an earlier revision than this program's. Of later ones nothing is known.
    pub fn of(key: &CellKey) -> Option<Self> {
        let method = mtl_methods::method(&key.method).ok().map(|entry| entry.info.revision);
        let revisions = [
            (key.method.as_str(), key.method_revision, method),
            (key.data.name.as_str(), key.data_revision, sets::revision(&key.data.name)),
            ("measures", key.metrics_revision, Some(METRICS_REVISION)),
        ];
        revisions.into_iter().find_map(|(name, was, now)| match now {
            None => Some(Self::Gone(name.to_owned())),
            Some(now) if was < now => Some(Self::Revision { name: name.to_owned(), was, now }),
            Some(_) => None,
        })
    }
}

impl Survey {
    /// Whether nothing is damaged or missing.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.unreadable.is_empty() && self.incomplete.is_empty()
    }

    /// Whether what is damaged or missing was moved away, all of it.
    pub fn is_mended(&self) -> bool {
        let moved = |damage: &Damage| matches!(damage.fate, Fate::Quarantined(_));
        self.damaged.iter().all(moved)
            && self.incomplete.iter().all(|i| i.moved.is_some())
            && self.unreadable.is_empty()
    }

    fn note(&mut self, absence: Absence) {
        match absence {
            // Another process moved it meanwhile.
            Absence::Missing => {}
            Absence::Damaged(damage) => self.damaged.push(damage),
            Absence::Unreadable(damage) => self.unreadable.push(damage),
        }
    }
}

impl Store {
    /// Reads everything. A store that is open for writing is mended at once: what is damaged goes to the quarantine, and so
    /// do records whose artifacts are missing, so that their cells run again.
    pub fn survey(&self) -> Survey {
        let mut survey = Survey::default();
        let mut artifacts = HashSet::new();
        for path in self.files("artifacts", "npy") {
            match self.artifact(&path) {
                Ok(_) => artifacts.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned())),
                Err(absence) => survey.note(absence),
            }
        }
        survey.artifacts = artifacts.len();
        let mut referred = HashSet::new();
        for path in self.files("records", "jsonl") {
            let record = match self.read(&path) {
                Ok(record) => record,
                Err(absence) => {
                    survey.note(absence);
                    continue;
                }
            };
            if let Some((artifact, hash)) = record.artifacts().find(|(_, hash)| !artifacts.contains(*hash)) {
                let reason = format!("its artifact `{artifact}` ({hash}) is missing or damaged");
                let moved = self.lock.as_ref().and_then(|_| quarantine(&self.folder, &path, &reason).ok()?);
                let moved = moved.map(|place| self.below(&place));
                survey.incomplete.push(Incomplete { cell: record.key.id(), artifact: artifact.clone(), moved });
                continue;
            }
            referred.extend(record.artifacts().map(|(_, hash)| hash.clone()));
            *match record.outcome {
                Outcome::Done(_) => &mut survey.done,
                Outcome::Failed(_) => &mut survey.failed,
            } += 1;
            if let Some(outdated) = Outdated::of(&record.key) {
                *survey.outdated.entry(outdated).or_default() += 1;
            }
        }
        survey.orphans = artifacts.difference(&referred).count();
        survey.temporaries = list(&self.temporaries()).len();
        survey.quarantined = list(&self.folder.join("quarantine")).len() / 2;
        survey
    }

    /// The intact records with their files, and whether there are some that cannot be read.
    pub(super) fn inventory(&self) -> (Vec<(PathBuf, Arc<Record>)>, bool) {
        let mut unreadable = false;
        let mut records = Vec::new();
        for path in self.files("records", "jsonl") {
            match self.read(&path) {
                Ok(record) => records.push((path, Arc::new(record))),
                Err(Absence::Unreadable(_)) => unreadable = true,
                Err(Absence::Missing | Absence::Damaged(_)) => {}
            }
        }
        (records, unreadable)
    }
}
