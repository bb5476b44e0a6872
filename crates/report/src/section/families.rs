//! A measure along an option of families of data sets: how time grows with their size, where a method helps.

use std::collections::BTreeMap;

use mtl_core::Sizes;
use mtl_experiments::Quantity;
use mtl_experiments::paper::DataUse;
use mtl_experiments::results::{Results, as_number};
use mtl_experiments::study::Families;
use mtl_stats::Summary;
use mtl_stats::growth::exponent;

use super::{Source, slug, stamp};
use crate::chart::{Axis, ChartError, Line, LinePanel, LineStyle, Lines, Point, Scale};
use crate::document::{Block, Cell, Column, Table, number, plus_minus};

/// A panel a family with a line a method (or, against another method, a line for each value of the other options), the
/// numbers, and what is said about them: exponents of times, paired tests of differences.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn blocks(results: &Results, show: &Families, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let study = &results.study;
    let mut families: Vec<Family> = Vec::new();
    for data in &study.data {
        match families.iter_mut().find(|f| f.label == data.family) {
            Some(family) => family.members.push(data),
            None => families.push(Family { label: &data.family, members: vec![data], results, show }),
        }
    }
    let panels: Vec<LinePanel> = families.iter().map(Family::panel).filter(|p| !p.lines.is_empty()).collect();
    if panels.is_empty() {
        return Ok(Vec::new());
    }
    let caption = match &show.against {
        Some(other) => format!(
            "{}: by how many per cent the test {} of {} is below that of {other}. Bars are one standard deviation over \
             repeats to both sides; above zero {} is better.",
            study.source,
            show.measure.name(),
            study.reference,
            study.reference
        ),
        None => format!(
            "{}: means of {} over repeats; bars are one standard deviation to both sides.",
            study.source,
            show.measure.name()
        ),
    };
    let chart = Lines { columns: panels.len().clamp(1, 3), panels };
    let mut blocks = vec![source.figure(&study.id, slug(&[&study.id, "families"]), caption, &chart)?];
    if show.measure.is_time() {
        blocks.push(exponents(&families, results, show).shown());
    }
    blocks.extend(show.reach.map(|target| reached(&families, results, show, target).shown()));
    blocks.push(numbers(&families, results, show).folded());
    if show.against.is_some() {
        blocks.extend(super::comparison::paired(results).map(Table::folded));
    }
    Ok(blocks)
}

/// Data sets that differ in their options.
struct Family<'a> {
    label: &'a str,
    members: Vec<&'a DataUse>,
    results: &'a Results,
    show: &'a Families,
}

/// A line's name, and its values by repeat along the axis.
type Along = (String, Vec<(f64, BTreeMap<u32, f64>)>);

impl Family<'_> {
    /// The option of the axis.
    fn option(&self) -> &str {
        let varies = |option: &&String| self.members.iter().all(|m| m.at.contains_key(*option));
        self.show.along.iter().find(varies).map_or("", String::as_str)
    }

    /// What the axis says.
    fn axis(&self) -> &str {
        if self.option() == "samples" { "training rows a task" } else { self.option() }
    }

    /// Where a member is on the axis.
    fn place(&self, member: &DataUse) -> Option<f64> {
        let value = as_number(member.at.get(self.option())?)?;
        if self.option() != "samples" {
            return Some(value);
        }
        let protocol = self.results.study.protocol;
        match protocol.split {
            // The sizes of such data's own parts are what their options say.
            Sizes::Fractions(_) if protocol.official => Some(value),
            split => split.training_rows(value as usize).map(|train| train as f64),
        }
    }

    /// The lines, each in the order of the axis.
    fn lines(&self) -> Vec<Along> {
        let study = &self.results.study;
        let mut lines: Vec<Along> = Vec::new();
        let mut add = |name: String, x: f64, values: BTreeMap<u32, f64>| {
            if values.is_empty() {
                return;
            }
            match lines.iter_mut().find(|(n, _)| *n == name) {
                Some((_, points)) => points.push((x, values)),
                None => lines.push((name, vec![(x, values)])),
            }
        };
        for member in &self.members {
            let Some(x) = self.place(member) else { continue };
            let values = |method: &str| {
                self.results.scores(&member.label, method).map(|s| s.chosen(self.show.measure)).unwrap_or_default()
            };
            match &self.show.against {
                Some(other) => {
                    let (ours, theirs) = (values(&study.reference), values(other));
                    let less = |(repeat, b): (&u32, &f64)| Some((*repeat, 100.0 * (1.0 - ours.get(repeat)? / b)));
                    add(self.others(member), x, theirs.iter().filter_map(less).collect());
                }
                None => study.methods.iter().for_each(|m| add(m.label.clone(), x, values(&m.label))),
            }
        }
        lines.iter_mut().for_each(|(_, points)| points.sort_by(|a, b| a.0.total_cmp(&b.0)));
        lines
    }

    /// The options of a member that are not on the axis.
    fn others(&self, member: &DataUse) -> String {
        let others = member.at.iter().filter(|(option, _)| *option != self.option());
        others.map(|(option, value)| format!("{option} {value}")).collect::<Vec<_>>().join(", ")
    }

    fn panel(&self) -> LinePanel {
        let study = &self.results.study;
        let line = |(i, (name, points)): (usize, Along)| {
            let point = |(x, values): (f64, BTreeMap<u32, f64>)| {
                let s = Summary::of(&values.into_values().collect::<Vec<_>>()).ok()?;
                let std = s.std.unwrap_or(0.0);
                Some(Point { x, y: s.mean, low: s.mean - std, high: s.mean + std })
            };
            let dashed = self.show.against.is_none() && name != study.reference;
            Line {
                name,
                points: points.into_iter().filter_map(point).collect(),
                style: LineStyle { colour: i, dashed },
            }
        };
        let y = match (&self.show.against, self.show.measure) {
            (Some(other), measure) => {
                Axis { label: format!("{} below {other}, %", measure.name()), scale: Scale::Linear }
            }
            (None, Quantity::Metric(metric)) => Axis { label: metric.name().into(), scale: Scale::Linear },
            (None, measure) => Axis { label: measure.name().into(), scale: Scale::Log10 },
        };
        LinePanel {
            title: self.label.to_owned(),
            x: Axis { label: self.axis().to_owned(), scale: Scale::Log10 },
            y,
            lines: self.lines().into_iter().enumerate().map(line).collect(),
        }
    }
}

