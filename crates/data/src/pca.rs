//! Principal components of a table, for inputs that papers reduce before they learn.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par, Side};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

/// Rows that are centred at a time: a copy of the whole table would take as much memory again.
const BLOCK: usize = 4096;

/// The directions of largest variance of the rows that it was fitted to.
#[derive(Debug, Clone)]
pub(crate) struct Pca {
    /// Mean row, `p`.
    mean: Array1<f64>,
    /// A direction a column, in the order of falling variance, `p x k`. The entry of each that is largest in size is
    /// positive, the first of equal ones: without a rule a sign would be left to the eigensolver.
    directions: Array2<f64>,
}

impl Pca {
    /// Fits the first `k` components of an `n x p` table; all `p`, if it has fewer.
    ///
    /// # Errors
    /// In words, if a value is not finite.
    pub(crate) fn fit(x: ArrayView2<'_, f64>, k: usize) -> Result<Self, String> {
        let p = x.ncols();
        let mean = x.mean_axis(Axis(0)).ok_or("there are no rows to find principal components of")?;
        // Not every eigensolver says so.
        if mean.iter().any(|m| !m.is_finite()) {
            return Err("a value is missing or infinite, so there are no principal components".into());
        }
        let mut scatter = Mat::<f64>::zeros(p, p);
        for block in x.axis_chunks_iter(Axis(0), BLOCK) {
            let centred = &block - &mean;
            let rows = as_faer(&centred);
            triangular::matmul(
                scatter.as_mut(),
                BlockStructure::TriangularLower,
                Accum::Add,
                rows.transpose(),
                BlockStructure::Rectangular,
                rows,
                BlockStructure::Rectangular,
                1.0,
                Par::Seq,
            );
        }
        let eigen = scatter.self_adjoint_eigen(Side::Lower);
        let eigen = eigen.map_err(|_| "the search for principal components does not end")?;
        // Eigenvalues rise.
        let (vectors, k) = (eigen.U(), k.min(p));
        let mut directions = Array2::from_shape_fn((p, k), |(i, j)| vectors[(i, p - 1 - j)]);
        for mut direction in directions.columns_mut() {
            let largest = direction.iter().fold(0.0_f64, |most, v| if v.abs() > most.abs() { *v } else { most });
            if largest < 0.0 {
                direction.mapv_inplace(|v| -v);
            }
        }
        Ok(Self { mean, directions })
    }

    /// Centred rows in the coordinates of the components, `n x k`.
    pub(crate) fn project(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let k = self.directions.ncols();
        let mut scores = Array2::zeros((x.nrows(), k));
        let directions = as_faer(&self.directions);
        for (number, block) in x.axis_chunks_iter(Axis(0), BLOCK).enumerate() {
            let centred = &block - &self.mean;
            let mut product = Mat::<f64>::zeros(block.nrows(), k);
            matmul(product.as_mut(), Accum::Replace, as_faer(&centred), directions, 1.0, Par::Seq);
            let start = number * BLOCK;
            let mut place = scores.slice_mut(s![start..start + block.nrows(), ..]);
            place.indexed_iter_mut().for_each(|((i, j), score)| *score = product[(i, j)]);
        }
        scores
    }

    /// Names of `k` components as features.
    pub(crate) fn names(k: usize) -> Vec<String> {
        (1..=k).map(|component| format!("component {component}")).collect()
    }
}

/// A table as faer sees it; arithmetic on views gives rows one after the other.
fn as_faer(rows: &Array2<f64>) -> MatRef<'_, f64> {
    let (n, p) = rows.dim();
    let flat = rows.as_slice().expect("a table that was just made is contiguous");
    MatRef::from_row_major_slice(flat, n, p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mtl_core::Seed;
    use rand::Rng;

    /// Rows around (3, -2, 5, ..) that stretch by `p, p - 1, .., 1` along the axes.
    fn cloud(n: usize, p: usize) -> Array2<f64> {
        let mut rng = Seed::of(&"cloud").rng();
        let axis = |j: usize| (p - j) as f64;
        Array2::from_shape_fn((n, p), |(_, j)| 3.0 - j as f64 + axis(j) * (rng.random::<f64>() - 0.5))
    }

    #[test]
    fn components_are_uncorrelated_and_fall_in_variance() {
        // More rows than a block.
        let x = cloud(BLOCK + 904, 6);
        let pca = Pca::fit(x.view(), 4).unwrap();
        assert!((pca.directions.t().dot(&pca.directions) - Array2::<f64>::eye(4)).iter().all(|v| v.abs() < 1e-12));
        let scores = pca.project(x.view());
        assert_eq!(scores.dim(), (5000, 4));
        assert!(scores.mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < 1e-10), "centred");
        let covariance = scores.t().dot(&scores) / 5000.0;
        for ((i, j), &v) in covariance.indexed_iter() {
            // A uniform spread of width w has the variance w^2 / 12.
            let axis = if i == j { (6.0 - i as f64).powi(2) / 12.0 } else { 0.0 };
            assert!((v - axis).abs() < if i == j { 0.1 * axis } else { 1e-10 }, "{i} {j}: {v}");
        }
        // All components keep all distances.
        let all = Pca::fit(x.view(), 99).unwrap().project(x.view());
        let distance = |x: &Array2<f64>| (&x.row(7) - &x.row(4999)).mapv(|d| d * d).sum();
        assert!((distance(&all) / distance(&x) - 1.0).abs() < 1e-12);
        assert_eq!(all.ncols(), 6);
    }

    #[test]
    fn signs_are_settled_and_blocks_do_not_show() {
        let x = cloud(5000, 5);
        let (pca, mirrored) = (Pca::fit(x.view(), 5).unwrap(), Pca::fit((-&x).view(), 5).unwrap());
        for (a, b) in pca.directions.columns().into_iter().zip(mirrored.directions.columns()) {
            let most = a.iter().fold(0.0_f64, |most, v| if v.abs() > most.abs() { *v } else { most });
            assert!(most > 0.0 && (&a - &b).iter().all(|d| d.abs() < 1e-10));
        }
        let centred = &x - &x.mean_axis(Axis(0)).unwrap();
        let difference = pca.project(x.view()) - centred.dot(&pca.directions);
        assert!(difference.iter().all(|d| d.abs() < 1e-12));
        assert_eq!(pca.project(x.slice(s![4990.., ..])).row(9), pca.project(x.view()).row(4999));
    }

    #[test]
    fn a_constant_column_and_a_missing_value() {
        let mut x = cloud(50, 3);
        x.column_mut(1).fill(7.0);
        let scores = Pca::fit(x.view(), 3).unwrap().project(x.view());
        assert!(scores.column(2).iter().all(|v| v.abs() < 1e-10), "nothing varies any more");
        x[[3, 0]] = f64::NAN;
        assert!(Pca::fit(x.view(), 3).unwrap_err().contains("missing or infinite"));
        assert!(Pca::fit(Array2::zeros((0, 3)).view(), 3).unwrap_err().contains("no rows"));
    }
}
