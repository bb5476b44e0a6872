//! Loss and gradients of a minibatch, on all threads.
//!
//! Nodes are cut into phases: runs of nodes whose parameters are the tasks' own, and runs of nodes with shared
//! parameters. In a phase of the first kind one job a task goes through all its nodes and writes the gradients of that
//! task's parameters directly; in one of the second kind jobs take [`CHUNK`] rows of the batch each, and their gradients
//! are added up in the order of the rows. The last phase does its forward, loss and backward in one go. How work is
//! cut depends on the batch alone and every sum has a fixed order: bits do not depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::batch::{Batch, Data};
use crate::loss::Loss;
use crate::net::{Charge, Net, Op};
use crate::noise::Noise;
use crate::params::{Own, Params};
use crate::real::Real;
use crate::work::{Rows, Work};

/// Rows of a job where parameters are shared, and of a job that only predicts.
pub const CHUNK: usize = 64;

/// A run of nodes whose parameters are all shared or all the tasks' own.
#[derive(Debug, Clone)]
struct Phase {
    own: Own,
    nodes: Range<usize>,
    /// Nodes before it that it reads, with the phase that computes them; none for the samples.
    imports: Vec<(usize, Option<usize>)>,
    /// Nodes of it that later phases read.
    exports: Vec<usize>,
    /// Ranges of the shared vector that its nodes use.
    parameters: Vec<Range<usize>>,
}

/// The rows of one job.
#[derive(Debug, Clone)]
struct Piece<R> {
    rows: Range<usize>,
    task: usize,
    work: Work<R>,
    /// Gradients of shared parameters, from these rows.
    partial: Vec<R>,
    filled: Vec<bool>,
    loss: f64,
}

/// Computes a network's loss and gradients. Keeps all its buffers.
#[derive(Debug, Clone)]
pub struct Engine<R> {
    net: Net,
    loss: Loss,
    phases: Vec<Phase>,
    pieces: Vec<Vec<Piece<R>>>,
}

impl<R: Real> Engine<R> {
    /// An engine for a network whose outputs cost what `loss` says.
    ///
    /// # Panics
    /// If the network has a node that its outputs do not depend on, or no node at all.
    pub fn new(net: Net, loss: Loss) -> Self {
        let nodes = net.nodes.len();
        assert!(nodes > 1, "a network without nodes");
        let mut used: Vec<usize> = (1..nodes).flat_map(|node| net.sources(node)).collect();
        used.sort_unstable();
        let idle = (1..nodes - 1).find(|node| used.binary_search(node).is_err() && !net.is_charged(*node));
        assert!(idle.is_none(), "nothing depends on node {idle:?}");
        let phases = phases(&net);
        let pieces = vec![Vec::new(); phases.len()];
        Self { net, loss, phases, pieces }
    }

    /// The network.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// What its outputs cost.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The loss of a minibatch. Its derivatives by all parameters are written to `grads`.
    ///
    /// With `noise`, dropout drops and gates are drawn; without, the network is as it predicts.
    pub fn step(
        &mut self,
        params: &Params<R>,
        data: &Data<R>,
        batch: &Batch,
        noise: Option<Noise>,
        grads: &mut Params<R>,
    ) -> f64 {
        self.cut(batch);
        let (net, loss, last) = (&self.net, self.loss, self.phases.len() - 1);
        for (p, phase) in self.phases.iter().enumerate() {
            let (earlier, rest) = self.pieces.split_at_mut(p);
            let pieces = &mut rest[0];
            if p < last {
                pieces.par_iter_mut().for_each(|piece| {
                    piece.take(net, phase, earlier, data, batch);
                    piece.forward(net, params, phase, noise);
                });
                continue;
            }
            each_with_gradients(pieces, phase.own, grads, |piece, out| {
                piece.take(net, phase, earlier, data, batch);
                piece.forward(net, params, phase, noise);
                piece.loss(net, loss, data, batch);
                piece.charge(net, phase, batch);
                piece.backward(net, params, phase, noise, out);
            });
        }
        for p in (0..last).rev() {
            let (now, later) = self.pieces.split_at_mut(p + 1);
            let (phase, phases) = (&self.phases[p], &self.phases[p + 1..]);
            each_with_gradients(&mut now[p], phase.own, grads, |piece, out| {
                piece.pull(net, phase, phases, later);
                piece.charge(net, phase, batch);
                piece.backward(net, params, phase, noise, out);
            });
        }
        for (phase, pieces) in self.phases.iter().zip(&self.pieces) {
            if phase.own == Own::Shared {
                add_up(phase, pieces, &mut grads.shared);
            }
        }
        self.pieces.iter().flatten().map(|piece| piece.loss).sum()
    }

