//! Three-valued logic on claims.
//!
//! Supported, contradicted and inconclusive are Kleene's three truth values. Untested stands for one of them, not yet
//! known: a combination is untested where it hangs on one, and decided where it does not. "All of an inconclusive and
//! an untested part" is untested, because the untested part may still contradict the whole.

use super::{ClaimOutcome, ClaimResult};

/// Every part holds. Contradicted if any part is; else untested if any part is; supported if all are; else
/// inconclusive. Without parts it is untested.
///
/// The p-value for it is the largest of the parts' (an intersection-union test, which needs no correction); the one
/// against it is the smallest, not corrected for the number of parts.
pub fn all(parts: &[ClaimResult]) -> ClaimResult {
    if let [part] = parts {
        return part.clone();
    }
    let has = |wanted: ClaimOutcome| parts.iter().any(|p| p.outcome == wanted);
    let mut reasons = Vec::new();
    for part in parts {
        if let ClaimOutcome::Untested(reason) = &part.outcome {
            reasons.push(reason.as_str());
        }
    }
    let outcome = if has(ClaimOutcome::Contradicted) {
        ClaimOutcome::Contradicted
    } else if parts.is_empty() {
        ClaimOutcome::Untested("no parts to combine".into())
    } else if !reasons.is_empty() {
        ClaimOutcome::Untested(reasons.join("; "))
    } else if has(ClaimOutcome::Inconclusive) {
        ClaimOutcome::Inconclusive
    } else {
        ClaimOutcome::Supported
    };
    let p_for: Option<Vec<f64>> = parts.iter().map(|p| p.p_for).collect();
    ClaimResult {
        outcome,
        // One part without a p-value leaves the largest unknown.
        p_for: p_for.and_then(|p| p.into_iter().reduce(f64::max)),
        p_against: parts.iter().filter_map(|p| p.p_against).reduce(f64::min),
        effect: None,
        n: parts.iter().filter_map(|p| p.n).min(),
    }
}

/// At least one part holds: by De Morgan, not all parts fail. Supported if any part is; else untested if any part is;
/// contradicted if all are; else inconclusive. Without parts it is untested.
pub fn any(parts: &[ClaimResult]) -> ClaimResult {
    not(all(&parts.iter().cloned().map(not).collect::<Vec<_>>()))
}

/// The opposite holds: supported and contradicted change places, and so do their p-values.
pub fn not(part: ClaimResult) -> ClaimResult {
    let outcome = match part.outcome {
        ClaimOutcome::Supported => ClaimOutcome::Contradicted,
        ClaimOutcome::Contradicted => ClaimOutcome::Supported,
        same => same,
    };
    ClaimResult { outcome, p_for: part.p_against, p_against: part.p_for, ..part }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::close;
    use ClaimOutcome::{Contradicted, Inconclusive, Supported};
    use proptest::prelude::*;
    // Proptest's prelude has an `any` of its own.
    use super::any;

    fn untested() -> ClaimOutcome {
        ClaimOutcome::Untested("no data".into())
    }

    fn claim(outcome: ClaimOutcome, p_for: f64) -> ClaimResult {
        if matches!(outcome, ClaimOutcome::Untested(_)) {
            return ClaimResult::untested("no data");
        }
        let (p_for, p_against) = (Some(p_for), Some(1.0 - p_for));
        ClaimResult { outcome, p_for, p_against, effect: Some(1.0), n: Some(10) }
    }

    #[test]
    fn two_parts_combine_by_the_truth_table() {
        let table = [
            // part, part, all, any
            (Supported, Supported, Supported, Supported),
            (Supported, Contradicted, Contradicted, Supported),
            (Supported, Inconclusive, Inconclusive, Supported),
            (Supported, untested(), untested(), Supported),
            (Contradicted, Contradicted, Contradicted, Contradicted),
            (Contradicted, Inconclusive, Contradicted, Inconclusive),
            (Contradicted, untested(), Contradicted, untested()),
            (Inconclusive, Inconclusive, Inconclusive, Inconclusive),
            (Inconclusive, untested(), untested(), untested()),
        ];
        for (x, y, every, some) in table {
            for parts in [[x.clone(), y.clone()], [y, x]] {
                let parts = parts.map(|outcome| claim(outcome, 0.5));
                assert_eq!(all(&parts).outcome, every, "all of {parts:?}");
                assert_eq!(any(&parts).outcome, some, "any of {parts:?}");
            }
        }
    }

    #[test]
    fn combinations_carry_the_p_value_that_decides() {
        let (strong, weak) = (claim(Supported, 0.001), claim(Supported, 0.03));
        assert_eq!(all(&[strong.clone(), weak.clone()]).p(), Some(0.03));
        assert_eq!(any(&[strong.clone(), weak.clone()]).p(), Some(0.001));
        let contradicted = claim(Contradicted, 0.99);
        close(all(&[strong.clone(), contradicted]).p().unwrap(), 0.01);
        let single = ClaimResult::single(0.1);
        assert_eq!(all(&[strong.clone(), single]).p(), None, "the weakest part is unknown");
        assert_eq!(all(std::slice::from_ref(&strong)), strong);
        assert!(matches!(all(&[]).outcome, ClaimOutcome::Untested(_)));
        assert!(matches!(any(&[]).outcome, ClaimOutcome::Untested(_)));
        let reasons = all(&[ClaimResult::untested("x"), weak, ClaimResult::untested("y")]);
        assert_eq!(reasons.outcome, ClaimOutcome::Untested("x; y".into()));
    }

    fn outcome() -> impl Strategy<Value = ClaimOutcome> {
        prop::sample::select(vec![Supported, Contradicted, Inconclusive, untested()])
    }

    proptest! {
        #[test]
        fn de_morgan_double_negation_and_order(parts in prop::collection::vec((outcome(), 0.0..1.0), 2..6)) {
            let parts: Vec<_> = parts.into_iter().map(|(outcome, p)| claim(outcome, p)).collect();
            let negated: Vec<_> = parts.iter().cloned().map(not).collect();
            prop_assert_eq!(not(any(&parts)), all(&negated));
            prop_assert_eq!(not(not(any(&parts))), any(&parts));
            let reversed: Vec<_> = parts.iter().rev().cloned().collect();
            prop_assert_eq!(all(&parts).outcome.label(), all(&reversed).outcome.label());
        }

        /// Whatever truth an untested part turns out to have, a combination that is decided without it stays so.
        #[test]
        fn untested_parts_never_change_what_is_decided(
            parts in prop::collection::vec(outcome(), 1..5), truth in outcome()
        ) {
            let with = |replacement: &ClaimOutcome| {
                let filled = |o: &ClaimOutcome| if *o == untested() { replacement.clone() } else { o.clone() };
                let parts: Vec<_> = parts.iter().map(|o| claim(filled(o), 0.5)).collect();
                (all(&parts).outcome, any(&parts).outcome)
            };
            let (every, some) = with(&untested());
            let (every_known, some_known) = with(&truth);
            prop_assert!(matches!(every, ClaimOutcome::Untested(_)) || every == every_known);
            prop_assert!(matches!(some, ClaimOutcome::Untested(_)) || some == some_known);
        }
    }
}
