//! The streams of `numpy.random.RandomState`, for data that papers drew with it: the same seed gives the same numbers.

use ndarray::Array2;
use rand_mt::Mt;

/// A generator in the state that `numpy.random.seed(seed)` leaves.
pub(super) struct RandomState {
    twister: Mt,
    /// Normal numbers come in pairs.
    second: Option<f64>,
}

impl RandomState {
    pub(super) fn new(seed: u32) -> Self {
        Self { twister: Mt::new(seed), second: None }
    }

    /// A number from 0 to 1, without 1, of 53 bits.
    fn uniform(&mut self) -> f64 {
        let (high, low) = (self.twister.next_u32() >> 5, self.twister.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// A number from `N(0, 1)`, by the polar method.
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(second) = self.second.take() {
            return second;
        }
        loop {
            let (a, b) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = a * a + b * b;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.second = Some(factor * a);
                return factor * b;
            }
        }
    }

    /// A table of numbers from `N(0, sd^2)`, row by row.
    pub(super) fn normals(&mut self, shape: (usize, usize), sd: f64) -> Array2<f64> {
        Array2::from_shape_simple_fn(shape, || sd * self.normal())
    }

    /// A whole number from 0 to `most`.
    pub(super) fn whole(&mut self, most: u32) -> usize {
        let mask = u32::MAX.checked_shr(most.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = self.twister.next_u32() & mask;
            if drawn <= most {
                return drawn as usize;
            }
        }
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            // Lists of tasks, which are short.
            items.swap(last, self.whole(last as u32));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that `numpy.random.RandomState(0)` gives.
    #[test]
    fn numbers_are_those_of_numpy() {
        let mut state = RandomState::new(0);
        assert_eq!(state.uniform(), 0.548_813_503_927_324_8);
        let mut state = RandomState::new(0);
        let normals: Vec<f64> = (0..3).map(|_| state.normal()).collect();
        let expected = [1.764_052_345_967_664, 0.400_157_208_367_223_3, 0.978_737_984_105_739_1];
        assert!(normals.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{normals:?}");
        let (mut state, mut order) = (RandomState::new(0), (0..10).collect::<Vec<_>>());
        state.shuffle(&mut order);
        assert_eq!(order, [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]);
    }
}
