//! From a problem to a trained network with a bottom.

use mtl_core::{MultiTask, Seed, Target};
use mtl_nets::free::Reparametrisation;
use mtl_nets::loss::{Loss, smooth_labels};
use mtl_nets::model::{Model as Trained, Start};
use mtl_nets::net::{Activation, Layer, Net, NodeId};
use mtl_nets::params::{Layout, Own, ParamId, Role};
use mtl_nets::penalty::{Decay, Penalty};
use mtl_nets::real::Real;
use mtl_nets::trainer::Plan;
use ndarray::Array2;
use serde::de::DeserializeOwned;

use super::super::Network;
use super::super::training::{Added, Material, Run};
use super::{Drawn, Options};
use crate::method::{Context, FitError, Fitted, Problem};
use crate::params::ParamSet;

/// Standard deviations of first weights and biases above the bottom; biases are not zero, so that norms have a gradient.
const WEIGHTS: f64 = 0.01;
const BIASES: f64 = 1e-4;
/// Of the bottom's weights, which are drawn again beyond twice that; its biases start at zero.
const BOTTOM: f64 = 0.02;

/// A problem and how it is to be trained.
pub(super) struct Setting<'a> {
    pub options: Options,
    pub tasks: usize,
    inputs: usize,
    pub classes: usize,
    target: Target,
    material: Material<'a>,
}

