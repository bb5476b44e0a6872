//! Files that are there whole or not at all, and stay.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file through a temporary one. When it returns, neither a crash nor a power cut takes the file away.
pub(super) fn write(path: &Path, bytes: &[u8], temporaries: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(temporaries);
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
        folder.parent().map_or(Ok(()), sync_folder)?;
    }
    let (temporary, mut file) = create(temporaries)?;
    let written = file
        .write_all(bytes)
        // Before the rename: a power cut can leave a name whose bytes never reached the disk.
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_folder(folder));
    if written.is_err() {
        // The disk is in trouble already; a leftover temporary file does no harm.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// A new file under a name that nobody has: other processes, of this machine or of others that share the disk, may choose
/// the same name, but only one of them creates it.
pub(super) fn create(folder: &Path) -> io::Result<(PathBuf, File)> {
    let mut count = 0_u64;
    loop {
        let path = folder.join(format!("{}-{count}", std::process::id()));
        match File::create_new(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => count += 1,
            created => return created.map(|file| (path, file)),
        }
    }
}

/// Makes the names in a folder as lasting as the files they name.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network file systems have no such thing.
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

/// Elsewhere folders cannot be opened, and names last by themselves.
#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
