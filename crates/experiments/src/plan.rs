//! What a study still needs to run, as a pure function of the store.
//!
//! A study falls apart into units (data set, repeat, method). A unit asks for cells until it has its score: first the
//! paths of its grid on the validation part, then the chosen point on the test part. Whoever runs the cells, in
//! whatever order and however often interrupted, asks again until no unit wants anything.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use mtl_core::metric::METRICS_REVISION;
use mtl_core::{Seed, Split, split::Part};
use mtl_data::{DatasetSpec, FetchedFile, Library, LoadError, sets};
use mtl_methods::ParamSet;

use crate::cell::{Cell, CellId, CellKey, Fold, Purpose, Sampling, Selection, hash};
use crate::cost::Costs;
use crate::paper::{DataUse, MethodUse, Study};
use crate::select::best;
use crate::store::{Record, Store};
use crate::study::{Freeze, Protocol, Score};

/// A data set of a study, found or not.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The paper's name for it.
    pub label: String,
    /// The variant in use; `None` if no variant could be had.
    pub variant: Option<Variant>,
    /// Why the variants before the one in use could not be had: name and reason.
    pub missing: Vec<(DatasetSpec, String)>,
}

/// A variant in use.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The variant.
    pub spec: DatasetSpec,
    /// Number of features.
    pub p: usize,
    /// Number of tasks.
    pub m: usize,
    /// Names of the tasks.
    pub tasks: Vec<String>,
    /// Number of samples over all tasks, before drawing.
    pub samples: usize,
    /// The same with rows that tasks share counted once.
    pub rows: usize,
    /// Mean rows of a task in the three parts of the first split that the data come with, if they do.
    pub official: Option<[f64; 3]>,
    /// The files it was made from; none for a synthetic set.
    pub files: Vec<FetchedFile>,
}

/// Looks for the first variant that can be had.
///
/// # Errors
/// If a file is there but damaged: that is not a reason to skip it.
pub fn resolve(data: &DataUse, library: &Library) -> Result<Resolved, LoadError> {
    let mut missing = Vec::new();
    for spec in &data.variants {
        match library.load(spec, &Seed::of(&"shape")) {
            Ok(tasks) => {
                let variant = Variant {
                    spec: spec.clone(),
                    p: tasks.n_features(),
                    m: tasks.n_tasks(),
                    tasks: tasks.task_names(),
                    samples: tasks.n_samples(),
                    rows: tasks.n_rows(),
                    official: tasks.official.as_deref().and_then(<[Split]>::first).map(mean_rows),
                    files: library.files(spec)?,
                };
                return Ok(Resolved { label: data.label.clone(), variant: Some(variant), missing });
            }
            Err(LoadError::Unavailable(reason)) => missing.push((spec.clone(), reason.in_one_line())),
            Err(other) => return Err(other),
        }
    }
    Ok(Resolved { label: data.label.clone(), variant: None, missing })
}

/// Mean rows of a task in each part.
fn mean_rows(split: &Split) -> [f64; 3] {
    Part::ALL.map(|part| {
        let rows = split.rows(part);
        rows.iter().map(|rows| rows.len()).sum::<usize>() as f64 / rows.len().max(1) as f64
    })
}

/// One method on one repeat of one data set.
pub struct Unit<'a> {
    study: &'a Study,
    data: &'a DataUse,
    variant: &'a Variant,
    /// The paths of the method's grid on these data.
    paths: Arc<Vec<Vec<ParamSet>>>,
    /// The method.
    pub method: &'a MethodUse,
    /// The repeat.
    pub repeat: u32,
}

/// What a unit needs.
pub enum Next {
    /// These cells.
    Run(Vec<Cell>),
    /// Nothing: here is the score, one record, or one a path where every point is scored.
    Scored(Vec<Arc<Record>>),
    /// Nothing can be done: these cells failed.
    Failed(Vec<CellId>),
}

/// How far along some work is, in cells. Of scores that hyperparameters are yet to be chosen for it counts one each.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outlook {
    /// Cells in the store.
    pub stored: usize,
    /// Those of them that failed.
    pub failed: usize,
    /// Cells to run.
    pub missing: usize,
    /// Rough time for them on one thread, in seconds.
    pub seconds: f64,
}

impl Outlook {
    /// Counts a cell of so many fits.
    fn count(&mut self, record: Option<&Record>, fits: usize, seconds_per_fit: f64) {
        match record {
            Some(record) => {
                self.stored += 1;
                self.failed += usize::from(record.points().is_empty());
            }
            None => {
                self.missing += 1;
                self.seconds += fits as f64 * seconds_per_fit;
            }
        }
    }
}

impl std::ops::Add for Outlook {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            stored: self.stored + other.stored,
            failed: self.failed + other.failed,
            missing: self.missing + other.missing,
            seconds: self.seconds + other.seconds,
        }
    }
}

