//! Hand-derived gradients against central differences, in f64, for all networks of both papers.

mod common;

use common::{CHARGED, labels, model, networks, samples};
use mtl_core::seed::Seed;
use mtl_nets::Noise;
use mtl_nets::batch::{Batch, Batching, Order};
use mtl_nets::params::{Own, Params};

#[test]
fn gradients_of_all_networks_are_those_of_finite_differences() {
    let mut worst = 0.0f64;
    for (name, loss) in networks() {
        let mut model = model::<f64>(name, loss);
        let outputs = model.net().outputs();
        // Ragged: one task has no samples in the batch, one more rows than a job of shared parameters takes.
        let data = samples::<f64>(&[7, 0, 90, 11], outputs, 1).balance(&[7, 3, 90, 11]);
        for batching in [Batching::Pooled(1000), Batching::EqualRows(5)] {
            let mut batch = Batch::default();
            assert!(Order::new(batching, &data, &labels(4), &Seed::of(&3)).next(&mut batch));
            let noise = Some(Noise::of_step(5, 6));
            let mut grads = Params::zeros(model.layout());
            model.gradient(&data, &batch, noise, &mut grads);
            let layout = model.layout().clone();
            // Each parameter is measured by the largest derivative of its own layer, weights and biases apart.
            let place_of = |i: usize| {
                let (own, at) = match i.checked_sub(layout.shared) {
                    None => (Own::Shared, i),
                    Some(i) => (Own::Task, i % layout.stride),
                };
                layout.places().iter().position(|p| p.own == own && p.range().contains(&at)).expect("a place")
            };
            let mut largest = vec![0.0f64; layout.places().len()];
            for (i, g) in grads.iter().enumerate() {
                largest[place_of(i)] = largest[place_of(i)].max(g.abs());
            }
            assert!(largest.iter().all(|&g| g > 1e-6), "{name}: {largest:?}");
            let mut sink = Params::zeros(&layout);
            for (i, &g) in grads.iter().enumerate() {
                let w = *model.free_mut().at_mut(i);
                let h = 1e-5;
                let mut at = |step: f64| {
                    *model.free_mut().at_mut(i) = w + step;
                    model.gradient(&data, &batch, noise, &mut sink)
                };
                let slope = (at(h) - at(-h)) / (2.0 * h);
                *model.free_mut().at_mut(i) = w;
                let error = (slope - g).abs() / largest[place_of(i)];
                let place = &layout.places()[place_of(i)].name;
                worst = worst.max(error);
                assert!(error < 1e-6, "{name}, {batching:?}, {place}: {g} where differences give {slope}");
            }
        }
    }
    // 4e-9 when this was written.
    assert!(worst < 1e-7, "largest deviation {worst:.1e}");
}

/// Prediction goes another way than training: rows of one task through all nodes at once.
#[test]
fn training_and_prediction_compute_the_same_loss() {
    for (name, loss) in networks().into_iter().filter(|(name, _)| *name != CHARGED) {
        let mut model = model::<f64>(name, loss);
        let data = samples::<f64>(&[70, 2, 9, 130], model.net().outputs(), 2);
        let mut grads = Params::zeros(model.layout());
        let trained = model.gradient(&data, &Batch::all(&data), None, &mut grads);
        model.refresh();
        let predicted: f64 = (0..4).map(|t| model.task_loss(&data, t) / data.rows(t) as f64 / 4.0).sum();
        assert!((trained - predicted).abs() < 1e-12 * predicted, "{name}: {trained} {predicted}");
    }
}
