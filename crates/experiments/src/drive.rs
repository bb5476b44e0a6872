//! Carrying studies through to their scores.

use std::collections::HashSet;

use crate::cell::{Cell, CellId};
use crate::paper::Study;
use crate::plan::{Next, Resolved, units};
use crate::run::{Runner, Tally};
use crate::store::{Store, StoreError};

/// Is told how the work goes.
pub trait Watch: Sync {
    /// A stage of so many cells begins.
    fn stage(&self, name: &str, cells: usize);
    /// A cell is done.
    fn tick(&self, cell: &Cell);
    /// The stage is over.
    fn end(&self);
}

/// The cells that studies want next; what several want is there once.
pub fn wanted(studies: &[(Study, Vec<Resolved>)], store: &Store) -> Vec<Cell> {
    let mut seen: HashSet<CellId> = HashSet::new();
    let mut cells = Vec::new();
    for unit in studies.iter().flat_map(|(study, resolved)| units(study, resolved)) {
        if let Next::Run(wanted) = unit.next(store) {
            cells.extend(wanted.into_iter().filter(|cell| seen.insert(cell.id())));
        }
    }
    // Cells on the same prepared data next to each other: each split is held in memory for a short while only.
    cells.sort_by_cached_key(|cell| (cell.key.preparation(), cell.id()));
    cells
}

/// Runs until no study wants anything more.
///
/// # Errors
/// If a result cannot be written.
pub fn drive(studies: &[(Study, Vec<Resolved>)], runner: &Runner<'_>, watch: &dyn Watch) -> Result<Tally, StoreError> {
    let mut total = Tally::default();
    for stage in ["tuning", "scoring"].into_iter().chain(std::iter::repeat("more")) {
        let cells = wanted(studies, runner.store);
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
            break;
        }
    }
    Ok(total)
}
