//! The best of many random starts.

use mtl_core::Seed;
use ndarray::{Array2, Axis};
use rand::Rng;
use rayon::prelude::*;

use super::{Assignment, Descent, Relaxed, Rounding};

/// How to search for shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Restarts {
    /// Random starts.
    pub count: usize,
    /// The descent from each.
    pub descent: Descent,
    /// How its shares become groups.
    pub rounding: Rounding,
    /// Whether groups are then improved by moves and swaps of tasks.
    pub local_search: bool,
    /// Further starts at hard groups, such as one group for all.
    pub also: Vec<Vec<usize>>,
}

impl Default for Restarts {
    fn default() -> Self {
        let (descent, rounding) = (Descent::default(), Rounding::default());
        Self { count: 20, descent, rounding, local_search: false, also: Vec::new() }
    }
}

/// Where one start led.
#[derive(Debug, Clone)]
pub struct End {
    /// Shares and objective that the descent ended at.
    pub relaxed: Relaxed,
    /// Hard groups from these.
    pub groups: Vec<usize>,
    /// The objective at the groups.
    pub hard_value: f64,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The shares of least objective over all starts, groups x tasks.
    pub shares: Array2<f64>,
    /// The objective there.
    pub value: f64,
    /// The hard groups of least objective over all starts, one a task.
    pub groups: Vec<usize>,
    /// The objective there.
    pub hard_value: f64,
    /// Where every start led: the random ones in order, then those at hard groups.
    pub ends: Vec<End>,
}

impl Assignment {
    /// Descends from random shares, in parallel, and keeps the best. The same seed gives the same result on any number
    /// of threads. Figure 4 of the paper, where the weights are known.
    ///
    /// None without any start.
    pub fn search(&self, options: &Restarts, seed: &Seed) -> Option<Found> {
        let starts = 0..options.count + options.also.len();
        let ends: Vec<End> = starts
            .into_par_iter()
            .map(|start| {
                let shares = match start.checked_sub(options.count) {
                    Some(hard) => self.shares_of(&options.also[hard]),
                    None => random_shares(self.n_groups(), self.n_tasks(), &mut stream(seed, start).rng()),
                };
                let relaxed = self.descend(shares, &options.descent);
                let mut groups = self.round(&relaxed.shares, options.rounding);
                let hard_value =
                    if options.local_search { self.improve(&mut groups) } else { self.hard_value(&groups) };
                End { relaxed, groups, hard_value }
            })
            .collect();
        let best = |a: &&End, b: &&End| a.relaxed.value.total_cmp(&b.relaxed.value);
        let Relaxed { shares, value, .. } = ends.iter().min_by(best)?.relaxed.clone();
        let End { groups, hard_value, .. } = ends.iter().min_by(|a, b| a.hard_value.total_cmp(&b.hard_value))?.clone();
        Some(Found { shares, value, groups, hard_value, ends })
    }
}

fn stream(seed: &Seed, start: usize) -> Seed {
    seed.stream(&format!("start {start}"))
}

/// Shares drawn uniformly from (0, 1), every column divided by its sum.
pub fn random_shares(n_groups: usize, n_tasks: usize, rng: &mut impl Rng) -> Array2<f64> {
    let mut shares = Array2::from_shape_simple_fn((n_groups, n_tasks), || rng.random::<f64>());
    let sums = shares.sum_axis(Axis(0));
    shares /= &sums;
    shares
}
