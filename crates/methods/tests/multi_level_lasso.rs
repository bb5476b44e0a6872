//! Multi-level lasso: the doc example of mutar, monotone alternation, and optimality conditions from the rows.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{fit, largest, named, named_value, num, random, weights};
use mtl_core::{MultiTask, Task};
use mtl_methods::{Fitted, ParamValue};
use ndarray::{Array2, Axis, array};

/// The doc example of mutar's estimators.
fn example() -> MultiTask {
    let coef = array![[1.0, 1.0], [0.0, -1.0]];
    let inputs = [array![[3.0, 1.0], [2.0, 0.0], [1.0, 0.0]], array![[0.0, 2.0], [-1.0, 3.0], [1.0, -2.0]]];
    let task =
        |(t, x): (usize, Array2<f64>)| Task { name: t.to_string(), y: x.dot(&coef.column(t)) + 0.1, x: Arc::new(x) };
    named(2, inputs.into_iter().enumerate().map(task).collect())
}

fn shared(fitted: &Fitted) -> Vec<f64> {
    fitted.components[0].1.column(0).to_vec()
}

fn near(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) -> bool {
    largest(&(a - b)) < tolerance
}

/// Spec 5.2: where mutar stops, to within its looseness, and the point it was on its way to.
#[test]
fn the_doc_example() {
    let early = fit(
        "multi-level-lasso",
        &example(),
        &[("alpha", num(0.1)), ("scales", named_value("as-published")), ("stop", named_value("change"))],
    );
    assert!(near(weights(&early), &array![[0.8358, 0.0], [0.0, -1.3404]], 0.02), "{}", weights(&early));
    let c = shared(&early);
    assert!((c[0] - 0.915).abs() < 0.02 && (c[1] - 1.0485).abs() < 0.02, "{c:?}");
    for scales in ["balanced", "as-published"] {
        let given = [("alpha", num(0.1)), ("scales", named_value(scales)), ("max_iter", ParamValue::Count(100_000))];
        let converged = fit("multi-level-lasso", &example(), &given);
        assert!(converged.convergence.converged, "{scales}: {:?}", converged.convergence);
        assert!(near(weights(&converged), &array![[0.8359, 0.0], [0.0, -1.3386]], 1e-4), "{}", weights(&converged));
        let c = shared(&converged);
        assert!((c[0] - 0.9143).abs() < 1e-4 && (c[1] - 1.157).abs() < 1e-3, "{scales}: {c:?}");
    }
}

/// No iteration raises the objective, which is the equivalent penalty `2 alpha sum_j sqrt(||W_j:||_1)` at the end; and
/// the weights satisfy its conditions, computed from the rows.
#[test]
fn descends_to_a_stationary_point() {
    for (data, alpha) in [(random(20, 6, 4, 1), 0.05), (random(8, 12, 5, 2), 0.2), (random(40, 9, 3, 3), 0.5)] {
        for scales in ["balanced", "as-published"] {
            let given =
                [("alpha", num(alpha)), ("scales", named_value(scales)), ("max_iter", ParamValue::Count(50_000))];
            let fitted = fit("multi-level-lasso", &data, &given);
            assert!(fitted.convergence.converged, "{scales}: {:?}", fitted.convergence);
            assert!(fitted.trace.windows(2).all(|f| f[1] <= f[0] * (1.0 + 1e-12)), "{scales}");
            let w = weights(&fitted);
            let roots: f64 = w.rows().into_iter().map(|r| r.iter().map(|v| v.abs()).sum::<f64>().sqrt()).sum();
            assert!((fitted.objective.penalty - 2.0 * alpha * roots).abs() < 1e-6 * fitted.objective.penalty);
            let intercepts = common::intercepts(&fitted);
            for (t, task) in data.tasks.iter().enumerate() {
                let residual = &task.y - &task.x.dot(&w.column(t)) - intercepts[t];
                assert!(residual.sum().abs() < 1e-9 * task.n() as f64);
                let correlation = task.x.t().dot(&residual) / task.n() as f64;
                for (j, (w, c)) in w.column(t).iter().zip(&correlation).enumerate() {
                    let root = fitted.components[0].1[[j, 0]];
                    if *w != 0.0 {
                        assert!((c - alpha / root * w.signum()).abs() < 1e-5, "{scales} {j} {t}: {c} {}", alpha / root);
                    } else if root > 0.0 {
                        assert!(c.abs() <= alpha / root + 1e-6);
                    }
                }
            }
        }
    }
}

/// Strong penalties leave nothing; without one, it is least squares.
#[test]
fn the_ends_of_the_path() {
    let data = random(30, 5, 3, 4);
    assert_eq!(largest(weights(&fit("multi-level-lasso", &data, &[("alpha", num(1e3))]))), 0.0);
    let free = fit("multi-level-lasso", &data, &[("alpha", num(0.0))]);
    let centred = data.map(|_, x| x - &x.mean_axis(Axis(0)).unwrap(), |_, y| y - y.mean().unwrap());
    assert!(near(weights(&free), weights(&fit("ols", &centred, &[])), 1e-6));
}
