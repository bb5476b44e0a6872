//! Epochs of minibatches: loss and penalties, a step of the optimiser, proximal maps.

use std::ops::ControlFlow;

use mtl_core::seed::Seed;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Batching, Data, Order};
use crate::model::Model;
use crate::noise::Noise;
use crate::optimiser::{Optimiser, Stepper};
use crate::params::Params;
use crate::penalty::Penalty;
use crate::proximal::Proximal;
use crate::real::Real;

/// How a model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Number of passes over the samples.
    pub epochs: usize,
    /// How minibatches are made up.
    pub batching: Batching,
    /// How parameters follow gradients.
    pub optimiser: Optimiser,
    /// Which epoch's parameters are kept.
    pub keep: Keep,
}

/// Which epoch's parameters are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The last one's.
    Last,
    /// The first with the least loss on the validation part.
    LeastLoss,
    /// The same with the penalties added as often as the validation part has minibatches, over the sum of the samples'
    /// weights (TOMATO's code).
    LeastLossAndPenalty,
}

/// What is known after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Steps taken so far.
    pub steps: usize,
    /// Mean over the epoch's minibatches of the loss at the time.
    pub loss: f64,
    /// The same for the penalties.
    pub penalty: f64,
    /// Loss on the validation part, after the epoch.
    pub validation: Option<f64>,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// One entry an epoch.
    pub epochs: Vec<Epoch>,
    /// The epoch whose parameters were kept, counted from 1; 0 for the start.
    pub kept: usize,
    /// Whether somebody asked to stop before the last epoch.
    pub cancelled: bool,
}

/// Why a run has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// The objective is not a number any more.
    #[error("{what} is not finite in step {step} of epoch {epoch}")]
    NotFinite {
        /// What it is that is not finite.
        what: &'static str,
        /// Epoch, from 1.
        epoch: usize,
        /// Step of the whole run, from 1.
        step: usize,
    },
    /// The samples are not for this network.
    #[error("the {part} part has {mistake}")]
    Data {
        /// Training or validation.
        part: &'static str,
        /// What is wrong with it.
        mistake: String,
    },
    /// There is nothing to choose an epoch by.
    #[error("no validation part to choose an epoch by")]
    NoValidation,
}

/// All that a run needs besides the model and samples.
pub struct Trainer<R> {
    /// How.
    pub plan: Plan,
    /// Added to the loss.
    pub penalties: Vec<Box<dyn Penalty<R>>>,
    /// Applied after each step, in this order.
    pub proximals: Vec<Box<dyn Proximal<R>>>,
    /// Of the order of samples, dropout and noise.
    pub seed: Seed,
    /// One a task: names the streams of its randomness.
    pub labels: Vec<String>,
}

impl<R: Real> Trainer<R> {
    /// A trainer without penalties for tasks that are called by their number.
    pub fn new(plan: Plan, seed: Seed, tasks: usize) -> Self {
        let labels = (0..tasks).map(|task| task.to_string()).collect();
        Self { plan, penalties: Vec::new(), proximals: Vec::new(), seed, labels }
    }

    /// Trains a model. `after_epoch` may break off; what is kept then is chosen among the epochs so far.
    ///
    /// # Errors
    /// If the objective becomes infinite or NaN, the samples do not fit the network, or there is nothing to choose an
    /// epoch by.
    pub fn train(
        &mut self,
        model: &mut Model<R>,
        training: &Data<R>,
        validation: Option<&Data<R>>,
        after_epoch: &mut (dyn FnMut(&Model<R>, &Epoch) -> ControlFlow<()> + Send),
    ) -> Result<History, TrainError> {
        let (tasks, inputs, outputs) = (model.net().layout().tasks, model.net().inputs(), model.net().outputs());
        for (part, data) in [("training", Some(training)), ("validation", validation)] {
            if let Some(mistake) = data.and_then(|data| data.mistake(tasks, inputs, outputs)) {
                return Err(TrainError::Data { part, mistake });
            }
        }
        if self.plan.keep != Keep::Last && validation.is_none_or(Data::is_empty) {
            return Err(TrainError::NoValidation);
        }
        // From inside the pool, a step's jobs start without waking anybody up.
        rayon::scope(|_| self.epochs(model, training, validation, after_epoch))
    }

