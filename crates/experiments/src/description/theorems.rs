//! What the SG-MTL paper proves or says of its regularisers for known weights, tried on random cases.

use indexmap::IndexMap;
use mtl_core::Seed;
use mtl_methods::grouping::membership::{Assignment, Regulariser, Rounding, random_shares};
use ndarray::{Array2, array};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use serde::Deserialize;

use super::Statement;

/// Costs within this, relatively, are the same.
const SAME: f64 = 1e-12;

/// Theorems with the number of random cases that each is tried on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theorems {
    /// What all cases follow from.
    pub seed: u64,
    /// Cases of each.
    pub cases: IndexMap<Theorem, usize>,
}

/// Something that is true of weights whatever they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theorem {
    /// Proposition 1.
    OneGroup,
    /// The same where strengths differ.
    LeastStrength,
    /// Proposition 2.
    NoEmptyGroup,
    /// Why proposition 2 needs absolute values.
    AbsoluteTie,
    /// Equation 5 has a binary minimiser.
    BinaryMinimiser,
    /// Equation 5 is concave.
    Concave,
    /// Equation 5 is at least what the tasks cost alone.
    LowerBound,
}

impl Theorems {
    pub(super) fn check(&self) -> Result<(), String> {
        match self.cases.iter().find(|(_, cases)| **cases == 0) {
            Some((theorem, _)) => Err(format!("no case of `{}` is tried", theorem.id())),
            None => Ok(()),
        }
    }

    /// Every theorem, tried. Cases have streams of their own: more of them leave the first ones as they are.
    pub fn decided(&self) -> Vec<Statement> {
        let seed = Seed::of(&("theorems", self.seed));
        let decide = |(&theorem, &cases): (&Theorem, &usize)| {
            let seed = seed.stream(theorem.id());
            let holds = |case: &usize| theorem.holds(*case, &mut seed.stream(&format!("case {case}")).rng());
            let held = (0..cases).into_par_iter().filter(holds).count();
            let [says, tried] = theorem.texts().map(str::to_owned);
            Statement { id: theorem.id().into(), says, tried, cases, held }
        };
        self.cases.iter().map(decide).collect()
    }
}

impl Theorem {
    /// The name that files use.
    pub fn id(self) -> &'static str {
        match self {
            Self::OneGroup => "one-group",
            Self::LeastStrength => "least-strength",
            Self::NoEmptyGroup => "no-empty-group",
            Self::AbsoluteTie => "absolute-tie",
            Self::BinaryMinimiser => "binary-minimiser",
            Self::Concave => "concave",
            Self::LowerBound => "lower-bound",
        }
    }

    /// What it says, and what a case is.
    fn texts(self) -> [&'static str; 2] {
        match self {
            Self::OneGroup => [
                "Proposition 1: under (2) no hard membership costs less than one group for all tasks",
                "random W; all hard memberships of 2 to 6 tasks in 2 or 3 groups",
            ],
            Self::LeastStrength => [
                "Proposition 1 where the λ_g differ: the only minimiser of (2) is the group of least λ_g for all tasks",
                "random W and λ_g; all hard memberships of 2 to 6 tasks in 2 or 3 groups",
            ],
            Self::NoEmptyGroup => [
                "Proposition 2 with absolute values: under (3), α = 2, equal λ_g, no minimiser has an empty group while a \
                 group holds two tasks whose |w| are not proportional",
                "random W, in half of the cases with a task that repeats another up to signs and size; all hard memberships",
            ],
            Self::AbsoluteTie => [
                "Proposition 2 as printed, without absolute values, is wrong: two tasks whose w are not proportional but \
                 whose |w| are cost the same in one group and in two, so that one group may stay empty",
                "first w = (1, 1) and (1, −1), which cost 8 in one group and in two; then random w with random signs",
            ],
            Self::BinaryMinimiser => [
                "(5) has a binary minimiser: moving task after task to its best group never raises it",
                "random W and shares, 2 to 6 tasks in 2 or 3 groups",
            ],
            Self::Concave => [
                "(5) is concave in U: between two memberships it is at least what lies between their costs",
                "random W and two random memberships",
            ],
            Self::LowerBound => [
                "(5) is at least Σ_t ‖w_t‖₁², what the tasks cost in a group each",
                "random W and shares, 2 to 6 tasks in 2 or 3 groups",
            ],
        }
    }

    fn holds(self, case: usize, rng: &mut ChaCha8Rng) -> bool {
        let (tasks, groups) = (rng.random_range(2..=6), rng.random_range(2..=3));
        let weights = normal(rng.random_range(1..=5), tasks, rng);
        let eq5 = Assignment::new(&weights, Regulariser::eq5(groups));
        match self {
            Self::OneGroup => {
                let problem = Assignment::new(&weights, Regulariser::eq2(groups));
                let one = problem.hard_value(&vec![0; tasks]);
                problem.exhaustive(0.0).is_some_and(|best| best.value >= one * (1.0 - SAME))
            }
            Self::LeastStrength => {
                let strengths: Vec<f64> = (0..groups).map(|_| rng.random_range(0.1..1.0)).collect();
                let least = (0..groups).fold(0, |g, h| if strengths[h] < strengths[g] { h } else { g });
                let problem = Assignment::new(&weights, Regulariser::eq2(groups).with_strengths(strengths));
                problem.exhaustive(SAME).is_some_and(|best| best.minimisers == [vec![least; tasks]])
            }
            Self::NoEmptyGroup => no_empty_group(case, weights, groups, rng),
            Self::AbsoluteTie => {
                let weights = if case == 0 { array![[1.0, 1.0], [1.0, -1.0]] } else { twins(rng) };
                let problem = Assignment::new(&weights, Regulariser::eq4(2, 2.0));
                let (one, two) = (problem.hard_value(&[0, 0]), problem.hard_value(&[0, 1]));
                (one - two).abs() <= SAME * two && (case > 0 || (one - 8.0).abs() <= 8.0 * SAME)
            }
            Self::BinaryMinimiser => {
                let shares = random_shares(groups, tasks, rng);
                eq5.hard_value(&eq5.round(&shares, Rounding::Sequential)) <= eq5.value(&shares) * (1.0 + SAME)
            }
            Self::Concave => {
                let [a, b] = [(); 2].map(|()| random_shares(groups, tasks, rng));
                let part: f64 = rng.random();
                let chord = part * eq5.value(&a) + (1.0 - part) * eq5.value(&b);
                eq5.value(&(&a * part + &b * (1.0 - part))) >= chord * (1.0 - SAME)
            }
            Self::LowerBound => {
                let alone = weights.columns().into_iter().map(|w| w.iter().map(|v| v.abs()).sum::<f64>().powi(2));
                eq5.value(&random_shares(groups, tasks, rng)) >= alone.sum::<f64>() * (1.0 - SAME)
            }
        }
    }
}

