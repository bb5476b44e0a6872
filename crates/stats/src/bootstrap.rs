//! Bootstrap intervals of a mean.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::distribution::{normal_cdf, normal_quantile};
use crate::sample::{Summary, scaled_deviations};

/// How a bootstrap interval is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Number of resamples.
    pub replicates: usize,
    /// Confidence level, within 0..1.
    pub level: f64,
    /// Seed of the ChaCha8 stream: the same seed gives the same interval.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { replicates: 9999, level: 0.95, seed: 0 }
    }
}

/// How the ends of an interval were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BootstrapMethod {
    /// Bias-corrected and accelerated percentiles (Efron, "Better bootstrap confidence intervals", 1987).
    Bca,
    /// Plain percentiles, where the bias correction or the acceleration is undefined.
    Percentile,
}

/// A bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BootstrapInterval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence level.
    pub level: f64,
    /// How the ends were found.
    pub method: BootstrapMethod,
}

impl Bootstrap {
    /// The interval of the mean of a sample of independent values. None for fewer than two values, for one that is not
    /// finite, without replicates, and for a level outside 0..1.
    pub fn mean_interval(&self, sample: &[f64]) -> Option<BootstrapInterval> {
        let summary = Summary::of(sample).ok()?;
        if summary.n < 2 || self.replicates == 0 || !(self.level > 0.0 && self.level < 1.0) {
            return None;
        }
        let mut means = self.resampled_means(sample);
        means.sort_by(f64::total_cmp);
        let tail = 0.5 * (1.0 - self.level);
        let ([low, high], method) = match bca(sample, summary.mean, &means, [tail, 1.0 - tail]) {
            Some(levels) => (levels, BootstrapMethod::Bca),
            None => ([tail, 1.0 - tail], BootstrapMethod::Percentile),
        };
        Some(BootstrapInterval { low: quantile(&means, low), high: quantile(&means, high), level: self.level, method })
    }

    fn resampled_means(&self, sample: &[f64]) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let n = sample.len();
        let mut draw = || (0..n).map(|_| sample[rng.random_range(0..n)]).sum::<f64>() / n as f64;
        (0..self.replicates).map(|_| draw()).collect()
    }
}

/// The percentiles at which BCa reads the sorted replicates, where they are defined.
fn bca(sample: &[f64], mean: f64, sorted: &[f64], levels: [f64; 2]) -> Option<[f64; 2]> {
    let below = sorted.partition_point(|v| *v < mean) + sorted.partition_point(|v| *v <= mean);
    let bias = normal_quantile(0.5 * below as f64 / sorted.len() as f64);
    // For a mean the jackknife's influence values are proportional to the deviations.
    let (_, unit) = scaled_deviations(sample, mean);
    let power = |k| unit.iter().map(|u: &f64| u.powi(k)).sum::<f64>();
    let acceleration = power(3) / (6.0 * power(2).powf(1.5));
    let corrected = levels.map(|level| {
        let z = bias + normal_quantile(level);
        normal_cdf(bias + z / (1.0 - acceleration * z))
    });
    (bias.is_finite() && acceleration.is_finite() && corrected.iter().all(|c| c.is_finite())).then_some(corrected)
}

/// The quantile of sorted values, linear between order statistics.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = p * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;
    use proptest::prelude::*;

    const SKEWED: [f64; 10] = [1.2, 0.4, 3.9, 0.8, 0.3, 2.2, 0.9, 5.1, 0.7, 1.4];

    #[test]
    fn bca_agrees_with_scipy() {
        // bootstrap((x,), numpy.mean, n_resamples=400000, method="BCa") = [0.96, 2.97] with two seeds, and
        // method="percentile" = [0.85, 2.72] (scipy 1.17.1). Means come in steps of 0.01.
        let many = Bootstrap { replicates: 200_000, ..Bootstrap::default() };
        let interval = many.mean_interval(&SKEWED).unwrap();
        assert!((interval.low - 0.96).abs() < 0.0101 && (interval.high - 2.97).abs() < 0.0101, "{interval:?}");
        assert_eq!(interval.method, BootstrapMethod::Bca);
    }

    #[test]
    fn the_seed_decides() {
        let interval = |seed| Bootstrap { seed, replicates: 200, ..Bootstrap::default() }.mean_interval(&SKEWED);
        assert_eq!(interval(7), interval(7));
        assert_ne!(interval(7), interval(8));
    }

    #[test]
    fn what_has_no_spread_has_a_point_and_what_is_no_sample_nothing() {
        let constant = Bootstrap::default().mean_interval(&[0.5; 4]).unwrap();
        assert_eq!((constant.low, constant.high, constant.method), (0.5, 0.5, BootstrapMethod::Percentile));
        assert_eq!(Bootstrap::default().mean_interval(&[0.5]), None);
        assert_eq!(Bootstrap::default().mean_interval(&[0.5, f64::NAN]), None);
        assert_eq!(Bootstrap { level: 1.0, ..Bootstrap::default() }.mean_interval(&SKEWED), None);
    }

    #[test]
    fn quantiles_are_linear_between_order_statistics() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.25, 0.5, 0.9, 1]) (numpy 2.4.6).
        let found = [0.0, 0.25, 0.5, 0.9, 1.0].map(|p| quantile(&[1.0, 2.0, 4.0, 8.0], p));
        assert_eq!(found, [1.0, 1.75, 3.0, 6.800000000000001, 8.0]);
    }

    proptest! {
        #[test]
        fn ends_are_in_order_and_within_the_sample(x in sample(), seed in 0..100_u64) {
            if let Some(i) = (Bootstrap { seed, replicates: 300, ..Bootstrap::default() }).mean_interval(&x) {
                let (low, high) = x.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
                prop_assert!(low <= i.low && i.low <= i.high && i.high <= high);
            } else {
                prop_assert_eq!(x.len(), 1);
            }
        }
    }
}
