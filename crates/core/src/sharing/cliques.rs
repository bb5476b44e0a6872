//! Sets of tasks of which every pair belongs together.

/// What was found of the maximal sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cliques {
    /// Sets of at least two, each in ascending order.
    pub sets: Vec<Vec<usize>>,
    /// Whether these are all: the search was not given up.
    pub complete: bool,
}

/// The maximal sets of at least two of `n` tasks of which every pair is `together`, in at most so many steps.
///
/// Bron and Kerbosch, "Algorithm 457: finding all cliques of an undirected graph" (1973), with the pivots of Tomita,
/// Tanaka and Takahashi (2006).
pub fn cliques(n: usize, together: impl Fn(usize, usize) -> bool, steps: usize) -> Cliques {
    let neighbours = |t: usize| (0..n).map(|other| other != t && together(t.min(other), t.max(other))).collect();
    let mut search = Search { graph: (0..n).map(neighbours).collect(), sets: Vec::new(), steps };
    let complete = search.extend(&mut Vec::new(), (0..n).collect(), Vec::new());
    Cliques { sets: search.sets, complete }
}

struct Search {
    graph: Vec<Vec<bool>>,
    sets: Vec<Vec<usize>>,
    steps: usize,
}

impl Search {
    /// All maximal sets of the chosen tasks and some of the candidates, without those that were tried before; whether
    /// the steps were enough.
    fn extend(&mut self, chosen: &mut Vec<usize>, mut candidates: Vec<usize>, mut tried: Vec<usize>) -> bool {
        let Some(left) = self.steps.checked_sub(1) else { return false };
        self.steps = left;
        let degree = |pivot: usize| candidates.iter().filter(|t| self.graph[pivot][**t]).count();
        let Some(pivot) = candidates.iter().chain(&tried).copied().max_by_key(|t| degree(*t)) else {
            if chosen.len() > 1 {
                let mut set = chosen.clone();
                set.sort_unstable();
                self.sets.push(set);
            }
            return true;
        };
        let branches: Vec<usize> = candidates.iter().copied().filter(|t| !self.graph[pivot][*t]).collect();
        for t in branches {
            let near = |of: &[usize]| of.iter().copied().filter(|other| self.graph[t][*other]).collect();
            let (inner, known) = (near(&candidates), near(&tried));
            chosen.push(t);
            let complete = self.extend(chosen, inner, known);
            chosen.pop();
            if !complete {
                return false;
            }
            candidates.retain(|other| *other != t);
            tried.push(t);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sets_may_overlap_and_single_tasks_are_none() {
        let edges = [(0, 1), (1, 2), (0, 2), (2, 3)];
        let mut found = cliques(5, |a, b| edges.contains(&(a, b)), 1000);
        found.sets.sort();
        assert_eq!(found, Cliques { sets: vec![vec![0, 1, 2], vec![2, 3]], complete: true });
        assert_eq!(cliques(0, |_, _| true, 1000), Cliques { sets: vec![], complete: true });
        assert!(!cliques(5, |a, b| edges.contains(&(a, b)), 2).complete);
    }

    proptest! {
        #[test]
        fn they_are_those_that_trying_all_sets_finds(edges in prop::collection::vec(any::<bool>(), 49)) {
            let together = |a: usize, b: usize| edges[7 * a.min(b) + a.max(b)];
            let members = |set: usize| (0..7).filter(|t| set >> t & 1 == 1).collect::<Vec<usize>>();
            let joined = |of: &[usize]| of.iter().all(|a| of.iter().all(|b| a == b || together(*a, *b)));
            let maximal = |of: &Vec<usize>| {
                let wider = |t: usize| !of.contains(&t) && of.iter().all(|a| together(*a, t));
                of.len() > 1 && joined(of) && !(0..7).any(wider)
            };
            let mut expected: Vec<_> = (0..128).map(members).filter(maximal).collect();
            let mut found = cliques(7, together, 10_000);
            expected.sort();
            found.sets.sort();
            prop_assert_eq!(found.sets, expected);
        }
    }
}
