//! The data sets: one file each, and one line each in the registry.

mod awa2;
mod computers;
mod covertype;
mod image_features;
mod isolet;
mod mcsem;
mod mnist;
mod office_caltech;
mod one_against_others;
mod parkinsons;
mod qsar;
mod rf1;
mod sarcos;
mod school;
mod ssd;
mod tfbs;
mod traffic_sp;

use std::collections::BTreeMap;
use std::str::FromStr;

use mtl_core::{MultiTask, Seed};

use crate::catalog::UnknownDataset;
use crate::fetch::{FetchedFile, Fetcher};
use crate::format::Table;
use crate::library::LoadError;
use crate::synthetic;

/// Options of a canonical specification: every one is there, with one of its choices.
pub(crate) type Options = BTreeMap<String, String>;

/// How a data set comes about.
#[derive(Clone, Copy)]
pub(crate) enum Loader {
    /// Read from files.
    Read(fn(&Options, &mut Files<'_>) -> Result<MultiTask, LoadError>),
    /// Drawn from a seed.
    Drawn(fn(&Options, &Seed) -> MultiTask),
}

/// A data set's code.
pub(crate) struct Registered {
    /// Name in the catalog.
    name: &'static str,
    /// Goes up when the same files or seed give other tasks than before, so that old results are not taken for new.
    revision: u32,
    pub(crate) loader: Loader,
}

/// Every data set.
const REGISTRY: &[Registered] = &[
    Registered { name: "parkinsons", revision: 1, loader: Loader::Read(parkinsons::load) },
    Registered { name: "sarcos", revision: 1, loader: Loader::Read(sarcos::load_full) },
    Registered { name: "sarcos-test", revision: 1, loader: Loader::Read(sarcos::load_test) },
    Registered { name: "rf1", revision: 1, loader: Loader::Read(rf1::load) },
    Registered { name: "isolet", revision: 1, loader: Loader::Read(isolet::load) },
    Registered { name: "school", revision: 1, loader: Loader::Read(school::load_cells) },
    Registered { name: "school-argyriou", revision: 1, loader: Loader::Read(school::load_with_splits) },
    Registered { name: "school-classes", revision: 1, loader: Loader::Read(school::load_classes) },
    Registered { name: "computers", revision: 1, loader: Loader::Read(computers::load) },
    Registered { name: "traffic-sp", revision: 1, loader: Loader::Read(traffic_sp::load) },
    Registered { name: "cifar10-cnn128", revision: 1, loader: Loader::Read(image_features::load_cifar10) },
    Registered { name: "celeba", revision: 1, loader: Loader::Read(image_features::load_celeba) },
    Registered { name: "coco", revision: 1, loader: Loader::Read(image_features::load_coco) },
    Registered { name: "mnist", revision: 1, loader: Loader::Read(mnist::load) },
    Registered { name: "mnist-sample", revision: 1, loader: Loader::Read(mnist::load) },
    Registered { name: "mnist-mtl", revision: 1, loader: Loader::Read(mnist::load_mtl) },
    Registered { name: "covertype", revision: 1, loader: Loader::Read(covertype::load) },
    Registered { name: "covertype-sample", revision: 1, loader: Loader::Read(covertype::load_sample) },
    Registered { name: "ssd", revision: 1, loader: Loader::Read(ssd::load) },
    Registered { name: "ssd-kios", revision: 1, loader: Loader::Read(ssd::load_kios) },
    Registered { name: "awa2", revision: 1, loader: Loader::Read(awa2::load) },
    Registered { name: "awa2-mtl", revision: 1, loader: Loader::Read(awa2::load_mtl) },
    Registered { name: "office-caltech", revision: 1, loader: Loader::Read(office_caltech::load) },
    Registered { name: "office-caltech-mtl", revision: 1, loader: Loader::Read(office_caltech::load_mtl) },
    Registered { name: "mcsem", revision: 1, loader: Loader::Read(mcsem::load) },
    Registered { name: "merck-metab", revision: 1, loader: Loader::Read(qsar::load_metab) },
    Registered { name: "merck-cyp", revision: 1, loader: Loader::Read(qsar::load_cyp) },
    Registered { name: "qsar-chembl15", revision: 1, loader: Loader::Read(qsar::load_chembl) },
    Registered { name: "tfbs", revision: 1, loader: Loader::Read(tfbs::load) },
    Registered { name: "synthetic-gl", revision: 1, loader: Loader::Drawn(synthetic::gl::draw) },
    Registered { name: "synthetic-metag", revision: 1, loader: Loader::Drawn(synthetic::metag::draw) },
    Registered { name: "synthetic-rmtfl", revision: 1, loader: Loader::Drawn(synthetic::rmtfl::draw) },
    Registered { name: "synthetic-srml", revision: 1, loader: Loader::Drawn(synthetic::srml::draw) },
    Registered { name: "synthetic-srml-classes", revision: 1, loader: Loader::Drawn(synthetic::srml::draw_classes) },
    Registered { name: "synthetic-sgmtl-set1", revision: 1, loader: Loader::Drawn(synthetic::sgmtl::draw_set1) },
    Registered { name: "synthetic-sgmtl-set2", revision: 1, loader: Loader::Drawn(synthetic::sgmtl::draw_set2) },
    Registered { name: "synthetic-motifs", revision: 1, loader: Loader::Drawn(synthetic::motifs::draw) },
    Registered { name: "synthetic-bigmtl", revision: 1, loader: Loader::Drawn(synthetic::bigmtl::draw) },
    Registered { name: "synthetic-tomato", revision: 1, loader: Loader::Drawn(synthetic::tomato::draw) },
    Registered { name: "synthetic-tomato-case", revision: 1, loader: Loader::Drawn(synthetic::tomato::draw_case) },
];

pub(crate) fn registered(name: &str) -> Result<&'static Registered, LoadError> {
    REGISTRY.iter().find(|r| r.name == name).ok_or_else(|| {
        let valid = REGISTRY.iter().map(|r| r.name.into()).collect();
        LoadError::BadInput(UnknownDataset { name: name.into(), valid }.into())
    })
}

/// Revision of a data set's code, part of the identity of results; `None` for an unknown name.
pub fn revision(name: &str) -> Option<u32> {
    REGISTRY.iter().find(|r| r.name == name).map(|r| r.revision)
}

/// The files of one data set, as its loader sees them.
pub(crate) struct Files<'a> {
    fetcher: &'a Fetcher,
    dataset: &'a str,
    used: Vec<FetchedFile>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(fetcher: &'a Fetcher, dataset: &'a str) -> Self {
        Self { fetcher, dataset, used: Vec::new() }
    }

