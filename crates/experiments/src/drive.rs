//! Carrying studies through to their scores.

use std::collections::HashSet;

use rayon::prelude::*;

use crate::cell::{Cell, CellId};
use crate::plan::{Next, Unit};
use crate::run::{Runner, Tally};
use crate::store::{Store, StoreError};

/// Cells that are planned at a time. Plans and records of one wave are in memory, whatever the size of the whole.
const WAVE: usize = 4096;

/// Is told how the work goes.
pub trait Watch: Sync {
    /// A stage of so many cells begins.
    fn stage(&self, name: &str, cells: usize);
    /// A cell is done.
    fn tick(&self, cell: &Cell);
    /// The stage is over.
    fn end(&self);
}

/// The cells that units want next; what several want is there once.
pub fn wanted(units: &[Unit<'_>], store: &Store) -> Vec<Cell> {
    let mut seen: HashSet<CellId> = HashSet::new();
    let mut cells = Vec::new();
    for next in units.par_iter().map(|unit| unit.next(store)).collect::<Vec<_>>() {
        if let Next::Run(wanted) = next {
            cells.extend(wanted.into_iter().filter(|cell| seen.insert(cell.id())));
        }
    }
    // Cells on the same prepared data next to each other: each split is held in memory for a short while only.
    cells.sort_by_cached_key(|cell| (cell.key.preparation(), cell.id()));
    cells
}

/// Runs until no unit wants anything more.
///
/// # Errors
/// If a result cannot be written.
pub fn drive(units: &[Unit<'_>], runner: &Runner<'_>, watch: &dyn Watch) -> Result<Tally, StoreError> {
    let mut total = Tally::default();
    for wave in waves(units) {
        for stage in ["tuning", "scoring"].into_iter().chain(std::iter::repeat("more")) {
            let cells = wanted(wave, runner.store);
            if cells.is_empty() {
                break;
            }
            watch.stage(stage, cells.len());
            let tally = runner.run(&cells, &|cell| watch.tick(cell));
            watch.end();
            let tally = tally?;
            total.done += tally.done;
            total.failed += tally.failed;
            if tally.interrupted {
                total.interrupted = true;
                return Ok(total);
            }
        }
        runner.store.release();
    }
    Ok(total)
}

/// Units in order, cut where they may ask for a wave of cells.
fn waves<'u, 's>(mut units: &'u [Unit<'s>]) -> impl Iterator<Item = &'u [Unit<'s>]> {
    std::iter::from_fn(move || {
        let mut size = 0;
        let fits = units.iter().take_while(|unit| {
            let before = size;
            size += unit.size();
            before < WAVE
        });
        let (wave, rest) = units.split_at(fits.count());
        units = rest;
        (!wave.is_empty()).then_some(wave)
    })
}
