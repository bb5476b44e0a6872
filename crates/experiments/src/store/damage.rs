//! What in a store is not believed, and what becomes of it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::durable::sync_folder;

/// A file of the store that is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The file, below the store's folder.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
    /// What became of it.
    pub fate: Fate,
}

/// What becomes of a file that is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It was moved out of the way, to here: below the store's folder.
    Quarantined(PathBuf),
    /// It was left where it is, because the store is only read or cannot be written to.
    Left,
    /// It was left alone, because it may be whole: this program cannot read it.
    Spared,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)?;
        match &self.fate {
            Fate::Quarantined(to) if self.file.starts_with("records") => {
                write!(f, "; moved to {}, and its cell runs again", to.display())
            }
            Fate::Quarantined(to) => {
                write!(f, "; moved to {} (to have its cell run again: mtl store check --mend)", to.display())
            }
            Fate::Left => f.write_str("; not used (to mend the store: mtl store check --mend)"),
            Fate::Spared => f.write_str("; not used, left alone"),
        }
    }
}

/// Moves a file into the quarantine, with the reason beside it, and gives its new name; `None` if it is not there any more.
pub(super) fn quarantine(store: &Path, file: &Path, reason: &str) -> io::Result<Option<PathBuf>> {
    let folder = store.join("quarantine");
    fs::create_dir_all(&folder)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let (place, mut note) = reserve(&folder, &name)?;
    let explained = writeln!(note, "{}\n{reason}", file.strip_prefix(store).unwrap_or(file).display());
    if let Err(e) = explained.and_then(|()| fs::rename(file, &place)) {
        fs::remove_file(note_of(&place))?;
        return if e.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(e) };
    }
    sync_folder(&folder)?;
    Ok(Some(place))
}

/// Takes a file back that was moved there by mistake.
pub(super) fn release(place: &Path, to: &Path) -> io::Result<()> {
    fs::rename(place, to)?;
    fs::remove_file(note_of(place))
}

/// The note says why the file beside it is here.
fn note_of(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(".txt");
    name.into()
}

/// A name in the quarantine, which is taken by creating its note.
fn reserve(folder: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    let mut count = 1_u64;
    loop {
        let place = folder.join(format!("{name}.{count}"));
        match File::create_new(note_of(&place)) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => count += 1,
            created => return created.map(|note| (place, note)),
        }
    }
}
