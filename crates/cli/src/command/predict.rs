//! `mtl predict`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use mtl_data::long_csv::{self, Samples, TargetColumn};
use mtl_data::suggest::{did_you_mean, listed};
use ndarray::{Array1, Axis};
use serde::Serialize;

use crate::model::SavedModel;
use crate::output::{check_output, emit, emit_json, write_atomically};
use crate::scores::Scores;

const EXAMPLES: &str = "\
Examples:
  mtl predict --model model.json --data more.csv > predictions.csv
  mtl predict --model model.json --data more.csv -o predictions.csv --json
  mtl predict --model model.json --data more.csv --task school_id --target score

Features are matched by name, in whatever order the columns are. Rows are counted from 1, the line of column names \
left out. If the file has the column the model predicts, with a number in every row, the predictions are also judged: \
on standard error, or in the JSON object.

A model of two classes (`mtl fit --loss logistic`) predicts scores: above 0 for the class 1, else for the other.";

/// Arguments of `mtl predict`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Predict {
    /// Model that `mtl fit --save` wrote
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// CSV file with a line of column names and one row a sample
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Column that names the task of a sample [default: the one the model was fitted with]
    #[arg(long, value_name = "COLUMN")]
    task: Option<String>,
    /// Columns to predict from, separated by commas; they must be those of the model, in any order
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    features: Option<Vec<String>>,
    /// Column with the true values, to judge the predictions by [default: the one the model was fitted to, if there]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Write the predictions to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write one JSON object: measures, and the predictions unless they go to a file
    #[arg(long)]
    json: bool,
}

/// One prediction.
#[derive(Serialize)]
struct Prediction {
    task: String,
    row: usize,
    prediction: f64,
}

/// The JSON object.
#[derive(Serialize)]
struct Report {
    method: String,
    n: usize,
    /// Measures; of no task if there is nothing to judge by.
    #[serde(flatten)]
    scores: Scores,
    #[serde(skip_serializing_if = "Option::is_none")]
    predictions: Option<Vec<Prediction>>,
}

impl Predict {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let model = SavedModel::load(&self.model)?;
        self.check_features(&model)?;
        if let Some(path) = &self.output {
            check_output(path)?;
        }
        let samples = self.samples(&model)?;
        let tasks = self.positions(&model, &samples)?;
        let rows = rows_by_task(&model, &tasks);
        let predicted = predict(&model, &samples, &rows);
        if let Some(row) = predicted.iter().position(|v| !v.is_finite()) {
            let line = samples.lines[row];
            bail!(
                "{}, line {line}: the prediction is not a finite number; are its values too large?",
                self.data.display()
            );
        }
        let scores = judge(&model, &samples, &rows, &predicted);
        self.write(&model, &samples, &predicted, scores)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Features named by the user must be those of the model: a column more or less would be a misunderstanding.
    fn check_features(&self, model: &SavedModel) -> anyhow::Result<()> {
        let Some(named) = &self.features else { return Ok(()) };
        let named: Vec<&str> = named.iter().map(|name| name.trim()).collect();
        if let Some(extra) = named.iter().find(|name| !model.features.iter().any(|f| f == *name)) {
            let known = &model.features;
            bail!(
                "--features: the model {} has no feature `{extra}`{}\nits features: {}",
                self.model.display(),
                did_you_mean(extra, known),
                listed(known)
            );
        }
        if let Some(missing) = model.features.iter().find(|f| !named.contains(&f.as_str())) {
            bail!("--features: the model {} also needs `{missing}`", self.model.display());
        }
        Ok(())
    }

    fn samples(&self, model: &SavedModel) -> anyhow::Result<Samples> {
        let task = self.task.as_ref().unwrap_or(&model.columns.task);
        let target = match &self.target {
            Some(name) => TargetColumn::Required(name.clone()),
            None => TargetColumn::IfUsable(model.columns.target.clone()),
        };
        let samples = long_csv::samples(&self.data, task, &model.features, &target, model.target_kind)
            .with_context(|| format!("the data do not suit the model {}", self.model.display()))?;
        if let Some(reason) = &samples.unusable_target {
            eprintln!("note: the predictions are not judged: {}", reason.lines().next().unwrap_or_default());
        }
        Ok(samples)
    }

    /// Position of each sample's task in the model.
    fn positions(&self, model: &SavedModel, samples: &Samples) -> anyhow::Result<Vec<usize>> {
        let position = |(task, line): (&String, &usize)| match model.tasks.iter().position(|t| t == task) {
            Some(position) => Ok(position),
            None => bail!(
                "{}, line {line}: the model {} has no task `{task}`{}\nits tasks: {}",
                self.data.display(),
                self.model.display(),
                did_you_mean(task, &model.tasks),
                listed(&model.tasks)
            ),
        };
        samples.tasks.iter().zip(&samples.lines).map(position).collect()
    }

    fn write(
        &self,
        model: &SavedModel,
        samples: &Samples,
        predicted: &Array1<f64>,
        scores: Scores,
    ) -> anyhow::Result<()> {
        let all = samples.tasks.iter().zip(predicted).enumerate();
        let all: Vec<Prediction> = all
            .map(|(i, (task, &prediction))| Prediction { task: task.clone(), row: i + 1, prediction: prediction + 0.0 })
            .collect();
        if let Some(path) = &self.output {
            write_atomically(path, &to_csv(&all)?)?;
        }
        if self.json {
            let predictions = self.output.is_none().then_some(all);
            return emit_json(&Report { method: model.method.clone(), n: predicted.len(), scores, predictions });
        }
        if self.output.is_none() {
            emit(to_csv(&all)?)?;
        }
        if !scores.tasks.is_empty() {
            eprint!("{}", scores.table(&BTreeMap::new()));
        }
        Ok(())
    }
}

/// Rows of each of the model's tasks.
fn rows_by_task(model: &SavedModel, tasks: &[usize]) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); model.tasks.len()];
    tasks.iter().enumerate().for_each(|(row, &t)| rows[t].push(row));
    rows
}

fn predict(model: &SavedModel, samples: &Samples, rows: &[Vec<usize>]) -> Array1<f64> {
    let linear = model.model();
    let mut predicted = Array1::zeros(samples.tasks.len());
    for (t, rows) in rows.iter().enumerate() {
        let values = linear.predict(t, &samples.x.select(Axis(0), rows));
        rows.iter().zip(&values).for_each(|(&row, &value)| predicted[row] = value);
    }
    predicted
}

/// Measures of each task in the file, in the order of the model; none without a target.
fn judge(model: &SavedModel, samples: &Samples, rows: &[Vec<usize>], predicted: &Array1<f64>) -> Scores {
    let Some(y) = &samples.y else { return Scores::default() };
    let tasks = model.tasks.iter().zip(rows).filter(|(_, rows)| !rows.is_empty());
    let of_task = |(name, rows): (&'_ String, &Vec<usize>)| {
        (name.clone(), y.select(Axis(0), rows), predicted.select(Axis(0), rows))
    };
    Scores::of(model.target_kind, &tasks.map(of_task).collect::<Vec<_>>())
}

fn to_csv(predictions: &[Prediction]) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["task", "row", "prediction"])?;
    for Prediction { task, row, prediction } in predictions {
        csv.write_record([task.as_str(), &row.to_string(), &format!("{prediction:?}")])?;
    }
    csv.into_inner().context("predictions cannot be written as CSV")
}
