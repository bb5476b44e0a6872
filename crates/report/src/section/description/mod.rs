//! Tables and figures that describe methods and data: declarations, strengths, sizes, memberships.

mod membership;

use mtl_data::Catalog;
use mtl_experiments::description::{Description, Networks, Shows, Statement};
use mtl_experiments::paper::MethodUse;
use mtl_experiments::plan::Resolved;
use mtl_experiments::published::PublishedRow;
use mtl_methods::gengl::{GenGl, name};
use mtl_methods::penalty::Seminorm;
use mtl_methods::{ParamSet, ParamValue};

use super::{Source, slug};
use crate::chart::{Axis, ChartError, Line, LinePanel, LineStyle, Lines, Point, Scale};
use crate::document::{Block, Cell, Table, Tone};

/// A description with the data it needs.
pub type Described = (Description, Vec<Resolved>);

/// One description, and what it puts to the test.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn description(
    (description, data): &Described,
    source: Source<'_>,
) -> Result<(Vec<Block>, Vec<Statement>), ChartError> {
    let mut blocks = vec![Block::heading(2, &description.id, format!("{}: {}", description.source, description.title))];
    blocks.extend(description.note.iter().map(Block::text));
    let mut statements = Vec::new();
    match &description.shows {
        Shows::Declarations(methods) => blocks.push(declarations(description, methods).shown()),
        Shows::Objectives(methods) => blocks.push(objectives(description, methods, source).shown()),
        Shows::Strengths(method, panels) => blocks.push(strengths(description, method, panels, source)?),
        Shows::Sizes(_) => blocks.push(sizes(description, data, source).shown()),
        Shows::Networks(networks) => blocks.push(self::networks(description, networks, source).shown()),
        Shows::ToyPairs(toy) => {
            blocks.extend(membership::toy_pairs(description, toy, source)?);
            statements = toy.pairs.iter().map(|pair| toy.statement(pair)).collect();
        }
        Shows::UnitBalls(balls) => blocks.extend(membership::unit_balls(description, balls, source)?),
        Shows::KnownWeights(known) => {
            let found = known.search();
            blocks.extend(membership::known_weights(description, known, &found, source)?);
            statements = known.decided(&found);
        }
        Shows::Theorems(theorems) => statements = theorems.decided(),
    }
    if !statements.is_empty() {
        blocks.push(membership::statements(description, &statements));
    }
    Ok((blocks, statements))
}

/// What methods minimise, beside what the paper says of them.
fn objectives(description: &Description, methods: &[MethodUse], source: Source<'_>) -> Table {
    let published = description.published.as_ref().and_then(|id| source.paper.published.tables.get(id));
    let said = |method: &MethodUse| {
        let rows = published.iter().flat_map(|table| &table.rows);
        let texts = rows.filter(|row| row.method.as_ref().is_some_and(|name| method.is(name)));
        texts.filter_map(|row| row.text.clone()).collect::<Vec<_>>().join("; ")
    };
    let caption = format!("{}. {}", description.source, description.title);
    let mut table = Table::new(&description.id, caption, &["method", "what it is", "minimises", "the paper's words"]);
    for method in methods {
        let info = &method.entry.info;
        table.rows.push(vec![
            Cell::text(&method.label),
            Cell::text(info.summary),
            Cell::text(info.objective),
            Cell::text(said(method)),
        ]);
    }
    table
}

/// A strength as a product of one of the method's strengths and a power of phi, found by trying values whose products
/// are all different: the table is what the code does, not what somebody wrote about it.
fn formula(method: &MethodUse, point: &ParamSet, l: usize, seminorm: Seminorm) -> String {
    const PRIMES: [f64; 4] = [2.0, 3.0, 7.0, 11.0];
    const PHI: f64 = 5.0;
    let strengths = method.entry.params.iter().filter(|p| p.strength).map(|p| p.name).zip(PRIMES);
    let has_phi = point.get("phi").is_some();
    let probe = strengths.clone().fold(point.clone(), |set, (name, value)| set.with(name, ParamValue::Number(value)));
    let probe = if has_phi { probe.with("phi", ParamValue::Number(PHI)) } else { probe };
    let Some(value) = strength_of(method, &probe, l, seminorm) else { return "–".into() };
    let power = |of: f64| (value / of).ln() / PHI.ln();
    let whole = |of: f64| (power(of) - power(of).round()).abs() < 1e-9;
    match strengths.clone().find(|(_, of)| whole(*of)) {
        Some((name, of)) => match power(of).round() as i32 {
            0 => name.to_owned(),
            1 => format!("{name} φ"),
            power => format!("{name} φ{}", superscript(power)),
        },
        None => "no product of one strength and a power of φ".into(),
    }
}

