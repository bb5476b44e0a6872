//! Running cells: in parallel, each for itself, each recorded as soon as it is done.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mtl_core::{Metric, MultiTask, Truth, sharing, split::Part};
use mtl_data::synthetic::tomato;
use mtl_data::{DatasetSpec, Library};
use mtl_methods::deep::bottom::tomato::TOPICS;
use mtl_methods::solver::SolverError;
use mtl_methods::{Context, FitError, Fitted, Model, ParamSet, TASK_GROUP};
use ndarray::{Array1, Array2};
use rayon::prelude::*;

use crate::cell::{Cell, Purpose};
use crate::grid::on_data;
use crate::layers;
use crate::prepare::{Preparations, Prepared};
use crate::store::{ARTIFACT_LIMIT, Circumstances, Outcome, PointResult, Record, Store, StoreError};

/// How cells are run.
pub struct Runner<'a> {
    /// Where data come from.
    pub library: &'a Library,
    /// Where results go.
    pub store: &'a Store,
    /// Threads.
    pub jobs: usize,
    /// Raised to stop after the cells in progress have been given up.
    pub stop: Arc<AtomicBool>,
    /// Time allowed for one cell.
    pub limit: Option<Duration>,
    /// What the program was built from, for the records.
    pub software: &'a str,
}

/// How a batch of cells ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Cells with a result.
    pub done: u64,
    /// Cells with a recorded failure.
    pub failed: u64,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

/// Records that may wait for the disk before threads wait with them. A kill loses these, whose cells run again.
const QUEUE: usize = 16;

/// Why no more cells are run.
enum Halt {
    /// An artifact could not be written.
    Store(StoreError),
    /// The thread that writes records gave up, and knows why.
    Writer,
}