fn normal(features: usize, tasks: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::from_shape_simple_fn((features, tasks), || rng.sample(StandardNormal))
}

/// Two tasks whose weights differ in size and signs only, and are not proportional.
fn twins(rng: &mut ChaCha8Rng) -> Array2<f64> {
    let mut weights = normal(rng.random_range(2..=5), 2, rng);
    repeat(&mut weights, 0, 1, rng);
    for (j, sign) in [(0, 1.0), (1, -1.0)] {
        weights[[j, 1]] = weights[[j, 1]].abs() * sign * weights[[j, 0]].signum();
    }
    weights
}

/// Gives a task the weights of another, with a size and signs of its own.
fn repeat(weights: &mut Array2<f64>, from: usize, to: usize, rng: &mut ChaCha8Rng) {
    let size = rng.random_range(0.3..3.0);
    for mut row in weights.rows_mut() {
        row[to] = row[from] * if rng.random() { size } else { -size };
    }
}

/// Proposition 2 with all hard memberships at hand. Tasks without weights do not occur, so absolute weights are
/// proportional where their ratios are equal.
fn no_empty_group(case: usize, mut weights: Array2<f64>, groups: usize, rng: &mut ChaCha8Rng) -> bool {
    let tasks = weights.ncols();
    if case % 2 == 1 {
        repeat(&mut weights, 0, tasks - 1, rng);
    }
    let proportional = |s: usize, t: usize| {
        let ratio = |j: usize| (weights[[j, s]] / weights[[j, t]]).abs();
        (1..weights.nrows()).all(|j| (ratio(j) / ratio(0) - 1.0).abs() < 1e-9)
    };
    let problem = Assignment::new(&weights, Regulariser::eq4(groups, 2.0));
    problem.exhaustive(SAME).is_some_and(|best| {
        best.minimisers.iter().all(|z| {
            let all_used = (0..groups).all(|g| z.contains(&g));
            let mut together = (0..tasks).flat_map(|s| (0..s).map(move |t| (s, t))).filter(|&(s, t)| z[s] == z[t]);
            all_used || together.all(|(s, t)| proportional(s, t))
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const ALL: &str = "{one-group: N, least-strength: N, no-empty-group: N, absolute-tie: N, binary-minimiser: N, \
                       concave: N, lower-bound: N}";

    fn theorems(cases: usize) -> Theorems {
        let yaml = format!("{{seed: 1, cases: {ALL}}}").replace('N', &cases.to_string());
        serde_yaml::from_str(&yaml).unwrap()
    }

    #[test]
    fn they_hold() {
        let theorems = theorems(200);
        theorems.check().unwrap();
        let decided = theorems.decided();
        assert_eq!(decided.len(), 7);
        assert!(decided.iter().all(|s| s.cases == 200 && s.holds()), "{decided:?}");
        assert_eq!(decided, theorems.decided());
        assert!(super::tests::theorems(0).check().is_err());
    }

    /// What is false is found out: the propositions under the other's regulariser.
    #[test]
    fn cases_can_fail() {
        let mut rng = Seed::of(&"cases").rng();
        let (mut collapsed, mut split) = (0, 0);
        for _ in 0..50 {
            let weights = normal(4, 5, &mut rng);
            let squared = Assignment::new(&weights, Regulariser::eq4(2, 2.0));
            collapsed +=
                usize::from(squared.exhaustive(0.0).unwrap().value < squared.hard_value(&[0; 5]) * (1.0 - SAME));
            let plain = Assignment::new(&weights, Regulariser::eq2(2));
            split += usize::from(plain.exhaustive(SAME).unwrap().minimisers.iter().any(|z| !z.contains(&1)));
        }
        assert_eq!((collapsed, split), (50, 50));
        // Proportional tasks alone may leave a group empty, and do: they tie.
        let twins = twins(&mut rng);
        let tie = Assignment::new(&twins, Regulariser::eq4(2, 2.0)).exhaustive(SAME).unwrap();
        assert_eq!(tie.minimisers, [vec![0, 0], vec![0, 1]]);
        assert!(no_empty_group(0, twins, 2, &mut rng));
    }
}
