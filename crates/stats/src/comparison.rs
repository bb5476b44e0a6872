//! Two methods side by side: every test, which of them applies and why, and what to conclude.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ALPHA;
use crate::bayes::{Posterior, correlated_t};
use crate::bootstrap::{Bootstrap, BootstrapInterval};
use crate::choice::{Applicable, Choice, Resampling, choose};
use crate::effect::{Effect, cliffs_delta, cohen_dz};
use crate::estimate::Estimate;
use crate::paired::{Alternative, TestResult, corrected_t, paired_t, sign_test, wilcoxon};
use crate::sample::{Interval, SampleError, Summary, differences, mean};
use crate::wording::{number, p_value};

/// Confidence level of the intervals.
const LEVEL: f64 = 0.95;

/// Half-width of the region of practical equivalence, as a share of the mean size of `b`.
const ROPE: f64 = 0.01;

/// One of the two methods compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// Everything there is to say about the paired values of two methods. Differences are `a - b`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Number of pairs.
    pub n: usize,
    /// Whether larger values are better.
    pub higher_is_better: bool,
    /// How the pairs came about.
    pub resampling: Resampling,
    /// The first method's values.
    pub a: Summary,
    /// The second method's values.
    pub b: Summary,
    /// Mean difference.
    pub difference: f64,
    /// 95 % interval of the mean difference that fits the test which applies: its t interval, with the corrected
    /// variance where that is the corrected one, else the bootstrap interval. None for one pair.
    pub interval: Option<Interval>,
    /// 95 % bootstrap interval of the mean difference. It takes pairs for independent, so it is too narrow where
    /// resamples share rows. None for one pair.
    pub bootstrap: Option<BootstrapInterval>,
    /// Paired t-test.
    pub paired_t: TestResult,
    /// Corrected resampled t-test; none for independent pairs.
    pub corrected_t: Option<TestResult>,
    /// Wilcoxon's signed-rank test.
    pub wilcoxon: TestResult,
    /// Sign test.
    pub sign: TestResult,
    /// The test the conclusion rests on.
    pub applies: Applicable,
    /// Why, in one sentence.
    pub why: String,
    /// p-value of the Anderson-Darling test for normal differences, where the choice depended on it.
    pub normality_p: Option<f64>,
    /// Cohen's d_z of the differences, where defined.
    pub cohen_dz: Option<Effect>,
    /// Cliff's delta of the two samples.
    pub cliffs_delta: Option<Effect>,
    /// Probabilities that the mean difference is below, within and above the region of practical equivalence. None for
    /// one pair.
    pub bayes: Option<Posterior>,
    /// The side that is better at the 0.05 level by the test that applies.
    pub better: Option<Side>,
}

/// Compares two methods by paired values, with 1 % of the mean size of `b` as region of practical equivalence.
pub fn compare(
    a: &[f64],
    b: &[f64],
    resampling: Resampling,
    higher_is_better: bool,
) -> Result<Comparison, SampleError> {
    let sizes: Vec<f64> = b.iter().map(|v| v.abs()).collect();
    let rope = if sizes.is_empty() { 0.0 } else { ROPE * mean(&sizes) };
    compare_with_rope(a, b, resampling, higher_is_better, rope)
}

/// Compares two methods by paired values; `rope` is the difference that does not matter in practice.
pub fn compare_with_rope(
    a: &[f64],
    b: &[f64],
    resampling: Resampling,
    higher_is_better: bool,
    rope: f64,
) -> Result<Comparison, SampleError> {
    let d = differences(a, b)?;
    resampling.check()?;
    let two_sided = Alternative::TwoSided;
    let share = resampling.test_over_train();
    let Choice { applies, why, normality_p } = choose(&d, resampling);
    let test = applies.run(&d, resampling, two_sided)?;
    let bootstrap = Bootstrap { level: LEVEL, ..Bootstrap::default() }.mean_interval(&d);
    let interval = match applies {
        Applicable::Wilcoxon => bootstrap.map(|b| Interval { low: b.low, high: b.high, level: b.level }),
        Applicable::PairedT | Applicable::CorrectedT => Estimate::of(&d, share)?.map(|e| e.interval(0.0, LEVEL)),
    };
    Ok(Comparison {
        n: d.len(),
        higher_is_better,
        resampling,
        a: Summary::of(a)?,
        b: Summary::of(b)?,
        difference: Summary::of(&d)?.mean,
        interval,
        bootstrap,
        paired_t: paired_t(&d, two_sided)?,
        corrected_t: match resampling {
            Resampling::Independent => None,
            Resampling::Overlapping { .. } | Resampling::KFold { .. } => Some(corrected_t(&d, share, two_sided)?),
        },
        wilcoxon: wilcoxon(&d, two_sided)?,
        sign: sign_test(&d, two_sided)?,
        better: better(&test, applies, higher_is_better),
        applies,
        why,
        normality_p,
        cohen_dz: cohen_dz(&d),
        cliffs_delta: cliffs_delta(a, b),
        bayes: correlated_t(&d, resampling.correlation(), rope),
    })
}

