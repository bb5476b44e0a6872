//! Least squares with a quadratic that couples the tasks, solved exactly.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis};

use super::SolverError;
use crate::datafit::Squared;
use crate::linalg::{Cholesky, Spectrum};
use crate::penalty::{Coupling, Quadratic};

/// The system `(c_t X_t'X_t + rho I) w_t + 2 strength [W RR']_t = r_t` of all tasks, factored.
pub struct Coupled(Kind);

enum Kind {
    /// One system a task.
    Apart(Vec<Group>),
    /// Through the mean of the tasks: one more `p x p` system (Woodbury).
    Mean { groups: Vec<Group>, level: Cholesky, pull: f64 },
    /// Through the neighbours: block tridiagonal.
    Chain { blocks: Vec<Cholesky>, pull: f64, groups: Vec<Group> },
}

impl Coupled {
    /// Factors the system for `rho > 0`.
    ///
    /// # Errors
    /// If it is not finite.
    pub fn new(loss: &Squared, quadratic: Quadratic, rho: f64) -> Result<Self, SolverError> {
        let pull = 2.0 * quadratic.strength;
        let kind = match quadratic.coupling {
            _ if pull == 0.0 || (loss.n_tasks() == 1 && quadratic.coupling != Coupling::Identity) => {
                Kind::Apart(Group::all(loss, rho))
            }
            Coupling::Identity => Kind::Apart(Group::all(loss, rho + pull)),
            Coupling::Mean => {
                let groups = Group::all(loss, rho + pull);
                // 1/m sum_t (A_t + rho) (A_t + rho + pull)^{-1}, without a difference.
                let (p, m) = (loss.n_features(), loss.n_tasks() as f64);
                let mut level = Array2::eye(p) * (rho / (rho + pull));
                for group in &groups {
                    let share = group.curvature.mapv(|a| a * pull / ((a + rho + pull) * (rho + pull)));
                    level.scaled_add(group.tasks.len() as f64 / m, &group.spectrum.rebuild(&share));
                }
                Kind::Mean { groups, level: Cholesky::of(&level).ok_or(SolverError::NotFinite)?, pull }
            }
            Coupling::Chain => Kind::Chain { blocks: chain(loss, pull, rho)?, pull, groups: Group::all(loss, rho) },
        };
        Ok(Self(kind))
    }

    /// Solves for the right-hand sides, features x tasks.
    pub fn solve(&self, r: &Array2<f64>) -> Array2<f64> {
        match &self.0 {
            Kind::Apart(groups) => Group::solve(groups, r),
            Kind::Mean { groups, level, pull } => {
                let once = |r: &Array2<f64>| {
                    let mut mean = level_of(&Group::solve(groups, r));
                    level.solve(&mut mean);
                    Group::solve(groups, &(r + &(mean * *pull).insert_axis(Axis(1))))
                };
                let mut w = once(r);
                // Where rho is small beside the pull, the level of the tasks has few digits: one step of refinement.
                let pulled = (level_of(&w) * *pull).insert_axis(Axis(1));
                w += &once(&(r - &(Group::times(groups, &w) - &pulled)));
                w
            }
            Kind::Chain { blocks, pull, groups } => {
                let mut w = along(blocks, *pull, r);
                // As for the mean: a pull far above the rest takes digits, and one step of refinement brings them back.
                let quadratic = Quadratic { coupling: Coupling::Chain, strength: pull / 2.0 };
                let reached = Group::times(groups, &w) + quadratic.gradient(&w);
                w += &along(blocks, *pull, &(r - &reached));
                w
            }
        }
    }
}

/// The mean over the tasks.
fn level_of(w: &Array2<f64>) -> Array1<f64> {
    w.sum_axis(Axis(1)) / w.ncols() as f64
}

