//! Values of one method, one a repeat, and which of them may be paired with another's.

use std::collections::BTreeMap;

use mtl_core::split::Part;
use mtl_core::{Draw, DrawnFractions, Fractions, Labels, Metric, RowSizes, ScaleFit, Scaling, Sizes, Units};
use mtl_data::DatasetSpec;
use mtl_experiments::cell::{Purpose, Sampling, Selection};
use mtl_experiments::store::{Outcome, Record};
use mtl_methods::{Entry, ParamValue};

use crate::table::{count, parameter};

/// What two methods must share for their values to be paired.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// Data variant.
    pub data: DatasetSpec,
    data_revision: u32,
    /// Sampling and splitting.
    pub sampling: Sampling,
    /// Centring and scaling.
    pub scaling: Scaling,
}

/// How a method came to its hyperparameters.
#[derive(Debug, Clone, PartialEq)]
enum Tuning {
    /// Chosen from a grid.
    Chosen(Selection),
    /// Held at values that differ from the defaults as said.
    Held(BTreeMap<String, ParamValue>),
}

/// Where values come from.
#[derive(Debug, Clone, PartialEq)]
enum Origin {
    /// The results store.
    Store { protocol: Protocol, tuning: Tuning, revision: u32, current: bool, tunable: bool },
    /// A table of another tool.
    File,
}

/// One value a repeat.
#[derive(Debug, Clone)]
pub struct Series {
    origin: Origin,
    /// Repeat -> value.
    pub values: BTreeMap<u32, f64>,
    /// Repeat -> why there is no value.
    pub failures: BTreeMap<u32, String>,
    finished: BTreeMap<u32, u64>,
}

impl Series {
    /// Values from a table of another tool.
    pub fn from_file(values: BTreeMap<u32, f64>) -> Self {
        Self { origin: Origin::File, values, failures: BTreeMap::new(), finished: BTreeMap::new() }
    }

    /// The records of a method on a data set, one series for each way it was run.
    pub fn from_records<'r>(
        records: impl IntoIterator<Item = &'r Record>,
        entry: &Entry,
        dataset: &str,
        metric: Metric,
    ) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for record in records {
            if record.key.method != entry.info.name || record.key.data.name != dataset {
                continue;
            }
            let Some(origin) = Origin::of(record, entry) else { continue };
            let at = all.iter().position(|s| s.origin == origin).unwrap_or_else(|| {
                let finished = BTreeMap::new();
                all.push(Self { origin, values: BTreeMap::new(), failures: BTreeMap::new(), finished });
                all.len() - 1
            });
            all[at].add(record, metric);
        }
        all
    }

    /// Adds a record; of two for the same repeat the younger counts.
    fn add(&mut self, record: &Record, metric: Metric) {
        let (repeat, finished) = (record.key.repeat, record.circumstances.finished);
        if self.finished.get(&repeat).is_some_and(|&known| known > finished) {
            return;
        }
        self.finished.insert(repeat, finished);
        self.values.remove(&repeat);
        self.failures.remove(&repeat);
        match (&record.outcome, record.scored().and_then(|point| point.mean(Part::Test, metric))) {
            (Outcome::Failed(reason), _) => {
                self.failures.insert(repeat, reason.clone());
            }
            (_, Some(value)) => {
                self.values.insert(repeat, value);
            }
            (_, None) => {
                self.failures.insert(repeat, format!("{metric} was not measured"));
            }
        }
    }

    /// The protocol of stored values.
    pub fn protocol(&self) -> Option<&Protocol> {
        match &self.origin {
            Origin::Store { protocol, .. } => Some(protocol),
            Origin::File => None,
        }
    }

    /// Whether the values can be paired with another's: the same data in the same parts, scaled in the same way, and
    /// hyperparameters chosen by the same rule. A method without hyperparameters to choose suits every rule, and
    /// another tool's values are taken at the user's word.
    pub fn pairs_with(&self, other: &Self) -> bool {
        let (Origin::Store { protocol: a, .. }, Origin::Store { protocol: b, .. }) = (&self.origin, &other.origin)
        else {
            return true;
        };
        let same_rule = match (self.rule(), other.rule()) {
            (Some(a), Some(b)) => a == b,
            // Nothing to choose.
            _ => true,
        };
        a == b && same_rule
    }

    /// The rule that chose the hyperparameters (none: they were held); `None` if there is nothing to choose.
    fn rule(&self) -> Option<Option<mtl_experiments::study::Select>> {
        match &self.origin {
            Origin::Store { tuning: Tuning::Chosen(selection), .. } => Some(Some(selection.by)),
            Origin::Store { tuning: Tuning::Held(_), tunable: true, .. } => Some(None),
            _ => None,
        }
    }

    /// Number of points chosen between.
    pub fn points(&self) -> usize {
        match &self.origin {
            Origin::Store { tuning: Tuning::Chosen(selection), .. } => selection.points,
            _ => 1,
        }
    }

    /// Whether the method's code has not changed since.
    pub fn is_current(&self) -> bool {
        !matches!(self.origin, Origin::Store { current: false, .. })
    }

    /// How the method came to its hyperparameters, in words.
    pub fn describe(&self) -> String {
        let Origin::Store { tuning, revision, current, .. } = &self.origin else {
            return "from the results file".into();
        };
        let tuned = match tuning {
            Tuning::Chosen(selection) => format!(
                "tuned by validation {} over {} (grid {})",
                selection.by.metric,
                count(selection.points, "point"),
                selection.grid
            ),
            Tuning::Held(params) if params.is_empty() => "at its defaults".into(),
            Tuning::Held(params) => {
                let values: Vec<String> = params.iter().map(|(name, v)| format!("{name} = {}", parameter(v))).collect();
                format!("held at {}", values.join(", "))
            }
        };
        if *current { tuned } else { format!("{tuned}, by revision {revision} of the method, which has changed since") }
    }
}

