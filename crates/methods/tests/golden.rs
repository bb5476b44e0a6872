//! A method's output is part of every stored result's identity. If this test fails because a method now gives
//! something else, raise its `revision` and accept the new snapshot (`cargo insta review`).

mod common;

use std::fmt::Write;

use common::tight;
use mtl_core::{Target, Truth};
use mtl_methods::{Family, ParamValue, methods};
use ndarray::{Array2, s};

#[test]
fn output_per_revision() {
    // The truth is for the oracles.
    let weights_of_truth = Array2::from_shape_fn((4, 3), |(j, t)| if (j + t) % 2 == 0 { 1.0 } else { 0.0 });
    let truth = Truth {
        weights: weights_of_truth,
        shared_rows: vec![],
        groups: vec![0, 0, 1],
        outliers: vec![],
        support: None,
    };
    let data = common::random(12, 4, 3, 99).with_truth(truth);
    let mut text = String::new();
    for entry in methods() {
        let name = entry.info.name;
        let has = |parameter: &str| entry.params.iter().any(|s| s.name == parameter);
        let fitted = match name {
            // An alternation that published code ends early: its slow tail takes many cheap sweeps.
            "gbdsp" => tight(name, &data, &[("max_iter", ParamValue::Count(100_000))]),
            _ if !entry.info.learns(Target::Regression) => {
                // First parameters are so small that steps change little at first.
                let given = [("epochs", ParamValue::Count(400)), ("rate", ParamValue::Number(1.0))];
                common::fit(name, &common::labelled(&data), &given)
            }
            // Single precision, so that a few steps are enough to tell.
            _ if entry.info.family == Family::Deep => common::fit(name, &data, &[("epochs", ParamValue::Count(3))]),
            _ if has("tol") => tight(name, &data, &[]),
            _ => common::fit(name, &data, &[]),
        };
        let deep = entry.info.family == Family::Deep;
        let total = fitted.objective.total;
        let objective = if deep { format!("{total:.3e}") } else { format!("{total:.6}") };
        writeln!(text, "{} r{}: objective {objective}", name, entry.info.revision).unwrap();
        let predictions = || {
            let of_task = |(t, task): (usize, &mtl_core::Task)| fitted.model.predict(t, &task.x).slice_move(s![..4]);
            let columns: Vec<_> = data.tasks.iter().enumerate().map(of_task).collect();
            Array2::from_shape_fn((4, 3), |(i, t)| columns[t][i])
        };
        for row in fitted.model.weights().cloned().unwrap_or_else(predictions).rows() {
            // Rounded first, so that a tiny negative number prints as zero does.
            let row: Vec<String> = row.iter().map(|w| format!("{:8.3}", (w * 1000.0).round() / 1000.0 + 0.0)).collect();
            writeln!(text, "  {}", row.join(" ")).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}
