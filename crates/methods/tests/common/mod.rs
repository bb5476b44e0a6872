//! Small problems for tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use mtl_core::{MultiTask, Seed, Target, Task};
use mtl_methods::{Context, Fitted, ParamSet, ParamValue, Problem, method};
use ndarray::{Array1, Array2};
use rand_distr::{Distribution, StandardNormal};

/// A random regression problem: a third of the features shared, the rest task-specific, unit noise.
pub fn random(n: usize, p: usize, m: usize, key: u64) -> MultiTask {
    let mut rng = Seed::of(&("methods test", n, p, m, key)).rng();
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let common = Array1::from_shape_fn(p, |i| if i % 3 == 0 { 2.0 * normal() } else { 0.0 });
    let tasks = (0..m)
        .map(|t| {
            let x = Array2::from_shape_fn((n, p), |_| normal());
            let w = &common + &Array1::from_shape_fn(p, |_| 0.3 * normal());
            let y = x.dot(&w) + Array1::from_shape_fn(n, |_| normal());
            Task { name: format!("task {t}"), x: Arc::new(x), y }
        })
        .collect();
    named(p, tasks)
}

/// A multi-task set with features named by number.
pub fn named(p: usize, tasks: Vec<Task>) -> MultiTask {
    MultiTask::new((0..p).map(|i| format!("x{i}")).collect(), Target::Regression, tasks).unwrap()
}

/// Hyperparameters from `name = value` pairs.
pub fn params(name: &str, given: &[(&str, ParamValue)]) -> ParamSet {
    let given: BTreeMap<_, _> = given.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    ParamSet::new(&method(name).unwrap().params, &given).unwrap()
}

/// A number as a parameter value.
pub fn num(v: f64) -> ParamValue {
    ParamValue::Number(v)
}

/// A name as a parameter value.
pub fn named_value(v: &str) -> ParamValue {
    ParamValue::Choice(v.into())
}

/// One fit.
pub fn fit(name: &str, data: &MultiTask, given: &[(&str, ParamValue)]) -> Fitted {
    let problem = Problem::new(data.clone(), None);
    let path = [params(name, given)];
    let context = Context::new(Seed::of(&0));
    method(name).unwrap().fit_path(&problem, &path, &context).unwrap().remove(0)
}

/// One fit to the tightest tolerance the tests ask for.
pub fn tight(name: &str, data: &MultiTask, given: &[(&str, ParamValue)]) -> Fitted {
    let mut given = given.to_vec();
    given.push(("tol", num(1e-9)));
    let fitted = fit(name, data, &given);
    assert!(fitted.convergence.converged, "{name} {given:?}: {:?}", fitted.convergence);
    fitted
}

/// Weights of a linear fit.
pub fn weights(fitted: &Fitted) -> &Array2<f64> {
    fitted.model.weights().unwrap()
}

/// Intercepts of a linear fit.
pub fn intercepts(fitted: &Fitted) -> &Array1<f64> {
    fitted.model.intercepts().unwrap()
}

/// Largest absolute entry.
pub fn largest(a: &Array2<f64>) -> f64 {
    a.iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// `sum_t 1/2 ||y_t - X_t w_t||^2` from the rows.
pub fn half_loss(data: &MultiTask, w: &Array2<f64>) -> f64 {
    let residual = |t: usize, task: &Task| &task.y - &task.x.dot(&w.column(t));
    data.tasks.iter().enumerate().map(|(t, task)| residual(t, task).mapv(|r| r * r).sum() / 2.0).sum()
}

/// `X_t'(y_t - X_t w_t)` from the rows, features x tasks.
pub fn correlation(data: &MultiTask, w: &Array2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros(w.raw_dim());
    for (t, task) in data.tasks.iter().enumerate() {
        out.column_mut(t).assign(&task.x.t().dot(&(&task.y - &task.x.dot(&w.column(t)))));
    }
    out
}

/// The same inputs with the signs of the targets as labels; both kinds occur in every task.
pub fn labelled(data: &MultiTask) -> MultiTask {
    let label = |y: &Array1<f64>| {
        let middle = y.mean().unwrap();
        y.mapv(|v| if v > middle { 1.0 } else { -1.0 })
    };
    MultiTask { target: Target::Binary, ..data.map(|_, x| x.clone(), |_, y| label(y)) }
}

/// Inputs and targets without their means, task by task.
pub fn centred(data: &MultiTask) -> MultiTask {
    data.map(|_, x| x - &x.mean_axis(ndarray::Axis(0)).unwrap(), |_, y| y - y.mean().unwrap())
}
