//! Two tasks with weights of one free entry: what they cost in one group and in a group each.

use std::fmt;

use mtl_methods::grouping::membership::Assignment;
use ndarray::Array2;
use serde::Deserialize;

use super::{Equation, Statement};

/// Costs within this, relatively, are the same.
const SAME: f64 = 1e-12;

/// Pairs of tasks, a panel each.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToyPairs {
    /// What weights cost.
    pub regulariser: Equation,
    /// The power of it that is shown.
    #[serde(default = "itself")]
    pub exponent: f64,
    /// The values of the free entry.
    pub a: Span,
    /// The pairs.
    pub pairs: Vec<Pair>,
}

fn itself() -> f64 {
    1.0
}

/// Equidistant values.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The first.
    pub from: f64,
    /// The last.
    pub to: f64,
    /// How many.
    pub points: usize,
}

/// Two tasks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Name, also of the statement about it.
    pub id: String,
    /// Weights, a list a task.
    pub weights: [Vec<Weight>; 2],
    /// What one group is stated to cost, for every value of the free entry, compared with two.
    pub one_group: Compared,
}

/// An entry of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a number or the letter a")]
pub enum Weight {
    /// A number.
    Number(f64),
    /// The free entry.
    Free(Free),
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => value.fmt(f),
            Self::Free(Free::A) => f.write_str("a"),
        }
    }
}

/// The letter that stands for the free entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Free {
    /// `a`.
    A,
}

/// How two costs compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// Less, or the same.
    AtMost,
    /// The same up to rounding.
    Same,
    /// More.
    More,
}

/// What a pair costs for one value of its free entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// The free entry.
    pub a: f64,
    /// Both tasks in one group.
    pub one: f64,
    /// A group each.
    pub two: f64,
}

impl ToyPairs {
    pub(super) fn check(&self) -> Result<(), String> {
        self.regulariser.check()?;
        let Span { from, to, points } = self.a;
        if !(from < to && points >= 2) {
            return Err(format!("a runs from {from} to {to} over {points} points: expected two or more, rising"));
        }
        match self.pairs.iter().find(|p| p.weights[0].len() != p.weights[1].len()) {
            Some(pair) => Err(format!("the tasks of `{}` have different numbers of weights", pair.id)),
            None => Ok(()),
        }
    }

    /// What a pair costs along the free entry.
    pub fn costs(&self, pair: &Pair) -> Vec<Costs> {
        let Span { from, to, points } = self.a;
        let at = |i: usize| from + (to - from) * i as f64 / (points - 1) as f64;
        let costs = |a: f64| {
            let entry = |(j, t): (usize, usize)| match pair.weights[t][j] {
                Weight::Number(value) => value,
                Weight::Free(Free::A) => a,
            };
            let weights = Array2::from_shape_fn((pair.weights[0].len(), 2), entry);
            let problem = Assignment::new(&weights, self.regulariser.regulariser(2));
            let cost = |groups: [usize; 2]| problem.hard_value(&groups).powf(self.exponent);
            Costs { a, one: cost([0, 0]), two: cost([0, 1]) }
        };
        (0..points).map(at).map(costs).collect()
    }

    /// The statement about a pair.
    pub fn statement(&self, pair: &Pair) -> Statement {
        let costs = self.costs(pair);
        let says = match pair.one_group {
            Compared::AtMost => "no more than two",
            Compared::Same => "the same as two",
            Compared::More => "more than two",
        };
        Statement {
            id: pair.id.clone(),
            says: format!("{} pair under {}: one group costs {says}", pair.id, self.regulariser),
            tried: format!("values of a from {} to {}", self.a.from, self.a.to),
            cases: costs.len(),
            held: costs.iter().filter(|c| pair.one_group.holds(c)).count(),
        }
    }
}

