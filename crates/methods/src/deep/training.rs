//! From a problem to trained networks.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use mtl_core::{MultiTask, Seed, Target};
use mtl_nets::batch::{Data, Samples};
use mtl_nets::loss::Loss;
use mtl_nets::model::Model as Trained;
use mtl_nets::net::{Activation, Layer, Net};
use mtl_nets::params::{Layout, Own, ParamId, Params};
use mtl_nets::penalty::{Groups, Penalty, Structured, Terms};
use mtl_nets::proximal::{Proximal, SparseGroups};
use mtl_nets::real::Real;
use mtl_nets::trainer::{Epoch, History, Plan, TrainError, Trainer, validation_loss};
use ndarray::Array2;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Network, Options, Steps};
use crate::method::{Context, FitError, Fitted, Model, Problem};
use crate::params::{ParamSet, ParamSpec};
use crate::solver::{Convergence, ResidualKind, SolverError, Value};

/// A problem as networks take it.
pub(super) struct Setting<'a> {
    pub tasks: usize,
    inputs: usize,
    loss: Loss,
    material: Material<'a>,
    pub context: &'a Context,
}

/// What networks are trained on.
pub(super) struct Material<'a> {
    /// Names of the tasks' random streams.
    pub labels: Vec<String>,
    pub training: Data<f32>,
    pub validation: Option<Data<f32>>,
    /// What objectives are multiplied with where they are reported.
    pub scale: f64,
    pub context: &'a Context,
}

/// Fits every point of a path by itself: networks start at random.
pub(super) fn fit_path<P: DeserializeOwned>(
    problem: &Problem,
    path: &[ParamSet],
    context: &Context,
    fit: impl Fn(&Setting<'_>, &Options, &P) -> Result<Fitted, FitError>,
) -> Result<Vec<Fitted>, FitError> {
    let setting = Setting::new(problem, context);
    path.iter().map(|point| fit(&setting, &point.read(), &point.read())).collect()
}

/// A network of the shape that was asked for.
pub(super) struct Design {
    pub net: Net,
    /// Weights of its layers, from the inputs on.
    pub layers: Vec<ParamId>,
    /// Means of stochastic gates.
    pub gates: Option<ParamId>,
}

/// What training adds to the loss.
#[derive(Default)]
pub(super) struct Added {
    /// By their derivatives.
    pub penalties: Vec<Box<dyn Penalty<f32>>>,
    /// By a map after each step.
    pub proximals: Vec<Box<dyn Proximal<f32>>>,
    /// The penalties that the maps stand for; they count in the objective.
    pub mapped: Vec<Box<dyn Penalty<f32>>>,
}

/// How selection terms act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Selection {
    Gradient,
    Proximal,
}

impl Selection {
    pub fn param() -> ParamSpec {
        ParamSpec::choice(
            "selection",
            &["gradient", "proximal"],
            "how selection acts: by its gradient, after which weights are small but not zero, or by its proximal map after \
             each step, which makes exact zeros; that needs optimiser=sgd",
        )
    }
}

/// A penalty on layers, its selection terms as asked for.
pub(super) fn structured(
    layout: &Layout,
    layers: Vec<(ParamId, Terms)>,
    selection: Selection,
    options: &Options,
) -> Result<Added, FitError> {
    let mut added = Added::default();
    let mut add = |to: fn(&mut Added) -> &mut Vec<Box<dyn Penalty<f32>>>, layers: Vec<(ParamId, Terms)>| {
        let acts = |terms: &Terms| [terms.nets, terms.unit_pairs, terms.units, terms.weights].iter().any(|s| *s > 0.0);
        if layers.iter().any(|(_, terms)| acts(terms)) {
            to(&mut added).push(Box::new(Structured::new(layout, layers)));
        }
    };
    if selection == Selection::Gradient {
        add(|added| &mut added.penalties, layers);
        return Ok(added);
    }
    if matches!(options.optimiser, Steps::Adam) {
        let message = "selection=proximal needs optimiser=sgd: Adam scales every weight's step by itself, and a map at the \
                       learning rate would be that of another penalty";
        return Err(FitError::NotApplicable(message.into()));
    }
    if layers.iter().any(|(_, terms)| terms.groups == Groups::Incoming) {
        return Err(FitError::NotApplicable("selection=proximal is for groups=outgoing".into()));
    }
    let part = |of: fn(&Terms) -> Terms| layers.iter().map(|(id, terms)| (*id, of(terms))).collect();
    add(|added| &mut added.penalties, part(|t| Terms { units: 0.0, weights: 0.0, unit_factors: vec![], ..t.clone() }));
    add(|added| &mut added.mapped, part(|t| Terms { nets: 0.0, unit_pairs: 0.0, ..t.clone() }));
    for (id, terms) in layers.into_iter().filter(|(_, terms)| terms.units > 0.0 || terms.weights > 0.0) {
        let layers = vec![(id, terms.unit_factors)];
        added.proximals.push(Box::new(SparseGroups::new(layout, terms.units, terms.weights, layers)));
    }
    Ok(added)
}

