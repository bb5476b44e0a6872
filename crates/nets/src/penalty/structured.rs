//! Selection and clustering of weights, units and whole networks: the penalties of SSMTL_t and of what it generalises.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::Penalty;
use crate::params::{Layout, ParamId, Params, Place};
use crate::real::Real;
use crate::vector::{absolute, add, add_difference, distance, inverse, square};

/// Which weights of a layer form a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Groups {
    /// All that leave one input of the layer: removing them removes a unit.
    #[default]
    Outgoing,
    /// All that enter one of its units.
    Incoming,
}

/// Strengths for one layer `W_t` (inputs x outputs) of the tasks `t`; `g` runs over groups.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Of `sum_{s<t} ||W_s - W_t||_F`: clustering of networks.
    pub nets: f64,
    /// Whether that norm is squared, as in the demo of SSMTL_t.
    pub nets_squared: bool,
    /// Of `sum_g sum_{s<t} ||W_sg - W_tg||`: clustering of units.
    pub unit_pairs: f64,
    /// Of `sum_g sum_t ||W_tg||`: selection of units.
    pub units: f64,
    /// Factors of these norms, `tasks x groups`; one for all if empty (adaptive group lasso).
    pub unit_factors: Vec<f64>,
    /// Of `sum |W|`: selection of weights.
    pub weights: f64,
    /// What a group is.
    pub groups: Groups,
}

/// The sum of [`Terms`] over layers.
#[derive(Debug, Clone)]
pub struct Structured<R> {
    layers: Vec<(Place, Terms)>,
    tasks: usize,
    pairs: Vec<(usize, usize)>,
    /// Groups of all layers.
    groups: usize,
    /// Per pair and group, what the difference is multiplied with in the gradient.
    factors: Vec<R>,
    pair_values: Vec<f64>,
    task_values: Vec<f64>,
}

impl<R: Real> Structured<R> {
    /// Penalises layers that every task has of its own.
    ///
    /// # Panics
    /// If a layer is shared, or the factors of units are not one a task and group.
    pub fn new(layout: &Layout, layers: Vec<(ParamId, Terms)>) -> Self {
        let tasks = layout.tasks;
        let layers: Vec<(Place, Terms)> =
            layers.into_iter().map(|(id, terms)| (layout.place(id).clone(), terms)).collect();
        for (place, terms) in &layers {
            assert!(place.own == crate::params::Own::Task, "{} is shared by all tasks", place.name);
            let factors = terms.unit_factors.len();
            assert!(factors == 0 || factors == tasks * groups(place, terms), "{}: {factors} factors", place.name);
        }
        let groups = layers.iter().map(|(place, terms)| groups(place, terms)).sum();
        let paired = layers.iter().any(|(_, terms)| terms.nets != 0.0 || terms.unit_pairs != 0.0);
        let pairs: Vec<_> =
            if paired { (0..tasks).flat_map(|j| (j + 1..tasks).map(move |k| (j, k))).collect() } else { Vec::new() };
        Self {
            factors: vec![R::ZERO; pairs.len() * groups],
            pair_values: vec![0.0; pairs.len()],
            task_values: vec![0.0; tasks],
            layers,
            tasks,
            pairs,
            groups,
        }
    }

    /// Position of a pair among `pairs`.
    #[inline(always)]
    fn pair_index(&self, a: usize, b: usize) -> usize {
        let (j, k) = (a.min(b), a.max(b));
        j * (2 * self.tasks - j - 1) / 2 + k - j - 1
    }

    /// Norms of all differences between two tasks: the value, and the factors of the gradient.
    #[inline(always)]
    fn pair(&self, params: &Params<R>, (j, k): (usize, usize), mut factors: &mut [R]) -> f64 {
        let mut value = 0.0;
        for (place, terms) in &self.layers {
            let (mine, rest) = factors.split_at_mut(groups(place, terms));
            factors = rest;
            if terms.nets == 0.0 && terms.unit_pairs == 0.0 {
                mine.fill(R::ZERO);
                continue;
            }
            let (a, b) = (params.slice(place, j), params.slice(place, k));
            let width = place.shape[2];
            match terms.groups {
                Groups::Outgoing => {
                    for ((square, a), b) in mine.iter_mut().zip(a.chunks_exact(width)).zip(b.chunks_exact(width)) {
                        *square = distance(a, b);
                    }
                }
                Groups::Incoming => {
                    mine.fill(R::ZERO);
                    for (a, b) in a.chunks_exact(width).zip(b.chunks_exact(width)) {
                        for ((square, &a), &b) in mine.iter_mut().zip(a).zip(b) {
                            *square += (a - b) * (a - b);
                        }
                    }
                }
            }
            let square = mine.iter().copied().sum::<R>();
            let whole = if terms.nets_squared {
                value += terms.nets * square.wide();
                R::of(2.0 * terms.nets)
            } else {
                value += terms.nets * square.sqrt().wide();
                R::of(terms.nets) * inverse(square.sqrt())
            };
            let strength = R::of(terms.unit_pairs);
            let mut norms = R::ZERO;
            for factor in mine {
                let norm = factor.sqrt();
                norms += norm;
                *factor = whole + strength * inverse(norm);
            }
            value += terms.unit_pairs * norms.wide();
        }
        value
    }

