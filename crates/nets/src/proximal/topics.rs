//! TOMATO's sparsity over tasks and topics.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Proximal;
use crate::params::{Layout, Own, ParamId, Params, Place};
use crate::real::Real;
use crate::vector::{square, wide};

/// Which norm of the `||s_kt||` is penalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `sum_kt ||s_kt||` (TOMATO-el).
    ElementWise,
    /// `1/2 sum_k (sum_t ||s_kt||)^2`: tasks compete for topics (TOMATO-ex).
    Exclusive,
}

/// The map of `strength *` a norm of all that task `t` has in block `k` of these parameters, taken as one vector `s_kt`.
#[derive(Debug, Clone)]
pub struct Topics {
    form: Form,
    strength: f64,
    places: Vec<Place>,
    blocks: usize,
    /// `tasks x blocks`: norms, then what they are multiplied with.
    factors: Vec<f64>,
    sorted: Vec<f64>,
}

impl Topics {
    /// On parameters that every task has of its own, all with the same number of blocks.
    ///
    /// # Panics
    /// If one is shared, or the numbers of blocks differ.
    pub fn new(layout: &Layout, form: Form, strength: f64, which: &[ParamId]) -> Self {
        let places: Vec<Place> = which.iter().map(|&id| layout.place(id).clone()).collect();
        let blocks = places.first().map_or(0, |place| place.shape[0]);
        assert!(places.iter().all(|p| p.own == Own::Task && p.shape[0] == blocks), "parameters of different topics");
        let (factors, sorted) = (vec![0.0; layout.tasks * blocks], Vec::with_capacity(layout.tasks));
        Self { form, strength, places, blocks, factors, sorted }
    }

    /// The penalty that the map stands for, of the norms `tasks x topics`.
    pub fn value(&self, norms: &[f64]) -> f64 {
        let of_topic = |k: usize| norms.iter().skip(k).step_by(self.blocks).sum::<f64>();
        let of_topic = |k: usize| match self.form {
            Form::ElementWise => of_topic(k),
            Form::Exclusive => 0.5 * of_topic(k).powi(2),
        };
        self.strength * (0..self.blocks).map(of_topic).sum::<f64>()
    }

    /// `||s_kt||`, `tasks x topics`.
    pub fn norms<R: Real>(&self, params: &Params<R>) -> Vec<f64> {
        let norm = |i: usize| {
            let parts = self.places.iter().map(|place| square(block(place, params, i / self.blocks, i % self.blocks)));
            parts.sum::<R>().sqrt().wide()
        };
        (0..self.factors.len()).into_par_iter().map(norm).collect()
    }
}

impl Topics {
    /// The map of the element-wise form, where no `s_kt` waits for another: each is scaled while it is at hand.
    fn shrink_each<R: Real>(&self, params: &mut Params<R>, step: f64) {
        let stride = params.stride.max(1);
        params.tasks.par_chunks_mut(stride).for_each(|row| {
            wide(|| {
                for k in 0..self.blocks {
                    let part = |place: &Place| {
                        let size = place.shape[1] * place.shape[2];
                        place.start + k * size..place.start + (k + 1) * size
                    };
                    let squares = self.places.iter().map(|place| square(&row[part(place)]));
                    let factor = R::of(left(squares.sum::<R>().sqrt().wide(), step));
                    for place in &self.places {
                        row[part(place)].iter_mut().for_each(|s| *s *= factor);
                    }
                }
            });
        });
    }
}

fn block<'a, R: Real>(place: &Place, params: &'a Params<R>, task: usize, k: usize) -> &'a [R] {
    let size = place.shape[1] * place.shape[2];
    &params.slice(place, task)[k * size..][..size]
}

impl<R: Real> Proximal<R> for Topics {
    fn apply(&mut self, params: &mut Params<R>, rate: f64) {
        let (step, blocks) = (self.strength * rate, self.blocks);
        if step == 0.0 || blocks == 0 {
            return;
        }
        if self.form == Form::ElementWise {
            return self.shrink_each(params, step);
        }
        let (read, places) = (&*params, &self.places);
        self.factors.par_chunks_mut(blocks).enumerate().for_each(|(task, norms)| {
            for (k, norm) in norms.iter_mut().enumerate() {
                let squares = places.iter().map(|place| wide(|| square(block(place, read, task, k))));
                *norm = squares.sum::<R>().sqrt().wide();
            }
        });
        for k in 0..blocks {
            self.sorted.clear();
            self.sorted.extend(self.factors.iter().skip(k).step_by(blocks));
            self.sorted.sort_by(|a, b| b.total_cmp(a));
            let taken = shrink_exclusive(&self.sorted, step);
            self.factors.iter_mut().skip(k).step_by(blocks).for_each(|factor| *factor = left(*factor, taken));
        }
        let factors = &self.factors;
        let stride = params.stride.max(1);
        params.tasks.par_chunks_mut(stride).enumerate().for_each(|(task, row)| {
            for place in places {
                let size = place.shape[1] * place.shape[2];
                for (k, part) in row[place.range()].chunks_exact_mut(size).enumerate() {
                    let factor = R::of(factors[task * blocks + k]);
                    wide(|| part.iter_mut().for_each(|s| *s *= factor));
                }
            }
        });
    }
}

