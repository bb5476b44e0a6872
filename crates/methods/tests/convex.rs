//! The convex baselines of SRML (trace norm, RMTL, SRMTL, CASO, and all of them with labels) against conditions of
//! optimality computed from the rows, and the invariants of its specification, section 11.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{correlation, fit, half_loss, intercepts, largest, named_value, num, params, random, tight, weights};
use mtl_core::{MultiTask, Seed, Target, Task};
use mtl_methods::linalg::{Eigen, Spectrum, Svd};
use mtl_methods::{Context, Fitted, ParamValue, Problem, method};
use ndarray::{Array1, Array2};
use proptest::prelude::*;

fn squares(a: &Array2<f64>) -> f64 {
    a.iter().map(|v| v * v).sum()
}

fn largest_singular(a: &Array2<f64>) -> f64 {
    Svd::of(a).unwrap().values[0]
}

/// The same inputs with labels: the sign of a noisy target. Tasks keep both kinds.
fn labels(data: &MultiTask) -> MultiTask {
    let sign = |y: &Array1<f64>| {
        let middle = y.mean().unwrap();
        y.mapv(|v| if v > middle { 1.0 } else { -1.0 })
    };
    MultiTask { target: Target::Binary, ..data.map(|_, x| x.clone(), |_, y| sign(y)) }
}

/// `sum_t sum_i log(1 + exp(-y f))` and minus its gradients in the weights and the intercepts, from the rows.
fn logistic(data: &MultiTask, w: &Array2<f64>, b: &Array1<f64>) -> (f64, Array2<f64>, Array1<f64>) {
    let (mut value, mut slack, mut level) = (0.0, Array2::zeros(w.raw_dim()), Array1::zeros(b.len()));
    for (t, task) in data.tasks.iter().enumerate() {
        let margin = (task.x.dot(&w.column(t)) + b[t]) * &task.y;
        value += margin.iter().map(|m| (-m).max(0.0) + (-m.abs()).exp().ln_1p()).sum::<f64>();
        let pull = &task.y * &margin.mapv(|m| 1.0 / (1.0 + m.exp()));
        slack.column_mut(t).assign(&task.x.t().dot(&pull));
        level[t] = pull.sum();
    }
    (value, slack, level)
}

/// `X_t'(y_t - X_t w_t)` or what takes its place for labels: minus the gradient of the loss.
fn slack(data: &MultiTask, fitted: &Fitted) -> Array2<f64> {
    match data.target {
        Target::Regression | Target::Classes(_) => correlation(data, weights(fitted)),
        Target::Binary => logistic(data, weights(fitted), intercepts(fitted)).1,
    }
}

/// By how much a gradient may be off: a gap of `g` allows `sqrt(2 Lip g)`.
fn tolerance(data: &MultiTask, fitted: &Fitted, more: f64) -> f64 {
    let curvature = |t: &Task| Spectrum::of(&t.x.t().dot(&*t.x)).unwrap().largest() + t.n() as f64;
    let lipschitz = data.tasks.iter().map(curvature).fold(0.0, f64::max) + more;
    (2.0 * lipschitz * gap(fitted)).sqrt()
        + 1e-9 * largest(&correlation(data, &Array2::zeros(weights(fitted).raw_dim())))
}

fn gap(fitted: &Fitted) -> f64 {
    fitted.convergence.residual.max(1e-15) * fitted.objective.total + 1e-12
}

fn shapes() -> impl Strategy<Value = MultiTask> {
    // Tall and wide problems, one task and several.
    (3_usize..25, 1_usize..9, 1_usize..6, 0_u64..1000).prop_map(|(n, p, m, key)| random(n, p, m, key))
}

/// The same as either kind of target.
fn either() -> impl Strategy<Value = MultiTask> {
    (shapes(), any::<bool>()).prop_map(|(data, binary)| if binary { labels(&data) } else { data })
}

fn strength() -> impl Strategy<Value = f64> {
    (-3.0..2.0_f64).prop_map(|e| 10.0_f64.powf(e))
}

