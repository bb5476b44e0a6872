//! The cache folder: what is in it, and what is let in.

use std::fs::{File, create_dir_all};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::checksum::{Checksum, Digests, unpacked_sha256};
use super::http::{Failure, discard};
use super::pins::{Pin, Pins, PinsError};
use super::{FetchError, FetchedFile, Origin, Trust};
use crate::catalog::{FileEntry, ReadError};

/// A place has no usable copy, or the cache itself is broken.
pub(crate) enum Miss {
    /// The place has no such file.
    NotThere(String),
    /// The place has nothing that can be used.
    Reason(String),
    /// The place has the file, but with other bytes or values than it should.
    Damaged(String),
    /// There is no point in asking elsewhere.
    Fatal(FetchError),
}

impl Miss {
    pub(crate) fn reason(reason: &str) -> Self {
        Self::Reason(reason.into())
    }
}

/// A file and its place in the cache.
pub(crate) struct Wanted<'a> {
    pub(crate) file: &'a FileEntry,
    /// Final path.
    pub(crate) path: PathBuf,
    /// `<folder>/<file>`, as in mirrors and among the pins.
    pub(crate) key: String,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(cache: &Path, folder: &str, file: &'a FileEntry) -> Self {
        Self { file, path: cache.join(folder).join(&file.name), key: format!("{folder}/{}", file.name) }
    }

    /// Where bytes wait until they are known to be right.
    pub(crate) fn part(&self) -> PathBuf {
        self.path.with_file_name(format!("{}.part", self.file.name))
    }

    /// The same for bytes that are still compressed.
    pub(crate) fn packed_part(&self) -> PathBuf {
        self.path.with_file_name(format!("{}.gz.part", self.file.name))
    }
}

/// Held while the cache is written; other processes wait.
pub(crate) struct Claim {
    _lock: File,
}

/// One cache folder.
pub(crate) struct Store {
    folder: PathBuf,
    pins: Pins,
}

