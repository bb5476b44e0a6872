//! The verdict on a reproduced number, given the published one. The rules were fixed before any result was seen.
//!
//! In this order:
//!
//! 1. [`VerdictKind::Stated`]: the paper gives no measured number.
//! 2. [`VerdictKind::NotComparable`]: the caller says so, by the status of the data or the protocol. The values are
//!    not looked at: a verdict by outcome would hide misses.
//! 3. [`VerdictKind::NotRun`]: there are no values.
//! 4. [`VerdictKind::Reproduced`]: two one-sided t-tests find our mean within the margin `d` of the published one, at
//!    level 0.05. `d` is the published standard deviation, or where none is given the larger of 5 % of the published
//!    mean and our sample standard deviation.
//! 5. [`VerdictKind::Close`]: the difference is at most `2 d`.
//! 6. [`VerdictKind::Better`]: our mean is better in the metric's direction.
//! 7. [`VerdictKind::Differs`].
//!
//! The tests are plain one-sample t-tests, for overlapping random splits too. Conditional on the data set the splits
//! are independent draws, and the question is about this data set: would the same procedure, on the same data, give
//! the published mean? The plain standard error answers that. The correction for shared rows answers another question,
//! about data sets yet to come, which comparisons of methods ask.
//!
//! A single value shows no spread, so it can be `Close` or `Differs` and nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ALPHA;
use crate::equivalence::tost;
use crate::sample::{Interval, Summary};

/// The smallest margin where the paper gives no spread, as a share of the published mean.
const MARGIN: f64 = 0.05;

/// A number as a paper prints it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishedValue {
    /// The measured mean; none where the row only states something in words.
    pub mean: Option<f64>,
    /// The standard deviation over repeats. 0 counts as none: it was rounded away, and leaves no margin.
    pub std: Option<f64>,
    /// The number of repeats. No rule uses it; it is kept for the reader.
    pub n: Option<usize>,
}

/// Whether our number may be held against the published one, decided by data and protocol.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparability {
    /// Same data, same protocol.
    #[default]
    Comparable,
    /// Not, for this reason.
    NotComparable(String),
}

/// The verdict itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// Equivalent to the published mean within the margin.
    Reproduced,
    /// Within twice the margin.
    Close,
    /// Further off, in the better direction.
    Better,
    /// Further off.
    Differs,
    /// Data or protocol differ, for this reason.
    NotComparable(String),
    /// The paper gives no measured number.
    Stated,
    /// We have no values, for this reason.
    NotRun(String),
}

impl VerdictKind {
    /// Short lower-case label for tables.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Close => "close",
            Self::Better => "better than published",
            Self::Differs => "differs",
            Self::NotComparable(_) => "not comparable",
            Self::Stated => "stated",
            Self::NotRun(_) => "not run",
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// A verdict with the numbers behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellVerdict {
    /// The verdict.
    pub kind: VerdictKind,
    /// The margin `d`; none where no rule was applied.
    pub margin: Option<f64>,
    /// Our mean minus the published one, also where the two are not comparable.
    pub difference: Option<f64>,
    /// 90 % interval of the difference, which lies within the margin exactly where the number is reproduced. None for a
    /// single value.
    pub interval: Option<Interval>,
    /// p-value of equivalence within the margin; none where no rule was applied and for a single value.
    pub p: Option<f64>,
    /// Number of our values.
    pub n: usize,
}