/// Strength of an l1 norm beside a coupling of up to 100. Where they are 1e5 apart, rounding of the coupling's gradient
/// is 1e-9 of the gap and decides whether a fit is certified.
fn beside_a_coupling() -> impl Strategy<Value = f64> {
    (-2.0..2.0_f64).prop_map(|e| 10.0_f64.powf(e))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Trace norm: no singular value of the slack is above the strength, and the pairing attains the norm.
    #[test]
    fn trace_norm_conditions(data in either(), lambda in strength(), ridge in prop_oneof![Just(0.0), strength()]) {
        let fitted = tight("trace-norm", &data, &[("lambda", num(lambda)), ("ridge", num(ridge))]);
        let (w, tolerance) = (weights(&fitted), tolerance(&data, &fitted, 2.0 * ridge));
        let slack = slack(&data, &fitted) - w * (2.0 * ridge);
        prop_assert!(largest_singular(&slack) <= lambda + tolerance);
        let norm: f64 = Svd::of(w).unwrap().values.sum();
        prop_assert!(lambda * norm - (&slack * w).sum() <= tolerance * norm + gap(&fitted));
        let penalty = lambda * norm + ridge * squares(w);
        prop_assert!((fitted.objective.penalty - penalty).abs() <= 1e-9 * fitted.objective.total.max(1.0));
    }

    /// RMTL: singular values for L and columns for S, of the same slack.
    #[test]
    fn rmtl_conditions(data in shapes(), rho1 in strength(), rho2 in strength()) {
        let fitted = tight("rmtl", &data, &[("rho1", num(rho1)), ("rho2", num(rho2))]);
        let slack = correlation(&data, weights(&fitted)) * 2.0;
        let tolerance = 2.0 * tolerance(&data, &fitted, 0.0);
        let norm = |v: ndarray::ArrayView1<'_, f64>| v.dot(&v).sqrt();
        prop_assert!(largest_singular(&slack) <= rho1 + tolerance);
        let (low_rank, apart) = (&fitted.components[0].1, &fitted.components[1].1);
        let nuclear: f64 = Svd::of(low_rank).unwrap().values.sum();
        prop_assert!(rho1 * nuclear - (&slack * low_rank).sum() <= tolerance * nuclear + gap(&fitted));
        for (w, c) in apart.columns().into_iter().zip(slack.columns()) {
            prop_assert!(norm(c) <= rho2 + tolerance);
            prop_assert!(rho2 * norm(w) - c.dot(&w) <= tolerance * norm(w) + gap(&fitted));
        }
        let total = 2.0 * half_loss(&data, weights(&fitted)) + fitted.objective.penalty;
        prop_assert!((total - fitted.objective.total).abs() <= 1e-9 * total.max(1.0));
    }

    /// Lasso and group lasso with labels, an intercept and a ridge.
    #[test]
    fn sparse_conditions_with_labels(
        data in shapes(),
        gamma in strength(),
        ridge in prop_oneof![Just(0.0), strength()],
        intercept: bool,
    ) {
        let data = labels(&data);
        for name in ["lasso", "l21"] {
            let given = [("gamma", num(gamma)), ("ridge", num(ridge)), ("intercept", ParamValue::Flag(intercept))];
            let fitted = tight(name, &data, &given);
            let w = weights(&fitted);
            let (value, slack, level) = logistic(&data, w, intercepts(&fitted));
            prop_assert!((value - fitted.objective.loss).abs() <= 1e-9 * value.max(1.0));
            let of_level = if intercept { &level } else { intercepts(&fitted) };
            prop_assert!(of_level.iter().all(|v| v.abs() < 1e-7));
            let tolerance = tolerance(&data, &fitted, 2.0 * ridge);
            let slack = slack - w * (2.0 * ridge);
            let axis = |a: &Array2<f64>| -> Vec<Array1<f64>> {
                let rows = || a.rows().into_iter().map(|r| r.to_owned()).collect();
                if name == "l21" { rows() } else { a.iter().map(|v| Array1::from(vec![*v])).collect() }
            };
            for (w, c) in axis(w).iter().zip(axis(&slack)) {
                let norm = |v: &Array1<f64>| v.dot(v).sqrt();
                prop_assert!(norm(&c) <= gamma + tolerance, "{name} {} {gamma} {tolerance}", norm(&c));
                prop_assert!(gamma * norm(w) - c.dot(w) <= tolerance * norm(w) + gap(&fitted));
            }
        }
    }

    /// SRMTL: the slack less the pull of the related tasks is a subgradient of the l1 norm.
    #[test]
    fn srmtl_conditions(data in either(), rho1 in strength(), rho2 in beside_a_coupling(), coupling in 0_usize..3) {
        let coupling = ["chain", "mean", "identity"][coupling];
        let given = [("rho1", num(rho1)), ("rho2", num(rho2)), ("coupling", named_value(coupling))];
        let fitted = tight("srmtl", &data, &given);
        let (w, m) = (weights(&fitted), data.n_tasks());
        let r = relation(coupling, m);
        let tolerance = tolerance(&data, &fitted, 8.0 * rho1);
        let slack = slack(&data, &fitted) - w.dot(&r).dot(&r.t()) * (2.0 * rho1);
        for (w, c) in w.iter().zip(&slack) {
            prop_assert!(c.abs() <= rho2 + tolerance, "{} {rho2} {tolerance}", c.abs());
            prop_assert!(rho2 * w.abs() - c * w <= tolerance * w.abs() + gap(&fitted));
        }
        let penalty = rho1 * squares(&w.dot(&r)) + rho2 * w.iter().map(|v| v.abs()).sum::<f64>();
        prop_assert!((penalty - fitted.objective.penalty).abs() <= 1e-9 * penalty.max(1.0));
    }

    /// CASO: with the best M for the weights, the gradient in the weights vanishes.
    #[test]
    fn caso_conditions(data in either(), rho1 in strength(), rho2 in strength(), k in 1_u64..5) {
        let fitted = tight("caso", &data, &[("rho1", num(rho1)), ("rho2", num(rho2)), ("k", ParamValue::Count(k))]);
        let w = weights(&fitted);
        let eta = rho2 / rho1;
        let solved = inverse_of_best(w, eta, k as f64).dot(w);
        let strength = rho2 * (1.0 + eta);
        let penalty = strength * (w * &solved).sum();
        let off = (penalty - fitted.objective.penalty).abs();
        prop_assert!(off <= 1e-7 * fitted.objective.total.max(1e-6), "{penalty} {}", fitted.objective.penalty);
        let gradient = solved * (2.0 * strength) - slack(&data, &fitted);
        // The penalty's curvature is that of its ridge at most.
        let tolerance = tolerance(&data, &fitted, 2.0 * (rho1 + rho2));
        prop_assert!(largest(&gradient) <= 4.0 * tolerance + 1e-6, "{} {tolerance}", largest(&gradient));
    }

    /// Newton steps and accelerated gradient, which share no step, reach the same objective.
    #[test]
    fn solvers_agree(data in either(), g1 in strength(), g2 in beside_a_coupling(), intercept: bool) {
        let intercept = data.target == Target::Binary && intercept;
        for (name, given) in [
            ("lasso", vec![("gamma", num(g1)), ("ridge", num(g2))]),
            ("l21", vec![("gamma", num(g1))]),
            ("trace-norm", vec![("lambda", num(g1))]),
            ("srmtl", vec![("rho1", num(g1)), ("rho2", num(g2))]),
            ("srmtl", vec![("rho1", num(g1)), ("rho2", num(g2)), ("coupling", named_value("mean"))]),
            ("caso", vec![("rho1", num(g1)), ("rho2", num(g2)), ("k", ParamValue::Count(2))]),
        ] {
            let mut given = given.clone();
            given.push(("intercept", ParamValue::Flag(intercept)));
            let headline = tight(name, &data, &given).objective.total;
            let most = ParamValue::Count(200_000);
            given.extend([("solver", named_value("fista")), ("tol", num(1e-7)), ("max_iter", most)]);
            let other = fit(name, &data, &given);
            prop_assert!(other.convergence.converged, "{name} {given:?} {:?}", other.convergence);
            let relative = (other.objective.total - headline) / headline.max(1e-12);
            prop_assert!((-1e-8..=2e-7).contains(&relative), "{name}: {relative:e}");
        }
    }
}

