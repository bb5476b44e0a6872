//! What a fit reports.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail};
use mtl_core::MultiTask;
use mtl_methods::solver::ResidualKind;
use mtl_methods::{Entry, Fitted, Model, ParamSet, TASK_GROUP};
use serde::Serialize;

use super::cv::Chosen;
use super::solve::Trained;
use crate::scores::Scores;
use crate::table::{count, number, parameter};

/// One fit: the JSON object, and the numbers of the readable summary.
#[derive(Serialize)]
pub struct Report<'a> {
    method: &'static str,
    params: &'a ParamSet,
    objective: f64,
    loss: f64,
    penalty: f64,
    iterations: usize,
    converged: bool,
    residual: f64,
    residual_rule: &'static str,
    features: usize,
    nonzero: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cv: Option<&'a Chosen>,
    #[serde(flatten)]
    scores: Scores,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    memberships: &'a BTreeMap<String, Vec<usize>>,
    #[serde(skip)]
    weights: usize,
    #[serde(skip)]
    entry: &'a Entry,
    #[serde(skip)]
    fitted: &'a Fitted,
}

impl<'a> Report<'a> {
    /// Puts a report together.
    pub fn new(
        entry: &'a Entry,
        params: &'a ParamSet,
        data: &MultiTask,
        trained: &'a Trained,
        cv: Option<&'a Chosen>,
    ) -> Self {
        let fitted = &trained.fitted;
        let (nonzero, weights) = trained.model.count_weights();
        Self {
            method: entry.info.name,
            params,
            objective: fitted.objective.total,
            loss: fitted.objective.loss,
            penalty: fitted.objective.penalty,
            iterations: fitted.convergence.iterations,
            converged: fitted.convergence.converged,
            // JSON has no infinity; an uncertified fit is as bad as the largest number.
            residual: fitted.convergence.residual.min(f64::MAX),
            residual_rule: fitted.convergence.rule.name(),
            features: data.n_features(),
            nonzero,
            weights,
            cv,
            scores: Scores::of_model(&trained.model, data),
            memberships: &fitted.memberships,
            entry,
            fitted,
        }
    }

    /// What to say of a fit that stopped early.
    pub fn not_converged(&self) -> Option<String> {
        let options = ["max_iter", "tol"].iter().filter(|name| self.params.get(name).is_some());
        let advice = options.map(|name| format!("--param {name}=..")).collect::<Vec<_>>().join(" or ");
        let rule = self.residual_rule.replace('-', " ");
        (!self.converged).then(|| {
            format!(
                "not converged after {}: {rule} {:.1e}; a larger limit or tolerance may help: {advice}",
                count(self.iterations, "iteration"),
                self.residual
            )
        })
    }

    /// The summary for readers.
    pub fn summary(&self, data: &Path, intercept: bool) -> String {
        let samples: usize = self.scores.tasks.iter().map(|t| t.n).sum();
        let mut text = format!(
            "{} on {}: {}, {}, {}{}\n\n",
            self.method,
            data.display(),
            count(self.scores.tasks.len(), "task"),
            count(samples, "row"),
            count(self.features, "feature"),
            if intercept { " and an intercept" } else { "" }
        );
        for (name, value) in self.facts() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<11}{value}");
        }
        format!("{text}\nmeasures on the training rows:\n{}", self.scores.table(&self.fitted.memberships))
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let Self { objective, loss, penalty, .. } = *self;
        let mut facts = vec![
            ("minimised", self.entry.info.objective.to_owned()),
            ("at", self.point()),
            ("objective", format!("{} = loss {} + penalty {}", number(objective), number(loss), number(penalty))),
            ("solver", self.ending()),
            ("non-zero", format!("{} of {}", self.nonzero, count(self.weights, "weight"))),
        ];
        if let Some(cv) = self.cv {
            let tried = format!(
                "{} {} in {} folds, the best of {}",
                cv.metric,
                number(cv.score),
                cv.folds,
                count(cv.points, "point")
            );
            facts.insert(2, ("chosen by", tried));
        }
        facts
    }

    /// Hyperparameters worth showing: those that are tuned, and those that are not at their default.
    fn point(&self) -> String {
        let changed = self.params.changed(&self.entry.params);
        let shown = self.entry.params.iter().filter(|s| !s.grid.is_empty() || changed.contains_key(s.name));
        let values: Vec<String> =
            shown.filter_map(|s| Some(format!("{} = {}", s.name, parameter(self.params.get(s.name)?)))).collect();
        if values.is_empty() { "no hyperparameters".into() } else { values.join(", ") }
    }

    fn ending(&self) -> String {
        let rule = self.residual_rule.replace('-', " ");
        let iterations = count(self.iterations, "iteration");
        if self.fitted.convergence.rule == ResidualKind::EpochsLeft {
            return format!(
                "trained for {}, which says nothing of how far it is from an optimum",
                count(self.iterations, "epoch")
            );
        }
        match (self.converged, self.iterations) {
            (true, 0) => format!("closed form, {rule} {:.1e}", self.residual),
            (true, _) => format!("converged after {iterations}, {rule} {:.1e}", self.residual),
            (false, _) => format!("NOT converged after {iterations}, {rule} {:.1e}", self.residual),
        }
    }
}

/// `feature,<tasks>` and one row a feature, then one for the intercepts if there are any. Every number reads back as
/// the very same.
pub fn weights_csv(data: &MultiTask, model: &Model, intercept: bool) -> anyhow::Result<Vec<u8>> {
    let Model::Linear { weights, intercepts } = model else {
        bail!("--weights: a network has no weight a feature and task; --save keeps all it has");
    };
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["feature".to_owned()].into_iter().chain(data.task_names()))?;
    // Adding 0 turns -0 into 0.
    let mut line = |name: &str, values: ndarray::ArrayView1<'_, f64>| {
        let cells = values.iter().map(|v| format!("{:?}", v + 0.0));
        csv.write_record([name.to_owned()].into_iter().chain(cells))
    };
    for (name, row) in data.features.iter().zip(weights.rows()) {
        line(name, row)?;
    }
    if intercept || intercepts.iter().any(|c| *c != 0.0) {
        line("(intercept)", intercepts.view())?;
    }
    csv.into_inner().context("weights cannot be written as CSV")
}

/// `task,group` and, of a method with soft memberships, a column for the share of every group; one row a task. `None` of
/// a method that learns no groups. Groups count from 1.
pub fn groups_csv(data: &MultiTask, fitted: &Fitted) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(groups) = fitted.memberships.get(TASK_GROUP) else { return Ok(None) };
    let mut csv = csv::Writer::from_writer(Vec::new());
    let n_shares = fitted.shares.as_ref().map_or(0, |shares| shares.nrows());
    let header = ["task".to_owned(), "group".to_owned()].into_iter();
    csv.write_record(header.chain((1..=n_shares).map(|g| format!("share of group {g}"))))?;
    for (t, (task, group)) in data.task_names().into_iter().zip(groups).enumerate() {
        let shares = fitted.shares.iter().flat_map(|shares| shares.column(t).to_vec());
        let cells = [task.to_owned(), (group + 1).to_string()].into_iter();
        csv.write_record(cells.chain(shares.map(|share| format!("{:?}", share + 0.0))))?;
    }
    csv.into_inner().context("groups cannot be written as CSV").map(Some)
}
