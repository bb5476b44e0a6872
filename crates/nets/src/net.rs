//! What a network is: nodes in the order they are computed, from a sample's inputs to its outputs.

use serde::{Deserialize, Serialize};

use crate::params::{Layout, Own, ParamId, Place, Role};

/// What a dense layer does to its sums.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Nothing.
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `x` where positive, else this (positive) share of it.
    LeakyRelu(f64),
    /// `exp(x)` over the sum of all of the row's.
    Softmax,
}

/// A node of a network, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeId(pub(crate) usize);

/// One step of a network's computation. A node's value is a matrix, one row a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Op {
    /// The samples themselves.
    Input,
    /// For each block `b`: `activation(X_b W_b + c_b)`, beside each other.
    Dense { from: usize, dense: Dense },
    /// Each number is dropped with this probability, in training; what is left grows in turn.
    Dropout { from: usize, rate: f64 },
    /// Columns times gates, one a task and column, open as chance has it while training (STG).
    Gates { from: usize, means: ParamId, sigma: f64 },
    /// `sum_k g_k v_k`, where `v` has the blocks `v_k` beside each other.
    Mix { gate: usize, values: usize },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dense {
    pub weights: ParamId,
    pub bias: Option<ParamId>,
    pub activation: Activation,
    /// Whether each block has columns of the input of its own; else all have the same input.
    pub split: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    pub op: Op,
    pub width: usize,
    pub own: Own,
}

/// What a dense layer is like. `Layer::new("hidden", Own::Task, 40, Activation::Relu)` is the usual one.
#[derive(Debug, Clone)]
pub struct Layer<'a> {
    /// Name of its weights; its biases are called `NAME.bias`.
    pub name: &'a str,
    /// Whose its parameters are.
    pub own: Own,
    /// Outputs, of each block.
    pub outputs: usize,
    /// What is done to the sums.
    pub activation: Activation,
    /// How many layers of this size lie beside each other (experts, topics).
    pub blocks: usize,
    /// Whether each block has its own part of the input; else all have the same input.
    pub split: bool,
    /// Whether it has biases.
    pub bias: bool,
}

impl<'a> Layer<'a> {
    /// One block with biases.
    pub fn new(name: &'a str, own: Own, outputs: usize, activation: Activation) -> Self {
        Self { name, own, outputs, activation, blocks: 1, split: false, bias: true }
    }

    /// So many blocks, all with the same input.
    #[must_use]
    pub fn blocks(self, blocks: usize) -> Self {
        Self { blocks, ..self }
    }

    /// So many blocks, each with its own part of the input.
    #[must_use]
    pub fn split(self, blocks: usize) -> Self {
        Self { blocks, split: true, ..self }
    }

    /// Without biases.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }
}

/// A network that is the same for all tasks but for its parameters.
///
/// ```
/// use mtl_nets::net::{Activation, Layer, Net};
/// use mtl_nets::params::Own;
///
/// // Shared-bottom: one layer for all tasks, then two of each task's own.
/// let mut net = Net::new(12, 64);
/// let z = net.dense(net.input(), Layer::new("bottom", Own::Shared, 32, Activation::Relu));
/// let u = net.dense(z, Layer::new("hidden", Own::Task, 16, Activation::Relu));
/// net.dense(u, Layer::new("output", Own::Task, 5, Activation::Linear));
/// assert_eq!(net.outputs(), 5);
/// ```
///
/// The last node added is the output. Nodes without parameters go with the node before them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Net {
    pub(crate) nodes: Vec<Node>,
    pub(crate) layout: Layout,
    /// What nodes cost while training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) charges: Vec<(usize, Charge)>,
}

/// What a node costs by itself, besides what the outputs cost: a mean over the samples of a minibatch, of whatever task.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Charge {
    /// `strength * H(0.9 g + 0.1 / K)` with the entropy `H` of the `K` entries `g`, which are a distribution.
    Entropy(f64),
    /// `strength * ||v - x||^2`: how far the node is from the sample's inputs.
    Reconstruction(f64),
}

