//! One side against another, and the logic that all primitives share.

use mtl_experiments::description::Statement;
use mtl_stats::ClaimOutcome;

use crate::lab::{DATA, Lab, scores, study};

#[test]
fn compare() {
    let lab = Lab::new(5);
    let one =
        |a: &str, is: &str, b: &str| format!("compare: {{on: {{dataset: D, metric: nMSE}}, a: {a}, is: {is}, b: {b}}}");
    for (a, is, b, expected) in [
        ("Low", "better", "High", "supported +"),
        ("Low", "lt", "High", "supported +"),
        ("Low", "le", "High", "supported +"),
        ("High", "worse", "Low", "supported +"),
        ("High", "gt", "Low", "supported +"),
        ("High", "ge", "Mid", "supported +"),
        ("High", "better", "Low", "contradicted -"),
        ("Low", "gt", "High", "contradicted -"),
        ("Mid", "lt", "Tie", "inconclusive -"),
        ("Tie", "lt", "Mid", "inconclusive +"),
        ("Low", "better", "[Mid, High]", "supported +"),
        ("[Low, Mid]", "better", "High", "supported +"),
        ("[Low, High]", "better", "Mid", "contradicted -"),
        ("Low", "lt", "0.15", "supported +"),
        ("Low", "gt", "0.15", "contradicted -"),
        ("Low", "lt", "0.1", "inconclusive -"),
        ("Low", "gt", "0.1", "inconclusive +"),
    ] {
        lab.check(&one(a, is, b), expected);
    }
    let decision = lab.check(&one("High", "gt", "Low"), "supported +");
    assert!((decision.result.effect.unwrap() - 0.2).abs() < 1e-12, "the effect is a - b");
    assert_eq!(decision.result.n, Some(5));
    // More variance explained is better: by the paper's own table of directions.
    lab.check("compare: {on: {dataset: D, metric: EV}, a: Low, is: better, b: High}", "supported +");
    lab.check("compare: {on: {dataset: D, metric: EV}, a: Low, is: worse, b: High}", "contradicted -");
}

#[test]
fn margins() {
    let lab = Lab::new(5);
    let by = |a: &str, is: &str, b: &str, margin: f64| {
        format!("compare: {{on: {{dataset: D, metric: nMSE}}, a: {a}, is: {is}, b: {b}, margin: {margin}}}")
    };
    lab.check(&by("Low", "lt", "Mid", 0.09), "supported +");
    lab.check(&by("Low", "lt", "Mid", 0.11), "contradicted -");
    lab.check(&by("Mid", "gt", "Low", 0.09), "supported +");
    lab.check(&by("Mid", "gt", "Low", 0.11), "contradicted -");
    lab.check(&by("Low", "lt", "Tie", 0.1), "inconclusive -");
    lab.check(&by("Low", "lt", "Tie", 0.099), "inconclusive +");
    lab.check(&by("Low", "lt", "0.2", 0.05), "supported +");
    lab.check(&by("Low", "lt", "0.2", 0.15), "contradicted -");
    lab.check(&by("High", "gt", "0.2", 0.05), "supported +");
    lab.check(&by("High", "gt", "0.2", 0.15), "contradicted -");
}

#[test]
fn weak_relations_hold_for_equals() {
    let lab = Lab::new(5);
    // Every method has the same row-recall in every repeat.
    for (is, expected) in
        [("le", "supported +"), ("ge", "supported +"), ("lt", "inconclusive -"), ("gt", "inconclusive -")]
    {
        let check = format!("compare: {{on: {{dataset: D, metric: row-recall}}, a: Low, is: {is}, b: High}}");
        let decision = lab.check(&check, expected);
        let p = if expected == "supported +" { Some(0.0) } else { Some(1.0) };
        assert_eq!(decision.result.p(), p);
        // One repeat cannot tell noise from effect, equal or not.
        let sign = if expected.ends_with('+') { "inconclusive +" } else { "inconclusive -" };
        Lab::new(1).check(&check, sign);
    }
}

