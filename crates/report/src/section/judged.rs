//! Every cell of a study beside the published number, judged.

use std::collections::BTreeMap;

use mtl_core::Metric;
use mtl_data::{Catalog, Status};
use mtl_experiments::Quantity;
use mtl_experiments::published::{Better, PublishedRow, PublishedTable};
use mtl_experiments::results::Results;
use mtl_experiments::study::{Score, Show};
use mtl_experiments::{Paper, Study, plan::Resolved};
use mtl_stats::{CellVerdict, Comparability, PublishedValue, Summary, VerdictKind, cell_verdict};

use crate::document::{Cell, Tone, plus_minus};

/// A cell of a table: ours, theirs and the verdict.
pub struct Judged {
    /// Data set, by the paper's name.
    pub dataset: String,
    /// What is measured, by the paper's name.
    pub metric: String,
    /// Method, by the paper's name.
    pub method: String,
    /// What else distinguishes the cell, where the paper has several for one method.
    pub point: String,
    /// Our values, one a repeat.
    pub values: Vec<f64>,
    /// What the paper prints.
    pub published: Option<PublishedRow>,
    /// How the two compare; none if the paper prints nothing here.
    pub verdict: Option<CellVerdict>,
}

impl Judged {
    /// Mean and spread of ours.
    pub fn summary(&self) -> Option<Summary> {
        Summary::of(&self.values).ok()
    }

    /// Our mean and spread as text.
    pub fn ours(&self) -> String {
        self.summary().map_or_else(|| "–".into(), |s| plus_minus(s.mean, s.std))
    }

    /// The published number as text.
    pub fn theirs(&self) -> Option<String> {
        let row = self.published.as_ref()?;
        row.mean.map(|mean| plus_minus(mean, row.std)).or_else(|| row.text.clone())
    }

    /// Our mean's distance from the published one in published standard deviations.
    pub fn distance(&self) -> Option<f64> {
        let row = self.published.as_ref()?;
        let std = row.std.filter(|s| *s > 0.0)?;
        Some((self.summary()?.mean - row.mean?) / std)
    }

    /// Why there is no verdict on the number itself.
    pub fn reason(&self) -> Option<&str> {
        match &self.verdict.as_ref()?.kind {
            VerdictKind::NotComparable(reason) | VerdictKind::NotRun(reason) => Some(reason),
            _ => None,
        }
    }
}

/// A verdict's colour.
pub fn tone(kind: &VerdictKind) -> Tone {
    match kind {
        VerdictKind::Reproduced => Tone::Good,
        VerdictKind::Close => Tone::Near,
        VerdictKind::Better => Tone::Better,
        VerdictKind::Differs => Tone::Bad,
        VerdictKind::NotComparable(_) | VerdictKind::Stated | VerdictKind::NotRun(_) => Tone::Neutral,
    }
}

/// A verdict as a cell.
pub fn badge(cell: Cell, verdict: &CellVerdict) -> Cell {
    cell.judged(verdict.kind.label(), tone(&verdict.kind))
}

/// All cells of a study, and the published ones that it does not run.
pub fn judge(results: &Results, paper: &Paper) -> Vec<Judged> {
    let study = &results.study;
    let table = study.published.as_ref().and_then(|id| paper.published.tables.get(id));
    let rows = table.map_or(&[][..], |t| t.rows.as_slice());
    match (study.score, &study.show) {
        // Of a p-value only the decision can be compared; the table of p-values does.
        (_, Show::Significance(_)) => return Vec::new(),
        (Score::Every, _) => return judge_sweep(results, table),
        (Score::Chosen, _) => {}
    }
    let mut judged = Vec::new();
    for found in &results.resolved {
        for metric in &study.metrics {
            for method in &study.methods {
                let scores = results.scores(&found.label, &method.label);
                let values = scores.map(|s| s.values(*metric)).unwrap_or_default();
                let same = |r: &&PublishedRow| {
                    r.dataset.as_deref() == Some(found.label.as_str())
                        && r.method.as_deref().is_some_and(|name| method.is(name))
                        && method.is_at(&r.params)
                        && r.metric == metric.name()
                };
                let published = rows.iter().find(same).cloned();
                let direction = Quantity::Metric(*metric).direction();
                let verdict = published.as_ref().map(|row| {
                    let comparability = comparability(results, found, &method.label);
                    verdict(&values, row, direction, &comparability, found)
                });
                let (dataset, method) = (found.label.clone(), method.label.clone());
                let (metric, point) = (metric.name().into(), published.as_ref().map(point).unwrap_or_default());
                judged.push(Judged { dataset, metric, method, point, values, published, verdict });
            }
        }
    }
    // What no study of the paper runs is reported once, with the first study of the table.
    let studies: Vec<&Study> = paper.studies.iter().filter(|s| s.published == study.published).collect();
    let first = studies.first().is_some_and(|s| s.id == study.id);
    let open = |row: &&PublishedRow| first && !studies.iter().any(|s| is_part(s, row));
    judged.extend(rows.iter().filter(open).map(|row| {
        let named = |name: &Option<String>| name.clone().unwrap_or_default();
        let (dataset, method, metric) = (named(&row.dataset), named(&row.method), row.metric.clone());
        let better = table.and_then(|t| t.better.get(&metric)).map(|b| *b == Better::Higher);
        let mut verdict = cell_verdict(&[], &value(row), better, &Comparability::Comparable);
        if verdict.kind != VerdictKind::Stated {
            verdict.kind = VerdictKind::NotRun(format!("{method} on {dataset} is not part of any study yet"));
        }
        let (point, values) = (point(row), Vec::new());
        Judged { dataset, metric, method, point, values, published: Some(row.clone()), verdict: Some(verdict) }
    }));
    judged
}

