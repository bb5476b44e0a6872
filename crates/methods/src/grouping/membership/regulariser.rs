//! What weights cost under shares of tasks in groups.

use ndarray::Array2;

use super::Assignment;
use crate::linalg::axpy;

/// What a share does to the weights of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shares {
    /// `W U_g`: weights are multiplied by shares.
    Plain,
    /// `W sqrt(U_g)`: squared weights are multiplied by shares.
    Root,
}

/// `R(W, U) = sum_g lambda_g (||W V_g||_{1,2})^alpha + mu sum_{s<t} ||u_s - u_t||^2` with `V_g = U_g` or `sqrt(U_g)`,
/// where `U_g` is the diagonal matrix of the shares in group `g`, `||.||_{1,2}` the sum of the row norms over features,
/// and `u_t` the shares of task `t`.
///
/// With square roots and `alpha <= 2` its first part is concave in `U`; with plain shares and `alpha = 2` it is convex.
#[derive(Debug, Clone, PartialEq)]
pub struct Regulariser {
    shares: Shares,
    power: f64,
    strengths: Vec<f64>,
    fusion: f64,
}

impl Regulariser {
    fn new(shares: Shares, power: f64, n_groups: usize) -> Self {
        Self { shares, power, strengths: vec![1.0; n_groups], fusion: 0.0 }
    }

    /// Equation 2, `sum_g ||W U_g||_{1,2}`: hard groups collapse to one.
    pub fn eq2(n_groups: usize) -> Self {
        Self::new(Shares::Plain, 1.0, n_groups)
    }

    /// Equation 2 with relaxed shares under the square root, `sum_g ||W sqrt(U_g)||_{1,2}`, as figure 4(b) has it.
    pub fn eq2s(n_groups: usize) -> Self {
        Self::new(Shares::Root, 1.0, n_groups)
    }

    /// Equations 3 (hard groups) and 4 (relaxed), `sum_g (||W U_g||_{1,2})^alpha` with `alpha >= 1`: relaxed shares end
    /// up fractional.
    pub fn eq4(n_groups: usize, alpha: f64) -> Self {
        Self::new(Shares::Plain, alpha, n_groups)
    }

    /// Equation 5, `sum_g (||W sqrt(U_g)||_{1,2})^2`, SG-MTL's.
    pub fn eq5(n_groups: usize) -> Self {
        Self::new(Shares::Root, 2.0, n_groups)
    }

    /// All strengths `lambda_g` times `lambda`.
    #[must_use]
    pub fn times(mut self, lambda: f64) -> Self {
        self.strengths.iter_mut().for_each(|s| *s *= lambda);
        self
    }

    /// With strengths `lambda_g` of the groups' own.
    #[must_use]
    pub fn with_strengths(mut self, strengths: Vec<f64>) -> Self {
        self.strengths = strengths;
        self
    }

    /// With the fusion term of equation 6 of strength `mu`.
    #[must_use]
    pub fn with_fusion(mut self, mu: f64) -> Self {
        self.fusion = mu;
        self
    }

    /// Number of groups `N`.
    pub fn n_groups(&self) -> usize {
        self.strengths.len()
    }

    /// `mu`.
    pub fn fusion(&self) -> f64 {
        self.fusion
    }

    /// Whether all groups are alike, so that their numbers mean nothing.
    pub fn is_symmetric(&self) -> bool {
        self.strengths.windows(2).all(|s| s[0] == s[1])
    }

    /// Whether `R` without the fusion term is concave in `U`, so that no step of projected gradient is too long.
    pub fn is_concave(&self) -> bool {
        self.shares == Shares::Root && self.power <= 2.0
    }

    /// What a group costs whose row norms sum to `sum`, without the fusion term.
    pub(super) fn of_group(&self, g: usize, sum: f64) -> f64 {
        self.strengths[g] * self.raised(sum)
    }

    /// The fusion term for hard groups of these sizes: `mu (m^2 - sum_g n_g^2)`.
    pub fn fusion_of_sizes(&self, sizes: &[usize]) -> f64 {
        let m: usize = sizes.iter().sum();
        self.fusion * (m * m - sizes.iter().map(|n| n * n).sum::<usize>()) as f64
    }

    fn raised(&self, sum: f64) -> f64 {
        match self.power {
            1.0 => sum,
            2.0 => sum * sum,
            power => sum.powf(power),
        }
    }

