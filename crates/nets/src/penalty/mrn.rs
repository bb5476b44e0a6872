//! Multilinear relationship networks: a tensor-normal prior whose covariances follow the weights.

use rayon::prelude::*;

use super::Penalty;
use crate::gemm::{Block, Out, Start, product, transposed_product};
use crate::params::{Layout, Own, ParamId, Params, Place};
use crate::real::Real;
use crate::symmetric::eigen;
use crate::vector::{add, dot, wide};

/// Singular values up to this stay as they are where a covariance is inverted.
pub(super) const SMALL: f64 = 0.1;
/// Inverses are scaled down to this trace.
pub(super) const LARGEST_TRACE: f64 = 3000.0;
/// Added to the diagonal of what is inverted.
pub(super) const RIDGE: f64 = 1e-5;

/// Which covariances follow the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axes {
    /// Those between tasks, between inputs and between outputs (as in TOMATO's comparison).
    All,
    /// Those between tasks alone (the default of MRN's own code).
    Tasks,
}

/// `strength * vec(W)' (C_T x C_in x C_out) vec(W)` over stacked layers `W`, with inverse covariances that start as
/// identities and are set to `inv(W_(n) (product of the others) W_(n)' + 1e-5 I)` every so many steps, from the weights
/// after the step. `inv` leaves singular values up to 0.1 as they are and scales to a trace of at most 3000.
#[derive(Debug, Clone)]
pub struct Mrn<R> {
    strength: f64,
    every: usize,
    axes: Axes,
    layers: Vec<Precisions<R>>,
}

/// A layer's inverse covariances, and room for products.
#[derive(Debug, Clone)]
struct Precisions<R> {
    place: Place,
    tasks: Vec<R>,
    inputs: Vec<R>,
    outputs: Vec<R>,
    /// `C_in W_t C_out`, per task.
    turned: Vec<R>,
    half: Vec<R>,
    values: Vec<f64>,
}

impl<R: Real> Mrn<R> {
    /// On layers that every task has of its own.
    ///
    /// # Panics
    /// If one of them is shared or has several blocks.
    pub fn new(layout: &Layout, strength: f64, every: usize, axes: Axes, which: &[ParamId]) -> Self {
        let layers = which.iter().map(|&id| Precisions::new(layout.place(id).clone(), layout.tasks)).collect();
        Self { strength, every, axes, layers }
    }
}

impl<R: Real> Precisions<R> {
    fn new(place: Place, tasks: usize) -> Self {
        assert!(place.own == Own::Task && place.shape[0] == 1, "{} is no layer stacked over tasks", place.name);
        let identity = |n: usize| (0..n * n).map(|i| if i % (n + 1) == 0 { R::ONE } else { R::ZERO }).collect();
        let room = vec![R::ZERO; tasks * place.len()];
        Self {
            tasks: identity(tasks),
            inputs: identity(place.shape[1]),
            outputs: identity(place.shape[2]),
            turned: room.clone(),
            half: room,
            values: vec![0.0; tasks],
            place,
        }
    }

    /// Fills `turned` with `C_in W_t C_out`.
    fn turn(&mut self, params: &Params<R>) {
        let [_, inputs, outputs] = self.place.shape;
        let size = inputs * outputs;
        let jobs = self.turned.par_chunks_mut(size).zip(self.half.par_chunks_mut(size)).enumerate();
        jobs.for_each(|(task, (turned, half))| {
            let w = Block { data: params.slice(&self.place, task), stride: outputs };
            let left = Block { data: &self.inputs[..], stride: inputs };
            product([inputs, outputs, inputs], left, w, Start::Zero, Out { data: half, stride: outputs });
            let half = Block { data: &*half, stride: outputs };
            let right = Block { data: &self.outputs[..], stride: outputs };
            product([inputs, outputs, outputs], half, right, Start::Zero, Out { data: turned, stride: outputs });
        });
    }