fn numbers(families: &[Family<'_>], results: &Results, show: &Families) -> Table {
    let study = &results.study;
    let caption = format!("{}: the numbers of the figure", study.source);
    let measure = match &show.against {
        Some(other) => format!("#{} below {other}, %", show.measure.name()),
        None => format!("#{}", show.measure.name()),
    };
    let columns = ["family", "line", "axis", "#value", &measure];
    let mut table = Table::new(format!("{}-numbers", study.id), caption, &columns);
    table.stamp = stamp(results);
    for family in families {
        for (name, points) in family.lines() {
            for (x, values) in points {
                let Ok(s) = Summary::of(&values.into_values().collect::<Vec<_>>()) else { continue };
                table.rows.push(vec![
                    Cell::text(family.label),
                    Cell::text(&name),
                    Cell::text(family.axis()),
                    Cell::number(x),
                    Cell { value: Some(s.mean), ..Cell::text(plus_minus(s.mean, s.std)) },
                ]);
            }
        }
    }
    table.notes.push("Mean ± standard deviation over repeats.".into());
    table
}

/// Exponents of the power laws that come nearest to the times.
fn exponents(families: &[Family<'_>], results: &Results, show: &Families) -> Table {
    let study = &results.study;
    let mut methods: Vec<String> = Vec::new();
    for (name, _) in families.iter().flat_map(Family::lines) {
        if !methods.contains(&name) {
            methods.push(name);
        }
    }
    let caption = format!("{}: exponents of growth", study.source);
    let mut table = Table::new(&study.id, caption, &[&format!("{} along", show.measure.name())]);
    table.columns.extend(methods.iter().map(|m| Column { title: m.clone(), numeric: true }));
    table.stamp = stamp(results);
    for family in families {
        let lines = family.lines();
        let cell = |method: &String| {
            let points = lines.iter().find(|(name, _)| name == method).map_or(&[][..], |(_, points)| points.as_slice());
            let fitted = |repeat: u32| {
                let points: Option<Vec<_>> =
                    points.iter().map(|(x, values)| Some((*x, *values.get(&repeat)?))).collect();
                exponent(&points?)
            };
            let fitted: Vec<f64> = (0..study.protocol.repeats).filter_map(fitted).collect();
            match Summary::of(&fitted) {
                Ok(s) => Cell { value: Some(s.mean), ..Cell::text(plus_minus(s.mean, s.std)) },
                Err(_) => Cell::text("–"),
            }
        };
        let head = Cell::text(format!("{} ({})", family.axis(), family.label));
        table.rows.push([head].into_iter().chain(methods.iter().map(cell)).collect());
    }
    table.notes.push(
        "Slope on logarithmic axes, fitted to each repeat by least squares; mean ± standard deviation over repeats."
            .into(),
    );
    table
}

/// Where along the axis the mean of the measure first is as good as `target`.
fn reached(families: &[Family<'_>], results: &Results, show: &Families, target: f64) -> Table {
    let study = &results.study;
    let name = show.measure.name();
    let higher = show.measure.higher_is_better();
    let relation = if higher { "at least" } else { "at most" };
    let caption = format!("{}: where {name} is first {relation} {target}", study.source);
    let mut table = Table::new(format!("{}-reached", study.id), caption, &["family", "axis"]);
    let methods = results.methods();
    table.columns.extend(methods.iter().map(|m| Column { title: (*m).to_owned(), numeric: true }));
    table.stamp = stamp(results);
    for family in families {
        let lines = family.lines();
        let first = |method: &&str| {
            let points = lines.iter().find(|(line, _)| line == method).map_or(&[][..], |(_, points)| points.as_slice());
            let good = |(_, values): &&(f64, BTreeMap<u32, f64>)| {
                let mean = values.values().sum::<f64>() / values.len() as f64;
                if higher { mean >= target } else { mean <= target }
            };
            match (points.iter().find(good), points.last()) {
                (Some((x, _)), _) => Cell::number(*x),
                (None, Some((x, _))) => Cell::text(format!("> {}", number(*x))),
                (None, None) => Cell::text("–"),
            }
        };
        let head = [Cell::text(family.label), Cell::text(family.axis())];
        table.rows.push(head.into_iter().chain(methods.iter().map(first)).collect());
    }
    table.notes.push("Means over repeats, at the places that were tried.".into());
    table
}
