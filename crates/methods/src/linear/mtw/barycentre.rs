//! The unbalanced entropic transport of several weight vectors to a common barycentre.

use ndarray::{Array1, Array2, Axis, Zip};

/// Iterations an update takes at most; updates continue where the last one ended.
const ITERATIONS: usize = 20;

/// The kernel of the ground metric.
pub(super) struct Ground {
    /// `M`.
    cost: Array2<f64>,
    /// `exp(-M / epsilon)`.
    kernel: Array2<f64>,
    epsilon: f64,
    gamma: f64,
}

impl Ground {
    /// Transport over `p` features in a line: `M_ij = (i - j)^2`, divided by its median. `epsilon` and `gamma` at 0 are
    /// mutar's defaults, `5 / p` and the value at which mass moved over the longest way loses a fifth.
    pub(super) fn new(p: usize, epsilon: f64, gamma: f64) -> Self {
        let mut cost = Array2::from_shape_fn((p, p), |(i, j)| (i as f64 - j as f64).powi(2));
        let mut sorted = cost.iter().copied().collect::<Vec<_>>();
        sorted.sort_by(f64::total_cmp);
        let median = f64::midpoint(sorted[sorted.len() / 2], sorted[(sorted.len() - 1) / 2]);
        if median > 0.0 {
            cost /= median;
        }
        let longest = cost.iter().copied().fold(0.0, f64::max);
        let epsilon = if epsilon > 0.0 { epsilon } else { 5.0 / p as f64 };
        let gamma = if gamma > 0.0 { gamma } else { -longest / (2.0 * 0.8_f64.ln()) };
        let kernel = cost.mapv(|m| (-m / epsilon).exp());
        Self { cost, kernel, epsilon, gamma }
    }

    pub(super) fn gamma(&self) -> f64 {
        self.gamma
    }

    fn power(&self) -> f64 {
        self.gamma / (self.gamma + self.epsilon)
    }
}

/// The plans `diag(a_t) K diag(b_t)` between the tasks' weights and their barycentre, on a logarithmic scale.
pub(super) struct Barycentre {
    /// `log a`, features x tasks.
    log_a: Array2<f64>,
    /// `log b`, features x tasks.
    log_b: Array2<f64>,
    /// The barycentre `q`.
    pub(super) q: Array1<f64>,
    /// `P_t 1`, features x tasks: what of each weight's mass is transported.
    pub(super) marginals: Array2<f64>,
    /// Whether numbers went out of range once: then logarithms are used for the rest.
    logarithmic: bool,
}

impl Barycentre {
    /// Nothing known: marginals of `1/p`.
    pub(super) fn new(p: usize, m: usize) -> Self {
        Self {
            log_a: Array2::zeros((p, m)),
            log_b: Array2::zeros((p, m)),
            q: Array1::from_elem(p, 1.0 / p as f64),
            marginals: Array2::from_elem((p, m), 1.0 / p as f64),
            logarithmic: false,
        }
    }

    /// Sinkhorn iterations for the weights `theta >= 0` until the barycentre changes by less than `tol`.
    pub(super) fn update(&mut self, ground: &Ground, theta: &Array2<f64>, tol: f64) {
        if !self.logarithmic && !self.plain(ground, theta, tol) {
            self.logarithmic = true;
        }
        if self.logarithmic {
            self.with_logarithms(ground, theta, tol);
        }
    }

