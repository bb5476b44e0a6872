//! Networks: what they learn, what penalties do to them, and what they share with one another.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use common::{labelled, named_value, num, params};
use mtl_core::{MultiTask, ScaleFit, Scaler, Scaling, Seed, Target, Task};
use mtl_methods::deep::sparsity::{REMOVED, net_correlations, removed};
use mtl_methods::solver::{ResidualKind, SolverError};
use mtl_methods::{Context, Entry, Family, FitError, Fitted, Model, ParamValue, Problem, method, methods};
use ndarray::{Array1, Array2};
use rand_distr::{Distribution, StandardNormal};

type Given<'a> = &'a [(&'a str, ParamValue)];

fn count(v: u64) -> ParamValue {
    ParamValue::Count(v)
}

/// `y = |x_0| + x_1 - m_t x_2` and some noise in a part with `n` rows a task; the last of five features do nothing.
fn planted(n: usize, m: usize, key: u64) -> MultiTask {
    let mut rng = Seed::of(&("deep test", key)).rng();
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let tasks = (0..m).map(|t| {
        let x = Array2::from_shape_fn((n, 5), |_| normal());
        let signal = x.rows().into_iter().map(|r| 2.0 * r[0].abs() - 1.6 + r[1] - 0.3 * t as f64 * r[2]);
        let y = signal.map(|f| f + 0.1 * normal()).collect();
        Task { name: format!("task {t}"), x: Arc::new(x), y }
    });
    common::named(5, tasks.collect())
}

fn signs(data: &MultiTask) -> MultiTask {
    MultiTask {
        target: Target::Binary,
        ..data.map(|_, x| x.clone(), |_, y| y.mapv(|v| if v > 0.0 { 1.0 } else { -1.0 }))
    }
}

/// Small networks that learn in little time, unless told otherwise.
fn try_fit(name: &str, problem: &Problem, given: Given<'_>, context: &Context) -> Result<Fitted, FitError> {
    let mut all =
        vec![("layers", named_value("12-6")), ("batch", count(16)), ("rate", num(1e-2)), ("epochs", count(40))];
    all.retain(|(name, _)| given.iter().all(|(other, _)| name != other));
    all.extend_from_slice(given);
    method(name).unwrap().fit_path(problem, &[params(name, &all)], context).map(|mut fits| fits.remove(0))
}

fn fit(name: &str, data: &MultiTask, given: Given<'_>) -> Fitted {
    try_fit(name, &Problem::new(data.clone(), None), given, &Context::new(Seed::of(&0))).unwrap()
}

fn layer(fitted: &Fitted, l: usize) -> &Array2<f64> {
    let name = format!("layer{l}");
    &fitted.components.iter().find(|(n, _)| *n == name).unwrap().1
}

fn predictions(fitted: &Fitted, data: &MultiTask) -> Vec<f64> {
    data.tasks.iter().enumerate().flat_map(|(t, task)| fitted.model.predict(t, &task.x).to_vec()).collect()
}

/// Those with one output; `bottom.rs` has the others.
fn deep() -> impl Iterator<Item = &'static str> {
    let one_output = |m: &&Entry| m.info.family == Family::Deep && m.info.learns(Target::Regression);
    methods().iter().filter(one_output).map(|m| m.info.name)
}

/// Squared error over variance, or errors of labels over those of the more frequent one.
fn relative_error(model: &Model, data: &MultiTask) -> f64 {
    let of_task = |(t, task): (usize, &Task)| {
        let f: Array1<f64> = model.predict(t, &task.x);
        match data.target {
            Target::Regression | Target::Classes(_) => {
                (&task.y - &f).pow2().sum() / (&task.y - task.y.mean().unwrap()).pow2().sum()
            }
            Target::Binary => {
                let wrong = task.y.iter().zip(&f).filter(|(y, f)| **y * **f <= 0.0).count() as f64;
                let positive = task.y.iter().filter(|y| **y > 0.0).count();
                wrong / positive.min(task.n() - positive) as f64
            }
        }
    };
    data.tasks.iter().enumerate().map(of_task).sum::<f64>() / data.n_tasks() as f64
}

#[test]
fn every_method_beats_the_trivial_prediction() {
    let (train, test) = (planted(150, 3, 1), planted(200, 3, 2));
    assert_eq!(deep().count(), 7);
    for name in deep() {
        for (train, test) in [(train.clone(), test.clone()), (signs(&train), signs(&test))] {
            let problem = Problem::new(train.clone(), Some(test.clone()));
            let fitted = try_fit(name, &problem, &[], &Context::new(Seed::of(&0))).unwrap();
            let error = relative_error(&fitted.model, &test);
            assert!(error < 0.35, "{name}, {:?}: {error}", train.target);
            let ending = fitted.convergence;
            assert!(ending.converged && ending.rule == ResidualKind::EpochsLeft && ending.iterations == 40);
            assert_eq!(fitted.trace.len(), 40);
            for series in ["training-loss", "penalty", "validation-loss"] {
                assert_eq!(fitted.traces[series].len(), 40, "{name} {series}");
            }
            assert_eq!(fitted.traces["kept-epoch"], [40.0]);
            assert!(fitted.trace[39] < 0.7 * fitted.trace[0], "{name}: {:?}", fitted.trace);
            let shapes = [(60, 3), (72, 3), (6, 3)];
            (0..3).for_each(|l| assert_eq!(layer(&fitted, l + 1).dim(), shapes[l]));
            assert_eq!(fitted.model.count_weights().1, 3 * (60 + 72 + 6));
            assert!(fitted.model.weights().is_none());
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let data = signs(&planted(60, 4, 3));
    for name in deep() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(name, &data, &[("epochs", count(4))]))
        };
        let (one, many) = (on(1), on(3));
        assert_eq!((one.model, one.trace), (many.model, many.trace), "{name}");
    }
}

