//! A layer stacked over tasks as a product of factors.

use rayon::prelude::*;

use super::{Reparametrisation, copy};
use crate::gemm::{Block, Out, Start, product, transpose, transposed_product};
use crate::params::{Layout, Own, ParamId, Params, Place, Role};
use crate::real::Real;
use crate::symmetric::eigen;
use crate::vector::{add, dot};

/// `W = S x_1 U_1 x_2 U_2 x_3 U_3` over inputs, outputs and tasks (DMTRL's Tucker form).
///
/// A parameter `NAME` of the network becomes the shared `NAME.core` (ranks `r_3 x r_1 x r_2`), `NAME.inputs`,
/// `NAME.outputs` and `NAME.tasks`.
#[derive(Debug, Clone)]
pub struct Tucker<R> {
    layout: Layout,
    layers: Vec<Factored<R>>,
    /// Parameters used as they are: the network's place and the free one.
    same: Vec<(Place, Place)>,
    reverse: Vec<(Place, Place)>,
}

#[derive(Debug, Clone)]
struct Factored<R> {
    place: Place,
    /// Core, inputs, outputs, tasks.
    factors: [Place; 4],
    /// Per task, room for every product, and its share of the derivatives by core, inputs and outputs.
    rooms: Vec<Room<R>>,
}

#[derive(Debug, Clone)]
struct Room<R> {
    /// `M_t = sum_c U_3[t, c] S_c`, `r_1 x r_2`.
    middle: Vec<R>,
    /// `U_1 M_t`, `inputs x r_2`.
    left: Vec<R>,
    /// `U_2'`, `r_2 x outputs`; then `M_t'`.
    turned: Vec<R>,
    by_middle: Vec<R>,
    by_inputs: Vec<R>,
    by_outputs: Vec<R>,
    by_tasks: Vec<R>,
}

impl<R: Real> Tucker<R> {
    /// For layers that every task has of its own, with the ranks over inputs, outputs and tasks.
    ///
    /// # Panics
    /// If one of them is shared or has several blocks.
    pub fn new(net: &Layout, which: &[(ParamId, [usize; 3])]) -> Self {
        let mut layout = Layout::new(net.tasks);
        let mut same = Vec::new();
        for (i, place) in net.places().iter().enumerate() {
            if which.iter().all(|(id, _)| id.0 != i) {
                let id = layout.push(&place.name, place.own, place.role, place.shape);
                same.push((place.clone(), id));
            }
        }
        let mut layers = Vec::new();
        for &(id, [r1, r2, r3]) in which {
            let place = net.place(id).clone();
            assert!(place.own == Own::Task && place.shape[0] == 1, "{} is no layer stacked over tasks", place.name);
            let [_, inputs, outputs] = place.shape;
            let shapes = [
                ("core", [r3, r1, r2]),
                ("inputs", [1, inputs, r1]),
                ("outputs", [1, outputs, r2]),
                ("tasks", [1, net.tasks, r3]),
            ];
            let factors = shapes.map(|(name, shape)| {
                let id = layout.push(&format!("{}.{name}", place.name), Own::Shared, Role::Factor, shape);
                layout.place(id).clone()
            });
            let zeros = |n: usize| vec![R::ZERO; n];
            let room = Room {
                middle: zeros(r1 * r2),
                left: zeros(inputs * r2),
                turned: zeros(r2 * outputs.max(r1)),
                by_middle: zeros(r1 * r2),
                by_inputs: zeros(inputs * r1),
                by_outputs: zeros(outputs * r2),
                by_tasks: zeros(r3),
            };
            layers.push(Factored { place, factors, rooms: vec![room; net.tasks] });
        }
        // Places move while shared parameters are added, so they are looked up when all are there.
        let same: Vec<_> = same.into_iter().map(|(place, id)| (place, layout.place(id).clone())).collect();
        let reverse = same.iter().map(|(a, b)| (b.clone(), a.clone())).collect();
        Self { layout, layers, same, reverse }
    }

    /// The ranks that keep the singular values of each unfolding above `accuracy` times its largest.
    pub fn ranks(net: &Layout, params: &Params<R>, id: ParamId, accuracy: f64) -> Option<[usize; 3]> {
        let bases = bases(net.place(id), net.tasks, params, accuracy)?;
        Some([0, 1, 2].map(|n| bases[n].0))
    }

