//! Alternating directions: one solver for every sum of the seminorms of this crate.

pub(super) mod copies;

use std::collections::HashMap;
use std::rc::Rc;

use ndarray::{Array2, Axis};

use self::copies::{MatrixCopy, PairsCopy, Part, Rho, square};
use super::certificate::{Candidate, DualPoint, Pooled, best_gap, pool};
use super::resolvent::{Resolvent, Tie};
use super::{Convergence, Objective, ResidualKind, Solution, SolverError, StopRule, Stopping};
use crate::method::Context;
use crate::penalty::row::Scratch;
use crate::penalty::{ColumnPairs, Component};

/// Iterations between two looks at the objective, where its change is the stopping rule.
const CHECK_EVERY: usize = 10;

/// Fewest and most iterations between two looks at the duality gap, which costs as much as several iterations.
const BETWEEN_LOOKS: (f64, f64) = (3.0, 20.0);

/// Iterations to the second look, before there is a rate to go by.
const FIRST_LOOK: f64 = 10.0;

/// When to look at the duality gap again: when it should be closed if it goes on falling as it did.
struct Looks {
    next: usize,
    last: Option<(usize, f64)>,
}

impl Looks {
    fn after(&mut self, iteration: usize, residual: f64, tolerance: f64) {
        let (least, most) = BETWEEN_LOOKS;
        let wait = match self.last {
            Some((before, was)) if residual < was => {
                let rate = (was / residual).ln() / (iteration - before) as f64;
                (residual / tolerance).ln() / rate
            }
            _ => FIRST_LOOK,
        };
        self.last = Some((iteration, residual));
        // Not a number where the residual or the tolerance is infinite or zero.
        let wait = if wait.is_nan() { most } else { (0.7 * wait).ceil().clamp(least, most) };
        self.next = iteration + wait as usize;
    }
}

/// Variables of one component.
#[derive(Debug, Clone)]
struct Block {
    /// `W_l`.
    w: Array2<f64>,
    /// Copy for selection; absent if the component leaves the level of its columns free.
    whole: Option<MatrixCopy>,
    /// Copy for clustering of entries.
    centred: Option<MatrixCopy>,
    /// Copy for clustering of columns.
    pairs: Option<PairsCopy>,
}

impl Block {
    /// Zeros, with a penalty parameter that starts from the first of two curvatures and may move about both.
    fn new(component: &Component, shape: (usize, usize), [start, typical]: [f64; 2]) -> Self {
        let m = shape.1 as f64;
        let (rho, pairs_rho) = (Rho::new(start, typical), Rho::new(start / m, typical / m));
        Self {
            w: Array2::zeros(shape),
            whole: (!component.leaves_mean_free()).then(|| MatrixCopy::new(Part::Whole, shape, rho)),
            centred: (component.entry_pairs > 0.0).then(|| MatrixCopy::new(Part::Centred, shape, rho)),
            pairs: (component.column_pairs > 0.0).then(|| PairsCopy::new(shape, pairs_rho)),
        }
    }

    /// The penalty parameters, as a key.
    fn parameters(&self) -> [Option<Rho>; 3] {
        let rho = |c: &Option<MatrixCopy>| c.as_ref().map(|c| c.rho);
        [rho(&self.whole), rho(&self.centred), self.pairs.as_ref().map(|c| c.rho)]
    }

    /// `H^+ = a I + b 11'` on the task side, for `H = rho_whole I + rho_centred (I - 11'/m) + rho_pairs (m I - 11')`.
    fn inverse(&self, m: usize) -> (f64, f64) {
        let m = m as f64;
        let [whole, centred, pairs] = self.parameters().map(|rho| rho.map_or(0.0, Rho::value));
        let on_differences = 1.0 / (whole + centred + m * pairs);
        let on_level = if whole > 0.0 { 1.0 / whole } else { 0.0 };
        (on_differences, (on_level - on_differences) / m)
    }

    /// `-grad L` as this component's duals have it.
    fn dual(&self) -> Array2<f64> {
        let mut dual = self.whole.as_ref().map_or_else(|| Array2::zeros(self.w.raw_dim()), MatrixCopy::dual);
        if let Some(copy) = &self.centred {
            dual += &copy.dual();
        }
        if let Some(copy) = &self.pairs {
            let mut adjoint = Array2::zeros(self.w.raw_dim());
            ColumnPairs { m: self.w.ncols() }.adjoint(&copy.dual(), &mut adjoint);
            dual += &adjoint;
        }
        dual
    }

