//! SG-MTL's alternation with both steps at their optima, restarted, and the grouping improved task by task.

use std::collections::HashSet;

use mtl_core::Seed;
use ndarray::Array2;
use rand::Rng;
use rayon::prelude::*;

use super::costs::{Costs, members};
use crate::grouping::membership::{Assignment, Descent, Regulariser, Rounding, random_shares};
use crate::solver::SolverError;

/// Steps of the descent on shares move a median share by this much. The regulariser is concave, so that a long step
/// goes down as surely as a short one, and random starts end in as good groups.
const STEP: f64 = 1.0;

/// Fresh random starts of a step on the shares, beside the present groups.
const FRESH: usize = 3;

/// Alternations at most; some three are used.
const ALTERNATIONS: usize = 20;

/// Relative decrease of the objective below which an alternation ends.
const DECREASE: f64 = 1e-6;

/// A grouping is better if it costs this much less, relatively.
const BETTER: f64 = 1e-9;

/// Up to so many tasks, all restarts end in an improvement of their groups, with swaps; beyond, the best one, without.
const FEW: usize = 12;

/// A grouping and how it was found.
#[derive(Debug, Clone)]
pub(super) struct Grouping {
    /// One a task.
    pub(super) groups: Vec<usize>,
    /// Loss, regulariser and fusion term.
    pub(super) value: f64,
    /// The objective after every half-step.
    pub(super) trace: Vec<f64>,
    /// Whether it ended by itself.
    pub(super) converged: bool,
}

/// How to search.
pub(super) struct Options<'a> {
    pub(super) restarts: usize,
    pub(super) rounding: Rounding,
    pub(super) polish: bool,
    pub(super) seed: Seed,
    /// A grouping to start from beside the random ones.
    pub(super) also: Option<&'a [usize]>,
}

/// The best grouping of all restarts. Each starts from the tasks' weights on their own and its own random shares.
pub(super) fn search(costs: &Costs<'_>, options: &Options<'_>) -> Result<Grouping, SolverError> {
    let (weights, loss) = costs.alone();
    let problem = assignment(costs, &weights);
    let count = options.restarts + usize::from(options.also.is_some());
    let mut ends: Vec<Grouping> = (0..count)
        .into_par_iter()
        .map(|restart| {
            let mut rng = options.seed.stream(&format!("restart {restart}")).rng();
            let groups = match (options.also, restart) {
                (Some(groups), 0) => groups.to_vec(),
                _ => {
                    let shares = random_shares(costs.n_groups(), costs.n_tasks(), &mut rng);
                    problem.round(&problem.descend(shares, &descent()).shares, options.rounding)
                }
            };
            let start = loss + problem.hard_value(&groups);
            alternate(costs, groups, start, options.rounding, &mut rng)
        })
        .collect::<Result<_, _>>()?;
    ends.sort_by(|a, b| a.value.total_cmp(&b.value));
    if options.polish {
        let few = costs.n_tasks() <= FEW;
        let mut seen = HashSet::new();
        ends.retain(|end| seen.insert(end.groups.clone()));
        ends.truncate(if few { ends.len() } else { 1 });
        // In order: a fit starts from weights that depend on what was looked at before.
        ends = ends.into_iter().map(|end| polish(costs, end, few)).collect::<Result<_, _>>()?;
        ends.sort_by(|a, b| a.value.total_cmp(&b.value));
    }
    ends.into_iter().next().ok_or(SolverError::NotFinite)
}

fn descent() -> Descent {
    Descent { step: STEP, ..Descent::default() }
}

/// The problem of finding groups for these weights.
pub(super) fn assignment(costs: &Costs<'_>, weights: &Array2<f64>) -> Assignment {
    let regulariser = Regulariser::eq5(costs.n_groups()).with_strengths(costs.strengths().to_vec());
    Assignment::new(weights, regulariser.with_fusion(costs.mu()))
}

/// Relaxed shares that go with groups, for the weights that they have been fitted with: half-way to uniform shares and
/// down from there. The groups themselves where that leads nowhere better.
pub(super) fn relaxed(costs: &Costs<'_>, groups: &[usize], weights: &Array2<f64>) -> Array2<f64> {
    let problem = assignment(costs, weights);
    let hard = problem.shares_of(groups);
    let start = hard.mapv(|u| f64::midpoint(u, 1.0 / costs.n_groups() as f64));
    let relaxed = problem.descend(start, &Descent::default());
    if relaxed.value <= problem.hard_value(groups) { relaxed.shares } else { hard }
}

