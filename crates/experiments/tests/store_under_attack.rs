//! What happens to a store that others damage, outgrow, share or fill: nothing that is not whole is believed, and nothing
//! that is whole is lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use common::point;
use mtl_core::Metric;
use mtl_data::sets;
use mtl_experiments::Store;
use mtl_experiments::cell::CellKey;
use mtl_experiments::store::PointResult;
use mtl_experiments::store::{Damage, FORMAT, Fate, Kind, Outcome, Record, diff};
use ndarray::Array2;

/// The identity of a lasso cell of the present revisions.
fn key(repeat: u32) -> CellKey {
    let mut key = common::key(repeat);
    key.method_revision = mtl_methods::method("lasso").unwrap().info.revision;
    key.data_revision = sets::revision(&key.data.name).unwrap();
    key
}

fn record(repeat: u32, points: Vec<PointResult>) -> Record {
    Record { key: key(repeat), ..common::record(repeat, points) }
}

fn example(repeat: u32) -> Record {
    record(repeat, vec![point(0.1, &[(Metric::NMse, 1.0 / 3.0)])])
}

fn record_file(folder: &Path, repeat: u32) -> PathBuf {
    let id = key(repeat).id();
    folder.join("records").join(&id.as_str()[..2]).join(format!("{id}.jsonl"))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The file of a record that a program of some format wrote.
fn sealed(body: &str, format: u32) -> String {
    let text = format!("{body}\n{{\"format\":{format},\"blake3\":\"");
    format!("{text}{}\"}}\n", blake3::hash(text.as_bytes()).to_hex())
}

#[test]
fn damaged_records_are_quarantined_with_the_reason_and_reported_once() {
    static TOLD: Mutex<Vec<Damage>> = Mutex::new(Vec::new());
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.put(example(0)).unwrap();
    let (path, id) = (record_file(folder.path(), 0), key(0).id());
    let whole = fs::read(&path).unwrap();
    // As by a power cut, a failing disk, a hand.
    let faults: [(&[u8], &str); 4] = [
        (b"", "the file is empty"),
        (&whole[..100], "it is cut short"),
        (&[&whole[..200], b"\0", &whole[201..]].concat(), "it is not what its checksum says"),
        (b"\xff\xfe", "it is not text"),
    ];
    for (n, (bytes, reason)) in faults.into_iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        // One that only reads reports and leaves it.
        let reader = Store::reading(folder.path()).telling(|damage| TOLD.lock().unwrap().push(damage.clone()));
        assert!(reader.get(&id).is_none() && reader.get(&id).is_none() && reader.all().is_empty());
        let told = std::mem::take(&mut *TOLD.lock().unwrap());
        let [Damage { file, reason: why, fate: Fate::Left }] = &told[..] else { panic!("{told:?}") };
        assert_eq!((folder.path().join(file), why.as_str()), (path.clone(), reason));

        let writer = Store::open(folder.path()).unwrap().telling(|damage| TOLD.lock().unwrap().push(damage.clone()));
        assert!(writer.get(&id).is_none() && writer.get(&id).is_none() && writer.all().is_empty());
        let told = std::mem::take(&mut *TOLD.lock().unwrap());
        let [Damage { fate: Fate::Quarantined(to), .. }] = &told[..] else { panic!("{told:?}") };
        assert_eq!(fs::read(folder.path().join(to)).unwrap(), bytes, "kept for whoever wants to look");
        let note = fs::read_to_string(folder.path().join(format!("{}.txt", to.display()))).unwrap();
        assert!(note.contains(reason) && note.starts_with("records/"), "{note}");
        assert_eq!(names(&folder.path().join("quarantine")).len(), 2 * (n + 1), "none replaces another");

        writer.put(example(0)).unwrap();
        assert_eq!(Store::reading(folder.path()).get(&id).as_deref(), Some(&example(0)));
    }
}

#[test]
fn every_bit_counts() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(folder.path()).unwrap().put(example(0)).unwrap();
    let path = record_file(folder.path(), 0);
    let whole = fs::read(&path).unwrap();
    // The last byte ends the line.
    for bit in 0..8 * (whole.len() - 1) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        assert_eq!(Store::reading(folder.path()).get(&key(0).id()), None, "bit {bit}");
    }
}

