//! `(I + sigma c_t X_t'X_t)^{-1}` for every task, and the coupling of the tasks through their common shift.

use std::sync::Arc;

use ndarray::{Array1, Array2, Zip};

use super::{Objective, SolverError};
use crate::linalg::{Cholesky, Spectrum, add_rows, axpy, symmetric_times};

/// One task's resolvent, dense or as a low-rank correction of the identity.
enum Operator {
    /// What the matrix adds to the identity, `p x p`.
    Dense(Array2<f64>),
    /// `I + V diag(d) V'`, with `V` (`p x r`) and its transpose both stored by rows.
    LowRank { vectors: Array2<f64>, rows: Array2<f64>, scale: Array1<f64> },
}

impl Operator {
    fn new(spectrum: &Spectrum, sigma: f64) -> Self {
        let scale = spectrum.values.mapv(|v| -sigma * v / (1.0 + sigma * v));
        let p = spectrum.vectors.nrows();
        if 2 * spectrum.rank() < p {
            let vectors = spectrum.vectors.as_standard_layout().into_owned();
            let rows = vectors.t().as_standard_layout().into_owned();
            return Self::LowRank { vectors, rows, scale };
        }
        Self::Dense(spectrum.rebuild(&scale))
    }

    /// Adds the correction to `out`.
    fn add_to(&self, out: &mut Array2<f64>) {
        match self {
            Self::Dense(correction) => *out += correction,
            Self::LowRank { vectors, rows, scale } => *out += &(vectors * scale).dot(rows),
        }
    }

    /// The operator on every row of `v`, as products of matrices.
    fn apply_to_rows(&self, v: &Array2<f64>) -> Array2<f64> {
        match self {
            Self::Dense(correction) => v.dot(correction) + v,
            Self::LowRank { vectors, rows, scale } => (v.dot(vectors) * scale).dot(rows) + v,
        }
    }

    fn apply(&self, v: &[f64], out: &mut [f64]) {
        match self {
            Self::Dense(correction) => {
                symmetric_times(correction, v, out);
                axpy(1.0, v, out);
            }
            Self::LowRank { vectors, rows, scale } => {
                let mut inner = vec![0.0; scale.len()];
                add_rows(vectors, v, &mut inner);
                inner.iter_mut().zip(scale).for_each(|(v, scale)| *v *= scale);
                out.copy_from_slice(v);
                add_rows(rows, &inner, out);
            }
        }
    }
}

/// How the common shift of all tasks is found.
enum Coupling {
    /// No component ties the tasks' levels together.
    None,
    /// `(c I + K) shift = rhs`, positive definite.
    Definite(Cholesky),
    /// `K shift = rhs`, with `K` possibly singular.
    Free(Spectrum),
}

/// Everything of the weight step that depends on the penalty parameter `rho` but not on the iterate.
pub struct Resolvent {
    sigma: f64,
    operators: Vec<Arc<Operator>>,
    coupling: Coupling,
}

/// How the tasks' levels are tied together in the weight step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tie {
    /// Not at all.
    None,
    /// Through a quadratic with this weight.
    Weighted(f64),
    /// Through the loss alone: a component leaves the level free.
    Free,
}

impl Resolvent {
    /// Prepares the step for a given `sigma`.
    pub fn new(objective: &Objective<'_>, sigma: f64, tie: Tie) -> Result<Self, SolverError> {
        let loss = objective.loss;
        let (p, m) = (loss.n_features(), loss.n_tasks());
        let mut operators: Vec<Arc<Operator>> = Vec::with_capacity(m);
        for t in 0..m {
            let known =
                (0..t).find(|&s| Arc::ptr_eq(loss.spectrum(s), loss.spectrum(t)) && loss.factor(s) == loss.factor(t));
            operators.push(match known {
                Some(s) => Arc::clone(&operators[s]),
                None => Arc::new(Operator::new(loss.spectrum(t), sigma * loss.factor(t))),
            });
        }
        let coupling = if tie == Tie::None {
            Coupling::None
        } else {
            // K = sum_t A_t (I + sigma A_t)^{-1} = -1/sigma sum_t ((I + sigma A_t)^{-1} - I).
            let mut k = Array2::<f64>::zeros((p, p));
            operators.iter().for_each(|operator| operator.add_to(&mut k));
            k /= -sigma;
            match tie {
                Tie::Weighted(weight) => {
                    k.diag_mut().mapv_inplace(|d| d + weight);
                    Coupling::Definite(Cholesky::of(&k).ok_or(SolverError::NotFinite)?)
                }
                _ => Coupling::Free(Spectrum::of(&k)?),
            }
        };
        Ok(Self { sigma, operators, coupling })
    }

    /// Solves `s_t + sigma A_t s_t = r_t + sigma b_t + shift` for all tasks, with the shift that the coupling asks
    /// for. Gives the sum of the components `s` and the loss gradient there.
    pub fn solve(&self, r: &Array2<f64>, b: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
        let (p, m) = r.dim();
        // Task by task in memory: the operators want columns.
        let mut q = Array2::zeros((m, p));
        Zip::from(&mut q).and(r.t()).and(b.t()).for_each(|q, r, b| *q = r + self.sigma * b);
        let mut solved = Array2::zeros((m, p));
        match self.operators.first() {
            Some(shared) if self.operators.iter().all(|o| Arc::ptr_eq(o, shared)) => solved = shared.apply_to_rows(&q),
            _ => {
                for ((operator, q), mut s) in self.operators.iter().zip(q.rows()).zip(solved.rows_mut()) {
                    if let (Some(q), Some(s)) = (q.as_slice(), s.as_slice_mut()) {
                        operator.apply(q, s);
                    }
                }
            }
        }
        let mut shift = Array1::zeros(p);
        if !matches!(self.coupling, Coupling::None) {
            for ((b, q), s) in b.columns().into_iter().zip(q.rows()).zip(solved.rows()) {
                Zip::from(&mut shift).and(b).and(q).and(s).for_each(|o, b, q, s| *o += b - (q - s) / self.sigma);
            }
        }
        match &self.coupling {
            Coupling::None => {}
            Coupling::Definite(factor) => factor.solve(&mut shift),
            Coupling::Free(spectrum) => shift = spectrum.pseudo_solve(&shift),
        }
        if let (false, Some(flat)) = (matches!(self.coupling, Coupling::None), shift.as_slice()) {
            let mut moved = vec![0.0; p];
            for (t, (operator, mut s)) in self.operators.iter().zip(solved.rows_mut()).enumerate() {
                if t == 0 || !Arc::ptr_eq(operator, &self.operators[t - 1]) {
                    operator.apply(flat, &mut moved);
                }
                s.iter_mut().zip(&moved).for_each(|(s, c)| *s += c);
            }
        }
        let sum = solved.reversed_axes().as_standard_layout().into_owned();
        let mut gradient = r - &sum;
        for (mut row, shift) in gradient.rows_mut().into_iter().zip(&shift) {
            row.mapv_inplace(|g| (g + shift) / self.sigma);
        }
        (sum, gradient)
    }
}
