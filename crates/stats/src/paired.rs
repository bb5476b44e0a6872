//! Tests on paired differences `d_i = a_i - b_i`.
//!
//! Degenerate input has an answer, never NaN. One pair says nothing about spread: the t tests give p = 1. Differences
//! that are all zero give p = 1 in every test. Differences that are all the same and not zero give the t tests an
//! infinite statistic and p = 0 (1 for the one-sided alternative in the other direction): the limit of ever smaller
//! spread.

use serde::Serialize;

use crate::distribution::{fair_binomial_cdf, normal_cdf};
use crate::estimate::Estimate;
use crate::midrank::midranks;
use crate::sample::{SampleError, check};

/// Up to this many non-zero differences the distribution of the signed-rank statistic is computed exactly: 2^60 sign
/// patterns still fit into 64 bits.
const EXACT: usize = 60;

/// What a test looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// The mean or median of the differences is not 0.
    TwoSided,
    /// It is below 0.
    Less,
    /// It is above 0.
    Greater,
}

impl Alternative {
    /// The p-value, given those of [`Alternative::Less`] and [`Alternative::Greater`].
    fn of_tails(self, (less, greater): (f64, f64)) -> f64 {
        let p = match self {
            Self::TwoSided => 2.0 * less.min(greater),
            Self::Less => less,
            Self::Greater => greater,
        };
        p.clamp(0.0, 1.0)
    }
}

/// What a test found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TestResult {
    /// Name of the test, as in tables.
    pub name: &'static str,
    /// The statistic: t, the sum of the positive differences' ranks, or the number of positive differences. An infinite
    /// t is `null` in JSON.
    pub statistic: f64,
    /// Degrees of freedom of the t tests.
    pub df: Option<f64>,
    /// The p-value.
    pub p: f64,
    /// Number of pairs used: all of them in the t tests, those that differ in the others.
    pub n: usize,
}

/// Student's t-test on paired differences, for pairs that are independent of each other.
///
/// `t = mean(d) / (s / sqrt(n))` with `n - 1` degrees of freedom.
pub fn paired_t(d: &[f64], alternative: Alternative) -> Result<TestResult, SampleError> {
    t_test("paired t", d, 0.0, alternative)
}

/// The corrected resampled t-test of Nadeau and Bengio, "Inference for the generalization error" (2003), for resamples
/// that share rows.
///
/// `t = mean(d) / (s sqrt(1/n + n_test/n_train))` with `n - 1` degrees of freedom, given `test_over_train`,
/// `n_test / n_train`.
pub fn corrected_t(d: &[f64], test_over_train: f64, alternative: Alternative) -> Result<TestResult, SampleError> {
    t_test("corrected resampled t", d, test_over_train, alternative)
}

fn t_test(name: &'static str, d: &[f64], share: f64, alternative: Alternative) -> Result<TestResult, SampleError> {
    Ok(match Estimate::of(d, share)? {
        Some(estimate) => TestResult {
            name,
            statistic: estimate.t(0.0),
            df: Some(estimate.df),
            p: alternative.of_tails(estimate.tails(0.0)),
            n: d.len(),
        },
        None => TestResult { name, statistic: 0.0, df: None, p: 1.0, n: 1 },
    })
}

/// Wilcoxon's signed-rank test; the statistic is the sum of the ranks of the positive differences.
///
/// Zeros are dropped, equal sizes get midranks. With up to 60 differences left the p-value is exact, ties included: the
/// distribution is the one over all sign patterns given the ranks at hand. Beyond, it is the normal approximation with
/// corrections for ties and continuity.
pub fn wilcoxon(d: &[f64], alternative: Alternative) -> Result<TestResult, SampleError> {
    check(d)?;
    let d: Vec<f64> = d.iter().copied().filter(|v| *v != 0.0).collect();
    let n = d.len();
    let sizes: Vec<f64> = d.iter().map(|v| v.abs()).collect();
    let ranks = midranks(&sizes);
    let positive: usize = ranks.doubled.iter().zip(&d).filter(|(_, v)| **v > 0.0).map(|(r, _)| r).sum();
    let tails = match n {
        0 => (1.0, 1.0),
        1..=EXACT => exact_tails(&ranks.doubled, positive),
        _ => normal_tails(n as f64, ranks.ties, positive as f64 / 2.0),
    };
    let p = alternative.of_tails(tails);
    Ok(TestResult { name: "Wilcoxon signed-rank", statistic: positive as f64 / 2.0, df: None, p, n })
}