    fn epochs(
        &mut self,
        model: &mut Model<R>,
        training: &Data<R>,
        validation: Option<&Data<R>>,
        after_epoch: &mut (dyn FnMut(&Model<R>, &Epoch) -> ControlFlow<()> + Send),
    ) -> Result<History, TrainError> {
        let mut grads = Params::zeros(model.layout());
        let mut best = (self.plan.keep != Keep::Last).then(|| (f64::INFINITY, model.free().clone()));
        let mut stepper = Stepper::new(self.plan.optimiser, model.layout());
        let mut order = Order::new(self.plan.batching, training, &self.labels, &self.seed);
        let mut batch = Batch::default();
        let key = rand::Rng::random(&mut self.seed.stream("noise").rng());
        let mut history = History { epochs: Vec::new(), kept: 0, cancelled: false };
        for epoch in 1..=self.plan.epochs {
            let (mut losses, mut penalties, mut count) = (0.0, 0.0, 0);
            while order.next(&mut batch) {
                let noise = Noise::of_step(key, stepper.step() as u64);
                let (loss, penalty) = self.step(model, training, &batch, noise, &mut grads, &mut stepper);
                let failed = |what| TrainError::NotFinite { what, epoch, step: stepper.step() };
                if !loss.is_finite() {
                    return Err(failed("the loss"));
                }
                if !penalty.is_finite() {
                    return Err(failed("a penalty"));
                }
                losses += loss;
                penalties += penalty;
                count += 1;
            }
            let mean = |sum: f64| sum / f64::from(count.max(1));
            let steps = stepper.step();
            if !model.free().iter().all(|w| w.is_finite()) {
                return Err(TrainError::NotFinite { what: "a parameter", epoch, step: steps });
            }
            model.refresh();
            let validated = validation.map(|data| validation_loss(model, data, self.plan.batching));
            let (loss, penalty) = (mean(losses), mean(penalties));
            let report = Epoch { epoch, steps, loss, penalty, validation: validated };
            history.epochs.push(report);
            match (&mut best, validated, validation) {
                (Some((least, kept)), Some(mut score), Some(data)) => {
                    if !score.is_finite() {
                        return Err(TrainError::NotFinite { what: "the validation loss", epoch, step: steps });
                    }
                    if self.plan.keep == Keep::LeastLossAndPenalty {
                        grads.clear();
                        let penalty = self.penalty(model.free(), &mut grads);
                        score += penalty * batches(data, self.plan.batching) / total_weight(data);
                    }
                    if score < *least {
                        *least = score;
                        kept.copy_from(model.free());
                        history.kept = epoch;
                    }
                }
                _ => history.kept = epoch,
            }
            if after_epoch(model, &report).is_break() {
                history.cancelled = epoch < self.plan.epochs;
                break;
            }
        }
        if let Some((_, kept)) = best {
            model.free_mut().copy_from(&kept);
        }
        model.refresh();
        Ok(history)
    }

    /// One step: its loss and penalty are those before it.
    pub fn step(
        &mut self,
        model: &mut Model<R>,
        data: &Data<R>,
        batch: &Batch,
        noise: Noise,
        grads: &mut Params<R>,
        stepper: &mut Stepper<R>,
    ) -> (f64, f64) {
        let loss = model.gradient(data, batch, Some(noise), grads);
        let penalty = self.penalty(model.free(), grads);
        let rate = stepper.update(model.free_mut(), grads);
        for proximal in &mut self.proximals {
            proximal.apply(model.free_mut(), rate);
        }
        for penalty in &mut self.penalties {
            penalty.after_step(stepper.step(), model.free());
        }
        (loss, penalty)
    }

    fn penalty(&mut self, params: &Params<R>, grads: &mut Params<R>) -> f64 {
        self.penalties.iter_mut().map(|penalty| penalty.add(params, grads)).sum()
    }
}

/// The mean over tasks of their means, or over all samples by their weights, as minibatches are made up. Tasks without
/// samples do not count.
pub fn validation_loss<R: Real>(model: &Model<R>, data: &Data<R>, batching: Batching) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for task in 0..data.tasks.len() {
        let rows = data.rows(task);
        if rows > 0 {
            let share = match batching {
                Batching::EqualRows(_) => 1.0 / rows as f64,
                Batching::Pooled(_) => data.weights[task],
            };
            sum += share * model.task_loss(data, task);
            weights += share * rows as f64;
        }
    }
    sum / weights
}

/// Minibatches in one pass.
fn batches<R: Real>(data: &Data<R>, batching: Batching) -> f64 {
    let longest = || (0..data.tasks.len()).map(|task| data.rows(task)).max().unwrap_or(0);
    match batching {
        Batching::EqualRows(size) => longest().div_ceil(size.max(1)) as f64,
        Batching::Pooled(size) if 2 * size > data.len() => 1.0,
        Batching::Pooled(size) => data.len().div_ceil(size.max(1)) as f64,
    }
}

fn total_weight<R: Real>(data: &Data<R>) -> f64 {
    (0..data.tasks.len()).map(|task| data.weights[task] * data.rows(task) as f64).sum()
}