impl Net {
    /// A network of so many tasks and inputs that does nothing yet.
    pub fn new(tasks: usize, inputs: usize) -> Self {
        Self {
            nodes: vec![Node { op: Op::Input, width: inputs, own: Own::Task }],
            layout: Layout::new(tasks),
            charges: Vec::new(),
        }
    }

    /// The samples.
    pub fn input(&self) -> NodeId {
        NodeId(0)
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.nodes[0].width
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.nodes[self.nodes.len() - 1].width
    }

    /// The parameters it has.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Adds a dense layer.
    ///
    /// # Panics
    /// If the blocks cannot share out the input, or a softmax is asked of several blocks.
    pub fn dense(&mut self, from: NodeId, layer: Layer) -> NodeId {
        let Layer { name, own, outputs, activation, blocks, split, bias } = layer;
        assert!(blocks == 1 || activation != Activation::Softmax, "a softmax is over one block");
        let mut inputs = self.nodes[from.0].width;
        if split {
            assert!(inputs.is_multiple_of(blocks), "{blocks} blocks cannot share {inputs} inputs");
            inputs /= blocks;
        }
        let weights = self.layout.push(name, own, Role::Weights, [blocks, inputs, outputs]);
        let bias = bias.then(|| self.layout.push(&format!("{name}.bias"), own, Role::Bias, [blocks, 1, outputs]));
        let dense = Dense { weights, bias, activation, split };
        self.push(Op::Dense { from: from.0, dense }, blocks * outputs, own)
    }

    /// Adds dropout of this rate; rate 0 adds nothing.
    pub fn dropout(&mut self, from: NodeId, rate: f64) -> NodeId {
        if rate == 0.0 {
            return from;
        }
        let node = &self.nodes[from.0];
        self.push(Op::Dropout { from: from.0, rate }, node.width, node.own)
    }

    /// Adds stochastic gates (Yamada et al. 2020): column `d` of task `t` times `clamp(mu_td + 1/2 + sigma e_td, 0, 1)`
    /// with standard normal `e_td` that is drawn anew each step and zero outside training.
    pub fn gates(&mut self, from: NodeId, name: &str, sigma: f64) -> NodeId {
        let width = self.nodes[from.0].width;
        let means = self.layout.push(name, Own::Task, Role::Gates, [1, 1, width]);
        self.push(Op::Gates { from: from.0, means, sigma }, width, Own::Task)
    }

    /// Adds `sum_k g_k v_k` over the blocks `v_k` of `values`.
    ///
    /// # Panics
    /// If the gate's entries cannot share out the values.
    pub fn mix(&mut self, gate: NodeId, values: NodeId) -> NodeId {
        let (k, width) = (self.nodes[gate.0].width, self.nodes[values.0].width);
        assert!(width.is_multiple_of(k), "{k} gates cannot share {width} values");
        let own = self.nodes[self.nodes.len() - 1].own;
        self.push(Op::Mix { gate: gate.0, values: values.0 }, width / k, own)
    }

    /// Charges a node, on which nothing else has to depend.
    ///
    /// # Panics
    /// If inputs of another width are to be reconstructed.
    pub fn charge(&mut self, node: NodeId, charge: Charge) {
        let fits = !matches!(charge, Charge::Reconstruction(_)) || self.nodes[node.0].width == self.inputs();
        assert!(fits, "{} numbers cannot be {} inputs", self.nodes[node.0].width, self.inputs());
        self.charges.push((node.0, charge));
    }

    /// Whether a node is charged.
    pub(crate) fn is_charged(&self, node: usize) -> bool {
        self.charges.iter().any(|(charged, _)| *charged == node)
    }

    fn push(&mut self, op: Op, width: usize, own: Own) -> NodeId {
        self.nodes.push(Node { op, width, own });
        NodeId(self.nodes.len() - 1)
    }