    /// What was used so far.
    pub(crate) fn used(self) -> Vec<FetchedFile> {
        self.used
    }

    /// Fetches a file, reads it and checks its values.
    fn table(&mut self, file: &str) -> Result<Table, LoadError> {
        let fetched = self.fetcher.file(self.dataset, file)?;
        let entry = self.fetcher.catalog().get(self.dataset).map_err(|e| LoadError::BadInput(e.into()))?;
        let corrupt = |detail| LoadError::Corrupt { dataset: self.dataset.into(), path: fetched.path.clone(), detail };
        let table = match entry.file(file) {
            Some(listed) => listed.read(&fetched.path).map_err(|e| corrupt(e.to_string()))?,
            None => return Err(corrupt("the catalog does not list it".into())),
        };
        self.used.push(fetched);
        Ok(table)
    }

    /// The error for a table that has not what the loader needs.
    fn corrupt(&self, detail: String) -> LoadError {
        let path = self.used.last().map(|f| f.path.clone()).unwrap_or_default();
        LoadError::Corrupt { dataset: self.dataset.into(), path, detail }
    }

    /// The error for values that make no tasks.
    fn unusable(&self, source: mtl_core::DataError) -> LoadError {
        LoadError::Unusable { dataset: self.dataset.into(), source }
    }
}

/// A choice of a canonical specification.
pub(crate) fn choice<'a>(options: &'a Options, option: &str) -> &'a str {
    options.get(option).map_or("", String::as_str)
}

/// A number of a canonical specification.
pub(crate) fn number<T: FromStr>(options: &Options, option: &str) -> T {
    let number = choice(options, option).parse().ok();
    number.unwrap_or_else(|| panic!("the catalog declares `{option}` as a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    #[test]
    fn registry_and_catalog_list_the_same_sets() {
        let registered: Vec<&str> = REGISTRY.iter().map(|r| r.name).collect();
        let catalog = Catalog::embedded();
        let listed: Vec<&str> = catalog.iter().map(|(name, _)| name).collect();
        assert_eq!(registered, listed);
    }

    #[test]
    fn sets_with_files_are_read_and_the_others_drawn() {
        for (name, entry) in Catalog::embedded().iter() {
            let drawn = matches!(registered(name).unwrap().loader, Loader::Drawn(_));
            assert_eq!(drawn, entry.files.is_empty(), "{name}");
            assert!(revision(name).is_some());
        }
        assert_eq!(revision("nothing"), None);
    }
}