fn relation(coupling: &str, m: usize) -> Array2<f64> {
    match coupling {
        "chain" => Array2::from_shape_fn((m, m - 1), |(i, j)| {
            if i == j {
                1.0
            } else if i == j + 1 {
                -1.0
            } else {
                0.0
            }
        }),
        "mean" => Array2::eye(m) - 1.0 / m as f64,
        _ => Array2::eye(m),
    }
}

/// `(eta I + M)^{-1}` for the best `M`: the eigenvalues of `M` are `clip(s_i / nu - eta, 0, 1)` with `nu` by bisection.
fn inverse_of_best(w: &Array2<f64>, eta: f64, k: f64) -> Array2<f64> {
    let p = w.nrows();
    let eigen = Eigen::of(&w.dot(&w.t())).unwrap();
    let s = eigen.values.mapv(|v| v.max(0.0).sqrt());
    let at = |nu: f64| s.mapv(|s| (s / nu - eta).clamp(0.0, 1.0));
    let values = if k >= p as f64 || k >= s.iter().filter(|v| **v > 0.0).count() as f64 {
        s.mapv(|s| if s > 0.0 { 1.0 } else { 0.0 })
    } else {
        let (mut low, mut high) = (-60.0_f64, 60.0_f64);
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            if at(middle.exp()).sum() >= k { low = middle } else { high = middle }
        }
        at(low.exp())
    };
    (&eigen.vectors * &values.mapv(|v| 1.0 / (eta + v))).dot(&eigen.vectors.t())
}

