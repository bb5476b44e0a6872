//! What the tests share: a paper's folder on disk, small enough to read at a glance, and records made by hand.

#![allow(dead_code, reason = "every test file uses another part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mtl_core::metric::METRICS_REVISION;
use mtl_core::split::Part;
use mtl_core::{Fractions, Metric, Scaling};
use mtl_data::{Catalog, DatasetSpec, FetchOptions, Fetcher, Library};
use mtl_experiments::cell::{CellKey, Purpose, Sampling};
use mtl_experiments::drive::{Watch, drive};
use mtl_experiments::plan::{Resolved, resolve, units_of};
use mtl_experiments::results::Results;
use mtl_experiments::store::{Circumstances, Outcome, PointResult, Record};
use mtl_experiments::yaml::YamlError;
use mtl_experiments::{Cell, Paper, Runner, Store, Study};
use mtl_methods::solver::{Convergence, ResidualKind, Value};
use mtl_methods::{ParamSet, ParamValue};
use tempfile::TempDir;

/// A folder of experiments with one paper, `p`.
pub struct Folder {
    dir: TempDir,
}

pub const PAPER: &str = "\
title: A paper
authors: [A. Author]
venue: A venue
year: 2020
coverage: all of it
studies: [s]
";

pub const METHODS: &str = "\
Lasso:
  method: lasso
  params:
    gamma: [0.1, 1, 10]
GL:
  method: l21
  params:
    gamma: log10(-1, 1, 3)
";

pub const STUDY: &str = "\
title: A study
source: Table 1
show: comparison
published: t
data:
  - {label: D, dataset: synthetic-gl}
protocol:
  split: {train: 0.6, valid: 0.2, test: 0.2}
  repeats: 2
  resampling: independent
methods: [Lasso, GL]
reference: GL
metrics: [nMSE, EV]
";

pub const PUBLISHED: &str = "\
tables:
  t:
    caption: A table
    better: {nMSE: lower, EV: higher}
    rows:
      - {dataset: D, method: GL, metric: nMSE, mean: 0.1}
claims: []
";

impl Folder {
    /// A paper without faults.
    pub fn new() -> Self {
        let folder = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(folder.path("")).unwrap();
        let files =
            [("paper", PAPER), ("methods", METHODS), ("s", STUDY), ("published", PUBLISHED), ("findings", "[]\n")];
        for (name, yaml) in files {
            folder.write(name, yaml);
        }
        folder
    }

    /// A file of the paper.
    pub fn path(&self, name: &str) -> PathBuf {
        let folder = self.dir.path().join("p");
        if name.is_empty() { folder } else { folder.join(format!("{name}.yaml")) }
    }

    /// A folder beside the paper.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, yaml: &str) {
        std::fs::write(self.path(name), yaml).unwrap();
    }

    /// Replaces a part of a file, which has to be there.
    pub fn replace(&self, name: &str, from: &str, to: &str) {
        let yaml = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(yaml.contains(from), "{name}.yaml has no `{from}`");
        self.write(name, &yaml.replacen(from, to, 1));
    }

    pub fn load(&self) -> Result<Paper, YamlError> {
        Paper::load(self.dir.path(), "p", &Catalog::embedded())
    }

    /// Runs its first study, and collects what comes out.
    pub fn results(&self) -> (Results, Store) {
        let study = self.studies().remove(0);
        let path = self.beside("store");
        let library = library(&path);
        let resolved: Vec<Resolved> = study.data.iter().map(|d| resolve(d, &library).unwrap()).collect();
        let store = Store::open(&path).unwrap();
        let runner =
            Runner { library: &library, store: &store, jobs: 2, stop: Arc::default(), limit: None, software: "test" };
        let studies: [(Study, Vec<Resolved>); 1] = [(study, resolved)];
        let tally = drive(&units_of(&studies), &runner, &Quiet).unwrap();
        assert_eq!((tally.failed, tally.interrupted), (0, false));
        let [(study, resolved)] = studies;
        (Results::collect(study, resolved, &store), store)
    }

    /// Its studies; they have to be right.
    pub fn studies(&self) -> Vec<Study> {
        self.load().unwrap_or_else(|e| panic!("{e}")).studies
    }
}

/// Watches and says nothing.
pub struct Quiet;

impl Watch for Quiet {
    fn stage(&self, _: &str, _: usize) {}
    fn tick(&self, _: &Cell) {}
    fn end(&self) {}
}

/// A library that never asks the network.
pub fn library(cache: &Path) -> Library {
    let mut options = FetchOptions::new(cache);
    options.offline = true;
    Library::new(Fetcher::new(options))
}

/// The identity of a lasso cell.
pub fn key(repeat: u32) -> CellKey {
    CellKey {
        data: DatasetSpec::new("synthetic-gl"),
        data_revision: 1,
        sampling: Sampling {
            rows: None,
            split: Fractions { train: 0.6, valid: 0.2, test: 0.2 }.into(),
            official: false,
        },
        scaling: Scaling::default(),
        repeat,
        method: "lasso".into(),
        method_revision: 1,
        path: vec![BTreeMap::from([("gamma".into(), ParamValue::Number(0.1))])],
        purpose: Purpose::Score(None),
        metrics_revision: METRICS_REVISION,
    }
}

/// A lasso fit with these test values.
pub fn point(gamma: f64, metrics: &[(Metric, f64)]) -> PointResult {
    let specs = &mtl_methods::method("lasso").unwrap().params;
    let given = BTreeMap::from([("gamma".into(), ParamValue::Number(gamma))]);
    let rule = ResidualKind::RelativeDualityGap;
    PointResult {
        params: ParamSet::new(specs, &given).unwrap(),
        objective: Value { total: 1.5, loss: 1.0, penalty: 0.5 },
        convergence: Convergence { rule, residual: 1e-7, iterations: 7, converged: true },
        metrics: BTreeMap::from([(Part::Test, metrics.iter().map(|(m, v)| (*m, vec![*v])).collect())]),
        recovery: BTreeMap::new(),
        memberships: BTreeMap::new(),
        last: BTreeMap::new(),
        layers: Vec::new(),
        artifacts: BTreeMap::new(),
    }
}

/// A record of [`key`].
pub fn record(repeat: u32, points: Vec<PointResult>) -> Record {
    let seeds = BTreeMap::from([("split".into(), "0123".into())]);
    let (software, cpu) = ("0.0.0".into(), "none".into());
    let circumstances = Circumstances { seconds: 0.25, finished: 1, software, cpu, seeds };
    Record { key: key(repeat), outcome: Outcome::Done(points), circumstances }
}
