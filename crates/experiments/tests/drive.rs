//! Plans and runs on small synthetic studies: whatever the order, the interruptions and the threads, the same cells
//! are run once, with the same results.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::{Folder, STUDY, library};
use mtl_core::{Metric, split::Part};
use mtl_experiments::drive::{Watch, drive, wanted};
use mtl_experiments::plan::{Resolved, resolve, units_of};
use mtl_experiments::results::Results;
use mtl_experiments::run::Tally;
use mtl_experiments::store::{Outcome, Record};
use mtl_experiments::{Cell, CellId, Profile, Runner, Store, Study};

/// Raises the stop flag after so many ticks.
struct StopAfter {
    left: AtomicUsize,
    stop: Arc<AtomicBool>,
}

impl Watch for StopAfter {
    fn stage(&self, _: &str, cells: usize) {
        assert!(cells > 0, "no stage is empty");
    }

    fn tick(&self, _: &Cell) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn end(&self) {}
}

/// How a test runs its studies.
struct Run {
    jobs: usize,
    stop_after: usize,
    limit: Option<Duration>,
}

const PLAIN: Run = Run { jobs: 2, stop_after: usize::MAX, limit: None };

impl Run {
    fn on(&self, studies: &[Study], store: &Path) -> Tally {
        let library = library(store);
        let resolved: Vec<(Study, Vec<Resolved>)> = resolved(studies, store);
        let store = Store::open(store).unwrap_or_else(|e| panic!("{e}"));
        let stop = Arc::new(AtomicBool::new(false));
        let watch = StopAfter { left: AtomicUsize::new(self.stop_after), stop: Arc::clone(&stop) };
        let runner =
            Runner { library: &library, store: &store, jobs: self.jobs, stop, limit: self.limit, software: "test" };
        drive(&units_of(&resolved), &runner, &watch).unwrap_or_else(|e| panic!("{e}"))
    }
}

fn resolved(studies: &[Study], cache: &Path) -> Vec<(Study, Vec<Resolved>)> {
    let library = library(cache);
    let find = |s: &Study| s.data.iter().map(|d| resolve(d, &library).unwrap_or_else(|e| panic!("{e}"))).collect();
    studies.iter().map(|s| (s.clone(), find(s))).collect()
}

/// Everything in a store but the circumstances.
fn content(store: &Path) -> BTreeMap<CellId, Outcome> {
    let records = Store::reading(store).all();
    records.iter().map(|r| (r.key.id(), r.outcome.clone())).collect()
}

fn records(store: &Path) -> Vec<Arc<Record>> {
    Store::reading(store).all()
}

/// Two methods, two repeats, of a data set that is quickly done.
fn small() -> (Folder, Vec<Study>) {
    let folder = Folder::new();
    let studies = folder.studies();
    (folder, studies)
}

/// A grid of three strengths is one warm-started path a method and repeat, and then a score.
const CELLS: u64 = 2 * 2 * (1 + 1);

#[test]
fn jobs_make_no_difference() {
    let (folder, studies) = small();
    let [one, four] = ["one", "four"].map(|name| folder.beside(name));
    let tally = Run { jobs: 1, ..PLAIN }.on(&studies, &one);
    assert_eq!(tally, Tally { done: CELLS, failed: 0, interrupted: false });
    assert_eq!(Run { jobs: 4, ..PLAIN }.on(&studies, &four), tally);
    assert_eq!(content(&one), content(&four));
    for (a, b) in records(&one).iter().zip(records(&four)) {
        assert_eq!((&a.key, &a.circumstances.seeds), (&b.key, &b.circumstances.seeds));
    }
}

#[test]
fn a_second_drive_runs_nothing() {
    let (folder, studies) = small();
    let store = folder.beside("store");
    PLAIN.on(&studies, &store);
    let before = content(&store);
    assert_eq!(PLAIN.on(&studies, &store), Tally::default());
    assert!(wanted(&units_of(&resolved(&studies, &store)), &Store::reading(&store)).is_empty());
    assert_eq!(content(&store), before);
}

#[test]
fn interrupted_and_resumed_is_the_same_as_run_through() {
    let (folder, studies) = small();
    let whole = folder.beside("whole");
    PLAIN.on(&studies, &whole);
    let expected = content(&whole);
    for k in 1..CELLS as usize {
        let store = folder.beside(&format!("stopped-after-{k}"));
        // What was computed before the flag went up is stored as well.
        let tally = Run { jobs: 1, stop_after: k, ..PLAIN }.on(&studies, &store);
        assert!(tally.interrupted && tally.failed == 0 && (k as u64..=CELLS).contains(&tally.done), "{tally:?}");
        assert_eq!(content(&store).len() as u64, tally.done);
        let rest = Run { jobs: 3, ..PLAIN }.on(&studies, &store);
        assert_eq!(rest, Tally { done: CELLS - tally.done, failed: 0, interrupted: false });
        assert_eq!(content(&store), expected, "stopped after {k}");
    }
}

