//! Values with intervals, one row a method: published beside ours, or paired differences.

use plotters::prelude::*;

use super::{Align, Canvas, Chart, ChartError, GREY, PALETTE, label, text_width, ticks};
use crate::document::number;

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// The value.
    pub value: f64,
    /// Lower end; the value itself where there is no interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Drawn hollow.
    pub hollow: bool,
}

/// One colour of marks, one mark a row.
#[derive(Debug, Clone)]
pub struct Series {
    /// What the legend says.
    pub name: String,
    /// A mark for every row of the panel that has one.
    pub marks: Vec<Option<Mark>>,
}

/// One frame.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Above the frame.
    pub title: String,
    /// Names of the rows, from the top.
    pub rows: Vec<String>,
    /// The marks.
    pub series: Vec<Series>,
    /// Below the axis.
    pub axis: String,
    /// A vertical line to compare with.
    pub reference: Option<f64>,
}

/// Frames side by side, in rows of `columns`.
#[derive(Debug, Clone)]
pub struct Intervals {
    /// The frames.
    pub panels: Vec<Panel>,
    /// Frames in a row.
    pub columns: usize,
}

/// How many times farther than usual a row has to reach to be left out of the range.
const FAR: f64 = 4.0;

/// Width of a frame with its margins, without the names of its rows.
const WIDTH: f64 = 252.0;
/// Width for the names of rows, where they need no more.
const NAMES: f64 = 78.0;
const TOP: f64 = 30.0;
const ROW: f64 = 24.0;
const BOTTOM: f64 = 48.0;
const LEGEND: f64 = 26.0;

impl Intervals {
    /// Width of the longest name of a row.
    fn names(&self) -> f64 {
        let names = self.panels.iter().flat_map(|p| &p.rows);
        names.map(|name| text_width(name, 12.0) + 14.0).fold(NAMES, f64::max)
    }

    fn panel_height(&self) -> f64 {
        let rows = self.panels.iter().map(|p| p.rows.len()).max().unwrap_or(1);
        TOP + rows as f64 * ROW + BOTTOM
    }
}

