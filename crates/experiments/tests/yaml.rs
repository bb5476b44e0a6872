//! What a user sees who has made a mistake in a YAML file: where, what, and what would be right, on one screen.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Folder, METHODS};

/// A mistake in the file: what replaces what, position and parts of the message, text of the line that is shown.
struct Mistake {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    at: &'static str,
    says: &'static [&'static str],
    shows: &'static str,
}

fn mistake(
    file: &'static str,
    (from, to): (&'static str, &'static str),
    at: &'static str,
    says: &'static [&'static str],
    shows: &'static str,
) -> Mistake {
    Mistake { file, from, to, at, says, shows }
}

#[track_caller]
fn check(mistakes: &[Mistake]) {
    for Mistake { file, from, to, at, says, shows } in mistakes {
        let folder = Folder::new();
        folder.replace(file, from, to);
        let Err(error) = folder.load() else { panic!("no error after: {to}") };
        let text = error.to_string();
        let start = format!("{}:{at}: ", folder.path(file).display());
        assert!(text.starts_with(&start), "expected at {at}\n{text}");
        for part in *says {
            assert!(text.contains(part), "expected: {part}\n{text}");
        }
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() <= 6 && lines.iter().all(|l| l.chars().count() < 320), "more than a screen\n{text}");
        let [.., line, marker] = lines[..] else { panic!("{text}") };
        assert!(line.contains(shows), "{text}");
        // The marker stands below the column that the position names.
        let column: usize = at.split(':').nth(1).unwrap().parse().unwrap();
        let gutter = marker.find('|').unwrap() + 2;
        assert_eq!(marker.chars().count(), gutter + column, "{text}");
        assert!(marker.ends_with('^'), "{text}");
    }
}

#[test]
fn the_example_has_none() {
    let paper = Folder::new().load().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((paper.studies.len(), paper.studies[0].methods.len()), (1, 2));
}

#[test]
fn fields() {
    const FIELDS: &str = "expected one of title, source, note, show, published, data, data_of, protocol, methods, params, \
                          where, each, scaling, score, either, reference, against, select, tune, metrics";
    check(&[
        mistake("s", ("title: A", "titel: A"), "1:1", &["unknown field `titel`", FIELDS], "titel: A study"),
        mistake("s", ("title: A study\n", ""), "12:1", &["missing field `title`"], "metrics: [nMSE, EV]"),
        mistake("s", ("title: A study", "title: A study\ntitle: B"), "2:1", &["`title` is given twice"], "title: B"),
        mistake("s", ("title: A study", "title: [A study]"), "1:8", &["expected text"], "title: [A study]"),
        mistake("s", ("title: A study", "title: A: study"), "1:9", &["not allowed"], "title: A: study"),
        mistake("s", ("repeats: 2", "repeats: two"), "9:12", &["expected a whole number >= 0"], "repeats: two"),
        mistake("s", ("repeats: 2", "repeats: -2"), "9:12", &["expected a whole number >= 0"], "repeats: -2"),
        mistake("s", ("train: 0.6", "train: much"), "8:18", &["expected a number"], "train: much"),
        mistake(
            "s",
            ("resampling: independent", "resampling: sometimes"),
            "10:15",
            &["unknown variant `sometimes`", "independent, overlapping"],
            "resampling: sometimes",
        ),
        mistake("s", ("comparison", "comparisn"), "3:7", &["`comparisn`", "comparison, recovery"], "show: comparisn"),
        mistake(
            "s",
            ("show: comparison", "show: {recovery: {draw: group}}"),
            "3:25",
            &["unknown variant `group`", "expected one of weights, signs, groups, covariance"],
            "draw: group",
        ),
        mistake("methods", ("params:", "parms:"), "3:3", &["`parms`", "method, params, where, note"], "parms:"),
        mistake("paper", ("year: 2020", "year: MMXX"), "4:7", &["expected a whole number >= 0"], "year: MMXX"),
        mistake("published", ("mean: 0.1", "mean: low"), "6:54", &["expected a number"], "mean: low"),
    ]);
}

