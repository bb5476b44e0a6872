//! Whether a mean is so close to a target that the rest does not matter.

use serde::{Deserialize, Serialize};

use crate::estimate::Estimate;
use crate::sample::{Interval, SampleError, Summary};

/// The result of two one-sided tests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Equivalence {
    /// Number of values.
    pub n: usize,
    /// `mean(sample) - target`.
    pub difference: f64,
    /// The margin within which a difference does not matter.
    pub margin: f64,
    /// p-value of "the difference is above `-margin`".
    pub p_lower: f64,
    /// p-value of "the difference is below `margin`".
    pub p_upper: f64,
    /// The larger of the two: p-value of "the difference is within the margin".
    pub p: f64,
    /// The `1 - 2 alpha` interval of the difference, which lies within the margin exactly where `p < alpha`; none for
    /// a single value.
    pub interval: Option<Interval>,
}

/// Schuirmann's two one-sided t-tests (1987): is `|mean(sample) - target| < margin`?
///
/// A single value shows no spread: every p-value is 1 and there is no interval. Values without spread are compared
/// directly: p is 0 where the difference is strictly within the margin and 1 otherwise.
pub fn tost(sample: &[f64], target: f64, margin: f64, alpha: f64) -> Result<Equivalence, SampleError> {
    corrected_tost(sample, 0.0, target, margin, alpha)
}

/// [`tost`] with Nadeau and Bengio's variance, for resamples that share rows.
pub fn corrected_tost(
    sample: &[f64],
    test_over_train: f64,
    target: f64,
    margin: f64,
    alpha: f64,
) -> Result<Equivalence, SampleError> {
    let parameter = |name, value, expected| Err(SampleError::Parameter { name, value, expected });
    if !target.is_finite() {
        return parameter("target", target, "a finite number");
    }
    if !(margin.is_finite() && margin >= 0.0) {
        return parameter("margin", margin, "a finite number, 0 or more");
    }
    if !(alpha > 0.0 && alpha < 0.5) {
        return parameter("alpha", alpha, "a number between 0 and 0.5");
    }
    let n = sample.len();
    let Some(estimate) = Estimate::of(sample, test_over_train)? else {
        let difference = Summary::of(sample)?.mean - target;
        return Ok(Equivalence { n, difference, margin, p_lower: 1.0, p_upper: 1.0, p: 1.0, interval: None });
    };
    let (_, p_lower) = estimate.tails(target - margin);
    let (p_upper, _) = estimate.tails(target + margin);
    Ok(Equivalence {
        n,
        difference: estimate.mean - target,
        margin,
        p_lower,
        p_upper,
        p: p_lower.max(p_upper),
        interval: Some(estimate.interval(target, 1.0 - 2.0 * alpha)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ALPHA;
    use crate::testing::{REPEATS, close, sample};
    use proptest::prelude::*;

    #[test]
    fn agrees_with_scipy_and_statsmodels() {
        // ttest_1samp(x, target -+ margin, alternative="greater" / "less") and .confidence_interval(0.9) (scipy
        // 1.17.1); DescrStatsW(x).ttost_mean gives the same p-values (statsmodels 0.15.0).
        let test = tost(&REPEATS, 0.5, 0.03, ALPHA).unwrap();
        close(test.p_lower, 3.2045389026315524e-05);
        close(test.p_upper, 0.0046679038103452745);
        close(test.p, test.p_upper);
        close(test.difference, 0.01225);
        let interval = test.interval.unwrap();
        close(interval.low, 0.002778798713651831);
        close(interval.high, 0.021721201286348135);
        close(interval.level, 0.9);
        let test = tost(&REPEATS, 0.55, 0.02, ALPHA).unwrap();
        close(test.p_lower, 0.9953320961896547);
        close(test.p_upper, 4.102192770655821e-06);
        close(test.p, test.p_lower);
    }

    #[test]
    fn values_without_spread_are_compared_directly() {
        let p = |x: &[f64], margin| tost(x, 0.5, margin, ALPHA).unwrap().p;
        assert_eq!([p(&[0.75; 3], 0.3), p(&[0.75; 3], 0.25), p(&[0.75; 3], 0.2)], [0.0, 1.0, 1.0]);
        assert_eq!(p(&[0.5; 3], 0.0), 1.0);
        let single = tost(&[0.5], 0.5, 1.0, ALPHA).unwrap();
        assert_eq!((single.p, single.difference, single.interval), (1.0, 0.0, None));
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let name = |target, margin, alpha| match tost(&REPEATS, target, margin, alpha) {
            Err(SampleError::Parameter { name, .. }) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(name(f64::NAN, 1.0, ALPHA), "target");
        assert_eq!(name(0.0, -1.0, ALPHA), "margin");
        assert_eq!(name(0.0, 1.0, 0.5), "alpha");
        assert_eq!(tost(&[], 0.0, 1.0, ALPHA), Err(SampleError::Empty));
    }

    proptest! {
        #[test]
        fn a_wider_margin_makes_equivalence_likelier(
            x in sample(), target in -2.0..2.0, margin in 0.0..3.0, more in 0.0..3.0
        ) {
            let p = |margin| tost(&x, target, margin, ALPHA).unwrap().p;
            prop_assert!((0.0..=1.0).contains(&p(margin)));
            prop_assert!(p(margin + more) <= p(margin));
        }

        #[test]
        fn significant_exactly_where_the_interval_is_inside(x in sample(), target in -2.0..2.0, margin in 0.0..3.0) {
            let test = tost(&x, target, margin, ALPHA).unwrap();
            if let Some(i) = test.interval {
                prop_assume!((i.low + margin).abs() > 1e-9 && (i.high - margin).abs() > 1e-9);
                prop_assert_eq!(test.p < ALPHA, i.low > -margin && i.high < margin);
            }
        }

        #[test]
        fn shared_rows_make_it_harder(x in sample(), share in 0.0..1.0, margin in 0.0..3.0) {
            // Only where the mean is inside: outside, more variance brings p down towards a half.
            let plain = tost(&x, 0.0, margin, ALPHA).unwrap();
            prop_assume!(plain.difference.abs() < margin);
            prop_assert!(corrected_tost(&x, share, 0.0, margin, ALPHA).unwrap().p >= plain.p - 1e-12);
        }
    }
}
