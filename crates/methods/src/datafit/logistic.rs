//! The logistic loss of linear models for labels -1 and +1.

use std::sync::Arc;

use mtl_core::moments::Gram;
use mtl_core::{Moments, MultiTask, Task};
use ndarray::{Array1, Array2, ArrayView1, Axis, Zip};

use super::{LossScale, Statistics};
use crate::linalg::{NotFinite, axpy};
use crate::method::FitError;

/// Least curvature of a row in a quadratic model, so that rows far on their own side do not make it degenerate.
const FLAT: f64 = 1e-9;

/// Largest distance of an intercept from where every row is on one side: `exp(-40)` is nothing beside 1.
const SATURATED: f64 = 40.0;

/// Weights of which fewer than one in so many are not zero are multiplied one by one.
const SPARSE: usize = 4;

/// Newton steps, or bisections where those leave the bracket, towards an intercept; some 5 are used.
const INTERCEPT_STEPS: usize = 100;

/// `L(W) = sum_t c_t sum_i log(1 + exp(-y_ti x_ti'w_t))` with the factors `c_t` of a [`LossScale`].
///
/// With intercepts, `x_ti'w_t + b_t` takes the place of `x_ti'w_t` and `L(W)` is the least over all `b`: every
/// evaluation finds the best intercepts, one equation a task. The loss then remains a function of the weights alone, as
/// convex and as smooth, and its dual points satisfy what unpenalised intercepts ask of them.
#[derive(Debug, Clone)]
pub struct Logistic<'a> {
    data: &'a MultiTask,
    factors: Vec<f64>,
    intercept: bool,
    /// Tasks with the same inputs.
    groups: Vec<Vec<usize>>,
}

/// The loss at some weights, with its derivatives.
#[derive(Debug, Clone)]
pub struct LogisticPoint {
    /// The loss.
    pub value: f64,
    /// Its gradient, features x tasks.
    pub gradient: Array2<f64>,
    /// The best intercepts; zeros where the model has none.
    pub intercepts: Array1<f64>,
    /// `x_ti'w_t + b_t`, one vector a task.
    predictors: Vec<Array1<f64>>,
}

/// Value, gradient and Hessian of one task's loss.
#[derive(Debug, Clone)]
pub struct TaskExpansion {
    /// The loss.
    pub value: f64,
    /// Its gradient.
    pub gradient: Array1<f64>,
    /// Its Hessian, `p x p`.
    pub hessian: Array2<f64>,
    /// The best intercept; zero where the model has none.
    pub intercept: f64,
}

impl<'a> Logistic<'a> {
    /// The loss on the given rows.
    ///
    /// # Errors
    /// If a label is neither -1 nor +1.
    pub fn new(data: &'a MultiTask, scale: LossScale, intercept: bool) -> Result<Self, FitError> {
        let m = data.n_tasks();
        Self::with_factors(data, data.tasks.iter().map(|task| scale.factor(task.n(), m)).collect(), intercept)
    }

    /// The loss with factors `c_t` of one's own, one a task.
    ///
    /// # Errors
    /// If a label is neither -1 nor +1.
    pub fn with_factors(data: &'a MultiTask, factors: Vec<f64>, intercept: bool) -> Result<Self, FitError> {
        let m = data.n_tasks();
        for task in &data.tasks {
            if let Some(label) = task.y.iter().find(|y| y.abs() != 1.0) {
                let message = format!("task `{}`: a binary label is -1 or +1, not {label}", task.name);
                return Err(FitError::NotApplicable(message));
            }
        }
        let first = data.distinct_inputs();
        let groups = (0..m).filter(|&t| first[t] == t).map(|t| (t..m).filter(|&s| first[s] == t).collect()).collect();
        Ok(Self { data, factors, intercept, groups })
    }

    /// Number of features `p`.
    pub fn n_features(&self) -> usize {
        self.data.n_features()
    }

    /// Number of tasks `m`.
    pub fn n_tasks(&self) -> usize {
        self.data.n_tasks()
    }

    /// `c_t`, the factor of task `t`.
    pub fn factor(&self, t: usize) -> f64 {
        self.factors[t]
    }

    /// A bound on the largest eigenvalue of the Hessian, `max_t c_t/4 lambda_max(X_t'X_t)`, from the statistics of the
    /// same rows: the raw ones, or with intercepts the centred ones.
    ///
    /// # Errors
    /// If a moment is not finite.
    pub fn lipschitz(&self, statistics: &Statistics) -> Result<f64, NotFinite> {
        let each = statistics.spectra()?.iter().zip(&self.factors);
        Ok(each.map(|(spectrum, c)| c / 4.0 * spectrum.largest()).fold(0.0, f64::max))
    }

