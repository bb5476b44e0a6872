//! Squared Frobenius norms.

use rayon::prelude::*;

use super::Penalty;
use crate::params::{Layout, Own, ParamId, Params, Place};
use crate::real::Real;
use crate::vector::{add, square, wide};

/// `strength * sum ||W||_F^2` over parameters, over all tasks where every task has its own. No factor 1/2.
#[derive(Debug, Clone)]
pub struct Decay {
    strength: f64,
    shared: Vec<Place>,
    own: Vec<Place>,
    values: Vec<f64>,
}

impl Decay {
    /// Of these parameters.
    pub fn new(layout: &Layout, strength: f64, which: &[ParamId]) -> Self {
        let (shared, own) = which.iter().map(|&id| layout.place(id).clone()).partition(|p| p.own == Own::Shared);
        Self { strength, shared, own, values: vec![0.0; layout.tasks] }
    }
}

impl<R: Real> Penalty<R> for Decay {
    fn add(&mut self, params: &Params<R>, grads: &mut Params<R>) -> f64 {
        let twice = R::of(2.0 * self.strength);
        let mut sum = 0.0;
        for place in &self.shared {
            let w = &params.shared[place.range()];
            sum += wide(|| {
                add(twice, w, &mut grads.shared[place.range()]);
                square(w).wide()
            });
        }
        let rows = grads.tasks.par_chunks_mut(grads.stride.max(1)).zip(&mut self.values).enumerate();
        rows.for_each(|(task, (row, value))| {
            *value = wide(|| {
                let terms = self.own.iter().map(|place| {
                    let w = params.slice(place, task);
                    add(twice, w, &mut row[place.range()]);
                    square(w).wide()
                });
                terms.sum()
            });
        });
        self.strength * (sum + self.values.iter().sum::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Role;
    use crate::penalty::{deviation, sample};

    #[test]
    fn squared_norms_without_a_half() {
        let mut layout = Layout::new(3);
        let shared = layout.push("a", Own::Shared, Role::Weights, [1, 2, 5]);
        layout.push("b", Own::Task, Role::Weights, [1, 2, 2]);
        let own = layout.push("c", Own::Task, Role::Weights, [1, 3, 3]);
        let params = sample(&layout);
        let mut penalty = Decay::new(&layout, 0.3, &[shared, own]);
        let own_sum: f64 = (0..3).flat_map(|t| params.slice(layout.place(own), t)).map(|x| x * x).sum();
        let expected = 0.3 * (own_sum + params.shared.iter().map(|x| x * x).sum::<f64>());
        assert!((penalty.add(&params, &mut Params::zeros(&layout)) - expected).abs() < 1e-12 * expected);
        assert!(deviation(&mut penalty, &params) < 1e-8);
    }
}
