//! What a store could do without.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Outdated, Store, StoreError, list};

/// What a store could do without.
#[derive(Debug, Default, Serialize)]
pub struct Garbage {
    /// The files.
    pub files: Vec<Litter>,
    /// Whether artifacts were left out, because some records cannot be read and may refer to them.
    pub artifacts_kept: bool,
}

/// A file that a store could do without.
#[derive(Debug, Clone, Serialize)]
pub struct Litter {
    /// The file, below the store's folder.
    pub file: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Its size.
    pub bytes: u64,
}

/// What a superfluous file is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What a run that died was about to write.
    #[error("left by runs that died")]
    Temporary,
    /// Moved out of the way because it was damaged, or why it was.
    #[error("in quarantine")]
    Quarantined,
    /// A record of an earlier revision.
    #[error("record: {0}")]
    Outdated(Outdated),
    /// An artifact of no record that stays.
    #[error("artifact of no record")]
    Orphan,
}

impl Store {
    /// Opens a store that nobody else is writing to, and keeps others out for as long.
    ///
    /// # Errors
    /// If somebody is, or if that cannot be known.
    pub fn alone(folder: &Path) -> Result<Self, StoreError> {
        let mut store = Self::reading(folder);
        let refuse = |e| store.error("work on it alone", e);
        let lock = File::options().create(true).append(true).open(store.lock_path()).map_err(refuse)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(refuse(io::Error::new(io::ErrorKind::ResourceBusy, "a run is using it")));
            }
            Err(TryLockError::Error(e)) => return Err(refuse(e)),
        }
        store.lock = Some(lock);
        Ok(store)
    }

    /// Lists what no study of this program's revisions can need. While a run is in progress, some of it may be the run's.
    pub fn garbage(&self) -> Garbage {
        let mut garbage = Garbage::default();
        let mut add = |path: &Path, kind| {
            let bytes = path.metadata().map_or(0, |m| m.len());
            garbage.files.push(Litter { file: self.below(path), kind, bytes });
        };
        list(&self.temporaries()).iter().for_each(|path| add(path, Kind::Temporary));
        list(&self.folder.join("quarantine")).iter().for_each(|path| add(path, Kind::Quarantined));
        let (records, unreadable) = self.inventory();
        let mut referred = HashSet::new();
        for (path, record) in &records {
            match Outdated::of(&record.key) {
                Some(outdated) => add(path, Kind::Outdated(outdated)),
                None => referred.extend(record.artifacts().map(|(_, hash)| self.artifact_path(hash))),
            }
        }
        if !unreadable {
            let orphans = self.files("artifacts", "npy").filter(|path| !referred.contains(path));
            orphans.for_each(|path| add(&path, Kind::Orphan));
        }
        garbage.artifacts_kept = unreadable;
        garbage
    }

    /// Deletes what [`Store::garbage`] lists, records before their artifacts. The store has to be [`Store::alone`].
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn delete(&self, garbage: &Garbage) -> Result<(), StoreError> {
        for litter in &garbage.files {
            match std::fs::remove_file(self.folder.join(&litter.file)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(self.error("remove a file", e)),
                _ => {}
            }
        }
        Ok(())
    }
}