#[test]
fn names() {
    check(&[
        mistake(
            "methods",
            ("method: lasso", "method: laso"),
            "2:11",
            &["unknown method `laso`", "valid: constant, ols, lasso, "],
            "laso",
        ),
        mistake(
            "methods",
            ("gamma: [0.1, 1, 10]", "gama: 1"),
            "4:11",
            &["unknown parameter of lasso `gama`; valid: gamma, engine, "],
            "gama: 1",
        ),
        mistake(
            "s",
            ("[Lasso, GL]", "[Lasso, Ridge]"),
            "11:18",
            &["unknown method label of methods.yaml `Ridge`; valid: Lasso, GL"],
            "methods: [Lasso, Ridge]",
        ),
        mistake("s", ("[Lasso, GL]", "[GL, GL]"), "11:15", &["method `GL` is listed twice"], "methods: [GL, GL]"),
        mistake("s", ("[Lasso, GL]", "[]"), "11:1", &["`methods` is an empty list"], "methods: []"),
        mistake(
            "s",
            ("reference: GL", "reference: X"),
            "12:12",
            &["unknown method of this study `X`; valid: Lasso, GL"],
            "reference: X",
        ),
        mistake(
            "s",
            ("synthetic-gl", "synthetic-gll"),
            "6:25",
            &["unknown data set `synthetic-gll`; did you mean `synthetic-gl`?", "valid: `parkinsons`, "],
            "dataset: synthetic-gll",
        ),
        mistake(
            "s",
            ("dataset: synthetic-gl", "dataset: synthetic-gl, options: {spread: sd2}"),
            "6:25",
            &["option `spread`: `sd2` is not a choice", "choices: `variance`, `sd`"],
            "spread: sd2",
        ),
        mistake(
            "s",
            ("dataset: synthetic-gl}", "dataset: synthetic-gl}\n  - {label: D, dataset: sarcos}"),
            "7:25",
            &["the label `D` is used twice"],
            "dataset: sarcos",
        ),
        mistake(
            "s",
            ("[nMSE, EV]", "[nMSE, EVV]"),
            "13:17",
            &["unknown metric `EVV`", "valid: nMSE, "],
            "metrics: [nMSE, EVV]",
        ),
        mistake("s", ("[nMSE, EV]", "[]"), "13:1", &["`metrics` is an empty list"], "metrics: []"),
        mistake(
            "s",
            ("metrics:", "select: {metric: nMS}\nmetrics:"),
            "13:18",
            &["unknown metric `nMS`", "valid: nMSE, "],
            "select: {metric: nMS}",
        ),
        mistake(
            "s",
            ("published: t", "published: t2"),
            "4:12",
            &["unknown table of published.yaml `t2`; valid: t"],
            "published: t2",
        ),
        mistake(
            "s",
            ("show: comparison", "show:\n  recovery:\n    standard: {X: GL}"),
            "5:16",
            &["unknown data set in `standard` `X`; valid: D"],
            "standard: {X: GL}",
        ),
        mistake(
            "s",
            ("show: comparison", "show:\n  recovery:\n    standard:\n      D: X"),
            "6:10",
            &["unknown method in `standard` `X`; valid: Lasso, GL"],
            "D: X",
        ),
        mistake(
            "findings",
            ("[]", "- {id: i, title: t, says: x, a: {study: s}, b: {study: fig9}}"),
            "1:56",
            &["unknown study `fig9`; valid: s"],
            "fig9",
        ),
    ]);
}

