//! Shares: everything is in one of them, nothing in two, they are of about equal cost and always the same.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use common::{Folder, Quiet, STUDY, library};
use mtl_experiments::cost::Costs;
use mtl_experiments::drive::drive;
use mtl_experiments::plan::{Outlook, Resolved, resolve, units, units_of};
use mtl_experiments::shard::{Parcel, Shares, outlooks, parcels};
use mtl_experiments::store::{Outcome, Record};
use mtl_experiments::{CellId, Runner, Store, Study};

type Studies = Vec<(Study, Vec<Resolved>)>;

/// Two studies that want some of the same cells, of five repeats.
fn studies() -> (Folder, Studies) {
    let folder = Folder::new();
    folder.replace("paper", "[s]", "[s, t]");
    folder.replace("s", "repeats: 2", "repeats: 5");
    let other = STUDY.replace("repeats: 2", "repeats: 4").replace("[Lasso, GL]", "[GL]").replace("A study", "Another");
    folder.write("t", &other);
    let library = library(&folder.beside("cache"));
    let find = |s: &Study| s.data.iter().map(|d| resolve(d, &library).unwrap()).collect();
    let studies = folder.studies().iter().map(|s| (s.clone(), find(s))).collect();
    (folder, studies)
}

fn balanced(parcels: &[Parcel<'_>], count: usize) -> Shares {
    Shares::balanced(parcels, &outlooks(parcels, None, &Costs::default()), count)
}

/// Runs one share into a store.
fn run(studies: &[(Study, Vec<Resolved>)], share: usize, count: usize, store: &Path) -> u64 {
    let library = library(store);
    let parcels = parcels(studies);
    let shares = balanced(&parcels, count);
    let own = parcels.into_iter().filter(|parcel| shares.of(parcel) == Some(share));
    let units: Vec<_> = own.flat_map(|parcel| parcel.units).collect();
    let store = Store::open(store).unwrap();
    let runner =
        Runner { library: &library, store: &store, jobs: 1, stop: Arc::default(), limit: None, software: "test" };
    drive(&units, &runner, &Quiet).unwrap().done
}

fn content(store: &Path) -> BTreeMap<CellId, Outcome> {
    Store::reading(store).iter().map(|r| (r.key.id(), r.outcome)).collect()
}

#[test]
fn shares_make_the_whole_and_no_cell_twice() {
    let (folder, studies) = studies();
    let whole = folder.beside("whole");
    let total = run(&studies, 1, 1, &whole);
    assert_eq!(total, 2 * 5 * 2, "a path and a score for each of two methods on five splits");
    for count in [2, 3, 7, 12] {
        let shared = folder.beside(&format!("shared-{count}"));
        // Backwards: no share waits for another.
        let run: u64 = (1..=count).rev().map(|share| run(&studies, share, count, &shared)).sum();
        assert_eq!(run, total, "{count} shares ran some cells twice or not at all");
        assert_eq!(content(&shared), content(&whole));
    }
}

#[test]
fn shares_do_not_depend_on_what_is_stored() {
    let (folder, studies) = studies();
    let store = folder.beside("store");
    let parcels = parcels(&studies);
    let before = balanced(&parcels, 3);
    run(&studies, 2, 3, &store);
    assert_eq!(balanced(&parcels, 3), before);
    let left = outlooks(&parcels, Some(&Store::reading(&store)), &Costs::default());
    for (parcel, outlook) in parcels.iter().zip(left) {
        assert_eq!(outlook.missing == 0, before.of(parcel) == Some(2), "{}", parcel.place);
    }
}

#[test]
fn no_share_is_longer_than_it_must_be() {
    let (_folder, studies) = studies();
    let parcels = parcels(&studies);
    let outlooks = outlooks(&parcels, None, &Costs::default());
    for count in 1..=12 {
        let shares = Shares::balanced(&parcels, &outlooks, count);
        let mut loads = vec![0.0; count];
        for (parcel, outlook) in parcels.iter().zip(&outlooks) {
            loads[shares.of(parcel).unwrap() - 1] += outlook.seconds;
        }
        let total: f64 = loads.iter().sum();
        let largest = outlooks.iter().map(|o| o.seconds).fold(0.0, f64::max);
        let longest = loads.iter().copied().fold(0.0, f64::max);
        // Graham's bound for giving each part to whoever has least.
        let most = total / count as f64 + (1.0 - 1.0 / count as f64) * largest;
        assert!(longest <= most + 1e-4, "{count} shares: {longest}, but {most} is enough");
    }
}

#[test]
fn counting_agrees_with_looking() {
    let folder = Folder::new();
    folder.replace("paper", "[s]", "[s, folds, every]");
    folder.replace("methods", "gamma: [0.1, 1, 10]", "gamma: [0.1, 1, 10]\n    tol: [1e-6, 1e-8]");
    folder.replace("methods", "gamma: log10(-1, 1, 3)", "gamma: 1");
    let folds = STUDY
        .replace("0.2, test: 0.2}", "0, test: 0.4}")
        .replace("metrics:", "select: {metric: nMSE, folds: 3}\nmetrics:");
    folder.write("folds", &folds);
    let every = STUDY.replace("show: comparison", "show: {curves: {along: gamma, measures: [nMSE]}}\nscore: every");
    folder.write("every", &every.replace("[Lasso, GL]", "[GL]"));
    let library = library(&folder.beside("cache"));
    for study in folder.studies() {
        let found: Vec<Resolved> = study.data.iter().map(|d| resolve(d, &library).unwrap()).collect();
        for unit in units(&study, &found) {
            let looked = unit.outlook(None, &Costs::default(), &mut HashSet::new());
            let counted = unit.whole(&Costs::default());
            let name = format!("{} in {}", unit.method.label, study.id);
            assert_eq!(counted.missing, looked.missing, "{name}");
            assert!((counted.seconds - looked.seconds).abs() < 1e-9 * looked.seconds, "{name}");
        }
    }
}

#[test]
fn measured_times_replace_guesses() {
    let (folder, studies) = studies();
    let store = folder.beside("store");
    run(&studies, 1, 1, &store);
    let writable = Store::open(&store).unwrap();
    for record in writable.all() {
        let mut slow = Record::clone(&record);
        slow.circumstances.seconds = if slow.key.method == "lasso" { 50.0 } else { 1.0 };
        slow.circumstances.seconds *= slow.key.path.len() as f64;
        writable.put(slow).unwrap();
    }
    let parcels = parcels(&studies);
    let costs = Costs::measured(&Store::reading(&store));
    let outlooks = outlooks(&parcels, None, &costs);
    for (parcel, outlook) in parcels.iter().zip(&outlooks) {
        // Three fits that tune, and a walk halfway for the score.
        let expected = if parcel.place.ends_with("lasso") { 250.0 } else { 5.0 };
        assert!((outlook.seconds - expected).abs() < 1e-9, "{} {}", parcel.place, outlook.seconds);
    }
    let shares = Shares::balanced(&parcels, &outlooks, 5);
    let slow: BTreeSet<_> = parcels.iter().filter(|p| p.place.ends_with("lasso")).map(|p| shares.of(p)).collect();
    assert_eq!(slow.len(), 5, "each of the five slow parts in a share of its own");
}

#[test]
fn a_plan_is_of_its_work_alone() {
    let (_folder, studies) = studies();
    let all = parcels(&studies);
    let shares = balanced(&all, 4);
    let text = serde_json::to_string(&shares).unwrap();
    let read: Shares = serde_json::from_str(&text).unwrap();
    assert_eq!((&read, read.check(&all)), (&shares, Ok(())));
    let fewer = parcels(&studies[1..]);
    let message = shares.check(&fewer).unwrap_err();
    assert!(message.contains("6 of its 10 parts are not wanted here"), "{message}");
    assert_ne!(balanced(&fewer, 4).id(), shares.id());
    assert_eq!(balanced(&all, 4).id(), shares.id());
}

#[test]
fn a_hundred_thousand_cells_are_planned_within_a_second() {
    let folder = Folder::new();
    folder.replace("s", "repeats: 2", "repeats: 1000");
    let grid = "gamma: [0.1, 1, 10]\n    tol: log10(-9, -3, 49)";
    folder.replace("methods", "gamma: [0.1, 1, 10]", grid);
    folder.replace("methods", "gamma: log10(-1, 1, 3)", grid);
    let library = library(&folder.beside("cache"));
    let study = folder.studies().remove(0);
    let found: Vec<Resolved> = study.data.iter().map(|d| resolve(d, &library).unwrap()).collect();
    let studies = vec![(study, found)];
    let begin = Instant::now();
    let parcels = parcels(&studies);
    let outlooks = outlooks(&parcels, None, &Costs::default());
    let shares = Shares::balanced(&parcels, &outlooks, 64);
    let time = begin.elapsed();
    let total: Outlook = outlooks.into_iter().sum();
    eprintln!("{} cells planned in {time:?}", total.missing);
    assert_eq!(shares.check(&parcels), Ok(()));
    assert_eq!(total.missing, units_of(&studies).iter().map(|unit| unit.size()).sum::<usize>());
    let ids: HashSet<_> = parcels.iter().map(|p| &p.place).collect();
    assert_eq!(ids.len(), 2000);
    // Wide enough for a machine that does other things.
    assert!(time.as_secs_f64() < 1.0, "{time:?}");
}
