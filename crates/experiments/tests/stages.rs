//! Studies that tune once or in stages, labels that stand for the best of several methods, measures of one method against
//! another, and data sets of another study.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Folder, library};
use mtl_core::{Metric, Part};
use mtl_experiments::cost::Costs;
use mtl_experiments::plan::{Next, resolve, units};
use mtl_experiments::{Profile, Store};

#[test]
fn one_split_chooses_for_all_repeats_and_one_method_for_the_others() {
    let folder = Folder::new();
    folder.replace("s", "metrics:", "tune: {once: true, freeze: {from: Lasso, params: [gamma]}}\nmetrics:");
    let (results, store) = folder.results();
    let gammas = |method: &str| -> Vec<String> {
        let scores = results.scores("D", method).unwrap();
        scores.records.values().map(|r| r.scored().unwrap().params.get("gamma").unwrap().to_string()).collect()
    };
    let chosen = gammas("Lasso");
    assert_eq!(chosen.len(), 2);
    assert_eq!(chosen[0], chosen[1]);
    assert_eq!(gammas("GL"), chosen, "GL has nothing left to choose");
    let tuned: Vec<(String, u32)> =
        store.all().iter().filter(|r| r.key.purpose.tunes()).map(|r| (r.key.method.clone(), r.key.repeat)).collect();
    assert_eq!(tuned, [("lasso".to_owned(), 0)]);
    // A stage that has not come yet counts what it may try.
    let empty = Store::reading(&folder.beside("nowhere"));
    let (costs, mut seen) = (Costs::default(), std::collections::HashSet::new());
    let missing: usize = units(&results.study, &results.resolved)
        .iter()
        .map(|u| u.outlook(Some(&empty), &costs, &mut seen).missing)
        .sum();
    assert_eq!(missing, 6, "a path on the one split and two scores, for each of two methods");
}

#[test]
fn a_label_stands_for_the_better_of_two() {
    let folder = Folder::new();
    folder.replace("s", "methods: [Lasso, GL]", "methods: [Lasso, GL, Best]\neither: {Best: [Lasso, GL]}");
    let (results, _) = folder.results();
    let mean = |method: &str| {
        let scores = results.scores("D", method).unwrap();
        let values = scores.records.values().map(|r| r.scored().unwrap().mean(Part::Valid, Metric::NMse).unwrap());
        values.sum::<f64>()
    };
    let better = if mean("GL") < mean("Lasso") { "GL" } else { "Lasso" };
    assert_eq!(results.stands_for("D", "Best"), Some(better));
    assert_eq!(results.stands_for("D", "GL"), None);
    assert!(results.same_fits("D", "Best", better));
    assert_eq!(units(&results.study, &results.resolved).len(), 4, "it has no fits of its own");
}

#[test]
fn gains_are_those_of_the_means() {
    let folder = Folder::new();
    folder.write(
        "methods",
        "Lasso: {method: separate, params: {epochs: 30, rate: 1}}\nGL: {method: single, params: {epochs: 30, rate: 1}}\n",
    );
    folder.replace("s", "synthetic-gl", "synthetic-srml-classes");
    folder.replace("s", "metrics: [nMSE, EV]", "against: Lasso\nmetrics: [accuracy-gain, error-cut]");
    folder.replace("s", "reference: GL", "reference: GL\nselect: {metric: misclassification}");
    folder.replace("published", "better: {nMSE: lower, EV: higher}", "better: {accuracy-gain: higher}");
    folder.replace("published", "metric: nMSE", "metric: accuracy-gain");
    let (results, _) = folder.results();
    // Means over repeats of accuracies: one a task, and one of all rows.
    let accuracies = |method: &str| -> Vec<f64> {
        let scores = results.scores("D", method).unwrap();
        let of = |r: &std::sync::Arc<mtl_experiments::store::Record>| {
            let test = r.scored().unwrap().metrics[&Part::Test].clone();
            let pooled = 1.0 - test[&Metric::Misclassification][0] / 100.0;
            test[&Metric::Accuracy].iter().copied().chain([pooled]).collect::<Vec<f64>>()
        };
        let all: Vec<Vec<f64>> = scores.records.values().map(of).collect();
        (0..all[0].len()).map(|i| all.iter().map(|values| values[i]).sum::<f64>() / all.len() as f64).collect()
    };
    let (ours, theirs) = (accuracies("GL"), accuracies("Lasso"));
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let pairs = || ours.iter().zip(&theirs);
    let gain = 100.0 * mean(pairs().map(|(a, b)| (a - b) / b).collect());
    let cut = 100.0 * mean(pairs().filter(|(_, b)| **b < 1.0).map(|(a, b)| (a - b) / (1.0 - b)).collect());
    let found = |metric| mean(results.scores("D", "GL").unwrap().values(metric));
    assert!((found(Metric::AccuracyGain) - gain).abs() < 1e-9, "{} and {gain}", found(Metric::AccuracyGain));
    assert!((found(Metric::ErrorCut) - cut).abs() < 1e-9, "{} and {cut}", found(Metric::ErrorCut));
    assert!(gain != 0.0 && cut != 0.0);
    assert_eq!(results.scores("D", "Lasso").unwrap().values(Metric::AccuracyGain), [0.0, 0.0]);
}

