//! Kang et al.: the smoothed objective, its optimality in the weights, and the two ways to the same equations.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{fit, labelled, largest, named_value, num, random, weights};
use mtl_core::{MultiTask, Task};
use mtl_methods::linalg::{Cholesky, Eigen};
use mtl_methods::{Fitted, ParamValue};
use ndarray::{Array2, Axis};

/// `(W Q_g W' + eps I)^{1/2}` and its inverse as whole matrices, one a group.
fn roots(w: &Array2<f64>, shares: &Array2<f64>, eps: f64) -> Vec<(Array2<f64>, Array2<f64>)> {
    let of_group = |q: ndarray::ArrayView1<'_, f64>| {
        let eigen = Eigen::of(&((w * &q).dot(&w.t()) + Array2::<f64>::eye(w.nrows()) * eps)).unwrap();
        let power = |exponent: f64| {
            (&eigen.vectors * &eigen.values.mapv(|v| v.max(eps).powf(exponent))).dot(&eigen.vectors.t())
        };
        (power(0.5), power(-0.5))
    };
    shares.rows().into_iter().map(of_group).collect()
}

fn trace(a: &Array2<f64>) -> f64 {
    a.diag().sum()
}

/// Loss and its derivative by the predictors, with the factor 2 of the published scale.
fn loss(data: &MultiTask, fitted: &Fitted, t: usize) -> (f64, ndarray::Array1<f64>) {
    let task = &data.tasks[t];
    let f = fitted.model.predict(t, &task.x);
    let labels = data.target == mtl_core::Target::Binary;
    let each = f.iter().zip(&task.y);
    if labels {
        let value = each.map(|(f, y)| 2.0 * (-y * f).exp().ln_1p()).sum();
        (value, ndarray::Zip::from(&f).and(&task.y).map_collect(|f, y| -2.0 * y / (1.0 + (y * f).exp())))
    } else {
        (each.map(|(f, y)| (y - f).powi(2)).sum(), (&f - &task.y) * 2.0)
    }
}

/// The reported objective from its definition, and the gradient in the weights and intercepts at the reported shares.
fn check(data: &MultiTask, fitted: &Fitted, gamma: f64, eps: f64) {
    let (w, shares) = (weights(fitted), fitted.shares.as_ref().unwrap());
    assert!((shares.sum_axis(Axis(0)) - 1.0).iter().all(|d: &f64| d.abs() < 1e-12) && shares.iter().all(|q| *q >= 0.0));
    let roots = roots(w, shares, eps);
    let penalty: f64 = gamma * roots.iter().map(|(root, _)| trace(root).powi(2)).sum::<f64>();
    let mut total = penalty;
    for t in 0..w.ncols() {
        let (value, slope) = loss(data, fitted, t);
        total += value;
        assert!(slope.sum().abs() < 1e-6, "the intercept is free");
        let mut gradient = data.tasks[t].x.t().dot(&slope);
        for (g, (root, inverse)) in roots.iter().enumerate() {
            gradient += &(inverse.dot(&w.column(t)) * (2.0 * gamma * shares[[g, t]] * trace(root)));
        }
        let scale = largest(&data.tasks[t].x.t().dot(&slope).insert_axis(Axis(1))).max(1.0);
        assert!(gradient.iter().all(|g| g.abs() < 1e-3 * scale), "{gradient}");
    }
    assert!((total - fitted.objective.total).abs() < 1e-8 * total, "{total} {:?}", fitted.objective);
    assert!((penalty - fitted.objective.penalty).abs() < 1e-8 * total);
    let argmax = |q: ndarray::ArrayView1<'_, f64>| (0..q.len()).max_by(|a, b| q[*a].total_cmp(&q[*b])).unwrap();
    let groups: Vec<usize> = shares.axis_iter(Axis(1)).map(argmax).collect();
    assert_eq!(fitted.memberships[mtl_methods::TASK_GROUP], groups);
}

fn given(gamma: f64, eps: f64) -> Vec<(&'static str, ParamValue)> {
    vec![("gamma", num(gamma)), ("eps", num(eps)), ("tol", num(1e-6))]
}

/// Few features and many, tall and wide, numbers and labels.
#[test]
fn stationary_with_the_objective_of_its_definition() {
    for (n, d, m, gamma, eps) in [(20, 4, 5, 1.0, 0.01), (8, 15, 4, 0.3, 0.1), (12, 9, 9, 3.0, 0.03)] {
        let data = random(n, d, m, d as u64);
        for data in [data.clone(), labelled(&data)] {
            let fitted = fit("kang", &data, &given(gamma, eps));
            assert!(fitted.convergence.converged, "{:?}", fitted.convergence);
            check(&data, &fitted, gamma, eps);
        }
    }
}

