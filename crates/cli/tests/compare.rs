//! `mtl compare`, from a results store and from other tools' tables.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver;

use std::collections::BTreeMap;

use driver::*;
use mtl_core::metric::METRICS_REVISION;
use mtl_core::split::Part;
use mtl_core::{Fractions, Metric, ScaleFit, Scaling};
use mtl_data::{Catalog, DatasetSpec};
use mtl_experiments::Store;
use mtl_experiments::cell::{CellKey, Purpose, Sampling, Selection};
use mtl_experiments::store::{Circumstances, Outcome, PointResult, Record};
use mtl_experiments::study::Select;
use mtl_methods::ParamSet;
use mtl_methods::solver::{Convergence, ResidualKind, Value};

const A: [f64; 10] = [0.51, 0.48, 0.53, 0.50, 0.47, 0.52, 0.49, 0.50, 0.46, 0.54];
const B: [f64; 10] = [0.55, 0.50, 0.58, 0.56, 0.50, 0.55, 0.56, 0.53, 0.52, 0.57];

/// How a made-up cell was run.
#[derive(Clone)]
struct Setup {
    dataset: &'static str,
    method: &'static str,
    fit: ScaleFit,
    points: Option<usize>,
}

impl Setup {
    fn new(dataset: &'static str, method: &'static str) -> Self {
        Self { dataset, method, fit: ScaleFit::Train, points: Some(7) }
    }

    fn key(&self, repeat: u32) -> CellKey {
        let selection = |points| Selection { by: Select::default(), points, grid: format!("{points:012}") };
        CellKey {
            data: DatasetSpec::new(self.dataset).canonical(&Catalog::embedded()).unwrap(),
            data_revision: 1,
            sampling: Sampling {
                rows: None,
                split: Fractions { train: 0.6, valid: 0.2, test: 0.2 }.into(),
                official: false,
            },
            scaling: Scaling { x: true, y: true, fit: self.fit, ..Scaling::default() },
            repeat,
            method: self.method.into(),
            method_revision: mtl_methods::method(self.method).unwrap().info.revision,
            path: vec![BTreeMap::new()],
            purpose: Purpose::Score(self.points.map(selection)),
            metrics_revision: METRICS_REVISION,
        }
    }

    /// Stores a value a repeat: two tasks whose mean it is.
    fn store(&self, store: &Store, values: &[f64]) {
        for (repeat, value) in values.iter().enumerate() {
            let measured = BTreeMap::from([(Metric::NMse, vec![value - 0.1, value + 0.1])]);
            let entry = mtl_methods::method(self.method).unwrap();
            let convergence =
                Convergence { rule: ResidualKind::External, residual: 0.0, iterations: 1, converged: true };
            let point = PointResult {
                params: ParamSet::new(&entry.params, &BTreeMap::new()).unwrap(),
                objective: Value::default(),
                convergence,
                metrics: BTreeMap::from([(Part::Test, measured)]),
                recovery: BTreeMap::new(),
                memberships: BTreeMap::new(),
                last: BTreeMap::new(),
                layers: Vec::new(),
                artifacts: BTreeMap::new(),
            };
            self.put(store, repeat as u32, Outcome::Done(vec![point]));
        }
    }

    fn put(&self, store: &Store, repeat: u32, outcome: Outcome) {
        let circumstances =
            Circumstances { seconds: 1.0, finished: 1, software: "0".into(), cpu: "x".into(), seeds: BTreeMap::new() };
        store.put(Record { key: self.key(repeat), outcome, circumstances }).unwrap();
    }
}

fn stored(fill: impl FnOnce(&Store)) -> Folder {
    let folder = Folder::new();
    fill(&Store::open(&folder.file("store")).unwrap());
    folder
}

fn near(value: &serde_json::Value, expected: f64) {
    close(value.as_f64().unwrap(), expected, 1e-9);
}