/// The weights of a grouping and their loss.
pub(super) fn weights_of(costs: &Costs<'_>, groups: &[usize]) -> Result<(Array2<f64>, f64), SolverError> {
    let mut weights = Array2::zeros((costs.n_features(), costs.n_tasks()));
    let mut loss = 0.0;
    for (g, tasks) in members(groups, costs.n_groups()).iter().enumerate().filter(|(_, tasks)| !tasks.is_empty()) {
        let fit = costs.fit(g, tasks)?;
        loss += fit.loss;
        for (&t, own) in tasks.iter().zip(&fit.weights) {
            fit.features.iter().zip(own).for_each(|(&j, w)| weights[[j, t]] = *w);
        }
    }
    Ok((weights, loss))
}

/// `m^2 - sum_g n_g^2`, the fusion term of groups with these tasks.
pub(super) fn fusion(members: &[Vec<usize>]) -> f64 {
    let m: usize = members.iter().map(Vec::len).sum();
    (m * m - members.iter().map(|tasks| tasks.len() * tasks.len()).sum::<usize>()) as f64
}

fn value_of(costs: &Costs<'_>, groups: &[usize]) -> Result<f64, SolverError> {
    let members = members(groups, costs.n_groups());
    let sum = members.iter().enumerate().map(|(g, tasks)| costs.of_group(g, tasks)).sum::<Result<f64, _>>()?;
    Ok(sum + costs.apart())
}

/// Weights for the groups, groups for the weights, until neither changes. `start` is the objective at the weights that
/// the groups come from.
fn alternate(
    costs: &Costs<'_>,
    groups: Vec<usize>,
    start: f64,
    rounding: Rounding,
    rng: &mut impl Rng,
) -> Result<Grouping, SolverError> {
    let mut groups = costs.numbered(groups);
    let mut value = value_of(costs, &groups)?;
    let mut trace = vec![start, value];
    for _ in 0..ALTERNATIONS {
        costs.context().check()?;
        let (weights, loss) = weights_of(costs, &groups)?;
        let problem = assignment(costs, &weights);
        let mut candidates = vec![groups.clone()];
        for _ in 0..FRESH {
            let shares = random_shares(costs.n_groups(), costs.n_tasks(), rng);
            candidates.push(problem.round(&problem.descend(shares, &descent()).shares, rounding));
        }
        let improved = candidates.into_iter().map(|mut groups| (problem.improve(&mut groups), groups));
        let Some((cost, next)) = improved.min_by(|a, b| a.0.total_cmp(&b.0)) else { break };
        let next = costs.numbered(next);
        if next == groups {
            return Ok(Grouping { groups, value, trace, converged: true });
        }
        let after = value_of(costs, &next)?;
        // Fits are known to their tolerance only; a step that brings less is none.
        if after >= value.min(loss + cost) {
            return Ok(Grouping { groups, value, trace, converged: true });
        }
        trace.extend([loss + cost, after]);
        let decrease = (value - after) / value.abs();
        (groups, value) = (next, after);
        if decrease < DECREASE {
            return Ok(Grouping { groups, value, trace, converged: true });
        }
    }
    Ok(Grouping { groups, value, trace, converged: false })
}

/// Moves single tasks to other groups, and swaps pairs where there are few, with the weights of both groups fitted
/// anew, until nothing costs less. Where a fit's dual bound shows that it cannot, the fit ends there.
fn polish(costs: &Costs<'_>, start: Grouping, swaps: bool) -> Result<Grouping, SolverError> {
    let members = members(&start.groups, costs.n_groups());
    let of = members.iter().enumerate().map(|(g, tasks)| costs.of_group(g, tasks)).collect::<Result<_, _>>()?;
    let mut state =
        Polished { costs, weights: vec![vec![0.0; costs.n_features()]; costs.n_tasks()], members, of, start };
    (0..costs.n_groups()).try_for_each(|g| state.load(g))?;
    while state.moves()? || (swaps && state.swaps()?) {}
    Ok(state.start)
}

struct Polished<'a> {
    costs: &'a Costs<'a>,
    members: Vec<Vec<usize>>,
    /// What the groups cost.
    of: Vec<f64>,
    /// Weights of the tasks in these groups.
    weights: Vec<Vec<f64>>,
    start: Grouping,
}

