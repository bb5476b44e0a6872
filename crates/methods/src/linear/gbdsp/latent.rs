//! The step on the latent tasks: a ridge problem in `p k` unknowns.

use std::sync::Arc;

use mtl_core::moments::Gram;
use ndarray::{Array1, Array2, Axis};

use crate::datafit::Squared;
use crate::linalg::{Cholesky, NotFinite, Spectrum};
use crate::method::Context;
use crate::solver::SolverError;

/// Unknowns up to which the normal equations are factored.
const DIRECT: usize = 400;

/// Conjugate gradient steps of one call, as many as the authors' code takes quasi-Newton steps.
const STEPS: usize = 15;

/// What the data say about the latent tasks `L`, computed once per distinct input matrix.
pub(super) struct Products {
    /// `X_t'X_t L`, `p x k`.
    images: Vec<Arc<Array2<f64>>>,
    /// `c_t L'X_t'X_t L`, `k x k`.
    pub(super) inner: Vec<Arc<Array2<f64>>>,
    /// `c_t L'X_t'y_t`, one column a task.
    pub(super) targets: Array2<f64>,
}

impl Products {
    pub(super) fn of(latent: &Array2<f64>, loss: &Squared, correlations: &Array2<f64>) -> Self {
        let m = loss.n_tasks();
        let mut images: Vec<Arc<Array2<f64>>> = Vec::with_capacity(m);
        let mut inner: Vec<Arc<Array2<f64>>> = Vec::with_capacity(m);
        for t in 0..m {
            if let Some(s) = (0..t).find(|&s| std::ptr::eq(loss.gram(s), loss.gram(t))) {
                images.push(Arc::clone(&images[s]));
                inner.push(Arc::clone(&inner[s]));
                continue;
            }
            let image = match loss.gram(t) {
                Gram::Full(gram) => gram.dot(latent),
                Gram::Root(x) => x.t().dot(&x.dot(latent)),
            };
            inner.push(Arc::new(latent.t().dot(&image) * loss.factor(t)));
            images.push(Arc::new(image));
        }
        Self { images, inner, targets: latent.t().dot(correlations) }
    }
}

/// `min_L sum_t c_t/2 ||y_t - X_t L s_t||^2 + lambda/2 ||L||_F^2`, whose normal equations are
/// `sum_t c_t X_t'X_t L s_t s_t' + lambda L = sum_t c_t X_t'y_t s_t'`.
pub(super) struct LatentStep<'a> {
    loss: &'a Squared,
    correlations: &'a Array2<f64>,
    lambda: f64,
    how: How,
}

enum How {
    /// All tasks have the same inputs: the equations separate in two eigenbases.
    Shared,
    /// Few unknowns: factor the matrix.
    Direct,
    /// Conjugate gradients, preconditioned by what would be right if all tasks had the pooled inputs.
    Iterative(Arc<Spectrum>),
}

impl<'a> LatentStep<'a> {
    pub(super) fn new(
        loss: &'a Squared,
        correlations: &'a Array2<f64>,
        lambda: f64,
        k: usize,
    ) -> Result<Self, NotFinite> {
        let how = if loss.shares_inputs() {
            How::Shared
        } else if lambda > 0.0 && loss.n_features() * k <= DIRECT {
            How::Direct
        } else {
            How::Iterative(loss.pooled()?)
        };
        Ok(Self { loss, correlations, lambda, how })
    }

