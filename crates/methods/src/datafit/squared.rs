//! The squared loss of linear models.

use std::sync::{Arc, OnceLock};

use mtl_core::Moments;
use mtl_core::moments::Gram;
use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate};

use super::LossScale;
use crate::linalg::{NotFinite, Spectrum, axpy, symmetric_times};

/// Moments of a training part with their decompositions, computed when first asked for and then shared by every fit
/// on that part.
#[derive(Debug)]
pub struct Statistics {
    /// The moments.
    pub moments: Moments,
    spectra: OnceLock<Result<Vec<Arc<Spectrum>>, NotFinite>>,
    pooled: OnceLock<Result<Arc<Spectrum>, NotFinite>>,
}

impl Statistics {
    /// Wraps moments.
    pub fn new(moments: Moments) -> Self {
        Self { moments, spectra: OnceLock::new(), pooled: OnceLock::new() }
    }

    /// Spectrum of each task's `X'X`; one decomposition per distinct input matrix.
    ///
    /// # Errors
    /// If a moment is not finite.
    pub fn spectra(&self) -> Result<&[Arc<Spectrum>], NotFinite> {
        let compute = || {
            let mut spectra: Vec<Arc<Spectrum>> = Vec::new();
            for (t, gram) in self.moments.gram.iter().enumerate() {
                let known = (0..t).find(|&s| Arc::ptr_eq(&self.moments.gram[s], gram)).map(|s| Arc::clone(&spectra[s]));
                spectra.push(match known {
                    Some(spectrum) => spectrum,
                    None => Arc::new(match &**gram {
                        Gram::Full(gram) => Spectrum::of(gram)?,
                        Gram::Root(x) => Spectrum::of_root(x)?,
                    }),
                });
            }
            Ok(spectra)
        };
        self.spectra.get_or_init(compute).as_ref().map(Vec::as_slice).map_err(|e| *e)
    }

    /// Spectrum of `1/m sum_t X_t'X_t`, what the tasks' curvatures have in common.
    ///
    /// # Errors
    /// If a moment is not finite.
    pub fn pooled(&self) -> Result<&Arc<Spectrum>, NotFinite> {
        let compute = || {
            let (grams, p) = (&self.moments.gram, self.moments.n_features());
            let scale = 1.0 / grams.len() as f64;
            let roots = grams.iter().map(|g| if let Gram::Root(x) = &**g { Some(x.view()) } else { None });
            let spectrum = match roots.collect::<Option<Vec<_>>>() {
                Some(roots) if roots.iter().map(|x| x.nrows()).sum::<usize>() < p => {
                    let stacked = concatenate(Axis(0), &roots).map_err(|_| NotFinite)?;
                    Spectrum::of_root(&(stacked * scale.sqrt()))?
                }
                _ => {
                    let mut sum = Array2::zeros((p, p));
                    grams.iter().for_each(|gram| match &**gram {
                        Gram::Full(gram) => sum += gram,
                        Gram::Root(x) => sum += &x.t().dot(x),
                    });
                    Spectrum::of(&(sum * scale))?
                }
            };
            Ok(Arc::new(spectrum))
        };
        self.pooled.get_or_init(compute).as_ref().map_err(|e| *e)
    }
}

/// `L(W) = sum_t c_t / 2 ||y_t - X_t w_t||^2` with the factors `c_t` of a [`LossScale`].
#[derive(Debug, Clone)]
pub struct Squared {
    statistics: Arc<Statistics>,
    factors: Vec<f64>,
    spectra: Vec<Arc<Spectrum>>,
    shared: bool,
}

impl Squared {
    /// The loss on the given statistics.
    ///
    /// # Errors
    /// If a moment is not finite.
    pub fn new(statistics: Arc<Statistics>, scale: LossScale) -> Result<Self, NotFinite> {
        let moments = &statistics.moments;
        let m = moments.n_tasks();
        let factors: Vec<f64> = moments.n.iter().map(|&n| scale.factor(n, m)).collect();
        let spectra = statistics.spectra()?.to_vec();
        let shared = moments.gram.iter().all(|g| Arc::ptr_eq(g, &moments.gram[0]));
        Ok(Self { statistics, factors, spectra, shared })
    }