/// How a run went.
pub(super) struct Run {
    history: History,
    /// All penalties at the parameters that were kept.
    pub penalty: f64,
}

impl Run {
    /// Steps taken in all.
    pub fn steps(&self) -> usize {
        self.history.epochs.last().map_or(0, |epoch| epoch.steps)
    }
}

impl<'a> Setting<'a> {
    fn new(problem: &Problem, context: &'a Context) -> Self {
        let train = &problem.train;
        Self {
            tasks: train.n_tasks(),
            inputs: train.n_features(),
            loss: if train.target == Target::Binary { Loss::Logistic } else { Loss::Squared },
            material: Material::new(problem, context, 1, |part, t| {
                let target = |y: &f64| match part.target {
                    Target::Regression | Target::Classes(_) => f32::of(*y),
                    Target::Binary => f32::from(u8::from(*y > 0.0)),
                };
                part.tasks[t].y.iter().map(target).collect()
            }),
            context,
        }
    }

    /// The network of these options, with gates at its inputs if there is a size of their noise.
    pub fn design(&self, options: &Options, gates: Option<f64>) -> Design {
        let mut net = Net::new(self.tasks, self.inputs);
        let mut at = net.input();
        if let Some(sigma) = gates {
            at = net.gates(at, "gates", sigma);
        }
        let hidden = options.widths().into_iter().map(|width| (width, options.activation()));
        let mut names = Vec::new();
        for (l, (width, activation)) in hidden.chain([(1, Activation::Linear)]).enumerate() {
            names.push(format!("layer{}", l + 1));
            at = net.dense(at, Layer::new(&names[l], Own::Task, width, activation));
        }
        let find = |name: &str| net.layout().find(name);
        let layers = names.iter().filter_map(|name| find(name)).collect();
        Design { layers, gates: find("gates"), net }
    }

    /// A model of the design with weights and biases drawn.
    pub fn start(&self, design: &Design, seed: &Seed) -> Trained<f32> {
        let mut model = Trained::new(design.net.clone(), self.loss);
        model.start_uniform(seed, self.labels());
        model
    }

    /// What the outputs cost.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Names of the tasks' random streams.
    pub fn labels(&self) -> &[String] {
        &self.material.labels
    }

    /// Trains a model.
    pub fn train(
        &self,
        model: &mut Trained<f32>,
        options: &Options,
        added: Added,
        seed: &Seed,
    ) -> Result<Run, FitError> {
        self.material.train(model, options.plan(), added, seed)
    }

    /// What a run gives back.
    pub fn fitted(
        &self,
        model: &Trained<f32>,
        design: &Design,
        options: &Options,
        run: &Run,
    ) -> Result<Fitted, FitError> {
        let named = |(l, id): (usize, &ParamId)| (format!("layer{}", l + 1), stacked(model, *id));
        let mut components: Vec<_> = design.layers.iter().enumerate().map(named).collect();
        // As they are when the network predicts.
        let gates = |id| ("gates".to_owned(), stacked(model, id).mapv(|mean| (mean + 0.5).clamp(0.0, 1.0)));
        components.extend(design.gates.map(gates));
        self.material.fitted(model, &options.plan(), run, components, Network::new(model))
    }
}

