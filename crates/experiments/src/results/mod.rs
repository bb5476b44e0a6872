//! What the store holds of a study, by the paper's names.

mod missing;

pub use missing::Missing;

use std::collections::BTreeMap;
use std::sync::Arc;

use mtl_core::{Metric, split::Part};
use mtl_data::{Catalog, Status};
use mtl_methods::{ParamSet, ParamValue};

use crate::cell::CellId;
use crate::gain;
use crate::paper::{DataUse, MethodUse, Study};
use crate::plan::{Next, Resolved, units};
use crate::quantity::Quantity;
use crate::store::{PointResult, Record, Store};
use crate::study::Score;

/// One point of a grid, scored in every repeat.
#[derive(Debug, Clone)]
pub struct Swept {
    /// The hyperparameters.
    pub params: ParamSet,
    /// Repeat -> record of the point's path, and the point's place in it.
    pub results: BTreeMap<u32, (Arc<Record>, usize)>,
}

impl Swept {
    /// The results, one a repeat.
    pub fn points(&self) -> impl Iterator<Item = (u32, &PointResult)> {
        self.results.iter().filter_map(|(repeat, (record, i))| Some((*repeat, record.points().get(*i)?)))
    }

    /// The values of a quantity by repeat.
    pub fn by_repeat(&self, quantity: Quantity) -> BTreeMap<u32, f64> {
        let value = |record: &Record, i: usize| quantity.of(record, record.points().get(i)?);
        self.results.iter().filter_map(|(repeat, (record, i))| Some((*repeat, value(record, *i)?))).collect()
    }

    /// Whether these hyperparameters have these values.
    pub fn held_at(&self, params: &BTreeMap<String, ParamValue>) -> bool {
        held(&self.params, params)
    }
}

fn held(set: &ParamSet, params: &BTreeMap<String, ParamValue>) -> bool {
    params.iter().all(|(name, value)| set.get(name).is_some_and(|have| same(have, value)))
}

/// Scores of one method on one data set, one a repeat.
#[derive(Debug, Clone, Default)]
pub struct Scores {
    /// Repeat -> record of the scored cell; none in a study that scores every point.
    pub records: BTreeMap<u32, Arc<Record>>,
    /// The scored points of a study that scores every one, in the order of the grid.
    pub sweep: Vec<Swept>,
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

    /// Whether repeats here and there are the same splits of the same data.
    pub fn same_splits(&self, other: &Self) -> bool {
        let split = |scores: &Self| {
            let swept = scores.sweep.iter().flat_map(|s| s.results.values().map(|(record, _)| record));
            let record = scores.records.values().chain(swept).next();
            record.map(|r| (r.key.data.clone(), r.key.sampling))
        };
        split(self) == split(other)
    }

    /// The values of the chosen points, by repeat.
    pub fn chosen(&self, quantity: Quantity) -> BTreeMap<u32, f64> {
        let value = |(repeat, r): (&u32, &Arc<Record>)| Some((*repeat, quantity.of(r, r.scored()?)?));
        self.records.iter().filter_map(value).collect()
    }

    /// The values of a metric here and there, on the repeats that both have.
    pub fn paired(&self, other: &Self, metric: Metric) -> (Vec<f64>, Vec<f64>) {
        let value = |record: &Record| record.scored()?.mean(Part::Test, metric);
        let both = self.records.iter().filter_map(|(repeat, r)| Some((value(r)?, value(other.records.get(repeat)?)?)));
        both.unzip()
    }

    /// The values of a named quantity: a metric, or `seconds`.
    pub fn quantity(&self, name: &str) -> Option<Vec<f64>> {
        self.by_repeat(name).map(|values| values.into_values().collect())
    }

    /// The same with the repeat that each value belongs to; repeats without a value are left out.
    pub fn by_repeat(&self, name: &str) -> Option<BTreeMap<u32, f64>> {
        name.parse().ok().map(|quantity| self.chosen(quantity))
    }

    /// Whether every repeat was scored with these hyperparameters.
    fn held_at(&self, params: &BTreeMap<String, ParamValue>) -> bool {
        self.records.values().all(|r| r.scored().is_some_and(|point| held(&point.params, params)))
    }

    /// Number of scored fits, and of those among them that did not converge.
    pub fn convergence(&self) -> (usize, usize) {
        let points: Vec<_> = self.scored().collect();
        (points.len(), points.iter().filter(|p| !p.convergence.converged).count())
    }

    /// All scored fits.
    pub fn scored(&self) -> impl Iterator<Item = &PointResult> {
        let swept = self.sweep.iter().flat_map(|s| s.points().map(|(_, point)| point));
        self.records.values().filter_map(|r| r.scored()).chain(swept)
    }

