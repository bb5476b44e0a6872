//! Inter-task l2: tasks' parameters are pulled together.

use rayon::prelude::*;

use super::Penalty;
use crate::params::{Layout, Own, ParamId, Params, Place};
use crate::real::Real;
use crate::vector::{add_difference, distance, wide};

/// `strength * sum_{s,t} ||A_s - A_t||^2` over parameters `A` and *ordered* pairs of tasks.
///
/// Computed as `strength * 2 T sum_t ||A_t - mean A||^2`, without a loop over pairs.
#[derive(Debug, Clone)]
pub struct Spread<R> {
    strength: f64,
    places: Vec<Place>,
    mean: Vec<R>,
    values: Vec<f64>,
}

impl<R: Real> Spread<R> {
    /// Of these parameters, which every task has of its own.
    ///
    /// # Panics
    /// If one of them is shared.
    pub fn new(layout: &Layout, strength: f64, which: &[ParamId]) -> Self {
        let places: Vec<Place> = which.iter().map(|&id| layout.place(id).clone()).collect();
        assert!(places.iter().all(|place| place.own == Own::Task), "shared parameters do not differ between tasks");
        Self { strength, places, mean: vec![R::ZERO; layout.stride], values: vec![0.0; layout.tasks] }
    }
}

impl<R: Real> Penalty<R> for Spread<R> {
    fn add(&mut self, params: &Params<R>, grads: &mut Params<R>) -> f64 {
        let tasks = self.values.len();
        self.mean.fill(R::ZERO);
        for place in &self.places {
            let mean = &mut self.mean[place.range()];
            for task in 0..tasks {
                mean.iter_mut().zip(params.slice(place, task)).for_each(|(mean, &a)| *mean += a);
            }
            mean.iter_mut().for_each(|mean| *mean = *mean / R::of(tasks as f64));
        }
        let factor = R::of(4.0 * self.strength * tasks as f64);
        let rows = grads.tasks.par_chunks_mut(grads.stride.max(1)).zip(&mut self.values).enumerate();
        rows.for_each(|(task, (row, value))| {
            *value = wide(|| {
                let terms = self.places.iter().map(|place| {
                    let (own, mean) = (params.slice(place, task), &self.mean[place.range()]);
                    add_difference(factor, own, mean, &mut row[place.range()]);
                    distance(own, mean).wide()
                });
                terms.sum()
            });
        });
        2.0 * self.strength * tasks as f64 * self.values.iter().sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Role;
    use crate::penalty::{deviation, sample};

    #[test]
    fn every_pair_counts_twice() {
        let mut layout = Layout::new(4);
        let a = layout.push("a", Own::Task, Role::Weights, [1, 3, 2]);
        layout.push("b", Own::Task, Role::Bias, [1, 1, 2]);
        let params = sample(&layout);
        let mut expected = 0.0;
        for s in 0..4 {
            for t in 0..4 {
                let pairs = params.slice(layout.place(a), s).iter().zip(params.slice(layout.place(a), t));
                expected += 0.1 * pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
            }
        }
        let mut penalty = Spread::new(&layout, 0.1, &[a]);
        let value = penalty.add(&params, &mut Params::zeros(&layout));
        assert!((value - expected).abs() < 1e-12 * expected);
        assert!(deviation(&mut penalty, &params) < 1e-8);
    }
}
