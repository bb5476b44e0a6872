//! Randomness inside a step: a function of the run's key, the step, the node and the place, not of who asks first.

use std::f64::consts::TAU;

/// The random numbers of one step.
#[derive(Debug, Clone, Copy)]
pub struct Noise(u64);

/// Steele, Lea and Flood's finaliser of SplitMix64.
fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Noise {
    /// Those of a step of the run that has this key.
    pub fn of_step(key: u64, step: u64) -> Self {
        Self(scramble(key ^ scramble(step.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// 64 random bits for a place of a node.
    #[inline]
    pub(crate) fn bits(self, node: usize, place: u64) -> u64 {
        let stream = self.0 ^ (node as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
        scramble(stream.wrapping_add((place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Bits below this number keep what dropout of this rate would keep.
    #[inline]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(crate) fn stay(self, rate: f64) -> u64 {
        ((1.0 - rate) * 2f64.powi(64)) as u64
    }

    /// A standard normal number for a place of a node (Box and Muller).
    #[inline]
    pub(crate) fn normal(self, node: usize, place: u64) -> f64 {
        let uniform = |bits: u64| ((bits >> 11) as f64 + 0.5) * 2f64.powi(-53);
        let (u, v) = (uniform(self.bits(node, 2 * place)), uniform(self.bits(node, 2 * place + 1)));
        (-2.0 * u.ln()).sqrt() * (TAU * v).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_moments_are_as_asked() {
        let noise = Noise::of_step(3, 14);
        let n = 100_000;
        let kept = (0..n).filter(|&i| noise.bits(2, i) < noise.stay(0.2)).count() as f64 / n as f64;
        assert!((kept - 0.8).abs() < 0.01, "{kept}");
        let (mut mean, mut square) = (0.0, 0.0);
        for i in 0..n {
            let x = noise.normal(1, i);
            mean += x / n as f64;
            square += x * x / n as f64;
        }
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.03, "{mean} {square}");
        assert_ne!(Noise::of_step(3, 15).bits(2, 0), noise.bits(2, 0));
    }
}
