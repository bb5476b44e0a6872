//! Signs along a chain of tasks: exact and sweeping proximal operators of `sum_t relu(-u_t u_{t+1})`.

/// Strengths of `l1 sum_t |u_t| + c sum_t relu(-u_t u_{t+1})` on one feature's weights in the order of the chain.
///
/// With `c` infinite, neighbours of opposite sign are forbidden, and [`ChainProx::minimise`] is the projection on what
/// is left (after the soft threshold): the maximum-weight independent set on a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chain {
    /// Strength of the l1 norm.
    pub l1: f64,
    /// Cost of the product of two neighbours of opposite sign.
    pub c: f64,
}

impl Chain {
    /// `c x`, where `x = 0` costs nothing even if `c` is infinite.
    pub fn cost(&self, x: f64) -> f64 {
        if x > 0.0 { self.c * x } else { 0.0 }
    }

    /// `c sum_t relu(-u_t u_{t+1})`, without the l1 norm.
    pub fn disagreement(&self, u: impl Iterator<Item = f64> + Clone) -> f64 {
        let next = u.clone().skip(1);
        self.cost(u.zip(next).map(|(a, b)| (-a * b).max(0.0)).sum())
    }

    /// Slopes of the penalty in one weight: what a unit of it costs upwards of zero, and downwards.
    pub fn slopes(&self, neighbours: [f64; 2]) -> (f64, f64) {
        let against = |sign: f64| neighbours.iter().map(|n| (sign * n).max(0.0)).sum();
        (self.l1 + self.cost(against(-1.0)), self.l1 + self.cost(against(1.0)))
    }

    /// One Gauss-Seidel sweep over `sum_t q_t/2 u_t^2 - b_t u_t` plus the penalty, from the first task to the last:
    /// each weight is a soft threshold whose level is raised by the neighbours that disagree with `b_t`.
    pub fn sweep(&self, q: &[f64], b: &[f64], u: &mut [f64]) {
        for t in 0..u.len() {
            let (up, down) = self.slopes(neighbours(u, t));
            let shrunk = b[t] - b[t].clamp(-down, up);
            u[t] = if q[t] > 0.0 { shrunk / q[t] } else { 0.0 };
        }
    }

    /// One sweep by the rule of the authors' notebook: a neighbour counts if it disagrees with the *present* weight,
    /// and the result may cross zero. It is not the minimiser, and can raise the objective.
    pub fn notebook_sweep(&self, q: &[f64], b: &[f64], u: &mut [f64]) {
        for t in 0..u.len() {
            let against: f64 = neighbours(u, t).iter().filter(|&&n| u[t] * n < 0.0).sum();
            let soft = b[t] - b[t].clamp(-self.l1, self.l1);
            u[t] = (soft + self.c * against) / q[t];
        }
    }
}

/// The weights before and after `t`; 0 where there is none.
fn neighbours(u: &[f64], t: usize) -> [f64; 2] {
    [if t > 0 { u[t - 1] } else { 0.0 }, u.get(t + 1).copied().unwrap_or(0.0)]
}

/// The exact minimiser over a whole chain, with the memory it needs.
///
/// `min_u sum_t (q_t/2 u_t^2 - b_t u_t) + l1 sum_t |u_t| + c sum_t relu(-u_t u_{t+1})` is not convex, but every `u_t` of
/// a minimiser is 0 or has the sign of `b_t`: on the other side, all terms push it back to 0. So the only discrete
/// choice is which entries are zero, and a dynamic programme over the chain makes it. Between two zeros or
/// agreeing neighbours, a segment of nonzero entries that alternate in sign solves a tridiagonal system; it is
/// admissible only if that system is positive definite and its solution positive. Otherwise the optimum has a zero
/// inside, and another segmentation covers it.
#[derive(Debug, Clone, Default)]
pub struct ChainProx {
    /// `|b_t| - l1`: an entry's pull away from zero.
    pull: Vec<f64>,
    /// Least value of the chain up to an entry that is zero, and up to one that is not.
    zero: Vec<f64>,
    nonzero: Vec<f64>,
    /// Where the last segment starts, if the entry is not zero.
    start: Vec<usize>,
    pivots: Vec<f64>,
    eliminated: Vec<f64>,
    segment: Vec<f64>,
}

