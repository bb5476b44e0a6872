//! Where `(sum_g S_g^alpha)^(1/alpha) = 1` for two tasks of two weights, one of which is held.

use std::f64::consts::FRAC_PI_2;

use mtl_methods::grouping::membership::Assignment;
use ndarray::array;
use serde::Deserialize;

use super::Equation;

/// Halvings of a bracket.
const BISECTIONS: usize = 60;

/// Unit balls of equation 3 for hard groups: `w_1 = (x, y)` in one group and `w_2 = (z, a)` in another, so that
/// `S_1 = |x| + |y|` and `S_2 = |z| + |a|`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitBalls {
    /// Exponents, a row each.
    pub alpha: Vec<f64>,
    /// Values of the held weight, a column each.
    pub a: Vec<f64>,
}

/// A unit ball by its sections, all of which are `|x| + |y| <= radius`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ball {
    /// The exponent.
    pub alpha: f64,
    /// The held weight.
    pub a: f64,
    /// Heights `z` with their radii, from the lowest to the highest point.
    pub sections: Vec<(f64, f64)>,
}

impl UnitBalls {
    pub(super) fn check(&self) -> Result<(), String> {
        self.alpha.iter().try_for_each(|alpha| Equation::Eq3(*alpha).check())?;
        match self.a.iter().find(|a| !(0.0..1.0).contains(*a)) {
            Some(a) => Err(format!("a is {a}; the ball has points for 0 <= a < 1 only")),
            None => Ok(()),
        }
    }

    /// The balls, row by row, with `2 half + 1` sections each.
    pub fn balls(&self, half: usize) -> Vec<Ball> {
        let points = self.alpha.iter().flat_map(|alpha| self.a.iter().map(|a| (*alpha, *a)));
        points.map(|(alpha, a)| Ball::new(alpha, a, half)).collect()
    }
}

impl Ball {
    fn new(alpha: f64, a: f64, half: usize) -> Self {
        let highest = largest(|z| cost(alpha, 0.0, z, a));
        // Closer together towards the ends, where the surface is steepest.
        let height = |k: usize| highest * (FRAC_PI_2 * k as f64 / half as f64).sin();
        let upper: Vec<_> = (0..=half).map(height).map(|z| (z, radius(alpha, z, a))).collect();
        let lower = upper.iter().skip(1).rev().map(|(z, radius)| (-z, *radius));
        Self { alpha, a, sections: lower.chain(upper.iter().copied()).collect() }
    }

    /// The largest `|z|`.
    pub fn height(&self) -> f64 {
        self.sections.last().map_or(0.0, |(z, _)| *z)
    }

    /// The radius at a height.
    pub fn radius(&self, z: f64) -> f64 {
        radius(self.alpha, z, self.a)
    }
}

/// The largest `|x| + |y|` at a height.
fn radius(alpha: f64, z: f64, a: f64) -> f64 {
    largest(|x| cost(alpha, x, z, a))
}

/// Equation 3 at `y = 0`.
fn cost(alpha: f64, x: f64, z: f64, a: f64) -> f64 {
    Assignment::new(&array![[x, z], [0.0, a]], Equation::Eq3(alpha).regulariser(2)).hard_value(&[0, 1])
}

/// The largest number up to 1 at which a rising cost is no more than 1; 0 if there is none.
fn largest(cost: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        if cost(middle) <= 1.0 { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_the_closed_forms() {
        let balls = UnitBalls { alpha: vec![1.0, 2.0, 5.0], a: vec![0.1, 0.5, 0.9] }.balls(8);
        assert_eq!(balls.len(), 9);
        for ball in &balls {
            assert!((ball.height() - (1.0 - ball.a)).abs() < 1e-12, "{ball:?}");
            assert_eq!(ball.sections.len(), 17);
            assert!(ball.sections.is_sorted_by(|a, b| a.0 < b.0));
            for (z, radius) in &ball.sections {
                let closed = (1.0 - (z.abs() + ball.a).powf(ball.alpha)).max(0.0).powf(1.0 / ball.alpha);
                assert!(
                    (radius - closed).abs() < 2e-3 && (radius.powf(ball.alpha) - closed.powf(ball.alpha)).abs() < 1e-12
                );
            }
            // The cost is that of any point of the section, not only of the one it was found at.
            let (z, radius) = ball.sections[11];
            let inside = array![[-0.3 * radius, z], [0.7 * radius, -ball.a]];
            let regulariser = Equation::Eq3(ball.alpha).regulariser(2);
            assert!((Assignment::new(&inside, regulariser).hard_value(&[0, 1]) - 1.0).abs() < 1e-12);
        }
        for (row, expected) in [0.1, 0.435_89, 0.836_47].into_iter().enumerate() {
            assert!((balls[3 * row + 2].radius(0.0) - expected).abs() < 1e-5, "{row}");
        }
    }

    #[test]
    fn what_has_no_points_is_refused() {
        let balls = |alpha: f64, a: f64| UnitBalls { alpha: vec![alpha], a: vec![a] }.check();
        assert!(balls(2.0, 0.5).is_ok() && balls(2.0, 1.0).is_err() && balls(0.5, 0.5).is_err());
    }
}
