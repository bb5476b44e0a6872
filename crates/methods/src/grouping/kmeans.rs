//! k-means: k-means++ starts, Lloyd's iteration, no empty cluster.

use mtl_core::Seed;
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rand::Rng;

use crate::linalg::{NotFinite, Svd};

/// Iterations of Lloyd's method at most; it ends by itself after a few.
const ITERATIONS: usize = 300;

/// A partition of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// Cluster of each point, counted in the order in which they first occur.
    pub labels: Vec<usize>,
    /// Sum of the squared distances of the points from the means of their clusters.
    pub inertia: f64,
}

/// Splits the columns of `points` (dimensions x points) into `k` clusters, or as many as there are points: the best of
/// `restarts` runs of Lloyd's iteration, each from a k-means++ start (Arthur and Vassilvitskii 2007). A cluster that
/// runs empty takes the point that is farthest from the mean of its own, so none stays empty.
///
/// # Errors
/// If a coordinate is not finite.
pub fn kmeans(points: &Array2<f64>, k: usize, restarts: usize, seed: &Seed) -> Result<Clusters, NotFinite> {
    // All distances between few points in many dimensions are those of their coordinates in the span.
    let points = if points.nrows() > points.ncols() {
        let svd = Svd::of(points)?;
        svd.right.t().to_owned() * &svd.values.insert_axis(Axis(1))
    } else if points.iter().all(|v| v.is_finite()) {
        points.clone()
    } else {
        return Err(NotFinite);
    };
    let k = k.clamp(1, points.ncols().max(1));
    let mut best: Option<Clusters> = None;
    for restart in 0..restarts.max(1) {
        let run = lloyd(&points, seeded(&points, k, &mut seed.stream(&format!("k-means {restart}")).rng()));
        if best.as_ref().is_none_or(|best| run.inertia < best.inertia) {
            best = Some(run);
        }
    }
    best.ok_or(NotFinite)
}

