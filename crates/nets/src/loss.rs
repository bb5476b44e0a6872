//! What a sample's outputs cost.

use serde::{Deserialize, Serialize};

use crate::real::Real;
use crate::work::softmax;

/// The loss of one sample with outputs `f` and targets `y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// `sum_c ln(1 + exp(f_c)) - y_c f_c`: outputs are log-odds, targets probabilities (binary cross-entropy).
    Logistic,
    /// `- sum_c y_c ln softmax(f)_c`: targets are a distribution over classes, one-hot or not.
    SoftmaxCrossEntropy,
    /// `1/2 sum_c (f_c - y_c)^2`.
    Squared,
}

impl Loss {
    /// The loss of one sample, times `weight`. Outputs become its derivatives by themselves.
    #[inline]
    pub fn derive<R: Real>(self, outputs: &mut [R], targets: &[R], weight: R) -> f64 {
        let mut value = R::ZERO;
        match self {
            Self::Logistic => {
                for (f, &y) in outputs.iter_mut().zip(targets) {
                    let e = (-f.abs()).exp();
                    value += f.max(R::ZERO) - y * *f + e.ln_1p();
                    *f = weight * ((if *f >= R::ZERO { R::ONE } else { e }) / (R::ONE + e) - y);
                }
            }
            Self::SoftmaxCrossEntropy => {
                let largest = outputs.iter().fold(outputs[0], |a, &b| a.max(b));
                let (mut sum, mut mass, mut chosen) = (R::ZERO, R::ZERO, R::ZERO);
                for (f, &y) in outputs.iter_mut().zip(targets) {
                    mass += y;
                    chosen += y * (*f - largest);
                    *f = (*f - largest).exp();
                    sum += *f;
                }
                value = mass * sum.ln() - chosen;
                for (f, &y) in outputs.iter_mut().zip(targets) {
                    *f = weight * (mass * *f / sum - y);
                }
            }
            Self::Squared => {
                for (f, &y) in outputs.iter_mut().zip(targets) {
                    *f -= y;
                    value += R::of(0.5) * *f * *f;
                    *f *= weight;
                }
            }
        }
        weight.wide() * value.wide()
    }

    /// The loss of one sample.
    #[inline]
    pub fn value<R: Real>(self, outputs: &[R], targets: &[R]) -> f64 {
        let pairs = outputs.iter().zip(targets);
        let value: R = match self {
            Self::Logistic => pairs.map(|(&f, &y)| f.max(R::ZERO) - y * f + (-f.abs()).exp().ln_1p()).sum(),
            Self::SoftmaxCrossEntropy => {
                let largest = outputs.iter().fold(outputs[0], |a, &b| a.max(b));
                let log = outputs.iter().map(|&f| (f - largest).exp()).sum::<R>().ln() + largest;
                pairs.map(|(&f, &y)| y * (log - f)).sum()
            }
            Self::Squared => R::of(0.5) * pairs.map(|(&f, &y)| (f - y) * (f - y)).sum(),
        };
        value.wide()
    }

    /// What outputs predict: probabilities, or the outputs themselves for the squared loss.
    pub fn predict<R: Real>(self, outputs: &mut [R]) {
        match self {
            Self::Logistic => outputs.iter_mut().for_each(|f| *f = sigmoid(*f)),
            Self::SoftmaxCrossEntropy => softmax(outputs),
            Self::Squared => {}
        }
    }
}

#[inline]
fn sigmoid<R: Real>(f: R) -> R {
    let e = (-f.abs()).exp();
    (if f >= R::ZERO { R::ONE } else { e }) / (R::ONE + e)
}

/// Adds `amount` to every entry of every row and normalises: label smoothing as in TOMATO's code.
pub fn smooth_labels<R: Real>(labels: &mut [R], classes: usize, amount: f64) {
    for row in labels.chunks_exact_mut(classes) {
        row.iter_mut().for_each(|y| *y += R::of(amount));
        let sum: R = row.iter().copied().sum();
        row.iter_mut().for_each(|y| *y = *y / sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_finite_differences() {
        for loss in [Loss::Logistic, Loss::SoftmaxCrossEntropy, Loss::Squared] {
            let (outputs, targets) = ([0.3, -1.2, 2.1], [0.2, 0.7, 0.1]);
            let mut derived = outputs;
            let value = loss.derive(&mut derived, &targets, 2.0);
            assert!((value - 2.0 * loss.value(&outputs, &targets)).abs() < 1e-14);
            for i in 0..3 {
                let at = |h: f64| {
                    let mut moved = outputs;
                    moved[i] += h;
                    2.0 * loss.value(&moved, &targets)
                };
                assert!(((at(1e-5) - at(-1e-5)) / 2e-5 - derived[i]).abs() < 1e-9, "{loss:?}");
            }
        }
    }

    #[test]
    fn large_outputs_do_not_overflow() {
        assert_eq!(Loss::Logistic.value(&[1e4_f32], &[1.0]), 0.0);
        assert_eq!(Loss::Logistic.value(&[-1e4_f32], &[1.0]), 1e4);
        assert_eq!(Loss::SoftmaxCrossEntropy.value(&[1e4_f32, -1e4], &[1.0, 0.0]), 0.0);
    }

    #[test]
    fn smoothed_labels_and_their_floor_are_those_of_the_tomato_specification() {
        for (classes, top, rest, floor) in [(2, 1.1 / 1.2, 0.1 / 1.2, 0.2868), (3, 1.1 / 1.3, 0.1 / 1.3, 0.5360)] {
            let mut labels = vec![0.0; classes];
            labels[0] = 1.0;
            smooth_labels(&mut labels, classes, 0.1);
            assert!((labels[0] - top).abs() < 1e-15 && (labels[1] - rest).abs() < 1e-15);
            let best: Vec<f64> = labels.iter().map(|y: &f64| y.ln()).collect();
            assert!((Loss::SoftmaxCrossEntropy.value(&best, &labels) - floor).abs() < 5e-5);
        }
    }
}
