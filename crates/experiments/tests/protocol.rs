//! What a protocol can ask for: folds that choose, families of data sets, other units, scaling by method.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::{Folder, library};
use mtl_core::split::Part;
use mtl_core::{Metric, Scaling, Units};
use mtl_experiments::cell::{CellKey, Purpose, hash};
use mtl_experiments::prepare::Prepared;
use mtl_experiments::study::Profile;
use mtl_methods::{Context, ParamValue};

const FOLDS: &str = "split: {train: 0.6, valid: 0, test: 0.4}";

fn folds() -> Folder {
    let folder = Folder::new();
    folder.replace("s", "split: {train: 0.6, valid: 0.2, test: 0.2}", FOLDS);
    folder.replace("s", "metrics: [nMSE, EV]", "metrics: [nMSE, EV]\nselect: {metric: nMSE, folds: 3}");
    folder
}

#[test]
fn folds_choose_and_all_training_rows_are_fitted_to() {
    let folder = folds();
    let (results, store) = folder.results();
    let tried: Vec<_> = store.all().into_iter().filter(|r| matches!(r.key.purpose, Purpose::Fold(_))).collect();
    assert_eq!(tried.len(), 12, "three folds of a path, two methods, two repeats");
    assert!(tried.iter().all(|r| r.points().iter().all(|p| p.metrics.keys().eq([&Part::Valid]))));
    let scores = results.scores("D", "Lasso").unwrap();
    assert_eq!((scores.tuning.0, scores.records.len()), (18, 2));
    let scored = scores.records[&0].scored().unwrap();
    assert!(scored.metrics.keys().eq([&Part::Train, &Part::Test]), "there is no validation part");

    // What was chosen is the best mean over the folds.
    let of_repeat = tried.iter().filter(|r| r.key.method == "lasso" && r.key.repeat == 0);
    let mut means: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for point in of_repeat.flat_map(|r| r.points()) {
        let value = point.mean(Part::Valid, Metric::NMse).unwrap();
        means.entry(point.params.get("gamma").unwrap().to_string()).or_default().push(value);
    }
    assert!(means.values().all(|values| values.len() == 3 && values[0] != values[1]));
    let best = means.iter().min_by(|a, b| a.1.iter().sum::<f64>().total_cmp(&b.1.iter().sum())).unwrap();
    assert_eq!(scored.params.get("gamma").unwrap().to_string(), *best.0);
}

#[test]
fn folds_cut_the_training_part_and_nothing_else() {
    let folder = folds();
    let (_, store) = folder.results();
    let library = library(&folder.beside("store"));
    let keys: Vec<CellKey> = store.all().iter().map(|r| r.key.clone()).filter(|k| k.repeat == 0).collect();
    let rows = |key: &CellKey, part| {
        let prepared = Prepared::new(&library, key).unwrap();
        let task = prepared.part(part).tasks[0].clone();
        task.y.iter().map(|y| y.to_bits()).collect::<Vec<_>>()
    };
    let whole = keys.iter().find(|k| matches!(k.purpose, Purpose::Score(_))).unwrap();
    let mut seen: Vec<u64> = Vec::new();
    for key in keys.iter().filter(|k| matches!(k.purpose, Purpose::Fold(_)) && k.method == "lasso") {
        let (train, valid) = (rows(key, Part::Train), rows(key, Part::Valid));
        assert_eq!(train.len() + valid.len(), 30);
        assert!(rows(key, Part::Test).is_empty());
        assert!(train.iter().all(|y| !valid.contains(y)));
        seen.extend(valid);
    }
    let mut train = rows(whole, Part::Train);
    seen.sort_unstable();
    train.sort_unstable();
    assert_eq!(seen, train, "every training row validates once, and no test row ever");
}

#[test]
fn a_validation_part_and_folds_exclude_each_other() {
    let folder = Folder::new();
    folder.replace("s", "metrics: [nMSE, EV]", "metrics: [nMSE, EV]\nselect: {metric: nMSE, folds: 3}");
    assert!(folder.load().err().unwrap().message.contains("so `valid` is 0"));
    let folder = Folder::new();
    folder.replace("s", "split: {train: 0.6, valid: 0.2, test: 0.2}", FOLDS);
    assert!(folder.load().err().unwrap().message.contains("validation part, which is empty"));
}

