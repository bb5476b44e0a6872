//! Every convex method against optimality conditions computed from the rows, and the invariants of SSMTL's section 8.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{correlation, fit, half_loss, largest, named_value, num, params, random, tight, weights};
use mtl_core::{MultiTask, Seed};
use mtl_methods::linalg::Spectrum;
use mtl_methods::penalty::ColumnPairs;
use mtl_methods::{Context, Fitted, ParamValue, Problem, method};
use ndarray::{Array2, Axis};
use proptest::prelude::*;

fn norm(v: ndarray::ArrayView1<'_, f64>) -> f64 {
    v.dot(&v).sqrt()
}

/// The objective is at most this far above the optimum.
fn gap(fitted: &Fitted) -> f64 {
    fitted.convergence.residual * fitted.objective.total + 1e-12
}

/// A gap of `g` allows the gradient to be off by `sqrt(2 lambda_max g)`, since the loss is that smooth.
fn gradient_tolerance(data: &MultiTask, fitted: &Fitted) -> f64 {
    (2.0 * curvature(data) * gap(fitted)).sqrt() + 1e-9
}

/// `max_t lambda_max(X_t'X_t)`.
fn curvature(data: &MultiTask) -> f64 {
    let largest = |t: &mtl_core::Task| Spectrum::of(&t.x.t().dot(&*t.x)).unwrap().largest();
    data.tasks.iter().map(largest).fold(0.0, f64::max)
}

/// Inputs of few directions and a little noise, as neighbouring sites of a river or joints of an arm give them.
fn collinear(n: usize, p: usize, m: usize) -> MultiTask {
    let data = random(n, p, m, 7);
    let basis = random(4, p, 1, 8).tasks[0].x.as_ref().clone();
    let narrow = |_: usize, x: &Array2<f64>| x.slice(ndarray::s![.., ..4]).dot(&basis) + x * 0.02;
    data.map(narrow, |_, y| y.clone())
}

/// Just below the strength that leaves nothing but zero the copies start at zero, and used to stay there for thousands
/// of iterations.
#[test]
fn a_fit_near_the_null_model_converges_as_fast_as_any() {
    let data = collinear(60, 24, 5);
    for gamma2 in [100.0, 50.0, 25.0] {
        let given = [("gamma1", num(0.01)), ("gamma2", num(gamma2)), ("phi", num(2.0))];
        let fitted = fit("ssmtl-m", &data, &given);
        assert!(fitted.objective.penalty > 0.0, "{gamma2}: the null model is no test");
        assert!(fitted.convergence.converged && fitted.convergence.iterations <= 600, "{:?}", fitted.convergence);
    }
}

fn shapes() -> impl Strategy<Value = MultiTask> {
    // Tall and wide problems, one task and several.
    (3_usize..25, 1_usize..9, 1_usize..6, 0_u64..1000).prop_map(|(n, p, m, key)| random(n, p, m, key))
}

