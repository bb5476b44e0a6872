//! Convex alternating structure optimization: a ridge that spares the few directions that the tasks share.

use ndarray::{Array1, Array2, s};
use serde::Deserialize;

use super::composite::{self, Parts, Published};
use crate::linalg::{Eigen, NotFinite};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{Kind, ParamSet, ParamSpec};
use crate::penalty::{Penalty, Quadratic, SparedDirections};
use crate::solver::{Loss, Malsar, SolverError};

/// `min L + min_M rho1 eta (1 + eta) tr(W'(eta I + M)^{-1} W)` over `tr M = k`, `0 <= M <= I`, with `eta = rho2 /
/// rho1`; squared loss for real targets and logistic loss for labels.
///
/// The best `M` shares its eigenvectors with `WW'`, which leaves a penalty of the singular values alone,
/// `rho1 eta (1 + eta) min_theta sum_i s_i(W)^2 / theta_i` with `eta <= theta_i <= 1 + eta` and
/// `sum_i (theta_i - eta) <= k`. With `k` of the rank or more all directions are spared and it is `rho2 ||W||_F^2`.
///
/// `solver=malsar` instead iterates on `W` and `M` as the released code does. Its line search compares candidates by
/// `tr(W'(eta I + M)W)`, without the inverse, with a model that has it, and so soon stops moving.
pub struct Caso;

/// Hyperparameters of [`Caso`].
#[derive(Debug, Clone, Copy, Deserialize)]
struct Params {
    rho1: f64,
    rho2: f64,
    k: usize,
}

impl Params {
    fn eta(self) -> f64 {
        self.rho2 / self.rho1
    }

    fn spared(self) -> SparedDirections {
        let eta = self.eta();
        SparedDirections { strength: self.rho2 * (1.0 + eta), low: eta, count: self.k as f64 }
    }
}

impl Method for Caso {
    fn info() -> Info {
        Info {
            name: "caso",
            aliases: &["convex-aso"],
            family: Family::Linear,
            summary: "convex alternating structure optimization: a ridge that spares k directions the tasks share",
            objective: "L + min_M rho1 eta (1 + eta) tr(W'(eta I + M)^-1 W), eta = rho2/rho1, tr M = k, 0 <= M <= I",
            targets: composite::EITHER,
            citation: "Chen, Tang, Liu and Ye (2009), A convex formulation for learning shared structures from \
                       multiple tasks, ICML",
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        let positive = |spec| ParamSpec { kind: Kind::Number { min: 0.0, open: true }, ..spec };
        let own = [
            positive(ParamSpec::strength("rho1", "strength outside the shared directions, where it is rho1 + rho2")),
            positive(ParamSpec::strength("rho2", "strength within the shared directions").walked()),
            ParamSpec::count("k", 1, 1, "dimension of the shared directions").over(&[1.0, 10.0]),
        ];
        own.into_iter().chain(composite::shared_params()).collect()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        composite::fit_path(problem, path, context, |point| {
            let params: Params = point.read();
            Parts {
                quadratic: Quadratic::ridge(0.0),
                penalty: Box::new(params.spared()),
                published: Some(Box::new(params)),
            }
        })
    }
}

impl Published for Params {
    fn problem<'l>(&'l self, loss: Loss<'l>, p: usize) -> Box<dyn Malsar + 'l> {
        Box::new(Released { loss, params: *self, p })
    }

    fn start(&self, p: usize, rows: usize, m: usize) -> Vec<Array2<f64>> {
        vec![Array2::zeros((rows, m)), Array2::eye(p) * (self.k as f64 / p as f64)]
    }

    fn penalty(&self, w: &Array2<f64>) -> f64 {
        self.spared().value(w)
    }
}

/// MALSAR's CASO, of the weights and of `M`.
struct Released<'l> {
    loss: Loss<'l>,
    params: Params,
    p: usize,
}

impl Released<'_> {
    fn weights(&self, all: &Array2<f64>) -> Array2<f64> {
        all.slice(s![..self.p, ..]).to_owned()
    }

    fn strength(&self) -> f64 {
        self.params.rho2 * (1.0 + self.params.eta())
    }
}

impl Malsar for Released<'_> {
    fn expand(&self, at: &[Array2<f64>]) -> Result<(f64, Vec<Array2<f64>>), SolverError> {
        let (w, eta) = (self.weights(&at[0]), self.params.eta());
        let eigen = Eigen::of(&at[1])?;
        // The search point may have eigenvalues below 0: the code inverts eta I + M whatever they are.
        let solved = eigen.vectors.t().dot(&w) / &eigen.values.mapv(|v| v + eta).insert_axis(ndarray::Axis(1));
        let v = eigen.vectors.dot(&solved);
        let point = self.loss.at(&at[0]);
        let mut gradient = point.gradient;
        gradient.slice_mut(s![..self.p, ..]).scaled_add(2.0 * self.strength(), &v);
        let of_m = v.dot(&v.t()) * -self.strength();
        Ok((point.value + self.strength() * (&w * &v).sum(), vec![gradient, of_m]))
    }

    fn smooth(&self, at: &[Array2<f64>]) -> f64 {
        let w = self.weights(&at[0]);
        let product = &w * self.params.eta() + at[1].dot(&w);
        self.loss.at(&at[0]).value + self.strength() * (&w * &product).sum()
    }

    fn prox(&self, at: &mut [Array2<f64>], _step: f64) -> Result<(), SolverError> {
        let Eigen { values, vectors } = Eigen::of(&at[1]).map_err(|NotFinite| SolverError::NotFinite)?;
        at[1] = (&vectors * &capped(&values, self.params.k)).dot(&vectors.t());
        Ok(())
    }

    fn nonsmooth(&self, _at: &[Array2<f64>]) -> f64 {
        0.0
    }
}

/// The nearest point with entries in `[0, 1]` that sum to `k`. There is none for more than all entries: the code's
/// multiplier is then not a number, and its result 0.
fn capped(values: &Array1<f64>, k: usize) -> Array1<f64> {
    if k > values.len() {
        return Array1::zeros(values.len());
    }
    let at = |shift: f64| values.mapv(|v| (v - shift).clamp(0.0, 1.0));
    let (mut low, mut high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    low -= 1.0;
    // Bisection down to neighbouring numbers.
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return at(low);
        }
        if at(middle).sum() >= k as f64 {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn capped_simplex() {
        assert!((capped(&array![0.5, 0.5, 0.5], 1) - 1.0 / 3.0).iter().all(|d| d.abs() < 1e-12));
        assert!((capped(&array![9.0, 0.25, -7.0], 1) - array![1.0, 0.0, 0.0]).iter().all(|d| d.abs() < 1e-12));
        assert!((capped(&array![9.0, 0.25, 0.35], 2) - array![1.0, 0.45, 0.55]).iter().all(|d| d.abs() < 1e-12));
        assert!((capped(&array![0.3, 0.1], 2) - 1.0).iter().all(|d| d.abs() < 1e-12));
        assert_eq!(capped(&array![0.3, 0.1], 3), array![0.0, 0.0]);
    }
}
