//! Hard groups: from shares to groups, and to groups that no single task wants to leave.

use ndarray::Array2;
use serde::Deserialize;

use super::Assignment;

/// A move counts as an improvement if the objective falls by this much, relatively.
const IMPROVEMENT: f64 = 1e-12;

/// How shares become groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// Task after task goes where the objective is least, the other tasks being as they are. Never raises a concave
    /// regulariser.
    #[default]
    Sequential,
    /// Every task goes to the group of its largest share, as in the authors' code.
    Argmax,
}

impl Assignment {
    /// `R(W, U)` at hard groups, one number below [`Self::n_groups`] a task.
    pub fn hard_value(&self, groups: &[usize]) -> f64 {
        Hard::new(self, groups).value()
    }

    /// Groups from shares (groups x tasks), one a task.
    pub fn round(&self, shares: &Array2<f64>, rounding: Rounding) -> Vec<usize> {
        match rounding {
            Rounding::Argmax => {
                let largest = |u: ndarray::ArrayView1<'_, f64>| {
                    (0..u.len()).fold(0, |best, g| if u[g] > u[best] { g } else { best })
                };
                shares.columns().into_iter().map(largest).collect()
            }
            Rounding::Sequential => self.round_in_turn(shares.clone()),
        }
    }

    fn round_in_turn(&self, mut shares: Array2<f64>) -> Vec<usize> {
        let (n, m) = (self.n_groups(), self.n_tasks());
        let mut sums = shares.sum_axis(ndarray::Axis(1)).to_vec();
        let mut groups = vec![0; m];
        for t in 0..m {
            let cost = |g: usize| {
                let others = self.norms((0..m).map(|s| if s == t { 0.0 } else { shares[[g, s]] }));
                let without = others.iter().sum();
                let with = others.iter().zip(&self.tasks[t]).map(|(norm, own)| (norm * norm + own).sqrt()).sum();
                self.regulariser.of_group(g, with)
                    - self.regulariser.of_group(g, without)
                    - 2.0 * self.regulariser.fusion() * (sums[g] - shares[[g, t]])
            };
            let costs: Vec<f64> = (0..n).map(cost).collect();
            let best = (0..n).fold(0, |best, g| if costs[g] < costs[best] { g } else { best });
            for g in 0..n {
                let share = f64::from(u8::from(g == best));
                sums[g] += share - shares[[g, t]];
                shares[[g, t]] = share;
            }
            groups[t] = best;
        }
        groups
    }

    /// Moves single tasks, and swaps pairs of tasks, between groups until neither lowers `R`. Returns it.
    pub fn improve(&self, groups: &mut [usize]) -> f64 {
        let mut hard = Hard::new(self, groups);
        while hard.move_tasks() || hard.swap_tasks() {}
        groups.copy_from_slice(&hard.groups);
        hard.value()
    }
}

/// Hard groups with what a move costs `O(d)` to know.
struct Hard<'a> {
    problem: &'a Assignment,
    groups: Vec<usize>,
    sizes: Vec<usize>,
    /// Squared row norms, one list a group.
    squares: Vec<Vec<f64>>,
    /// Costs of the groups without the fusion term.
    costs: Vec<f64>,
}

impl<'a> Hard<'a> {
    fn new(problem: &'a Assignment, groups: &[usize]) -> Self {
        let n = problem.n_groups();
        let squares = vec![vec![0.0; problem.rows.len()]; n];
        let mut hard = Self { problem, groups: groups.to_vec(), sizes: vec![0; n], squares, costs: vec![0.0; n] };
        (0..n).for_each(|g| hard.refresh(g));
        hard
    }

    fn value(&self) -> f64 {
        self.costs.iter().sum::<f64>() + self.problem.regulariser.fusion_of_sizes(&self.sizes)
    }

    /// Sums a group up anew: what is subtracted leaves rounding behind.
    fn refresh(&mut self, g: usize) {
        let squares = &mut self.squares[g];
        squares.fill(0.0);
        self.sizes[g] = 0;
        for (task, _) in self.problem.tasks.iter().zip(&self.groups).filter(|(_, group)| **group == g) {
            squares.iter_mut().zip(task).for_each(|(s, square)| *s += square);
            self.sizes[g] += 1;
        }
        self.costs[g] = self.problem.regulariser.of_group(g, squares.iter().map(|s| s.sqrt()).sum());
    }

    /// The cost of group `g` without one task and with another.
    fn exchanged(&self, g: usize, out: Option<usize>, into: Option<usize>) -> f64 {
        let of = |t: Option<usize>, j: usize| t.map_or(0.0, |t| self.problem.tasks[t][j]);
        let norms = self.squares[g].iter().enumerate().map(|(j, s)| (s - of(out, j) + of(into, j)).max(0.0).sqrt());
        self.problem.regulariser.of_group(g, norms.sum())
    }

    /// Puts tasks elsewhere if that really lowers the objective.
    fn apply(&mut self, moves: &[(usize, usize)]) -> bool {
        let before = self.value();
        let undo: Vec<(usize, usize)> = moves.iter().map(|&(t, _)| (t, self.groups[t])).collect();
        let touched: Vec<usize> = moves.iter().chain(&undo).map(|&(_, g)| g).collect();
        moves.iter().for_each(|&(t, g)| self.groups[t] = g);
        touched.iter().for_each(|&g| self.refresh(g));
        if self.value() < before - IMPROVEMENT * before.abs() {
            return true;
        }
        undo.iter().for_each(|&(t, g)| self.groups[t] = g);
        touched.iter().for_each(|&g| self.refresh(g));
        false
    }

    /// Each task in turn to its best group. Whether any moved.
    fn move_tasks(&mut self) -> bool {
        let fusion = self.problem.regulariser.fusion();
        let mut moved = false;
        for t in 0..self.groups.len() {
            let from = self.groups[t];
            let without = self.exchanged(from, Some(t), None) - self.costs[from];
            let change = |to: usize| {
                // n_g^2 + n_h^2 changes by 2 (n_h - n_g + 1).
                let together = 2.0 * (self.sizes[to] as f64 - self.sizes[from] as f64 + 1.0);
                without + self.exchanged(to, None, Some(t)) - self.costs[to] - fusion * together
            };
            let changes = (0..self.costs.len()).filter(|&to| to != from).map(|to| (change(to), to));
            let best = changes.min_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((change, to)) = best
                && change < 0.0
            {
                moved |= self.apply(&[(t, to)]);
            }
        }
        moved
    }

    /// Each pair of tasks of different groups in turn. Whether any were swapped.
    fn swap_tasks(&mut self) -> bool {
        let mut swapped = false;
        for s in 0..self.groups.len() {
            for t in s + 1..self.groups.len() {
                let (g, h) = (self.groups[s], self.groups[t]);
                if g == h {
                    continue;
                }
                let after = self.exchanged(g, Some(s), Some(t)) + self.exchanged(h, Some(t), Some(s));
                if after < self.costs[g] + self.costs[h] {
                    swapped |= self.apply(&[(s, h), (t, g)]);
                }
            }
        }
        swapped
    }
}
