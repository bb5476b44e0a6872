//! Claims: what a paper says in words, put to the test on our samples.
//!
//! An elementary claim ([`less`], [`threshold`], [`equal`]) is a hypothesis with a one-sided p-value for it and one
//! against it. It is supported where the first is below 0.05, contradicted where the second is, inconclusive otherwise.
//! A single pair or value is always inconclusive: noise cannot be told from effect. Where there is nothing to test on,
//! the claim is untested.
//!
//! [`all`], [`any`] and [`not`] combine claims.

mod combine;

pub use combine::{all, any, not};

use serde::{Deserialize, Serialize};

use crate::ALPHA;
use crate::choice::{Resampling, choose};
use crate::equivalence::corrected_tost;
use crate::estimate::Estimate;
use crate::paired::Alternative;
use crate::sample::{SampleError, Summary, differences};

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimOutcome {
    /// The data speak for it.
    Supported,
    /// The data speak against it.
    Contradicted,
    /// The data do not decide.
    Inconclusive,
    /// There are no data, for this reason.
    Untested(String),
}

impl ClaimOutcome {
    /// Short lower-case label for tables.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Contradicted => "contradicted",
            Self::Inconclusive => "inconclusive",
            Self::Untested(_) => "untested",
        }
    }
}

/// A claim's outcome with the numbers behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimResult {
    /// What became of the claim.
    pub outcome: ClaimOutcome,
    /// p-value of the claim: how surprising the data would be if it did not hold.
    pub p_for: Option<f64>,
    /// p-value of its opposite.
    pub p_against: Option<f64>,
    /// The mean difference or distance to the threshold the claim is about; none for several claims combined.
    pub effect: Option<f64>,
    /// Number of pairs or values; the smallest one where claims are combined.
    pub n: Option<usize>,
}

/// Which side of a value a mean is claimed to be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl ClaimResult {
    /// The p-value behind the outcome: against the claim where it is contradicted, for it otherwise.
    pub fn p(&self) -> Option<f64> {
        if self.outcome == ClaimOutcome::Contradicted { self.p_against } else { self.p_for }
    }

    /// A claim that could not be put to the test, for this reason.
    pub fn untested(reason: impl Into<String>) -> Self {
        let outcome = ClaimOutcome::Untested(reason.into());
        Self { outcome, p_for: None, p_against: None, effect: None, n: None }
    }

    fn decided(p_for: f64, p_against: f64, effect: f64, n: usize) -> Self {
        let outcome = if p_for < ALPHA {
            ClaimOutcome::Supported
        } else if p_against < ALPHA {
            ClaimOutcome::Contradicted
        } else {
            ClaimOutcome::Inconclusive
        };
        Self { outcome, p_for: Some(p_for), p_against: Some(p_against), effect: Some(effect), n: Some(n) }
    }

    fn single(effect: f64) -> Self {
        let outcome = ClaimOutcome::Inconclusive;
        Self { outcome, p_for: None, p_against: None, effect: Some(effect), n: Some(1) }
    }
}

/// An input that cannot be tested leaves the claim untested.
fn or_untested(result: Result<ClaimResult, SampleError>) -> ClaimResult {
    result.unwrap_or_else(|error| ClaimResult::untested(error.to_string()))
}

/// `mean(a) < mean(b) - margin`, by the one-sided version of the test that [`choose`] picks for the paired values. The
/// effect is `mean(a - b)`.
pub fn less(a: &[f64], b: &[f64], margin: f64, resampling: Resampling) -> ClaimResult {
    let test = || {
        resampling.check()?;
        let effect = Summary::of(&differences(a, b)?)?.mean;
        let bound: Vec<f64> = b.iter().map(|v| v - margin).collect();
        let d = differences(a, &bound)?;
        if d.len() < 2 {
            return Ok(ClaimResult::single(effect));
        }
        let test = choose(&d, resampling).applies;
        let p = |alternative| test.run(&d, resampling, alternative).map(|t| t.p);
        Ok(ClaimResult::decided(p(Alternative::Less)?, p(Alternative::Greater)?, effect, d.len()))
    };
    or_untested(test())
}