impl Compared {
    fn holds(self, costs: &Costs) -> bool {
        let (excess, rounding) = (costs.one - costs.two, SAME * costs.two);
        match self {
            Self::AtMost => excess <= rounding,
            Self::Same => excess.abs() <= rounding,
            Self::More => excess > rounding,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn pairs(regulariser: &str, exponent: f64, right: &str) -> ToyPairs {
        let yaml = format!(
            "regulariser: {regulariser}\nexponent: {exponent}\na: {{from: -3, to: 3, points: 61}}\npairs:\n\
             - {{id: left, weights: [[1, 0, 0], [a, 0, 0]], one_group: at-most}}\n\
             - {{id: right, weights: [[0.5, 1, 0], [0, 1, a]], one_group: {right}}}\n\
             - {{id: orthogonal, weights: [[1, 0], [0, a]], one_group: at-most}}\n"
        );
        let pairs: ToyPairs = serde_yaml::from_str(&yaml).unwrap();
        pairs.check().unwrap();
        pairs
    }

    type Closed = fn(f64) -> f64;

    /// The closed forms of `toy_values`, worked out by hand.
    #[test]
    fn costs_are_the_closed_forms() {
        let root2 = 2f64.sqrt();
        let eq2: [(Closed, Closed); 3] = [
            (|a| (1.0 + a * a).sqrt(), |a| 1.0 + a.abs()),
            (|a| 0.5 + 2f64.sqrt() + a.abs(), |a| 2.5 + a.abs()),
            (|a| 1.0 + a.abs(), |a| 1.0 + a.abs()),
        ];
        let eq3: [(Closed, Closed); 3] = [
            (|a| (1.0 + a * a).sqrt(), |a| (1.0 + a * a).sqrt()),
            (|a| 0.5 + 2f64.sqrt() + a.abs(), |a| (2.25 + (1.0 + a.abs()).powi(2)).sqrt()),
            (|a| 1.0 + a.abs(), |a| (1.0 + a * a).sqrt()),
        ];
        for (toy, closed) in [(pairs("eq2", 1.0, "at-most"), eq2), (pairs("{eq3: 2}", 0.5, "more"), eq3)] {
            for (pair, (one, two)) in toy.pairs.iter().zip(closed) {
                let costs = toy.costs(pair);
                assert_eq!((costs.len(), costs[0].a, costs[60].a), (61, -3.0, 3.0));
                for c in costs {
                    assert!((c.one - one(c.a)).abs() < 1e-12 && (c.two - two(c.a)).abs() < 1e-12, "{} {c:?}", pair.id);
                }
            }
        }
        // At a = 1, as printed.
        let at_1 = |toy: &ToyPairs, i: usize| toy.costs(&toy.pairs[i])[40];
        let fig1 = pairs("eq2", 1.0, "at-most");
        let fig2 = pairs("{eq3: 2}", 0.5, "more");
        assert!((at_1(&fig1, 0).one - root2).abs() < 1e-12 && (at_1(&fig1, 0).two - 2.0).abs() < 1e-12);
        assert!((at_1(&fig1, 1).one - 2.914_213_56).abs() < 1e-8 && (at_1(&fig1, 1).two - 3.5).abs() < 1e-12);
        assert!((at_1(&fig2, 1).one - 2.914_213_56).abs() < 1e-8 && (at_1(&fig2, 1).two - 2.5).abs() < 1e-12);
    }

    #[test]
    fn statements_are_counted() {
        let held = |toy: &ToyPairs| toy.pairs.iter().map(|p| toy.statement(p).held).collect::<Vec<_>>();
        assert_eq!(held(&pairs("eq2", 1.0, "at-most")), [61, 61, 61]);
        // Without squares the right pair never costs more together; the orthogonal one costs more but for a = 0 with them.
        assert_eq!(held(&pairs("eq2", 1.0, "more")), [61, 0, 61]);
        assert_eq!(held(&pairs("{eq3: 2}", 0.5, "more")), [61, 61, 1]);
        assert_eq!(held(&pairs("{eq3: 2}", 0.5, "same")), [61, 0, 1]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut toy = pairs("eq2", 1.0, "same");
        toy.a.points = 1;
        assert!(toy.check().is_err());
        let mut toy = pairs("eq2", 1.0, "same");
        toy.pairs[0].weights[0].pop();
        assert!(toy.check().unwrap_err().contains("`left`"));
        let letter: Result<Weight, _> = serde_yaml::from_str("b");
        assert!(letter.unwrap_err().to_string().contains("the letter a"));
    }
}
