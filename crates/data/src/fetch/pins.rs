//! Checksums taken at first use, for sources whose bytes nobody had seen before.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Name of the file in the cache folder.
pub(crate) const FILE: &str = "lock.yaml";

const HEADER: &str = "# Checksums of downloads that nobody had seen before, taken at first use.\n# Later downloads must match. \
                      Delete an entry to accept what the source gives now.\n";

/// What a file was when it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pin {
    pub(crate) sha256: String,
    pub(crate) source: String,
    pub(crate) date: String,
}

impl Pin {
    /// A pin of today.
    pub(crate) fn today(sha256: String, source: String) -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        Self { sha256, source, date: date(seconds / 86_400) }
    }
}

/// `lock.yaml` of one cache folder. It is read afresh each time: another process may have written it.
#[derive(Debug)]
pub(crate) struct Pins {
    path: PathBuf,
}

impl Pins {
    pub(crate) fn new(cache: &Path) -> Self {
        Self { path: cache.join(FILE) }
    }

    fn read(&self) -> Result<BTreeMap<String, Pin>, PinsError> {
        let broken = |detail: String| PinsError::Broken { path: self.path.clone(), detail };
        match std::fs::read_to_string(&self.path) {
            // A file of comments only has no entries, and is no map either.
            Ok(text) if text.lines().all(|l| l.trim().is_empty() || l.starts_with('#')) => Ok(BTreeMap::new()),
            Ok(text) => serde_yaml::from_str(&text).map_err(|e| broken(e.to_string())),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(BTreeMap::new()),
            Err(e) => Err(broken(e.to_string())),
        }
    }

    /// The pin of `<folder>/<file>`, if there is one.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Pin>, PinsError> {
        Ok(self.read()?.remove(key))
    }

    /// Adds a pin. The file is replaced as a whole, so that a crash leaves the old or the new one.
    pub(crate) fn add(&self, key: &str, pin: Pin) -> Result<(), PinsError> {
        let mut pins = self.read()?;
        pins.insert(key.into(), pin);
        let yaml = serde_yaml::to_string(&pins).map_err(|e| PinsError::Unwritable(io::Error::other(e)))?;
        let new = self.path.with_extension("yaml.new");
        let write = || {
            let mut file = std::fs::File::create(&new)?;
            file.write_all(HEADER.as_bytes())?;
            file.write_all(yaml.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, &self.path)
        };
        write().map_err(PinsError::Unwritable)
    }
}

/// The pins cannot be used.
#[derive(Debug)]
pub(crate) enum PinsError {
    /// The file is there but cannot be read as pins.
    Broken { path: PathBuf, detail: String },
    /// The file cannot be written.
    Unwritable(io::Error),
}

/// The civil date of a day counted from 1970-01-01 (Hinnant's algorithm: years begin in March, 400 of them repeat).
fn date(days: u64) -> String {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_civil() {
        // `date -ud @$((86400*N)) +%F`
        for (days, expected) in
            [(0, "1970-01-01"), (11_016, "2000-02-29"), (11_017, "2000-03-01"), (20_453, "2025-12-31")]
        {
            assert_eq!(date(days), expected);
        }
    }

    #[test]
    fn pins_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::new(folder.path());
        assert_eq!(pins.get("a/f").unwrap(), None);
        let pin = Pin::today("00".into(), "https://example.org/f: g".into());
        pins.add("a/f", pin.clone()).unwrap();
        pins.add("b/f", Pin::today("11".into(), "mirror".into())).unwrap();
        assert_eq!(Pins::new(folder.path()).get("a/f").unwrap(), Some(pin));
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(text.starts_with("# Checksums"), "{text}");
    }

    #[test]
    fn an_emptied_file_has_no_pins_and_a_broken_one_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::new(folder.path());
        std::fs::write(folder.path().join(FILE), HEADER).unwrap();
        assert_eq!(pins.get("a/f").unwrap(), None);
        std::fs::write(folder.path().join(FILE), "a/f: 3\n").unwrap();
        assert!(matches!(pins.get("a/f"), Err(PinsError::Broken { .. })));
    }
}