/// The side a significant test speaks for. The test decides the direction too: ranks and means may disagree.
fn better(test: &TestResult, applies: Applicable, higher_is_better: bool) -> Option<Side> {
    let n = test.n as f64;
    let expected = if applies == Applicable::Wilcoxon { n * (n + 1.0) / 4.0 } else { 0.0 };
    let a_higher = test.statistic > expected;
    (test.p < ALPHA).then_some(if a_higher == higher_is_better { Side::A } else { Side::B })
}

impl Comparison {
    /// The test that applies.
    pub fn test(&self) -> &TestResult {
        match self.applies {
            Applicable::PairedT => &self.paired_t,
            Applicable::CorrectedT => self.corrected_t.as_ref().unwrap_or(&self.paired_t),
            Applicable::Wilcoxon => &self.wilcoxon,
        }
    }

    /// The result in one sentence, as a paper would report it, with the methods called A and B.
    pub fn sentence(&self) -> String {
        self.sentence_for("A", "B")
    }

    /// The result in one sentence, as a paper would report it.
    pub fn sentence_for(&self, a: &str, b: &str) -> String {
        let (named_a, named_b) = (described(a, &self.a), described(b, &self.b));
        if self.n == 1 {
            return format!(
                "{named_a} and {named_b} form a single pair, which proves nothing; the difference is {}.",
                number(self.difference)
            );
        }
        let direction = if self.higher_is_better { "higher" } else { "lower" };
        let verdict = match self.better {
            Some(Side::A) => format!("{named_a} is significantly better ({direction}) than {named_b}"),
            Some(Side::B) => format!("{named_b} is significantly better ({direction}) than {named_a}"),
            None => format!("{named_a} and {named_b} do not differ significantly"),
        };
        let effect = match self.cohen_dz {
            Some(e) => format!("d_z = {:.2} ({})", e.value, e.magnitude),
            None => "d_z undefined (no spread)".into(),
        };
        let interval = self.interval.map_or(String::new(), |i| {
            format!(", {:.0} % CI of {a} - {b} [{}, {}]", 100.0 * i.level, number(i.low), number(i.high))
        });
        format!("{verdict}: n = {} pairs, {}, {effect}{interval}.", self.n, reported(self.test()))
    }
}

/// `Lasso (0.512 ± 0.031)`.
fn described(name: &str, summary: &Summary) -> String {
    match summary.std {
        Some(std) => format!("{name} ({} ± {})", number(summary.mean), number(std)),
        None => format!("{name} ({})", number(summary.mean)),
    }
}

