//! GO-MTL: stationary points from the rows, three ways to the same basis, and its limit without sharing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{fit, labelled, largest, named_value, num, random, weights};
use mtl_core::{MultiTask, Target};
use mtl_methods::linalg::{Cholesky, Svd};
use mtl_methods::{Fitted, ParamValue};
use ndarray::{Array1, Array2, Axis};

fn given(k: u64, mu: f64, lambda: f64, tol: f64) -> Vec<(&'static str, ParamValue)> {
    vec![
        ("n_groups", ParamValue::Count(k)),
        ("mu", num(mu)),
        ("lambda", num(lambda)),
        ("tol", num(tol)),
        ("max_iter", ParamValue::Count(20_000)),
    ]
}

/// Gradient of the published loss by the weights, from the rows, and the loss; labels have twice the mean logistic loss
/// under the same scale.
fn gradient(data: &MultiTask, fitted: &Fitted) -> (f64, Array2<f64>) {
    let mut out = Array2::zeros(weights(fitted).raw_dim());
    let mut total = 0.0;
    for (t, task) in data.tasks.iter().enumerate() {
        let f = fitted.model.predict(t, &task.x);
        let n = task.n() as f64;
        let labels = data.target == Target::Binary;
        let pull = ndarray::Zip::from(&f)
            .and(&task.y)
            .map_collect(|f, y| 2.0 / n * if labels { -y / (1.0 + (y * f).exp()) } else { f - y });
        assert!(pull.sum().abs() < 1e-6, "the intercept is free");
        total += f
            .iter()
            .zip(&task.y)
            .map(|(f, y)| if labels { 2.0 * (-y * f).exp().ln_1p() } else { (y - f).powi(2) } / n)
            .sum::<f64>();
        out.column_mut(t).assign(&task.x.t().dot(&pull));
    }
    (total, out)
}

/// With one latent task the parts follow from the weights: `W = l s'`, and at a stationary point of the scale
/// `mu ||s||_1 = 2 lambda ||l||^2`.
#[test]
fn one_latent_task_is_stationary() {
    for (n, d) in [(15, 4), (6, 12)] {
        let data = random(n, d, 5, d as u64);
        for data in [data.clone(), labelled(&data)] {
            let (mu, lambda) = (0.05, 0.02);
            let fitted = fit("go-mtl", &data, &given(1, mu, lambda, 1e-8));
            assert!(fitted.convergence.converged, "{:?}", fitted.convergence);
            let svd = Svd::of(weights(&fitted)).unwrap();
            assert!(svd.values[1] < 1e-9 * svd.values[0], "rank one");
            let (l, s) = (svd.left.column(0).to_owned(), svd.right.column(0).to_owned() * svd.values[0]);
            let scale = (mu * s.mapv(f64::abs).sum() / (2.0 * lambda)).cbrt();
            let (l, s): (Array1<f64>, Array1<f64>) = (l * scale, s / scale);
            let (loss, slope) = gradient(&data, &fitted);
            let total = loss + mu * s.mapv(f64::abs).sum() + lambda * l.dot(&l);
            assert!((total - fitted.objective.total).abs() < 1e-8 * total, "{total} {:?}", fitted.objective);
            let in_basis = slope.dot(&s) + &l * (2.0 * lambda);
            assert!(in_basis.iter().all(|g| g.abs() < 1e-5), "{in_basis}");
            for (g, s) in slope.t().dot(&l).iter().zip(&s) {
                let violation = if s.abs() < 1e-9 { (g.abs() - mu).max(0.0) } else { (g + mu * s.signum()).abs() };
                assert!(violation < 1e-5, "{violation}");
            }
        }
    }
}

/// The normal equations, their dual and conjugate gradients lead to the same point, for few and many features.
#[test]
fn three_ways_to_the_basis() {
    for (n, d) in [(14, 4), (6, 15)] {
        let data = random(n, d, 6, 20 + d as u64);
        for data in [data.clone(), labelled(&data)] {
            let by = |engine| {
                let mut given = given(2, 0.05, 0.05, 1e-8);
                given.push(("engine", named_value(engine)));
                let fitted = fit("go-mtl", &data, &given);
                assert!(fitted.convergence.converged, "{engine}: {:?}", fitted.convergence);
                fitted
            };
            let reference = by("kronecker");
            for engine in if data.target == Target::Binary { &["conjugate"][..] } else { &["dual", "conjugate"] } {
                let other = by(engine);
                assert!((other.objective.total - reference.objective.total).abs() < 1e-8, "{engine} {n} {d}");
                assert!(largest(&(weights(&other) - weights(&reference))) < 1e-4, "{engine}");
            }
        }
    }
}