/// What is left of a norm, as a share of it.
fn left(norm: f64, taken: f64) -> f64 {
    if norm > taken { 1.0 - taken / norm } else { 0.0 }
}

/// What the exclusive norm takes off every norm, given norms in falling order: `max_i (a_1 + .. + a_i) / (1/step + i)`.
pub fn shrink_exclusive(falling: &[f64], step: f64) -> f64 {
    let (mut sum, mut taken) = (0.0, 0.0);
    for (i, &norm) in falling.iter().enumerate() {
        if norm <= taken {
            break;
        }
        sum += norm;
        taken = sum / (1.0 / step + (i + 1) as f64);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Role;
    use crate::penalty::sample;

    #[test]
    fn fixtures_of_the_tomato_specification() {
        let cases: [(&[f64], f64, f64, &[f64]); 5] = [
            (&[2.0, 1.0, 0.0], 1.0, 1.0, &[1.0, 0.0, 0.0]),
            (&[5.0, 4.0, 3.0], 1.0, 3.0, &[2.0, 1.0, 0.0]),
            (&[5.0, 4.0, 3.0, 2.0, 1.0], 0.5, 2.4, &[2.6, 1.6, 0.6, 0.0, 0.0]),
            (&[5.0, 4.0, 3.0, 2.0, 1.0], 0.05, 0.6, &[4.4, 3.4, 2.4, 1.4, 0.4]),
            (&[2.0, 2.0, 2.0], 0.25, 6.0 / 7.0, &[8.0 / 7.0, 8.0 / 7.0, 8.0 / 7.0]),
        ];
        for (norms, step, taken, out) in cases {
            let got = shrink_exclusive(norms, step);
            assert!((got - taken).abs() < 1e-12);
            for (a, b) in norms.iter().zip(out) {
                assert!(((a - got).max(0.0) - b).abs() < 1e-12);
            }
            // A is the step times the sum of what is left.
            assert!((got - step * out.iter().sum::<f64>()).abs() < 1e-12);
        }
        assert!((shrink_exclusive(&[3.0], 0.5) - 3.0 * (1.0 - 1.0 / 1.5)).abs() < 1e-12);
    }

    /// The greedy rule against every set of surviving tasks.
    #[test]
    fn the_greedy_rule_is_the_optimum_over_all_subsets() {
        let noise = crate::noise::Noise::of_step(1, 2);
        for case in 0..400u64 {
            let n = 1 + (case % 8) as usize;
            let mut norms: Vec<f64> = (0..n).map(|i| noise.normal(1, case * 10 + i as u64).abs()).collect();
            norms.sort_by(|a, b| b.total_cmp(a));
            let step = 10f64.powf(noise.normal(2, case) * 2.0);
            let best = (1u32..1 << n)
                .map(|set| {
                    let chosen = norms.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1);
                    chosen.map(|(_, a)| a).sum::<f64>() / (1.0 / step + f64::from(set.count_ones()))
                })
                .fold(0.0, f64::max);
            assert!((best - shrink_exclusive(&norms, step)).abs() < 1e-12 * best.max(1.0));
        }
    }

    /// Minimisers of `sum (s - a)^2 / (2 step) + (sum s)^2 / 2` over `s >= 0`, by trying every set of positive entries.
    fn by_active_sets(norms: &[f64], step: f64) -> Vec<f64> {
        let n = norms.len();
        let sets = (0u32..1 << n).filter_map(|set| {
            let active = |i: usize| set >> i & 1 == 1;
            // On the set s = a - step S with S = sum s, off it zero.
            let sum: f64 = (0..n).filter(|&i| active(i)).map(|i| norms[i]).sum();
            let total = sum / (1.0 + step * f64::from(set.count_ones()));
            let s: Vec<f64> = (0..n).map(|i| if active(i) { norms[i] - step * total } else { 0.0 }).collect();
            s.iter().all(|s| *s >= 0.0).then_some(s)
        });
        let value = |s: &Vec<f64>| {
            let near: f64 = s.iter().zip(norms).map(|(s, a)| (s - a).powi(2)).sum();
            near / (2.0 * step) + s.iter().sum::<f64>().powi(2) / 2.0
        };
        sets.min_by(|a, b| value(a).total_cmp(&value(b))).expect("the empty set at least")
    }

    /// Invariants 1, 3 and 4 of the specification.
    #[test]
    fn the_exclusive_map_solves_its_quadratic_program() {
        let noise = crate::noise::Noise::of_step(3, 4);
        for case in 0..400u64 {
            let n = 1 + (case % 8) as usize;
            let mut norms: Vec<f64> = (0..n).map(|i| noise.normal(1, case * 10 + i as u64).abs()).collect();
            norms.sort_by(|a, b| b.total_cmp(a));
            let step = 10f64.powf(noise.normal(2, case) * 1.5);
            let taken = shrink_exclusive(&norms, step);
            let out: Vec<f64> = norms.iter().map(|a| (a - taken).max(0.0)).collect();
            for (a, b) in out.iter().zip(by_active_sets(&norms, step)) {
                assert!((a - b).abs() < 1e-9 * norms[0].max(1.0), "{norms:?} {step}");
            }
            assert!(out[0] > 0.0 && out.is_sorted_by(|a, b| a >= b), "the largest survives, and order");
            assert!((taken - step * out.iter().sum::<f64>()).abs() < 1e-9 * norms[0]);
        }
        for (tasks, step) in [(1, 0.3), (5, 0.3), (5, 40.0)] {
            let expected = f64::from(tasks) * 2.0 * step / (1.0 + f64::from(tasks) * step);
            assert!((shrink_exclusive(&vec![2.0; tasks as usize], step) - expected).abs() < 1e-12);
        }
        assert!(shrink_exclusive(&[3.0, 1.0], 1e-12) < 1e-11 && 3.0 - shrink_exclusive(&[3.0, 1.0], 1e12) < 1e-11);
    }

    /// The whole problem: no small change of the vectors makes it smaller. Topics do not depend on one another, and what is
    /// left keeps its direction (invariants 1 and 2).
    #[test]
    fn the_map_is_a_minimum_of_the_whole_problem() {
        let mut layout = Layout::new(5);
        let id = layout.push("w", Own::Task, Role::Weights, [3, 2, 2]);
        let noise = crate::noise::Noise::of_step(5, 6);
        for (form, step) in [(Form::ElementWise, 0.7), (Form::Exclusive, 0.7), (Form::Exclusive, 0.05)] {
            let before: Params<f64> = sample(&layout);
            let mut map = Topics::new(&layout, form, step, &[id]);
            let mut after = before.clone();
            map.apply(&mut after, 1.0);
            let value = |params: &Params<f64>| {
                let near: f64 = params.tasks.iter().zip(&before.tasks).map(|(s, v)| (s - v).powi(2)).sum();
                near / 2.0 + map.value(&map.norms(params))
            };
            let least = value(&after);
            for trial in 0..2000u64 {
                let mut other = after.clone();
                let size = 10f64.powi(-((trial % 5) as i32));
                for (i, s) in other.tasks.iter_mut().enumerate() {
                    *s += size * noise.normal(0, trial * 100 + i as u64);
                }
                assert!(value(&other) > least, "{form:?}");
            }
            let blocks = before.tasks.chunks_exact(4).zip(after.tasks.chunks_exact(4));
            for ((before, after), norms) in blocks.zip(map.norms(&before).into_iter().zip(map.norms(&after))) {
                let dot: f64 = before.iter().zip(after).map(|(a, b)| a * b).sum();
                assert!((dot - norms.0 * norms.1).abs() < 1e-12, "direction");
                assert!(form == Form::Exclusive || (norms.0 - norms.1 - norms.0.min(step)).abs() < 1e-12);
            }
            let mut alone = before.clone();
            (0..5).for_each(|t| alone.tasks[t * 12..][..4].fill(0.0));
            map.apply(&mut alone, 1.0);
            (0..5).for_each(|t| assert_eq!(alone.row(t)[4..], after.row(t)[4..], "topics are apart"));
        }
        let mut gone: Params<f64> = sample(&layout);
        let mut map = Topics::new(&layout, Form::ElementWise, 100.0, &[id]);
        map.apply(&mut gone, 1.0);
        assert!(gone.tasks.iter().all(|s| *s == 0.0));
        map.apply(&mut gone, 0.0);
        assert!(gone.tasks.iter().all(|s| *s == 0.0), "nothing of nothing is nothing");
    }

    #[test]
    fn norms_shrink_over_all_parameters_of_a_topic() {
        let mut layout = Layout::new(3);
        let ids =
            [layout.push("w", Own::Task, Role::Weights, [2, 3, 2]), layout.push("b", Own::Task, Role::Bias, [2, 1, 2])];
        layout.push("rest", Own::Task, Role::Weights, [1, 2, 2]);
        for form in [Form::ElementWise, Form::Exclusive] {
            let mut params = sample(&layout);
            let before = params.clone();
            let mut map = Topics::new(&layout, form, 4.0, &ids);
            let norms = map.norms(&params);
            map.apply(&mut params, 0.3);
            for (i, (&a, b)) in norms.iter().zip(map.norms(&params)).enumerate() {
                let mut topic: Vec<f64> = (0..3).map(|t| norms[t * 2 + i % 2]).collect();
                topic.sort_by(|a, b| b.total_cmp(a));
                let taken = if form == Form::ElementWise { 1.2 } else { shrink_exclusive(&topic, 1.2) };
                assert!((b - (a - taken).max(0.0)).abs() < 1e-12);
            }
            (0..3).for_each(|t| assert_eq!(before.row(t)[16..], params.row(t)[16..]));
        }
    }
}
