//! Convex bodies as shaded surfaces in a box, seen from one side.

use plotters::prelude::*;

use super::{Align, Canvas, Chart, ChartError, GREY, PALETTE};

/// A point in space.
pub type Point3 = [f64; 3];

/// One body.
#[derive(Debug, Clone)]
pub struct SolidPanel {
    /// Above the box.
    pub title: String,
    /// The convex surface in quadrilaterals, each counter-clockwise from outside.
    pub faces: Vec<[Point3; 4]>,
}

/// Bodies side by side, in rows of `columns`, in boxes from -1 to 1.
#[derive(Debug, Clone)]
pub struct Solids {
    /// The bodies.
    pub panels: Vec<SolidPanel>,
    /// Bodies in a row.
    pub columns: usize,
    /// Names of the axes.
    pub axes: [&'static str; 3],
}

const CELL: (f64, f64) = (230.0, 222.0);
const TOP: f64 = 22.0;
/// Units of the drawing for a unit of space.
const UNIT: f64 = 62.0;
/// Where the eye is, in radians: around the third axis from the first, and above the plane of the first two.
const AROUND: f64 = 0.96;
const ABOVE: f64 = 0.42;

fn dot(a: Point3, b: Point3) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Towards the eye.
fn towards() -> Point3 {
    [ABOVE.cos() * AROUND.cos(), ABOVE.cos() * AROUND.sin(), ABOVE.sin()]
}

/// The direction in which a face looks, of length 1; none where it has no area.
fn outwards([a, b, c, d]: [Point3; 4]) -> Option<Point3> {
    let minus = |a: Point3, b: Point3| [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    let (u, v) = (minus(c, a), minus(d, b));
    let cross = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    let length = dot(cross, cross).sqrt();
    (length > 1e-12).then(|| cross.map(|c| c / length))
}

impl Solids {
    fn across(&self) -> usize {
        self.columns.min(self.panels.len()).max(1)
    }
}

impl Chart for Solids {
    fn size(&self) -> (u32, u32) {
        let rows = self.panels.len().div_ceil(self.across()).max(1);
        ((self.across() as f64 * CELL.0) as u32, (rows as f64 * CELL.1) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<(), ChartError> {
        for (i, panel) in self.panels.iter().enumerate() {
            let at = ((i % self.across()) as f64 * CELL.0, (i / self.across()) as f64 * CELL.1);
            canvas.text(&panel.title, at.0 + CELL.0 / 2.0, at.1 + TOP / 2.0 + 2.0, 13.0, Align::Centre, BLACK)?;
            let middle = (at.0 + CELL.0 / 2.0, at.1 + f64::midpoint(TOP, CELL.1));
            panel.draw(canvas, middle, self.axes)?;
        }
        Ok(())
    }
}

impl SolidPanel {
    fn draw<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        (x0, y0): (f64, f64),
        axes: [&str; 3],
    ) -> Result<(), ChartError> {
        let right = [-AROUND.sin(), AROUND.cos(), 0.0];
        let up = [-ABOVE.sin() * AROUND.cos(), -ABOVE.sin() * AROUND.sin(), ABOVE.cos()];
        let place = |p: Point3| (x0 + UNIT * dot(p, right), y0 - UNIT * dot(p, up));
        // The three sides of the box behind the body, as their edges and middle lines.
        let grid = RGBColor(215, 219, 224);
        for (k, l) in [(0, 1), (1, 2), (2, 0)] {
            for at in [-1.0, 0.0, 1.0] {
                let line = |from: usize, along: usize| {
                    let end = |e: f64| {
                        let mut p = [-1.0; 3];
                        (p[from], p[along]) = (at, e);
                        place(p)
                    };
                    canvas.line(&[end(-1.0), end(1.0)], 0.5, grid)
                };
                line(k, l)?;
                line(l, k)?;
            }
        }
        for face in &self.faces {
            let Some(normal) = outwards(*face).filter(|n| dot(*n, towards()) > 0.0) else { continue };
            let corners = face.map(place);
            let light = 0.35 + 0.65 * dot(normal, [0.42, 0.18, 0.89]).max(0.0);
            canvas.area(&corners, lit(light), 1.0)?;
            let outline = [corners.as_slice(), &corners[..1]].concat();
            canvas.line(&outline, 0.5, lit(0.8 * light))?;
        }
        // Ticks on the edges in front.
        for (axis, name) in axes.into_iter().enumerate() {
            let point = |at: f64, out: f64| match axis {
                0 => place([at, 1.0 + out, -1.0]),
                1 => place([1.0 + out, at, -1.0]),
                _ => place([1.0 + 0.5 * out, -1.0 - out, at]),
            };
            // The lowest corner has a label of the second axis already.
            let ticks: &[f64] = if axis == 2 { &[0.0, 1.0] } else { &[-1.0, 0.0, 1.0] };
            for at in ticks {
                let (x, y) = point(*at, 0.22);
                canvas.text(&format!("{at}"), x, y, 10.0, Align::Centre, GREY)?;
            }
            let (x, y) = point(0.5, 0.3);
            canvas.text(name, x, y, 12.0, Align::Centre, BLACK)?;
        }
        Ok(())
    }
}

/// The colour of a face by the light on it, from dark to light.
fn lit(light: f64) -> RGBColor {
    let RGBColor(r, g, b) = PALETTE[0];
    // Darker than the colour itself below a half, lighter above.
    let mix = |c: u8| {
        let c = f64::from(c);
        (if light < 0.5 { 2.0 * light * c } else { c + (2.0 * light - 1.0) * 0.75 * (255.0 - c) }).round() as u8
    };
    RGBColor(mix(r), mix(g), mix(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_look_outwards() {
        let side = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]];
        assert!(outwards(side).is_some_and(|n| n.iter().all(|c| (c - 3f64.sqrt().recip()).abs() < 1e-12)));
        assert_eq!(outwards([[1.0; 3]; 4]), None);
        assert!((dot(towards(), towards()) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn bodies_draw() {
        let side = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]];
        let panel = SolidPanel { title: "a".into(), faces: vec![side] };
        for panels in [vec![], vec![panel]] {
            let chart = Solids { panels, columns: 0, axes: ["x", "y", "z"] };
            assert!(super::super::svg(&chart).is_ok() && super::super::png(&chart).is_ok());
        }
    }
}