#[test]
fn data_sets_of_another_study_give_way_to_a_studys_own_values() {
    let folder = Folder::new();
    folder.replace("paper", "studies: [s]", "studies: [s, s2]");
    folder.replace(
        "s",
        "  - {label: D, dataset: synthetic-gl}\n",
        "  - {label: D, dataset: synthetic-gl, without: [Lasso], params: {GL: {gamma: 2, loss_scale: sum}}}
  - {label: E, dataset: synthetic-rmtfl, params: {Lasso: {gamma: 7}}}
",
    );
    let second = "\
title: Another
source: nowhere
show: comparison
data_of: {study: s, labels: [D]}
protocol:
  split: {train: 0.6, valid: 0.2, test: 0.2}
  repeats: 1
  resampling: independent
methods: [GL]
params: {GL: {gamma: 3}}
reference: GL
metrics: [nMSE]
";
    folder.write("s2", second);
    let points = |number: usize| -> Vec<(String, String)> {
        let study = folder.studies().remove(number).narrowed(Profile::Paper).unwrap();
        let library = library(&folder.beside("store"));
        let resolved: Vec<_> = study.data.iter().map(|d| resolve(d, &library).unwrap()).collect();
        let store = Store::open(&folder.beside("store")).unwrap();
        let point = |unit: &mtl_experiments::plan::Unit<'_>| match unit.next(&store) {
            Next::Run(cells) => {
                let get = |name: &str| cells[0].path[0].get(name).map(ToString::to_string).unwrap_or_default();
                (format!("{} {}", unit.dataset(), unit.method.label), format!("{} {}", get("gamma"), get("loss_scale")))
            }
            _ => panic!("nothing is stored"),
        };
        let mut points: Vec<_> = units(&study, &resolved).iter().map(point).collect();
        points.dedup();
        points.sort();
        points.dedup();
        points
    };
    let named = |name: &str, values: &str| (name.to_owned(), values.to_owned());
    let first = points(0);
    assert!(first.contains(&named("D GL", "2 sum")) && !first.iter().any(|(name, _)| name == "D Lasso"), "{first:?}");
    assert_eq!(points(1), [named("D GL", "3 sum")]);
    for (from, to, says) in [
        ("labels: [D]", "labels: [F]", "`F`"),
        (
            "{study: s, labels: [D]}",
            "{study: s, labels: [D]}\ndata: [{label: D, dataset: synthetic-gl}]",
            "takes the place",
        ),
        ("study: s,", "study: s2,", "no data sets of its own"),
    ] {
        folder.write("s2", second);
        folder.replace("s2", from, to);
        let error = folder.load().err().unwrap();
        assert!(error.message.contains(says), "{error}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (from, to, says) in [
        ("reference: GL", "reference: GL\nagainst: Ridge", "Ridge"),
        ("metrics: [nMSE, EV]", "metrics: [accuracy-gain]", "`against`"),
        ("reference: GL", "reference: GL\neither: {Best: [Lasso, GL]}", "does not list `Best`"),
        ("methods: [Lasso, GL]", "methods: [Lasso, GL, Best]\neither: {Best: [GL]}", "at least two"),
        ("methods: [Lasso, GL]", "methods: [Lasso, GL, Best]\neither: {Best: [GL, Ridge]}", "Ridge"),
        ("reference: GL", "reference: GL\ntune: {freeze: {from: GL, params: [gama]}}", "gama"),
        ("reference: GL", "reference: GL\ntune: {freeze: {from: Ridge, params: [gamma]}}", "Ridge"),
        ("dataset: synthetic-gl}", "dataset: synthetic-gl, without: [Ridge]}", "Ridge"),
        (
            "split: {train: 0.6, valid: 0.2, test: 0.2}",
            "split: {nested: {train: 0.8, valid: 0.2, test: 0.2}}\n  official: true",
            "not nested",
        ),
    ] {
        let folder = Folder::new();
        folder.replace("s", from, to);
        let error = folder.load().err().unwrap_or_else(|| panic!("{to} was accepted"));
        assert!(error.message.contains(says), "{to}: {error}");
    }
}