#[test]
fn a_damaged_record_runs_again() {
    let (folder, studies) = small();
    let store = folder.beside("store");
    PLAIN.on(&studies, &store);
    let expected = content(&store);
    let score = records(&store).into_iter().find(|r| r.points().len() == 1).unwrap();
    let id = score.key.id();
    let path = store.join("records").join(&id.as_str()[..2]).join(format!("{id}.jsonl"));
    std::fs::write(&path, "half a rec").unwrap();
    assert_eq!(PLAIN.on(&studies, &store).done, 1);
    assert_eq!(content(&store), expected);
}

fn results(studies: &[Study], store: &Path) -> Results {
    let (study, found) = resolved(studies, store).remove(0);
    Results::collect(study, found, &Store::reading(store))
}

#[test]
fn a_failing_cell_is_recorded_and_the_others_go_on() {
    let folder = Folder::new();
    folder.replace("methods", "gamma: log10(-1, 1, 3)", "solver: coordinate\n    gamma: log10(-1, 1, 3)");
    let studies = folder.studies();
    let store = folder.beside("store");
    assert_eq!(PLAIN.on(&studies, &store), Tally { done: CELLS / 2, failed: 2, interrupted: false });
    let results = results(&studies, &store);
    let reason = "solver=coordinate needs a pure l1 penalty; use admm";
    let failures = results.failures();
    assert_eq!(failures.len(), 2);
    for (dataset, method, id, why) in failures {
        assert_eq!((dataset, method, why), ("D", "GL", reason));
        let record = Store::reading(&store).get(id).unwrap();
        assert_eq!(record.outcome, Outcome::Failed(reason.into()));
    }
    assert_eq!(results.scores("D", "Lasso").unwrap().values(Metric::NMse).len(), 2);
    let series = results.series("D", "GL", "nMSE", &BTreeMap::new());
    assert_eq!(series, Err(format!("GL on D failed: {reason}")));
}

#[test]
fn out_of_time_is_a_failure_until_it_is_forgotten() {
    let (folder, studies) = small();
    let store = folder.beside("store");
    let limited = Run { limit: Some(Duration::ZERO), ..PLAIN };
    assert_eq!(limited.on(&studies, &store), Tally { done: 0, failed: 4, interrupted: false });
    assert!(results(&studies, &store).failures().iter().all(|(.., reason)| *reason == "out of time"));
    // A failure is a result: it is not tried again by itself.
    assert_eq!(PLAIN.on(&studies, &store), Tally::default());
    let writable = Store::open(&store).unwrap();
    records(&store).iter().for_each(|r| writable.forget(&r.key.id()).unwrap());
    assert_eq!(results(&studies, &store).scores("D", "GL").unwrap().missing, 2);
    assert_eq!(PLAIN.on(&studies, &store), Tally { done: CELLS, failed: 0, interrupted: false });
    assert!(results(&studies, &store).failures().is_empty());
    // A limit beyond what a clock can show is none.
    let endless = Run { limit: Some(Duration::MAX), ..PLAIN };
    assert_eq!(endless.on(&studies, &folder.beside("other")).done, CELLS);
}

#[test]
fn data_that_cannot_be_split_fail_in_words() {
    let folder = Folder::new();
    folder.replace("s", "dataset: synthetic-gl", "dataset: synthetic-gl, rows: 2");
    let store = folder.beside("store");
    let tally = PLAIN.on(&folder.studies(), &store);
    assert_eq!((tally.done, tally.failed), (0, 4));
    for record in records(&store) {
        let Outcome::Failed(reason) = &record.outcome else { panic!("{record:?}") };
        assert_eq!(reason, "task `task 1`: 2 rows are too few for a 0.6/0.2/0.2 split");
    }
}

#[test]
fn a_grid_without_points_fails_in_words() {
    let folder = Folder::new();
    folder.replace("methods", "gamma: log10(-1, 1, 3)", "gamma: log10(-1, 1, 3)\n  where: [\"gamma > p\"]");
    folder.replace("s", "[Lasso, GL]", "[GL]");
    let store = folder.beside("store");
    assert_eq!(PLAIN.on(&folder.studies(), &store), Tally { done: 0, failed: 2, interrupted: false });
    let Outcome::Failed(reason) = &records(&store)[0].outcome else { panic!("a result without a point") };
    assert_eq!(reason, "no point of the grid meets its conditions on these data");
}

#[test]
fn scores_are_of_the_point_that_validation_chose() {
    let (folder, studies) = small();
    let store = folder.beside("store");
    PLAIN.on(&studies, &store);
    let results = results(&studies, &store);
    for method in ["Lasso", "GL"] {
        let scores = results.scores("D", method).unwrap();
        assert_eq!((scores.records.len(), scores.missing, scores.convergence()), (2, 0, (2, 0)));
        for (repeat, record) in &scores.records {
            let same = |r: &&Arc<Record>| (r.key.repeat, &r.key.method) == (*repeat, &record.key.method);
            let tuned = records(&store).iter().filter(same).find(|r| r.points().len() == 3).cloned().unwrap();
            let valid = |p: &mtl_experiments::store::PointResult| p.mean(Part::Valid, Metric::NMse).unwrap();
            let best = tuned.points().iter().min_by(|a, b| valid(a).total_cmp(&valid(b))).unwrap();
            let scored = record.scored().unwrap();
            assert_eq!(scored.params, best.params);
            // The very fit that was chosen, not another one at the same point.
            assert_eq!((scored.objective, valid(scored)), (best.objective, valid(best)));
            assert!(scored.mean(Part::Test, Metric::NMse).is_some() && best.mean(Part::Test, Metric::NMse).is_none());
            let weights = Store::reading(&store).matrix(&scored.artifacts["weights"]).unwrap();
            assert_eq!(weights.dim(), (80, 10));
        }
    }
}