/// `P(W <= w)` and `P(W >= w)` over all equally likely sign patterns, by counting the patterns of each sum of ranks.
fn exact_tails(doubled: &[usize], w: usize) -> (f64, f64) {
    let total: usize = doubled.iter().sum();
    let mut patterns = vec![0_u64; total + 1];
    patterns[0] = 1;
    let mut reached = 0;
    for &rank in doubled {
        reached += rank;
        for sum in (rank..=reached).rev() {
            patterns[sum] += patterns[sum - rank];
        }
    }
    let all = (1_u64 << doubled.len()) as f64;
    let below: u64 = patterns[..=w].iter().sum();
    let above: u64 = patterns[w..].iter().sum();
    (below as f64 / all, above as f64 / all)
}

fn normal_tails(n: f64, ties: f64, w: f64) -> (f64, f64) {
    let mean = n * (n + 1.0) / 4.0;
    let sd = (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0).sqrt();
    (normal_cdf((w - mean + 0.5) / sd), normal_cdf((mean - w + 0.5) / sd))
}

/// The exact sign test; the statistic is the number of positive differences. Zeros are dropped.
pub fn sign_test(d: &[f64], alternative: Alternative) -> Result<TestResult, SampleError> {
    check(d)?;
    let count = |wanted: fn(&f64) -> bool| d.iter().copied().filter(wanted).count();
    let (positive, negative) = (count(|v| *v > 0.0), count(|v| *v < 0.0));
    let n = positive + negative;
    let tails = match n {
        0 => (1.0, 1.0),
        // Equal ranks make the signed-rank test the sign test, counted in integers.
        1..=EXACT => exact_tails(&vec![1; n], positive),
        // Each tail as a lower one, by symmetry: as the complement of the other it would lose its digits.
        _ => (fair_binomial_cdf(positive, n), fair_binomial_cdf(negative, n)),
    };
    let p = alternative.of_tails(tails);
    Ok(TestResult { name: "sign", statistic: positive as f64, df: None, p, n })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TIED, UNTIED, close, sample};
    use proptest::prelude::*;

    const ALTERNATIVES: [Alternative; 3] = [Alternative::TwoSided, Alternative::Less, Alternative::Greater];

    type Test = fn(&[f64], Alternative) -> Result<TestResult, SampleError>;
    const TESTS: [Test; 4] = [paired_t, |d, alt| corrected_t(d, 0.25, alt), wilcoxon, sign_test];

    /// Checks the statistic and the p-values of the three alternatives.
    #[track_caller]
    fn agrees(test: Test, d: &[f64], n: usize, statistic: f64, p: [f64; 3]) {
        for (alternative, expected) in ALTERNATIVES.into_iter().zip(p) {
            let found = test(d, alternative).unwrap();
            close(found.statistic, statistic);
            close(found.p, expected);
            assert_eq!(found.n, n);
        }
    }

    #[test]
    fn t_agrees_with_scipy() {
        // ttest_1samp(d, 0, alternative=...) (scipy 1.17.1).
        let p = [0.005243262063217843, 0.0026216310316089213, 0.997378368968391];
        agrees(paired_t, &UNTIED, 10, -3.6590489092296905, p);
        let p = [0.22887880253826526, 0.8855605987308673, 0.11443940126913263];
        agrees(paired_t, &TIED, 10, 1.2909944487358056, p);
        assert_eq!(paired_t(&TIED, Alternative::Less).unwrap().df, Some(9.0));
    }

    #[test]
    fn corrected_t_agrees_with_its_formula_in_scipy() {
        // t = mean / sqrt(var(ddof=1) * (1 / n + 0.25)), p from scipy.stats.t (scipy 1.17.1).
        let p = [0.08219152249210111, 0.041095761246050556, 0.9589042387539495];
        agrees(TESTS[1], &UNTIED, 10, -1.9558439113980577, p);
        let p = [0.5075552746578289, 0.7462223626710855, 0.25377763732891445];
        agrees(TESTS[1], &TIED, 10, 0.6900655593423543, p);
        assert!(matches!(corrected_t(&TIED, -0.1, Alternative::Less), Err(SampleError::Parameter { .. })));
    }

    #[test]
    fn exact_wilcoxon_agrees_with_scipy() {
        // wilcoxon(d, alternative=..., method="exact") (scipy 1.17.1).
        agrees(wilcoxon, &UNTIED, 10, 3.0, [0.009765625, 0.0048828125, 0.9970703125]);
        // With ties: wilcoxon(d[d != 0], alternative=..., method=PermutationMethod(n_resamples=inf)).
        agrees(wilcoxon, &TIED, 8, 27.0, [0.2109375, 0.8984375, 0.10546875]);
        let p = [0.03933870792388916, 0.9816589653491974, 0.01966935396194458];
        agrees(wilcoxon, &quadratic_signs(25, 25), 25, 239.0, p);
        let p = [0.002238740843483189, 0.9989096620616216, 0.0011193704217415945];
        agrees(wilcoxon, &quadratic_signs(60, 60), 60, 1324.0, p);
    }

    #[test]
    fn approximate_wilcoxon_agrees_with_scipy() {
        // wilcoxon(d, alternative=..., method="asymptotic", correction=True) (scipy 1.17.1).
        let p = [0.006625792095300096, 0.9967582620620871, 0.003312896047650048];
        agrees(wilcoxon, &quadratic_signs(61, 61), 61, 1324.0, p);
        let p = [0.0004966818328236748, 0.9997560774273228, 0.0002483409164118374];
        agrees(wilcoxon, &quadratic_signs(80, 9), 80, 2345.5, p);
    }

    /// 1 to n, or with ties their remainders by 9 plus 1, with signs from a quadratic residue.
    fn quadratic_signs(n: u32, sizes: u32) -> Vec<f64> {
        let size = |i: u32| f64::from(if sizes < n { i % sizes + 1 } else { i });
        (1..=n).map(|i| if i * i % 7 < 3 { size(i) } else { -size(i) }).collect()
    }

    #[test]
    fn sign_test_agrees_with_scipy() {
        // binomtest(positive, n, 0.5, alternative=...) (scipy 1.17.1).
        agrees(sign_test, &UNTIED, 10, 2.0, [0.109375, 0.0546875, 0.9892578125]);
        agrees(sign_test, &TIED, 8, 5.0, [0.7265625, 0.85546875, 0.36328125]);
        let signs =
            |positive: usize, n: usize| -> Vec<f64> { (0..n).map(|i| if i < positive { 1.0 } else { -1.0 }).collect() };
        close(sign_test(&signs(40, 100), Alternative::TwoSided).unwrap().p, 0.05688793364098089);
        close(sign_test(&signs(300, 2000), Alternative::Less).unwrap().p, 3.8208651397931565e-237);
    }

    #[test]
    fn degenerate_differences_have_an_answer() {
        for test in TESTS {
            for alternative in ALTERNATIVES {
                let zeros = test(&[0.0, -0.0, 0.0], alternative).unwrap();
                assert_eq!((zeros.statistic, zeros.p), (0.0, 1.0), "{zeros:?}");
                assert_eq!(test(&[], alternative), Err(SampleError::Empty));
                assert!(matches!(test(&[1.0, f64::NAN], alternative), Err(SampleError::NotFinite { index: 2, .. })));
            }
            assert_eq!(test(&[0.3], Alternative::TwoSided).unwrap().p, 1.0);
        }
        let p = |d: &[f64]| ALTERNATIVES.map(|alternative| paired_t(d, alternative).unwrap().p);
        assert_eq!(p(&[0.1; 3]), [0.0, 1.0, 0.0]);
        assert_eq!(p(&[-0.1; 3]), [0.0, 0.0, 1.0]);
        assert_eq!(paired_t(&[-0.1; 3], Alternative::Less).unwrap().statistic, f64::NEG_INFINITY);
    }

    proptest! {
        #[test]
        fn turning_the_differences_round_turns_the_tests_round(d in sample()) {
            let turned: Vec<f64> = d.iter().map(|v| -v).collect();
            for test in TESTS {
                let p = |d: &[f64], alternative| test(d, alternative).unwrap().p;
                for alternative in ALTERNATIVES {
                    prop_assert!((0.0..=1.0).contains(&p(&d, alternative)));
                }
                let close = |x: f64, y: f64| (x - y).abs() < 1e-12;
                prop_assert!(close(p(&d, Alternative::Less), p(&turned, Alternative::Greater)));
                prop_assert!(close(p(&d, Alternative::TwoSided), p(&turned, Alternative::TwoSided)));
            }
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn exact_wilcoxon_is_the_share_of_sign_patterns(d in sample()) {
            let d: Vec<f64> = d.into_iter().filter(|v| *v != 0.0).collect();
            prop_assume!(!d.is_empty());
            let found = wilcoxon(&d, Alternative::Greater).unwrap();
            let patterns = 1_u32 << d.len();
            let as_high = (0..patterns).filter(|bits| {
                let signed: Vec<f64> =
                    d.iter().enumerate().map(|(i, v)| if bits >> i & 1 == 1 { v.abs() } else { -v.abs() }).collect();
                wilcoxon(&signed, Alternative::Greater).unwrap().statistic >= found.statistic
            });
            prop_assert_eq!(found.p, as_high.count() as f64 / f64::from(patterns));
        }
    }
}