    /// Candidates for the component, with their nuclear norms where known: the copies, which are exactly sparse or exactly
    /// fused.
    fn candidates(&self) -> Vec<(Array2<f64>, Option<f64>)> {
        let (level, norm) = self.whole.as_ref().map_or((&self.w, None), |c| (&c.value, c.nuclear_norm));
        let mut candidates = vec![(level.clone(), norm)];
        if let Some(centred) = &self.centred {
            let means = level.sum_axis(Axis(1)) / level.ncols() as f64;
            candidates.push((&centred.value + &means.insert_axis(Axis(1)), None));
        }
        candidates
    }
}

/// `x -> a x + b (row sums)`.
fn mix(mut x: Array2<f64>, (a, b): (f64, f64)) -> Array2<f64> {
    let sums = x.sum_axis(Axis(1)) * b;
    x *= a;
    x + &sums.insert_axis(Axis(1))
}

/// ADMM on three kinds of copies of the components: the component itself for selection, its centred part for
/// clustering of entries, and all column differences for clustering of columns. Each has an exact proximal operator.
///
/// The weight step is exact as well: one resolvent per distinct input matrix and one `p x p` system for the level that
/// the tasks share, both factored once per choice of penalty parameters, so the conditioning of the data does not
/// matter. Every copy has a parameter of its own: strengths differ by many orders of magnitude between terms, and one
/// parameter cannot suit them all. The state survives from one solve to the next, which makes a path of
/// hyperparameters cheap.
pub struct Admm {
    blocks: Vec<Block>,
    resolvents: HashMap<Vec<[Option<Rho>; 3]>, Rc<Resolvent>>,
    pooled: Pooled,
}

impl Admm {
    /// Starts from zero.
    ///
    /// # Errors
    /// If the data are not finite.
    pub fn new(objective: &Objective<'_>) -> Result<Self, SolverError> {
        let shape = (objective.loss.n_features(), objective.loss.n_tasks());
        // Weights grow along the steepest descent at first, so its curvature is what a copy has to balance. Most
        // directions of badly scaled data are orders of magnitude flatter and hardly matter.
        let descent = objective.loss.correlations();
        let (along, length) = ((&descent * &objective.loss.curvature_times(&descent)).sum(), square(&descent));
        let start = if along > 0.0 { along / length } else { 1.0 };
        let mut eigenvalues: Vec<f64> = (0..shape.1)
            .flat_map(|t| objective.loss.spectrum(t).values.iter().map(move |v| v * objective.loss.factor(t)))
            .collect();
        eigenvalues.sort_by(f64::total_cmp);
        let typical = eigenvalues.get(eigenvalues.len() / 2).copied().unwrap_or(start);
        Ok(Self {
            blocks: objective.components.iter().map(|c| Block::new(c, shape, [start, typical])).collect(),
            resolvents: HashMap::new(),
            pooled: Pooled::new(objective)?,
        })
    }

    /// Goes on with another loss of the same shape.
    ///
    /// # Errors
    /// If the data are not finite.
    pub fn on(mut self, objective: &Objective<'_>) -> Result<Self, SolverError> {
        self.resolvents.clear();
        self.pooled = Pooled::new(objective)?;
        Ok(self)
    }

    /// Whether this state can go on to solve `objective`: the same copies exist.
    pub fn fits(&self, objective: &Objective<'_>) -> bool {
        let kinds = |b: &Block| [b.whole.is_some(), b.centred.is_some(), b.pairs.is_some()];
        let shape = (objective.loss.n_features(), objective.loss.n_tasks());
        let wanted = objective.components.iter().map(|c| kinds(&Block::new(c, shape, [1.0; 2])));
        self.blocks.len() == objective.components.len() && self.blocks.iter().map(kinds).eq(wanted)
    }

    fn resolvent(&mut self, objective: &Objective<'_>) -> Result<Rc<Resolvent>, SolverError> {
        let key: Vec<_> = self.blocks.iter().map(Block::parameters).collect();
        if let Some(known) = self.resolvents.get(&key) {
            return Ok(Rc::clone(known));
        }
        let m = objective.loss.n_tasks();
        let (sigma, common) =
            self.blocks.iter().map(|b| b.inverse(m)).fold((0.0, 0.0), |sum, ab| (sum.0 + ab.0, sum.1 + ab.1));
        let tie = if self.blocks.iter().any(|b| b.whole.is_none()) {
            Tie::Free
        } else if common > 0.0 {
            Tie::Weighted(1.0 / common)
        } else {
            Tie::None
        };
        let resolvent = Rc::new(Resolvent::new(objective, sigma, tie)?);
        self.resolvents.insert(key, Rc::clone(&resolvent));
        Ok(resolvent)
    }

