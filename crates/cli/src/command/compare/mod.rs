//! `mtl compare`.

mod file;
mod report;
mod series;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use mtl_core::Metric;
use mtl_data::suggest::{did_you_mean, listed};
use mtl_data::{Catalog, Status};
use mtl_experiments::Store;
use mtl_stats::Resampling;
use mtl_stats::comparison::{Comparison, compare, compare_with_rope};

use crate::args::{StoreArgs, warn};
use crate::lookup;
use crate::output::{emit, emit_json};
use file::ResultsFile;
use report::{Choice, Report};
use series::Series;

const EXAMPLES: &str = "\
Examples:
  mtl compare lasso ssmtl-m --dataset parkinsons --metric nMSE
  mtl compare l21 metag --dataset sarcos --metric MAE --protocol 2 --json
  mtl compare lasso sklearn --dataset parkinsons --metric nMSE --results sklearn.csv
  mtl compare a b --dataset mine --metric nRMSE --lower-is-better --results all.csv \\
      --resampling overlapping --test-over-train 0.25

Values are test scores of stored results (`mtl replicate` makes them), one a repeat, averaged over tasks. Two methods \
are paired where data, split, scaling and the rule that chose hyperparameters are the same; where there are several \
such protocols, the one whose scaling looks at training rows only and that has most repeats is taken, and the others \
are listed.

A results file has the columns method, dataset, repeat, metric and value. Methods that it does not have are looked for \
in the store: equal repeat numbers must then mean equal splits.";

/// Arguments of `mtl compare`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Compare {
    /// First method, by name or alias
    a: String,
    /// Second method
    b: String,
    /// Data set
    #[arg(long, value_name = "NAME")]
    dataset: String,
    /// Measure to compare
    #[arg(long, value_name = "METRIC")]
    metric: String,
    /// Compare under this protocol of those listed
    #[arg(long, value_name = "N")]
    protocol: Option<usize>,
    #[command(flatten)]
    store: StoreArgs,
    /// CSV file with other tools' results
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// How the repeats relate [default: as stored; independent for a results file]
    #[arg(long, value_name = "KIND")]
    resampling: Option<Kind>,
    /// Test rows over training rows, for overlapping splits [default: as stored]
    #[arg(long, value_name = "RATIO", allow_negative_numbers = true)]
    test_over_train: Option<f64>,
    /// Number of folds, for k-fold cross-validation [default: the number of pairs]
    #[arg(long, value_name = "K")]
    folds: Option<usize>,
    /// Larger values are better (needed for measures that mtl does not know)
    #[arg(long, conflicts_with = "lower_is_better")]
    higher_is_better: bool,
    /// Smaller values are better
    #[arg(long)]
    lower_is_better: bool,
    /// Difference that does not matter in practice [default: 1 % of the second method's mean size]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    rope: Option<f64>,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// How repeats relate to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Each has rows of its own
    Independent,
    /// Random splits of one data set
    Overlapping,
    /// Folds of one cross-validation
    Kfold,
}

