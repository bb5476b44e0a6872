//! What a trained layer looks like: what penalties removed from it, and how much tasks have in common.
//!
//! A layer is weights x tasks, as the components of a deep fit are; the `width` weights that leave one input or neuron lie
//! side by side.

use ndarray::{Array2, ArrayView1, Axis};

/// Weights below this count as removed (Scardapane et al. 2017): networks that were trained with gradients have no zeros.
pub const REMOVED: f64 = 1e-3;

/// Shares of a layer that are gone, over all tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Removed {
    /// Of inputs or neurons all of whose weights are.
    pub neurons: f64,
    /// Of weights.
    pub weights: f64,
}

/// What is smaller than `threshold` in a layer.
///
/// # Panics
/// If the weights cannot be shared out among neurons.
pub fn removed(layer: &Array2<f64>, width: usize, threshold: f64) -> Removed {
    assert!(width > 0 && layer.nrows().is_multiple_of(width), "{} weights, {width} a neuron", layer.nrows());
    let gone = layer.mapv(|w| w.abs() < threshold);
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    let neurons = gone
        .axis_chunks_iter(Axis(0), width)
        .map(|neuron| neuron.columns().into_iter().filter(|column| column.iter().all(|gone| *gone)).count());
    Removed {
        neurons: share(neurons.sum(), gone.len() / width),
        weights: share(gone.iter().filter(|gone| **gone).count(), gone.len()),
    }
}

/// Correlations between tasks of all weights of a layer (net-wise), tasks x tasks. NaN for a task whose weights are all
/// the same.
pub fn net_correlations(layer: &Array2<f64>) -> Array2<f64> {
    let m = layer.ncols();
    Array2::from_shape_fn((m, m), |(s, t)| correlation(layer.column(s), layer.column(t)))
}

/// The same of one neuron (neuron-wise): the one whose weights have the largest norm, averaged over tasks. Which one the
/// SSMTL paper shows is not said.
///
/// # Panics
/// If the weights cannot be shared out among neurons.
pub fn neuron_correlations(layer: &Array2<f64>, width: usize) -> Array2<f64> {
    assert!(width > 0 && layer.nrows().is_multiple_of(width), "{} weights, {width} a neuron", layer.nrows());
    let size = |neuron: &Array2<f64>| neuron.columns().into_iter().map(|w| w.dot(&w).sqrt()).sum::<f64>();
    let neurons = layer.axis_chunks_iter(Axis(0), width).map(|neuron| neuron.to_owned());
    let largest = neurons.max_by(|a, b| size(a).total_cmp(&size(b)));
    net_correlations(&largest.unwrap_or_default())
}

/// Pearson's.
fn correlation(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    let centred = |x: ArrayView1<'_, f64>| &x - x.mean().unwrap_or(0.0);
    let (a, b) = (centred(a), centred(b));
    a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn neurons_are_gone_when_all_their_weights_are() {
        // Two neurons of two weights, two tasks.
        let layer = array![[0.0, 1.0], [1e-4, 0.0], [2.0, -1e-4], [0.0, 3.0]];
        assert_eq!(removed(&layer, 2, REMOVED), Removed { neurons: 0.25, weights: 5.0 / 8.0 });
        assert_eq!(removed(&layer, 1, REMOVED), Removed { neurons: 5.0 / 8.0, weights: 5.0 / 8.0 });
    }

    #[test]
    fn correlations_of_layers_and_of_the_largest_neuron() {
        let layer = array![[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [9.0, -9.0, 0.0], [8.0, -8.0, 0.0]];
        let nets = net_correlations(&layer);
        assert!((nets[[0, 0]] - 1.0).abs() < 1e-12 && nets[[0, 1]] < -0.9 && nets[[0, 2]].is_nan());
        let neuron = neuron_correlations(&layer, 2);
        assert!((neuron[[0, 1]] + 1.0).abs() < 1e-12);
    }
}
