//! One method along a parameter, and how far values lie apart.

use crate::lab::Lab;

const ON: &str = "on: {dataset: D, metric: nMSE}, method: Low";

#[test]
fn spread_over_methods() {
    let lab = Lab::new(5);
    let spread =
        |methods: &str, bound: &str| format!("spread: {{on: {{dataset: D, metric: nMSE}}, {methods}, {bound}}}");
    lab.check(&spread("method: [Low, Mid, Tie]", "difference: 0.15"), "supported +");
    lab.check(&spread("method: [Low, Mid, Tie]", "difference: 0.05"), "contradicted -");
    lab.check(&spread("method: [Low, Mid, Tie]", "ratio: 3"), "supported +");
    lab.check(&spread("method: [Low, Mid, Tie]", "ratio: 1.5"), "contradicted -");
    lab.check(&spread("method: [Mid, Tie]", "difference: 0.01"), "inconclusive +");
    lab.untested(&spread("method: [Mid, Later]", "difference: 1"), "Later on D has not been run");
    // All in the study but some; one that has no result counts.
    lab.untested(&spread("excluding: [Later]", "difference: 1"), "Broken on D failed: out of time");
    lab.check(&spread("excluding: [Later, Broken]", "difference: 0.25"), "supported +");
    lab.untested(&spread("excluding: [Later, Broken, Low, Mid, Tie]", "difference: 1"), "a spread needs two results");
}

#[test]
fn a_spread_is_between_means() {
    // The means of Mid and Tie differ by 0.0006, the two in a single repeat by 0.014 on average. A bound of 0.013 is
    // kept by the means, and a test on the spread of each repeat would have said that it is not.
    let lab = Lab::new(5);
    let spread = "spread: {on: {dataset: D, metric: nMSE}, method: [Mid, Tie], difference: 0.013}";
    lab.check(spread, "inconclusive +");
    lab.check(&spread.replace("0.013", "0.02"), "supported +");
}

#[test]
fn ratios_of_spreads_need_positive_values() {
    let lab = Lab::along(&[(1.0, 1.2, 0), (2.0, 1.5, 0)]);
    lab.untested(
        "spread: {on: {dataset: D, metric: EV}, method: Low, along: {gamma: [1, 2]}, ratio: 2}",
        "a ratio to Low (D, EV, gamma = 2) means nothing, which is -0.5010 on average; \
         a ratio to Low (D, EV, gamma = 1) means nothing, which is -0.2010 on average",
    );
}

#[test]
fn spread_along_a_parameter() {
    let lab = Lab::along(&[(1.0, 0.10, 0), (2.0, 0.11, 0), (4.0, 0.30, 0)]);
    lab.check(&format!("spread: {{{ON}, along: {{gamma: [1, 2]}}, difference: 0.02}}"), "supported +");
    lab.check(&format!("spread: {{{ON}, along: {{gamma: [1, 2, 4]}}, difference: 0.02}}"), "contradicted -");
    lab.untested(
        &format!("spread: {{{ON}, along: {{gamma: [1, 2, 3]}}, difference: 1}}"),
        "Low on D has not been run at gamma = 3",
    );
    let less = |a: &str, b: &str| format!("spread: {{{ON}, along: {{gamma: {a}}}, less_than_along: [{{gamma: {b}}}]}}");
    lab.check(&less("[1, 2]", "[1, 4]"), "supported +");
    lab.check(&less("[1, 4]", "[1, 2]"), "contradicted -");
    lab.check(&less("[1, 4]", "[4, 1]"), "inconclusive -");
    lab.untested(&less("[1, 3]", "[1, 4]"), "Low on D has not been run at gamma = 3");
    lab.untested(&less("[1, 2]", "[1, 3]"), "Low on D has not been run at gamma = 3");
}

