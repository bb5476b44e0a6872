//! A trained network as a model.

use mtl_core::{Scaler, Target};
use mtl_nets::engine::Engine;
use mtl_nets::loss::Loss;
use mtl_nets::model::Model;
use mtl_nets::net::Net;
use mtl_nets::params::{Own, Params, Role};
use mtl_nets::real::Real;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// A network with the parameters of all tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    net: Net,
    params: Params<f32>,
    /// Whether its two outputs are scores of the classes -1 and +1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    two_classes: bool,
    /// What the data went through before training, the last step first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scalers: Vec<Scaler>,
}

impl Network {
    /// As trained: outputs are what is predicted.
    pub(super) fn new(model: &Model<f32>) -> Self {
        let (net, params) = (model.net().clone(), model.params().clone());
        Self { net, params, two_classes: false, scalers: Vec::new() }
    }

    /// As trained: outputs are scores of classes.
    pub(super) fn of_classes(model: &Model<f32>, target: Target) -> Self {
        Self { two_classes: target == Target::Binary, ..Self::new(model) }
    }

    /// Outputs for task `t` on inputs `x` (`n x p`): predictions, log-odds of labels, or scores of several classes, row by
    /// row.
    pub fn predict(&self, t: usize, x: &Array2<f64>) -> Array1<f64> {
        let scaled = self.scalers.iter().rev().fold(None, |before: Option<Array2<f64>>, scaler| {
            let scale = &scaler.tasks[t];
            Some((before.as_ref().unwrap_or(x) - &*scale.x_mean) / &*scale.x_sd)
        });
        let inputs: Vec<f32> = scaled.as_ref().unwrap_or(x).iter().map(|v| f32::of(*v)).collect();
        // Which loss it is does not matter to outputs.
        let outputs = Engine::new(self.net.clone(), Loss::Squared).outputs(&self.params, t, &inputs);
        let raw = |y: f32| {
            self.scalers
                .iter()
                .map(|scaler| &scaler.tasks[t])
                .fold(f64::from(y), |y, scale| y * scale.y_sd + scale.y_mean)
        };
        if self.two_classes {
            return outputs.chunks_exact(2).map(|scores| f64::from(scores[1]) - f64::from(scores[0])).collect();
        }
        outputs.into_iter().map(raw).collect()
    }

    /// How many weights are not zero, and how many there are; without biases.
    pub fn count_weights(&self) -> (usize, usize) {
        let layout = self.net.layout();
        let mut counts = (0, 0);
        for place in layout.places().iter().filter(|place| place.role == Role::Weights) {
            let times = if place.own == Own::Shared { 1 } else { layout.tasks };
            for task in 0..times {
                counts.0 += self.params.slice(place, task).iter().filter(|w| **w != 0.0).count();
                counts.1 += place.len();
            }
        }
        counts
    }

    /// The network for unscaled data, if this one is for data that went through `scaler`.
    #[must_use]
    pub fn unscaled(&self, scaler: &Scaler) -> Self {
        let mut raw = self.clone();
        raw.scalers.push(scaler.clone());
        raw
    }

    /// Whether it predicts one number a task from so many features, for networks that come from a file.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(&self, features: usize, tasks: usize) -> Result<(), String> {
        if let Some(mistake) = self.net.mistake() {
            return Err(format!("a network with {mistake}"));
        }
        let [p, m, outputs] = [self.net.inputs(), self.net.layout().tasks, self.net.outputs()];
        let expected = if self.two_classes { 2 } else { 1 };
        if (p, m, outputs) != (features, tasks, expected) {
            return Err(format!(
                "a network with {p} inputs, {m} tasks and {outputs} outputs, expected {features}, {tasks} and {expected}"
            ));
        }
        if !self.params.fits(self.net.layout()) {
            return Err("parameters that are not those of the network".into());
        }
        let fits = |scaler: &Scaler| {
            scaler.tasks.len() == m && scaler.tasks.iter().all(|task| task.x_mean.len() == p && task.x_sd.len() == p)
        };
        if self.scalers.iter().all(fits) { Ok(()) } else { Err("scales that are not those of the features".into()) }
    }
}
