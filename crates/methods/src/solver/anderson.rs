//! Anderson acceleration of a fixed-point iteration.

use std::collections::VecDeque;

use ndarray::{Array1, Array2, Zip};

use crate::linalg::Svd;

/// Directions in which the differences of the steps, each scaled to length one, are shorter say nothing.
const RANK: f64 = 1e-10;

/// The last points of an iteration `x <- g(x)`, from which a better next one is made: the mixture of their images whose
/// mixed step `g(x) - x` is shortest (Anderson 1965). The caller keeps it if it is better, by whatever measure
/// descends.
pub(crate) struct Anderson {
    memory: usize,
    images: VecDeque<Array2<f64>>,
    steps: VecDeque<Array2<f64>>,
}

impl Anderson {
    /// Mixes up to `memory` points.
    pub(crate) fn new(memory: usize) -> Self {
        Self { memory, images: VecDeque::new(), steps: VecDeque::new() }
    }

    /// Notes that `from` went to `image`.
    pub(crate) fn push(&mut self, from: &Array2<f64>, image: &Array2<f64>) {
        if self.images.len() == self.memory {
            self.images.pop_front();
            self.steps.pop_front();
        }
        self.images.push_back(image.clone());
        self.steps.push_back(image - from);
    }

    /// Forgets all points.
    pub(crate) fn clear(&mut self) {
        self.images.clear();
        self.steps.clear();
    }

    /// The mixture; none of fewer than two points. With differences of successive steps in the columns of `D`, it is
    /// the last image less the differences of the images times `D^+` of the last step.
    pub(crate) fn mixture(&self) -> Option<Array2<f64>> {
        let (last, step) = (self.images.back()?, self.steps.back()?);
        let count = self.steps.len() - 1;
        if count == 0 {
            return None;
        }
        let mut differences = Array2::zeros((step.len(), count));
        let mut lengths = Array1::ones(count);
        for (i, mut column) in differences.columns_mut().into_iter().enumerate() {
            let pairs = self.steps[i + 1].iter().zip(&self.steps[i]);
            column.iter_mut().zip(pairs).for_each(|(d, (after, before))| *d = after - before);
            let length = column.dot(&column).sqrt();
            if length > 0.0 {
                column /= length;
                lengths[i] = length;
            }
        }
        let svd = Svd::of(&differences).ok()?;
        let largest = svd.values[0];
        let mut inner = svd.left.t().dot(&step.iter().copied().collect::<Array1<f64>>());
        Zip::from(&mut inner).and(&svd.values).for_each(|v, &s| *v = if s > RANK * largest { *v / s } else { 0.0 });
        let weights = svd.right.dot(&inner) / &lengths;
        let mut mixture = last.clone();
        for (i, &weight) in weights.iter().enumerate() {
            mixture.scaled_add(-weight, &self.images[i + 1]);
            mixture.scaled_add(weight, &self.images[i]);
        }
        mixture.iter().all(|v| v.is_finite()).then_some(mixture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// On a linear iteration in three unknowns, four points are enough.
    #[test]
    fn a_linear_iteration_ends_at_once() {
        let a = array![[0.9, 0.2, 0.0], [0.0, 0.8, 0.1], [0.05, 0.0, 0.9]];
        let b = array![[1.0], [2.0], [-1.0]];
        let g = |x: &Array2<f64>| a.dot(x) + &b;
        let mut anderson = Anderson::new(4);
        let mut x = Array2::zeros((3, 1));
        for _ in 0..4 {
            let image = g(&x);
            anderson.push(&x, &image);
            x = image;
        }
        let mixture = anderson.mixture().unwrap();
        let length = |x: &Array2<f64>| (g(x) - x).iter().map(|d| d * d).sum::<f64>().sqrt();
        assert!(length(&mixture) < 1e-9 * length(&x), "{} {}", length(&mixture), length(&x));
        anderson.clear();
        assert!(anderson.mixture().is_none());
    }
}
