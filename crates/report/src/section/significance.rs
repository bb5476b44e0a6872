//! p-values of one method against others, beside the published ones.

use std::collections::BTreeMap;

use mtl_experiments::published::PublishedRow;
use mtl_experiments::results::Results;
use mtl_experiments::study::{Resampling, Significance};
use mtl_stats::{ALPHA, compare, holm};

use super::{Source, stamp};
use crate::document::{Block, Cell, Table, Tone};

/// The table. What is compared with the paper is the decision, not the p-value: of so many repeats an exact test can only
/// give certain values, and published ones need not be among them.
pub fn blocks(results: &Results, show: &Significance, source: Source<'_>) -> Vec<Block> {
    let study = &results.study;
    let mut table = Table::new(
        &study.id,
        format!("{}. {}", study.source, study.title),
        &[
            "data set",
            "against",
            "#n",
            "#difference",
            "95 % interval",
            "#exact Wilcoxon: p",
            "#p (Holm)",
            "test that applies",
            "#p",
            "#d_z",
            "#published p",
            "decision at 5 %",
        ],
    );
    table.stamp = stamp(results);
    let higher = show.measure.higher_is_better();
    let mut compared = Vec::new();
    for method in study.methods.iter().filter(|m| m.label != study.reference) {
        for found in &results.resolved {
            let values = |label: &str| results.scores(&found.label, label).map(|s| s.chosen(show.measure));
            let (Some(mut a), Some(mut b)) = (values(&study.reference), values(&method.label)) else { continue };
            a.retain(|repeat, _| b.contains_key(repeat));
            b.retain(|repeat, _| a.contains_key(repeat));
            let (a, b): (Vec<f64>, Vec<f64>) = (a.into_values().collect(), b.into_values().collect());
            let comparison = compare(&a, &b, results.resampling(&found.label, &BTreeMap::new()), higher);
            compared.extend(comparison.ok().map(|c| (found.label.as_str(), method.label.as_str(), c)));
        }
    }
    let corrected = holm(&compared.iter().map(|(_, _, c)| c.wilcoxon.p).collect::<Vec<_>>());
    for ((dataset, method, c), corrected) in compared.iter().zip(corrected) {
        let better = if higher { c.difference > 0.0 } else { c.difference < 0.0 };
        let ours = decision(c.wilcoxon.p, better);
        let published = published(results, dataset, method, source).and_then(|row| row.mean);
        // Published p-values are taken to speak for the method that the table is about.
        let theirs = published.map(|p| decision(p, true));
        // The least two-sided p-value of so many pairs.
        let decidable = 2.0_f64.powi(1 - c.n as i32) < ALPHA;
        let coarse = [study.reference.as_str(), method].iter().any(|m| study.coarsened(m));
        let verdict = match theirs {
            _ if !decidable => Cell::text(format!("{} repeats cannot decide", c.n)),
            None => Cell::text(ours),
            Some(theirs) if coarse => {
                Cell::text(ours).hint(format!("published: {theirs}; tuned over coarser grids here"))
            }
            Some(theirs) if theirs == ours => Cell::text(ours).judged("as published", Tone::Good),
            Some(theirs) => Cell::text(ours).judged("otherwise", Tone::Bad).hint(format!("published: {theirs}")),
        };
        table.rows.push(vec![
            Cell::text(results.marked(dataset)),
            Cell::text(*method),
            Cell::count(c.n),
            Cell::number(c.difference),
            Cell::interval(c.interval),
            Cell::p(c.wilcoxon.p),
            Cell::p(corrected),
            Cell::text(c.test().name).hint(&c.why),
            Cell::p(c.test().p),
            Cell::maybe(c.cohen_dz.map(|e| e.value)),
            published.map_or_else(|| Cell::text("–"), Cell::p),
            verdict,
        ]);
    }
    let overlap = match study.protocol.resampling {
        Resampling::Overlapping => {
            " Repeats are splits of the same data, so that test is too sure of itself; the test that applies allows for the \
             overlap, and claims on this table are decided by it."
        }
        Resampling::Independent => "",
    };
    table.notes.push(format!(
        "{} of {} minus that of the other method, paired by repeat. Decisions are those of the exact two-sided Wilcoxon \
         test without correction.{overlap}",
        show.measure.name(),
        study.reference
    ));
    vec![table.shown()]
}

fn decision(p: f64, better: bool) -> &'static str {
    match (p < ALPHA, better) {
        (true, true) => "better",
        (true, false) => "worse",
        (false, _) => "not significant",
    }
}

fn published<'a>(results: &Results, dataset: &str, method: &str, source: Source<'a>) -> Option<&'a PublishedRow> {
    let table = source.paper.published.tables.get(results.study.published.as_ref()?)?;
    table.rows.iter().find(|row| {
        row.dataset.as_deref() == Some(dataset)
            && row.method.as_deref() == Some(results.study.reference.as_str())
            && row.params.get("against").is_some_and(|against| against.to_string() == method)
    })
}
