//! Charts, drawn once for SVG and once for pixels.

mod axis;
mod grid;
mod heat;
mod intervals;
mod lines;
mod solid;

pub use axis::{Axis, Scale};
pub use grid::{GridPanel, Grids};
pub use heat::{Colours, Frames, Heat, HeatPanel, HeatRow, WEIGHTS};
pub use intervals::{Intervals, Mark, Panel, Series};
pub use lines::{Line, LinePanel, LineStyle, Lines, Point};
pub use solid::{Point3, SolidPanel, Solids};

use std::sync::Once;

use image::{ColorType, ImageEncoder, codecs::png::PngEncoder};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

/// Pixels of a PNG for each unit of a drawing.
const RESOLUTION: f64 = 2.0;

/// Black with orange, blue, green, purple and red: apart for every kind of colour vision (Okabe and Ito, 2008).
pub const PALETTE: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];

/// Colour of lines that carry no data.
const GREY: RGBColor = RGBColor(130, 138, 146);

/// Widest name of a vertical axis that is not turned.
const SHORT: f64 = 18.0;

/// A drawing failed: text that no font has, or a size of zero.
#[derive(Debug, thiserror::Error)]
#[error("a chart cannot be drawn: {0}")]
pub struct ChartError(String);

impl ChartError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Something that can be drawn on any backend.
pub trait Chart {
    /// Width and height in units.
    fn size(&self) -> (u32, u32);

    /// Draws on an area `scale` times that size.
    ///
    /// # Errors
    /// If the backend refuses.
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), ChartError>;
}

/// A drawing area with its scale.
pub struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    scale: f64,
}

/// Where text stands in relation to its point.
#[derive(Debug, Clone, Copy)]
enum Align {
    Left,
    Centre,
    Right,
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    fn at(&self, x: f64, y: f64) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn put<E>(&self, element: &E) -> Result<(), ChartError>
    where
        for<'b> &'b E: plotters::element::PointCollection<'b, (i32, i32)>,
        E: plotters::element::Drawable<DB>,
    {
        self.area.draw(element).map_err(ChartError::new)
    }

    fn text(&self, text: &str, x: f64, y: f64, size: f64, align: Align, colour: RGBColor) -> Result<(), ChartError> {
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style = ("sans-serif", size * self.scale).into_font().color(&colour);
        let style = style.pos(Pos::new(horizontal, VPos::Center));
        self.put(&Text::new(text.to_owned(), self.at(x, y), style))
    }

    /// Name of a vertical axis, right of `x` and centred at `y`: upwards in `length`, unless it is short.
    fn beside(&self, text: &str, x: f64, y: f64, length: f64) -> Result<(), ChartError> {
        if text_width(text, 12.0) <= SHORT {
            return self.text(text, x + 4.0, y, 12.0, Align::Left, BLACK);
        }
        let size = fitted(text, 12.0, length) * self.scale;
        let style = ("sans-serif", size).into_font().transform(FontTransform::Rotate270).color(&BLACK);
        let style = style.pos(Pos::new(HPos::Center, VPos::Center));
        self.put(&Text::new(text.to_owned(), self.at(x + 11.0, y), style))
    }

    fn line(&self, points: &[(f64, f64)], width: f64, colour: RGBColor) -> Result<(), ChartError> {
        let points: Vec<_> = points.iter().map(|(x, y)| self.at(*x, *y)).collect();
        let width = (width * self.scale).round().max(1.0) as u32;
        self.put(&PathElement::new(points, colour.stroke_width(width)))
    }

    fn polygon(&self, points: &[(f64, f64)], fill: RGBColor, edge: RGBColor) -> Result<(), ChartError> {
        let mut points: Vec<_> = points.iter().map(|(x, y)| self.at(*x, *y)).collect();
        self.put(&Polygon::new(points.clone(), fill.filled()))?;
        points.extend(points.first().copied());
        self.put(&PathElement::new(points, edge.stroke_width((1.4 * self.scale).round() as u32)))
    }

    /// A filled shape without an edge, see-through where `opacity` is below one.
    fn area(&self, points: &[(f64, f64)], fill: RGBColor, opacity: f64) -> Result<(), ChartError> {
        let points: Vec<_> = points.iter().map(|(x, y)| self.at(*x, *y)).collect();
        self.put(&Polygon::new(points, fill.mix(opacity).filled()))
    }

