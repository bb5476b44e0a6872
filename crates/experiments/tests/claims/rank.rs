//! One method among all.

use crate::lab::{Lab, scores, study};

const ON: &str = "on: {dataset: D, metric: nMSE}";
const ALL: &str = "among: [Low, Mid, Tie, High]";

#[test]
fn first_and_last() {
    let lab = Lab::new(5);
    for (method, end, expected) in [
        ("Low", "best", "supported +"),
        ("Low", "min", "supported +"),
        ("High", "worst", "supported +"),
        ("High", "max", "supported +"),
        ("High", "best", "contradicted -"),
        ("Mid", "best", "contradicted -"),
        ("Low", "worst", "contradicted -"),
        // Of several the best one has to be there.
        ("[High, Low]", "best", "supported +"),
        ("[Mid, High]", "best", "contradicted -"),
        ("[Mid, Tie]", "worst", "contradicted -"),
    ] {
        lab.check(&format!("extremum: {{{ON}, method: {method}, is: {end}, {ALL}}}"), expected);
    }
    lab.check(&format!("extremum: {{{ON}, method: Tie, is: best, among: [Mid, Tie, High]}}"), "inconclusive +");
    lab.check(&format!("extremum: {{{ON}, method: Mid, is: best, among: [Mid, Tie, High]}}"), "inconclusive -");
    lab.check(&format!("extremum: {{{ON}, method: Mid, is: best, {ALL}, excluding: [Low, Tie]}}"), "supported +");
    lab.check(
        "extremum: {on: {dataset: D, metric: EV}, method: Low, is: best, among: [Low, Mid, Tie, High]}",
        "supported +",
    );
    lab.check(
        "extremum: {on: {dataset: D, metric: EV}, method: Low, is: max, among: [Low, Mid, Tie, High]}",
        "supported +",
    );
    let p = lab.decide(&format!("extremum: {{{ON}, method: Low, is: best, {ALL}}}")).result.p().unwrap();
    assert!(p > 0.0 && p < 1e-3, "the largest p-value of its pairs, {p}");
    Lab::new(1).check(&format!("extremum: {{{ON}, method: Low, is: best, {ALL}}}"), "inconclusive +");
}

#[test]
fn ranks_count_from_the_end() {
    let lab = Lab::new(5);
    let rank = |method: &str, end: &str, rank: usize, among: &str| {
        format!("extremum: {{{ON}, method: {method}, is: {end}, rank: {rank}, among: [{among}]}}")
    };
    lab.check(&rank("Mid", "best", 2, "Low, Mid, High"), "supported +");
    lab.check(&rank("Mid", "worst", 2, "Low, Mid, High"), "supported +");
    lab.check(&rank("High", "best", 3, "Low, Mid, High"), "supported +");
    lab.check(&rank("Low", "best", 2, "Low, Mid, High"), "contradicted -");
    lab.check(&rank("High", "best", 2, "Low, Mid, High"), "contradicted -");
    lab.check(&rank("High", "best", 2, "Low, Mid, Tie, High"), "contradicted -");
    lab.check(&rank("Tie", "best", 2, "Low, Mid, Tie, High"), "inconclusive +");
    lab.check(&rank("Mid", "best", 2, "Low, Mid, Tie, High"), "inconclusive -");
    lab.check(&rank("[Mid, Tie]", "best", 2, "Low, Mid, Tie, High"), "supported +");
    lab.untested(
        &rank("Low", "best", 4, "Low, Mid, High"),
        "rank 4 is claimed for Low (D, nMSE), with 2 others to be ranked with",
    );
    lab.untested(
        &rank("Low", "best", 1, "Low"),
        "rank 1 is claimed for Low (D, nMSE), with 0 others to be ranked with",
    );
}

#[test]
fn what_is_missing_may_stand_anywhere() {
    let lab = Lab::new(5);
    let rank = |method: &str, rank: usize, among: &str| {
        format!("extremum: {{{ON}, method: {method}, is: best, rank: {rank}, among: [{among}]}}")
    };
    let later = "Later on D has not been run";
    lab.untested(&rank("Low", 1, "Low, Mid, Later"), later);
    lab.check(&rank("Mid", 1, "Low, Mid, Later"), "contradicted -");
    // Low may be second behind Later, but not third; Mid may be second or third, but not first.
    lab.untested(&rank("Low", 2, "Low, Mid, Later"), later);
    lab.check(&rank("Low", 3, "Low, Mid, Later"), "contradicted -");
    lab.untested(&rank("Mid", 2, "Low, Mid, Later"), later);
    lab.untested(&rank("Mid", 3, "Low, Mid, Later"), later);
    // One of several that are named may be the one.
    lab.untested(&rank("[Mid, Later]", 1, "Low, Mid"), later);
    lab.check(&rank("[Low, Later]", 1, "Low, Mid"), "supported +");
    lab.untested(&rank("[Low, Later]", 2, "Low, Mid"), later);
    lab.untested(&rank("Later", 1, "Low, Mid"), later);
    lab.untested(
        &rank("Low", 1, "Low, GBDSP, KMSV"),
        "s does not include the method GBDSP; s does not include the method KMSV",
    );
    // Without a list it is all in the study, two of which have no result.
    lab.untested(
        &format!("extremum: {{{ON}, method: Low, is: best}}"),
        "Broken on D failed: out of time; Later on D has not been run",
    );
    lab.check(&format!("extremum: {{{ON}, method: Low, is: best, excluding: [Broken, Later]}}"), "supported +");
}