#[test]
fn unpenalised_tasks_do_not_know_of_one_another() {
    let data = planted(64, 3, 4);
    let none: [(&str, Vec<(&str, ParamValue)>); 4] = [
        ("mlp", vec![]),
        ("deep-lasso", vec![("gamma", num(0.0))]),
        ("sgl", vec![("gamma1", num(0.0)), ("gamma2", num(0.0))]),
        ("ssmtl-t", vec![("gamma1", num(0.0)), ("gamma2", num(0.0))]),
    ];
    let given = [("epochs", count(5))];
    let together = fit("mlp", &data, &given);
    for (name, strengths) in none {
        assert_eq!(fit(name, &data, &[&given[..], &strengths].concat()).model, together.model, "{name}");
    }
    let alone = fit("mlp", &data.subset(&[1]), &given);
    let (here, there) = (together.model.predict(1, &data.tasks[1].x), alone.model.predict(0, &data.tasks[1].x));
    // Adam's steps depend on the scale of the loss by its epsilon.
    assert!((&here - &there).iter().all(|d| d.abs() < 1e-3), "{}", (&here - &there).mapv(f64::abs).sum());
    let other = try_fit("mlp", &Problem::new(data, None), &given, &Context::new(Seed::of(&1))).unwrap();
    assert_ne!(other.model, together.model, "seeds matter");
}

/// Columns of a layer: the largest distance from their mean, relative to the largest norm.
fn spread(layer: &Array2<f64>) -> f64 {
    let mean = layer.mean_axis(ndarray::Axis(1)).unwrap();
    let norm = |a: &Array1<f64>| a.dot(a).sqrt();
    let most =
        |of: &dyn Fn(&Array1<f64>) -> f64| layer.columns().into_iter().map(|c| of(&c.to_owned())).fold(0.0, f64::max);
    most(&|c| norm(&(c - &mean))) / most(&norm)
}

#[test]
fn strong_clustering_ties_tasks() {
    let data = planted(64, 3, 5);
    let free = fit("mlp", &data, &[]);
    for squared in [false, true] {
        let given = [
            ("gamma1", num(1.0)),
            ("gamma2", num(0.0)),
            ("terms", named_value("task-level")),
            ("squared", ParamValue::Flag(squared)),
            ("epochs", count(100)),
            ("rate", num(2e-3)),
        ];
        let tied = fit("ssmtl-t", &data, &given);
        for l in 1..=3 {
            let (before, after) = (spread(layer(&free, l)), spread(layer(&tied, l)));
            assert!(before > 0.3 && after < 0.1, "layer {l}: {before} {after}");
            let correlations = net_correlations(layer(&tied, l));
            assert!(correlations.iter().all(|r| *r > 0.9), "layer {l}: {correlations}");
        }
    }
}