impl Chart for Intervals {
    fn size(&self) -> (u32, u32) {
        let columns = self.columns.min(self.panels.len()).max(1);
        let rows = self.panels.len().div_ceil(columns).max(1);
        ((columns as f64 * (self.names() + WIDTH) + 10.0) as u32, (rows as f64 * self.panel_height() + LEGEND) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), ChartError> {
        if let Some(first) = self.panels.first() {
            let mut x = self.names();
            for (series, colour) in first.series.iter().zip(PALETTE) {
                let hollow = series.marks.iter().flatten().any(|m| m.hollow);
                mark(canvas, x, LEGEND / 2.0, hollow, colour)?;
                canvas.text(&series.name, x + 10.0, LEGEND / 2.0, 12.0, Align::Left, BLACK)?;
                x += 30.0 + 7.2 * series.name.chars().count() as f64;
            }
        }
        for (i, panel) in self.panels.iter().enumerate() {
            let left = (i % self.columns) as f64 * (self.names() + WIDTH) + self.names();
            let corner = (left, LEGEND + (i / self.columns) as f64 * self.panel_height());
            panel.draw(canvas, corner)?;
        }
        Ok(())
    }
}

impl Panel {
    /// Smallest and largest value shown, with some room. A row that reaches far beyond the others does not count: it
    /// would squeeze them into a line. Its marks are shown as numbers at the edge.
    fn range(&self) -> (f64, f64) {
        let marks = |r: usize| self.series.iter().filter_map(move |s| s.marks.get(r).copied().flatten());
        let mut values: Vec<f64> = (0..self.rows.len()).flat_map(|r| marks(r).map(|m| m.value)).collect();
        if values.is_empty() {
            return (0.0, 1.0);
        }
        let centre = self.reference.unwrap_or_else(|| median(&mut values));
        let reach = |r: usize| {
            marks(r).flat_map(|m| [m.low, m.high, m.value]).map(|v| (v - centre).abs()).fold(0.0_f64, f64::max)
        };
        let mut reaches: Vec<f64> = (0..self.rows.len()).filter(|r| marks(*r).next().is_some()).map(reach).collect();
        let bound = FAR * median(&mut reaches);
        let near = (0..self.rows.len()).filter(|r| reach(*r) <= bound).flat_map(marks);
        let ends = near.flat_map(|m| [m.low, m.high, m.value]).chain(self.reference);
        let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let room = (0.06 * (high - low)).max(1e-3 * high.abs().max(low.abs())).max(1e-9);
        (low - room, high + room)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, (x0, y0): (f64, f64)) -> Result<(), ChartError> {
        let (left, right) = (x0, x0 + WIDTH - 12.0);
        let (top, bottom) = (y0 + TOP, y0 + TOP + self.rows.len() as f64 * ROW);
        let (low, high) = self.range();
        let x = |v: f64| left + (v - low) / (high - low) * (right - left);
        canvas.text(&self.title, (left + right) / 2.0, y0 + TOP / 2.0 + 2.0, 13.0, Align::Centre, BLACK)?;
        let ticks = ticks(low, high, 5);
        for tick in &ticks {
            canvas.line(&[(x(*tick), top), (x(*tick), bottom)], 0.5, RGBColor(225, 228, 232))?;
            canvas.text(&label(*tick, &ticks), x(*tick), bottom + 11.0, 11.0, Align::Centre, BLACK)?;
        }
        canvas.text(&self.axis, (left + right) / 2.0, bottom + 28.0, 11.0, Align::Centre, BLACK)?;
        if let Some(reference) = self.reference {
            canvas.line(&[(x(reference), top), (x(reference), bottom)], 1.0, BLACK)?;
        }
        for (r, name) in self.rows.iter().enumerate() {
            let middle = top + (r as f64 + 0.5) * ROW;
            canvas.text(name, left - 7.0, middle, 12.0, Align::Right, BLACK)?;
            // Marks share the height of the row; one that is alone stands in its middle.
            let there: Vec<_> = self
                .series
                .iter()
                .zip(PALETTE)
                .filter_map(|(series, colour)| Some((series.marks.get(r).copied().flatten()?, colour)))
                .collect();
            let present = there.len() as f64;
            for (s, (m, colour)) in there.into_iter().enumerate() {
                let y = middle + (s as f64 - (present - 1.0) / 2.0) * (ROW - 6.0) / present;
                if m.value > high {
                    canvas.text(&format!("{} >", number(m.value)), right - 4.0, y, 10.0, Align::Right, colour)?;
                    continue;
                }
                if m.value < low {
                    canvas.text(&format!("< {}", number(m.value)), left + 4.0, y, 10.0, Align::Left, colour)?;
                    continue;
                }
                let (from, to) = (m.low.clamp(low, high), m.high.clamp(low, high));
                if to > from {
                    canvas.line(&[(x(from), y), (x(to), y)], 1.4, colour)?;
                }
                mark(canvas, x(m.value), y, m.hollow, colour)?;
            }
        }
        canvas.line(&[(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], 0.8, GREY)
    }
}

/// A disc, or a hollow diamond: apart without colour.
fn mark<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    x: f64,
    y: f64,
    hollow: bool,
    colour: RGBColor,
) -> Result<(), ChartError> {
    if hollow {
        let r = 4.5;
        canvas.polygon(&[(x - r, y), (x, y - r), (x + r, y), (x, y + r)], WHITE, colour)
    } else {
        canvas.dot(x, y, 3.6, colour)
    }
}

/// The upper median of values that are there.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(values: &[f64]) -> Panel {
        let mark = |v: &f64| Some(Mark { value: *v, low: v - 0.1, high: v + 0.1, hollow: false });
        Panel {
            title: String::new(),
            rows: values.iter().map(f64::to_string).collect(),
            series: vec![Series { name: String::new(), marks: values.iter().map(mark).collect() }],
            axis: String::new(),
            reference: None,
        }
    }

    #[test]
    fn a_far_row_does_not_squeeze_the_others() {
        let (low, high) = panel(&[1.0, 1.1, 0.9, 1.2, 9.0]).range();
        assert!(low < 0.8 && (1.3..2.0).contains(&high), "{low} {high}");
        let (low, high) = panel(&[1.0, 1.1, 0.9, 1.2, 1.6]).range();
        assert!(low < 0.8 && high > 1.7, "{low} {high}");
        assert_eq!(panel(&[]).range(), (0.0, 1.0));
    }
}