/// Equations in the features and in the rows lead to the same place, whichever are fewer.
#[test]
fn dual_and_primal_agree() {
    for (n, d) in [(20, 5), (7, 18)] {
        let data = random(n, d, 4, 40 + d as u64);
        for data in [data.clone(), labelled(&data)] {
            let by = |engine| {
                let mut given = given(0.5, 0.05);
                given.push(("engine", named_value(engine)));
                fit("kang", &data, &given)
            };
            let (primal, dual) = (by("primal"), by("dual"));
            assert!((primal.objective.total - dual.objective.total).abs() < 1e-7 * dual.objective.total);
            assert!(largest(&(weights(&primal) - weights(&dual))) < 1e-3, "{n} {d}");
        }
    }
}

/// With `compat` and one group, the first numbers of the trace are those of the ridge regressions written out: in the
/// metric `d I`, then in that of the weights before.
#[test]
fn ridge_regressions_written_out() {
    let data = random(9, 6, 3, 50);
    let (gamma, eps) = (0.8, 0.1);
    let mut given = given(gamma, eps);
    given.extend([("n_groups", ParamValue::Count(1)), ("compat", ParamValue::Flag(true))]);
    let fitted = fit("kang", &data, &given);
    let centred = common::centred(&data);
    let shares = Array2::ones((1, 3));
    let mut metric = Array2::<f64>::eye(6) * 6.0;
    for expected in &fitted.trace[..4] {
        let mut w = Array2::zeros((6, 3));
        for (t, task) in centred.tasks.iter().enumerate() {
            let system = task.x.t().dot(&*task.x) + &metric * gamma;
            let mut solution = task.x.t().dot(&task.y);
            Cholesky::of(&system).unwrap().solve(&mut solution);
            w.column_mut(t).assign(&solution);
        }
        let root = &roots(&w, &shares, eps)[0];
        let total = 2.0 * common::half_loss(&centred, &w) + gamma * trace(&root.0).powi(2);
        assert!((total - expected).abs() < 1e-9 * total, "{total} {expected}");
        metric = &root.1 * trace(&root.0);
    }
}

/// The objective never rises in a run, more restarts never make the best worse, and a fit repeats bit by bit.
#[test]
fn runs_descend_and_the_best_is_kept() {
    let data = random(10, 6, 8, 60);
    let with = |restarts: u64| {
        let mut given = given(0.5, 0.01);
        given.extend([("restarts", ParamValue::Count(restarts)), ("n_groups", ParamValue::Count(3))]);
        fit("kang", &data, &given)
    };
    let mut before = f64::INFINITY;
    for restarts in [1, 2, 4, 8] {
        let fitted = with(restarts);
        for pair in fitted.trace.windows(2) {
            assert!(pair[1] <= pair[0] * (1.0 + 1e-9), "{pair:?}");
        }
        // Runs are compared before their weights are solved for to the end.
        assert!(fitted.objective.total <= before * 1.02, "{restarts}");
        before = before.min(fitted.objective.total);
    }
    let again = with(8);
    assert_eq!(weights(&again), weights(&with(8)));
}

/// Tasks in two subspaces with enough rows: they are told apart, and better weights come of it than from one group.
#[test]
fn subspaces_are_found() {
    let base = random(30, 10, 8, 70);
    let mut tasks: Vec<Task> = Vec::new();
    let mut truth = Array2::zeros((10, 8));
    for (t, task) in base.tasks.iter().enumerate() {
        let own = 5 * (t % 2);
        let (a, b) = (1.0 + 0.3 * t as f64, 2.0 - 0.4 * t as f64);
        for j in 0..5 {
            truth[[own + j, t]] = a * [1.0, -1.0, 0.5, 0.0, 1.0][j] + b * [0.0, 1.0, 1.0, -1.0, 0.5][j];
        }
        tasks.push(Task { y: task.x.dot(&truth.column(t)), ..task.clone() });
    }
    let data = MultiTask { tasks, ..base };
    let fitted = fit("kang", &data, &[("gamma", num(1.0)), ("restarts", ParamValue::Count(10))]);
    let groups = &fitted.memberships[mtl_methods::TASK_GROUP];
    assert!((0..8).all(|t| (groups[t] == groups[0]) == (t % 2 == 0)), "{groups:?}");
    let one = fit("kang", &data, &[("gamma", num(1.0)), ("n_groups", ParamValue::Count(1))]);
    let error = |f: &Fitted| (weights(f) - &truth).mapv(|d| d * d).sum();
    assert!(error(&fitted) < error(&one), "{} {}", error(&fitted), error(&one));
}

/// The released code's way gives other shares, is never better by its own objective here, and is not reported as
/// solved.
#[test]
fn the_released_code_is_another_method() {
    let data = random(9, 4, 7, 80);
    let mut own = given(0.5, 0.05);
    own.push(("n_groups", ParamValue::Count(3)));
    let mut compat = own.clone();
    compat.push(("compat", ParamValue::Flag(true)));
    let (own, compat) = (fit("kang", &data, &own), fit("kang", &data, &compat));
    assert!(own.objective.total < compat.objective.total);
    assert!(!compat.convergence.converged);
    assert_eq!(compat.trace.len(), 1 + 5 * 6);
}