fn ids(studies: &[Study], store: &Path) -> BTreeSet<CellId> {
    wanted(&units_of(&resolved(studies, store)), &Store::reading(store)).iter().map(Cell::id).collect()
}

#[test]
fn another_method_changes_no_other_cell() {
    let (folder, before) = small();
    let nowhere = folder.beside("nowhere");
    folder.replace("methods", "GL:\n", "rMTFL:\n  method: rmtfl\n  params: {gamma1: [1, 2]}\nGL:\n");
    folder.replace("s", "methods: [Lasso, GL]", "methods: [rMTFL, GL, Lasso]");
    let after = folder.studies();
    let (old, new) = (ids(&before, &nowhere), ids(&after, &nowhere));
    assert!(old.is_subset(&new));
    // Two strengths without the walked parameter are two paths, on two repeats.
    assert_eq!((old.len(), new.len()), (4, 8));
    // All of them on the same splits of the same data.
    let cells = wanted(&units_of(&resolved(&after, &nowhere)), &Store::reading(&nowhere));
    for repeat in 0..2 {
        let same = cells.iter().filter(|c| c.key.repeat == repeat);
        let seeds: HashSet<_> = same.map(|c| (c.key.split_seed().short(), c.key.data_seed().short())).collect();
        assert_eq!(seeds.len(), 1);
    }
}

#[test]
fn titles_labels_and_tables_are_no_part_of_a_cell() {
    let (folder, before) = small();
    let nowhere = folder.beside("nowhere");
    for (from, to) in [
        ("title: A study", "title: Another"),
        ("label: D", "label: E"),
        ("metrics: [nMSE, EV]", "metrics: [MAE]"),
        ("reference: GL", "reference: Lasso"),
        ("published: t\n", ""),
    ] {
        folder.replace("s", from, to);
    }
    assert_eq!(ids(&folder.studies(), &nowhere), ids(&before, &nowhere));
    folder.replace("s", "repeats: 2", "repeats: 2\n  scaling: {x: true}");
    assert!(ids(&folder.studies(), &nowhere).is_disjoint(&ids(&before, &nowhere)));
}

#[test]
fn a_profile_runs_a_part_and_the_full_one_the_rest() {
    let folder = Folder::new();
    let profiles = "profiles:\n  smoke: {repeats: 1}\n  quick: {params: {Lasso: {gamma: [1, 10]}}}\n";
    folder.replace("s", "metrics: [nMSE, EV]\n", &format!("metrics: [nMSE, EV]\n{profiles}"));
    let full = folder.studies();
    let narrowed = |profile| vec![full[0].narrowed(profile).unwrap()];
    let store = folder.beside("store");
    assert_eq!(PLAIN.on(&narrowed(Profile::Smoke), &store).done, CELLS / 2);
    // One repeat and another grid for Lasso: only what coincides is there already.
    assert_eq!(PLAIN.on(&narrowed(Profile::Quick), &store).done, CELLS - 2);
    assert_eq!(PLAIN.on(&full, &store).done, 2, "the second repeat of Lasso on its full grid");
    assert_eq!(PLAIN.on(&narrowed(Profile::Paper), &store), Tally::default(), "without a subset it is the full study");
    let fresh = folder.beside("fresh");
    PLAIN.on(&full, &fresh);
    let (all, alone) = (content(&store), content(&fresh));
    assert!(alone.iter().all(|(id, outcome)| all.get(id) == Some(outcome)));
}

#[test]
fn studies_share_cells() {
    let folder = Folder::new();
    folder.replace("paper", "[s]", "[s, t]");
    let other = STUDY.replace("repeats: 2", "repeats: 3").replace("[Lasso, GL]", "[GL]").replace("A study", "Another");
    folder.write("t", &other);
    let studies = folder.studies();
    assert_eq!((studies[0].id.as_str(), studies[1].id.as_str()), ("s", "t"));
    let store = folder.beside("store");
    assert_eq!(PLAIN.on(&studies, &store).done, CELLS + 2, "the third repeat of GL");
    assert_eq!(PLAIN.on(&studies[1..], &store), Tally::default());
    for (study, found) in resolved(&studies, &store) {
        let repeats = study.protocol.repeats as usize;
        let results = Results::collect(study, found, &Store::reading(&store));
        assert_eq!(results.scores("D", "GL").unwrap().values(Metric::NMse).len(), repeats);
    }
}