#[test]
fn strong_selection_removes_neurons_and_weights() {
    let data = planted(64, 3, 6);
    let proximal = [("selection", named_value("proximal")), ("optimiser", named_value("sgd")), ("rate", num(0.1))];
    let cases: [(&str, Vec<(&str, ParamValue)>); 4] = [
        ("deep-lasso", vec![("gamma", num(2e-2))]),
        ("sgl", vec![("gamma1", num(2e-2)), ("gamma2", num(1e-2))]),
        ("gl-agl", vec![("lambda", num(5e-2)), ("zeta", num(5e-2))]),
        ("ssmtl-t", vec![("gamma1", num(1e-6)), ("gamma2", num(1e-2))]),
    ];
    let free = fit("mlp", &data, &[]).model.count_weights();
    assert_eq!(free.0, free.1);
    for (name, mut given) in cases {
        let gradient = fit(name, &data, &given);
        assert_eq!(gradient.model.count_weights().0, free.0, "{name}: a gradient makes no exact zeros");
        given.extend(proximal.clone());
        let fitted = fit(name, &data, &given);
        let (left, all) = fitted.model.count_weights();
        assert!(left * 10 < all * 9 && left > 0, "{name}: {left} of {all} left");
        // The objective has what the maps stand for.
        assert!(fitted.objective.penalty > 0.0);
        if name != "deep-lasso" {
            let gone: Vec<f64> =
                [12, 6, 1].iter().zip(1..).map(|(w, l)| removed(layer(&fitted, l), *w, REMOVED).neurons).collect();
            assert!(gone.iter().sum::<f64>() > 0.1, "{name}: {gone:?}");
        }
        for (parameter, value) in &mut given {
            if ["gamma", "gamma2", "zeta"].contains(parameter) {
                *value = num(1e3);
            }
        }
        assert_eq!(fit(name, &data, &given).model.count_weights().0, 0, "{name}");
    }
    let refuse = |given: Given<'_>| {
        let fitted = try_fit("ssmtl-t", &Problem::new(data.clone(), None), given, &Context::new(Seed::of(&0)));
        assert!(matches!(fitted, Err(FitError::NotApplicable(_))));
    };
    refuse(&proximal[..1]);
    refuse(&[&proximal[..], &[("groups", named_value("incoming"))]].concat());
}

/// `first_layer=0` divides one exponent's factor out; `terms` and strengths of zero are the same thing; the incoming
/// weights of one output are all its layer.
#[test]
fn options_of_ssmtl_t_are_what_they_say() {
    let data = planted(40, 3, 7);
    let value = |given: Given<'_>| {
        fit("ssmtl-t", &data, &[&[("epochs", count(0)), ("gamma1", num(0.3)), ("gamma2", num(0.2))], given].concat())
            .objective
            .penalty
    };
    let terms = |name| ("terms", named_value(name));
    let (all, task, feature) = (value(&[]), value(&[terms("task-level")]), value(&[terms("feature-level")]));
    assert!((all - task - feature).abs() < 1e-9 * all && task > 0.0 && feature > 0.0);
    let w = fit("mlp", &data, &[("epochs", count(0))]);
    let norm = |w: &[f64]| w.iter().map(|v| v * v).sum::<f64>().sqrt();
    let (mut expected, mut demo) = (0.0, 0.0);
    for (l, width) in [(1, 12), (2, 6), (3, 1)] {
        let w = layer(&w, l);
        let columns: Vec<Vec<f64>> = w.columns().into_iter().map(|c| c.to_vec()).collect();
        let (mut nets, mut squares, mut pairs, mut units) = (0.0, 0.0, 0.0, 0.0);
        let groups = |w: &[f64]| w.chunks_exact(width).map(norm).sum::<f64>();
        for s in 0..3 {
            units += groups(&columns[s]);
            for t in s + 1..3 {
                let d: Vec<f64> = columns[s].iter().zip(&columns[t]).map(|(a, b)| a - b).collect();
                nets += norm(&d);
                squares += norm(&d).powi(2);
                pairs += groups(&d);
            }
        }
        let at = |l: usize, nets: f64| {
            let up = 2f64.powf(l as f64);
            0.3 * (nets / up + pairs * up) + 0.2 * (units * up + w.mapv(f64::abs).sum() / up)
        };
        expected += at(l, nets);
        demo += at(l - 1, squares);
    }
    assert!((all - expected).abs() < 1e-5 * expected, "{all} {expected}");
    let by_demo = value(&[("first_layer", count(0)), ("squared", ParamValue::Flag(true))]);
    assert!((by_demo - demo).abs() < 1e-5 * demo, "{by_demo} {demo}");
    let incoming = value(&[("groups", named_value("incoming"))]);
    assert!((incoming - all).abs() > 1e-3 * all);
}