    /// Number of features `p`.
    pub fn n_features(&self) -> usize {
        self.statistics.moments.n_features()
    }

    /// Number of tasks `m`.
    pub fn n_tasks(&self) -> usize {
        self.statistics.moments.n_tasks()
    }

    /// Whether all tasks have the same inputs.
    pub fn shares_inputs(&self) -> bool {
        self.shared
    }

    /// Spectrum of `1/m sum_t X_t'X_t` (without `c_t`).
    ///
    /// # Errors
    /// If a moment is not finite.
    pub fn pooled(&self) -> Result<Arc<Spectrum>, NotFinite> {
        self.statistics.pooled().cloned()
    }

    /// `c_t`, the factor of task `t`.
    pub fn factor(&self, t: usize) -> f64 {
        self.factors[t]
    }

    /// `X_t'X_t` (without `c_t`).
    pub fn gram(&self, t: usize) -> &Gram {
        &self.statistics.moments.gram[t]
    }

    /// Spectrum of `X_t'X_t` (without `c_t`).
    pub fn spectrum(&self, t: usize) -> &Arc<Spectrum> {
        &self.spectra[t]
    }

    /// Loss of the zero model.
    pub fn at_zero(&self) -> f64 {
        self.statistics.moments.yty.iter().zip(&self.factors).map(|(yty, c)| c * yty / 2.0).sum()
    }

    /// Largest eigenvalue of the Hessian, `max_t c_t lambda_max(X_t'X_t)`.
    pub fn lipschitz(&self) -> f64 {
        (0..self.n_tasks()).map(|t| self.factors[t] * self.spectra[t].largest()).fold(0.0, f64::max)
    }

    /// `c_t X_t'y_t`, features x tasks.
    pub fn correlations(&self) -> Array2<f64> {
        &self.statistics.moments.xty * &Array1::from(self.factors.clone())
    }

    /// `c_t X_t'y_t` of one task.
    pub fn correlations_of(&self, t: usize) -> Array1<f64> {
        &self.statistics.moments.xty.column(t) * self.factors[t]
    }

    /// `c_t X_t'X_t w_t` for every task, features x tasks.
    pub fn curvature_times(&self, w: &Array2<f64>) -> Array2<f64> {
        let moments = &self.statistics.moments;
        let factors = Array1::from(self.factors.clone());
        if self.shared
            && let Gram::Full(gram) = &*moments.gram[0]
        {
            return gram.dot(w) * &factors;
        }
        let columns = transposed(w);
        let mut products = Array2::zeros(columns.raw_dim());
        for (t, (column, mut product)) in columns.rows().into_iter().zip(products.rows_mut()).enumerate() {
            let (Some(column), Some(product)) = (column.as_slice(), product.as_slice_mut()) else { continue };
            match &*moments.gram[t] {
                Gram::Full(gram) => symmetric_times(gram, column, product),
                Gram::Root(x) => {
                    for row in x.rows() {
                        if let Some(row) = row.as_slice() {
                            let fitted: f64 = row.iter().zip(column).map(|(x, w)| x * w).sum();
                            axpy(fitted, row, product);
                        }
                    }
                }
            }
            product.iter_mut().for_each(|v| *v *= factors[t]);
        }
        transposed(&products)
    }

    /// Loss and gradient at `w`, sharing the one expensive product.
    pub fn value_and_gradient(&self, w: &Array2<f64>) -> (f64, Array2<f64>) {
        let product = self.curvature_times(w);
        let b = self.correlations();
        // 1/2 w'Aw - w'b: summed as one product to keep the two large terms from cancelling apart.
        let value = self.at_zero() + (w * &(&product * 0.5 - &b)).sum();
        (value.max(0.0), product - b)
    }

