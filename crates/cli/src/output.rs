//! Output that is there in full or not at all, and that says what is wrong when it cannot be written.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde::Serialize;

/// Writes a file through a temporary one beside it, so that a reader never meets half a file and an earlier version
/// survives a failure. Missing folders are made. Devices and pipes are written to directly: replacing `/dev/null` by
/// a file would be no favour.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = |e: io::Error| anyhow!("{} cannot be written: {}", path.display(), reason(&e));
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => bail!("{} is a folder, expected a file name", path.display()),
        Ok(found) if !found.is_file() => write_directly(path, bytes).map_err(failed),
        Ok(found) if found.permissions().readonly() => bail!(read_only(path)),
        // A link stays a link: what it points to is replaced.
        Ok(_) => replace(&fs::canonicalize(path).map_err(failed)?, bytes).map_err(failed),
        Err(_) => {
            fs::create_dir_all(folder_of(path)).map_err(failed)?;
            replace(path, bytes).map_err(failed)
        }
    }
}

/// Renaming over a file would not ask for its permission.
fn read_only(path: &Path) -> String {
    format!("{} is write-protected; choose another name, or make it writable", path.display())
}

fn write_directly(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(bytes)?;
    file.flush()
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temporary(folder_of(path), path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// A temporary file that a later rename keeps on the same disk, with the permissions `path` has or a new file gets.
fn temporary(folder: &Path, path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".mtl-");
    let earlier = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.permissions());
    let permissions = earlier.or_else(permissions_of_new_files);
    if let Some(permissions) = permissions {
        builder.permissions(permissions);
    }
    builder.tempfile_in(folder)
}

/// Read and write for everybody; the system takes away what the user's mask forbids.
#[cfg(unix)]
fn permissions_of_new_files() -> Option<Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(0o666))
}

#[cfg(not(unix))]
fn permissions_of_new_files() -> Option<Permissions> {
    None
}

/// Checks, before long work, that files can be put into a folder. It need not exist yet.
pub fn check_writable(folder: &Path) -> anyhow::Result<()> {
    let place = nearest(folder);
    if !place.is_dir() {
        bail!("{} is not a folder, so no output can be put into it", place.display());
    }
    // A full disk often has room for a name but for no byte.
    let probe = tempfile::Builder::new().prefix(".mtl-").tempfile_in(&place).and_then(|mut file| {
        file.write_all(&[0; 4096])?;
        file.as_file().sync_data()
    });
    probe.map_err(|e| {
        anyhow!(
            "output cannot be put into the folder {}: {}\nmake it writable, make room in it, or choose another folder",
            folder.display(),
            reason(&e)
        )
    })
}

/// The system's reason, without the name of the temporary file.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" at path ").next().unwrap_or_default().to_owned()
}

/// Checks, before long work, that a file can be written where the user wants it.
pub fn check_output(path: &Path) -> anyhow::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => bail!("{} is a folder, expected a file name", path.display()),
        Ok(found) if !found.is_file() => Ok(()),
        Ok(found) if found.permissions().readonly() => bail!(read_only(path)),
        Ok(_) => check_writable(folder_of(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))),
        Err(_) => {
            let folder = folder_of(path);
            if !folder.exists() {
                bail!("the folder {} of the output {} does not exist", folder.display(), path.display());
            }
            check_writable(folder)
        }
    }
}

/// Writes results to standard output. A reader that has seen enough (`| head`) is no error.
pub fn emit(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e).context("standard output cannot be written"),
        _ => Ok(()),
    }
}

/// Writes a result to standard output as one line of JSON.
pub fn emit_json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    let mut line = serde_json::to_string(value).context("a result cannot be written as JSON")?;
    line.push('\n');
    emit(line)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

/// The folder itself or the closest one above it that exists.
fn nearest(folder: &Path) -> PathBuf {
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let found = folder.ancestors().find(|f| f.exists());
    found.filter(|f| *f != Path::new("")).unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_folders_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.csv");
        check_writable(&folder.path().join("a")).unwrap();
        assert!(!folder.path().join("a").exists(), "checking leaves nothing behind");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1, "no temporary file is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_atomically(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn places_that_take_no_output_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(check_writable(&file.join("below")).unwrap_err().to_string().contains("is not a folder"));
        assert!(check_output(folder.path()).unwrap_err().to_string().contains("is a folder"));
        assert!(check_output(&folder.path().join("none/a.csv")).unwrap_err().to_string().contains("does not exist"));
        let mut permissions = fs::metadata(&file).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&file, permissions).unwrap();
        assert!(check_output(&file).unwrap_err().to_string().contains("write-protected"));
        assert!(write_atomically(&file, b"x").unwrap_err().to_string().contains("write-protected"));
        // Not even root can put files there.
        let error = format!("{:#}", check_writable(Path::new("/proc")).unwrap_err());
        assert!(error.contains("make it writable"), "{error}");
        let error = format!("{:#}", write_atomically(Path::new("/dev/full"), b"x").unwrap_err());
        assert!(error.starts_with("/dev/full cannot be written: No space left"), "{error}");
    }
}
