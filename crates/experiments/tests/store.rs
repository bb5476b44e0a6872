//! The store gives back what it was given, or nothing.

mod common;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{key, point, record};
use mtl_core::{Counts, Draw, Fractions, Metric, RowScale, RowSizes, ScaleFit, Sizes};
use mtl_experiments::Store;
use mtl_experiments::cell::{CellKey, Purpose, Selection};
use mtl_experiments::store::{Outcome, Record};
use mtl_experiments::study::{Select, Ties};
use mtl_methods::ParamValue;
use ndarray::{Array2, array};

fn example(repeat: u32) -> Record {
    // Numbers whose decimal form needs every digit.
    let mut point = point(0.1 + 0.2, &[(Metric::NMse, 1.0 / 3.0), (Metric::Ev, -5e-324)]);
    point.recovery.insert(Metric::RowRecall, f64::MAX);
    point.memberships.insert("groups".into(), vec![0, 1, 1]);
    record(repeat, vec![point])
}

fn store(folder: &Path) -> Store {
    Store::open(folder).unwrap_or_else(|e| panic!("{e}"))
}

/// The only file of a kind.
fn file(folder: &Path, kind: &str) -> PathBuf {
    let list = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let files: Vec<PathBuf> = list(&folder.join(kind)).flat_map(|f| list(&f)).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn what_goes_in_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let records = [example(0), Record { outcome: Outcome::Failed("out of time".into()), ..example(1) }];
    let written = store(folder.path());
    for record in &records {
        assert_eq!(written.get(&record.key.id()), None);
        written.put(record.clone()).unwrap();
    }
    // Another store on the same folder reads the files.
    for store in [written, store(folder.path()), Store::reading(folder.path())] {
        for record in &records {
            assert_eq!(store.get(&record.key.id()).as_deref(), Some(record));
        }
        let mut all: Vec<Record> = store.all().iter().map(|r| (**r).clone()).collect();
        all.sort_by_key(|r| r.key.repeat);
        assert_eq!(all, records);
        assert_eq!(store.get(&key(2).id()), None);
    }
}

#[test]
fn damaged_records_count_as_absent() {
    let folder = tempfile::tempdir().unwrap();
    let record = example(0);
    let id = record.key.id();
    store(folder.path()).put(record).unwrap();
    let path = file(folder.path(), "records");
    let text = fs::read_to_string(&path).unwrap();
    let absent = |what: &str| {
        let store = Store::reading(folder.path());
        assert!(store.get(&id).is_none() && store.all().is_empty(), "{what}");
    };
    for length in [0, 1, text.len() / 2, text.len() - 3] {
        fs::write(&path, &text[..length]).unwrap();
        absent(&format!("cut to {length} bytes"));
    }
    for (from, to) in [("1.5", "1.6"), ("lasso", "lasse"), ("blake3", "blake2"), ("\n{", "\n\n{")] {
        assert!(text.contains(from));
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        absent(&format!("{from} altered to {to}"));
    }
    fs::write(&path, [text.as_bytes(), b"{}\n"].concat()).unwrap();
    absent("more at its end");
    fs::write(&path, b"\xff\xfe").unwrap();
    absent("no text");
    fs::write(&path, &text).unwrap();
    assert!(Store::reading(folder.path()).get(&id).is_some(), "and back again");
}

#[test]
fn renamed_records_count_as_absent() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path()).put(example(0)).unwrap();
    let path = file(folder.path(), "records");
    let other = key(1).id();
    let there = folder.path().join("records").join(&other.as_str()[..2]).join(format!("{other}.jsonl"));
    fs::create_dir_all(there.parent().unwrap()).unwrap();
    fs::copy(&path, &there).unwrap();
    let store = Store::reading(folder.path());
    assert_eq!(store.get(&other), None);
    assert_eq!(store.all().len(), 1, "the copy is not a second record");
}

#[test]
fn leftovers_of_a_crash_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(folder.path());
    // Names that this very process would use next.
    for count in 0..20 {
        let leftover = folder.path().join("tmp").join(format!("{}-{count}", std::process::id()));
        fs::write(leftover, "x".repeat(10_000)).unwrap();
    }
    first.put(example(0)).unwrap();
    let again = store(folder.path());
    again.put(example(1)).unwrap();
    assert_eq!(again.all().len(), 2);
    assert_eq!(Store::reading(folder.path()).get(&key(0).id()).as_deref(), Some(&example(0)));
}

