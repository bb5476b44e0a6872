//! An order of tasks in which those that are alike are neighbours.

use ndarray::Array2;

/// The leaves of a hierarchical clustering by average linkage of similarities (symmetric, tasks x tasks), from one end of
/// the tree to the other: the two clusters with the largest mean similarity are joined first, the earlier one in front.
///
/// Sokal and Michener, "A statistical method for evaluating systematic relationships" (1958).
pub fn order(similarity: &Array2<f64>) -> Vec<usize> {
    let m = similarity.nrows();
    let mut mean = similarity.clone();
    let mut clusters: Vec<Vec<usize>> = (0..m).map(|t| vec![t]).collect();
    let mut alive: Vec<usize> = (0..m).collect();
    while alive.len() > 1 {
        let mut best = (f64::NEG_INFINITY, 0, 1);
        for b in 1..alive.len() {
            for a in 0..b {
                let value = mean[[alive[a], alive[b]]];
                if value > best.0 {
                    best = (value, a, b);
                }
            }
        }
        let (i, j) = (alive[best.1], alive.remove(best.2));
        let (n, k) = (clusters[i].len() as f64, clusters[j].len() as f64);
        for &other in alive.iter().filter(|other| **other != i) {
            let joined = (n * mean[[i, other]] + k * mean[[j, other]]) / (n + k);
            (mean[[i, other]], mean[[other, i]]) = (joined, joined);
        }
        let members = std::mem::take(&mut clusters[j]);
        clusters[i].extend(members);
    }
    alive.first().map(|i| std::mem::take(&mut clusters[*i])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::order;
    use crate::sharing::{covariance, hard};
    use ndarray::{Array2, array};

    #[test]
    fn groups_are_together() {
        assert_eq!(order(&covariance(&hard(&[0, 1, 0, 2, 1, 0]))), [0, 2, 5, 1, 4, 3]);
        assert_eq!((order(&Array2::zeros((0, 0))), order(&array![[1.0]])), (vec![], vec![0]));
    }

    #[test]
    fn means_and_not_single_pairs_are_linked() {
        // Task 3 is nearest to task 0 alone; to the pair 0, 1 it is further on average than to task 2.
        let similarity = array![[1.0, 0.9, 0.0, 0.6], [0.9, 1.0, 0.0, 0.1], [0.0, 0.0, 1.0, 0.5], [0.6, 0.1, 0.5, 1.0]];
        assert_eq!(order(&similarity), [0, 1, 2, 3]);
        let chained = array![[1.0, 0.9, 0.0, 0.6], [0.9, 1.0, 0.0, 0.5], [0.0, 0.0, 1.0, 0.5], [0.6, 0.5, 0.5, 1.0]];
        assert_eq!(order(&chained), [0, 1, 3, 2]);
    }
}
