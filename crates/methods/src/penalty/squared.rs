//! The square of a norm of row norms.

use ndarray::{Array2, ArrayView1};

use super::Penalty;
use super::row::Scratch;

/// `strength (sum_j ||W_j:||_2)^2`, SG-MTL's penalty for the weights (features x tasks) of one group of tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquaredRows {
    /// Its strength.
    pub strength: f64,
}

fn norm(row: ArrayView1<'_, f64>) -> f64 {
    row.dot(&row).sqrt()
}

impl Penalty for SquaredRows {
    fn value(&self, w: &Array2<f64>) -> f64 {
        self.strength * w.rows().into_iter().map(norm).sum::<f64>().powi(2)
    }

    /// All rows shrink by the same `tau`: with `c = 2 step strength`, `tau = c S_k / (1 + k c)` for the sum `S_k` of
    /// the `k` largest norms, `k` being the last for which the `k`-th exceeds it.
    fn prox(&self, w: &mut Array2<f64>, step: f64, _scratch: &mut Scratch) {
        let c = 2.0 * step * self.strength;
        let mut falling: Vec<f64> = w.rows().into_iter().map(norm).collect();
        falling.sort_unstable_by(|a, b| b.total_cmp(a));
        let (mut sum, mut tau) = (0.0, 0.0);
        for (k, value) in (1..).zip(&falling) {
            sum += value;
            let candidate = c * sum / (1.0 + f64::from(k) * c);
            if *value <= candidate {
                break;
            }
            tau = candidate;
        }
        for mut row in w.rows_mut() {
            let length = norm(row.view());
            row *= if length > tau { 1.0 - tau / length } else { 0.0 };
        }
    }

    fn conjugate(&self, y: &Array2<f64>, _scratch: &mut Scratch) -> (f64, f64) {
        let largest = y.rows().into_iter().map(|row| row.dot(&row)).fold(0.0, f64::max);
        (1.0, largest / (4.0 * self.strength))
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
    use proptest::prelude::*;

    proptest! {
        /// The prox beats what is around it, and what it takes away is a gradient: Fenchel's inequality is an equality.
        #[test]
        fn prox_is_a_minimiser(
            values in prop::collection::vec(-5.0..5.0_f64, 12),
            directions in prop::collection::vec(prop::collection::vec(-1.0..1.0_f64, 12), 20),
            strength in 0.01..3.0_f64,
            step in 0.01..3.0_f64,
        ) {
            let penalty = SquaredRows { strength };
            let matrix = |v: &[f64]| Array2::from_shape_vec((4, 3), v.to_vec()).unwrap();
            let (point, scratch) = (matrix(&values), &mut Scratch::default());
            let mut z = point.clone();
            penalty.prox(&mut z, step, scratch);
            let objective = |z: &Array2<f64>| (z - &point).mapv(|d| d * d).sum() / 2.0 + step * penalty.value(z);
            for direction in &directions {
                for size in [1.0, 1e-2, 1e-4] {
                    prop_assert!(objective(&(&z + &(matrix(direction) * size))) >= objective(&z) - 1e-12);
                }
            }
            let y = (&point - &z) / step;
            let (scale, conjugate) = penalty.conjugate(&y, scratch);
            prop_assert!(scale == 1.0 && (penalty.value(&z) + conjugate - (&y * &z).sum()).abs() < 1e-9);
        }
    }
}
