//! Studies of networks: sizes that go with data sets, and measures of layers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::{Folder, library};
use mtl_core::Scaling;
use mtl_experiments::plan::{Next, resolve, units};
use mtl_experiments::{Cell, Profile};
use mtl_methods::ParamValue;

const METHODS: &str = "\
GL:
  method: l21
Net:
  method: ssmtl-t
  params: {gamma1: 0.01, gamma2: 0.01, phi: 2, epochs: 2, layers: 4-3, batch: 16}
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("methods", METHODS);
    folder.replace("s", "methods: [Lasso, GL]\nreference: GL", "methods: [Net]\nreference: Net");
    folder.replace("published", "method: GL", "method: Net");
    folder
}

/// The cells that score, by the label of their data set.
fn cells(folder: &Folder, profile: Profile) -> BTreeMap<String, Cell> {
    let study = folder.studies().remove(0).narrowed(profile).unwrap();
    let library = library(&folder.beside("store"));
    let resolved: Vec<_> = study.data.iter().map(|d| resolve(d, &library).unwrap()).collect();
    let store = mtl_experiments::Store::open(&folder.beside("store")).unwrap();
    let cell = |unit: &mtl_experiments::plan::Unit<'_>| match unit.next(&store) {
        Next::Run(cells) => (unit.dataset().to_owned(), cells[0].clone()),
        _ => panic!("nothing is stored"),
    };
    units(&study, &resolved).iter().map(cell).collect()
}

#[test]
fn values_that_go_with_a_data_set_come_before_the_studys() {
    let folder = folder();
    folder.replace(
        "s",
        "  - {label: D, dataset: synthetic-gl}\n",
        "  - {label: D, dataset: synthetic-gl}
  - label: E
    dataset: synthetic-gl
    scaling: {x: true, y: false}
    params:
      Net: {layers: 5-2}
",
    );
    folder.replace(
        "s",
        "metrics: [nMSE, EV]",
        "metrics: [nMSE, EV]\nprofiles: {quick: {params: {Net: {layers: '9', epochs: 1}}}}",
    );
    let value = |cell: &Cell, name: &str| cell.path[0].get(name).unwrap().to_string();
    let paper = cells(&folder, Profile::Paper);
    assert_eq!(["D", "E"].map(|d| value(&paper[d], "layers")), ["4-3", "5-2"]);
    assert_eq!(["D", "E"].map(|d| value(&paper[d], "epochs")), ["2", "2"]);
    assert_eq!(paper["D"].key.scaling, Scaling::default());
    assert!(paper["E"].key.scaling.x && !paper["E"].key.scaling.y);
    let quick = cells(&folder, Profile::Quick);
    assert_eq!(["D", "E"].map(|d| value(&quick[d], "layers")), ["9", "5-2"]);
    assert_eq!(["D", "E"].map(|d| value(&quick[d], "epochs")), ["1", "1"]);

    folder.replace("s", "Net: {layers: 5-2}", "Nett: {layers: 5-2}");
    let error = folder.load().err().unwrap().to_string();
    assert!(error.contains("`Nett`") && error.contains("Net"), "{error}");
}

#[test]
fn layers_are_measured_and_named_like_hyperparameters() {
    let folder = folder();
    folder.replace("s", "show: comparison", "show: {layers: {measures: [weight-sparsity, net-wise-correlation]}}");
    let (results, _) = folder.results();
    let at = |layer: Option<u64>, quantity: &str| {
        let params = layer.map(|l| ("layer".to_owned(), ParamValue::Count(l))).into_iter().collect();
        results.by_repeat("D", "Net", quantity, &params)
    };
    for quantity in ["neuron-sparsity", "weight-sparsity", "net-wise-correlation", "neuron-wise-correlation"] {
        let [first, second] = [1, 2].map(|layer| at(Some(layer), quantity).unwrap());
        assert_eq!(first.len(), 2, "one a repeat");
        for (repeat, mean) in at(None, quantity).unwrap() {
            assert!((mean - f64::midpoint(first[&repeat], second[&repeat])).abs() < 1e-12, "{quantity}");
        }
        // The layer of outputs is not a hidden one.
        at(Some(3), quantity).unwrap_err();
    }
    assert_ne!(at(Some(1), "net-wise-correlation"), at(Some(2), "net-wise-correlation"));
}

#[test]
fn networks_are_described_by_the_study_that_trains_them() {
    let folder = folder();
    folder.write("n", "title: N\nsource: Table N\nshow: {networks: {study: s, method: Net}}\n");
    folder.replace("paper", "studies: [s]", "studies: [s]\ndescriptions: [n]");
    folder.load().unwrap();
    folder.replace("n", "method: Net", "method: Lasso");
    let error = folder.load().err().unwrap().to_string();
    assert!(error.contains("n.yaml:3") && error.contains("`Lasso`"), "{error}");
}
