//! The language in which a paper's claims are written down so that records can decide them.
//!
//! A claim is a combination (`all`, `any`, `not`) of a dozen primitives over cells of the results, and of statements
//! that descriptions put to the test without results. A cell is named by
//! dataset, metric, method and hyperparameters; wherever a list stands instead of a name, the primitive has to hold
//! for every element (or for `at_least` of them).
//!
//! `schema` and `scope` say what can be written, `problem` what of it means nothing. `evidence` finds the values, and
//! one file a family of primitives decides on them: `compare` side by side, `rank` among all, `along` a parameter,
//! `bound` against numbers and by statements.

mod along;
mod bound;
mod compare;
mod decision;
mod evidence;
mod problem;
mod rank;
mod schema;
mod scope;

pub use decision::Decision;
pub use evidence::Evidence;
pub use schema::{
    Argbest, Check, Claim, Compare, Constant, Direction, End, Equal, Extremum, Monotone, Order, Over, Ratio, Recovery,
    Slope, Spread, Stretch,
};
pub use scope::{Elsewhere, Except, Names, Others, Relation, Scope, Side, Values};

use decision::{combine, untested};
use mtl_stats::claim;

/// Decides a check.
pub fn evaluate(check: &Check, evidence: &Evidence<'_>) -> Decision {
    let parts = |parts: &[Check]| parts.iter().map(|part| evaluate(part, evidence)).collect();
    let decided = match check {
        Check::All(all) => Ok(combine(parts(all), true)),
        Check::Any(any) => Ok(combine(parts(any), false)),
        Check::Not(part) => {
            let Decision { result, by_means, details } = evaluate(part, evidence);
            Ok(Decision { result: claim::not(result), by_means: by_means.map(|b| !b), details })
        }
        Check::Compare(c) => compare::compare(c, evidence),
        Check::Ratio(c) => compare::ratio(c, evidence),
        Check::Equal(c) => compare::equal(c, evidence),
        Check::Extremum(c) => rank::extremum(c, evidence),
        Check::Order(c) => rank::order(c, evidence),
        Check::Spread(c) => along::spread(c, evidence),
        Check::Monotone(c) => along::monotone(c, evidence),
        Check::Argbest(c) => along::argbest(c, evidence),
        Check::Slope(c) => along::slope(c, evidence),
        Check::Recovery(c) => bound::recovery(c, evidence),
        Check::Constant(c) => bound::constant(c, evidence),
        Check::Statement(name) => bound::statement(name, evidence),
        Check::Manual(reason) => Err(format!("not decided by records: {reason}")),
    };
    decided.unwrap_or_else(untested)
}
