//! Parameters that are what all tasks (and topics) have in common plus a deviation.

use rayon::prelude::*;

use super::Reparametrisation;
use crate::params::{Layout, Own, ParamId, Params, Place};
use crate::real::Real;
use crate::vector::wide;

/// `theta_kt = theta_0 + s_kt`: TOMATO's effective parameters.
///
/// A parameter `NAME` of the network becomes the deviations, under its own name, and the common part `NAME.base`. All
/// identifiers of the network's layout stay valid.
#[derive(Debug, Clone)]
pub struct Additive {
    layout: Layout,
    /// Of the network and of the common part.
    parts: Vec<(Place, Place)>,
    /// Parameters of the tasks' own that are used as they are.
    same: Vec<Place>,
    shared: usize,
}

impl Additive {
    /// For these parameters, which every task has of its own.
    ///
    /// # Panics
    /// If one of them is shared.
    pub fn new(net: &Layout, which: &[ParamId]) -> Self {
        let mut layout = net.clone();
        let mut part = |&id: &ParamId| {
            let place = net.place(id).clone();
            assert!(place.own == Own::Task, "{} is shared by all tasks", place.name);
            let [_, inputs, outputs] = place.shape;
            let base = layout.push(&format!("{}.base", place.name), Own::Shared, place.role, [1, inputs, outputs]);
            (place, layout.place(base).clone())
        };
        let parts = which.iter().map(&mut part).collect();
        let is_same = |(i, place): &(usize, &Place)| place.own == Own::Task && !which.contains(&ParamId(*i));
        let same = net.places().iter().enumerate().filter(is_same).map(|(_, place)| place.clone()).collect();
        Self { layout, parts, same, shared: net.shared }
    }
}

impl<R: Real> Reparametrisation<R> for Additive {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn compose(&mut self, free: &Params<R>, net: &mut Params<R>) {
        net.shared.copy_from_slice(&free.shared[..self.shared]);
        let stride = net.stride.max(1);
        net.tasks.par_chunks_mut(stride).zip(free.tasks.par_chunks(stride)).for_each(|(row, own)| {
            for place in &self.same {
                row[place.range()].copy_from_slice(&own[place.range()]);
            }
            for (place, base) in &self.parts {
                let base = &free.shared[base.range()];
                let blocks = row[place.range()].chunks_exact_mut(base.len());
                for (block, own) in blocks.zip(own[place.range()].chunks_exact(base.len())) {
                    wide(|| block.iter_mut().zip(own).zip(base).for_each(|((w, &s), &b)| *w = s + b));
                }
            }
        });
    }

    fn pull_back(&mut self, _: &Params<R>, net: &mut Params<R>, out: &mut Params<R>) {
        out.shared[..self.shared].copy_from_slice(&net.shared);
        // A deviation has the derivatives of the parameter itself: they change hands. Millions of numbers are not copied.
        std::mem::swap(&mut net.tasks, &mut out.tasks);
        let (tasks, stride, rows) = (self.layout.tasks, out.stride, &out.tasks);
        for (place, base) in &self.parts {
            let size = base.len();
            out.shared[base.range()].par_chunks_mut(1024).enumerate().for_each(|(c, sums)| {
                wide(|| {
                    sums.fill(R::ZERO);
                    for task in 0..tasks {
                        for block in rows[task * stride..][place.range()].chunks_exact(size) {
                            let part = &block[c * 1024..][..sums.len()];
                            sums.iter_mut().zip(part).for_each(|(sum, &g)| *sum += g);
                        }
                    }
                });
            });
        }
    }
}
