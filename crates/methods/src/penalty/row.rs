//! Penalties that treat each row (feature) on its own: clustering and selection of its entries, selection of the row.

/// `N(x) = pairs * sum_{j<k} |x_j - x_k| + entries * ||x||_1 + row * ||x||_2` for one row `x` over the tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowPenalty {
    /// Strength of the pairwise differences.
    pub pairs: f64,
    /// Strength of the l1 norm.
    pub entries: f64,
    /// Strength of the l2 norm.
    pub row: f64,
}

/// Buffers for [`RowPenalty::prox`], so that a sweep over rows allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    order: Vec<(f64, usize)>,
    blocks: Vec<(f64, f64)>,
}

impl RowPenalty {
    /// All strengths times `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { pairs: self.pairs * factor, entries: self.entries * factor, row: self.row * factor }
    }

    /// `N(x)`, by sorting: with values falling, `sum_{j<k} |x_j - x_k| = sum_i (m + 1 - 2i) x_(i)`.
    pub fn value(&self, x: &[f64]) -> f64 {
        let mut value = 0.0;
        if self.pairs > 0.0 {
            value += self.pairs * sum_of_differences(x);
        }
        if self.entries > 0.0 {
            value += self.entries * x.iter().map(|v| v.abs()).sum::<f64>();
        }
        if self.row > 0.0 {
            value += self.row * norm(x);
        }
        value
    }

    /// Overwrites `x` by `argmin_z 1/2 ||z - x||^2 + N(z)`, exactly, in `O(m log m)`.
    ///
    /// The three parts act one after the other: isotonic regression of the sorted, shifted values solves the
    /// clustering part, soft thresholding the l1 part, shrinking the length the l2 part (SSMTL supplement; the
    /// composition is Friedman et al. 2007 for the fused lasso and Yu 2013 for the outer norm).
    pub fn prox(&self, x: &mut [f64], scratch: &mut Scratch) {
        if self.pairs > 0.0 {
            cluster(x, self.pairs, scratch);
        }
        if self.entries > 0.0 {
            soft_threshold(x, self.entries);
        }
        if self.row > 0.0 {
            shrink_length(x, self.row);
        }
    }

    /// An upper bound of the larger of `least` and the smallest `kappa` for which `y` lies in `kappa` times the unit
    /// ball of the dual norm: `y` does so exactly when the prox of `kappa N` sends it to zero. The bound exceeds the
    /// truth by at most a hundredth of its excess over `least`.
    ///
    /// Infinite when no multiple does: a pure clustering penalty leaves a constant row free.
    pub fn excess(&self, y: &[f64], least: f64, scratch: &mut Scratch) -> f64 {
        let mut buffer = y.to_vec();
        let mut vanishes = |kappa: f64| {
            buffer.copy_from_slice(y);
            self.scaled(kappa).prox(&mut buffer, scratch);
            buffer.iter().all(|&v| v == 0.0)
        };
        if vanishes(least) {
            return least;
        }
        let largest = y.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let mut high = if self.row > 0.0 {
            norm(y) / self.row
        } else if self.entries > 0.0 {
            largest / self.entries
        } else {
            return f64::INFINITY;
        };
        high *= 1.0 + 1e-12;
        let mut low = least;
        while high - low > 1e-2 * (low - least) && high - low > 1e-14 * high {
            let middle = f64::midpoint(low, high);
            if vanishes(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }
}

/// `sum_{j<k} |x_j - x_k|`.
fn sum_of_differences(x: &[f64]) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let m = x.len() as f64;
    sorted.iter().enumerate().map(|(i, v)| (m - 1.0 - 2.0 * i as f64) * v).sum()
}

/// Prox of `strength * sum_{j<k} |x_j - x_k|`. Sorted by falling value, the solution keeps the order, so the
/// differences are linear in it: shift position `i` by its slope, then pool neighbours that end up out of order.
fn cluster(x: &mut [f64], strength: f64, scratch: &mut Scratch) {
    let Scratch { order, blocks } = scratch;
    let m = x.len();
    order.clear();
    order.extend(x.iter().copied().zip(0..));
    // Few tasks, so insertion; equal values are pooled, whatever their order.
    if m <= 32 {
        for i in 1..m {
            let moved = order[i];
            let mut hole = i;
            while hole > 0 && order[hole - 1].0 < moved.0 {
                order[hole] = order[hole - 1];
                hole -= 1;
            }
            order[hole] = moved;
        }
    } else {
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }
    blocks.clear();
    for (i, &(value, _)) in order.iter().enumerate() {
        let mut block = (value - strength * (m as f64 - 1.0 - 2.0 * i as f64), 1.0);
        while let Some(&(sum, count)) = blocks.last() {
            if sum * block.1 > block.0 * count {
                break;
            }
            block = (block.0 + sum, block.1 + count);
            blocks.pop();
        }
        blocks.push(block);
    }
    let mut position = 0;
    for &(sum, count) in blocks.iter() {
        let mean = sum / count;
        for &(_, j) in &order[position..position + count as usize] {
            x[j] = mean;
        }
        position += count as usize;
    }
}