    /// Moves `latent` towards the minimum, where one exact step does not reach it until a step gains less than
    /// `enough`.
    pub(super) fn solve(
        &self,
        latent: &mut Array2<f64>,
        shares: &Array2<f64>,
        products: &Products,
        enough: f64,
        context: &Context,
    ) -> Result<(), SolverError> {
        let right = || self.correlations.dot(&shares.t());
        match &self.how {
            How::Shared => {
                let factor = self.loss.factor(0);
                let separated =
                    Separated::new(self.loss.spectrum(0), &(shares.dot(&shares.t()) * factor), self.lambda)?;
                *latent = separated.solve(&right());
            }
            How::Direct => {
                let mut solution: Array1<f64> = right().t().iter().copied().collect();
                Cholesky::of(&self.matrix(shares)).ok_or(SolverError::NotFinite)?.solve(&mut solution);
                let (p, k) = latent.dim();
                *latent = Array2::from_shape_fn((p, k), |(i, j)| solution[j * p + i]);
            }
            How::Iterative(pooled) => self.iterate(pooled, latent, shares, products, enough, context)?,
        }
        Ok(())
    }

    /// The matrix of the normal equations, unknowns of one latent task after those of another.
    fn matrix(&self, shares: &Array2<f64>) -> Array2<f64> {
        let (p, k) = (self.loss.n_features(), shares.nrows());
        let mut matrix = Array2::from_diag_elem(p * k, self.lambda);
        for t in 0..self.loss.n_tasks() {
            let full;
            let gram = match self.loss.gram(t) {
                Gram::Full(gram) => gram,
                root @ Gram::Root(_) => {
                    full = root.to_full();
                    &full
                }
            };
            for j in 0..k {
                // The factorisation reads the lower triangle only.
                for l in 0..=j {
                    let factor = self.loss.factor(t) * shares[[j, t]] * shares[[l, t]];
                    matrix.slice_mut(ndarray::s![j * p..(j + 1) * p, l * p..(l + 1) * p]).scaled_add(factor, gram);
                }
            }
        }
        matrix
    }

    /// `sum_t c_t X_t'X_t D s_t s_t' + lambda D`.
    fn times(&self, direction: &Array2<f64>, shares: &Array2<f64>) -> Array2<f64> {
        self.loss.curvature_times(&direction.dot(shares)).dot(&shares.t()) + direction * self.lambda
    }

    fn iterate(
        &self,
        pooled: &Spectrum,
        latent: &mut Array2<f64>,
        shares: &Array2<f64>,
        products: &Products,
        enough: f64,
        context: &Context,
    ) -> Result<(), SolverError> {
        let mut rest = self.correlations.clone();
        for (t, (mut column, share)) in rest.columns_mut().into_iter().zip(shares.columns()).enumerate() {
            column.scaled_add(-self.loss.factor(t), &products.images[t].dot(&share));
        }
        let mut residual = rest.dot(&shares.t()) - &*latent * self.lambda;
        let weights: Array1<f64> = (0..self.loss.n_tasks()).map(|t| self.loss.factor(t)).collect();
        let preconditioner = Separated::new(pooled, &(shares * &weights).dot(&shares.t()), self.lambda)?;
        let mut scaled = preconditioner.solve(&residual);
        let mut direction = scaled.clone();
        let mut product = (&residual * &scaled).sum();
        for _ in 0..STEPS {
            context.check()?;
            let image = self.times(&direction, shares);
            let curvature = (&direction * &image).sum();
            if curvature <= 0.0 || curvature.is_nan() {
                break;
            }
            let step = product / curvature;
            latent.scaled_add(step, &direction);
            if 0.5 * step * product <= enough {
                break;
            }
            residual.scaled_add(-step, &image);
            scaled = preconditioner.solve(&residual);
            let next = (&residual * &scaled).sum();
            direction = &scaled + &(direction * (next / product));
            product = next;
        }
        Ok(())
    }
}

/// `G L A + lambda L = R` with `G` and `A` symmetric, in their eigenvectors.
struct Separated<'a> {
    features: &'a Spectrum,
    latent: Spectrum,
    /// `1 / (d_i e_j + lambda)`.
    inverse: Array2<f64>,
    lambda: f64,
}

impl<'a> Separated<'a> {
    fn new(features: &'a Spectrum, a: &Array2<f64>, lambda: f64) -> Result<Self, NotFinite> {
        let latent = Spectrum::of(a)?;
        let products = &features.values.view().insert_axis(Axis(1)) * &latent.values;
        Ok(Self { features, latent, inverse: products.mapv(|v| 1.0 / (v + lambda)), lambda })
    }