    /// Factors of a network's weights: singular vectors of the unfoldings and the core that goes with them. `free` is
    /// written where factors are; the rest is left. `None` if weights are not finite.
    #[must_use]
    pub fn factorise(&self, net: &Params<R>, free: &mut Params<R>) -> Option<()> {
        for layer in &self.layers {
            let [_, inputs, outputs] = layer.place.shape;
            let tasks = self.layout.tasks;
            let [r3, r1, r2] = layer.factors[0].shape;
            let bases = bases(&layer.place, tasks, net, -1.0)?;
            let column = |n: usize, size: usize, i: usize, c: usize| bases[n].1[i * size + c];
            for (factor, (n, size, rank)) in
                layer.factors[1..].iter().zip([(0, inputs, r1), (1, outputs, r2), (2, tasks, r3)])
            {
                for (i, u) in free.slice_mut(factor, 0).iter_mut().enumerate() {
                    *u = R::of(column(n, size, i / rank, i % rank));
                }
            }
            // S_cab = sum_t U_3[t, c] (U_1' W_t U_2)_ab
            let mut core = vec![0.0; r1 * r2 * r3];
            for task in 0..tasks {
                let w = net.slice(&layer.place, task);
                let mut half = vec![0.0; r1 * outputs];
                for (i, &w) in w.iter().enumerate() {
                    for a in 0..r1 {
                        half[a * outputs + i % outputs] += column(0, inputs, i / outputs, a) * w.wide();
                    }
                }
                for a in 0..r1 {
                    for b in 0..r2 {
                        let whole: f64 = (0..outputs).map(|j| half[a * outputs + j] * column(1, outputs, j, b)).sum();
                        for c in 0..r3 {
                            core[(c * r1 + a) * r2 + b] += column(2, tasks, task, c) * whole;
                        }
                    }
                }
            }
            free.slice_mut(&layer.factors[0], 0).iter_mut().zip(core).for_each(|(s, x)| *s = R::of(x));
        }
        Some(())
    }
}

/// Left singular vectors of the unfoldings over inputs, outputs and tasks (square, one a column, largest first), and
/// how many singular values are above `accuracy` times the largest.
fn bases<R: Real>(place: &Place, tasks: usize, params: &Params<R>, accuracy: f64) -> Option<[(usize, Vec<f64>); 3]> {
    let [_, inputs, outputs] = place.shape;
    let sizes = [inputs, outputs, tasks];
    let mut moments = sizes.map(|n| vec![0.0; n * n]);
    for t in 0..tasks {
        let w: Vec<f64> = params.slice(place, t).iter().map(|w| w.wide()).collect();
        for (i, row) in w.chunks_exact(outputs).enumerate() {
            for (k, other) in w.chunks_exact(outputs).enumerate() {
                moments[0][i * inputs + k] += dot(row, other);
            }
            for (j, &x) in row.iter().enumerate() {
                add(x, row, &mut moments[1][j * outputs..(j + 1) * outputs]);
            }
        }
        for s in 0..tasks {
            let other = params.slice(place, s);
            moments[2][t * tasks + s] = w.iter().zip(other).map(|(&a, b)| a * b.wide()).sum();
        }
    }
    let mut out = [(0, Vec::new()), (0, Vec::new()), (0, Vec::new())];
    for ((out, n), moment) in out.iter_mut().zip(sizes).zip(&moments) {
        let (values, vectors) = eigen(n, moment)?;
        let largest = values[n - 1].max(0.0).sqrt();
        out.0 = values.iter().filter(|v| v.max(0.0).sqrt() > accuracy * largest).count().max(1);
        out.1 = (0..n * n).map(|i| vectors[i / n * n + n - 1 - i % n]).collect();
    }
    Some(out)
}

impl<R: Real> Reparametrisation<R> for Tucker<R> {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn compose(&mut self, free: &Params<R>, net: &mut Params<R>) {
        copy(self.layout.tasks, &self.reverse, free, net);
        for layer in &mut self.layers {
            let place = &layer.place;
            let [core, u1, u2, u3] = layer.factors.each_ref().map(|factor| free.slice(factor, 0));
            let ([r3, r1, r2], [_, inputs, outputs]) = (layer.factors[0].shape, place.shape);
            let rows = net.tasks.par_chunks_mut(net.stride.max(1)).zip(&mut layer.rooms).enumerate();
            rows.for_each(|(task, (row, room))| {
                room.middle.fill(R::ZERO);
                for (c, slice) in core.chunks_exact(r1 * r2).enumerate() {
                    add(u3[task * r3 + c], slice, &mut room.middle);
                }
                let (left, m) = (Block { data: u1, stride: r1 }, Block { data: &room.middle[..], stride: r2 });
                product([inputs, r2, r1], left, m, Start::Zero, Out { data: &mut room.left, stride: r2 });
                transpose([outputs, r2], u2, &mut room.turned);
                let (left, right) =
                    (Block { data: &room.left[..], stride: r2 }, Block { data: &room.turned[..], stride: outputs });
                let out = Out { data: &mut row[place.range()], stride: outputs };
                product([inputs, outputs, r2], left, right, Start::Zero, out);
            });
        }
    }

