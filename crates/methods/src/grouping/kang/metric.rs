//! The matrices `(W Q_g W' + eps I)^{1/2}` in the span of the weights, where they are small.

use ndarray::{Array1, Array2, Axis};

use crate::linalg::{Eigen, NotFinite, Svd};

/// The weights in an orthonormal basis of their span: `W = B C`.
pub(super) struct Span {
    /// `B`, features x `r` with `r = min(d, m)`.
    pub(super) basis: Array2<f64>,
    /// `C`, `r` x tasks.
    pub(super) coordinates: Array2<f64>,
}

impl Span {
    pub(super) fn of(weights: &Array2<f64>) -> Result<Self, NotFinite> {
        let svd = Svd::of(weights)?;
        let coordinates = svd.right.t().to_owned() * &svd.values.insert_axis(Axis(1));
        Ok(Self { basis: svd.left, coordinates })
    }
}

/// `(C Q_g C' + eps I)^{1/2}` for one group, by its eigenvalues.
pub(super) struct GroupRoot {
    /// Eigenvalues of the root.
    values: Array1<f64>,
    vectors: Array2<f64>,
    /// The trace of the root in all dimensions, where those outside the span have `sqrt(eps)` each.
    pub(super) trace: f64,
}

impl GroupRoot {
    /// `outside` dimensions are not in the span.
    pub(super) fn of(
        coordinates: &Array2<f64>,
        shares: ndarray::ArrayView1<'_, f64>,
        eps: f64,
        outside: f64,
    ) -> Result<Self, NotFinite> {
        let mut inner = (coordinates * &shares).dot(&coordinates.t());
        inner.diag_mut().mapv_inplace(|v| v + eps);
        let eigen = Eigen::of(&inner)?;
        // No eigenvalue is below eps but for rounding.
        let values = eigen.values.mapv(|v| v.max(eps).sqrt());
        let trace = values.sum() + eps.sqrt() * outside;
        Ok(Self { values, vectors: eigen.vectors, trace })
    }

    /// `c_t' (C Q_g C' + eps I)^{-1/2} c_t` for every task.
    pub(super) fn inverse_forms(&self, coordinates: &Array2<f64>) -> Array1<f64> {
        let rotated = self.vectors.t().dot(coordinates);
        let squares = rotated.mapv(|v| v * v) / self.values.view().insert_axis(Axis(1));
        squares.sum_axis(Axis(0))
    }

    /// Adds `weight` times the inverse of the root.
    fn add_inverse(&self, weight: f64, out: &mut Array2<f64>) {
        let scaled = &self.vectors / &self.values;
        out.scaled_add(weight, &scaled.dot(&self.vectors.t()));
    }
}

/// `D_t^{-1} = sum_g q_gt D_g^{-1}` of every task, `D_g = (W Q_g W' + eps I)^{1/2}` over its trace: in the span the
/// matrix `P_t`, elsewhere a multiple of the identity.
pub(super) struct Metric {
    pub(super) basis: Array2<f64>,
    /// `P_t`, `r x r`, one a task.
    pub(super) inside: Vec<Array2<f64>>,
    /// The multiple, one a task.
    pub(super) outside: Vec<f64>,
    /// `sum_g (tr (W Q_g W' + eps I)^{1/2})^2`.
    pub(super) squares: f64,
}

impl Metric {
    /// At the weights and the shares (groups x tasks).
    pub(super) fn of(weights: &Array2<f64>, shares: &Array2<f64>, eps: f64) -> Result<Self, NotFinite> {
        let Span { basis, coordinates } = Span::of(weights)?;
        let (d, r) = basis.dim();
        let roots = shares.rows().into_iter().map(|q| GroupRoot::of(&coordinates, q, eps, (d - r) as f64));
        let roots = roots.collect::<Result<Vec<_>, _>>()?;
        let mut inside = Vec::with_capacity(shares.ncols());
        let mut outside = Vec::with_capacity(shares.ncols());
        for of_task in shares.columns() {
            let mut matrix = Array2::zeros((r, r));
            let mut multiple = 0.0;
            for (root, &q) in roots.iter().zip(of_task).filter(|(_, q)| **q > 0.0) {
                root.add_inverse(q * root.trace, &mut matrix);
                multiple += q * root.trace / eps.sqrt();
            }
            inside.push(matrix);
            outside.push(multiple);
        }
        Ok(Self { basis, inside, outside, squares: roots.iter().map(|root| root.trace.powi(2)).sum() })
    }

    /// The metric before there are weights, `D_1 = I/d` with all tasks in the first group: `D_t^{-1} = d I`.
    pub(super) fn first(d: usize, m: usize) -> Self {
        let basis = Array2::zeros((d, 0));
        Self { basis, inside: vec![Array2::zeros((0, 0)); m], outside: vec![d as f64; m], squares: f64::NAN }
    }

    /// `D_t^{-1} w_t` for every task.
    pub(super) fn pull(&self, weights: &Array2<f64>) -> Array2<f64> {
        let inner = self.basis.t().dot(weights);
        let mut out = weights.clone();
        for (t, mut column) in out.columns_mut().into_iter().enumerate() {
            let own = inner.column(t);
            let turned = self.inside[t].dot(&own) - &own * self.outside[t];
            column *= self.outside[t];
            column += &self.basis.dot(&turned);
        }
        out
    }
}