    /// Projects each task's column on the range of `X_t'X_t`, where every gradient of this loss lies.
    pub fn in_column_space(&self, point: &Array2<f64>) -> Array2<f64> {
        let mut columns = transposed(point);
        let mut inner = Vec::new();
        for (spectrum, mut column) in self.spectra.iter().zip(columns.rows_mut()) {
            if let (Some(column), true) = (column.as_slice_mut(), spectrum.rank() < self.n_features()) {
                spectrum.rotate_into(column, &mut inner);
                let inner = ArrayView1::from(&inner);
                column.iter_mut().zip(spectrum.vectors.rows()).for_each(|(v, row)| *v = row.dot(&inner));
            }
        }
        transposed(&columns)
    }

    /// `(c_t X_t'X_t)^+ v_t` for every task.
    pub fn pseudo_solve(&self, v: &Array2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros(v.raw_dim());
        for (t, spectrum) in self.spectra.iter().enumerate() {
            out.column_mut(t).assign(&(spectrum.pseudo_solve(&v.column(t).to_owned()) / self.factors[t]));
        }
        out
    }

    /// `L(W) + ridge ||W||_F^2`, as the loss of data with rows added.
    ///
    /// # Errors
    /// If a moment is not finite.
    pub fn with_ridge(&self, ridge: f64) -> Result<Self, NotFinite> {
        let moments = &self.statistics.moments;
        let mut gram: Vec<Arc<Gram>> = Vec::with_capacity(self.n_tasks());
        for t in 0..self.n_tasks() {
            let same =
                |s: &usize| Arc::ptr_eq(&moments.gram[*s], &moments.gram[t]) && self.factors[*s] == self.factors[t];
            gram.push(match (0..t).find(same) {
                Some(s) => Arc::clone(&gram[s]),
                None => {
                    let mut full = moments.gram[t].to_full();
                    full.diag_mut().mapv_inplace(|d| d + 2.0 * ridge / self.factors[t]);
                    Arc::new(Gram::Full(full))
                }
            });
        }
        let statistics = Arc::new(Statistics::new(Moments { gram, ..moments.clone() }));
        let spectra = statistics.spectra()?.to_vec();
        Ok(Self { statistics, spectra, ..self.clone() })
    }

    /// `1/2 sum_t delta_t' (c_t X_t'X_t)^+ delta_t`: by how much fits whose gradients differ by `delta` differ.
    pub fn distance(&self, delta: &Array2<f64>) -> f64 {
        if self.shared {
            let inner = self.spectra[0].vectors.t().dot(delta);
            let weights = Array1::from_iter(self.factors.iter().map(|c| 0.5 / c));
            return inner
                .rows()
                .into_iter()
                .zip(&self.spectra[0].values)
                .map(|(row, value)| row.iter().zip(&weights).map(|(v, w)| v * v * w).sum::<f64>() / value)
                .sum();
        }
        let columns = transposed(delta);
        let mut inner = Vec::new();
        let energy = |(t, column): (usize, ArrayView1<'_, f64>)| {
            let spectrum = &self.spectra[t];
            column.as_slice().map_or(0.0, |column| {
                spectrum.rotate_into(column, &mut inner);
                let energy: f64 = inner.iter().zip(&spectrum.values).map(|(v, value)| v * v / value).sum();
                energy / (2.0 * self.factors[t])
            })
        };
        columns.rows().into_iter().enumerate().map(energy).sum()
    }

    /// The loss as a function of `v` when `w` is already part of the model: targets become `y_t - X_t w_t`.
    #[must_use]
    pub fn after(&self, w: &Array2<f64>) -> Self {
        let moments = &self.statistics.moments;
        let fitted = self.curvature_times(w) / &Array1::from(self.factors.clone());
        let energy = (w * &(&fitted - &(&moments.xty * 2.0))).sum_axis(Axis(0));
        let rest = Moments {
            n: moments.n.clone(),
            gram: moments.gram.clone(),
            xty: &moments.xty - &fitted,
            yty: (&moments.yty + &energy).mapv(|v| v.max(0.0)),
        };
        Self { statistics: Arc::new(Statistics::new(rest)), ..self.clone() }
    }

