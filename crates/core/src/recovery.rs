//! How much of a known structure an estimate has found again.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, Axis};

use crate::Truth;
use crate::sharing::best_assignment;

/// An entry, row or column below this share of the largest counts as zero.
pub const ZERO: f64 = 1e-3;

/// `||What - W||_F / ||W||_F`.
pub fn relative_error(estimate: &Array2<f64>, truth: &Truth) -> f64 {
    let norm = |w: &Array2<f64>| w.iter().map(|v| v * v).sum::<f64>().sqrt();
    norm(&(estimate - &truth.weights)) / norm(&truth.weights)
}

/// Share of entries whose sign is that of the true entry; the sign of zero is zero.
pub fn sign_accuracy(estimate: &Array2<f64>, truth: &Truth) -> f64 {
    let sign = |v: f64| if v == 0.0 { 0.0 } else { v.signum() };
    let pairs = estimate.iter().zip(&truth.weights);
    pairs.filter(|(e, t)| sign(**e) == sign(**t)).count() as f64 / estimate.len() as f64
}

/// F1 score of the entries larger than [`ZERO`] times the largest, against the true [support](Truth::support).
pub fn support_f1(estimate: &Array2<f64>, truth: &Truth) -> f64 {
    let largest = estimate.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let (mut both, mut found, mut wanted) = (0, 0, 0);
    for (e, &meant) in estimate.iter().zip(&truth.support()) {
        let hit = e.abs() > ZERO * largest;
        found += usize::from(hit);
        wanted += usize::from(meant);
        both += usize::from(hit && meant);
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

fn recall(found: &[usize], wanted: &[usize]) -> Option<f64> {
    let both = found.iter().filter(|i| wanted.contains(i)).count() as f64;
    (!wanted.is_empty()).then(|| both / wanted.len() as f64)
}

fn norms(weights: &Array2<f64>, axis: Axis) -> Vec<f64> {
    weights.axis_iter(axis).map(|v| v.dot(&v).sqrt()).collect()
}

/// Share of the true shared rows among the equally many rows of largest norm, over tasks that are no outliers: an
/// outlier has weight in all rows. None if no row is shared.
pub fn row_recall(estimate: &Array2<f64>, truth: &Truth) -> Option<f64> {
    let regular: Vec<usize> = (0..estimate.ncols()).filter(|t| !truth.outliers.contains(t)).collect();
    let rows = norms(&estimate.select(Axis(1), &regular), Axis(0));
    recall(&largest(&rows, truth.shared_rows.len()), &truth.shared_rows)
}

/// Share of the tasks that truly deviate in a topic among the equally many of largest norm in it; topics are in the order
/// that fits best, and a single one stands for all.
pub(crate) fn topic_recall(norms: &Array2<f64>, truth: &Array2<f64>) -> Option<f64> {
    let deviating = |true_norms: &[f64]| true_norms.iter().filter(|norm| **norm > 0.0).count();
    let found = |norms: &[f64], true_norms: &[f64]| {
        largest(norms, deviating(true_norms)).into_iter().filter(|t| true_norms[*t] > 0.0 && norms[*t] > 0.0).count()
    };
    let union = truth.t().map_axis(Axis(1), |task| task.sum());
    let (norms, truth): (Vec<_>, Vec<_>) = if norms.nrows() == 1 {
        (vec![norms.row(0).to_vec()], vec![union.to_vec()])
    } else {
        let rows = |of: &Array2<f64>| of.rows().into_iter().map(|row| row.to_vec()).collect();
        (rows(norms), rows(truth))
    };
    let all: usize = truth.iter().map(|topic| deviating(topic)).sum();
    if norms.len() != truth.len() || norms[0].len() != truth[0].len() || all == 0 {
        return None;
    }
    let gains = Array2::from_shape_fn((norms.len(), truth.len()), |(k, l)| found(&norms[k], &truth[l]) as f64);
    let order = best_assignment(&gains)?;
    Some(order.iter().enumerate().map(|(k, l)| gains[[k, *l]]).sum::<f64>() / all as f64)
}

/// Share of the true outlier tasks among the equally many tasks with most weight off the largest rows. Inside the
/// shared rows an outlier's deviation cannot be told from the shared part, so those rows do not vote. None if there is
/// no outlier.
pub fn outlier_recall(estimate: &Array2<f64>, truth: &Truth) -> Option<f64> {
    let shared = largest(&norms(estimate, Axis(0)), truth.shared_rows.len());
    let mut rest = estimate.clone();
    for row in shared {
        rest.row_mut(row).fill(0.0);
    }
    recall(&largest(&norms(&rest, Axis(1)), truth.outliers.len()), &truth.outliers)
}

/// Cuts the tasks into as many clusters as there are true groups, by Ward's linkage of their weight vectors: the merge
/// that adds least to the squared distances from cluster means comes first. Other linkages split off single noisy
/// tasks instead of telling groups apart. None if there is one group only.
///
/// Ward, "Hierarchical grouping to optimize an objective function" (1963).
pub fn clusters(estimate: &Array2<f64>, truth: &Truth) -> Option<Vec<usize>> {
    let wanted = group_count(truth)?;
    let mut clusters: Vec<(Array1<f64>, Vec<usize>)> =
        estimate.columns().into_iter().enumerate().map(|(t, w)| (w.to_owned(), vec![t])).collect();
    while clusters.len() > wanted {
        let mut best = (f64::INFINITY, 0, 0);
        for j in 1..clusters.len() {
            for i in 0..j {
                let cost = ward(&clusters[i], &clusters[j]);
                if cost < best.0 {
                    best = (cost, i, j);
                }
            }
        }
        let (_, i, j) = best;
        let (mean, members) = clusters.remove(j);
        let (n, k) = (clusters[i].1.len() as f64, members.len() as f64);
        clusters[i].0 = (&clusters[i].0 * n + &mean * k) / (n + k);
        clusters[i].1.extend(members);
    }
    let mut labels = vec![0; estimate.ncols()];
    for (c, (_, members)) in clusters.iter().enumerate() {
        members.iter().for_each(|&t| labels[t] = c);
    }
    Some(relabel(&labels))
}

/// Growth of the sum of squared distances from cluster means.
fn ward(a: &(Array1<f64>, Vec<usize>), b: &(Array1<f64>, Vec<usize>)) -> f64 {
    let (n, k) = (a.1.len() as f64, b.1.len() as f64);
    n * k / (n + k) * (&a.0 - &b.0).mapv(|d| d * d).sum()
}

/// Number of true groups; none if there is only one.
fn group_count(truth: &Truth) -> Option<usize> {
    let mut distinct = truth.groups.clone();
    distinct.sort_unstable();
    distinct.dedup();
    (distinct.len() > 1).then_some(distinct.len())
}

/// Mean silhouette of the tasks in their true groups: 1 where groups are points far apart, 0 where a task is as far
/// from its own group as from the next one. None if there is one group only. A task alone in its group counts 0.
///
/// Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis" (1987).
pub fn silhouette(estimate: &Array2<f64>, truth: &Truth) -> Option<f64> {
    group_count(truth)?;
    let m = estimate.ncols();
    let distance = |j: usize, k: usize| (&estimate.column(j) - &estimate.column(k)).mapv(|d| d * d).sum().sqrt();
    let mut total = 0.0;
    for t in 0..m {
        // Sum of distances and number of others, by group.
        let mut groups: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for other in (0..m).filter(|o| *o != t) {
            let (sum, count) = groups.entry(truth.groups[other]).or_default();
            *sum += distance(t, other);
            *count += 1.0;
        }
        let Some((sum, count)) = groups.remove(&truth.groups[t]) else { continue };
        let own = sum / count;
        let nearest = groups.values().map(|(sum, count)| sum / count).fold(f64::INFINITY, f64::min);
        let larger = own.max(nearest);
        total += if larger > 0.0 { (nearest - own) / larger } else { 0.0 };
    }
    Some(total / m as f64)
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
            support: None,
        }
    }

    #[test]
    fn topics_are_found_in_any_order() {
        let truth = array![[0.0, 3.0, 0.0, 3.0], [2.0, 0.0, 0.0, 0.0]];
        let turned = array![[9.0, 0.1, 0.2, 0.0], [0.3, 0.5, 0.1, 0.4]];
        assert_eq!(topic_recall(&turned, &truth), Some(1.0));
        // One of three: the first topic is the second true one, and the second has one of its two tasks right.
        assert_eq!(topic_recall(&array![[0.0, 1.0, 0.0, 0.0], [0.0, 0.1, 0.2, 0.0]], &truth), Some(1.0 / 3.0));
        assert_eq!(topic_recall(&array![[5.0, 5.0, 1.0, 5.0]], &truth), Some(1.0), "one topic for all");
        assert_eq!(topic_recall(&array![[5.0, 1.0, 5.0, 5.0]], &truth), Some(2.0 / 3.0));
        assert_eq!(topic_recall(&Array2::ones((3, 4)), &truth), None);
        assert_eq!(topic_recall(&turned, &Array2::zeros((2, 4))), None);
    }

    #[test]
    fn the_truth_recovers_itself() {
        let mut truth = truth();
        assert_eq!(relative_error(&truth.weights, &truth), 0.0);
        assert_eq!(support_f1(&truth.weights, &truth), 1.0);
        assert_eq!(sign_accuracy(&truth.weights, &truth), 1.0);
        assert_eq!(row_recall(&truth.weights, &truth), Some(1.0));
        assert_eq!(outlier_recall(&truth.weights, &truth), Some(1.0));
        truth.weights[[2, 3]] = 0.0;
        assert_eq!(clusters(&truth.weights, &truth), Some(truth.groups.clone()));
        assert!(silhouette(&truth.weights, &truth).unwrap() > 0.9);
    }

    #[test]
    fn what_the_truth_does_not_have_is_not_measured() {
        let mut truth = truth();
        truth.groups = vec![0; 4];
        truth.outliers.clear();
        truth.shared_rows.clear();
        let w = truth.weights.clone();
        assert_eq!((row_recall(&w, &truth), outlier_recall(&w, &truth), silhouette(&w, &truth)), (None, None, None));
        assert_eq!(clusters(&w, &truth), None);
    }

    #[test]
    fn ward_prefers_balanced_clusters_to_single_tasks() {
        // Single linkage would split off the last task of the second group.
        let w = array![[0.0, 0.2, 0.4, 3.0, 3.9, 5.0], [0.0; 6], [0.0; 6]];
        let truth = Truth { groups: vec![0, 0, 0, 1, 1, 1], ..truth() };
        assert_eq!(clusters(&w, &truth), Some(truth.groups.clone()));
    }

    #[test]
    fn silhouettes_by_hand() {
        let truth = Truth { groups: vec![0, 0, 1], ..truth() };
        let w = array![[0.0, 1.0, 3.0]];
        // (3 - 1) / 3, (2 - 1) / 2, and 0 for the task that is alone.
        let expected = (2.0 / 3.0 + 0.5) / 3.0;
        assert!((silhouette(&w, &truth).unwrap() - expected).abs() < 1e-12);
        assert_eq!(silhouette(&Array2::zeros((2, 3)), &truth), Some(0.0));
    }

    #[test]
    fn a_null_estimate_recovers_no_support() {
        let null = Array2::zeros((3, 4));
        assert_eq!(relative_error(&null, &truth()), 1.0);
        assert_eq!(support_f1(&null, &truth()), 0.0);
    }

    #[test]
    fn weights_that_are_noise_are_not_wanted() {
        let mut truth = truth();
        truth.weights.mapv_inplace(|w| if w == 0.0 { 0.05 } else { w });
        assert_eq!(support_f1(&truth.weights, &truth), 1.0);
        truth.support = Some(truth.weights.mapv(|w| w.abs() >= 1.0));
        // Five of twelve entries are wanted, and all are found.
        assert_eq!(support_f1(&truth.weights, &truth), 10.0 / 17.0);
        let strict = truth.weights.mapv(|w| if w == 0.05 { 0.0 } else { w });
        assert_eq!(support_f1(&strict, &truth), 1.0);
    }

    #[test]
    fn zero_has_a_sign_of_its_own() {
        assert_eq!(sign_accuracy(&Array2::zeros((3, 4)), &truth()), 7.0 / 12.0);
        let mut tiny = truth().weights * 1e-12;
        tiny[[0, 0]] *= -1.0;
        tiny[[1, 2]] = -0.0;
        tiny[[1, 3]] = 1e-9;
        assert_eq!(sign_accuracy(&tiny, &truth()), 10.0 / 12.0);
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