    /// Adds the paths of one repeat of a sweep.
    fn add_sweep(&mut self, repeat: u32, records: Vec<Arc<Record>>) {
        for record in records {
            for (i, point) in record.points().iter().enumerate() {
                let known = self.sweep.iter().position(|s| s.params == point.params);
                let place = known.unwrap_or_else(|| {
                    self.sweep.push(Swept { params: point.params.clone(), results: BTreeMap::new() });
                    self.sweep.len() - 1
                });
                self.sweep[place].results.insert(repeat, (Arc::clone(&record), i));
            }
        }
    }
}

/// Whether two values mean the same. A number may be written with or without a decimal point, and as a decimal or as a
/// power of ten.
pub fn same(a: &ParamValue, b: &ParamValue) -> bool {
    match (as_number(a), as_number(b)) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * a.abs().max(b.abs()),
        _ => a == b,
    }
}

/// A value as a number, if it is one.
pub fn as_number(value: &ParamValue) -> Option<f64> {
    match value {
        ParamValue::Number(v) => Some(*v),
        ParamValue::Count(v) => Some(*v as f64),
        ParamValue::Flag(_) | ParamValue::Choice(_) => None,
    }
}

/// A study with everything that is known about it.
pub struct Results {
    /// The study, as narrowed by its profile.
    pub study: Study,
    /// Its data sets, found or not.
    pub resolved: Vec<Resolved>,
    scores: BTreeMap<(String, String), Scores>,
    /// (Data set, label) -> the method whose best the label stands for there.
    stands_for: BTreeMap<(String, String), String>,
}

impl Results {
    /// Results put together from scores by (data set, method), as a caller holds them who has no store.
    pub fn new(
        study: Study,
        resolved: Vec<Resolved>,
        scores: impl IntoIterator<Item = ((String, String), Scores)>,
    ) -> Self {
        let mut results = Self { study, resolved, scores: scores.into_iter().collect(), stands_for: BTreeMap::new() };
        results.choose();
        results.compare();
        results
    }

    /// Gives labels that stand for the best of several methods the scores of that one, once all of them have theirs.
    fn choose(&mut self) {
        let metric = self.study.select.metric;
        let value = |scores: &Scores| {
            let values: Option<Vec<f64>> =
                scores.records.values().map(|record| record.scored()?.mean(Part::Valid, metric)).collect();
            let values = values.filter(|values| !values.is_empty() && scores.missing == 0)?;
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            Some(if metric.higher_is_better() { -mean } else { mean })
        };
        for method in self.study.methods.iter().filter(|method| !method.either.is_empty()) {
            let found = self.study.data.iter().zip(&self.resolved).filter(|(_, found)| found.variant.is_some());
            for (data, dataset) in found.map(|(data, found)| (data, found.label.clone())) {
                let runs = method.either.iter().filter(|other| !data.without.contains(other));
                let tried = runs.map(|other| {
                    let scores = self.scores.get(&(dataset.clone(), other.clone()))?;
                    Some((value(scores)?, other, scores.clone()))
                });
                let best = tried.collect::<Option<Vec<_>>>().and_then(|tried| {
                    // The first of equal ones.
                    tried.into_iter().reduce(|best, next| if next.0 < best.0 { next } else { best })
                });
                let place = (dataset, method.label.clone());
                match best {
                    Some((_, other, scores)) => {
                        self.stands_for.insert(place.clone(), other.clone());
                        self.scores.insert(place, Scores { failures: Vec::new(), ..scores });
                    }
                    None => {
                        let missing = self.study.protocol.repeats as usize;
                        self.scores.insert(place, Scores { missing, ..Scores::default() });
                    }
                }
            }
        }
    }

    /// Adds measures of methods against the one that the study names.
    fn compare(&mut self) {
        let Some(against) = self.study.against.clone() else { return };
        let bases: BTreeMap<String, Scores> = self
            .scores
            .iter()
            .filter(|((_, method), _)| *method == against)
            .map(|((dataset, _), scores)| (dataset.clone(), scores.clone()))
            .collect();
        for ((dataset, _), scores) in &mut self.scores {
            if let Some(base) = bases.get(dataset) {
                gain::add(scores, base);
            }
        }
    }

    /// The method whose best a label stands for on a data set, if it stands for any.
    pub fn stands_for(&self, dataset: &str, label: &str) -> Option<&str> {
        self.stands_for.get(&(dataset.to_owned(), label.to_owned())).map(String::as_str)
    }

