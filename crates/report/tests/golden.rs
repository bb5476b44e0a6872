//! A whole report from made-up results, against what it was when somebody last looked at it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;

use mtl_core::Metric;
use mtl_core::split::Part;
use mtl_data::{Catalog, FetchOptions, Fetcher, Library};
use mtl_experiments::cell::{Cell, Purpose};
use mtl_experiments::paper::DataUse;
use mtl_experiments::plan::{Next, resolve, units};
use mtl_experiments::results::Results;
use mtl_experiments::store::{Circumstances, Outcome, PointResult, Record};
use mtl_experiments::{Paper, Store};
use mtl_methods::solver::{Convergence, ResidualKind, Value};
use mtl_methods::{ParamValue, TASK_GROUP};
use mtl_report::Report;
use mtl_report::export::{Format, export};
use ndarray::Array2;

/// A record as if the cell had been run: values that follow from method, repeat and number of rows alone.
fn made_up(cell: &Cell, store: &Store) -> Record {
    let methods = ["ols", "l21", "metag", "ssmtl-m", "sg-mtl"];
    let rank = methods.iter().position(|m| *m == cell.key.method).unwrap() as f64;
    let scaled = if cell.key.scaling.x { 0.0 } else { 0.02 };
    let signs = cell.key.data.name == "synthetic-srml";
    let rows = if signs { cell.key.data.options["samples"].parse::<f64>().unwrap() / 100.0 } else { 1.0 };
    let error = (0.15 - 0.03 * rank + 0.004 * f64::from(cell.key.repeat) * (1.0 + rank) + scaled) / rows.sqrt();
    let tune = cell.key.purpose == Purpose::Tune;
    if cell.key.method == "metag" && cell.key.repeat == 2 && !tune {
        let outcome = Outcome::Failed("out of time".into());
        return Record { key: cell.key.clone(), outcome, circumstances: circumstances(1.0) };
    }
    let truth = Array2::from_shape_fn((6, 4), |(i, t)| if i < 2 { 1.0 + t as f64 } else { 0.0 });
    let mut weights = truth.clone();
    let mut kept = vec![("true-weights", truth)];
    if signs {
        weights[[0, 1]] *= rank - 0.5;
        kept.push(("trace-objective", Array2::from_shape_vec((1, 3), vec![9.0, 3.0, 1.0 + error]).unwrap()));
    }
    kept.push(("weights", weights));
    let odd = usize::from(cell.key.repeat == 1);
    let groups = (TASK_GROUP.to_owned(), vec![0, 0, 1, 1 - odd]);
    let grouping = cell.key.method == "sg-mtl" && !tune;
    if grouping && cell.path.iter().any(|p| p.get("n_groups") == Some(&ParamValue::Count(3))) {
        // Soft, and in another order in one repeat; the last task is undecided.
        let group = |t: usize| if odd == 1 { 2 - t / 2 } else { t / 2 };
        let share = |(l, t): (usize, usize)| match t {
            3 => [0.25, 0.5, 0.25][l],
            _ => f64::from(u8::from(l == group(t))),
        };
        kept.push(("shares", Array2::from_shape_fn((3, 4), share)));
    }
    if cell.key.data.name == "synthetic-sgmtl-set1" {
        kept.push(("true-groups", Array2::from_shape_vec((4, 1), vec![1.0, 1.0, 0.0, 0.0]).unwrap()));
    }
    let artifacts: BTreeMap<String, String> =
        kept.into_iter().map(|(name, values)| (name.to_owned(), store.keep(values.view()).unwrap())).collect();
    let score = matches!(cell.key.purpose, Purpose::Score(_));
    let paths = if score { &cell.path[cell.path.len() - 1..] } else { &cell.path[..] };
    let points = paths.iter().enumerate().map(|(i, params)| {
        let value = error + 0.01 * i as f64;
        let measures = BTreeMap::from([(Metric::NMse, vec![value, value]), (Metric::Ev, vec![1.0 - value])]);
        let recovery = BTreeMap::from([(Metric::RelativeError, value), (Metric::RowRecall, 1.0)]);
        PointResult {
            params: params.clone(),
            objective: Value { total: 1.5, loss: 1.0, penalty: 0.5 },
            convergence: Convergence {
                rule: ResidualKind::RelativeDualityGap,
                residual: 1e-7,
                iterations: 12,
                converged: true,
            },
            metrics: [Part::Train, Part::Valid, Part::Test].map(|part| (part, measures.clone())).into(),
            recovery: if score { recovery } else { BTreeMap::new() },
            memberships: grouping.then(|| groups.clone()).into_iter().collect(),
            last: BTreeMap::new(),
            layers: Vec::new(),
            artifacts: if score { artifacts.clone() } else { BTreeMap::new() },
        }
    });
    Record { key: cell.key.clone(), outcome: Outcome::Done(points.collect()), circumstances: circumstances(rows) }
}

fn circumstances(rows: f64) -> Circumstances {
    Circumstances { seconds: 0.5 * rows, finished: 1, software: "0".into(), cpu: "none".into(), seeds: BTreeMap::new() }
}

/// The paper of the command line's tests with made-up results.
fn report(folder: &Path) -> (Report, Store) {
    report_on(folder, "../cli/tests/tiny")
}