    /// Minimises the objective, starting from where the last call ended.
    ///
    /// # Errors
    /// If an iterate is not finite or the run is interrupted.
    pub fn solve(
        &mut self,
        objective: &Objective<'_>,
        stopping: Stopping,
        context: &Context,
    ) -> Result<Solution, SolverError> {
        let b = objective.loss.correlations();
        let mut scratch = Scratch::default();
        let mut trace = Vec::new();
        let mut previous = f64::INFINITY;
        let mut next_balance = 10;
        let mut looks = Looks { next: 0, last: None };
        for iteration in 0..=stopping.max_iterations {
            let last = iteration == stopping.max_iterations;
            if iteration == looks.next || last {
                context.check()?;
                let (mut candidates, dual) = self.candidates(objective);
                let (best, gap) = best_gap(objective, &candidates, &dual, stopping.tolerance);
                let candidate = candidates.swap_remove(best).components;
                if !gap.value.total.is_finite() {
                    return Err(SolverError::NotFinite);
                }
                let (residual, rule) = match stopping.rule {
                    StopRule::Certificate => (gap.relative(), ResidualKind::RelativeDualityGap),
                    StopRule::Change => {
                        let change = (previous - gap.value.total).abs() / gap.value.total.max(f64::MIN_POSITIVE);
                        (change, ResidualKind::RelativeObjectiveChange)
                    }
                };
                trace.push(gap.value.total);
                previous = gap.value.total;
                let converged = residual <= stopping.tolerance;
                if converged || last {
                    let convergence = Convergence { rule, residual, iterations: iteration, converged };
                    return Ok(Solution { components: candidate, value: gap.value, convergence, trace, dual });
                }
                match stopping.rule {
                    StopRule::Certificate => looks.after(iteration, residual, stopping.tolerance),
                    StopRule::Change => looks.next += CHECK_EVERY,
                }
            }
            let balance = iteration + 1 == next_balance;
            let resolvent = self.resolvent(objective)?;
            self.step(objective, &resolvent, &b, balance, &mut scratch);
            if balance {
                next_balance = next_balance * 3 / 2 + 10;
            }
        }
        Err(SolverError::NotFinite)
    }

    /// The primal points to judge and the dual variables that certify them.
    fn candidates(&self, objective: &Objective<'_>) -> (Vec<Candidate>, DualPoint) {
        let each: Vec<_> = self.blocks.iter().map(Block::candidates).collect();
        let kinds = each.iter().map(Vec::len).max().unwrap_or(1);
        let kind = |kind: usize| {
            let of_kind = each.iter().map(|c| c[kind.min(c.len() - 1)].clone());
            let (mut components, nuclear_norms): (Vec<_>, Vec<_>) = of_kind.unzip();
            pool(objective, &self.pooled, &mut components);
            Candidate { components, nuclear_norms }
        };
        let pairs = self.blocks.iter().map(|b| b.pairs.as_ref().map(PairsCopy::dual)).collect();
        ((0..kinds).map(kind).collect(), DualPoint { pairs, guesses: self.blocks.iter().map(Block::dual).collect() })
    }

    /// One iteration; with `balance`, the penalty parameters are adapted to the residuals seen.
    fn step(
        &mut self,
        objective: &Objective<'_>,
        resolvent: &Resolvent,
        b: &Array2<f64>,
        balance: bool,
        scratch: &mut Scratch,
    ) {
        let m = b.ncols();
        // Weight step: the pull on every component, the sum of all components, and back.
        let mut total = Array2::zeros(b.raw_dim());
        for block in &mut self.blocks {
            block.w.fill(0.0);
            for copy in block.whole.iter().chain(&block.centred) {
                copy.add_pull(&mut block.w);
            }
            if let Some(copy) = &block.pairs {
                copy.add_pull(&mut block.w);
            }
            total += &mix(block.w.clone(), block.inverse(m));
        }
        let (mut rest, gradient) = resolvent.solve(&total, b);
        let balance = balance.then(|| square(&rest));
        let free = self.blocks.iter().rposition(|b| b.whole.is_none());
        for (l, block) in self.blocks.iter_mut().enumerate() {
            if Some(l) != free {
                block.w = mix(&block.w - &gradient, block.inverse(m));
                rest -= &block.w;
            }
        }
        if let Some(l) = free {
            self.blocks[l].w = rest;
        }
        for (block, component) in self.blocks.iter_mut().zip(objective.components) {
            for copy in block.whole.iter_mut().chain(&mut block.centred) {
                copy.step(&block.w, component, balance, scratch);
            }
            if let Some(copy) = &mut block.pairs {
                copy.step(&block.w, component.column_pairs, balance);
            }
        }
    }
}