#[test]
fn monotone() {
    let lab = Lab::along(&[(1.0, 0.1, 0), (2.0, 0.2, 0), (3.0, 0.2, 1), (4.0, 0.3, 0)]);
    let monotone = |values: &str, direction: &str| {
        format!("monotone: {{{ON}, along: {{gamma: {values}}}, direction: {direction}}}")
    };
    lab.check(&monotone("[1, 2, 4]", "increasing"), "supported +");
    lab.check(&monotone("[1, 2, 4]", "decreasing"), "contradicted -");
    lab.check(&monotone("[4, 2, 1]", "decreasing"), "supported +");
    lab.check(&monotone("[1, 3, 2, 4]", "increasing"), "inconclusive +");
    lab.check(&monotone("[1, 2, 3, 4]", "increasing"), "inconclusive -");
    lab.untested(&monotone("[1, 2, 5]", "increasing"), "Low on D has not been run at gamma = 5");
    // What is known may be enough against it.
    lab.check(&monotone("[2, 1, 5]", "increasing"), "contradicted -");
}

#[test]
fn argbest() {
    let lab = Lab::along(&[(1.0, 0.3, 0), (2.0, 0.1, 0), (3.0, 0.2, 0), (4.0, 0.2, 1)]);
    let argbest = |values: &str, is: &str, expected: &str| {
        format!("argbest: {{{ON}, along: {{gamma: {values}}}, is: {is}, {expected}}}")
    };
    lab.check(&argbest("[1, 2, 3, 4]", "best", "expected: {gamma: 2}"), "supported +");
    lab.check(&argbest("[1, 2, 3, 4]", "best", "expected: {gamma: [1, 2]}"), "supported +");
    lab.check(&argbest("[1, 2, 3, 4]", "best", "expected: {gamma: [3, 4]}"), "contradicted -");
    lab.check(&argbest("[1, 2, 3, 4]", "max", "expected: {gamma: 1}"), "supported +");
    lab.check(&argbest("[3, 4]", "best", "expected: {gamma: 4}"), "inconclusive +");
    lab.check(&argbest("[1, 2, 3, 4]", "best", "below: 3"), "supported +");
    lab.check(&argbest("[1, 2, 3, 4]", "best", "below: 2"), "contradicted -");
    let missing = "Low on D has not been run at gamma = 5";
    lab.untested(&argbest("[1, 2, 5]", "best", "expected: {gamma: 2}"), missing);
    lab.check(&argbest("[1, 2, 5]", "best", "expected: {gamma: 1}"), "contradicted -");
    // An expected point without values may be the best one.
    lab.untested(&argbest("[1, 2, 5]", "best", "expected: {gamma: [1, 5]}"), missing);
    lab.check(&argbest("[1, 2, 5]", "best", "expected: {gamma: [2, 5]}"), "supported +");
}

#[test]
fn slope() {
    // Seconds are level times gamma: exponents 1 and, with the level growing too, 2.
    let slope = |low: f64, high: f64| {
        format!("slope: {{on: {{dataset: D, metric: seconds}}, method: Low, along: gamma, low: {low}, high: {high}}}")
    };
    let linear = Lab::along(&[(1.0, 0.1, 0), (2.0, 0.1, 1), (4.0, 0.1, 0), (8.0, 0.1, 1)]);
    linear.check(&slope(0.8, 1.2), "supported +");
    linear.check(&slope(1.1, 1.5), "contradicted -");
    linear.check(&slope(0.5, 0.9), "contradicted -");
    let decision = linear.decide(&slope(0.999, 1.001));
    assert_eq!(decision.result.outcome.label(), "inconclusive", "{decision:?}");
    let square = Lab::along(&[(1.0, 0.1, 0), (2.0, 0.2, 1), (4.0, 0.4, 0), (8.0, 0.8, 1)]);
    square.check(&slope(1.8, 2.2), "supported +");
    square.check(&slope(0.8, 1.2), "contradicted -");
    Lab::along(&[(1.0, 0.1, 0)]).untested(&slope(0.0, 2.0), "Low on D has not been run at two values of gamma");
    linear.untested(
        "slope: {on: {dataset: E, metric: seconds}, method: Low, along: gamma, low: 0, high: 2}",
        "Low on E has not been run",
    );
    let negative = Lab::along(&[(1.0, 1.1, 0), (2.0, 1.2, 0)]);
    negative.untested(
        "slope: {on: {dataset: D, metric: EV}, method: Low, along: gamma, low: 0, high: 2}",
        "Low has values of EV without a logarithm",
    );
    let zero = Lab::along(&[(0.0, 0.1, 0), (2.0, 0.2, 0)]);
    zero.untested(&slope(0.0, 2.0), "gamma takes values without a logarithm");
}
