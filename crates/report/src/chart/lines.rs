//! Lines over a common axis: a path over a parameter, a sensitivity, a convergence.

use plotters::prelude::*;

use super::axis::{Axis, Span};
use super::{Align, Canvas, Chart, ChartError, PALETTE, fitted, text_width};

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// Lower end; the value itself where there is no interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Point {
    /// A value without an interval.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, low: y, high: y }
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineStyle {
    /// Index into [`PALETTE`], which begins again at its end.
    pub colour: usize,
    /// Dashed rather than solid.
    pub dashed: bool,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// What the legend says; lines of one name share an entry and a marker.
    pub name: String,
    /// In the order in which they are joined. One that cannot be shown interrupts the line.
    pub points: Vec<Point>,
    /// How it looks.
    pub style: LineStyle,
}

/// One frame.
#[derive(Debug, Clone)]
pub struct LinePanel {
    /// Above the frame.
    pub title: String,
    /// Below the frame.
    pub x: Axis,
    /// On its left.
    pub y: Axis,
    /// The lines; later ones are drawn over earlier ones.
    pub lines: Vec<Line>,
}

/// Frames side by side, in rows of `columns`, with one legend on top.
#[derive(Debug, Clone)]
pub struct Lines {
    /// The frames.
    pub panels: Vec<LinePanel>,
    /// Frames in a row.
    pub columns: usize,
}

/// A line of more points has no markers, and a band for its intervals.
const MOST_MARKERS: usize = 25;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 190.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 46.0;
const LEFT: f64 = 28.0;
const RIGHT: f64 = 14.0;
const LEGEND_ROW: f64 = 20.0;
const SAMPLE: f64 = 34.0;
const DASH: f64 = 6.0;
const BREAK: f64 = 4.0;
const GRID: RGBColor = RGBColor(225, 228, 232);

impl Chart for Lines {
    fn size(&self) -> (u32, u32) {
        let rows = self.panels.len().div_ceil(self.columns.max(1)).max(1);
        let legend = self.legend().1;
        (self.width() as u32, (legend + rows as f64 * (TOP + HEIGHT + BOTTOM)) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), ChartError> {
        let (entries, height) = self.legend();
        for (i, entry) in entries.iter().enumerate() {
            let (x, y) = entry.at;
            let colour = entry.style.colour();
            entry.style.draw(canvas, &[(x, y), (x + SAMPLE, y)])?;
            if entry.marked {
                marker(canvas, (x + SAMPLE / 2.0, y), i, colour)?;
            }
            let size = fitted(entry.name, 12.0, self.width() - SAMPLE - 30.0);
            canvas.text(entry.name, x + SAMPLE + 6.0, y, size, Align::Left, BLACK)?;
        }
        let shape = |name: &str| entries.iter().position(|e| e.name == name).unwrap_or(0);
        let left = LEFT + self.panels.iter().map(LinePanel::labels_width).fold(0.0, f64::max);
        let columns = self.columns.max(1);
        for (i, panel) in self.panels.iter().enumerate() {
            let (x, y) = ((i % columns) as f64 * WIDTH, height + (i / columns) as f64 * (TOP + HEIGHT + BOTTOM));
            panel.draw(canvas, (x, y), left, &shape)?;
        }
        Ok(())
    }
}

/// A name of the legend.
#[derive(Debug)]
struct Entry<'a> {
    name: &'a str,
    style: LineStyle,
    marked: bool,
    at: (f64, f64),
}

impl Lines {
    fn width(&self) -> f64 {
        self.columns.min(self.panels.len()).max(1) as f64 * WIDTH
    }

    /// Every name once, in rows, and the height of the rows.
    fn legend(&self) -> (Vec<Entry<'_>>, f64) {
        let mut entries: Vec<Entry<'_>> = Vec::new();
        let start = (LEFT / 2.0, LEGEND_ROW / 2.0 + 2.0);
        let mut next = start;
        for line in self.panels.iter().flat_map(|p| &p.lines) {
            if let Some(entry) = entries.iter_mut().find(|e| e.name == line.name) {
                entry.marked |= line.marked();
                continue;
            }
            let width = SAMPLE + 6.0 + text_width(&line.name, 12.0);
            if next.0 > start.0 && next.0 + width > self.width() - RIGHT {
                next = (start.0, next.1 + LEGEND_ROW);
            }
            entries.push(Entry { name: &line.name, style: line.style, marked: line.marked(), at: next });
            next.0 += width + 22.0;
        }
        let height = if entries.is_empty() { 0.0 } else { next.1 + LEGEND_ROW / 2.0 };
        (entries, height)
    }
}

