//! KMSV against the published system solved directly, and what its rank constraint promises (SSMTL spec 8, 18).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{fit, half_loss, intercepts, largest, named, named_value, num, params, random, weights};
use mtl_core::{MultiTask, Seed, Task};
use mtl_methods::linalg::{Cholesky, Svd};
use mtl_methods::{Context, FitError, ParamValue, Problem, method};
use ndarray::{Array1, Array2, Axis, array, s};

fn count(v: u64) -> ParamValue {
    ParamValue::Count(v)
}

fn centred(data: &MultiTask) -> MultiTask {
    data.map(|_, x| x - &x.mean_axis(Axis(0)).unwrap(), |_, y| y - y.mean().unwrap())
}

/// `rho (I - UU')` for the leading left vectors of `w`, which leave `k` out.
fn complement(w: &Array2<f64>, k: usize) -> Array2<f64> {
    let u = Svd::of(w).unwrap().leading(w.nrows().min(w.ncols()) - k);
    Array2::eye(w.nrows()) - u.dot(&u.t())
}

/// The same tasks, all on the first one's inputs.
fn shared(data: &MultiTask) -> MultiTask {
    let x = Arc::clone(&data.tasks[0].x);
    named(x.ncols(), data.tasks.iter().map(|task| Task { x: Arc::clone(&x), ..task.clone() }).collect())
}

/// One sweep is the published linear system, tall or wide, own inputs or shared ones, at any strength.
#[test]
fn a_sweep_solves_the_published_system() {
    for data in [random(30, 6, 5, 1), random(8, 20, 4, 2), random(14, 20, 4, 3), shared(&random(15, 6, 5, 4))] {
        for (rho, ridge, k) in [(1e-3, 0.2, 1), (100.0, 1e-3, 2), (1e7, 1.0, 3), (1e12, 1e-2, 1)] {
            let centred = centred(&data);
            let (p, m) = (data.n_features(), data.n_tasks());
            let correlations = common::correlation(&centred, &Array2::zeros((p, m)));
            let penalty = complement(&correlations, k) * rho + Array2::<f64>::eye(p) * ridge;
            let fitted = fit(
                "kmsv",
                &data,
                &[
                    ("k", count(k as u64)),
                    ("ridge", num(ridge)),
                    ("rho0", num(rho)),
                    ("schedule", named_value("fixed")),
                    ("max_iter", count(1)),
                ],
            );
            let mut direct = Array2::zeros((p, m));
            for (t, task) in centred.tasks.iter().enumerate() {
                let mut w = correlations.column(t).to_owned();
                Cholesky::of(&(task.x.t().dot(&*task.x) + &penalty)).unwrap().solve(&mut w);
                direct.column_mut(t).assign(&w);
            }
            // The direct solution loses digits to the condition of its matrix, rho / ridge.
            let tolerance = (1e-16 * rho / ridge).max(1e-11) * largest(&direct).max(1.0);
            assert!(largest(&(weights(&fitted) - &direct)) < tolerance, "rho {rho} ridge {ridge} k {k} p {p}");
            if rho == 1e12 {
                // The limit is ridge inside the span of U, which can be solved without such a condition.
                let u = Svd::of(&correlations).unwrap().leading(p.min(m) - k);
                for (t, task) in centred.tasks.iter().enumerate() {
                    let inside = task.x.dot(&u);
                    let mut w = u.t().dot(&correlations.column(t));
                    let gram = inside.t().dot(&inside) + Array2::<f64>::eye(u.ncols()) * ridge;
                    Cholesky::of(&gram).unwrap().solve(&mut w);
                    direct.column_mut(t).assign(&u.dot(&w));
                }
                assert!(largest(&(weights(&fitted) - &direct)) < 1e-8, "{k} {p}");
                assert!(Svd::of(weights(&fitted)).unwrap().values.slice(s![p.min(m) - k..]).sum() < 1e-8);
            }
            let expected = half_loss(&centred, weights(&fitted));
            assert!((fitted.objective.loss - expected).abs() < 1e-10 * expected.max(1.0));
        }
    }
}

/// At a fixed strength the objective never rises, and the point it ends at is stationary.
#[test]
fn fixed_strength_descends_to_a_stationary_point() {
    for data in [random(40, 6, 5, 5), random(10, 16, 5, 6)] {
        for (rho, ridge, k) in [(1.0, 0.1, 1), (20.0, 1.0, 2), (300.0, 0.5, 3)] {
            let given = [
                ("k", count(k as u64)),
                ("ridge", num(ridge)),
                ("rho0", num(rho)),
                ("schedule", named_value("fixed")),
                ("tol", num(1e-15)),
                ("max_iter", count(20_000)),
            ];
            let fitted = fit("kmsv", &data, &given);
            assert!(fitted.trace.windows(2).all(|f| f[1] <= f[0] * (1.0 + 1e-13)), "rho {rho}");
            let (w, centred) = (weights(&fitted), centred(&data));
            let gradient = complement(w, k).dot(w) * rho + w * ridge - common::correlation(&centred, w);
            let scale = largest(&common::correlation(&centred, &Array2::zeros(w.raw_dim())));
            assert!(largest(&gradient) < 1e-6 * scale, "rho {rho}: {:e}", largest(&gradient) / scale);
        }
    }
}

