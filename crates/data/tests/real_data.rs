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
fn rf1() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let spec = DatasetSpec::new("rf1");
    let load = |spec: &DatasetSpec| library.load(spec, &seed()).unwrap();
    let data = load(&spec);
    assert_eq!((data.n_tasks(), data.tasks[0].x.dim()), (8, (9005, 64)));
    assert!(data.shares_inputs());
    assert_eq!((data.task_names()[0].as_str(), data.task_names()[7].as_str()), ("CHSI2", "DLDI4"));
    assert_eq!((data.features[0].as_str(), data.features[63].as_str()), ("CHSI2 0 h ago", "DLDI4 60 h ago"));
    // Rows are hours: the target is what the same site reads 48 rows on.
    let (x, y) = (&data.tasks[2].x, &data.tasks[2].y);
    assert_eq!(x.column(2).to_vec()[48..1000], y.to_vec()[..952]);
    assert_eq!(library.files(&spec).unwrap()[0].checksum, Trust::Verified);

    let filled = load(&spec.clone().with("missing", "mean"));
    assert_eq!(filled.tasks[0].x.dim(), (9125, 64));
    assert_eq!(load(&spec.with("missing", "drop")).tasks[0].n(), 9005);
    let sums = library.catalog().get("rf1").unwrap().files[0].fingerprint.column_sums.clone().unwrap();
    for (task, sum) in filled.tasks.iter().zip(&sums[64..]) {
        assert!((task.y.sum() / sum - 1.0).abs() < 1e-12, "{}", task.name);
    }
    let mean = filled.tasks[0].x.column(63).mean().unwrap();
    assert!((mean / (sums[63] / 9005.0) - 1.0).abs() < 1e-12, "filling changes no mean");
}

#[test]
fn isolet() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    let spec = DatasetSpec::new("isolet");
    let data = library.load(&spec, &seed()).unwrap();
    assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (5, 617, 7797));
    let sizes: Vec<usize> = data.tasks.iter().map(|t| t.n()).collect();
    assert_eq!(sizes, [1560, 1560, 1560, 1558, 1559]);
    assert_eq!((data.task_names()[4].as_str(), data.features[616].as_str()), ("group 5", "f617"));
    assert!(data.tasks.iter().all(|t| t.x.iter().all(|v| v.abs() <= 1.0)));
    for (group, task) in data.tasks.iter().enumerate() {
        for letter in 1..=26_u8 {
            let expected = match (group, letter) {
                (3, 6) => 58,
                (4, 13) => 59,
                _ => 60,
            };
            let found = task.y.iter().filter(|&&y| y == f64::from(letter)).count();
            assert_eq!(found, expected, "{}, letter {letter}", task.name);
        }
    }
    let files = library.files(&spec).unwrap();
    assert!(files.len() == 5 && files.iter().all(|f| f.checksum == Trust::Verified));
}

#[test]
fn fingerprints_are_those_of_the_catalog() {
    let cache = tempfile::tempdir().unwrap();
    let Some(library) = library(cache.path()) else { return };
    for (dataset, file) in [
        ("parkinsons", "parkinsons_updrs.data"),
        ("sarcos-test", "sarcos_inv_test.mat"),
        ("rf1", "rf1.arff"),
        ("isolet", "Isolet1.mat"),
        ("isolet", "Isolet2.mat"),
        ("isolet", "Isolet3.mat"),
        ("isolet", "Isolet4.mat"),
        ("isolet", "isolet5.mat"),
    ] {
        let fetched = library.fetcher().file(dataset, file).unwrap();
        let entry = library.catalog().get(dataset).unwrap().file(file).unwrap();
        assert_eq!(Some(std::fs::metadata(&fetched.path).unwrap().len()), entry.bytes);
        let table = entry.format.read(&fetched.path, entry.fingerprint.columns).unwrap();
        entry.fingerprint.verify(&table).unwrap();
        let found = Fingerprint::of(&table);
        println!("{file}: {found:?}");
        assert!(entry.fingerprint.column_sums.is_some() || entry.fingerprint.total.is_some());

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