#[test]
fn grids() {
    const LOG10: &[&str] = &["expected log10(first exponent, last exponent, number of values from 2 to 1000)"];
    let grid = |to: &'static str, says, shows| mistake("methods", ("gamma: [0.1, 1, 10]", to), "4:12", says, shows);
    check(&[
        grid("gamma: -1", &["`gamma` is -1, expected a number >= 0"], "gamma: -1"),
        grid("gamma: [1, -2]", &["`gamma` is -2, expected a number >= 0"], "gamma: [1, -2]"),
        grid("gamma: strong", &["`gamma` is strong, expected a number >= 0"], "gamma: strong"),
        grid("gamma: [1, strong]", &["`gamma` is strong, expected a number >= 0"], "gamma: [1, strong]"),
        grid("gamma: .nan", &["`.nan`, expected a finite number"], "gamma: .nan"),
        grid("gamma: true", &["`gamma` is true, expected a number >= 0"], "gamma: true"),
        grid("gamma: []", &["`gamma` has an empty list of values"], "gamma: []"),
        grid(
            "gamma: {a: 1}",
            &["expected a value, a list of values, log10(a, b, n), \"= other\", or \"0.1 x lambda_max\""],
            "gamma: {a: 1}",
        ),
        grid("gamma: log10(1, 2)", LOG10, "log10(1, 2)"),
        grid("gamma: log10(1, 2, 1)", LOG10, "log10(1, 2, 1)"),
        grid("gamma: log10(1, 2, 3, 4)", LOG10, "log10(1, 2, 3, 4)"),
        grid("gamma: log10(a, 2, 3)", LOG10, "log10(a, 2, 3)"),
        grid("gamma: log10(nan, 2, 3)", LOG10, "log10(nan, 2, 3)"),
        grid("gamma: log10(1, 2, 1000000000)", LOG10, "log10(1, 2, 1000000000)"),
        grid("gamma: log10(1, 400, 2)", &["`gamma` is inf, expected a number >= 0"], "log10(1, 400, 2)"),
        grid("gamma: log10(1, 2", &["`gamma` is log10(1, 2, expected a number >= 0"], "log10(1, 2"),
        grid(
            "gamma: \"= delta\"",
            &["`gamma` is tied to `delta`, which has no values of its own here; valid: none"],
            "delta",
        ),
        grid("gamma: \"= gamma\"", &["`gamma` is tied to `gamma`, which has no values of its own here"], "gamma"),
        mistake(
            "methods",
            ("gamma: [0.1, 1, 10]", "gamma: 1\n    tol: \"= gama\""),
            "5:10",
            &["`tol` is tied to `gama`, which has no values of its own here; valid: gamma"],
            "= gama",
        ),
        mistake(
            "methods",
            ("gamma: [0.1, 1, 10]", "gamma: [0, 1]\n    tol: \"= gamma\""),
            "5:10",
            &["`tol` is 0, expected a number > 0"],
            "= gamma",
        ),
        mistake(
            "methods",
            ("gamma: [0.1, 1, 10]", "gamma: [0, 1]\n  where: [\"gama < p\"]"),
            "5:11",
            &["unknown name in a condition `gama`; valid: gamma, p, m, min(a, b)"],
            "gama < p",
        ),
        mistake(
            "methods",
            ("gamma: [0.1, 1, 10]", "gamma: [0, 1]\n  where: [\"gamma\"]"),
            "5:11",
            &["`gamma` is no condition; write for example k < min(p, m)"],
            "where",
        ),
    ]);
}

#[test]
fn grids_relative_to_the_data() {
    let grid = |to: &'static str, says, shows| mistake("methods", ("gamma: [0.1, 1, 10]", to), "4:12", says, shows);
    let expected = &["expected a number, [a, b] or log10(a, b, n) before x lambda_max"];
    check(&[
        grid("gamma: much x lambda_max", expected, "much"),
        grid("gamma: \"[0.1, b] x lambda_max\"", expected, "[0.1, b]"),
        grid("gamma: -1 x lambda_max", &["`gamma` is -1, expected a number >= 0"], "-1"),
        grid("gamma: log10(1) x lambda_max", &["expected log10(first exponent, last exponent, "], "log10(1)"),
        grid("gamma: 0.1 x lambda_min", &["`gamma` is 0.1 x lambda_min, expected a number >= 0"], "lambda_min"),
        mistake(
            "methods",
            ("gamma: [0.1, 1, 10]", "gamma: 1\n    tol: 0.1 x lambda_max"),
            "5:10",
            &["`tol` of lasso has no lambda_max in closed form; valid: gamma of lasso, gamma of l21"],
            "tol: 0.1",
        ),
        mistake(
            "methods",
            ("gamma: [0.1, 1, 10]", "gamma: 0.1 x lambda_max\n    tol: = gamma"),
            "5:10",
            &["`tol` is tied to `gamma`, whose values depend on the data"],
            "= gamma",
        ),
        mistake(
            "methods",
            ("gamma: [0.1, 1, 10]", "gamma: 0.1 x lambda_max\n  where: [gamma < 3]"),
            "5:11",
            &["`gamma` has values that depend on the data; a condition cannot name it"],
            "gamma < 3",
        ),
    ]);
}