#[test]
fn cells_are_counted() {
    let lab = Lab::new(5);
    // Low is best on D and worst on E.
    let claim = |more: &str| {
        format!("extremum: {{on: {{dataset: [D, E], metric: [nMSE, EV]}}, method: Low, is: best, {ALL}{more}}}")
    };
    lab.check(&claim(""), "contradicted -");
    lab.check(&claim(", at_least: 2"), "supported +");
    lab.check(&claim(", at_least: 3"), "contradicted -");
}

#[test]
fn mean_ranks() {
    // Low always first and High always last; Mid and Tie take turns between them.
    const MANY: [&str; 6] = ["F0", "F1", "F2", "F3", "F4", "F5"];
    let mut all = Vec::new();
    for (i, data) in MANY.iter().enumerate() {
        let (mid, tie) = if i % 2 == 0 { (0.2, 0.22) } else { (0.22, 0.2) };
        for (method, level) in [("Low", 0.1), ("Mid", mid), ("Tie", tie), ("High", 0.3)] {
            all.push(((*data, method), scores(level, 0, 1.0, 5)));
        }
    }
    let lab = Lab::of(vec![study(&MANY, all)]);
    let rank = |method: &str, end: &str, rank: usize, among: &str, data: &str, metric: &str| {
        format!(
            "extremum: {{on: {{dataset: [{data}], metric: [{metric}]}}, method: {method}, is: {end}, rank: {rank}, \
             among: [{among}], over: mean-rank}}"
        )
    };
    let six = MANY.join(", ");
    lab.check(&rank("Low", "best", 1, "Low, High", &six, "nMSE"), "supported +");
    lab.check(&rank("High", "worst", 1, "Low, High", &six, "nMSE"), "supported +");
    lab.check(&rank("High", "best", 2, "Low, High", &six, "nMSE"), "supported +");
    lab.check(&rank("Low", "best", 2, "Low, High", &six, "nMSE"), "contradicted -");
    lab.check(&rank("High", "best", 1, "Low, High", &six, "nMSE"), "contradicted -");
    lab.check(&rank("Mid", "best", 1, "Mid, Tie", &six, "nMSE"), "inconclusive +");
    // One that is ahead is enough against a first place, whatever the others do.
    lab.check(&rank("Mid", "best", 1, "Low, Mid, Tie", &six, "nMSE"), "contradicted -");
    // Metrics of the same fits are not further data sets.
    lab.check(&rank("Low", "best", 1, "Low, High", "F0, F1, F2", "nMSE, EV"), "inconclusive +");
    lab.check(&rank("Low", "best", 1, "Low, High", &six, "nMSE, EV"), "supported +");
    lab.untested(&rank("Low", "best", 1, "Later", &six, "nMSE"), &later(&MANY));
    let decision = lab.decide(&rank("Low", "best", 1, "Low, High", &six, "nMSE"));
    assert_eq!((decision.result.n, decision.result.p()), (Some(6), None));
    assert!(decision.details[0].starts_with("mean ranks over 6 data sets: High 2.00, Low 1.00;"), "{decision:?}");
}

fn later(data: &[&str]) -> String {
    let reasons: Vec<String> = data.iter().map(|d| format!("Later on {d} has not been run")).collect();
    reasons.join("; ")
}

#[test]
fn orders() {
    let lab = Lab::new(5);
    let order = |order: &str, more: &str| format!("order: {{{ON}, {order}{more}}}");
    lab.check(&order("ascending: [Low, Mid, High]", ""), "supported +");
    lab.check(&order("descending: [High, Mid, Low]", ""), "supported +");
    lab.check(&order("ascending: [Low, High, Mid]", ""), "contradicted -");
    lab.check(&order("descending: [Low, High]", ""), "contradicted -");
    lab.check(&order("ascending: [Tie, Mid]", ""), "inconclusive +");
    lab.untested(&order("ascending: [Low, Mid, Later]", ""), "Later on D has not been run");
    // Head and tail are about everything in the study.
    let missing = "Broken on D failed: out of time; Later on D has not been run";
    lab.untested(&order("ascending: [Low]", ", stretch: head"), missing);
    lab.untested(&order("ascending: [High]", ", stretch: tail"), missing);
    lab.check(&order("ascending: [Mid]", ", stretch: head"), "contradicted -");
    lab.check(&order("ascending: [Mid]", ", stretch: tail"), "contradicted -");
    lab.check(&order("descending: [Mid]", ", stretch: head"), "contradicted -");
    let level = |(method, level)| (("D", method), scores(level, 0, 1.0, 5));
    let all = [("Low", 0.1), ("Mid", 0.2), ("Tie", 0.3), ("High", 0.4), ("Broken", 0.5), ("Later", 0.6)];
    let lab = Lab::of(vec![study(&["D"], all.into_iter().map(level).collect())]);
    lab.check(&order("ascending: [Low, Mid]", ", stretch: head"), "supported +");
    lab.check(&order("ascending: [Broken, Later]", ", stretch: tail"), "supported +");
    lab.check(&order("descending: [Later, Broken]", ", stretch: head"), "supported +");
    lab.check(&order("descending: [Mid, Low]", ", stretch: tail"), "supported +");
    lab.check(&order("ascending: [Low, Tie]", ", stretch: head"), "contradicted -");
}
