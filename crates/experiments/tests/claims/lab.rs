//! Results made up for the claims, through the real types.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use mtl_core::Metric;
use mtl_data::DatasetSpec;
use mtl_experiments::claim::{Check, Decision, Evidence, evaluate};
use mtl_experiments::description::Statements;
use mtl_experiments::plan::{Resolved, Variant};
use mtl_experiments::published::Published;
use mtl_experiments::results::{Results, Scores};
use mtl_experiments::store::Record;

use crate::common::{self, Folder};

/// Noise of five repeats; two methods with different noise differ by more from repeat to repeat than on average.
const NOISE: [[f64; 5]; 2] = [[0.011, -0.007, 0.004, -0.012, 0.009], [-0.006, 0.010, -0.009, 0.005, 0.002]];

/// Method -> level of nMSE on the data sets `D` and `E`, and which noise. EV is 1 - nMSE.
pub const METHODS: [(&str, [f64; 2], usize); 4] =
    [("Low", [0.1, 0.3], 0), ("Mid", [0.2, 0.2], 0), ("Tie", [0.2, 0.2], 1), ("High", [0.3, 0.1], 0)];

/// One study with its results, from numbers.
pub struct Lab {
    pub results: Vec<Results>,
    pub published: Published,
    pub statements: Statements,
}

/// A scored cell with these test values.
fn record(repeat: u32, gamma: f64, metrics: &[(Metric, f64)], seconds: f64) -> Arc<Record> {
    let mut record = common::record(repeat, vec![common::point(gamma, metrics)]);
    record.circumstances.seconds = seconds;
    Arc::new(record)
}

/// Scores of `repeats` repeats around a level.
pub fn scores(level: f64, noise: usize, gamma: f64, repeats: usize) -> Scores {
    let one = |(repeat, noise): (usize, &f64)| {
        let value = level + noise;
        let metrics = [(Metric::NMse, value), (Metric::Ev, 1.0 - value), (Metric::RowRecall, 1.0)];
        (repeat as u32, record(repeat as u32, gamma, &metrics, level * gamma * (1.0 + noise)))
    };
    Scores { records: NOISE[noise].iter().enumerate().take(repeats).map(one).collect(), ..Scores::default() }
}

/// The data sets of most tests; `Gone` could not be had.
pub const DATA: [&str; 3] = ["D", "E", "Gone"];

/// Results of the study `s`, whose methods are those of [`METHODS`], Broken and Later.
pub fn study(data: &[&str], scores: Vec<((&str, &str), Scores)>) -> Results {
    let folder = Folder::new();
    let methods: Vec<&str> = METHODS.iter().map(|(name, ..)| *name).chain(["Broken", "Later"]).collect();
    folder.write("methods", &methods.iter().map(|m| format!("{m}: {{method: lasso}}\n")).collect::<String>());
    folder.replace("s", "methods: [Lasso, GL]", &format!("methods: [{}]", methods.join(", ")));
    folder.replace("s", "reference: GL", "reference: Low");
    let data: String = data.iter().map(|d| format!("  - {{label: {d}, dataset: synthetic-gl}}\n")).collect();
    folder.replace("s", "  - {label: D, dataset: synthetic-gl}\n", &data);
    let study = folder.studies().remove(0);
    let resolved = |label: &str| {
        let spec = DatasetSpec::new("synthetic-gl");
        let found = label != "Gone";
        let variant = found.then(|| Variant {
            spec: spec.clone(),
            p: 80,
            m: 10,
            tasks: Vec::new(),
            samples: 500,
            rows: 500,
            official: None,
            files: Vec::new(),
        });
        let missing = if found { Vec::new() } else { vec![(spec, "the network is down".to_owned())] };
        Resolved { label: label.into(), variant, missing }
    };
    let resolved = study.data.iter().map(|d| resolved(&d.label)).collect();
    let named = |((d, m), s): ((&str, &str), Scores)| ((d.to_owned(), m.to_owned()), s);
    Results::new(study, resolved, scores.into_iter().map(named))
}

impl Lab {
    /// Scores of all [`METHODS`] on D and E; Broken has failed and Later has not been run.
    pub fn new(repeats: usize) -> Self {
        let mut all = Vec::new();
        for (method, levels, noise) in METHODS {
            for (dataset, level) in ["D", "E"].into_iter().zip(levels) {
                all.push(((dataset, method), scores(level, noise, 1.0, repeats)));
            }
        }
        let mut broken = Scores::default();
        let key = record(0, 1.0, &[], 0.0).key.id();
        broken.failures.push((key, "out of time".into()));
        all.push((("D", "Broken"), broken));
        Self::of(vec![study(&DATA, all)])
    }

    /// The method Low held at several strengths: level and noise at each.
    pub fn along(points: &[(f64, f64, usize)]) -> Self {
        let one = |(gamma, level, noise): &(f64, f64, usize)| {
            study(&DATA, vec![(("D", "Low"), scores(*level, *noise, *gamma, 5))])
        };
        Self::of(points.iter().map(one).collect())
    }

    pub fn of(results: Vec<Results>) -> Self {
        Self { results, published: Folder::new().load().unwrap().published, statements: Statements::new() }
    }

    pub fn decide(&self, check: &str) -> Decision {
        let check: Check = serde_yaml::from_str(check).unwrap_or_else(|e| panic!("{check}\n{e}"));
        check.problem().unwrap_or_else(|e| panic!("{e}"));
        let Self { results: studies, published, statements } = self;
        evaluate(&check, &Evidence { studies, published, statements })
    }

    /// Checks outcome and verdict by means, written `supported +`, `inconclusive -` or `untested`.
    #[track_caller]
    pub fn check(&self, check: &str, expected: &str) -> Decision {
        let decision = self.decide(check);
        let sign = match decision.by_means {
            Some(true) => " +",
            Some(false) => " -",
            None => "",
        };
        let found = format!("{}{sign}", decision.result.outcome.label());
        assert_eq!(found, expected, "{check}\n{:?}\n{}", decision.result, decision.details.join("\n"));
        decision
    }

    /// Checks that a claim is untested for this reason.
    #[track_caller]
    pub fn untested(&self, check: &str, reason: &str) {
        let decision = self.decide(check);
        let outcome = mtl_stats::ClaimOutcome::Untested(reason.into());
        assert_eq!((decision.result.outcome, decision.by_means), (outcome, None), "{check}");
    }
}