#[test]
fn sizes_of_parts() {
    let split = |to| ("split: {train: 0.6, valid: 0.2, test: 0.2}", to);
    check(&[
        mistake(
            "s",
            split("split: {train: 0.6, valid: 0.4}"),
            "8:10",
            &["expected fractions `train`, `valid` and `test`, or `rows: {train: .., valid: ..}`"],
            "valid: 0.4}",
        ),
        mistake(
            "s",
            split("split: {train: 0.6, valid: 0.2, test: 0.3, draw: balanced}"),
            "8:3",
            &["`split`: fractions 0.6 + 0.2 + 0.3 must be within 0..1 and sum to 1"],
            "draw: balanced",
        ),
        mistake(
            "s",
            split("split: {rows: {train: 0, valid: 5}}"),
            "8:3",
            &["`split`: 0/5 rows and the rest: training and test part need at least one row"],
            "train: 0",
        ),
        mistake(
            "s",
            split("split: {rows: {train: 9, valid: 5}, draw: balanced}"),
            "8:3",
            &["`draw: balanced` needs a number for `test`"],
            "balanced",
        ),
        mistake(
            "s",
            split("split: {rows: {train: 9}}"),
            "8:3",
            &["`split`: 9/0 rows and the rest: hyperparameters are chosen by the validation part, which is empty"],
            "train: 9",
        ),
        mistake(
            "s",
            (
                "dataset: synthetic-gl}\nprotocol:\n  split: {train: 0.6, valid: 0.2, test: 0.2}",
                "dataset: synthetic-gl, rows: 30}\nprotocol:\n  split: {rows: {train: 9, valid: 5}}",
            ),
            "8:3",
            &["`D` has `rows` of its own"],
            "train: 9",
        ),
        mistake("s", split("split: {rows: {train: 9, valid: 5}, draw: fair}"), "8:45", &["fair"], "fair"),
    ]);
}

#[test]
fn protocols() {
    check(&[
        mistake("s", ("repeats: 2", "repeats: 0"), "9:3", &["`repeats` is 0, expected 1 to 10000"], "repeats: 0"),
        mistake(
            "s",
            ("train: 0.6", "train: 0.7"),
            "8:3",
            &["`split`: fractions 0.7 + 0.2 + 0.2 must", "sum to 1"],
            "train: 0.7",
        ),
        mistake(
            "s",
            ("train: 0.6", "train: -0.6"),
            "8:3",
            &["`split`: fractions -0.6 + ", "within 0..1"],
            "train: -0.6",
        ),
        mistake(
            "s",
            ("train: 0.6, valid: 0.2", "train: 0.8, valid: 0"),
            "8:3",
            &["hyperparameters are chosen by the validation part, which is empty"],
            "valid: 0",
        ),
        mistake(
            "s",
            ("valid: 0.2, test: 0.2", "valid: 0.4, test: 0"),
            "8:3",
            &["training and test part need a fraction above 0"],
            "test: 0",
        ),
        mistake(
            "s",
            ("dataset: synthetic-gl", "dataset: synthetic-gl, rows: 0"),
            "6:25",
            &["`rows` is 0; leave it out to use all rows"],
            "rows: 0",
        ),
    ]);
}

#[test]
fn profiles() {
    let profile = |to: &'static str, at, says, shows| mistake("s", ("metrics: [nMSE, EV]\n", to), at, says, shows);
    check(&[
        profile(
            "metrics: [EV]\nprofiles: {quik: {repeats: 1}}\n",
            "14:12",
            &["unknown variant `quik`", "smoke, quick, paper"],
            "quik",
        ),
        profile(
            "metrics: [EV]\nprofiles:\n  smoke: {repeats: 1}\n  quick: {repeats: 0}\n",
            "16:11",
            &["profile quick: `repeats` is 0, expected at least 1"],
            "quick: {repeats: 0}",
        ),
        profile(
            "metrics: [EV]\n# profiles: smoke: params: X\nprofiles:\n  smoke:\n    # params of X\n    params:\n      X: {gamma: 1}\n",
            "19:7",
            &["unknown method in profile smoke `X`; valid: Lasso, GL"],
            "X: {gamma: 1}",
        ),
        profile(
            "metrics: [EV]\nprofiles:\n  smoke:\n    params:\n      GL: {gama: 1}\n",
            "17:18",
            &["unknown parameter of l21 `gama`; valid: gamma, "],
            "GL: {gama: 1}",
        ),
        profile(
            "metrics: [EV]\nprofiles:\n  smoke:\n    params:\n      GL: {gamma: -1}\n",
            "17:19",
            &["`gamma` is -1, expected a number >= 0"],
            "GL: {gamma: -1}",
        ),
    ]);
}

