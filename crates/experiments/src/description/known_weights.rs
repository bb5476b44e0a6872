//! Shares of tasks in groups where the weights are known: what each regulariser makes of them.

use mtl_core::{Seed, Truth, recovery};
use mtl_data::synthetic::sgmtl::blocks;
use mtl_methods::grouping::membership::{Assignment, Found, Restarts, Rounding};
use ndarray::{Array2, Axis};
use serde::Deserialize;

use super::{Equation, Statement};

/// Shares no further than this from 0 or 1 are taken for it.
const WHOLE: f64 = 1e-3;
/// Costs within this, relatively, are the same: that is how close a descent comes.
const SAME: f64 = 1e-6;

/// Blocks of weights, drawn several times, with the best shares out of many starts for each regulariser.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownWeights {
    /// What all draws follow from.
    pub seed: u64,
    /// Draws of the weights; the first one is drawn.
    pub draws: usize,
    /// Random starts for each regulariser and draw.
    pub restarts: usize,
    /// Standard deviations of the noise on all weights.
    pub dense: Vec<f64>,
    /// The regularisers.
    pub regularisers: Vec<Equation>,
    /// What is stated about the best shares.
    pub statements: Vec<Expected>,
}

/// A statement about the best shares in every draw.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Name.
    pub id: String,
    /// The regulariser.
    pub regulariser: Equation,
    /// The noise; any, if left out.
    #[serde(default)]
    pub dense: Option<f64>,
    /// What is stated.
    pub holds: Holds,
}

/// What may be true of the best shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// No start leads to less than what one group for all tasks costs.
    OneGroupIsLeast,
    /// All tasks are in one group.
    OneGroup,
    /// No group is empty, and more than half of the shares are neither 0 nor 1.
    Fractional,
    /// Shares are 0 or 1, and groups are the true ones up to their order.
    Recovered,
}

/// The best shares for one regulariser and one draw.
#[derive(Debug, Clone)]
pub struct Best {
    /// The regulariser.
    pub equation: Equation,
    /// The noise.
    pub dense: f64,
    /// The draw, from 0.
    pub draw: usize,
    /// Shares, tasks x groups; groups in the order of the tasks that make them up.
    pub shares: Array2<f64>,
    /// What they cost.
    pub value: f64,
    /// What the true groups cost.
    pub true_groups: f64,
    /// What one group for all tasks costs.
    pub one_group: f64,
    /// Groups that have a share in any task.
    pub active: usize,
    /// Share of the entries that are neither 0 nor 1.
    pub fractional: f64,
    /// Adjusted Rand index of the groups of largest shares against the true ones.
    pub rand: f64,
    /// Share of the starts whose groups of largest shares are the true ones.
    pub exact_starts: f64,
}

/// The weights of one draw and noise.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The noise.
    pub dense: f64,
    /// Weights and true groups.
    pub truth: Truth,
}

impl KnownWeights {
    pub(super) fn check(&self) -> Result<(), String> {
        self.regularisers.iter().try_for_each(|r| r.check())?;
        if self.draws == 0 || self.restarts == 0 {
            return Err("`draws` and `restarts` are at least 1".into());
        }
        let missing = |e: &&Expected| {
            !self.regularisers.contains(&e.regulariser) || e.dense.is_some_and(|d| !self.dense.contains(&d))
        };
        match self.statements.iter().find(missing) {
            Some(e) => Err(format!("`{}` is about a regulariser or noise that is not looked at", e.id)),
            None => Ok(()),
        }
    }

    /// The weights of a draw, counted from 0, one for each level of noise.
    pub fn weights(&self, draw: usize) -> Vec<Drawn> {
        let seed = self.seed_of(draw);
        self.dense.iter().map(|&dense| Drawn { dense, truth: blocks(dense, &seed) }).collect()
    }

    fn seed_of(&self, draw: usize) -> Seed {
        Seed::of(&("known-weights", self.seed)).stream(&format!("draw {}", draw + 1))
    }

    /// The best shares of every draw, by draw, noise and regulariser.
    pub fn search(&self) -> Vec<Best> {
        let mut all = Vec::new();
        for draw in 0..self.draws {
            for Drawn { dense, truth } in self.weights(draw) {
                for &equation in &self.regularisers {
                    let seed = self.seed_of(draw).stream("starts");
                    all.extend(best(equation, &truth, self.restarts, &seed).map(|b| Best { dense, draw, ..b }));
                }
            }
        }
        all
    }

    /// The statements, decided.
    pub fn decided(&self, found: &[Best]) -> Vec<Statement> {
        let decide = |expected: &Expected| {
            let meant =
                |b: &&Best| b.equation == expected.regulariser && expected.dense.is_none_or(|dense| b.dense == dense);
            let cases: Vec<&Best> = found.iter().filter(meant).collect();
            let noise = expected.dense.map_or_else(|| self.dense.clone(), |d| vec![d]);
            let noise: Vec<String> = noise.iter().map(f64::to_string).collect();
            let noise = noise.join(" and ");
            Statement {
                id: expected.id.clone(),
                says: format!("{}: {}", expected.regulariser, expected.holds.says()),
                tried: format!("{} draws of W, noise {noise}, best of {} starts each", self.draws, self.restarts),
                cases: cases.len(),
                held: cases.iter().filter(|b| expected.holds.of(b)).count(),
            }
        };
        self.statements.iter().map(decide).collect()
    }
}