impl ChainProx {
    /// Overwrites `u` by the minimiser and gives the value there, the quadratic part included.
    pub fn minimise(&mut self, chain: Chain, q: &[f64], b: &[f64], u: &mut [f64]) -> f64 {
        let n = b.len();
        let agrees = |t: usize| b[t - 1] * b[t] >= 0.0;
        self.pull.clear();
        self.pull.extend(b.iter().zip(q).map(|(b, q)| if *q > 0.0 { b.abs() - chain.l1 } else { 0.0 }));
        for states in [&mut self.zero, &mut self.nonzero] {
            states.clear();
            states.resize(n, f64::INFINITY);
        }
        self.start.clear();
        self.start.resize(n, 0);
        for i in 0..n {
            let (zero, any) = if i == 0 { (0.0, 0.0) } else { (self.zero[i - 1], self.best(i - 1)) };
            self.zero[i] = any;
            let before = if i > 0 && !agrees(i) { zero } else { any };
            self.pivots.clear();
            self.eliminated.clear();
            let mut k = i;
            while k < n && self.pull[k] > 0.0 && (k == i || !agrees(k)) && self.extend(chain.c, q[k], self.pull[k]) {
                if self.solve(chain.c) {
                    let gain: f64 = self.segment.iter().zip(&self.pull[i..]).map(|(v, pull)| v * pull).sum();
                    if before - gain / 2.0 < self.nonzero[k] {
                        self.nonzero[k] = before - gain / 2.0;
                        self.start[k] = i;
                    }
                }
                k += 1;
            }
        }
        u.fill(0.0);
        let mut end = n;
        let mut must_be_zero = false;
        while end > 0 {
            let k = end - 1;
            if must_be_zero || self.zero[k] <= self.nonzero[k] {
                must_be_zero = false;
                end = k;
                continue;
            }
            let i = self.start[k];
            self.pivots.clear();
            self.eliminated.clear();
            for (t, &q) in q.iter().enumerate().take(end).skip(i) {
                self.extend(chain.c, q, self.pull[t]);
            }
            self.solve(chain.c);
            (i..=k).for_each(|t| u[t] = self.segment[t - i].copysign(b[t]));
            must_be_zero = i > 0 && !agrees(i);
            end = i;
        }
        if n == 0 { 0.0 } else { self.best(n - 1) }
    }

    fn best(&self, t: usize) -> f64 {
        self.zero[t].min(self.nonzero[t])
    }

    /// Eliminates one more row of the segment's system, `q_t v_t + c (v_{t-1} + v_{t+1}) = pull_t`. Whether it is
    /// still positive definite.
    fn extend(&mut self, c: f64, q: f64, pull: f64) -> bool {
        let (pivot, eliminated) = match (self.pivots.last(), self.eliminated.last()) {
            (Some(pivot), Some(eliminated)) if c > 0.0 => (q - c * (c / pivot), pull - eliminated * (c / pivot)),
            _ => (q, pull),
        };
        self.pivots.push(pivot);
        self.eliminated.push(eliminated);
        pivot > 0.0
    }