    fn rectangle(&self, (x, y): (f64, f64), (w, h): (f64, f64), fill: RGBColor) -> Result<(), ChartError> {
        self.put(&Rectangle::new([self.at(x, y), self.at(x + w, y + h)], fill.filled()))
    }

    fn frame(&self, (x, y): (f64, f64), (w, h): (f64, f64)) -> Result<(), ChartError> {
        self.line(&[(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)], 0.8, GREY)
    }

    fn dot(&self, x: f64, y: f64, radius: f64, colour: RGBColor) -> Result<(), ChartError> {
        self.put(&Circle::new(self.at(x, y), (radius * self.scale).round() as i32, colour.filled()))
    }
}

fn fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The font is a constant of ours; a chart without it fails with a message.
        let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
    });
}

/// Width of text in units.
fn text_width(text: &str, size: f64) -> f64 {
    fonts();
    let measured = ("sans-serif", size).into_font().box_size(text);
    measured.map_or(0.6 * size * text.chars().count() as f64, |(width, _)| f64::from(width))
}

/// The size at which text is no wider than `width`.
fn fitted(text: &str, size: f64, width: f64) -> f64 {
    size * (width / text_width(text, size).max(1.0)).min(1.0)
}

/// The drawing as SVG.
///
/// # Errors
/// If it cannot be drawn.
pub fn svg(chart: &impl Chart) -> Result<String, ChartError> {
    fonts();
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, chart.size()).into_drawing_area();
        area.fill(&WHITE).map_err(ChartError::new)?;
        chart.draw(&Canvas { area: &area, scale: 1.0 })?;
        area.present().map_err(ChartError::new)?;
    }
    Ok(text)
}

/// The drawing as PNG, at twice the resolution.
///
/// # Errors
/// If it cannot be drawn.
pub fn png(chart: &impl Chart) -> Result<Vec<u8>, ChartError> {
    fonts();
    let (width, height) = chart.size();
    let size = ((f64::from(width) * RESOLUTION) as u32, (f64::from(height) * RESOLUTION) as u32);
    let mut pixels = vec![0; size.0 as usize * size.1 as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        area.fill(&WHITE).map_err(ChartError::new)?;
        chart.draw(&Canvas { area: &area, scale: RESOLUTION })?;
        area.present().map_err(ChartError::new)?;
    }
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(&pixels, size.0, size.1, ColorType::Rgb8).map_err(ChartError::new)?;
    Ok(bytes)
}

/// Round numbers that cover a range, at most `most` of them; none where an end is no number.
fn ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    if !(low.is_finite() && high.is_finite()) {
        return Vec::new();
    }
    // Steps below rounding would never get anywhere.
    let range = (high - low).max(1e-9 * high.abs().max(low.abs()).max(1e-9));
    let power = 10f64.powf((range / most as f64).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| range / s <= most as f64);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|t| *t <= high + 1e-9 * range).collect()
}

/// A tick's label, in as many digits as tell it from its neighbours.
fn label(value: f64, ticks: &[f64]) -> String {
    let step = ticks.windows(2).map(|w| w[1] - w[0]).fold(f64::INFINITY, f64::min);
    let decimals = if step.is_finite() { (-step.log10()).ceil().clamp(0.0, 8.0) as usize } else { 3 };
    // -0 would print its sign.
    format!("{:.decimals$}", if value.abs() < 1e-12 { 0.0 } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let found = ticks(0.117, 0.183, 5);
        let labels: Vec<_> = found.iter().map(|t| label(*t, &found)).collect();
        assert_eq!(labels, ["0.12", "0.14", "0.16", "0.18"]);
        let found = ticks(-3.0, 4.0, 4);
        let labels: Vec<_> = found.iter().map(|t| label(*t, &found)).collect();
        assert_eq!(labels, ["-2", "0", "2", "4"]);
        assert!(ticks(1.0, 1.0, 4).len() <= 5);
        assert!(ticks(f64::NAN, 1.0, 4).is_empty() && ticks(0.0, f64::INFINITY, 4).is_empty());
    }
}