fn strength() -> impl Strategy<Value = f64> {
    (-3.0..2.0_f64).prop_map(|e| 10.0_f64.powf(e))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Lasso: correlations within the strength everywhere, and equal to it with the sign of the weight off zero.
    #[test]
    fn lasso_conditions(data in shapes(), gamma in strength()) {
        let fitted = tight("lasso", &data, &[("gamma", num(gamma))]);
        let (slack, tolerance) = (correlation(&data, weights(&fitted)), gradient_tolerance(&data, &fitted));
        for (w, c) in weights(&fitted).iter().zip(&slack) {
            prop_assert!(c.abs() <= gamma + tolerance);
            prop_assert!(gamma * w.abs() - c * w <= tolerance * w.abs() + gap(&fitted));
        }
    }

    /// Group lasso: the same, row by row.
    #[test]
    fn l21_conditions(data in shapes(), gamma in strength()) {
        let fitted = tight("l21", &data, &[("gamma", num(gamma))]);
        let (slack, tolerance) = (correlation(&data, weights(&fitted)), gradient_tolerance(&data, &fitted));
        for (w, c) in weights(&fitted).rows().into_iter().zip(slack.rows()) {
            prop_assert!(norm(c) <= gamma + tolerance);
            prop_assert!(gamma * norm(w) - c.dot(&w) <= tolerance * norm(w) + gap(&fitted));
        }
    }

    /// rMTFL: rows of P and columns of Q share one correlation matrix.
    #[test]
    fn rmtfl_conditions(data in shapes(), gamma1 in strength(), gamma2 in strength()) {
        let fitted = tight("rmtfl", &data, &[("gamma1", num(gamma1)), ("gamma2", num(gamma2))]);
        let (slack, tolerance) = (correlation(&data, weights(&fitted)), gradient_tolerance(&data, &fitted));
        for (part, axis, gamma) in [(0, Axis(0), gamma1), (1, Axis(1), gamma2)] {
            for (w, c) in fitted.components[part].1.axis_iter(axis).zip(slack.axis_iter(axis)) {
                prop_assert!(norm(c) <= gamma + tolerance);
                prop_assert!(gamma * norm(w) - c.dot(&w) <= tolerance * norm(w) + gap(&fitted));
            }
        }
    }

    /// All GenGL methods: no better point among many random ones around the solution, in every component. With phi near
    /// 1 all components are alike, how the weights are shared among them is all but free, and 1e-9 can take too long.
    #[test]
    fn no_descent_direction(data in shapes(), g1 in strength(), g2 in strength(), phi in 1.3..5.0_f64, key in 0_u32..100) {
        for (name, given) in [
            ("rmtfl", vec![("gamma1", num(g1)), ("gamma2", num(g2))]),
            ("metag", vec![("gamma", num(g1)), ("phi", num(phi)), ("levels", named_value("all"))]),
            ("ssmtl-m", vec![("gamma1", num(g1)), ("gamma2", num(g2)), ("phi", num(phi))]),
        ] {
            let fitted = tight(name, &data, &given);
            let penalties = (method(name).unwrap().decomposition.unwrap())(&params(name, &given));
            let value = |components: &[Array2<f64>]| {
                let total = components.iter().fold(Array2::zeros(weights(&fitted).raw_dim()), |s, w| s + w);
                let penalty: f64 = penalties.iter().zip(components).map(|((_, c), w)| c.value(w)).sum();
                half_loss(&data, &total) + penalty
            };
            let best: Vec<_> = fitted.components.iter().map(|(_, w)| w.clone()).collect();
            let at_best = value(&best);
            prop_assert!((at_best - fitted.objective.total).abs() < 1e-8 * at_best.max(1.0));
            let mut rng = Seed::of(&key).rng();
            for trial in 0..60 {
                let scale = 10.0_f64.powi(-(trial % 6));
                let moved: Vec<_> = best.iter().map(|w| w.mapv(|v| v + scale * rand::Rng::random_range(&mut rng, -1.0..1.0))).collect();
                prop_assert!(value(&moved) >= at_best * (1.0 - 2e-9) - 1e-12, "{name}");
            }
        }
    }

    /// Independent solvers reach the same objective.
    #[test]
    fn solvers_agree(data in shapes(), g1 in strength(), g2 in strength()) {
        for (name, given) in [
            ("lasso", vec![("gamma", num(g1))]),
            ("l21", vec![("gamma", num(g1))]),
            ("rmtfl", vec![("gamma1", num(g1)), ("gamma2", num(g2))]),
            ("ssmtl-m", vec![("gamma1", num(g1)), ("gamma2", num(g2)), ("terms", named_value("feature-level"))]),
            ("ssmtl-m", vec![("gamma1", num(g1)), ("gamma2", num(g2)), ("terms", named_value("element-wise"))]),
        ] {
            let headline = tight(name, &data, &given).objective.total;
            for solver in ["fista", "admm"] {
                let mut given = given.clone();
                given.extend([("solver", named_value(solver)), ("tol", num(1e-8)), ("max_iter", ParamValue::Count(200_000))]);
                let other = fit(name, &data, &given);
                prop_assert!(other.convergence.converged, "{name} {solver}: {:?}", other.convergence);
                prop_assert!((other.objective.total - headline).abs() <= 2e-8 * headline, "{name} {solver}");
            }
        }
    }
}