fn superscript(number: i32) -> String {
    let raised = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => digit.to_digit(10).and_then(|d| char::from_u32(0x2070 + d)).unwrap_or(digit),
    };
    number.to_string().chars().map(raised).collect()
}

/// The strength of a term in component `l`, if it is there.
fn strength_of(method: &MethodUse, point: &ParamSet, l: usize, seminorm: Seminorm) -> Option<f64> {
    let components = method.entry.decomposition.map(|declared| declared(point))?;
    let (_, component) = components.into_iter().nth(l)?;
    component.terms().find(|(s, _)| *s == seminorm).map(|(_, strength)| strength)
}

fn written(seminorm: Seminorm) -> &'static str {
    match seminorm {
        Seminorm::Rows => "Σ_i ‖W_i:‖₂",
        Seminorm::Columns => "Σ_t ‖w_t‖₂",
        Seminorm::Entries => "Σ_it |w_it|",
        Seminorm::ColumnPairs => "Σ_{j<k} ‖w_j − w_k‖₂",
        Seminorm::EntryPairs => "Σ_i Σ_{j<k} |w_ij − w_ik|",
    }
}

fn what_it_does(seminorm: Seminorm) -> String {
    let (features, tasks) = seminorm.partitions();
    name(&GenGl::new([features, tasks])).join(", ")
}

fn declarations(description: &Description, methods: &[(MethodUse, ParamSet)]) -> Table {
    let mut table = Table::new(
        &description.id,
        format!("{}. {}", description.source, description.title),
        &["method", "component", "partition of features", "partition of tasks", "strength", "seminorm", "what it does"],
    );
    for (method, point) in methods {
        let components = method.entry.decomposition.map(|declared| declared(point)).unwrap_or_default();
        for (l, (component, penalty)) in components.iter().enumerate() {
            for (seminorm, _) in penalty.terms() {
                let (features, tasks) = seminorm.partitions();
                table.rows.push(vec![
                    Cell::text(&method.label).hint(method.entry.info.objective),
                    Cell::text(component),
                    Cell::text(features.symbol()),
                    Cell::text(tasks.symbol()),
                    Cell::text(formula(method, point, l, seminorm)),
                    Cell::text(written(seminorm)),
                    Cell::text(what_it_does(seminorm)),
                ]);
            }
        }
    }
    table.notes.push(
        "P_C: one block; P_F: singletons; P_F²: pairs j < k of singletons. Made from the components and strengths that \
         the methods' code declares and the solvers use."
            .into(),
    );
    table
}

/// One panel for each set of hyperparameters, one line a term.
fn strengths(
    description: &Description,
    method: &MethodUse,
    panels: &[ParamSet],
    source: Source<'_>,
) -> Result<Block, ChartError> {
    let panel = |point: &ParamSet| {
        let components = method.entry.decomposition.map_or(0, |declared| declared(point).len());
        let line = |(colour, seminorm): (usize, Seminorm)| {
            let value = |l: usize| Some(Point::new((l + 1) as f64, strength_of(method, point, l, seminorm)?));
            let points: Vec<Point> = (0..components).filter_map(value).collect();
            let falling = points.first().zip(points.last()).is_some_and(|(first, last)| last.y < first.y);
            let style = LineStyle { colour, dashed: falling };
            Line { name: what_it_does(seminorm), points, style }
        };
        let lines = Seminorm::ALL.into_iter().enumerate().map(line).filter(|l| !l.points.is_empty()).collect();
        let held = method.entry.params.iter().filter(|p| p.strength || p.name == "phi");
        let held: Vec<String> = held.filter_map(|p| Some(format!("{} = {}", p.name, point.get(p.name)?))).collect();
        LinePanel {
            title: held.join(", "),
            x: Axis { label: "component l".into(), scale: Scale::Linear },
            y: Axis { label: "strength".into(), scale: Scale::Log10 },
            lines,
        }
    };
    let chart = Lines { panels: panels.iter().map(panel).collect(), columns: 2 };
    let caption = format!(
        "{}: strength of each term of {} against the component, from the method's declaration. Dashed: falling.",
        description.source, method.label
    );
    source.figure(&description.id, slug(&[&description.id, "strengths"]), caption, &chart)
}

