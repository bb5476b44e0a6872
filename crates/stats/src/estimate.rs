//! A mean with its standard error: what every test of the t family is made from.

use crate::distribution::{t_upper, t_upper_quantile};
use crate::sample::{Interval, SampleError, Summary};

/// The mean of at least two values, and how well it is known.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    /// Mean.
    pub mean: f64,
    /// Its standard error; 0 where the values have no spread.
    pub se: f64,
    /// Degrees of freedom, `n - 1`.
    pub df: f64,
}

impl Estimate {
    /// Estimates the mean; none from a single value.
    ///
    /// The variance of the mean is `s^2 (1/n + test_over_train)`: the second term stands for the rows that resamples
    /// share (Nadeau and Bengio, 2003) and is 0 for independent values.
    pub fn of(sample: &[f64], test_over_train: f64) -> Result<Option<Self>, SampleError> {
        let summary = Summary::of(sample)?;
        if !(test_over_train.is_finite() && test_over_train >= 0.0) {
            let expected = "a finite number, 0 or more";
            return Err(SampleError::Parameter { name: "n_test / n_train", value: test_over_train, expected });
        }
        let n = summary.n as f64;
        Ok(summary.std.map(|s| Self { mean: summary.mean, se: s * (1.0 / n + test_over_train).sqrt(), df: n - 1.0 }))
    }

    /// The t statistic of the mean against `bound`; infinite where a difference meets no spread.
    pub fn t(&self, bound: f64) -> f64 {
        let difference = self.mean - bound;
        if difference == 0.0 { 0.0 } else { difference / self.se }
    }

    /// The p-values of the alternatives that the mean is below and that it is above `bound`. Without spread they are 0
    /// and 1, or both 1 where the mean equals the bound.
    pub fn tails(&self, bound: f64) -> (f64, f64) {
        let t = self.t(bound);
        if self.se == 0.0 && t == 0.0 { (1.0, 1.0) } else { (t_upper(-t, self.df), t_upper(t, self.df)) }
    }

    /// The two-sided confidence interval of the mean, shifted by `-origin`.
    pub fn interval(&self, origin: f64, level: f64) -> Interval {
        let centre = self.mean - origin;
        let half = if self.se == 0.0 { 0.0 } else { self.se * t_upper_quantile(0.5 * (1.0 - level), self.df) };
        Interval { low: centre - half, high: centre + half, level }
    }
}