/// Each half of the terms is a problem of its own, certified like the whole; what is left out costs nothing.
#[test]
fn every_half_of_the_terms_is_solved() {
    let data = random(15, 6, 4, 11);
    let given = [("gamma1", num(0.7)), ("gamma2", num(1.5)), ("phi", num(3.0))];
    let whole = tight("ssmtl-m", &data, &given);
    for terms in ["feature-level", "task-level", "vector-wise", "element-wise"] {
        let mut half = given.to_vec();
        half.push(("terms", named_value(terms)));
        let fitted = tight("ssmtl-m", &data, &half);
        assert!(fitted.convergence.converged, "{terms}: {:?}", fitted.convergence);
        assert!(fitted.objective.total < whole.objective.total, "{terms}");
        assert!(fitted.objective.loss < whole.objective.loss + 1e-9, "{terms}: less penalty, closer fit");
    }
}

/// Section 4.7: the demo's exponents, and the program as it runs, whose clustering terms are zero.
#[test]
fn the_demo_has_strengths_of_its_own() {
    let demo = |terms: &str| {
        let given = [
            ("gamma1", num(0.001)),
            ("gamma2", num(0.1)),
            ("phi", num(10.0)),
            ("exponents", named_value("demo")),
            ("terms", named_value(terms)),
        ];
        let decomposition = (method("ssmtl-m").unwrap().decomposition.unwrap())(&params("ssmtl-m", &given));
        let strengths = |(_, c): &(String, mtl_methods::penalty::Component)| {
            [c.column_pairs, c.rows, c.entry_pairs, c.entries].map(|s| (s * 1e9).round() / 1e9)
        };
        decomposition.iter().map(strengths).collect::<Vec<_>>()
    };
    assert_eq!(demo("all"), [[0.001, 0.001, 0.1, 0.1], [0.01, 0.01, 0.01, 0.01]]);
    assert_eq!(demo("feature-level"), [[0.0, 0.001, 0.0, 0.1], [0.0, 0.01, 0.0, 0.01]]);
}

/// Section 8, 7: equal seminorms on all levels collapse to the level of least strength.
#[test]
fn metag_collapses() {
    let data = random(12, 5, 5, 4);
    for h in 1..=3_u32 {
        let given = [("gamma", num(0.8)), ("phi", num(2.0)), ("h", ParamValue::Count(h.into()))];
        let collapsed = tight("metag", &data, &given);
        let mut all = given.to_vec();
        all.push(("levels", named_value("all")));
        let levels = tight("metag", &data, &all);
        let one = tight(
            "metag",
            &data,
            &[("gamma", num(0.8 * 2.0_f64.powi(1 - h as i32))), ("phi", num(2.0)), ("h", ParamValue::Count(1))],
        );
        for other in [&levels, &one] {
            assert!((other.objective.total - collapsed.objective.total).abs() < 1e-8 * collapsed.objective.total);
            assert!(largest(&(weights(other) - weights(&collapsed))) < 1e-3);
        }
    }
}

/// Section 8, 7: with phi = 1 all components of SSMTL_m are alike, and one is as good as many.
#[test]
fn ssmtl_with_phi_one_needs_one_component() {
    let data = random(15, 4, 3, 5);
    let at = |h: u64| {
        tight(
            "ssmtl-m",
            &data,
            &[("gamma1", num(0.2)), ("gamma2", num(0.4)), ("phi", num(1.0)), ("h", ParamValue::Count(h))],
        )
    };
    let one = at(1);
    for h in [2, 3] {
        assert!((at(h).objective.total - one.objective.total).abs() < 1e-8 * one.objective.total);
        assert!(largest(&(weights(&at(h)) - weights(&one))) < 1e-3);
    }
}