/// Fits every point of a path by itself.
pub(super) fn fit_path<P: DeserializeOwned>(
    problem: &Problem,
    path: &[ParamSet],
    context: &Context,
    fit: impl Fn(&Setting<'_>, &P) -> Result<Fitted, FitError>,
) -> Result<Vec<Fitted>, FitError> {
    path.iter().map(|point| fit(&Setting::new(problem, context, point.read())?, &point.read())).collect()
}

impl<'a> Setting<'a> {
    fn new(problem: &Problem, context: &'a Context, options: Options) -> Result<Self, FitError> {
        for (name, rate) in [("input_dropout", options.input_dropout), ("bottom_dropout", options.bottom_dropout)] {
            if rate >= 1.0 {
                return Err(FitError::NotApplicable(format!("`{name}` is {rate}: nothing would be left")));
            }
        }
        let train = &problem.train;
        let (tasks, classes) = (train.n_tasks(), if let Target::Classes(p) = train.target { p as usize } else { 2 });
        let mut material =
            Material::new(problem, context, classes, |part, t| targets(part, t, classes, options.smoothing));
        material.scale = options.factor(tasks);
        let rows = |part: &MultiTask, t: usize| part.tasks[t].n();
        let pool = |t| rows(train, t) + problem.valid.as_ref().map_or(0, |part| rows(part, t));
        let pool: Vec<usize> = (0..tasks).map(pool).collect();
        material.training = material.training.balance(&pool);
        material.validation = material.validation.map(|part| part.balance(&pool));
        Ok(Self { options, tasks, inputs: train.n_features(), classes, target: train.target, material })
    }

    /// The bottom: a network so far and what it ends in.
    pub fn bottom(&self, own: Own) -> (Net, NodeId) {
        let dropout = |rate| if self.options.dropout { rate } else { 0.0 };
        let mut net = Net::new(self.tasks, self.inputs);
        let x = net.dropout(net.input(), dropout(self.options.input_dropout));
        let z = net.dense(x, Layer::new("bottom", own, self.options.bottom, Activation::Relu));
        let z = net.dropout(z, dropout(self.options.bottom_dropout));
        (net, z)
    }

    /// Shared-bottom's network: a hidden layer and an output layer on top of the bottom.
    pub fn shared_bottom(&self, bottom: Own, top: Own, units: usize) -> Net {
        let (mut net, z) = self.bottom(bottom);
        let u = net.dense(z, Layer::new("hidden", top, units, Activation::Relu));
        net.dense(u, Layer::new("output", top, self.classes, Activation::Linear));
        net
    }

    /// A model whose parameters are the network's, drawn.
    pub fn start(&self, net: Net) -> Trained<f32> {
        let mut model = Trained::new(net, Loss::SoftmaxCrossEntropy);
        self.draw(&mut model, &self.seed_of_start());
        model
    }

    /// The same for parameters that are made of others.
    pub fn start_composed(&self, net: Net, map: Box<dyn Reparametrisation<f32>>, seed: &Seed) -> Trained<f32> {
        let mut model = Trained::composed(net, Loss::SoftmaxCrossEntropy, map);
        self.draw(&mut model, seed);
        model
    }

    /// Where first parameters come from.
    pub fn seed_of_start(&self) -> Seed {
        match self.options.start {
            Drawn::Shared => Seed::of(&"networks with a bottom"),
            Drawn::PerSplit => self.seed().clone(),
        }
    }

    /// Where the order of rows and dropout come from.
    pub fn seed(&self) -> &Seed {
        &self.material.context.seed
    }

    fn draw(&self, model: &mut Trained<f32>, seed: &Seed) {
        for (i, place) in model.layout().places().to_vec().into_iter().enumerate() {
            let start = match (place.name.as_str(), place.role) {
                ("bottom" | "reconstruction", _) => Start::TruncatedNormal(BOTTOM),
                ("bottom.bias" | "reconstruction.bias", _) => Start::Constant(0.0),
                ("stitch", _) => Start::Stitch,
                (_, Role::Bias) => Start::Normal(BIASES),
                _ => Start::Normal(WEIGHTS),
            };
            model.start(ParamId(i), start, seed, &self.material.labels);
        }
    }

    /// `l2` times the squared norms of these parameters.
    pub fn decay(&self, layout: &Layout, which: &[&str]) -> Added {
        let mut added = Added::default();
        self.add(&mut added, self.options.l2, |strength| Box::new(Decay::new(layout, strength, &ids(layout, which))));
        added
    }

    /// Adds a penalty of some strength, unless that is zero.
    pub fn add(&self, to: &mut Added, strength: f64, penalty: impl FnOnce(f64) -> Box<dyn Penalty<f32>>) {
        if strength > 0.0 {
            to.penalties.push(penalty(self.options.share(strength, self.tasks)));
        }
    }

    /// How these options train.
    pub fn plan(&self) -> Plan {
        self.plan_of(&self.options)
    }

    /// How other options train.
    pub fn plan_of(&self, options: &Options) -> Plan {
        options.plan(self.tasks, self.material.validation.is_some())
    }

    /// Trains a model.
    pub fn train(&self, model: &mut Trained<f32>, added: Added) -> Result<Run, FitError> {
        self.train_by(model, self.plan(), added, self.seed())
    }

    /// The same by another plan.
    pub fn train_by(&self, model: &mut Trained<f32>, plan: Plan, added: Added, seed: &Seed) -> Result<Run, FitError> {
        self.material.train(model, plan, added, seed)
    }

    /// What a run gives back.
    pub fn fitted(
        &self,
        model: &Trained<f32>,
        run: &Run,
        components: Vec<(String, Array2<f64>)>,
    ) -> Result<Fitted, FitError> {
        let network = Network::of_classes(model, self.target);
        self.material.fitted(model, &self.plan(), run, components, network)
    }

    /// Trains a model and gives it back.
    pub fn fit(&self, mut model: Trained<f32>, added: Added) -> Result<Fitted, FitError> {
        let run = self.train(&mut model, added)?;
        self.fitted(&model, &run, Vec::new())
    }
}

/// The parameters of these names.
pub(super) fn ids(layout: &Layout, names: &[&str]) -> Vec<ParamId> {
    names.iter().filter_map(|name| layout.find(name)).collect()
}

/// Targets of a task's rows, rows x classes: how likely classes are, or all of a label's class, smoothed. Of two classes
/// +1 is the second.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a class is a small whole number")]
fn targets(part: &MultiTask, t: usize, classes: usize, smoothing: f64) -> Vec<f32> {
    let class = |y: f64| if part.target == Target::Binary { usize::from(y > 0.0) } else { y as usize };
    let mut targets: Vec<f32> = match &part.likelihoods {
        Some(likelihoods) => likelihoods[t].iter().map(|p| f32::of(*p)).collect(),
        None => {
            let one_hot = |y: &f64| {
                let class = class(*y);
                (0..classes).map(move |c| if c == class { 1.0 } else { 0.0 })
            };
            part.tasks[t].y.iter().flat_map(one_hot).collect()
        }
    };
    if smoothing > 0.0 {
        smooth_labels(&mut targets, classes, smoothing);
    }
    targets
}