#[test]
fn records_of_before_formats_are_read_and_those_to_come_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.put(example(0)).unwrap();
    let path = record_file(folder.path(), 0);
    let text = fs::read_to_string(&path).unwrap();
    let body = text.lines().next().unwrap();
    assert_eq!(text, sealed(body, FORMAT));
    let first = format!("{body}\n{{\"blake3\":\"{}\"}}\n", blake3::hash(body.as_bytes()).to_hex());
    fs::write(&path, first).unwrap();
    assert_eq!(Store::reading(folder.path()).get(&key(0).id()).as_deref(), Some(&example(0)));

    // What another version wrote in another way is kept, and runs again.
    fs::write(&path, sealed(&body.replace("\"outcome\"", "\"result\""), 1)).unwrap();
    let survey = Store::reading(folder.path()).survey();
    assert!(survey.damaged[0].reason.contains("another version wrote it"), "{survey:?}");

    let later = sealed("a line that only a later program understands", FORMAT + 1);
    fs::write(&path, &later).unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert!(store.get(&key(0).id()).is_none() && store.all().is_empty());
    let message = store.put(example(0)).unwrap_err().to_string();
    for words in [&format!("of format {}", FORMAT + 1), "update mtl, or choose another store", "records/"] {
        assert!(message.contains(words), "{message}");
    }
    store.put(example(1)).unwrap();
    store.keep(Array2::zeros((2, 2)).view()).unwrap();
    let survey = store.survey();
    assert!(survey.damaged.is_empty() && survey.unreadable.len() == 1 && !survey.is_sound(), "{survey:?}");
    // It may refer to any artifact.
    let garbage = store.garbage();
    assert!(garbage.artifacts_kept && garbage.files.is_empty(), "{garbage:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), later);
}

/// Writers and readers of one folder, as processes are: none knows of the others.
#[test]
fn writers_of_the_same_cells_leave_whole_records_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let in_time = |repeat: u32, seconds: f64| {
        let mut record = example(repeat);
        record.circumstances.seconds = seconds;
        record
    };
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (folder, in_time) = (folder.path(), &in_time);
            scope.spawn(move || {
                let store = Store::open(folder).unwrap();
                for round in 0..10 {
                    for repeat in 0..5 {
                        store.put(in_time(repeat, f64::from(writer + 10 * round))).unwrap();
                        store.keep(Array2::from_elem((8, 8), f64::from(repeat)).view()).unwrap();
                        let seen =
                            Store::reading(folder).get(&key(repeat).id()).expect("a record that was there is there");
                        assert_eq!(seen.outcome, example(repeat).outcome);
                    }
                }
            });
        }
    });
    let survey = Store::reading(folder.path()).survey();
    assert!(survey.is_sound(), "{survey:?}");
    assert_eq!((survey.done, survey.artifacts, survey.temporaries, survey.quarantined), (5, 5, 0, 0));
}

/// Several processes meet the same damage: one moves it, and none moves what another has mended.
#[test]
fn damage_that_several_meet_is_mended_once() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..20 {
        Store::open(folder.path()).unwrap().put(example(0)).unwrap();
        fs::write(record_file(folder.path(), 0), "cut").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let store = Store::open(folder.path()).unwrap();
                    if store.get(&key(0).id()).is_none() {
                        store.put(example(0)).unwrap();
                    }
                });
            }
        });
        assert_eq!(Store::reading(folder.path()).get(&key(0).id()).as_deref(), Some(&example(0)));
        assert_eq!(names(&folder.path().join("quarantine")).len(), 2 * round);
    }
}

#[test]
fn the_clock_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for (repeat, finished) in [(0, 0), (1, u64::MAX)] {
        let mut record = example(repeat);
        record.circumstances.finished = finished;
        store.put(record).unwrap();
    }
    let century = Duration::from_secs(100 * 365 * 86_400);
    for (repeat, time) in [(0, SystemTime::now() + century), (1, SystemTime::UNIX_EPOCH)] {
        File::options().append(true).open(record_file(folder.path(), repeat)).unwrap().set_modified(time).unwrap();
    }
    assert!(store.survey().is_sound() && store.all().len() == 2);
    assert!(store.garbage().files.is_empty());
}

/// A record with weights, and their file.
fn with_weights(store: &Store, repeat: u32, value: f64) -> PathBuf {
    let hash = store.keep(Array2::from_elem((3, 3), value).view()).unwrap();
    let mut record = example(repeat);
    let Outcome::Done(points) = &mut record.outcome else { unreachable!() };
    points[0].artifacts.insert("weights".into(), hash.clone());
    store.put(record).unwrap();
    store.folder().join("artifacts").join(&hash[..2]).join(format!("{hash}.npy"))
}

