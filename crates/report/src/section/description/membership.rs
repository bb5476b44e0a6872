//! Which task belongs to which group, for weights that are known: toy pairs, unit balls, shares, theorems.

use mtl_experiments::description::{
    Ball, Best, Costs, Description, Drawn, KnownWeights, Statement, ToyPairs, UnitBalls,
};

use super::super::{Source, slug};
use crate::chart::{
    Axis, ChartError, Colours, Frames, Heat, HeatPanel, HeatRow, Line, LinePanel, LineStyle, Lines, Point, Point3,
    Scale, SolidPanel, Solids, WEIGHTS,
};
use crate::document::{Block, Cell, Table, Tone};

/// Sections of a body between its middle and its top.
const SECTIONS: usize = 14;

/// A panel each, and the values at whole numbers.
pub fn toy_pairs(description: &Description, toy: &ToyPairs, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let mut table = Table::new(
        &description.id,
        format!("{}. {}", description.source, description.title),
        &["pair", "#a", "#one group", "#two groups", "#one less two"],
    );
    let cost = if toy.exponent == 1.0 {
        format!("value of {}", toy.regulariser)
    } else {
        format!("{} to the power of {}", toy.regulariser, toy.exponent)
    };
    let mut panels = Vec::new();
    for pair in &toy.pairs {
        let costs = toy.costs(pair);
        let line = |colour: usize, name: &str, of: fn(&Costs) -> f64| Line {
            name: name.into(),
            points: costs.iter().map(|c| Point::new(c.a, of(c))).collect(),
            style: LineStyle { colour, dashed: colour > 0 },
        };
        let [first, second] = pair.weights.each_ref().map(|weights| {
            let entries: Vec<String> = weights.iter().map(ToString::to_string).collect();
            format!("({})", entries.join(", "))
        });
        panels.push(LinePanel {
            title: format!("{}: w₁ = {first}, w₂ = {second}", pair.id),
            x: Axis { label: "a".into(), scale: Scale::Linear },
            y: Axis { label: cost.clone(), scale: Scale::Linear },
            lines: vec![line(0, "both tasks in one group", |c| c.one), line(1, "a group each", |c| c.two)],
        });
        // Rounding along the way may leave whole numbers a little beside themselves.
        for c in costs.iter().filter(|c| (c.a - c.a.round()).abs() < 1e-9) {
            let excess = if (c.one - c.two).abs() <= 1e-12 * c.two { 0.0 } else { c.one - c.two };
            let numbers = [c.one, c.two, excess].map(Cell::number);
            table.rows.push([Cell::text(&pair.id), given(c.a.round())].into_iter().chain(numbers).collect());
        }
    }
    let caption = format!(
        "{}: what two tasks with the weights w₁ and w₂ cost, {cost}, against the entry a. Solid: both in one group; dashed: \
         a group each. Computed by the library for hard groups.",
        description.source
    );
    let chart = Lines { panels, columns: 2 };
    let figure = source.figure(&description.id, slug(&[&description.id, "costs"]), caption, &chart)?;
    Ok(vec![figure, table.folded()])
}

/// Bodies, and how far they reach.
pub fn unit_balls(description: &Description, shown: &UnitBalls, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let balls = shown.balls(SECTIONS);
    let mut table = Table::new(
        &description.id,
        format!("{}. {}", description.source, description.title),
        &["#α", "#a", "#largest |z|", "#|x| + |y| at z = 0", "#|x| + |y| half way up"],
    );
    for ball in &balls {
        let radii = [ball.radius(0.0), ball.radius(ball.height() / 2.0)];
        let found = [ball.height()].into_iter().chain(radii).map(Cell::number);
        table.rows.push([ball.alpha, ball.a].map(given).into_iter().chain(found).collect());
    }
    let panel = |ball: &Ball| SolidPanel { title: format!("α = {}, a = {}", ball.alpha, ball.a), faces: faces(ball) };
    let chart = Solids { panels: balls.iter().map(panel).collect(), columns: shown.a.len(), axes: ["x", "y", "z"] };
    let caption = format!(
        "{}: the points (x, y, z) at which (S₁^α + S₂^α)^(1/α) = 1 for w₁ = (x, y) and w₂ = (z, a) in a group each: \
         S₁ = |x| + |y|, S₂ = |z| + |a|. A row for each α, a column for each a, all in the box from −1 to 1. Horizontal \
         sections are squares on their corners, drawn where z is constant.",
        description.source
    );
    let figure = source.figure(&description.id, slug(&[&description.id, "balls"]), caption, &chart)?;
    Ok(vec![figure, table.shown()])
}

/// A number as the file gives it.
fn given(value: f64) -> Cell {
    // -0 would print its sign.
    Cell { text: (value + 0.0).to_string(), ..Cell::number(value) }
}

