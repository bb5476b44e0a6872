//! The transport step: the nearest coupling of two uniform distributions.

use ndarray::{Array1, Array2};

use crate::linalg::Cholesky;

/// Newton steps from one start; most projections take fewer than ten.
const NEWTON: usize = 60;

/// Sweeps of the fallback.
const SWEEPS: usize = 20_000;

/// Added to the Hessian, whose null directions are the blocks of the graph of positive entries.
const RIDGE: f64 = 1e-8;

/// `argmin 1/2 ||P - M||_F^2` over the couplings: `P >= 0` (`k x m`) with row sums `1/k` and column sums `1/m`.
///
/// Its optimality conditions are `P = max(M + f 1' + 1 g', 0)` with both sums right. For given `f` (`k`) every column
/// is a projection on a simplex, which gives `g` in closed form; what remains is the dual in `f`, convex and piecewise
/// quadratic with the row sums' errors as its gradient. Newton steps with line search end at the exact solution.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    /// `f`, kept as the start of the next projection.
    rows: Vec<f64>,
    k: usize,
    m: usize,
}

/// The dual at some `f`: optimality up to the row sums.
struct Point {
    /// `P`, one column of the plan after the other.
    plan: Vec<f64>,
    /// Row sums less `1/k`.
    gradient: Vec<f64>,
}

impl Point {
    fn error(&self) -> f64 {
        self.gradient.iter().fold(0.0, |max, g| g.abs().max(max))
    }
}

impl Transport {
    pub(super) fn new(k: usize, m: usize) -> Self {
        Self { rows: vec![0.0; k], k, m }
    }

    /// The projection of `target`, with the largest error of a row sum relative to `1/k`: the only condition that
    /// does not hold by construction.
    pub(super) fn project(&mut self, target: &Array2<f64>) -> (Array2<f64>, f64) {
        let columns: Vec<f64> = target.t().iter().copied().collect();
        let size = columns.iter().fold(0.0_f64, |max, v| max.max(v.abs()));
        let tolerance = 1e-13 / self.k as f64 + 2.0 * f64::EPSILON * self.m as f64 * size;
        let mut point = self.descend(&columns, tolerance);
        if point.error() > tolerance {
            point = self.approach(&columns, size, tolerance);
        }
        if point.error() > tolerance {
            point = self.balance(&columns, point, tolerance);
        }
        let plan = Array2::from_shape_fn((self.k, self.m), |(i, j)| point.plan[j * self.k + i]);
        (plan, point.error() * self.k as f64)
    }

    /// Newton steps from the present `f`.
    fn descend(&mut self, columns: &[f64], tolerance: f64) -> Point {
        let mut point = self.at(columns, &self.rows);
        for _ in 0..NEWTON {
            if point.error() <= tolerance {
                break;
            }
            match self.newton(columns, &point) {
                Some(next) => point = next,
                None => break,
            }
        }
        point
    }

    /// Newton steps on the target scaled down to the size of the plan, then twice as large, and so on. A large target
    /// makes nearly a linear program, on whose many small pieces Newton steps from afar can go round in circles; each
    /// solution here is a start that is almost right.
    fn approach(&mut self, columns: &[f64], size: f64, tolerance: f64) -> Point {
        let doublings = (size * self.m as f64).log2().ceil().clamp(0.0, 60.0) as i32;
        self.rows.fill(0.0);
        for halvings in (1..=doublings).rev() {
            let scale = 0.5_f64.powi(halvings);
            let scaled: Vec<f64> = columns.iter().map(|v| v * scale).collect();
            self.descend(&scaled, tolerance);
            self.rows.iter_mut().for_each(|f| *f *= 2.0);
        }
        self.descend(columns, tolerance)
    }

    /// Every column's projection for the given `f`.
    fn at(&self, columns: &[f64], f: &[f64]) -> Point {
        let mut plan = columns.to_vec();
        let mut gradient = vec![-1.0 / self.k as f64; self.k];
        let mut sorted = vec![0.0; self.k];
        for column in plan.chunks_exact_mut(self.k) {
            column.iter_mut().zip(f).for_each(|(v, f)| *v += f);
            to_simplex(column, 1.0 / self.m as f64, &mut sorted);
            gradient.iter_mut().zip(&*column).for_each(|(g, v)| *g += v);
        }
        Point { plan, gradient }
    }

