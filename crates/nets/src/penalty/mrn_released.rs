//! Multilinear relationship networks as TOMATO's released program has them.

use super::Penalty;
use super::mrn::{LARGEST_TRACE, RIDGE, SMALL};
use crate::gemm::{Block, Out, Start, product, transpose};
use crate::params::{Layout, Own, ParamId, Params, Place};
use crate::real::Real;
use crate::symmetric::singular;
use crate::vector::{add, dot};

/// As [`Mrn`](super::Mrn) with all three covariances, but for what the program's contraction does to the axes.
///
/// Multiplying a tensor `W_toi` (tasks, outputs, inputs) by its three matrices, the program is left with the axes in reverse,
/// `Y_iot`, and takes the inner product of both as they lie in memory. So identities do not give `||W||^2` but a form that can
/// be negative. The same happens to what the covariances are made of, which is then not symmetric: its inverse comes from a
/// singular value decomposition, transposed.
#[derive(Debug, Clone)]
pub struct MrnReleased<R> {
    strength: f64,
    every: usize,
    layers: Vec<Layer<R>>,
}

#[derive(Debug, Clone)]
struct Layer<R> {
    place: Place,
    /// Tasks, outputs, inputs.
    sizes: [usize; 3],
    /// Over tasks, outputs, inputs.
    inverses: [Vec<R>; 3],
}

impl<R: Real> MrnReleased<R> {
    /// On layers that every task has of its own.
    ///
    /// # Panics
    /// If one of them is shared or has several blocks.
    pub fn new(layout: &Layout, strength: f64, every: usize, which: &[ParamId]) -> Self {
        let layer = |&id: &ParamId| {
            let place = layout.place(id).clone();
            assert!(place.own == Own::Task && place.shape[0] == 1, "{} is no layer stacked over tasks", place.name);
            let sizes = [layout.tasks, place.shape[2], place.shape[1]];
            let identity = |n: usize| (0..n * n).map(|i| if i % (n + 1) == 0 { R::ONE } else { R::ZERO }).collect();
            Layer { place, sizes, inverses: sizes.map(identity) }
        };
        Self { strength, every, layers: which.iter().map(layer).collect() }
    }
}

impl<R: Real> Layer<R> {
    /// The weights, tasks x outputs x inputs.
    fn tensor(&self, params: &Params<R>) -> Vec<R> {
        let [tasks, outputs, inputs] = self.sizes;
        let mut w = vec![R::ZERO; tasks * outputs * inputs];
        for (task, out) in w.chunks_exact_mut(outputs * inputs).enumerate() {
            transpose([inputs, outputs], params.slice(&self.place, task), out);
        }
        w
    }

    /// The form's value is `w' P C w`: `C` multiplies along all axes, `P` reverses them in memory.
    fn add(&self, strength: f64, params: &Params<R>, grads: &mut Params<R>) -> f64 {
        let w = self.tensor(params);
        let [t, o, i] = self.sizes;
        let forth = self.inverses.each_ref();
        let back = [0, 1, 2].map(|n| turned(self.sizes[n], forth[n]));
        let mut derivative = reverse([t, o, i], &contract(self.sizes, forth.map(|c| Some(&c[..])), w.clone()));
        let value = dot(&w, &derivative).wide();
        let other = contract(self.sizes, back.each_ref().map(|c| Some(&c[..])), reverse([i, o, t], &w));
        add(R::ONE, &other, &mut derivative);
        let mut row = vec![R::ZERO; o * i];
        for (task, part) in derivative.chunks_exact(o * i).enumerate() {
            transpose([o, i], part, &mut row);
            add(R::of(strength), &row, grads.slice_mut(&self.place, task));
        }
        strength * value
    }