    /// Whether all numbers stayed in range.
    fn plain(&mut self, ground: &Ground, theta: &Array2<f64>, tol: f64) -> bool {
        let (power, kernel) = (ground.power(), &ground.kernel);
        let mut b = self.log_b.mapv(f64::exp);
        let mut reached = kernel.dot(&b);
        let mut q = self.q.clone();
        let mut a = Array2::zeros(b.raw_dim());
        for iteration in 0..ITERATIONS {
            a = Zip::from(theta).and(&reached).map_collect(|theta, reached| (theta / reached).powf(power));
            let sent = kernel.dot(&a);
            let next = sent.mapv(|s| s.powf(1.0 - power)).mean_axis(Axis(1)).unwrap_or_default();
            let next = next.mapv(|mean| mean.powf(1.0 / (1.0 - power)));
            b = Zip::from(&sent)
                .and_broadcast(&next.view().insert_axis(Axis(1)))
                .map_collect(|s, q| (q / s).powf(power));
            reached = kernel.dot(&b);
            let change = change(&q, &next);
            q = next;
            if iteration > 2 && change < tol {
                break;
            }
        }
        let (marginals, log_a, log_b) = (&a * &reached, a.mapv(f64::ln), b.mapv(f64::ln));
        let finite = |v: &f64| v.is_finite();
        if !(q.iter().all(finite) && marginals.iter().all(finite) && log_b.iter().all(finite)) {
            return false;
        }
        (self.log_a, self.log_b, self.q, self.marginals) = (log_a, log_b, q, marginals);
        true
    }

    fn with_logarithms(&mut self, ground: &Ground, theta: &Array2<f64>, tol: f64) {
        let power = ground.power();
        let log_kernel = &ground.cost / -ground.epsilon;
        let log_theta = theta.mapv(f64::ln);
        let m = theta.ncols() as f64;
        let mut reached = log_times(&log_kernel, &self.log_b);
        for iteration in 0..ITERATIONS {
            self.log_a = (&log_theta - &reached) * power;
            let sent = log_times(&log_kernel, &self.log_a);
            let log_q: Array1<f64> = (sent.rows().into_iter())
                .map(|row| (log_sum_exp(row.iter().map(|s| s * (1.0 - power))) - m.ln()) / (1.0 - power))
                .collect();
            self.log_b = (&log_q.view().insert_axis(Axis(1)) - &sent) * power;
            reached = log_times(&log_kernel, &self.log_b);
            let next = log_q.mapv(f64::exp);
            let change = change(&self.q, &next);
            self.q = next;
            if iteration > 2 && change < tol {
                break;
            }
        }
        self.marginals = (&self.log_a + &reached).mapv(f64::exp);
    }

    /// `sum_t <M, P_t> + epsilon sum P_t (log P_t - 1) + gamma KL(P_t 1 | theta_t) + gamma KL(P_t'1 | q)` at the plans.
    pub(super) fn cost(&self, ground: &Ground, theta: &Array2<f64>) -> f64 {
        let arrived = if self.logarithmic {
            let log_kernel = &ground.cost / -ground.epsilon;
            (&self.log_b + &log_times(&log_kernel, &self.log_a)).mapv(f64::exp)
        } else {
            self.log_b.mapv(f64::exp) * ground.kernel.dot(&self.log_a.mapv(f64::exp))
        };
        let mass = self.marginals.sum();
        let dot = |x: &Array2<f64>, log: &Array2<f64>| -> f64 {
            x.iter().zip(log).map(|(x, log)| if *x > 0.0 { x * log } else { 0.0 }).sum()
        };
        let divergence = |x: f64, y: f64| if x > 0.0 { x * (x / y).ln() - x + y } else { y };
        let left: f64 = self.marginals.iter().zip(theta).map(|(m, theta)| divergence(*m, *theta)).sum();
        let right: f64 = arrived.indexed_iter().map(|((j, _), n)| divergence(*n, self.q[j])).sum();
        let entropic = dot(&self.marginals, &self.log_a) + dot(&arrived, &self.log_b) - mass;
        ground.epsilon * entropic + ground.gamma * (left + right)
    }
}

/// Largest change of the barycentre relative to its largest entry, or to 1.
fn change(before: &Array1<f64>, after: &Array1<f64>) -> f64 {
    let largest = |v: &Array1<f64>| v.iter().fold(0.0_f64, |max, v| max.max(v.abs()));
    largest(&(after - before)) / largest(before).max(largest(after)).max(1.0)
}

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() { largest } else { largest + values.map(|v| (v - largest).exp()).sum::<f64>().ln() }
}