#[test]
fn significance_as_the_paper_claims_it() {
    let lab = Lab::new(5);
    let claim = |a: &str, b: &str, significant: bool| {
        format!("compare: {{on: {{dataset: D, metric: nMSE}}, a: {a}, is: better, b: {b}, significant: {significant}}}")
    };
    lab.check(&claim("Low", "High", true), "supported +");
    lab.check(&claim("Tie", "Mid", true), "inconclusive +");
    let decision = lab.check(&claim("Tie", "Mid", false), "supported +");
    assert_eq!(decision.result.p(), None, "no p-value is for the absence of a difference");
    // The direction is part of the claim, and any significance is against it.
    lab.check(&claim("Mid", "Tie", false), "inconclusive -");
    lab.check(&claim("Low", "High", false), "contradicted +");
    lab.check(&claim("High", "Low", false), "contradicted -");
    // Nothing is significant on a single repeat, which does not make it insignificant.
    Lab::new(1).check(&claim("Low", "High", false), "inconclusive +");
}

#[test]
fn lists_count_cells_and_leave_some_out() {
    let lab = Lab::new(5);
    let on = "on: {dataset: [D, E], metric: nMSE}";
    // Low is better on D, worse on E.
    lab.check(&format!("compare: {{{on}, a: Low, is: better, b: High}}"), "contradicted -");
    lab.check(&format!("compare: {{{on}, a: Low, is: better, b: High, at_least: 1}}"), "supported +");
    lab.check(&format!("compare: {{{on}, a: Low, is: better, b: High, at_least: 2}}"), "contradicted -");
    lab.check(&format!("compare: {{{on}, a: Tie, is: better, b: Mid, at_least: 2}}"), "inconclusive +");
    // Cells are counted, not pairs of methods: in each of the two one pair fails.
    let pairs = format!("compare: {{{on}, a: [Low, High], is: better, b: Mid, at_least: 1}}");
    lab.check(&pairs, "contradicted -");
    lab.untested(
        &format!("compare: {{{on}, a: Low, is: better, b: High, at_least: 3}}"),
        "3 cells are claimed and 2 are meant",
    );
    lab.check(&format!("compare: {{{on}, a: Low, is: better, b: High, except: [{{dataset: E}}]}}"), "supported +");
    lab.check(
        &format!("compare: {{{on}, a: [Low, High], is: better, b: Mid, except: [{{method: Low, dataset: E}}, {{method: High, dataset: D}}]}}"),
        "supported +",
    );
    lab.untested(
        &format!("compare: {{{on}, a: Low, is: better, b: High, except: [{{method: Low}}]}}"),
        "no cell of the results is meant",
    );
    // An open cell leaves the count open as long as it matters.
    let gone = |k: u32| {
        format!("compare: {{on: {{dataset: [D, E, Gone], metric: nMSE}}, a: Low, is: better, b: High, at_least: {k}}}")
    };
    lab.check(&gone(1), "supported +");
    lab.untested(&gone(2), "Gone could not be had: the network is down");
    lab.check(&gone(3), "contradicted -");
}

#[test]
fn names_left_out_of_a_scope_mean_all_of_the_study() {
    let lab = Lab::new(5);
    // Data sets D, E and Gone.
    lab.check("compare: {on: {metric: nMSE}, a: Low, is: better, b: High}", "contradicted -");
    lab.untested(
        "compare: {on: {metric: nMSE}, a: Low, is: gt, b: 0.01}",
        "Gone could not be had: the network is down",
    );
    // Metrics nMSE and EV.
    lab.check("compare: {on: {dataset: D}, a: Low, is: better, b: High}", "supported +");
    lab.check("compare: {on: {dataset: D}, a: Low, is: lt, b: High}", "contradicted -");
}

