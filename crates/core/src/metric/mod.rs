//! Measures of prediction and of recovered structure, by the names used in tables.

mod prediction;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ndarray::{Array1, Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use self::prediction::{
    accuracy, auc, complex_log_error, cross_entropy, misclassified, msle, precision_recall, ratio,
    squared_error_of_probabilities, squares, variance,
};
use crate::{Target, Truth};
use crate::{recovery, sharing};

/// A measure. Prediction measures are computed per task and averaged with equal weight, or, where the name says
/// `pooled`, over the rows of all tasks together; recovery measures compare estimated weights with the parameters a
/// synthetic data set was drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Metric {
    /// `||y - yhat||^2 / ||y||^2`, with the target's raw second moment below.
    NMse,
    /// `||y - yhat||^2 / ||y - mean(y)||^2`.
    NMseCentred,
    /// Mean absolute error.
    Mae,
    /// Mean squared error.
    Mse,
    /// Explained variance, `1 - var(y - yhat) / var(y)`.
    Ev,
    /// Mean squared difference of `ln(1 + y)` and `ln(1 + yhat)`, for tasks whose targets are all above -1. A
    /// prediction counts as at least `-1 + 1e-6`: one below -1 has no logarithm.
    Msle,
    /// Mean absolute error over the rows of all tasks together.
    MaePooled,
    /// Mean squared error over the rows of all tasks together.
    MsePooled,
    /// Mean of `|log(1 + y) - log(1 + yhat)|^2` with complex logarithms over the rows of all tasks together:
    /// `(ln|1 + y| - ln|1 + yhat|)^2`, and `pi^2` more where `1 + y` and `1 + yhat` differ in sign. `|1 + y|` counts as
    /// at least `1e-300`. It is what Octave and MATLAB compute of negative numbers, and is ruled by rows near -1.
    MslePooled,
    /// Share of labels whose sign the score has; a score of zero counts as negative. Of several classes, share of rows
    /// whose class has the highest score, the first of equal ones.
    Accuracy,
    /// Rows of all tasks together that [`Metric::Accuracy`] does not count, in percent.
    Misclassification,
    /// Mean of `-ln p` over the rows of all tasks together, `p` the probability that the softmax of the scores gives to the
    /// row's class; of several classes.
    CrossEntropy,
    /// Area under the ROC curve of the scores; ties count half, one class alone gives 0.5.
    Auc,
    /// Area under the ROC curve of the predicted labels, which is the mean of sensitivity and specificity; one class
    /// alone gives 0.5, as for [`Metric::Auc`].
    AucHard,
    /// `1 - ||y - yhat||^2 / ||y - mean(y)||^2` with the mean of the targets judged; not the square of a correlation.
    /// Below zero for predictions worse than that mean; undefined for constant targets.
    R2,
    /// Area under the precision-recall curve as average precision: the mean, over the positives, of the precision at the
    /// threshold that finds them; tied scores share one threshold. Undefined without positives.
    AucPr,
    /// Area under the precision-recall curve by trapezoids between its thresholds, with the first one's precision at
    /// recall 0: what MATLAB programs compute. Higher than [`Metric::AucPr`] where there are few thresholds.
    AucPrTrapezoid,
    /// [`Metric::NMse`] of labels 0 and 1 and the probabilities of scores that are log-odds.
    NMseProbabilities,
    /// `||What - W||_F / ||W||_F`.
    RelativeError,
    /// Share of weights with the sign of the true ones; zero has a sign of its own.
    SignAccuracy,
    /// F1 score of the non-zero entries.
    SupportF1,
    /// Share of the true shared rows among the equally many rows of largest norm.
    RowRecall,
    /// Share of tasks in the majority true group of their estimated cluster.
    ClusterPurity,
    /// Adjusted Rand index of the estimated clusters.
    ClusterAri,
    /// Mean silhouette of the true groups in the space of weights.
    Silhouette,
    /// Share of the true outlier tasks among the equally many tasks with most weight off the shared rows.
    OutlierRecall,
    /// Adjusted Rand index of the groups that a method learned against the true ones.
    GroupAri,
    /// Number of groups that a method learned and that have a task. No direction is better.
    ActiveGroups,
    /// Share of the tasks that the largest learned group has. No direction is better.
    LargestGroup,
    /// `||theta - theta*||_F^2 / ||theta*||_F^2` of the shares of tasks in groups, for the best order of the groups.
    GroupError,
    /// The same of the shares rounded to the largest of each task.
    GroupErrorRounded,
    /// `||theta' theta - theta*' theta*||_F^2 / ||theta*' theta*||_F^2`: kinder to a true group cut in two.
    CovarianceError,
    /// The same of the rounded shares.
    CovarianceErrorRounded,
    /// Share of the tasks that truly deviate in a topic among the equally many tasks of the topic with the largest norms, for
    /// the best order of the topics; with one topic for all, of the tasks that deviate in any.
    TopicRecall,
    /// By how many per cent a method has more [`Metric::Accuracy`] than the one it is held against: the mean of a value for
    /// each task and one for the rows of all tasks together. A repeat's gain is in per cent of the other method's mean over
    /// repeats, so that the mean of the gains is the gain of the means.
    AccuracyGain,
    /// By how many per cent a method has less [`Metric::Misclassification`] than the one it is held against, computed as
    /// [`Metric::AccuracyGain`]; tasks in which that one never errs are left out.
    ErrorCut,
}