impl Compare {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (metric, higher) = self.direction()?;
        let [a, b] = self.candidates(&metric)?;
        let choices = self.pairs(&a, &b)?;
        let number = self.protocol.unwrap_or(1);
        let Some(choice) = number.checked_sub(1).and_then(|i| choices.get(i)) else {
            bail!("--protocol {number}: there are protocols 1 to {} for these methods", choices.len());
        };
        let (resampling, note) = self.resampling(choice)?;
        let comparison = self.compare(choice, resampling, higher)?;
        let [name_a, name_b] = [self.display_name(&self.a), self.display_name(&self.b)];
        let report = Report::new([&name_a, &name_b], &self.dataset, &metric, &choices, number, &comparison, note);
        report.notes().iter().for_each(|note| eprintln!("note: {note}"));
        if self.json {
            emit_json(&report)?
        } else {
            emit(report.text())?
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The measure's name as the program writes it, and whether larger values are better.
    fn direction(&self) -> anyhow::Result<(String, bool)> {
        let asked = self.higher_is_better.then_some(true).or(self.lower_is_better.then_some(false));
        let Ok(known) = self.metric.parse::<Metric>() else {
            return match asked {
                Some(higher) => Ok((self.metric.clone(), higher)),
                None => {
                    let names: Vec<&str> = Metric::ALL.iter().map(|m| m.name()).collect();
                    bail!(
                        "--metric {}: mtl does not know this measure{}\nknown: {}\n\
                         for another one in a results file add --higher-is-better or --lower-is-better",
                        self.metric,
                        did_you_mean(&self.metric, &names),
                        names.join(", ")
                    )
                }
            };
        };
        if asked.is_some_and(|asked| asked != known.higher_is_better()) {
            let better = if known.higher_is_better() { "larger" } else { "smaller" };
            bail!("--metric {known}: {better} values are better; leave the option that says otherwise out");
        }
        Ok((known.name().to_owned(), known.higher_is_better()))
    }

    /// The name of the registry where there is one.
    fn display_name(&self, name: &str) -> String {
        match mtl_methods::method(name) {
            Ok(entry) if self.results.is_none() => entry.info.name.to_owned(),
            _ => name.to_owned(),
        }
    }

    /// Everything that is known of both methods: from the results file where it has them, else from the store.
    fn candidates(&self, metric: &str) -> anyhow::Result<[Vec<Series>; 2]> {
        if self.display_name(&self.a) == self.display_name(&self.b) {
            bail!("`{}` and `{}` are the same method; name two", self.a, self.b);
        }
        let file = self.results.as_deref().map(ResultsFile::read).transpose()?;
        let in_file = |name: &str| match &file {
            Some(file) => file.series(name, &self.dataset, metric),
            None => Ok(None),
        };
        let mut sides = [in_file(&self.a)?, in_file(&self.b)?].map(|found| found.map(|series| vec![series]));
        if sides.iter().any(Option::is_none) {
            let stored = Stored::open(self, metric, file.as_ref())?;
            for (side, name) in sides.iter_mut().zip([&self.a, &self.b]) {
                if side.is_none() {
                    *side = Some(stored.series(name)?);
                }
            }
        }
        Ok(sides.map(Option::unwrap_or_default))
    }

    /// Every admissible pair of series, best first.
    fn pairs<'s>(&self, a: &'s [Series], b: &'s [Series]) -> anyhow::Result<Vec<Choice<'s>>> {
        let all = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
        let mut choices: Vec<Choice<'s>> =
            all.filter(|(a, b)| a.pairs_with(b)).map(|(a, b)| Choice::new(a, b)).filter(|c| c.n() > 0).collect();
        if choices.is_empty() {
            let list = |name: &str, all: &[Series]| {
                let lines: Vec<String> = all.iter().map(|s| format!("  {name}: {}", report::in_words(s))).collect();
                lines.join("\n")
            };
            bail!(
                "no repeat of {} and {} on {} was run in the same way; there are\n{}\n{}",
                self.a,
                self.b,
                self.dataset,
                list(&self.a, a),
                list(&self.b, b)
            );
        }
        choices.sort_by_key(Choice::rank);
        Ok(choices)
    }

    /// How the pairs relate, and what the reader should know about that.
    fn resampling(&self, choice: &Choice<'_>) -> anyhow::Result<(Resampling, Option<String>)> {
        let stored = choice.protocol();
        let synthetic = || {
            let catalog = Catalog::embedded();
            catalog.get(&self.dataset).is_ok_and(|entry| entry.status == Status::Synthetic)
        };
        let ratio = self.test_over_train.or(stored.and_then(|p| p.test_over_train()));
        let found = match (self.resampling, stored) {
            (Some(Kind::Independent), _) => Resampling::Independent,
            (Some(Kind::Kfold), _) => Resampling::KFold { k: self.folds.unwrap_or_else(|| choice.n()) },
            (Some(Kind::Overlapping), _) => {
                let test_over_train = ratio
                    .context("--resampling overlapping needs --test-over-train, for instance 0.25 for 20 % / 80 %")?;
                Resampling::Overlapping { test_over_train }
            }
            (None, _) if self.test_over_train.is_some() || self.folds.is_some() => {
                bail!("--test-over-train and --folds belong to --resampling overlapping and kfold; say which it is")
            }
            (None, Some(_)) if synthetic() => Resampling::Independent,
            (None, Some(protocol)) => {
                let test_over_train = protocol.test_over_train().context(
                    "all rows that were left of each task are test rows, and how many is not stored; give --resampling \
                     overlapping --test-over-train RATIO",
                )?;
                Resampling::Overlapping { test_over_train }
            }
            (None, None) => {
                let note = "nothing is known about how the repeats relate, so they are taken to be independent; if they \
                            are random splits of one data set, that is too optimistic: give --resampling overlapping \
                            --test-over-train RATIO (or kfold)";
                return Ok((Resampling::Independent, Some(note.to_owned())));
            }
        };
        found.check()?;
        Ok((found, None))
    }

    fn compare(&self, choice: &Choice<'_>, resampling: Resampling, higher: bool) -> anyhow::Result<Comparison> {
        let (a, b) = choice.values();
        let compared = match self.rope {
            Some(rope) if !(rope.is_finite() && rope >= 0.0) => bail!("--rope is {rope}, expected a number >= 0"),
            Some(rope) => compare_with_rope(&a, &b, resampling, higher, rope),
            None => compare(&a, &b, resampling, higher),
        };
        Ok(compared?)
    }
}

/// The store with what is looked for in it.
struct Stored<'c> {
    records: Vec<std::sync::Arc<mtl_experiments::store::Record>>,
    folder: PathBuf,
    dataset: &'c str,
    metric: Metric,
    /// Methods of the results file, for the error about an unknown one.
    in_file: Vec<String>,
}

