//! Tasks whose weights have the same signs but for some that are flipped, after the generators of the SRML paper (Bai
//! et al., SDM 2023): `R7` for regression and `C8` for classes.
//!
//! - Inputs `X_t = N(0, 1) + s_t`, with one number `s_t = shift U(0, 1)` a task added to every entry.
//! - Weights `w_tj = alpha_w p_j f_tj |N(0, 1)|`, with the polarity `p_j = sign(N(0, 1))` that tasks share, and `f_tj`
//!   that is -1 with the probability `flips` and else +1. With `shared: no` there is no polarity,
//!   `w_tj = alpha_w f_tj N(0, 1)`.
//! - Targets `y_t = X_t w_t + noise N(0, 1)`; for classes its sign, which is `1[sigmoid(..) > 0.5]`.
//!
//! The generators differ in their defaults only, which the catalog has. Polarity, flips, weights, shifts, inputs and
//! noise come from separate streams of the seed, all but the polarity with a stream for each task. More tasks, more
//! samples, another scale or more flips leave every other draw as it was.

use std::sync::Arc;

use mtl_core::{MultiTask, Seed, Target, Task, Truth};
use ndarray::{Array1, Array2};
use rand::Rng;

use super::normal;
use crate::sets::{Options, choice, number};

/// Tasks to predict a number.
pub(crate) fn draw(options: &Options, seed: &Seed) -> MultiTask {
    observe(Target::Regression, options, seed)
}

/// Tasks to predict a class.
pub(crate) fn draw_classes(options: &Options, seed: &Seed) -> MultiTask {
    observe(Target::Binary, options, seed)
}

fn name(task: usize) -> String {
    format!("task {}", task + 1)
}

fn truth(options: &Options, seed: &Seed) -> Truth {
    let (d, tasks): (usize, usize) = (number(options, "features"), number(options, "tasks"));
    let (scale, share): (f64, f64) = (number(options, "alpha_w"), number(options, "flips"));
    let mut rng = seed.stream("polarity").rng();
    let polarity = Array1::from_shape_simple_fn(d, || if normal(&mut rng) < 0.0 { -1.0 } else { 1.0 });
    let shared = choice(options, "shared") == "yes";
    let mut weights = Array2::zeros((d, tasks));
    for (t, mut column) in weights.columns_mut().into_iter().enumerate() {
        let mut sizes = seed.stream("weights").stream(&name(t)).rng();
        let mut flips = seed.stream("flips").stream(&name(t)).rng();
        for (weight, sign) in column.iter_mut().zip(&polarity) {
            let size = normal(&mut sizes);
            let size = if shared { sign * size.abs() } else { size };
            let flip = if flips.random::<f64>() < share { -1.0 } else { 1.0 };
            *weight = scale * flip * size;
        }
    }
    // No features are special, no tasks either.
    Truth { weights, shared_rows: Vec::new(), groups: vec![0; tasks], outliers: Vec::new(), support: None }
}

fn observe(target: Target, options: &Options, seed: &Seed) -> MultiTask {
    let truth = truth(options, seed);
    let (d, tasks) = truth.weights.dim();
    let samples: usize = number(options, "samples");
    let (shift, noise): (f64, f64) = (number(options, "shift"), number(options, "noise"));
    let task = |t: usize| {
        let stream = |purpose: &str| seed.stream(purpose).stream(&name(t)).rng();
        let (mut inputs, mut errors) = (stream("inputs"), stream("noise"));
        let shift = shift * stream("shift").random::<f64>();
        let x = Array2::from_shape_simple_fn((samples, d), || normal(&mut inputs) + shift);
        let e = Array1::from_shape_simple_fn(samples, || noise * normal(&mut errors));
        let y = x.dot(&truth.weights.column(t)) + e;
        let y = match target {
            Target::Regression | Target::Classes(_) => y,
            Target::Binary => y.mapv(|v| if v > 0.0 { 1.0 } else { -1.0 }),
        };
        Task { name: name(t), x: Arc::new(x), y }
    };
    let features = (1..=d).map(|i| format!("x{i}")).collect();
    let data = MultiTask::new(features, target, (0..tasks).map(task).collect());
    data.expect("shapes follow from the weights, and normal numbers are finite").with_truth(truth)
}

#[cfg(test)]
mod tests {
    use super::super::tests::rms;
    use super::*;
    use crate::{Catalog, DatasetSpec};
    use ndarray::s;

    fn drawn(set: &str, options: &[(&str, &str)], seed: u32) -> MultiTask {
        let spec = options.iter().fold(DatasetSpec::new(set), |spec, (option, value)| spec.with(*option, *value));
        let spec = spec.canonical(&Catalog::embedded()).unwrap();
        let draw = if set == "synthetic-srml" { draw } else { draw_classes };
        draw(&spec.options, &Seed::of(&seed))
    }

    fn regression(options: &[(&str, &str)]) -> MultiTask {
        drawn("synthetic-srml", options, 1)
    }

    fn weights(data: &MultiTask) -> &Array2<f64> {
        &data.truth.as_ref().unwrap().weights
    }

