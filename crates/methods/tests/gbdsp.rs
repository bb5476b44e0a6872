//! GBDSP as its users see it; its steps are tested where they are.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{fit, half_loss, largest, named, num, params, random, weights};
use mtl_core::Seed;
use mtl_methods::{Context, FitError, ParamValue, Problem, method};
use ndarray::{Array2, Axis};

fn count(v: u64) -> ParamValue {
    ParamValue::Count(v)
}

#[test]
fn weak_strengths_leave_least_squares_of_that_rank() {
    let data = random(30, 6, 4, 1);
    let weak = [("lambda", num(1e-7)), ("gamma", num(1e-7)), ("alpha", num(1e-7)), ("k", count(4))];
    let fitted = fit("gbdsp", &data, &weak);
    let best = half_loss(&data, weights(&fit("ols", &data, &[])));
    assert!((half_loss(&data, weights(&fitted)) - best) / best < 1e-4, "four latent tasks explain four tasks");
    assert!((fitted.objective.loss - half_loss(&data, weights(&fitted))).abs() < 1e-8 * best);
    let mut fewer = weak.to_vec();
    fewer[3] = ("k", count(2));
    let values = mtl_methods::linalg::Svd::of(weights(&fit("gbdsp", &data, &fewer))).unwrap().values;
    assert!(values[1] > 1e-3 && values[2] < 1e-10, "{values}");
}

#[test]
fn permuted_tasks_permute_the_solution() {
    // Few unknowns are solved for directly, many by conjugate gradients.
    for (n, p) in [(20, 5), (40, 90)] {
        let data = random(n, p, 6, 2);
        let order = [3, 0, 5, 1, 4, 2];
        let permuted = named(p, order.iter().map(|&t| data.tasks[t].clone()).collect());
        let given = [("k", count(5)), ("lambda", num(0.3)), ("gamma", num(0.5)), ("alpha", num(2.0))];
        let (one, other) = (fit("gbdsp", &data, &given), fit("gbdsp", &permuted, &given));
        let moved: Array2<f64> = weights(&one).select(Axis(1), &order);
        let error = largest(&(moved - weights(&other))) / largest(weights(&one));
        assert!(error < 1e-6, "{n} {p}: {error:e} {:?} {:?}", one.convergence, other.convergence);
        let labels = |fitted: &mtl_methods::Fitted| fitted.memberships["task_group"].clone();
        let (a, b) = (labels(&one), labels(&other));
        for i in 0..6 {
            assert!((0..6).all(|j| (a[order[i]] == a[order[j]]) == (b[i] == b[j])), "{a:?} {b:?}");
        }
    }
}

#[test]
fn zero_strengths_and_zero_targets_have_fits() {
    for data in [
        random(12, 5, 4, 3),
        random(4, 9, 4, 4),
        random(12, 5, 1, 5),
        random(12, 5, 4, 6).map(|_, x| x.clone(), |_, y| y * 0.0),
    ] {
        for zero in ["lambda", "gamma", "alpha"] {
            let fitted = fit("gbdsp", &data, &[(zero, num(0.0)), ("k", count(1))]);
            assert!(weights(&fitted).iter().all(|w| w.is_finite()), "{zero}");
            assert!(fitted.trace.windows(2).all(|f| f[1] <= f[0] * (1.0 + 1e-10) + 1e-10), "{zero} {:?}", fitted.trace);
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let problem = Problem::new(random(10, 6, 3, 7), None);
    for (given, part) in [
        (vec![("k", count(4))], "k = 4, 6 features, 3 tasks"),
        (vec![("k", count(2)), ("groups", count(3))], "groups = 3, k = 2"),
    ] {
        let path = [params("gbdsp", &given)];
        let refused = method("gbdsp").unwrap().fit_path(&problem, &path, &Context::new(Seed::of(&0))).unwrap_err();
        let FitError::NotApplicable(message) = refused else { panic!("{refused}") };
        assert!(message.contains(part), "{message}");
    }
}
