//! Results on disk: append-only, one file a record, whole or not at all.
//!
//! A record is written under a temporary name, brought to the disk, renamed, and carries a hash of itself. Whatever
//! happens in between (a crash, a full disk, a power cut) leaves either the whole record or none. What is damaged later
//! is never believed: it is moved to `quarantine/` with the reason, reported once, and its cell runs again.
//!
//! Several processes, on one machine or on many that share a disk, can use a store at the same time. Two may run the
//! same cell; the last record stays, and all are the same but for their circumstances. Nothing here looks at the clock.

mod damage;
mod diff;
mod durable;
mod file;
mod garbage;
mod merge;
mod record;
mod survey;

pub use damage::{Damage, Fate};
pub use diff::{Difference, Differences, diff};
pub use file::FORMAT;
pub use garbage::{Garbage, Kind, Litter};
pub use merge::{Conflict, Merged};
pub use record::{Circumstances, Outcome, PointResult, Record};
pub use survey::{Incomplete, Outdated, Survey};

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ndarray::{Array2, ArrayView2};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};

use crate::cell::CellId;
use file::Flaw;

/// Arrays larger than this are kept only where a study asks for them.
pub const ARTIFACT_LIMIT: usize = 1 << 20;

/// A folder of records and artifacts.
pub struct Store {
    folder: PathBuf,
    cache: Mutex<HashMap<CellId, Arc<Record>>>,
    /// Held shared while the store is open for writing, so that nothing is thrown away meanwhile; `None` if it is only read.
    lock: Option<File>,
    /// Is told about damage, about each file once.
    listener: fn(&Damage),
    told: Mutex<HashSet<PathBuf>>,
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
        io::ErrorKind::Unsupported => "update mtl, or choose another store with --store DIR",
        io::ErrorKind::ResourceBusy => "run this again when it is over",
        _ => "free some space, make the folder writable, or choose another with --store DIR",
    }
}