/// A lasso on draws of two sizes and two ways to read a spread.
fn family() -> Folder {
    let folder = Folder::new();
    let options = "dataset: synthetic-gl, options: {samples: [50, 100], spread: [variance, sd]}";
    folder.replace("s", "dataset: synthetic-gl", options);
    folder.replace("s", "methods: [Lasso, GL]\nreference: GL", "methods: [Lasso]\nreference: Lasso");
    folder.replace("methods", "gamma: [0.1, 1, 10]", "gamma: 1");
    folder
}

#[test]
fn families_have_a_member_for_every_combination() {
    let (results, _) = family().results();
    let labels: Vec<_> = results.study.data.iter().map(|d| d.label.as_str()).collect();
    let expected = ["50, spread variance", "50, spread sd", "100, spread variance", "100, spread sd"];
    assert_eq!(labels, expected.map(|e| format!("D, samples {e}")));
    let samples: Vec<_> = results.resolved.iter().map(|r| r.variant.as_ref().unwrap().samples).collect();
    assert_eq!(samples, [500, 500, 1000, 1000]);

    let at = |given: &[(&str, ParamValue)]| {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        results.by_repeat("D", "Lasso", "nMSE", &given)
    };
    let small = ("samples", ParamValue::Count(50));
    let sd = ("spread", ParamValue::Choice("sd".into()));
    let gamma = ("gamma", ParamValue::Number(1.0));
    let found = at(&[small.clone(), sd.clone(), gamma]).unwrap();
    assert_eq!(found, results.by_repeat("D, samples 50, spread sd", "Lasso", "nMSE", &BTreeMap::new()).unwrap());
    let message = |given: &[_]| at(given).unwrap_err().to_string();
    assert_eq!(message(&[small]), "Lasso on D has been run at 2 points with samples = 50");
    assert_eq!(
        message(&[("samples", ParamValue::Count(7)), sd]),
        "Lasso on D has not been run at samples = 7, spread = sd"
    );
    assert_eq!(results.values_of("D", "Lasso", "samples"), [50, 100].map(ParamValue::Count));
}

#[test]
fn profiles_can_leave_members_out() {
    let folder = family();
    let quick = "profiles:\n  quick:\n    data: {D: {samples: [100], spread: sd}}\n";
    folder.replace("s", "metrics: [nMSE, EV]\n", &format!("metrics: [nMSE, EV]\n{quick}"));
    let study = folder.studies().remove(0).narrowed(Profile::Quick).unwrap();
    assert_eq!(study.data.iter().map(|d| d.label.as_str()).collect::<Vec<_>>(), ["D, samples 100, spread sd"]);
    folder.replace("s", "samples: [100]", "samples: [70]");
    let error = folder.load().err().unwrap();
    assert!(error.message.contains("no data set `D` with these options"), "{error}");
}

#[test]
fn errors_are_in_the_units_asked_for() {
    let folder = Folder::new();
    let library = library(&folder.beside("store"));
    let scaled = Scaling { x: true, y: true, ..Scaling::default() };
    let judged = |units| {
        let key = CellKey { scaling: Scaling { units, ..scaled }, ..common::key(0) };
        let prepared = Prepared::new(&library, &key).unwrap();
        let ols = mtl_methods::method("ols").unwrap();
        let params = mtl_methods::ParamSet::new(&ols.params, &BTreeMap::new()).unwrap();
        let fit = ols.fit_path(&prepared.problem, &[params], &Context::new(mtl_core::Seed::of(&1))).unwrap().remove(0);
        let task = prepared.part(Part::Test).tasks[0].clone();
        let predicted = prepared.judged(&fit.model).unwrap().predict(0, &task.x);
        (task.y, predicted)
    };
    let (y, predicted) = judged(Units::Scaled);
    let (y_original, original) = judged(Units::Original);
    let (_, without_means) = judged(Units::OriginalWithoutMeans);
    let sd = (y_original[1] - y_original[0]) / (y[1] - y[0]);
    let mean = y_original[0] - sd * y[0];
    assert!(sd > 1.1 && mean.abs() > 1e-3, "scaling changes something here");
    let shift = &original - &without_means;
    for i in 0..y.len() {
        assert!((sd * predicted[i] + mean - original[i]).abs() < 1e-9);
        assert!((shift[i] - shift[0]).abs() < 1e-9 && shift[0].abs() > 1e-3, "what is missing is one intercept");
    }
    let plain = CellKey { scaling: scaled, ..common::key(0) };
    let explicit = CellKey { scaling: Scaling { units: Units::Scaled, ..scaled }, ..common::key(0) };
    assert_eq!(hash(&plain), hash(&explicit));
    assert!(!serde_json::to_string(&plain).unwrap().contains("units"), "records made before units existed stay valid");
}