/// What the first stage removes stays away, and the second's strengths follow the first's norms.
#[test]
fn the_adaptive_stage_follows_the_first() {
    let data = planted(64, 2, 8);
    let given = |zeta: f64| {
        [
            ("lambda", num(0.15)),
            ("zeta", num(zeta)),
            ("penalised", named_value("first")),
            ("selection", named_value("proximal")),
            ("optimiser", named_value("sgd")),
            ("rate", num(0.1)),
            ("epochs", count(300)),
        ]
    };
    let gone = |fitted: &Fitted| -> Vec<usize> {
        let empty = |t: usize| {
            let column = layer(fitted, 1).column(t).to_vec();
            column.chunks_exact(12).filter(|group| group.iter().all(|w| *w == 0.0)).count()
        };
        (0..2).map(empty).collect()
    };
    // At zeta = 0 only what the first stage removed is missing.
    let first = gone(&fit("gl-agl", &data, &given(0.0)));
    assert!(first.iter().all(|gone| (1..5).contains(gone)), "{first:?}");
    let second = fit("gl-agl", &data, &given(5e-2));
    assert!(gone(&second).iter().zip(&first).all(|(second, first)| second >= first));
    assert!(relative_error(&second.model, &data) < 0.35);
    let layers_behind = layer(&second, 2).iter().chain(layer(&second, 3)).filter(|w| **w == 0.0).count();
    assert_eq!(layers_behind, 0, "only the first layer is penalised");
    // An exact relation: the penalty at the start is zeta / m sum ||w|| / ||v||^power.
    let at_start = |power: f64| {
        let given = [("epochs", count(0)), ("zeta", num(0.5)), ("lambda", num(1.0)), ("power", num(power))];
        fit("gl-agl", &data, &given)
    };
    // Both stages are starts; the first one's is that of mlp.
    let v = fit("mlp", &data, &[("epochs", count(0))]);
    for power in [1.0, 2.0] {
        let fitted = at_start(power);
        let mut expected = 0.0;
        for (l, width) in [(1, 12), (2, 6), (3, 1)] {
            for t in 0..2 {
                let (w, v) = (layer(&fitted, l).column(t).to_vec(), layer(&v, l).column(t).to_vec());
                let norm = |w: &[f64]| w.iter().map(|v| v * v).sum::<f64>().sqrt();
                let terms = w.chunks_exact(width).zip(v.chunks_exact(width));
                expected += terms.map(|(w, v)| 0.25 * norm(w) / norm(v).powf(power)).sum::<f64>();
            }
        }
        assert!((fitted.objective.penalty - expected).abs() < 1e-4 * expected, "{power}");
    }
}

#[test]
fn factors_of_full_rank_start_at_the_single_networks() {
    let data = planted(64, 3, 9);
    let single = fit("mlp", &data, &[("epochs", count(6))]);
    let start = |accuracy: f64| {
        fit("dmtrl", &data, &[("accuracy", num(accuracy)), ("single_epochs", count(6)), ("epochs", count(0))])
    };
    let full = start(0.0);
    let (a, b) = (predictions(&full, &data), predictions(&single, &data));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4));
    assert_eq!(full.traces["ranks-layer1"], [5.0, 12.0, 3.0]);
    let cut = start(0.7);
    assert!(cut.traces["ranks-layer1"].iter().sum::<f64>() < 20.0);
    let difference = predictions(&cut, &data).iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f64>();
    assert!(difference > 1.0);
    assert_eq!(layer(&cut, 3), layer(&single, 3), "the output layer is no product");
    let none =
        try_fit("dmtrl", &Problem::new(data, None), &[("layers", named_value("none"))], &Context::new(Seed::of(&0)));
    assert_eq!(none.unwrap().components.len(), 1);
}

