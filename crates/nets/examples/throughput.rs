//! The Rust side of `benches/peers/deep.py`: trains one of its networks for some seconds and prints, as JSON, steps a
//! second, the losses of the first steps, and what the products of a step take by themselves.
//!
//! Everything a step needs is timed: gathering the minibatch, forward, loss, backward, penalties, the optimiser, proximal
//! maps. With a folder, samples, first parameters and the first minibatches are written there for the other side.
//!
//!     cargo run --release -p mtl-nets --example throughput -- ssmtl 2 [FOLDER]

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mtl_core::seed::Seed;
use mtl_nets::Noise;
use mtl_nets::batch::{Batch, Batching, Data, Order, Samples};
use mtl_nets::free::Additive;
use mtl_nets::gemm;
use mtl_nets::loss::{Loss, smooth_labels};
use mtl_nets::model::{Model, Start};
use mtl_nets::net::{Activation, Layer, Net};
use mtl_nets::optimiser::{Optimiser, Stepper};
use mtl_nets::params::{Own, Params};
use mtl_nets::penalty::{Structured, Terms};
use mtl_nets::proximal::{Form, Topics};
use mtl_nets::trainer::{Keep, Plan, Trainer};
use rand::Rng;
use rayon::prelude::*;

/// Steps whose losses are compared.
const COMPARED: usize = 20;
/// Inputs and units of the MNIST network of SSMTL_t, rows of each task in a minibatch.
const WIDTHS: [usize; 5] = [154, 80, 40, 20, 1];
const ROWS: usize = 64;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [workload, seconds, folder @ ..] = &arguments[..] else {
        return Err(
            "usage: throughput ssmtl|ssmtl-penalty|shared-bottom|tomato|tomato-mnist|tomato-school SECONDS [FOLDER]"
                .into(),
        );
    };
    let seconds: f64 = seconds.parse()?;
    rayon::scope(|_| run(workload, seconds, folder.first().map(Path::new)))
}

/// A model and its trainer, ready to start.
struct Work {
    data: Data<f32>,
    model: Model<f32>,
    trainer: Trainer<f32>,
}

fn run(workload: &str, seconds: f64, folder: Option<&Path>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Work { data, mut model, mut trainer } = match workload {
        "ssmtl" | "ssmtl-penalty" => ssmtl(workload == "ssmtl-penalty"),
        other => Tomato::of(other).ok_or_else(|| format!("unknown workload {other}"))?.work(),
    };
    let seed = Seed::of(&"order");
    let mut order = Order::new(trainer.plan.batching, &data, &trainer.labels, &seed);
    if let Some(folder) = folder {
        dump(folder, &data, &model, order.clone())?;
    }
    let mut grads = Params::zeros(model.layout());
    let mut stepper = Stepper::new(trainer.plan.optimiser, model.layout());
    let mut batch = Batch::default();
    let mut step = |losses: &mut Vec<f64>| {
        while !order.next(&mut batch) {}
        let noise = Noise::of_step(1, stepper.step() as u64);
        let (loss, penalty) = trainer.step(&mut model, &data, &batch, noise, &mut grads, &mut stepper);
        losses.push(loss + penalty);
    };
    let mut losses = Vec::with_capacity(10_000_000);
    (0..2 * COMPARED).for_each(|_| step(&mut losses));
    let (start, before) = (Instant::now(), losses.len());
    while start.elapsed().as_secs_f64() < seconds {
        (0..10).for_each(|_| step(&mut losses));
    }
    let rate = (losses.len() - before) as f64 / start.elapsed().as_secs_f64();
    let first: Vec<String> = losses[..COMPARED].iter().map(|loss| format!("{loss:.9e}")).collect();
    let products = match workload {
        "ssmtl" => {
            let [own, other] = [false, true].map(|library| products(seconds / 2.0, library));
            format!(", \"gemm\": {own}, \"matrixmultiply\": {other}")
        }
        _ => String::new(),
    };
    writeln!(io::stdout(), "{{\"steps\": {rate}{products}, \"losses\": [{}]}}", first.join(", "))?;
    Ok(())
}

fn numbers(seed: &Seed, n: usize) -> Vec<f32> {
    let mut rng = seed.rng();
    (0..n).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect()
}