/// Section 8, 13: another component never hurts where the strengths of the others stay.
#[test]
fn another_component_never_hurts() {
    let data = random(15, 6, 4, 6);
    let at = |h: u64| {
        tight(
            "ssmtl-m",
            &data,
            &[("gamma1", num(0.2)), ("gamma2", num(0.4)), ("phi", num(2.0)), ("h", ParamValue::Count(h))],
        )
        .objective
        .total
    };
    assert!(at(2) <= at(1) * (1.0 + 1e-9));
    assert!(at(3) <= at(2) * (1.0 + 1e-9));
}

/// Section 8, 6: with one task clustering vanishes and rows are entries: SSMTL_m with one component is the lasso.
#[test]
fn one_task_makes_ssmtl_a_lasso() {
    let data = random(20, 7, 1, 7);
    let ssmtl = tight(
        "ssmtl-m",
        &data,
        &[("gamma1", num(9.0)), ("gamma2", num(0.5)), ("phi", num(2.0)), ("h", ParamValue::Count(1))],
    );
    let lasso = tight("lasso", &data, &[("gamma", num(0.5 * 2.0 + 0.5 / 2.0))]);
    assert!((ssmtl.objective.total - lasso.objective.total).abs() < 1e-8 * lasso.objective.total);
    assert!(largest(&(weights(&ssmtl) - weights(&lasso))) < 1e-4);
}

/// Section 8, 1: methods are special cases of one another when strengths are set to zero.
#[test]
fn special_cases() {
    let data = random(20, 6, 4, 8);
    let same = |a: &str, ga: &[(&str, ParamValue)], b: &str, gb: &[(&str, ParamValue)]| {
        let (fa, fb) = (tight(a, &data, ga), tight(b, &data, gb));
        assert!((fa.objective.total - fb.objective.total).abs() < 1e-8 * fa.objective.total, "{a} {b}");
        assert!(largest(&(weights(&fa) - weights(&fb))) < 1e-3, "{a} {b}");
    };
    // A huge strength on Q leaves rMTFL the group lasso.
    same("rmtfl", &[("gamma1", num(1.5)), ("gamma2", num(1e4))], "l21", &[("gamma", num(1.5))]);
    // The group lasso with phi = 1, h = 1 and without task terms is SSMTL_m's sparse group lasso; check against FISTA.
    let sparse_group = [("gamma1", num(0.0)), ("gamma2", num(0.7)), ("phi", num(1.0)), ("h", ParamValue::Count(1))];
    let mut by_fista = sparse_group.to_vec();
    by_fista.push(("solver", named_value("fista")));
    same("ssmtl-m", &sparse_group, "ssmtl-m", &by_fista);
}

