//! The lasso: coordinate descent to find the active features, Newton steps on them to finish.

use mtl_core::moments::Gram;
use ndarray::{Array1, Array2};

use super::certificate::{DualPoint, duality_gap};
use super::{Convergence, Objective, ResidualKind, Solution, SolverError, StopRule, Stopping};
use crate::linalg::{Cholesky, axpy};
use crate::method::Context;

/// Sweeps over the active coordinates between two sweeps over all.
const ACTIVE_SWEEPS: usize = 4;

/// Ridge of the Newton system, relative to its mean diagonal.
const RIDGE: f64 = 1e-10;

/// Minimises `L(W) + strength ||W||_1`, which falls apart into one lasso a task.
///
/// Each round sweeps all coordinates of each task once and the active ones a few times, then solves for the active
/// ones with their signs held, stopping where a sign would change. Once the signs are right, that step is exact, so
/// nearly collinear features cost no accuracy (Lee et al. 2007, feature-sign search).
///
/// # Errors
/// If an iterate is not finite or the run is interrupted.
pub fn coordinate_descent(
    objective: &Objective<'_>,
    strength: f64,
    start: Array2<f64>,
    stopping: Stopping,
    context: &Context,
) -> Result<Solution, SolverError> {
    let loss = objective.loss;
    let b = loss.correlations();
    let mut components = vec![start];
    let mut tasks: Vec<Task<'_>> = (0..loss.n_tasks())
        .map(|t| {
            let column = |w: &Array2<f64>| w.column(t).to_vec();
            Task::new(loss.gram(t), loss.factor(t), strength, column(&b), column(&components[0]))
        })
        .collect();
    let mut trace = Vec::new();
    let mut previous = f64::INFINITY;
    for iteration in 0..=stopping.max_iterations {
        context.check()?;
        let gap = duality_gap(objective, &components, &DualPoint::default());
        if !gap.value.total.is_finite() {
            return Err(SolverError::NotFinite);
        }
        let (residual, rule) = match stopping.rule {
            StopRule::Certificate => (gap.relative(), ResidualKind::RelativeDualityGap),
            StopRule::Change => {
                let change = (previous - gap.value.total).abs() / gap.value.total.max(f64::MIN_POSITIVE);
                (change, ResidualKind::RelativeObjectiveChange)
            }
        };
        trace.push(gap.value.total);
        previous = gap.value.total;
        let converged = residual <= stopping.tolerance;
        if converged || iteration == stopping.max_iterations {
            let convergence = Convergence { rule, residual, iterations: iteration, converged };
            let dual = DualPoint::default();
            return Ok(Solution { components, value: gap.value, convergence, trace, dual });
        }
        for (t, task) in tasks.iter_mut().enumerate() {
            task.round();
            components[0].column_mut(t).iter_mut().zip(&task.w).for_each(|(w, v)| *w = *v);
        }
    }
    Err(SolverError::NotFinite)
}

/// `c X'X` of a task, in the form its moments have.
enum Curvature<'a> {
    /// `X'X`; the slack is kept for all coordinates.
    Full(&'a Array2<f64>),
    /// Columns of `X`, contiguous, and `X w`; the slack of a coordinate is computed when it is looked at.
    Root { columns: Array2<f64>, fitted: Vec<f64> },
}

/// One task's lasso.
struct Task<'a> {
    curvature: Curvature<'a>,
    factor: f64,
    strength: f64,
    b: Vec<f64>,
    diagonal: Vec<f64>,
    w: Vec<f64>,
    /// `b - c X'X w`, where it is kept.
    slack: Vec<f64>,
}

impl<'a> Task<'a> {
    fn new(gram: &'a Gram, factor: f64, strength: f64, b: Vec<f64>, w: Vec<f64>) -> Self {
        let mut task = match gram {
            Gram::Full(gram) => {
                let diagonal = gram.diag().iter().map(|d| d * factor).collect();
                Self { curvature: Curvature::Full(gram), factor, strength, b, diagonal, w, slack: Vec::new() }
            }
            Gram::Root(x) => {
                let columns = x.t().as_standard_layout().to_owned();
                let diagonal = columns.rows().into_iter().map(|c| factor * c.dot(&c)).collect();
                let fitted = x.dot(&Array1::from(w.clone())).to_vec();
                Self {
                    curvature: Curvature::Root { columns, fitted },
                    factor,
                    strength,
                    b,
                    diagonal,
                    w,
                    slack: Vec::new(),
                }
            }
        };
        task.refresh();
        task
    }