/// Ten networks on 600 samples each, labels from a random linear rule.
fn ssmtl(penalised: bool) -> Work {
    let (tasks, rows) = (10, 600);
    let each = (0..tasks).map(|task| {
        let inputs = numbers(&Seed::of(&("x", task)), rows * WIDTHS[0]);
        let rule = numbers(&Seed::of(&("rule", task)), WIDTHS[0]);
        let score = |row: &[f32]| row.iter().zip(&rule).map(|(x, w)| x * w).sum::<f32>();
        let targets = inputs.chunks_exact(WIDTHS[0]).map(|row| f32::from(score(row) > 4.0)).collect();
        Samples { inputs: Arc::new(inputs), targets }
    });
    let data = Data::new(each.collect(), WIDTHS[0], 1);
    let mut net = Net::new(tasks, WIDTHS[0]);
    let mut node = net.input();
    for (l, &width) in WIDTHS[1..].iter().enumerate() {
        let activation = if l == 3 { Activation::Linear } else { Activation::LeakyRelu(0.01) };
        node = net.dense(node, Layer::new(&format!("layer{l}"), Own::Task, width, activation));
    }
    let plan =
        Plan { epochs: 1, batching: Batching::EqualRows(ROWS), optimiser: Optimiser::adam(1e-3), keep: Keep::Last };
    let mut trainer = Trainer::new(plan, Seed::of(&"run"), tasks);
    let mut model = Model::new(net, Loss::Logistic);
    model.start_uniform(&Seed::of(&"init"), &trainer.labels);
    if penalised {
        let layers = (0..4).filter_map(|l| {
            let (down, up) = (0.5f64.powi(l + 1), 2f64.powi(l + 1));
            let (tied, selected) = (1e-6, 1e-5);
            let terms = Terms {
                nets: tied * down,
                unit_pairs: tied * up,
                units: selected * up,
                weights: selected * down,
                ..Terms::default()
            };
            Some((model.layout().find(&format!("layer{l}"))?, terms))
        });
        trainer.penalties.push(Box::new(Structured::new(model.layout(), layers.collect())));
    }
    Work { data, model, trainer }
}

/// A data set of TOMATO's and the network for it; 512 samples a minibatch.
struct Tomato {
    tasks: usize,
    rows: usize,
    inputs: usize,
    classes: usize,
    bottom: usize,
    hidden: usize,
    /// None for Shared-bottom.
    topics: usize,
    /// Layers that depend on the topic.
    layers: usize,
}

impl Tomato {
    fn of(workload: &str) -> Option<Self> {
        let synthetic =
            Self { tasks: 12, rows: 1280, inputs: 64, classes: 5, bottom: 32, hidden: 64, topics: 2, layers: 2 };
        Some(match workload {
            "shared-bottom" => Self { topics: 0, ..synthetic },
            "tomato" => synthetic,
            "tomato-mnist" => {
                Self { tasks: 10, rows: 1152, classes: 2, bottom: 64, hidden: 32, topics: 16, layers: 1, ..synthetic }
            }
            "tomato-school" => {
                Self { tasks: 139, rows: 71, inputs: 28, classes: 3, bottom: 64, topics: 16, ..synthetic }
            }
            _ => return None,
        })
    }

    fn work(&self) -> Work {
        let &Self { tasks, rows, inputs, classes, bottom, hidden, topics, layers } = self;
        let each = (0..tasks).map(|task| {
            let inputs = Arc::new(numbers(&Seed::of(&("x", task)), rows * inputs));
            let mut targets = vec![0.0; rows * classes];
            for (row, class) in numbers(&Seed::of(&("y", task)), rows).iter().enumerate() {
                let class = (f64::from(class + 1.0) * classes as f64 / 2.0) as usize;
                targets[row * classes + class.min(classes - 1)] = 1.0;
            }
            smooth_labels(&mut targets, classes, 0.1);
            Samples { inputs, targets }
        });
        let data = Data::new(each.collect(), inputs, classes).balance(&vec![rows; tasks]);
        let mut net = Net::new(tasks, inputs);
        let (relu, linear) = (Activation::Relu, Activation::Linear);
        let z = net.dense(net.input(), Layer::new("bottom", Own::Shared, bottom, relu));
        if topics > 0 {
            let gate = net.dense(z, Layer::new("gate", Own::Shared, topics, Activation::Softmax));
            let u = net.dense(z, Layer::new("hidden", Own::Task, hidden, relu).blocks(topics));
            if layers == 2 {
                let o = net.dense(u, Layer::new("output", Own::Task, classes, linear).split(topics));
                net.mix(gate, o);
            } else {
                let v = net.mix(gate, u);
                net.dense(v, Layer::new("output", Own::Task, classes, linear));
            }
        } else {
            let u = net.dense(z, Layer::new("hidden", Own::Task, hidden, relu));
            net.dense(u, Layer::new("output", Own::Task, classes, linear));
        }
        let optimiser = Optimiser::Sgd { rate: 0.1, decay: 0.9, decay_steps: 1000.0 };
        let plan = Plan { epochs: 1, batching: Batching::Pooled(512), optimiser, keep: Keep::Last };
        let mut trainer = Trainer::new(plan, Seed::of(&"run"), tasks);
        let names = ["hidden", "hidden.bias", "output", "output.bias"];
        let ids: Vec<_> = names[..2 * layers].iter().filter_map(|name| net.layout().find(name)).collect();
        let mut model = if topics > 0 {
            let map = Additive::new(net.layout(), &ids);
            Model::composed(net, Loss::SoftmaxCrossEntropy, Box::new(map))
        } else {
            Model::new(net, Loss::SoftmaxCrossEntropy)
        };
        for place in model.layout().places().to_vec() {
            if let Some(id) = model.layout().find(&place.name) {
                model.start(id, Start::Normal(0.1), &Seed::of(&"init"), &trainer.labels);
            }
        }
        if topics > 0 {
            trainer.proximals.push(Box::new(Topics::new(model.layout(), Form::ElementWise, 1e-4, &ids)));
        }
        Work { data, model, trainer }
    }
}

