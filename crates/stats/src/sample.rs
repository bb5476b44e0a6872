//! Samples: what may be wrong with one, its mean and spread, and the differences of two.

use serde::{Deserialize, Serialize};

/// Two numbers closer than this share of the larger one differ by rounding only.
const ROUNDING: f64 = 1e-12;

/// Values beyond this count as infinite: sums of them would be.
const LARGEST: f64 = 1e300;

/// Why input is no sample that anything could be computed from.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// There are no values.
    #[error("there are no values")]
    Empty,
    /// A value is NaN, infinite, or beyond 1e300, where sums would be infinite.
    #[error("value {index} is {value}, not a finite number of usable size")]
    NotFinite {
        /// Position in the sample, counted from 1.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// Two samples, or two rows of a table, that belong together differ in length.
    #[error("{a} and {b} values do not pair")]
    Unpaired {
        /// Length of the first.
        a: usize,
        /// Length of the second.
        b: usize,
    },
    /// A setting is out of range.
    #[error("{name} is {value}; expected {expected}")]
    Parameter {
        /// The setting.
        name: &'static str,
        /// The value found.
        value: f64,
        /// What it has to be.
        expected: &'static str,
    },
}

/// An interval with its confidence level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence level, for instance 0.95.
    pub level: f64,
}

/// Size, mean and spread of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of values.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation with `n - 1` below; none for a single value. Exactly 0 where all values are the same.
    pub std: Option<f64>,
}

impl Summary {
    /// Summarises a sample.
    pub fn of(sample: &[f64]) -> Result<Self, SampleError> {
        check(sample)?;
        let n = sample.len();
        // The mean of equal values is that value, not its rounded sum: zero spread must be seen as zero.
        if sample.iter().all(|v| *v == sample[0]) {
            return Ok(Self { n, mean: sample[0], std: (n > 1).then_some(0.0) });
        }
        let mean = mean(sample);
        let (scale, unit) = scaled_deviations(sample, mean);
        let squares: f64 = unit.iter().map(|u| u * u).sum();
        Ok(Self { n, mean, std: Some(scale * (squares / (n - 1) as f64).sqrt()) })
    }
}

/// The mean of a sample that is not empty.
pub(crate) fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / sample.len() as f64
}

/// Deviations from `mean` as multiples of the largest, and the largest: their powers neither overflow nor vanish.
pub(crate) fn scaled_deviations(sample: &[f64], mean: f64) -> (f64, Vec<f64>) {
    let scale = sample.iter().fold(0.0_f64, |s, v| s.max((v - mean).abs()));
    (scale, sample.iter().map(|v| if scale > 0.0 { (v - mean) / scale } else { 0.0 }).collect())
}

/// Refuses empty samples and values that are not finite.
pub(crate) fn check(sample: &[f64]) -> Result<(), SampleError> {
    match sample.iter().position(|v| v.is_nan() || v.abs() > LARGEST) {
        _ if sample.is_empty() => Err(SampleError::Empty),
        Some(i) => Err(SampleError::NotFinite { index: i + 1, value: sample[i] }),
        None => Ok(()),
    }
}

/// `x - y`, where a difference at rounding level counts as none: the same computation in another order must not become
/// a significant difference.
pub(crate) fn difference(x: f64, y: f64) -> f64 {
    let d = x - y;
    if d.abs() <= ROUNDING * x.abs().max(y.abs()) { 0.0 } else { d }
}

/// The paired differences `a_i - b_i`. Differences at rounding level (1e-12 of the larger value) count as zero.
pub fn differences(a: &[f64], b: &[f64]) -> Result<Vec<f64>, SampleError> {
    check(a)?;
    check(b)?;
    if a.len() != b.len() {
        return Err(SampleError::Unpaired { a: a.len(), b: b.len() });
    }
    Ok(a.iter().zip(b).map(|(&x, &y)| difference(x, y)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_equal_values_is_exactly_zero() {
        // 0.1 + 0.1 + 0.1 is not 0.3 in binary: the plain formula gives 1.7e-17.
        assert_eq!(Summary::of(&[0.1; 3]), Ok(Summary { n: 3, mean: 0.1, std: Some(0.0) }));
        assert_eq!(Summary::of(&[7.0]), Ok(Summary { n: 1, mean: 7.0, std: None }));
    }

    #[test]
    fn spread_neither_overflows_nor_vanishes() {
        // numpy.std([1, 2, 4], ddof=1) = 1.5275252316519468 (numpy 2.4.6).
        for scale in [1.0, 1e-200, 1e200] {
            let s = Summary::of(&[scale, 2.0 * scale, 4.0 * scale]).unwrap();
            assert!((s.std.unwrap() / scale - 1.5275252316519468).abs() < 1e-14, "{s:?}");
            assert!((s.mean / scale - 7.0 / 3.0).abs() < 1e-14);
        }
    }

    #[test]
    fn differences_at_rounding_level_vanish() {
        assert_eq!(differences(&[0.1 + 0.2, 1.0], &[0.3, 1.0 - 1e-9]).unwrap()[0], 0.0);
        assert!(differences(&[1.0], &[1.0 - 1e-9]).unwrap()[0] > 0.0);
    }

    #[test]
    fn what_is_no_sample_is_refused() {
        assert_eq!(Summary::of(&[]), Err(SampleError::Empty));
        assert_eq!(differences(&[1.0, 2.0], &[1.0]), Err(SampleError::Unpaired { a: 2, b: 1 }));
        let error = Summary::of(&[1.0, f64::NEG_INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "value 2 is -inf, not a finite number of usable size");
    }
}