/// Data that solvers find hard: inputs whose singular values span `1 .. 1e-6` (and so
/// moments whose eigenvalues span `1 .. 1e-12`), tasks with constant and with missing
/// columns as in the School data, and fewer rows than features.
fn hard() -> Vec<(&'static str, MultiTask)> {
    let stretched = random(40, 10, 4, 21);
    let basis = Svd::of(&random(10, 10, 1, 22).tasks[0].x).unwrap().left;
    let stretch = Array2::from_diag(&Array1::from_shape_fn(10, |i| 10.0_f64.powf(-6.0 * i as f64 / 9.0)));
    let dummies = |t: usize, x: &Array2<f64>| {
        let mut x = x.clone();
        for j in 0..x.ncols() {
            match (t + j) % 4 {
                0 => x.column_mut(j).fill(1.0),
                1 => x.column_mut(j).fill(0.0),
                _ => x.column_mut(j).mapv_inplace(|v| if v > 0.0 { 1.0 } else { 0.0 }),
            }
        }
        x
    };
    vec![
        ("stretched", stretched.map(|_, x| x.dot(&basis).dot(&stretch).dot(&basis.t()), |_, y| y.clone())),
        ("dummies", random(25, 12, 6, 23).map(dummies, |_, y| y + 3.0)),
        ("wide", random(8, 20, 4, 24)),
        ("shifted", random(30, 8, 5, 25).map(|_, x| x + 50.0, |_, y| y.clone())),
    ]
}

/// A gap of 1e-9 is certified in reasonable time on data that gradient methods cannot solve.
#[test]
fn hard_data_are_certified() {
    for (what, data) in hard() {
        for data in [data.clone(), labels(&data)] {
            for strength in [10.0, 0.1, 1e-3] {
                let mut cases = vec![
                    ("lasso", vec![("gamma", num(strength))]),
                    ("l21", vec![("gamma", num(strength))]),
                    ("trace-norm", vec![("lambda", num(strength))]),
                    ("trace-norm", vec![("lambda", num(strength)), ("ridge", num(0.1))]),
                    ("srmtl", vec![("rho1", num(0.1)), ("rho2", num(strength))]),
                    ("srmtl", vec![("rho1", num(10.0)), ("rho2", num(strength)), ("coupling", named_value("mean"))]),
                    (
                        "srmtl",
                        vec![("rho1", num(0.01)), ("rho2", num(strength)), ("coupling", named_value("identity"))],
                    ),
                    ("caso", vec![("rho1", num(strength)), ("rho2", num(0.1)), ("k", ParamValue::Count(2))]),
                ];
                if data.target == Target::Regression {
                    cases.push(("rmtl", vec![("rho1", num(strength)), ("rho2", num(3.0 * strength))]));
                }
                for (name, mut given) in cases {
                    given.push(("tol", num(1e-9)));
                    let fitted = fit(name, &data, &given);
                    let ended = fitted.convergence;
                    assert!(ended.converged, "{what} {:?} {name} {given:?}: {ended:?}", data.target);
                    assert!(data.target == Target::Regression || ended.iterations <= 60, "{what} {name}: {ended:?}");
                }
            }
        }
    }
}

