//! The answer on one screen.

use mtl_stats::VerdictKind;

use super::data::notices;
use super::{Claims, Judged, Source, judge};
use crate::document::{Block, Cell, Table, Tile, Tone};

/// Verdicts on published numbers, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Equivalent to the published mean.
    pub reproduced: usize,
    /// Within twice the margin.
    pub close: usize,
    /// Further off in the better direction.
    pub better: usize,
    /// Further off.
    pub differs: usize,
    /// Other data or protocol.
    pub not_comparable: usize,
    /// Of them, within two published standard deviations all the same.
    pub not_comparable_near: usize,
    /// Without a result.
    pub not_run: usize,
}

impl Counts {
    /// Counts the verdicts of a study.
    pub fn of(judged: &[Judged]) -> Self {
        let mut counts = Self::default();
        for cell in judged {
            let Some(verdict) = &cell.verdict else { continue };
            match verdict.kind {
                VerdictKind::Reproduced => counts.reproduced += 1,
                VerdictKind::Close => counts.close += 1,
                VerdictKind::Better => counts.better += 1,
                VerdictKind::Differs => counts.differs += 1,
                VerdictKind::NotComparable(_) => {
                    counts.not_comparable += 1;
                    counts.not_comparable_near += usize::from(cell.distance().is_some_and(|d| d.abs() <= 2.0));
                }
                VerdictKind::NotRun(_) => counts.not_run += 1,
                VerdictKind::Stated => {}
            }
        }
        counts
    }

    fn total(&self) -> usize {
        self.reproduced + self.close + self.better + self.differs + self.not_comparable + self.not_run
    }
}

/// Counts of verdicts and claims, and what was skipped.
pub fn summary(source: Source<'_>, claims: &Claims) -> Vec<Block> {
    let mut blocks = vec![Block::heading(2, "summary", "Summary")];
    blocks.push(Block::text(source.paper.about.coverage.trim()));
    let [supported, contradicted, inconclusive, untested] = claims.counts;
    let tile = |value: usize, label: &str, tone| Tile { value: value.to_string(), label: label.into(), tone };
    blocks.push(Block::Tiles {
        tiles: vec![
            tile(supported, "claims supported", Tone::Good),
            tile(contradicted, "claims contradicted", Tone::Bad),
            tile(inconclusive, "claims inconclusive", Tone::Neutral),
            tile(untested, "claims not decided by these results", Tone::Neutral),
        ],
    });
    let mut table = Table::new(
        "summary-verdicts",
        "Published numbers and what became of them",
        &[
            "study",
            "title",
            "profile",
            "#repeats",
            "#published",
            "#reproduced",
            "#close",
            "#better",
            "#differs",
            "#not comparable",
            "#of them within 2 published std",
            "#not run",
        ],
    );
    for results in source.studies {
        let study = &results.study;
        let counts = Counts::of(&judge(results, source.paper));
        table.rows.push(vec![
            Cell::text(&study.source).link(&study.id),
            Cell::text(&study.title),
            Cell::text(study.profile.name()),
            Cell::count(study.protocol.repeats as usize),
            Cell::count(counts.total()),
            Cell::count(counts.reproduced),
            Cell::count(counts.close),
            Cell::count(counts.better),
            Cell::count(counts.differs),
            Cell::count(counts.not_comparable),
            Cell::count(counts.not_comparable_near),
            Cell::count(counts.not_run),
        ]);
    }
    if !table.rows.is_empty() {
        blocks.push(table.shown());
    }
    blocks.extend(notices(source.studies).into_iter().map(Block::notice));
    blocks
}
