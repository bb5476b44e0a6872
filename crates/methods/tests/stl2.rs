//! The squared trace norm against its optimality conditions.

mod common;

use common::{correlation, fit, num, random, weights};
use mtl_methods::ParamValue;
use mtl_methods::linalg::{Svd, singular_values};

/// Smoothing by `eps` counts for little here.
///
/// `-grad L = 2 lambda ||W||_* (A B' + N)` with the singular vectors of `W` and `N` beside them, `||N||_2 <= 1`.
#[test]
fn weights_meet_the_conditions_of_the_squared_trace_norm() {
    let data = random(12, 6, 5, 3);
    for lambda in [0.01, 0.1, 1.0] {
        let intercept = ("intercept", ParamValue::Flag(false));
        let given = [("lambda", num(lambda)), ("eps", num(1e-7)), ("tol", num(1e-6)), intercept];
        let fitted = fit("stl2", &data, &given);
        assert!(fitted.convergence.converged, "lambda {lambda}: {:e}", fitted.convergence.residual);
        let svd = Svd::of(weights(&fitted)).unwrap();
        let pull = correlation(&data, weights(&fitted)) / (2.0 * lambda * svd.values.sum());
        assert!(singular_values(&pull).unwrap()[0] < 1.0 + 5e-3, "lambda {lambda}");
        let rank = svd.values.iter().filter(|s| **s > 1e-2 * svd.values[0]).count();
        assert!(rank > 0);
        for k in 0..rank {
            let along = svd.left.column(k).dot(&pull.dot(&svd.right.column(k)));
            assert!((along - 1.0).abs() < 5e-3, "lambda {lambda}, direction {k}: {along}");
        }
    }
}
