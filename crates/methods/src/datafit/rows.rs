//! The squared loss from the rows themselves, for solvers that only take gradients.

use mtl_core::{MultiTask, Task};
use ndarray::{Array1, Array2, ArrayView1};

use super::LossScale;

/// Steps of the power method; they bring the largest eigenvalue to well within a percent.
const POWER_STEPS: usize = 50;

/// Steps and accuracy of conjugate gradients.
const CONJUGATE_STEPS: usize = 200;
const CONJUGATE_ACCURACY: f64 = 1e-10;

/// `L(W) = sum_t c_t / 2 ||y_t - X_t w_t||^2`. A gradient costs `O(n p)` a task, and nothing is prepared: no `X'X`, no
/// decomposition.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    data: &'a MultiTask,
    factors: Vec<f64>,
}

impl<'a> Rows<'a> {
    /// The loss on the given data.
    pub fn new(data: &'a MultiTask, scale: LossScale) -> Self {
        let factors = data.tasks.iter().map(|task| scale.factor(task.n(), data.n_tasks())).collect();
        Self { data, factors }
    }

    /// Features and tasks.
    pub fn shape(&self) -> (usize, usize) {
        (self.data.n_features(), self.data.n_tasks())
    }

    /// The rows of task `t`.
    pub fn task(&self, t: usize) -> &'a Task {
        &self.data.tasks[t]
    }

    /// Loss and gradient of one task.
    pub fn of_task(&self, t: usize, w: ArrayView1<'_, f64>) -> (f64, Array1<f64>) {
        let task = self.task(t);
        let residual = task.x.dot(&w) - &task.y;
        (self.factors[t] / 2.0 * residual.dot(&residual), task.x.t().dot(&residual) * self.factors[t])
    }

    /// Loss and gradient at `w`.
    pub fn value_and_gradient(&self, w: &Array2<f64>) -> (f64, Array2<f64>) {
        let mut gradient = Array2::zeros(w.raw_dim());
        let mut value = 0.0;
        for (t, column) in w.columns().into_iter().enumerate() {
            let (of_task, slope) = self.of_task(t, column);
            value += of_task;
            gradient.column_mut(t).assign(&slope);
        }
        (value, gradient)
    }

    /// Largest eigenvalue of `c_t X_t'X_t`, by the power method.
    pub fn curvature(&self, t: usize) -> f64 {
        let mut v = Array1::<f64>::from_elem(self.shape().0, 1.0);
        let mut value = 0.0;
        for _ in 0..POWER_STEPS {
            v = self.bend(t, &(&v / v.dot(&v).sqrt().max(f64::MIN_POSITIVE)));
            value = v.dot(&v).sqrt();
        }
        value
    }

    /// Solves `(c_t X_t'X_t + ridge I) w_t = c_t X_t'y_t` for every task by conjugate gradients.
    pub fn ridge_solution(&self, ridge: f64) -> Array2<f64> {
        let (p, m) = self.shape();
        let mut weights = Array2::zeros((p, m));
        for t in 0..m {
            let mut w = Array1::zeros(p);
            let mut residual = -self.of_task(t, w.view()).1;
            let mut direction = residual.clone();
            let mut energy = residual.dot(&residual);
            let enough = CONJUGATE_ACCURACY * CONJUGATE_ACCURACY * energy;
            for _ in 0..CONJUGATE_STEPS {
                if energy <= enough {
                    break;
                }
                let bent = self.bend(t, &direction) + &direction * ridge;
                let step = energy / direction.dot(&bent);
                w.scaled_add(step, &direction);
                residual.scaled_add(-step, &bent);
                let next = residual.dot(&residual);
                direction = &residual + &(direction * (next / energy));
                energy = next;
            }
            weights.column_mut(t).assign(&w);
        }
        weights
    }

    /// `c_t X_t'X_t v`.
    fn bend(&self, t: usize, v: &Array1<f64>) -> Array1<f64> {
        let x = &self.task(t).x;
        x.t().dot(&x.dot(v)) * self.factors[t]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::datafit::{Squared, Statistics};
    use mtl_core::{Moments, Target};
    use ndarray::array;

    #[test]
    fn rows_and_statistics_are_the_same_loss() {
        let task = |name: &str, x, y| Task { name: name.into(), x: Arc::new(x), y };
        let tasks = vec![
            task("wide", array![[1.0, -2.0, 0.5]], array![2.0]),
            task("tall", array![[1.0, 0.0, 1.0], [2.0, 1.0, -1.0], [0.0, 3.0, 1.0]], array![1.0, -1.0, 2.0]),
        ];
        let names = vec!["a".into(), "b".into(), "c".into()];
        let data = MultiTask::new(names, Target::Regression, tasks).unwrap();
        let rows = Rows::new(&data, LossScale::HalfMean);
        let squared = Squared::new(Arc::new(Statistics::new(Moments::of(&data))), LossScale::HalfMean).unwrap();
        let w = array![[0.3, -1.0], [2.0, 0.4], [0.1, 1.5]];
        let ((a, slope), (b, same)) = (rows.value_and_gradient(&w), squared.value_and_gradient(&w));
        assert!((a - b).abs() < 1e-12 && (slope - same).iter().all(|d| d.abs() < 1e-12));
        let solution = rows.ridge_solution(0.3);
        let slope = rows.value_and_gradient(&solution).1 + &solution * 0.3;
        assert!(slope.iter().all(|d| d.abs() < 1e-9));
        for t in 0..2 {
            let exact = squared.factor(t) * squared.spectrum(t).largest();
            assert!((rows.curvature(t) / exact - 1.0).abs() < 1e-3);
        }
    }
}
