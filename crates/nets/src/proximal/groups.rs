//! Sparse group lasso on the units of stacked layers.

use rayon::prelude::*;

use super::Proximal;
use crate::params::{Layout, Own, ParamId, Params, Place};
use crate::real::Real;
use crate::vector::{square, wide};

/// The map of `units * sum_g f_g ||W_g:|| + weights * sum |W|`, where `W_g:` leaves unit `g` of a layer: entries shrink
/// first, then groups.
#[derive(Debug, Clone)]
pub struct SparseGroups {
    layers: Vec<Place>,
    units: f64,
    weights: f64,
    /// Per layer, `tasks x groups`; empty where all are 1.
    factors: Vec<Vec<f64>>,
}

impl SparseGroups {
    /// On layers that every task has of its own. A layer's factors of groups may be infinite, which keeps a group at
    /// zero, or missing, which makes them 1.
    ///
    /// # Panics
    /// If a layer is shared, or the factors are not one a task and group.
    pub fn new(layout: &Layout, units: f64, weights: f64, layers: Vec<(ParamId, Vec<f64>)>) -> Self {
        let (layers, factors): (Vec<_>, Vec<_>) =
            layers.into_iter().map(|(id, factors)| (layout.place(id).clone(), factors)).unzip();
        for (place, factors) in layers.iter().zip(&factors) {
            assert!(place.own == Own::Task, "{} is shared by all tasks", place.name);
            let groups = layout.tasks * place.shape[0] * place.shape[1];
            assert!(factors.is_empty() || factors.len() == groups, "{}: {} factors", place.name, factors.len());
        }
        Self { layers, units, weights, factors }
    }
}

impl<R: Real> Proximal<R> for SparseGroups {
    fn apply(&mut self, params: &mut Params<R>, rate: f64) {
        let stride = params.stride.max(1);
        params.tasks.par_chunks_mut(stride).enumerate().for_each(|(task, row)| {
            for (place, factors) in self.layers.iter().zip(&self.factors) {
                let (groups, width) = (place.shape[0] * place.shape[1], place.shape[2]);
                for (g, group) in row[place.range()].chunks_exact_mut(width).enumerate() {
                    let factor = factors.get(task * groups + g).map_or(1.0, |&factor| factor);
                    wide(|| shrink(group, R::of(rate * self.weights), rate * self.units * factor));
                }
            }
        });
    }
}

/// Soft threshold of the entries, then of the norm.
#[inline(always)]
fn shrink<R: Real>(group: &mut [R], entries: R, whole: f64) {
    if entries > R::ZERO {
        for w in group.iter_mut() {
            let size = w.abs() - entries;
            let size = if size > R::ZERO { size } else { R::ZERO };
            *w = if *w > R::ZERO { size } else { -size };
        }
    }
    if whole > 0.0 {
        let norm = square(group).sqrt().wide();
        let factor = R::of(if norm > whole { 1.0 - whole / norm } else { 0.0 });
        group.iter_mut().for_each(|w| *w *= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Role;
    use crate::penalty::sample;

    /// `v - prox(v)` is a subgradient of the penalty at `prox(v)`.
    #[test]
    fn what_is_taken_off_is_a_subgradient() {
        let mut layout = Layout::new(4);
        let id = layout.push("w", Own::Task, Role::Weights, [1, 5, 3]);
        let before = sample(&layout);
        let mut after = before.clone();
        let (units, weights, rate) = (1.5, 0.7, 0.5);
        let factors: Vec<f64> = (0..20).map(|g| if g == 7 { f64::INFINITY } else { 1.0 + f64::from(g % 2) }).collect();
        SparseGroups::new(&layout, units, weights, vec![(id, factors.clone())]).apply(&mut after, rate);
        let mut zeros = 0;
        for (g, factor) in factors.iter().enumerate() {
            let (v, w) = (&before.tasks[g * 3..][..3], &after.tasks[g * 3..][..3]);
            let norm = w.iter().map(|w| w * w).sum::<f64>().sqrt();
            let whole = rate * units * factor;
            if norm == 0.0 {
                let soft = v.iter().map(|v| (v.abs() - rate * weights).max(0.0).powi(2)).sum::<f64>().sqrt();
                assert!(soft <= whole);
                zeros += 1;
                continue;
            }
            for (&v, &w) in v.iter().zip(w) {
                let taken = v - w - whole * w / norm;
                if w == 0.0 {
                    assert!(taken.abs() <= rate * weights + 1e-12);
                } else {
                    assert!((taken - rate * weights * w.signum()).abs() < 1e-12);
                }
            }
        }
        assert!(zeros > 0 && zeros < 20 && after.tasks[21..24].iter().all(|&w| w == 0.0));
    }
}
