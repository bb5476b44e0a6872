//! Tails and quantiles of the distributions the tests refer to, accurate in the tails and total on their domains.

use std::f64::consts::SQRT_2;

use statrs::function::beta::beta_reg;
use statrs::function::erf::erfc_inv;
use statrs::function::gamma::gamma_ur;

/// `P(Z <= z)` of the standard normal distribution.
pub fn normal_cdf(z: f64) -> f64 {
    let half_square = 0.5 * z * z;
    // Not by `erfc`: that of statrs keeps eleven digits, its incomplete gamma function fourteen. Past 800 the tail is
    // below the smallest number; 0 is outside the function's domain.
    let tail = match half_square {
        0.0 => 0.5,
        x if x > 800.0 => 0.0,
        x => 0.5 * gamma_ur(0.5, x),
    };
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// The `z` with `P(Z <= z) = p`; infinite for 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * p)
}

/// `P(T > t)` of Student's t distribution.
pub fn t_upper(t: f64, df: f64) -> f64 {
    let square = t * t;
    // Two forms of one identity: each loses digits where the other keeps them.
    let beyond = if square < df {
        1.0 - beta_reg(0.5, 0.5 * df, square / (df + square))
    } else {
        beta_reg(0.5 * df, 0.5, df / (df + square))
    };
    if t > 0.0 { 0.5 * beyond } else { 1.0 - 0.5 * beyond }
}

/// The `t` with `P(T > t) = p`, for `p` within 0..0.5, by bisection.
pub fn t_upper_quantile(p: f64, df: f64) -> f64 {
    bisect(|t| p - t_upper(t, df))
}

/// `P(X > x)` of the chi-squared distribution.
pub fn chi2_upper(x: f64, df: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { gamma_ur(0.5 * df, 0.5 * x) }
}

/// `P(X > x)` of the F distribution.
pub fn f_upper(x: f64, df1: f64, df2: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { beta_reg(0.5 * df2, 0.5 * df1, df2 / (df2 + df1 * x)) }
}

/// `P(X <= x)` of the number of heads in `n` tosses of a fair coin.
pub fn fair_binomial_cdf(x: usize, n: usize) -> f64 {
    if x >= n { 1.0 } else { beta_reg((n - x) as f64, x as f64 + 1.0, 0.5) }
}

/// The positive root of an increasing function, to the last bit that bisection can decide.
pub fn bisect(f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while f(high) < 0.0 && high < f64::MAX / 2.0 {
        (low, high) = (high, 2.0 * high);
    }
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return middle;
        }
        if f(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::close;

    // scipy.stats.norm, t, chi2 and f: cdf, sf, ppf and isf (scipy 1.17.1).

    #[test]
    fn normal_agrees_with_scipy() {
        close(normal_cdf(-8.0), 6.22096057427174e-16);
        close(normal_cdf(-1.96), 0.024997895148220435);
        close(normal_cdf(0.3), 0.6179114221889526);
        close(normal_cdf(4.0), 0.9999683287581669);
        assert_eq!([f64::NEG_INFINITY, 0.0, f64::INFINITY].map(normal_cdf), [0.0, 0.5, 1.0]);
        close(normal_quantile(1e-10), -6.361340902404056);
        close(normal_quantile(0.025), -1.9599639845400545);
        close(normal_quantile(0.7), 0.5244005127080407);
    }

    #[test]
    fn t_agrees_with_scipy() {
        close(t_upper(0.1, 1.0), 0.4682744825694465);
        close(t_upper(1.0, 2.0), 0.2113248654051871);
        close(t_upper(2.5, 9.0), 0.016930913841492867);
        close(t_upper(12.0, 4.0), 0.0001382142742514865);
        close(t_upper(40.0, 30.0), 6.863022597203209e-28);
        close(t_upper(1e-6, 7.0), 0.49999961500854917);
        close(t_upper(3.0, 1000.0), 0.0013833545221190963);
        close(t_upper(-2.5, 9.0), 1.0 - 0.016930913841492867);
        assert_eq!([f64::INFINITY, f64::NEG_INFINITY].map(|t| t_upper(t, 3.0)), [0.0, 1.0]);
    }

    #[test]
    fn t_quantiles_agree_with_scipy() {
        close(t_upper_quantile(0.025, 9.0), 2.2621571627982053);
        close(t_upper_quantile(0.05, 1.0), 6.313751514675044);
        close(t_upper_quantile(0.005, 30.0), 2.749995653567226);
        close(t_upper_quantile(0.4, 3.0), 0.2766706623326898);
        close(t_upper_quantile(1e-9, 5.0), 98.93722464836996);
    }

    #[test]
    fn chi_squared_and_f_agree_with_scipy() {
        close(chi2_upper(0.5, 1.0), 0.47950012218695337);
        close(chi2_upper(7.8, 3.0), 0.050331097859853326);
        close(chi2_upper(50.0, 4.0), 3.610865404890647e-10);
        close(f_upper(0.5, 2.0, 10.0), 0.6209213230591552);
        close(f_upper(4.2, 3.0, 27.0), 0.014603732416627328);
        close(f_upper(60.0, 4.0, 12.0), 7.828599027214616e-08);
    }
}
