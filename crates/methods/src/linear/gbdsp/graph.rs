//! The bipartite graph between latent and output tasks.

use ndarray::{Array1, Array2};

use crate::linalg::{NotFinite, Svd};

/// The part of the Laplacian's spectrum that counts groups.
#[derive(Debug, Clone)]
pub(super) struct Embedding {
    /// The smallest eigenvalues.
    pub(super) values: Array1<f64>,
    /// `C_ij`: squared distance of latent task `i` and output task `j` in the eigenvectors of those values.
    pub(super) cost: Array2<f64>,
}

/// The `groups` smallest eigenvalues of the Laplacian `[I/k, -P; -P', I/m]` of a coupling `P` (`k x m`, `k <= m`).
///
/// The Laplacian maps the plane of a pair of singular vectors of `P` with value `sigma` to itself, as
/// `[1/k, -sigma; -sigma, 1/m]`, so that the decomposition of the `k x m` matrix is all it takes; the largest values
/// give the smallest eigenvalues.
pub(super) fn embed(plan: &Array2<f64>, groups: usize) -> Result<Embedding, NotFinite> {
    let (k, m) = plan.dim();
    let (a, b) = (1.0 / k as f64, 1.0 / m as f64);
    let svd = Svd::of(plan)?;
    let mut values = Array1::zeros(groups);
    let mut cost = Array2::zeros((k, m));
    for (g, &sigma) in svd.values.iter().take(groups).enumerate() {
        let (mean, half) = ((a + b) / 2.0, (a - b) / 2.0);
        let root = half.hypot(sigma);
        // The smaller root of the 2 x 2 matrix, in the form that does not cancel.
        values[g] = ((a * b - sigma * sigma) / (mean + root)).max(0.0);
        let length = sigma.hypot(half + root);
        let (x, y) = if length > 0.0 { (sigma / length, (half + root) / length) } else { (0.0, 1.0) };
        for ((i, j), c) in cost.indexed_iter_mut() {
            *c += (x * svd.left[[i, g]] - y * svd.right[[j, g]]).powi(2);
        }
    }
    Ok(Embedding { values, cost })
}
