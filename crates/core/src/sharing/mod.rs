//! Shares of tasks in groups, groups x tasks with columns that sum to 1: how far they are from true groups, and what
//! several of them have in common.

mod assignment;
mod cliques;
mod linkage;

use ndarray::{Array2, ArrayView1, Axis, s};

pub use assignment::best_assignment;
pub use cliques::{Cliques, cliques};
pub use linkage::order;

/// Hard groups, one label a task, as shares; labels need not be consecutive.
pub fn hard(groups: &[usize]) -> Array2<f64> {
    let mut labels = groups.to_vec();
    labels.sort_unstable();
    labels.dedup();
    Array2::from_shape_fn((labels.len(), groups.len()), |(l, t)| if groups[t] == labels[l] { 1.0 } else { 0.0 })
}

/// The group with the largest share of every task, the first of several.
pub fn strongest(shares: &Array2<f64>) -> Vec<usize> {
    let strongest = |shares: ArrayView1<'_, f64>| {
        shares.iter().enumerate().fold(0, |best, (g, q)| if *q > shares[best] { g } else { best })
    };
    shares.axis_iter(Axis(1)).map(strongest).collect()
}

/// How alike tasks are grouped, `theta' theta` (tasks x tasks): for hard groups 1 where two tasks share one, else 0.
pub fn covariance(shares: &Array2<f64>) -> Array2<f64> {
    shares.t().dot(shares)
}

/// `||theta - theta*||_F^2 / ||theta*||_F^2` for the order of the groups in which it is smallest; the side with fewer
/// groups counts with empty ones. Not a number where a share is none.
pub fn group_error(shares: &Array2<f64>, truth: &Array2<f64>) -> f64 {
    let n = shares.nrows().max(truth.nrows());
    let padded = |of: &Array2<f64>| {
        let mut all = Array2::zeros((n, of.ncols()));
        all.slice_mut(s![..of.nrows(), ..]).assign(of);
        all
    };
    let (shares, truth) = (padded(shares), padded(truth));
    let Some(order) = best_assignment(&truth.dot(&shares.t())) else { return f64::NAN };
    distance(&shares.select(Axis(0), &order), &truth)
}

/// `||theta' theta - theta*' theta*||_F^2 / ||theta*' theta*||_F^2`, for which groups have no order.
pub fn covariance_error(shares: &Array2<f64>, truth: &Array2<f64>) -> f64 {
    distance(&covariance(shares), &covariance(truth))
}

/// `||a - b||_F^2 / ||b||_F^2`.
fn distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let squares = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>();
    squares(&(a - b)) / squares(b)
}

/// Mean of `4 m (1 - m)` over the pairs of different tasks, of a mean covariance: 0 where every pair is always together
/// or always apart, 1 where every pair is half of the time. None for fewer than two tasks.
pub fn contrast(covariance: &Array2<f64>) -> Option<f64> {
    let pairs: Vec<f64> =
        covariance.indexed_iter().filter(|((i, j), _)| i < j).map(|(_, m)| 4.0 * m * (1.0 - m)).collect();
    (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Three groups of ten tasks, as in the BiGMTL paper.
    fn truth() -> Array2<f64> {
        hard(&(0..30).map(|t| t / 10).collect::<Vec<_>>())
    }

    #[test]
    fn errors_of_known_shares() {
        let grouped = |group: &dyn Fn(usize) -> usize| hard(&(0..30).map(group).collect::<Vec<_>>());
        let cases = [
            (truth(), 0.0, 0.0),
            (Array2::from_elem((6, 30), 1.0 / 6.0), 0.833_333, 0.75),
            (grouped(&|_| 0), 1.333_333, 2.0),
            (grouped(&|t| usize::from(t >= 10)), 0.666_667, 0.666_667),
            (grouped(&|t| t / 5), 1.0, 0.5),
        ];
        for (i, (shares, group, covariance)) in cases.iter().enumerate() {
            let (a, b) = (group_error(shares, &truth()), covariance_error(shares, &truth()));
            assert!((a - group).abs() < 1e-6 && (b - covariance).abs() < 1e-6, "case {i}: {a}, {b}");
        }
        assert!(group_error(&Array2::from_elem((3, 30), f64::NAN), &truth()).is_nan());
    }

    #[test]
    fn hard_groups_and_strongest_shares() {
        assert_eq!(strongest(&hard(&[7, 7, 2, 9])), [1, 1, 0, 2]);
        assert_eq!(strongest(&Array2::from_elem((3, 2), 1.0 / 3.0)), [0, 0], "the first of several");
    }

    #[test]
    fn contrasts() {
        assert_eq!(contrast(&covariance(&truth())), Some(0.0));
        assert_eq!(contrast(&Array2::from_elem((3, 3), 0.5)), Some(1.0));
        assert_eq!(contrast(&Array2::from_elem((1, 1), 1.0)), None);
    }

    /// Columns on the simplex, with at most six groups.
    fn shares() -> impl Strategy<Value = Array2<f64>> {
        (1_usize..=6, 2_usize..=9).prop_flat_map(|(groups, tasks)| {
            prop::collection::vec(0.01_f64..1.0, groups * tasks).prop_map(move |values| {
                let raw = Array2::from_shape_vec((groups, tasks), values).unwrap();
                let sums = raw.sum_axis(Axis(0));
                raw / &sums
            })
        })
    }

    /// All orders of `0..n`.
    fn orders(n: usize) -> Vec<Vec<usize>> {
        let Some(last) = n.checked_sub(1) else { return vec![Vec::new()] };
        let insert = |order: Vec<usize>| {
            (0..n).map(move |at| {
                let mut longer = order.clone();
                longer.insert(at, last);
                longer
            })
        };
        orders(last).into_iter().flat_map(insert).collect()
    }

    proptest! {
        #[test]
        fn the_order_of_groups_does_not_matter(
            shares in shares(),
            order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
            labels in prop::collection::vec(0_usize..4, 9),
        ) {
            let truth = hard(&labels[..shares.ncols()]);
            let other: Vec<usize> = order.into_iter().filter(|&l| l < shares.nrows()).collect();
            let permuted = shares.select(Axis(0), &other);
            let renamed = hard(&labels[..shares.ncols()].iter().map(|l| 9 - 2 * l).collect::<Vec<_>>());
            for error in [group_error, covariance_error] {
                prop_assert!((error(&shares, &truth) - error(&permuted, &truth)).abs() < 1e-12);
                prop_assert!((error(&shares, &truth) - error(&shares, &renamed)).abs() < 1e-12);
            }
            let rounded = hard(&strongest(&shares));
            prop_assert_eq!(group_error(&rounded, &rounded), 0.0);
        }

        #[test]
        fn the_assignment_is_the_best_of_all(
            (n, values) in (1_usize..=6).prop_flat_map(|n| (Just(n), prop::collection::vec(-3.0_f64..3.0, n * n)))
        ) {
            let gains = Array2::from_shape_vec((n, n), values).unwrap();
            let gain = |order: &Vec<usize>| order.iter().enumerate().map(|(i, &j)| gains[[i, j]]).sum::<f64>();
            let found = best_assignment(&gains).unwrap();
            let best = orders(n).iter().map(gain).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!((gain(&found) - best).abs() < 1e-12);
            let mut sorted = found;
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..n).collect::<Vec<_>>());
        }
    }
}
