//! What the tests of several modules share.

use proptest::prelude::*;

/// Ten differences without ties or zeros.
pub const UNTIED: [f64; 10] = [-0.021, 0.004, -0.037, -0.012, -0.055, -0.018, 0.009, -0.041, -0.026, -0.033];

/// Ten differences with two zeros and several ties.
pub const TIED: [f64; 10] = [-1.0, 0.0, 2.0, -3.0, 2.0, 0.0, -1.0, 4.0, 2.0, 5.0];

/// Two methods on ten splits.
pub const A: [f64; 10] = [0.51, 0.48, 0.53, 0.50, 0.47, 0.52, 0.49, 0.50, 0.46, 0.54];
/// The second of them.
pub const B: [f64; 10] = [0.55, 0.50, 0.58, 0.56, 0.50, 0.55, 0.56, 0.53, 0.52, 0.57];

/// Eight repeats of one measurement.
pub const REPEATS: [f64; 8] = [0.512, 0.498, 0.530, 0.505, 0.521, 0.517, 0.489, 0.526];

/// Fails unless the two agree to ten digits.
#[track_caller]
pub fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-10 * expected.abs(), "found {found:e}, expected {expected:e}");
}

/// Samples on a coarse grid, so that ties, zeros, constants and single values all occur.
pub fn sample() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-6..=6_i32).prop_map(|v| f64::from(v) / 2.0), 1..13)
}
