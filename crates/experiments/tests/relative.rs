//! Grids whose strengths are fractions of the one that leaves nothing but zero.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use common::{Folder, Quiet, library};
use mtl_experiments::drive::{drive, wanted};
use mtl_experiments::plan::{Resolved, resolve, units_of};
use mtl_experiments::store::Record;
use mtl_experiments::{Cell, Runner, Store, Study};
use mtl_methods::ParamValue;

/// The example with this grid for Lasso and GL.
fn study(gamma: &str) -> (Folder, Study) {
    let folder = Folder::new();
    folder.replace("methods", "[0.1, 1, 10]", gamma);
    folder.replace("methods", "log10(-1, 1, 3)", gamma);
    let study = folder.studies().remove(0);
    (folder, study)
}

fn resolved(study: &Study, cache: &Path) -> (Study, Vec<Resolved>) {
    let library = library(cache);
    (study.clone(), study.data.iter().map(|d| resolve(d, &library).unwrap()).collect())
}

fn run(study: &Study, store: &Path) -> Vec<Arc<Record>> {
    let library = library(store);
    let studies = [resolved(study, store)];
    let store = Store::open(store).unwrap();
    let runner =
        Runner { library: &library, store: &store, jobs: 2, stop: Arc::default(), limit: None, software: "test" };
    let tally = drive(&units_of(&studies), &runner, &Quiet).unwrap();
    assert_eq!((tally.failed, tally.interrupted), (0, false));
    store.all()
}

fn gamma(value: Option<&ParamValue>) -> f64 {
    match value {
        Some(ParamValue::Number(v)) => *v,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fractions_identify_cells_and_numbers_are_recorded() {
    let (folder, study) = study("\"[0.25, 1, 1.01] x lambda_max\"");
    let store = folder.beside("store");
    let records = run(&study, &store);
    assert_eq!(records.len(), 8);
    let written = |fraction: &str| Some(ParamValue::Choice(format!("{fraction} x lambda_max")));
    let mut largest = BTreeSet::new();
    for record in records.iter().filter(|r| r.points().len() == 3) {
        // From the strongest to the weakest; 1 is written although it is also the default of gamma.
        let path: Vec<_> = record.key.path.iter().map(|p| p.get("gamma").cloned()).collect();
        assert_eq!(path, [written("1.01"), written("1"), written("0.25")]);
        let [strong, at, weak] = record.points() else { panic!("three points") };
        let [above, at, below] = [strong, at, weak].map(|point| gamma(point.params.get("gamma")));
        assert!(at > 1.0 && (above / at - 1.01).abs() < 1e-12 && (below / at - 0.25).abs() < 1e-12);
        assert_eq!(strong.objective.penalty, 0.0, "{}: nothing but zero is fitted", record.key.method);
        assert!(weak.objective.penalty > 0.0, "{}: something is fitted", record.key.method);
        largest.insert(format!("{} {at}", record.key.method));
    }
    assert_eq!(largest.len(), 4, "each method on each repeat has its own: {largest:?}");
    for record in records.iter().filter(|r| r.points().len() == 1) {
        assert_eq!(record.key.path.last().unwrap().get("gamma").cloned(), written("0.25"), "validation prefers it");
        assert!(gamma(record.scored().unwrap().params.get("gamma")) > 1.0);
    }
    assert!(wanted(&units_of(&[resolved(&study, &store)]), &Store::reading(&store)).is_empty());
}

#[test]
fn the_ways_to_write_them_agree() {
    let ids = |gamma: &str| -> BTreeSet<_> {
        let (folder, study) = study(gamma);
        let nowhere = folder.beside("nowhere");
        wanted(&units_of(&[resolved(&study, &nowhere)]), &Store::reading(&nowhere)).iter().map(Cell::id).collect()
    };
    let list = ids("\"[0.01, 0.1, 1] x lambda_max\"");
    assert_eq!(ids("log10(-2, 0, 3) x lambda_max"), list);
    assert!(ids("log10(-2, 0, 3)").is_disjoint(&list), "a fraction is no strength");
    assert_eq!(ids("0.1 x lambda_max"), ids("\"[0.1] x lambda_max\""));
}
