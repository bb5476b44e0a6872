//! Quadratic penalties that tie the tasks to each other.

use ndarray::{Array2, Axis, s};
use serde::{Deserialize, Serialize};

/// The matrix `R` of `||W R||_F^2`, one row a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coupling {
    /// Differences of consecutive tasks, `w_t - w_{t+1}`.
    #[default]
    Chain,
    /// Differences from the mean of all tasks, `R = I - 11'/m`.
    Mean,
    /// `R = I`: no coupling, a ridge.
    Identity,
}

impl Coupling {
    /// The names, for parameter schemas.
    pub const CHOICES: &'static [&'static str] = &["chain", "mean", "identity"];
}

/// `q(W) = strength ||W R||_F^2`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quadratic {
    /// `R`.
    pub coupling: Coupling,
    /// Its strength.
    pub strength: f64,
}

impl Quadratic {
    /// `strength ||W||_F^2`, without the customary 1/2.
    pub fn ridge(strength: f64) -> Self {
        Self { coupling: Coupling::Identity, strength }
    }

    /// `q(W)`.
    pub fn value(&self, w: &Array2<f64>) -> f64 {
        let squares = |a: &Array2<f64>| a.iter().map(|v| v * v).sum::<f64>();
        let m = w.ncols();
        let value = match self.coupling {
            Coupling::Chain => squares(&(&w.slice(s![.., 1..]) - &w.slice(s![.., ..m - 1]))),
            Coupling::Mean => squares(&(w - &(w.sum_axis(Axis(1)) / m as f64).insert_axis(Axis(1)))),
            Coupling::Identity => squares(w),
        };
        self.strength * value
    }

    /// `2 strength W R R'`.
    pub fn gradient(&self, w: &Array2<f64>) -> Array2<f64> {
        let m = w.ncols();
        let product = match self.coupling {
            Coupling::Chain => {
                let differences = &w.slice(s![.., 1..]) - &w.slice(s![.., ..m - 1]);
                let mut product = Array2::zeros(w.raw_dim());
                product.slice_mut(s![.., 1..]).scaled_add(1.0, &differences);
                product.slice_mut(s![.., ..m - 1]).scaled_add(-1.0, &differences);
                product
            }
            Coupling::Mean => w - &(w.sum_axis(Axis(1)) / m as f64).insert_axis(Axis(1)),
            Coupling::Identity => w.clone(),
        };
        product * (2.0 * self.strength)
    }

    /// The part of `u` in the range of `RR'`, where the conjugate is finite.
    pub fn range_of(&self, u: &Array2<f64>) -> Array2<f64> {
        match self.coupling {
            _ if self.strength == 0.0 => Array2::zeros(u.raw_dim()),
            Coupling::Chain | Coupling::Mean => u - &(u.sum_axis(Axis(1)) / u.ncols() as f64).insert_axis(Axis(1)),
            Coupling::Identity => u.clone(),
        }
    }

    /// `q*(u) = min { ||Z||_F^2 / (4 strength) : Z R' = u }` on the range of `RR'`; 0 is the only point of it without a
    /// strength.
    pub fn conjugate(&self, u: &Array2<f64>) -> f64 {
        if self.strength == 0.0 {
            return 0.0;
        }
        let squares = match self.coupling {
            Coupling::Mean | Coupling::Identity => u.iter().map(|v| v * v).sum::<f64>(),
            // The flow along the path: what has come in up to each task.
            Coupling::Chain => u.rows().into_iter().map(|row| flow(row.as_slice().unwrap_or_default())).sum(),
        };
        squares / (4.0 * self.strength)
    }

    /// A bound on the largest eigenvalue of the Hessian, `2 strength lambda_max(RR')`.
    pub fn lipschitz(&self) -> f64 {
        match self.coupling {
            // A path's Laplacian has no eigenvalue above twice its largest degree.
            Coupling::Chain => 8.0 * self.strength,
            Coupling::Mean | Coupling::Identity => 2.0 * self.strength,
        }
    }
}

/// Sum of the squared partial sums.
fn flow(row: &[f64]) -> f64 {
    let mut sum = 0.0;
    let squares = row.iter().take(row.len().saturating_sub(1)).map(|v| {
        sum += v;
        sum * sum
    });
    squares.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn gradients_are_those_of_the_value() {
        for coupling in [Coupling::Chain, Coupling::Mean, Coupling::Identity] {
            let q = Quadratic { coupling, strength: 0.7 };
            for w in [array![[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], array![[2.0], [-1.0]]] {
                let gradient = q.gradient(&w);
                // Euler: a quadratic form is half its gradient's pairing with the point.
                assert!((q.value(&w) - (&gradient * &w).sum() / 2.0).abs() < 1e-12);
                // Fenchel: equality at the gradient, and the gradient lies in the range.
                assert!((&q.range_of(&gradient) - &gradient).iter().all(|d| d.abs() < 1e-12));
                assert!((q.value(&w) + q.conjugate(&gradient) - (&gradient * &w).sum()).abs() < 1e-12);
                assert!((&gradient * &gradient).sum() <= q.lipschitz().powi(2) * (&w * &w).sum() + 1e-12);
            }
        }
        let w = array![[1.0, 2.0, 4.0]];
        assert_eq!(Quadratic { coupling: Coupling::Chain, strength: 2.0 }.value(&w), 2.0 * (1.0 + 4.0));
        assert_eq!(Quadratic { coupling: Coupling::Mean, strength: 3.0 }.value(&array![[1.0, 3.0]]), 6.0);
    }
}