fn sizes(description: &Description, data: &[Resolved], source: Source<'_>) -> Table {
    let mut table = Table::new(
        &description.id,
        format!("{}. {}", description.source, description.title),
        &["data set", "status", "#tasks", "#features", "#samples", "remarks"],
    );
    let published = description.published.as_ref().and_then(|id| source.paper.published.tables.get(id));
    let rows = published.map_or(&[][..], |t| t.rows.as_slice());
    let row = |dataset: &str, metric: &str| -> Option<&PublishedRow> {
        rows.iter().find(|r| r.dataset.as_deref() == Some(dataset) && r.metric == metric && r.params.is_empty())
    };
    let catalog = Catalog::embedded();
    let mut listed: Vec<&str> = Vec::new();
    for label in rows.iter().filter_map(|r| r.dataset.as_deref()).chain(data.iter().map(|d| d.label.as_str())) {
        if !listed.contains(&label) {
            listed.push(label);
        }
    }
    for dataset in listed {
        let found = data.iter().find(|d| d.label == dataset);
        let variant = found.and_then(|d| d.variant.as_ref());
        let entry = variant.and_then(|v| catalog.get(&v.spec.name).ok());
        let cell = |metric: &str, ours: Option<usize>| {
            let theirs = row(dataset, metric);
            let cell = ours.map_or_else(|| Cell::text("–"), Cell::count);
            let Some(mean) = theirs.and_then(|r| r.mean) else { return cell };
            let cell = Cell { small: Some(format!("paper {mean}")), ..cell };
            match ours {
                Some(ours) if ours as f64 == mean => cell.judged("equal", Tone::Good),
                Some(_) => cell.judged("differs", Tone::Bad),
                None if found.is_some() => cell.judged("could not be had", Tone::Neutral),
                None => cell.judged("not carried", Tone::Neutral),
            }
        };
        let why = found.and_then(|d| d.missing.last()).map(|(_, why)| why.clone());
        let remark = entry.map(|e| e.status_note.trim().to_owned()).or(why);
        let uncertain =
            rows.iter().filter(|r| r.dataset.as_deref() == Some(dataset)).filter_map(|r| r.uncertain.clone());
        let remarks: Vec<String> = remark.into_iter().chain(uncertain).collect();
        table.rows.push(vec![
            Cell::text(dataset),
            Cell::text(entry.map_or("–".into(), |e| e.status.to_string())),
            cell("tasks", variant.map(|v| v.m)),
            cell("features", variant.map(|v| v.p)),
            cell("samples", variant.map(|v| v.rows)),
            Cell::text(remarks.join(" ")),
        ]);
    }
    table.notes.push("Counted in the tasks that the studies draw from, rows that tasks share once.".into());
    table
}

/// Hidden units and the output, rows of a minibatch and number of networks, as the study has them.
fn networks(description: &Description, networks: &Networks, source: Source<'_>) -> Table {
    let caption = format!("{}. {}", description.source, description.title);
    let mut table = Table::new(&description.id, caption, &["data set", "neurons", "#batch", "#networks"]);
    let published = description.published.as_ref().and_then(|id| source.paper.published.tables.get(id));
    let rows = published.map_or(&[][..], |t| t.rows.as_slice());
    let judged = |dataset: &str, metric: &str, ours: Cell| {
        let row = rows.iter().find(|r| r.dataset.as_deref() == Some(dataset) && r.metric == metric);
        let theirs = row.and_then(|r| r.text.clone().or_else(|| Some(r.mean?.to_string())));
        let Some(theirs) = theirs else { return ours };
        let (mark, tone) = if ours.text == theirs { ("equal", Tone::Good) } else { ("differs", Tone::Bad) };
        Cell { small: Some(format!("paper {theirs}")), ..ours }.judged(mark, tone)
    };
    let study = source.paper.studies.iter().find(|s| s.id == networks.study.value);
    let method = study.and_then(|s| s.methods.iter().find(|m| m.label == networks.method.value));
    let (Some(study), Some(method)) = (study, method) else { return table };
    let catalog = Catalog::embedded();
    for data in &study.data {
        let grid = &data.method(method).grid;
        let value = |name: &str| grid.values(name).iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        let entry = data.variants.first().and_then(|spec| catalog.get(&spec.name).ok());
        table.rows.push(vec![
            Cell::text(&data.label),
            judged(&data.label, "neurons", Cell::text(format!("{}, 1", value("layers").replace('-', ", ")))),
            judged(&data.label, "batch", Cell::text(value("batch"))),
            judged(&data.label, "subnets", Cell::text(entry.map_or_else(String::new, |entry| entry.tasks.to_string()))),
        ]);
    }
    table.notes.push(format!(
        "Of {} in {}; every task has a network of its own, with one output.",
        method.label, study.source
    ));
    table
}
