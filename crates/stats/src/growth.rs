//! How fast a quantity grows with another.

/// The exponent `b` of the power law `y = a x^b` that is nearest to the points on logarithmic axes, by least squares.
/// `None` if a coordinate is not positive, or all `x` are the same.
pub fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    if points.iter().any(|(x, y)| !(*x > 0.0 && *y > 0.0)) {
        return None;
    }
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean = logs.iter().map(|(x, _)| x).sum::<f64>() / logs.len() as f64;
    let spread: f64 = logs.iter().map(|(x, _)| (x - mean).powi(2)).sum();
    (spread > 0.0).then(|| logs.iter().map(|(x, y)| (x - mean) * y).sum::<f64>() / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_laws_have_their_exponents() {
        let law = |b: f64| [1.0, 3.0, 10.0, 50.0].map(|x: f64| (x, 0.2 * x.powf(b)));
        for b in [-1.0, 0.0, 0.5, 3.0] {
            assert!((exponent(&law(b)).unwrap() - b).abs() < 1e-12);
        }
        assert_eq!(exponent(&[(1.0, 0.0), (2.0, 1.0)]), None);
        assert_eq!(exponent(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(exponent(&[]), None);
    }
}
