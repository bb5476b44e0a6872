//! All hard groups of few tasks.

use super::Assignment;

/// Tasks of which all groupings are looked at, at most.
pub const EXHAUSTIBLE: usize = 12;

/// The least cost over all hard groups.
#[derive(Debug, Clone)]
pub struct Exhaustive {
    /// The least `R(W, U)`.
    pub value: f64,
    /// Every grouping that costs no more than that, up to the tolerance asked for. Groups are numbered by their first
    /// tasks where all of them have the same strength, so that each grouping is listed once.
    pub minimisers: Vec<Vec<usize>>,
}

impl Assignment {
    /// Looks at every hard grouping; those within `tie`, relatively, of the least cost are returned. None for more than
    /// [`EXHAUSTIBLE`] tasks.
    pub fn exhaustive(&self, tie: f64) -> Option<Exhaustive> {
        let m = self.n_tasks();
        if m > EXHAUSTIBLE {
            return None;
        }
        // Row norms add up once a subset, not once a grouping.
        let sum = |subset: usize| -> f64 {
            let members: Vec<&Vec<f64>> = (0..m).filter(|t| subset >> t & 1 == 1).map(|t| &self.tasks[t]).collect();
            (0..self.rows.len()).map(|j| members.iter().map(|task| task[j]).sum::<f64>().sqrt()).sum()
        };
        let sums: Vec<f64> = (0..1_usize << m).map(sum).collect();
        let mut walk = Walk { problem: self, sums, tie, groups: vec![0; m], value: f64::INFINITY, found: Vec::new() };
        walk.place(0, 0, &mut vec![0; self.n_groups()]);
        let Walk { value, found, .. } = walk;
        let limit = value + tie * value.abs();
        let minimisers = found.into_iter().filter(|(v, _)| *v <= limit).map(|(_, groups)| groups).collect();
        Some(Exhaustive { value, minimisers })
    }
}

struct Walk<'a> {
    problem: &'a Assignment,
    sums: Vec<f64>,
    tie: f64,
    groups: Vec<usize>,
    value: f64,
    found: Vec<(f64, Vec<usize>)>,
}

impl Walk<'_> {
    /// Puts task `t` into every group, where those below `opened` have members and `subsets` says which.
    fn place(&mut self, t: usize, opened: usize, subsets: &mut Vec<usize>) {
        let regulariser = &self.problem.regulariser;
        if t == self.groups.len() {
            let of_group = |(g, subset): (usize, &usize)| regulariser.of_group(g, self.sums[*subset]);
            let sizes: Vec<usize> = subsets.iter().map(|s| s.count_ones() as usize).collect();
            let of_groups: f64 = subsets.iter().enumerate().map(of_group).sum();
            let value = of_groups + regulariser.fusion_of_sizes(&sizes);
            if value <= self.value + self.tie * self.value.abs() || self.found.is_empty() {
                self.value = self.value.min(value);
                self.found.push((value, self.groups.clone()));
            }
            return;
        }
        // Groups that are alike are opened in order.
        let last = if regulariser.is_symmetric() { (opened + 1).min(subsets.len()) } else { subsets.len() };
        for g in 0..last {
            self.groups[t] = g;
            subsets[g] |= 1 << t;
            self.place(t + 1, opened.max(g + 1), subsets);
            subsets[g] &= !(1 << t);
        }
    }
}
