//! Sufficient statistics of least squares: once they are known, no fit looks at a row again.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis};

use crate::MultiTask;

/// `X'X`, or `X` itself where a task has fewer rows than features and `X` is the smaller of the two.
#[derive(Debug, Clone)]
pub enum Gram {
    /// `X'X`, `p x p`.
    Full(Array2<f64>),
    /// `X`, `n x p` with `n < p`: products with `X'X` cost `2np` instead of `p^2`.
    Root(Array2<f64>),
}

impl Gram {
    /// Keeps whichever form is cheaper to multiply with.
    pub fn of(x: &Array2<f64>) -> Self {
        if 2 * x.nrows() < x.ncols() { Self::Root(x.clone()) } else { Self::Full(x.t().dot(x)) }
    }

    /// `X'X v`.
    pub fn times(&self, v: &Array1<f64>) -> Array1<f64> {
        match self {
            Self::Full(gram) => gram.dot(v),
            Self::Root(x) => x.t().dot(&x.dot(v)),
        }
    }

    /// Trace of `X'X`, the sum of the squares in `X`.
    pub fn trace(&self) -> f64 {
        match self {
            Self::Full(gram) => gram.diag().sum(),
            Self::Root(x) => x.iter().map(|v| v * v).sum(),
        }
    }

    /// `X'X` as a matrix, `p x p`.
    pub fn to_full(&self) -> Array2<f64> {
        match self {
            Self::Full(gram) => gram.clone(),
            Self::Root(x) => x.t().dot(x),
        }
    }
}

/// Moments of every task. Tasks with shared inputs share one Gram matrix.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Samples per task.
    pub n: Vec<usize>,
    /// `X_t'X_t` per task.
    pub gram: Vec<Arc<Gram>>,
    /// `X_t'y_t`, features x tasks.
    pub xty: Array2<f64>,
    /// `y_t'y_t` per task.
    pub yty: Array1<f64>,
}

impl Moments {
    /// One pass over the data.
    pub fn of(data: &MultiTask) -> Self {
        let first = data.distinct_inputs();
        let mut gram: Vec<Arc<Gram>> = Vec::with_capacity(data.n_tasks());
        let mut xty = Array2::zeros((data.n_features(), data.n_tasks()));
        for (t, task) in data.tasks.iter().enumerate() {
            gram.push(if first[t] < t { Arc::clone(&gram[first[t]]) } else { Arc::new(Gram::of(&task.x)) });
            xty.column_mut(t).assign(&task.x.t().dot(&task.y));
        }
        let yty = data.tasks.iter().map(|t| t.y.dot(&t.y)).collect();
        Self { n: data.tasks.iter().map(|t| t.n()).collect(), gram, xty, yty }
    }

    /// The moments of some of the tasks, in the given order.
    #[must_use]
    pub fn select(&self, tasks: &[usize]) -> Self {
        Self {
            n: tasks.iter().map(|&t| self.n[t]).collect(),
            gram: tasks.iter().map(|&t| Arc::clone(&self.gram[t])).collect(),
            xty: self.xty.select(Axis(1), tasks),
            yty: self.yty.select(Axis(0), tasks),
        }
    }

    /// Number of features `p`.
    pub fn n_features(&self) -> usize {
        self.xty.nrows()
    }

    /// Number of tasks `m`.
    pub fn n_tasks(&self) -> usize {
        self.xty.ncols()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn both_forms_of_the_gram_matrix_agree() {
        let x = array![[1.0, 2.0, 0.5, -1.0, 3.0], [0.0, 1.0, -2.0, 4.0, 1.0]];
        let root = Gram::of(&x);
        assert!(matches!(root, Gram::Root(_)));
        let full = Gram::Full(x.t().dot(&x));
        let v = array![0.3, -0.2, 1.0, 0.0, 2.0];
        assert!((root.trace() - full.trace()).abs() < 1e-12);
        assert!((root.times(&v) - full.times(&v)).iter().all(|d| d.abs() < 1e-12));
    }
}