    /// The solution; the shortest one where `lambda` is 0.
    fn solve(&self, right: &Array2<f64>) -> Array2<f64> {
        let (v, q) = (&self.features.vectors, &self.latent.vectors);
        let inner = v.t().dot(right).dot(q);
        let solution = v.dot(&(&inner * &self.inverse)).dot(&q.t());
        let complete = self.features.rank() == right.nrows() && self.latent.rank() == right.ncols();
        if complete || self.lambda == 0.0 {
            return solution;
        }
        // Outside of both ranges the matrix is lambda I.
        solution + (right - &v.dot(&inner).dot(&q.t())) / self.lambda
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datafit::{LossScale, Statistics};
    use mtl_core::{Moments, MultiTask, Seed, Target, Task};
    use rand::Rng;

    fn random(rows: usize, columns: usize, key: u64) -> Array2<f64> {
        let mut rng = Seed::of(&("latent", rows, columns, key)).rng();
        Array2::from_shape_fn((rows, columns), |_| rng.random_range(-1.0..1.0))
    }

    fn loss(n: usize, p: usize, m: usize, shared: bool) -> Squared {
        let x: Vec<_> = (0..m as u64).map(|t| Arc::new(random(n, p, t))).collect();
        let y = random(n, m, 99);
        let task = |t: usize| Task {
            name: t.to_string(),
            x: Arc::clone(&x[if shared { 0 } else { t }]),
            y: y.column(t).to_owned(),
        };
        let features = (0..p).map(|i| i.to_string()).collect();
        let data = MultiTask::new(features, Target::Regression, (0..m).map(task).collect()).unwrap();
        Squared::new(Arc::new(Statistics::new(Moments::of(&data))), LossScale::HalfMean).unwrap()
    }

    /// Every way of solving ends where the gradient vanishes, and central differences of the objective agree.
    #[test]
    fn steps_end_at_stationary_points() {
        for (n, p, m, k, shared) in [(20, 6, 4, 3, true), (5, 9, 4, 2, true), (20, 6, 4, 3, false), (4, 9, 3, 2, false)]
        {
            for lambda in [1e-3, 1.0] {
                let loss = loss(n, p, m, shared);
                let correlations = loss.correlations();
                let shares = random(k, m, 7);
                let objective = |l: &Array2<f64>| loss.value(&l.dot(&shares)) + lambda / 2.0 * l.mapv(|v| v * v).sum();
                let mut ways = vec![LatentStep::new(&loss, &correlations, lambda, k).unwrap().how];
                ways.push(How::Iterative(loss.pooled().unwrap()));
                for how in ways {
                    let step = LatentStep { loss: &loss, correlations: &correlations, lambda, how };
                    let mut latent = random(p, k, 8);
                    let mut values = vec![objective(&latent)];
                    for _ in 0..30 {
                        let products = Products::of(&latent, &loss, &correlations);
                        step.solve(&mut latent, &shares, &products, 0.0, &Context::new(Seed::of(&0))).unwrap();
                        values.push(objective(&latent));
                    }
                    assert!(values.windows(2).all(|f| f[1] <= f[0] + 1e-12), "{values:?}");
                    let gradient =
                        |l: &Array2<f64>| loss.value_and_gradient(&l.dot(&shares)).1.dot(&shares.t()) + l * lambda;
                    assert!(gradient(&latent).iter().all(|g| g.abs() < 1e-9), "{}", gradient(&latent));
                    for (i, j) in [(0, 0), (p - 1, k - 1), (p / 2, 0)] {
                        let (mut up, mut down) = (latent.clone(), latent.clone());
                        up[[i, j]] += 1e-4;
                        down[[i, j]] -= 1e-4;
                        assert!((objective(&up) - objective(&down)).abs() / 2e-4 < 1e-7);
                    }
                }
            }
        }
    }
}