/// `corrected resampled t(9) = -3.21, p = 0.011`.
fn reported(test: &TestResult) -> String {
    let name = match test.df {
        Some(df) => format!("{}({df})", test.name),
        None => format!("{} W+", test.name),
    };
    let statistic = if test.statistic.is_finite() { format!("{:.2}", test.statistic) } else { "infinite".into() };
    format!("{name} = {statistic}, {}", p_value(test.p))
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{A, B, close, sample};
    use proptest::prelude::*;

    const OVERLAPPING: Resampling = Resampling::Overlapping { test_over_train: 0.25 };

    #[test]
    fn overlapping_splits_agree_with_scipy() {
        let c = compare(&A, &B, OVERLAPPING, false).unwrap();
        // d.mean() / sqrt(d.var(ddof=1) * (1 / 10 + 0.25)) and scipy.stats.t (scipy 1.17.1).
        let test = c.test();
        assert_eq!((test.name, c.applies), ("corrected resampled t", Applicable::CorrectedT));
        close(test.statistic, -4.209364560120682);
        close(test.p, 2.0 * 0.0011374718141546592);
        let interval = c.interval.unwrap();
        close(interval.low, -0.06457124548860665);
        close(interval.high, -0.019428754511393365);
        let bayes = c.bayes.unwrap();
        close(bayes.left, 0.9974071510689744);
        close(bayes.right, 0.0005202171284293003);
        close(bayes.half_width, 0.00542);
        close(c.cohen_dz.unwrap().value, -2.4902936573825976);
        close(c.cliffs_delta.unwrap().value, -0.72);
        close(c.a.std.unwrap(), 0.025819888974716126);
        assert_eq!(c.better, Some(Side::A));
    }

    #[test]
    fn each_protocol_rests_on_its_own_test() {
        let independent = compare(&A, &B, Resampling::Independent, false).unwrap();
        // ttest_rel(a, b) and its confidence_interval(0.95) (scipy 1.17.1).
        close(independent.test().statistic, -7.874999999999996);
        close(independent.test().p, 2.5097028430937804e-05);
        close(independent.interval.unwrap().low, -0.05406483820159044);
        assert_eq!(independent.corrected_t, None);
        let folds = compare(&A, &B, Resampling::KFold { k: 10 }, false).unwrap();
        close(folds.test().statistic, -5.419946712692019);
        close(folds.test().p, 0.0004218677984583684);
        assert_eq!(folds.paired_t, independent.paired_t);
    }

    #[test]
    fn an_outlier_leaves_the_word_to_the_ranks() {
        let d = [0.1, 0.3, 0.2, 0.05, 5.0, -0.12, 0.15, 0.22, 0.07, 0.31];
        let c = compare(&d, &[0.0; 10], Resampling::Independent, true).unwrap();
        // wilcoxon(d).pvalue, ttest_1samp(d, 0).pvalue (scipy 1.17.1): only the ranks see it.
        close(c.wilcoxon.p, 0.013671875);
        close(c.paired_t.p, 0.22976492037596383);
        assert_eq!((c.applies, c.better), (Applicable::Wilcoxon, Some(Side::A)));
        let ends = c.bootstrap.map(|b| (b.low, b.high));
        assert_eq!(c.interval.map(|i| (i.low, i.high)), ends);
        assert!(c.sentence().contains("Wilcoxon signed-rank W+ = 51.00, p = 0.014"), "{c}");
    }

    #[test]
    fn ranks_decide_the_direction_where_the_mean_disagrees() {
        // Fourteen small wins and one huge loss: the mean is below zero, the ranks are above.
        let mut d: Vec<f64> = (0..14).map(|i| 1.0 + f64::from(i) / 10.0).collect();
        d.push(-90.0);
        let c = compare(&d, &[0.0; 15], Resampling::Independent, true).unwrap();
        assert!(c.difference < 0.0);
        assert_eq!((c.applies, c.better), (Applicable::Wilcoxon, Some(Side::A)));
    }

    #[test]
    fn sentences_read_like_a_paper() {
        let c = compare(&A, &B, OVERLAPPING, false).unwrap();
        assert_eq!(
            c.sentence_for("MTL", "STL"),
            "MTL (0.500 ± 0.0258) is significantly better (lower) than STL (0.542 ± 0.0282): n = 10 pairs, corrected \
             resampled t(9) = -4.21, p = 0.002, d_z = -2.49 (large), 95 % CI of MTL - STL [-0.0646, -0.0194]."
        );
        let same = compare(&[0.5, 0.6], &[0.5, 0.6], Resampling::Independent, true).unwrap();
        assert_eq!(
            same.to_string(),
            "A (0.550 ± 0.0707) and B (0.550 ± 0.0707) do not differ significantly: n = 2 pairs, paired t(1) = 0.00, \
             p = 1.000, d_z = 0.00 (negligible), 95 % CI of A - B [0, 0]."
        );
        let shifted = compare(&[1.5, 1.75], &[1.0, 1.25], Resampling::Independent, true).unwrap();
        assert!(shifted.to_string().contains("t(1) = infinite, p < 0.001, d_z undefined (no spread)"), "{shifted}");
        let single = compare(&[0.5], &[0.75], OVERLAPPING, true).unwrap();
        assert_eq!(
            single.to_string(),
            "A (0.500) and B (0.750) form a single pair, which proves nothing; the difference is -0.250."
        );
    }

    #[test]
    fn input_that_does_not_pair_is_refused() {
        assert_eq!(compare(&[], &[], OVERLAPPING, true), Err(SampleError::Empty));
        assert_eq!(compare(&A, &B[..9], OVERLAPPING, true), Err(SampleError::Unpaired { a: 10, b: 9 }));
        assert!(compare(&A, &B, Resampling::KFold { k: 1 }, true).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn changing_sides_or_direction_changes_the_winner(a in sample(), seed in 0..50_u32, k in 2..6_usize) {
            let b: Vec<f64> = a.iter().enumerate().map(|(i, v)| v + f64::from((i as u32 * seed) % 7) - 1.0).collect();
            for resampling in [Resampling::Independent, OVERLAPPING, Resampling::KFold { k }] {
                let other = |side| if side == Side::A { Side::B } else { Side::A };
                let c = compare(&a, &b, resampling, true).unwrap();
                prop_assert_eq!(compare(&b, &a, resampling, true).unwrap().better, c.better.map(other));
                prop_assert_eq!(compare(&a, &b, resampling, false).unwrap().better, c.better.map(other));
                prop_assert_eq!(c.better.is_some(), c.test().p < ALPHA);
                if let Some(corrected) = c.corrected_t {
                    prop_assert!(corrected.p >= c.paired_t.p - 1e-12, "shared rows make differences less certain");
                }
            }
        }
    }
}