/// The quadrilaterals between the sections of a ball.
fn faces(ball: &Ball) -> Vec<[Point3; 4]> {
    const CORNERS: [[f64; 2]; 4] = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]];
    let between = ball.sections.windows(2).flat_map(|ends| {
        (0..4).map(move |k| {
            let corner = |k: usize, (z, radius): (f64, f64)| {
                let [x, y] = CORNERS[k % 4];
                [radius * x, radius * y, z]
            };
            [corner(k, ends[0]), corner(k + 1, ends[0]), corner(k + 1, ends[1]), corner(k, ends[1])]
        })
    });
    between.collect()
}

/// Weights and shares of the first draw as pictures, and what came out of it.
pub fn known_weights(
    description: &Description,
    known: &KnownWeights,
    found: &[Best],
    source: Source<'_>,
) -> Result<Vec<Block>, ChartError> {
    let first = || found.iter().filter(|b| b.draw == 0);
    let weights = |Drawn { dense, truth }: Drawn| HeatPanel {
        title: format!("W, noise {dense}"),
        subtitle: "three blocks".into(),
        values: truth.weights,
        axes: WEIGHTS,
    };
    let shares = |best: &Best| HeatPanel {
        title: format!("U under {}", best.equation),
        subtitle: format!("groups {}, fractional {:.0} %, ARI {:.2}", best.active, 100.0 * best.fractional, best.rand),
        values: best.shares.clone(),
        axes: ["task", "group"],
    };
    let mut rows = vec![HeatRow {
        name: "known weights".into(),
        colours: Colours::Signed,
        frames: Frames::Tall,
        panels: known.weights(0).into_iter().map(weights).collect(),
    }];
    rows.extend(known.dense.iter().map(|&dense| HeatRow {
        name: format!("memberships for W with noise {dense}"),
        colours: Colours::Shares,
        frames: Frames::Tall,
        panels: first().filter(|b| b.dense == dense).map(shares).collect(),
    }));
    let caption = format!(
        "{}: known weights W (features x tasks; the colour is the square root of the weight) and, below, the memberships U \
         (tasks x groups) of least cost out of {} random starts, with all W fixed. Groups have no order of their own; here \
         they are in that of their tasks. First of {} draws of W.",
        description.source, known.restarts, known.draws
    );
    let figure = source.figure(&description.id, slug(&[&description.id, "memberships"]), caption, &Heat { rows })?;
    let mut table = Table::new(
        &description.id,
        format!("{}. {}: the draw of the figure", description.source, description.title),
        &[
            "noise on W",
            "regulariser",
            "#cost of U",
            "#of the true groups",
            "#of one group",
            "#groups in use",
            "#fractional entries",
            "#adjusted Rand index",
            "#starts that found the groups",
        ],
    );
    for best in first() {
        let percent = |share: f64| Cell { text: format!("{:.0} %", 100.0 * share), ..Cell::number(share) };
        table.rows.push(vec![
            given(best.dense),
            Cell::text(best.equation.to_string()),
            Cell::number(best.value),
            Cell::number(best.true_groups),
            Cell::number(best.one_group),
            Cell::count(best.active),
            percent(best.fractional),
            Cell::number(best.rand),
            percent(best.exact_starts),
        ]);
    }
    table.notes.push(
        "Fractional: further than 0.001 from 0 and from 1. The Rand index and the last column compare the true groups with \
         those of each task's largest share."
            .into(),
    );
    Ok(vec![figure, table.shown()])
}

/// What a description states, with the cases in which it held.
pub fn statements(description: &Description, statements: &[Statement]) -> Block {
    let caption = format!("{}: what was put to the test", description.source);
    let id = format!("{}-statements", description.id);
    let mut table = Table::new(id, caption, &["statement", "it says", "tried on", "#cases", "#held"]);
    for statement in statements {
        let held = Cell::count(statement.held);
        let held = if statement.holds() { held.judged("held", Tone::Good) } else { held.judged("failed", Tone::Bad) };
        table.rows.push(vec![
            Cell::text(&statement.id),
            Cell::text(&statement.says),
            Cell::text(&statement.tried),
            Cell::count(statement.cases),
            held,
        ]);
    }
    table.shown()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_close_the_ball() {
        let ball = UnitBalls { alpha: vec![2.0], a: vec![0.5] }.balls(3).remove(0);
        let faces = faces(&ball);
        assert_eq!(faces.len(), 24);
        // The edges of neighbours run in opposite directions, so that every side shows outwards.
        assert_eq!((faces[0][1], faces[0][2]), (faces[1][0], faces[1][3]));
        assert_eq!((faces[0][3], faces[0][2]), (faces[4][0], faces[4][1]));
        assert!(faces.iter().flatten().all(|[x, y, z]| (x.abs() + y.abs() - ball.radius(z.abs())).abs() < 1e-9));
    }
}
