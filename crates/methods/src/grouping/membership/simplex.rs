//! Projection on the probability simplex.

/// Overwrites `v` by the nearest point with no negative entry and sum 1, in `O(N log N)`.
pub fn project(v: &mut [f64]) {
    // The nearest point is the same for values that are all moved alike, and near zero sums lose nothing to rounding.
    let largest = v.iter().fold(f64::NEG_INFINITY, |max, &value| max.max(value));
    v.iter_mut().for_each(|v| *v -= largest);
    let mut falling = v.to_vec();
    falling.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut sum, mut threshold) = (0.0, 0.0);
    for (k, value) in falling.iter().enumerate() {
        sum += value;
        let candidate = (sum - 1.0) / (k + 1) as f64;
        if *value <= candidate {
            break;
        }
        threshold = candidate;
    }
    v.iter_mut().for_each(|v| *v = (*v - threshold).max(0.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn projected(v: &[f64]) -> Vec<f64> {
        let mut p = v.to_vec();
        project(&mut p);
        p
    }

    proptest! {
        #[test]
        fn the_nearest_point(
            y in prop::collection::vec(-3.0..3.0_f64, 1..8),
            q in prop::collection::vec(0.01..1.0_f64, 8),
            shift in -5.0..5.0_f64,
        ) {
            let p = projected(&y);
            prop_assert!(p.iter().all(|v| *v >= 0.0) && (p.iter().sum::<f64>() - 1.0).abs() < 1e-12, "feasible");
            prop_assert!(projected(&p).iter().zip(&p).all(|(a, b)| (a - b).abs() < 1e-12), "idempotent");
            let total: f64 = q[..y.len()].iter().sum();
            let angle: f64 = (0..y.len()).map(|i| (y[i] - p[i]) * (q[i] / total - p[i])).sum();
            prop_assert!(angle <= 1e-12, "no feasible point is on the other side");
            let moved: Vec<f64> = y.iter().map(|v| v + shift).collect();
            prop_assert!(projected(&moved).iter().zip(&p).all(|(a, b)| (a - b).abs() < 1e-12), "shift");
        }
    }

    #[test]
    fn far_from_the_simplex() {
        for far in [1e6, -1e9, 1e15] {
            let p = projected(&[far, far + 0.25, far - 0.5, far - 3.0]);
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-15, "{far}: {p:?}");
        }
    }

    #[test]
    fn known_cases() {
        assert_eq!(projected(&[-7.0]), [1.0]);
        assert_eq!(projected(&[0.5, 0.5, 2.0]), [0.0, 0.0, 1.0]);
        assert_eq!(projected(&[0.3, 0.3]), [0.5, 0.5]);
        assert_eq!(projected(&[4.0, 4.0, 0.0, 4.0 - 1.0]), [0.5, 0.5, 0.0, 0.0]);
    }
}
