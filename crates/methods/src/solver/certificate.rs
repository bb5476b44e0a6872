//! How far an objective can at most be above its optimum.

use ndarray::{Array1, Array2, Axis};

use super::{Objective, Value, sum};
use crate::linalg::{NotFinite, Spectrum};
use crate::penalty::Component;
use crate::penalty::row::Scratch;

/// A primal value and the bound that certifies it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// Objective at the point.
    pub value: Value,
    /// Upper bound on the objective's distance from the optimum.
    pub gap: f64,
}

impl Gap {
    /// The gap relative to the objective.
    pub fn relative(&self) -> f64 {
        if self.gap == 0.0 { 0.0 } else { self.gap / self.value.total.abs().max(f64::MIN_POSITIVE) }
    }
}

/// Dual variables a solver has at hand.
#[derive(Debug, Clone, Default)]
pub struct DualPoint {
    /// Dual variables of the column differences, one entry a component (`p x m(m-1)/2`), where it has such a term.
    pub pairs: Vec<Option<Array2<f64>>>,
    /// Guesses of the optimal `-grad L` (`p x m`) beside the one at the primal point.
    pub guesses: Vec<Array2<f64>>,
}

/// Duality gap of `min L(sum_l W_l) + sum_l Omega_l(W_l)` at the components `w`.
///
/// A guess `Y` of the optimal `-grad L` is first moved into the column space of the data, then scaled by `1 / kappa`
/// into the dual ball of every component. With `G = -grad L(W)` and `delta = Y - G`,
///
/// `gap = sum_l (Omega_l(W_l) - <W_l, Y>) + 1/2 sum_t delta_t' (c_t X_t'X_t)^+ delta_t`,
///
/// which needs no rows and no difference of large numbers: a squared loss is its own quadratic expansion. The least gap
/// over the guesses is reported; `G` itself is always one of them, and its projection on the dual ball where that is
/// simple.
///
/// A component that leaves the common level of its columns free needs `sum_t Y_t = 0`; [`pool`] makes it so for `G`.
pub fn duality_gap(objective: &Objective<'_>, w: &[Array2<f64>], dual: &DualPoint) -> Gap {
    best_gap(objective, &[Candidate::new(w.to_vec())], dual, 0.0).1
}

/// A primal point whose gap is asked for.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its components.
    pub components: Vec<Array2<f64>>,
    /// Their nuclear norms, where known.
    pub nuclear_norms: Vec<Option<f64>>,
}

impl Candidate {
    /// A point of which nothing is known.
    pub fn new(components: Vec<Array2<f64>>) -> Self {
        Self { nuclear_norms: vec![None; components.len()], components }
    }
}

/// How many tolerances a gap may be from certifying for another guess to be worth its price.
const HOPELESS: f64 = 1e4;

/// The candidate with the least objective, by its index, and its duality gap. Guesses are tried until one certifies
/// the relative `tolerance`, or turns out to be so far from it that others will not either.
pub fn best_gap(objective: &Objective<'_>, candidates: &[Candidate], dual: &DualPoint, tolerance: f64) -> (usize, Gap) {
    let judge = |Candidate { components, nuclear_norms }: &Candidate| {
        let (loss, gradient) = objective.loss.value_and_gradient(&sum(components));
        let each = objective.components.iter().zip(components).zip(nuclear_norms);
        let penalty = each.map(|((penalty, w), norm)| penalty.value_given(w, *norm)).sum();
        (Value { total: loss + penalty, loss, penalty }, -gradient)
    };
    let judged = candidates.iter().map(judge).enumerate();
    let Some((best, (value, gradient))) = judged.min_by(|a, b| a.1.0.total.total_cmp(&b.1.0.total)) else {
        return (0, Gap { value: Value::default(), gap: f64::INFINITY });
    };
    let mut scratch = Scratch::default();
    let mut gap = Gap { value, gap: f64::INFINITY };
    let mut try_guess = |guess: &Array2<f64>, scratch: &mut Scratch| {
        let point = feasible(objective, guess, &dual.pairs, scratch);
        let linear: f64 = candidates[best].components.iter().map(|w| (w * &point).sum()).sum();
        let found = value.penalty - linear + objective.loss.distance(&(&point - &gradient));
        // Rounding can take the gap of an exact solution below zero; a gap that is not a number certifies nothing.
        gap.gap = gap.gap.min(if found.is_nan() { f64::INFINITY } else { found.max(0.0) });
        gap.relative()
    };
    // The likeliest first: where components leave a level free, the gradient alone sums to zero as they ask for.
    let clipped = clip(objective, &gradient, &mut scratch);
    let free = objective.components.iter().any(Component::leaves_mean_free);
    let (first, last) = if free { (Some(&gradient), None) } else { (clipped.as_ref(), Some(&gradient)) };
    for guess in first.into_iter().chain(&dual.guesses).chain(last) {
        let found = try_guess(guess, &mut scratch);
        if found <= tolerance || (tolerance > 0.0 && found > HOPELESS * tolerance) {
            break;
        }
    }
    (best, gap)
}

