//! A measure over two hyperparameters at a time, ours beside the published one.

use std::collections::BTreeMap;

use mtl_experiments::published::PublishedTable;
use mtl_experiments::results::{Results, Scores, Swept, same};
use mtl_experiments::study::{Sensitivity, SensitivityPanel};
use mtl_methods::ParamValue;
use mtl_stats::Summary;

use super::{Source, slug, stamp};
use crate::chart::{ChartError, GridPanel, Grids};
use crate::document::{Block, Cell, Column, Table, plus_minus};

/// A pair of heat maps a panel, and the numbers behind ours.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn blocks(results: &Results, show: &Sensitivity, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let study = &results.study;
    let table = study.published.as_ref().and_then(|id| source.paper.published.tables.get(id));
    let mut blocks = Vec::new();
    for dataset in results.datasets() {
        let Some(scores) = results.scores(dataset, &study.reference) else { continue };
        let maps: Vec<Map> = show.panels.iter().map(|p| Map::new(p, show, dataset, scores, table)).collect();
        let ours = || maps.iter().flat_map(|m| m.ours.iter().flatten().flatten().map(|s| s.mean));
        if ours().next().is_none() {
            continue;
        }
        let theirs = || maps.iter().flat_map(|m| m.published.iter().flatten().flatten().copied());
        let range = ours().chain(theirs()).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let provenance = table.and_then(|t| t.provenance.as_ref()).map_or(String::new(), |p| format!(", {p}"));
        let sides = match theirs().next() {
            Some(_) => format!(", ours on the left and the published one{provenance} on the right"),
            None => String::new(),
        };
        let caption = format!(
            "{}, {}: mean {} of {} over pairs of hyperparameters{sides}. One colour scale for all.",
            study.source,
            results.marked(dataset),
            show.measure.name(),
            study.reference
        );
        let panels = maps.iter().flat_map(|map| map.panels(theirs().next().is_some())).collect();
        let id = slug(&[&study.id, dataset, "sensitivity"]);
        blocks.push(source.figure(&study.id, id, caption, &Grids { panels, columns: 2, range })?);
        blocks.extend(maps.iter().map(|map| map.table(dataset, results, show).folded()));
    }
    Ok(blocks)
}

/// One panel with its values.
struct Map<'a> {
    panel: &'a SensitivityPanel,
    rows: Vec<ParamValue>,
    columns: Vec<ParamValue>,
    ours: Vec<Vec<Option<Summary>>>,
    published: Vec<Vec<Option<f64>>>,
}

impl<'a> Map<'a> {
    fn new(
        panel: &'a SensitivityPanel,
        show: &Sensitivity,
        dataset: &str,
        scores: &Scores,
        table: Option<&PublishedTable>,
    ) -> Self {
        let held = |s: &&Swept| s.held_at(&panel.at);
        let values = |name: &str| {
            let mut values: Vec<ParamValue> = Vec::new();
            for value in scores.sweep.iter().filter(held).filter_map(|s| s.params.get(name)) {
                if !values.iter().any(|v| same(v, value)) {
                    values.push(value.clone());
                }
            }
            values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
            values
        };
        let (rows, columns) = (values(&panel.rows), values(&panel.columns));
        let at = |row: &ParamValue, column: &ParamValue| {
            let place = [(panel.rows.clone(), row.clone()), (panel.columns.clone(), column.clone())];
            panel.at.clone().into_iter().chain(place).collect::<BTreeMap<_, _>>()
        };
        let ours = |place: &BTreeMap<_, _>| {
            let swept = scores.sweep.iter().find(|s| s.held_at(place))?;
            Summary::of(&swept.by_repeat(show.measure).into_values().collect::<Vec<_>>()).ok()
        };
        // A published number that names no value of a hyperparameter stands for all of them.
        let published = |place: &BTreeMap<String, ParamValue>| {
            let row = table?.rows.iter().find(|row| {
                let here = row.params.iter().all(|(name, value)| match (name.as_str(), place.get(name)) {
                    ("panel", _) => value.to_string() == panel.panel,
                    (_, Some(have)) => same(have, value),
                    (_, None) => false,
                });
                here && row.dataset.as_deref() == Some(dataset) && row.metric == show.measure.name()
            });
            row?.mean
        };
        fn grid<T>(
            rows: &[ParamValue],
            columns: &[ParamValue],
            f: impl Fn(&ParamValue, &ParamValue) -> T,
        ) -> Vec<Vec<T>> {
            rows.iter().map(|r| columns.iter().map(|c| f(r, c)).collect()).collect()
        }
        Self {
            panel,
            ours: grid(&rows, &columns, |r, c| ours(&at(r, c))),
            published: grid(&rows, &columns, |r, c| published(&at(r, c))),
            rows,
            columns,
        }
    }

    fn title(&self) -> String {
        let at: Vec<String> = self.panel.at.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        format!("({}) {}", self.panel.panel, at.join(", "))
    }

    /// Ours, and the published map beside it.
    fn panels(&self, published: bool) -> Vec<GridPanel> {
        let panel = |whose: &str, values| GridPanel {
            title: format!("{}, {whose}", self.title()),
            row_axis: self.panel.rows.clone(),
            column_axis: self.panel.columns.clone(),
            rows: self.rows.iter().map(ParamValue::to_string).collect(),
            columns: self.columns.iter().map(ParamValue::to_string).collect(),
            values,
        };
        let ours = self.ours.iter().map(|row| row.iter().map(|s| s.map(|s| s.mean)).collect()).collect();
        let theirs = published.then(|| panel("published", self.published.clone()));
        std::iter::once(panel("ours", ours)).chain(theirs).collect()
    }

    fn table(&self, dataset: &str, results: &Results, show: &Sensitivity) -> Table {
        let study = &results.study;
        let caption = format!(
            "{} {}: {} by {} and {}",
            study.source,
            self.title(),
            show.measure.name(),
            self.panel.rows,
            self.panel.columns
        );
        let mut table = Table::new(slug(&[&study.id, dataset, &self.panel.panel]), caption, &[&self.panel.rows]);
        table.stamp = stamp(results);
        let title = |c: &ParamValue| Column { title: format!("{} = {c}", self.panel.columns), numeric: true };
        table.columns.extend(self.columns.iter().map(title));
        for ((row, ours), published) in self.rows.iter().zip(&self.ours).zip(&self.published) {
            let cell = |(ours, published): (&Option<Summary>, &Option<f64>)| Cell {
                text: ours.map_or_else(|| "–".into(), |s| plus_minus(s.mean, s.std)),
                value: ours.map(|s| s.mean),
                small: published.map(|v| format!("paper {v}")),
                ..Cell::default()
            };
            let head = Cell::text(row.to_string());
            table.rows.push([head].into_iter().chain(ours.iter().zip(published).map(cell)).collect());
        }
        table.notes.push("Mean ± standard deviation over repeats; nothing is chosen, every point is scored.".into());
        table
    }
}