    /// The nodes that a node reads.
    pub(crate) fn sources(&self, node: usize) -> impl Iterator<Item = usize> {
        let (first, second) = match self.nodes[node].op {
            Op::Input => (None, None),
            Op::Dense { from, .. } | Op::Dropout { from, .. } | Op::Gates { from, .. } => (Some(from), None),
            Op::Mix { gate, values } => (Some(gate), Some(values)),
        };
        first.into_iter().chain(second)
    }

    /// The first thing in which this cannot be computed, for networks that come from a file.
    pub fn mistake(&self) -> Option<String> {
        if let Some(mistake) = self.layout.mistake() {
            return Some(mistake);
        }
        let last = self.nodes.len().saturating_sub(1);
        if last == 0 {
            return Some("no layers".into());
        }
        let used = |node| (node + 1..=last).any(|later| self.sources(later).any(|from| from == node));
        if let Some(node) = (1..last).find(|&node| !used(node) && !self.is_charged(node)) {
            return Some(format!("node {node}, which nothing depends on"));
        }
        let charged = |(node, charge): &(usize, Charge)| {
            let reconstructs = matches!(charge, Charge::Reconstruction(_));
            *node > 0 && *node <= last && !(reconstructs && self.nodes[*node].width != self.inputs())
        };
        if !self.charges.iter().all(charged) {
            return Some("a charge that no node can have".into());
        }
        (0..=last).find(|&node| !self.is_sound(node)).map(|node| format!("node {node} of the wrong size"))
    }

    /// Whether a node fits those it reads and its parameters.
    fn is_sound(&self, node: usize) -> bool {
        let Node { op, width, own } = &self.nodes[node];
        if !self.sources(node).all(|from| from < node) {
            return false;
        }
        let read = |from: usize| self.nodes[from].width;
        let place = |id: ParamId| self.layout.places().get(id.0);
        match op {
            Op::Input => node == 0 && *width > 0,
            Op::Dense { from, dense } => place(dense.weights).is_some_and(|Place { shape, own: whose, .. }| {
                let [blocks, inputs, outputs] = *shape;
                let bias = dense.bias.map(|id| place(id).map(|bias| (bias.shape, bias.own)));
                blocks.checked_mul(outputs) == Some(*width)
                    && inputs.checked_mul(if dense.split { blocks } else { 1 }) == Some(read(*from))
                    && whose == own
                    && bias.is_none_or(|bias| bias == Some(([blocks, 1, outputs], *own)))
                    && (blocks == 1 || dense.activation != Activation::Softmax)
            }),
            Op::Dropout { from, .. } => *width == read(*from),
            Op::Gates { from, means, .. } => {
                *width == read(*from)
                    && *own == Own::Task
                    && place(*means).is_some_and(|means| means.shape == [1, 1, *width] && means.own == Own::Task)
            }
            Op::Mix { gate, values } => width.checked_mul(read(*gate)) == Some(read(*values)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_from_files_are_checked() {
        let mut net = Net::new(3, 4);
        let x = net.gates(net.input(), "gates", 0.5);
        let a = net.dense(x, Layer::new("a", Own::Shared, 5, Activation::Relu));
        let a = net.dropout(a, 0.1);
        let gate = net.dense(a, Layer::new("gate", Own::Shared, 2, Activation::Softmax));
        let b = net.dense(a, Layer::new("b", Own::Task, 3, Activation::LeakyRelu(0.01)).blocks(2));
        net.mix(gate, b);
        assert_eq!(net.mistake(), None);
        type Spoil = fn(&mut Net);
        let spoils: [Spoil; 6] = [
            |net| net.nodes[2].width = 6,
            |net| net.nodes[0].width = 9,
            |net| net.nodes[2].op = Op::Dropout { from: 7, rate: 0.5 },
            |net| net.layout.stride -= 1,
            |net| net.nodes.truncate(1),
            |net| net.nodes.truncate(6),
        ];
        for (i, spoil) in spoils.iter().enumerate() {
            let mut net = net.clone();
            spoil(&mut net);
            assert!(net.mistake().is_some(), "{i}");
        }
    }
}