/// The mean of a sample lies on the claimed side of a value, by a one-sided t-test. The effect is `mean - value`.
///
/// Several values without spread come from a deterministic process and are compared directly, with p-values of 0 and 1.
/// Like the verdicts, and for their reason, the test takes random splits of one data set for independent.
pub fn threshold(sample: &[f64], relation: Relation, value: f64) -> ClaimResult {
    let test = || {
        let d = differences(sample, &vec![value; sample.len()])?;
        let effect = Summary::of(&d)?.mean;
        let Some(estimate) = Estimate::of(&d, 0.0)? else {
            return Ok(ClaimResult::single(effect));
        };
        let (below, above) = estimate.tails(0.0);
        let on_the_value = estimate.se == 0.0 && effect == 0.0;
        let (p_for, p_against) = match relation {
            Relation::AtMost | Relation::AtLeast if on_the_value => (0.0, 1.0),
            Relation::Below | Relation::Above if on_the_value => (1.0, 0.0),
            Relation::Below | Relation::AtMost => (below, above),
            Relation::Above | Relation::AtLeast => (above, below),
        };
        Ok(ClaimResult::decided(p_for, p_against, effect, d.len()))
    };
    or_untested(test())
}

/// `|mean(a) - mean(b)| <= tolerance`, by two one-sided t-tests on the differences; contradicted where the difference
/// is significantly outside. The effect is `mean(a - b)`.
pub fn equal(a: &[f64], b: &[f64], tolerance: f64, resampling: Resampling) -> ClaimResult {
    let test = || {
        resampling.check()?;
        let d = differences(a, b)?;
        let share = resampling.test_over_train();
        let inside = corrected_tost(&d, share, 0.0, tolerance, ALPHA)?;
        let Some(estimate) = Estimate::of(&d, share)? else {
            return Ok(ClaimResult::single(inside.difference));
        };
        let (below, _) = estimate.tails(-tolerance);
        let (_, above) = estimate.tails(tolerance);
        // Outside is on either side: two tests, one of which may be wrong.
        let outside = (2.0 * below.min(above)).min(1.0);
        Ok(ClaimResult::decided(inside.p, outside, inside.difference, d.len()))
    };
    or_untested(test())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{A, B, REPEATS, close};
    use ClaimOutcome::{Contradicted, Inconclusive, Supported};
    use proptest::prelude::*;

    const OVERLAPPING: Resampling = Resampling::Overlapping { test_over_train: 0.25 };

    #[test]
    fn less_agrees_with_scipy() {
        // scipy.stats.t.cdf and .sf of the corrected statistic of a - b + margin (scipy 1.17.1).
        let expected = [
            (0.0, 0.0011374718141546592, 0.9988625281858453, Supported),
            (0.02, 0.027449805375848284, 0.9725501946241517, Supported),
            (0.05, 0.7783340749151697, 0.22166592508483035, Inconclusive),
        ];
        for (margin, p_for, p_against, outcome) in expected {
            let claim = less(&A, &B, margin, OVERLAPPING);
            close(claim.p_for.unwrap(), p_for);
            close(claim.p_against.unwrap(), p_against);
            close(claim.effect.unwrap(), -0.042);
            assert_eq!((claim.outcome, claim.n), (outcome, Some(10)));
        }
        // ttest_1samp(a - b + 0.02, 0, alternative="less").
        close(less(&A, &B, 0.02, Resampling::Independent).p_for.unwrap(), 0.0012893194718196527);
    }

    #[test]
    fn less_is_contradicted_by_more() {
        let claim = less(&B, &A, 0.0, OVERLAPPING);
        assert_eq!(claim.outcome, Contradicted);
        close(claim.p().unwrap(), 0.0011374718141546592);
        assert_eq!(less(&A, &A, 0.0, OVERLAPPING).outcome, Inconclusive, "equal is not less, and not more");
    }

    #[test]
    fn thresholds_agree_with_scipy() {
        // ttest_1samp(x, value, alternative=...) (scipy 1.17.1).
        let above = threshold(&REPEATS, Relation::Above, 0.5);
        close(above.p_for.unwrap(), 0.022039484241573266);
        assert_eq!(above.outcome, Supported);
        let below = threshold(&REPEATS, Relation::Below, 0.5);
        close(below.p().unwrap(), 0.022039484241573266);
        assert_eq!(below.outcome, Contradicted);
        assert_eq!(threshold(&REPEATS, Relation::AtMost, 0.51).outcome, Inconclusive);
        close(threshold(&REPEATS, Relation::AtMost, 0.53).p_for.unwrap(), 0.0046679038103452745);
    }

    #[test]
    fn deterministic_values_are_compared_directly() {
        let relations = [Relation::Below, Relation::AtMost, Relation::Above, Relation::AtLeast];
        let outcomes = |value| relations.map(|r| threshold(&[0.1 + 0.2; 3], r, value).outcome);
        assert_eq!(outcomes(0.5), [Supported, Supported, Contradicted, Contradicted]);
        // 0.1 + 0.2 is not 0.3 in binary, but is meant to be.
        assert_eq!(outcomes(0.3), [Contradicted, Supported, Contradicted, Supported]);
        assert_eq!(outcomes(0.2), [Contradicted, Contradicted, Supported, Supported]);
    }

    #[test]
    fn equal_agrees_with_scipy() {
        // Tails of scipy.stats.t at (mean -+ tolerance) / se; against: twice the smaller one outside (scipy 1.17.1).
        let expected = [
            (0.06, Resampling::Independent, 0.004095855281975834, 1.0, Supported),
            (0.06, OVERLAPPING, 0.05236159797234982, 1.0, Inconclusive),
            (0.02, Resampling::Independent, 0.9987106805281804, 0.00257863894363931, Contradicted),
        ];
        for (tolerance, resampling, p_for, p_against, outcome) in expected {
            let claim = equal(&A, &B, tolerance, resampling);
            close(claim.p_for.unwrap(), p_for);
            close(claim.p_against.unwrap(), p_against);
            assert_eq!(claim.outcome, outcome);
        }
    }

    #[test]
    fn a_single_pair_decides_nothing() {
        let claims = [
            less(&[0.1], &[0.9], 0.0, OVERLAPPING),
            threshold(&[0.1], Relation::Below, 0.9),
            equal(&[0.1], &[0.1], 1.0, OVERLAPPING),
        ];
        for claim in &claims {
            assert_eq!((&claim.outcome, claim.p(), claim.n), (&Inconclusive, None, Some(1)));
        }
        close(claims[0].effect.unwrap(), -0.8);
    }

    #[test]
    fn nothing_to_test_on_is_untested() {
        let empty: &[f64] = &[];
        let reason = ClaimOutcome::Untested("there are no values".into());
        assert_eq!(less(empty, &B, 0.0, OVERLAPPING).outcome, reason);
        assert_eq!(threshold(empty, Relation::Below, 0.0).outcome, reason);
        assert_eq!(equal(&A, empty, 0.1, OVERLAPPING).outcome, reason);
        let reason = ClaimOutcome::Untested("10 and 9 values do not pair".into());
        assert_eq!(less(&A, &B[..9], 0.0, OVERLAPPING).outcome, reason);
    }

    proptest! {
        #[test]
        fn a_wider_tolerance_and_a_smaller_margin_are_easier(
            d in prop::collection::vec(-3.0..3.0, 2..12), x in 0.0..3.0, more in 0.0..3.0
        ) {
            let zeros = vec![0.0; d.len()];
            let less = |margin| less(&d, &zeros, margin, OVERLAPPING).p_for;
            prop_assert!(less(x) <= less(x + more));
            let equal = |tolerance| equal(&d, &zeros, tolerance, OVERLAPPING);
            prop_assert!(equal(x + more).p_for <= equal(x).p_for);
            prop_assert!(equal(x + more).p_against >= equal(x).p_against);
        }
    }
}