    /// A Newton step on `f`; none if it does not descend, which only rounding can cause.
    fn newton(&mut self, columns: &[f64], point: &Point) -> Option<Point> {
        let mut hessian = Array2::from_diag_elem(self.k, RIDGE);
        for column in point.plan.chunks_exact(self.k) {
            let active: Vec<usize> = (0..self.k).filter(|&i| column[i] > 0.0).collect();
            for &i in &active {
                hessian[[i, i]] += 1.0;
                active.iter().for_each(|&j| hessian[[i, j]] -= 1.0 / active.len() as f64);
            }
        }
        let mut step: Array1<f64> = point.gradient.iter().map(|g| -g).collect();
        Cholesky::of(&hessian)?.solve(&mut step);
        let slope = |p: &Point| -> f64 { p.gradient.iter().zip(&step).map(|(g, d)| g * d).sum() };
        let before = slope(point);
        if before >= 0.0 || before.is_nan() {
            return None;
        }
        let moved = |t: f64| -> Vec<f64> { self.rows.iter().zip(&step).map(|(f, d)| f + t * d).collect() };
        let good_enough = |slope: f64| slope.abs() <= 0.1 * before.abs();
        // The slope along the step rises and has a root. A step that joins separate blocks is far too long, so its
        // scale is found first.
        let (mut low, mut high) = (0.0, 1.0);
        let mut next = self.at(columns, &moved(high));
        if slope(&next) > 0.0 {
            while !good_enough(slope(&next)) && high > 1e-20 {
                next = self.at(columns, &moved(high / 8.0));
                if slope(&next) <= 0.0 {
                    low = high / 8.0;
                    break;
                }
                high /= 8.0;
            }
        }
        let mut t = if low > 0.0 { low } else { high };
        for _ in 0..60 {
            // A full step that still descends is taken: the next one goes on from there.
            if good_enough(slope(&next)) || (low == 0.0 && slope(&next) <= 0.0) {
                break;
            }
            t = f64::midpoint(low, high);
            next = self.at(columns, &moved(t));
            if slope(&next) <= 0.0 {
                low = t;
            } else {
                high = t;
            }
        }
        self.rows = moved(t);
        // Constants move between f and g freely.
        let mean = self.rows.iter().sum::<f64>() / self.k as f64;
        self.rows.iter_mut().for_each(|f| *f -= mean);
        Some(next)
    }

    /// Rows and columns in turn, each projected exactly for the other's multipliers: slow, and never wrong.
    fn balance(&mut self, columns: &[f64], mut point: Point, tolerance: f64) -> Point {
        let mut row = vec![0.0; self.m];
        let mut sorted = vec![0.0; self.m];
        for _ in 0..SWEEPS {
            if point.error() <= tolerance {
                break;
            }
            // Multipliers of the columns, from the entries that are positive.
            let g: Vec<f64> = (0..self.m).map(|j| self.multiplier(columns, &point.plan, j)).collect();
            for i in 0..self.k {
                row.iter_mut().enumerate().for_each(|(j, v)| *v = columns[j * self.k + i] + g[j]);
                self.rows[i] = to_simplex(&mut row, 1.0 / self.k as f64, &mut sorted);
            }
            point = self.at(columns, &self.rows);
        }
        point
    }

    fn multiplier(&self, columns: &[f64], plan: &[f64], j: usize) -> f64 {
        let at = |i: usize| j * self.k + i;
        let largest = (0..self.k).max_by(|&a, &b| plan[at(a)].total_cmp(&plan[at(b)])).unwrap_or(0);
        plan[at(largest)] - columns[at(largest)] - self.rows[largest]
    }
}

