//! Penalties that see only the singular values of the weights.

use ndarray::{Array1, Array2, s};

use super::Penalty;
use super::row::Scratch;
use crate::linalg::{Spectrum, Svd, largest_eigenvalue, singular_values};

/// Thresholds above this share of the largest singular value are applied through `A'A`, whose eigenvalues have half the
/// digits: what is cut off need not be known, and what remains then has the rest.
const COARSE: f64 = 1e-2;

/// `||A||_*`, the sum of the singular values.
pub fn nuclear_norm(a: &Array2<f64>) -> f64 {
    singular_values(a).map_or(f64::NAN, |values| values.sum())
}

/// `||A||_2`, the largest singular value.
pub fn spectral_norm(a: &Array2<f64>) -> f64 {
    largest_eigenvalue(&small_gram(a)).sqrt()
}

/// Overwrites `a` by `U diag(max(s - threshold, 0)) V'`, the prox of `threshold ||.||_*`, and gives the nuclear norm
/// of that.
pub fn soft_threshold(a: &mut Array2<f64>, threshold: f64) -> f64 {
    let Ok(gram) = Spectrum::of(&small_gram(a)) else {
        a.fill(f64::NAN);
        return f64::NAN;
    };
    let largest = gram.largest().sqrt();
    if threshold >= largest {
        a.fill(0.0);
        return 0.0;
    }
    if threshold > COARSE * largest {
        // Few directions are left, and they come first.
        let kept: Array1<f64> = gram.values.iter().map(|v| v.sqrt()).take_while(|s| *s > threshold).collect();
        let (directions, shares) = (gram.vectors.slice(s![.., ..kept.len()]), kept.mapv(|s| 1.0 - threshold / s));
        *a = if a.ncols() <= a.nrows() {
            (a.dot(&directions) * shares).dot(&directions.t())
        } else {
            (&directions * &shares).dot(&directions.t().dot(a))
        };
        return (kept - threshold).sum();
    }
    let Ok(svd) = Svd::of(a) else {
        a.fill(f64::NAN);
        return f64::NAN;
    };
    let shrunk = svd.values.mapv(|v| (v - threshold).max(0.0));
    *a = svd.rebuild(&shrunk);
    shrunk.sum()
}

/// The smaller of `A'A` and `AA'`.
fn small_gram(a: &Array2<f64>) -> Array2<f64> {
    if a.ncols() <= a.nrows() { a.t().dot(a) } else { a.dot(&a.t()) }
}

/// `strength min_theta sum_i s_i(W)^2 / theta_i` over `low <= theta_i <= 1 + low` with `sum_i (theta_i - low) <=
/// count`: a ridge that spares the `count` strongest directions of the weights. The squared k-support norm is its
/// relative (McDonald, Pontil and Stamos 2014).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparedDirections {
    /// Factor on the whole.
    pub strength: f64,
    /// Least `theta`.
    pub low: f64,
    /// How many directions the penalty can spare.
    pub count: f64,
}

impl SparedDirections {
    /// `theta` that minimises `sum_i s_i^2 / (theta_i + shift)`: `clip(alpha s_i - shift, low, 1 + low)` for the
    /// `alpha` that uses `count` up. Between the points where a value meets a bound the sum is linear in `alpha`.
    pub fn weights(&self, s: &Array1<f64>, shift: f64) -> Array1<f64> {
        let positive = s.iter().filter(|v| **v > 0.0).count() as f64;
        if positive <= self.count {
            return s.mapv(|v| if v > 0.0 { 1.0 + self.low } else { self.low });
        }
        let bounds = |v: &f64| [(self.low + shift) / v, (1.0 + self.low + shift) / v];
        let mut breaks: Vec<f64> = s.iter().filter(|v| **v > 0.0).flat_map(bounds).collect();
        breaks.sort_unstable_by(f64::total_cmp);
        let used = |alpha: f64| s.iter().map(|v| (alpha * v - shift - self.low).clamp(0.0, 1.0)).sum::<f64>();
        // `used` rises from 0 at the first to more than `count` at the last point.
        let after = breaks.partition_point(|&alpha| used(alpha) < self.count).clamp(1, breaks.len() - 1);
        let (left, right) = (breaks[after - 1], breaks[after]);
        let (low, high) = (used(left), used(right));
        let share = if high > low { (self.count - low) / (high - low) } else { 1.0 };
        let alpha = left + share * (right - left);
        s.mapv(|v| (alpha * v - shift).clamp(self.low, 1.0 + self.low))
    }
}