#[test]
fn what_is_missing_is_named() {
    let lab = Lab::new(5);
    let on = |scope: &str, a: &str| format!("compare: {{on: {{{scope}}}, a: {a}, is: lt, b: High}}");
    for (scope, a, reason) in [
        ("dataset: D, metric: nMSE", "Nobody", "s does not include the method Nobody"),
        (
            "dataset: D, metric: nMSE",
            "[Nobody, Low, Noone]",
            "s does not include the method Nobody; s does not include the method Noone",
        ),
        ("dataset: X, metric: nMSE", "Low", "s does not include the data set X"),
        ("dataset: Gone, metric: nMSE", "Low", "Gone could not be had: the network is down"),
        ("dataset: D, metric: nMSE", "Broken", "Broken on D failed: out of time"),
        ("dataset: D, metric: nMSE", "Later", "Later on D has not been run"),
        ("dataset: D, metric: no-such-error", "Low", "`no-such-error` is not measured"),
        ("dataset: D, metric: MAE", "Low", "Low on D has no MAE; High on D has no MAE"),
        ("study: fig9, dataset: D, metric: nMSE", "Low", "the study fig9 has not been run"),
        (
            "dataset: D, metric: nMSE, params: {gamma: 3}",
            "Low",
            "Low on D has not been run at gamma = 3; High on D has not been run at gamma = 3",
        ),
    ] {
        lab.untested(&on(scope, a), reason);
    }
    // A count in YAML is the number that was run.
    lab.check(&on("dataset: D, metric: nMSE, params: {gamma: 1}", "Low"), "supported +");
    lab.untested("manual: A theorem.", "not decided by records: A theorem.");
    lab.untested("statement: fig4/none", "fig4 has not been looked at");
    Lab::of(Vec::new()).untested(&on("dataset: D, metric: nMSE", "Low"), "no study has been run");
}

#[test]
fn repeats_are_paired_by_number() {
    // Low loses its first repeat and High its last: four values each, three in common.
    let without = |level, repeat| {
        let mut scores = scores(level, 0, 1.0, 5);
        scores.records.remove(&repeat);
        scores
    };
    let lab = Lab::of(vec![study(&DATA, vec![(("D", "Low"), without(0.1, 0)), (("D", "High"), without(0.3, 4))])]);
    let decision = lab.check("compare: {on: {dataset: D, metric: nMSE}, a: Low, is: lt, b: High}", "supported +");
    assert_eq!(decision.result.n, Some(3));
    assert!((decision.result.effect.unwrap() + 0.2).abs() < 1e-12);
    assert!(decision.details[0].contains("n = 3 of 4 repeats"), "{:?}", decision.details);
}

#[test]
fn other_cells_as_a_side() {
    let lab = Lab::new(5);
    // Each method against itself on the other data set: Low and High change places, Mid stays.
    let there = |a: &str, is: &str| {
        format!("compare: {{on: {{dataset: D, metric: nMSE}}, a: {a}, is: {is}, b: {{dataset: E}}}}")
    };
    lab.check(&there("Low", "lt"), "supported +");
    lab.check(&there("[Low, High]", "lt"), "contradicted -");
    lab.check("compare: {on: {dataset: D, metric: nMSE}, a: [Low, Mid], is: lt, b: {metric: EV}}", "supported +");
    // Mid and Tie are the same on both data sets, each with itself, but not with one another.
    lab.check(&there("[Mid, Tie]", "ge"), "supported +");
    // A list on that side stands for each of its elements.
    lab.check(
        "compare: {on: {dataset: D, metric: nMSE}, a: Low, is: lt, b: {dataset: [D, E], method: [Mid, High]}}",
        "inconclusive -",
    );
    lab.untested(
        "compare: {on: {dataset: D, metric: nMSE}, a: Low, is: gt, b: {method: Low, dataset: D}}",
        "no cell of the results is meant",
    );
    lab.untested(
        "compare: {on: {dataset: D, metric: nMSE}, a: Low, is: gt, b: {study: t9}}",
        "the study t9 has not been run",
    );
}