/// `log(exp(k) exp(v))` for a symmetric `k`.
fn log_times(k: &Array2<f64>, v: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn(v.raw_dim(), |(i, t)| log_sum_exp(k.row(i).into_iter().zip(v.column(t)).map(|(k, v)| k + v)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn weights() -> Array2<f64> {
        array![[0.5, 0.1], [0.2, 1.0], [0.01, 0.3], [0.7, 0.2]]
    }

    /// Logarithms change nothing but the range of the numbers.
    #[test]
    fn both_forms_agree() {
        let ground = Ground::new(4, 0.0, 0.0);
        let (mut plain, mut logarithmic) = (Barycentre::new(4, 2), Barycentre::new(4, 2));
        logarithmic.logarithmic = true;
        for _ in 0..5 {
            plain.update(&ground, &weights(), 1e-12);
            logarithmic.update(&ground, &weights(), 1e-12);
        }
        assert!(!plain.logarithmic);
        assert!((&plain.q - &logarithmic.q).iter().all(|d| d.abs() < 1e-12));
        assert!((&plain.marginals - &logarithmic.marginals).iter().all(|d| d.abs() < 1e-12));
    }

    /// A kernel that underflows switches to logarithms, and the plans remain numbers.
    #[test]
    fn a_sharp_kernel_needs_logarithms() {
        let ground = Ground::new(4, 1e-4, 3.0);
        let mut barycentre = Barycentre::new(4, 2);
        (0..200).for_each(|_| barycentre.update(&ground, &(weights() * 1e-200), 1e-12));
        assert!(barycentre.marginals.iter().chain(&barycentre.q).all(|v| v.is_finite()));
    }

    /// At convergence no other barycentre and no other plan cost less.
    #[test]
    fn the_fixed_point_is_the_least() {
        // Wide enough that no entry of the plans is lost in rounding.
        let ground = Ground::new(4, 3.0, 2.0);
        let mut barycentre = Barycentre::new(4, 2);
        (0..100).for_each(|_| barycentre.update(&ground, &weights(), 1e-15));
        let least = barycentre.cost(&ground, &weights());
        let plans: Vec<Array2<f64>> = (0..2)
            .map(|t| {
                Array2::from_shape_fn((4, 4), |(i, j)| {
                    (barycentre.log_a[[i, t]] + barycentre.log_b[[j, t]]).exp() * ground.kernel[[i, j]]
                })
            })
            .collect();
        let divergence = |x: f64, y: f64| x * (x / y).ln() - x + y;
        let direct = |plans: &[Array2<f64>], q: &Array1<f64>| -> f64 {
            plans
                .iter()
                .enumerate()
                .map(|(t, plan)| {
                    let entropic = plan.mapv(|v| v * (v.ln() - 1.0)).sum() * ground.epsilon;
                    let (left, right) = (plan.sum_axis(Axis(1)), plan.sum_axis(Axis(0)));
                    let left: f64 = left.iter().zip(weights().column(t)).map(|(x, y)| divergence(*x, *y)).sum();
                    let right: f64 = right.iter().zip(q).map(|(x, y)| divergence(*x, *y)).sum();
                    (plan * &ground.cost).sum() + entropic + ground.gamma * (left + right)
                })
                .sum()
        };
        assert!((direct(&plans, &barycentre.q) - least).abs() < 1e-10);
        for factor in [0.99, 1.01] {
            for i in 0..4 {
                let mut q = barycentre.q.clone();
                q[i] *= factor;
                assert!(direct(&plans, &q) > least);
                for j in 0..4 {
                    let mut moved = plans.clone();
                    moved[1][[i, j]] *= factor;
                    assert!(direct(&moved, &barycentre.q) > least);
                }
            }
        }
    }
}
