//! One task of a chain while its neighbours stand still: a convex problem with a kink at zero.

use mtl_core::Task;
use mtl_core::moments::Gram;
use ndarray::{Array1, Array2};

use super::{ChainLoss, ChainObjective};
use crate::datafit::Logistic;
use crate::solver::coordinate::{Costs, TaskLasso};

/// Rounds on the quadratic model of a logistic loss.
const MODEL_ROUNDS: usize = 20;

/// A task's problem, `L_t(w) + l2 ||w||^2 + sum_j up_j max(w_j, 0) + down_j max(-w_j, 0)`.
pub(super) enum TaskProblem<'a> {
    Squared(TaskLasso<'a>),
    Logistic(LogisticTask<'a>),
}

impl<'a> TaskProblem<'a> {
    /// Task `t` at the weights `w`; none if the loss keeps no statistics.
    pub(super) fn new(objective: &'a ChainObjective<'_>, t: usize, w: &Array2<f64>) -> Option<Self> {
        let ridge = 2.0 * objective.l2;
        let w = w.column(t).to_vec();
        match &objective.loss {
            ChainLoss::Squared(loss) => {
                let b = loss.correlations_of(t).to_vec();
                Some(Self::Squared(TaskLasso::new(loss.gram(t), loss.factor(t), ridge, Costs::default(), b, w)))
            }
            ChainLoss::Rows(_) => None,
            ChainLoss::Logistic { loss, rows } => {
                Some(Self::Logistic(LogisticTask::new(loss, rows.task(t), t, ridge, w)))
            }
        }
    }

    pub(super) fn weights(&self) -> &[f64] {
        match self {
            Self::Squared(task) => &task.w,
            Self::Logistic(task) => &task.w,
        }
    }

    /// Goes some way towards the optimum at the given costs, never uphill.
    pub(super) fn round(&mut self, costs: Costs) {
        match self {
            Self::Squared(task) => {
                task.costs = costs;
                task.round();
            }
            Self::Logistic(task) => task.round(costs),
        }
    }

    /// Curvature `q` and slope `b` of `q/2 u^2 - b u`, which is the smooth part as a function of weight `j` up to a
    /// constant; for the logistic loss an upper bound that touches it at the present weight.
    pub(super) fn along(&self, j: usize) -> (f64, f64) {
        let (q, slack) = match self {
            Self::Squared(task) => (task.curvature(j), task.slack(j)),
            Self::Logistic(task) => (task.curvature[j], task.slack(j)),
        };
        (q, slack + q * self.weights()[j])
    }

    pub(super) fn set(&mut self, j: usize, value: f64) {
        match self {
            Self::Squared(task) => task.set(j, value),
            Self::Logistic(task) => task.set(j, value),
        }
    }
}

/// A task with a logistic loss, with what its margins are kept up to date for.
pub(super) struct LogisticTask<'a> {
    loss: &'a Logistic<'a>,
    t: usize,
    ridge: f64,
    /// `y_i x_ij`, by features.
    signed: Array2<f64>,
    /// Bounds of the second derivatives along the coordinates.
    curvature: Vec<f64>,
    w: Vec<f64>,
    /// `y_i x_i'w`.
    margins: Array1<f64>,
}

impl<'a> LogisticTask<'a> {
    fn new(loss: &'a Logistic<'a>, task: &Task, t: usize, ridge: f64, w: Vec<f64>) -> Self {
        let signed = (task.x.t().to_owned() * &task.y).as_standard_layout().into_owned();
        let bound = |row: ndarray::ArrayView1<'_, f64>| loss.factor(t) / 4.0 * row.dot(&row) + ridge;
        let curvature = signed.rows().into_iter().map(bound).collect();
        let margins = Array1::from(w.clone()).dot(&signed);
        Self { loss, t, ridge, signed, curvature, w, margins }
    }

    fn slack(&self, j: usize) -> f64 {
        let pull: f64 = self.signed.row(j).iter().zip(&self.margins).map(|(x, margin)| x / (1.0 + margin.exp())).sum();
        self.loss.factor(self.t) * pull - self.ridge * self.w[j]
    }

    fn set(&mut self, j: usize, value: f64) {
        let change = value - self.w[j];
        if change != 0.0 {
            self.w[j] = value;
            self.margins.scaled_add(change, &self.signed.row(j));
        }
    }

    /// The task's whole objective.
    fn value(&self, w: &Array1<f64>, costs: &Costs) -> f64 {
        let kinks: f64 = w.iter().enumerate().map(|(j, w)| costs.of(j, *w)).sum();
        self.loss.task_value(self.t, w.view()) + self.ridge / 2.0 * w.dot(w) + kinks
    }

    /// A proximal Newton step: the quadratic model's optimum, and back towards the present point until the objective
    /// is lower.
    fn round(&mut self, costs: Costs) {
        let w = Array1::from(self.w.clone());
        let expansion = self.loss.expand(self.t, w.view());
        let b = expansion.hessian.dot(&w) - &expansion.gradient;
        let gram = Gram::Full(expansion.hessian);
        let mut model = TaskLasso::new(&gram, 1.0, self.ridge, costs, b.to_vec(), self.w.clone());
        for _ in 0..MODEL_ROUNDS {
            let before = model.w.clone();
            model.round();
            if before == model.w {
                break;
            }
        }
        let target = Array1::from(model.w);
        let before = self.value(&w, &model.costs);
        // Near the optimum the gain drowns in rounding: a step that changes the value by no more than that is taken.
        let slack = 4.0 * f64::EPSILON * before.abs();
        let mut step = 1.0;
        while step > 1e-9 {
            let next = if step == 1.0 { target.clone() } else { &w + &((&target - &w) * step) };
            if self.value(&next, &model.costs) <= before + slack {
                self.margins = next.dot(&self.signed);
                self.w = next.to_vec();
                return;
            }
            step /= 2.0;
        }
    }
}