    /// One task's derivatives, and the value of what concerns it alone.
    #[inline(always)]
    fn task(&self, params: &Params<R>, task: usize, grads: &mut [R]) -> f64 {
        let (mut value, mut first) = (0.0, 0);
        for (place, terms) in &self.layers {
            let (own, grads) = (params.slice(place, task), &mut grads[place.range()]);
            value += selection(place, terms, task, own, grads);
            let (width, groups) = (place.shape[2], groups(place, terms));
            if terms.nets != 0.0 || terms.unit_pairs != 0.0 {
                // Row by row, so that a row and its derivatives stay at hand while the other tasks pass by.
                let rows = own.chunks_exact(width).zip(grads.chunks_exact_mut(width)).enumerate();
                for (r, (row, grad)) in rows {
                    for other in (0..self.tasks).filter(|&other| other != task) {
                        let factors = &self.factors[self.pair_index(task, other) * self.groups + first..][..groups];
                        let there = &params.slice(place, other)[r * width..][..width];
                        match terms.groups {
                            Groups::Outgoing => add_difference(factors[r], row, there, grad),
                            Groups::Incoming => {
                                for (((grad, &a), &b), &factor) in grad.iter_mut().zip(row).zip(there).zip(factors) {
                                    *grad += factor * (a - b);
                                }
                            }
                        }
                    }
                }
            }
            first += groups;
        }
        value
    }
}

/// The terms of a task by itself.
#[inline(always)]
fn selection<R: Real>(place: &Place, terms: &Terms, task: usize, own: &[R], grads: &mut [R]) -> f64 {
    let (width, groups, mut value) = (place.shape[2], groups(place, terms), 0.0);
    if terms.units != 0.0 {
        let strength = |g: usize| terms.units * terms.unit_factors.get(task * groups + g).map_or(1.0, |&factor| factor);
        match terms.groups {
            Groups::Outgoing => {
                for (g, (row, grad)) in own.chunks_exact(width).zip(grads.chunks_exact_mut(width)).enumerate() {
                    let (norm, strength) = (square(row).sqrt(), strength(g));
                    if norm > R::ZERO {
                        value += strength * norm.wide();
                        add(R::of(strength) * inverse(norm), row, grad);
                    }
                }
            }
            Groups::Incoming => {
                for g in 0..groups {
                    let column = own.iter().skip(g).step_by(width);
                    let norm = column.clone().map(|&w| w * w).sum::<R>().sqrt();
                    if norm > R::ZERO {
                        value += strength(g) * norm.wide();
                        let factor = R::of(strength(g)) * inverse(norm);
                        let grads = grads.iter_mut().skip(g).step_by(width);
                        grads.zip(column).for_each(|(grad, &w)| *grad += factor * w);
                    }
                }
            }
        }
    }
    if terms.weights != 0.0 {
        let strength = R::of(terms.weights);
        value += terms.weights * absolute(own).wide();
        for (grad, &w) in grads.iter_mut().zip(own) {
            let sign = if w > R::ZERO { strength } else { -strength };
            *grad += if w == R::ZERO { R::ZERO } else { sign };
        }
    }
    value
}

fn groups(place: &Place, terms: &Terms) -> usize {
    match terms.groups {
        Groups::Outgoing => place.shape[0] * place.shape[1],
        Groups::Incoming => place.shape[2],
    }
}

/// [`Structured::pair`], compiled for the widest vectors at hand.
struct Pair<'a, R> {
    penalty: &'a Structured<R>,
    params: &'a Params<R>,
    pair: (usize, usize),
    factors: &'a mut [R],
}

impl<R: Real> WithSimd for Pair<'_, R> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        self.penalty.pair(self.params, self.pair, self.factors)
    }
}

/// [`Structured::task`], likewise.
struct OfTask<'a, R> {
    penalty: &'a Structured<R>,
    params: &'a Params<R>,
    task: usize,
    grads: &'a mut [R],
}

impl<R: Real> WithSimd for OfTask<'_, R> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        self.penalty.task(self.params, self.task, self.grads)
    }
}

impl<R: Real> Penalty<R> for Structured<R> {
    fn add(&mut self, params: &Params<R>, grads: &mut Params<R>) -> f64 {
        let mut factors = std::mem::take(&mut self.factors);
        let mut values = std::mem::take(&mut self.pair_values);
        let chunks = factors.par_chunks_mut(self.groups.max(1)).zip(&mut values).zip(&self.pairs);
        chunks.for_each(|((factors, value), &pair)| {
            *value = Arch::new().dispatch(Pair { penalty: self, params, pair, factors })
        });
        (self.factors, self.pair_values) = (factors, values);

        let mut values = std::mem::take(&mut self.task_values);
        let rows = grads.tasks.par_chunks_mut(grads.stride.max(1)).zip(&mut values).enumerate();
        rows.for_each(|(task, (row, value))| {
            *value = Arch::new().dispatch(OfTask { penalty: self, params, task, grads: row })
        });
        self.task_values = values;
        self.pair_values.iter().sum::<f64>() + self.task_values.iter().sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Own, Role};
    use crate::penalty::{deviation, sample};