/// What distinguishes a published number from others of its method.
fn point(row: &PublishedRow) -> String {
    let parts = row.params.iter().map(|(name, value)| format!("{name} = {value}"));
    parts.collect::<Vec<_>>().join(", ")
}

/// The published numbers of a figure over hyperparameters. One that leaves a hyperparameter open stands for all of its
/// values, and is held against their mean.
fn judge_sweep(results: &Results, table: Option<&PublishedTable>) -> Vec<Judged> {
    let Some(table) = table else { return Vec::new() };
    let judge = |row: &PublishedRow| {
        let (dataset, method) = (row.dataset.clone()?, row.method.clone()?);
        let found = results.resolved.iter().find(|r| r.label == dataset)?;
        let mut at = row.params.clone();
        at.remove("panel");
        let quantity: Quantity = row.metric.parse().ok()?;
        let scores = results.scores(&dataset, &method);
        let mut sums: BTreeMap<u32, (f64, usize)> = BTreeMap::new();
        for swept in scores.iter().flat_map(|s| &s.sweep).filter(|s| s.held_at(&at)) {
            for (repeat, value) in swept.by_repeat(quantity) {
                let (sum, n) = sums.entry(repeat).or_default();
                (*sum, *n) = (*sum + value, *n + 1);
            }
        }
        let values: Vec<f64> = sums.into_values().map(|(sum, n)| sum / n as f64).collect();
        let direction = table.better.get(&row.metric).map(|b| *b == Better::Higher);
        let verdict = verdict(&values, row, direction, &comparability(results, found, &method), found);
        let (metric, point) = (row.metric.clone(), point(row));
        Some(Judged { dataset, metric, method, point, values, published: Some(row.clone()), verdict: Some(verdict) })
    };
    table.rows.iter().filter_map(judge).collect()
}

fn is_part(study: &Study, row: &PublishedRow) -> bool {
    study.data.iter().any(|d| row.dataset.as_ref() == Some(&d.label))
        && study.methods.iter().any(|m| row.method.as_ref().is_some_and(|name| m.is(name)) && m.is_at(&row.params))
        && row.metric.parse::<Metric>().is_ok_and(|m| study.metrics.contains(&m))
}

fn value(row: &PublishedRow) -> PublishedValue {
    PublishedValue { mean: row.mean, std: row.std, n: row.n }
}

fn verdict(
    values: &[f64],
    row: &PublishedRow,
    higher_is_better: Option<bool>,
    comparability: &Comparability,
    found: &Resolved,
) -> CellVerdict {
    let mut verdict = cell_verdict(values, &value(row), higher_is_better, comparability);
    if values.is_empty() && verdict.kind != VerdictKind::Stated {
        let reason = if found.variant.is_none() { "the data could not be had" } else { "no repeat has a result" };
        verdict.kind = VerdictKind::NotRun(reason.into());
    }
    verdict
}

/// Whether our number may be held against the published one: a matter of data and protocol, not of outcome.
fn comparability(results: &Results, found: &Resolved, method: &str) -> Comparability {
    let study = &results.study;
    let declared = study.data.iter().find(|d| d.label == found.label).and_then(|d| d.not_comparable.clone());
    if let Some(reason) = declared {
        return Comparability::NotComparable(reason);
    }
    let catalog = Catalog::embedded();
    let entry = found.variant.as_ref().and_then(|v| catalog.get(&v.spec.name).ok());
    if let Some(entry) = entry.filter(|e| matches!(e.status, Status::Subsample | Status::Substitute)) {
        return Comparability::NotComparable(format!("{}: {}", entry.status, entry.status_note.trim()));
    }
    if study.coarsened(method) {
        let reason = format!("profile {} tunes over a coarser grid", study.profile.name());
        return Comparability::NotComparable(reason);
    }
    Comparability::Comparable
}
