//! How often tasks share a group, over all repeats.

use std::collections::BTreeMap;

use mtl_core::sharing::{cliques, contrast, covariance, hard, order, strongest};
use mtl_experiments::results::Results;
use mtl_experiments::store::PointResult;
use mtl_experiments::study::RecoveryMaps;
use mtl_methods::TASK_GROUP;
use ndarray::{Array2, Axis};

use super::recovery::drawn;
use super::{Source, slug, stamp};
use crate::chart::{ChartError, Colours, Frames, Heat, HeatPanel, HeatRow};
use crate::document::{Block, Cell, Column, Table, number};

/// Most tasks whose names stand beside a picture.
const NAMED: usize = 50;

/// Pictures in a row, with names of tasks and without.
const PANELS: (usize, usize) = (3, 5);

/// Recurrent groups that are listed.
const LISTED: usize = 12;

/// Steps that the search for recurrent groups may take.
const STEPS: usize = 100_000;

/// What a method learned in all repeats.
struct Learned<'a> {
    method: &'a str,
    /// Mean of `theta' theta`, tasks x tasks.
    mean: Array2<f64>,
    /// The group with the largest share, by repeat and task.
    groups: Vec<Vec<usize>>,
}

impl<'a> Learned<'a> {
    /// None of a method that groups no tasks.
    fn of(results: &Results, dataset: &str, method: &'a str, source: Source<'_>) -> Option<Self> {
        let records = results.scores(dataset, method)?.records.values();
        let shares: Vec<Array2<f64>> = records.filter_map(|r| shares(r.scored()?, source)).collect();
        let mean = mean(shares.iter().map(covariance))?;
        Some(Self { method, mean, groups: shares.iter().map(strongest).collect() })
    }

    /// As a picture, with tasks in that order.
    fn panel(&self, order: &[usize]) -> HeatPanel {
        let contrast = contrast(&self.mean).map(number).unwrap_or_default();
        let panel = HeatPanel { subtitle: format!("contrast {contrast}"), ..picture(&self.mean, order) };
        HeatPanel { title: self.method.to_owned(), ..panel }
    }
}

/// The tasks' shares in groups, groups x tasks; 0 or 1 of a method that has labels only.
fn shares(point: &PointResult, source: Source<'_>) -> Option<Array2<f64>> {
    match point.artifacts.get("shares") {
        Some(hash) => source.store.matrix(hash),
        None => Some(hard(point.memberships.get(TASK_GROUP)?)),
    }
}

/// None without any, or of different sizes.
fn mean(mut all: impl Iterator<Item = Array2<f64>>) -> Option<Array2<f64>> {
    let (mut sum, mut count) = (all.next()?, 1.0);
    for next in all {
        if next.dim() != sum.dim() {
            return None;
        }
        sum += &next;
        count += 1.0;
    }
    Some(sum / count)
}

fn picture(covariance: &Array2<f64>, order: &[usize]) -> HeatPanel {
    HeatPanel {
        title: "truth".into(),
        subtitle: String::new(),
        values: covariance.select(Axis(0), order).select(Axis(1), order),
        axes: ["task", "task"],
    }
}

/// The true groups by repeat, where they are known.
fn truth(results: &Results, dataset: &str, source: Source<'_>) -> BTreeMap<u32, Vec<usize>> {
    let mut known = BTreeMap::new();
    for scores in results.study.methods.iter().filter_map(|m| results.scores(dataset, &m.label)) {
        for (repeat, record) in &scores.records {
            let kept = || source.store.matrix(record.scored()?.artifacts.get("true-groups")?);
            if let Some(groups) = (!known.contains_key(repeat)).then(kept).flatten() {
                known.insert(*repeat, groups.iter().map(|g| *g as usize).collect());
            }
        }
    }
    known
}

/// A picture a method, and one of the truth where it is known, then how much the repeats agree and which groups recur.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn blocks(results: &Results, maps: &RecoveryMaps, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let study = &results.study;
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    let mut contrasts: Vec<(String, BTreeMap<&str, Cell>)> = Vec::new();
    let mut recurrent = Recurrent::new(results);
    for dataset in results.datasets() {
        let methods = drawn(results, maps, dataset).into_iter();
        let learned: Vec<Learned<'_>> = methods.filter_map(|m| Learned::of(results, dataset, m, source)).collect();
        let reference = learned.iter().find(|l| l.method == study.reference);
        let Some(leading) = reference.or(learned.first()) else { continue };
        let m = leading.mean.nrows();
        let known = truth(results, dataset, source);
        let of_truth = mean(known.values().map(|groups| covariance(&hard(groups)))).filter(|c| c.nrows() == m);
        let order = match known.values().next() {
            Some(groups) if of_truth.is_some() => {
                let mut order: Vec<usize> = (0..m).collect();
                order.sort_by_key(|t| groups[*t]);
                order
            }
            _ => order(&leading.mean),
        };
        let variant = results.resolved.iter().find(|r| r.label == dataset).and_then(|r| r.variant.as_ref());
        let names = match variant {
            Some(variant) if variant.tasks.len() == m => variant.tasks.clone(),
            _ => (1..=m).map(|t| t.to_string()).collect(),
        };
        let in_order: Vec<String> = order.iter().map(|t| names[*t].clone()).collect();
        let beside = if of_truth.is_none() && m <= NAMED { in_order.clone() } else { Vec::new() };
        if of_truth.is_none() && m > NAMED {
            notes.push(format!("Order of the tasks of {dataset}: {}.", in_order.join(", ")));
        }
        let across = if beside.is_empty() { PANELS.1 } else { PANELS.0 };
        let alike = learned.iter().filter(|l| l.mean.nrows() == m);
        let panels: Vec<HeatPanel> =
            of_truth.iter().map(|c| picture(c, &order)).chain(alike.map(|l| l.panel(&order))).collect();
        rows.extend(panels.chunks(across).map(|panels| HeatRow {
            name: results.marked(dataset),
            colours: Colours::Shares,
            frames: Frames::Square(beside.clone()),
            panels: panels.to_vec(),
        }));
        contrasts
            .push((results.marked(dataset), learned.iter().map(|l| (l.method, contrast_of(l, results))).collect()));
        if let Some(reference) = reference {
            recurrent.add(&results.marked(dataset), reference, &names);
        }
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let caption = format!(
        "{}: mean over the repeats of theta' theta, tasks x tasks, with theta the shares of tasks in groups: how often two \
         tasks share a group. Tasks are in the order of their true groups or, where these are not known, of a clustering \
         of the map of {} (average linkage), in all maps alike.",
        study.source, study.reference
    );
    let figure = source.figure(&study.id, slug(&[&study.id, "covariance"]), caption, &Heat { rows })?;
    let mut blocks = vec![figure, contrast_table(results, &contrasts, notes).shown()];
    blocks.extend(recurrent.table());
    Ok(blocks)
}

