//! Studies that score every point of a grid, and what studies and findings can say about their methods.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::{BTreeMap, HashSet};

use common::Folder;
use mtl_core::Metric;
use mtl_experiments::Quantity;
use mtl_experiments::Store;
use mtl_experiments::cell::Purpose;
use mtl_experiments::cost::Costs;
use mtl_experiments::plan::units;
use mtl_methods::ParamValue;

/// The example as a sweep of GL over gamma and the loss scale, without one corner.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.replace(
        "s",
        "show: comparison",
        "show: {sensitivity: {measure: nMSE, panels: [{panel: a, rows: loss_scale, columns: gamma}]}}\nscore: every",
    );
    let own =
        "methods: [GL]\nparams: {GL: {loss_scale: [half-sum, sum]}}\nwhere: {GL: [\"gamma < 10 or gamma > 100\"]}";
    folder.replace("s", "methods: [Lasso, GL]", own);
    folder
}

fn at(given: &[(&str, ParamValue)]) -> BTreeMap<String, ParamValue> {
    given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[test]
fn every_point_is_scored_and_none_chosen() {
    let folder = folder();
    let (results, store) = folder.results();
    let scores = results.scores("D", "GL").unwrap();
    assert_eq!((scores.records.len(), scores.sweep.len()), (0, 4), "two strengths by two scales");
    assert!(store.all().iter().all(|r| r.key.purpose == Purpose::Sweep && r.points().len() == 2));
    assert_eq!(store.all().len(), 4, "a record a path and repeat");
    assert_eq!(scores.convergence(), (8, 0));
    let gamma = |v| ("gamma", ParamValue::Number(v));
    let scale = |v: &str| ("loss_scale", ParamValue::Choice(v.into()));
    let values = |quantity: &str, place: &[_]| results.by_repeat("D", "GL", quantity, &at(place));
    let weak = values("nMSE", &[gamma(0.1), scale("half-sum")]).unwrap();
    let strong = values("nMSE", &[gamma(1.0), scale("half-sum")]).unwrap();
    assert_eq!(weak.keys().copied().collect::<Vec<_>>(), [0, 1]);
    assert_ne!(weak, strong);
    let swept = scores.sweep.iter().find(|s| s.held_at(&at(&[gamma(0.1), scale("half-sum")]))).unwrap();
    assert_eq!(swept.by_repeat(Quantity::Metric(Metric::NMse)), weak);
    assert!(values("objective", &[gamma(1.0), scale("sum")]).unwrap()[&0] > 0.0);
    let message = |place: &[_]| values("nMSE", place).unwrap_err().to_string();
    assert_eq!(message(&[gamma(0.1)]), "GL on D has been run at 2 points with gamma = 0.1");
    assert_eq!(message(&[gamma(10.0)]), "GL on D has not been run at gamma = 10");
    assert_eq!(results.values_of("D", "GL", "gamma").len(), 2);
}

#[test]
fn the_outlook_counts_shared_cells_once() {
    let folder = folder();
    let (results, store) = folder.results();
    let empty = Store::reading(&folder.beside("nowhere"));
    let mut seen = HashSet::new();
    let units = units(&results.study, &results.resolved);
    let missing = |seen: &mut HashSet<_>| {
        units.iter().map(|u| u.outlook(Some(&empty), &Costs::default(), seen).missing).sum::<usize>()
    };
    assert_eq!((missing(&mut seen), missing(&mut seen)), (4, 0));
    let stored: usize =
        units.iter().map(|u| u.outlook(Some(&store), &Costs::measured(&store), &mut HashSet::new()).stored).sum();
    assert_eq!(stored, 4);
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    let refused = |from: &str, to: &str, line: usize, says: &str| {
        let folder = folder();
        folder.replace("s", from, to);
        let error = folder.load().err().unwrap_or_else(|| panic!("{to} was accepted"));
        assert!(error.message.contains(says), "{error}");
        assert_eq!(error.line, line, "{error}");
    };
    refused("score: every", "score: chosen", 3, "this figure needs `score: every`");
    refused("columns: gamma", "columns: gama", 3, "gama");
    refused("measure: nMSE", "measure: nMSF", 3, "nMSF");
    refused("rows: loss_scale", "rows: gamma", 3, "`gamma` is named twice");
    refused("rows: loss_scale", "rows: tol", 3, "`loss_scale` of GL has several values");
    refused("[{panel: a, rows: loss_scale, columns: gamma}]", "[]", 3, "nothing to show");
    refused("params: {GL", "params: {Lasso", 13, "Lasso");
    refused("where: {GL", "where: {Lasso", 14, "Lasso");
    refused("gamma < 10 or", "gama < 10 or", 14, "gama");
    let show = "{sensitivity: {measure: nMSE, panels: [{panel: a, rows: loss_scale, columns: gamma}]}}";
    refused(show, "comparison", 4, "`score: every` goes with");
    refused(show, "{curves: {along: gamma, measures: [nMSE]}}", 3, "`loss_scale` of GL has several values");
    let folder = folder();
    folder.replace("s", "loss_scale: [half-sum, sum]", "gamma: 0.1 x lambda_max");
    folder.replace("s", "where: {GL: [\"gamma < 10 or gamma > 100\"]}\n", "");
    assert!(folder.load().err().unwrap().message.contains("depend on the data"));
}

#[test]
fn a_finding_names_what_exists_on_both_sides() {
    let finding = |a: &str, b: &str| {
        let folder = folder();
        folder.write("findings", &format!("- {{id: f, title: t, says: s, a: {a}, b: {b}}}\n"));
        folder.load().map(|paper| paper.findings.len()).map_err(|e| e.message)
    };
    assert!(finding("{study: s}", "{study: s}").unwrap_err().contains("both sides are the same"));
    assert_eq!(finding("{study: s, measure: nMSE}", "{study: s, measure: iterations}"), Ok(1));
    assert!(finding("{study: s, method: GLL}", "{study: s, method: GL}").unwrap_err().contains("GLL"));
    assert!(finding("{study: t}", "{study: s}").unwrap_err().contains("study `t`"));
    assert!(finding("{study: s, method: GL}", "{study: s}").unwrap_err().contains("on one side only"));
}

#[test]
fn descriptions_are_read_and_checked() {
    let described = |yaml: &str| {
        let folder = folder();
        folder.replace("paper", "studies: [s]", "descriptions: [d]\nstudies: [s]");
        folder.write("d", &format!("title: T\nsource: Table 9\nshow:\n  {yaml}\n"));
        folder.load().map(|paper| paper.descriptions[0].data().len()).map_err(|e| e.to_string())
    };
    assert_eq!(described("declarations: {GL: {}}"), Ok(0));
    assert_eq!(described("strengths: {method: GL, panels: [{gamma: 2}]}"), Ok(0));
    assert_eq!(described("sizes: [{label: D, dataset: synthetic-gl}]"), Ok(1));
    assert!(described("declarations: {GLL: {}}").unwrap_err().contains("d.yaml:4:"));
    assert!(described("declarations: {GL: {gama: 1}}").unwrap_err().contains("gama"));
    assert!(described("sizes: [{label: D, dataset: synthetic-gll}]").unwrap_err().contains("synthetic-gl"));
    let pairs = |pairs: &str| {
        described(&format!("toy-pairs: {{regulariser: eq2, a: {{from: 0, to: 1, points: 2}}, pairs: [{pairs}]}}"))
    };
    let pair = "{id: p, weights: [[1], [a]], one_group: same}";
    assert_eq!(pairs(pair), Ok(0));
    assert!(pairs(&format!("{pair}, {pair}")).unwrap_err().contains("the statement `p` is made twice"));
    assert!(pairs("{id: p, weights: [[1], [a, 0]], one_group: same}").unwrap_err().contains("d.yaml:3:"));
    assert!(described("unit-balls: {alpha: [0.5], a: [0.1]}").unwrap_err().contains("alpha is 0.5"));
    assert!(described("theorems: {seed: 1, cases: {fermat: 1}}").unwrap_err().contains("no-empty-group"));
}

#[test]
fn claims_name_statements_that_are_made() {
    let claimed = |statement: &str| {
        let folder = folder();
        folder.replace("paper", "studies: [s]", "descriptions: [d]\nstudies: [s]");
        folder.write("d", "title: T\nsource: S\nshow: {theorems: {seed: 1, cases: {concave: 1}}}\n");
        let claim = format!("{{id: c, source: s, says: x, check: {{not: {{statement: {statement}}}}}}}");
        folder.replace("published", "claims: []", &format!("claims:\n  - {claim}\n"));
        folder.load().map(|paper| paper.descriptions[0].statement_ids().len()).map_err(|e| e.to_string())
    };
    assert_eq!(claimed("d/concave"), Ok(1));
    assert!(claimed("d/convex").unwrap_err().contains("unknown statement `d/convex`; valid: d/concave"));
}
