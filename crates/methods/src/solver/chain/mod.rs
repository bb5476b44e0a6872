//! Losses of tasks whose neighbours along a chain are to agree in sign.

mod consensus;
mod descent;
mod loss;
mod search;
mod task;

pub use consensus::{Consensus, Trail, UStep, WStep, consensus};
pub use descent::{Descended, descend};
pub use loss::ChainLoss;
pub use search::{Search, search};

use ndarray::Array2;

use super::Value;
use crate::penalty::Chain;

/// `F(W) = L(W) + l2 sum_t ||w_t||^2 + l1 sum_t ||w_t||_1 + c sum_j sum_s relu(-w_{t(s),j} w_{t(s+1),j})` over the
/// positions `s` of a chain of tasks. With `c` infinite, products of neighbours may not be negative.
pub struct ChainObjective<'a> {
    /// `L`.
    pub loss: ChainLoss<'a>,
    /// Strength of the squared norm.
    pub l2: f64,
    /// Strengths of the l1 norm and of the chain.
    pub chain: Chain,
    order: Vec<usize>,
    /// Neighbours of each task in the chain.
    neighbours: Vec<[Option<usize>; 2]>,
    /// Largest entry of the loss gradient at zero.
    scale: f64,
}

impl<'a> ChainObjective<'a> {
    /// The objective for tasks in the order of the chain.
    pub fn new(loss: ChainLoss<'a>, l2: f64, chain: Chain, order: Vec<usize>) -> Self {
        let mut neighbours = vec![[None, None]; order.len()];
        for pair in order.windows(2) {
            neighbours[pair[0]][1] = Some(pair[1]);
            neighbours[pair[1]][0] = Some(pair[0]);
        }
        let gradient = loss.value_and_gradient(&Array2::zeros(loss.shape())).1;
        let scale = gradient.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        Self { loss, l2, chain, order, neighbours, scale }
    }

    /// Tasks in the order of the chain.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Whether the smooth part is known to bend enough for the objective to be convex: `relu(-ab) + (a^2 + b^2)/2` is
    /// the larger of two convex functions, so each neighbour of a task uses up `c` of its curvature.
    pub fn is_convex(&self) -> bool {
        let enough = |(t, neighbours): (usize, &[Option<usize>; 2])| {
            let used = self.chain.cost(neighbours.iter().flatten().count() as f64);
            used <= self.loss.least_curvature(t) + 2.0 * self.l2
        };
        self.neighbours.iter().enumerate().all(enough)
    }

    /// Loss, penalty and their sum, and the gradient of the smooth part.
    pub fn at(&self, w: &Array2<f64>) -> (Value, Array2<f64>) {
        let (loss, mut gradient) = self.loss.value_and_gradient(w);
        gradient.scaled_add(2.0 * self.l2, w);
        let penalty = self.l2 * w.iter().map(|v| v * v).sum::<f64>() + self.kinks(w);
        (Value { total: loss + penalty, loss, penalty }, gradient)
    }

    /// Value of what is not smooth.
    pub fn kinks(&self, w: &Array2<f64>) -> f64 {
        let rows = w.rows().into_iter();
        let disagreement: f64 = rows.map(|row| self.chain.disagreement(self.order.iter().map(|&t| row[t]))).sum();
        self.chain.l1 * w.iter().map(|v| v.abs()).sum::<f64>() + disagreement
    }

    /// What a unit of weight `(j, t)` costs upwards of zero and downwards, its neighbours being what they are.
    pub fn slopes(&self, w: &Array2<f64>, j: usize, t: usize) -> (f64, f64) {
        self.chain.slopes(self.neighbours[t].map(|s| s.map_or(0.0, |s| w[[j, s]])))
    }

    /// By how much any weight violates its optimality condition, the others being what they are, relative to the
    /// largest entry of the gradient at zero. At 0 the weights are a Nash point of the tasks: given its neighbours,
    /// each task's problem is convex, and every condition on a coordinate is one on the task.
    pub fn stationarity(&self, w: &Array2<f64>, gradient: &Array2<f64>) -> f64 {
        let mut worst = 0.0_f64;
        for ((j, t), &w_jt) in w.indexed_iter() {
            let (up, down) = self.slopes(w, j, t);
            let g = gradient[[j, t]];
            let violation = if w_jt > 0.0 {
                (g + up).abs()
            } else if w_jt < 0.0 {
                (g - down).abs()
            } else {
                (-g - up).max(g - down).max(0.0)
            };
            worst = worst.max(if violation.is_finite() { violation } else { f64::INFINITY });
        }
        // A problem whose gradient at zero vanishes is solved there.
        if worst == 0.0 { 0.0 } else { worst / self.scale }
    }
}
