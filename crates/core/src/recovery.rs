//! How much of a known structure an estimate has found again.

use ndarray::{Array2, Axis};

use crate::Truth;

/// An entry, row or column below this share of the largest counts as zero.
pub const ZERO: f64 = 1e-3;

/// `||What - W||_F / ||W||_F`.
pub fn relative_error(estimate: &Array2<f64>, truth: &Truth) -> f64 {
    let norm = |w: &Array2<f64>| w.iter().map(|v| v * v).sum::<f64>().sqrt();
    norm(&(estimate - &truth.weights)) / norm(&truth.weights)
}

/// F1 score of the entries larger than [`ZERO`] times the largest, against the true non-zero entries.
pub fn support_f1(estimate: &Array2<f64>, truth: &Truth) -> f64 {
    let largest = estimate.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let (mut both, mut found, mut wanted) = (0, 0, 0);
    for (e, t) in estimate.iter().zip(&truth.weights) {
        let hit = e.abs() > ZERO * largest;
        found += usize::from(hit);
        wanted += usize::from(*t != 0.0);
        both += usize::from(hit && *t != 0.0);
    }
    if found + wanted == 0 { 1.0 } else { 2.0 * both as f64 / (found + wanted) as f64 }
}

/// Indices of the `k` largest values; ties go to the smaller index.
pub fn largest(values: &[f64], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    order.truncate(k);
    order
}

fn recall(found: &[usize], wanted: &[usize]) -> f64 {
    if wanted.is_empty() {
        return 1.0;
    }
    found.iter().filter(|i| wanted.contains(i)).count() as f64 / wanted.len() as f64
}

fn norms(weights: &Array2<f64>, axis: Axis) -> Vec<f64> {
    weights.axis_iter(axis).map(|v| v.dot(&v).sqrt()).collect()
}

/// Share of the true shared rows among the equally many rows of largest norm.
pub fn row_recall(estimate: &Array2<f64>, truth: &Truth) -> f64 {
    recall(&largest(&norms(estimate, Axis(0)), truth.shared_rows.len()), &truth.shared_rows)
}

/// Share of the true outlier tasks among the equally many tasks with most weight off the largest rows. Inside the
/// shared rows an outlier's deviation cannot be told from the shared part, so those rows do not vote.
pub fn outlier_recall(estimate: &Array2<f64>, truth: &Truth) -> f64 {
    let shared = largest(&norms(estimate, Axis(0)), truth.shared_rows.len());
    let mut rest = estimate.clone();
    for row in shared {
        rest.row_mut(row).fill(0.0);
    }
    recall(&largest(&norms(&rest, Axis(1)), truth.outliers.len()), &truth.outliers)
}

/// Cuts the tasks into as many clusters as there are true groups, by single linkage on the distance between their
/// weight vectors.
pub fn clusters(estimate: &Array2<f64>, truth: &Truth) -> Vec<usize> {
    let mut distinct = truth.groups.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let mut pairs = pairwise_distances(estimate);
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut labels: Vec<usize> = (0..estimate.ncols()).collect();
    let mut left = labels.len();
    for (_, j, k) in pairs {
        if left <= distinct.len() {
            break;
        }
        left -= usize::from(merge(&mut labels, j, k));
    }
    relabel(&labels)
}

/// Groups of tasks whose weight vectors are closer than `share` times the median length of a weight vector,
/// chained; labels count up from 0 in task order.
pub fn fused_tasks(estimate: &Array2<f64>, share: f64) -> Vec<usize> {
    let mut lengths = norms(estimate, Axis(1));
    lengths.sort_by(f64::total_cmp);
    let bound = share * lengths.get(lengths.len() / 2).copied().unwrap_or(0.0);
    let mut labels: Vec<usize> = (0..estimate.ncols()).collect();
    for (distance, j, k) in pairwise_distances(estimate) {
        if distance <= bound {
            merge(&mut labels, j, k);
        }
    }
    relabel(&labels)
}

fn pairwise_distances(weights: &Array2<f64>) -> Vec<(f64, usize, usize)> {
    let m = weights.ncols();
    let distance = |j: usize, k: usize| (&weights.column(j) - &weights.column(k)).mapv(|d| d * d).sum().sqrt();
    (0..m).flat_map(|j| (j + 1..m).map(move |k| (j, k))).map(|(j, k)| (distance(j, k), j, k)).collect()
}

