//! The group lasso scenario: every task uses the same few features.
//!
//! `p = 80`, `m = 10`. Ten rows of `W`, drawn without replacement, hold numbers from `N(0, 3)`; the others are zero.

use mtl_core::split::choose;
use mtl_core::{MultiTask, Seed, Truth};
use ndarray::Array2;

use super::{Spread, normal, observe};
use crate::sets::Options;

/// Number of features.
pub const FEATURES: usize = 80;
/// Number of tasks.
pub const TASKS: usize = 10;
/// Number of features in use.
pub const SHARED: usize = 10;

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
    Truth { weights, shared_rows, groups: vec![0; TASKS], outliers: Vec::new(), support: None }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_observations, rms};
    use super::*;

    #[test]
    fn observations() {
        check_observations(draw, "synthetic-gl", FEATURES, TASKS);
    }

    #[test]
    fn ten_rows_are_in_use_by_all() {
        for seed in 0..20 {
            let truth = truth(Spread::Variance, &Seed::of(&seed));
            assert_eq!(truth.shared_rows.len(), 10);
            for (row, weights) in truth.weights.rows().into_iter().enumerate() {
                let used = truth.shared_rows.contains(&row);
                assert!(weights.iter().all(|w| (*w != 0.0) == used), "row {row}");
            }
            assert_eq!((&truth.groups, &truth.outliers), (&vec![0; 10], &vec![]));
        }
    }

    #[test]
    fn weights_spread_as_asked() {
        let all = |spread: Spread| {
            let drawn = (0..40).map(|seed| truth(spread, &Seed::of(&seed)));
            rms(drawn.flat_map(|t| t.weights.iter().copied().filter(|w| *w != 0.0).collect::<Vec<_>>()))
        };
        // 4000 numbers: a standard error of 1.1 %.
        assert!((all(Spread::Variance) / 3.0_f64.sqrt() - 1.0).abs() < 0.05);
        assert!((all(Spread::Sd) / 3.0 - 1.0).abs() < 0.05);
    }
}