    fn layout() -> (Layout, ParamId) {
        let mut layout = Layout::new(3);
        layout.push("bias", Own::Task, Role::Bias, [1, 1, 2]);
        let id = layout.push("w", Own::Task, Role::Weights, [1, 4, 3]);
        (layout, id)
    }

    #[test]
    fn values_are_those_of_the_formulas() {
        let (layout, id) = layout();
        let params = sample(&layout);
        let place = layout.place(id).clone();
        let w = |t: usize, i: usize, j: usize| params.slice(&place, t)[i * 3 + j];
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let at = |t: usize, g: usize, i: usize, groups| match groups {
            Groups::Outgoing => w(t, g, i),
            Groups::Incoming => w(t, i, g),
        };
        for groups in [Groups::Outgoing, Groups::Incoming] {
            let (count, size) = if groups == Groups::Outgoing { (4, 3) } else { (3, 4) };
            let (mut nets, mut squares, mut pairs, mut units, mut weights) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for t in 0..3 {
                for s in 0..t {
                    let all: Vec<f64> = (0..12).map(|i| w(s, i / 3, i % 3) - w(t, i / 3, i % 3)).collect();
                    nets += norm(&all);
                    squares += norm(&all).powi(2);
                    for g in 0..count {
                        let group: Vec<f64> = (0..size).map(|i| at(s, g, i, groups) - at(t, g, i, groups)).collect();
                        pairs += norm(&group);
                    }
                }
                for g in 0..count {
                    units += norm(&(0..size).map(|i| at(t, g, i, groups)).collect::<Vec<_>>());
                }
                weights += (0..12).map(|i| w(t, i / 3, i % 3).abs()).sum::<f64>();
            }
            let cases = [
                (Terms { nets: 2.0, ..Terms::default() }, 2.0 * nets),
                (Terms { nets: 2.0, nets_squared: true, ..Terms::default() }, 2.0 * squares),
                (Terms { unit_pairs: 0.5, ..Terms::default() }, 0.5 * pairs),
                (Terms { units: 3.0, ..Terms::default() }, 3.0 * units),
                (Terms { weights: 0.7, ..Terms::default() }, 0.7 * weights),
                (
                    Terms { nets: 2.0, unit_pairs: 0.5, units: 3.0, weights: 0.7, ..Terms::default() },
                    2.0 * nets + 0.5 * pairs + 3.0 * units + 0.7 * weights,
                ),
            ];
            for (terms, expected) in cases {
                let terms = Terms { groups, ..terms };
                let mut penalty = Structured::new(&layout, vec![(id, terms.clone())]);
                let value = penalty.add(&params, &mut Params::zeros(&layout));
                assert!((value - expected).abs() < 1e-12 * expected, "{terms:?}");
                let worst = deviation(&mut penalty, &params);
                assert!(worst < 1e-8, "{terms:?}: {worst}");
            }
        }
    }

    #[test]
    fn clustering_sees_differences_only_and_zero_norms_have_zero_derivatives() {
        let (layout, id) = layout();
        let mut params = sample(&layout);
        let place = layout.place(id).clone();
        let first = params.slice(&place, 0).to_vec();
        (1..3).for_each(|t| params.slice_mut(&place, t).copy_from_slice(&first));
        let terms = Terms { nets: 1.0, unit_pairs: 1.0, ..Terms::default() };
        let mut penalty = Structured::new(&layout, vec![(id, terms)]);
        let mut grads = Params::zeros(&layout);
        assert_eq!(penalty.add(&params, &mut grads), 0.0);
        assert!(grads.iter().all(|&g| g == 0.0));
    }

    #[test]
    fn factors_weigh_single_units() {
        let (layout, id) = layout();
        let params = sample(&layout);
        let unit_factors = (0..12).map(f64::from).collect();
        let terms = Terms { units: 2.0, unit_factors, ..Terms::default() };
        let mut penalty = Structured::new(&layout, vec![(id, terms)]);
        let rows = (0..12).map(|g| {
            let row = &params.slice(layout.place(id), g / 4)[g % 4 * 3..][..3];
            2.0 * g as f64 * row.iter().map(|x| x * x).sum::<f64>().sqrt()
        });
        let expected: f64 = rows.sum();
        assert!((penalty.add(&params, &mut Params::zeros(&layout)) - expected).abs() < 1e-12 * expected);
        assert!(deviation(&mut penalty, &params) < 1e-8);
    }
}
