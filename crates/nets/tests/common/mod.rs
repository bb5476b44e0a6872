//! The networks of both papers, small, and samples for them.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::sync::Arc;

use mtl_core::seed::Seed;
use mtl_nets::batch::{Data, Samples};
use mtl_nets::free::{Additive, Reparametrisation, Tucker};
use mtl_nets::loss::Loss;
use mtl_nets::model::{Model, Start};
use mtl_nets::net::{Activation, Charge, Layer, Net};
use mtl_nets::params::{Own, Role};
use mtl_nets::real::Real;
use rand::Rng;

use Activation::{LeakyRelu, Linear, Relu, Softmax};
use Own::{Shared, Task};

pub const TASKS: usize = 4;
pub const INPUTS: usize = 6;
pub const CLASSES: usize = 3;
/// The network that costs more than its outputs do.
pub const CHARGED: &str = "tomato-2-charged";

pub fn labels(tasks: usize) -> Vec<String> {
    (0..tasks).map(|task| format!("task {task}")).collect()
}

/// All networks by name, with the loss that goes with them.
pub fn networks() -> Vec<(&'static str, Loss)> {
    let mut all: Vec<_> = ["ssmtl", "ssmtl-dropout", "stg", "ssmtl-tucker"].map(|name| (name, Loss::Logistic)).into();
    let rest = [
        "separate",
        "shared-bottom",
        "shared-bottom-dropout",
        "single",
        "tucker",
        "cross-stitch",
        "mmoe",
        "tomato-1",
        "tomato-2",
        CHARGED,
    ];
    all.extend(rest.map(|name| (name, Loss::SoftmaxCrossEntropy)));
    all.push(("squared", Loss::Squared));
    all
}

fn layer(name: &str, own: Own, outputs: usize, activation: Activation) -> Layer<'_> {
    Layer::new(name, own, outputs, activation)
}

/// A network of that name, with parameters drawn.
pub fn model<R: Real>(name: &str, loss: Loss) -> Model<R> {
    let mut net = Net::new(TASKS, INPUTS);
    let x = net.input();
    let ssmtl = name.starts_with("ssmtl") || name == "stg";
    if ssmtl {
        let x = if name == "stg" { net.gates(x, "gates", 0.5) } else { x };
        let a = net.dense(x, layer("layer1", Task, 5, LeakyRelu(0.01)));
        let a = net.dropout(a, if name == "ssmtl-dropout" { 0.3 } else { 0.0 });
        let b = net.dense(a, layer("layer2", Task, 4, LeakyRelu(0.01)));
        net.dense(b, layer("layer3", Task, 1, Linear));
    } else {
        let bottom = if name == "separate" { Task } else { Shared };
        let dropout = if name == "shared-bottom-dropout" { 0.4 } else { 0.0 };
        let x = net.dropout(x, dropout);
        let z = net.dense(x, layer("bottom", bottom, 5, Relu));
        let z = net.dropout(z, dropout);
        match name {
            "single" => {
                let u = net.dense(z, layer("hidden", Shared, 4, Relu));
                net.dense(u, layer("output", Shared, CLASSES, Linear));
            }
            "cross-stitch" => {
                let u = net.dense(z, layer("hidden", Shared, TASKS * 4, Relu));
                let v = net.dense(u, layer("stitch", Task, 4, Linear).without_bias());
                net.dense(v, layer("output", Task, CLASSES, Linear));
            }
            "mmoe" => {
                let experts = net.dense(z, layer("experts", Shared, 4, Relu).blocks(3));
                let gate = net.dense(z, layer("gate", Task, 3, Softmax));
                let mixed = net.mix(gate, experts);
                net.dense(mixed, layer("output", Task, CLASSES, Linear));
            }
            "tomato-1" => {
                let gate = net.dense(z, layer("gate", Shared, 2, Softmax));
                let u = net.dense(z, layer("hidden", Task, 4, Relu).blocks(2));
                let v = net.mix(gate, u);
                net.dense(v, layer("output", Task, CLASSES, Linear));
            }
            "tomato-2" | CHARGED => {
                let gate = net.dense(z, layer("gate", Shared, 2, Softmax));
                if name == CHARGED {
                    net.charge(gate, Charge::Entropy(0.3));
                    let guess = net.dense(gate, layer("reconstruction", Shared, INPUTS, Linear));
                    net.charge(guess, Charge::Reconstruction(0.2));
                }
                // As wide as the product of a few rows wants it.
                let u = net.dense(z, layer("hidden", Task, if name == CHARGED { 16 } else { 4 }, Relu).blocks(2));
                let o = net.dense(u, layer("output", Task, CLASSES, Linear).split(2));
                net.mix(gate, o);
            }
            _ => {
                let u = net.dense(z, layer("hidden", Task, 4, Relu));
                net.dense(u, layer("output", Task, CLASSES, Linear));
            }
        }
    }
    let find = |name: &str| net.layout().find(name).expect("a parameter of the network");
    let map: Option<Box<dyn Reparametrisation<R>>> = match name {
        "tomato-1" => Some(Box::new(Additive::new(net.layout(), &[find("hidden"), find("hidden.bias")]))),
        "tomato-2" | CHARGED => {
            let which = ["hidden", "hidden.bias", "output", "output.bias"].map(find);
            Some(Box::new(Additive::new(net.layout(), &which)))
        }
        "tucker" => Some(Box::new(Tucker::<R>::new(net.layout(), &[(find("hidden"), [3, 2, 3])]))),
        "ssmtl-tucker" => {
            let which = [(find("layer1"), [4, 3, 2]), (find("layer2"), [2, 4, 4])];
            Some(Box::new(Tucker::<R>::new(net.layout(), &which)))
        }
        _ => None,
    };
    let mut model = match map {
        Some(map) => Model::composed(net, loss, map),
        None => Model::new(net, loss),
    };
    let (seed, labels) = (Seed::of(&"start"), labels(TASKS));
    let places = model.layout().places().to_vec();
    for place in &places {
        let id = model.layout().find(&place.name).expect("a place has its name");
        let sd = if place.role == Role::Gates { 0.2 } else { 0.6 };
        model.start(id, Start::Normal(sd), &seed, &labels);
    }
    model
}

/// Samples of tasks of these sizes.
pub fn samples<R: Real>(sizes: &[usize], outputs: usize, salt: u64) -> Data<R> {
    let mut rng = Seed::of(&("samples", salt)).rng();
    let mut numbers = |n: usize| -> Vec<f64> { (0..n).map(|_| rng.random::<f64>() * 2.0 - 1.0).collect() };
    let mut tasks = Vec::new();
    for &n in sizes {
        let inputs = Arc::new(numbers(n * INPUTS).into_iter().map(R::of).collect::<Vec<_>>());
        let mut targets = Vec::new();
        for row in numbers(n * outputs).chunks_exact(outputs) {
            // A distribution over classes, or a probability.
            let sum: f64 = row.iter().map(|x| x.abs()).sum();
            targets.extend(row.iter().map(|x| R::of(if outputs > 1 { x.abs() / sum } else { x.abs().round() })));
        }
        tasks.push(Samples { inputs, targets });
    }
    Data::new(tasks, INPUTS, outputs)
}