    /// Value, gradient and best intercepts at `w`. Tasks with the same inputs share two matrix products.
    pub fn at(&self, w: &Array2<f64>) -> LogisticPoint {
        let m = self.n_tasks();
        let mut point = LogisticPoint {
            value: 0.0,
            gradient: Array2::zeros(w.raw_dim()),
            intercepts: Array1::zeros(m),
            predictors: vec![Array1::zeros(0); m],
        };
        for tasks in &self.groups {
            let x = &*self.data.tasks[tasks[0]].x;
            let mut slopes = predictors(x, w, tasks);
            for (mut column, &t) in slopes.columns_mut().into_iter().zip(tasks) {
                let (y, c) = (&self.data.tasks[t].y, self.factors[t]);
                let (b, predictor) = self.with_intercept(t, column.to_owned());
                point.intercepts[t] = b;
                let mut loss = 0.0;
                Zip::from(&mut column).and(y).and(&predictor).for_each(|slope, &y, &f| {
                    loss += softplus(-y * f);
                    *slope = -c * y * sigmoid(-y * f);
                });
                point.value += c * loss;
                point.predictors[t] = predictor;
            }
            let gradients = correlations(x, &slopes);
            for (column, &t) in gradients.columns().into_iter().zip(tasks) {
                point.gradient.column_mut(t).assign(&column);
            }
        }
        point
    }

    /// Loss at `w`.
    pub fn value(&self, w: &Array2<f64>) -> f64 {
        self.groups
            .iter()
            .map(|tasks| {
                let predictors = predictors(&self.data.tasks[tasks[0]].x, w, tasks);
                let each = predictors.columns().into_iter().zip(tasks);
                each.map(|(column, &t)| self.loss_of(t, &self.with_intercept(t, column.to_owned()).1)).sum::<f64>()
            })
            .sum()
    }

    /// Loss of task `t` at `w`.
    pub fn task_value(&self, t: usize, w: ArrayView1<'_, f64>) -> f64 {
        self.loss_of(t, &self.with_intercept(t, self.data.tasks[t].x.dot(&w)).1)
    }

    /// Loss of task `t` at `w` with its derivatives, for Newton steps.
    pub fn expand(&self, t: usize, w: ArrayView1<'_, f64>) -> TaskExpansion {
        let Task { x, y, .. } = &self.data.tasks[t];
        let c = self.factors[t];
        let (intercept, predictor) = self.with_intercept(t, x.dot(&w));
        let slopes = Zip::from(y).and(&predictor).map_collect(|&y, &f| -c * y * sigmoid(-y * f));
        let curvature = predictor.mapv(|f| c * sigmoid(f) * sigmoid(-f));
        let root = self.weighted(x, &curvature);
        TaskExpansion {
            value: self.loss_of(t, &predictor),
            gradient: x.t().dot(&slopes),
            hessian: root.t().dot(&root),
            intercept,
        }
    }

    /// The loss near a point as a squared loss: least squares of the working responses `f + y s/d` with weights `c d`,
    /// where `s` is the probability of the wrong label and `d = s (1 - s)` (iteratively reweighted least squares). It
    /// has the gradient and, up to a floor on `d`, the Hessian of the logistic loss, and differs by a constant.
    pub fn local(&self, point: &LogisticPoint) -> Statistics {
        Statistics::new(self.expansion(point, None, |root| Gram::of(&root)))
    }

    /// The moments of [`Self::local`], with `X'X` in the form that a solver asks for.
    pub fn local_moments(&self, point: &LogisticPoint, form: impl Fn(Array2<f64>) -> Gram) -> Moments {
        self.expansion(point, None, form)
    }

    /// The same as a function of the weights of some features, for a point at which all others are zero.
    pub fn local_among(&self, point: &LogisticPoint, features: &[usize]) -> Moments {
        self.expansion(point, Some(features), |root| Gram::of(&root))
    }

    fn expansion(
        &self,
        point: &LogisticPoint,
        features: Option<&[usize]>,
        form: impl Fn(Array2<f64>) -> Gram,
    ) -> Moments {
        let p = features.map_or(point.gradient.nrows(), <[usize]>::len);
        let mut moments = Moments {
            n: vec![1; self.n_tasks()],
            gram: Vec::with_capacity(self.n_tasks()),
            xty: Array2::zeros((p, self.n_tasks())),
            yty: Array1::zeros(self.n_tasks()),
        };
        for (t, (Task { x, y, .. }, f)) in self.data.tasks.iter().zip(&point.predictors).enumerate() {
            let c = self.factors[t];
            let curvature = floored_curvature(f);
            let mut response =
                Zip::from(y).and(f).and(&curvature).map_collect(|&y, &f, &d| f + y * sigmoid(-y * f) / d);
            let weights = curvature * c;
            if self.intercept {
                let mean = response.dot(&weights) / weights.sum();
                response -= mean;
            }
            let root = match features {
                Some(features) => self.weighted(&x.select(Axis(1), features), &weights),
                None => self.weighted(x, &weights),
            };
            let response = response * weights.mapv(f64::sqrt);
            moments.xty.column_mut(t).assign(&root.t().dot(&response));
            moments.yty[t] = response.dot(&response);
            moments.gram.push(Arc::new(form(root)));
        }
        moments
    }

