//! The solver as published and as released: where it agrees with the exact optimum, and where it does not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{fit, named_value, num, random, tight};
use mtl_methods::ParamValue;

/// Smoothing proximal gradient ends within its own certificate of the exact optimum.
#[test]
fn smoothing_agrees_within_its_gap() {
    let data = random(20, 5, 4, 1);
    for (name, given) in [
        ("lasso", vec![("gamma", num(1.0))]),
        ("l21", vec![("gamma", num(1.0))]),
        ("rmtfl", vec![("gamma1", num(1.0)), ("gamma2", num(2.0))]),
        ("metag", vec![("gamma", num(0.5))]),
        ("ssmtl-m", vec![("gamma1", num(0.1)), ("gamma2", num(0.3))]),
    ] {
        let exact = tight(name, &data, &given).objective.total;
        let mut given = given.clone();
        given.extend([("solver", named_value("spg")), ("tol", num(1e-4)), ("max_iter", ParamValue::Count(200_000))]);
        let smoothed = fit(name, &data, &given);
        assert!(smoothed.convergence.converged, "{name}: {:?}", smoothed.convergence);
        let excess = (smoothed.objective.total - exact) / exact;
        assert!((-1e-9..=1e-4).contains(&excess), "{name}: {excess:e}");
        assert!(excess <= smoothed.convergence.residual + 1e-9, "{name}: the certificate bounds the true distance");
    }
}

/// The printed momentum is gradient descent: slower, and never uphill on the smoothed objective.
#[test]
fn printed_momentum_is_slower() {
    let data = random(30, 8, 4, 2);
    let run = |momentum: &str| {
        fit(
            "l21",
            &data,
            &[
                ("gamma", num(2.0)),
                ("solver", named_value("spg")),
                ("momentum", named_value(momentum)),
                ("mu", num(1e-3)),
                ("stop", named_value("change")),
                ("tol", num(1e-14)),
                ("max_iter", ParamValue::Count(300)),
            ],
        )
    };
    let (fista, printed) = (run("fista"), run("as-printed"));
    let best = fista.trace.iter().copied().fold(f64::INFINITY, f64::min);
    let reached = |trace: &[f64]| trace.iter().position(|v| *v <= best * (1.0 + 1e-6)).unwrap_or(usize::MAX);
    assert!(reached(&fista.trace) < reached(&printed.trace));
}

/// The published stopping rule ends near zero where strengths are large, and says nothing about it.
#[test]
fn the_published_rule_stops_early() {
    let data = random(40, 15, 6, 3);
    let given = [("gamma1", num(1e3)), ("gamma2", num(1e-3)), ("phi", num(10.0))];
    let exact = tight("ssmtl-m", &data, &given).objective.total;
    let mut published = given.to_vec();
    published.extend([
        ("solver", named_value("spg")),
        ("stop", named_value("change")),
        ("tol", num(1e-4)),
        ("mu", num(1e-4)),
        ("max_iter", ParamValue::Count(2000)),
    ]);
    let early = fit("ssmtl-m", &data, &published);
    assert!(early.convergence.converged && early.convergence.iterations < 50);
    assert!(early.objective.total > 1.2 * exact, "{} {exact}", early.objective.total);
}

/// The demo's step schedule freezes: on data of another scale than it was set for, far from the optimum.
#[test]
fn the_demo_schedule_freezes() {
    let data = random(40, 15, 6, 5);
    let given = [("gamma1", num(1e-3)), ("gamma2", num(0.1)), ("phi", num(10.0))];
    let exact = tight("ssmtl-m", &data, &given).objective.total;
    let mut demo = given.to_vec();
    demo.extend([
        ("solver", named_value("spg")),
        ("step", named_value("demo")),
        ("momentum", named_value("as-printed")),
        ("stop", named_value("change")),
        ("tol", num(1e-4)),
        ("mu", num(1e-4)),
        ("max_iter", ParamValue::Count(2000)),
    ]);
    let frozen = fit("ssmtl-m", &data, &demo);
    assert!(frozen.convergence.converged && frozen.convergence.iterations < 100, "{:?}", frozen.convergence);
    assert!(frozen.objective.total > 1.5 * exact, "{} {exact}", frozen.objective.total);
}