/// Projects `v` on `{x >= 0, sum x = total}`; returns the multiplier `s` of `x = max(v + s, 0)`. Entries are taken
/// relative to the largest, so that large common parts leave no rounding in the sum.
fn to_simplex(v: &mut [f64], total: f64, sorted: &mut [f64]) -> f64 {
    let largest = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    v.iter_mut().for_each(|x| *x -= largest);
    sorted.copy_from_slice(v);
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut sum, mut shift) = (0.0, total);
    for (i, x) in sorted.iter().enumerate() {
        let next = (total - sum - x) / (i + 1) as f64;
        if x + next <= 0.0 {
            break;
        }
        sum += x;
        shift = next;
    }
    v.iter_mut().for_each(|x| *x = (*x + shift).max(0.0));
    shift - largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use mtl_core::Seed;
    use ndarray::{Axis, array};
    use proptest::prelude::*;
    use rand::Rng;

    fn random(k: usize, m: usize, scale: f64, key: u64) -> Array2<f64> {
        let mut rng = Seed::of(&("transport", k, m, key)).rng();
        Array2::from_shape_fn((k, m), |_| scale * rng.random_range(-1.0..1.0))
    }

    /// Dykstra's alternating projections on the two sets of sums and the positive orthant.
    fn dykstra(target: &Array2<f64>, sweeps: usize) -> Array2<f64> {
        let (k, m) = target.dim();
        let mut plan = target.clone();
        let mut positive = Array2::<f64>::zeros((k, m));
        for _ in 0..sweeps {
            // The sums are affine: their corrections drop out.
            for (axis, count, total) in [(Axis(1), m, 1.0 / k as f64), (Axis(0), k, 1.0 / m as f64)] {
                let excess = (plan.sum_axis(axis) - total) / count as f64;
                plan = plan - excess.insert_axis(axis);
            }
            let before = &plan + &positive;
            plan = before.mapv(|v| v.max(0.0));
            positive = before - &plan;
        }
        plan
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        /// `P - M = f 1' + 1 g'` where `P` is positive and at least that elsewhere, with both sums right.
        #[test]
        fn optimality(k in 1_usize..10, more in 0_usize..40, exponent in -4.0..4.0_f64, key in 0_u64..1000) {
            let m = k + more;
            let scale = 10.0_f64.powf(exponent);
            let target = random(k, m, scale, key);
            let mut transport = Transport::new(k, m);
            let (plan, error) = transport.project(&target);
            let tolerance = 1e-12 + 1e-13 * scale * m as f64;
            prop_assert!(error <= tolerance, "{error:e}");
            prop_assert!(plan.iter().all(|&v| v >= 0.0));
            prop_assert!(plan.sum_axis(Axis(0)).iter().all(|v| (v - 1.0 / m as f64).abs() < tolerance));
            prop_assert!(plan.sum_axis(Axis(1)).iter().all(|v| (v - 1.0 / k as f64).abs() < tolerance));
            for j in 0..m {
                let multiplier = |i: usize| plan[[i, j]] - target[[i, j]] - transport.rows[i];
                let active: Vec<f64> = (0..k).filter(|&i| plan[[i, j]] > 0.0).map(multiplier).collect();
                let g = active[0];
                prop_assert!(active.iter().all(|v| (v - g).abs() < 1e-12 * (1.0 + scale)));
                prop_assert!((0..k).all(|i| multiplier(i) >= g - 1e-12 * (1.0 + scale)));
            }
            // The start does not matter, and the fallback finds the same.
            let (again, _) = transport.project(&target);
            prop_assert!((&again - &plan).iter().all(|d| d.abs() < tolerance));
            let mut other = Transport::new(k, m);
            let columns: Vec<f64> = target.t().iter().copied().collect();
            let point = other.at(&columns, &other.rows);
            let balanced = other.balance(&columns, point, 1e-10);
            if balanced.error() <= 1e-10 {
                let worst = plan.t().iter().zip(&balanced.plan).fold(0.0_f64, |max, (a, b)| max.max((a - b).abs()));
                prop_assert!(worst < 1e-5, "{worst:e}");
            }
        }
    }

    #[test]
    fn alternating_projections_agree() {
        for (k, m, scale) in [(2, 2, 1.0), (2, 3, 0.3), (3, 7, 0.05), (5, 8, 0.5)] {
            for key in 0..5 {
                let target = random(k, m, scale, key);
                let (plan, _) = Transport::new(k, m).project(&target);
                let other = dykstra(&target, 20_000);
                assert!((&plan - &other).iter().all(|d| d.abs() < 1e-8), "{k} {m}: {plan} {other}");
            }
        }
    }

    #[test]
    fn by_hand() {
        // Couplings of two pairs have one free entry: x on the diagonal, 1/2 - x off it.
        for (a, expected) in [(array![[0.3, 0.0], [0.0, 0.3]], 0.4), (array![[9.0, 0.0], [0.0, 9.0]], 0.5)] {
            let (plan, _) = Transport::new(2, 2).project(&a);
            assert!(
                (plan - array![[expected, 0.5 - expected], [0.5 - expected, expected]]).iter().all(|d| d.abs() < 1e-15)
            );
        }
        let (plan, error) = Transport::new(1, 4).project(&random(1, 4, 1.0, 0));
        assert!(plan.iter().all(|v| (v - 0.25).abs() < 1e-15) && error < 1e-15);
    }
}
