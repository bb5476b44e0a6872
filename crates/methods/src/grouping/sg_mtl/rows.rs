//! Block descent on the rows of a group's weights.

use ndarray::{Array1, Array2};

use super::task::Quadratic;
use crate::linalg::{Cholesky, axpy};

/// Sweeps between two extrapolations.
const EXTRAPOLATE: usize = 5;

/// Ridge of the extrapolation's least squares, relative to its trace.
const RIDGE: f64 = 1e-12;

/// Newton steps towards the norm of a row at most; some three are used.
const ROW_STEPS: usize = 50;

/// `sum_t (1/2 w_t'G_t w_t - b_t'w_t) + lambda (sum_j ||W_j:||)^2` over the tasks of a group.
///
/// Rows in turn, each to its optimum. Only the square ties the norms to each other, and it is differentiable in their
/// sum, so that a point that no row can improve is optimal (Tseng 2001): unlike the descent on single weights, which
/// ends where no single weight can leave a row of zeros. Every few sweeps the weights are extrapolated (Bertrand and
/// Massias 2021).
pub(super) struct Rows {
    lambda: f64,
    tasks: Vec<Quadratic>,
    /// One list a task.
    pub(super) weights: Vec<Vec<f64>>,
    /// `b_t - G_t w_t`.
    slack: Vec<Vec<f64>>,
    norms: Vec<f64>,
    sum: f64,
    /// Diagonals of the `G_t`, one list a row.
    diagonals: Vec<Vec<f64>>,
    /// A row's `beta`.
    beta: Vec<f64>,
}

impl Rows {
    pub(super) fn new(lambda: f64, tasks: Vec<Quadratic>, weights: Vec<Vec<f64>>) -> Self {
        let k = weights.first().map_or(0, Vec::len);
        let diagonals = (0..k).map(|j| tasks.iter().map(|task| task.gram[[j, j]]).collect()).collect();
        let beta = vec![0.0; tasks.len()];
        let (norms, slack) = (vec![0.0; k], Vec::new());
        let mut rows = Self { lambda, tasks, weights, slack, norms, sum: 0.0, diagonals, beta };
        rows.refresh();
        rows
    }

    /// Sweeps until the duality gap is at most `gap`. Returns the number of sweeps.
    pub(super) fn descend(&mut self, gap: f64, max_sweeps: usize) -> usize {
        let mut history: Vec<Vec<f64>> = vec![self.weights.concat()];
        for sweep in 1..=max_sweeps {
            (0..self.norms.len()).for_each(|j| self.update(j));
            self.sum = self.norms.iter().sum();
            if self.gap() <= gap {
                return sweep;
            }
            history.push(self.weights.concat());
            if history.len() > EXTRAPOLATE {
                self.extrapolate(&history);
                history = vec![self.weights.concat()];
            }
        }
        max_sweeps
    }

    /// How far the objective can be above its least.
    fn gap(&self) -> f64 {
        let mut squares = vec![0.0; self.norms.len()];
        let mut pairing = 0.0;
        for (slack, w) in self.slack.iter().zip(&self.weights) {
            for ((square, slack), w) in squares.iter_mut().zip(slack).zip(w) {
                *square += slack * slack;
                pairing += slack * w;
            }
        }
        let largest = squares.iter().fold(0.0_f64, |max, square| max.max(*square));
        self.lambda * self.sum * self.sum + largest / (4.0 * self.lambda) - pairing
    }

    /// Up to a constant.
    pub(super) fn objective(&self) -> f64 {
        let of_task = |t: usize| -> f64 {
            let (w, slack, b) = (&self.weights[t], &self.slack[t], &self.tasks[t].b);
            (0..w.len()).map(|j| w[j] * (b[j] + slack[j])).sum()
        };
        self.lambda * self.sum * self.sum - (0..self.tasks.len()).map(of_task).sum::<f64>() / 2.0
    }

    /// Recomputes what the sweeps keep up to date.
    fn refresh(&mut self) {
        self.slack = self.tasks.iter().map(|task| task.b.clone()).collect();
        for ((task, w), slack) in self.tasks.iter().zip(&self.weights).zip(&mut self.slack) {
            for (row, w) in task.gram.rows().into_iter().zip(w).filter(|(_, w)| **w != 0.0) {
                if let Some(row) = row.as_slice() {
                    axpy(-w, row, slack);
                }
            }
        }
        let norm = |j: usize| self.weights.iter().map(|w| w[j] * w[j]).sum::<f64>().sqrt();
        self.norms = (0..self.norms.len()).map(norm).collect();
        self.sum = self.norms.iter().sum();
    }