impl<'a> Material<'a> {
    /// The rows of a problem, with `outputs` targets for each of a part's rows of a task.
    pub fn new(
        problem: &Problem,
        context: &'a Context,
        outputs: usize,
        targets: impl Fn(&MultiTask, usize) -> Vec<f32>,
    ) -> Self {
        let samples = |part: &MultiTask| {
            let first = part.distinct_inputs();
            let mut tasks: Vec<Samples<f32>> = Vec::with_capacity(part.n_tasks());
            for (t, task) in part.tasks.iter().enumerate() {
                let inputs = match first[t] {
                    same if same < t => Arc::clone(&tasks[same].inputs),
                    _ => Arc::new(task.x.iter().map(|v| f32::of(*v)).collect()),
                };
                tasks.push(Samples { inputs, targets: targets(part, t) });
            }
            Data::new(tasks, part.n_features(), outputs)
        };
        Self {
            labels: problem.train.task_names(),
            training: samples(&problem.train),
            validation: problem.valid.as_ref().filter(|part| part.n_samples() > 0).map(samples),
            scale: 1.0,
            context,
        }
    }

    /// Trains a model.
    pub fn train(&self, model: &mut Trained<f32>, plan: Plan, added: Added, seed: &Seed) -> Result<Run, FitError> {
        self.context.check()?;
        let mut stopped = None;
        let mut after_epoch = |_: &Trained<f32>, _: &Epoch| match self.context.check() {
            Ok(()) => ControlFlow::Continue(()),
            Err(reason) => {
                stopped = Some(reason);
                ControlFlow::Break(())
            }
        };
        let Added { penalties, proximals, mut mapped } = added;
        let labels = self.labels.clone();
        let mut trainer = Trainer { plan, penalties, proximals, seed: seed.clone(), labels };
        let ended = trainer.train(model, &self.training, self.validation.as_ref(), &mut after_epoch);
        if let Some(reason) = stopped {
            return Err(reason.into());
        }
        let history = ended.map_err(|error| match error {
            TrainError::NotFinite { .. } => FitError::Solver(SolverError::NotFinite),
            TrainError::Data { .. } | TrainError::NoValidation => FitError::NotApplicable(error.to_string()),
        })?;
        let mut room = Params::zeros(model.layout());
        let all = trainer.penalties.iter_mut().chain(&mut mapped);
        let penalty = all.map(|penalty| penalty.add(model.free(), &mut room)).sum();
        Ok(Run { history, penalty })
    }

    /// What a run gives back.
    pub fn fitted(
        &self,
        model: &Trained<f32>,
        plan: &Plan,
        run: &Run,
        components: Vec<(String, Array2<f64>)>,
        network: Network,
    ) -> Result<Fitted, FitError> {
        let history = &run.history;
        let loss = self.scale * validation_loss(model, &self.training, plan.batching);
        let penalty = self.scale * run.penalty;
        let value = Value { total: loss + penalty, loss, penalty };
        if !value.total.is_finite() {
            return Err(SolverError::NotFinite.into());
        }
        let epochs = &history.epochs;
        let left = plan.epochs - epochs.len();
        let convergence = Convergence {
            rule: ResidualKind::EpochsLeft,
            residual: left as f64,
            iterations: epochs.len(),
            converged: left == 0,
        };
        let scale = self.scale;
        let series = |of: fn(&Epoch) -> Option<f64>| -> Vec<f64> {
            epochs.iter().filter_map(of).map(|value| scale * value).collect()
        };
        let traces = [
            ("training-loss", series(|epoch| Some(epoch.loss))),
            ("penalty", series(|epoch| Some(epoch.penalty))),
            ("validation-loss", series(|epoch| epoch.validation)),
            ("kept-epoch", vec![history.kept as f64]),
        ];
        let traces: BTreeMap<_, _> = traces.into_iter().map(|(name, values)| (name.to_owned(), values)).collect();
        Ok(Fitted {
            components,
            trace: series(|epoch| Some(epoch.loss + epoch.penalty)),
            traces,
            ..Fitted::new(Model::Network(Box::new(network)), value, convergence)
        })
    }
}

/// A layer of all tasks, weights x tasks.
fn stacked(model: &Trained<f32>, id: ParamId) -> Array2<f64> {
    let layout = model.net().layout();
    let place = layout.place(id);
    Array2::from_shape_fn((place.len(), layout.tasks), |(i, t)| f64::from(model.params().slice(place, t)[i]))
}
