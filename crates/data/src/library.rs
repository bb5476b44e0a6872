//! The door to every data set.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use mtl_core::{DataError, MultiTask, Seed};

use crate::catalog::Catalog;
use crate::fetch::{FetchError, FetchedFile, Fetcher};
use crate::sets::{self, Files, Loader};
use crate::spec::{DatasetSpec, SpecError};

/// A data set could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The specification names something that does not exist. Trying again will not help.
    #[error(transparent)]
    BadInput(#[from] SpecError),
    /// A file could not be had. The data set can be skipped, and this is why.
    #[error(transparent)]
    Unavailable(Box<FetchError>),
    /// A copy is damaged, or the cache cannot be used. This is not skipped but mended.
    #[error(transparent)]
    Broken(Box<FetchError>),
    /// A file is there but does not hold what it should.
    #[error(
        "data set `{dataset}`: {detail}\ndelete {} and fetch it again: mtl datasets fetch {dataset}",
        path.display()
    )]
    Corrupt {
        /// The data set.
        dataset: String,
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        detail: String,
    },
    /// The values cannot be made into tasks.
    #[error("data set `{dataset}`: {source}")]
    Unusable {
        /// The data set.
        dataset: String,
        /// What is wrong with them.
        source: DataError,
    },
}

impl From<FetchError> for LoadError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::UnknownDataset(unknown) => Self::BadInput(unknown.into()),
            absent if absent.is_absence() => Self::Unavailable(Box::new(absent)),
            broken => Self::Broken(Box::new(broken)),
        }
    }
}

/// A loaded variant and the files it was made from.
#[derive(Clone)]
struct Loaded {
    data: MultiTask,
    files: Vec<FetchedFile>,
}

/// The place of one variant; locked while it is being loaded.
type Shelf = Arc<Mutex<Option<Loaded>>>;

/// Loads data sets. Each variant of a real one is read once and then shared, inputs included, between all who ask.
pub struct Library {
    fetcher: Fetcher,
    shelves: Mutex<HashMap<DatasetSpec, Shelf>>,
}

impl Library {
    /// A library that gets its files from this fetcher and knows its catalog.
    pub fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, shelves: Mutex::new(HashMap::new()) }
    }

    /// Where files come from.
    pub fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    /// What there is.
    pub fn catalog(&self) -> &Catalog {
        self.fetcher.catalog()
    }

    /// The tasks of a variant. A synthetic set is drawn from the seed; a real one does not look at it.
    pub fn load(&self, spec: &DatasetSpec, seed: &Seed) -> Result<MultiTask, LoadError> {
        let spec = spec.canonical(self.catalog())?;
        match sets::registered(&spec.name)?.loader {
            Loader::Drawn(draw) => Ok(draw(&spec.options, seed)),
            Loader::Read(read) => {
                let shelf = self.shelf(&spec);
                let mut place = shelf.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(loaded) = &*place {
                    return Ok(loaded.data.clone());
                }
                let mut files = Files::new(&self.fetcher, &spec.name);
                let data = read(&spec.options, &mut files)?;
                *place = Some(Loaded { data: data.clone(), files: files.used() });
                Ok(data)
            }
        }
    }

    /// The files a variant was made from, and why they are believed: once it is loaded, and none for a synthetic set.
    pub fn files(&self, spec: &DatasetSpec) -> Result<Vec<FetchedFile>, LoadError> {
        let shelf = self.shelf(&spec.canonical(self.catalog())?);
        let place = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(place.as_ref().map(|loaded| loaded.files.clone()).unwrap_or_default())
    }

    fn shelf(&self, spec: &DatasetSpec) -> Shelf {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shelves.entry(spec.clone()).or_default())
    }
}