#[test]
fn others_as_a_side() {
    let lab = Lab::new(5);
    let compare = |a: &str, is: &str, others: &str| {
        format!("compare: {{on: {{dataset: D, metric: nMSE}}, a: {a}, is: {is}, b: {{others: {others}}}}}")
    };
    // Broken and Later might have been the best, and are not known to be worse; they cannot save what already fails.
    lab.untested(&compare("Low", "better", "best"), "Broken on D failed: out of time; Later on D has not been run");
    lab.untested(&compare("Low", "better", "each"), "Broken on D failed: out of time; Later on D has not been run");
    lab.check(&compare("High", "better", "best"), "contradicted -");
    let level = |(method, level, noise)| (("D", method), scores(level, noise, 1.0, 5));
    let all =
        [("Low", 0.1, 0), ("Mid", 0.2, 0), ("Tie", 0.2, 1), ("High", 0.3, 0), ("Broken", 0.4, 0), ("Later", 0.5, 0)];
    let lab = Lab::of(vec![study(&DATA, all.into_iter().map(level).collect())]);
    lab.check(&compare("Low", "better", "best"), "supported +");
    lab.check(&compare("Mid", "better", "best"), "contradicted -");
    lab.check(&compare("Mid", "better", "worst"), "supported +");
    lab.check(&compare("Mid", "better", "each"), "contradicted -");
    lab.check(&compare("Low", "better", "each"), "supported +");
    // The best by explained variance is the largest.
    lab.check("compare: {on: {dataset: D, metric: EV}, a: Mid, is: better, b: {others: best}}", "contradicted -");
    lab.check("compare: {on: {dataset: D, metric: EV}, a: Mid, is: better, b: {others: worst}}", "supported +");
}

#[test]
fn ratio() {
    let lab = Lab::new(5);
    let ratio = |a: &str, b: &str, bounds: &str| {
        format!("ratio: {{on: {{dataset: D, metric: nMSE}}, a: {a}, b: {b}, {bounds}}}")
    };
    lab.check(&ratio("High", "Low", "at_least: 2"), "supported +");
    lab.check(&ratio("High", "Low", "at_least: 4"), "contradicted -");
    lab.check(&ratio("High", "Low", "at_most: 4"), "supported +");
    lab.check(&ratio("High", "Low", "at_most: 2"), "contradicted -");
    lab.check(&ratio("High", "Low", "at_least: 2, at_most: 4"), "supported +");
    lab.check(&ratio("Mid", "Tie", "at_least: 1"), "inconclusive +");
    lab.check(&ratio("High", "0.1", "at_least: 2"), "supported +");
    lab.check(&ratio("High", "0.1", "at_least: 4"), "contradicted -");
    lab.untested(&ratio("High", "Nobody", "at_least: 2"), "s does not include the method Nobody");
    // `at least` includes the bound itself.
    let same = "ratio: {on: {dataset: D, metric: row-recall}, a: High, b: Low, at_least: 1, at_most: 1}";
    lab.check(same, "supported +");
}

#[test]
fn a_ratio_to_something_negative_means_nothing() {
    // EV = 1 - nMSE: -0.5 and -0.2. Multiplied out, -0.5 >= 2 * -0.2 would be false and <= true, both by accident.
    let level = |(method, level)| (("D", method), scores(level, 0, 1.0, 5));
    let lab = Lab::of(vec![study(&DATA, [("Low", 1.5), ("High", 1.2)].into_iter().map(level).collect())]);
    lab.untested(
        "ratio: {on: {dataset: D, metric: EV}, a: Low, b: High, at_least: 2}",
        "a ratio to High (D, EV) means nothing, which is -0.2010 on average",
    );
    lab.untested(
        "ratio: {on: {dataset: D, metric: EV}, a: Low, b: -1, at_most: 2}",
        "a ratio to -1 means nothing, which is -1.000 on average",
    );
}

#[test]
fn equal() {
    let lab = Lab::new(5);
    let equal = |a: &str, b: &str, tolerance: &str| {
        format!("equal: {{on: {{dataset: D, metric: nMSE}}, a: {a}, b: {b}, {tolerance}}}")
    };
    lab.check(&equal("Mid", "Tie", "within: 0.05"), "supported +");
    lab.check(&equal("Mid", "Tie", "within: 0.0001"), "inconclusive -");
    lab.check(&equal("Mid", "High", "within: 0.05"), "contradicted -");
    lab.check(&equal("Mid", "High", "within: 0.15"), "supported +");
    lab.check(&equal("Mid", "High", "within_relative: 0.2"), "contradicted -");
    lab.check(&equal("Mid", "High", "within_relative: 0.5"), "supported +");
    lab.check(&equal("Mid", "0.2", "within: 0.05"), "supported +");
    lab.check(&equal("Mid", "0.3", "within: 0.05"), "contradicted -");
    lab.untested(&equal("Mid", "Nobody", "within: 0.05"), "s does not include the method Nobody");
    // What agrees in every repeat agrees within any tolerance, unless there is only one repeat.
    let same = "equal: {on: {dataset: D, metric: row-recall}, a: Mid, b: High, within: 0}";
    lab.check(same, "supported +");
    Lab::new(1).check(same, "inconclusive +");
}