/// One step of the alternation, so that nothing but the equations for `L` differs.
#[test]
fn one_step_by_the_dual_and_by_the_normal_equations() {
    let data = random(5, 9, 4, 30);
    let by = |engine| {
        let mut given = given(3, 0.01, 0.1, 1e-8);
        given.retain(|(name, _)| *name != "max_iter");
        given.extend([("engine", named_value(engine)), ("max_iter", ParamValue::Count(1))]);
        fit("go-mtl", &data, &given)
    };
    let (a, b) = (by("kronecker"), by("dual"));
    assert!(largest(&(weights(&a) - weights(&b))) < 1e-10);
    assert!((a.objective.total - b.objective.total).abs() < 1e-10);
}

#[test]
fn the_objective_never_rises() {
    for data in [random(8, 12, 6, 40), labelled(&random(12, 5, 6, 41))] {
        let fitted = fit("go-mtl", &data, &given(3, 0.02, 0.01, 1e-6));
        assert!(fitted.trace.len() > 3);
        for pair in fitted.trace.windows(2) {
            assert!(pair[1] <= pair[0] * (1.0 + 1e-10), "{pair:?}");
        }
        let groups = &fitted.memberships[mtl_methods::TASK_GROUP];
        assert!(groups.len() == 6 && groups.iter().all(|g| *g < 3));
    }
}

/// As many latent tasks as tasks, no penalty on the codes and next to none on the basis: every task by itself.
#[test]
fn without_sharing_tasks_are_fitted_alone() {
    let data = random(30, 4, 3, 50);
    let mut own = given(3, 0.0, 1e-9, 1e-6);
    own.retain(|(name, _)| *name != "max_iter");
    let fitted = fit("go-mtl", &data, &own);
    for (t, task) in common::centred(&data).tasks.iter().enumerate() {
        let mut alone = task.x.t().dot(&task.y);
        Cholesky::of(&task.x.t().dot(&*task.x)).unwrap().solve(&mut alone);
        let distance = &weights(&fitted).column(t) - &alone;
        assert!(distance.iter().all(|d| d.abs() < 1e-5), "{distance}");
    }
}

/// The published rule ends earlier, and its objective is not lower.
#[test]
fn the_published_rule() {
    let data = random(8, 12, 6, 60);
    let mut loose = given(3, 0.02, 0.01, 1e-4);
    loose.push(("stop", named_value("change")));
    let (loose, tight) = (fit("go-mtl", &data, &loose), fit("go-mtl", &data, &given(3, 0.02, 0.01, 1e-8)));
    assert!(loose.convergence.converged && loose.trace.len() < tight.trace.len());
    assert!(loose.objective.total >= tight.objective.total * (1.0 - 1e-6));
}

/// Strong penalties leave nothing, and tasks without a latent task are predicted by their mean.
#[test]
fn strong_penalties_leave_the_means() {
    let data = random(10, 5, 4, 70);
    let fitted = fit("go-mtl", &data, &given(2, 1e4, 1e4, 1e-6));
    assert_eq!(largest(weights(&fitted)), 0.0);
    assert!(fitted.convergence.converged);
    let means: f64 = data.tasks.iter().map(|t| (&t.y - t.y.mean().unwrap()).mapv(|v| v * v).sum() / 10.0).sum();
    assert!((fitted.objective.total - means).abs() < 1e-10 * means);
    let x = data.tasks[0].x.mean_axis(Axis(0)).unwrap();
    assert!((fitted.model.predict(0, &x.insert_axis(Axis(0)))[0] - data.tasks[0].y.mean().unwrap()).abs() < 1e-12);
}

#[test]
fn shares_are_the_sizes_of_codes() {
    let data = random(20, 6, 5, 3);
    let fitted = fit("go-mtl", &data, &given(3, 0.01, 0.02, 1e-6));
    let shares = fitted.shares.unwrap();
    assert_eq!(shares.dim(), (3, 5));
    assert!(shares.sum_axis(Axis(0)).iter().all(|s| (s - 1.0).abs() < 1e-12) && shares.iter().all(|s| *s >= 0.0));
    // So strong a norm leaves no code, and nothing to tell groups apart by.
    let fitted = fit("go-mtl", &data, &given(3, 1e6, 0.02, 1e-6));
    assert_eq!(fitted.shares.unwrap(), Array2::from_elem((3, 5), 1.0 / 3.0));
}