#[test]
fn stored_scores_of_random_splits_take_the_corrected_test() {
    let folder = stored(|store| {
        Setup::new("parkinsons", "lasso").store(store, &A);
        Setup::new("parkinsons", "l21").store(store, &B);
    });
    let compare = "compare lasso group-lasso --dataset parkinsons --metric nmse --store store";
    let run = folder.mtl(&format!("{compare} --json")).ok();
    let found = run.json();
    assert_eq!((found["method_a"].as_str(), found["method_b"].as_str()), (Some("lasso"), Some("l21")));
    assert_eq!((found["n"].as_u64(), found["metric"].as_str()), (Some(10), Some("nMSE")));
    assert_eq!((found["applies"].as_str(), found["better"].as_str()), (Some("corrected-t"), Some("a")));
    // t = mean(d) / (sd(d) sqrt(1/10 + 1/3)), by hand from the numbers above.
    let d: Vec<f64> = A.iter().zip(&B).map(|(a, b)| a - b).collect();
    let mean = d.iter().sum::<f64>() / 10.0;
    let sd = (d.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 9.0).sqrt();
    near(&found["difference"], mean);
    near(&found["corrected_t"]["statistic"], mean / (sd * (0.1_f64 + 0.2 / 0.6).sqrt()));
    near(&found["paired_t"]["statistic"], mean / (sd * 0.1_f64.sqrt()));
    near(&found["cohen_dz"]["value"], mean / sd);
    near(&found["resampling"]["overlapping"]["test_over_train"], 1.0 / 3.0);
    assert_eq!(found["wilcoxon"]["statistic"], 0.0);
    assert_eq!(found["sign"]["n"], 10);
    assert!(found["bayes"]["left"].as_f64().unwrap() > 0.9 && found["cliffs_delta"]["value"].is_number());

    let text = folder.mtl(compare).ok().stdout;
    for part in [
        "lasso and l21 on parkinsons: nMSE (lower is better), 10 pairs",
        "60/20/20 % of all rows",
        "features and target standardised by training rows",
        "tuned by validation nMSE over 7 points",
        "corrected resampled t",
        "<- applies",
        "resampled t-test allows for it.",
        "lasso (0.500 ± 0.0258) is significantly better (lower) than l21",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

#[test]
fn honest_scaling_comes_first_and_the_others_are_listed() {
    let folder = stored(|store| {
        for (method, values) in [("lasso", &A), ("l21", &B)] {
            let honest = Setup::new("parkinsons", method);
            honest.store(store, &values[..4]);
            Setup { fit: ScaleFit::All, ..honest.clone() }.store(store, values);
            Setup { points: Some(3), ..honest }.store(store, &values[..3]);
        }
        Setup::new("parkinsons", "ols").store(store, &[]);
        Setup { points: None, ..Setup::new("parkinsons", "ols") }.store(store, &A);
    });
    let compare = "compare lasso l21 --dataset parkinsons --metric nMSE --store store";
    let found = folder.mtl(&format!("{compare} --json")).ok().json();
    assert_eq!((found["n"].as_u64(), found["protocol"].as_u64()), (Some(4), Some(1)));
    let repeats: Vec<u64> =
        found["protocols"].as_array().unwrap().iter().map(|p| p["repeats"].as_u64().unwrap()).collect();
    assert_eq!(repeats, [4, 3, 3, 3, 10], "honest ones by repeats, then the one that leaks");
    let leaking = folder.mtl(&format!("{compare} --protocol 5")).ok().stdout;
    assert!(leaking.contains("10 pairs") && leaking.contains("by all rows, test rows included"), "{leaking}");
    assert!(leaking.contains("Also stored:"));
    folder.mtl(&format!("{compare} --protocol 6")).refused(&["--protocol 6: there are protocols 1 to 5"]);
    folder.mtl(&format!("{compare} --protocol 0")).refused(&["protocols 1 to 5"]);
    let ols = folder.mtl("compare ols lasso --dataset parkinsons --metric nMSE --store store --json").ok().json();
    assert_eq!(ols["n"], 4, "a method without hyperparameters suits every rule");
}

#[test]
fn synthetic_repeats_are_independent_and_failures_are_told() {
    let folder = stored(|store| {
        Setup::new("synthetic-gl", "lasso").store(store, &A);
        Setup::new("synthetic-gl", "l21").store(store, &B[..9]);
        Setup::new("synthetic-gl", "l21").put(store, 9, Outcome::Failed("out of time".into()));
    });
    let run = folder.mtl("compare lasso l21 --dataset synthetic-gl --metric nMSE --store store --json").ok();
    let found = run.json();
    assert_eq!((found["n"].as_u64(), found["resampling"].as_str()), (Some(9), Some("independent")));
    assert!(found["corrected_t"].is_null());
    assert!(run.stderr.contains("l21 has no value for repeat 9: out of time"), "{}", run.stderr);
    assert!(run.stderr.contains("only lasso has them: repeats 9"), "{}", run.stderr);
}

#[test]
fn what_is_not_in_the_store_is_named() {
    let folder = stored(|store| {
        Setup::new("parkinsons", "lasso").store(store, &A);
        Setup { fit: ScaleFit::All, ..Setup::new("parkinsons", "l21") }.store(store, &B);
    });
    let compare = |rest: &str| folder.mtl(&format!("compare {rest} --store store"));
    compare("lasso l21 --dataset parkinsons --metric nMSE").refused(&["was run in the same way", "test rows included"]);
    compare("lasso metag --dataset parkinsons --metric nMSE").refused(&["no nMSE of metag", "lasso on parkinsons"]);
    compare("lasso l21 --dataset sarcos --metric nMSE").refused(&["no nMSE of lasso on sarcos"]);
    compare("lasso l21 --dataset parkinsons --metric MAE").refused(&["no MAE of lasso", "MAE was not measured"]);
    compare("laso l21 --dataset parkinsons --metric nMSE").refused(&["unknown method `laso`; did you mean `lasso`?"]);
    compare("lasso l21 --dataset parkinson --metric nMSE").refused(&["did you mean `parkinsons`?"]);
    compare("lasso l21 --dataset parkinsons --metric nRMSE").refused(&["did you mean `nMSE`?", "--lower-is-better"]);
    compare("lasso l21 --dataset parkinsons --metric nMSE --higher-is-better").refused(&["smaller values are better"]);
    compare("lasso lasso --dataset parkinsons --metric nMSE").refused(&["are the same method"]);
    folder
        .mtl("compare lasso l21 --dataset parkinsons --metric nMSE --store none")
        .refused(&["none: there is no results store", "mtl replicate"]);
    folder.mtl("compare lasso l21 --dataset parkinsons --metric nMSE").refused(&["--store DIR", "no workspace found"]);
}

fn table(rows: &[(&str, &[f64])], metric: &str) -> String {
    let mut text = "method,dataset,repeat,metric,value\n".to_owned();
    for (method, values) in rows {
        for (repeat, value) in values.iter().enumerate() {
            text += &format!("{method},parkinsons,{repeat},{metric},{value}\n");
        }
    }
    text
}

#[test]
fn tables_of_other_tools_are_compared() {
    let folder = Folder::new();
    folder.write("r.csv", &table(&[("ours", &A), ("theirs", &B)], "nRMSE"));
    let compare = "compare ours theirs --dataset parkinsons --metric nRMSE --lower-is-better --results r.csv";
    let run = folder.mtl(&format!("{compare} --json")).ok();
    assert_eq!(run.json()["applies"], "paired-t");
    assert!(run.stderr.contains("taken to be independent"), "{}", run.stderr);
    let run = folder.mtl(&format!("{compare} --json --resampling overlapping --test-over-train 0.25")).ok();
    // As scipy has it for these numbers (crates/stats).
    near(&run.json()["corrected_t"]["statistic"], -4.209364560120682);
    assert_eq!(run.stderr, "");
    let run = folder.mtl(&format!("{compare} --json --resampling kfold")).ok();
    near(&run.json()["corrected_t"]["statistic"], -5.419946712692019);
    let text = folder.mtl(&format!("{compare} --resampling kfold --rope 0.1")).ok().stdout;
    assert!(text.contains("Folds: 10.") && text.contains("equal within 0.10000"), "{text}");
    folder.mtl(&format!("{compare} --resampling overlapping")).refused(&["needs --test-over-train"]);
    folder.mtl(&format!("{compare} --folds 5")).refused(&["say which it is"]);
    folder.mtl(&format!("{compare} --resampling kfold --folds 1")).refused(&["number of folds is 1"]);
    folder.mtl(&format!("{compare} --rope -1")).refused(&["--rope is -1"]);
    folder.mtl("compare ours theirs --dataset x --metric nRMSE --results r.csv").refused(&["--higher-is-better"]);
    let unknown = "--metric nRMSE --lower-is-better --results r.csv";
    folder.mtl(&format!("compare ours theirs --dataset parkinson {unknown}")).refused(&["did you mean `parkinsons`?"]);
    folder
        .mtl(&format!("compare ours other --dataset parkinsons {unknown}"))
        .refused(&["`other` is neither in the results file", "`ours`, `theirs`"]);
}

#[test]
fn a_table_supplements_the_store() {
    let folder = stored(|store| Setup::new("parkinsons", "lasso").store(store, &A));
    folder.write("r.csv", &table(&[("theirs", &B)], "nMSE"));
    let compare = "compare lasso theirs --dataset parkinsons --metric nMSE --results r.csv --store store --json";
    let found = folder.mtl(compare).ok().json();
    near(&found["difference"], -0.042);
    assert_eq!(found["applies"], "corrected-t", "what the store knows of the repeats holds for both");
    assert_eq!(found["protocols"][0]["b"], "from the results file");
}

#[test]
fn faulty_tables_are_refused_with_the_line() {
    let folder = Folder::new();
    let good = table(&[("a", &A[..2]), ("b", &B[..2])], "nMSE");
    let compare = |text: &str| {
        folder.write("r.csv", text);
        folder.mtl("compare a b --dataset parkinsons --metric nMSE --results r.csv")
    };
    compare(&good).ok();
    compare(&good.replace("0.48", "half")).refused(&["r.csv, line 3, column `value`: found `half`, expected a number"]);
    compare(&good.replace("0.48", "NaN")).refused(&["line 3", "a finite number"]);
    compare(&good.replace("b,parkinsons,1", "b,parkinsons,one")).refused(&["line 5, column `repeat`: found `one`"]);
    compare(&good.replace("b,parkinsons,1", "b,parkinsons,0")).refused(&["line 5: a second value", "is in line 4"]);
    compare(&good.replace("value\n", "score\n")).refused(&["line 1: there is no column `value`", "expected: `method`"]);
    compare(&good.replace(",0.48", "")).refused(&["r.csv", "line: 3"]);
    compare("method,dataset,repeat,metric,value\n").refused(&["no results below"]);
    compare("").refused(&["there is no column `method`"]);
    folder
        .mtl("compare a b --dataset parkinsons --metric nMSE --results none.csv")
        .refused(&["none.csv", "No such file"]);
}