/// What a metric needs and how it is computed.
enum Kind {
    /// From targets and predictions of one task.
    Prediction(fn(&Array1<f64>, &Array1<f64>) -> f64),
    /// Mean over the rows of all tasks, from target and prediction (of several classes: the scores) of one row.
    Pooled(fn(f64, ArrayView1<f64>) -> f64),
    /// From estimated weights.
    Recovery(fn(&Array2<f64>, &Truth) -> Option<f64>),
    /// From learned groups, one label a task, and the truth where it is known.
    Groups(fn(&[usize], Option<&Truth>) -> Option<f64>),
    /// From shares of tasks in groups, groups x tasks, and the true ones; from the rounded shares, or as they are.
    Shares(fn(&Array2<f64>, &Array2<f64>) -> f64, bool),
    /// From norms of what tasks add in topics, topics x tasks, and the true ones.
    Topics(fn(&Array2<f64>, &Array2<f64>) -> Option<f64>),
    /// From another metric of two methods.
    Relative,
}

/// Counts changes of what any metric measures. Part of the identity of stored results.
pub const METRICS_REVISION: u32 = 2;

impl Metric {
    /// Every metric, in the order of `mtl` listings.
    pub const ALL: [Self; 36] = [
        Self::NMse,
        Self::NMseCentred,
        Self::Mae,
        Self::Mse,
        Self::Ev,
        Self::Msle,
        Self::MaePooled,
        Self::MsePooled,
        Self::MslePooled,
        Self::Accuracy,
        Self::Auc,
        Self::AucHard,
        Self::R2,
        Self::AucPr,
        Self::AucPrTrapezoid,
        Self::NMseProbabilities,
        Self::Misclassification,
        Self::CrossEntropy,
        Self::RelativeError,
        Self::SignAccuracy,
        Self::SupportF1,
        Self::RowRecall,
        Self::ClusterPurity,
        Self::ClusterAri,
        Self::Silhouette,
        Self::OutlierRecall,
        Self::GroupAri,
        Self::ActiveGroups,
        Self::LargestGroup,
        Self::GroupError,
        Self::GroupErrorRounded,
        Self::CovarianceError,
        Self::CovarianceErrorRounded,
        Self::TopicRecall,
        Self::AccuracyGain,
        Self::ErrorCut,
    ];

