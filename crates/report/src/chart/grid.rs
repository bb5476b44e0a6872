//! Values over two parameters as coloured cells with their numbers.

use plotters::prelude::*;

use super::{Align, Canvas, Chart, ChartError, fitted, label, text_width, ticks};

/// One grid.
#[derive(Debug, Clone)]
pub struct GridPanel {
    /// Above the cells.
    pub title: String,
    /// What the rows are values of.
    pub row_axis: String,
    /// What the columns are values of.
    pub column_axis: String,
    /// Names of the rows, from the top.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows x columns; what is absent or not a number is shown as missing.
    pub values: Vec<Vec<Option<f64>>>,
}

/// Grids side by side, in rows of `columns`, on one colour scale.
#[derive(Debug, Clone)]
pub struct Grids {
    /// The grids.
    pub panels: Vec<GridPanel>,
    /// Grids in a row.
    pub columns: usize,
    /// Values of the first and the last colour; what lies beyond has the same.
    pub range: (f64, f64),
}

/// What a missing cell says.
const MISSING: &str = "–";
const MISSING_FILL: RGBColor = RGBColor(232, 234, 237);

const CELL: (f64, f64) = (40.0, 26.0);
const TOP: f64 = 32.0;
const BOTTOM: f64 = 46.0;
const LEFT: f64 = 30.0;
const GAP: f64 = 18.0;
const BAR: (f64, f64) = (12.0, 182.0);
/// Labels of the bar on its right.
const BAR_LABELS: f64 = 52.0;

/// Viridis at nine places: evenly lighter, for every kind of colour vision and in grey.
const VIRIDIS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 44.0, 122.0],
    [59.0, 81.0, 139.0],
    [44.0, 113.0, 142.0],
    [33.0, 144.0, 141.0],
    [39.0, 173.0, 129.0],
    [92.0, 200.0, 99.0],
    [170.0, 220.0, 50.0],
    [253.0, 231.0, 37.0],
];

/// Sizes that all grids of a figure share.
#[derive(Debug, Clone, Copy)]
struct Layout {
    left: f64,
    cell: (f64, f64),
    panel: (f64, f64),
}

impl Grids {
    fn layout(&self) -> Layout {
        let widest = |names: fn(&GridPanel) -> &Vec<String>| {
            let names = self.panels.iter().flat_map(names);
            names.map(|n| text_width(n, 11.0)).fold(0.0, f64::max)
        };
        let most = |names: fn(&GridPanel) -> &Vec<String>| {
            self.panels.iter().map(|p| names(p).len()).max().unwrap_or(0).max(1) as f64
        };
        let left = LEFT + widest(|p| &p.rows);
        let cell = (CELL.0.max(widest(|p| &p.columns) + 8.0), CELL.1);
        let panel = (left + most(|p| &p.columns) * cell.0 + GAP, TOP + most(|p| &p.rows) * cell.1 + BOTTOM);
        Layout { left, cell, panel }
    }

    fn across(&self) -> usize {
        self.columns.min(self.panels.len()).max(1)
    }

    /// Position of a value on the colour scale.
    fn share(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        let share = (value - low) / (high - low);
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }
    }

    /// The colour scale with its labels; a tip where values lie beyond it.
    fn bar<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, (x, y): (f64, f64)) -> Result<(), ChartError> {
        let (low, high) = self.range;
        let steps = 91;
        let step = BAR.1 / f64::from(steps);
        for i in 0..steps {
            let colour = sequential(1.0 - (f64::from(i) + 0.5) / f64::from(steps));
            canvas.rectangle((x, y + f64::from(i) * step), (BAR.0, step), colour)?;
        }
        let found = ticks(low, high, 5);
        for tick in &found {
            let at = y + (1.0 - self.share(*tick)) * BAR.1;
            canvas.line(&[(x + BAR.0, at), (x + BAR.0 + 3.0, at)], 0.5, BLACK)?;
            canvas.text(&label(*tick, &found), x + BAR.0 + 6.0, at, 11.0, Align::Left, BLACK)?;
        }
        canvas.frame((x, y), BAR)?;
        let values = || self.panels.iter().flat_map(|p| &p.values).flatten().flatten().filter(|v| v.is_finite());
        let (middle, right) = (x + BAR.0 / 2.0, x + BAR.0);
        if values().any(|v| *v > high) {
            canvas.area(&[(x, y - 2.0), (middle, y - 10.0), (right, y - 2.0)], sequential(1.0), 1.0)?;
        }
        if values().any(|v| *v < low) {
            let y = y + BAR.1;
            canvas.area(&[(x, y + 2.0), (middle, y + 10.0), (right, y + 2.0)], sequential(0.0), 1.0)?;
        }
        Ok(())
    }
}