#[test]
fn a_profile_may_tie_to_what_the_grid_has() {
    let folder = Folder::new();
    folder.write(
        "methods",
        &METHODS.replace("method: l21\n  params:\n    gamma:", "method: rmtfl\n  params:\n    gamma2: 1\n    gamma1:"),
    );
    folder.replace(
        "s",
        "metrics: [nMSE, EV]\n",
        "metrics: [EV]\nprofiles: {smoke: {params: {GL: {gamma2: = gamma1}}}}\n",
    );
    let study = folder.studies().remove(0);
    let points = |study: &mtl_experiments::Study| {
        let used = &study.methods[1];
        used.grid.paths(used.entry, 5, 3).into_iter().flatten().collect::<Vec<_>>()
    };
    let narrowed = study.narrowed(mtl_experiments::Profile::Smoke).unwrap();
    assert_eq!((points(&study).len(), points(&narrowed).len()), (3, 3));
    assert!(points(&narrowed).iter().all(|p| p.get("gamma2") == p.get("gamma1")));
}

#[test]
fn studies_and_files() {
    check(&[
        mistake("paper", ("[s]", "[s, fig9]"), "6:14", &["there is no fig9.yaml in this folder"], "studies: [s, fig9]"),
        mistake(
            "paper",
            ("[s]", "[]"),
            "6:1",
            &["`studies` and `descriptions` do not list s.yaml, which is in this folder"],
            "studies: []",
        ),
        mistake("paper", ("[s]", "[s, s]"), "6:14", &["study `s` is listed twice"], "studies: [s, s]"),
        mistake("paper", ("[s]", "[s, methods]"), "6:14", &["methods.yaml is no study"], "studies: [s, methods]"),
    ]);
    for name in ["paper", "methods", "published", "findings"] {
        let folder = Folder::new();
        std::fs::remove_file(folder.path(name)).unwrap();
        let message = folder.load().err().unwrap().to_string();
        assert!(message.starts_with(&format!("{}: ", folder.path(name).display())), "{message}");
        assert!(message.contains("No such file"), "{message}");
    }
}

#[test]
fn claims() {
    let claim = |to: &'static str, at, says| mistake("published", ("claims: []", to), at, says, "check");
    check(&[
        claim(
            "claims:\n  - {id: i, source: s, says: x, check: {compare: {a: A, is: lt, c: B}}}",
            "8:65",
            &["unknown field `c`, expected one of on, a, is, b, margin"],
        ),
        claim(
            "claims:\n  - {id: i, source: s, says: x, check: {compare: {a: {metod: A}, is: lt, b: B}}}",
            "8:55",
            &["unknown field `metod`, expected one of method, study, dataset, metric, params, others"],
        ),
        claim(
            "claims:\n  - {id: i, source: s, says: x, check: {compare: {a: A, is: less, b: B}}}",
            "8:61",
            &["unknown variant `less`, expected one of lt, le, gt, ge, better, worse"],
        ),
        claim(
            "claims:\n  - {id: i, source: s, says: x, check: {compar: {a: A, is: lt, b: B}}}",
            "8:41",
            &["unknown variant `compar`, expected one of all, any, not, compare, extremum"],
        ),
        claim(
            "claims:\n  - {id: i, source: s, says: x, check: {ratio: {a: A, b: B}}}",
            "8:5",
            &["claim `i`: ratio: `at_least` or `at_most` is needed"],
        ),
        claim(
            "claims:\n  - {id: i, source: s, says: x, check: {manual: so}}\n  - {id: i, source: s, says: x, check: {manual: so}}",
            "9:5",
            &["the id `i` is used twice"],
        ),
    ]);
}