#[test]
fn forgotten_records_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let id = key(0).id();
    store.forget(&id).unwrap();
    store.put(example(0)).unwrap();
    store.forget(&id).unwrap();
    assert_eq!(store.get(&id), None);
    assert_eq!(Store::reading(folder.path()).get(&id), None);
    store.put(example(0)).unwrap();
    assert!(store.get(&id).is_some());
}

#[test]
fn artifacts_are_what_their_hash_says() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let matrix = array![[1.0 / 3.0, -0.0], [f64::MIN_POSITIVE, 1e300]];
    let hash = store.keep(matrix.view()).unwrap();
    assert_eq!(store.keep(matrix.t().to_owned().t()).unwrap(), hash, "the same content, stored once");
    assert_eq!(store.matrix(&hash), Some(matrix.clone()));
    assert_ne!(store.keep(Array2::zeros((2, 2)).view()).unwrap(), hash);
    for unknown in ["", "ä", "00", "0000", "../../etc/passwd"] {
        assert_eq!(store.matrix(unknown), None);
    }
    let path = folder.path().join("artifacts").join(&hash[..2]).join(format!("{hash}.npy"));
    let bytes = fs::read(&path).unwrap();
    for damaged in [&bytes[..bytes.len() - 1], &[], &[&bytes[..bytes.len() - 1], b"x"].concat()] {
        fs::write(&path, damaged).unwrap();
        assert_eq!(store.matrix(&hash), None);
        // Kept again, it is whole again.
        assert_eq!(store.keep(matrix.view()).unwrap(), hash);
        assert_eq!(store.matrix(&hash), Some(matrix.clone()));
    }
}

const MEND: &str = "free some space, make the folder writable, or choose another with --store DIR";

/// The tests may run as root, who may write anywhere: a file stands where a folder should be.
#[test]
fn a_folder_that_cannot_be_written_to_is_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |name: &str| folder.path().join(name);
    fs::write(inside("file"), "").unwrap();
    for path in [inside("file"), inside("file").join("store")] {
        let message = Store::open(&path).err().unwrap().to_string();
        let start = format!("results store {}: cannot write to it: ", path.display());
        assert!(message.starts_with(&start) && message.ends_with(MEND), "{message}");
    }
    for part in ["records", "artifacts", "tmp"] {
        let path = inside(&format!("store-{part}"));
        fs::create_dir(&path).unwrap();
        fs::write(path.join(part), "").unwrap();
        assert!(Store::open(&path).is_err(), "{part}");
    }
}

#[test]
fn a_record_that_cannot_be_written_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    fs::remove_dir(folder.path().join("records")).unwrap();
    fs::write(folder.path().join("records"), "").unwrap();
    let message = store.put(example(0)).unwrap_err().to_string();
    assert!(message.contains("cannot write a record: ") && message.ends_with(MEND), "{message}");
    assert_eq!(store.get(&key(0).id()), None);
}

#[test]
fn numbers_that_are_not_finite_never_get_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let spoil: [fn(&mut Record, f64); 5] = [
            |r, v| change(r, |p| p.objective.penalty = v),
            |r, v| change(r, |p| p.convergence.residual = v),
            |r, v| change(r, |p| p.metrics.values_mut().for_each(|m| m.values_mut().for_each(|x| x.push(v)))),
            |r, v| change(r, |p| p.recovery.values_mut().for_each(|x| *x = v)),
            |r, v| r.circumstances.seconds = v,
        ];
        for spoil in spoil {
            let mut record = example(0);
            spoil(&mut record, bad);
            let message = store.put(record).unwrap_err().to_string();
            assert!(message.contains("a number in it is not finite\nthis is an error of the program"), "{message}");
        }
    }
    assert!(store.all().is_empty());
}

fn change(record: &mut Record, change: impl FnOnce(&mut mtl_experiments::store::PointResult)) {
    match &mut record.outcome {
        Outcome::Done(points) => change(&mut points[0]),
        Outcome::Failed(_) => unreachable!("the example is done"),
    }
}