impl LineStyle {
    fn colour(self) -> RGBColor {
        PALETTE[self.colour % PALETTE.len()]
    }

    fn draw<DB: DrawingBackend>(self, canvas: &Canvas<'_, DB>, points: &[(f64, f64)]) -> Result<(), ChartError> {
        if !self.dashed {
            return canvas.line(points, 1.6, self.colour());
        }
        dashes(points).iter().try_for_each(|dash| canvas.line(dash, 1.6, self.colour()))
    }
}

impl Line {
    fn marked(&self) -> bool {
        self.points.len() <= MOST_MARKERS
    }
}

impl LinePanel {
    fn shows(&self, point: &Point) -> bool {
        self.x.scale.place(point.x).is_some() && self.y.scale.place(point.y).is_some()
    }

    /// Points that are joined.
    fn runs<'a>(&'a self, line: &'a Line) -> impl Iterator<Item = &'a [Point]> {
        line.points.split(|p| !self.shows(p)).filter(|run| !run.is_empty())
    }

    fn spans(&self) -> (Span, Span) {
        let shown: Vec<&Point> = self.lines.iter().flat_map(|l| self.runs(l)).flatten().collect();
        let y = shown.iter().flat_map(|p| [p.y, p.low, p.high]);
        (Span::of(self.x.scale, shown.iter().map(|p| p.x)), Span::of(self.y.scale, y))
    }

    /// Width of the labels on the left.
    fn labels_width(&self) -> f64 {
        let ticks = self.spans().1.ticks();
        ticks.labelled.iter().map(|(_, text)| text_width(text, 11.0)).fold(0.0, f64::max)
    }

