//! What the layers of networks look like: how much of them penalties removed, and how alike they are between tasks.

use std::collections::BTreeMap;

use mtl_methods::Fitted;
use mtl_methods::deep::sparsity::{REMOVED, net_correlations, neuron_correlations, removed};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// A measure of one layer of the tasks' networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerMeasure {
    /// Per cent of inputs or neurons whose outgoing weights are all below 1e-3.
    NeuronSparsity,
    /// Per cent of weights below 1e-3.
    WeightSparsity,
    /// Mean correlation, over pairs of tasks, of all weights.
    NetWiseCorrelation,
    /// The same of the weights that leave one input or neuron: the one with the largest mean norm.
    NeuronWiseCorrelation,
}

impl LayerMeasure {
    /// Every measure.
    pub const ALL: [Self; 4] =
        [Self::NeuronSparsity, Self::WeightSparsity, Self::NetWiseCorrelation, Self::NeuronWiseCorrelation];

    /// Name in files, tables and on axes.
    pub fn name(self) -> &'static str {
        match self {
            Self::NeuronSparsity => "neuron-sparsity",
            Self::WeightSparsity => "weight-sparsity",
            Self::NetWiseCorrelation => "net-wise-correlation",
            Self::NeuronWiseCorrelation => "neuron-wise-correlation",
        }
    }

    /// The correlations between tasks that a mean is taken of, tasks x tasks.
    pub fn correlations(self, layer: &Layer) -> Option<Array2<f64>> {
        match self {
            Self::NeuronSparsity | Self::WeightSparsity => None,
            Self::NetWiseCorrelation => Some(net_correlations(&layer.weights)),
            Self::NeuronWiseCorrelation => Some(neuron_correlations(&layer.weights, layer.width)),
        }
    }

    /// None where tasks have weights that do not vary.
    fn of(self, layer: &Layer) -> Option<f64> {
        let shares = || removed(&layer.weights, layer.width, REMOVED);
        let value = match self {
            Self::NeuronSparsity => 100.0 * shares().neurons,
            Self::WeightSparsity => 100.0 * shares().weights,
            Self::NetWiseCorrelation | Self::NeuronWiseCorrelation => mean_of_pairs(&self.correlations(layer)?)?,
        };
        value.is_finite().then_some(value)
    }
}

/// Mean of the entries off the diagonal.
fn mean_of_pairs(correlations: &Array2<f64>) -> Option<f64> {
    let m = correlations.nrows();
    let off = correlations.indexed_iter().filter(|((i, j), _)| i != j).map(|(_, c)| c);
    (m > 1).then(|| off.sum::<f64>() / (m * (m - 1)) as f64)
}

/// A hidden layer of all tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Weights x tasks; those that leave one input lie side by side.
    pub weights: Array2<f64>,
    /// Weights that leave one input.
    pub width: usize,
}

/// The hidden layers among named components, for networks with so many inputs; none of a method without layers.
pub fn hidden<'a>(components: impl IntoIterator<Item = (&'a str, Array2<f64>)>, features: usize) -> Vec<Layer> {
    let mut inputs = features;
    let mut layers = Vec::new();
    for (_, weights) in components.into_iter().filter(|(name, _)| name.starts_with("layer")) {
        let width = weights.nrows() / inputs.max(1);
        layers.push(Layer { weights, width });
        inputs = width;
    }
    // The last one has the outputs.
    layers.pop();
    layers
}

/// The measures of every hidden layer of a fit.
pub fn measures(fitted: &Fitted, features: usize) -> Vec<BTreeMap<LayerMeasure, f64>> {
    let components = fitted.components.iter().map(|(name, weights)| (name.as_str(), weights.clone()));
    let of = |layer: &Layer| LayerMeasure::ALL.iter().filter_map(|m| Some((*m, m.of(layer)?))).collect();
    hidden(components, features).iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn hidden_layers_are_all_but_the_last() {
        // Two inputs, two units, one output; two tasks.
        let first = array![[1.0, 1.0], [2.0, 2.0], [0.0, 1e-4], [1e-5, 0.0]];
        let named = [("layer1", first), ("layer2", array![[1.0, 2.0], [0.0, 0.0]]), ("gates", array![[1.0, 1.0]])];
        let layers = hidden(named, 2);
        assert_eq!(layers.iter().map(|l| (l.weights.nrows(), l.width)).collect::<Vec<_>>(), [(4, 2)]);
        let value = |measure: LayerMeasure| measure.of(&layers[0]).unwrap();
        assert!((value(LayerMeasure::NeuronSparsity) - 50.0).abs() < 1e-12);
        assert!((value(LayerMeasure::WeightSparsity) - 50.0).abs() < 1e-12);
        assert!(value(LayerMeasure::NetWiseCorrelation) > 0.999);
        assert!((value(LayerMeasure::NeuronWiseCorrelation) - 1.0).abs() < 1e-12);
        let one_task = Layer { weights: array![[1.0], [2.0]], width: 1 };
        assert_eq!(LayerMeasure::NetWiseCorrelation.of(&one_task), None);
    }
}
