//! `mtl fit`.

mod cv;
mod params;
mod report;
mod solve;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use mtl_core::{Metric, MultiTask, Seed, Target};
use mtl_data::long_csv::{self, LongCsvOptions};
use mtl_methods::{Entry, ParamSet};

use crate::lookup;
use crate::model::{Columns, Parts, SavedModel};
use crate::output::{check_output, emit, emit_json, write_atomically};
use cv::{Chosen, Plan};
use report::Report;
pub use solve::Preprocess;
use solve::Trained;

const EXAMPLES: &str = "\
Examples:
  mtl fit --method lasso --data d.csv --task school --target score --param gamma=0.5
  mtl fit --method l21 --data d.csv --task school --target score --intercept --standardize --cv 5
  mtl fit --method metag --data d.csv --task school --target score --features age,size --json
  mtl fit --method sg-mtl --data d.csv --task school --target score --param n_groups=3 --groups groups.csv
  mtl fit --method l21 --data d.csv --task school --target score --save model.json
  mtl predict --model model.json --data more.csv

The data file has one row a sample: a column that names its task, a column to predict, and numbers to predict from. \
Nothing is centred or scaled unless asked for. With --loss logistic the column holds the labels 0 and 1, or -1 and +1.

The objective of each method is shown by `mtl methods METHOD`; its value is that on the data as they were fitted, \
centred and scaled if so. Weights, intercepts and measures refer to the data as they are in the file.";

/// Arguments of `mtl fit`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Fit {
    /// Method, by name or alias (`mtl methods` lists them)
    #[arg(long, value_name = "NAME")]
    method: String,
    /// CSV file with a line of column names and one row a sample
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Column that names the task of a sample
    #[arg(long, value_name = "COLUMN")]
    task: String,
    /// Column to predict
    #[arg(long, value_name = "COLUMN")]
    target: String,
    /// What is minimised over the rows: the target is a number, or a label of two classes (0 and 1, or -1 and +1)
    #[arg(long, value_enum, default_value_t)]
    loss: Loss,
    /// Columns to predict from, separated by commas [default: all others]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    features: Option<Vec<String>>,
    /// A hyperparameter; can be given several times (`mtl methods METHOD` lists them)
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// Tolerance of the solver's stopping rule [default: the method's own]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    tol: Option<f64>,
    /// Choose the hyperparameters that --param does not fix by cross-validation with this many folds
    #[arg(long, value_name = "FOLDS")]
    cv: Option<usize>,
    /// Measure that cross-validation chooses by, averaged over tasks [default: nMSE, or AUC of two classes]
    #[arg(long, value_name = "METRIC", requires = "cv")]
    cv_metric: Option<Metric>,
    /// Fit an intercept for each task: by centring its features and target, or within the logistic loss
    #[arg(long)]
    intercept: bool,
    /// Divide the features of each task by their population standard deviation before the fit
    #[arg(long)]
    standardize: bool,
    /// Seed of everything random: folds and, where a method has them, initial values
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Write the weights as CSV: one row a feature, one column a task
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Write the groups that the method learned as CSV: one row a task, its group and, where the method has them, its
    /// shares in all groups
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
    /// Save the model for `mtl predict`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Write the summary as one JSON object
    #[arg(long)]
    json: bool,
}

/// What a fit minimises over the rows. It follows from what the target is; methods have no parameter for it.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Loss {
    /// Squared error of a number
    #[default]
    Squared,
    /// Logistic loss of a label
    Logistic,
}

impl Loss {
    fn target(self) -> Target {
        match self {
            Self::Squared => Target::Regression,
            Self::Logistic => Target::Binary,
        }
    }
}

impl Fit {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        // What the user can have got wrong is found before anything takes time.
        let entry = lookup::method(&self.method)?;
        self.check_target(entry)?;
        let mut given = params::given(entry, &self.params, self.tol)?;
        if self.intercept && self.loss.target() == Target::Binary {
            params::set_intercept(entry, &mut given)?;
        }
        let fixed = ParamSet::new(&entry.params, &given)?;
        self.check_outputs()?;
        let data = long_csv::read(&self.data, &self.columns())?;
        let seed = Seed::of(&("fit", self.seed));

