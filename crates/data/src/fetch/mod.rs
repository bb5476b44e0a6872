//! Brings a data set's files into the cache: from the cache itself, a mirror, or the sources in the catalog.
//!
//! Bytes get their final name only once they are complete, on disk, and known to be right: they match a checksum of
//! the catalog, or, where a source's bytes were never seen before, they hold the expected values and are pinned.

mod carried;
mod checksum;
mod error;
mod http;
mod network;
mod pins;
mod progress;
mod store;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

pub use checksum::Checksum;
pub(crate) use checksum::Digests;
pub use error::{Attempt, FetchError};
pub use http::Patience;
pub use progress::{NoProgress, Progress};

use crate::catalog::{Catalog, Source};
use http::{Failure, Http, Request};
use network::Network;
use store::{Miss, Store, Wanted};

/// A copy of the files, laid out `<data set>/<file>`; a file may be compressed as `<file>.gz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// A folder of this machine.
    Folder(PathBuf),
    /// An address.
    Url(String),
}

impl From<&str> for Mirror {
    fn from(place: &str) -> Self {
        if place.starts_with("http://") || place.starts_with("https://") {
            Self::Url(place.trim_end_matches('/').into())
        } else {
            Self::Folder(place.into())
        }
    }
}

/// How to fetch.
#[derive(Clone)]
pub struct FetchOptions {
    /// Where files are kept.
    pub cache: PathBuf,
    /// Where to look before the sources.
    pub mirror: Option<Mirror>,
    /// Whether to leave the network alone. A mirror folder is looked at all the same.
    pub offline: bool,
    /// Who is told about downloads.
    pub progress: Arc<dyn Progress>,
    /// How long to wait, and how often to try.
    pub patience: Patience,
}

impl FetchOptions {
    /// Into this folder, from the sources, silently.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            mirror: None,
            offline: false,
            progress: Arc::new(NoProgress),
            patience: Patience::default(),
        }
    }
}

/// Where a file came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It was in the cache.
    Cache,
    /// The program carries it.
    Carried,
    /// A mirror: path or address of the file there.
    Mirror(String),
    /// A source of the catalog: its address.
    Source(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cache => f.write_str("cache"),
            Self::Carried => f.write_str("carried by the program"),
            Self::Mirror(place) => write!(f, "mirror {place}"),
            Self::Source(url) => f.write_str(url),
        }
    }
}

/// Why a file is believed to be the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// It has a checksum of the catalog.
    Verified,
    /// It has the expected values, and the checksum it had when it was first seen.
    Pinned,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Verified => "verified",
            Self::Pinned => "pinned at first use",
        })
    }
}

/// A file in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FetchedFile {
    /// Its path.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: Origin,
    /// Why it is believed.
    pub checksum: Trust,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// Fetches files. It can be shared between threads; one file is fetched at a time.
pub struct Fetcher {
    catalog: Arc<Catalog>,
    options: FetchOptions,
    store: Store,
    http: Http,
    sources: Network,
    /// A mirror says nothing about the rest of the network, nor the other way round.
    mirrors: Network,
    turn: Mutex<()>,
}

impl Fetcher {
    /// Fetches what the embedded catalog lists.
    pub fn new(options: FetchOptions) -> Self {
        Self::with_catalog(options, Catalog::embedded())
    }

    /// Fetches what another catalog lists.
    pub fn with_catalog(options: FetchOptions, catalog: Arc<Catalog>) -> Self {
        Self {
            catalog,
            store: Store::new(&options.cache),
            http: Http::new(options.patience, Arc::clone(&options.progress)),
            sources: Network::default(),
            mirrors: Network::default(),
            turn: Mutex::new(()),
            options,
        }
    }

    /// The catalog it fetches from.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The options it was made with.
    pub fn options(&self) -> &FetchOptions {
        &self.options
    }

    /// Whether all files of a data set are in the cache, or carried. Their contents are not looked at.
    pub fn is_cached(&self, dataset: &str) -> Result<bool, FetchError> {
        let entry = self.catalog.get(dataset)?;
        let folder = entry.folder.as_deref().unwrap_or(dataset);
        Ok(entry.files.iter().all(|f| f.carried.is_some() || self.options.cache.join(folder).join(&f.name).is_file()))
    }

    /// Every file of a data set; none for a synthetic one.
    pub fn dataset(&self, dataset: &str) -> Result<Vec<FetchedFile>, FetchError> {
        self.catalog.get(dataset)?.files.iter().map(|f| self.file(dataset, &f.name)).collect()
    }

    /// One file: from the cache if it is there and right, else from the program itself if that carries it, else from the
    /// mirror, else from the sources in order.
    pub fn file(&self, dataset: &str, file: &str) -> Result<FetchedFile, FetchError> {
        let entry = self.catalog.get(dataset)?;
        let Some(listed) = entry.file(file) else {
            let valid = entry.files.iter().map(|f| f.name.clone()).collect();
            return Err(FetchError::UnknownFile { dataset: dataset.into(), file: file.into(), valid });
        };
        let wanted = Wanted::new(&self.options.cache, entry.folder.as_deref().unwrap_or(dataset), listed);
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);