    /// Outputs for all samples of a task, row by row, as the network predicts (no dropout, no noise in gates).
    pub fn outputs(&self, params: &Params<R>, task: usize, inputs: &[R]) -> Vec<R> {
        let (net, nodes) = (&self.net, self.net.nodes.len());
        let (width, outputs) = (net.inputs(), net.outputs());
        let mut out = vec![R::ZERO; inputs.len() / width.max(1) * outputs];
        let chunks = out.par_chunks_mut(CHUNK * outputs).zip(inputs.par_chunks(CHUNK * width));
        chunks.for_each_init(
            || Work::new(nodes),
            |work, (out, input)| {
                let count = input.len() / width;
                (0..nodes).for_each(|node| work.reserve(net, node, count, false));
                work.values[0][..input.len()].copy_from_slice(input);
                work.forward(net, params, 1..nodes, Rows { task, first: 0, count, noise: None });
                out.copy_from_slice(&work.values[nodes - 1][..out.len()]);
            },
        );
        out
    }

    /// The loss of a task's samples, added up.
    pub fn task_loss(&self, params: &Params<R>, data: &Data<R>, task: usize) -> f64 {
        let samples = &data.tasks[task];
        let outputs = self.outputs(params, task, &samples.inputs);
        let rows = outputs.chunks_exact(data.outputs).zip(samples.targets.chunks_exact(data.outputs));
        rows.map(|(f, y)| self.loss.value(f, y)).sum()
    }

    /// Gives every job its rows.
    fn cut(&mut self, batch: &Batch) {
        let (net, n) = (&self.net, batch.len());
        for (phase, pieces) in self.phases.iter().zip(&mut self.pieces) {
            let jobs = match phase.own {
                Own::Task => net.layout.tasks,
                Own::Shared => n.div_ceil(CHUNK),
            };
            while pieces.len() < jobs {
                pieces.push(Piece::new(net, phase));
            }
            for (i, piece) in pieces.iter_mut().enumerate() {
                (piece.rows, piece.task) = match phase.own {
                    Own::Task => (batch.starts[i]..batch.starts[i + 1], i),
                    Own::Shared => ((i * CHUNK).min(n)..((i + 1) * CHUNK).min(n), 0),
                };
                let count = piece.rows.len();
                phase.imports.iter().for_each(|&(node, from)| piece.work.reserve(net, node, count, from.is_some()));
                phase.nodes.clone().for_each(|node| piece.work.reserve(net, node, count, true));
            }
        }
    }
}

impl<R: Real> Piece<R> {
    fn new(net: &Net, phase: &Phase) -> Self {
        let nodes = net.nodes.len();
        let partial = if phase.own == Own::Shared { net.layout.shared } else { 0 };
        Self {
            rows: 0..0,
            task: 0,
            work: Work::new(nodes),
            partial: vec![R::ZERO; partial],
            filled: vec![false; nodes],
            loss: 0.0,
        }
    }

    fn about(&self, noise: Option<Noise>) -> Rows {
        Rows { task: self.task, first: self.rows.start, count: self.rows.len(), noise }
    }