    /// Substitutes back. Whether all entries are positive.
    fn solve(&mut self, c: f64) -> bool {
        let n = self.pivots.len();
        self.segment.clear();
        self.segment.resize(n, 0.0);
        let mut after = 0.0;
        for t in (0..n).rev() {
            let coupled = if t + 1 < n { c * after } else { 0.0 };
            after = (self.eliminated[t] - coupled) / self.pivots[t];
            self.segment[t] = after;
            if after <= 0.0 {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(chain: Chain, q: &[f64], b: &[f64], u: &[f64]) -> f64 {
        let smooth: f64 = u.iter().zip(q).zip(b).map(|((u, q), b)| q / 2.0 * u * u - b * u).sum();
        smooth + chain.l1 * u.iter().map(|u| u.abs()).sum::<f64>() + chain.disagreement(u.iter().copied())
    }

    fn exact(chain: Chain, q: &[f64], b: &[f64]) -> (Vec<f64>, f64) {
        let mut u = vec![0.0; b.len()];
        let least = ChainProx::default().minimise(chain, q, b, &mut u);
        (u, least)
    }

    /// Every sign pattern with zeros, each with its own linear system.
    fn enumerated(chain: Chain, q: &[f64], b: &[f64]) -> f64 {
        let n = b.len();
        let mut least = f64::INFINITY;
        for code in 0..3_usize.pow(n as u32) {
            let signs: Vec<f64> = (0..n).map(|t| (code / 3_usize.pow(t as u32) % 3) as f64 - 1.0).collect();
            let edge = |t: usize| if signs[t] * signs[t + 1] < 0.0 { chain.c } else { 0.0 };
            if (0..n - 1).any(|t| edge(t).is_infinite()) {
                continue;
            }
            // Gaussian elimination of the tridiagonal system; an indefinite one has its optimum on a smaller face.
            let (mut pivots, mut rhs) = (vec![1.0; n], vec![0.0; n]);
            let on = |t: usize| signs[t] != 0.0;
            for t in 0..n {
                if on(t) {
                    (pivots[t], rhs[t]) = (q[t], b[t] - chain.l1 * signs[t]);
                }
                if t > 0 && on(t) && on(t - 1) {
                    let ratio = -edge(t - 1) / pivots[t - 1];
                    pivots[t] += edge(t - 1) * ratio;
                    rhs[t] -= rhs[t - 1] * ratio;
                }
            }
            if pivots.iter().any(|p| *p <= 0.0) {
                continue;
            }
            let mut u = vec![0.0; n];
            for t in (0..n).rev() {
                let next = if t + 1 < n && on(t) && on(t + 1) { -edge(t) * u[t + 1] } else { 0.0 };
                u[t] = (rhs[t] - next) / pivots[t];
            }
            if u.iter().zip(&signs).all(|(u, s)| u * s >= 0.0) {
                least = least.min(value(chain, q, b, &u));
            }
        }
        least
    }

    fn chains() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Chain)> {
        let entry = prop_oneof![4 => -3.0..3.0_f64, 1 => Just(0.0)];
        let strength = prop_oneof![Just(0.0), (-2.0..2.0_f64).prop_map(|e| 10.0_f64.powf(e))];
        let b = proptest::collection::vec(entry, 1..8);
        (b, proptest::collection::vec(0.3..3.0_f64, 8), 0.0..1.0_f64, strength, 0..6_u8).prop_map(
            |(b, mut q, l1, c, kind)| {
                q.truncate(b.len());
                let c = if kind == 0 { f64::INFINITY } else { c };
                (q, b, Chain { l1: if kind % 2 == 0 { 0.0 } else { l1 }, c })
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

        /// The exact step against every zero pattern, any coupling up to infinite (the strict projection).
        #[test]
        fn the_exact_step_is_the_least_of_all_patterns((q, b, chain) in chains()) {
            let (u, least) = exact(chain, &q, &b);
            prop_assert!((value(chain, &q, &b, &u) - least).abs() < 1e-12);
            let all = enumerated(chain, &q, &b);
            prop_assert!((least - all).abs() < 1e-10, "{least} {all}");
            for (u, (b, q)) in u.iter().zip(b.iter().zip(&q)) {
                prop_assert!(u * b >= 0.0 && u.abs() <= b.abs() / q + 1e-15);
            }
        }

        /// Sweeps never go below the exact step nor up, and find it where the coupling is weak.
        #[test]
        fn sweeps_are_between_their_start_and_the_exact_step((q, b, chain) in chains()) {
            let least = exact(chain, &q, &b).1;
            let weakest = q.iter().copied().fold(f64::INFINITY, f64::min);
            let mut u: Vec<f64> = b.iter().zip(&q).map(|(b, q)| b / q).collect();
            let mut before = value(chain, &q, &b, &u);
            for _ in 0..500 {
                chain.sweep(&q, &b, &mut u);
                let after = value(chain, &q, &b, &u);
                prop_assert!(after <= before + 1e-12 && after >= least - 1e-12);
                before = after;
            }
            if chain.c < 0.45 * weakest {
                prop_assert!((before - least).abs() < 1e-10);
            }
        }

        /// Reversing the chain reverses the solution; flipping all signs flips it (where it is unique).
        #[test]
        fn reversal_and_flip((q, b, chain) in chains()) {
            let (u, least) = exact(chain, &q, &b);
            let reverse = |v: &[f64]| v.iter().rev().copied().collect::<Vec<_>>();
            let (back, at_back) = exact(chain, &reverse(&q), &reverse(&b));
            let (flipped, _) = exact(chain, &q, &b.iter().map(|b| -b).collect::<Vec<_>>());
            prop_assert!((at_back - least).abs() < 1e-12);
            prop_assert!(flipped.iter().zip(&u).all(|(f, u)| f + u == 0.0));
            let back = reverse(&back);
            prop_assert!((value(chain, &q, &b, &back) - least).abs() < 1e-12);
        }

        /// The closed form of one coordinate is the minimiser that a golden-section search finds; it is no other than
        /// the better of the authors' two candidates; and it shrinks as the coupling grows.
        #[test]
        fn one_coordinate(a in -3.0..3.0_f64, before in -2.0..2.0_f64, after in -2.0..2.0_f64,
                          l1 in 0.0..1.0_f64, c in 0.0..5.0_f64, q in 0.2..5.0_f64) {
            // A sweep moves the neighbours as well: hold them by a curvature that nothing can bend.
            let step = |c: f64| {
                let mut u = [before, 0.7, after];
                let stiff = 1e12;
                Chain { l1, c }.sweep(&[stiff, q, stiff], &[stiff * before, q * a, stiff * after], &mut u);
                u[1]
            };
            let f = |u: f64| {
                q / 2.0 * (u - a) * (u - a) + l1 * u.abs() + c * (-u * before).max(0.0) + c * (-u * after).max(0.0)
            };
            let (mut low, mut high) = (-10.0, 10.0);
            let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
            for _ in 0..200 {
                let (x, y) = (high - golden * (high - low), low + golden * (high - low));
                if f(x) < f(y) { high = y } else { low = x }
            }
            prop_assert!((step(c) - f64::midpoint(low, high)).abs() < 2e-6);
            prop_assert!(f(step(c)) <= f(f64::midpoint(low, high)) + 1e-9);
            prop_assert!(step(c).abs() <= step(c / 2.0).abs() + 1e-12);
            let candidate = |sign: f64| {
                let pushed = [before, after].iter().filter(|&&n| n * sign < 0.0).map(|n| n.abs()).sum::<f64>();
                sign * (sign * a - (l1 + c * pushed) / q).max(0.0)
            };
            let (left, right) = (candidate(-1.0), candidate(1.0));
            let better = if f(left) < f(right) { left } else { right };
            prop_assert!((step(c) - better).abs() < 1e-9);
            let soft = a - a.clamp(-l1 / q, l1 / q);
            prop_assert!((step(0.0) - soft).abs() < 1e-12);
        }
    }

    /// Beyond some coupling nothing but a zero between opposite signs is left: the strict projection.
    #[test]
    fn strong_coupling_is_the_strict_projection() {
        let b = [2.0, -1.0, 3.0, 0.5, -0.7, -0.9, 1.4, -0.2, 0.1];
        let q = [1.0; 9];
        let (strict, at_strict) = exact(Chain { l1: 0.05, c: f64::INFINITY }, &q, &b);
        let (strong, at_strong) = exact(Chain { l1: 0.05, c: 1e9 }, &q, &b);
        assert_eq!(strict, strong);
        assert!((at_strict - at_strong).abs() < 1e-12);
        assert!(strict.windows(2).all(|w| w[0] * w[1] >= 0.0));
    }

    /// One task has no neighbours; without coupling there is only the soft threshold.
    #[test]
    fn nothing_couples_one_task() {
        assert_eq!(exact(Chain { l1: 0.5, c: 10.0 }, &[2.0], &[-3.0]).0, [-1.25]);
        assert_eq!(exact(Chain { l1: 0.5, c: 0.0 }, &[2.0, 1.0], &[-3.0, 2.0]).0, [-1.25, 1.5]);
        assert_eq!(exact(Chain { l1: 0.0, c: 1.0 }, &[], &[]), (vec![], 0.0));
    }

    /// The rule of the notebook is worse than the minimiser in a case that can be checked by hand: `a = 0.1` against a
    /// neighbour at -1 crosses zero although every term pushes it back.
    #[test]
    fn the_notebook_rule_crosses_zero() {
        let chain = Chain { l1: 0.0, c: 1.0 };
        let mut u = [0.1, -1.0];
        chain.notebook_sweep(&[1.0, 1e12], &[0.1, -1e12], &mut u);
        assert!((u[0] + 0.9).abs() < 1e-12);
        let mut u = [0.1, -1.0];
        chain.sweep(&[1.0, 1e12], &[0.1, -1e12], &mut u);
        assert_eq!(u[0], 0.0);
    }
}
