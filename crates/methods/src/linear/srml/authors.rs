//! The loop of the authors' final regression file, for the rows it published.

use ndarray::{Array1, Array2, ArrayView1};

use crate::datafit::Rows;
use crate::method::Context;
use crate::penalty::Chain;
use crate::solver::SolverError;
use crate::solver::chain::ChainObjective;

/// What keeps Adagrad from dividing by zero.
const TINY: f64 = 1e-8;

/// The settings of the loop.
pub(super) struct Authors {
    pub(super) rho: f64,
    pub(super) lr: f64,
    /// Most gradient steps a task and iteration.
    pub(super) inner_steps: usize,
    pub(super) tol: f64,
    pub(super) max_iter: usize,
}

/// Where the loop ended.
pub(super) struct Ended {
    /// `W`, not `U`.
    pub(super) weights: Array2<f64>,
    /// Relative change of `J`.
    pub(super) change: f64,
    pub(super) iterations: usize,
    /// `J` after each iteration.
    pub(super) costs: Vec<f64>,
    /// `F(W)` after each iteration.
    pub(super) trace: Vec<f64>,
}

impl Authors {
    /// From `W = U = D = start`: gradient steps for each task, one sweep of the closed form over the chain, the stopping
    /// test, and only then the dual step.
    pub(super) fn run(
        &self,
        objective: &ChainObjective<'_>,
        rows: &Rows<'_>,
        start: Array2<f64>,
        context: &Context,
    ) -> Result<Ended, SolverError> {
        let m = rows.shape().1;
        let (mut w, mut u, mut dual) = (start.clone(), start.clone(), start);
        let mut ended =
            Ended { weights: w.clone(), change: f64::INFINITY, iterations: 0, costs: vec![], trace: vec![] };
        loop {
            context.check()?;
            let mut cost = 0.0;
            for t in 0..m {
                let slack = slack(&u, objective, t);
                let (next, last) = self.descend(rows, t, &w, &u, &dual, objective, slack);
                w.column_mut(t).assign(&next);
                cost += last;
            }
            sweep(&mut u, &(&w + &(&dual / self.rho)), objective, self.rho);
            let value = objective.at(&w).0.total;
            if !value.is_finite() {
                return Err(SolverError::NotFinite);
            }
            ended.change = ended.costs.last().map_or(f64::INFINITY, |before| relative_change(*before, cost));
            ended.costs.push(cost);
            ended.trace.push(value);
            ended.iterations += 1;
            if ended.change <= self.tol || ended.iterations >= self.max_iter {
                ended.weights = w;
                return Ok(ended);
            }
            dual.scaled_add(self.rho, &(&w - &u));
        }
    }

    /// Adagrad steps on `L_t(w) + l2 ||w||^2 + <d, w - u> + rho/2 ||w - u||^2` until the cost changes by no more than
    /// `tol`, relatively. The cost, but not the gradient, has the l1 norm and the slack of the neighbours.
    #[allow(clippy::too_many_arguments, reason = "the state of the loop")]
    fn descend(
        &self,
        rows: &Rows<'_>,
        t: usize,
        w: &Array2<f64>,
        u: &Array2<f64>,
        dual: &Array2<f64>,
        objective: &ChainObjective<'_>,
        slack: f64,
    ) -> (Array1<f64>, f64) {
        let (u, dual) = (u.column(t), dual.column(t));
        let mut w = w.column(t).to_owned();
        let mut squares = Array1::<f64>::zeros(w.len());
        let cost = |w: &Array1<f64>, loss: f64| {
            let apart = w - &u;
            let norms = objective.l2 * w.dot(w) + objective.chain.l1 * w.iter().map(|v| v.abs()).sum::<f64>();
            loss + norms + slack + dual.dot(&apart) + self.rho / 2.0 * apart.dot(&apart)
        };
        let (mut loss, mut gradient) = rows.of_task(t, w.view());
        let mut last = cost(&w, loss);
        for step in 0..self.inner_steps {
            let slope = &gradient + &(&w * (2.0 * objective.l2)) + dual + &((&w - &u) * self.rho);
            squares += &slope.mapv(|g| g * g);
            if step == 0 {
                // A row sum where a column sum was meant: the first step has the length of the learning rate.
                w.scaled_add(-self.lr / (squares.sum().sqrt() + TINY), &slope);
            } else {
                w -= &(slope * self.lr / (squares.mapv(f64::sqrt) + TINY));
            }
            (loss, gradient) = rows.of_task(t, w.view());
            let next = cost(&w, loss);
            let change = relative_change(last, next);
            last = next;
            if change <= self.tol {
                break;
            }
        }
        (w, last)
    }
}

/// `c` times what task `t` disagrees with its neighbours; summed over the tasks, every edge counts twice.
fn slack(u: &Array2<f64>, objective: &ChainObjective<'_>, t: usize) -> f64 {
    let order = objective.order();
    let position = order.iter().position(|&s| s == t).unwrap_or(0);
    let before = position.checked_sub(1).map(|i| order[i]);
    let after = order.get(position + 1).copied();
    let opposite = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| -> f64 {
        a.iter().zip(b).map(|(a, b)| (-a * b).max(0.0)).sum()
    };
    let with = |s: usize| objective.chain.cost(opposite(u.column(t), u.column(s)));
    before.into_iter().chain(after).map(with).sum()
}

/// One sweep of every chain, each weight by its closed form.
fn sweep(u: &mut Array2<f64>, target: &Array2<f64>, objective: &ChainObjective<'_>, rho: f64) {
    let order = objective.order();
    let chain: Chain = objective.chain;
    let q = vec![rho; order.len()];
    for j in 0..u.nrows() {
        let b: Vec<f64> = order.iter().map(|&t| rho * target[[j, t]]).collect();
        let mut row: Vec<f64> = order.iter().map(|&t| u[[j, t]]).collect();
        chain.sweep(&q, &b, &mut row);
        order.iter().zip(row).for_each(|(&t, v)| u[[j, t]] = v);
    }
}

fn relative_change(before: f64, after: f64) -> f64 {
    (after - before).abs() / before.abs().max(f64::MIN_POSITIVE)
}