impl Polished<'_> {
    /// Each task in turn to the group where that pays most.
    fn moves(&mut self) -> Result<bool, SolverError> {
        let mut moved = false;
        for t in 0..self.costs.n_tasks() {
            self.costs.context().check()?;
            let from = self.start.groups[t];
            let without = except(&self.members[from], t);
            let Some(left) = self.below(from, &without, f64::INFINITY)? else { continue };
            let enough = self.enough();
            let tried: Vec<Option<(f64, usize, f64)>> = self
                .targets(from)
                .into_par_iter()
                .map(|to| {
                    let now = self.of[from] + self.of[to];
                    let cost = self.below(to, &with(&self.members[to], t), now - left + enough)?;
                    Ok(cost.map(|cost| (left + cost - now, to, cost)))
                })
                .collect::<Result<_, SolverError>>()?;
            let best = tried.into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((change, to, cost)) = best
                && change < enough
            {
                let with = with(&self.members[to], t);
                self.put(&[(t, to)], change, [(from, without, left), (to, with, cost)])?;
                moved = true;
            }
        }
        Ok(moved)
    }

    /// Groups that a task of this group might go to. One empty group is as good as another, and nothing is gained there
    /// by a task that is alone already.
    fn targets(&self, from: usize) -> Vec<usize> {
        let empty = |g: usize| self.members[g].is_empty() && self.costs.is_symmetric();
        let first = (0..self.members.len()).find(|&g| empty(g));
        let alone = self.members[from].len() == 1;
        (0..self.members.len()).filter(|&g| g != from && (!empty(g) || (!alone && first == Some(g)))).collect()
    }

    /// The first pair of tasks of different groups for which changing places pays.
    fn swaps(&mut self) -> Result<bool, SolverError> {
        let m = self.costs.n_tasks();
        for s in 0..m {
            for t in s + 1..m {
                let (g, h) = (self.start.groups[s], self.start.groups[t]);
                if g == h {
                    continue;
                }
                self.costs.context().check()?;
                let first = with(&except(&self.members[g], s), t);
                let second = with(&except(&self.members[h], t), s);
                let ceiling = self.of[g] + self.of[h] + self.enough();
                // The other group cannot cost less than what the fusion term grants it.
                let granted = self.costs.mu() * (second.len() * second.len()) as f64;
                let Some(one) = self.below(g, &first, ceiling + granted)? else { continue };
                let Some(other) = self.below(h, &second, ceiling - one)? else { continue };
                let change = one + other - self.of[g] - self.of[h];
                if change < self.enough() {
                    self.put(&[(s, h), (t, g)], change, [(g, first, one), (h, second, other)])?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// A change that counts as an improvement.
    fn enough(&self) -> f64 {
        -BETTER * self.start.value.abs()
    }

    fn below(&self, g: usize, tasks: &[usize], ceiling: f64) -> Result<Option<f64>, SolverError> {
        self.costs.below(g, tasks, ceiling, &self.weights)
    }

    fn put(
        &mut self,
        moves: &[(usize, usize)],
        change: f64,
        groups: [(usize, Vec<usize>, f64); 2],
    ) -> Result<(), SolverError> {
        moves.iter().for_each(|&(t, g)| self.start.groups[t] = g);
        for (g, tasks, cost) in groups {
            self.members[g] = tasks;
            self.of[g] = cost;
            self.load(g)?;
        }
        self.start.value += change;
        self.start.trace.push(self.start.value);
        Ok(())
    }

    /// The weights of a group's tasks.
    fn load(&mut self, g: usize) -> Result<(), SolverError> {
        if !self.members[g].is_empty() {
            let fit = self.costs.fit(g, &self.members[g])?;
            for (i, &t) in self.members[g].iter().enumerate() {
                self.weights[t] = fit.of_task(i, self.costs.n_features());
            }
        }
        Ok(())
    }
}

fn except(tasks: &[usize], t: usize) -> Vec<usize> {
    tasks.iter().copied().filter(|&s| s != t).collect()
}

fn with(tasks: &[usize], t: usize) -> Vec<usize> {
    let mut all = tasks.to_vec();
    all.insert(all.partition_point(|&s| s < t), t);
    all
}