impl Chart for Grids {
    fn size(&self) -> (u32, u32) {
        let (width, height) = self.layout().panel;
        let rows = self.panels.len().div_ceil(self.across()).max(1) as f64;
        let height = (rows * height).max(TOP + BAR.1 + BOTTOM);
        ((self.across() as f64 * width + BAR.0 + BAR_LABELS) as u32, height as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), ChartError> {
        let layout = self.layout();
        for (i, panel) in self.panels.iter().enumerate() {
            let at = ((i % self.across()) as f64 * layout.panel.0, (i / self.across()) as f64 * layout.panel.1);
            panel.draw(canvas, at, layout, &|v| sequential(self.share(v)))?;
        }
        self.bar(canvas, (self.across() as f64 * layout.panel.0, TOP))
    }
}

impl GridPanel {
    /// A number of the grid, if it is there.
    fn value(&self, row: usize, column: usize) -> Option<f64> {
        self.values.get(row)?.get(column).copied().flatten().filter(|v| v.is_finite())
    }

    fn draw<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        (x0, y0): (f64, f64),
        layout: Layout,
        colour: &dyn Fn(f64) -> RGBColor,
    ) -> Result<(), ChartError> {
        let (left, top) = (x0 + layout.left, y0 + TOP);
        let (w, h) = layout.cell;
        let (width, height) = (self.columns.len() as f64 * w, self.rows.len() as f64 * h);
        let middle = left + width / 2.0;
        let size = fitted(&self.title, 13.0, width + GAP);
        canvas.text(&self.title, middle, y0 + TOP / 2.0 + 2.0, size, Align::Centre, BLACK)?;
        for (r, name) in self.rows.iter().enumerate() {
            let y = top + r as f64 * h;
            canvas.text(name, left - 6.0, y + h / 2.0, 11.0, Align::Right, BLACK)?;
            for c in 0..self.columns.len() {
                let x = left + c as f64 * w;
                let value = self.value(r, c);
                let fill = value.map_or(MISSING_FILL, colour);
                canvas.rectangle((x, y), (w, h), fill)?;
                let text = value.map_or_else(|| MISSING.to_owned(), short);
                canvas.text(&text, x + w / 2.0, y + h / 2.0, 11.0, Align::Centre, ink(fill))?;
            }
        }
        for (c, name) in self.columns.iter().enumerate() {
            canvas.text(name, left + (c as f64 + 0.5) * w, top + height + 12.0, 11.0, Align::Centre, BLACK)?;
        }
        canvas.frame((left, top), (width, height))?;
        let size = fitted(&self.column_axis, 12.0, width);
        canvas.text(&self.column_axis, middle, top + height + 29.0, size, Align::Centre, BLACK)?;
        canvas.beside(&self.row_axis, x0, top + height / 2.0, height)
    }
}

/// From dark to light.
fn sequential(share: f64) -> RGBColor {
    let at = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let i = (at as usize).min(VIRIDIS.len() - 2);
    let mix = |k: usize| (VIRIDIS[i][k] + (at - i as f64) * (VIRIDIS[i + 1][k] - VIRIDIS[i][k])).round() as u8;
    RGBColor(mix(0), mix(1), mix(2))
}

/// Black or white, whichever contrasts more by the formula of WCAG.
fn ink(fill: RGBColor) -> RGBColor {
    // Contrast with black is (l + 0.05) / 0.05, with white 1.05 / (l + 0.05).
    if (luminance(fill) + 0.05).powi(2) >= 1.05 * 0.05 { BLACK } else { WHITE }
}

