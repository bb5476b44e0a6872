//! The elastic nets `stl` and `all-tasks`: optimality conditions from the rows, closed forms, and what standardising
//! means.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{fit, intercepts, labelled, largest, named, named_value, num, random, tight, weights};
use mtl_core::{MultiTask, Target, Task};
use mtl_methods::linalg::Cholesky;
use mtl_methods::{Fitted, ParamValue, method};
use ndarray::{Array1, Array2, Axis, concatenate};
use proptest::prelude::*;

/// Population standard deviations of the features of a task.
fn deviations(x: &Array2<f64>) -> Array1<f64> {
    x.std_axis(Axis(0), 0.0)
}

/// Derivative of the mean loss by the predictors, from the rows.
fn slopes(data: &MultiTask, t: usize, fitted: &Fitted, logistic: bool) -> Array1<f64> {
    let task = &data.tasks[t];
    let f = task.x.dot(&weights(fitted).column(t)) + intercepts(fitted)[t];
    let n = task.n() as f64;
    if logistic {
        ndarray::Zip::from(&f).and(&task.y).map_collect(|f, y| -y / (1.0 + (y * f).exp()) / n)
    } else {
        (f - &task.y) / n
    }
}

/// Mean loss from the rows.
fn loss(data: &MultiTask, t: usize, fitted: &Fitted, logistic: bool) -> f64 {
    let task = &data.tasks[t];
    let f = task.x.dot(&weights(fitted).column(t)) + intercepts(fitted)[t];
    let each =
        f.iter().zip(&task.y).map(|(f, y)| if logistic { (-y * f).exp().ln_1p() } else { (f - y).powi(2) / 2.0 });
    each.sum::<f64>() / task.n() as f64
}

/// The conditions of a minimum for the standardised features `x / sd`, whose weights are `w sd`; the objective is as
/// reported.
fn check(data: &MultiTask, fitted: &Fitted, (lambda, alpha): (f64, f64), standardise: bool, logistic: bool) {
    let mut total = 0.0;
    for (t, task) in data.tasks.iter().enumerate() {
        let sd = if standardise { deviations(&task.x) } else { Array1::ones(task.x.ncols()) };
        let slope = slopes(data, t, fitted, logistic);
        assert!(slope.sum().abs() < 1e-7, "the intercept is free: {}", slope.sum());
        let gradient = task.x.t().dot(&slope) / &sd;
        let w = &weights(fitted).column(t) * &sd;
        total += loss(data, t, fitted, logistic);
        for (&w, &g) in w.iter().zip(&gradient) {
            total += lambda * (alpha * w.abs() + (1.0 - alpha) / 2.0 * w * w);
            let pull = g + lambda * (1.0 - alpha) * w;
            let violation = if w == 0.0 {
                (pull.abs() - lambda * alpha).max(0.0)
            } else {
                (pull + lambda * alpha * w.signum()).abs()
            };
            assert!(violation < 1e-4, "{violation:e} at weight {w}");
        }
    }
    assert!((fitted.objective.total - total).abs() < 1e-8 * total.max(1.0), "{} {total}", fitted.objective.total);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    /// Tall and wide, every mixture, both losses.
    #[test]
    fn conditions_of_a_minimum(
        (n, p, m, key) in (8_usize..30, 1_usize..40, 1_usize..4, 0_u64..500),
        lambda in (-2.0..0.5_f64).prop_map(|e| 10.0_f64.powf(e)),
        alpha in prop_oneof![Just(0.0), Just(0.4), Just(1.0), 0.05..0.95_f64],
        standardise in any::<bool>(),
    ) {
        let data = random(n, p, m, key);
        let given = [("lambda", num(lambda)), ("alpha", num(alpha)), ("standardise", ParamValue::Flag(standardise))];
        check(&data, &tight("stl", &data, &given), (lambda, alpha), standardise, false);
        let labels = labelled(&data);
        check(&labels, &tight("stl", &labels, &given), (lambda, alpha), standardise, true);
    }
}

/// Columns that are orthogonal, of mean zero and variance one: every weight by itself.
#[test]
fn orthogonal_features_have_a_closed_form() {
    let x = Array2::from_shape_fn((8, 3), |(i, j)| if (i >> j) & 1 == 1 { 1.0 } else { -1.0 });
    let y = Array1::from(vec![1.0, -2.0, 3.0, 0.5, 2.0, 2.5, -1.0, 4.0]);
    let data = named(3, vec![Task { name: "t".into(), x: Arc::new(x.clone()), y: y.clone() }]);
    for (lambda, alpha) in [(0.3, 0.4), (0.2, 1.0), (1.0, 0.0), (0.9, 0.9)] {
        let fitted = tight("stl", &data, &[("lambda", num(lambda)), ("alpha", num(alpha))]);
        let correlation = x.t().dot(&y) / 8.0;
        for (w, c) in weights(&fitted).iter().zip(&correlation) {
            let expected = (c - c.clamp(-lambda * alpha, lambda * alpha)) / (1.0 + lambda * (1.0 - alpha));
            assert!((w - expected).abs() < 1e-8, "{w} {expected}");
        }
        assert!((intercepts(&fitted)[0] - y.mean().unwrap()).abs() < 1e-12);
    }
}