/// The contrast, with the number of repeats where some are missing.
fn contrast_of(learned: &Learned<'_>, results: &Results) -> Cell {
    let (have, all) = (learned.groups.len(), results.study.protocol.repeats as usize);
    Cell { small: (have < all).then(|| format!("n = {have}")), ..Cell::maybe(contrast(&learned.mean)) }
}

fn contrast_table(results: &Results, contrasts: &[(String, BTreeMap<&str, Cell>)], notes: Vec<String>) -> Table {
    let study = &results.study;
    let caption = format!("{}: contrast of the maps", study.source);
    let mut table = Table::new(format!("{}-contrast", study.id), caption, &["method"]);
    table.columns.extend(contrasts.iter().map(|(dataset, _)| Column { title: dataset.clone(), numeric: true }));
    table.stamp = stamp(results);
    for method in study.methods.iter().map(|m| m.label.as_str()) {
        if contrasts.iter().any(|(_, cells)| cells.contains_key(method)) {
            let cells =
                contrasts.iter().map(|(_, cells)| cells.get(method).cloned().unwrap_or_else(|| Cell::text("–")));
            table.rows.push([Cell::text(method)].into_iter().chain(cells).collect());
        }
    }
    table.notes.push(
        "Mean of 4 m (1 - m) over the pairs of different tasks, m the entry of the map. 0: every pair is wholly together or \
         wholly apart in every repeat. Repeats that disagree and shares that are not 0 or 1 both raise it."
            .into(),
    );
    table.notes.extend(notes);
    table
}

/// Groups that the reference method finds again and again.
struct Recurrent {
    table: Table,
    more: bool,
}

impl Recurrent {
    fn new(results: &Results) -> Self {
        let study = &results.study;
        let caption = format!("{}: groups that recur with {}", study.source, study.reference);
        let columns = ["data set", "#tasks", "members", "#least pair, %", "#all at once, %"];
        let mut table = Table::new(format!("{}-recurrent", study.id), caption, &columns);
        table.stamp = stamp(results);
        Self { table, more: false }
    }

    /// Adds those of a data set; none of a single repeat.
    fn add(&mut self, dataset: &str, learned: &Learned<'_>, names: &[String]) {
        let repeats = learned.groups.len();
        if repeats < 2 {
            return;
        }
        let count = |a: usize, b: usize| learned.groups.iter().filter(|groups| groups[a] == groups[b]).count();
        let found = cliques(names.len(), |a, b| 5 * count(a, b) >= 4 * repeats, STEPS);
        // Size, repeats with all members together, repeats of the pair with the fewest, members.
        let mut sets: Vec<(usize, usize, usize, Vec<usize>)> = Vec::new();
        for set in found.sets {
            let at_once = learned.groups.iter().filter(|g| set.iter().all(|t| g[*t] == g[set[0]])).count();
            let pairs = set.iter().enumerate().flat_map(|(i, &b)| set[..i].iter().map(move |&a| count(a, b)));
            sets.push((set.len(), at_once, pairs.min().unwrap_or(0), set));
        }
        sets.sort_by(|a, b| (b.0, b.1, b.2).cmp(&(a.0, a.1, a.2)).then_with(|| a.3.cmp(&b.3)));
        self.more |= !found.complete || sets.len() > LISTED;
        let share = |count: usize| {
            let share = 100.0 * count as f64 / repeats as f64;
            Cell { value: Some(share), ..Cell::text(format!("{share:.0}")) }
        };
        for (size, at_once, least, set) in sets.into_iter().take(LISTED) {
            let members: Vec<&str> = set.iter().map(|t| names[*t].as_str()).collect();
            let row =
                [Cell::text(dataset), Cell::count(size), Cell::text(members.join(", ")), share(least), share(at_once)];
            self.table.rows.push(row.into());
        }
    }

    /// The table, if any group recurs.
    fn table(mut self) -> Option<Block> {
        let note = "Largest sets of tasks of which every pair has its largest share in the same group in at least 80 % of \
                    the repeats; they may overlap.";
        let more = format!(" There are more than these; up to {LISTED} a data set are listed.");
        self.table.notes.push(if self.more { format!("{note}{more}") } else { note.to_owned() });
        (!self.table.rows.is_empty()).then(|| self.table.shown())
    }
}