fn distance(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// `k` of the points, each drawn with a probability in proportion to its squared distance from those before.
fn seeded(points: &Array2<f64>, k: usize, rng: &mut impl Rng) -> Array2<f64> {
    let m = points.ncols();
    let mut chosen: Vec<usize> = Vec::with_capacity(k);
    let mut nearest = Array1::from_elem(m, f64::INFINITY);
    while chosen.len() < k {
        let free = |t: &usize| !chosen.contains(t);
        let total: f64 = if chosen.is_empty() { 0.0 } else { nearest.sum() };
        let next = if total > 0.0 {
            let mut left = rng.random::<f64>() * total;
            let drawn = (0..m).find(|&t| {
                left -= nearest[t];
                left < 0.0
            });
            drawn.or_else(|| (0..m).rev().find(|&t| nearest[t] > 0.0))
        } else {
            // Nothing tells the others apart from those that are chosen.
            let others: Vec<usize> = (0..m).filter(free).collect();
            others.get(rng.random_range(0..others.len().max(1))).copied()
        };
        let Some(next) = next else { break };
        chosen.push(next);
        for (t, near) in nearest.iter_mut().enumerate() {
            *near = near.min(distance(points.column(t), points.column(next)));
        }
    }
    points.select(Axis(1), &chosen)
}

fn lloyd(points: &Array2<f64>, mut centres: Array2<f64>) -> Clusters {
    let (m, k) = (points.ncols(), centres.ncols());
    let mut labels = vec![usize::MAX; m];
    for _ in 0..ITERATIONS {
        let mut next: Vec<usize> = Vec::with_capacity(m);
        let mut distances: Vec<f64> = Vec::with_capacity(m);
        for point in points.columns() {
            let each = centres.columns().into_iter().map(|centre| distance(point, centre)).enumerate();
            let (g, d) = each.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
            next.push(g);
            distances.push(d);
        }
        let mut sizes = vec![0_usize; k];
        next.iter().for_each(|&g| sizes[g] += 1);
        for empty in 0..k {
            if sizes[empty] > 0 {
                continue;
            }
            let movable = (0..m).filter(|&t| sizes[next[t]] > 1);
            // The first of those that are equally far.
            let farthest = movable.reduce(|far, t| if distances[t] > distances[far] { t } else { far });
            if let Some(t) = farthest {
                sizes[next[t]] -= 1;
                sizes[empty] = 1;
                (next[t], distances[t]) = (empty, 0.0);
            }
        }
        let settled = next == labels;
        labels = next;
        centres.fill(0.0);
        for (point, &g) in points.columns().into_iter().zip(&labels) {
            centres.column_mut(g).scaled_add(1.0 / sizes[g] as f64, &point);
        }
        if settled {
            break;
        }
    }
    let each = points.columns().into_iter().zip(&labels).map(|(point, &g)| distance(point, centres.column(g)));
    let inertia = each.sum();
    let mut order: Vec<usize> = Vec::new();
    let mut rename = |g: usize| {
        order.iter().position(|&known| known == g).unwrap_or_else(|| {
            order.push(g);
            order.len() - 1
        })
    };
    Clusters { labels: labels.into_iter().map(&mut rename).collect(), inertia }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// The least inertia over all assignments of the points to at most `k` clusters.
    fn exhaustive(points: &Array2<f64>, k: usize) -> f64 {
        let m = points.ncols();
        let inertia = |code: usize| {
            let label = |t: usize| code / k.pow(t as u32) % k;
            let of_group = |g: usize| {
                let members: Vec<usize> = (0..m).filter(|&t| label(t) == g).collect();
                let own = points.select(Axis(1), &members);
                let mean = own.mean_axis(Axis(1)).unwrap_or_else(|| Array1::zeros(points.nrows()));
                own.columns().into_iter().map(|c| distance(c, mean.view())).sum::<f64>()
            };
            (0..k).map(of_group).sum::<f64>()
        };
        (0..k.pow(m as u32)).map(inertia).fold(f64::INFINITY, f64::min)
    }

    fn points(d: usize, m: usize, key: u32) -> Array2<f64> {
        let mut rng = Seed::of(&("k-means", key)).rng();
        Array2::from_shape_fn((d, m), |_| rng.random_range(-1.0..1.0))
    }

    #[test]
    fn the_best_partition_of_few_points_is_found() {
        for (d, m, k, key) in [(2, 7, 2, 0), (2, 7, 3, 1), (20, 6, 3, 2), (1, 8, 3, 3), (3, 6, 6, 4)] {
            let points = points(d, m, key);
            let found = kmeans(&points, k, 30, &Seed::of(&key)).unwrap();
            assert!((found.inertia - exhaustive(&points, k)).abs() < 1e-12, "{d} {m} {k}");
            assert_eq!(found, kmeans(&points, k, 30, &Seed::of(&key)).unwrap());
        }
    }

    #[test]
    fn no_cluster_is_empty_even_of_equal_points() {
        let equal = Array2::from_elem((3, 5), 0.7);
        let mut nearly = equal.clone();
        nearly[[0, 4]] = 9.0;
        for points in [equal, nearly, points(2, 5, 9)] {
            for k in 1..=7 {
                let labels = kmeans(&points, k, 3, &Seed::of(&k)).unwrap().labels;
                let used = labels.iter().max().unwrap() + 1;
                assert_eq!(used, k.min(5), "{labels:?}");
                assert!((0..used).all(|g| labels.contains(&g)));
            }
        }
    }

    #[test]
    fn clear_groups_are_found() {
        let centres = array![[0.0, 10.0, 0.0], [0.0, 0.0, 10.0]];
        let noise = points(2, 9, 5);
        let data = Array2::from_shape_fn((2, 9), |(i, t)| centres[[i, t % 3]] + noise[[i, t]]);
        assert_eq!(kmeans(&data, 3, 10, &Seed::of(&0)).unwrap().labels, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
        assert_eq!(kmeans(&array![[f64::NAN, 1.0]], 2, 1, &Seed::of(&0)), Err(NotFinite));
    }
}