impl Origin {
    /// Where a record belongs; `None` if it is not a score.
    fn of(record: &Record, entry: &Entry) -> Option<Self> {
        let key = &record.key;
        let tuning = match &key.purpose {
            Purpose::Tune | Purpose::Fold(_) | Purpose::Sweep => return None,
            Purpose::Score(Some(selection)) => Tuning::Chosen(selection.clone()),
            Purpose::Score(None) => Tuning::Held(key.path.last().cloned().unwrap_or_default()),
        };
        let protocol = Protocol {
            data: key.data.clone(),
            data_revision: key.data_revision,
            sampling: key.sampling,
            scaling: key.scaling,
        };
        let revision = key.method_revision;
        let tunable = entry.params.iter().any(|spec| !spec.grid.is_empty());
        Some(Self::Store { protocol, tuning, revision, current: revision == entry.info.revision, tunable })
    }
}

impl Protocol {
    /// Whether test rows had no part in the scaling.
    pub fn is_honest(&self) -> bool {
        self.scaling.fit == ScaleFit::Train || !(self.scaling.x || self.scaling.y)
    }

    /// Test rows over training rows; `None` where the test rows are those that are left of each task: records do not say
    /// how many.
    pub fn test_over_train(&self) -> Option<f64> {
        self.sampling.split.test_over_train()
    }

    /// The split in words.
    pub fn split(&self) -> String {
        let rows = self.sampling.rows.map_or("all rows".into(), |rows| format!("up to {rows} rows a task"));
        let drawn = |draw| match draw {
            Draw::Random => "",
            Draw::Stratified => ", stratified",
            Draw::Balanced => ", balanced",
        };
        let of_rows = |split: Fractions| {
            let [train, valid, test] = [split.train, split.valid, split.test].map(|f| (1e4 * f).round() / 1e2);
            format!("{train}/{valid}/{test} % of {rows}")
        };
        match self.sampling.split {
            Sizes::Fractions(split) => of_rows(split),
            Sizes::Drawn(DrawnFractions { fractions, draw }) => format!("{}{}", of_rows(fractions), drawn(draw)),
            Sizes::Nested(_) => format!("{} of {rows}", self.sampling.split),
            Sizes::Rows(RowSizes { draw, .. }) => format!("{} of each task{}", self.sampling.split, drawn(draw)),
        }
    }

    /// The scaling in words.
    pub fn scaling(&self) -> String {
        let Scaling { x, y, fit, rows, units, labels } = self.scaling;
        let what = match (x, y) {
            (true, true) => "features and target standardised",
            (true, false) => "features standardised",
            (false, true) => "target standardised",
            (false, false) => "nothing standardised",
        };
        let by = match fit {
            _ if !(x || y) => "",
            ScaleFit::Train => " by training rows",
            ScaleFit::All => " by all rows, test rows included",
        };
        let rows = match rows {
            mtl_core::RowScale::None => "",
            mtl_core::RowScale::UnitL2 => ", samples scaled to unit length first",
            mtl_core::RowScale::MinMaxUnitL2 => ", features scaled to 0..1 and samples to unit length first",
        };
        let units = match units {
            Units::Scaled => "",
            Units::Original => ", judged in original units",
            Units::OriginalWithoutMeans => ", judged in original units without the means",
        };
        let labels = match labels {
            Labels::Classes => "",
            Labels::Numbers => ", labels as numbers",
        };
        format!("{what}{by}{rows}{units}{labels}")
    }
}
