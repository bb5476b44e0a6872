//! Anderson acceleration of a fixed-point iteration.

use std::collections::VecDeque;

use ndarray::{Array1, Array2};

use crate::linalg::Cholesky;

/// Regularisation of the mixing weights relative to the steps' mean square (Scieur, d'Aspremont and Bach 2016).
const RIDGE: f64 = 1e-10;

/// The last points of an iteration `x <- g(x)`, from which a better next one is made: the mixture of their images whose
/// mixed step `g(x) - x` is shortest (Anderson 1965). The caller keeps it if it is better, by whatever measure descends.
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

    /// The mixture; none of fewer than two points.
    pub(crate) fn mixture(&self) -> Option<Array2<f64>> {
        let k = self.steps.len();
        if k < 2 {
            return None;
        }
        let inner = |a: &Array2<f64>, b: &Array2<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut gram = Array2::zeros((k, k));
        for i in 0..k {
            for j in 0..=i {
                gram[[i, j]] = inner(&self.steps[i], &self.steps[j]);
                gram[[j, i]] = gram[[i, j]];
            }
        }
        let mean = gram.diag().mean().filter(|mean| *mean > 0.0)?;
        gram /= mean;
        gram.diag_mut().mapv_inplace(|v| v + RIDGE);
        let mut weights = Array1::ones(k);
        Cholesky::of(&gram)?.solve(&mut weights);
        let total = weights.sum();
        let mut mixture = Array2::zeros(self.images[0].raw_dim());
        for (image, weight) in self.images.iter().zip(&weights) {
            mixture.scaled_add(weight / total, image);
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
    fn linear_iterations_end_at_once() {
        let a = array![[0.9, 0.2, 0.0], [0.0, 0.8, 0.1], [0.05, 0.0, 0.95]];
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
        assert!((g(&mixture) - &mixture).iter().all(|d| d.abs() < 1e-5), "{mixture}");
        anderson.clear();
        assert!(anderson.mixture().is_none());
    }
}
