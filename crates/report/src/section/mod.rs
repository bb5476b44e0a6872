//! The sections of a report, one file each.

mod claims;
mod comparison;
mod covariance;
mod curves;
mod data;
mod description;
mod evidence;
mod families;
mod findings;
mod judged;
mod layers;
mod provenance;
mod recovery;
mod sensitivity;
mod significance;
mod summary;
mod topics;
mod traces;

pub use claims::{Claims, claims};
pub use data::notices;
pub use description::{Described, description};
pub use findings::findings;
pub use judged::{Judged, judge};
pub use provenance::blocks as provenance;
pub use summary::{Counts, summary};

use mtl_experiments::results::Results;
use mtl_experiments::study::Show;
use mtl_experiments::{Paper, Store};

use crate::chart::{Chart, ChartError, png, svg};
use crate::document::{Block, Figure};

/// What sections are made from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The paper.
    pub paper: &'a Paper,
    /// The studies with their results.
    pub studies: &'a [Results],
    /// Where artifacts are.
    pub store: &'a Store,
}

impl Source<'_> {
    /// A chart with the command that regenerates it: that of the studies it shows, separated by commas.
    fn figure(&self, studies: &str, id: String, caption: String, chart: &impl Chart) -> Result<Block, ChartError> {
        let (svg, png) = (svg(chart)?, png(chart)?);
        let profile = self.studies.first().map_or("quick", |r| r.study.profile.name());
        let command = format!("mtl replicate {} --profile {profile} --only {studies}", self.paper.slug);
        Ok(Block::Figure { figure: Figure { id, caption, svg, png, command } })
    }
}

/// One study: what was run, how it compares, and what is behind the numbers.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn study(results: &Results, source: Source<'_>) -> Result<Vec<Block>, ChartError> {
    let study = &results.study;
    let mut blocks = vec![Block::heading(2, &study.id, format!("{}: {}", study.source, study.title))];
    blocks.extend(study.note.iter().map(Block::text));
    blocks.extend(data::blocks(results));
    match &study.show {
        Show::Comparison => blocks.extend(comparison::blocks(results, source)?),
        Show::Recovery(maps) => {
            blocks.extend(recovery::maps(results, maps, source)?);
            blocks.extend(comparison::blocks(results, source)?);
        }
        Show::Significance(show) => blocks.extend(significance::blocks(results, show, source)),
        Show::Sensitivity(show) => {
            blocks.extend(sensitivity::blocks(results, show, source)?);
            blocks.push(comparison::cells(results, &judge(results, source.paper)).folded());
        }
        Show::Curves(show) => {
            blocks.extend(curves::blocks(results, show, source)?);
            if study.published.is_some() {
                blocks.push(comparison::cells(results, &judge(results, source.paper)).folded());
            }
        }
        Show::Families(show) => blocks.extend(families::blocks(results, show, source)?),
        Show::Traces(show) => blocks.extend(traces::blocks(results, show, source)?),
        Show::Layers(show) => blocks.extend(layers::blocks(results, show, source)?),
        Show::Topics(show) => {
            blocks.extend(topics::blocks(results, show, source)?);
            blocks.extend(comparison::blocks(results, source)?);
        }
    }
    blocks.extend(evidence::blocks(results));
    Ok(blocks)
}

/// Profile, repeats and status of the data, as every table shows them.
pub fn stamp(results: &Results) -> String {
    let study = &results.study;
    let catalog = mtl_data::Catalog::embedded();
    let data = results.resolved.iter().filter_map(|r| {
        let entry = catalog.get(&r.variant.as_ref()?.spec.name).ok()?;
        Some(format!("{}: {}", r.label, entry.status))
    });
    let mut parts =
        vec![format!("profile {}", study.profile.name()), format!("n = {} repeats", study.protocol.repeats)];
    parts.extend(data);
    parts.join("; ")
}

/// A name that can be a link target and a file name.
pub fn slug(parts: &[&str]) -> String {
    let clean = |part: &&str| -> String {
        part.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
    };
    parts.iter().map(clean).collect::<Vec<_>>().join("-")
}