fn best(equation: Equation, truth: &Truth, restarts: usize, seed: &Seed) -> Option<Best> {
    let groups = 1 + truth.groups.iter().copied().max()?;
    let problem = Assignment::new(&truth.weights, equation.regulariser(groups));
    // Groups describe where the shares ended; nothing is improved afterwards.
    let options = Restarts { count: restarts, rounding: Rounding::Argmax, ..Restarts::default() };
    let Found { shares, value, ends, .. } = problem.search(&options, seed)?;
    let rand = recovery::adjusted_rand(&problem.round(&shares, Rounding::Argmax), &truth.groups);
    let exact = ends.iter().filter(|e| recovery::adjusted_rand(&e.groups, &truth.groups) == 1.0).count();
    let fractions = shares.iter().filter(|u| (WHOLE..=1.0 - WHOLE).contains(*u)).count();
    Some(Best {
        equation,
        dense: 0.0,
        draw: 0,
        value,
        true_groups: problem.hard_value(&truth.groups),
        one_group: problem.hard_value(&vec![0; truth.groups.len()]),
        active: shares.rows().into_iter().filter(|u| u.sum() > WHOLE).count(),
        fractional: fractions as f64 / shares.len() as f64,
        rand,
        exact_starts: exact as f64 / ends.len() as f64,
        shares: in_order(&shares),
    })
}

/// Shares, tasks x groups, with the groups in the order of the mean place of their tasks; empty groups last.
fn in_order(shares: &Array2<f64>) -> Array2<f64> {
    let place = |u: ndarray::ArrayView1<'_, f64>| {
        let sum = u.sum();
        if sum > WHOLE { u.iter().enumerate().map(|(t, u)| t as f64 * u).sum::<f64>() / sum } else { f64::INFINITY }
    };
    let mut order: Vec<(f64, usize)> = shares.rows().into_iter().map(place).zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let order: Vec<usize> = order.into_iter().map(|(_, g)| g).collect();
    shares.select(Axis(0), &order).reversed_axes()
}

impl Holds {
    fn says(self) -> &'static str {
        match self {
            Self::OneGroupIsLeast => "no shares that were found cost less than one group for all tasks",
            Self::OneGroup => "the best shares have all tasks in one group",
            Self::Fractional => "the best shares leave no group empty, and most of them are neither 0 nor 1",
            Self::Recovered => "the best shares are 0 or 1 and make up the true groups",
        }
    }

    fn of(self, best: &Best) -> bool {
        match self {
            Self::OneGroupIsLeast => best.value >= best.one_group * (1.0 - SAME),
            Self::OneGroup => best.active == 1,
            Self::Fractional => best.active == best.shares.ncols() && best.fractional > 0.5,
            Self::Recovered => best.rand == 1.0 && best.fractional == 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    /// Figure 4 with few draws: what the paper shows, and the tie that it does not mention.
    #[test]
    fn figure_4() {
        let yaml = "seed: 1\ndraws: 2\nrestarts: 20\ndense: [0, 0.05]\nregularisers: [eq2s, {eq4: 2}, eq5]\nstatements:\n\
            - {id: a, regulariser: eq2s, holds: one-group-is-least}\n\
            - {id: b, regulariser: eq2s, dense: 0.05, holds: one-group}\n\
            - {id: c, regulariser: {eq4: 2}, holds: fractional}\n\
            - {id: d, regulariser: eq5, holds: recovered}\n\
            - {id: e, regulariser: eq4: 2, holds: recovered}\n";
        let yaml = yaml.replace("eq4: 2, holds: recovered", "{eq4: 2}, holds: recovered");
        let known: KnownWeights = serde_yaml::from_str(&yaml).unwrap();
        known.check().unwrap();
        let found = known.search();
        assert_eq!(found.len(), 12);
        let held: Vec<_> = known.decided(&found).iter().map(|s| (s.held, s.cases)).collect();
        assert_eq!(held, [(4, 4), (2, 2), (4, 4), (4, 4), (0, 4)]);
        for best in &found {
            assert_eq!(best.shares.dim(), (30, 3));
            assert!(best.shares.sum_axis(Axis(1)).iter().all(|s| (s - 1.0).abs() < 1e-9));
            match best.equation {
                // Disjoint blocks cost the same in one group and in three.
                Equation::Eq2s if best.dense == 0.0 => {
                    assert!((best.true_groups / best.one_group - 1.0).abs() < 1e-12);
                    assert!((best.value / best.one_group - 1.0).abs() < SAME);
                }
                Equation::Eq2s => assert!(best.true_groups > 1.001 * best.one_group),
                Equation::Eq5 => {
                    assert!((best.value / best.true_groups - 1.0).abs() < 1e-12);
                    assert!(best.exact_starts > 0.5, "{}", best.exact_starts);
                    let diagonal = |t: usize, g: usize| f64::from(u8::from(t / 10 == g));
                    assert!(best.shares.indexed_iter().all(|((t, g), u)| (u - diagonal(t, g)).abs() < WHOLE));
                }
                _ => assert!(best.value < best.true_groups, "fractions pay under (4)"),
            }
        }
        let again = known.search();
        assert!(found.iter().zip(&again).all(|(a, b)| a.shares == b.shares));
    }

    #[test]
    fn statements_are_about_what_is_looked_at() {
        let known = |statement: &str| {
            let text = format!(
                "{{seed: 1, draws: 1, restarts: 1, dense: [0], regularisers: [eq5], statements: [{{id: s, {statement}, holds: recovered}}]}}"
            );
            serde_yaml::from_str::<KnownWeights>(&text).unwrap().check()
        };
        assert!(known("regulariser: eq5").is_ok() && known("regulariser: eq5, dense: 0").is_ok());
        assert!(known("regulariser: eq2s").is_err() && known("regulariser: eq5, dense: 0.1").is_err());
    }
}
