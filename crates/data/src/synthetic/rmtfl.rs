//! The outlier tasks scenario: most tasks share few features, some have a mind of their own.
//!
//! `p = 200`, `m = 30`, `W = W1 + W2`. Twenty rows of `W1`, drawn without replacement, hold numbers from `N(0, 3)`, for
//! all tasks; the last ten columns of `W2` are dense with numbers from `N(0, 1)`.
//!
//! An outlier's 200 weights cannot be recovered from 50 samples; which tasks are outliers, and the twenty rows, can.

use mtl_core::split::choose;
use mtl_core::{MultiTask, Seed, Truth};
use ndarray::Array2;

use super::{Spread, normal, observe};
use crate::sets::Options;

/// Number of features.
pub const FEATURES: usize = 200;
/// Number of tasks.
pub const TASKS: usize = 30;
/// Number of features that all tasks use.
pub const SHARED: usize = 20;
/// Number of outlier tasks, the last ones.
pub const OUTLIERS: usize = 10;

pub(crate) fn draw(options: &Options, seed: &Seed) -> MultiTask {
    observe(truth(Spread::of(options), seed), options, seed)
}

fn truth(spread: Spread, seed: &Seed) -> Truth {
    let mut rng = seed.stream("weights").rng();
    let shared_rows = choose(FEATURES, SHARED, &mut rng);
    let mut weights = Array2::zeros((FEATURES, TASKS));
    for &row in &shared_rows {
        weights.row_mut(row).mapv_inplace(|_| spread.sd(3.0) * normal(&mut rng));
    }
    let outliers: Vec<usize> = (TASKS - OUTLIERS..TASKS).collect();
    for &task in &outliers {
        weights.column_mut(task).mapv_inplace(|w| w + spread.sd(1.0) * normal(&mut rng));
    }
    Truth { weights, shared_rows, groups: vec![0; TASKS], outliers, support: None }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_observations, rms};
    use super::*;

    #[test]
    fn observations() {
        check_observations(draw, "synthetic-rmtfl", FEATURES, TASKS);
    }

    #[test]
    fn the_last_ten_tasks_are_dense() {
        for seed in 0..20 {
            let truth = truth(Spread::Variance, &Seed::of(&seed));
            assert_eq!(truth.outliers, (20..30).collect::<Vec<_>>());
            assert_eq!((truth.shared_rows.len(), &truth.groups), (20, &vec![0; 30]));
            for t in 0..30 {
                for (row, w) in truth.weights.column(t).indexed_iter() {
                    assert_eq!(*w != 0.0, t >= 20 || truth.shared_rows.contains(&row), "row {row}, task {t}");
                }
            }
        }
    }

    #[test]
    fn weights_spread_as_asked() {
        let parts = |spread: Spread| {
            let (mut shared, mut own) = (Vec::new(), Vec::new());
            for seed in 0..10 {
                let truth = truth(spread, &Seed::of(&seed));
                for ((row, task), &w) in truth.weights.indexed_iter() {
                    match (truth.shared_rows.contains(&row), task >= 20) {
                        (true, false) => shared.push(w),
                        (false, true) => own.push(w),
                        _ => {}
                    }
                }
            }
            (rms(shared), rms(own))
        };
        // 4000 and 18000 numbers: standard errors of 1.1 % and 0.5 %.
        let (shared, own) = parts(Spread::Variance);
        assert!((shared / 3.0_f64.sqrt() - 1.0).abs() < 0.05 && (own - 1.0).abs() < 0.03, "{shared}, {own}");
        let (shared, own) = parts(Spread::Sd);
        assert!((shared / 3.0 - 1.0).abs() < 0.05 && (own - 1.0).abs() < 0.03, "{shared}, {own}");
    }
}