    fn add(&mut self, strength: f64, params: &Params<R>, grads: &mut Params<R>) -> f64 {
        self.turn(params);
        let (size, count) = (self.place.len(), self.values.len());
        let jobs = grads.tasks.par_chunks_mut(grads.stride).zip(&mut self.values).enumerate();
        let (half, turned, tasks) = (&mut self.half, &self.turned, &self.tasks);
        jobs.zip(half.par_chunks_mut(size)).for_each(|((task, (row, value)), sum)| {
            wide(|| {
                sum.fill(R::ZERO);
                let others = tasks[task * count..(task + 1) * count].iter().zip(turned.chunks_exact(size));
                others.for_each(|(&c, other)| add(c, other, sum));
                *value = dot(params.slice(&self.place, task), sum).wide();
                add(R::of(2.0 * strength), sum, &mut row[self.place.range()]);
            });
        });
        strength * self.values.iter().sum::<f64>()
    }

    /// New inverse covariances, all from the old ones.
    fn follow(&mut self, axes: Axes, params: &Params<R>) {
        self.turn(params);
        let (size, count) = (self.place.len(), self.values.len());
        let [_, inputs, outputs] = self.place.shape;
        let mut between = vec![0.0; count * count];
        for (i, m) in between.iter_mut().enumerate() {
            let turned = &self.turned[i % count * size..][..size];
            *m = dot(params.slice(&self.place, i / count), turned).wide();
        }
        if axes == Axes::All {
            // With U_t = sum_s C_ts W_s: sum_t U_t C_out W_t' and sum_t U_t' C_in W_t.
            let (mut of_inputs, mut of_outputs) = (vec![R::ZERO; inputs * inputs], vec![R::ZERO; outputs * outputs]);
            let (mut mixed, mut room) = (vec![R::ZERO; size], vec![R::ZERO; size]);
            let mut transposed = vec![R::ZERO; size];
            for task in 0..count {
                mixed.fill(R::ZERO);
                (0..count).for_each(|s| add(self.tasks[task * count + s], params.slice(&self.place, s), &mut mixed));
                let own = params.slice(&self.place, task);
                crate::gemm::transpose([inputs, outputs], own, &mut transposed);
                let (u, w) = (Block { data: &mixed[..], stride: outputs }, Block { data: own, stride: outputs });
                let c = Block { data: &self.outputs[..], stride: outputs };
                product([inputs, outputs, outputs], u, c, Start::Zero, Out { data: &mut room, stride: outputs });
                let (left, right) =
                    (Block { data: &room[..], stride: outputs }, Block { data: &transposed[..], stride: inputs });
                let out = Out { data: &mut of_inputs[..], stride: inputs };
                product([inputs, inputs, outputs], left, right, Start::Add, out);
                let c = Block { data: &self.inputs[..], stride: inputs };
                product([inputs, outputs, inputs], c, w, Start::Zero, Out { data: &mut room, stride: outputs });
                let right = Block { data: &room[..], stride: outputs };
                let out = Out { data: &mut of_outputs[..], stride: outputs };
                transposed_product([outputs, outputs, inputs], u, right, Start::Add, out);
            }
            invert(inputs, of_inputs.iter().map(|x| x.wide()).collect(), &mut self.inputs);
            invert(outputs, of_outputs.iter().map(|x| x.wide()).collect(), &mut self.outputs);
        }
        invert(count, between, &mut self.tasks);
    }
}

/// The program's inverse of a symmetric matrix. What cannot be decomposed leaves `out` as it is: a loss that is not
/// finite ends the run anyway.
fn invert<R: Real>(n: usize, mut matrix: Vec<f64>, out: &mut [R]) {
    for i in 0..n {
        matrix[i * n + i] += RIDGE;
        for j in 0..i {
            let mean = f64::midpoint(matrix[i * n + j], matrix[j * n + i]);
            (matrix[i * n + j], matrix[j * n + i]) = (mean, mean);
        }
    }
    let Some((values, vectors)) = eigen(n, &matrix) else { return };
    let inverses: Vec<f64> = values.iter().map(|&s| if s > SMALL { 1.0 / s } else { s.max(0.0) }).collect();
    let trace: f64 = inverses.iter().sum();
    let scale = if trace > LARGEST_TRACE { LARGEST_TRACE / trace } else { 1.0 };
    for (i, out) in out.iter_mut().enumerate() {
        let (a, b) = (&vectors[i / n * n..][..n], &vectors[i % n * n..][..n]);
        *out = R::of(scale * inverses.iter().zip(a).zip(b).map(|((s, a), b)| s * a * b).sum::<f64>());
    }
}

