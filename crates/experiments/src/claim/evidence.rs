//! Finding the values that a claim is about.

use std::collections::BTreeMap;

use mtl_core::Metric;
use mtl_methods::ParamValue;

use super::decision::Series;
use super::scope::{Elsewhere, Names, Scope, Values};
use crate::description::Statements;
use crate::published::{Better, Published};
use crate::results::{Missing, Results};

/// Results of all studies of a paper, and what its descriptions state.
pub struct Evidence<'a> {
    /// The studies.
    pub studies: &'a [Results],
    /// For the direction of metrics that only the paper knows.
    pub published: &'a Published,
    /// What descriptions put to the test.
    pub statements: &'a Statements,
}

pub(super) type Params = BTreeMap<String, ParamValue>;

/// Parameters and the values they run through.
pub(super) type Axes = BTreeMap<String, Vec<ParamValue>>;

/// A cell of the results that a claim names, for whatever method.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// Study; any, if left out.
    pub study: Option<String>,
    pub dataset: String,
    pub metric: String,
    /// Hyperparameters that the cell is held at.
    pub params: Params,
}

impl Evidence<'_> {
    fn studies<'s>(&'s self, study: Option<&'s str>) -> impl Iterator<Item = &'s Results> {
        self.studies.iter().filter(move |r| study.is_none_or(|s| s == r.study.id))
    }

    /// Whether a study was run at all.
    fn check_study(&self, study: Option<&str>) -> Result<(), String> {
        match (self.studies(study).next(), study) {
            (Some(_), _) => Ok(()),
            (None, Some(study)) => Err(format!("the study {study} has not been run")),
            (None, None) => Err("no study has been run".into()),
        }
    }

    /// The values of a method, from the first study that has them; else what is nearest to having them is reported.
    pub(super) fn series(&self, place: &Place, method: &str) -> Result<Series, String> {
        self.check_study(place.study.as_deref())?;
        let mut nearest: Option<Missing> = None;
        for results in self.studies(place.study.as_deref()) {
            match results.by_repeat(&place.dataset, method, &place.metric, &place.params) {
                Ok(values) => {
                    let name = place.describe(method, &results.marked(&place.dataset));
                    let resampling = results.resampling(&place.dataset, &place.params);
                    return Ok(Series { name, values, resampling });
                }
                Err(missing) => nearest = nearest.max(Some(missing)),
            }
        }
        Err(nearest.map_or_else(String::new, |missing| missing.to_string()))
    }

    /// All methods of the studies that a place may belong to.
    pub(super) fn methods(&self, place: &Place) -> Vec<String> {
        let mut methods: Vec<String> = Vec::new();
        for results in self.studies(place.study.as_deref()) {
            if results.study.data.iter().any(|d| d.is(&place.dataset)) {
                let new = results.methods().into_iter().filter(|m| !methods.iter().any(|known| known == m));
                methods.extend(new.map(str::to_owned).collect::<Vec<_>>());
            }
        }
        methods
    }

    /// The values of a hyperparameter that a method was scored with, or of an option of the data, each once.
    pub(super) fn values_of(&self, place: &Place, method: &str, parameter: &str) -> Vec<ParamValue> {
        let mut values: Vec<ParamValue> = Vec::new();
        for value in self.studies(place.study.as_deref()).flat_map(|r| r.values_of(&place.dataset, method, parameter)) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }

    /// Which way a metric is better: as the paper says, or by what it is.
    pub(super) fn higher_is_better(&self, metric: &str) -> bool {
        match self.published.tables.values().find_map(|t| t.better.get(metric)) {
            Some(better) => *better == Better::Higher,
            None => metric.parse::<Metric>().is_ok_and(Metric::higher_is_better),
        }
    }

    /// The places of a scope: one for every combination of its lists, of all there are where it names none.
    pub(super) fn places(&self, scope: &Scope) -> Result<Vec<Place>, String> {
        let study = scope.study.as_deref();
        self.check_study(study)?;
        let datasets = named(scope.dataset.as_ref()).unwrap_or_else(|| {
            let labels = self.studies(study).flat_map(|r| r.study.data.iter().map(|d| d.family.clone()));
            distinct(labels)
        });
        let metrics = named(scope.metric.as_ref()).unwrap_or_else(|| {
            let names = self.studies(study).flat_map(|r| r.study.metrics.iter().map(|m| m.name().to_owned()));
            distinct(names)
        });
        Ok(places(scope.study.as_ref(), &datasets, &metrics, &combinations(&scope.params)))
    }
}

impl Place {
    /// How details name a method's values here.
    fn describe(&self, method: &str, dataset: &str) -> String {
        let params = self.params.iter().map(|(name, value)| format!(", {name} = {value}"));
        format!("{method} ({dataset}, {}{})", self.metric, params.collect::<String>())
    }

    /// The places that one side of a comparison means instead of this one.
    pub(super) fn elsewhere(&self, to: &Elsewhere) -> Vec<Self> {
        let datasets = named(to.dataset.as_ref()).unwrap_or_else(|| vec![self.dataset.clone()]);
        let metrics = named(to.metric.as_ref()).unwrap_or_else(|| vec![self.metric.clone()]);
        let points: Vec<Params> = combinations(&to.params).into_iter().map(|added| self.at(added).params).collect();
        places(to.study.as_ref().or(self.study.as_ref()), &datasets, &metrics, &points)
    }

    /// The same with these hyperparameters added.
    pub(super) fn at(&self, params: Params) -> Self {
        let mut place = self.clone();
        place.params.extend(params);
        place
    }

    /// The place at each point along one or more parameters.
    pub(super) fn along(&self, axes: &Axes) -> Vec<Self> {
        let axes = axes.iter().map(|(name, values)| (name.clone(), Values::Many(values.clone()))).collect();
        combinations(&axes).into_iter().map(|params| self.at(params)).collect()
    }
}

fn named(names: Option<&Names>) -> Option<Vec<String>> {
    names.map(|names| names.iter().map(str::to_owned).collect())
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

fn places(study: Option<&String>, datasets: &[String], metrics: &[String], points: &[Params]) -> Vec<Place> {
    let mut places = Vec::new();
    for dataset in datasets {
        for metric in metrics {
            places.extend(points.iter().map(|params| Place {
                study: study.cloned(),
                dataset: dataset.clone(),
                metric: metric.clone(),
                params: params.clone(),
            }));
        }
    }
    places
}

fn combinations(params: &BTreeMap<String, Values>) -> Vec<Params> {
    let mut all = vec![Params::new()];
    for (name, values) in params {
        let with = |params: &Params, value: &ParamValue| {
            let mut params = params.clone();
            params.insert(name.clone(), value.clone());
            params
        };
        all = all.iter().flat_map(|p| values.as_slice().iter().map(move |v| with(p, v))).collect();
    }
    all
}
