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

#[cfg(test)]
mod tests {
    use super::super::transport::Transport;
    use super::*;
    use crate::linalg::Spectrum;
    use mtl_core::Seed;
    use ndarray::{array, s};
    use rand::Rng;

    /// The matrix itself, from the graph's weights.
    fn laplacian(plan: &Array2<f64>) -> Array2<f64> {
        let (k, m) = plan.dim();
        let mut matrix = Array2::zeros((k + m, k + m));
        matrix.slice_mut(s![..k, k..]).assign(&(-plan));
        matrix.slice_mut(s![k.., ..k]).assign(&(-&plan.t()));
        let degrees = matrix.sum_axis(ndarray::Axis(1)).mapv(|v: f64| -v);
        matrix.diag_mut().assign(&degrees);
        matrix
    }

    /// Eigenvalues in increasing order. Shifted, because a spectrum leaves zeros out.
    fn eigenvalues(matrix: &Array2<f64>) -> Vec<f64> {
        let shifted = Spectrum::of(&(matrix + &Array2::<f64>::eye(matrix.nrows()))).unwrap();
        shifted.values.iter().rev().map(|v| v - 1.0).collect()
    }

    #[test]
    fn eigenvalues_and_costs_are_those_of_the_laplacian() {
        for (k, m) in [(1, 1), (1, 5), (2, 2), (3, 7), (5, 42)] {
            let mut rng = Seed::of(&("graph", k, m)).rng();
            let target = Array2::from_shape_fn((k, m), |_| 0.3 * rng.random_range(-1.0..1.0));
            let (plan, _) = Transport::new(k, m).project(&target);
            let all = eigenvalues(&laplacian(&plan));
            assert!(all[0].abs() < 1e-12 && all.iter().all(|v| *v > -1e-12), "positive semidefinite, with a zero");
            for groups in 1..=k {
                let found = embed(&plan, groups).unwrap();
                assert!(found.values.iter().zip(&all).all(|(a, b)| (a - b).abs() < 1e-12), "{} {all:?}", found.values);
                // sum_ij P_ij ||v_i - v_j||^2 = tr V' Lap V.
                assert!(((&plan * &found.cost).sum() - found.values.sum()).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn blocks_are_zero_eigenvalues() {
        let blocks =
            array![[3.0, 3.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 3.0, 3.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 3.0, 3.0]];
        let found = embed(&(blocks / 18.0), 3).unwrap();
        assert!(found.values.iter().all(|v| v.abs() < 1e-15));
        let (inside, across) = (found.cost[[0, 0]], found.cost[[0, 2]]);
        assert!(inside < 1e-12 && across > 0.5);
        let uniform = embed(&Array2::from_elem((3, 6), 1.0 / 18.0), 3).unwrap();
        assert!(uniform.values[0].abs() < 1e-12 && (uniform.values[1] - 1.0 / 6.0).abs() < 1e-12, "one block");
    }
}
