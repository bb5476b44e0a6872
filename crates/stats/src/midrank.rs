//! Ranks in which equal values share the mean of the ranks they occupy.

/// The midranks of some values.
pub struct Midranks {
    /// Twice the rank of each value, in the order given: an integer even for ties.
    pub doubled: Vec<usize>,
    /// Sum of `t^3 - t` over groups of `t` equal values, which the corrections for ties need.
    pub ties: f64,
}

/// Ranks finite values from the smallest, counted from 1.
pub fn midranks(values: &[f64]) -> Midranks {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = Midranks { doubled: vec![0; values.len()], ties: 0.0 };
    let mut before = 0;
    // `==` rather than the total order, so that 0 and -0 tie.
    for group in order.chunk_by(|&i, &j| values[i] == values[j]) {
        group.iter().for_each(|&i| ranks.doubled[i] = 2 * before + group.len() + 1);
        before += group.len();
        let t = group.len() as f64;
        ranks.ties += t * (t * t - 1.0);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_mean_rank() {
        // scipy.stats.rankdata([3, 1, 3, 0, 3, 1]) = [5, 2.5, 5, 1, 5, 2.5] (scipy 1.17.1).
        let ranks = midranks(&[3.0, 1.0, 3.0, 0.0, 3.0, 1.0]);
        assert_eq!(ranks.doubled, [10, 5, 10, 2, 10, 5]);
        assert_eq!(ranks.ties, 24.0 + 6.0);
        assert_eq!(midranks(&[0.0, -0.0]).doubled, [3, 3]);
    }
}
