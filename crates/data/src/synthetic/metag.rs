//! The task clustering scenario: groups of tasks have the very same weights.
//!
//! `p = 100`, `m = 32`, `W = W1 + W2`. `W1` is 3 on ten rows, for all tasks. `W2` is 1 on twenty rows for tasks 17-24
//! and on twenty rows drawn anew for tasks 25-32; it is zero for tasks 1-16. Each draw is without replacement.
//!
//! Open in the paper: whether the two groups of `W2` use the same rows, and whether those avoid the rows of `W1`. The
//! three sets of rows are drawn independently of each other, so that they may overlap. There is no `N(0, 3)` here:
//! the option `spread` changes the noise only.

use mtl_core::split::choose;
use mtl_core::{MultiTask, Seed, Truth};
use ndarray::{Array2, s};

use super::observe;
use crate::sets::Options;

/// Number of features.
pub const FEATURES: usize = 100;
/// Number of tasks.
pub const TASKS: usize = 32;
/// Number of features that all tasks use.
pub const SHARED: usize = 10;
/// Number of features that a group adds.
pub const OF_GROUP: usize = 20;
/// First task of the second and of the third group, counted from 0.
pub const GROUP_STARTS: [usize; 2] = [16, 24];

pub(crate) fn draw(options: &Options, seed: &Seed) -> MultiTask {
    observe(truth(seed), options, seed)
}

fn truth(seed: &Seed) -> Truth {
    let mut rng = seed.stream("weights").rng();
    let mut weights = Array2::zeros((FEATURES, TASKS));
    let shared_rows = choose(FEATURES, SHARED, &mut rng);
    for &row in &shared_rows {
        weights.row_mut(row).fill(3.0);
    }
    let [second, third] = GROUP_STARTS;
    for tasks in [second..third, third..TASKS] {
        for row in choose(FEATURES, OF_GROUP, &mut rng) {
            weights.slice_mut(s![row, tasks.clone()]).mapv_inplace(|w| w + 1.0);
        }
    }
    let groups = (0..TASKS).map(|t| GROUP_STARTS.iter().filter(|&&start| t >= start).count()).collect();
    Truth { weights, shared_rows, groups, outliers: Vec::new(), support: None }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_observations;
    use super::*;

    #[test]
    fn observations() {
        check_observations(draw, "synthetic-metag", FEATURES, TASKS);
    }

    #[test]
    fn three_groups_share_their_weights() {
        for seed in 0..20 {
            let truth = truth(&Seed::of(&seed));
            let expected: Vec<usize> = [vec![0; 16], vec![1; 8], vec![2; 8]].concat();
            assert_eq!(truth.groups, expected);
            for t in 0..32 {
                let first = [0, 16, 24][truth.groups[t]];
                assert_eq!(truth.weights.column(t), truth.weights.column(first), "task {t}");
            }
            let base = truth.weights.column(0);
            assert_eq!(base.iter().filter(|&&w| w == 3.0).count(), 10);
            assert_eq!(base.iter().filter(|&&w| w == 0.0).count(), 90);
            for first in [16, 24] {
                let added = &truth.weights.column(first) - &base;
                assert_eq!(added.iter().filter(|&&w| w == 1.0).count(), 20);
                assert_eq!(added.iter().filter(|&&w| w == 0.0).count(), 80);
            }
            assert_ne!(truth.weights.column(16), truth.weights.column(24));
            let threes: Vec<usize> = (0..100).filter(|&i| base[i] == 3.0).collect();
            assert_eq!((truth.shared_rows.clone(), truth.outliers.len()), (threes, 0));
        }
    }
}
