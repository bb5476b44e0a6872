//! The lasso: coordinate descent to find the active features, Newton steps on them to finish.

use mtl_core::moments::Gram;
use ndarray::{Array1, Array2, Axis};

use super::certificate::{DualPoint, duality_gap};
use super::{Convergence, Objective, ResidualKind, Solution, SolverError, StopRule, Stopping};
use crate::linalg::{Cholesky, axpy};
use crate::method::Context;

/// Sweeps over the active coordinates between two sweeps over all.
const ACTIVE_SWEEPS: usize = 4;

/// In [`TaskLasso::settle`]: active sweeps at most, the share of the first one's decrease below which another is not
/// worth it, and Newton steps.
const SETTLING_SWEEPS: usize = 100;
const WORTHWHILE: f64 = 1e-2;
const SETTLING_STEPS: usize = 8;

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
    let mut tasks: Vec<TaskLasso<'_>> = (0..loss.n_tasks())
        .map(|t| {
            let column = |w: &Array2<f64>| w.column(t).to_vec();
            let costs = Costs::symmetric(strength, loss.n_features());
            TaskLasso::new(loss.gram(t), loss.factor(t), 0.0, costs, column(&b), column(&components[0]))
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

/// What a unit of each weight costs, upwards of zero and downwards. An infinite cost forbids that side.
#[derive(Debug, Clone, Default)]
pub(crate) struct Costs {
    pub(crate) up: Vec<f64>,
    pub(crate) down: Vec<f64>,
}

impl Costs {
    pub(crate) fn symmetric(strength: f64, p: usize) -> Self {
        Self { up: vec![strength; p], down: vec![strength; p] }
    }

    /// What `w` costs as weight `j`.
    pub(crate) fn of(&self, j: usize, w: f64) -> f64 {
        if w == 0.0 { 0.0 } else { w * self.slope(j, w) }
    }

    /// The cost of a unit of weight `j` on the side on which `w` lies.
    fn slope(&self, j: usize, w: f64) -> f64 {
        if w > 0.0 { self.up[j] } else { -self.down[j] }
    }
}

/// `c/2 w'X'Xw - b'w + ridge/2 ||w||^2 + sum_j up_j max(w_j, 0) + down_j max(-w_j, 0)`: one task's lasso, where the two
/// signs of a weight may cost differently.
pub(crate) struct TaskLasso<'a> {
    curvature: Curvature<'a>,
    factor: f64,
    ridge: f64,
    pub(crate) costs: Costs,
    b: Vec<f64>,
    /// Second derivatives along the coordinates, with the ridge.
    diagonal: Vec<f64>,
    pub(crate) w: Vec<f64>,
    /// `b - c X'X w`, where it is kept.
    slack: Vec<f64>,
}

impl<'a> TaskLasso<'a> {
    pub(crate) fn new(gram: &'a Gram, factor: f64, ridge: f64, costs: Costs, b: Vec<f64>, w: Vec<f64>) -> Self {
        let (curvature, diagonal) = match gram {
            Gram::Full(gram) => (Curvature::Full(gram), gram.diag().to_vec()),
            Gram::Root(x) => {
                let columns = x.t().as_standard_layout().to_owned();
                let diagonal = columns.rows().into_iter().map(|c| c.dot(&c)).collect();
                (Curvature::Root { columns, fitted: vec![0.0; x.nrows()] }, diagonal)
            }
        };
        let diagonal = diagonal.into_iter().map(|d| factor * d + ridge).collect();
        let mut task = Self { curvature, factor, ridge, costs, b, diagonal, w, slack: Vec::new() };
        task.refresh();
        task
    }

    /// Recomputes what is kept up to date incrementally, so that rounding does not build up.
    pub(crate) fn refresh(&mut self) {
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

    /// The negative derivative of the smooth part.
    pub(crate) fn slack(&self, j: usize) -> f64 {
        let slack = match &self.curvature {
            Curvature::Full(_) => self.slack[j],
            Curvature::Root { columns, fitted } => {
                let explained: f64 = columns.row(j).iter().zip(fitted).map(|(x, f)| x * f).sum();
                self.b[j] - self.factor * explained
            }
        };
        slack - self.ridge * self.w[j]
    }

    /// The second derivative of the smooth part along a coordinate.
    pub(crate) fn curvature(&self, j: usize) -> f64 {
        self.diagonal[j]
    }

    /// Moves a coordinate.
    pub(crate) fn set(&mut self, j: usize, value: f64) {
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
            let shrunk = target - target.clamp(-self.costs.down[j], self.costs.up[j]);
            self.set(j, shrunk / curvature);
        }
    }

    fn active(&self) -> Vec<usize> {
        (0..self.w.len()).filter(|&j| self.w[j] != 0.0).collect()
    }

    /// Sweeps over all coordinates and the active ones, then Newton steps until the signs hold.
    pub(crate) fn round(&mut self) {
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

    /// [`Self::round`] for thousands of features: sweeps over the active coordinates for as long as they get on, then a
    /// few Newton steps that take all weights whose sign would change to zero at once, where that lowers the objective.
    /// Only weights that cost something on both sides may be in the problem, or none that cost anything.
    pub(crate) fn settle(&mut self) {
        self.refresh();
        for j in 0..self.w.len() {
            self.update(j);
        }
        let active = self.active();
        let mut first = 0.0;
        for sweep in 0..SETTLING_SWEEPS {
            let mut decrease = 0.0;
            for &j in &active {
                let before = self.w[j];
                self.update(j);
                decrease += self.diagonal[j] * (self.w[j] - before).powi(2);
            }
            if sweep == 0 {
                first = decrease;
            }
            if decrease <= WORTHWHILE * first {
                break;
            }
        }
        for _ in 0..SETTLING_STEPS {
            if self.projected_newton() {
                break;
            }
        }
    }

    /// A Newton step on the active coordinates, with those that would change sign at zero. Whether none did, or nothing
    /// more can be done.
    fn projected_newton(&mut self) -> bool {
        let active = self.active();
        let gradient: Array1<f64> = active.iter().map(|&j| self.slack(j) - self.costs.slope(j, self.w[j])).collect();
        let mut step = gradient.clone();
        if active.is_empty() || !self.newton_direction(&active, &mut step) || step.iter().any(|d| !d.is_finite()) {
            return true;
        }
        let mut within = true;
        for (&j, d) in active.iter().zip(&mut step) {
            let kink = self.costs.up[j] + self.costs.down[j] > 0.0;
            if kink && (self.w[j] + *d) * self.w[j] < 0.0 {
                *d = -self.w[j];
                within = false;
            }
        }
        if !within && gradient.dot(&step) <= self.bend(&active, &step) / 2.0 {
            return self.newton();
        }
        for (&j, d) in active.iter().zip(&step) {
            // Exactly zero, whatever rounding says.
            self.set(j, if *d == -self.w[j] { 0.0 } else { self.w[j] + d });
        }
        within
    }

    /// `d'(c X'X + ridge I)d` for a step on some coordinates.
    fn bend(&self, active: &[usize], step: &Array1<f64>) -> f64 {
        let curved = match &self.curvature {
            Curvature::Full(gram) => {
                let pulled = |&i: &usize| active.iter().zip(step).map(|(&j, d)| gram[[i, j]] * d).sum::<f64>();
                active.iter().zip(step).map(|(i, d)| d * pulled(i)).sum()
            }
            Curvature::Root { columns, fitted } => {
                let mut moved = vec![0.0; fitted.len()];
                for (&j, d) in active.iter().zip(step) {
                    if let Some(column) = columns.row(j).as_slice() {
                        axpy(*d, column, &mut moved);
                    }
                }
                moved.iter().map(|v| v * v).sum::<f64>()
            }
        };
        self.factor * curved + self.ridge * step.dot(step)
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
            active.iter().map(|&j| self.slack(j) - self.costs.slope(j, self.w[j])).collect();
        if !self.newton_direction(&active, &mut direction) {
            return true;
        }
        let mut step = 1.0;
        let mut blocking = None;
        for (&j, d) in active.iter().zip(&direction) {
            let limit = -self.w[j] / d;
            // A weight that costs nothing on either side may cross zero.
            let kink = self.costs.up[j] + self.costs.down[j] > 0.0;
            if kink && limit > 0.0 && limit < step {
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

    /// Overwrites a gradient by the Newton direction; whether there is one. With more active features than rows the
    /// system is solved in the rows: `(rho I + c B'B)^{-1} = 1/rho (I - B'(rho/c I + BB')^{-1} B)`.
    fn newton_direction(&self, active: &[usize], gradient: &mut Array1<f64>) -> bool {
        let diagonal = active.iter().map(|&j| self.diagonal[j] - self.ridge).sum::<f64>();
        let ridge = self.ridge + RIDGE * diagonal / active.len().max(1) as f64;
        if let Curvature::Root { columns, fitted } = &self.curvature
            && self.ridge > 0.0
            && active.len() > fitted.len()
        {
            let rows = columns.select(Axis(0), active);
            let mut system = rows.t().dot(&rows);
            system.diag_mut().mapv_inplace(|d| d + ridge / self.factor);
            let Some(system) = Cholesky::of(&system) else { return false };
            let mut inner = rows.t().dot(gradient);
            system.solve(&mut inner);
            *gradient -= &rows.dot(&inner);
            *gradient /= ridge;
            return true;
        }
        let mut system = self.among(active);
        system.diag_mut().mapv_inplace(|d| d + ridge);
        let Some(system) = Cholesky::of(&system) else { return false };
        system.solve(gradient);
        true
    }

    fn among(&self, active: &[usize]) -> Array2<f64> {
        match &self.curvature {
            Curvature::Full(gram) => {
                let k = active.len();
                let mut out = Array2::zeros((k, k));
                for (mut row, &i) in out.rows_mut().into_iter().zip(active) {
                    if let (Some(row), Some(gram)) = (row.as_slice_mut(), gram.row(i).as_slice()) {
                        for (o, &j) in row.iter_mut().zip(active) {
                            *o = self.factor * gram[j];
                        }
                    }
                }
                out
            }
            Curvature::Root { columns, .. } => {
                let columns = columns.select(Axis(0), active);
                columns.dot(&columns.t()) * self.factor
            }
        }
    }
}