/// Spec 11: what must coincide does.
#[test]
fn special_cases_coincide() {
    let same = |a: &Fitted, b: &Fitted, what: &str| {
        let relative = (a.objective.total - b.objective.total) / b.objective.total;
        assert!(relative.abs() < 1e-8, "{what}: {relative:e}");
    };
    for data in [random(30, 6, 4, 31), labels(&random(30, 6, 4, 31))] {
        let one = MultiTask { tasks: data.tasks[..1].to_vec(), ..data.clone() };
        // One task: rows are entries; a nuclear norm is a length.
        let strength = [("gamma", num(2.0)), ("ridge", num(0.1))];
        same(&tight("l21", &one, &strength), &tight("lasso", &one, &strength), "one task");
        // SRMTL and CASO without their structure are ridges.
        let ridge = [("rho1", num(0.7)), ("rho2", num(0.0)), ("coupling", named_value("identity"))];
        let ridge = tight("srmtl", &data, &ridge);
        let full = [("rho1", num(3.0)), ("rho2", num(0.7)), ("k", ParamValue::Count(6))];
        let full = tight("caso", &data, &full);
        same(&full, &ridge, "ridge");
        assert!((full.objective.penalty - 0.7 * squares(weights(&full))).abs() < 1e-9 * full.objective.total);
        let gradient = weights(&ridge) * 1.4 - slack(&data, &ridge);
        assert!(largest(&gradient) < 1e-6, "{gradient}");
        // A ridge through the parameter of the lasso.
        let lasso = tight("lasso", &data, &[("gamma", num(0.0)), ("ridge", num(0.7))]);
        same(&lasso, &ridge, "lasso's ridge");
        let net = tight("lasso", &data, &[("gamma", num(2.0)), ("ridge", num(0.7))]);
        let identity = [("rho1", num(0.7)), ("rho2", num(2.0)), ("coupling", named_value("identity"))];
        same(&tight("srmtl", &data, &identity), &net, "elastic net");
    }
    // RMTL whose tasks cannot stand apart is the trace norm with half the strength: its loss has twice the weight.
    let data = random(30, 6, 4, 32);
    let rmtl = tight("rmtl", &data, &[("rho1", num(8.0)), ("rho2", num(1e6))]);
    let trace = tight("trace-norm", &data, &[("lambda", num(4.0))]);
    assert!(rmtl.components[1].1.iter().all(|v| *v == 0.0));
    assert!((rmtl.objective.total / 2.0 - trace.objective.total).abs() < 1e-8 * trace.objective.total);
    // One task: the low-rank and the column part share a length, so only the cheaper of the two is used.
    let one = MultiTask { tasks: data.tasks[..1].to_vec(), ..data.clone() };
    let single = tight("rmtl", &one, &[("rho1", num(8.0)), ("rho2", num(3.0))]);
    assert!(
        (single.objective.total / 2.0 - tight("trace-norm", &one, &[("lambda", num(1.5))]).objective.total).abs()
            < 1e-7
    );
    // Far above the largest useful strength nothing is left.
    let none = tight(
        "trace-norm",
        &data,
        &[("lambda", num(1.0001 * largest_singular(&correlation(&data, &Array2::zeros((6, 4))))))],
    );
    assert!(weights(&none).iter().all(|v| *v == 0.0));
}