#[test]
fn gates_close_where_features_do_nothing() {
    let data = planted(150, 2, 10);
    let gates = |lambda: f64| {
        let fitted = fit("stg", &data, &[("lambda", num(lambda)), ("epochs", count(80))]);
        fitted.components.iter().find(|(name, _)| name == "gates").unwrap().1.clone()
    };
    let some = gates(0.5);
    for t in 0..2 {
        let column = some.column(t);
        assert!(column[0] > column[3] + 0.3 && column[1] > column[4] + 0.3, "{some}");
    }
    assert!(gates(1e3).iter().all(|gate| *gate == 0.0));
}

#[test]
fn epochs_are_kept_as_asked_and_failures_are_errors() {
    let (train, valid) = (planted(24, 2, 11), planted(80, 2, 12));
    let context = Context::new(Seed::of(&0));
    let problem = Problem::new(train.clone(), Some(valid));
    let best = [("keep", named_value("best")), ("epochs", count(150))];
    let fitted = try_fit("mlp", &problem, &best, &context).unwrap();
    let losses = &fitted.traces["validation-loss"];
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let kept = fitted.traces["kept-epoch"][0];
    assert!(kept < 150.0, "overfits");
    assert!((0..150).any(|i| losses[i] == least && kept == (i + 1) as f64));
    let alone = Problem::new(train.clone(), None);
    assert!(matches!(try_fit("mlp", &alone, &best, &context), Err(FitError::NotApplicable(_))));
    let wild = [("optimiser", named_value("sgd")), ("rate", num(1e9))];
    assert_eq!(try_fit("mlp", &alone, &wild, &context).err(), Some(FitError::Solver(SolverError::NotFinite)));
    let stopped = Context::until(Seed::of(&0), Arc::new(AtomicBool::new(true)), None);
    assert_eq!(try_fit("mlp", &alone, &[], &stopped).err(), Some(FitError::Solver(SolverError::Interrupted)));
    // Without hidden layers it is linear regression with an intercept.
    let linear = fit("mlp", &common::random(60, 3, 2, 5), &[("layers", named_value("none")), ("epochs", count(400))]);
    let ols = common::fit("ols", &common::centred(&common::random(60, 3, 2, 5)), &[]);
    for (a, b) in layer(&linear, 1).iter().zip(common::weights(&ols)) {
        assert!((a - b).abs() < 0.1, "{a} {b}");
    }
}

#[test]
fn networks_come_back_from_files_and_from_scaled_data() {
    let data = labelled(&common::random(30, 4, 3, 13));
    let fitted = fit("stg", &data, &[("epochs", count(3))]);
    let text = serde_json::to_string(&fitted.model).unwrap();
    assert_eq!(serde_json::from_str::<Model>(&text).unwrap(), fitted.model);
    let Model::Network(network) = &fitted.model else { panic!("a network") };
    assert_eq!(network.check(4, 3), Ok(()));
    assert!(network.check(5, 3).is_err());

    let raw = common::random(30, 4, 3, 14).map(|t, x| x * 3.0 + t as f64, |_, y| y * 5.0 - 2.0);
    let scaler = Scaler::fit(&raw, Scaling { x: true, y: true, fit: ScaleFit::Train, ..Scaling::default() });
    let scaled = scaler.transform(&raw);
    let fitted = fit("mlp", &scaled, &[("epochs", count(3))]);
    let for_raw = fitted.model.unscaled(&scaler);
    let Model::Network(network) = &for_raw else { panic!("a network") };
    assert_eq!(network.check(4, 3), Ok(()));
    for t in 0..3 {
        let scale = &scaler.tasks[t];
        let there = fitted.model.predict(t, &scaled.tasks[t].x) * scale.y_sd + scale.y_mean;
        assert!((for_raw.predict(t, &raw.tasks[t].x) - there).iter().all(|d| d.abs() < 1e-9));
    }
    let twice = for_raw.unscaled(&scaler);
    let there = for_raw.predict(0, &scaled.tasks[0].x) * scaler.tasks[0].y_sd + scaler.tasks[0].y_mean;
    assert!((twice.predict(0, &raw.tasks[0].x) - there).iter().all(|d| d.abs() < 1e-9));
}