/// A point near `guess` in the column space of the data and in the dual ball of every component.
fn feasible(
    objective: &Objective<'_>,
    guess: &Array2<f64>,
    pairs: &[Option<Array2<f64>>],
    scratch: &mut Scratch,
) -> Array2<f64> {
    let mut point = objective.loss.in_column_space(guess);
    if objective.components.iter().any(|c| c.leaves_mean_free()) {
        let size: f64 = objective.loss.correlations().iter().map(|v| v.abs()).sum();
        if point.sum_axis(Axis(1)).iter().any(|s| s.abs() > 1e-9 * size) {
            point.fill(0.0);
        }
    }
    let mut kappa = 1.0;
    for (l, component) in objective.components.iter().enumerate() {
        kappa = component.excess(&point, pairs.get(l).and_then(Option::as_ref), kappa, scratch);
    }
    if kappa.is_finite() { point / kappa } else { Array2::zeros(point.raw_dim()) }
}

/// The point of the dual ball nearest to `G` (Moreau: what the proximal operator takes away), for problems with one
/// component, a closed proximal operator and no free level. Where only a few directions are infeasible it beats scaling
/// all of them.
fn clip(objective: &Objective<'_>, gradient: &Array2<f64>, scratch: &mut Scratch) -> Option<Array2<f64>> {
    match objective.components {
        [component] if component.has_closed_prox() && !component.leaves_mean_free() => {
            let mut beyond = gradient.clone();
            component.prox(&mut beyond, 1.0, scratch);
            Some(gradient - &beyond)
        }
        _ => None,
    }
}

/// The pooled least-squares correction: the common shift of all columns that minimises the loss.
pub struct Pooled {
    spectrum: Spectrum,
}

impl Pooled {
    /// Prepares the normal equations `sum_t c_t X_t'X_t`.
    ///
    /// # Errors
    /// If they are not finite.
    pub fn new(objective: &Objective<'_>) -> Result<Self, NotFinite> {
        let loss = objective.loss;
        // Where no component leaves the level free, nobody asks for a shift.
        let p = if objective.components.iter().any(|c| c.leaves_mean_free()) { loss.n_features() } else { 0 };
        let mut total = Array2::<f64>::zeros((p, p));
        if p == 0 {
            return Ok(Self { spectrum: Spectrum::of(&total)? });
        }
        for t in 0..loss.n_tasks() {
            let spectrum = loss.spectrum(t);
            total += &spectrum.rebuild(&(&spectrum.values * loss.factor(t)));
        }
        Ok(Self { spectrum: Spectrum::of(&total)? })
    }

    /// The shift that makes the gradients at `w` sum to zero over the tasks.
    pub fn shift(&self, objective: &Objective<'_>, w: &Array2<f64>) -> Array1<f64> {
        let gradient = objective.loss.value_and_gradient(w).1;
        self.spectrum.pseudo_solve(&gradient.sum_axis(Axis(1))) * -1.0
    }
}

/// Adds to the last component whose level is free the common shift of all tasks that minimises the loss. It costs that
/// component nothing, so it never raises the objective. Does nothing if no component is free.
pub fn pool(objective: &Objective<'_>, pooled: &Pooled, w: &mut [Array2<f64>]) {
    if let Some(l) = objective.components.iter().rposition(|c| c.leaves_mean_free()) {
        let shift = pooled.shift(objective, &sum(w)).insert_axis(Axis(1));
        w[l] += &shift;
    }
}
