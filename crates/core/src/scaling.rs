//! Centring and scaling, with its statistics' origin stated rather than assumed.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::MultiTask;

/// Which rows the means and standard deviations come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleFit {
    /// Training rows only.
    #[default]
    Train,
    /// Every row, test rows included. It leaks; some published numbers were made this way.
    All,
}

/// What is done to each sample before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowScale {
    /// Nothing.
    #[default]
    None,
    /// Divide each sample by its Euclidean length.
    UnitL2,
    /// Bring each feature to 0..1 over all rows of the task, then divide each sample by its length.
    MinMaxUnitL2,
}

/// In which units predictions are judged, and weights compared with the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Units {
    /// Those of the scaled data.
    #[default]
    Scaled,
    /// Those of the data as they are: weights and predictions are scaled back.
    Original,
    /// Weights are scaled back, and the means are forgotten: no intercept is restored. What the code of SRML does.
    OriginalWithoutMeans,
}

impl Units {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How methods see class labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// As classes, to which they fit with the loss they have for these.
    #[default]
    Classes,
    /// As the numbers -1 and +1, to which every method fits with its squared loss. Predictions are judged as those of
    /// labels.
    Numbers,
}

impl Labels {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Preprocessing of one study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scaling {
    /// Centre every feature of every task and divide it by its population standard deviation.
    pub x: bool,
    /// The same for the target.
    pub y: bool,
    /// Which rows the statistics come from.
    pub fit: ScaleFit,
    /// What is done to each sample first.
    pub rows: RowScale,
    /// In which units results are judged.
    #[serde(skip_serializing_if = "Units::is_default")]
    pub units: Units,
    /// How methods see class labels.
    #[serde(skip_serializing_if = "Labels::is_default")]
    pub labels: Labels,
}

/// Means and standard deviations of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskScale {
    /// Feature means, `p`.
    pub x_mean: Arc<Array1<f64>>,
    /// Feature standard deviations, `p`; 1 where a feature is constant.
    pub x_sd: Arc<Array1<f64>>,
    /// Target mean.
    pub y_mean: f64,
    /// Target standard deviation; 1 where it is constant.
    pub y_sd: f64,
}

/// Fitted scaling, one entry a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// Statistics per task, in task order.
    pub tasks: Vec<TaskScale>,
}

/// Mean and population standard deviation of each column. A spread at rounding level counts as a constant column,
/// whose standard deviation is reported as 1 so that dividing by it does nothing.
fn column_statistics(x: &Array2<f64>) -> (Array1<f64>, Array1<f64>) {
    let mean = x.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(x.ncols()));
    let sd = x.axis_iter(Axis(1)).zip(&mean).map(|(column, &mean)| spread(column.iter().copied(), mean)).collect();
    (mean, sd)
}

