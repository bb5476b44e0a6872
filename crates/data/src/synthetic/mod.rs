//! Data drawn from known parameters, so that what a method finds can be compared with what is there.
//!
//! [`srml`], [`sgmtl`], [`motifs`], [`bigmtl`] and [`tomato`] stand for themselves. The other three scenarios are those of the SSMTL paper
//! (Fei, Sun, Kudo, Kimura, ECAI 2023), each made for the method it is named after. Common to them: 50 samples a task
//! (or as many as asked for), inputs `X_t ~ N(0, 1)` drawn for each task, targets `y_t = X_t w_t + e_t` with `e_t ~
//! N(0, 0.01)`.
//!
//! Points the paper leaves open:
//! - whether the second number of `N(0, 3)` and `N(0, 0.01)` is a variance or a standard deviation. [`Spread`] has
//!   both; a variance unless asked otherwise.
//! - whether tasks share inputs. Each has its own.
//!
//! Weights, inputs and noise come from separate streams of the seed, and each task's inputs and noise from a stream of
//! their own: changing the reading of one spread leaves every other draw as it was.

pub mod bigmtl;
pub mod gl;
pub mod metag;
pub mod motifs;
mod numpy;
pub mod rmtfl;
pub mod sgmtl;
pub mod srml;
pub mod tomato;

use std::sync::Arc;

use mtl_core::{MultiTask, Seed, Target, Task, Truth};
use ndarray::{Array1, Array2};
use rand::Rng;
use rand_distr::StandardNormal;

use crate::sets::{Options, choice};

/// Samples of each task, unless asked for others.
pub const SAMPLES: usize = 50;

/// Second number of the noise's normal distribution.
const NOISE: f64 = 0.01;

/// How the second number of a normal distribution is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// As the variance.
    Variance,
    /// As the standard deviation.
    Sd,
}

impl Spread {
    fn of(options: &Options) -> Self {
        if choice(options, "spread") == "sd" { Self::Sd } else { Self::Variance }
    }

    /// The standard deviation meant by `N(0, number)`.
    pub fn sd(self, number: f64) -> f64 {
        match self {
            Self::Variance => number.sqrt(),
            Self::Sd => number,
        }
    }
}

/// A number from `N(0, 1)`.
fn normal(rng: &mut impl Rng) -> f64 {
    rng.sample(StandardNormal)
}

/// Draws inputs and targets for known weights of the SSMTL paper.
fn observe(truth: Truth, options: &Options, seed: &Seed) -> MultiTask {
    // The catalog lists numbers only.
    let samples = choice(options, "samples").parse().unwrap_or(SAMPLES);
    observe_with(truth, samples, Spread::of(options).sd(NOISE), seed)
}

/// Draws inputs from `N(0, 1)`, and targets with noise of a standard deviation, for known weights.
fn observe_with(truth: Truth, samples: usize, sd: f64, seed: &Seed) -> MultiTask {
    let (p, m) = truth.weights.dim();
    let (inputs, noise) = (seed.stream("inputs"), seed.stream("noise"));
    let task = |t: usize| {
        let name = format!("task {}", t + 1);
        let mut rng = inputs.stream(&name).rng();
        let x = Array2::from_shape_simple_fn((samples, p), || normal(&mut rng));
        let mut rng = noise.stream(&name).rng();
        let e = Array1::from_shape_simple_fn(samples, || sd * normal(&mut rng));
        Task { name, y: x.dot(&truth.weights.column(t)) + e, x: Arc::new(x) }
    };
    let features = (1..=p).map(|i| format!("x{i}")).collect();
    let data = MultiTask::new(features, Target::Regression, (0..m).map(task).collect());
    data.expect("shapes follow from the weights, and normal numbers are finite").with_truth(truth)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Catalog, DatasetSpec};
    use ndarray::s;

    /// One scenario, drawn from a numbered seed.
    pub(crate) fn drawn(draw: fn(&Options, &Seed) -> MultiTask, name: &str, spread: &str, seed: u32) -> MultiTask {
        let spec = DatasetSpec::new(name).with("spread", spread).canonical(&Catalog::embedded()).unwrap();
        draw(&spec.options, &Seed::of(&seed))
    }

    /// Standard deviation about zero.
    pub(crate) fn rms(values: impl IntoIterator<Item = f64>) -> f64 {
        let values: Vec<f64> = values.into_iter().collect();
        (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
    }

    /// What all scenarios have in common.
    pub(crate) fn check_observations(draw: fn(&Options, &Seed) -> MultiTask, name: &str, p: usize, m: usize) {
        let data = drawn(draw, name, "variance", 1);
        let truth = data.truth.as_ref().unwrap();
        assert_eq!((data.n_features(), data.n_tasks(), data.n_samples()), (p, m, SAMPLES * m));
        assert_eq!((truth.weights.dim(), truth.groups.len()), ((p, m), m));
        assert_eq!(data.distinct_inputs(), (0..m).collect::<Vec<_>>(), "every task has inputs of its own");
        assert_ne!(data.tasks[0].x, data.tasks[1].x);
        let entry = Catalog::embedded();
        let entry = entry.get(name).unwrap();
        let amounts = [&entry.features, &entry.tasks, &entry.rows].map(ToString::to_string);
        assert_eq!(amounts, [p, m, SAMPLES * m].map(|n| n.to_string()), "the catalog says so too");

        // Five standard errors of a root mean square over n numbers: 5 / sqrt(2 n).
        let near = |value: f64, expected: f64, n: usize| {
            assert!((value / expected - 1.0).abs() < 5.0 / (2.0 * n as f64).sqrt(), "{value} is not near {expected}");
        };
        let n = SAMPLES * m;
        near(rms(data.tasks.iter().flat_map(|t| t.x.iter().copied())), 1.0, n * p);
        let noise = |data: &MultiTask| {
            let truth = data.truth.clone().unwrap();
            let errors =
                data.tasks.iter().enumerate().map(move |(t, task)| &task.y - &task.x.dot(&truth.weights.column(t)));
            rms(errors.flatten())
        };
        near(noise(&data), 0.1, n);
        let other = drawn(draw, name, "sd", 1);
        near(noise(&other), 0.01, n);
        assert_eq!(other.tasks[0].x, data.tasks[0].x, "the spread leaves the inputs alone");

        let spec = DatasetSpec::new(name).with("samples", "100").canonical(&Catalog::embedded()).unwrap();
        let more = draw(&spec.options, &Seed::of(&1_u32));
        let same = |a: &Task, b: &Task| a.x.slice(s![..SAMPLES, ..]) == *b.x && a.y.slice(s![..SAMPLES]) == b.y;
        assert_eq!(more.n_samples(), 100 * m);
        assert!(more.tasks.iter().zip(&data.tasks).all(|(a, b)| same(a, b)), "more samples of the same tasks");

        let again = drawn(draw, name, "variance", 1);
        assert_eq!(again.truth, data.truth);
        assert!(again.tasks.iter().zip(&data.tasks).all(|(a, b)| a.x == b.x && a.y == b.y));
        let fresh = drawn(draw, name, "variance", 2);
        assert_ne!(fresh.truth, data.truth);
        assert_ne!(fresh.tasks[0].x, data.tasks[0].x);
    }
}