    /// Copies the samples or what earlier phases have computed for these rows.
    fn take(&mut self, net: &Net, phase: &Phase, earlier: &[Vec<Self>], data: &Data<R>, batch: &Batch) {
        self.loss = 0.0;
        for &(node, from) in &phase.imports {
            let width = net.nodes[node].width;
            let values = &mut self.work.values[node];
            match from {
                None => {
                    let samples = &batch.samples[self.rows.clone()];
                    for (out, &(task, row)) in values.chunks_exact_mut(width).zip(samples) {
                        out.copy_from_slice(&data.tasks[task as usize].inputs[row as usize * width..][..width]);
                    }
                }
                Some(phase) => copy_rows(&earlier[phase], &self.rows, width, values, |p| &p.work.values[node], false),
            }
        }
    }

    fn forward(&mut self, net: &Net, params: &Params<R>, phase: &Phase, noise: Option<Noise>) {
        let about = self.about(noise);
        self.work.forward(net, params, phase.nodes.clone(), about);
        self.filled.fill(false);
    }

    /// Turns outputs into the loss and its derivatives by them.
    fn loss(&mut self, net: &Net, loss: Loss, data: &Data<R>, batch: &Batch) {
        let (node, width) = (net.nodes.len() - 1, net.outputs());
        let (values, grads) = (&self.work.values[node], &mut self.work.grads[node]);
        let samples = &batch.samples[self.rows.clone()];
        let rows = grads.chunks_exact_mut(width).zip(values.chunks_exact(width)).zip(samples);
        for ((grad, value), &(task, row)) in rows {
            let targets = &data.tasks[task as usize].targets[row as usize * width..][..width];
            grad.copy_from_slice(value);
            self.loss += loss.derive(grad, targets, R::of(batch.weights[task as usize]));
        }
        self.filled[node] = true;
    }

    /// What the phase's nodes cost by themselves, and its derivatives.
    fn charge(&mut self, net: &Net, phase: &Phase, batch: &Batch) {
        for &(node, charge) in net.charges.iter().filter(|(node, _)| phase.nodes.contains(node)) {
            let (width, len) = (net.nodes[node].width, self.rows.len() * net.nodes[node].width);
            let (inputs, rest) = self.work.values.split_at(1);
            let values = &rest[node - 1][..len];
            let grads = &mut self.work.grads[node][..len];
            if !std::mem::replace(&mut self.filled[node], true) {
                grads.fill(R::ZERO);
            }
            let each = 1.0 / batch.len() as f64;
            let mut sum = R::ZERO;
            match charge {
                Charge::Entropy(strength) => {
                    let (share, factor) = (R::of(0.9), R::of(0.9 * strength * each));
                    let rest = R::of(0.1 / width as f64);
                    for (grad, &g) in grads.iter_mut().zip(values) {
                        let q = share * g + rest;
                        let log = q.ln();
                        sum += -q * log;
                        *grad += -factor * (log + R::ONE);
                    }
                    self.loss += strength * each * sum.wide();
                }
                Charge::Reconstruction(strength) => {
                    let factor = R::of(2.0 * strength * each);
                    for (grad, (&v, &x)) in grads.iter_mut().zip(values.iter().zip(&inputs[0])) {
                        sum += (v - x) * (v - x);
                        *grad += factor * (v - x);
                    }
                    self.loss += strength * each * sum.wide();
                }
            }
        }
    }

    /// Adds up what later phases found as derivatives by what they took from here.
    fn pull(&mut self, net: &Net, phase: &Phase, phases: &[Phase], later: &[Vec<Self>]) {
        for &node in &phase.exports {
            let width = net.nodes[node].width;
            for (other, pieces) in phases.iter().zip(later) {
                if other.imports.iter().any(|import| import.0 == node) {
                    let add = std::mem::replace(&mut self.filled[node], true);
                    let grads = &mut self.work.grads[node];
                    copy_rows(pieces, &self.rows, width, grads, |p| &p.work.grads[node], add);
                }
            }
        }
    }

    /// `out`: a task's row of the gradients; shared ones go to the piece's own.
    fn backward(&mut self, net: &Net, params: &Params<R>, phase: &Phase, noise: Option<Noise>, out: Option<&mut [R]>) {
        let about = self.about(noise);
        let out = out.unwrap_or(&mut self.partial);
        self.work.backward(net, params, phase.nodes.clone(), about, out, &mut self.filled);
    }
}