    /// What the duality gap has of this loss at the dual point that belongs to `scale` times the gradient, `scale <=
    /// 1`:
    ///
    /// `L(W) + L*(scale grad L(W)) - scale <W, grad L(W)> = sum_t c_t sum_i KL(scale s_ti, s_ti)`
    ///
    /// with the probabilities `s` of the wrong label and the relative entropy of two coins. It needs no difference of
    /// large numbers.
    pub fn divergence(&self, point: &LogisticPoint, scale: f64) -> f64 {
        if scale >= 1.0 {
            return 0.0;
        }
        let log = scale.ln();
        let of_task = |t: usize, y: &Array1<f64>| {
            let each = y.iter().zip(&point.predictors[t]).map(|(y, f)| {
                let (wrong, right) = (sigmoid(-y * f), sigmoid(y * f));
                let scaled = scale * wrong;
                // 0 log 0 = 0: without scale the first coin never shows its wrong side.
                let first = if scaled > 0.0 { scaled * log } else { 0.0 };
                first + (1.0 - scaled) * ln_ratio(wrong * (1.0 - scale), right, -y * f)
            });
            self.factors[t] * each.sum::<f64>()
        };
        self.data.tasks.iter().enumerate().map(|(t, task)| of_task(t, &task.y)).sum()
    }

    /// Changes of the probabilities `s` that move the gradient by about minus the Hessian times `step`, and minus the
    /// gradient that they give. Without intercepts a probability that would leave `(0, 1)` goes nine tenths of the way
    /// to the end; with them, where the changes of a task have to cancel, there is then no answer.
    pub fn dual_at(&self, point: &LogisticPoint, step: &Array2<f64>) -> Option<(Vec<Array1<f64>>, Array2<f64>)> {
        let mut changes = Vec::with_capacity(self.n_tasks());
        let mut dual = -&point.gradient;
        for (t, (Task { x, y, .. }, f)) in self.data.tasks.iter().zip(&point.predictors).enumerate() {
            let mut moved = x.dot(&step.column(t));
            let curvature = f.mapv(|f| sigmoid(f) * sigmoid(-f));
            if self.intercept {
                let mean = moved.dot(&curvature) / curvature.sum().max(f64::MIN_POSITIVE);
                moved -= mean;
            }
            for (((change, &y), &f), &d) in moved.iter_mut().zip(y).zip(f).zip(&curvature) {
                let (wrong, right) = (sigmoid(-y * f), sigmoid(y * f));
                let wanted = *change * y * d;
                *change = wanted.clamp(-0.9 * wrong, 0.9 * right);
                if self.intercept && *change != wanted {
                    return None;
                }
            }
            dual.column_mut(t).scaled_add(self.factors[t], &x.t().dot(&(&moved * y)));
            changes.push(moved);
        }
        Some((changes, dual))
    }

    /// `sum_t c_t sum_i KL(scale (s_ti + change_ti), s_ti)`: [`Self::divergence`] at other probabilities.
    pub fn entropy(&self, point: &LogisticPoint, changes: &[Array1<f64>], scale: f64) -> f64 {
        let of_task = |t: usize, y: &Array1<f64>| {
            let each = y.iter().zip(&point.predictors[t]).zip(&changes[t]).map(|((y, f), change)| {
                let (wrong, right) = (sigmoid(-y * f), sigmoid(y * f));
                let change = scale * change - (1.0 - scale) * wrong;
                coin(wrong, change) + coin(right, -change)
            });
            self.factors[t] * each.sum::<f64>()
        };
        self.data.tasks.iter().enumerate().map(|(t, task)| of_task(t, &task.y)).sum()
    }

    /// Rows times the square roots of their weights, without the part that intercepts explain.
    fn weighted(&self, x: &Array2<f64>, weights: &Array1<f64>) -> Array2<f64> {
        let roots = weights.mapv(f64::sqrt).insert_axis(Axis(1));
        if self.intercept {
            let mean = weights.dot(x) / weights.sum();
            return (x - &mean) * &roots;
        }
        x * &roots
    }