#[test]
fn recovery_and_constant() {
    let lab = Lab::new(5);
    let recovery = |metric: &str, method: &str, is: &str, value: f64| {
        format!("recovery: {{on: {{dataset: D, metric: {metric}}}, method: {method}, is: {is}, value: {value}}}")
    };
    lab.check(&recovery("row-recall", "Low", "ge", 1.0), "supported +");
    lab.check(&recovery("row-recall", "[Low, High]", "gt", 1.0), "contradicted -");
    lab.check(&recovery("nMSE", "Low", "le", 0.15), "supported +");
    lab.check(&recovery("nMSE", "Low", "ge", 0.15), "contradicted -");
    lab.check(&recovery("nMSE", "Low", "le", 0.1), "inconclusive -");
    lab.untested(&recovery("nMSE", "Later", "le", 0.1), "Later on D has not been run");
    // Better is lower for an error and higher for explained variance.
    lab.check(&recovery("nMSE", "Low", "better", 0.15), "supported +");
    lab.check(&recovery("EV", "Low", "better", 0.8), "supported +");
    lab.check(&recovery("EV", "Low", "worse", 0.8), "contradicted -");

    let constant = |metric: &str, low: f64, high: f64| {
        format!("constant: {{on: {{dataset: D, metric: {metric}}}, method: Low, low: {low}, high: {high}}}")
    };
    lab.check(&constant("nMSE", 0.05, 0.15), "supported +");
    lab.check(&constant("nMSE", 0.15, 0.25), "contradicted -");
    lab.check(&constant("nMSE", 0.0999, 0.2), "inconclusive +");
    lab.check(&constant("row-recall", 1.0, 1.0), "supported +");
    lab.untested(
        "constant: {on: {dataset: D, metric: nMSE}, method: Later, low: 0, high: 1}",
        "Later on D has not been run",
    );
}

#[test]
fn all_any_not() {
    let lab = Lab::new(5);
    let part = |a: &str, b: &str| format!("{{compare: {{on: {{dataset: D, metric: nMSE}}, a: {a}, is: lt, b: {b}}}}}");
    let (yes, no) = (part("Low", "High"), part("High", "Low"));
    let (open, gone) = (part("Tie", "Mid"), part("Later", "Low"));
    for (check, expected) in [
        (format!("all: [{yes}, {yes}]"), "supported +"),
        (format!("all: [{yes}, {open}]"), "inconclusive +"),
        (format!("all: [{yes}, {no}]"), "contradicted -"),
        (format!("all: [{gone}, {no}]"), "contradicted -"),
        (format!("any: [{no}, {yes}]"), "supported +"),
        (format!("any: [{gone}, {yes}]"), "supported +"),
        (format!("any: [{no}, {open}]"), "inconclusive +"),
        (format!("any: [{no}, {no}]"), "contradicted -"),
        (format!("not: {yes}"), "contradicted -"),
        (format!("not: {no}"), "supported +"),
        (format!("not: {open}"), "inconclusive -"),
        (format!("not: {{all: [{yes}, {no}]}}"), "supported +"),
    ] {
        lab.check(&check, expected);
    }
    for check in [format!("all: [{yes}, {gone}, {gone}]"), format!("any: [{no}, {gone}]"), format!("not: {gone}")] {
        lab.untested(&check, "Later on D has not been run");
    }
}

