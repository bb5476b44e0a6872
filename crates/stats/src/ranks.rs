//! Many methods over many data sets: ranks, Friedman's test and the Nemenyi critical difference.
//!
//! The procedure of Demsar, "Statistical comparisons of classifiers over multiple data sets" (2006).

use serde::{Deserialize, Serialize};

use crate::distribution::{bisect, chi2_upper, f_upper, normal_cdf};
use crate::midrank::midranks;
use crate::sample::{SampleError, check};

/// Average ranks and the tests of whether the methods differ at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Friedman {
    /// Average rank of each method; 1 is the best.
    pub average_ranks: Vec<f64>,
    /// Number of data sets.
    pub datasets: usize,
    /// Friedman's chi-squared, corrected for ties.
    pub chi2: f64,
    /// Its degrees of freedom, one less than there are methods.
    pub df: f64,
    /// Its p-value.
    pub chi2_p: f64,
    /// Iman and Davenport's F, less conservative than chi-squared; none where all data sets agree on an order without
    /// ties, which makes it infinite.
    pub f: Option<f64>,
    /// Its two degrees of freedom.
    pub f_df: [f64; 2],
    /// Its p-value.
    pub f_p: f64,
}

/// Ranks the methods (columns) on every data set (rows) and tests whether their average ranks differ.
///
/// One data set, or methods that tie everywhere, give p = 1. At least two methods are needed.
pub fn friedman<R: AsRef<[f64]>>(scores: &[R], higher_is_better: bool) -> Result<Friedman, SampleError> {
    let methods = scores.first().ok_or(SampleError::Empty)?.as_ref().len();
    let (n, k) = (scores.len() as f64, methods as f64);
    let mut sums = vec![0.0; methods];
    let mut ties = 0.0;
    for row in scores {
        let row = row.as_ref();
        check(row)?;
        if row.len() != methods {
            return Err(SampleError::Unpaired { a: methods, b: row.len() });
        }
        let ranks = midranks(&row.iter().map(|v| if higher_is_better { -v } else { *v }).collect::<Vec<_>>());
        sums.iter_mut().zip(&ranks.doubled).for_each(|(sum, &rank)| *sum += rank as f64 / 2.0);
        ties += ranks.ties;
    }
    if methods < 2 {
        return Err(SampleError::Parameter { name: "number of methods", value: k, expected: "2 or more" });
    }
    let spread: f64 = sums.iter().map(|s| (s - n * (k + 1.0) / 2.0).powi(2)).sum();
    let untied = 1.0 - ties / (n * k * (k * k - 1.0));
    let chi2 = if spread == 0.0 { 0.0 } else { 12.0 * spread / (n * k * (k + 1.0)) / untied };
    let chi2_p = if scores.len() < 2 { 1.0 } else { chi2_upper(chi2, k - 1.0) };
    let f_df = [k - 1.0, (k - 1.0) * (n - 1.0)];
    // What is missing to perfect agreement, where rounding must not be taken for a rest.
    let rest = n * (k - 1.0) - chi2;
    let (f, f_p) = if scores.len() < 2 {
        (None, 1.0)
    } else if rest <= 1e-12 * n * k {
        (None, 0.0)
    } else {
        let f = (n - 1.0) * chi2 / rest;
        (Some(f), f_upper(f, f_df[0], f_df[1]))
    };
    let average_ranks = sums.iter().map(|s| s / n).collect();
    Ok(Friedman { average_ranks, datasets: scores.len(), chi2, df: k - 1.0, chi2_p, f, f_df, f_p })
}

/// `P(range <= q)` of `k` independent standard normal variables: the studentized range with infinite degrees of
/// freedom.
///
/// `k` times the integral of `phi(z) (Phi(z) - Phi(z - q))^(k-1)` over the largest variable `z`. The trapezoidal rule
/// converges exponentially on such an integrand: smooth, and gone at both ends.
pub fn studentized_range_cdf(q: f64, k: usize) -> f64 {
    const STEP: f64 = 1.0 / 16.0;
    if q.is_nan() || q <= 0.0 {
        return 0.0;
    }
    if k < 2 {
        return 1.0;
    }
    let integrand = |z: f64| (-0.5 * z * z).exp() * (normal_cdf(z) - normal_cdf(z - q)).powf((k - 1) as f64);
    let sum: f64 = (-160..=160).map(|i| integrand(STEP * f64::from(i))).sum();
    (k as f64 * STEP * sum / std::f64::consts::TAU.sqrt()).min(1.0)
}

/// The `q` with `P(range <= q) = p`. 0 for `p <= 0` and for fewer than two variables, infinite for `p >= 1`.
pub fn studentized_range_quantile(p: f64, k: usize) -> f64 {
    if k < 2 || p.is_nan() || p <= 0.0 {
        0.0
    } else if p >= 1.0 {
        f64::INFINITY
    } else {
        bisect(|q| studentized_range_cdf(q, k) - p)
    }
}