#[test]
fn methods_can_have_a_scaling_of_their_own() {
    let folder = Folder::new();
    folder.replace(
        "s",
        "metrics: [nMSE, EV]\n",
        "metrics: [nMSE, EV]\nscaling: {GL: {x: true, y: true, units: original}}\n",
    );
    let (results, _) = folder.results();
    let scaling = |method: &str| results.scores("D", method).unwrap().records[&0].key.scaling;
    assert_eq!(scaling("Lasso"), Scaling::default());
    assert_eq!(scaling("GL"), Scaling { x: true, y: true, units: Units::Original, ..Scaling::default() });
    folder.replace("s", "scaling: {GL", "scaling: {LG");
    assert!(folder.load().err().unwrap().message.contains("LG"));
}

/// The fractions of [`common::STUDY`] replaced by something else.
fn with_split(split: &str) -> Folder {
    let folder = Folder::new();
    folder.replace("s", "split: {train: 0.6, valid: 0.2, test: 0.2}", split);
    folder
}

/// A cell's rows in each part, as the smallest and largest number of a task.
fn sizes(folder: &Folder) -> [(usize, usize); 3] {
    let (_, store) = folder.results();
    let library = library(&folder.beside("store"));
    let record = store.all().into_iter().find(|r| matches!(r.key.purpose, Purpose::Score(_))).unwrap();
    let prepared = Prepared::new(&library, &record.key).unwrap();
    Part::ALL.map(|part| {
        let sizes = || prepared.part(part).tasks.iter().map(|task| task.n());
        (sizes().min().unwrap(), sizes().max().unwrap())
    })
}

#[test]
fn parts_can_be_numbers_of_rows() {
    assert_eq!(sizes(&with_split("split: {rows: {train: 20, valid: 10}}")), [(20, 20), (10, 10), (20, 20)]);
    assert_eq!(sizes(&with_split("split: {rows: {train: 9, valid: 10, test: 8}}")), [(9, 9), (10, 10), (8, 8)]);
    let folder = with_split("split: {rows: {train: 20, valid: 10}, draw: stratified}");
    let library = library(&folder.beside("store"));
    let study = folder.studies().remove(0);
    let mut key = common::key(0);
    key.sampling.split = study.protocol.split;
    let error = Prepared::new(&library, &key).err().unwrap();
    assert!(error.contains("`draw: stratified` needs tasks with two classes"), "{error}");
}

#[test]
fn official_splits_with_a_validation_part_are_taken_whole() {
    let bigmtl = |split: &str, options: &str| {
        let folder = with_split(&format!("split: {split}\n  official: true"));
        folder.replace("s", "dataset: synthetic-gl", &format!("dataset: synthetic-bigmtl, options: {options}"));
        folder
    };
    let fractions = "{train: 0.4, valid: 0.3, test: 0.3}";
    assert_eq!(sizes(&bigmtl(fractions, "{samples: 12, test-samples: 30}")), [(12, 12), (12, 12), (30, 30)]);
    let rows = "{rows: {train: 8, valid: 12}}";
    assert_eq!(sizes(&bigmtl(rows, "{samples: 12, test-samples: 30}")), [(8, 8), (12, 12), (30, 30)]);
}