    fn pull_back(&mut self, free: &Params<R>, net: &mut Params<R>, out: &mut Params<R>) {
        copy(self.layout.tasks, &self.same, net, out);
        for layer in &mut self.layers {
            let place = &layer.place;
            let [core, u1, u2, u3] = layer.factors.each_ref().map(|factor| free.slice(factor, 0));
            let ([r3, r1, r2], [_, inputs, outputs]) = (layer.factors[0].shape, place.shape);
            layer.rooms.par_iter_mut().enumerate().for_each(|(task, room)| {
                let g = net.slice(place, task);
                let block = Block { data: g, stride: outputs };
                // By U_2: G' (U_1 M).
                let left = Block { data: &room.left[..], stride: r2 };
                let sums = Out { data: &mut room.by_outputs[..], stride: r2 };
                transposed_product([outputs, r2, inputs], block, left, Start::Zero, sums);
                // G U_2 in the place of U_1 M, which is not needed any more.
                let right = Block { data: u2, stride: r2 };
                product([inputs, r2, outputs], block, right, Start::Zero, Out { data: &mut room.left, stride: r2 });
                // By U_1: (G U_2) M'.
                let left = Block { data: &room.left[..], stride: r2 };
                transpose([r1, r2], &room.middle, &mut room.turned);
                let right = Block { data: &room.turned[..], stride: r1 };
                let sums = Out { data: &mut room.by_inputs[..], stride: r1 };
                product([inputs, r1, r2], left, right, Start::Zero, sums);
                // By M: U_1' (G U_2).
                let u = Block { data: u1, stride: r1 };
                let sums = Out { data: &mut room.by_middle[..], stride: r2 };
                transposed_product([r1, r2, inputs], u, left, Start::Zero, sums);
                for (by, slice) in room.by_tasks.iter_mut().zip(core.chunks_exact(r1 * r2)) {
                    *by = dot(slice, &room.by_middle);
                }
            });
            for factor in &layer.factors {
                out.slice_mut(factor, 0).fill(R::ZERO);
            }
            let [by_core, by_inputs, by_outputs, by_tasks] = &layer.factors;
            for (task, room) in layer.rooms.iter().enumerate() {
                for (c, slice) in out.slice_mut(by_core, 0).chunks_exact_mut(r1 * r2).enumerate() {
                    add(u3[task * r3 + c], &room.by_middle, slice);
                }
                add(R::ONE, &room.by_inputs, out.slice_mut(by_inputs, 0));
                add(R::ONE, &room.by_outputs, out.slice_mut(by_outputs, 0));
                out.slice_mut(by_tasks, 0)[task * r3..][..r3].copy_from_slice(&room.by_tasks);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::penalty::sample;

    fn net() -> (Layout, ParamId) {
        let mut net = Layout::new(4);
        net.push("bottom", Own::Shared, Role::Weights, [1, 3, 5]);
        let id = net.push("hidden", Own::Task, Role::Weights, [1, 5, 3]);
        net.push("hidden.bias", Own::Task, Role::Bias, [1, 1, 3]);
        (net, id)
    }

    fn rebuilt(net: &Layout, id: ParamId, params: &Params<f64>, ranks: [usize; 3]) -> Params<f64> {
        let mut tucker = Tucker::<f64>::new(net, &[(id, ranks)]);
        let mut free = Params::zeros(tucker.layout());
        assert!(tucker.factorise(params, &mut free).is_some());
        let mut out = Params::zeros(net);
        tucker.compose(&free, &mut out);
        out
    }

    #[test]
    fn full_ranks_reproduce_the_weights() {
        let (net, id) = net();
        let params = sample(&net);
        assert_eq!(Tucker::ranks(&net, &params, id, 0.0), Some([5, 3, 4]));
        let out = rebuilt(&net, id, &params, [5, 3, 4]);
        for t in 0..4 {
            for (a, b) in params.slice(net.place(id), t).iter().zip(out.slice(net.place(id), t)) {
                assert!((a - b).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn weights_of_low_rank_are_found_at_low_rank() {
        let (net, id) = net();
        let mut params = sample(&net);
        // One matrix of rank 2 for all tasks, scaled, and a speck of noise.
        let base: Vec<f64> = (0..15).map(|i| f64::from(i / 3) + f64::from(i % 3) * f64::from(i / 3 - 2)).collect();
        for t in 0..4 {
            let noise = params.slice(net.place(id), t).to_vec();
            for ((w, b), noise) in params.slice_mut(net.place(id), t).iter_mut().zip(&base).zip(noise) {
                *w = (t + 1) as f64 * b + 1e-9 * noise;
            }
        }
        let ranks = Tucker::ranks(&net, &params, id, 0.01).expect("finite weights");
        assert_eq!(ranks, [2, 2, 1]);
        let out = rebuilt(&net, id, &params, ranks);
        for (a, b) in params.slice(net.place(id), 2).iter().zip(out.slice(net.place(id), 2)) {
            assert!((a - b).abs() < 1e-7);
        }
    }
}
