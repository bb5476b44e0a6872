//! A network with its parameters.

use mtl_core::seed::Seed;
use rand::Rng;

use crate::batch::{Batch, Data};
use crate::engine::Engine;
use crate::free::Reparametrisation;
use crate::loss::Loss;
use crate::net::{Net, Op};
use crate::noise::Noise;
use crate::params::{Layout, Own, ParamId, Params};
use crate::real::Real;

/// A network, what its outputs cost and its free parameters.
pub struct Model<R> {
    engine: Engine<R>,
    free: Params<R>,
    composed: Option<Composed<R>>,
}

/// The network's parameters, where they are not free themselves.
struct Composed<R> {
    map: Box<dyn Reparametrisation<R>>,
    net: Params<R>,
    grads: Params<R>,
}

/// How parameters start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// All the same.
    Constant(f64),
    /// Uniform between minus and plus this.
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
    /// The same, drawn again while beyond two standard deviations.
    TruncatedNormal(f64),
    /// For a layer with as many outputs as all tasks' inputs have in common: each task's outputs are its own inputs
    /// (cross-stitch).
    Stitch,
}

impl<R: Real> Model<R> {
    /// A network whose parameters are free, all zero.
    pub fn new(net: Net, loss: Loss) -> Self {
        let free = Params::zeros(net.layout());
        Self { engine: Engine::new(net, loss), free, composed: None }
    }

    /// A network whose parameters are made of others, all zero.
    pub fn composed(net: Net, loss: Loss, map: Box<dyn Reparametrisation<R>>) -> Self {
        let free = Params::zeros(map.layout());
        let (params, grads) = (Params::zeros(net.layout()), Params::zeros(net.layout()));
        Self { engine: Engine::new(net, loss), free, composed: Some(Composed { map, net: params, grads }) }
    }

    /// Where the free parameters lie.
    pub fn layout(&self) -> &Layout {
        self.composed.as_ref().map_or(self.engine.net().layout(), |composed| composed.map.layout())
    }

    /// The network.
    pub fn net(&self) -> &Net {
        self.engine.net()
    }

    /// What its outputs cost.
    pub fn loss(&self) -> Loss {
        self.engine.loss()
    }

    /// The free parameters.
    pub fn free(&self) -> &Params<R> {
        &self.free
    }

    /// The free parameters, to write. [`Self::refresh`] has to follow before the model predicts.
    pub fn free_mut(&mut self) -> &mut Params<R> {
        &mut self.free
    }

    /// Brings the network's parameters up to date.
    pub fn refresh(&mut self) {
        if let Some(composed) = &mut self.composed {
            composed.map.compose(&self.free, &mut composed.net);
        }
    }

    /// The network's parameters as of the last step or [`Self::refresh`].
    pub fn params(&self) -> &Params<R> {
        self.composed.as_ref().map_or(&self.free, |composed| &composed.net)
    }

    /// The loss of a minibatch; its derivatives by the free parameters are written to `grads`.
    pub fn gradient(&mut self, data: &Data<R>, batch: &Batch, noise: Option<Noise>, grads: &mut Params<R>) -> f64 {
        match &mut self.composed {
            None => self.engine.step(&self.free, data, batch, noise, grads),
            Some(composed) => {
                composed.map.compose(&self.free, &mut composed.net);
                let loss = self.engine.step(&composed.net, data, batch, noise, &mut composed.grads);
                composed.map.pull_back(&self.free, &mut composed.grads, grads);
                loss
            }
        }
    }

    /// Outputs for samples of a task, row by row, before the loss makes predictions of them.
    pub fn outputs(&self, task: usize, inputs: &[R]) -> Vec<R> {
        self.engine.outputs(self.params(), task, inputs)
    }

    /// Predictions for samples of a task, row by row: probabilities, or outputs under a squared loss.
    pub fn predict(&self, task: usize, inputs: &[R]) -> Vec<R> {
        let mut out = self.outputs(task, inputs);
        let outputs = self.net().outputs();
        out.chunks_exact_mut(outputs).for_each(|row| self.loss().predict(row));
        out
    }

    /// The loss of a task's samples, added up.
    pub fn task_loss(&self, data: &Data<R>, task: usize) -> f64 {
        self.engine.task_loss(self.params(), data, task)
    }

    /// Draws a free parameter. What tasks have of their own comes from a stream of the task's label each, so that it
    /// does not depend on which other tasks there are.
    pub fn start(&mut self, id: ParamId, start: Start, seed: &Seed, labels: &[String]) {
        let place = self.layout().place(id).clone();
        let name = format!("init/{}", place.name);
        let streams = match place.own {
            Own::Shared => vec![name],
            Own::Task => labels[..self.layout().tasks].iter().map(|label| format!("{name}/{label}")).collect(),
        };
        for (task, stream) in streams.into_iter().enumerate() {
            let mut rng = seed.stream(&stream).rng();
            let [_, inputs, outputs] = place.shape;
            for (i, w) in self.free.slice_mut(&place, task).iter_mut().enumerate() {
                *w = R::of(match start {
                    Start::Constant(value) => value,
                    Start::Uniform(bound) => bound * (2.0 * rng.random::<f64>() - 1.0),
                    Start::Normal(sd) => sd * normal(&mut rng),
                    Start::TruncatedNormal(sd) => loop {
                        let x = normal(&mut rng);
                        if x.abs() <= 2.0 {
                            break sd * x;
                        }
                    },
                    Start::Stitch => {
                        let (input, output) = (i / outputs % inputs, i % outputs);
                        f64::from(u8::from(input == task * outputs + output))
                    }
                });
            }
        }
        self.refresh();
    }

    /// Draws weights and biases of all dense layers as PyTorch does: uniform up to one over the root of the number of
    /// inputs. Only where the network's parameters are free.
    pub fn start_uniform(&mut self, seed: &Seed, labels: &[String]) {
        let layers = self.net().nodes.iter().filter_map(|node| match &node.op {
            Op::Dense { dense, .. } => Some((dense.weights, dense.bias)),
            _ => None,
        });
        let layers: Vec<_> = layers.collect();
        for (weights, bias) in layers {
            let bound = 1.0 / (self.net().layout().place(weights).shape[1] as f64).sqrt();
            self.start(weights, Start::Uniform(bound), seed, labels);
            if let Some(bias) = bias {
                self.start(bias, Start::Uniform(bound), seed, labels);
            }
        }
    }
}

/// A standard normal number (Box and Muller).
fn normal(rng: &mut impl Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
