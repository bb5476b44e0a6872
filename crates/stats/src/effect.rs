//! How large a difference is, whatever its p-value.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sample::{Summary, check};

/// An effect size in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Magnitude {
    /// Too small to care about.
    Negligible,
    /// Small.
    Small,
    /// Medium.
    Medium,
    /// Large.
    Large,
}

impl Magnitude {
    /// The word, in lower case.
    pub fn label(self) -> &'static str {
        match self {
            Self::Negligible => "negligible",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    fn of(size: f64, [small, medium, large]: [f64; 3]) -> Self {
        match size.abs() {
            s if s < small => Self::Negligible,
            s if s < medium => Self::Small,
            s if s < large => Self::Medium,
            _ => Self::Large,
        }
    }
}

impl fmt::Display for Magnitude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// An effect size and what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The size; its sign is that of the difference.
    pub value: f64,
    /// The size in words.
    pub magnitude: Magnitude,
}

/// Cohen's d_z: the mean of the paired differences over their standard deviation.
///
/// Small from 0.2, medium from 0.5, large from 0.8 (Cohen, "Statistical Power Analysis for the Behavioral Sciences",
/// 1988). None for a single pair, and where the differences are all the same but not zero; 0 where all are zero.
pub fn cohen_dz(d: &[f64]) -> Option<Effect> {
    let summary = Summary::of(d).ok()?;
    let std = summary.std?;
    let value = match (summary.mean == 0.0, std == 0.0) {
        (true, _) => 0.0,
        (false, true) => return None,
        (false, false) => summary.mean / std,
    };
    value.is_finite().then(|| Effect { value, magnitude: Magnitude::of(value, [0.2, 0.5, 0.8]) })
}

/// Cliff's delta: the share of pairs `(a_i, b_j)` in which `a` is larger, minus the share in which `b` is.
///
/// Small from 0.147, medium from 0.33, large from 0.474 (Romano, Kromrey, Coraggio and Skowronek, "Appropriate
/// statistics for ordinal level data", 2006). None where a sample is empty or not finite. It ignores the pairing.
pub fn cliffs_delta(a: &[f64], b: &[f64]) -> Option<Effect> {
    check(a).and_then(|()| check(b)).ok()?;
    let won = a.iter().map(|x| b.iter().filter(|y| x > y).count()).sum::<usize>();
    let lost = a.iter().map(|x| b.iter().filter(|y| x < *y).count()).sum::<usize>();
    let value = (won as f64 - lost as f64) / (a.len() as f64 * b.len() as f64);
    Some(Effect { value, magnitude: Magnitude::of(value, [0.147, 0.33, 0.474]) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TIED, UNTIED, close, sample};
    use proptest::prelude::*;

    #[test]
    fn d_z_is_the_mean_in_standard_deviations() {
        // numpy.mean(d) / numpy.std(d, ddof=1) (numpy 2.4.6).
        let large = cohen_dz(&UNTIED).unwrap();
        close(large.value, -1.1570928623120524);
        assert_eq!(large.magnitude, Magnitude::Large);
        let small = cohen_dz(&TIED).unwrap();
        close(small.value, 0.4082482904638631);
        assert_eq!(small.magnitude, Magnitude::Small);
    }

    #[test]
    fn without_spread_d_z_is_zero_or_undefined() {
        assert_eq!(cohen_dz(&[0.0; 4]), Some(Effect { value: 0.0, magnitude: Magnitude::Negligible }));
        assert_eq!(cohen_dz(&[0.1; 4]), None);
        assert_eq!(cohen_dz(&[0.1]), None);
        assert_eq!(cohen_dz(&[0.1, f64::NAN]), None);
    }

    #[test]
    fn cliffs_delta_agrees_with_the_u_statistic() {
        // 2 * mannwhitneyu(a, b).statistic / (6 * 5) - 1 (scipy 1.17.1).
        let delta = cliffs_delta(&[1.0, 2.0, 2.0, 3.0, 5.0, 8.0], &[2.0, 2.0, 1.0, 0.0, 4.0]).unwrap();
        close(delta.value, 0.43333333333333335);
        assert_eq!(delta.magnitude, Magnitude::Medium);
        assert_eq!(cliffs_delta(&[1.0], &[]), None);
    }

    #[test]
    fn thresholds_belong_to_the_larger_word() {
        let words = [0.19, 0.2, 0.5, -0.8].map(|d| Magnitude::of(d, [0.2, 0.5, 0.8]).label());
        assert_eq!(words, ["negligible", "small", "medium", "large"]);
    }

    proptest! {
        #[test]
        fn cliffs_delta_is_antisymmetric_and_bounded(a in sample(), b in sample()) {
            let delta = cliffs_delta(&a, &b).unwrap().value;
            prop_assert!(delta.abs() <= 1.0);
            prop_assert_eq!(delta, -cliffs_delta(&b, &a).unwrap().value);
        }
    }
}