/// Relative luminance of sRGB.
fn luminance(RGBColor(r, g, b): RGBColor) -> f64 {
    let linear = |c: u8| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// Two or three digits.
fn short(value: f64) -> String {
    // The exponent after rounding: 0.9996 is 1.00.
    let rounded = format!("{value:.2e}");
    let exponent = rounded.split('e').nth(1).and_then(|e| e.parse::<i32>().ok()).unwrap_or(0);
    match exponent {
        _ if value == 0.0 => "0".to_owned(),
        0..=2 => format!("{value:.*}", 2 - exponent as usize),
        -2..0 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(rows: usize, columns: usize) -> GridPanel {
        let names = |n: usize| (0..n).map(|i| i.to_string()).collect();
        GridPanel {
            title: String::new(),
            row_axis: String::new(),
            column_axis: String::new(),
            rows: names(rows),
            columns: names(columns),
            values: vec![vec![Some(0.5); columns]; rows],
        }
    }

    fn grids(panels: Vec<GridPanel>, columns: usize) -> Grids {
        Grids { panels, columns, range: (0.0, 1.0) }
    }

    #[test]
    fn numbers_are_short() {
        let cases = [0.0, 0.5344, 0.9996, 1.2345, 9.996, 12.34, 123.4, 1234.0, 0.01234, 0.00123, -0.5];
        let shown = ["0", "0.534", "1.00", "1.23", "10.0", "12.3", "123", "1.2e3", "0.012", "1.2e-3", "-0.500"];
        assert_eq!(cases.map(short), shown);
    }

    #[test]
    fn text_contrasts_with_its_cell() {
        assert_eq!(ink(WHITE), BLACK);
        assert_eq!(ink(BLACK), WHITE);
        assert_eq!((ink(sequential(0.0)), ink(sequential(1.0))), (WHITE, BLACK));
        for i in 0..=100 {
            let fill = sequential(f64::from(i) / 100.0);
            let (a, b) = (luminance(fill) + 0.05, luminance(ink(fill)) + 0.05);
            assert!(a.max(b) / a.min(b) > 4.5, "{i}");
        }
    }

    #[test]
    fn colours_get_lighter_and_end_with_the_range() {
        let light: Vec<f64> = (0..=64).map(|i| luminance(sequential(f64::from(i) / 64.0))).collect();
        assert!(light.is_sorted(), "{light:?}");
        let chart = grids(vec![], 1);
        assert_eq!([-3.0, 0.0, 0.25, 1.0, 7.0].map(|v| chart.share(v)), [0.0, 0.0, 0.25, 1.0, 1.0]);
        let flat = Grids { range: (1.0, 1.0), ..chart };
        assert_eq!(flat.share(1.0), 0.5);
    }

    #[test]
    fn missing_cells_are_those_without_a_number() {
        let mut panel = panel(2, 3);
        panel.values = vec![vec![Some(1.0), None, Some(f64::NAN)], vec![Some(2.0)]];
        let there: Vec<_> = (0..6).map(|i| panel.value(i / 3, i % 3)).collect();
        assert_eq!(there, [Some(1.0), None, None, Some(2.0), None, None]);
    }

    #[test]
    fn the_size_grows_with_panels_and_names() {
        let size = |n: usize| grids(vec![panel(7, 7); n], 2).size();
        assert!(size(2).0 > size(1).0 && size(2).1 == size(1).1);
        assert!(size(3).0 == size(2).0 && size(3).1 > size(2).1);
        let mut long = panel(7, 7);
        long.columns[3] = "a rather long name".into();
        assert!(grids(vec![long], 2).size().0 > size(1).0 + 7 * 40);
    }

    #[test]
    fn every_chart_draws() {
        let mut odd = panel(3, 2);
        odd.values = vec![vec![None, Some(9.0)], vec![Some(-9.0)]];
        for (panels, range) in [(vec![], (0.0, 1.0)), (vec![panel(0, 0)], (f64::NAN, 1.0)), (vec![odd], (1.0, 0.0))] {
            let chart = Grids { panels, columns: 0, range };
            assert!(super::super::svg(&chart).is_ok() && super::super::png(&chart).is_ok());
        }
    }
}