/// Substitution along the chain and back.
fn along(blocks: &[Cholesky], pull: f64, r: &Array2<f64>) -> Array2<f64> {
    let mut w = r.clone();
    let mut carried = Array1::zeros(r.nrows());
    for (mut column, block) in w.columns_mut().into_iter().zip(blocks) {
        let mut own = &column + &(&carried * pull);
        block.solve(&mut own);
        column.assign(&own);
        carried = own;
    }
    for t in (0..r.ncols() - 1).rev() {
        let mut next = w.column(t + 1).to_owned();
        blocks[t].solve(&mut next);
        w.column_mut(t).scaled_add(pull, &next);
    }
    w
}

/// Cholesky factors of the Schur complements of the chain. With `P_1 = A_1 + rho` they are `P_t + pull I`, and
/// `P_{t+1} = A_{t+1} + rho + pull (P_t + pull I)^{-1} P_t`: sums of positive terms, so that a strong coupling takes no
/// digits from the rest. The last task has no next one to be pulled to.
fn chain(loss: &Squared, pull: f64, rho: f64) -> Result<Vec<Cholesky>, SolverError> {
    let (p, m) = (loss.n_features(), loss.n_tasks());
    let mut blocks = Vec::with_capacity(m);
    let mut carried = Array2::<f64>::zeros((p, p));
    for t in 0..m {
        let mut own = loss.gram(t).to_full() * loss.factor(t) + &carried;
        own.diag_mut().mapv_inplace(|d| d + rho);
        if t + 1 == m {
            blocks.push(Cholesky::of(&own).ok_or(SolverError::NotFinite)?);
            break;
        }
        let mut whole = own.clone();
        whole.diag_mut().mapv_inplace(|d| d + pull);
        let factor = Cholesky::of(&whole).ok_or(SolverError::NotFinite)?;
        let product = factor.inverse().dot(&own);
        carried = (&product + &product.t()) * (pull / 2.0);
        blocks.push(factor);
    }
    Ok(blocks)
}

/// Tasks with the same inputs and factor, and so with the same matrix `c X'X + shift I`.
struct Group {
    spectrum: Arc<Spectrum>,
    curvature: Array1<f64>,
    tasks: Vec<usize>,
    shift: f64,
}

impl Group {
    fn all(loss: &Squared, shift: f64) -> Vec<Self> {
        let same =
            |s: usize, t: usize| Arc::ptr_eq(loss.spectrum(s), loss.spectrum(t)) && loss.factor(s) == loss.factor(t);
        let m = loss.n_tasks();
        let first = (0..m).filter(|&t| !(0..t).any(|s| same(s, t)));
        first
            .map(|t| Self {
                spectrum: Arc::clone(loss.spectrum(t)),
                curvature: &loss.spectrum(t).values * loss.factor(t),
                tasks: (t..m).filter(|&s| same(s, t)).collect(),
                shift,
            })
            .collect()
    }

    /// `(c_t X_t'X_t + shift I) w_t` of all tasks.
    fn times(groups: &[Self], w: &Array2<f64>) -> Array2<f64> {
        let mut product = w.clone();
        for group in groups {
            let vectors = &group.spectrum.vectors;
            let own = w.select(Axis(1), &group.tasks);
            let bent = vectors.t().dot(&own) * group.curvature.view().insert_axis(Axis(1));
            let all = vectors.dot(&bent) + own * group.shift;
            for (column, &t) in all.columns().into_iter().zip(&group.tasks) {
                product.column_mut(t).assign(&column);
            }
        }
        product
    }

    fn solve(groups: &[Self], r: &Array2<f64>) -> Array2<f64> {
        let mut w = Array2::zeros(r.raw_dim());
        for group in groups {
            let vectors = &group.spectrum.vectors;
            let own = r.select(Axis(1), &group.tasks);
            let inner = vectors.t().dot(&own);
            let shares = group.curvature.mapv(|a| 1.0 / (a + group.shift)).insert_axis(Axis(1));
            let mut solved = vectors.dot(&(&inner * &shares));
            if group.spectrum.rank() < r.nrows() {
                // Projected twice: a small shift would blow up what rounding leaves along the vectors.
                let outside = own - vectors.dot(&inner);
                let again = vectors.dot(&vectors.t().dot(&outside));
                solved.scaled_add(1.0 / group.shift, &(outside - again));
            }
            for (column, &t) in solved.columns().into_iter().zip(&group.tasks) {
                w.column_mut(t).assign(&column);
            }
        }
        w
    }
}