/// CASO by exact alternation of weights and M, as published: monotone, and it ends where the eliminated form does.
#[test]
fn caso_agrees_with_alternation() {
    let data = random(25, 6, 5, 41);
    for (rho1, rho2, k) in [(5.0, 1.0, 1), (1.0, 0.5, 2), (20.0, 0.2, 3)] {
        let given = [("rho1", num(rho1)), ("rho2", num(rho2)), ("k", ParamValue::Count(k))];
        let fitted = tight("caso", &data, &given);
        let (eta, strength) = (rho2 / rho1, rho2 * (1.0 + rho2 / rho1));
        let mut inverse = Array2::eye(6) / (eta + k as f64 / 6.0);
        let mut previous = f64::INFINITY;
        let mut w = Array2::zeros((6, 5));
        for _ in 0..3000 {
            for (t, task) in data.tasks.iter().enumerate() {
                let system = task.x.t().dot(&*task.x) + &inverse * (2.0 * strength);
                let solution = Spectrum::of(&system).unwrap().pseudo_solve(&task.x.t().dot(&task.y));
                w.column_mut(t).assign(&solution);
            }
            let value = |inverse: &Array2<f64>| half_loss(&data, &w) + strength * (&w * &inverse.dot(&w)).sum();
            let halfway = value(&inverse);
            inverse = inverse_of_best(&w, eta, k as f64);
            let now = value(&inverse);
            assert!(
                halfway <= previous * (1.0 + 1e-10) && now <= halfway * (1.0 + 1e-10),
                "{previous} {halfway} {now}"
            );
            previous = now;
        }
        let relative = (previous - fitted.objective.total) / fitted.objective.total;
        assert!((-1e-9..1e-6).contains(&relative), "{rho1} {rho2} {k}: {relative:e}");
    }
}

/// A ridge of zero changes nothing, and a path ends where single fits do.
#[test]
fn options_and_paths() {
    let data = random(20, 5, 4, 51);
    let plain = tight("l21", &data, &[("gamma", num(1.0))]);
    assert_eq!(weights(&plain), weights(&tight("l21", &data, &[("gamma", num(1.0)), ("ridge", num(0.0))])));
    for data in [data.clone(), labels(&data)] {
        for (name, walked) in [("lasso", "gamma"), ("trace-norm", "lambda"), ("srmtl", "rho2"), ("caso", "rho2")] {
            let strengths = [10.0, 1.0, 0.1, 0.01];
            let path: Vec<_> =
                strengths.iter().map(|&s| params(name, &[(walked, num(s)), ("tol", num(1e-9))])).collect();
            let context = Context::new(Seed::of(&0));
            let fits = method(name).unwrap().fit_path(&Problem::new(data.clone(), None), &path, &context).unwrap();
            for (fitted, &s) in fits.iter().zip(&strengths) {
                let single = tight(name, &data, &[(walked, num(s))]).objective.total;
                assert!((fitted.objective.total - single).abs() < 1e-8 * single, "{name} {s}");
            }
        }
    }
    let refused = |name: &str, data: &MultiTask, given: &[(&str, ParamValue)]| {
        let problem = Problem::new(data.clone(), None);
        let path = [params(name, given)];
        method(name).unwrap().fit_path(&problem, &path, &Context::new(Seed::of(&0))).err().unwrap().to_string()
    };
    let intercept = [("intercept", ParamValue::Flag(true))];
    assert!(refused("lasso", &data, &intercept).contains("centre the data"));
    assert!(refused("caso", &data, &intercept).contains("centre the data"));
    assert!(refused("rmtl", &labels(&data), &[]).contains("does not learn"));
    assert!(refused("trace-norm", &data, &[("solver", named_value("spg"))]).contains("use admm"));
    assert!(refused("lasso", &labels(&data), &[("engine", named_value("linfa"))]).contains("engine=own"));
}

/// The strength that leaves nothing, with labels too.
#[test]
fn largest_useful_strengths() {
    for data in [random(20, 5, 4, 61), labels(&random(20, 5, 4, 61))] {
        for (name, parameter) in [("lasso", "gamma"), ("l21", "gamma"), ("trace-norm", "lambda")] {
            for intercept in [false, data.target == Target::Binary] {
                let given = [("intercept", ParamValue::Flag(intercept))];
                let most = method(name).unwrap().strength_max.unwrap();
                let most = most.on(&Problem::new(data.clone(), None), &params(name, &given)).unwrap();
                let at = |share: f64| {
                    let given = [given[0].clone(), (parameter, num(share * most))];
                    weights(&tight(name, &data, &given)).iter().any(|v| *v != 0.0)
                };
                assert!(!at(1.0 + 1e-9) && at(0.99), "{name} {intercept}");
            }
        }
    }
}
