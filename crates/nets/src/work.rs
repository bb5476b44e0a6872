//! Forward and backward through a run of nodes, on a few rows and one thread.
//!
//! The derivatives are written by hand: every one is two products or a loop. All buffers are kept from step to step.

use std::ops::Range;

use crate::gemm::{Block, Out, Start, product, transpose, transposed_product};
use crate::net::{Activation, Dense, Net, Op};
use crate::noise::Noise;
use crate::params::Params;
use crate::real::Real;
use crate::vector::{dot, wide};

/// Values and derivatives of some rows at the nodes that a thread computes or reads.
#[derive(Debug, Clone)]
pub(crate) struct Work<R> {
    /// Per node, `rows x width`.
    pub values: Vec<Vec<R>>,
    /// Derivatives of the loss by `values`.
    pub grads: Vec<Vec<R>>,
    /// Room for transposed weights.
    turned: Vec<R>,
    /// Gates that are open, per node.
    open: Vec<Vec<R>>,
}

/// Which rows, of which task, at which step: all that a node's computation depends on besides parameters and input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    /// The task whose parameters are used. Shared parameters do not depend on it.
    pub task: usize,
    /// Position of the first row in the batch.
    pub first: usize,
    /// Number of rows.
    pub count: usize,
    /// Randomness of the step; none outside training.
    pub noise: Option<Noise>,
}

impl<R: Real> Work<R> {
    pub fn new(nodes: usize) -> Self {
        let none = || vec![Vec::new(); nodes];
        Self { values: none(), grads: none(), turned: Vec::new(), open: none() }
    }

    /// Makes room for so many rows of a node. Buffers only grow.
    pub fn reserve(&mut self, net: &Net, node: usize, rows: usize, grads: bool) {
        let len = rows * net.nodes[node].width;
        if self.values[node].len() < len {
            self.values[node].resize(len, R::ZERO);
        }
        if grads && self.grads[node].len() < len {
            self.grads[node].resize(len, R::ZERO);
        }
    }

    /// Computes the values of nodes from those of nodes before them.
    pub fn forward(&mut self, net: &Net, params: &Params<R>, nodes: Range<usize>, rows: Rows) {
        for node in nodes {
            let width = net.nodes[node].width;
            let (before, rest) = self.values.split_at_mut(node);
            let out = &mut rest[0][..rows.count * width];
            match &net.nodes[node].op {
                Op::Input => {}
                Op::Dense { from, dense } => {
                    let input = (&before[*from][..], net.nodes[*from].width);
                    dense_forward(net, params, dense, rows, input, out);
                }
                Op::Dropout { from, rate } => {
                    let input = &before[*from][..out.len()];
                    match rows.noise {
                        Some(noise) => {
                            let stay = noise.stay(*rate);
                            let scale = R::of(1.0 / (1.0 - rate));
                            let first = (rows.first * width) as u64;
                            for (i, (out, &x)) in out.iter_mut().zip(input).enumerate() {
                                *out = if noise.bits(node, first + i as u64) < stay { x * scale } else { R::ZERO };
                            }
                        }
                        None => out.copy_from_slice(input),
                    }
                }
                Op::Gates { from, means, sigma } => {
                    let means = params.slice(net.layout.place(*means), rows.task);
                    let open = &mut self.open[node];
                    open.resize(width, R::ZERO);
                    for (d, (open, mean)) in open.iter_mut().zip(means).enumerate() {
                        let draw = rows.noise.map_or(0.0, |noise| noise.normal(node, (rows.task * width + d) as u64));
                        *open = R::of((mean.wide() + 0.5 + sigma * draw).clamp(0.0, 1.0));
                    }
                    let input = before[*from].chunks_exact(width);
                    for (out, input) in out.chunks_exact_mut(width).zip(input) {
                        for ((out, &x), &open) in out.iter_mut().zip(input).zip(&*open) {
                            *out = x * open;
                        }
                    }
                }
                Op::Mix { gate, values } => {
                    let k = net.nodes[*gate].width;
                    let rows = before[*gate].chunks_exact(k).zip(before[*values].chunks_exact(k * width));
                    for (out, (gate, values)) in out.chunks_exact_mut(width).zip(rows) {
                        out.fill(R::ZERO);
                        for (&g, value) in gate.iter().zip(values.chunks_exact(width)) {
                            for (out, &v) in out.iter_mut().zip(value) {
                                *out += g * v;
                            }
                        }
                    }
                }
            }
        }
    }

