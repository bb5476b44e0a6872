//! Least squares with intercepts, which centring each task's inputs and targets eliminates.

use std::sync::Arc;

use mtl_core::{Moments, MultiTask};
use ndarray::{Array1, Array2, Axis};

use super::Statistics;

/// A mean below this share of a column's root mean square changes `X'X` by less than rounding does (its square).
const CENTRED: f64 = 1e-9;

/// `min_b ||y_t - X_t w_t - b_t||^2 = ||(y_t - ybar_t) - (X_t - xbar_t) w_t||^2`: statistics of the right-hand side,
/// and what gives `b_t` back.
#[derive(Debug)]
pub struct Centred {
    /// Statistics of the centred data.
    pub statistics: Arc<Statistics>,
    /// `xbar_t`, one a task.
    inputs: Vec<Arc<Array1<f64>>>,
    /// `ybar_t`, one a task.
    targets: Array1<f64>,
}

impl Centred {
    /// Centres every task. Data whose means are zero already share the `raw` statistics, and with them the spectra
    /// that other fits have computed.
    pub fn of(data: &MultiTask, raw: impl FnOnce() -> Arc<Statistics>) -> Self {
        let first = data.distinct_inputs();
        let mut inputs: Vec<Arc<Array1<f64>>> = Vec::with_capacity(data.n_tasks());
        for (t, task) in data.tasks.iter().enumerate() {
            let shared = (first[t] < t).then(|| Arc::clone(&inputs[first[t]]));
            inputs.push(shared.unwrap_or_else(|| Arc::new(task.x.mean_axis(Axis(0)).unwrap_or_default())));
        }
        let targets: Array1<f64> = data.tasks.iter().map(|task| task.y.mean().unwrap_or_default()).collect();
        let small = |mean: f64, squares: f64, n: usize| mean.abs() <= CENTRED * (squares / n as f64).sqrt();
        let centred = data.tasks.iter().enumerate().all(|(t, task)| {
            let columns = || task.x.columns().into_iter().zip(inputs[t].iter());
            small(targets[t], task.y.dot(&task.y), task.n())
                && (first[t] < t || columns().all(|(x, &mean)| small(mean, x.dot(&x), task.n())))
        });
        let statistics = if centred {
            raw()
        } else {
            let centred = data.map(|t, x| x - &*inputs[t], |t, y| y - targets[t]);
            Arc::new(Statistics::new(Moments::of(&centred)))
        };
        Self { statistics, inputs, targets }
    }

    /// `b_t = ybar_t - xbar_t'w_t`.
    pub fn intercepts(&self, weights: &Array2<f64>) -> Array1<f64> {
        let fitted = self.inputs.iter().zip(weights.columns()).map(|(mean, w)| mean.dot(&w));
        self.targets.iter().zip(fitted).map(|(mean, fitted)| mean - fitted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mtl_core::{Target, Task};
    use ndarray::array;

    fn data(x: Array2<f64>, targets: [Array1<f64>; 2]) -> MultiTask {
        let x = Arc::new(x);
        let tasks = targets.map(|y| Task { name: y.to_string(), x: Arc::clone(&x), y });
        MultiTask::new(vec!["a".into(), "b".into()], Target::Regression, tasks.into()).unwrap()
    }

    #[test]
    fn means_become_intercepts() {
        let data = data(array![[1.0, 2.0], [2.0, -1.0], [4.0, 0.5]], [array![1.0, 2.0, 0.0], array![5.0, 3.0, 4.0]]);
        let centred = Centred::of(&data, || unreachable!("the data are not centred"));
        let moments = &centred.statistics.moments;
        assert!(Arc::ptr_eq(&moments.gram[0], &moments.gram[1]));
        let w = array![[0.3, -1.0], [2.0, 0.4]];
        let b = centred.intercepts(&w);
        for (t, task) in data.tasks.iter().enumerate() {
            let residual = &task.y - &task.x.dot(&w.column(t)) - b[t];
            assert!(residual.sum().abs() < 1e-12, "the best intercept leaves residuals of mean zero");
            let fitted = moments.gram[t].times(&w.column(t).to_owned());
            let energy = moments.yty[t] + w.column(t).dot(&(&fitted - &(2.0 * &moments.xty.column(t))));
            assert!((residual.dot(&residual) - energy).abs() < 1e-12);
        }
    }

    #[test]
    fn centred_data_keep_their_statistics() {
        let data = data(array![[1.0, 2.0], [-1.0, -2.0]], [array![1.0, -1.0], array![3.0, -3.0]]);
        let raw = Arc::new(Statistics::new(Moments::of(&data)));
        let centred = Centred::of(&data, || Arc::clone(&raw));
        assert!(Arc::ptr_eq(&centred.statistics, &raw));
        assert_eq!(centred.intercepts(&Array2::ones((2, 2))), array![0.0, 0.0]);
    }
}
