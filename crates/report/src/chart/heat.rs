//! Matrices as pictures: one frame a matrix, rows of frames on one colour scale.

use ndarray::Array2;
use plotters::element::BitMapElement;
use plotters::prelude::*;

use super::{Align, Canvas, Chart, ChartError, GREY, label, text_width};

/// One matrix.
#[derive(Debug, Clone)]
pub struct HeatPanel {
    /// Above the frame.
    pub title: String,
    /// Below the title, small.
    pub subtitle: String,
    /// The matrix.
    pub values: Array2<f64>,
    /// What its rows and columns are.
    pub axes: [&'static str; 2],
}

/// What weights are drawn as: the axes of their matrix.
pub const WEIGHTS: [&str; 2] = ["feature", "task"];

/// How values become colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Blue below zero and red above, up to the largest value of the row. By the root of the value, so that small ones
    /// are seen: whether weights are exactly zero is what these pictures are about.
    Signed,
    /// From white at 0 to black at 1.
    Shares,
    /// White at 0, and from grey to black by the root of the value, up to the largest of the row: what is zero is told from
    /// what is small.
    Norms,
}

/// The grey of what is just not zero.
const FAINT: f64 = 0.15;

/// The frames of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Frames {
    /// Of one size, higher than wide.
    #[default]
    Tall,
    /// Squares; names of the matrices' rows stand beside the first one, which grows with them. Without names rows are
    /// counted.
    Square(Vec<String>),
}

/// A row of matrices on one colour scale.
#[derive(Debug, Clone)]
pub struct HeatRow {
    /// Above the row.
    pub name: String,
    /// The colours.
    pub colours: Colours,
    /// The frames.
    pub frames: Frames,
    /// The matrices.
    pub panels: Vec<HeatPanel>,
}

/// Rows of matrices.
#[derive(Debug, Clone)]
pub struct Heat {
    /// The rows.
    pub rows: Vec<HeatRow>,
}

const LEFT: f64 = 56.0;
const FRAME: (f64, f64) = (210.0, 260.0);
const GAP: f64 = 56.0;
const HEAD: f64 = 62.0;
const FOOT: f64 = 44.0;
const BAR: f64 = 70.0;
/// Size of the names of rows, and the height that each one has.
const NAME: (f64, f64) = (8.0, 9.0);

impl HeatRow {
    fn names(&self) -> &[String] {
        if let Frames::Square(names) = &self.frames { names } else { &[] }
    }

    /// Width and height of a frame.
    fn frame(&self) -> (f64, f64) {
        let side = FRAME.1.max(NAME.1 * self.names().len() as f64);
        if self.frames == Frames::Tall { FRAME } else { (side, side) }
    }

    /// Where the first frame begins.
    fn left(&self) -> f64 {
        self.names().iter().map(|name| text_width(name, NAME.0) + 12.0).fold(LEFT, f64::max)
    }

    fn width(&self) -> f64 {
        self.left() + self.panels.len().max(1) as f64 * (self.frame().0 + GAP) + BAR
    }

    fn height(&self) -> f64 {
        HEAD + self.frame().1 + FOOT
    }
}

impl Chart for Heat {
    fn size(&self) -> (u32, u32) {
        let width = self.rows.iter().map(HeatRow::width).fold(LEFT + FRAME.0 + GAP + BAR, f64::max);
        (width as u32, self.rows.iter().map(HeatRow::height).sum::<f64>() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), ChartError> {
        let mut top = HEAD;
        for row in &self.rows {
            let HeatRow { name, colours, panels, .. } = row;
            let (left, frame) = (row.left(), row.frame());
            canvas.text(name, LEFT, top - HEAD + 14.0, 14.0, Align::Left, BLACK)?;
            let largest = match colours {
                Colours::Signed | Colours::Norms => {
                    panels.iter().flat_map(|p| &p.values).fold(1e-12_f64, |m, v| m.max(v.abs()))
                }
                Colours::Shares => 1.0,
            };
            for (c, panel) in panels.iter().enumerate() {
                let x = left + c as f64 * (frame.0 + GAP);
                panel.draw(canvas, (x, top), frame, &|value| colours.of(value / largest))?;
                match row.names() {
                    [] => panel.count_rows(canvas, (x, top), frame.1)?,
                    names if c == 0 => {
                        let height = frame.1 / names.len() as f64;
                        for (i, name) in names.iter().enumerate() {
                            let y = top + (i as f64 + 0.5) * height;
                            canvas.text(name, x - 6.0, y, NAME.0, Align::Right, BLACK)?;
                        }
                    }
                    _ => {}
                }
            }
            let x = left + panels.len() as f64 * (frame.0 + GAP) - 34.0;
            colour_bar(canvas, (x, top), frame.1, *colours, largest)?;
            top += row.height();
        }
        Ok(())
    }
}

impl HeatPanel {
    fn draw<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        (x, y): (f64, f64),
        frame: (f64, f64),
        colour: &dyn Fn(f64) -> RGBColor,
    ) -> Result<(), ChartError> {
        let (p, m) = self.values.dim();
        let colour = |u: f64, v: f64| {
            let (i, j) = ((v * p as f64) as usize, (u * m as f64) as usize);
            colour(self.values[[i.min(p - 1), j.min(m - 1)]])
        };
        bitmap(canvas, (x, y), frame, &colour)?;
        canvas.frame((x, y), frame)?;
        let centre = x + frame.0 / 2.0;
        canvas.text(&self.title, centre, y - 25.0, 13.0, Align::Centre, BLACK)?;
        canvas.text(&self.subtitle, centre, y - 9.0, 11.0, Align::Centre, GREY)?;
        for (position, text, align) in [(0.0, "1".to_owned(), Align::Left), (1.0, m.to_string(), Align::Right)] {
            canvas.text(&text, x + position * frame.0, y + frame.1 + 11.0, 11.0, align, BLACK)?;
        }
        canvas.text(self.axes[1], centre, y + frame.1 + 11.0, 11.0, Align::Centre, BLACK)
    }