/// A paper of this repository's tests with made-up results.
fn report_on(folder: &Path, source: &str) -> (Report, Store) {
    let experiments = folder.join("experiments");
    let tiny = experiments.join("tiny");
    std::fs::create_dir_all(&tiny).unwrap();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(source)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), tiny.join(file.file_name())).unwrap();
    }
    let paper = Paper::load(&experiments, "tiny", &Catalog::embedded()).unwrap();
    let mut options = FetchOptions::new(folder.join("cache"));
    options.offline = true;
    let library = Library::new(Fetcher::new(options));
    let store = Store::open(&folder.join("store")).unwrap();
    let find = |data: &[DataUse]| data.iter().map(|d| resolve(d, &library).unwrap()).collect::<Vec<_>>();
    let described: Vec<_> = paper.descriptions.iter().map(|d| (d.clone(), find(d.data()))).collect();
    let mut results = Vec::new();
    for study in paper.studies.clone() {
        let resolved = find(&study.data);
        for unit in units(&study, &resolved) {
            while let Next::Run(cells) = unit.next(&store) {
                for cell in cells {
                    store.put(made_up(&cell, &store)).unwrap();
                }
            }
        }
        results.push(Results::collect(study, resolved, &store));
    }
    (Report::build(&paper, &described, &results, &store).unwrap(), store)
}

/// The hash of a record depends on revisions of methods, which have a golden test of their own.
fn without_hashes(text: &str) -> String {
    let is_hash = |word: &str| word.len() == 12 && word.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    let hidden = |word: &str| {
        let bare = word.trim_matches(|c| "():".contains(c));
        if is_hash(bare) { word.replace(bare, "RECORD") } else { word.to_owned() }
    };
    text.split(' ').map(hidden).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_is_the_one_we_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let (report, _) = report(folder.path());
    assert_eq!(report.failures(), 2, "one repeat of MeTaG, scaled and not");
    let files = report.files().unwrap();
    let text = |name: &str| {
        let file = files.iter().find(|f| f.path.to_string_lossy().ends_with(name)).unwrap();
        let text = String::from_utf8(file.bytes.clone()).unwrap();
        text.replace(&folder.path().display().to_string(), "FOLDER")
    };
    let mut names: Vec<String> = files.iter().map(|f| f.path.display().to_string()).collect();
    names.sort();
    insta::assert_yaml_snapshot!("files", names);
    insta::assert_snapshot!("summary", without_hashes(report.summary()));
    insta::assert_snapshot!("page", without_hashes(&text("index.md")));
    insta::assert_snapshot!("latex", text("tables/table1.tex"));
    let html = text("index.html");
    for part in
        ["<svg", "badge good", "aria-sort", "id=\"records-table1-groups-gl\"", "href=\"#records-table1-groups-gl\""]
    {
        assert!(html.contains(part), "no {part}");
    }
    let elsewhere = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(!elsewhere.contains("=\"http") && !elsewhere.contains(" src="), "the page needs nothing but itself");
}

#[test]
fn sections_along_data_and_iterations_are_those_we_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let (report, _) = report_on(folder.path(), "tests/sections");
    let files = report.files().unwrap();
    let page = files.iter().find(|f| f.path.ends_with("index.md")).unwrap();
    let text = String::from_utf8(page.bytes.clone()).unwrap();
    insta::assert_snapshot!("sections", without_hashes(&text.replace(&folder.path().display().to_string(), "FOLDER")));
    let names: Vec<String> = files.iter().map(|f| f.path.display().to_string()).collect();
    let figures = [
        "time-families",
        "helps-families",
        "samples-families",
        "iterations-traces",
        "signs-signs",
        "groups-groups",
        "covariance-covariance",
        "rate-families",
    ];
    for figure in figures {
        assert!(names.iter().any(|name| name.ends_with(&format!("{figure}.svg"))), "no {figure} in {names:?}");
    }
}

#[test]
fn every_figure_is_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (report, _) = report(folder.path());
    let mut pictures = 0;
    for file in report.files().unwrap() {
        match file.path.extension().and_then(|e| e.to_str()) {
            Some("png") => {
                let decoded = image::load_from_memory(&file.bytes).unwrap().to_rgb8();
                let colours: std::collections::HashSet<_> = decoded.pixels().map(|p| p.0).collect();
                assert!(colours.len() > 3, "{} is empty", file.path.display());
                pictures += 1;
            }
            Some("svg") => {
                let text = String::from_utf8(file.bytes).unwrap();
                assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
                pictures += 1;
            }
            _ => {}
        }
    }
    assert!(pictures >= 8, "{pictures}");
}

#[test]
fn an_export_holds_every_record_in_all_formats() {
    let folder = tempfile::tempdir().unwrap();
    let (_, store) = report(folder.path());
    let csv = String::from_utf8(export(&store, Format::Csv, false).unwrap()).unwrap();
    for record in store.all() {
        assert!(csv.contains(record.key.id().as_str()), "{} is missing", record.key.id());
    }
    assert!(csv.contains(",failed,out of time,"), "{csv}");
    let width = csv.lines().next().unwrap().split(',').count();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert!(reader.records().all(|row| row.unwrap().len() == width));
    let jsonl = String::from_utf8(export(&store, Format::Jsonl, true).unwrap()).unwrap();
    assert_eq!(jsonl.lines().count(), csv.lines().count() - 1);
    assert!(jsonl.lines().all(|line| line.contains("\"seconds\":0.5")));
    let parquet = export(&store, Format::Parquet, false).unwrap();
    assert!(parquet.starts_with(b"PAR1"));
}