#[test]
fn claims_without_a_meaning_are_refused() {
    for (check, problem) in [
        ("all: []", "`all` and `any` need a part"),
        ("not: {any: []}", "`all` and `any` need a part"),
        ("compare: {a: 1, is: lt, b: X}", "compare: `a` is a number; let it be the method and `b` the number"),
        ("compare: {a: {dataset: D}, is: lt, b: {metric: m}}", "compare: neither side names a method"),
        ("compare: {a: {dataset: D}, is: lt, b: 1}", "compare: `a` names no method"),
        ("compare: {a: [], is: lt, b: 1}", "compare: an empty list of names"),
        ("compare: {a: X, is: lt, b: {method: Z, others: best}}", "compare: a side has either `method` or `others`"),
        ("compare: {a: X, is: lt, b: Z, margin: -1}", "compare: `margin` is -1, expected a number >= 0"),
        ("compare: {a: X, is: lt, b: Z, at_least: 0}", "compare: `at_least` is 0, which always holds"),
        (
            "compare: {a: X, is: lt, b: Z, except: [{}]}",
            "compare: `except` names neither method nor data set, which leaves nothing",
        ),
        ("ratio: {a: X, b: Z}", "ratio: `at_least` or `at_most` is needed"),
        ("equal: {a: X, b: Z}", "equal: `within` or `within_relative` is needed"),
        ("extremum: {method: X, is: best, rank: 0}", "extremum: `rank` is 0; the first has rank 1"),
        (
            "extremum: {method: X, is: best, over: mean-rank, at_least: 2}",
            "extremum: `at_least` counts cells, and `over: mean-rank` makes one of them all",
        ),
        (
            "extremum: {method: X, is: best, excluding: X}",
            "extremum: `excluding` leaves out X, which the claim is about",
        ),
        ("order: {ascending: [X, Z], descending: [X, Z]}", "order: expected either `ascending` or `descending`"),
        ("order: {ascending: [X]}", "order: one method alone is in no order"),
        ("spread: {method: [X, Z]}", "spread: `difference` or `ratio` is needed"),
        ("spread: {method: X, difference: 1}", "spread: expected two methods, or a parameter in `along`"),
        (
            "spread: {method: [X, Z], ratio: 0.5}",
            "spread: `ratio` is of the largest to the smallest: expected a number >= 1",
        ),
        (
            "monotone: {method: X, along: {a: [1, 2], b: [1]}, direction: increasing}",
            "monotone: `along` names one parameter with its values in order",
        ),
        (
            "monotone: {method: X, along: {a: [1]}, direction: increasing}",
            "monotone: `along` needs a parameter with two values or more",
        ),
        ("argbest: {method: X, along: {a: [1, 2]}, is: best}", "argbest: `expected` or `below` is needed"),
        (
            "argbest: {method: X, along: {a: [1, 2]}, is: best, expected: {b: 1}}",
            "argbest: `expected` names b; `along` has a",
        ),
        ("constant: {method: X, low: 2, high: 1}", "constant: `low` is 2 and `high` is 1"),
        ("slope: {method: X, along: a, low: 2, high: 1}", "slope: `low` is 2 and `high` is 1"),
        ("statement: fig4", "statement: `fig4` is not of the form description/statement"),
        ("manual: ''", "manual: say why records cannot decide, and what does"),
    ] {
        let parsed: mtl_experiments::claim::Check =
            serde_yaml::from_str(check).unwrap_or_else(|e| panic!("{check}\n{e}"));
        assert_eq!(parsed.problem(), Err(problem.to_owned()), "{check}");
    }
}

/// A statement holds in all cases, or one in which it does not decides against it.
#[test]
fn statements_decide_claims() {
    let mut lab = Lab::of(Vec::new());
    for (id, held) in [("f/all", 7), ("f/but-one", 6)] {
        let [says, tried] = ["", ""].map(str::to_owned);
        lab.statements.insert(id.into(), Statement { id: id.into(), says, tried, cases: 7, held });
    }
    let decided = |check: &str| {
        let decision = lab.decide(check);
        (decision.result.outcome, decision.result.n, decision.details.join("; "))
    };
    let all = "f/all: holds in 7 of 7 cases".to_owned();
    assert_eq!(decided("statement: f/all"), (ClaimOutcome::Supported, Some(7), all.clone()));
    let both = format!("{all}; f/but-one: holds in 6 of 7 cases");
    assert_eq!(
        decided("all: [{statement: f/all}, {statement: f/but-one}]"),
        (ClaimOutcome::Contradicted, Some(7), both)
    );
    assert_eq!(decided("not: {statement: f/but-one}").0, ClaimOutcome::Supported);
}