    fn follow(&mut self, params: &Params<R>) {
        let w = self.tensor(params);
        let new = [[0, 1, 2], [1, 0, 2], [2, 0, 1]].map(|axes| {
            let sizes = axes.map(|axis| self.sizes[axis]);
            let own = permute(self.sizes, axes, &w);
            let others = [None, Some(&self.inverses[axes[1]][..]), Some(&self.inverses[axes[2]][..])];
            let product = reverse(sizes, &contract(sizes, others, own.clone()));
            let (n, rest) = (sizes[0], sizes[1] * sizes[2]);
            let entry = |m: usize| {
                let (i, j) = (m / n, m % n);
                let moment = dot(&own[i * rest..][..rest], &product[j * rest..][..rest]).wide();
                moment + if i == j { RIDGE } else { 0.0 }
            };
            invert(n, &(0..n * n).map(entry).collect::<Vec<_>>())
        });
        for (inverse, new) in self.inverses.iter_mut().zip(new) {
            // What cannot be decomposed leaves the inverse as it is: a loss that is not finite ends the run anyway.
            if let Some(new) = new {
                inverse.iter_mut().zip(new).for_each(|(c, x)| *c = R::of(x));
            }
        }
    }
}

fn turned<R: Real>(n: usize, matrix: &[R]) -> Vec<R> {
    let mut out = vec![R::ZERO; n * n];
    transpose([n, n], matrix, &mut out);
    out
}

/// Multiplies a tensor along each of its axes by that axis's matrix, where there is one; the axes stay in place.
fn contract<R: Real>(sizes: [usize; 3], matrices: [Option<&[R]>; 3], mut x: Vec<R>) -> Vec<R> {
    let mut out = vec![R::ZERO; x.len()];
    for (axis, matrix) in matrices.into_iter().enumerate() {
        let Some(matrix) = matrix else { continue };
        let (n, inner) = (sizes[axis], sizes[axis + 1..].iter().product::<usize>());
        if inner == 1 {
            let right = turned(n, matrix);
            let (left, right) = (Block { data: &x[..], stride: n }, Block { data: &right[..], stride: n });
            product([x.len() / n, n, n], left, right, Start::Zero, Out { data: &mut out, stride: n });
        } else {
            for (x, out) in x.chunks_exact(n * inner).zip(out.chunks_exact_mut(n * inner)) {
                let (left, right) = (Block { data: matrix, stride: n }, Block { data: x, stride: inner });
                product([n, inner, n], left, right, Start::Zero, Out { data: out, stride: inner });
            }
        }
        std::mem::swap(&mut x, &mut out);
    }
    x
}

/// A tensor with its axes in reverse.
fn reverse<R: Real>(sizes: [usize; 3], x: &[R]) -> Vec<R> {
    permute(sizes, [2, 1, 0], x)
}

/// A tensor with its axes in another order.
fn permute<R: Real>(sizes: [usize; 3], axes: [usize; 3], x: &[R]) -> Vec<R> {
    let strides = [sizes[1] * sizes[2], sizes[2], 1];
    let mut out = Vec::with_capacity(x.len());
    for a in 0..sizes[axes[0]] {
        for b in 0..sizes[axes[1]] {
            let start = a * strides[axes[0]] + b * strides[axes[1]];
            out.extend(x[start..].iter().step_by(strides[axes[2]]).take(sizes[axes[2]]));
        }
    }
    out
}

/// The program's inverse, transposed, of any square matrix; none of one with entries that are not finite.
fn invert(n: usize, matrix: &[f64]) -> Option<Vec<f64>> {
    let (u, values, v) = singular(n, matrix)?;
    let inverses: Vec<f64> = values.iter().map(|&s| if s > SMALL { 1.0 / s } else { s }).collect();
    let entry = |i: usize| {
        let (a, b) = (&u[i / n * n..][..n], &v[i % n * n..][..n]);
        inverses.iter().zip(a).zip(b).map(|((s, a), b)| s * a * b).sum::<f64>()
    };
    let mut out: Vec<f64> = (0..n * n).map(entry).collect();
    let trace: f64 = out.iter().step_by(n + 1).sum();
    if trace > LARGEST_TRACE {
        out.iter_mut().for_each(|x| *x *= LARGEST_TRACE / trace);
    }
    Some(out)
}

impl<R: Real> Penalty<R> for MrnReleased<R> {
    fn add(&mut self, params: &Params<R>, grads: &mut Params<R>) -> f64 {
        self.layers.iter().map(|layer| layer.add(self.strength, params, grads)).sum()
    }