    /// Share of signs that differ between neighbouring tasks.
    fn disagreements(data: &MultiTask) -> f64 {
        let w = weights(data);
        let (d, tasks) = w.dim();
        let pairs = (1..tasks).flat_map(|t| (0..d).map(move |j| (t, j)));
        pairs.filter(|&(t, j)| w[[j, t]] * w[[j, t - 1]] < 0.0).count() as f64 / (d * (tasks - 1)) as f64
    }

    #[test]
    fn numbers_spread_as_the_generator_says() {
        let data = regression(&[("tasks", "80")]);
        assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (80, 25, 8000));
        let near = |value: f64, expected: f64, n: f64| {
            assert!((value / expected - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{value} is not near {expected}");
        };
        near(rms(weights(&data).iter().copied()), 1000.0, 2000.0);
        let errors =
            data.tasks.iter().enumerate().flat_map(|(t, task)| &task.y - task.x.dot(&weights(&data).column(t)));
        near(rms(errors), 0.1, 8000.0);
        // A flip rate of 0.1 makes 0.18 of neighbouring signs differ; five standard errors.
        assert!((disagreements(&data) - 0.18).abs() < 5.0 * (0.18_f64 * 0.82 / 1975.0).sqrt());
        let alone = disagreements(&regression(&[("tasks", "80"), ("shared", "no")]));
        assert!((alone - 0.5).abs() < 5.0 * (0.25_f64 / 1975.0).sqrt());
        assert_eq!(disagreements(&regression(&[("flips", "0")])), 0.0);
        // Shifts are uniform between 0 and their scale: one a task.
        let shifts: Vec<f64> =
            regression(&[("tasks", "80"), ("shift", "50")]).tasks.iter().map(|t| t.x.mean().unwrap()).collect();
        assert!(shifts.iter().all(|s| (-0.1..50.1).contains(s)));
        assert!((shifts.iter().sum::<f64>() / 80.0 - 25.0).abs() < 5.0 * 50.0 / 960.0_f64.sqrt());
    }

    #[test]
    fn one_option_leaves_the_other_draws_alone() {
        let data = regression(&[]);
        assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (20, 25, 2000));
        let same_inputs = |other: &MultiTask| data.tasks.iter().zip(&other.tasks).all(|(a, b)| a.x == b.x);
        for (option, value) in [("noise", "5"), ("flips", "0.2"), ("alpha_w", "1"), ("shared", "no"), ("tasks", "40")] {
            let other = regression(&[(option, value)]);
            assert!(same_inputs(&other), "{option}");
            assert_ne!(other.tasks[0].y == data.tasks[0].y, option != "tasks", "{option}");
        }
        assert_eq!(weights(&regression(&[("noise", "5"), ("shift", "50"), ("samples", "15")])), weights(&data));
        assert_eq!(weights(&regression(&[("tasks", "40")])).slice(s![.., ..20]), weights(&data));
        let scaled = weights(&regression(&[("alpha_w", "1")])) * 1000.0;
        assert!((&scaled - weights(&data)).iter().all(|d| d.abs() < 1e-9));
        let sizes = |data: &MultiTask| weights(data).mapv(f64::abs);
        assert_eq!(sizes(&regression(&[("flips", "0.2")])), sizes(&data));
        let more = regression(&[("samples", "400")]);
        for (a, b) in more.tasks.iter().zip(&data.tasks) {
            assert_eq!((a.x.slice(s![..100, ..]), a.y.slice(s![..100])), (b.x.view(), b.y.view()));
        }
        let shifted = regression(&[("shift", "0")]);
        let by_one_number = |(a, b): (&Task, &Task)| {
            let difference = &*a.x - &*b.x;
            difference.iter().all(|v| (v - difference[[0, 0]]).abs() < 1e-12)
        };
        assert!(data.tasks.iter().zip(&shifted.tasks).all(by_one_number));
        assert_ne!(weights(&drawn("synthetic-srml", &[], 2)), weights(&data));
    }

    #[test]
    fn classes_are_signs_of_nearly_noiseless_scores() {
        let data = drawn("synthetic-srml-classes", &[], 1);
        assert_eq!((data.n_tasks(), data.n_features(), data.n_samples(), data.target), (5, 25, 500, Target::Binary));
        assert!(data.tasks.iter().flat_map(|t| &t.y).all(|y| y.abs() == 1.0));
        let right = |(t, task): (usize, &Task)| {
            let scores = task.x.dot(&weights(&data).column(t));
            scores.iter().zip(&task.y).filter(|(s, y)| (**s > 0.0) == (**y > 0.0)).count()
        };
        let right: usize = data.tasks.iter().enumerate().map(right).sum();
        assert!(right >= 480, "{right} of 500 on the right side");
        let positive = data.tasks.iter().flat_map(|t| &t.y).filter(|y| **y > 0.0).count();
        assert!((positive as f64 - 250.0).abs() < 5.0 * 125.0_f64.sqrt(), "{positive} of 500 are positive");
        assert!((rms(weights(&data).iter().copied()) / 0.9 - 1.0).abs() < 5.0 / 250.0_f64.sqrt());
    }
}