impl Runner<'_> {
    /// Runs all cells; `tick` is called after each, when it is stored.
    ///
    /// # Errors
    /// If a result cannot be written. Cells that fail by themselves are recorded as failures, and the run goes on.
    pub fn run(&self, cells: &[Cell], tick: &(dyn Fn(&Cell) + Sync)) -> Result<Tally, StoreError> {
        let preparations = Preparations::new(self.library, cells.iter().map(|c| &c.key));
        let (done, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        let (send, records) = mpsc::sync_channel::<(_, Record)>(QUEUE);
        // Bringing a record to the disk is waiting, mostly: a thread of its own waits, and the others compute.
        let write = || -> Result<(), StoreError> {
            for (cell, record) in records {
                let counter = if record.points().is_empty() { &failed } else { &done };
                self.store.put(record)?;
                counter.fetch_add(1, Ordering::Relaxed);
                tick(cell);
            }
            Ok(())
        };
        let (computed, written) = thread::scope(|scope| {
            let writer = scope.spawn(write);
            let send = send;
            let one = |cell| self.one(cell, &preparations, &send, tick);
            let computed = match rayon::ThreadPoolBuilder::new().num_threads(self.jobs).build() {
                // One cell at a time to each thread: cells differ much in length.
                Ok(pool) => pool.install(|| cells.par_iter().with_max_len(1).try_for_each(one)),
                Err(_) => cells.iter().try_for_each(one),
            };
            // Nothing more comes: the writer ends when it has written what is waiting.
            drop(send);
            (computed, writer.join())
        });
        written.unwrap_or_else(|panic| resume_unwind(panic))?;
        if let Err(Halt::Store(error)) = computed {
            return Err(error);
        }
        Ok(Tally {
            done: done.into_inner(),
            failed: failed.into_inner(),
            interrupted: self.stop.load(Ordering::Relaxed),
        })
    }

    /// Runs one cell and hands its record to the thread that writes.
    fn one<'c>(
        &self,
        cell: &'c Cell,
        preparations: &Preparations<'_>,
        records: &SyncSender<(&'c Cell, Record)>,
        tick: &(dyn Fn(&Cell) + Sync),
    ) -> Result<(), Halt> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Another process on the same store may have run it meanwhile.
        let there = self.store.get(&cell.id()).is_some();
        let record = if there { None } else { self.record(cell, preparations).map_err(Halt::Store)? };
        preparations.done(&cell.key);
        if there {
            tick(cell);
        }
        record.map_or(Ok(()), |record| records.send((cell, record)).map_err(|_| Halt::Writer))
    }

    /// The record of a cell; `None` if it was interrupted.
    fn record(&self, cell: &Cell, preparations: &Preparations<'_>) -> Result<Option<Record>, StoreError> {
        let mut time = Duration::ZERO;
        // Whatever panics in a cell is that cell's failure, data and measures included.
        let outcome = match catch_unwind(AssertUnwindSafe(|| self.outcome(cell, preparations, &mut time))) {
            Ok(outcome) => outcome?,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
                Some(Outcome::Failed(format!("panic: {text}")))
            }
        };
        let Some(outcome) = outcome else { return Ok(None) };
        let seeds = [("split", cell.key.split_seed()), ("data", cell.key.data_seed())];
        let circumstances = Circumstances {
            seconds: time.as_secs_f64(),
            finished: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            software: self.software.into(),
            cpu: cpu(),
            seeds: seeds.map(|(name, seed)| (name.to_owned(), seed.short())).into(),
        };
        Ok(Some(Record { key: cell.key.clone(), outcome, circumstances }))
    }

    /// What comes out of a cell, and the time its fits took; `None` if it was interrupted.
    fn outcome(
        &self,
        cell: &Cell,
        preparations: &Preparations<'_>,
        time: &mut Duration,
    ) -> Result<Option<Outcome>, StoreError> {
        if cell.path.is_empty() {
            return Ok(Some(Outcome::Failed("no point of the grid meets its conditions on these data".into())));
        }
        let prepared = match preparations.get(&cell.key) {
            Ok(prepared) => prepared,
            Err(reason) => return Ok(Some(Outcome::Failed(reason))),
        };
        let seed = cell.key.split_seed().stream("init");
        let deadline = self.limit.and_then(|limit| Instant::now().checked_add(limit));
        let context = Context::until(seed, Arc::clone(&self.stop), deadline);
        let started = Instant::now();
        let fit = |path: Vec<ParamSet>| Ok((cell.entry.fit_path(&prepared.problem, &path, &context)?, path));
        let fits = on_data(cell, &prepared.problem).and_then(fit);
        *time = started.elapsed();
        match fits {
            Ok((fits, path)) => self.evaluate(cell, &path, &prepared, fits).map(Some),
            Err(FitError::Solver(SolverError::Interrupted)) => Ok(None),
            Err(error) => Ok(Some(Outcome::Failed(error.to_string()))),
        }
    }

    fn evaluate(
        &self,
        cell: &Cell,
        path: &[ParamSet],
        prepared: &Prepared,
        fits: Vec<Fitted>,
    ) -> Result<Outcome, StoreError> {
        let (tune, score) = (cell.key.purpose.tunes(), matches!(cell.key.purpose, Purpose::Score(_)));
        let judged = if score { &fits[fits.len().saturating_sub(1)..] } else { &fits[..] };
        let params = &path[path.len() - judged.len()..];
        let mut points = Vec::with_capacity(judged.len());
        for (fitted, params) in judged.iter().zip(params) {
            let parts: &[Part] = if tune { &[Part::Valid] } else { &Part::ALL };
            let model = match prepared.judged(&fitted.model) {
                Ok(model) => model,
                Err(reason) => return Ok(Outcome::Failed(reason)),
            };
            let test = prepared.part(Part::Test);
            let mut metrics = BTreeMap::new();
            // Where folds choose there is no validation part.
            for &part in parts.iter().filter(|part| prepared.part(**part).n_samples() > 0) {
                let measured = measures(&model, prepared.part(part));
                if measured.is_empty() {
                    return Ok(Outcome::Failed("no measure of the predictions is a finite number".into()));
                }
                metrics.insert(part, measured);
            }
            let mut convergence = fitted.convergence;
            // JSON has no infinity; an uncertified fit is as bad as the largest number.
            convergence.residual = convergence.residual.min(f64::MAX);
            let last = |(name, values): (&String, &Vec<f64>)| Some((name.clone(), *values.last()?));
            let mut point = PointResult {
                params: params.clone(),
                objective: fitted.objective,
                convergence,
                metrics,
                recovery: if tune { BTreeMap::new() } else { structure(fitted, &model, test.truth.as_deref()) },
                memberships: if score { fitted.memberships.clone() } else { BTreeMap::new() },
                last: if tune { BTreeMap::new() } else { fitted.traces.iter().filter_map(last).collect() },
                layers: if tune { Vec::new() } else { layers::measures(fitted, test.n_features()) },
                artifacts: BTreeMap::new(),
            };
            if !tune {
                point.recovery.extend(topics(fitted, &cell.key.data));
            }
            if !point.is_finite() {
                return Ok(Outcome::Failed("the objective or a measure of structure is not a finite number".into()));
            }
            if score {
                point.artifacts = self.keep(fitted, &model, test)?;
            }
            points.push(point);
        }
        Ok(Outcome::Done(points))
    }

    /// Keeps weights and groups (true ones too), components and test predictions, so that figures and later measures need no new fit.
    fn keep(&self, fitted: &Fitted, model: &Model, test: &MultiTask) -> Result<BTreeMap<String, String>, StoreError> {
        let predictions: Vec<f64> =
            test.tasks.iter().enumerate().flat_map(|(t, task)| model.predict(t, &task.x).to_vec()).collect();
        let predictions = Array2::from_shape_vec((predictions.len(), 1), predictions).unwrap_or_default();
        let column = |values: &[f64]| Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap_or_default();
        let mut arrays: Vec<(String, &Array2<f64>)> = vec![("test-predictions".into(), &predictions)];
        arrays.extend(model.weights().map(|w| ("weights".to_owned(), w)));
        arrays.extend(test.truth.as_ref().map(|truth| ("true-weights".to_owned(), &truth.weights)));
        let groups = test.truth.as_ref().and_then(|truth| truth.several_groups());
        let groups = groups.map(|groups| column(&groups.iter().map(|g| *g as f64).collect::<Vec<_>>()));
        arrays.extend(groups.iter().map(|groups| ("true-groups".to_owned(), groups)));
        arrays.extend(fitted.shares.as_ref().map(|shares| ("shares".to_owned(), shares)));
        let series = fitted.traces.iter().map(|(name, values)| (format!("trace-{name}"), column(values)));
        // Series are for figures of iterations, to which the objective belongs where there are any.
        let objective = (!fitted.traces.is_empty()).then(|| ("trace-objective".to_owned(), column(&fitted.trace)));
        let series: Vec<_> = series.chain(objective).collect();
        arrays.extend(series.iter().map(|(name, values)| (name.clone(), values)));
        // A single component of a linear model is its weights.
        if fitted.components.len() > 1 || model.weights().is_none() {
            arrays.extend(fitted.components.iter().map(|(name, w)| (format!("component-{name}"), w)));
        }
        arrays
            .into_iter()
            .filter(|(_, array)| array.len() * size_of::<f64>() <= ARTIFACT_LIMIT)
            .map(|(name, array)| Ok((name, self.store.keep(array.view())?)))
            .collect()
    }
}