#[test]
fn a_survey_finds_what_is_wrong_and_a_writer_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let files: Vec<PathBuf> = (0..4).map(|repeat| with_weights(&store, repeat, f64::from(repeat))).collect();
    store.put(Record { outcome: Outcome::Failed("out of time".into()), ..example(4) }).unwrap();
    let sound = store.survey();
    assert!(sound.is_sound() && sound.outdated.is_empty(), "{sound:?}");
    assert_eq!((sound.done, sound.failed, sound.artifacts, sound.orphans), (4, 1, 4, 0));

    fs::remove_file(&files[0]).unwrap();
    fs::write(&files[1], b"\x93NUMPY").unwrap();
    fs::write(record_file(folder.path(), 2), "").unwrap();
    let reader = Store::reading(folder.path());
    for _ in 0..2 {
        let survey = reader.survey();
        assert_eq!((survey.done, survey.damaged.len(), survey.incomplete.len(), survey.orphans), (1, 2, 2, 1));
        assert!(!survey.is_sound() && !survey.is_mended(), "{survey:?}");
    }
    let survey = Store::open(folder.path()).unwrap().survey();
    assert!(survey.is_mended() && survey.damaged.len() == 2 && survey.incomplete.len() == 2, "{survey:?}");
    let after = Store::reading(folder.path()).survey();
    assert!(after.is_sound(), "{after:?}");
    assert_eq!((after.done, after.failed, after.quarantined), (1, 1, 4));
    for repeat in 0..3 {
        assert_eq!(Store::reading(folder.path()).get(&key(repeat).id()), None, "cell {repeat} runs again");
    }
}

#[test]
fn garbage_is_what_no_present_revision_needs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let needed = with_weights(&store, 0, 1.0);
    // Lasso of a revision of before there were any, with weights of its own.
    let weights = store.keep(Array2::from_elem((3, 3), 2.0).view()).unwrap();
    let mut outdated = example(1);
    outdated.key.method_revision = 0;
    let Outcome::Done(points) = &mut outdated.outcome else { unreachable!() };
    points[0].artifacts.insert("weights".into(), weights.clone());
    let outdated_id = outdated.key.id();
    store.put(outdated).unwrap();
    let mut later = example(2);
    later.key.method_revision = 1000;
    store.put(later).unwrap();
    fs::write(folder.path().join("tmp/17-0"), "half a rec").unwrap();
    fs::write(record_file(folder.path(), 0).with_file_name("notes.md"), "not ours").unwrap();

    let message = Store::alone(folder.path()).err().unwrap().to_string();
    assert!(message.contains("a run is using it") && message.contains("when it is over"), "{message}");
    drop(store);
    let alone = Store::alone(folder.path()).unwrap();
    let garbage = alone.garbage();
    let mut kinds: Vec<String> = garbage.files.iter().map(|litter| litter.kind.to_string()).collect();
    kinds.sort();
    let revision = mtl_methods::method("lasso").unwrap().info.revision;
    let outdated = format!("record: lasso of revision 0, now {revision}");
    assert_eq!(kinds, ["artifact of no record", "left by runs that died", &outdated]);
    assert_eq!(alone.survey().outdated.into_values().collect::<Vec<_>>(), [1]);
    alone.delete(&garbage).unwrap();
    assert!(alone.garbage().files.is_empty());
    assert_eq!((alone.get(&outdated_id), alone.matrix(&weights)), (None, None));
    assert!(needed.is_file() && alone.get(&key(0).id()).is_some(), "what is needed stays");
    assert_eq!(alone.all().len(), 2, "and so does what is of a later revision");
    assert!(record_file(folder.path(), 0).with_file_name("notes.md").is_file());
    assert!(!garbage.files.iter().any(|litter| litter.kind == Kind::Quarantined));
}

#[test]
fn differences_are_those_of_results() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b) = (Store::open(a.path()).unwrap(), Store::open(b.path()).unwrap());
    let scaled = |repeat: u32, factor: f64| record(repeat, vec![point(0.1, &[(Metric::NMse, factor / 3.0)])]);
    for repeat in 0..5 {
        a.put(scaled(repeat, 1.0)).unwrap();
    }
    let mut slower = scaled(0, 1.0);
    slower.circumstances.seconds = 1e3;
    let failed = Record { outcome: Outcome::Failed("out of time".into()), ..example(3) };
    for record in [slower, scaled(1, 1.0 + 1e-9), scaled(2, 2.0), failed, scaled(7, 1.0)] {
        b.put(record).unwrap();
    }
    let found = diff(&a, &b);
    let repeats = |records: &[std::sync::Arc<Record>]| records.iter().map(|r| r.key.repeat).collect::<Vec<_>>();
    assert_eq!((found.same, repeats(&found.only_a), repeats(&found.only_b)), (1, vec![4], vec![7]));
    let apart: Vec<_> = found.different.iter().map(|d| (d.record.key.repeat, d.place.as_str(), d.relative)).collect();
    let [(3, "", infinite), (2, "done[0].metrics.test.nMSE[0]", half), (1, _, small)] = apart[..] else {
        panic!("{apart:?}")
    };
    assert!(infinite.is_infinite() && half == 0.5 && (small - 1e-9).abs() < 1e-12, "{apart:?}");
    let back = diff(&b, &a);
    assert_eq!((back.same, repeats(&back.only_a), back.different.len()), (1, vec![7], 3));
}
