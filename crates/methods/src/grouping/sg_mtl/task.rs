//! One task's loss, as the fit of a group looks at it.

use std::sync::Arc;

use mtl_core::moments::Gram;
use mtl_core::{MultiTask, Target};
use ndarray::{Array1, Array2, Axis};

use crate::datafit::{Logistic, LogisticPoint, LossScale};
use crate::linalg::axpy;
use crate::method::{FitError, Problem};

/// `L_t`, least over the intercept if there is one.
pub(super) enum TaskLoss<'a> {
    /// `factor / 2 ||y - Xw||^2` from moments.
    Squared { gram: Arc<Gram>, xty: Vec<f64>, yty: f64, factor: f64 },
    /// `factor` times the loss of the one task.
    Logistic { loss: Logistic<'a>, factor: f64 },
}

/// A loss at some weights.
pub(super) struct Point {
    pub(super) value: f64,
    /// Minus the gradient, one entry a feature.
    pub(super) slack: Vec<f64>,
    pub(super) intercept: f64,
    logistic: Option<LogisticPoint>,
}

/// `1/2 v'Gv - b'v` in the weights of a few features: the loss itself or its expansion, up to a constant.
pub(super) struct Quadratic {
    pub(super) gram: Array2<f64>,
    pub(super) b: Vec<f64>,
}

/// The data a task at a time.
pub(super) fn alone(data: &MultiTask) -> Vec<MultiTask> {
    data.tasks.iter().map(|task| MultiTask { tasks: vec![task.clone()], ..data.clone() }).collect()
}

/// The losses of all tasks; `data` are those of [`alone`].
pub(super) fn losses<'a>(
    problem: &Problem,
    data: &'a [MultiTask],
    scale: LossScale,
    intercept: bool,
) -> Result<Vec<TaskLoss<'a>>, FitError> {
    match problem.train.target {
        Target::Regression | Target::Classes(_) => Ok(squared(problem, scale, intercept)),
        Target::Binary => data
            .iter()
            .map(|one| {
                let n = one.tasks[0].n();
                let factor = scale.factor(n, problem.train.n_tasks()) / scale.factor(n, 1);
                Ok(TaskLoss::Logistic { loss: Logistic::new(one, scale, intercept)?, factor })
            })
            .collect(),
    }
}

/// Squared losses, whatever the targets.
pub(super) fn squared<'a>(problem: &Problem, scale: LossScale, intercept: bool) -> Vec<TaskLoss<'a>> {
    let moments = &problem.statistics_with(intercept).moments;
    let m = moments.n_tasks();
    let of_task = |t: usize| TaskLoss::Squared {
        gram: Arc::clone(&moments.gram[t]),
        xty: moments.xty.column(t).to_vec(),
        yty: moments.yty[t],
        factor: scale.factor(moments.n[t], m),
    };
    (0..m).map(of_task).collect()
}

impl TaskLoss<'_> {
    /// Value and derivatives at `w`, of which few entries may be other than zero.
    pub(super) fn at(&self, w: &[f64]) -> Point {
        match self {
            Self::Squared { gram, xty, yty, factor } => {
                let product = times(gram, w);
                let linear: f64 = (0..w.len()).map(|j| w[j] * (product[j] / 2.0 - xty[j])).sum();
                let slack = xty.iter().zip(&product).map(|(b, p)| factor * (b - p)).collect();
                Point { value: (factor * (yty / 2.0 + linear)).max(0.0), slack, intercept: 0.0, logistic: None }
            }
            Self::Logistic { loss, factor } => {
                let point = loss.at(&column(w));
                let slack = point.gradient.iter().map(|g| -factor * g).collect();
                Point { value: factor * point.value, slack, intercept: point.intercepts[0], logistic: Some(point) }
            }
        }
    }

    /// The value alone.
    pub(super) fn value(&self, w: &[f64]) -> f64 {
        match self {
            Self::Squared { .. } => self.at(w).value,
            Self::Logistic { loss, factor } => factor * loss.value(&column(w)),
        }
    }

    /// Whether [`Self::around`] is the loss itself.
    pub(super) fn is_quadratic(&self) -> bool {
        matches!(self, Self::Squared { .. })
    }

    /// The loss near a point, in the weights of these features alone, the others being zero.
    pub(super) fn around(&self, point: &Point, features: &[usize]) -> Quadratic {
        match self {
            Self::Squared { gram, xty, factor, .. } => Quadratic {
                gram: match &**gram {
                    Gram::Full(gram) => among(gram, features) * *factor,
                    Gram::Root(x) => {
                        let some = x.select(Axis(1), features);
                        some.t().dot(&some) * *factor
                    }
                },
                b: features.iter().map(|&j| factor * xty[j]).collect(),
            },
            Self::Logistic { loss, factor } => {
                let Some(point) = &point.logistic else {
                    return Quadratic { gram: Array2::zeros((features.len(), features.len())), b: Vec::new() };
                };
                let local = loss.local_among(point, features);
                let b = local.xty.column(0).iter().map(|v| factor * v).collect();
                Quadratic { gram: local.gram[0].to_full() * *factor, b }
            }
        }
    }
}

/// Some rows and columns.
fn among(gram: &Array2<f64>, features: &[usize]) -> Array2<f64> {
    let mut out = Array2::zeros((features.len(), features.len()));
    for (mut to, &i) in out.rows_mut().into_iter().zip(features) {
        if let (Some(to), Some(from)) = (to.as_slice_mut(), gram.row(i).as_slice()) {
            to.iter_mut().zip(features).for_each(|(to, &j)| *to = from[j]);
        }
    }
    out
}

fn column(w: &[f64]) -> Array2<f64> {
    Array1::from(w.to_vec()).insert_axis(Axis(1))
}

/// `X'X w`, passing over zeros.
fn times(gram: &Gram, w: &[f64]) -> Vec<f64> {
    let active: Vec<usize> = (0..w.len()).filter(|&j| w[j] != 0.0).collect();
    let mut product = vec![0.0; w.len()];
    match gram {
        Gram::Full(gram) => {
            for &j in &active {
                if let Some(row) = gram.row(j).as_slice() {
                    axpy(w[j], row, &mut product);
                }
            }
        }
        Gram::Root(x) => {
            for row in x.rows() {
                let fitted: f64 = active.iter().map(|&j| row[j] * w[j]).sum();
                if let Some(row) = row.as_slice() {
                    axpy(fitted, row, &mut product);
                }
            }
        }
    }
    product
}
