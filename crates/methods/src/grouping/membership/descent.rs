//! Projected gradient on the shares.

use ndarray::{Array2, Axis};

use super::{Assignment, project};

/// Iterations before the stopping rule is asked (the authors' code).
const AT_LEAST: usize = 10;

/// A rise of the objective above this, relatively, ends a descent: the authors' code goes on up to 1e-4.
const ROUNDING: f64 = 1e-12;

/// How to step and when to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descent {
    /// Length of a step: the median derivative at uniform shares moves a share by this much.
    pub step: f64,
    /// Relative change of the objective to stop at.
    pub tolerance: f64,
    /// Steps at most.
    pub max_iterations: usize,
}

impl Default for Descent {
    fn default() -> Self {
        Self { step: 0.1, tolerance: 1e-7, max_iterations: 20_000 }
    }
}

/// Where a descent ended.
#[derive(Debug, Clone)]
pub struct Relaxed {
    /// The shares, groups x tasks.
    pub shares: Array2<f64>,
    /// The objective there.
    pub value: f64,
    /// The objective at the start and after every step.
    pub trace: Vec<f64>,
    /// Whether it stopped by itself.
    pub converged: bool,
}

impl Assignment {
    /// `U <- P(U - eta grad R(U))` from a start (groups x tasks, columns on the simplex), where `P` projects every
    /// column.
    ///
    /// A concave regulariser never rises, whatever the step: it lies below its tangents, and the projection does not
    /// increase those. The fusion term's curvature is at most `2 mu m`, which its share of the step has to respect:
    /// `eta <= 1/(mu m)`. Any other regulariser gets its steps halved until they descend.
    pub fn descend(&self, start: Array2<f64>, options: &Descent) -> Relaxed {
        let mut eta = self.step(options.step);
        let mut shares = start;
        let (mut value, mut gradient) = self.value_and_gradient(&shares);
        let mut trace = vec![value];
        for iteration in 1..=options.max_iterations {
            let (next, next_value, next_gradient) = loop {
                let next = self.stepped(&shares, &gradient, eta);
                let (next_value, next_gradient) = self.value_and_gradient(&next);
                if self.regulariser.is_concave() {
                    break (next, next_value, next_gradient);
                }
                let moved = &next - &shares;
                let tangent = value + (&moved * &gradient).sum() + (&moved * &moved).sum() / (2.0 * eta);
                if next_value <= tangent + 1e-14 * value.abs() {
                    break (next, next_value, next_gradient);
                }
                eta /= 2.0;
            };
            // Where groups are empty, derivatives are one-sided, and tasks may enter together what is good for one
            // alone.
            if next_value > value * (1.0 + ROUNDING) {
                return Relaxed { shares, value, trace, converged: true };
            }
            let before = value;
            (shares, value, gradient) = (next, next_value, next_gradient);
            trace.push(value);
            let change = (value - before) / before.abs().max(f64::MIN_POSITIVE);
            if iteration > AT_LEAST && change.abs() < options.tolerance {
                return Relaxed { shares, value, trace, converged: true };
            }
        }
        Relaxed { shares, value, trace, converged: false }
    }

    /// One projected step.
    pub(crate) fn stepped(&self, shares: &Array2<f64>, gradient: &Array2<f64>, eta: f64) -> Array2<f64> {
        let mut next = shares - &(gradient * eta);
        let mut column = vec![0.0; next.nrows()];
        for mut shares in next.columns_mut() {
            column.iter_mut().zip(&shares).for_each(|(c, s)| *c = *s);
            project(&mut column);
            shares.iter_mut().zip(&column).for_each(|(s, c)| *s = *c);
        }
        next
    }

    fn step(&self, share: f64) -> f64 {
        let (n, m) = (self.n_groups(), self.n_tasks());
        let uniform = Array2::from_elem((n, m), 1.0 / n as f64);
        let gradient = self.value_and_gradient(&uniform).1;
        let mut sizes: Vec<f64> = gradient.index_axis(Axis(0), 0).iter().map(|v| v.abs()).collect();
        if !self.regulariser.is_symmetric() {
            sizes = gradient.iter().map(|v| v.abs()).collect();
        }
        sizes.sort_unstable_by(f64::total_cmp);
        let median = sizes[sizes.len() / 2];
        let step = if median > 0.0 { share / median } else { 1.0 };
        let fusion = self.regulariser.fusion();
        if fusion > 0.0 { step.min(1.0 / (fusion * m as f64)) } else { step }
    }
}