    fn after_step(&mut self, steps: usize, params: &Params<R>) {
        if self.every > 0 && steps.is_multiple_of(self.every) {
            self.layers.iter_mut().for_each(|layer| layer.follow(params));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Role;
    use crate::penalty::{deviation, sample};

    /// Against the definition written out index by index: an axis at a time, each product putting the new axis first.
    #[test]
    fn axes_are_reversed_as_in_the_program() {
        let mut layout = Layout::new(3);
        layout.push("other", Own::Task, Role::Bias, [1, 1, 2]);
        let id = layout.push("w", Own::Task, Role::Weights, [1, 4, 2]);
        let params = sample(&layout);
        let mut penalty = MrnReleased::new(&layout, 0.5, 5, &[id]);
        // tensordot(c, x, axes=(1, axis)): the shape of x without that axis, after the one of c.
        let tensordot = |c: &[f64], (shape, x): ([usize; 3], Vec<f64>), axis: usize| {
            let rest: Vec<usize> = (0..3).filter(|a| *a != axis).collect();
            let n = shape[axis];
            let new = [n, shape[rest[0]], shape[rest[1]]];
            let mut out = vec![0.0; x.len()];
            for (l, x) in x.iter().enumerate() {
                let at = [l / (shape[1] * shape[2]), l / shape[2] % shape[1], l % shape[2]];
                for i in 0..n {
                    out[(i * new[1] + at[rest[0]]) * new[2] + at[rest[1]]] += c[i * n + at[axis]] * x;
                }
            }
            (new, out)
        };
        let w = penalty.layers[0].tensor(&params);
        let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let value = |c: &[Vec<f64>; 3]| {
            let done = (0..3).fold(([3, 2, 4], w.clone()), |x, axis| tensordot(&c[axis], x, axis));
            0.5 * inner(&w, &done.1)
        };
        let squares = 0.5 * inner(&w, &w);
        for round in 0..3 {
            let expected = value(&penalty.layers[0].inverses);
            let found = penalty.add(&params, &mut Params::zeros(&layout));
            assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{round}: {found} {expected}");
            assert!((found - squares).abs() > 0.1 * squares, "not the norm");
            assert!(deviation(&mut penalty, &params) < 1e-8);
            let old = penalty.layers[0].inverses.clone();
            let moments = [[0, 1, 2], [1, 0, 2], [2, 0, 1]].map(|axes: [usize; 3]| {
                let shape = axes.map(|axis| [3, 2, 4][axis]);
                let own = permute([3, 2, 4], axes, &w);
                let done = (1..3).fold((shape, own.clone()), |x, axis| tensordot(&old[axes[axis]], x, axis)).1;
                let (n, rest) = (shape[0], shape[1] * shape[2]);
                let entry = |m: usize| inner(&own[m / n * rest..][..rest], &done[m % n * rest..][..rest]);
                (0..n * n).map(|m| entry(m) + if m % (n + 1) == 0 { 1e-5 } else { 0.0 }).collect::<Vec<f64>>()
            });
            penalty.after_step(4, &params);
            assert_eq!(penalty.layers[0].inverses, old);
            penalty.after_step(5, &params);
            for (n, (moment, inverse)) in [3, 2, 4].into_iter().zip(moments.iter().zip(&penalty.layers[0].inverses)) {
                let expected = invert(n, moment).expect("finite entries");
                assert!(expected.iter().zip(inverse).all(|(a, b)| (a - b).abs() < 1e-9 * a.abs().max(1.0)));
            }
        }
    }

    #[test]
    fn inverses_are_transposed_and_small_values_stay() {
        let matrix = [2.0, 1.0, 0.0, 0.5];
        let inverse = invert(2, &matrix).expect("finite entries");
        // inv = [0.5, -1; 0, 2], transposed.
        for (a, b) in inverse.iter().zip([0.5, 0.0, -1.0, 2.0]) {
            assert!((a - b).abs() < 1e-12, "{inverse:?}");
        }
        let small = invert(2, &[0.05, 0.0, 0.0, 4.0]).expect("finite entries");
        assert!((small[0] - 0.05).abs() < 1e-15 && (small[3] - 0.25).abs() < 1e-15);
        assert_eq!(invert(1, &[f64::NAN]), None);
    }
}