    /// What the rows are, and how many.
    fn count_rows<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        (x, y): (f64, f64),
        height: f64,
    ) -> Result<(), ChartError> {
        canvas.text("1", x - 6.0, y + 5.0, 11.0, Align::Right, BLACK)?;
        canvas.text(self.axes[0], x - 6.0, y + height / 2.0, 11.0, Align::Right, BLACK)?;
        canvas.text(&self.values.nrows().to_string(), x - 6.0, y + height - 5.0, 11.0, Align::Right, BLACK)
    }
}

fn colour_bar<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    (x, y): (f64, f64),
    height: f64,
    colours: Colours,
    largest: f64,
) -> Result<(), ChartError> {
    let size = (12.0, height);
    let value = |v: f64| match colours {
        Colours::Signed => 1.0 - 2.0 * v,
        Colours::Shares | Colours::Norms => 1.0 - v,
    };
    bitmap(canvas, (x, y), size, &|_, v| colours.of(value(v)))?;
    canvas.frame((x, y), size)?;
    for (i, value) in [0.0, 0.5, 1.0].map(|v| value(v) * largest).into_iter().enumerate() {
        let at = y + 5.0 + i as f64 * (height - 10.0) / 2.0;
        let step = if colours == Colours::Norms { largest / 10.0 } else { 0.1 };
        canvas.text(&label(value, &[0.0, step]), x + 17.0, at, 11.0, Align::Left, BLACK)?;
    }
    Ok(())
}

/// Pixels whose colours are a function of the position in the unit square.
fn bitmap<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    (x, y): (f64, f64),
    (w, h): (f64, f64),
    colour: &dyn Fn(f64, f64) -> RGBColor,
) -> Result<(), ChartError> {
    let size = ((w * canvas.scale) as u32, (h * canvas.scale) as u32);
    let mut pixels = Vec::with_capacity(size.0 as usize * size.1 as usize * 3);
    for j in 0..size.1 {
        for i in 0..size.0 {
            let at = |k: u32, n: u32| (f64::from(k) + 0.5) / f64::from(n);
            let RGBColor(r, g, b) = colour(at(i, size.0), at(j, size.1));
            pixels.extend([r, g, b]);
        }
    }
    let image: Option<BitMapElement<'_, (i32, i32)>> = BitMapElement::with_owned_buffer(canvas.at(x, y), size, pixels);
    match image {
        Some(image) => canvas.put(&image),
        None => Err(ChartError::new("a bitmap of the wrong size")),
    }
}

impl Colours {
    /// The colour of a value from -1 to 1, apart for every kind of colour vision.
    fn of(self, value: f64) -> RGBColor {
        const BLUE: [f64; 3] = [5.0, 80.0, 160.0];
        const RED: [f64; 3] = [178.0, 40.0, 24.0];
        const DARK: [f64; 3] = [16.0, 24.0, 40.0];
        let size = value.abs().min(1.0);
        let (end, share) = match self {
            Self::Signed => (if value < 0.0 { BLUE } else { RED }, size.sqrt()),
            Self::Shares => (DARK, size),
            Self::Norms if size == 0.0 => (DARK, 0.0),
            Self::Norms => (DARK, FAINT + (1.0 - FAINT) * size.sqrt()),
        };
        let [r, g, b] = end.map(|c| (255.0 + share * (c - 255.0)).round() as u8);
        RGBColor(r, g, b)
    }
}