impl Store {
    /// Opens (or creates) a store and checks that it can be written to.
    ///
    /// # Errors
    /// If the folder cannot be created or written to.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut store = Self::reading(folder);
        store.lock = Some(store.prepare().map_err(|e| store.error("write to it", e))?);
        Ok(store)
    }

    /// A store that is only read; it may not exist yet.
    pub fn reading(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            cache: Mutex::default(),
            lock: None,
            listener: |_| {},
            told: Mutex::default(),
        }
    }

    /// The store with somebody who is told about damage: once about each file, when it is met.
    #[must_use]
    pub fn telling(self, listener: fn(&Damage)) -> Self {
        Self { listener, ..self }
    }

    /// Makes the folders, tries to write, and gives the lock.
    fn prepare(&self) -> io::Result<File> {
        for part in ["records", "artifacts", "tmp"] {
            std::fs::create_dir_all(self.folder.join(part))?;
        }
        let lock = File::options().create(true).append(true).open(self.lock_path())?;
        match lock.lock_shared() {
            // Some network file systems cannot lock. Only throwing things away needs it.
            Err(e) if e.kind() != io::ErrorKind::Unsupported => return Err(e),
            _ => {}
        }
        let (probe, mut file) = durable::create(&self.temporaries())?;
        // A full disk often has room for a name but for no byte.
        let written = file.write_all(&[0; 4096]).and_then(|()| file.sync_all());
        written.and(std::fs::remove_file(&probe))?;
        Ok(lock)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn lock_path(&self) -> PathBuf {
        self.folder.join("lock")
    }

    fn temporaries(&self) -> PathBuf {
        self.folder.join("tmp")
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
        let record = Arc::new(self.read(&self.record_path(id)).ok()?);
        self.cache().insert(id.clone(), Arc::clone(&record));
        Some(record)
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<CellId, Arc<Record>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a record file. What is not believed is reported, and moved away if it is damaged.
    fn read(&self, path: &Path) -> Result<Record, Absence> {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let reason = match std::fs::read(path).map(|bytes| file::decode(&bytes, name)) {
            Ok(Ok(record)) => return Ok(record),
            Ok(Err(Flaw::Damaged(reason))) => {
                let intact = |bytes: &[u8]| file::decode(bytes, name).is_ok();
                return match self.distrust(path, &reason, intact) {
                    Some(damage) => Err(Absence::Damaged(damage)),
                    None => self.read(path),
                };
            }
            Ok(Err(newer @ Flaw::Newer(_))) => newer.to_string(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Absence::Missing),
            // A disk that cannot be read just now is no reason to move anything.
            Err(e) => format!("it cannot be read: {e}"),
        };
        Err(Absence::Unreadable(self.report(path, reason, Fate::Spared)))
    }

    /// Reports a damaged file and, in a store that is written to, moves it away; `None` if another process moved or mended it
    /// meanwhile.
    fn distrust(&self, path: &Path, reason: &str, intact: impl Fn(&[u8]) -> bool) -> Option<Damage> {
        let fate = match self.lock.as_ref().map(|_| damage::quarantine(&self.folder, path, reason)) {
            Some(Ok(None)) => return None,
            Some(Ok(Some(place))) if std::fs::read(&place).is_ok_and(|bytes| intact(&bytes)) => {
                return damage::release(&place, path).ok().and(None);
            }
            Some(Ok(Some(place))) => Fate::Quarantined(self.below(&place)),
            Some(Err(_)) | None => Fate::Left,
        };
        Some(self.report(path, reason.to_owned(), fate))
    }

    fn report(&self, path: &Path, reason: String, fate: Fate) -> Damage {
        let damage = Damage { file: self.below(path), reason, fate };
        if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(damage.file.clone()) {
            (self.listener)(&damage);
        }
        damage
    }

    /// A path as seen from the store's folder.
    fn below(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.folder).unwrap_or(path).to_owned()
    }

    /// Writes a record.
    ///
    /// # Errors
    /// If the disk refuses; nothing is left under the record's name then. Nor is a record taken that holds a number
    /// which is not finite: JSON could not give it back. The record of a later program is not replaced.
    pub fn put(&self, record: Record) -> Result<(), StoreError> {
        let id = record.key.id();
        let path = self.record_path(&id);
        let wrap = |source| self.error("write a record", source);
        if !record.is_finite() {
            return Err(wrap(io::Error::new(io::ErrorKind::InvalidData, "a number in it is not finite")));
        }
        let bytes = file::encode(&record).map_err(|e| wrap(e.into()))?;
        let there = std::fs::read(&path).map(|bytes| file::decode(&bytes, id.as_str()));
        if let Ok(Err(newer @ Flaw::Newer(_))) = there {
            let text = format!("{} is there: {newer}", self.below(&path).display());
            return Err(wrap(io::Error::new(io::ErrorKind::Unsupported, text)));
        }
        durable::write(&path, &bytes, &self.temporaries()).map_err(wrap)?;
        self.cache().insert(id, Arc::new(record));
        Ok(())
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
        self.files("records", "jsonl").filter_map(|path| self.read(&path).ok())
    }

    /// The files with an ending in the folders of a part, sorted.
    fn files(&self, part: &str, ending: &'static str) -> impl Iterator<Item = PathBuf> + use<> {
        let folders = list(&self.folder.join(part));
        folders.into_iter().flat_map(|f| list(&f)).filter(move |path| path.extension().is_some_and(|e| e == ending))
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
            durable::write(&path, &bytes, &self.temporaries()).map_err(wrap)?;
        }
        Ok(hash)
    }

    /// A matrix that was kept; `None` if it is missing or damaged, of which the listener is told.
    pub fn matrix(&self, hash: &str) -> Option<Array2<f64>> {
        let path = self.artifact_path(hash);
        match self.artifact(&path) {
            Ok(bytes) => Array2::read_npy(bytes.as_slice()).ok(),
            Err(Absence::Missing) => {
                self.report(&path, "a record refers to it, but it is missing".into(), Fate::Left);
                None
            }
            Err(Absence::Damaged(_) | Absence::Unreadable(_)) => None,
        }
    }

    /// Reads an artifact, whose name is the hash of its content.
    fn artifact(&self, path: &Path) -> Result<Vec<u8>, Absence> {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let intact = |bytes: &[u8]| blake3::hash(bytes).to_hex().as_str() == name;
        match std::fs::read(path) {
            Ok(bytes) if intact(&bytes) => Ok(bytes),
            Ok(_) => match self.distrust(path, "its content is not what its name says", intact) {
                Some(damage) => Err(Absence::Damaged(damage)),
                None => self.artifact(path),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(Absence::Missing),
            Err(e) => Err(Absence::Unreadable(self.report(path, format!("it cannot be read: {e}"), Fate::Spared))),
        }
    }
}

/// Why there is no record.
enum Absence {
    /// There is no file.
    Missing,
    /// The file was damaged.
    Damaged(Damage),
    /// The file may be whole, but cannot be read by this program now.
    Unreadable(Damage),
}

/// What is in a folder, sorted; nothing if there is none.
fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}