/// Records of before there were numbers of rows must be found again. The hashes are BLAKE3's of the text that was hashed
/// then.
#[test]
fn the_identity_of_a_split_by_fractions_never_changes() {
    let id = "32f9f60e060afcf152be6dc32ab377b4f2f70fcd8aaf51ed64c11d6587a856cf";
    assert_eq!(key(0).id().as_str(), id);
    assert_eq!(key(0).split_seed().short(), "90d2191343baf0bb");
    let json = serde_json::to_string(&key(0)).unwrap();
    assert!(json.contains(r#""sampling":{"rows":null,"split":{"train":0.6,"valid":0.2,"test":0.2}}"#), "{json}");
    assert_eq!(serde_json::from_str::<CellKey>(&json).unwrap(), key(0));

    let counted = |test, draw| {
        let mut key = key(0);
        key.sampling.split = Sizes::Rows(RowSizes { rows: Counts { train: 20, valid: 10, test }, draw });
        key
    };
    let keys = [counted(None, Draw::Random), counted(Some(20), Draw::Random), counted(None, Draw::Stratified)];
    let ids: HashSet<_> = keys.iter().map(CellKey::id).collect();
    assert_eq!(ids.len(), 3);
    for key in keys {
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<CellKey>(&json).unwrap(), key);
    }
}

type Change = Box<dyn Fn(&mut CellKey)>;

#[test]
fn every_field_of_a_key_counts() {
    let tuned = |points, grid: &str, ties| {
        let by = Select { metric: Metric::NMse, ties, folds: None };
        Purpose::Score(Some(Selection { by, points, grid: grid.into() }))
    };
    let gamma = |v: f64| BTreeMap::from([("gamma".to_owned(), ParamValue::Number(v))]);
    let changes: Vec<(&str, Change)> = vec![
        ("data", Box::new(|k| k.data.name = "synthetic-metag".into())),
        ("options", Box::new(|k| k.data = k.data.clone().with("spread", "sd"))),
        ("data revision", Box::new(|k| k.data_revision = 2)),
        ("rows", Box::new(|k| k.sampling.rows = Some(30))),
        ("split", Box::new(|k| k.sampling.split = Fractions { train: 0.5, valid: 0.3, test: 0.2 }.into())),
        ("scaled features", Box::new(|k| k.scaling.x = true)),
        ("scaled target", Box::new(|k| k.scaling.y = true)),
        ("scaling statistics", Box::new(|k| k.scaling.fit = ScaleFit::All)),
        ("scaled rows", Box::new(|k| k.scaling.rows = RowScale::UnitL2)),
        ("repeat", Box::new(|k| k.repeat = 1)),
        ("method", Box::new(|k| k.method = "l21".into())),
        ("method revision", Box::new(|k| k.method_revision = 2)),
        ("point", Box::new(move |k| k.path = vec![gamma(0.2)])),
        ("longer path", Box::new(move |k| k.path = vec![gamma(0.1), gamma(0.2)])),
        ("order of the path", Box::new(move |k| k.path = vec![gamma(0.2), gamma(0.1)])),
        ("empty path", Box::new(|k| k.path.clear())),
        ("purpose", Box::new(|k| k.purpose = Purpose::Tune)),
        ("selection", Box::new(move |k| k.purpose = tuned(2, "a", Ties::LargerPenalty))),
        ("number of points", Box::new(move |k| k.purpose = tuned(3, "a", Ties::LargerPenalty))),
        ("grid", Box::new(move |k| k.purpose = tuned(2, "b", Ties::LargerPenalty))),
        ("ties", Box::new(move |k| k.purpose = tuned(2, "a", Ties::FirstInGrid))),
    ];
    let mut ids = HashSet::from([key(0).id()]);
    for (field, change) in &changes {
        let mut key = key(0);
        change(&mut key);
        assert!(ids.insert(key.id()), "{field}");
        assert_eq!(key.id(), key.clone().id());
    }
    // What may not change the draw of data and rows does not, and what has to does.
    let seeds = |change: &dyn Fn(&mut CellKey)| {
        let mut key = key(0);
        change(&mut key);
        (key.data_seed(), key.split_seed())
    };
    let before = (key(0).data_seed(), key(0).split_seed());
    for (field, change) in &changes {
        let same = seeds(change) == before;
        let draws = ["data", "options", "rows", "split", "repeat"].contains(field);
        assert_eq!(same, !draws, "{field}");
    }
    assert_eq!(seeds(&|k| k.sampling.rows = Some(30)).0, before.0, "the data are drawn before rows are");
}
