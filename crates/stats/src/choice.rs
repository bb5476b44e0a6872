//! Which paired test fits a protocol, and why.

use serde::{Deserialize, Serialize};
use statrs::distribution::Normal;
use statrs::stats_tests::anderson_darling::anderson_darling;

use crate::ALPHA;
use crate::paired::{Alternative, TestResult, corrected_t, paired_t, wilcoxon};
use crate::sample::{SampleError, Summary};

/// Fewer pairs than this are too few to test for normality.
const ENOUGH_FOR_NORMALITY: usize = 8;

/// How the pairs of a protocol came about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Resampling {
    /// Every pair has rows, or a data set, of its own.
    Independent,
    /// Random splits of one data set: their training sets share rows, and so do their test sets.
    Overlapping {
        /// Test rows over training rows, `n_test / n_train`.
        test_over_train: f64,
    },
    /// The folds of a cross-validation: test sets are disjoint, training sets overlap.
    KFold {
        /// Number of folds.
        k: usize,
    },
}

impl Resampling {
    /// Checks the parameters: a finite ratio of at least 0, at least two folds.
    pub fn check(self) -> Result<(), SampleError> {
        match self {
            Self::Overlapping { test_over_train: value } if !(value.is_finite() && value >= 0.0) => {
                let expected = "a finite number, 0 or more";
                Err(SampleError::Parameter { name: "n_test / n_train", value, expected })
            }
            Self::KFold { k } if k < 2 => {
                Err(SampleError::Parameter { name: "number of folds", value: k as f64, expected: "2 or more" })
            }
            _ => Ok(()),
        }
    }

    /// `n_test / n_train`, by which the corrected tests widen the variance; 0 for independent pairs.
    pub fn test_over_train(self) -> f64 {
        match self {
            Self::Independent => 0.0,
            Self::Overlapping { test_over_train } => test_over_train,
            Self::KFold { k } => 1.0 / (k as f64 - 1.0),
        }
    }

    /// `n_test / (n_test + n_train)`, the correlation of two resamples.
    pub fn correlation(self) -> f64 {
        let ratio = self.test_over_train();
        ratio / (1.0 + ratio)
    }
}

/// The test a conclusion rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Applicable {
    /// [`paired_t`].
    PairedT,
    /// [`corrected_t`].
    CorrectedT,
    /// [`wilcoxon`].
    Wilcoxon,
}

impl Applicable {
    /// Runs the test.
    pub fn run(self, d: &[f64], resampling: Resampling, alt: Alternative) -> Result<TestResult, SampleError> {
        match self {
            Self::PairedT => paired_t(d, alt),
            Self::CorrectedT => corrected_t(d, resampling.test_over_train(), alt),
            Self::Wilcoxon => wilcoxon(d, alt),
        }
    }
}

/// A choice with its reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The test that applies.
    pub applies: Applicable,
    /// Why, in one sentence.
    pub why: String,
    /// p-value of the test for normality, where the choice depended on it.
    pub normality_p: Option<f64>,
}

/// Chooses the test for paired differences: the corrected t-test where resamples share rows, the paired t-test for
/// independent pairs, and Wilcoxon's test for at least 8 independent pairs whose differences do not look normal.
pub fn choose(d: &[f64], resampling: Resampling) -> Choice {
    let shared = |what: &str| Choice {
        applies: Applicable::CorrectedT,
        why: format!(
            "{what}, so their differences are correlated and only the corrected resampled t-test allows for it."
        ),
        normality_p: None,
    };
    match resampling {
        Resampling::Overlapping { .. } => return shared("Random splits of one data set share rows"),
        Resampling::KFold { .. } => return shared("The training sets of the folds share rows"),
        Resampling::Independent => {}
    }
    let p = normality_p(d);
    let (applies, why) = match p {
        None if d.len() < ENOUGH_FOR_NORMALITY => (
            Applicable::PairedT,
            format!("The pairs are independent and too few (n = {}) to doubt normality.", d.len()),
        ),
        None => (Applicable::PairedT, "The pairs are independent and their differences are all the same.".into()),
        Some(p) if p < ALPHA => (
            Applicable::Wilcoxon,
            format!(
                "The pairs are independent, but an Anderson-Darling test rejects normal differences (p = {p:.2e})."
            ),
        ),
        Some(p) => (
            Applicable::PairedT,
            format!("The pairs are independent and an Anderson-Darling test does not reject normality (p = {p:.2})."),
        ),
    };
    Choice { applies, why, normality_p: p }
}