    /// Row `j` to its optimum. With `T` the norms of the others and `beta_t` the slack without the row's own share, it
    /// is zero where `||beta|| <= 2 lambda T`; else `w_t = beta_t r / ((a_t + 2 lambda) r + 2 lambda T)` and its norm
    /// `r` solves that equation's own length.
    fn update(&mut self, j: usize) {
        let others = (self.sum - self.norms[j]).max(0.0);
        let threshold = 2.0 * self.lambda * others;
        let (mut square, mut least, mut most) = (0.0, f64::INFINITY, 0.0_f64);
        let each = self.weights.iter().zip(&self.slack).zip(&self.diagonals[j]).zip(&mut self.beta);
        for (((w, slack), &a), beta) in each {
            *beta = slack[j] + a * w[j];
            square += *beta * *beta;
            least = least.min(a);
            most = most.max(a);
        }
        let excess = f64::sqrt(square) - threshold;
        let norm = if excess > 0.0 {
            let ridge = 2.0 * self.lambda;
            self.norm_of(j, threshold, (excess / (most + ridge), excess / (least + ridge)))
        } else {
            0.0
        };
        if norm == 0.0 && self.norms[j] == 0.0 {
            return;
        }
        let each = self.tasks.iter().zip(&mut self.weights).zip(&mut self.slack);
        for (((task, w), slack), (a, beta)) in each.zip(self.diagonals[j].iter().zip(&self.beta)) {
            let next = if norm > 0.0 { beta * norm / ((a + 2.0 * self.lambda) * norm + threshold) } else { 0.0 };
            let change = next - w[j];
            w[j] = next;
            if change != 0.0
                && let Some(row) = task.gram.row(j).as_slice()
            {
                axpy(-change, row, slack);
            }
        }
        self.sum = others + norm;
        self.norms[j] = norm;
    }

    /// The root of `h(r) = sum_t (beta_t / ((a_t + 2 lambda) r + threshold))^2 = 1` within a bracket, by Newton steps
    /// on `1/sqrt(h) - 1`, which is all but linear, and linear if the `a_t` are equal.
    fn norm_of(&self, j: usize, threshold: f64, (low, high): (f64, f64)) -> f64 {
        let mut norm = if self.norms[j] > low && self.norms[j] < high { self.norms[j] } else { low };
        for _ in 0..ROW_STEPS {
            let (mut h, mut slope) = (0.0, 0.0);
            for (a, beta) in self.diagonals[j].iter().zip(&self.beta) {
                let curvature = a + 2.0 * self.lambda;
                let below = curvature * norm + threshold;
                let ratio = beta / below;
                h += ratio * ratio;
                slope -= 2.0 * ratio * ratio * curvature / below;
            }
            let length = h.sqrt();
            let next = (norm + 2.0 * h * (1.0 - length) / slope).clamp(low, high);
            let moved = (next - norm).abs();
            norm = next;
            if moved <= 4.0 * f64::EPSILON * norm {
                break;
            }
        }
        norm
    }

    /// The combination of the last iterates whose steps cancel best, if it is lower.
    fn extrapolate(&mut self, history: &[Vec<f64>]) {
        let steps: Vec<Vec<f64>> =
            history.windows(2).map(|pair| pair[1].iter().zip(&pair[0]).map(|(a, b)| a - b).collect()).collect();
        let n = steps.len();
        let product = |i: usize, j: usize| -> f64 { steps[i].iter().zip(&steps[j]).map(|(a, b)| a * b).sum() };
        let mut products = Array2::zeros((n, n));
        for i in 0..n {
            for j in 0..=i {
                products[[i, j]] = product(i, j);
                products[[j, i]] = products[[i, j]];
            }
        }
        let ridge = RIDGE * products.diag().sum();
        products.diag_mut().mapv_inplace(|d| d + ridge);
        let Some(factor) = Cholesky::of(&products) else { return };
        let mut mixture = Array1::ones(n);
        factor.solve(&mut mixture);
        mixture /= mixture.sum();
        if mixture.iter().any(|c| !c.is_finite()) {
            return;
        }
        let before = self.objective();
        let kept = (self.weights.clone(), self.slack.clone(), self.norms.clone(), self.sum);
        let k = self.norms.len();
        for (t, w) in self.weights.iter_mut().enumerate() {
            for (j, w) in w.iter_mut().enumerate() {
                *w = mixture.iter().zip(&history[1..]).map(|(c, point)| c * point[t * k + j]).sum();
            }
        }
        self.refresh();
        if self.objective() >= before {
            (self.weights, self.slack, self.norms, self.sum) = kept;
        }
    }
}
