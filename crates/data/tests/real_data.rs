//! The real files, where a mirror has them: `MTL_MIRROR=DIR cargo test -p mtl-data --test real_data`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says when it is skipped")]

use std::path::Path;

use mtl_core::Seed;
use mtl_data::fetch::Trust;
use mtl_data::fingerprint::Fingerprint;
use mtl_data::{DatasetSpec, FetchOptions, Fetcher, Library, LoadError, Mirror};

/// A library that sees only the mirror, or `None` without one.
fn library(cache: &Path) -> Option<Library> {
    let Ok(mirror) = std::env::var("MTL_MIRROR") else {
        println!("skipped: MTL_MIRROR not set");
        return None;
    };
    let mirror = Some(Mirror::from(mirror.as_str()));
    let offline = !matches!(mirror, Some(Mirror::Url(_)));
    Some(Library::new(Fetcher::new(FetchOptions { mirror, offline, ..FetchOptions::new(cache) })))
}

fn seed() -> Seed {
    Seed::of(&"real data")
}

#[test]
fn parkinsons() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let spec = DatasetSpec::new("parkinsons");
    let data = library.load(&spec, &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (42, 16, 5875));
    let sizes: Vec<usize> = data.tasks.iter().map(|t| t.n()).collect();
    assert_eq!((sizes.iter().min(), sizes.iter().max()), (Some(&101), Some(&168)));
    assert_eq!((data.task_names()[0].as_str(), data.task_names()[41].as_str()), ("subject 1", "subject 42"));
    assert_eq!(library.files(&spec).unwrap()[0].checksum, Trust::Verified);

    let targets = |target: &str| -> f64 {
        let data = library.load(&spec.clone().with("target", target), &seed()).unwrap();
        data.tasks.iter().map(|t| t.y.sum()).sum()
    };
    let entry = library.catalog().get("parkinsons").unwrap().file("parkinsons_updrs.data").unwrap();
    let sums = entry.fingerprint.column_sums.clone().unwrap();
    assert!((targets("motor") / sums[4] - 1.0).abs() < 1e-12);
    assert!((targets("total") / sums[5] - 1.0).abs() < 1e-12);
    for (feature, sum) in sums[6..].iter().enumerate() {
        let found: f64 = data.tasks.iter().map(|t| t.x.column(feature).sum()).sum();
        assert!((found / sum - 1.0).abs() < 1e-12, "{}", data.features[feature]);
    }
    let all = library.load(&spec.with("features", "all"), &seed()).unwrap();
    assert_eq!(all.n_features(), 19);
}

#[test]
fn sarcos_test_file() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let spec = DatasetSpec::new("sarcos-test");
    let data = library.load(&spec, &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.tasks[0].x.dim()), (7, (4449, 21)));
    assert!(data.shares_inputs());
    assert_eq!(library.files(&spec).unwrap()[0].checksum, Trust::Verified);
}

#[test]
fn fingerprints_are_those_of_the_catalog() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    for (dataset, file) in [("parkinsons", "parkinsons_updrs.data"), ("sarcos-test", "sarcos_inv_test.mat")] {
        let fetched = library.fetcher().file(dataset, file).unwrap();
        let entry = library.catalog().get(dataset).unwrap().file(file).unwrap();
        assert_eq!(Some(std::fs::metadata(&fetched.path).unwrap().len()), entry.bytes);
        let table = entry.format.read(&fetched.path, entry.fingerprint.columns).unwrap();
        entry.fingerprint.verify(&table).unwrap();
        let found = Fingerprint::of(&table);
        println!("{file}: {found:?}");
        assert!(found.column_sums.is_some() && entry.fingerprint.column_sums.is_some());

        let mut changed = table.clone();
        changed.values[[17, 3]] += 1e-3;
        assert!(entry.fingerprint.verify(&changed).is_err(), "a change of a thousandth in one cell shows");
    }
}

#[test]
fn a_part_that_is_missing_makes_the_set_unavailable() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    match library.load(&DatasetSpec::new("sarcos"), &seed()) {
        Ok(data) => assert_eq!((data.tasks[0].x.dim(), data.shares_inputs()), ((48933, 21), true)),
        Err(LoadError::Unavailable(error)) => {
            println!("{error}");
            assert!(error.to_string().contains("no copy of `sarcos_inv.mat` for data set `sarcos`"));
        }
        Err(other) => panic!("{other}"),
    }
}