    /// Collects what the store holds.
    pub fn collect(study: Study, resolved: Vec<Resolved>, store: &Store) -> Self {
        let mut scores: BTreeMap<(String, String), Scores> = BTreeMap::new();
        for unit in units(&study, &resolved) {
            let entry = scores.entry((unit.dataset().to_owned(), unit.method.label.clone())).or_default();
            let (fits, open) = unit.tuning_convergence(store);
            entry.tuning = (entry.tuning.0 + fits, entry.tuning.1 + open);
            match unit.next(store) {
                Next::Scored(records) if study.score == Score::Every => entry.add_sweep(unit.repeat, records),
                Next::Scored(records) => entry.records.extend(records.into_iter().map(|r| (unit.repeat, r))),
                Next::Run(_) => entry.missing += 1,
                Next::Failed(cells) => {
                    let reason = |id: &CellId| match store.get(id).map(|r| r.outcome.clone()) {
                        Some(crate::store::Outcome::Failed(reason)) => reason,
                        _ => "no point has a finite validation value".into(),
                    };
                    entry.failures.extend(cells.into_iter().map(|id| (id.clone(), reason(&id))));
                    if study.score == Score::Every {
                        entry.add_sweep(unit.repeat, unit.swept(store));
                    }
                }
            }
        }
        Self::new(study, resolved, scores)
    }

    /// Scores of a method on a data set.
    pub fn scores(&self, dataset: &str, method: &str) -> Option<&Scores> {
        self.scores.get(&(dataset.to_owned(), method.to_owned()))
    }

    /// How the repeats on a data set relate; of a family, on the member at these values of its options.
    pub fn resampling(&self, dataset: &str, at: &BTreeMap<String, ParamValue>) -> mtl_stats::Resampling {
        let member = self.study.data.iter().position(|d| d.is(dataset) && d.is_at(at));
        let variant = member.and_then(|index| self.resolved.get(index)?.variant.as_ref());
        // Without data there are no values to relate.
        variant.map_or(mtl_stats::Resampling::Independent, |variant| self.study.protocol.resampling(variant))
    }

    /// Values of a metric of two methods on the repeats that both have.
    pub fn paired(&self, dataset: &str, a: &str, b: &str, metric: Metric) -> (Vec<f64>, Vec<f64>) {
        match (self.scores(dataset, a), self.scores(dataset, b)) {
            (Some(a), Some(b)) => a.paired(b, metric),
            _ => Default::default(),
        }
    }

    /// Whether two labels stand for the very same fits.
    pub fn same_fits(&self, dataset: &str, a: &str, b: &str) -> bool {
        let cells = |method| self.scores(dataset, method).map(|s| s.records.values().map(|r| r.key.id()).collect());
        let (a, b): (Option<Vec<_>>, Option<Vec<_>>) = (cells(a), cells(b));
        a.is_some_and(|a| !a.is_empty() && Some(a) == b)
    }

