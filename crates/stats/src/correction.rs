//! Correction for testing many hypotheses at once.

/// Holm's step-down adjustment (1979): p-values that may each be held against the same level while the chance of any
/// false rejection in the family stays below it.
///
/// The adjusted values keep the order of the input, are at least as large as the raw ones, and at most 1. A NaN, a
/// test that could not be computed, counts as 1.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let raw: Vec<f64> = p.iter().map(|p| if p.is_nan() { 1.0 } else { *p }).collect();
    let mut order: Vec<usize> = (0..raw.len()).collect();
    order.sort_by(|&i, &j| raw[i].total_cmp(&raw[j]));
    let mut adjusted = vec![0.0; raw.len()];
    let mut highest = 0.0_f64;
    for (step, &i) in order.iter().enumerate() {
        highest = highest.max(((raw.len() - step) as f64 * raw[i]).min(1.0));
        adjusted[i] = highest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::close;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_statsmodels() {
        // multipletests(p, method="holm") (statsmodels 0.15.0).
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005, 0.2, 0.04]);
        adjusted.iter().zip([0.05, 0.12, 0.12, 0.03, 0.2, 0.12]).for_each(|(&found, expected)| close(found, expected));
        let adjusted = holm(&[0.5, 0.9, 0.001]);
        adjusted.iter().zip([1.0, 1.0, 0.003]).for_each(|(&found, expected)| close(found, expected));
    }

    #[test]
    fn what_could_not_be_tested_is_not_rejected() {
        assert_eq!(holm(&[f64::NAN, 0.01]), [1.0, 0.02]);
        assert!(holm(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn adjusted_values_keep_the_order_and_are_no_smaller(p in prop::collection::vec(0.0..=1.0_f64, 1..20)) {
            let adjusted = holm(&p);
            for i in 0..p.len() {
                prop_assert!(adjusted[i] >= p[i] && adjusted[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || adjusted[i] <= adjusted[j]);
                }
            }
        }
    }
}