/// Every measure of a fit's structure: of its weights where the true ones are known, and of the groups it learned.
fn structure(fitted: &Fitted, model: &Model, truth: Option<&Truth>) -> BTreeMap<Metric, f64> {
    let groups = fitted.memberships.get(TASK_GROUP);
    let shares = fitted.shares.clone().or_else(|| Some(sharing::hard(groups?)));
    let measure = |m: Metric| {
        let of_weights = || m.of_weights(model.weights()?, truth?);
        let of_shares = || m.of_shares(shares.as_ref()?, truth?);
        Some((m, of_weights().or_else(|| m.of_groups(groups?, truth)).or_else(of_shares)?))
    };
    Metric::of_recovery().into_iter().filter_map(measure).collect()
}

/// How well the tasks are found that deviate in a topic, where it is known which do.
fn topics(fitted: &Fitted, data: &DatasetSpec) -> Option<(Metric, f64)> {
    let (_, norms) = fitted.components.iter().find(|(name, _)| name == TOPICS)?;
    let metric = Metric::TopicRecall;
    Some((metric, metric.of_topics(norms, &tomato::deviations(data)?)?))
}

/// Every measure of prediction that the targets allow: one value a task, or one in all for a pooled one. A measure that a
/// task leaves undefined, as a few equal targets leave explained variance, is left out.
pub fn measures(model: &Model, part: &MultiTask) -> BTreeMap<Metric, Vec<f64>> {
    let predictions: Vec<Array1<f64>> =
        part.tasks.iter().enumerate().map(|(t, task)| model.predict(t, &task.x)).collect();
    let pairs: Vec<_> = part.tasks.iter().zip(&predictions).map(|(task, f)| (&task.y, f)).collect();
    let all = Metric::of_predictions(part.target).into_iter().map(|m| (m, m.values(&pairs)));
    all.filter(|(_, values)| !values.is_empty() && values.iter().all(|v| v.is_finite())).collect()
}

/// Architecture and the vector extensions that decide which kernels run.
fn cpu() -> String {
    let mut parts = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    {
        let known = [
            ("avx2", std::is_x86_feature_detected!("avx2")),
            ("fma", std::is_x86_feature_detected!("fma")),
            ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ];
        parts.extend(known.iter().filter(|(_, there)| *there).map(|(name, _)| *name));
    }
    parts.join("+")
}
