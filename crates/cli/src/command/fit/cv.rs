//! Choosing hyperparameters by cross-validation.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail};
use mtl_core::{Metric, MultiTask, Seed, Split, Target};
use mtl_experiments::select;
use mtl_experiments::study::Select;
use mtl_methods::{Entry, FitError, ParamSet, ParamValue};
use rayon::prelude::*;
use serde::Serialize;

use super::params::{paths, tuned};
use super::solve::{Prepared, Preprocess, Trained};
use crate::progress::Bars;
use crate::scores::Scores;

/// How to cross-validate.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Number of folds.
    pub folds: usize,
    /// The measure that chooses.
    pub metric: Metric,
    /// What is done to the training rows of each fold.
    pub preprocess: Preprocess,
}

/// What cross-validation found.
#[derive(Debug, Clone, Serialize)]
pub struct Chosen {
    /// Number of folds.
    pub folds: usize,
    /// The measure that chose.
    pub metric: Metric,
    /// Its value at the chosen point: mean over tasks, then over folds.
    pub score: f64,
    /// Number of points tried.
    pub points: usize,
    /// Chosen values at an end of their grid, beyond which a better one may lie.
    pub at_edge: Vec<String>,
    /// The chosen point.
    #[serde(skip)]
    pub params: ParamSet,
}

/// The measure at every point of a path, or why the method cannot be applied there.
type Values = Result<Vec<f64>, String>;

struct Fold {
    train: Prepared,
    valid: MultiTask,
}

impl Plan {
    /// Cross-validates every point of the grid over what is not given. Equal values go to the stronger penalty.
    pub fn choose(
        self,
        entry: &Entry,
        given: &BTreeMap<String, ParamValue>,
        data: &MultiTask,
        seed: &Seed,
    ) -> anyhow::Result<Chosen> {
        let folds = self.cut(data, seed)?;
        let paths = paths(entry, given)?;
        let jobs: Vec<_> = paths.iter().flat_map(|path| folds.iter().map(move |fold| (path, fold))).collect();
        let bars = Bars::default();
        bars.begin(Some(jobs.len() as u64), "cross-validating {bar:40} {pos}/{len}, {eta} left", "");
        // Each job is a sequence of its own: the number of threads changes nothing.
        let scored = jobs.par_iter().map(|(path, fold)| {
            let result = self.score(entry, path, fold, seed);
            bars.advance(1);
            result
        });
        let scored: Vec<anyhow::Result<Values>> = scored.collect();
        bars.finish();
        let scored = scored.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut candidates: Vec<(&ParamSet, f64)> = Vec::new();
        for (path, by_fold) in paths.iter().zip(scored.chunks(folds.len())) {
            // Part of a default grid can be out of the question on data of few features or tasks.
            let by_fold: Vec<&Vec<f64>> = by_fold.iter().flatten().collect();
            if by_fold.len() < folds.len() {
                continue;
            }
            let mean = |i: usize| by_fold.iter().map(|scores| scores[i]).sum::<f64>() / folds.len() as f64;
            candidates.extend(path.iter().enumerate().map(|(i, point)| (point, mean(i))));
        }
        if let (true, Some(Err(reason))) = (candidates.is_empty(), scored.first()) {
            bail!("{} cannot be fitted to the rows of a fold: {reason}", entry.info.name);
        }
        let rule = Select { metric: self.metric, ..Select::default() };
        let best = select::best(&candidates, rule, &entry.params).ok_or_else(|| {
            anyhow!(
                "no point of the grid has a finite {} in every fold; use fewer folds or --cv-metric {}",
                self.metric,
                if data.target == Target::Regression { Metric::Mse } else { Metric::Accuracy }
            )
        })?;
        let (params, score) = (candidates[best].0.clone(), candidates[best].1);
        let at_edge = at_edge(entry, given, &params);
        Ok(Chosen { folds: self.folds, metric: self.metric, score, points: candidates.len(), at_edge, params })
    }

    fn cut(self, data: &MultiTask, seed: &Seed) -> anyhow::Result<Vec<Fold>> {
        if self.folds < 2 {
            bail!("--cv {}: at least two folds are needed", self.folds);
        }
        let fold = |k: usize| {
            let split = Split::k_fold(data, self.folds, k, &seed.stream("folds"));
            let split = split.map_err(|e| anyhow!("--cv {}: {e}; use fewer folds or remove the task", self.folds))?;
            Ok(Fold { train: self.preprocess.prepare(&data.select(&split.train)), valid: data.select(&split.valid) })
        };
        (0..self.folds).map(fold).collect()
    }

    /// The measure at every point of a path on one fold.
    fn score(self, entry: &Entry, path: &[ParamSet], fold: &Fold, seed: &Seed) -> anyhow::Result<Values> {
        let fits = match fold.train.fit_path(entry, path, seed) {
            Err(FitError::NotApplicable(reason)) => return Ok(Err(reason)),
            fits => fits.with_context(|| format!("{} cannot be fitted to the rows of a fold", entry.info.name))?,
        };
        let measure =
            |fit: &Trained| Scores::of_model(&fit.model, &fold.valid).overall(self.metric).unwrap_or(f64::NAN);
        Ok(Ok(fits.iter().map(measure).collect()))
    }
}

fn at_edge(entry: &Entry, given: &BTreeMap<String, ParamValue>, params: &ParamSet) -> Vec<String> {
    let edge = |value: f64, grid: &[f64]| {
        let (low, high) = grid.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        low < high && (value == low || value == high)
    };
    let is_at_edge = |name: &str, grid: &[f64]| match params.get(name) {
        Some(ParamValue::Number(value)) => edge(*value, grid),
        Some(ParamValue::Count(value)) => edge(*value as f64, grid),
        _ => false,
    };
    tuned(entry, given).into_iter().filter(|s| is_at_edge(s.name, s.grid)).map(|s| s.name.to_owned()).collect()
}