impl<'c> Stored<'c> {
    fn open(args: &'c Compare, metric: &str, file: Option<&ResultsFile>) -> anyhow::Result<Self> {
        let in_file: Vec<String> = file.iter().flat_map(|f| f.methods()).map(String::from).collect();
        let stranger = [&args.a, &args.b].into_iter().find(|n| !in_file.contains(n) && mtl_methods::method(n).is_err());
        if let (Some(name), Some(_)) = (stranger, file) {
            bail!(
                "`{name}` is neither in the results file{} nor a method of mtl\nthe file has: {}",
                did_you_mean(name, &in_file),
                listed(&in_file)
            );
        }
        if let Some(name) = stranger {
            lookup::method(name)?;
        }
        Catalog::embedded().get(&args.dataset)?;
        let metric = metric.parse::<Metric>().map_err(|e| anyhow::anyhow!("{e} (in the results store)"))?;
        let folder = args.store.existing()?;
        let records = Store::reading(&folder).telling(warn).all();
        Ok(Self { records, folder, dataset: &args.dataset, metric, in_file })
    }

    fn series(&self, name: &str) -> anyhow::Result<Vec<Series>> {
        let entry = lookup::method(name)?;
        let records = self.records.iter().map(std::convert::AsRef::as_ref);
        let found = Series::from_records(records, entry, self.dataset, self.metric);
        if found.iter().all(|series| series.values.is_empty()) {
            let failures: Vec<&String> = found.iter().flat_map(|s| s.failures.values()).collect();
            let why = failures.first().map_or(String::new(), |reason| format!("; every try failed: {reason}"));
            bail!(
                "the results store {} has no {} of {} on {}{why}\nthere are: {}{}",
                self.folder.display(),
                self.metric,
                entry.info.name,
                self.dataset,
                self.inventory(),
                if self.in_file.is_empty() { "" } else { "; nor has the results file" }
            );
        }
        Ok(found)
    }

    /// Methods and data sets with results.
    fn inventory(&self) -> String {
        let scored = self.records.iter().filter(|r| r.scored().is_some());
        let names: std::collections::BTreeSet<String> =
            scored.map(|r| format!("{} on {}", r.key.method, r.key.data.name)).collect();
        if names.is_empty() { "no results at all".into() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
    }
}