    fn draw<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        (x0, y0): (f64, f64),
        left: f64,
        shape: &dyn Fn(&str) -> usize,
    ) -> Result<(), ChartError> {
        let (left, top) = (x0 + left, y0 + TOP);
        let (width, height) = (x0 + WIDTH - RIGHT - left, HEIGHT);
        let (bottom, middle) = (top + height, left + width / 2.0);
        let (across, up) = self.spans();
        let x = |v: f64| left + across.share(v) * width;
        let y = |v: f64| bottom - up.share(v) * height;

        let size = fitted(&self.title, 13.0, width + 2.0 * RIGHT);
        canvas.text(&self.title, middle, y0 + TOP / 2.0 + 2.0, size, Align::Centre, BLACK)?;
        let ticks = across.ticks();
        for (value, text) in &ticks.labelled {
            canvas.line(&[(x(*value), top), (x(*value), bottom)], 0.5, GRID)?;
            canvas.text(text, x(*value), bottom + 12.0, 11.0, Align::Centre, BLACK)?;
        }
        for value in ticks.between {
            canvas.line(&[(x(value), bottom), (x(value), bottom - 3.0)], 0.5, super::GREY)?;
        }
        let ticks = up.ticks();
        for (value, text) in &ticks.labelled {
            canvas.line(&[(left, y(*value)), (left + width, y(*value))], 0.5, GRID)?;
            canvas.text(text, left - 6.0, y(*value), 11.0, Align::Right, BLACK)?;
        }
        for value in ticks.between {
            canvas.line(&[(left, y(value)), (left + 3.0, y(value))], 0.5, super::GREY)?;
        }
        let size = fitted(&self.x.label, 12.0, width);
        canvas.text(&self.x.label, middle, bottom + 30.0, size, Align::Centre, BLACK)?;
        canvas.beside(&self.y.label, x0, top + height / 2.0, height)?;
        canvas.frame((left, top), (width, height))?;

        for line in &self.lines {
            let colour = line.style.colour();
            for run in self.runs(line) {
                let ends: Vec<_> = run.iter().map(|p| (x(p.x), p.ends().map(&y))).collect();
                if line.marked() {
                    for (x, [low, high]) in ends.into_iter().filter(|(_, [low, high])| high < low) {
                        canvas.line(&[(x, low), (x, high)], 1.0, colour)?;
                        for end in [low, high] {
                            canvas.line(&[(x - 3.0, end), (x + 3.0, end)], 1.0, colour)?;
                        }
                    }
                } else if ends.iter().any(|(_, [low, high])| high < low) {
                    let lower = ends.iter().map(|(x, [low, _])| (*x, *low));
                    let upper = ends.iter().rev().map(|(x, [_, high])| (*x, *high));
                    canvas.area(&lower.chain(upper).collect::<Vec<_>>(), colour, 0.18)?;
                }
            }
        }
        for line in &self.lines {
            let colour = line.style.colour();
            for run in self.runs(line) {
                let points: Vec<_> = run.iter().map(|p| (x(p.x), y(p.y))).collect();
                line.style.draw(canvas, &points)?;
                match points.as_slice() {
                    points if line.marked() => {
                        for at in points {
                            marker(canvas, *at, shape(&line.name), colour)?;
                        }
                    }
                    // Nothing is joined to it.
                    [(x, y)] => canvas.dot(*x, *y, 1.5, colour)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

impl Point {
    /// Ends of the interval, which is nothing where they are not numbers.
    fn ends(&self) -> [f64; 2] {
        [self.low, self.high].map(|end| if end.is_finite() { end } else { self.y })
    }
}

/// Pieces of a line, interrupted regularly along its length.
fn dashes(points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<_> = points.first().copied().into_iter().collect();
    let (mut drawn, mut left) = (true, DASH);
    for ends in points.windows(2) {
        let (mut from, to) = (ends[0], ends[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                if drawn {
                    piece.push(to);
                }
                break;
            }
            let share = left / length;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            if drawn {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            drawn = !drawn;
            left = if drawn { DASH } else { BREAK };
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

/// The shape of a line: six that are apart without colour, then five of them hollow.
fn marker<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    (x, y): (f64, f64),
    shape: usize,
    colour: RGBColor,
) -> Result<(), ChartError> {
    let r = 4.0;
    let fill = if shape % 12 < 6 { colour } else { WHITE };
    match shape % 6 {
        0 => {
            canvas.dot(x, y, r, colour)?;
            canvas.dot(x, y, r - 1.5, fill)
        }
        1 => canvas.polygon(
            &[(x - 3.0, y - 3.0), (x + 3.0, y - 3.0), (x + 3.0, y + 3.0), (x - 3.0, y + 3.0)],
            fill,
            colour,
        ),
        2 => canvas.polygon(&[(x - r, y + 3.0), (x, y - r), (x + r, y + 3.0)], fill, colour),
        3 => canvas.polygon(&[(x - r, y), (x, y - r), (x + r, y), (x, y + r)], fill, colour),
        4 => canvas.polygon(&[(x - r, y - 3.0), (x, y + r), (x + r, y - 3.0)], fill, colour),
        _ => {
            canvas.line(&[(x - r, y - r), (x + r, y + r)], 1.6, colour)?;
            canvas.line(&[(x - r, y + r), (x + r, y - r)], 1.6, colour)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::*;

    fn panel(scale: Scale, lines: &[(&str, &[f64])]) -> LinePanel {
        let axis = |scale| Axis { label: String::new(), scale };
        let line = |(colour, (name, values)): (usize, &(&str, &[f64]))| Line {
            name: (*name).to_owned(),
            points: values.iter().enumerate().map(|(i, v)| Point::new(i as f64, *v)).collect(),
            style: LineStyle { colour, dashed: false },
        };
        let lines = lines.iter().enumerate().map(line).collect();
        LinePanel { title: String::new(), x: axis(Scale::Linear), y: axis(scale), lines }
    }

    fn labels(scale: Scale, values: &[f64]) -> Vec<String> {
        Span::of(scale, values.iter().copied()).ticks().labelled.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn logarithms_have_ticks_at_powers_of_ten() {
        assert_eq!(labels(Scale::Log10, &[1e-3, 1e3]), ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]);
        assert_eq!(labels(Scale::Log10, &[1e-5, 1e-3]), ["1e-5", "1e-4", "0.001"]);
        assert_eq!(labels(Scale::Log10, &[1e-12, 1.0]), ["1e-12", "1e-10", "1e-8", "1e-6", "1e-4", "0.01", "1"]);
        assert_eq!(labels(Scale::Log10, &[0.19, 0.6]), ["0.2", "0.5"]);
        assert_eq!(labels(Scale::Log10, &[0.61, 0.69]), ["0.60", "0.65", "0.70"]);
        let between = Span::of(Scale::Log10, [0.1, 10.0].into_iter()).ticks().between;
        assert!(between.len() >= 16 && between.iter().all(|v| (0.05..20.0).contains(v)), "{between:?}");
    }

    #[test]
    fn even_ticks_suit_their_values() {
        assert_eq!(labels(Scale::Linear, &[1.0, 2.0]), ["1", "2"]);
        assert_eq!(labels(Scale::Linear, &[1.0, 4.0]), ["1", "2", "3", "4"]);
        assert_eq!(labels(Scale::Linear, &[0.0, 2.1e-7]), ["0", "5.0e-8", "1.0e-7", "1.5e-7", "2.0e-7"]);
        assert_eq!(labels(Scale::Linear, &[0.0]), ["0"]);
        assert!(!labels(Scale::Linear, &[0.5]).is_empty());
    }

    #[test]
    fn what_cannot_be_shown_interrupts_a_line() {
        let values: &[f64] = &[1.0, f64::NAN, 2.0, 3.0, 0.0, f64::INFINITY, 5.0, -1.0];
        let runs = |scale| {
            let panel = panel(scale, &[("a", values)]);
            panel.runs(&panel.lines[0]).map(<[Point]>::len).collect::<Vec<_>>()
        };
        assert_eq!(runs(Scale::Log10), [1, 2, 1]);
        assert_eq!(runs(Scale::Linear), [1, 3, 2]);
        let (_, up) = panel(Scale::Log10, &[("a", values)]).spans();
        assert!(up.low > -0.1 && up.high < 0.8, "{up:?}");
    }

    #[test]
    fn an_interval_that_reaches_zero_ends_at_the_frame() {
        let mut panel = panel(Scale::Log10, &[("a", &[1.0, 10.0])]);
        panel.lines[0].points[0].low = -0.5;
        panel.lines[0].points[1].high = f64::NAN;
        let (_, up) = panel.spans();
        assert!(up.low > -0.1);
        assert_eq!(up.share(-0.5), 0.0);
        assert_eq!(panel.lines[0].points[1].ends(), [10.0, 10.0]);
    }

    #[test]
    fn names_are_in_the_legend_once_and_wrap() {
        let one = panel(Scale::Linear, &[("a", &[1.0]), ("b", &[2.0])]);
        let mut chart = Lines { panels: vec![one.clone(), one], columns: 2 };
        let (entries, low) = chart.legend();
        assert_eq!(entries.iter().map(|e| e.name).collect::<Vec<_>>(), ["a", "b"]);
        let long: Vec<String> = (0..9).map(|i| format!("a rather long name of a variant {i}")).collect();
        let lines: Vec<(&str, &[f64])> = long.iter().map(|n| (n.as_str(), [1.0].as_slice())).collect();
        chart.panels[0] = panel(Scale::Linear, &lines);
        let (entries, high) = chart.legend();
        assert_eq!(entries.len(), 11);
        assert!(high > low + 2.0 * LEGEND_ROW, "{high} {low}");
        assert!(entries.iter().all(|e| e.at.0 + SAMPLE < chart.width() && e.at.1 < high));
    }

    #[test]
    fn the_size_grows_with_the_panels() {
        let size = |n: usize| Lines { panels: vec![panel(Scale::Linear, &[("a", &[1.0])]); n], columns: 2 }.size();
        assert!(size(2).0 > size(1).0 && size(2).1 == size(1).1);
        assert!(size(3).0 == size(2).0 && size(3).1 > size(2).1);
        assert!(size(0).0 > 0 && size(0).1 > 0);
    }

    #[test]
    fn dashes_cover_their_share_of_a_line() {
        let pieces = dashes(&[(0.0, 0.0), (3.0, 0.0), (3.0, 97.0)]);
        let length = |p: &Vec<(f64, f64)>| p.windows(2).map(|w| (w[1].0 - w[0].0).hypot(w[1].1 - w[0].1)).sum::<f64>();
        assert!((pieces.iter().map(length).sum::<f64>() - 60.0).abs() < 1e-9);
        assert_eq!(pieces[0], [(0.0, 0.0), (3.0, 0.0), (3.0, 3.0)]);
    }

    #[test]
    fn every_chart_draws() {
        let many: Vec<f64> = (0..100).map(|i| (-f64::from(i) / 9.0).exp()).collect();
        let mut all = panel(Scale::Log10, &[("a", &[f64::NAN]), ("b", &many), ("c", &[])]);
        all.lines[1].style.dashed = true;
        all.lines[1].points.iter_mut().for_each(|p| p.low *= 0.5);
        for panels in [vec![], vec![panel(Scale::Linear, &[])], vec![all]] {
            let chart = Lines { panels, columns: 0 };
            assert!(super::super::svg(&chart).is_ok() && super::super::png(&chart).is_ok());
        }
    }
}
