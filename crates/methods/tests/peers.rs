//! Objectives against optima that another solver computed.

mod common;

use std::sync::Arc;

use common::{fit, named, num, tight};
use mtl_core::{MultiTask, Task};
use mtl_methods::ParamValue;
use ndarray::{Array1, Array2};
use serde::Deserialize;

#[derive(Deserialize)]
struct Peers {
    provenance: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    n: usize,
    p: usize,
    m: usize,
    method: String,
    params: std::collections::BTreeMap<String, f64>,
    objective: f64,
}

/// The same formula as in `benches/peers/optima.py`.
fn data(n: usize, p: usize, m: usize) -> MultiTask {
    let tasks = (0..m)
        .map(|t| {
            let x = Array2::from_shape_fn((n, p), |(r, i)| {
                let (t, r, i) = (t as f64, r as f64, i as f64);
                (1.3 * (i + 1.0) * (r + 1.0) + 0.7 * t).sin() + 0.5 * (0.9 * (r + 2.0) * (t + 1.0) + i).cos()
            });
            let w = Array1::from_shape_fn(p, |i| {
                (1.7 * i as f64).sin() + 0.3 * ((i as f64 + 1.0) * (t as f64 + 1.0)).cos()
            });
            let noise = Array1::from_shape_fn(n, |r| 0.4 * (2.1 * (t as f64 + 1.0) * (r as f64 + 1.0)).sin());
            Task { name: t.to_string(), y: x.dot(&w) + noise, x: Arc::new(x) }
        })
        .collect();
    named(p, tasks)
}

#[test]
fn objectives_agree_with_an_interior_point_solver() {
    let peers: Peers = serde_json::from_str(include_str!("peers.json")).unwrap();
    assert!(peers.provenance.contains("clarabel"));
    for case in &peers.cases {
        let data = data(case.n, case.p, case.m);
        let given: Vec<(&str, ParamValue)> = case.params.iter().map(|(name, v)| (name.as_str(), num(*v))).collect();
        let fitted = tight(&case.method, &data, &given);
        let relative = (fitted.objective.total - case.objective) / case.objective;
        assert!(relative.abs() < 1e-6, "{} {:?}: {relative:e}", case.method, case.params);
    }
}

#[test]
fn linfa_finds_the_same_lasso() {
    for (gamma, n) in [(0.5, 30), (5.0, 30), (0.05, 40)] {
        let data = common::random(n, 6, 3, 7);
        let own = tight("lasso", &data, &[("gamma", num(gamma))]);
        let linfa =
            fit("lasso", &data, &[("gamma", num(gamma)), ("engine", common::named_value("linfa")), ("tol", num(1e-9))]);
        let relative = (linfa.objective.total - own.objective.total) / own.objective.total;
        assert!(relative.abs() < 1e-6, "gamma {gamma}: {relative:e}");
    }
}