impl Store {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.into(), pins: Pins::new(folder) }
    }

    fn broken(&self, doing: impl Into<String>) -> impl FnOnce(io::Error) -> FetchError {
        let (folder, doing) = (self.folder.clone(), doing.into());
        move |source| FetchError::Cache { folder, doing, source }
    }

    /// Makes the folders and waits for other processes that write here.
    pub(crate) fn claim(&self, wanted: &Wanted<'_>) -> Result<Claim, FetchError> {
        let folder = wanted.path.parent().unwrap_or(&self.folder);
        create_dir_all(folder).map_err(self.broken(format!("making {}", folder.display())))?;
        let lock = File::create(self.folder.join(".lock")).map_err(self.broken("making the file .lock"))?;
        match lock.lock() {
            // Some network file systems cannot lock; downloads are renamed into place there all the same.
            Err(e) if e.kind() != io::ErrorKind::Unsupported => Err(self.broken("locking it")(e)),
            _ => Ok(Claim { _lock: lock }),
        }
    }

    /// What a failed download means for the search.
    pub(crate) fn miss(&self, failure: Failure) -> Miss {
        match failure {
            Failure::NotThere(reason) => Miss::NotThere(reason),
            Failure::Place(reason) => Miss::Reason(reason),
            Failure::TooLarge(reason) => Miss::Damaged(reason),
            Failure::Disk(e) => Miss::Fatal(self.broken("writing a download")(e)),
        }
    }

    /// The file that is already there. A wrong one is left until a right one replaces it: it may be someone's own.
    pub(crate) fn cached(&self, wanted: &Wanted<'_>) -> Result<FetchedFile, Miss> {
        if !wanted.path.is_file() {
            return Err(Miss::reason("not there"));
        }
        let may_pin = wanted.file.may_pin();
        let (checksum, sha256) = self.judge(wanted, &wanted.path, may_pin, &Origin::Cache)?;
        Ok(FetchedFile { path: wanted.path.clone(), origin: Origin::Cache, checksum, sha256 })
    }

    /// Copies a file from a mirror folder.
    pub(crate) fn import(&self, wanted: &Wanted<'_>, mirror: &Path) -> Result<FetchedFile, Miss> {
        if !mirror.is_dir() {
            return Err(Miss::Reason(format!("there is no folder {}", mirror.display())));
        }
        let plain = mirror.join(&wanted.key);
        let packed = mirror.join(format!("{}.gz", wanted.key));
        let (from, is_packed) = match (plain.is_file(), packed.is_file()) {
            (true, _) => (plain, false),
            (false, true) => (packed, true),
            (false, false) => return Err(Miss::reason("not there, nor with .gz")),
        };
        let part = if is_packed { wanted.packed_part() } else { wanted.part() };
        discard(&part).map_err(self.fatal("removing an old download"))?;
        let mut input = File::open(&from).map_err(|e| Miss::Reason(format!("cannot be read: {e}")))?;
        let copied = self.copy(wanted, &mut input, &part);
        copied.map_err(self.fatal(format!("copying {}", from.display())))??;
        let origin = Origin::Mirror(from.display().to_string());
        if is_packed { self.unpack(wanted, origin) } else { self.adopt(wanted, &part, wanted.file.may_pin(), origin) }
    }

    /// Writes down a file that the program carries.
    pub(crate) fn write(&self, wanted: &Wanted<'_>, bytes: &[u8]) -> Result<FetchedFile, Miss> {
        let part = wanted.part();
        std::fs::write(&part, bytes).map_err(self.fatal("writing a carried file"))?;
        self.adopt(wanted, &part, false, Origin::Carried)
    }

    /// Decompresses the packed part and takes it from there.
    pub(crate) fn unpack(&self, wanted: &Wanted<'_>, origin: Origin) -> Result<FetchedFile, Miss> {
        let (packed, part) = (wanted.packed_part(), wanted.part());
        discard(&part).map_err(self.fatal("removing an old download"))?;
        let mut input = MultiGzDecoder::new(File::open(&packed).map_err(self.fatal("reading a download"))?);
        let copied = self.copy(wanted, &mut input, &part);
        discard(&packed).map_err(self.fatal("removing a compressed download"))?;
        match copied {
            Ok(copied) => copied.and_then(|()| self.adopt(wanted, &part, wanted.file.may_pin(), origin)),
            // The system's own errors are the disk's; the others come from the decoder.
            Err(e) if e.raw_os_error().is_some() => Err(self.fatal("decompressing a download")(e)),
            Err(e) => Err(Miss::Damaged(format!("cannot be decompressed: {e}"))),
        }
    }

    /// Copies bytes that are not yet believed, no more than the file may have. Unless all went well none are left.
    fn copy(&self, wanted: &Wanted<'_>, input: &mut impl Read, part: &Path) -> io::Result<Result<(), Miss>> {
        let most = wanted.file.most_bytes();
        let mut copy = || {
            let mut output = File::create(part)?;
            let bytes = io::copy(&mut input.take(most.saturating_add(1)), &mut output)?;
            output.sync_all().map(|()| bytes)
        };
        let result = match copy() {
            Ok(bytes) if bytes <= most => return Ok(Ok(())),
            Ok(_) => Ok(Err(Miss::Damaged(format!("not the file: more than {most} bytes")))),
            Err(e) => Err(e),
        };
        // That this fails too is not the reason to tell.
        let _ = discard(part);
        result
    }

    /// Lets complete bytes in under their final name if they are right, and deletes them if they are not.
    pub(crate) fn adopt(
        &self,
        wanted: &Wanted<'_>,
        part: &Path,
        may_pin: bool,
        origin: Origin,
    ) -> Result<FetchedFile, Miss> {
        let (checksum, sha256) = match self.judge(wanted, part, may_pin, &origin) {
            Ok(judged) => judged,
            Err(miss) => {
                discard(part).map_err(self.fatal("removing a wrong download"))?;
                return Err(miss);
            }
        };
        std::fs::rename(part, &wanted.path).map_err(self.fatal(format!("naming {}", wanted.path.display())))?;
        // The note beside the download has served; the new name should survive a power cut, but need not.
        let _ = discard(part);
        let _ = wanted.path.parent().map(|folder| File::open(folder).and_then(|f| f.sync_all()));
        Ok(FetchedFile { path: wanted.path.clone(), origin, checksum, sha256 })
    }

    /// Why the bytes at `path` are believed to be the wanted file, and their SHA-256. `may_pin` is given where nobody has
    /// seen such bytes before.
    fn judge(&self, wanted: &Wanted<'_>, path: &Path, may_pin: bool, origin: &Origin) -> Result<(Trust, String), Miss> {
        let digests = Digests::of(path).map_err(|e| Miss::Reason(format!("cannot be read: {e}")))?;
        let most = wanted.file.shape().text();
        let unpacked = || wanted.file.unpacked.as_ref().zip(unpacked_sha256(path, most).ok());
        if wanted.file.recognises(&digests) || unpacked().is_some_and(|(known, found)| *known == found) {
            return Ok((Trust::Verified, digests.sha256));
        }
        if is_page(path) {
            return Err(Miss::Damaged(
                "a web page instead of the file, perhaps one to log in or to accept terms".into(),
            ));
        }
        let found = digests.sha256.clone();
        match self.pins.get(&wanted.key).map_err(|e| self.pins_broken(e))? {
            Some(pin) if pin.sha256 == found => Ok((Trust::Pinned, found)),
            Some(pin) if may_pin => Err(Miss::Damaged(format!(
                "changed: sha256 {found}, but {} was pinned on {} from {}",
                pin.sha256, pin.date, pin.source
            ))),
            None if may_pin => {
                self.check_values(wanted, path).map_err(Miss::Damaged)?;
                let place = match origin {
                    Origin::Cache => "found in the cache".into(),
                    other => other.to_string(),
                };
                self.pins.add(&wanted.key, Pin::today(found.clone(), place)).map_err(|e| self.pins_broken(e))?;
                Ok((Trust::Pinned, found))
            }
            _ => Err(Miss::Damaged(wrong(&digests, &wanted.file.checksums()))),
        }
    }

    /// Bytes that nobody has seen before must hold the values everybody has seen.
    fn check_values(&self, wanted: &Wanted<'_>, path: &Path) -> Result<(), String> {
        match wanted.file.read(path) {
            Ok(_) => Ok(()),
            Err(ReadError::Format(e)) => Err(e.to_string()),
            Err(ReadError::Values(e)) => Err(format!("other data: {e}")),
        }
    }

    fn fatal(&self, doing: impl Into<String>) -> impl FnOnce(io::Error) -> Miss {
        let broken = self.broken(doing);
        move |e| Miss::Fatal(broken(e))
    }

    fn pins_broken(&self, error: PinsError) -> Miss {
        Miss::Fatal(match error {
            PinsError::Broken { path, detail } => FetchError::Pins { path, detail },
            PinsError::Unwritable(e) => self.broken("writing lock.yaml")(e),
        })
    }
}

/// Whether a file is HTML, as networks and servers send it in place of what was asked for.
fn is_page(path: &Path) -> bool {
    const ENOUGH: u64 = 512;
    let mut start = Vec::new();
    if File::open(path).and_then(|file| file.take(ENOUGH).read_to_end(&mut start)).is_err() {
        return false;
    }
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).trim_ascii_start().to_ascii_lowercase();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

/// Both sums, for the reader to compare.
fn wrong(digests: &Digests, known: &[Checksum]) -> String {
    let mut found: Vec<String> = known.iter().map(|c| digests.like(c).to_string()).collect();
    found.dedup();
    let expected: Vec<String> = known.iter().map(Checksum::to_string).collect();
    format!("wrong checksum: {}, expected {}", found.join(" and "), expected.join(" or "))
}