    /// Recomputes what is kept up to date incrementally, so that rounding does not build up.
    fn refresh(&mut self) {
        match &mut self.curvature {
            Curvature::Full(gram) => {
                self.slack.clone_from(&self.b);
                for (row, w) in gram.rows().into_iter().zip(&self.w).filter(|(_, w)| **w != 0.0) {
                    row.iter().zip(&mut self.slack).for_each(|(g, s)| *s -= self.factor * g * w);
                }
            }
            Curvature::Root { columns, fitted } => {
                fitted.fill(0.0);
                for (column, w) in columns.rows().into_iter().zip(&self.w).filter(|(_, w)| **w != 0.0) {
                    column.iter().zip(fitted.iter_mut()).for_each(|(x, f)| *f += w * x);
                }
            }
        }
    }

    fn slack(&self, j: usize) -> f64 {
        match &self.curvature {
            Curvature::Full(_) => self.slack[j],
            Curvature::Root { columns, fitted } => {
                let explained: f64 = columns.row(j).iter().zip(fitted).map(|(x, f)| x * f).sum();
                self.b[j] - self.factor * explained
            }
        }
    }

    fn set(&mut self, j: usize, value: f64) {
        let change = value - self.w[j];
        if change == 0.0 {
            return;
        }
        self.w[j] = value;
        match &mut self.curvature {
            Curvature::Full(gram) => {
                if let Some(row) = gram.row(j).as_slice() {
                    axpy(-self.factor * change, row, &mut self.slack);
                }
            }
            Curvature::Root { columns, fitted } => {
                if let Some(column) = columns.row(j).as_slice() {
                    axpy(change, column, fitted);
                }
            }
        }
    }

    fn update(&mut self, j: usize) {
        let curvature = self.diagonal[j];
        if curvature > 0.0 {
            let target = self.slack(j) + curvature * self.w[j];
            let shrunk = target - target.clamp(-self.strength, self.strength);
            self.set(j, shrunk / curvature);
        }
    }

    fn active(&self) -> Vec<usize> {
        (0..self.w.len()).filter(|&j| self.w[j] != 0.0).collect()
    }

    fn round(&mut self) {
        self.refresh();
        for j in 0..self.w.len() {
            self.update(j);
        }
        let active = self.active();
        for _ in 0..ACTIVE_SWEEPS {
            active.iter().for_each(|&j| self.update(j));
        }
        while !self.newton() {}
    }

    /// Moves the active coordinates towards their optimum for the present signs. Whether no sign stood in the way
    /// (or no step could be computed).
    ///
    /// The tiny ridge matters only where the active columns are dependent: it turns the step into one along their
    /// null space that shortens the l1 norm, which ends with a coordinate at zero. Its error on the others is mended
    /// by the next step.
    fn newton(&mut self) -> bool {
        let active = self.active();
        if active.is_empty() {
            return true;
        }
        let mut direction: Array1<f64> =
            active.iter().map(|&j| self.slack(j) - self.strength * self.w[j].signum()).collect();
        let mut curvature = self.among(&active);
        let ridge = RIDGE * curvature.diag().mean().unwrap_or(0.0);
        curvature.diag_mut().mapv_inplace(|d| d + ridge);
        let Some(factor) = Cholesky::of(&curvature) else { return true };
        factor.solve(&mut direction);
        let mut step = 1.0;
        let mut blocking = None;
        for (&j, d) in active.iter().zip(&direction) {
            let limit = -self.w[j] / d;
            if limit > 0.0 && limit < step {
                step = limit;
                blocking = Some(j);
            }
        }
        if direction.iter().any(|d| !d.is_finite()) {
            return true;
        }
        for (&j, d) in active.iter().zip(&direction) {
            let value = if blocking == Some(j) { 0.0 } else { self.w[j] + step * d };
            self.set(j, value);
        }
        blocking.is_none()
    }

    fn among(&self, active: &[usize]) -> Array2<f64> {
        let k = active.len();
        let mut out = Array2::zeros((k, k));
        for (mut row, &i) in out.rows_mut().into_iter().zip(active) {
            match &self.curvature {
                Curvature::Full(gram) => {
                    if let (Some(row), Some(gram)) = (row.as_slice_mut(), gram.row(i).as_slice()) {
                        for (o, &j) in row.iter_mut().zip(active) {
                            *o = self.factor * gram[j];
                        }
                    }
                }
                Curvature::Root { columns, .. } => {
                    for (o, &j) in row.iter_mut().zip(active) {
                        *o = self.factor * columns.row(i).dot(&columns.row(j));
                    }
                }
            }
        }
        out
    }
}
