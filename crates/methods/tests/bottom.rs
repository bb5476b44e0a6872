//! Networks with a bottom: what they learn, which of them are special cases of others, and what their options do.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::{labelled, named_value, num, params};
use mtl_core::{Metric, MultiTask, Seed, Target, Task};
use mtl_methods::{
    Context, Entry, Family, FitError, Fitted, Model, ParamError, ParamSet, ParamValue, Problem, method, methods,
};
use ndarray::{Array1, Array2};
use rand_distr::{Distribution, StandardNormal};

type Given<'a> = &'a [(&'a str, ParamValue)];

const TASKS: usize = 4;

fn count(v: u64) -> ParamValue {
    ParamValue::Count(v)
}

/// Rows of three classes by the largest of three scores, which tasks have in common but for a shift.
fn classes(n: usize, key: u64) -> MultiTask {
    let mut rng = Seed::of(&("bottom test", key)).rng();
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let tasks = (0..TASKS).map(|t| {
        let x = Array2::from_shape_fn((n + 5 * t, 4), |_| normal());
        let scores = |r: ndarray::ArrayView1<'_, f64>| [r[0] + r[3], r[1] - r[0], (0.2 * t as f64) * r[2] - 0.4];
        let y = x.rows().into_iter().map(|r| mtl_core::likeliest(scores(r).into_iter()) as f64).collect();
        Task { name: format!("task {t}"), x: Arc::new(x), y }
    });
    let names = (0..4).map(|i| format!("x{i}")).collect();
    MultiTask::new(names, Target::Classes(3), tasks.collect()).unwrap()
}

fn bottom() -> impl Iterator<Item = &'static Entry> {
    methods().iter().filter(|m| m.info.family == Family::Deep && !m.info.learns(Target::Regression))
}

/// Small networks that learn in little time, unless told otherwise.
fn small(name: &str, given: Given<'_>) -> ParamSet {
    let mut all = vec![
        ("bottom", count(8)),
        ("top", count(6)),
        ("batch", count(64)),
        ("rate", num(1.0)),
        ("epochs", count(150)),
        ("primary_rate", num(1.0)),
        ("primary_epochs", count(40)),
    ];
    all.retain(|(name, _)| given.iter().all(|(other, _)| name != other));
    all.extend_from_slice(given);
    let known = &method(name).unwrap().params;
    all.retain(|(parameter, _)| known.iter().any(|spec| spec.name == *parameter));
    params(name, &all)
}

fn try_fit(name: &str, problem: &Problem, given: Given<'_>, seed: u32) -> Result<Fitted, FitError> {
    let context = Context::new(Seed::of(&seed));
    method(name).unwrap().fit_path(problem, &[small(name, given)], &context).map(|mut fits| fits.remove(0))
}

/// On a training and a validation part.
fn fit(name: &str, given: Given<'_>) -> Fitted {
    try_fit(name, &Problem::new(classes(60, 1), Some(classes(30, 2))), given, 0).unwrap()
}

fn accuracy(model: &Model, data: &MultiTask) -> f64 {
    let of_task = |(t, task): (usize, &Task)| Metric::Accuracy.of_task(&task.y, &model.predict(t, &task.x)).unwrap();
    data.tasks.iter().enumerate().map(of_task).sum::<f64>() / data.n_tasks() as f64
}

fn predictions(fitted: &Fitted) -> Vec<f64> {
    let data = classes(40, 3);
    data.tasks.iter().enumerate().flat_map(|(t, task)| fitted.model.predict(t, &task.x).to_vec()).collect()
}

fn apart(a: &Fitted, b: &Fitted) -> f64 {
    predictions(a).iter().zip(predictions(b)).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

fn topics(fitted: &Fitted) -> &Array2<f64> {
    &fitted.components.iter().find(|(name, _)| name == "topics").unwrap().1
}

#[test]
fn every_method_learns_classes_and_labels() {
    let (train, valid, test) = (classes(150, 1), classes(60, 2), classes(100, 3));
    let names: Vec<_> = bottom().map(|m| m.info.name).collect();
    let expected =
        "separate shared-bottom single inter-task-l2 shared-bottom-tucker mrn cross-stitch mmoe tomato-el tomato-ex";
    assert_eq!(names.join(" "), expected);
    for name in names {
        for as_labels in [false, true] {
            let of = |part: &MultiTask| {
                if as_labels {
                    // The first class against the others.
                    labelled(&part.map(|_, x| x.clone(), |_, y| y.mapv(|y| if y > 0.0 { 0.0 } else { 1.0 })))
                } else {
                    part.clone()
                }
            };
            let (train, valid, test) = (of(&train), of(&valid), of(&test));
            let fitted = try_fit(name, &Problem::new(train, Some(valid)), &[], 0).unwrap();
            let found = accuracy(&fitted.model, &test);
            assert!(found > if as_labels { 0.88 } else { 0.8 }, "{name}, labels: {as_labels}: {found}");
            assert!(fitted.convergence.converged && fitted.convergence.iterations == 150);
            for series in ["training-loss", "penalty", "validation-loss"] {
                assert_eq!(fitted.traces[series].len(), 150, "{name} {series}");
            }
            assert!((1.0..=150.0).contains(&fitted.traces["kept-epoch"][0]));
            let outputs = if as_labels { 1 } else { 3 };
            assert_eq!(fitted.model.predict(1, &test.tasks[1].x).len(), outputs * test.tasks[1].n());
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let switches: [(&str, Vec<(&str, ParamValue)>); 4] = [
        ("shared-bottom", vec![("dropout", ParamValue::Flag(true))]),
        ("mrn", vec![("axes", named_value("as-released")), ("frequency", count(5))]),
        ("tomato-el", vec![("entropy", num(0.1)), ("reconstruction", num(0.1))]),
        ("tomato-ex", vec![("topic_layers", count(1)), ("dropout", ParamValue::Flag(true))]),
    ];
    for (name, given) in bottom().map(|m| (m.info.name, vec![])).chain(switches) {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(name, &[&given[..], &[("epochs", count(6)), ("primary_epochs", count(3))]].concat()))
        };
        let (one, many) = (on(1), on(3));
        assert_eq!((one.model, one.trace), (many.model, many.trace), "{name} {given:?}");
    }
}

/// Invariants 6 and 9 of the specification (section 8), as far as they speak of whole runs.
#[test]
fn penalties_of_no_strength_leave_shared_bottom() {
    let plain = fit("shared-bottom", &[]);
    assert_eq!(fit("inter-task-l2", &[("mu", num(0.0))]).model, plain.model);
    assert_eq!(fit("mrn", &[("nu", num(0.0))]).model, plain.model);
    for (name, strength) in [("inter-task-l2", "mu"), ("mrn", "nu"), ("shared-bottom", "l2")] {
        assert_ne!(fit(name, &[(strength, num(1e-3))]).model, plain.model, "{name}");
    }
    let nu = |axes: &str| fit("mrn", &[("nu", num(1e-3)), ("axes", named_value(axes)), ("epochs", count(3))]);
    assert_ne!(nu("aligned").model, nu("as-released").model);
    // The same start; a stitch that is an identity does nothing.
    let at_start = [("epochs", count(0))];
    assert!(apart(&fit("cross-stitch", &at_start), &fit("shared-bottom", &at_start)) < 1e-6);
    assert!(apart(&fit("cross-stitch", &[]), &plain) > 1e-3);
    // A single topic: the gate is not decayed, and its parameters stay where they started.
    let one = fit("tomato-el", &[("topics", count(1)), ("l2", num(1e-4))]);
    assert_eq!(topics(&one).dim(), (1, TASKS));
    // With tasks tied by force and with deviations that are shrunk to nothing there is one network.
    let spread = |fitted: &Fitted| {
        let x = &classes(40, 3).tasks[0].x;
        let first = fitted.model.predict(0, x);
        (1..TASKS).map(|t| (&fitted.model.predict(t, x) - &first).pow2().sum().sqrt()).fold(0.0, f64::max)
    };
    assert!(spread(&plain) > 0.1 && spread(&fit("single", &[])) == 0.0);
    assert_eq!(spread(&fit("tomato-el", &[("lambda", num(10.0))])), 0.0);
    let tied = spread(&fit("inter-task-l2", &[("mu", num(0.1))]));
    assert!(tied < 0.3 * spread(&plain), "{tied} {}", spread(&plain));
}

#[test]
fn deviations_shrink_as_far_as_their_budget_goes() {
    for layers in [1, 2] {
        let with = |name: &str, lambda: f64| {
            fit(name, &[("lambda", num(lambda)), ("topics", count(3)), ("topic_layers", count(layers))])
        };
        for (name, lambda) in [("tomato-el", 7e-3), ("tomato-ex", 1.0)] {
            let free = with(name, 0.0);
            assert_eq!((free.traces["zero-deviations"][0], free.traces["shrink-budget"][0]), (0.0, 0.0));
            assert_eq!(topics(&free).dim(), (3, TASKS));
            assert!(free.components.len() == 1 && free.objective.penalty == 0.0);
            let some = with(name, lambda);
            let steps = 150.0 * (270.0_f64 / 64.0).ceil();
            let rates: f64 = (0..steps as usize).map(|i| 0.9f64.powf(i as f64 / 1000.0)).sum();
            assert!((some.traces["shrink-budget"][0] - lambda * rates).abs() < 1e-9 * rates);
            let norms = topics(&some);
            assert_eq!(some.traces["zero-deviations"][0], norms.iter().filter(|norm| **norm == 0.0).count() as f64);
            assert!(
                some.traces["zero-deviations"][0] > 0.0 && norms.sum() < 0.9 * topics(&free).sum(),
                "{name}: {norms}"
            );
            let value = match name {
                "tomato-el" => lambda * norms.sum(),
                _ => lambda / 2.0 * norms.rows().into_iter().map(|topic| topic.sum().powi(2)).sum::<f64>(),
            };
            assert!((some.objective.penalty - value).abs() <= 1e-6 * value, "{name}: {value}");
            let all = with(name, 1e3);
            // Tasks compete: the largest deviation of a topic is never quite gone.
            let left = if name == "tomato-ex" { 3 * TASKS - 3 } else { 3 * TASKS };
            assert_eq!(all.traces["zero-deviations"][0], left as f64, "{name}, {layers} layers: {}", topics(&all));
        }
    }
}

#[test]
fn options_are_what_they_say() {
    let flag = ParamValue::Flag;
    let (epochs, plain) = ([("epochs", count(8))], fit("tomato-el", &[("epochs", count(8))]));
    let with = |given: Given<'_>| fit("tomato-el", &[&epochs[..], given].concat());
    // Off, dropout's rates do nothing.
    assert_eq!(with(&[("input_dropout", num(0.5)), ("bottom_dropout", num(0.0))]).model, plain.model);
    for given in [
        ("dropout", flag(true)),
        ("smoothing", num(0.0)),
        ("decay_steps", num(10.0)),
        ("entropy", num(0.1)),
        ("reconstruction", num(0.1)),
        ("batch", count(32)),
        ("start", named_value("per-split")),
    ] {
        assert_ne!(with(std::slice::from_ref(&given)).model, plain.model, "{given:?}");
    }
    // The sum over tasks with smaller steps and larger strengths is the mean.
    let strengths = |factor: f64| {
        let all = ["l2", "lambda", "entropy", "reconstruction"].map(|name| (name, num(1e-2 * factor)));
        [&epochs[..], &all, &[("rate", num(1.0 / factor))]].concat()
    };
    let mean = fit("tomato-ex", &strengths(1.0));
    let sum = fit("tomato-ex", &[&strengths(TASKS as f64)[..], &[("loss", named_value("sum"))]].concat());
    assert!(apart(&mean, &sum) < 1e-5);
    let ratio = |of: &dyn Fn(&Fitted) -> f64| of(&sum) / of(&mean);
    assert!((ratio(&|f| f.objective.total) - 4.0).abs() < 1e-4 && (ratio(&|f| f.trace[7]) - 4.0).abs() < 1e-4);
    assert!((ratio(&|f| f.traces["shrink-budget"][0]) - 1.0).abs() < 1e-9);
}

/// The released program starts every repeat with the same parameters and only draws splits and batches anew.
#[test]
fn repeats_start_alike_unless_asked_otherwise() {
    let problem = Problem::new(classes(60, 1), Some(classes(30, 2)));
    for entry in bottom() {
        let name = entry.info.name;
        let start = |start: &str, epochs: u64, seed: u32| {
            let given = [("start", named_value(start)), ("epochs", count(epochs)), ("primary_epochs", count(0))];
            try_fit(name, &problem, &given, seed).unwrap().model
        };
        assert_eq!(start("shared", 0, 1), start("shared", 0, 2), "{name}");
        assert_ne!(start("shared", 1, 1), start("shared", 1, 2), "{name}: batches differ");
        assert_ne!(start("per-split", 0, 1), start("per-split", 0, 2), "{name}");
        assert_eq!(start("per-split", 1, 1), start("per-split", 1, 1), "{name}");
    }
}

#[test]
fn an_epoch_is_chosen_where_there_is_a_validation_part() {
    let (train, valid) = (classes(12, 1), classes(60, 2));
    let kept = |problem: &Problem, keep: &str| {
        let given = [("keep", named_value(keep)), ("epochs", count(400)), ("smoothing", num(0.0))];
        try_fit("separate", problem, &given, 0).unwrap()
    };
    let with = Problem::new(train.clone(), Some(valid));
    let best = kept(&with, "best");
    let losses = &best.traces["validation-loss"];
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let epoch = best.traces["kept-epoch"][0];
    assert!(epoch < 400.0 && losses[epoch as usize - 1] == least, "overfits, and has no penalty");
    assert_eq!(kept(&with, "last").traces["kept-epoch"], [400.0]);
    assert_eq!(kept(&Problem::new(train, None), "best").traces["kept-epoch"], [400.0]);
}

#[test]
fn factors_start_at_the_primary_network() {
    let ranks = |accuracy: f64| fit("shared-bottom-tucker", &[("accuracy", num(accuracy)), ("epochs", count(0))]);
    assert_eq!(ranks(0.0).traces["ranks"], [8.0, 6.0, 4.0]);
    assert!(ranks(0.5).traces["ranks"].iter().sum::<f64>() < 18.0);
    let restored = |restore: bool| {
        fit("shared-bottom-tucker", &[("restore_bottom", ParamValue::Flag(restore)), ("epochs", count(0))])
    };
    assert!(apart(&restored(true), &restored(false)) > 1e-9);
}

#[test]
fn likelihoods_of_classes_are_targets() {
    let hard = classes(60, 1);
    let soft = |share: f64| {
        let likely = |task: &Task| {
            Array2::from_shape_fn(
                (task.n(), 3),
                |(i, c)| if task.y[i] == c as f64 { share } else { (1.0 - share) / 2.0 },
            )
        };
        hard.clone().with_likelihoods(hard.tasks.iter().map(likely).collect()).unwrap()
    };
    let of =
        |data: &MultiTask| try_fit("single", &Problem::new(data.clone(), None), &[("epochs", count(5))], 0).unwrap();
    assert_eq!(of(&soft(1.0)).model, of(&hard).model);
    assert!(apart(&of(&soft(0.6)), &of(&hard)) > 1e-3);
}

#[test]
fn what_cannot_be_is_refused() {
    let problem = Problem::new(classes(20, 1), None);
    let refused = |given: Given<'_>| try_fit("tomato-el", &problem, given, 0).err().unwrap().to_string();
    assert_eq!(refused(&[("topic_layers", count(3))]), "`topic_layers` is 3, expected 1 or 2");
    assert_eq!(refused(&[("input_dropout", num(1.0))]), "`input_dropout` is 1: nothing would be left");
    let numbers = Problem::new(common::random(20, 4, 2, 1), None);
    assert_eq!(try_fit("mmoe", &numbers, &[], 0).err().unwrap().to_string(), "mmoe does not learn numbers");
    let unable = method("lasso").unwrap().fit_path(&problem, &[params("lasso", &[])], &Context::new(Seed::of(&0)));
    assert_eq!(unable.err().unwrap().to_string(), "lasso does not learn labels of 3 classes");
    let mistaken = |name: &str, parameter: &str, value: ParamValue| -> ParamError {
        ParamSet::new(&method(name).unwrap().params, &[(parameter.to_owned(), value)].into()).unwrap_err()
    };
    for (name, parameter, value, message) in [
        ("tomato-ex", "topics", count(0), "`topics` is 0, expected a whole number >= 1"),
        ("tomato-ex", "lambda", num(-1.0), "`lambda` is -1, expected a number >= 0"),
        ("mmoe", "experts", num(1.5), "`experts` is 1.5, expected a whole number >= 1"),
        ("mrn", "axes", named_value("reversed"), "`axes` is reversed, expected one of aligned, as-released"),
        ("separate", "decay_steps", num(0.0), "`decay_steps` is 0, expected a number > 0"),
        ("single", "loss", named_value("total"), "`loss` is total, expected one of mean, sum"),
        ("shared-bottom", "bottom_dropout", num(1.5), "`bottom_dropout` is 1.5, expected a number from 0 to 1"),
    ] {
        assert_eq!(mistaken(name, parameter, value).message, message);
    }
    let wild =
        try_fit("shared-bottom", &Problem::new(classes(20, 1).map(|_, x| x * 1e20, |_, y| y.clone()), None), &[], 0);
    assert!(matches!(wild, Err(FitError::Solver(_))));
}

#[test]
fn networks_of_labels_come_back_from_files() {
    let data = labelled(&common::random(30, 4, 3, 13));
    for name in ["tomato-el", "cross-stitch"] {
        let fitted = try_fit(name, &Problem::new(data.clone(), None), &[("reconstruction", num(0.1))], 0).unwrap();
        let text = serde_json::to_string(&fitted.model).unwrap();
        let Model::Network(network) = serde_json::from_str::<Model>(&text).unwrap() else { panic!("a network") };
        assert_eq!((network.check(4, 3), network.check(3, 3).is_err()), (Ok(()), true));
        let same: Array1<f64> = network.predict(1, &data.tasks[1].x);
        assert_eq!(same, fitted.model.predict(1, &data.tasks[1].x));
    }
    // A file of predictions has one number a row.
    let several = fit("tomato-el", &[("epochs", count(1))]);
    let Model::Network(network) = &several.model else { panic!("a network") };
    assert!(network.check(4, TASKS).is_err_and(|e| e.contains("3 outputs")));
}