    fn loss_of(&self, t: usize, predictor: &Array1<f64>) -> f64 {
        let losses = self.data.tasks[t].y.iter().zip(predictor).map(|(y, f)| softplus(-y * f));
        self.factors[t] * losses.sum::<f64>()
    }

    /// The best intercept for `x_ti'w_t` and the predictors with it: the root of `sum_i sigma(f_i + b) - #{y_i = 1}`,
    /// which rises in `b`. With labels of one kind only it is infinite, and the end of the bracket stands for it.
    fn with_intercept(&self, t: usize, mut predictor: Array1<f64>) -> (f64, Array1<f64>) {
        if !self.intercept {
            return (0.0, predictor);
        }
        let positive = self.data.tasks[t].y.iter().filter(|y| **y > 0.0).count() as f64;
        let (least, most) =
            predictor.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), &f| (l.min(f), m.max(f)));
        let (mut low, mut high) = (-most - SATURATED, -least + SATURATED);
        let mut b = if (low..=high).contains(&0.0) { 0.0 } else { f64::midpoint(low, high) };
        for _ in 0..INTERCEPT_STEPS {
            let (mut excess, mut slope) = (-positive, 0.0);
            for f in &predictor {
                let p = sigmoid(f + b);
                excess += p;
                slope += p * sigmoid(-f - b);
            }
            if excess > 0.0 {
                high = b;
            } else {
                low = b;
            }
            let newton = b - excess / slope;
            let next = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
            let moved = (next - b).abs();
            b = next;
            if moved <= 4.0 * f64::EPSILON * b.abs().max(1.0) {
                break;
            }
        }
        predictor += b;
        (b, predictor)
    }
}

/// `X w_t` for some tasks. For a single one a product of matrices would spend its time on preparations.
fn predictors(x: &Array2<f64>, w: &Array2<f64>, tasks: &[usize]) -> Array2<f64> {
    let &[t] = tasks else { return x.dot(&w.select(Axis(1), tasks)) };
    let w = w.column(t).to_vec();
    let active: Vec<usize> = (0..w.len()).filter(|&j| w[j] != 0.0).collect();
    let sparse = SPARSE * active.len() < w.len();
    let of_row = |row: ArrayView1<'_, f64>| match row.as_slice() {
        Some(row) if sparse => active.iter().map(|&j| row[j] * w[j]).sum(),
        _ => row.dot(&ArrayView1::from(&w)),
    };
    x.rows().into_iter().map(of_row).collect::<Array1<f64>>().insert_axis(Axis(1))
}

/// `X'v`, one column each.
fn correlations(x: &Array2<f64>, v: &Array2<f64>) -> Array2<f64> {
    if v.ncols() > 1 {
        return x.t().dot(v);
    }
    let mut out = vec![0.0; x.ncols()];
    for (row, v) in x.rows().into_iter().zip(v) {
        if let Some(row) = row.as_slice() {
            axpy(*v, row, &mut out);
        } else {
            out.iter_mut().zip(row).for_each(|(o, x)| *o += v * x);
        }
    }
    Array1::from(out).insert_axis(Axis(1))
}

/// `log(1 + exp(v))`.
fn softplus(v: f64) -> f64 {
    v.max(0.0) + (-v.abs()).exp().ln_1p()
}

/// `1 / (1 + exp(-v))`.
fn sigmoid(v: f64) -> f64 {
    let e = (-v.abs()).exp();
    if v >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// `s (1 - s)`, at least [`FLAT`].
fn floored_curvature(predictor: &Array1<f64>) -> Array1<f64> {
    predictor.mapv(|f| (sigmoid(f) * sigmoid(-f)).max(FLAT))
}

/// `q log(q/p) - (q - p)` for `q = p + change`: one side's share of a relative entropy, without the part that the other
/// side cancels.
fn coin(p: f64, change: f64) -> f64 {
    let q = p + change;
    if q <= 0.0 {
        return p;
    }
    let r = change / p;
    // Near 0 the difference of the two terms would have no digits: r^2/2 - r^3/6 + r^4/12.
    if r.abs() < 1e-4 {
        return p * r * r * (0.5 - r / 6.0 + r * r / 12.0);
    }
    q * r.ln_1p() - change
}

/// `log((b + a) / b)` for `a >= 0`, where `b = sigma(-logit)` may be too small to divide by.
fn ln_ratio(a: f64, b: f64, logit: f64) -> f64 {
    if b > f64::MIN_POSITIVE { (a / b).ln_1p() } else { (a + b).ln() + softplus(logit) }
}

#[cfg(test)]
mod tests;