impl Penalty for SparedDirections {
    fn value(&self, w: &Array2<f64>) -> f64 {
        Svd::of(w).map_or(f64::NAN, |svd| {
            let theta = self.weights(&svd.values, 0.0);
            self.strength * svd.values.iter().zip(&theta).map(|(s, theta)| s * s / theta).sum::<f64>()
        })
    }

    fn prox(&self, w: &mut Array2<f64>, step: f64, _scratch: &mut Scratch) {
        let shift = 2.0 * step * self.strength;
        match Svd::of(w) {
            Ok(svd) => {
                let theta = self.weights(&svd.values, shift);
                *w = svd.rebuild(&(&svd.values * &theta.mapv(|theta| theta / (theta + shift))));
            }
            Err(_) => w.fill(f64::NAN),
        }
    }

    /// `1/(4 strength) (low ||Y||_F^2 + sum of the count largest s_i(Y)^2)`, finite everywhere.
    fn conjugate(&self, y: &Array2<f64>, _scratch: &mut Scratch) -> (f64, f64) {
        let value = Svd::of(y).map_or(f64::NAN, |svd| {
            let squares = svd.values.mapv(|v| v * v);
            let largest: f64 = squares.iter().take(self.count as usize).sum();
            (self.low * squares.sum() + largest) / (4.0 * self.strength)
        });
        (1.0, value)
    }

    fn is_norm(&self) -> bool {
        false
    }

    fn is_free(&self) -> bool {
        self.strength == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    fn matrices() -> impl Strategy<Value = Array2<f64>> {
        (1_usize..6, 1_usize..6).prop_flat_map(|(p, m)| {
            prop::collection::vec(-3.0..3.0_f64, p * m).prop_map(move |v| Array2::from_shape_vec((p, m), v).unwrap())
        })
    }

    fn pairing(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
        (a * b).sum()
    }

    proptest! {
        /// Moreau: what soft thresholding takes away lies in the dual ball and attains the norm at what it leaves.
        #[test]
        fn singular_values_are_shrunk(a in matrices(), relative in prop_oneof![1e-4..1e-2_f64, 0.01..1.5_f64]) {
            let threshold = relative * spectral_norm(&a);
            let mut z = a.clone();
            let norm = soft_threshold(&mut z, threshold);
            prop_assert!((norm - nuclear_norm(&z)).abs() < 1e-9 * nuclear_norm(&a));
            let y = &a - &z;
            prop_assert!(spectral_norm(&y) <= threshold * (1.0 + 1e-9));
            prop_assert!((pairing(&y, &z) - threshold * nuclear_norm(&z)).abs() < 1e-9 * threshold * nuclear_norm(&a));
        }

        /// Fenchel and Moreau for the penalty that spares directions: `(w - prox(w)) / step` is a subgradient at the
        /// prox.
        #[test]
        fn spared_directions(
            w in matrices(),
            strength in 0.01..10.0_f64,
            low in 0.01..5.0_f64,
            count in 1_usize..6,
            step in 0.01..10.0_f64,
            other in prop::collection::vec(-3.0..3.0_f64, 25),
        ) {
            let penalty = SparedDirections { strength, low, count: count as f64 };
            let scratch = &mut Scratch::default();
            let mut z = w.clone();
            penalty.prox(&mut z, step, scratch);
            let y = (&w - &z) / step;
            let (_, conjugate) = penalty.conjugate(&y, scratch);
            let slack = penalty.value(&z) + conjugate - pairing(&y, &z);
            prop_assert!(slack.abs() < 1e-9 * (1.0 + conjugate), "{slack}");
            let other = Array2::from_shape_fn(w.raw_dim(), |(i, j)| other[i * 5 + j]);
            prop_assert!(penalty.value(&other) + conjugate >= pairing(&y, &other) - 1e-9);
        }
    }

    #[test]
    fn known_values() {
        let a = array![[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]];
        assert!((nuclear_norm(&a) - 7.0).abs() < 1e-14 && (spectral_norm(&a) - 4.0).abs() < 1e-14);
        // All directions spared: a ridge. One of two equal ones: theta is 1/2 above the least for both.
        let all = SparedDirections { strength: 2.0, low: 1.0, count: 2.0 };
        assert!((all.value(&a) - 25.0).abs() < 1e-12);
        let one = SparedDirections { strength: 2.0, low: 1.0, count: 1.0 };
        assert!((one.value(&Array2::eye(2)) - 2.0 * 2.0 / 1.5).abs() < 1e-12);
    }
}
