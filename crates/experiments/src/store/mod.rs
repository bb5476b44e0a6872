//! Results on disk: append-only, one file a record, whole or not at all.
//!
//! A record is written under a temporary name and renamed, and carries a hash of itself. Whatever happens in between
//! (a crash, a full disk, a power cut) leaves either the whole record or none, and what is damaged counts as absent.

mod merge;
mod record;

pub use merge::{Conflict, Merged};
pub use record::{Circumstances, Outcome, PointResult, Record};

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ndarray::{Array2, ArrayView2};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};

use crate::cell::CellId;

/// Arrays larger than this are kept only where a study asks for them.
pub const ARTIFACT_LIMIT: usize = 1 << 20;

/// A folder of records and artifacts.
pub struct Store {
    folder: PathBuf,
    cache: Mutex<HashMap<CellId, Arc<Record>>>,
    counter: AtomicU64,
}

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("results store {}: cannot {doing}: {cause}\n{}", folder.display(), mend(cause))]
pub struct StoreError {
    folder: PathBuf,
    doing: &'static str,
    // Not called `source`: it is part of the message already.
    cause: io::Error,
}

fn mend(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::InvalidData => "this is an error of the program; please report it",
        _ => "free some space, make the folder writable, or choose another with --store DIR",
    }
}

impl Store {
    /// Opens (or creates) a store and checks that it can be written to.
    ///
    /// # Errors
    /// If the folder cannot be created or written to.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let store = Self::reading(folder);
        let wrap = |source| store.error("write to it", source);
        for part in ["records", "artifacts", "tmp"] {
            std::fs::create_dir_all(folder.join(part)).map_err(wrap)?;
        }
        let probe = store.temporary();
        std::fs::write(&probe, b"probe").and_then(|()| std::fs::remove_file(&probe)).map_err(wrap)?;
        Ok(store)
    }

    /// A store that is only read; it may not exist yet.
    pub fn reading(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), cache: Mutex::default(), counter: AtomicU64::new(0) }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn temporary(&self) -> PathBuf {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        self.folder.join("tmp").join(format!("{}-{count}", std::process::id()))
    }

    fn record_path(&self, id: &CellId) -> PathBuf {
        self.folder.join("records").join(id.as_str().get(..2).unwrap_or("-")).join(format!("{id}.jsonl"))
    }

    fn artifact_path(&self, hash: &str) -> PathBuf {
        self.folder.join("artifacts").join(hash.get(..2).unwrap_or("-")).join(format!("{hash}.npy"))
    }

    fn error(&self, doing: &'static str, cause: io::Error) -> StoreError {
        StoreError { folder: self.folder.clone(), doing, cause }
    }

    /// The record of a cell; `None` if it was never run, or if its file is damaged.
    pub fn get(&self, id: &CellId) -> Option<Arc<Record>> {
        if let Some(record) = self.cache().get(id) {
            return Some(Arc::clone(record));
        }
        let record = Arc::new(read_record(&self.record_path(id))?);
        self.cache().insert(id.clone(), Arc::clone(&record));
        Some(record)
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<CellId, Arc<Record>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a record.
    ///
    /// # Errors
    /// If the disk refuses; nothing is left under the record's name then. Nor is a record taken that holds a number
    /// which is not finite: JSON could not give it back.
    pub fn put(&self, record: Record) -> Result<(), StoreError> {
        let id = record.key.id();
        let wrap = |source| self.error("write a record", source);
        if !record.is_finite() {
            return Err(wrap(io::Error::new(io::ErrorKind::InvalidData, "a number in it is not finite")));
        }
        let mut bytes = serde_json::to_vec(&record).map_err(|e| wrap(e.into()))?;
        let check = blake3::hash(&bytes).to_hex();
        bytes.extend_from_slice(format!("\n{{\"blake3\":\"{check}\"}}\n").as_bytes());
        self.write(&self.record_path(&id), &bytes).map_err(wrap)?;
        self.cache().insert(id, Arc::new(record));
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let temporary = self.temporary();
        let written = std::fs::File::create(&temporary)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.flush()))
            .and_then(|()| std::fs::rename(&temporary, path));
        if written.is_err() {
            // The disk is in trouble already; a leftover temporary file does no harm.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }

    /// Forgets a record, so that its cell runs again.
    ///
    /// # Errors
    /// If the file exists but cannot be removed.
    pub fn forget(&self, id: &CellId) -> Result<(), StoreError> {
        self.cache().remove(id);
        match std::fs::remove_file(self.record_path(id)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(self.error("remove a record", source)),
            _ => Ok(()),
        }
    }

    /// Every intact record, in the order of their hashes.
    pub fn all(&self) -> Vec<Arc<Record>> {
        self.iter().map(Arc::new).collect()
    }

    /// The same, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = Record> {
        self.record_files().filter_map(|path| read_record(&path))
    }

    fn record_files(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let list = |folder: &Path| -> Vec<PathBuf> {
            let mut paths: Vec<_> =
                std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
            paths.sort();
            paths
        };
        list(&self.folder.join("records")).into_iter().flat_map(move |f| list(&f))
    }

    /// Drops what is held in memory; it is read again when it is asked for.
    pub fn release(&self) {
        self.cache().clear();
    }

    /// Keeps a matrix and gives its content hash.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn keep(&self, array: ArrayView2<'_, f64>) -> Result<String, StoreError> {
        let wrap = |source| self.error("write an artifact", source);
        let mut bytes = Vec::new();
        array.write_npy(&mut bytes).map_err(|e| wrap(io::Error::other(e)))?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let path = self.artifact_path(&hash);
        // A damaged file does not stay only because it is there.
        if std::fs::read(&path).ok().as_ref() != Some(&bytes) {
            self.write(&path, &bytes).map_err(wrap)?;
        }
        Ok(hash)
    }

    /// A matrix that was kept; `None` if it is missing or damaged.
    pub fn matrix(&self, hash: &str) -> Option<Array2<f64>> {
        let bytes = std::fs::read(self.artifact_path(hash)).ok()?;
        let intact = blake3::hash(&bytes).to_hex().as_str() == hash;
        intact.then(|| Array2::read_npy(bytes.as_slice()).ok()).flatten()
    }
}

/// Reads a record file; `None` if it is missing, cut short, altered, or not the record that its name says.
fn read_record(path: &Path) -> Option<Record> {
    let text = std::fs::read_to_string(path).ok()?;
    let (body, check) = text.trim_end().split_once('\n')?;
    let expected = format!("{{\"blake3\":\"{}\"}}", blake3::hash(body.as_bytes()).to_hex());
    let record: Record = (check == expected).then(|| serde_json::from_str(body).ok()).flatten()?;
    (path.file_stem()?.to_str()? == record.key.id().as_str()).then_some(record)
}