/// With alpha = 0 the weights solve `(X'X/n + lambda I) w = X'y/n` on centred data, tall and wide.
#[test]
fn without_the_l1_norm_it_is_ridge_regression() {
    for (n, p) in [(20, 6), (12, 40)] {
        let data = random(n, p, 2, 5);
        let given = [("lambda", num(0.3)), ("alpha", num(0.0)), ("standardise", ParamValue::Flag(false))];
        let fitted = tight("stl", &data, &given);
        for (t, task) in data.tasks.iter().enumerate() {
            let x = &*task.x - &task.x.mean_axis(Axis(0)).unwrap();
            let y = &task.y - task.y.mean().unwrap();
            let system = x.t().dot(&x) / n as f64 + Array2::<f64>::eye(p) * 0.3;
            let mut expected = x.t().dot(&y) / n as f64;
            Cholesky::of(&system).unwrap().solve(&mut expected);
            let distance = &weights(&fitted).column(t) - &expected;
            assert!(distance.iter().all(|d| d.abs() < 1e-4), "{n} {p}: {distance}");
        }
    }
}

/// Standardising inside is standardising before, with the weights divided by the deviations; a constant feature has
/// no weight.
#[test]
fn standardising_inside_and_before() {
    let raw = random(15, 6, 3, 6).map(
        |_, x| {
            let mut x = x * &Array1::from(vec![0.1, 5.0, 1.0, 30.0, 2.0, 1.0]) + 3.0;
            x.column_mut(5).fill(7.0);
            x
        },
        |_, y| y.clone(),
    );
    let scaled = raw.map(
        |_, x| (x - &x.mean_axis(Axis(0)).unwrap()) / deviations(x).mapv(|s| if s < 1e-9 { 1.0 } else { s }),
        |_, y| y.clone(),
    );
    for labels in [false, true] {
        let (raw, scaled) = if labels { (labelled(&raw), labelled(&scaled)) } else { (raw.clone(), scaled.clone()) };
        let inside = tight("stl", &raw, &[("lambda", num(0.05))]);
        let before = tight("stl", &scaled, &[("lambda", num(0.05)), ("standardise", ParamValue::Flag(false))]);
        assert!((inside.objective.total - before.objective.total).abs() < 1e-9);
        for t in 0..3 {
            let sd = deviations(&raw.tasks[t].x);
            let distance = &weights(&inside).column(t) * &sd - weights(&before).column(t);
            assert!(distance.iter().all(|d| d.abs() < 1e-4), "{distance}");
            assert_eq!(weights(&inside)[[5, t]], 0.0);
        }
    }
}

/// A strong penalty leaves the mean, or the log odds.
#[test]
fn a_strong_penalty_leaves_the_intercept() {
    let data = random(21, 4, 2, 7);
    let fitted = tight("stl", &data, &[("lambda", num(1e3)), ("alpha", num(1.0))]);
    assert_eq!(largest(weights(&fitted)), 0.0);
    for (task, b) in data.tasks.iter().zip(intercepts(&fitted)) {
        assert!((b - task.y.mean().unwrap()).abs() < 1e-12);
    }
    let labels = labelled(&data);
    let fitted = tight("stl", &labels, &[("lambda", num(1e3)), ("alpha", num(1.0))]);
    for (task, b) in labels.tasks.iter().zip(intercepts(&fitted)) {
        let positive = task.y.iter().filter(|y| **y > 0.0).count() as f64 / task.n() as f64;
        assert!((b - (positive / (1.0 - positive)).ln()).abs() < 1e-9);
    }
}

/// One model for all tasks is the model of one task with all rows.
#[test]
fn all_tasks_are_one_stacked_task() {
    for data in [random(10, 5, 3, 8), labelled(&random(10, 30, 3, 9))] {
        let x = concatenate(Axis(0), &data.tasks.iter().map(|t| t.x.view()).collect::<Vec<_>>()).unwrap();
        let y = concatenate(Axis(0), &data.tasks.iter().map(|t| t.y.view()).collect::<Vec<_>>()).unwrap();
        let one = Task { name: "all".into(), x: x.into(), y };
        let one = MultiTask { target: data.target, ..named(data.n_features(), vec![one]) };
        let (all, stacked) = (tight("all-tasks", &data, &[]), tight("stl", &one, &[]));
        for t in 0..3 {
            assert_eq!(weights(&all).column(t), weights(&stacked).column(0));
            assert_eq!(intercepts(&all)[t], intercepts(&stacked)[0]);
        }
        assert_eq!(all.objective, stacked.objective);
    }
}

/// `loss: squared` takes labels for numbers.
#[test]
fn labels_by_squared_loss() {
    let labels = labelled(&random(20, 30, 2, 10));
    let numbers = MultiTask { target: Target::Regression, ..labels.clone() };
    let squared = tight("stl", &labels, &[("loss", named_value("squared"))]);
    assert_eq!(weights(&squared), weights(&tight("stl", &numbers, &[])));
    assert!(largest(&(weights(&squared) - weights(&tight("stl", &labels, &[])))) > 1e-3);
}

/// A fit does not depend on where it started: paths end where single fits do.
#[test]
fn paths_and_single_fits_agree() {
    for data in [random(12, 30, 3, 11), labelled(&random(25, 10, 3, 12))] {
        let problem = mtl_methods::Problem::new(data.clone(), None);
        let given = |lambda: f64| [("lambda", num(lambda)), ("tol", num(1e-9))];
        let lambdas = [1.0, 0.3, 0.1, 0.03];
        let path: Vec<_> = lambdas.iter().map(|&l| common::params("stl", &given(l))).collect();
        let context = mtl_methods::Context::new(mtl_core::Seed::of(&0));
        let fits = method("stl").unwrap().fit_path(&problem, &path, &context).unwrap();
        for (fitted, lambda) in fits.iter().zip(lambdas) {
            let single = fit("stl", &data, &given(lambda));
            assert!((fitted.objective.total - single.objective.total).abs() < 2e-9 * single.objective.total);
        }
    }
}