/// Nemenyi's critical difference: the average ranks of two of `k` methods over `n` data sets differ at level `alpha`
/// if they are at least this far apart.
///
/// `q_alpha / sqrt(2) * sqrt(k (k + 1) / (6 n))`; infinite without a data set.
pub fn nemenyi_cd(k: usize, n: usize, alpha: f64) -> f64 {
    if n == 0 {
        return f64::INFINITY;
    }
    let k_ = k as f64;
    studentized_range_quantile(1.0 - alpha, k) * (k_ * (k_ + 1.0) / (12.0 * n as f64)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::close;
    use proptest::prelude::*;

    const SCORES: [[f64; 4]; 6] = [
        [0.90, 0.85, 0.80, 0.70],
        [0.75, 0.75, 0.60, 0.65],
        [0.62, 0.58, 0.61, 0.40],
        [0.99, 0.97, 0.97, 0.97],
        [0.81, 0.84, 0.79, 0.60],
        [0.55, 0.50, 0.52, 0.52],
    ];

    #[test]
    fn friedman_agrees_with_scipy() {
        // rankdata(-row) averaged, friedmanchisquare(*columns), f.sf of Iman and Davenport's formula (scipy 1.17.1).
        let test = friedman(&SCORES, true).unwrap();
        let ranks = [1.25, 2.4166666666666665, 2.9166666666666665, 3.4166666666666665];
        test.average_ranks.iter().zip(ranks).for_each(|(&found, expected)| close(found, expected));
        close(test.chi2, 10.333333333333346);
        close(test.chi2_p, 0.015935181148124734);
        close(test.f.unwrap(), 6.739130434782628);
        close(test.f_p, 0.004247941488152224);
        assert_eq!((test.datasets, test.df, test.f_df), (6, 3.0, [3.0, 15.0]));
    }

    #[test]
    fn degenerate_tables_have_an_answer() {
        let agreed = friedman(&[[1.0, 2.0, 3.0]; 7], false).unwrap();
        assert_eq!((agreed.average_ranks.as_slice(), agreed.f, agreed.f_p), ([1.0, 2.0, 3.0].as_slice(), None, 0.0));
        let tied = friedman(&[[1.0; 3]; 7], false).unwrap();
        assert_eq!((tied.chi2, tied.chi2_p, tied.f_p), (0.0, 1.0, 1.0));
        let one = friedman(&[[1.0, 2.0]], false).unwrap();
        assert_eq!((one.chi2_p, one.f_p), (1.0, 1.0));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert_eq!(friedman::<Vec<f64>>(&[], true), Err(SampleError::Empty));
        assert_eq!(friedman(&[vec![1.0, 2.0], vec![1.0]], true), Err(SampleError::Unpaired { a: 2, b: 1 }));
        assert!(matches!(friedman(&[[1.0]], true), Err(SampleError::Parameter { .. })));
        assert!(matches!(friedman(&[[1.0, f64::NAN]], true), Err(SampleError::NotFinite { index: 2, .. })));
    }

    #[test]
    fn studentized_range_agrees_with_scipy() {
        // studentized_range.cdf(q, k, inf) and .ppf(p, k, inf) (scipy 1.17.1).
        close(studentized_range_cdf(1.0, 2), 0.5204998778130465);
        close(studentized_range_cdf(3.5, 3), 0.9644429581368396);
        close(studentized_range_cdf(2.0, 10), 0.07678576139314684);
        close(studentized_range_cdf(4.474, 10), 0.9499867584069467);
        close(studentized_range_cdf(5.0, 50), 0.7898546212823788);
        close(studentized_range_cdf(0.5, 5), 0.0033403160565506893);
        close(studentized_range_quantile(0.95, 3), 3.314493155398122);
        close(studentized_range_quantile(0.90, 5), 3.478280550703068);
        close(studentized_range_quantile(0.99, 20), 5.6452146979858515);
    }

    #[test]
    fn nemenyi_agrees_with_demsars_table() {
        // Demsar 2006, table 5 (a), alpha = 0.05: the critical difference without its factor sqrt(k (k + 1) / (6 n)).
        let table = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164];
        for (k, expected) in (2..).zip(table) {
            let factor = ((k * (k + 1)) as f64 / (6.0 * 14.0)).sqrt();
            let found = nemenyi_cd(k, 14, 0.05) / factor;
            assert!((found - expected).abs() < 0.001, "k = {k}: {found}, {expected}");
        }
        assert_eq!(nemenyi_cd(3, 0, 0.05), f64::INFINITY);
    }

    proptest! {
        #[test]
        fn the_range_of_two_is_a_folded_normal(q in 0.0..8.0) {
            let expected = 2.0 * normal_cdf(q / std::f64::consts::SQRT_2) - 1.0;
            prop_assert!((studentized_range_cdf(q, 2) - expected).abs() < 1e-12);
        }

        #[test]
        fn ranks_sum_to_what_they_must_and_turn_with_the_direction(
            rows in prop::collection::vec(prop::collection::vec((0..6_i32).prop_map(f64::from), 4), 1..8)
        ) {
            let (high, low) = (friedman(&rows, true).unwrap(), friedman(&rows, false).unwrap());
            prop_assert!((high.average_ranks.iter().sum::<f64>() - 10.0).abs() < 1e-12);
            for (up, down) in high.average_ranks.iter().zip(&low.average_ranks) {
                prop_assert!((up + down - 5.0).abs() < 1e-12);
            }
            for test in [&high, &low] {
                prop_assert!((0.0..=1.0).contains(&test.chi2_p) && (0.0..=1.0).contains(&test.f_p));
            }
        }
    }
}