/// Calls `job` for all pieces, with the task's row of the gradients where parameters are the tasks' own.
fn each_with_gradients<R: Real>(
    pieces: &mut [Piece<R>],
    own: Own,
    grads: &mut Params<R>,
    job: impl Fn(&mut Piece<R>, Option<&mut [R]>) + Sync,
) {
    match own {
        Own::Task if grads.stride > 0 => {
            let rows = grads.tasks.par_chunks_mut(grads.stride);
            pieces.par_iter_mut().zip(rows).for_each(|(piece, row)| job(piece, Some(row)));
        }
        _ => pieces.par_iter_mut().for_each(|piece| job(piece, None)),
    }
}

/// Copies or adds rows that lie in several pieces.
fn copy_rows<R: Real>(
    pieces: &[Piece<R>],
    rows: &Range<usize>,
    width: usize,
    out: &mut [R],
    of: impl Fn(&Piece<R>) -> &Vec<R>,
    add: bool,
) {
    let first = pieces.partition_point(|piece| piece.rows.end <= rows.start);
    for piece in pieces[first..].iter().take_while(|piece| piece.rows.start < rows.end) {
        let (start, end) = (piece.rows.start.max(rows.start), piece.rows.end.min(rows.end));
        let from = &of(piece)[(start - piece.rows.start) * width..(end - piece.rows.start) * width];
        let to = &mut out[(start - rows.start) * width..(end - rows.start) * width];
        if add {
            to.iter_mut().zip(from).for_each(|(to, &x)| *to += x);
        } else {
            to.copy_from_slice(from);
        }
    }
}

/// Sums of all pieces' gradients, in the order of the rows.
fn add_up<R: Real>(phase: &Phase, pieces: &[Piece<R>], shared: &mut [R]) {
    for range in &phase.parameters {
        let used = pieces.iter().filter(|piece| !piece.rows.is_empty());
        shared[range.clone()].par_chunks_mut(4096).enumerate().for_each(|(c, out)| {
            out.fill(R::ZERO);
            let start = range.start + c * 4096;
            for piece in used.clone() {
                let partial = &piece.partial[start..start + out.len()];
                out.iter_mut().zip(partial).for_each(|(sum, &x)| *sum += x);
            }
        });
    }
}

/// Cuts a network into phases. A node without parameters goes with those before it, or with the first that has some.
fn phases(net: &Net) -> Vec<Phase> {
    let own = |node: usize| match net.nodes[node].op {
        Op::Dense { .. } | Op::Gates { .. } => Some(net.nodes[node].own),
        _ => None,
    };
    let nodes = net.nodes.len();
    let mut phases: Vec<Phase> = Vec::new();
    let mut of_node = vec![None; nodes];
    for node in 1..nodes {
        let before = phases.last().map(|phase| phase.own);
        let own = own(node).or(before).or_else(|| (node..nodes).find_map(own)).unwrap_or(Own::Task);
        if before != Some(own) {
            let (imports, exports) = (Vec::new(), Vec::new());
            phases.push(Phase { own, nodes: node..node, imports, exports, parameters: Vec::new() });
        }
        let p = phases.len() - 1;
        phases[p].nodes.end = node + 1;
        of_node[node] = Some(p);
        let reconstructs = |(charged, charge): &(usize, Charge)| {
            (*charged == node && matches!(charge, Charge::Reconstruction(_))).then_some(0)
        };
        for source in net.sources(node).chain(net.charges.iter().find_map(reconstructs)) {
            let import = (source, of_node[source]);
            if import.1 != Some(p) && !phases[p].imports.contains(&import) {
                phases[p].imports.push(import);
                if let Some(earlier) = import.1.filter(|&q| !phases[q].exports.contains(&source)) {
                    phases[earlier].exports.push(source);
                }
            }
        }
        if own == Own::Shared
            && let Op::Dense { dense, .. } = &net.nodes[node].op
        {
            let ids = [Some(dense.weights), dense.bias];
            phases[p].parameters.extend(ids.into_iter().flatten().map(|id| net.layout.place(id).range()));
        }
    }
    phases
}