impl<R: Real> Penalty<R> for Mrn<R> {
    fn add(&mut self, params: &Params<R>, grads: &mut Params<R>) -> f64 {
        self.layers.iter_mut().map(|layer| layer.add(self.strength, params, grads)).sum()
    }

    fn after_step(&mut self, steps: usize, params: &Params<R>) {
        if self.every > 0 && steps.is_multiple_of(self.every) {
            self.layers.iter_mut().for_each(|layer| layer.follow(self.axes, params));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Role;
    use crate::penalty::{deviation, sample};

    fn problem() -> (Layout, ParamId, Params<f64>) {
        let mut layout = Layout::new(3);
        layout.push("other", Own::Task, Role::Bias, [1, 1, 2]);
        let id = layout.push("w", Own::Task, Role::Weights, [1, 4, 2]);
        let params = sample(&layout);
        (layout, id, params)
    }

    #[test]
    fn identities_give_the_squared_norm() {
        let (layout, id, params) = problem();
        let mut penalty = Mrn::new(&layout, 0.5, 10, Axes::All, &[id]);
        let squares: f64 = (0..3).flat_map(|t| params.slice(layout.place(id), t)).map(|x| x * x).sum();
        let value = penalty.add(&params, &mut Params::zeros(&layout));
        assert!((value - 0.5 * squares).abs() < 1e-12 * value);
    }

    /// After an update the value is that of the explicit Kronecker product, whose factors are the inverses of the
    /// explicit unfoldings' second moments.
    #[test]
    fn covariances_follow_as_defined() {
        let (layout, id, params) = problem();
        let place = layout.place(id).clone();
        let w = |t: usize, i: usize, j: usize| params.slice(&place, t)[i * 2 + j];
        for axes in [Axes::All, Axes::Tasks] {
            let mut penalty = Mrn::new(&layout, 1.0, 5, axes, &[id]);
            penalty.after_step(4, &params);
            penalty.after_step(5, &params);
            penalty.after_step(10, &params);
            let mut c: [Vec<f64>; 3] =
                [3, 4, 2].map(|n| (0..n * n).map(|i| if i % (n + 1) == 0 { 1.0 } else { 0.0 }).collect());
            // Every pair of entries of the tensor: its indices, interleaved, and the product.
            let pairs = || {
                (0..576).map(|l| {
                    let [t, i, j] = [l / 24 / 8, l / 24 / 2 % 4, l / 24 % 2];
                    let [s, k, m] = [l % 24 / 8, l % 24 / 2 % 4, l % 24 % 2];
                    ([t * 3 + s, i * 4 + k, j * 2 + m], w(t, i, j) * w(s, k, m))
                })
            };
            for _ in 0..2 {
                let mut moments = [vec![0.0; 9], vec![0.0; 16], vec![0.0; 4]];
                for ([t, i, j], product) in pairs() {
                    moments[0][t] += product * c[1][i] * c[2][j];
                    moments[1][i] += product * c[0][t] * c[2][j];
                    moments[2][j] += product * c[0][t] * c[1][i];
                }
                for (n, (moment, c)) in [3, 4, 2].into_iter().zip(moments.into_iter().zip(&mut c)) {
                    if axes == Axes::All || n == 3 {
                        invert(n, moment, c);
                    }
                }
            }
            let expected: f64 = pairs().map(|([t, i, j], product)| product * c[0][t] * c[1][i] * c[2][j]).sum();
            let value = penalty.add(&params, &mut Params::zeros(&layout));
            assert!((value - expected).abs() < 1e-10 * expected.abs(), "{value} {expected}");
            assert!(deviation(&mut penalty, &params) < 1e-8);
        }
    }
}