/// Minimum of `L(W) + q(W)` and the largest entry of its gradient relative to that at zero: proximal point steps with a
/// small `rho`, which from zero end at the shortest minimiser where there are several.
///
/// # Errors
/// If the data are not finite.
pub fn quadratic_minimum(loss: &Squared, quadratic: Quadratic) -> Result<(Array2<f64>, f64), SolverError> {
    let rho = 1e-7 * loss.lipschitz().max(f64::MIN_POSITIVE);
    let b = loss.correlations();
    let largest = |a: &Array2<f64>| a.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let system = Coupled::new(loss, quadratic, rho)?;
    let mut best = (Array2::zeros(b.raw_dim()), 1.0);
    loop {
        let w = system.solve(&(&b + &(&best.0 * rho)));
        let gradient = loss.value_and_gradient(&w).1 + quadratic.gradient(&w);
        let residual = largest(&gradient) / largest(&b).max(f64::MIN_POSITIVE);
        // Every step shrinks the gradient until rounding takes over.
        if residual.is_nan() || residual > 0.5 * best.1 {
            return Ok(if residual < best.1 { (w, residual) } else { best });
        }
        best = (w, residual);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datafit::{LossScale, Statistics};
    use mtl_core::{Moments, MultiTask, Target, Task};
    use ndarray::array;

    #[test]
    fn systems_are_solved() {
        let task = |name: &str, x: Array2<f64>, y| Task { name: name.into(), x: Arc::new(x), y };
        let data = MultiTask::new(
            vec!["a".into(), "b".into(), "c".into()],
            Target::Regression,
            vec![
                task("wide", array![[1.0, -2.0, 0.5]], array![2.0]),
                task("tall", array![[1.0, 0.0, 1.0], [2.0, 1.0, -1.0], [0.0, 3.0, 1.0]], array![1.0, -1.0, 2.0]),
                task("flat", array![[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]], array![1.0, 2.0]),
            ],
        )
        .unwrap();
        let loss = Squared::new(Arc::new(Statistics::new(Moments::of(&data))), LossScale::HalfMean).unwrap();
        let r = array![[0.3, -1.0, 2.0], [2.0, 0.4, -0.6], [0.1, 1.5, 1.0]];
        for coupling in [Coupling::Chain, Coupling::Mean, Coupling::Identity] {
            for (strength, rho) in [(0.0, 1.0), (0.7, 0.1), (1e6, 1e-3), (1e-6, 10.0)] {
                let quadratic = Quadratic { coupling, strength };
                let w = Coupled::new(&loss, quadratic, rho).unwrap().solve(&r);
                let residual = loss.curvature_times(&w) + &w * rho + quadratic.gradient(&w) - &r;
                let scale = 1.0 + strength * rho;
                assert!(residual.iter().all(|v| v.abs() < 1e-8 * scale), "{coupling:?} {strength} {rho}: {residual}");
            }
        }
    }

    #[test]
    fn a_quadratic_alone_is_minimised() {
        let x = Arc::new(array![[1.0, 2.0], [1.0, 2.0]]);
        let tasks = vec![Task { name: "t".into(), x, y: array![1.0, 3.0] }];
        let data = MultiTask::new(vec!["a".into(), "b".into()], Target::Regression, tasks).unwrap();
        let loss = Squared::new(Arc::new(Statistics::new(Moments::of(&data))), LossScale::HalfSum).unwrap();
        let (w, residual) = quadratic_minimum(&loss, Quadratic { coupling: Coupling::Chain, strength: 1.0 }).unwrap();
        assert!(residual < 1e-12, "{residual:e} {w}");
        // The shortest least-squares solution of w1 + 2 w2 = 2.
        assert!((w[[0, 0]] - 0.4).abs() < 1e-8 && (w[[1, 0]] - 0.8).abs() < 1e-8, "{w}");
    }
}
