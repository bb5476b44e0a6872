//! What the store holds of a study, by the paper's names.

use std::collections::BTreeMap;
use std::sync::Arc;

use mtl_core::{Metric, split::Part};
use mtl_methods::ParamValue;

use crate::cell::CellId;
use crate::paper::Study;
use crate::plan::{Next, Resolved, units};
use crate::store::{Record, Store};

/// Scores of one method on one data set, one a repeat.
#[derive(Debug, Clone, Default)]
pub struct Scores {
    /// Repeat -> record of the scored cell.
    pub records: BTreeMap<u32, Arc<Record>>,
    /// Cells that failed, with the reasons.
    pub failures: Vec<(CellId, String)>,
    /// Repeats that have not been run.
    pub missing: usize,
    /// Fits that tuned, and those among them that did not converge.
    pub tuning: (usize, usize),
}

impl Scores {
    /// The test values of a metric, in the order of the repeats.
    pub fn values(&self, metric: Metric) -> Vec<f64> {
        self.records.values().filter_map(|r| r.scored()?.mean(Part::Test, metric)).collect()
    }

    /// The values of a metric here and there, on the repeats that both have.
    pub fn paired(&self, other: &Self, metric: Metric) -> (Vec<f64>, Vec<f64>) {
        let value = |record: &Record| record.scored()?.mean(Part::Test, metric);
        let both = self.records.iter().filter_map(|(repeat, r)| Some((value(r)?, value(other.records.get(repeat)?)?)));
        both.unzip()
    }

    /// The values of a named quantity: a metric, or `seconds`.
    pub fn quantity(&self, name: &str) -> Option<Vec<f64>> {
        if name == "seconds" {
            return Some(self.records.values().map(|r| r.circumstances.seconds).collect());
        }
        name.parse().ok().map(|metric| self.values(metric))
    }

    /// Whether every repeat was scored with these hyperparameters.
    fn held_at(&self, params: &BTreeMap<String, ParamValue>) -> bool {
        let held = |r: &Arc<Record>| {
            r.scored().is_some_and(|point| params.iter().all(|(name, value)| point.params.get(name) == Some(value)))
        };
        self.records.values().all(held)
    }

    /// Number of scored fits, and of those among them that did not converge.
    pub fn convergence(&self) -> (usize, usize) {
        let points: Vec<_> = self.records.values().filter_map(|r| r.scored()).collect();
        (points.len(), points.iter().filter(|p| !p.convergence.converged).count())
    }
}

/// A study with everything that is known about it.
pub struct Results {
    /// The study, as narrowed by its profile.
    pub study: Study,
    /// Its data sets, found or not.
    pub resolved: Vec<Resolved>,
    scores: BTreeMap<(String, String), Scores>,
}

impl Results {
    /// Collects what the store holds.
    pub fn collect(study: Study, resolved: Vec<Resolved>, store: &Store) -> Self {
        let mut scores: BTreeMap<(String, String), Scores> = BTreeMap::new();
        for unit in units(&study, &resolved) {
            let entry = scores.entry((unit.dataset().to_owned(), unit.method.label.clone())).or_default();
            let (fits, open) = unit.tuning_convergence(store);
            entry.tuning = (entry.tuning.0 + fits, entry.tuning.1 + open);
            match unit.next(store) {
                Next::Scored(record) => {
                    entry.records.insert(unit.repeat, record);
                }
                Next::Run(_) => entry.missing += 1,
                Next::Failed(cells) => {
                    let reason = |id: &CellId| match store.get(id).map(|r| r.outcome.clone()) {
                        Some(crate::store::Outcome::Failed(reason)) => reason,
                        _ => "no point has a finite validation value".into(),
                    };
                    entry.failures.extend(cells.into_iter().map(|id| (id.clone(), reason(&id))));
                }
            }
        }
        Self { study, resolved, scores }
    }

    /// Scores of a method on a data set.
    pub fn scores(&self, dataset: &str, method: &str) -> Option<&Scores> {
        self.scores.get(&(dataset.to_owned(), method.to_owned()))
    }

    /// Values of a metric of two methods on the repeats that both have.
    pub fn paired(&self, dataset: &str, a: &str, b: &str, metric: Metric) -> (Vec<f64>, Vec<f64>) {
        match (self.scores(dataset, a), self.scores(dataset, b)) {
            (Some(a), Some(b)) => a.paired(b, metric),
            _ => Default::default(),
        }
    }

    /// Labels of the data sets that were found.
    pub fn datasets(&self) -> Vec<&str> {
        self.resolved.iter().filter(|r| r.variant.is_some()).map(|r| r.label.as_str()).collect()
    }

    /// Labels of the methods.
    pub fn methods(&self) -> Vec<&str> {
        self.study.methods.iter().map(|m| m.label.as_str()).collect()
    }

    /// All failures of the study: data set, method, cell, reason.
    pub fn failures(&self) -> Vec<(&str, &str, &CellId, &str)> {
        let mut all = Vec::new();
        for ((dataset, method), scores) in &self.scores {
            all.extend(
                scores.failures.iter().map(|(id, reason)| (dataset.as_str(), method.as_str(), id, reason.as_str())),
            );
        }
        all
    }

    /// The values of a hyperparameter that a method was scored with, each once.
    pub fn values_of(&self, method: &str, parameter: &str) -> Vec<ParamValue> {
        let scores = self.scores.iter().filter(|((_, m), _)| m == method).flat_map(|(_, s)| s.records.values());
        let mut values: Vec<ParamValue> = Vec::new();
        for value in scores.filter_map(|r| r.scored()?.params.get(parameter).cloned()) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }

    /// Values of a quantity, or why there are none.
    ///
    /// # Errors
    /// In words.
    pub fn series(
        &self,
        dataset: &str,
        method: &str,
        quantity: &str,
        params: &BTreeMap<String, ParamValue>,
    ) -> Result<Vec<f64>, String> {
        let Some(scores) = self.scores(dataset, method) else {
            return Err(format!("{method} on {dataset} has not been run"));
        };
        if !scores.held_at(params) {
            return Err(format!("{method} on {dataset} has not been run at those hyperparameters"));
        }
        match scores.quantity(quantity) {
            Some(values) if values.is_empty() => Err(format!("{method} on {dataset} has no result")),
            Some(values) => Ok(values),
            None => Err(format!("`{quantity}` is not measured")),
        }
    }
}