    /// Loss at `w`.
    pub fn value(&self, w: &Array2<f64>) -> f64 {
        self.value_and_gradient(w).0
    }
}

/// The transpose in memory: what is done task by task wants a task's numbers side by side.
fn transposed(a: &Array2<f64>) -> Array2<f64> {
    a.t().as_standard_layout().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mtl_core::{MultiTask, Target, Task};
    use ndarray::array;

    fn data() -> MultiTask {
        let task = |name: &str, x: Array2<f64>, y| Task { name: name.into(), x: Arc::new(x), y };
        MultiTask::new(
            vec!["a".into(), "b".into(), "c".into()],
            Target::Regression,
            vec![
                task("wide", array![[1.0, -2.0, 0.5]], array![2.0]),
                task(
                    "tall",
                    array![[1.0, 0.0, 1.0], [2.0, 1.0, -1.0], [0.0, 3.0, 1.0], [1.0, 1.0, 1.0]],
                    array![1.0, -1.0, 2.0, 0.5],
                ),
            ],
        )
        .unwrap()
    }

    fn direct(data: &MultiTask, w: &Array2<f64>, scale: LossScale) -> f64 {
        data.tasks
            .iter()
            .enumerate()
            .map(|(t, task)| {
                let r = &task.y - &task.x.dot(&w.column(t));
                scale.factor(task.n(), data.n_tasks()) / 2.0 * r.dot(&r)
            })
            .sum()
    }

    #[test]
    fn moments_give_the_loss_of_the_rows() {
        let data = data();
        let w = array![[0.3, -1.0], [2.0, 0.4], [0.1, 1.5]];
        for scale in [LossScale::HalfSum, LossScale::HalfMean, LossScale::MeanOverTasks, LossScale::Sum] {
            let loss = Squared::new(Arc::new(Statistics::new(Moments::of(&data))), scale).unwrap();
            assert!((loss.value(&w) - direct(&data, &w, scale)).abs() < 1e-12);
            assert!((loss.at_zero() - direct(&data, &Array2::zeros((3, 2)), scale)).abs() < 1e-12);
            let gradient = loss.value_and_gradient(&w).1;
            for ((i, t), &g) in gradient.indexed_iter() {
                let (mut up, mut down) = (w.clone(), w.clone());
                up[[i, t]] += 1e-5;
                down[[i, t]] -= 1e-5;
                let difference = (direct(&data, &up, scale) - direct(&data, &down, scale)) / 2e-5;
                assert!((g - difference).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn distance_is_the_excess_over_least_squares() {
        let data = data();
        let loss = Squared::new(Arc::new(Statistics::new(Moments::of(&data))), LossScale::HalfSum).unwrap();
        let b = loss.correlations();
        let mut best = Array2::zeros((3, 2));
        for t in 0..2 {
            best.column_mut(t).assign(&loss.spectrum(t).pseudo_solve(&b.column(t).to_owned()));
        }
        let (floor, gradient) = loss.value_and_gradient(&best);
        assert!(gradient.iter().all(|g| g.abs() < 1e-12));
        let w = array![[0.3, -1.0], [2.0, 0.4], [0.1, 1.5]];
        let (value, gradient) = loss.value_and_gradient(&w);
        assert!((loss.distance(&gradient) - (value - floor)).abs() < 1e-12);
    }

    #[test]
    fn the_loss_after_a_first_part() {
        let data = data();
        let loss = Squared::new(Arc::new(Statistics::new(Moments::of(&data))), LossScale::HalfMean).unwrap();
        let (w, v) = (array![[0.3, -1.0], [2.0, 0.4], [0.1, 1.5]], array![[1.0, 0.2], [-0.3, 0.4], [0.7, 0.0]]);
        assert!((loss.after(&w).value(&v) - loss.value(&(&w + &v))).abs() < 1e-12);
    }
}