/// p-value of the Anderson-Darling test for normality with estimated mean and variance. None for fewer than 8 values
/// and for values without spread.
pub fn normality_p(sample: &[f64]) -> Option<f64> {
    let summary = Summary::of(sample).ok()?;
    if summary.n < ENOUGH_FOR_NORMALITY {
        return None;
    }
    let fitted = Normal::new(summary.mean, summary.std?).ok()?;
    // The p-value in statrs is D'Agostino and Stephens' for estimated mean and variance, whatever distribution it is
    // given: right here.
    let (statistic, p) = anderson_darling(sample, &fitted).ok()?;
    let n = summary.n as f64;
    let adjusted = statistic * (1.0 + 0.75 / n + 2.25 / (n * n));
    // Far out their quadratic turns upwards again, and past 8 standard deviations the statistic is infinite.
    Some(if adjusted < 10.0 { p.clamp(0.0, 1.0) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{A, B, UNTIED, close};

    /// One value far out.
    const OUTLIER: [f64; 10] = [0.1, 0.3, 0.2, 0.05, 5.0, -0.12, 0.15, 0.22, 0.07, 0.31];

    #[test]
    fn normality_agrees_with_statsmodels() {
        // statsmodels.stats.diagnostic.normal_ad(x)[1] (statsmodels 0.15.0), one sample in each range of its formula.
        let agrees = |d: &[f64], expected: f64| {
            let found = normality_p(d).unwrap();
            // The error function of statrs keeps eleven digits, and small p-values lose some of them.
            assert!((found - expected).abs() < 1e-8 * expected, "found {found:e}, expected {expected:e}");
        };
        agrees(&UNTIED, 0.9337721158166733);
        agrees(&A.iter().zip(&B).map(|(a, b)| a - b).collect::<Vec<_>>(), 0.11469328038525863);
        agrees(&OUTLIER, 2.827642625770385e-07);
        agrees(&[0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0], 0.0059999414118601935);
    }

    #[test]
    fn normality_has_an_answer_far_out_and_none_where_undefined() {
        let mut far: Vec<f64> = (0..400).map(f64::from).collect();
        far.push(1e6);
        assert_eq!(normality_p(&far), Some(0.0));
        assert_eq!(normality_p(&OUTLIER[..7]), None);
        assert_eq!(normality_p(&[0.1; 9]), None);
    }

    #[test]
    fn the_protocol_decides_then_the_shape() {
        let overlapping = Resampling::Overlapping { test_over_train: 0.25 };
        let chosen = |d: &[f64], resampling| choose(d, resampling).applies;
        assert_eq!(chosen(&OUTLIER, overlapping), Applicable::CorrectedT);
        assert_eq!(chosen(&OUTLIER, Resampling::KFold { k: 10 }), Applicable::CorrectedT);
        assert_eq!(chosen(&OUTLIER, Resampling::Independent), Applicable::Wilcoxon);
        assert_eq!(chosen(&OUTLIER[..7], Resampling::Independent), Applicable::PairedT);
        assert_eq!(chosen(&UNTIED, Resampling::Independent), Applicable::PairedT);
        assert_eq!(chosen(&[0.1; 9], Resampling::Independent), Applicable::PairedT);
    }

    #[test]
    fn folds_share_rows_as_their_number_says() {
        let ten = Resampling::KFold { k: 10 };
        close(ten.test_over_train(), 1.0 / 9.0);
        close(ten.correlation(), 0.1);
        assert_eq!(Resampling::Independent.correlation(), 0.0);
        assert!(Resampling::KFold { k: 1 }.check().is_err());
        assert!(Resampling::Overlapping { test_over_train: f64::NAN }.check().is_err());
    }
}