        let mut tried = Vec::new();
        let cached = || (format!("cache {}", wanted.path.display()), self.store.cached(&wanted));
        if let Some(found) = note(cached(), &mut tried)? {
            return Ok(found);
        }
        // Held to the end, while the cache is written.
        let mut _claim = None;
        if self.anywhere_to_go() || listed.carried.is_some() {
            _claim = Some(self.store.claim(&wanted)?);
            // Another process may have fetched the file while this one waited.
            tried.clear();
            if let Some(found) = note(cached(), &mut tried)? {
                return Ok(found);
            }
        }
        if listed.carried.is_some()
            && let Some(found) = note(self.take_carried(&wanted), &mut tried)?
        {
            return Ok(found);
        }
        if let Some(found) = note(self.ask_mirror(&wanted), &mut tried)? {
            return Ok(found);
        }
        for source in &listed.sources {
            if let Some(found) = note(self.ask_source(&wanted, source), &mut tried)? {
                return Ok(found);
            }
        }
        let by_hand = listed.by_hand.clone();
        Err(FetchError::NotObtained { dataset: dataset.into(), file: file.into(), tried, by_hand })
    }

    /// Whether anything but the cache will be asked. If not, the cache need not be writable.
    fn anywhere_to_go(&self) -> bool {
        !self.options.offline || matches!(self.options.mirror, Some(Mirror::Folder(_)))
    }

    fn take_carried(&self, wanted: &Wanted<'_>) -> (String, Result<FetchedFile, Miss>) {
        let bytes = carried::bytes(&wanted.key).ok_or_else(|| Miss::reason("not among what it carries"));
        ("this program".into(), bytes.and_then(|bytes| self.store.write(wanted, bytes)))
    }

    fn ask_mirror(&self, wanted: &Wanted<'_>) -> (String, Result<FetchedFile, Miss>) {
        match &self.options.mirror {
            None => ("mirror".into(), Err(Miss::reason("none given"))),
            Some(Mirror::Folder(folder)) => {
                let path = folder.join(&wanted.key);
                (format!("mirror {}", path.display()), self.store.import(wanted, folder))
            }
            Some(Mirror::Url(base)) => {
                let url = format!("{base}/{}", wanted.key);
                let result = if self.options.offline { Err(offline()) } else { self.ask_mirror_url(wanted, &url) };
                (format!("mirror {url}"), result)
            }
        }
    }

    fn ask_mirror_url(&self, wanted: &Wanted<'_>, url: &str) -> Result<FetchedFile, Miss> {
        let may_pin = wanted.file.may_pin();
        let (name, most) = (&wanted.file.name, wanted.file.most_bytes());
        let request = |url| Request { url, accept: None, most, name, checked: !may_pin, network: &self.mirrors };
        match self.download(wanted, &request(url), may_pin, Origin::Mirror(url.into())) {
            Err(Miss::NotThere(plain)) => {
                let packed = format!("{url}.gz");
                // The compressed bytes have no checksum of their own: no splicing.
                let request = Request { checked: false, ..request(&packed) };
                match self.http.download(&request, &wanted.packed_part()) {
                    Ok(_) => self.store.unpack(wanted, Origin::Mirror(packed)),
                    Err(Failure::NotThere(_)) => Err(Miss::Reason(format!("{plain}, nor with .gz"))),
                    Err(failure) => Err(self.store.miss(failure)),
                }
            }
            other => other,
        }
    }

    fn ask_source(&self, wanted: &Wanted<'_>, source: &Source) -> (String, Result<FetchedFile, Miss>) {
        if self.options.offline {
            return (source.url.clone(), Err(offline()));
        }
        let unverified = source.checksums().is_empty();
        let request = Request {
            url: &source.url,
            accept: source.accept.as_deref(),
            most: wanted.file.most_bytes(),
            name: &wanted.file.name,
            checked: !unverified,
            network: &self.sources,
        };
        let result = self.download(wanted, &request, unverified, Origin::Source(source.url.clone()));
        (source.url.clone(), result)
    }

    fn download(
        &self,
        wanted: &Wanted<'_>,
        request: &Request<'_>,
        may_pin: bool,
        origin: Origin,
    ) -> Result<FetchedFile, Miss> {
        let part = wanted.part();
        let pieced = self.http.download(request, &part).map_err(|f| self.store.miss(f))?;
        match self.store.adopt(wanted, &part, may_pin, origin.clone()) {
            // The pieces may be of different files: once more, in one piece.
            Err(Miss::Damaged(_)) if pieced => {
                self.http.download(request, &part).map_err(|f| self.store.miss(f))?;
                self.store.adopt(wanted, &part, may_pin, origin)
            }
            adopted => adopted,
        }
    }
}

fn offline() -> Miss {
    Miss::reason("not tried, offline")
}

/// A file ends the search, a miss is noted, anything worse is an error.
fn note(
    (place, result): (String, Result<FetchedFile, Miss>),
    tried: &mut Vec<Attempt>,
) -> Result<Option<FetchedFile>, FetchError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Miss::Reason(reason) | Miss::NotThere(reason)) => {
            tried.push(Attempt { place, reason, damaged: false });
            Ok(None)
        }
        Err(Miss::Damaged(reason)) => {
            tried.push(Attempt { place, reason, damaged: true });
            Ok(None)
        }
        Err(Miss::Fatal(error)) => Err(error),
    }
}