    /// A data set's label, with its status where that is not what the paper used.
    pub fn marked(&self, dataset: &str) -> String {
        let named = |(data, _): &(&DataUse, &Resolved)| data.is(dataset);
        let found =
            self.study.data.iter().zip(&self.resolved).find(named).and_then(|(_, found)| found.variant.as_ref());
        let catalog = Catalog::embedded();
        match found.and_then(|variant| catalog.get(&variant.spec.name).ok()).map(|entry| entry.status) {
            Some(status @ (Status::Subsample | Status::Substitute)) => format!("{dataset} ({status})"),
            _ => dataset.to_owned(),
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

    /// The values of a hyperparameter that a method was scored with, or of an option of a family of data sets, each once.
    pub fn values_of(&self, dataset: &str, method: &str, parameter: &str) -> Vec<ParamValue> {
        let meant: Vec<&str> = self.study.methods.iter().filter(|m| m.is(method)).map(|m| m.label.as_str()).collect();
        let points = self.scores.iter().filter(|((_, m), _)| meant.contains(&m.as_str())).flat_map(|(_, s)| s.scored());
        let tuned = points.filter_map(|point| point.params.get(parameter).cloned());
        let members = self.study.data.iter().filter(|d| d.is(dataset));
        let mut values: Vec<ParamValue> = Vec::new();
        for value in members.filter_map(|d| d.at.get(parameter).cloned()).chain(tuned) {
            if !values.iter().any(|known| same(known, &value)) {
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
        let values = self.by_repeat(dataset, method, quantity, params).map_err(|missing| missing.to_string())?;
        Ok(values.into_values().collect())
    }

    /// Values of a quantity with the repeats they belong to, or why there are none.
    ///
    /// # Errors
    /// Names what is missing.
    pub fn by_repeat(
        &self,
        dataset: &str,
        method: &str,
        quantity: &str,
        params: &BTreeMap<String, ParamValue>,
    ) -> Result<BTreeMap<u32, f64>, Missing> {
        let study = || self.study.id.clone();
        let (method_name, dataset_name) = (|| method.to_owned(), || dataset.to_owned());
        let Ok(asked) = quantity.parse::<Quantity>() else {
            return Err(Missing::Quantity(quantity.to_owned()));
        };
        // Claims name the layer that a measure is of among the hyperparameters.
        let (asked, params) = match (asked, params.get("layer").and_then(as_number)) {
            (Quantity::Layer(measure, None), Some(layer)) => {
                let others = params.iter().filter(|(name, _)| *name != "layer");
                (Quantity::Layer(measure, Some(layer as usize)), &others.map(|(n, v)| (n.clone(), v.clone())).collect())
            }
            _ => (asked, params),
        };
        // A family's options are named like hyperparameters, and tell which of its members is meant.
        let named: Vec<usize> =
            self.study.data.iter().enumerate().filter(|(_, d)| d.is(dataset)).map(|(i, _)| i).collect();
        let meant: Vec<usize> = named.iter().copied().filter(|&i| self.study.data[i].is_at(params)).collect();
        let in_words = |params: &BTreeMap<String, ParamValue>| {
            params.iter().map(|(n, v)| format!("{n} = {v}")).collect::<Vec<_>>().join(", ")
        };
        let index = match (named.len(), meant.as_slice()) {
            (0, _) => return Err(Missing::Dataset { study: study(), dataset: dataset_name() }),
            (_, []) => {
                return Err(Missing::NotHeld {
                    method: method_name(),
                    dataset: dataset_name(),
                    point: in_words(params),
                });
            }
            (_, [index]) => *index,
            (_, more) => {
                let (method, dataset, point) = (method_name(), dataset_name(), in_words(params));
                return Err(Missing::Ambiguous { method, dataset, point, points: more.len() });
            }
        };
        let DataUse { label, at, .. } = &self.study.data[index];
        let params =
            &params.iter().filter(|(n, _)| !at.contains_key(*n)).map(|(n, v)| (n.clone(), v.clone())).collect();
        let named: Vec<&MethodUse> = self.study.methods.iter().filter(|m| m.is(method)).collect();
        let meant: Vec<&str> = named.iter().filter(|m| m.is_at(params)).map(|m| m.label.as_str()).collect();
        let method = match (named.is_empty(), meant.as_slice()) {
            (true, _) => return Err(Missing::Method { study: study(), method: method_name() }),
            (_, [method]) => *method,
            (_, []) => {
                let (method, dataset, point) = (method_name(), dataset_name(), in_words(params));
                return Err(Missing::NotHeld { method, dataset, point });
            }
            (_, more) => {
                let (method, dataset, point) = (method_name(), dataset_name(), in_words(params));
                return Err(Missing::Ambiguous { method, dataset, point, points: more.len() });
            }
        };
        if let Some(Resolved { variant: None, missing, .. }) = self.resolved.get(index) {
            let why = missing.last().map_or_else(|| "it was not looked for".into(), |(_, reason)| reason.clone());
            return Err(Missing::Unavailable { dataset: dataset_name(), why });
        }
        let none = Scores::default();
        let scores = self.scores(label, method).unwrap_or(&none);
        let point = || in_words(params);
        let mut values = scores.chosen(asked);
        if !scores.sweep.is_empty() {
            let (method, dataset) = (method_name(), dataset_name());
            let mut at = scores.sweep.iter().filter(|s| s.held_at(params));
            match (at.next(), at.count()) {
                (None, _) => return Err(Missing::NotHeld { method, dataset, point: point() }),
                (Some(only), 0) => values = only.by_repeat(asked),
                (Some(_), more) => {
                    return Err(Missing::Ambiguous { method, dataset, point: point(), points: more + 1 });
                }
            }
            if values.is_empty() {
                let (method, dataset) = (method_name(), dataset_name());
                return Err(Missing::Value { method, dataset, quantity: quantity.to_owned() });
            }
            return Ok(values);
        }
        if scores.records.is_empty() {
            let (method, dataset) = (method_name(), dataset_name());
            return Err(match scores.failures.first() {
                Some((_, why)) => Missing::Failed { method, dataset, why: why.clone() },
                None => Missing::NotRun { method, dataset },
            });
        }
        if !scores.held_at(params) {
            return Err(Missing::NotHeld { method: method_name(), dataset: dataset_name(), point: point() });
        }
        if values.is_empty() {
            let (method, dataset) = (method_name(), dataset_name());
            return Err(Missing::Value { method, dataset, quantity: quantity.to_owned() });
        }
        Ok(values)
    }
}