#[test]
fn the_ratio_of_test_and_training_rows_is_the_real_one() {
    use mtl_stats::Resampling;
    let ratio = |split: &str, dataset: &str| {
        let folder = with_split(split);
        folder.replace("s", "dataset: synthetic-gl", &format!("dataset: {dataset}"));
        folder.replace("s", "resampling: independent", "resampling: overlapping");
        let study = folder.studies().remove(0);
        let found = mtl_experiments::plan::resolve(&study.data[0], &library(&folder.beside("store"))).unwrap();
        let results = mtl_experiments::results::Results::new(study, vec![found], []);
        match results.resampling("D", &BTreeMap::new()) {
            Resampling::Overlapping { test_over_train } => test_over_train,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ratio("split: {train: 0.5, valid: 0.3, test: 0.2}", "synthetic-gl"), 0.4);
    assert_eq!(ratio("split: {rows: {train: 20, valid: 10, test: 15}}", "synthetic-gl"), 0.75);
    assert_eq!(ratio("split: {rows: {train: 16, valid: 10}}", "synthetic-gl"), 1.5, "24 of 50 rows are left");
    let large = "synthetic-bigmtl, options: {test-samples: 500}";
    assert_eq!(ratio("split: {rows: {train: 8, valid: 10}}\n  official: true", large), 62.5, "all 500 test");
}

/// The deep studies of SSMTL: so many rows of each data set, 60/20/20, in one table; from samples that need no network.
#[test]
fn classes_keep_their_shares_or_are_balanced_in_samples_of_a_size_for_each_data_set() {
    const DATA: &str = "
  - {label: MNIST, dataset: mnist, options: {pca: 154}, otherwise: mnist-sample, otherwise_options: {pca: 154}, rows: 1000}
  - {label: COVER, dataset: covertype, otherwise: covertype-sample, otherwise_options: {rows: ROWS}, rows: 2000}";
    let positives = |data: &mtl_core::MultiTask| -> Vec<usize> {
        data.tasks.iter().map(|task| task.y.iter().filter(|y| **y > 0.0).count()).collect()
    };
    let parts = |draw: &str, rows: &str| {
        let folder = with_split(&format!("split: {{train: 0.6, valid: 0.2, test: 0.2, draw: {draw}}}"));
        folder.replace("s", "- {label: D, dataset: synthetic-gl}", DATA.replace("ROWS", rows).trim_start());
        folder.replace("s", "metrics: [nMSE, EV]", "metrics: [accuracy]\nselect: {metric: accuracy}");
        let library = library(&folder.beside("store"));
        let study = folder.studies().remove(0);
        let prepared = |data: usize, repeat| {
            let found = mtl_experiments::plan::resolve(&study.data[data], &library).unwrap();
            let mut key = CellKey { data: found.variant.unwrap().spec, repeat, ..common::key(0) };
            key.sampling = mtl_experiments::cell::Sampling {
                rows: study.data[data].rows,
                split: study.protocol.split,
                official: study.protocol.official,
            };
            Part::ALL.map(|part| Prepared::new(&library, &key).unwrap().part(part).clone())
        };
        [0, 1].map(|data| (prepared(data, 0), prepared(data, 1)))
    };
    for (sizes, (first, second)) in [[600, 200, 200], [1200, 400, 400]].into_iter().zip(parts("stratified", "natural"))
    {
        for (size, part) in sizes.into_iter().zip(&first) {
            assert_eq!((part.tasks[1].n(), part.shares_inputs()), (size, true));
            assert_eq!(positives(part).iter().sum::<usize>(), size, "a row is positive in one task");
        }
        assert_ne!(first[0].tasks[0].x, second[0].tasks[0].x, "every repeat draws anew");
    }
    let [(digits, _), (cover, again)] = parts("balanced", "all");
    for (part, half) in cover.iter().zip([600, 200, 200]) {
        assert_eq!((positives(part), part.tasks[3].n()), (vec![half; 7], 2 * half));
    }
    assert_ne!(cover[0].tasks[3].x, again[0].tasks[3].x);
    // The carried sample has 360 fives, so its task is smaller; its parts keep their shares.
    let fives = digits.each_ref().map(|part| (part.tasks[5].n(), positives(part)[5]));
    assert_eq!(fives, [(432, 216), (144, 72), (144, 72)]);
}

#[test]
fn options_of_another_variant_need_one() {
    let with = |entry: &str| {
        let folder = Folder::new();
        folder.replace("s", "dataset: synthetic-gl", &format!("dataset: {entry}"));
        folder.load().err().unwrap().to_string()
    };
    assert!(with("synthetic-gl, otherwise_options: {samples: 50}").contains("are options of an `otherwise`"));
    let error = with("synthetic-gl, otherwise: covertype-sample, otherwise_options: {rows: some}");
    assert!(error.contains("`some` is not a choice") && error.contains("choices: `natural`, `all`"), "{error}");
}