/// Section 8, 8: the ends of the regularisation path.
#[test]
fn ends_of_the_path() {
    let data = random(25, 6, 4, 9);
    let ols = fit("ols", &data, &[]);
    for (name, strengths) in [
        ("lasso", vec!["gamma"]),
        ("l21", vec!["gamma"]),
        ("rmtfl", vec!["gamma1", "gamma2"]),
        ("metag", vec!["gamma"]),
        ("ssmtl-m", vec!["gamma1", "gamma2"]),
    ] {
        let none: Vec<_> = strengths.iter().map(|s| (*s, num(0.0))).collect();
        let unpenalised = fit(name, &data, &none);
        assert!(largest(&(weights(&unpenalised) - weights(&ols))) < 1e-8, "{name} at zero is least squares");
    }
    let b = correlation(&data, &Array2::zeros((6, 4)));
    let lasso_max = largest(&b);
    let l21_max = b.rows().into_iter().map(norm).fold(0.0, f64::max);
    for (name, at) in [("lasso", lasso_max), ("l21", l21_max)] {
        let problem = Problem::new(data.clone(), None);
        let on = |scale| method(name).unwrap().strength_max.unwrap().on(&problem, &params(name, scale)).unwrap();
        assert!((on(&[]) - at).abs() < 1e-12 * at, "{name} declares it");
        let doubled = on(&[("loss_scale", named_value("sum"))]);
        assert!((doubled - 2.0 * at).abs() < 1e-12 * at, "{name} in the loss's own scale");
        assert_eq!(
            largest(weights(&tight(name, &data, &[("gamma", num(at * 1.0001))]))),
            0.0,
            "{name} is null above {at}"
        );
        assert!(largest(weights(&tight(name, &data, &[("gamma", num(at * 0.999))]))) > 0.0, "{name} is not null below");
    }
    // Strong clustering pools the tasks: one least-squares fit to all rows.
    let pooled = tight("metag", &data, &[("gamma", num(1e5))]);
    let x = ndarray::concatenate(Axis(0), &data.tasks.iter().map(|t| t.x.view()).collect::<Vec<_>>()).unwrap();
    let y = ndarray::concatenate(Axis(0), &data.tasks.iter().map(|t| t.y.view()).collect::<Vec<_>>()).unwrap();
    let one = mtl_core::Task { name: "all".into(), x: x.into(), y };
    let together = fit("ols", &common::named(6, vec![one]), &[]);
    for column in weights(&pooled).columns() {
        assert!((&column - &weights(&together).column(0)).iter().all(|d| d.abs() < 1e-6));
    }
    assert!(ColumnPairs { m: 4 }.value(weights(&pooled)) < 1e-6);
}

/// Section 8, 8: with more features than rows, no penalty gives the shortest interpolating weights.
#[test]
fn least_squares_is_the_shortest() {
    let data = random(4, 9, 2, 10);
    for name in ["ols", "lasso"] {
        let given: &[(&str, ParamValue)] = if name == "lasso" { &[("gamma", num(0.0))] } else { &[] };
        let fitted = fit(name, &data, given);
        assert!(half_loss(&data, weights(&fitted)) < 1e-18);
        for (t, task) in data.tasks.iter().enumerate() {
            // In the row space of X: orthogonal to its null space, that is w = X'a for some a.
            let w = weights(&fitted).column(t).to_owned();
            let gram = task.x.dot(&task.x.t());
            let mut a = task.x.dot(&w);
            mtl_methods::linalg::Cholesky::of(&gram).unwrap().solve(&mut a);
            assert!((task.x.t().dot(&a) - &w).iter().all(|d| d.abs() < 1e-9));
        }
    }
}

/// Section 8, 12: joint <= many sweeps <= one sweep, with equality in the limit.
#[test]
fn cascade_is_an_upper_bound() {
    // With six tasks and phi near 1, rows shared by all tasks are cheaper in the second component, single entries in
    // the first: both are used.
    let data = random(20, 5, 6, 11);
    let given = [("gamma1", num(0.3)), ("gamma2", num(0.5)), ("phi", num(1.2))];
    let joint = tight("ssmtl-m", &data, &given).objective.total;
    let cascade = |sweeps: u64| {
        let mut given = given.to_vec();
        given.extend([
            ("components", named_value("cascade")),
            ("sweeps", ParamValue::Count(sweeps)),
            ("tol", num(1e-9)),
        ]);
        fit("ssmtl-m", &data, &given).objective.total
    };
    let (once, several, many) = (cascade(1), cascade(3), cascade(3000));
    assert!(joint <= several * (1.0 + 1e-9) && several <= once * (1.0 + 1e-9) && joint < once);
    assert!((many - joint) / joint < 1e-6, "{many} {joint}");
}