/// `sign(v) max(|v| - threshold, 0)`, entry by entry.
pub fn soft_threshold(x: &mut [f64], threshold: f64) {
    for v in x {
        *v -= v.clamp(-threshold, threshold);
    }
}

/// `x max(0, 1 - threshold / ||x||)`.
pub fn shrink_length(x: &mut [f64], threshold: f64) {
    let length = norm(x);
    let factor = if length > threshold { 1.0 - threshold / length } else { 0.0 };
    for v in x {
        *v *= factor;
    }
}

/// Euclidean length.
pub fn norm(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn penalty() -> impl Strategy<Value = RowPenalty> {
        (0.0..1.0, 0.0..2.0, 0.0..3.0).prop_map(|(pairs, entries, row)| RowPenalty { pairs, entries, row })
    }

    fn prox_objective(p: &RowPenalty, z: &[f64], x: &[f64]) -> f64 {
        0.5 * z.iter().zip(x).map(|(a, b)| (a - b).powi(2)).sum::<f64>() + p.value(z)
    }

    proptest! {
        /// The prox point beats every perturbation of itself, small and large: it is the minimiser of a convex function.
        #[test]
        fn prox_is_a_minimiser(
            p in penalty(),
            x in prop::collection::vec(-5.0..5.0_f64, 1..8),
            directions in prop::collection::vec(prop::collection::vec(-1.0..1.0_f64, 8), 20),
        ) {
            let mut z = x.clone();
            p.prox(&mut z, &mut Scratch::default());
            let best = prox_objective(&p, &z, &x);
            for d in &directions {
                for step in [1.0, 1e-2, 1e-4] {
                    let moved: Vec<f64> = z.iter().zip(d).map(|(a, b)| a + step * b).collect();
                    prop_assert!(prox_objective(&p, &moved, &x) >= best - 1e-12);
                }
            }
        }

        /// Moreau: `x - prox(x)` is a subgradient, so its pairing with the prox point equals the penalty there,
        /// and it lies in the dual ball.
        #[test]
        fn moreau_decomposition(p in penalty(), x in prop::collection::vec(-5.0..5.0_f64, 2..9)) {
            let mut z = x.clone();
            p.prox(&mut z, &mut Scratch::default());
            let y: Vec<f64> = x.iter().zip(&z).map(|(a, b)| a - b).collect();
            let pairing: f64 = y.iter().zip(&z).map(|(a, b)| a * b).sum();
            prop_assert!((pairing - p.value(&z)).abs() < 1e-10);
            if p.entries + p.row > 1e-3 {
                prop_assert!(p.excess(&y, 1.0, &mut Scratch::default()) < 1.0 + 1e-9);
            }
        }

        /// `excess` bounds the gauge of the dual ball above 1: `y'x <= kappa N(x)` for every `x`, with equality nearly met.
        #[test]
        fn excess_bounds_the_pairing(
            p in penalty(),
            y in prop::collection::vec(-9.0..9.0_f64, 2..6),
            xs in prop::collection::vec(prop::collection::vec(-1.0..1.0_f64, 6), 30),
        ) {
            prop_assume!(p.entries + p.row > 1e-3);
            let kappa = p.excess(&y, 1.0, &mut Scratch::default());
            for x in &xs {
                let x = &x[..y.len()];
                let pairing: f64 = y.iter().zip(x).map(|(a, b)| a * b).sum();
                prop_assert!(pairing <= kappa * p.value(x) + 1e-9);
            }
            if kappa > 1.0 + 1e-6 {
                // Just below the gauge the prox is non-zero, and its direction nearly attains the bound.
                let below = 1.0 + (kappa - 1.0) * 0.989;
                let mut z = y.clone();
                p.scaled(below).prox(&mut z, &mut Scratch::default());
                let pairing: f64 = y.iter().zip(&z).map(|(a, b)| a * b).sum();
                prop_assert!(pairing > 0.0 && pairing >= below * p.value(&z));
            }
        }
    }

    #[test]
    fn known_values() {
        let p = RowPenalty { pairs: 1.0, entries: 2.0, row: 3.0 };
        let x = [3.0, -4.0, 0.0];
        assert!((p.value(&x) - (14.0 + 14.0 + 15.0)).abs() < 1e-12);
        let mut tied = [2.0, 2.0, 5.0];
        RowPenalty { pairs: 10.0, entries: 0.0, row: 0.0 }.prox(&mut tied, &mut Scratch::default());
        assert_eq!(tied, [3.0, 3.0, 3.0], "strong clustering pools every task");
    }
}
