//! The shares of the tasks in the groups at given weights.

use ndarray::{Array1, Array2, Axis};
use rand::Rng;

use super::metric::{GroupRoot, Span};
use crate::linalg::NotFinite;
use crate::method::Context;
use crate::solver::SolverError;

/// Gradient steps at most, as in the authors' code.
const STEPS: usize = 200;

/// Armijo's rule there: trials, the factor between them and the share of the slope.
const TRIALS: usize = 10;
const SHRINK: f64 = 0.3;
const ARMIJO: f64 = 1e-4;

/// A step that lowers the objective by less, relatively, is the last.
const STANDSTILL: f64 = 1e-7;

/// `H(Q) = sum_g (tr (W Q_g W' + eps I)^{1/2})^2` as a function of the shares.
pub(super) struct Grouping {
    coordinates: Array2<f64>,
    eps: f64,
    outside: f64,
    compat: bool,
}

impl Grouping {
    /// `compat` counts the dimensions outside the span as the authors' code does: `d - m`, even where that is negative.
    pub(super) fn new(weights: &Array2<f64>, eps: f64, compat: bool) -> Result<Self, NotFinite> {
        let (d, m) = weights.dim();
        let outside = if compat { d as f64 - m as f64 } else { d.saturating_sub(m) as f64 };
        Ok(Self { coordinates: Span::of(weights)?.coordinates, eps, outside, compat })
    }

    fn roots(&self, shares: &Array2<f64>) -> Result<Vec<GroupRoot>, NotFinite> {
        shares.rows().into_iter().map(|q| GroupRoot::of(&self.coordinates, q, self.eps, self.outside)).collect()
    }

    pub(super) fn value(&self, shares: &Array2<f64>) -> Result<f64, NotFinite> {
        Ok(sum_of_squares(&self.roots(shares)?))
    }

    /// `dH/dq_gt = T_g w_t'(W Q_g W' + eps I)^{-1/2} w_t`, `T_g` the trace of the root.
    fn slopes(&self, roots: &[GroupRoot]) -> Array2<f64> {
        let mut slopes = Array2::zeros((roots.len(), self.coordinates.ncols()));
        for (root, mut row) in roots.iter().zip(slopes.rows_mut()) {
            row.assign(&(root.inverse_forms(&self.coordinates) * root.trace));
        }
        slopes
    }

    /// Gradient descent on `alpha` with `Q = softmax(alpha)` over the groups, from uniform random numbers.
    pub(super) fn descend(
        &self,
        n_groups: usize,
        rng: &mut impl Rng,
        context: &Context,
    ) -> Result<Array2<f64>, SolverError> {
        let mut alpha = Array2::from_shape_fn((n_groups, self.coordinates.ncols()), |_| rng.random::<f64>());
        let mut shares = softmax(&alpha);
        let mut roots = self.roots(&shares)?;
        for _ in 0..STEPS {
            context.check()?;
            let here = sum_of_squares(&roots);
            let gradient = through_softmax(&shares, &self.slopes(&roots));
            let square: f64 = gradient.iter().map(|v| v * v).sum();
            let mut step = 1.0;
            let mut lowered = None;
            for _ in 0..TRIALS {
                let moved = &alpha - &(&gradient * step);
                let there = softmax(&moved);
                let reached = self.roots(&there)?;
                let value = sum_of_squares(&reached);
                // The authors' code has the other sign, which lets the objective rise a little.
                let bound = ARMIJO * step * square * if self.compat { 1.0 } else { -1.0 };
                if value <= here + bound {
                    (alpha, shares, roots) = (moved, there, reached);
                    lowered = Some(here - value);
                    break;
                }
                step *= SHRINK;
            }
            // Where no step is good enough the authors' code tries the same ones again.
            match lowered {
                Some(decrease) if self.compat || decrease > STANDSTILL * here => {}
                _ => break,
            }
        }
        Ok(shares)
    }
}

fn sum_of_squares(roots: &[GroupRoot]) -> f64 {
    roots.iter().map(|root| root.trace.powi(2)).sum()
}

/// The softmax of every column.
fn softmax(alpha: &Array2<f64>) -> Array2<f64> {
    let mut shares = alpha.clone();
    for mut column in shares.columns_mut() {
        let largest = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        column.mapv_inplace(|a| (a - largest).exp());
        let total = column.sum();
        column /= total;
    }
    shares
}

/// `dH/dalpha_gt = q_gt (h_gt - sum_g' q_g't h_g't)`.
fn through_softmax(shares: &Array2<f64>, slopes: &Array2<f64>) -> Array2<f64> {
    let means: Array1<f64> = (shares * slopes).sum_axis(Axis(0));
    shares * &(slopes - &means)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mtl_core::Seed;

    fn random(rows: usize, columns: usize, key: u32) -> Array2<f64> {
        let mut rng = Seed::of(&("kang", key)).rng();
        Array2::from_shape_fn((rows, columns), |_| rng.random_range(-1.0..1.0))
    }

    /// `H` from the whole `d x d` matrices.
    fn dense(weights: &Array2<f64>, shares: &Array2<f64>, eps: f64) -> f64 {
        let of_group = |q: ndarray::ArrayView1<'_, f64>| {
            let inner = (weights * &q).dot(&weights.t()) + Array2::<f64>::eye(weights.nrows()) * eps;
            crate::linalg::Eigen::of(&inner).unwrap().values.iter().map(|v| v.max(0.0).sqrt()).sum::<f64>().powi(2)
        };
        shares.rows().into_iter().map(of_group).sum()
    }

    #[test]
    fn the_span_is_enough_and_slopes_are_differences() {
        for (d, m, key) in [(7, 4, 0), (3, 6, 1), (5, 5, 2)] {
            let (weights, alpha, eps) = (random(d, m, key), random(3, m, key + 10), 0.05);
            let grouping = Grouping::new(&weights, eps, false).unwrap();
            let shares = softmax(&alpha);
            assert!((shares.sum_axis(Axis(0)) - 1.0).iter().all(|d: &f64| d.abs() < 1e-14));
            let value = grouping.value(&shares).unwrap();
            let slopes = grouping.slopes(&grouping.roots(&shares).unwrap());
            assert!((value - dense(&weights, &shares, eps)).abs() < 1e-10, "{d} {m}");
            let gradient = through_softmax(&shares, &slopes);
            for index in ndarray::indices(alpha.dim()) {
                let at = |delta: f64, through: bool| {
                    let mut moved = if through { alpha.clone() } else { shares.clone() };
                    moved[index] += delta;
                    dense(&weights, &if through { softmax(&moved) } else { moved }, eps)
                };
                for (own, through) in [(slopes[index], false), (gradient[index], true)] {
                    let difference = (at(1e-5, through) - at(-1e-5, through)) / 2e-5;
                    assert!((own - difference).abs() < 1e-6 * own.abs().max(1.0), "{own} {difference}");
                }
            }
        }
    }

    /// The quirk is one of tall problems only: with fewer features than tasks the code's trace is too small.
    #[test]
    fn the_released_trace_is_wrong_for_few_features() {
        let (wide, tall) = (random(3, 6, 5), random(6, 3, 6));
        for (weights, agree) in [(wide, false), (tall, true)] {
            let shares = softmax(&random(2, weights.ncols(), 7));
            let at = |compat| Grouping::new(&weights, 0.1, compat).unwrap().value(&shares).unwrap();
            assert_eq!((at(true) - at(false)).abs() < 1e-12, agree);
        }
    }
}