/// Judges our values (one per repeat) against a published number, by the rules at the top of this module.
///
/// Without a direction (`higher_is_better` none) nothing is better than published. Values that are not finite count as
/// none: the verdict is `NotRun` and says so.
pub fn cell_verdict(
    ours: &[f64],
    published: &PublishedValue,
    higher_is_better: Option<bool>,
    comparability: &Comparability,
) -> CellVerdict {
    let without_rule =
        |kind| CellVerdict { kind, margin: None, difference: None, interval: None, p: None, n: ours.len() };
    let Some(target) = published.mean.filter(|m| m.is_finite()) else {
        return without_rule(VerdictKind::Stated);
    };
    if let Comparability::NotComparable(reason) = comparability {
        let difference = Summary::of(ours).ok().map(|s| s.mean - target);
        return CellVerdict { difference, ..without_rule(VerdictKind::NotComparable(reason.clone())) };
    }
    let tested = Summary::of(ours).and_then(|summary| {
        let given = published.std.filter(|s| s.is_finite() && *s > 0.0);
        let margin = given.unwrap_or_else(|| (MARGIN * target.abs()).max(summary.std.unwrap_or(0.0)));
        tost(ours, target, margin, ALPHA)
    });
    let test = match tested {
        Ok(test) => test,
        Err(error) => return without_rule(VerdictKind::NotRun(error.to_string())),
    };
    let better = higher_is_better.is_some_and(|higher| (test.difference > 0.0) == higher);
    let kind = if test.p < ALPHA {
        VerdictKind::Reproduced
    } else if test.difference.abs() <= 2.0 * test.margin {
        VerdictKind::Close
    } else if better && test.n > 1 {
        VerdictKind::Better
    } else {
        VerdictKind::Differs
    };
    CellVerdict {
        kind,
        margin: Some(test.margin),
        difference: Some(test.difference),
        interval: test.interval,
        p: (test.n > 1).then_some(test.p),
        n: test.n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{REPEATS, close, sample};
    use proptest::prelude::*;

    fn published(mean: f64, std: Option<f64>) -> PublishedValue {
        PublishedValue { mean: Some(mean), std, n: None }
    }

    /// The verdict on a metric of which less is better.
    fn judge(ours: &[f64], published: &PublishedValue) -> CellVerdict {
        cell_verdict(ours, published, Some(false), &Comparability::Comparable)
    }

    #[test]
    fn the_margin_is_the_published_spread_or_five_percent_or_our_spread() {
        let margin = |target, std| judge(&REPEATS, &published(target, std)).margin.unwrap();
        close(margin(0.5, Some(0.04)), 0.04);
        close(margin(0.5, None), 0.025);
        close(margin(-0.5, None), 0.025);
        // numpy.std(x, ddof=1) (numpy 2.4.6) is more than 5 % of 0.1.
        close(margin(0.1, None), 0.01413961001684883);
        close(margin(0.5, Some(0.0)), 0.025);
        close(judge(&[0.3], &published(0.1, None)).margin.unwrap(), 0.005);
    }

    #[test]
    fn verdicts_follow_the_distance_in_margins() {
        // REPEATS has mean 0.51225. The p-values are max of ttest_1samp(x, target -+ margin, alternative=...) (scipy
        // 1.17.1).
        let reproduced = judge(&REPEATS, &published(0.5, None));
        close(reproduced.p.unwrap(), 0.019039142512330555);
        close(reproduced.difference.unwrap(), 0.01225);
        assert_eq!((reproduced.kind, reproduced.n), (VerdictKind::Reproduced, 8));
        let within_but_unsure = judge(&REPEATS, &published(0.5, Some(0.02)));
        close(within_but_unsure.p.unwrap(), 0.08250484229629557);
        assert_eq!(within_but_unsure.kind, VerdictKind::Close);
        assert_eq!(judge(&REPEATS, &published(0.5, Some(0.007))).kind, VerdictKind::Close);
        assert_eq!(judge(&REPEATS, &published(0.5, Some(0.006))).kind, VerdictKind::Differs);
        assert_eq!(judge(&REPEATS, &published(0.53, Some(0.006))).kind, VerdictKind::Better);
    }

    #[test]
    fn better_follows_the_metric() {
        let kind = |higher| cell_verdict(&REPEATS, &published(0.4, None), higher, &Comparability::Comparable).kind;
        assert_eq!(kind(Some(true)), VerdictKind::Better);
        assert_eq!(kind(Some(false)), VerdictKind::Differs);
        assert_eq!(kind(None), VerdictKind::Differs);
    }

    #[test]
    fn one_value_is_close_or_differs() {
        let spot_on = judge(&[0.5], &published(0.5, Some(0.1)));
        assert_eq!((spot_on.kind, spot_on.p, spot_on.interval), (VerdictKind::Close, None, None));
        assert_eq!(judge(&[0.5], &published(0.75, Some(0.1))).kind, VerdictKind::Differs, "even if better");
    }

    #[test]
    fn what_cannot_be_judged_says_why() {
        let target = published(0.5, None);
        let empty = judge(&[], &target);
        assert_eq!(empty.kind, VerdictKind::NotRun("there are no values".into()));
        assert!(matches!(judge(&[f64::NAN], &target).kind, VerdictKind::NotRun(_)));
        assert_eq!(judge(&REPEATS, &PublishedValue::default()).kind, VerdictKind::Stated);
        assert_eq!(judge(&REPEATS, &published(f64::NAN, None)).kind, VerdictKind::Stated);
    }

    #[test]
    fn labels_are_short_words() {
        let reason = || "another subsample".to_owned();
        let kinds = [
            VerdictKind::Reproduced,
            VerdictKind::Close,
            VerdictKind::Better,
            VerdictKind::Differs,
            VerdictKind::NotComparable(reason()),
            VerdictKind::Stated,
            VerdictKind::NotRun(reason()),
        ];
        let labels: Vec<String> = kinds.iter().map(ToString::to_string).collect();
        let expected =
            ["reproduced", "close", "better than published", "differs", "not comparable", "stated", "not run"];
        assert_eq!(labels, expected);
    }

    proptest! {
        #[test]
        fn comparability_is_never_a_matter_of_outcome(
            ours in prop::collection::vec(-3.0..3.0, 0..6), target in -3.0..3.0
        ) {
            let reason = Comparability::NotComparable("another subsample".into());
            let verdict = cell_verdict(&ours, &published(target, None), Some(true), &reason);
            prop_assert_eq!(verdict.kind, VerdictKind::NotComparable("another subsample".into()));
            prop_assert_eq!(verdict.margin.or(verdict.p), None);
            prop_assert_eq!(verdict.difference.is_some(), !ours.is_empty());
        }

        #[test]
        fn reproduced_exactly_where_the_interval_is_inside_the_margin(
            ours in sample(), target in -3.0..3.0, std in 0.1..5.0
        ) {
            let verdict = judge(&ours, &published(target, Some(std)));
            if let Some(i) = verdict.interval {
                prop_assume!((i.low + std).abs() > 1e-9 && (i.high - std).abs() > 1e-9);
                prop_assert_eq!(verdict.kind == VerdictKind::Reproduced, i.low > -std && i.high < std);
            } else {
                prop_assert_eq!(verdict.n, 1);
                prop_assert!(matches!(verdict.kind, VerdictKind::Close | VerdictKind::Differs));
            }
        }
    }
}
