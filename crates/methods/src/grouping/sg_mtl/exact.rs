//! SG-MTL's alternation with both steps at their optima, restarted, and the grouping improved task by task.

use std::collections::HashSet;

use mtl_core::Seed;
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::costs::{Costs, members};
use crate::grouping::membership::{Assignment, Descent, Regulariser, Rounding, random_shares};
use crate::solver::SolverError;

/// Steps of the descent on shares move a median share by this much. The regulariser is concave, so that a long step
/// goes down as surely as a short one, and random starts end in as good groups.
const STEP: f64 = 1.0;

/// Fresh random starts of a step on the shares, beside the present groups. More of them found nothing better: weights
/// fitted to groups keep these together.
const FRESH: usize = 1;

/// Alternations at most; some three are used.
const ALTERNATIONS: usize = 20;

/// Relative decrease of the objective below which an alternation ends.
const DECREASE: f64 = 1e-6;

/// A grouping is better if it costs this much less, relatively.
const BETTER: f64 = 1e-9;

/// Restarts this much above the least objective, relatively, are not improved: measured gains were below a twentieth.
const HOPELESS: f64 = 0.05;

/// Up to so many tasks, groups are improved by swaps as well as by moves.
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
    /// How many of the best restarts have their groups improved.
    pub(super) polish: usize,
    pub(super) seed: Seed,
    /// A grouping to start from beside the random ones.
    pub(super) also: Option<&'a [usize]>,
}