    /// Name in files, tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::NMse => "nMSE",
            Self::NMseCentred => "nMSE-centred",
            Self::Mae => "MAE",
            Self::Mse => "MSE",
            Self::Ev => "EV",
            Self::Msle => "MSLE",
            Self::MaePooled => "MAE-pooled",
            Self::MsePooled => "MSE-pooled",
            Self::MslePooled => "MSLE-pooled",
            Self::Accuracy => "accuracy",
            Self::Misclassification => "misclassification",
            Self::CrossEntropy => "cross-entropy",
            Self::Auc => "AUC",
            Self::AucHard => "AUC-hard",
            Self::R2 => "R2",
            Self::AucPr => "AUC-PR",
            Self::AucPrTrapezoid => "AUC-PR-trapezoid",
            Self::NMseProbabilities => "nMSE-probabilities",
            Self::RelativeError => "relative-error",
            Self::SignAccuracy => "sign-accuracy",
            Self::SupportF1 => "support-F1",
            Self::RowRecall => "row-recall",
            Self::ClusterPurity => "cluster-purity",
            Self::ClusterAri => "cluster-ARI",
            Self::Silhouette => "silhouette",
            Self::OutlierRecall => "outlier-recall",
            Self::GroupAri => "group-ARI",
            Self::ActiveGroups => "active-groups",
            Self::LargestGroup => "largest-group",
            Self::GroupError => "group-error",
            Self::GroupErrorRounded => "group-error-rounded",
            Self::CovarianceError => "covariance-error",
            Self::CovarianceErrorRounded => "covariance-error-rounded",
            Self::TopicRecall => "topic-recall",
            Self::AccuracyGain => "accuracy-gain",
            Self::ErrorCut => "error-cut",
        }
    }

    /// Whether larger values are better.
    pub fn higher_is_better(self) -> bool {
        match self {
            Self::NMse | Self::NMseCentred | Self::NMseProbabilities => false,
            Self::Mae | Self::Mse | Self::Msle => false,
            Self::MaePooled | Self::MsePooled | Self::MslePooled | Self::RelativeError => false,
            Self::Misclassification | Self::CrossEntropy => false,
            Self::ActiveGroups | Self::LargestGroup => false,
            Self::GroupError | Self::GroupErrorRounded => false,
            Self::CovarianceError | Self::CovarianceErrorRounded => false,
            Self::Ev | Self::R2 | Self::Accuracy | Self::Auc | Self::AucHard => true,
            Self::AucPr | Self::AucPrTrapezoid | Self::GroupAri => true,
            Self::SignAccuracy | Self::SupportF1 | Self::RowRecall => true,
            Self::ClusterPurity | Self::ClusterAri | Self::Silhouette | Self::OutlierRecall => true,
            Self::TopicRecall | Self::AccuracyGain | Self::ErrorCut => true,
        }
    }

    /// The metrics that predictions of such targets are judged by.
    pub fn of_predictions(target: Target) -> Vec<Self> {
        match target {
            Target::Regression => vec![
                Self::NMse,
                Self::NMseCentred,
                Self::Mae,
                Self::Mse,
                Self::Ev,
                Self::R2,
                Self::Msle,
                Self::MaePooled,
                Self::MsePooled,
                Self::MslePooled,
            ],
            Target::Binary => vec![
                Self::Accuracy,
                Self::Auc,
                Self::AucHard,
                Self::AucPr,
                Self::AucPrTrapezoid,
                Self::NMseProbabilities,
                Self::Misclassification,
            ],
            Target::Classes(_) => vec![Self::Accuracy, Self::Misclassification, Self::CrossEntropy],
        }
    }

    /// The metrics of a model's structure: of its weights against the truth, and of the groups it learned.
    pub fn of_recovery() -> Vec<Self> {
        Self::ALL.into_iter().filter(|m| !m.is_prediction() && !m.is_relative()).collect()
    }

    /// Whether the metric compares two methods.
    pub fn is_relative(self) -> bool {
        matches!(self.kind(), Kind::Relative)
    }

    /// Whether the metric needs predictions only.
    pub fn is_prediction(self) -> bool {
        matches!(self.kind(), Kind::Prediction(_) | Kind::Pooled(_))
    }

    /// Whether the metric is one number for all tasks together.
    pub fn is_pooled(self) -> bool {
        matches!(self.kind(), Kind::Pooled(_))
    }

    fn kind(self) -> Kind {
        match self {
            Self::NMse => Kind::Prediction(|y, f| ratio(squares(&(y - f)), squares(y))),
            Self::NMseCentred => Kind::Prediction(|y, f| ratio(squares(&(y - f)), variance(y) * y.len() as f64)),
            Self::Mae => Kind::Prediction(|y, f| (y - f).iter().map(|e| e.abs()).sum::<f64>() / y.len() as f64),
            Self::Mse => Kind::Prediction(|y, f| squares(&(y - f)) / y.len() as f64),
            Self::Ev => Kind::Prediction(|y, f| 1.0 - ratio(variance(&(y - f)), variance(y))),
            Self::Msle => Kind::Prediction(msle),
            Self::MaePooled => Kind::Pooled(|y, f| (y - f[0]).abs()),
            Self::MsePooled => Kind::Pooled(|y, f| (y - f[0]).powi(2)),
            Self::MslePooled => Kind::Pooled(|y, f| complex_log_error(y, f[0])),
            Self::Accuracy => Kind::Prediction(accuracy),
            Self::Misclassification => Kind::Pooled(|y, f| if misclassified(y, f) { 100.0 } else { 0.0 }),
            Self::CrossEntropy => Kind::Pooled(cross_entropy),
            Self::Auc => Kind::Prediction(auc),
            Self::AucHard => Kind::Prediction(|y, f| auc(y, &f.mapv(|s| if s > 0.0 { 1.0 } else { -1.0 }))),
            Self::RelativeError => Kind::Recovery(|w, t| Some(recovery::relative_error(w, t))),
            Self::SignAccuracy => Kind::Recovery(|w, t| Some(recovery::sign_accuracy(w, t))),
            Self::SupportF1 => Kind::Recovery(|w, t| Some(recovery::support_f1(w, t))),
            Self::RowRecall => Kind::Recovery(recovery::row_recall),
            Self::ClusterPurity => Kind::Recovery(|w, t| Some(recovery::purity(&recovery::clusters(w, t)?, &t.groups))),
            Self::ClusterAri => {
                Kind::Recovery(|w, t| Some(recovery::adjusted_rand(&recovery::clusters(w, t)?, &t.groups)))
            }
            Self::Silhouette => Kind::Recovery(recovery::silhouette),
            Self::OutlierRecall => Kind::Recovery(recovery::outlier_recall),
            Self::R2 => Kind::Prediction(|y, f| 1.0 - squares(&(y - f)) / (variance(y) * y.len() as f64)),
            Self::AucPr => Kind::Prediction(|y, f| precision_recall(y, f, |_, found| found)),
            Self::AucPrTrapezoid => Kind::Prediction(|y, f| precision_recall(y, f, f64::midpoint)),
            Self::NMseProbabilities => Kind::Prediction(squared_error_of_probabilities),
            Self::GroupAri => {
                Kind::Groups(|groups, truth| Some(recovery::adjusted_rand(groups, truth?.several_groups()?)))
            }
            Self::ActiveGroups => Kind::Groups(|groups, _| Some(sizes(groups).len() as f64)),
            Self::LargestGroup => Kind::Groups(|groups, _| {
                let largest = *sizes(groups).values().max()?;
                Some(largest as f64 / groups.len() as f64)
            }),
            Self::GroupError => Kind::Shares(sharing::group_error, false),
            Self::GroupErrorRounded => Kind::Shares(sharing::group_error, true),
            Self::CovarianceError => Kind::Shares(sharing::covariance_error, false),
            Self::CovarianceErrorRounded => Kind::Shares(sharing::covariance_error, true),
            Self::TopicRecall => Kind::Topics(recovery::topic_recall),
            Self::AccuracyGain | Self::ErrorCut => Kind::Relative,
        }
    }

    /// The metric of one task's predictions; `None` for a pooled or a recovery metric, and where the targets have no
    /// logarithm that it needs.
    pub fn of_task(self, y: &Array1<f64>, predicted: &Array1<f64>) -> Option<f64> {
        match self.kind() {
            Kind::Prediction(_) if self == Self::Msle && y.iter().any(|&y| y <= -1.0) => None,
            Kind::Prediction(f) => Some(f(y, predicted)),
            _ => None,
        }
    }

    /// The metric of targets and predictions of all tasks, a pair a task; `None` for a metric that is not pooled, and
    /// without any row.
    pub fn of_pool(self, tasks: &[(&Array1<f64>, &Array1<f64>)]) -> Option<f64> {
        let Kind::Pooled(error) = self.kind() else { return None };
        let rows: usize = tasks.iter().map(|(y, _)| y.len()).sum();
        let errors = tasks.iter().flat_map(|(y, f)| rows_of(y, f).map(|(y, f)| error(y, f)));
        (rows > 0).then(|| errors.sum::<f64>() / rows as f64)
    }

    /// What there is of the metric: one value for each task that has one, or the one value of a pooled metric.
    pub fn values(self, tasks: &[(&Array1<f64>, &Array1<f64>)]) -> Vec<f64> {
        match self.kind() {
            Kind::Pooled(_) => self.of_pool(tasks).into_iter().collect(),
            _ => tasks.iter().filter_map(|(y, f)| self.of_task(y, f)).collect(),
        }
    }

    /// The metric of estimated weights (features x tasks); `None` for a prediction metric, and where the truth has no such
    /// structure.
    pub fn of_weights(self, weights: &Array2<f64>, truth: &Truth) -> Option<f64> {
        match self.kind() {
            Kind::Recovery(f) => f(weights, truth),
            _ => None,
        }
    }

    /// The metric of learned groups, one label a task; `None` for any other metric, and for one that needs true groups
    /// where there are none or only one.
    pub fn of_groups(self, groups: &[usize], truth: Option<&Truth>) -> Option<f64> {
        match self.kind() {
            Kind::Groups(f) => f(groups, truth),
            _ => None,
        }
    }

    /// The metric of norms of what tasks add in topics (topics x tasks); `None` for any other metric, and where there are
    /// neither one topic nor as many as there truly are.
    pub fn of_topics(self, norms: &Array2<f64>, truth: &Array2<f64>) -> Option<f64> {
        match self.kind() {
            Kind::Topics(f) => f(norms, truth),
            _ => None,
        }
    }

    /// The metric of shares of tasks in groups (groups x tasks); `None` for any other metric, and where there is only one
    /// true group.
    pub fn of_shares(self, shares: &Array2<f64>, truth: &Truth) -> Option<f64> {
        let Kind::Shares(error, rounded) = self.kind() else { return None };
        let truth = sharing::hard(truth.several_groups()?);
        Some(if rounded { error(&sharing::hard(&sharing::strongest(shares)), &truth) } else { error(shares, &truth) })
    }
}

/// Targets with the predictions that go with them: one a row or, of several classes, a score for each.
fn rows_of<'a>(y: &'a Array1<f64>, predicted: &'a Array1<f64>) -> impl Iterator<Item = (f64, ArrayView1<'a, f64>)> {
    let each = (predicted.len() / y.len().max(1)).max(1);
    y.iter().copied().zip(predicted.exact_chunks(each))
}

/// Number of tasks of every group that has one.
fn sizes(groups: &[usize]) -> BTreeMap<usize, usize> {
    let mut sizes = BTreeMap::new();
    for group in groups {
        *sizes.entry(*group).or_default() += 1;
    }
    sizes
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|m| m.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let valid: Vec<_> = Self::ALL.iter().map(|m| m.name()).collect();
            format!("unknown metric `{name}`; valid: {}", valid.join(", "))
        })
    }
}

impl TryFrom<String> for Metric {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Metric> for &'static str {
    fn from(metric: Metric) -> Self {
        metric.name()
    }
}