impl std::iter::Sum for Outlook {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| sum + part)
    }
}

/// All units of a study on the data sets that were found.
pub fn units<'a>(study: &'a Study, resolved: &'a [Resolved]) -> Vec<Unit<'a>> {
    let mut units = Vec::new();
    for (data, found) in study.data.iter().zip(resolved) {
        let Some(variant) = &found.variant else { continue };
        let runs = |m: &&MethodUse| m.either.is_empty() && !data.without.iter().any(|label| m.is(label));
        let on_data = |method| {
            let method = data.method(method);
            (method, Arc::new(method.grid.paths(method.entry, variant.p, variant.m)))
        };
        let methods: Vec<_> = study.methods.iter().filter(runs).map(on_data).collect();
        for repeat in 0..study.protocol.repeats {
            let unit = |(method, paths): &(&'a MethodUse, Arc<Vec<Vec<ParamSet>>>)| Unit {
                study,
                data,
                variant,
                paths: Arc::clone(paths),
                method,
                repeat,
            };
            units.extend(methods.iter().map(unit));
        }
    }
    units
}

/// All units of several studies. Those that may share cells have the same [`Unit::place`] and stand beside each other, and
/// near those on the same prepared data.
pub fn units_of(studies: &[(Study, Vec<Resolved>)]) -> Vec<Unit<'_>> {
    let mut all: Vec<Unit<'_>> = studies.iter().flat_map(|(study, resolved)| units(study, resolved)).collect();
    all.sort_by_cached_key(Unit::place);
    all
}

/// Cells that tune, by path; how their points are chosen between; the only point, where there is nothing to choose.
type Tuning = (Vec<Vec<Cell>>, Option<Selection>, Vec<ParamSet>);

