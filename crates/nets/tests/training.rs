//! Whole runs: the same for any number of threads, and what the specifications say must hold.

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;

use common::{INPUTS, labels, model, networks, samples};
use mtl_core::seed::Seed;
use mtl_nets::batch::{Batching, Data, Samples};
use mtl_nets::loss::Loss;
use mtl_nets::model::{Model, Start};
use mtl_nets::net::{Activation, Layer, Net};
use mtl_nets::optimiser::Optimiser;
use mtl_nets::params::{Own, ParamId, Params, Role};
use mtl_nets::penalty::{Axes, Decay, Mrn, OpenGates, Spread, Structured, Terms};
use mtl_nets::proximal::{Form, SparseGroups, Topics};
use mtl_nets::trainer::{Epoch, History, Keep, Plan, TrainError, Trainer};

fn sgd(rate: f64) -> Optimiser {
    Optimiser::Sgd { rate, decay: 0.9, decay_steps: 20.0 }
}

fn plan(batching: Batching, optimiser: Optimiser, keep: Keep) -> Plan {
    Plan { epochs: 4, batching, optimiser, keep }
}

fn run<R: mtl_nets::real::Real>(
    trainer: &mut Trainer<R>,
    model: &mut Model<R>,
    data: &Data<R>,
    validation: Option<&Data<R>>,
) -> History {
    trainer.train(model, data, validation, &mut |_, _| ControlFlow::Continue(())).expect("a run that ends well")
}