/// SSMTL spec 8, 18: after the adapted schedule exactly `k` singular values vanish.
#[test]
fn exactly_k_singular_values_vanish() {
    for (data, ks) in [(random(30, 8, 6, 7), 1..=5_usize), (random(12, 20, 5, 8), 1..=4), (random(9, 4, 9, 9), 1..=3)] {
        let q = data.n_features().min(data.n_tasks());
        for k in ks {
            for (ridge, rho0) in [(0.2, 100.0), (1e-3, 1e-3), (10.0, 1e3)] {
                let given = [("k", count(k as u64)), ("ridge", num(ridge)), ("rho0", num(rho0))];
                let fitted = fit("kmsv", &data, &given);
                assert!(fitted.convergence.converged, "{given:?}: {:?}", fitted.convergence);
                let values = Svd::of(weights(&fitted)).unwrap().values;
                let smallest = |count: usize| values.slice(s![q - count..]).sum();
                assert!(smallest(k) < 1e-6 && smallest(k + 1) > 1e-6, "{given:?}: {values}");
                assert!((smallest(k) - fitted.convergence.residual).abs() < 1e-12);
            }
        }
    }
}

/// Tasks that truly share two directions are recovered from fewer rows than features.
#[test]
fn a_low_rank_truth_is_recovered() {
    let noise = random(12, 16, 8, 10);
    let directions = noise.tasks[0].x.slice(s![..2, ..]).t().to_owned();
    let truth =
        directions.dot(&array![[1.0, -1.0, 0.5, 2.0, 0.0, 1.5, -0.5, 1.0], [0.5, 1.0, -2.0, 0.0, 1.0, -1.0, 1.5, 2.0]]);
    let task = |(t, task): (usize, &Task)| Task { y: task.x.dot(&truth.column(t)) + 3.0, ..task.clone() };
    let data = named(16, noise.tasks.iter().enumerate().map(task).collect());
    let relative = |k: u64| {
        let given = [
            ("k", count(k)),
            ("ridge", num(1e-6)),
            ("rho0", num(10.0)),
            ("schedule", named_value("fixed")),
            ("tol", num(1e-12)),
            ("max_iter", count(5000)),
        ];
        let fitted = fit("kmsv", &data, &given);
        (largest(&(weights(&fitted) - &truth)) / largest(&truth), largest_of(intercepts(&fitted), 3.0))
    };
    let (error, intercept) = relative(6);
    assert!(error < 1e-3 && intercept < 1e-2, "{error:e} {intercept:e}");
    assert!(relative(1).0 > 0.1, "eleven rows a task do not determine sixteen weights without the rank");
}

fn largest_of(values: &Array1<f64>, from: f64) -> f64 {
    values.iter().fold(0.0, |max, v| max.max((v - from).abs()))
}

/// A constant added to a task's targets is its intercept's, and nothing else changes.
#[test]
fn shifted_targets_shift_intercepts() {
    let data = random(20, 5, 4, 11);
    let moved = data.map(|_, x| x.clone(), |t, y| y + 10.0 * (t as f64 + 1.0));
    let (before, after) = (fit("kmsv", &data, &[]), fit("kmsv", &moved, &[]));
    assert!(largest(&(weights(&before) - weights(&after))) < 1e-10);
    for (t, (b, a)) in intercepts(&before).iter().zip(intercepts(&after)).enumerate() {
        assert!((a - b - 10.0 * (t as f64 + 1.0)).abs() < 1e-10);
    }
    let residual_means = data.tasks.iter().enumerate().map(|(t, task)| {
        let fitted = before.model.predict(t, &task.x);
        (&task.y - &fitted).mean().unwrap()
    });
    assert!(residual_means.into_iter().all(|mean| mean.abs() < 1e-12));
}

#[test]
fn ranks_below_one_are_refused() {
    let problem = Problem::new(random(10, 6, 3, 12), None);
    for k in [3, 7] {
        let path = [params("kmsv", &[("k", count(k))])];
        let refused = method("kmsv").unwrap().fit_path(&problem, &path, &Context::new(Seed::of(&0))).unwrap_err();
        let FitError::NotApplicable(message) = refused else { panic!("{refused}") };
        assert!(message.contains(&format!("k = {k}, 6 features, 3 tasks")), "{message}");
    }
}