        let chosen = match self.plan(&data)? {
            Some(plan) => Some(plan.choose(entry, &given, &data, &seed)?),
            None => None,
        };
        let params = chosen.as_ref().map_or(&fixed, |c| &c.params);
        let trained = self.fit(entry, params, &data, &seed)?;
        self.write_files(entry, params, &data, &trained)?;
        let report = Report::new(entry, params, &data, &trained, chosen.as_ref());
        self.warn(&report, chosen.as_ref());
        if self.json {
            emit_json(&report)?
        } else {
            emit(report.summary(&self.data, self.intercept))?
        }
        Ok(ExitCode::SUCCESS)
    }

    fn columns(&self) -> LongCsvOptions {
        let trimmed = |names: &Vec<String>| names.iter().map(|name| name.trim().to_owned()).collect();
        LongCsvOptions {
            task: self.task.clone(),
            target: self.target.clone(),
            target_kind: self.loss.target(),
            features: self.features.as_ref().map(trimmed),
        }
    }

    /// Labels cannot be centred: their intercept is the method's own.
    fn preprocess(&self) -> Preprocess {
        let centre = self.intercept && self.loss.target() == Target::Regression;
        Preprocess { intercept: centre, standardize: self.standardize }
    }

    /// The method learns such targets.
    fn check_target(&self, entry: &Entry) -> anyhow::Result<()> {
        let target = self.loss.target();
        if entry.info.learns(target) {
            return Ok(());
        }
        let able = mtl_methods::methods().iter().filter(|m| m.info.learns(target));
        let able: Vec<&str> = able.map(|m| m.info.name).collect();
        let able = if able.is_empty() { "none".to_owned() } else { able.join(", ") };
        let (name, what) = (entry.info.name, target.described());
        let loss = self.loss.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        bail!("--loss {loss}: {name} does not learn {what}\nmethods that do: {able}")
    }

    /// Outputs can be written, and neither on each other nor on the data.
    fn check_outputs(&self) -> anyhow::Result<()> {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let named = [("--weights", &self.weights), ("--groups", &self.groups), ("--save", &self.save)];
        let outputs: Vec<_> = named.iter().filter_map(|(option, path)| Some((option, path.as_ref()?))).collect();
        for (i, (option, path)) in outputs.iter().enumerate() {
            check_output(path)?;
            if real(path) == real(&self.data) {
                bail!("{} is the data file; choose another name for the output", path.display());
            }
            let twin = outputs[..i].iter().find(|(_, other)| real(other) == real(path) && !path.starts_with("/dev"));
            if let Some((other, _)) = twin {
                bail!("{other} and {option} both name {}; choose different names", path.display());
            }
        }
        Ok(())
    }

    fn plan(&self, data: &MultiTask) -> anyhow::Result<Option<Plan>> {
        let Some(folds) = self.cv else { return Ok(None) };
        let valid = Metric::of_predictions(data.target);
        let metric = self.cv_metric.unwrap_or(match data.target {
            Target::Regression => Metric::NMse,
            Target::Binary => Metric::Auc,
            Target::Classes(_) => Metric::Accuracy,
        });
        if !valid.contains(&metric) {
            let names: Vec<&str> = valid.iter().map(|m| m.name()).collect();
            bail!("--cv-metric {metric}: cannot be computed from these predictions; valid: {}", names.join(", "));
        }
        Ok(Some(Plan { folds, metric, preprocess: self.preprocess() }))
    }

    fn fit(&self, entry: &Entry, params: &ParamSet, data: &MultiTask, seed: &Seed) -> anyhow::Result<Trained> {
        let prepared = self.preprocess().prepare(data);
        let fits = prepared.fit_path(entry, std::slice::from_ref(params), seed);
        let failed = || format!("{} cannot be fitted to {}", entry.info.name, self.data.display());
        let trained = fits.with_context(failed)?.pop().with_context(failed)?;
        if !trained.fitted.objective.total.is_finite() {
            bail!("{}: the objective is not a finite number; are features or target out of scale?", failed());
        }
        Ok(trained)
    }

    fn write_files(&self, entry: &Entry, params: &ParamSet, data: &MultiTask, trained: &Trained) -> anyhow::Result<()> {
        if let Some(path) = &self.weights {
            write_atomically(path, &report::weights_csv(data, &trained.model, self.intercept)?)?;
        }
        if let Some(path) = &self.groups {
            let groups = report::groups_csv(data, &trained.fitted)?;
            let none = || format!("--groups: {} learns no groups of tasks", entry.info.name);
            write_atomically(path, &groups.with_context(none)?)?;
        }
        if let Some(path) = &self.save {
            let columns = Columns { task: self.task.clone(), target: self.target.clone() };
            let (preprocess, model) = (self.preprocess(), &trained.model);
            SavedModel::new(Parts { entry, params, preprocess, columns, data, model }).save(path)?;
        }
        Ok(())
    }

    fn warn(&self, report: &Report<'_>, chosen: Option<&Chosen>) {
        if let Some(advice) = report.not_converged() {
            eprintln!("warning: {advice}");
        }
        for name in chosen.iter().flat_map(|c| &c.at_edge) {
            eprintln!(
                "note: the chosen {name} is at an end of its grid; a better one may lie beyond (--param {name}=..)"
            );
        }
    }
}
