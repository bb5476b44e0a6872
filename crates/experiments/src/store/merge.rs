//! One store out of several: records and artifacts are copied as they are.

use std::path::Path;
use std::sync::Arc;

use super::{Outcome, Record, Store, StoreError, durable};
use crate::cell::CellId;

/// What became of the records of a store that was merged into another.
#[derive(Debug, Default)]
pub struct Merged {
    /// Records that were not there.
    pub added: usize,
    /// Records that were there, with the same outcome.
    pub same: usize,
    /// Records that were there as failures, which a result has replaced.
    pub mended: usize,
    /// Files that are no intact records; they were left out.
    pub damaged: usize,
    /// Artifacts of these records that are missing or damaged.
    pub lost: usize,
    /// Records that were there with another outcome, which was kept.
    pub conflicts: Vec<Conflict>,
}

/// Two outcomes of one cell.
#[derive(Debug)]
pub struct Conflict {
    /// The cell.
    pub id: CellId,
    /// The record that was kept.
    pub kept: Arc<Record>,
    /// The other one.
    pub other: Record,
}

impl Store {
    /// Takes over what another store holds. Of two outcomes of one cell that differ, a result goes before a failure, and
    /// what was here before what comes; the latter is a conflict.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn merge(&self, other: &Self) -> Result<Merged, StoreError> {
        let mut merged = Merged::default();
        for path in other.files("records", "jsonl") {
            match other.read(&path) {
                Ok(record) => self.take(record, &path, other, &mut merged)?,
                Err(_) => merged.damaged += 1,
            }
        }
        Ok(merged)
    }

    fn take(&self, record: Record, path: &Path, other: &Self, merged: &mut Merged) -> Result<(), StoreError> {
        let id = record.key.id();
        let here = self.read(&self.record_path(&id)).ok();
        match here {
            Some(here) if here.outcome == record.outcome => {
                merged.same += 1;
                return Ok(());
            }
            Some(here) => match (&here.outcome, &record.outcome) {
                (Outcome::Failed(_), Outcome::Done(_)) => merged.mended += 1,
                // Times and machines differ, and with them what is out of time: a failure proves nothing against a result.
                (_, Outcome::Failed(_)) => {
                    merged.same += 1;
                    return Ok(());
                }
                (Outcome::Done(_), Outcome::Done(_)) => {
                    merged.conflicts.push(Conflict { id, kept: Arc::new(here), other: record });
                    return Ok(());
                }
            },
            None => merged.added += 1,
        }
        // Artifacts first: a record that is there has its artifacts.
        for hash in record.points().iter().flat_map(|point| point.artifacts.values()) {
            merged.lost += usize::from(!self.copy_artifact(hash, other)?);
        }
        let write = |bytes: Vec<u8>| durable::write(&self.record_path(&id), &bytes, &self.temporaries());
        let copied = std::fs::read(path).and_then(write);
        copied.map_err(|cause| self.error("copy a record", cause))?;
        self.cache().remove(&id);
        Ok(())
    }

    /// Whether the artifact is here now, intact.
    fn copy_artifact(&self, hash: &str, other: &Self) -> Result<bool, StoreError> {
        let intact = |store: &Self| {
            let bytes = std::fs::read(store.artifact_path(hash)).ok()?;
            (blake3::hash(&bytes).to_hex().as_str() == hash).then_some(bytes)
        };
        if intact(self).is_some() {
            return Ok(true);
        }
        let Some(bytes) = intact(other) else { return Ok(false) };
        let written = durable::write(&self.artifact_path(hash), &bytes, &self.temporaries());
        written.map_err(|cause| self.error("copy an artifact", cause))?;
        Ok(true)
    }
}