/// The best grouping of all restarts. Each starts from the tasks' weights on their own and its own random shares.
///
/// Measured on 120 problems of 20 to 30 tasks with ten restarts: the least objective known was found 54 times without
/// polishing, 90, 105 and 112 times polishing the best one, the best three and all; that took 5, 9, 14 and 20 s.
pub(super) fn search(costs: &Costs<'_>, options: &Options<'_>) -> Result<Grouping, SolverError> {
    let (weights, loss) = costs.alone();
    let problem = assignment(costs, &weights);
    // The fusion term's own optimum is one group for all, which no single move reaches.
    let together = (costs.mu() > 0.0).then(|| vec![0; costs.n_tasks()]);
    let given: Vec<Vec<usize>> = options.also.map(<[usize]>::to_vec).into_iter().chain(together).collect();
    let mut walkers: Vec<Walker> = (0..options.restarts + given.len())
        .into_par_iter()
        .map(|restart| {
            let mut rng = options.seed.stream(&format!("restart {restart}")).rng();
            let groups = match restart.checked_sub(options.restarts) {
                Some(index) => given[index].clone(),
                None => {
                    let shares = random_shares(costs.n_groups(), costs.n_tasks(), &mut rng);
                    let mut groups = problem.round(&problem.descend(shares, &descent()).shares, options.rounding);
                    problem.improve(&mut groups);
                    groups
                }
            };
            Walker::new(costs, groups, loss, &problem, rng)
        })
        .collect::<Result<_, _>>()?;
    for _ in 0..ALTERNATIONS {
        // Restarts that meet go on as one.
        let mut seen = HashSet::new();
        walkers.retain(|walker| seen.insert(walker.at.groups.clone()));
        if walkers.iter().all(|walker| walker.at.converged) {
            break;
        }
        costs.context().check()?;
        let moving = walkers.par_iter_mut().filter(|walker| !walker.at.converged);
        moving.try_for_each(|walker| walker.step(costs, options.rounding))?;
    }
    let mut ends: Vec<Grouping> = walkers.into_iter().map(|walker| walker.at).collect();
    ends.sort_by(|a, b| a.value.total_cmp(&b.value));
    let mut least = ends.first().map_or(f64::INFINITY, |end| end.value);
    // In order: a fit starts from weights that depend on what was looked at before.
    for end in ends.iter_mut().take(options.polish) {
        if end.value - least <= HOPELESS * least.abs() {
            *end = polish(costs, end.clone())?;
            least = least.min(end.value);
        }
    }
    ends.sort_by(|a, b| a.value.total_cmp(&b.value));
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

/// One restart's alternation: weights for the groups, groups for the weights, until neither changes.
struct Walker {
    at: Grouping,
    rng: ChaCha8Rng,
}

impl Walker {
    /// Starts with the weights for groups that come from other weights, of known loss.
    fn new(
        costs: &Costs<'_>,
        groups: Vec<usize>,
        loss: f64,
        from: &Assignment,
        rng: ChaCha8Rng,
    ) -> Result<Self, SolverError> {
        let start = loss + from.hard_value(&groups);
        let groups = costs.numbered(groups);
        let value = value_of(costs, &groups)?;
        Ok(Self { at: Grouping { groups, value, trace: vec![start, value], converged: false }, rng })
    }

    /// The best groups for the weights, and the weights for these.
    fn step(&mut self, costs: &Costs<'_>, rounding: Rounding) -> Result<(), SolverError> {
        let at = &mut self.at;
        let (weights, loss) = weights_of(costs, &at.groups)?;
        let problem = assignment(costs, &weights);
        let mut candidates = vec![at.groups.clone()];
        for _ in 0..FRESH {
            let shares = random_shares(costs.n_groups(), costs.n_tasks(), &mut self.rng);
            candidates.push(problem.round(&problem.descend(shares, &descent()).shares, rounding));
        }
        let improved = candidates.into_iter().map(|mut groups| (problem.improve(&mut groups), groups));
        let Some((cost, next)) = improved.min_by(|a, b| a.0.total_cmp(&b.0)) else { return Ok(()) };
        let next = costs.numbered(next);
        at.converged = next == at.groups;
        if at.converged {
            return Ok(());
        }
        let after = value_of(costs, &next)?;
        let decrease = at.value - after;
        // Fits are known to their tolerance only; a step that brings less is none.
        if after < at.value.min(loss + cost) {
            at.trace.extend([loss + cost, after]);
            (at.groups, at.value) = (next, after);
        }
        at.converged = decrease < DECREASE * at.value.abs();
        Ok(())
    }
}

/// Moves single tasks to other groups, and swaps pairs where there are few, with the weights of both groups fitted
/// anew, until nothing costs less. Where a fit's dual bound shows that it cannot, the fit ends there.
fn polish(costs: &Costs<'_>, start: Grouping) -> Result<Grouping, SolverError> {
    let members = members(&start.groups, costs.n_groups());
    let of = members.iter().enumerate().map(|(g, tasks)| costs.of_group(g, tasks)).collect::<Result<_, _>>()?;
    let m = costs.n_tasks();
    let (weights, duals) = (vec![Vec::new(); m], vec![(0.0, Vec::new()); m]);
    let mut state = Polished { costs, members, of, weights, duals, start };
    (0..costs.n_groups()).try_for_each(|g| state.load(g))?;
    while state.moves()? || (m <= FEW && state.swaps()?) {}
    Ok(state.start)
}

struct Polished<'a> {
    costs: &'a Costs<'a>,
    members: Vec<Vec<usize>>,
    /// What the groups cost.
    of: Vec<f64>,
    /// Weights of the tasks in these groups.
    weights: Vec<Vec<f64>>,
    /// [`Costs::dual_of`] these.
    duals: Vec<(f64, Vec<f64>)>,
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
            // Where even a lower bound on what is left makes no move pay, what is left need not be known.
            let least = self.costs.at_least(from, &without, &self.duals);
            let enough = self.enough();
            let tried: Vec<Option<(f64, usize, f64)>> = self
                .targets(from)
                .into_par_iter()
                .map(|to| {
                    let now = self.of[from] + self.of[to];
                    let cost = self.below(to, &with(&self.members[to], t), now - least + enough)?;
                    Ok(cost.filter(|cost| cost + least < now + enough).map(|cost| (cost - now, to, cost)))
                })
                .collect::<Result<_, SolverError>>()?;
            if tried.iter().all(Option::is_none) {
                continue;
            }
            let Some(left) = self.below(from, &without, f64::INFINITY)? else { continue };
            let best = tried.into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((change, to, cost)) = best
                && left + change < enough
            {
                let change = left + change;
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
        if self.costs.at_least(g, tasks, &self.duals) >= ceiling {
            return Ok(None);
        }
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
                self.duals[t] = self.costs.dual_of(t, &self.weights[t]);
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