    /// Derivatives by parameters and inputs of nodes, last first, from derivatives by their values.
    ///
    /// `out` is laid out as the shared vector or as a task's row, whichever the nodes' parameters are in; those of
    /// the nodes are overwritten. `filled[i]` tells whether somebody has already written to the derivatives of node
    /// `i`, and is kept up to date.
    pub fn backward(
        &mut self,
        net: &Net,
        params: &Params<R>,
        nodes: Range<usize>,
        rows: Rows,
        out: &mut [R],
        filled: &mut [bool],
    ) {
        for node in nodes.rev() {
            let width = net.nodes[node].width;
            let len = rows.count * width;
            let (before, rest) = self.grads.split_at_mut(node);
            let grad = &mut rest[0][..len];
            match &net.nodes[node].op {
                Op::Input => {}
                Op::Dense { from, dense } => {
                    activation_backward(dense.activation, &self.values[node][..len], grad, width);
                    let input = &self.values[*from];
                    let below = (*from > 0).then(|| (&mut before[*from][..], &mut filled[*from]));
                    let from_width = net.nodes[*from].width;
                    dense_parameters(net, dense, rows, (input, from_width), grad, out);
                    if let Some(below) = below {
                        dense_input(net, params, dense, rows, grad, below, from_width, &mut self.turned);
                    }
                }
                Op::Dropout { from, rate } => {
                    if *from > 0 {
                        let below = &mut before[*from][..len];
                        let add = std::mem::replace(&mut filled[*from], true);
                        let noise = rows.noise.map(|noise| (noise, noise.stay(*rate)));
                        let scale = R::of(1.0 / (1.0 - rate));
                        let first = (rows.first * width) as u64;
                        for (i, (below, &g)) in below.iter_mut().zip(&*grad).enumerate() {
                            let value = match noise {
                                Some((noise, stay)) if noise.bits(node, first + i as u64) < stay => g * scale,
                                Some(_) => R::ZERO,
                                None => g,
                            };
                            *below = if add { *below + value } else { value };
                        }
                    }
                }
                Op::Gates { from, means, .. } => {
                    let open = &self.open[node];
                    let sums = &mut out[net.layout.place(*means).range()];
                    sums.fill(R::ZERO);
                    let input = self.values[*from].chunks_exact(width);
                    for (grad, input) in grad.chunks_exact(width).zip(input) {
                        for ((sum, &g), &x) in sums.iter_mut().zip(grad).zip(input) {
                            *sum += g * x;
                        }
                    }
                    for (sum, &open) in sums.iter_mut().zip(open) {
                        if open <= R::ZERO || open >= R::ONE {
                            *sum = R::ZERO;
                        }
                    }
                    if *from > 0 {
                        let add = std::mem::replace(&mut filled[*from], true);
                        let below = before[*from].chunks_exact_mut(width);
                        for (below, grad) in below.zip(grad.chunks_exact(width)) {
                            for ((below, &g), &open) in below.iter_mut().zip(grad).zip(open) {
                                *below = if add { *below + g * open } else { g * open };
                            }
                        }
                    }
                }
                Op::Mix { gate, values } => {
                    let k = net.nodes[*gate].width;
                    let (gates, blocks) = (&self.values[*gate], &self.values[*values]);
                    let (add_gate, add_values) = (filled[*gate], filled[*values]);
                    (filled[*gate], filled[*values]) = (true, true);
                    for row in 0..rows.count {
                        let grad = &grad[row * width..][..width];
                        for b in 0..k {
                            let (at, block) = (row * k + b, (row * k + b) * width..(row * k + b + 1) * width);
                            let dot: R = grad.iter().zip(&blocks[block.clone()]).map(|(&g, &v)| g * v).sum();
                            let below = &mut before[*gate][at];
                            *below = if add_gate { *below + dot } else { dot };
                            let share = gates[at];
                            for (below, &g) in before[*values][block].iter_mut().zip(grad) {
                                *below = if add_values { *below + g * share } else { g * share };
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Sums and activation of a dense layer. `input` comes with its width.
fn dense_forward<R: Real>(
    net: &Net,
    params: &Params<R>,
    dense: &Dense,
    rows: Rows,
    (input, stride): (&[R], usize),
    out: &mut [R],
) {
    let place = net.layout.place(dense.weights);
    let [blocks, inputs, outputs] = place.shape;
    let weights = params.slice(place, rows.task);
    let bias = dense.bias.map(|bias| params.slice(net.layout.place(bias), rows.task));
    if rows.count == 0 {
        return;
    }
    for b in 0..blocks {
        let a = Block { data: &input[if dense.split { b * inputs } else { 0 }..], stride };
        let w = Block { data: &weights[b * inputs * outputs..], stride: outputs };
        let start = bias.map_or(Start::Zero, |bias| Start::Row(&bias[b * outputs..]));
        let c = Out { data: &mut out[b * outputs..], stride: blocks * outputs };
        product([rows.count, outputs, inputs], a, w, start, c);
    }
    match dense.activation {
        Activation::Linear => {}
        Activation::Relu => out.iter_mut().for_each(|x| *x = if *x > R::ZERO { *x } else { R::ZERO }),
        Activation::LeakyRelu(slope) => {
            let slope = R::of(slope);
            out.iter_mut().for_each(|x| *x = if *x > R::ZERO { *x } else { *x * slope });
        }
        Activation::Softmax => out.chunks_exact_mut(outputs).for_each(softmax),
    }
}

/// `exp(x)` over the sum of all, in place.
pub(crate) fn softmax<R: Real>(row: &mut [R]) {
    let largest = row.iter().fold(row[0], |a, &b| a.max(b));
    let mut sum = R::ZERO;
    for x in row.iter_mut() {
        *x = (*x - largest).exp();
        sum += *x;
    }
    row.iter_mut().for_each(|x| *x = *x / sum);
}

/// From derivatives by the layer's values to those by its sums, in place.
fn activation_backward<R: Real>(activation: Activation, values: &[R], grad: &mut [R], width: usize) {
    match activation {
        Activation::Linear => {}
        Activation::Relu => {
            grad.iter_mut().zip(values).for_each(|(g, &y)| *g = if y > R::ZERO { *g } else { R::ZERO });
        }
        Activation::LeakyRelu(slope) => {
            let slope = R::of(slope);
            grad.iter_mut().zip(values).for_each(|(g, &y)| *g = if y > R::ZERO { *g } else { *g * slope });
        }
        Activation::Softmax => {
            for (grad, values) in grad.chunks_exact_mut(width).zip(values.chunks_exact(width)) {
                let mean: R = grad.iter().zip(values).map(|(&g, &y)| g * y).sum();
                grad.iter_mut().zip(values).for_each(|(g, &y)| *g = y * (*g - mean));
            }
        }
    }
}

/// `X' G` and the column sums of `G`, for every block.
fn dense_parameters<R: Real>(
    net: &Net,
    dense: &Dense,
    rows: Rows,
    (input, stride): (&[R], usize),
    grad: &[R],
    out: &mut [R],
) {
    let place = net.layout.place(dense.weights);
    let [blocks, inputs, outputs] = place.shape;
    let width = blocks * outputs;
    if rows.count == 0 {
        // A task without rows has no input to take blocks of either.
        let places = [Some(dense.weights), dense.bias].into_iter().flatten();
        places.for_each(|id| out[net.layout.place(id).range()].fill(R::ZERO));
        return;
    }
    let weights = &mut out[place.range()];
    for b in 0..blocks {
        let a = Block { data: &input[if dense.split { b * inputs } else { 0 }..], stride };
        let g = Block { data: &grad[b * outputs..], stride: width };
        let c = Out { data: &mut weights[b * inputs * outputs..][..inputs * outputs], stride: outputs };
        transposed_product([inputs, outputs, rows.count], a, g, Start::Zero, c);
    }
    if let Some(bias) = dense.bias {
        let sums = &mut out[net.layout.place(bias).range()];
        sums.fill(R::ZERO);
        for row in grad.chunks_exact(width) {
            sums.iter_mut().zip(row).for_each(|(sum, &g)| *sum += g);
        }
    }
}

/// Rows of a task for which turning the weights of many blocks takes longer than the product itself.
const FEW: usize = 8;

/// `G W'` of a few rows, for every block: each number is a product of two rows in memory.
fn few_rows<R: Real>(
    [blocks, inputs, outputs]: [usize; 3],
    split: bool,
    weights: &[R],
    (grad, count): (&[R], usize),
    (below, stride): (&mut [R], usize),
    add: bool,
) {
    wide(|| {
        for b in 0..blocks {
            let add = add || (b > 0 && !split);
            let block = &weights[b * inputs * outputs..][..inputs * outputs];
            for row in 0..count {
                let grad = &grad[(row * blocks + b) * outputs..][..outputs];
                let below = &mut below[row * stride + if split { b * inputs } else { 0 }..][..inputs];
                for (below, weights) in below.iter_mut().zip(block.chunks_exact(outputs)) {
                    let sum = dot(grad, weights);
                    *below = if add { *below + sum } else { sum };
                }
            }
        }
    });
}

/// `G W'`, for every block.
#[allow(clippy::too_many_arguments)]
fn dense_input<R: Real>(
    net: &Net,
    params: &Params<R>,
    dense: &Dense,
    rows: Rows,
    grad: &[R],
    (below, filled): (&mut [R], &mut bool),
    stride: usize,
    turned: &mut Vec<R>,
) {
    let place = net.layout.place(dense.weights);
    let [blocks, inputs, outputs] = place.shape;
    let weights = params.slice(place, rows.task);
    let add = std::mem::replace(filled, true);
    if rows.count == 0 {
        return;
    }
    if blocks > 1 && outputs >= 16 && rows.count <= FEW {
        return few_rows(place.shape, dense.split, weights, (grad, rows.count), (below, stride), add);
    }
    turned.resize(turned.len().max(inputs * outputs), R::ZERO);
    for b in 0..blocks {
        transpose([inputs, outputs], &weights[b * inputs * outputs..], turned);
        let g = Block { data: &grad[b * outputs..], stride: blocks * outputs };
        let w = Block { data: &turned[..], stride: inputs };
        let c = Out { data: &mut below[if dense.split { b * inputs } else { 0 }..], stride };
        let start = if add || (b > 0 && !dense.split) { Start::Add } else { Start::Zero };
        product([rows.count, inputs, outputs], g, w, start, c);
    }
}