/// Billions of operations a second in the products of a step of `ssmtl` alone, all tasks' at once.
fn products(seconds: f64, library: bool) -> f64 {
    let mut shapes = Vec::new();
    for (l, pair) in WIDTHS.windows(2).enumerate() {
        let (i, o) = (pair[0], pair[1]);
        shapes.push(([ROWS, o, i], false));
        shapes.push(([i, o, ROWS], true));
        if l > 0 {
            shapes.push(([ROWS, i, o], false));
        }
    }
    let operations: usize = shapes.iter().map(|(size, _)| 2 * size.iter().product::<usize>()).sum();
    let room = |[m, n, k]: [usize; 3]| [vec![0.5f32; m * k], vec![0.25; k * n], vec![0.0; m * n]];
    let mut tasks: Vec<Vec<[Vec<f32>; 3]>> = vec![shapes.iter().map(|&(size, _)| room(size)).collect(); 10];
    let mut once = || {
        tasks.par_iter_mut().for_each(|rooms| {
            for ([a, b, c], &(size, transposed)) in rooms.iter_mut().zip(&shapes) {
                if library { others(size, transposed, a, b, c) } else { ours(size, transposed, a, b, c) }
            }
        });
    };
    (0..20).for_each(|_| once());
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < seconds {
        (0..10).for_each(|_| once());
        count += 10;
    }
    (count * 10 * operations) as f64 / start.elapsed().as_secs_f64() / 1e9
}

fn ours(size: [usize; 3], transposed: bool, a: &[f32], b: &[f32], c: &mut [f32]) {
    let [m, n, k] = size;
    let product = if transposed { gemm::transposed_product } else { gemm::product };
    let a = gemm::Block { data: a, stride: if transposed { m } else { k } };
    product(size, a, gemm::Block { data: b, stride: n }, gemm::Start::Zero, gemm::Out { data: c, stride: n });
}

#[allow(unsafe_code)]
fn others([m, n, k]: [usize; 3], transposed: bool, a: &[f32], b: &[f32], c: &mut [f32]) {
    let (rows, columns) = if transposed { (1, m as isize) } else { (k as isize, 1) };
    let width = n as isize;
    // SAFETY: the slices are m x k (or its transpose), k x n and m x n.
    unsafe {
        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        matrixmultiply::sgemm(m, k, n, 1.0, a, rows, columns, b, width, 1, 0.0, c, width, 1);
    }
}

/// Writes `x`, `y`, all parameters by name (`tasks x ..` or shared) and the samples of the first minibatches.
fn dump(folder: &Path, data: &Data<f32>, model: &Model<f32>, mut order: Order) -> io::Result<()> {
    let floats = |name: &str, values: &mut dyn Iterator<Item = &f32>| {
        fs::write(folder.join(format!("{name}.f32")), values.flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
    };
    floats("x", &mut data.tasks.iter().flat_map(|task| task.inputs.iter()))?;
    floats("y", &mut data.tasks.iter().flat_map(|task| &task.targets))?;
    for place in model.layout().places() {
        let times = if place.own == Own::Shared { 1 } else { model.layout().tasks };
        floats(&place.name, &mut (0..times).flat_map(|task| model.free().slice(place, task)))?;
    }
    let (mut batch, mut samples) = (Batch::default(), Vec::new());
    for step in 0..COMPARED {
        while !order.next(&mut batch) {}
        samples.extend(batch.samples.iter().flat_map(|&(task, row)| [step as u32, task, row]));
    }
    fs::write(folder.join("order.u32"), samples.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
}
