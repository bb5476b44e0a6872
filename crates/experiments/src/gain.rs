//! Measures of one method against another, which no single fit has.

use std::collections::BTreeMap;
use std::sync::Arc;

use mtl_core::{Metric, Part};

use crate::results::Scores;
use crate::store::{Outcome, PointResult, Record};

/// What a relative measure is made of: a value for each task, and then one for all rows together.
type Values = fn(&PointResult) -> Option<Vec<f64>>;

/// The relative measures.
const GAINS: [(Metric, Values); 2] = [
    (Metric::AccuracyGain, accuracies),
    (Metric::ErrorCut, |point| Some(accuracies(point)?.into_iter().map(|accuracy| accuracy - 1.0).collect())),
];

fn accuracies(point: &PointResult) -> Option<Vec<f64>> {
    let test = point.metrics.get(&Part::Test)?;
    let pooled = 1.0 - test.get(&Metric::Misclassification)?.first()? / 100.0;
    Some(test.get(&Metric::Accuracy)?.iter().copied().chain([pooled]).collect())
}

/// Adds the relative measures to the scores of a method. Differences are those of a repeat, in per cent of the other method's
/// mean over its repeats; where that is zero there is no value.
pub(crate) fn add(scores: &mut Scores, against: &Scores) {
    for (metric, values) in GAINS {
        let of = |record: &Record| values(record.scored()?);
        let base: BTreeMap<u32, Vec<f64>> =
            against.records.iter().filter_map(|(repeat, record)| Some((*repeat, of(record)?))).collect();
        let Some(means) = means(base.values()) else { continue };
        for (repeat, record) in &mut scores.records {
            let (Some(ours), Some(theirs)) = (of(record), base.get(repeat)) else { continue };
            let pairs = ours.iter().zip(theirs).zip(&means).filter(|(_, mean)| **mean != 0.0);
            let gains: Vec<f64> = pairs.map(|((ours, theirs), mean)| 100.0 * (ours - theirs) / mean.abs()).collect();
            if !gains.is_empty() {
                insert(Arc::make_mut(record), metric, gains);
            }
        }
    }
}

/// Means over repeats, entry by entry; none without a repeat, or if repeats have other numbers of tasks.
fn means<'v>(repeats: impl Iterator<Item = &'v Vec<f64>>) -> Option<Vec<f64>> {
    let repeats: Vec<&Vec<f64>> = repeats.collect();
    let entries = repeats.first()?.len();
    let alike = repeats.iter().all(|values| values.len() == entries);
    let mean = |i: usize| repeats.iter().map(|values| values[i]).sum::<f64>() / repeats.len() as f64;
    alike.then(|| (0..entries).map(mean).collect())
}

fn insert(record: &mut Record, metric: Metric, values: Vec<f64>) {
    if let Outcome::Done(points) = &mut record.outcome
        && let Some(point) = points.last_mut()
    {
        point.metrics.entry(Part::Test).or_default().insert(metric, values);
    }
}