/// Every penalty and proximal map that fits the network.
fn add_terms(trainer: &mut Trainer<f32>, model: &Model<f32>) {
    let layout = model.layout();
    let ids = |own: Own, role: Role| -> Vec<ParamId> {
        let places = layout.places().iter().enumerate();
        places.filter(|(_, p)| p.own == own && p.role == role).map(|(i, _)| ParamId(i)).collect()
    };
    let own = ids(Own::Task, Role::Weights);
    let single: Vec<ParamId> = own.iter().copied().filter(|&id| layout.place(id).shape[0] == 1).collect();
    let every = Terms { nets: 1e-3, unit_pairs: 1e-3, units: 1e-3, weights: 1e-3, ..Terms::default() };
    trainer.penalties = vec![
        Box::new(Structured::new(layout, own.iter().map(|&id| (id, every.clone())).collect())),
        Box::new(Spread::new(layout, 1e-4, &own)),
        Box::new(Mrn::new(layout, 1e-3, 2, Axes::All, &single)),
        Box::new(Decay::new(layout, 1e-3, &[own.clone(), ids(Own::Shared, Role::Weights)].concat())),
    ];
    for id in ids(Own::Task, Role::Gates) {
        trainer.penalties.push(Box::new(OpenGates::new(layout, 1e-2, 0.5, id)));
    }
    let layers = own.iter().map(|&id| (id, Vec::new())).collect();
    trainer.proximals = vec![Box::new(SparseGroups::new(layout, 1e-2, 1e-2, layers))];
    if let Some(hidden) = layout.find("hidden").filter(|&id| layout.place(id).own == Own::Task) {
        trainer.proximals.push(Box::new(Topics::new(layout, Form::Exclusive, 1e-2, &[hidden])));
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for (name, loss) in networks() {
        for (batching, optimiser) in
            [(Batching::EqualRows(9), Optimiser::adam(1e-2)), (Batching::Pooled(150), sgd(0.3))]
        {
            let train = |threads: usize| -> (Params<f32>, History) {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                pool.install(|| {
                    let mut model = model::<f32>(name, loss);
                    let outputs = model.net().outputs();
                    let data = samples(&[120, 80, 130, 33], outputs, 3).balance(&[120, 80, 130, 33]);
                    let validation = samples(&[70, 10, 65, 9], outputs, 4);
                    let mut trainer = Trainer::new(plan(batching, optimiser, Keep::LeastLoss), Seed::of(&7), 4);
                    add_terms(&mut trainer, &model);
                    let history = run(&mut trainer, &mut model, &data, Some(&validation));
                    (model.free().clone(), history)
                })
            };
            let (one, history) = train(1);
            let moved = Model::free(&model::<f32>(name, loss)).iter().zip(one.iter()).filter(|(a, b)| a != b).count();
            assert!(moved > 0, "{name}: nothing was trained");
            for threads in [2, 5] {
                let (other, again) = train(threads);
                assert!(one.iter().zip(other.iter()).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}, {batching:?}");
                assert_eq!(history, again);
            }
        }
    }
}

/// Without a penalty that couples them, networks do not know of each other (SSMTL specification, property 17). Under
/// Adam the mean over tasks would change steps by way of its epsilon, so plain steps are taken here.
#[test]
fn uncoupled_networks_are_those_trained_alone() {
    let build = |tasks: usize| {
        let mut net = Net::new(tasks, INPUTS);
        let a = net.dense(net.input(), Layer::new("a", Own::Task, 8, Activation::LeakyRelu(0.01)));
        net.dense(a, Layer::new("b", Own::Task, 1, Activation::Linear));
        Model::<f64>::new(net, Loss::Logistic)
    };
    let all = samples::<f64>(&[50, 50, 50], 1, 9);
    let trained = |data: &Data<f64>, labels: &[String], rate: f64| {
        let mut model = build(labels.len());
        let seed = Seed::of(&"alone");
        model.start_uniform(&seed, labels);
        let mut trainer = Trainer::new(plan(Batching::EqualRows(16), sgd(rate), Keep::Last), seed, labels.len());
        trainer.labels = labels.to_vec();
        run(&mut trainer, &mut model, data, None);
        model
    };
    let names = labels(3);
    let together = trained(&all, &names, 0.9);
    for task in 0..3 {
        let alone = trained(&Data::new(vec![all.tasks[task].clone()], INPUTS, 1), &names[task..=task], 0.3);
        for (a, b) in together.free().row(task).iter().zip(alone.free().row(0)) {
            assert!((a - b).abs() < 1e-12);
        }
    }
}

/// Same property: a large strength of the net-wise term drives the tasks' layers together.
#[test]
fn a_large_penalty_on_differences_makes_tasks_equal() {
    let distance = |strength: f64| {
        let mut model = model::<f32>("ssmtl", Loss::Logistic);
        let data = samples::<f32>(&[60, 60, 60, 60], 1, 5);
        let layers = ["layer1", "layer2", "layer3"].map(|name| model.layout().find(name).expect("a layer"));
        let sgd = Optimiser::Sgd { rate: 0.01, decay: 0.5, decay_steps: 50.0 };
        let mut trainer = Trainer::new(plan(Batching::EqualRows(8), sgd, Keep::Last), Seed::of(&1), 4);
        trainer.plan.epochs = 100;
        let terms = |&id: &ParamId| (id, Terms { nets: strength, ..Terms::default() });
        trainer.penalties.push(Box::new(Structured::new(model.layout(), layers.iter().map(terms).collect())));
        run(&mut trainer, &mut model, &data, None);
        let place = model.layout().place(layers[0]).clone();
        let pairs = model.free().slice(&place, 0).iter().zip(model.free().slice(&place, 3));
        pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
    };
    let (free, tied) = (distance(0.0), distance(3.0));
    assert!(tied < 0.01 * free, "{tied} {free}");
}

/// With noise off and all gates open, stochastic gates change nothing (same property).
#[test]
fn open_gates_are_the_plain_network() {
    let (mut gated, plain) = (model::<f64>("stg", Loss::Logistic), model::<f64>("ssmtl", Loss::Logistic));
    let gates = gated.layout().find("gates").expect("gates");
    gated.start(gates, Start::Constant(0.5), &Seed::of(&1), &labels(4));
    let data = samples::<f64>(&[20, 20, 20, 20], 1, 6);
    for task in 0..4 {
        let inputs = &data.tasks[task].inputs;
        assert_eq!(gated.predict(task, inputs), plain.predict(task, inputs));
    }
}

/// Invariants of the TOMATO specification, section 8: 5 (no deviations: Single), 6 (one topic: the gate is idle), 9
/// (a stitch that starts as identity: Shared-bottom).
#[test]
fn degenerate_networks_are_simpler_ones() {
    let data = samples::<f64>(&[30, 30, 30, 30], 3, 8);
    let shared = model::<f64>("shared-bottom", Loss::SoftmaxCrossEntropy);
    let mut stitched = model::<f64>("cross-stitch", Loss::SoftmaxCrossEntropy);
    let stitch = stitched.layout().find("stitch").expect("the stitch");
    stitched.start(stitch, Start::Stitch, &Seed::of(&1), &labels(4));
    for name in ["bottom", "hidden", "output"] {
        for name in [name.to_owned(), format!("{name}.bias")] {
            let from = shared.layout().place(shared.layout().find(&name).expect("a parameter")).clone();
            let to = stitched.layout().place(stitched.layout().find(&name).expect("a parameter")).clone();
            for task in 0..4 {
                let values = shared.free().slice(&from, task).to_vec();
                let width = from.shape[2];
                let target = stitched.free_mut().slice_mut(&to, task);
                if from.own == to.own {
                    target.copy_from_slice(&values);
                } else {
                    for (i, value) in values.into_iter().enumerate() {
                        target[i / width * to.shape[2] + task * width + i % width] = value;
                    }
                }
            }
        }
    }
    let mut tomato = model::<f64>("tomato-2", Loss::SoftmaxCrossEntropy);
    for name in ["hidden", "hidden.bias", "output", "output.bias"] {
        let id = tomato.layout().find(name).expect("deviations");
        tomato.start(id, Start::Constant(0.0), &Seed::of(&1), &labels(4));
    }
    for task in 0..4 {
        let inputs = &data.tasks[task].inputs;
        for (a, b) in shared.predict(task, inputs).iter().zip(stitched.predict(task, inputs)) {
            assert!((a - b).abs() < 1e-14);
        }
        for (a, b) in tomato.predict(0, inputs).iter().zip(tomato.predict(task, inputs)) {
            assert!((a - b).abs() < 1e-14, "without deviations tasks do not differ");
        }
    }
    let gate = tomato.layout().find("gate").expect("a gate");
    let before = tomato.predict(1, &data.tasks[1].inputs);
    tomato.start(gate, Start::Normal(3.0), &Seed::of(&2), &labels(4));
    for (a, b) in before.iter().zip(tomato.predict(1, &data.tasks[1].inputs)) {
        assert!((a - b).abs() < 1e-14, "equal topics do not need a gate");
    }
}

/// Invariants 9 and 11 of the same section: a single expert leaves its gate without a gradient, and a task's samples
/// seen twice change nothing when tasks are balanced.
#[test]
fn single_experts_and_doubled_tasks() {
    let data = samples::<f64>(&[30, 20, 30, 30], 3, 8);
    let mut net = Net::new(4, INPUTS);
    let experts = net.dense(net.input(), Layer::new("experts", Own::Shared, 4, Activation::Relu));
    let gate = net.dense(net.input(), Layer::new("gate", Own::Task, 1, Activation::Softmax));
    let mixed = net.mix(gate, experts);
    net.dense(mixed, Layer::new("output", Own::Task, 3, Activation::Linear));
    let mut model = Model::<f64>::new(net, Loss::SoftmaxCrossEntropy);
    model.start_uniform(&Seed::of(&1), &labels(4));
    let gradient = |model: &mut Model<f64>, data: &Data<f64>, sizes: &[usize]| {
        let data = data.clone().balance(sizes);
        let mut batch = mtl_nets::batch::Batch::default();
        let mut order = mtl_nets::batch::Order::new(Batching::Pooled(1000), &data, &labels(4), &Seed::of(&1));
        assert!(order.next(&mut batch));
        let mut grads = Params::zeros(model.layout());
        let loss = model.gradient(&data, &batch, None, &mut grads);
        (loss, grads)
    };
    let (loss, grads) = gradient(&mut model, &data, &[30, 20, 30, 30]);
    let gate = model.layout().place(model.layout().find("gate").expect("a gate")).clone();
    assert!((0..4).all(|task| grads.slice(&gate, task).iter().all(|&g| g == 0.0)));

    let Samples { inputs, targets } = data.tasks[1].clone();
    let mut doubled = data.clone();
    doubled.tasks[1] = Samples {
        inputs: Arc::new([&inputs[..], &inputs[..]].concat()),
        targets: [&targets[..], &targets[..]].concat(),
    };
    let (again, same) = gradient(&mut model, &doubled, &[30, 40, 30, 30]);
    assert!((loss - again).abs() < 1e-13);
    assert!(grads.iter().zip(same.iter()).all(|(a, b)| (a - b).abs() < 1e-13));
}

#[test]
fn the_epoch_of_least_validation_loss_is_kept() {
    let mut model = model::<f32>("shared-bottom", Loss::SoftmaxCrossEntropy);
    let (data, validation) = (samples(&[60, 60, 60, 60], 3, 10), samples(&[40, 40, 40, 40], 3, 11));
    let mut trainer = Trainer::new(plan(Batching::Pooled(32), sgd(1.0), Keep::LeastLoss), Seed::of(&1), 4);
    trainer.plan.epochs = 40;
    let mut losses = Vec::new();
    let history = trainer
        .train(&mut model, &data, Some(&validation), &mut |_, epoch: &Epoch| {
            losses.push(epoch.validation.expect("a validation loss"));
            if epoch.epoch == 30 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .expect("a run that ends well");
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(history.cancelled && history.epochs.len() == 30 && history.kept < 30);
    assert_eq!(losses[history.kept - 1], least);
    assert_eq!(mtl_nets::trainer::validation_loss(&model, &validation, Batching::Pooled(32)), least);
}

#[test]
fn what_goes_wrong_is_said_early() {
    let mut wild = model::<f32>("squared", Loss::Squared);
    let data = samples::<f32>(&[60, 60, 60, 60], 3, 12);
    let mut trainer = Trainer::new(plan(Batching::Pooled(32), sgd(1e4), Keep::Last), Seed::of(&1), 4);
    let mut train = |trainer: &mut Trainer<f32>, data: &Data<f32>| {
        trainer.train(&mut wild, data, None, &mut |_, _| ControlFlow::Continue(()))
    };
    assert!(matches!(train(&mut trainer, &data), Err(TrainError::NotFinite { epoch: 1, .. })));
    let short = Samples { inputs: Arc::new(vec![0.0; 7]), targets: vec![0.0; 3] };
    let broken = Data::new(vec![short; 4], INPUTS, 3);
    let error = train(&mut trainer, &broken).expect_err("samples that do not fit");
    assert_eq!(error.to_string(), "the training part has 7 inputs for 3 targets in task 0");
    trainer.plan.keep = Keep::LeastLoss;
    assert!(matches!(train(&mut trainer, &data), Err(TrainError::NoValidation)));
}
