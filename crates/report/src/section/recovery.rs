//! True and recovered weights as pictures.

use mtl_core::{Metric, split::Part};
use mtl_experiments::results::Results;
use mtl_experiments::study::RecoveryMaps;

use super::{Source, shown, slug};
use crate::chart::{ChartError, Heat, HeatPanel};
use crate::document::{Block, number};

/// One row of pictures a data set: truth, the method made for it, the proposed one.
pub fn maps(results: &Results, maps: &RecoveryMaps, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let study = &results.study;
    let mut rows = Vec::new();
    for dataset in results.datasets() {
        let standard = maps.standard.get(dataset);
        let methods = standard.into_iter().chain([&study.reference]);
        let estimates: Vec<HeatPanel> =
            methods.filter_map(|m| estimate(results, dataset, m, maps.repeat, source)).collect();
        let Some(truth) = truth(results, dataset, maps.repeat, source) else { continue };
        rows.push((shown(results, dataset), [truth].into_iter().chain(estimates).collect()));
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let caption = format!(
        "{}: true and recovered weights of repeat {}, rows x tasks, one colour scale a row of pictures. The scale is the \
         square root of the weight, so that what is not exactly zero shows.",
        study.source,
        maps.repeat + 1
    );
    Ok(vec![source.figure(&study.id, slug(&[&study.id, "weights"]), caption, &Heat { rows })?])
}

fn truth(results: &Results, dataset: &str, repeat: u32, source: Source<'_>) -> Option<HeatPanel> {
    let scores = results.study.methods.iter().filter_map(|m| results.scores(dataset, &m.label));
    let record = scores.filter_map(|s| s.records.get(&repeat)).next()?;
    let values = source.store.matrix(record.scored()?.artifacts.get("true-weights")?)?;
    Some(HeatPanel { title: "truth".into(), subtitle: String::new(), values })
}

fn estimate(results: &Results, dataset: &str, method: &str, repeat: u32, source: Source<'_>) -> Option<HeatPanel> {
    let record = results.scores(dataset, method)?.records.get(&repeat)?.clone();
    let point = record.scored()?;
    let values = source.store.matrix(point.artifacts.get("weights")?)?;
    let error = point.mean(Part::Test, Metric::RelativeError).map(number).unwrap_or_default();
    Some(HeatPanel { title: method.to_owned(), subtitle: format!("relative error {error}"), values })
}