fn spread(values: impl ExactSizeIterator<Item = f64>, mean: f64) -> f64 {
    let n = values.len() as f64;
    let sd = (values.map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    if sd <= 1e-12 * mean.abs().max(f64::MIN_POSITIVE) { 1.0 } else { sd }
}

impl Scaler {
    /// Takes the statistics of `data`, leaving out (as 0 and 1) what `scaling` does not ask for.
    pub fn fit(data: &MultiTask, scaling: Scaling) -> Self {
        Self::with(data, scaling.x, scaling.x, scaling.y, scaling.y)
    }

    /// Statistics for centring and dividing features and target, each on its own.
    pub fn with(data: &MultiTask, centre_x: bool, divide_x: bool, centre_y: bool, divide_y: bool) -> Self {
        let first = data.distinct_inputs();
        let p = data.n_features();
        let mut tasks: Vec<TaskScale> = Vec::with_capacity(data.n_tasks());
        for (t, task) in data.tasks.iter().enumerate() {
            let (x_mean, x_sd) = if first[t] < t {
                (Arc::clone(&tasks[first[t]].x_mean), Arc::clone(&tasks[first[t]].x_sd))
            } else {
                let (mean, sd) = column_statistics(&task.x);
                (
                    Arc::new(if centre_x { mean } else { Array1::zeros(p) }),
                    Arc::new(if divide_x { sd } else { Array1::ones(p) }),
                )
            };
            let mean = task.y.mean().unwrap_or(0.0);
            let sd = spread(task.y.iter().copied(), mean);
            tasks.push(TaskScale {
                x_mean,
                x_sd,
                y_mean: if centre_y { mean } else { 0.0 },
                y_sd: if divide_y { sd } else { 1.0 },
            });
        }
        Self { tasks }
    }

    /// `(x - mean) / sd` and `(y - mean) / sd`, task by task.
    pub fn transform(&self, data: &MultiTask) -> MultiTask {
        data.map(
            |t, x| (x - &*self.tasks[t].x_mean) / &*self.tasks[t].x_sd,
            |t, y| (y - self.tasks[t].y_mean) / self.tasks[t].y_sd,
        )
    }

    /// Weights and intercepts for unscaled data that predict what `weights` predict on scaled data.
    pub fn unscale(&self, weights: &Array2<f64>) -> (Array2<f64>, Array1<f64>) {
        let mut raw = weights.clone();
        let mut intercepts = Array1::zeros(weights.ncols());
        for (t, scale) in self.tasks.iter().enumerate() {
            let mut column = raw.column_mut(t);
            column.zip_mut_with(&scale.x_sd, |w, sd| *w *= scale.y_sd / sd);
            intercepts[t] = scale.y_mean - column.dot(&*scale.x_mean);
        }
        (raw, intercepts)
    }
}

impl RowScale {
    /// Applies the row scaling to every task. A sample of length zero stays as it is.
    pub fn apply(self, data: &MultiTask) -> MultiTask {
        match self {
            Self::None => data.clone(),
            Self::UnitL2 => data.map(|_, x| unit_rows(x.clone()), |_, y| y.clone()),
            Self::MinMaxUnitL2 => data.map(|_, x| unit_rows(min_max(x)), |_, y| y.clone()),
        }
    }
}

fn unit_rows(mut x: Array2<f64>) -> Array2<f64> {
    for mut row in x.rows_mut() {
        let length = row.dot(&row).sqrt();
        if length > 0.0 {
            row /= length;
        }
    }
    x
}

fn min_max(x: &Array2<f64>) -> Array2<f64> {
    let mut x = x.clone();
    for mut column in x.columns_mut() {
        let (low, high) = column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        let width = if high > low { high - low } else { 1.0 };
        column.mapv_inplace(|v| (v - low) / width);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Target, Task};
    use ndarray::array;

    fn data() -> MultiTask {
        let task = |name: &str, x, y| Task { name: name.into(), x: Arc::new(x), y };
        MultiTask::new(
            vec!["a".into(), "constant".into()],
            Target::Regression,
            vec![
                task("s", array![[1.0, 7.0], [3.0, 7.0], [8.0, 7.0]], array![1.0, 5.0, 9.0]),
                task("t", array![[0.5, 2.0], [-1.0, 2.0]], array![2.0, 2.0]),
            ],
        )
        .unwrap()
    }

    #[test]
    fn scaled_columns_have_mean_zero_and_population_variance_one() {
        let data = data();
        let scaler = Scaler::fit(&data, Scaling { x: true, y: true, ..Scaling::default() });
        let scaled = scaler.transform(&data);
        let column = scaled.tasks[0].x.column(0);
        assert!(column.sum().abs() < 1e-12);
        assert!((column.dot(&column) / 3.0 - 1.0).abs() < 1e-12);
        assert!(scaled.tasks[0].x.column(1).iter().all(|&v| v == 0.0), "a constant feature becomes zero");
        assert!(scaled.tasks[1].y.iter().all(|&v| v == 0.0), "a constant target becomes zero");
    }

    #[test]
    fn unscaled_weights_predict_the_same() {
        let data = data();
        let scaler = Scaler::fit(&data, Scaling { x: true, y: true, ..Scaling::default() });
        let weights = array![[0.3, -1.0], [2.0, 0.7]];
        let (raw, intercepts) = scaler.unscale(&weights);
        let scaled = scaler.transform(&data);
        for t in 0..2 {
            let on_scaled = scaled.tasks[t].x.dot(&weights.column(t)) * scaler.tasks[t].y_sd + scaler.tasks[t].y_mean;
            let on_raw = data.tasks[t].x.dot(&raw.column(t)) + intercepts[t];
            assert!((on_scaled - on_raw).iter().all(|d| d.abs() < 1e-12));
        }
    }

    #[test]
    fn unit_rows_have_length_one() {
        let scaled = RowScale::UnitL2.apply(&data());
        assert!(scaled.tasks[0].x.rows().into_iter().all(|r| (r.dot(&r) - 1.0).abs() < 1e-12));
    }
}