    /// The factor that a share puts on a squared weight.
    fn factor(&self, share: f64) -> f64 {
        match self.shares {
            Shares::Plain => share * share,
            Shares::Root => share,
        }
    }
}

impl Assignment {
    /// `R(W, U)` at shares (groups x tasks).
    pub fn value(&self, shares: &Array2<f64>) -> f64 {
        let regulariser = &self.regulariser;
        let of_group = |(g, u): (usize, ndarray::ArrayView1<'_, f64>)| {
            regulariser.of_group(g, self.norms(u.iter().copied()).iter().sum())
        };
        shares.rows().into_iter().enumerate().map(of_group).sum::<f64>() + self.fusion_value(shares)
    }

    /// `R(W, U)` and its gradient in `U` (groups x tasks).
    ///
    /// The derivative by the share `u_gt` is `alpha lambda_g S_g^(alpha-1) / 2 sum_j w_jt^2 / r_gj` with square roots,
    /// and `alpha lambda_g S_g^(alpha-1) u_gt sum_j w_jt^2 / q_gj` without. Where a row norm is zero the first is
    /// infinite: the norm is then taken for a tiny one, which keeps the task out; in a group without any weight the
    /// limit is `lambda_g ||w_t||_1^2` for equation 5. The second tends to `|w_jt|`.
    pub fn value_and_gradient(&self, shares: &Array2<f64>) -> (f64, Array2<f64>) {
        let (regulariser, m) = (&self.regulariser, self.n_tasks());
        let mut gradient = Array2::zeros(shares.raw_dim());
        let mut value = self.fusion_value(shares);
        let mut at_zero = vec![0.0; m];
        for (g, (u, mut slope)) in shares.rows().into_iter().zip(gradient.rows_mut()).enumerate() {
            let Some(slope) = slope.as_slice_mut() else { continue };
            let norms = self.norms(u.iter().copied());
            let sum: f64 = norms.iter().sum();
            at_zero.fill(0.0);
            for (row, norm) in self.rows.iter().zip(norms) {
                if regulariser.shares == Shares::Plain && norm <= self.floor {
                    at_zero.iter_mut().zip(row).for_each(|(z, square)| *z += square.sqrt());
                } else {
                    axpy(1.0 / norm.max(self.floor), row, slope);
                }
            }
            value += regulariser.of_group(g, sum);
            let (lambda, alpha) = (regulariser.strengths[g], regulariser.power);
            let outer = lambda * alpha * if alpha == 2.0 { sum } else { sum.powf(alpha - 1.0) };
            match regulariser.shares {
                Shares::Root if sum == 0.0 => {
                    // The derivative of lambda u^(alpha/2) ||w_t||_1^alpha close to 0.
                    let by_share = lambda * alpha / 2.0 * super::FLOOR.powf(alpha / 2.0 - 1.0);
                    slope.iter_mut().zip(&self.lengths).for_each(|(s, l)| *s = by_share * l.powf(alpha));
                }
                Shares::Root => slope.iter_mut().for_each(|s| *s *= outer / 2.0),
                Shares::Plain => {
                    slope.iter_mut().zip(u).zip(&at_zero).for_each(|((s, u), z)| *s = outer * (*s * u + z));
                }
            }
        }
        if regulariser.fusion > 0.0 {
            for (mut slope, u) in gradient.rows_mut().into_iter().zip(shares.rows()) {
                let total = u.sum();
                slope.iter_mut().zip(u).for_each(|(s, u)| *s += 2.0 * regulariser.fusion * (m as f64 * u - total));
            }
        }
        (value, gradient)
    }

    /// Row norms of a group for the shares of all tasks in it.
    pub(super) fn norms(&self, shares: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut norms = vec![0.0; self.rows.len()];
        for (task, share) in self.tasks.iter().zip(shares) {
            axpy(self.regulariser.factor(share), task, &mut norms);
        }
        norms.iter_mut().for_each(|v| *v = v.sqrt());
        norms
    }

    /// `mu sum_{s<t} ||u_s - u_t||^2 = mu (m ||U||_F^2 - sum_g (sum_t u_gt)^2)`.
    fn fusion_value(&self, shares: &Array2<f64>) -> f64 {
        if self.regulariser.fusion == 0.0 {
            return 0.0;
        }
        let of_group = |u: ndarray::ArrayView1<'_, f64>| self.n_tasks() as f64 * u.dot(&u) - u.sum().powi(2);
        self.regulariser.fusion * shares.rows().into_iter().map(of_group).sum::<f64>()
    }
}
