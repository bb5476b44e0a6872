//! How probable it is that two methods differ in practice.

use serde::{Deserialize, Serialize};

use crate::distribution::t_upper;
use crate::estimate::Estimate;

/// Posterior probabilities of where the mean difference lies. They sum to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Posterior {
    /// Below the region of practical equivalence.
    pub left: f64,
    /// Within it.
    pub rope: f64,
    /// Above it.
    pub right: f64,
    /// The region's half-width.
    pub half_width: f64,
}

/// The Bayesian correlated t-test of Corani and Benavoli, "A Bayesian approach for comparing cross-validated
/// algorithms on multiple data sets" (2015).
///
/// The posterior of the mean difference is a Student t with `n - 1` degrees of freedom around `mean(d)`, of squared
/// scale `s^2 (1/n + rho / (1 - rho))`. The correlation `rho` of two resamples is `n_test / (n_test + n_train)`, 0 for
/// independent pairs; `rope` is the half-width of the region of practical equivalence.
///
/// Differences without spread put all probability where they are, the region's ends included in it. None for fewer
/// than two differences, for one that is not finite, for `rho` outside `0..1`, and for a negative `rope`.
pub fn correlated_t(d: &[f64], rho: f64, rope: f64) -> Option<Posterior> {
    if !(0.0..1.0).contains(&rho) || rope.is_nan() || rope < 0.0 {
        return None;
    }
    let posterior = Estimate::of(d, rho / (1.0 - rho)).ok()??;
    let (left, right) = if posterior.se == 0.0 {
        (f64::from(posterior.mean < -rope), f64::from(posterior.mean > rope))
    } else {
        (t_upper(posterior.t(-rope), posterior.df), t_upper(-posterior.t(rope), posterior.df))
    };
    Some(Posterior { left, rope: (1.0 - left - right).max(0.0), right, half_width: rope })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TIED, UNTIED, close, sample};
    use proptest::prelude::*;

    #[test]
    fn agrees_with_scipy() {
        // scipy.stats.t.cdf(-rope, n - 1, mean, scale) and .sf(rope, ...), scale = sqrt(var(ddof=1) * (1 / n +
        // rho / (1 - rho))), as in baycomp (scipy 1.17.1).
        let p = correlated_t(&UNTIED, 0.2, 0.01).unwrap();
        close(p.left, 0.8511863734614858);
        close(p.rope, 0.1385618489159384);
        close(p.right, 0.010251777622575751);
        let p = correlated_t(&TIED, 0.1, 0.5).unwrap();
        close(p.left, 0.10767855679842549);
        close(p.rope, 0.22599325531889125);
        close(p.right, 0.6663281878826832);
        // Without correlation and rope it is the t-test: ttest_1samp(d, 0, alternative="greater").pvalue.
        close(correlated_t(&TIED, 0.0, 0.0).unwrap().left, 0.11443940126913263);
    }

    #[test]
    fn without_spread_the_posterior_is_a_point() {
        let where_is = |d: f64| correlated_t(&[d; 3], 0.2, 0.25).map(|p| [p.left, p.rope, p.right]);
        assert_eq!(where_is(-0.5), Some([1.0, 0.0, 0.0]));
        assert_eq!(where_is(0.25), Some([0.0, 1.0, 0.0]));
        assert_eq!(where_is(0.5), Some([0.0, 0.0, 1.0]));
    }

    #[test]
    fn undefined_posteriors_are_none() {
        assert_eq!(correlated_t(&[1.0], 0.0, 0.0), None);
        assert_eq!(correlated_t(&TIED, 1.0, 0.0), None);
        assert_eq!(correlated_t(&TIED, 0.0, -0.1), None);
    }

    proptest! {
        #[test]
        fn probabilities_sum_to_one_and_turn_with_the_differences(d in sample(), rho in 0.0..0.9, rope in 0.0..2.0) {
            prop_assume!(d.len() > 1);
            let p = correlated_t(&d, rho, rope).unwrap();
            prop_assert!((p.left + p.rope + p.right - 1.0).abs() < 1e-12);
            prop_assert!([p.left, p.rope, p.right].iter().all(|p| (0.0..=1.0).contains(p)));
            let turned = correlated_t(&d.iter().map(|v| -v).collect::<Vec<_>>(), rho, rope).unwrap();
            prop_assert!((p.left - turned.right).abs() < 1e-12);
        }
    }
}