/// Section 8, 14: scaling X or y together with the strength scales W.
#[test]
fn scaling() {
    let data = random(20, 5, 3, 12);
    let c = 3.0;
    for (name, strengths) in [
        ("lasso", vec!["gamma"]),
        ("l21", vec!["gamma"]),
        ("rmtfl", vec!["gamma1", "gamma2"]),
        ("metag", vec!["gamma"]),
        ("ssmtl-m", vec!["gamma1", "gamma2"]),
    ] {
        let at = |data: &MultiTask, strength: f64| {
            let given: Vec<_> = strengths.iter().map(|s| (*s, num(strength))).collect();
            weights(&tight(name, data, &given)).clone()
        };
        let base = at(&data, 0.5);
        let by_x = at(&data.map(|_, x| x * c, |_, y| y.clone()), 0.5 * c);
        let by_y = at(&data.map(|_, x| x.clone(), |_, y| y * c), 0.5 * c);
        assert!(largest(&(by_x * c - &base)) < 1e-3, "{name}");
        assert!(largest(&(by_y / c - &base)) < 1e-3, "{name}");
    }
}

/// FISTA obeys its rate: F(k) - F* <= 2 Lip ||W0 - W*||^2 / (k + 1)^2.
#[test]
fn fista_rate() {
    let data = random(30, 8, 3, 13);
    let exact = tight("l21", &data, &[("gamma", num(1.0))]);
    let lipschitz = curvature(&data);
    let distance: f64 = weights(&exact).iter().map(|w| w * w).sum();
    let run = fit(
        "l21",
        &data,
        &[
            ("gamma", num(1.0)),
            ("solver", named_value("fista")),
            ("stop", named_value("change")),
            ("tol", num(1e-15)),
            ("max_iter", ParamValue::Count(60)),
        ],
    );
    for (k, value) in run.trace.iter().enumerate() {
        assert!(
            value - exact.objective.total <= 2.0 * lipschitz * distance / ((k + 1) as f64).powi(2) + 1e-9,
            "iteration {k}"
        );
    }
}

/// A warm-started path ends where single fits end.
#[test]
fn paths_and_single_fits_agree() {
    let data = random(20, 6, 5, 14);
    let problem = Problem::new(data.clone(), None);
    for (name, walked) in
        [("lasso", "gamma"), ("l21", "gamma"), ("rmtfl", "gamma2"), ("metag", "gamma"), ("ssmtl-m", "gamma2")]
    {
        let strengths = [10.0, 1.0, 0.1, 0.01];
        let given = |s: f64| [(walked, num(s)), ("tol", num(1e-9))];
        let path: Vec<_> = strengths.iter().map(|&s| params(name, &given(s))).collect();
        let fits = method(name).unwrap().fit_path(&problem, &path, &Context::new(Seed::of(&0))).unwrap();
        for (fitted, &s) in fits.iter().zip(&strengths) {
            let single = tight(name, &data, &given(s));
            assert!(
                (fitted.objective.total - single.objective.total).abs() < 1e-8 * single.objective.total,
                "{name} {s}"
            );
        }
    }
}

/// A loss scale is a change of strength.
#[test]
fn loss_scales() {
    let data = random(25, 5, 4, 15);
    let base = tight("ssmtl-m", &data, &[("gamma1", num(0.4)), ("gamma2", num(0.8))]);
    for (scale, factor) in [("half-mean", 1.0 / 25.0), ("mean-over-tasks", 1.0 / 100.0), ("sum", 2.0)] {
        let scaled = tight(
            "ssmtl-m",
            &data,
            &[("gamma1", num(0.4 * factor)), ("gamma2", num(0.8 * factor)), ("loss_scale", named_value(scale))],
        );
        assert!(
            (scaled.objective.total / factor - base.objective.total).abs() < 1e-8 * base.objective.total,
            "{scale}"
        );
    }
}