/// Joins the clusters of `j` and `k`; whether they were apart before.
fn merge(labels: &mut [usize], j: usize, k: usize) -> bool {
    let (from, to) = (labels[j].max(labels[k]), labels[j].min(labels[k]));
    labels.iter_mut().filter(|l| **l == from).for_each(|l| *l = to);
    from != to
}

fn relabel(labels: &[usize]) -> Vec<usize> {
    let mut seen: Vec<usize> = Vec::new();
    labels
        .iter()
        .map(|l| {
            seen.iter().position(|s| s == l).unwrap_or_else(|| {
                seen.push(*l);
                seen.len() - 1
            })
        })
        .collect()
}

/// Contingency table: clusters in rows, groups in columns.
fn contingency(clusters: &[usize], groups: &[usize]) -> Array2<f64> {
    let size = |labels: &[usize]| labels.iter().max().map_or(0, |m| m + 1);
    let mut table = Array2::zeros((size(clusters), size(groups)));
    for (&c, &g) in clusters.iter().zip(groups) {
        table[[c, g]] += 1.0;
    }
    table
}

/// Share of tasks that belong to the largest true group of their cluster.
pub fn purity(clusters: &[usize], groups: &[usize]) -> f64 {
    let table = contingency(clusters, groups);
    table.rows().into_iter().map(|r| r.fold(0.0, |m: f64, &v| m.max(v))).sum::<f64>() / groups.len() as f64
}

/// Adjusted Rand index: 1 for the same partition, 0 on average for a random one.
pub fn adjusted_rand(clusters: &[usize], groups: &[usize]) -> f64 {
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let table = contingency(clusters, groups);
    let both: f64 = table.iter().map(|&v| pairs(v)).sum();
    let rows: f64 = table.sum_axis(Axis(1)).iter().map(|&v| pairs(v)).sum();
    let columns: f64 = table.sum_axis(Axis(0)).iter().map(|&v| pairs(v)).sum();
    let expected = rows * columns / pairs(groups.len() as f64);
    let highest = f64::midpoint(rows, columns);
    if highest == expected { 1.0 } else { (both - expected) / (highest - expected) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn truth() -> Truth {
        Truth {
            weights: array![[2.0, 2.0, -1.0, -1.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]],
            shared_rows: vec![0],
            groups: vec![0, 0, 1, 1],
            outliers: vec![3],
        }
    }

    #[test]
    fn the_truth_recovers_itself() {
        let mut truth = truth();
        assert_eq!(relative_error(&truth.weights, &truth), 0.0);
        assert_eq!(support_f1(&truth.weights, &truth), 1.0);
        assert_eq!(row_recall(&truth.weights, &truth), 1.0);
        assert_eq!(outlier_recall(&truth.weights, &truth), 1.0);
        truth.weights[[2, 3]] = 0.0;
        assert_eq!(clusters(&truth.weights, &truth), truth.groups);
    }

    #[test]
    fn a_null_estimate_recovers_no_support() {
        let null = Array2::zeros((3, 4));
        assert_eq!(relative_error(&null, &truth()), 1.0);
        assert_eq!(support_f1(&null, &truth()), 0.0);
    }

    #[test]
    fn rand_index_and_purity() {
        assert_eq!(adjusted_rand(&[0, 0, 1, 1], &[1, 1, 0, 0]), 1.0);
        // Hubert and Arabie's correction, worked by hand: pairs 1 in common, 2 and 2 in each, 6 in all.
        let value = adjusted_rand(&[0, 0, 1, 1], &[0, 1, 1, 1]);
        let (both, rows, columns, all) = (1.0, 2.0, 3.0, 6.0);
        let expected = (both - rows * columns / all) / ((rows + columns) / 2.0 - rows * columns / all);
        assert!((value - expected).abs() < 1e-12);
        assert_eq!(purity(&[0, 0, 0, 0], &[0, 1, 1, 1]), 0.75);
        assert_eq!(purity(&[0, 1, 2, 3], &[0, 1, 1, 1]), 1.0);
    }

    #[test]
    fn fused_tasks_are_chained() {
        let w = array![[1.0, 1.001, 5.0, 1.002], [0.0, 0.0, 0.0, 0.0]];
        assert_eq!(fused_tasks(&w, 0.01), vec![0, 0, 1, 0]);
    }
}