impl Unit<'_> {
    /// Label of the data set.
    pub fn dataset(&self) -> &str {
        &self.data.label
    }

    /// Data, split and method: units that differ in it share no cell. Where one split or one method chooses for others, its.
    pub fn place(&self) -> String {
        if let Some((stage, _)) = self.stage() {
            return stage.place();
        }
        let key = self.tuned().key(&[], Purpose::Tune);
        format!("{} {}", &key.preparation()[..16], key.method)
    }

    /// Number of cells it may ask for.
    pub fn size(&self) -> usize {
        self.paths.len() * self.study.select.folds.unwrap_or(1) as usize + 1
    }

    fn cell(&self, path: Vec<ParamSet>, purpose: Purpose) -> Cell {
        Cell::new(self.key(&path, purpose), self.method.entry, path)
    }

    fn key(&self, path: &[ParamSet], purpose: Purpose) -> CellKey {
        let entry = self.method.entry;
        CellKey {
            data: self.variant.spec.clone(),
            data_revision: sets::revision(&self.variant.spec.name).unwrap_or(0),
            sampling: self.sampling(),
            scaling: self.method.scaling.or(self.data.scaling).unwrap_or(self.study.protocol.scaling),
            repeat: self.repeat,
            method: entry.info.name.into(),
            method_revision: entry.info.revision,
            path: path.iter().map(|p| self.method.grid.identity(p, entry)).collect(),
            purpose,
            metrics_revision: METRICS_REVISION,
        }
    }

    fn sampling(&self) -> Sampling {
        let Protocol { split, official, .. } = self.study.protocol;
        Sampling { rows: self.data.rows, split, official }
    }

    /// The cells that score every point, one a path.
    fn sweep(&self) -> Vec<Cell> {
        // A grid of which nothing is left is a cell that fails, and says so.
        let paths = if self.paths.is_empty() { vec![Vec::new()] } else { self.paths.to_vec() };
        paths.into_iter().map(|path| self.cell(path, Purpose::Sweep)).collect()
    }

    /// What is stored of a sweep.
    pub fn swept(&self, store: &Store) -> Vec<Arc<Record>> {
        self.sweep().iter().filter_map(|c| store.get(&c.id())).collect()
    }

    /// What a sweep lacks.
    fn next_of_sweep(&self, store: &Store) -> Next {
        let cells = self.sweep();
        let missing: Vec<Cell> = cells.iter().filter(|c| store.get(&c.id()).is_none()).cloned().collect();
        if !missing.is_empty() {
            return Next::Run(missing);
        }
        let records = self.swept(store);
        let failed: Vec<CellId> = records.iter().filter(|r| r.points().is_empty()).map(|r| r.key.id()).collect();
        if failed.is_empty() { Next::Scored(records) } else { Next::Failed(failed) }
    }

    /// What tuning a path takes: one cell on the validation part, or one a fold.
    fn trials(&self, path: &[ParamSet]) -> Vec<Cell> {
        match self.study.select.folds {
            None => vec![self.cell(path.to_vec(), Purpose::Tune)],
            Some(of) => (0..of).map(|fold| self.cell(path.to_vec(), Purpose::Fold(Fold { fold, of }))).collect(),
        }
    }

    /// The unit whose validation part chooses this one's hyperparameters: itself, unless a study tunes once for all repeats.
    fn tuned(&self) -> Unit<'_> {
        let repeat = if self.study.tune.once { 0 } else { self.repeat };
        Unit { repeat, paths: Arc::clone(&self.paths), ..*self }
    }

    /// The paths of the grid, held at what an earlier stage has chosen; or what that stage still needs.
    fn staged(&self, store: &Store) -> Result<Cow<'_, [Vec<ParamSet>]>, Next> {
        let Some((stage, freeze)) = self.stage() else { return Ok(Cow::Borrowed(&self.paths)) };
        let (path, _) = stage.choice(&stage.tuning(&stage.paths), store)?;
        let chosen = freeze.params.iter().filter_map(|name| Some((name, path.last()?.get(name)?)));
        let grid = chosen.fold(self.method.grid.clone(), |grid, (name, value)| grid.held(name, value));
        Ok(Cow::Owned(grid.paths(self.method.entry, self.variant.p, self.variant.m)))
    }

    /// The stage before this one, if there is any: another method on the same data.
    fn stage(&self) -> Option<(Unit<'_>, &Freeze)> {
        let freeze = self.study.tune.freeze.as_ref()?;
        let first = self.study.methods.iter().find(|m| m.label == freeze.from.value)?;
        if first.label == self.method.label {
            return None;
        }
        let method = self.data.method(first);
        let paths = Arc::new(method.grid.paths(method.entry, self.variant.p, self.variant.m));
        Some((Unit { repeat: self.tuned().repeat, paths, method, ..*self }, freeze))
    }

    /// The cells that tune, by path, and how their points are chosen between; none if there is nothing to choose.
    fn tuning(&self, paths: &[Vec<ParamSet>]) -> Tuning {
        if self.study.score == Score::Every {
            return Default::default();
        }
        let points: usize = paths.iter().map(Vec::len).sum();
        if points == 1 {
            return (Vec::new(), None, paths.iter().flatten().cloned().collect());
        }
        let tuned = self.tuned();
        let cells: Vec<Vec<Cell>> = paths.iter().map(|path| tuned.trials(path)).collect();
        let grid: Vec<_> = cells.iter().filter_map(|trials| Some(&trials.first()?.key.path)).collect();
        let selection = Selection { by: self.study.select, points, grid: hash(&grid)[..12].to_owned() };
        (cells, Some(selection), Vec::new())
    }

    /// The walk up to the chosen point, so that the fit that is scored is the very fit that was chosen, and how it was chosen;
    /// or what is missing before there is a choice.
    fn choice(
        &self,
        (cells, selection, only): &Tuning,
        store: &Store,
    ) -> Result<(Vec<ParamSet>, Option<Selection>), Next> {
        if cells.is_empty() {
            return Ok((only.clone(), None));
        }
        let missing: Vec<Cell> =
            cells.iter().flatten().filter(|cell| store.get(&cell.id()).is_none()).cloned().collect();
        if !missing.is_empty() {
            return Err(Next::Run(missing));
        }
        let tried: Vec<_> = cells.iter().flat_map(|trials| self.tried(trials, store)).collect();
        let candidates: Vec<_> = tried.iter().map(|(path, i, value)| (&path[*i], *value)).collect();
        match best(&candidates, self.study.select, &self.method.entry.params) {
            Some(chosen) => {
                let (path, i, _) = tried[chosen];
                Ok((path[..=i].to_vec(), selection.clone()))
            }
            None => Err(Next::Failed(cells.iter().flatten().map(Cell::id).collect())),
        }
    }

    /// Every stored record behind this unit's score: of the fits that tuned it, and of those that were scored.
    pub fn records(&self, store: &Store) -> Vec<Arc<Record>> {
        let tuning = self.staged(store).map(|paths| self.tuning(&paths).0).unwrap_or_default();
        let tuned = tuning.into_iter().flatten().filter_map(|cell| store.get(&cell.id()));
        let scored = match self.next(store) {
            Next::Scored(records) => records,
            Next::Failed(cells) => cells.iter().filter_map(|id| store.get(id)).collect(),
            Next::Run(_) if self.study.score == Score::Every => self.swept(store),
            Next::Run(_) => Vec::new(),
        };
        tuned.chain(scored).collect()
    }

    /// Number of fits that tuned this unit, and of those among them that did not converge.
    pub fn tuning_convergence(&self, store: &Store) -> (usize, usize) {
        let Ok(paths) = self.staged(store) else { return (0, 0) };
        let records = self.tuning(&paths).0.into_iter().flatten().filter_map(|cell| store.get(&cell.id()));
        let points: Vec<bool> =
            records.flat_map(|r| r.points().iter().map(|p| p.convergence.converged).collect::<Vec<_>>()).collect();
        (points.len(), points.iter().filter(|converged| !**converged).count())
    }

    /// The outlook of a unit that shares no cell with others, before anything is stored: a matter of counting.
    pub fn whole(&self, costs: &Costs) -> Outlook {
        let fit = costs.fit(self.variant, self.method.entry);
        let fits: usize = self.paths.iter().map(Vec::len).sum();
        let folds = self.study.select.folds.unwrap_or(1) as usize;
        let (missing, fits) = match self.study.score {
            Score::Every => (self.paths.len().max(1), fits),
            Score::Chosen if fits == 1 => (1, 1),
            Score::Chosen => (self.paths.len() * folds + 1, fits * folds + self.walk()),
        };
        Outlook { missing, seconds: fits as f64 * fit, ..Outlook::default() }
    }

    /// Fits of a score whose point is yet to be chosen: halfway along a path.
    fn walk(&self) -> usize {
        self.paths.iter().map(Vec::len).max().unwrap_or(0).div_ceil(2)
    }

    /// What is stored of this unit and what is not, without what is `seen` already: units of other studies may want the
    /// same cells. Without a store nothing is stored.
    pub fn outlook(&self, store: Option<&Store>, costs: &Costs, seen: &mut HashSet<CellId>) -> Outlook {
        let mut outlook = Outlook::default();
        let fit = costs.fit(self.variant, self.method.entry);
        let sweep = self.study.score == Score::Every;
        // Of a stage that depends on another it counts all that may be tried.
        let paths = store.and_then(|store| self.staged(store).ok()).unwrap_or(Cow::Borrowed(&self.paths));
        let tuning = if sweep { (vec![self.sweep()], None, Vec::new()) } else { self.tuning(&paths) };
        for cell in tuning.0.iter().flatten().filter(|cell| seen.insert(cell.id())) {
            let record = store.and_then(|store| store.get(&cell.id()));
            outlook.count(record.as_deref(), cell.path.len(), fit);
        }
        // Which cell a score is depends on the tuning: it is known by what it is chosen from.
        let score = self.cell(tuning.2.clone(), Purpose::Score(tuning.1.clone()));
        if !sweep && seen.insert(score.id()) {
            match store.map(|store| (store, self.next_after(&tuning, store))) {
                Some((_, Next::Run(cells))) => {
                    let scoring = cells.iter().find(|c| !c.key.purpose.tunes());
                    outlook.count(None, scoring.map_or(self.walk(), |c| c.path.len()), fit);
                }
                Some((_, Next::Scored(records))) => records.iter().for_each(|r| outlook.count(Some(r), 0, fit)),
                Some((store, Next::Failed(ids))) => {
                    // That nothing could be chosen is told by the cells that tuned.
                    outlook.stored += 1;
                    let own = |id: &CellId| store.get(id).is_some_and(|r| !r.key.purpose.tunes());
                    outlook.failed += ids.iter().filter(|id| own(id)).count();
                }
                None => outlook.count(None, self.walk(), fit),
            }
        }
        outlook
    }

    /// The points of a path with their values, means over the trials; a point without a value in each of them has none.
    fn tried<'t>(&self, trials: &'t [Cell], store: &Store) -> Vec<(&'t [ParamSet], usize, f64)> {
        let Some(path) = trials.first().map(|cell| cell.path.as_slice()) else { return Vec::new() };
        let records: Vec<_> = trials.iter().filter_map(|cell| store.get(&cell.id())).collect();
        let value = |i: usize| -> Option<f64> {
            let values = records.iter().map(|r| r.points().get(i)?.mean(Part::Valid, self.study.select.metric));
            Some(values.collect::<Option<Vec<f64>>>()?.iter().sum::<f64>() / records.len() as f64)
        };
        (0..path.len()).filter_map(|i| Some((path, i, value(i)?))).collect()
    }

    /// What is missing in the store before this unit has its score.
    pub fn next(&self, store: &Store) -> Next {
        match self.study.score {
            Score::Every => self.next_of_sweep(store),
            Score::Chosen => match self.staged(store) {
                Ok(paths) => self.next_after(&self.tuning(&paths), store),
                Err(next) => next,
            },
        }
    }

    fn next_after(&self, tuning: &Tuning, store: &Store) -> Next {
        let score = match self.choice(tuning, store) {
            Ok((path, selection)) => self.cell(path, Purpose::Score(selection)),
            Err(next) => return next,
        };
        match store.get(&score.id()) {
            None => Next::Run(vec![score]),
            Some(record) if record.scored().is_none() => Next::Failed(vec![score.id()]),
            Some(record) => Next::Scored(vec![record]),
        }
    }
}
