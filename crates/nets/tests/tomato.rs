//! Invariants of the TOMATO specification, section 8, that speak of networks: which of them are special cases of others.

mod common;

use common::{CLASSES, INPUTS, TASKS, labels, samples};
use mtl_core::seed::Seed;
use mtl_nets::batch::{Batch, Batching, Data, Order};
use mtl_nets::free::Additive;
use mtl_nets::loss::Loss;
use mtl_nets::model::{Model, Start};
use mtl_nets::net::{Activation, Layer, Net, NodeId};
use mtl_nets::optimiser::{Optimiser, Stepper};
use mtl_nets::params::{Own, ParamId, Params};
use mtl_nets::proximal::{Form, Proximal, Topics};

use Activation::{Linear, Relu, Softmax};
use Own::{Shared, Task};

const UNITS: usize = 4;

fn bottom() -> (Net, NodeId) {
    let mut net = Net::new(TASKS, INPUTS);
    let z = net.dense(net.input(), Layer::new("bottom", Shared, 5, Relu));
    (net, z)
}

/// TOMATO with one or two layers that depend on the topic; parameters drawn.
fn tomato(layers: usize, topics: usize) -> Model<f64> {
    let (mut net, z) = bottom();
    let gate = net.dense(z, Layer::new("gate", Shared, topics, Softmax));
    let u = net.dense(z, Layer::new("hidden", Task, UNITS, Relu).blocks(topics));
    let names = ["hidden", "hidden.bias", "output", "output.bias"];
    if layers == 1 {
        let v = net.mix(gate, u);
        net.dense(v, Layer::new("output", Task, CLASSES, Linear));
    } else {
        let o = net.dense(u, Layer::new("output", Task, CLASSES, Linear).split(topics));
        net.mix(gate, o);
    }
    let which: Vec<ParamId> = names[..2 * layers].iter().filter_map(|name| net.layout().find(name)).collect();
    let map = Additive::new(net.layout(), &which);
    let mut model = Model::composed(net, Loss::SoftmaxCrossEntropy, Box::new(map));
    draw(&mut model);
    model
}

/// Upper layers of the tasks' own, or shared ones.
fn plain(own: Own) -> Model<f64> {
    let (mut net, z) = bottom();
    let u = net.dense(z, Layer::new("hidden", own, UNITS, Relu));
    net.dense(u, Layer::new("output", own, CLASSES, Linear));
    let mut model = Model::new(net, Loss::SoftmaxCrossEntropy);
    draw(&mut model);
    model
}

fn mmoe(experts: usize) -> Model<f64> {
    let (mut net, z) = bottom();
    let v = net.dense(z, Layer::new("experts", Shared, UNITS, Relu).blocks(experts));
    let gate = net.dense(z, Layer::new("gate", Task, experts, Softmax));
    let mixed = net.mix(gate, v);
    net.dense(mixed, Layer::new("output", Task, CLASSES, Linear));
    let mut model = Model::new(net, Loss::SoftmaxCrossEntropy);
    draw(&mut model);
    model
}

fn draw(model: &mut Model<f64>) {
    for i in 0..model.layout().places().len() {
        model.start(ParamId(i), Start::Normal(0.6), &Seed::of(&"tomato"), &labels(TASKS));
    }
}

fn get(model: &Model<f64>, name: &str, task: usize) -> Vec<f64> {
    let id = model.layout().find(name).unwrap_or_else(|| panic!("no {name}"));
    model.free().slice(model.layout().place(id), task).to_vec()
}

fn set(model: &mut Model<f64>, name: &str, task: usize, values: &[f64]) {
    let id = model.layout().find(name).unwrap_or_else(|| panic!("no {name}"));
    let place = model.layout().place(id).clone();
    model.free_mut().slice_mut(&place, task).copy_from_slice(values);
    model.refresh();
}

fn pairs(layers: usize) -> impl Iterator<Item = &'static str> {
    ["hidden", "hidden.bias", "output", "output.bias"].into_iter().take(2 * layers)
}

fn data() -> Data<f64> {
    samples(&[30, 21, 9, 30], CLASSES, 8)
}

fn same(a: &Model<f64>, b: &Model<f64>) {
    for task in 0..TASKS {
        let inputs = &data().tasks[task].inputs;
        for (a, b) in a.outputs(task, inputs).iter().zip(b.outputs(task, inputs)) {
            assert!((a - b).abs() < 1e-13, "task {task}");
        }
    }
}

/// A whole batch of balanced tasks: loss and derivatives.
fn gradient(model: &mut Model<f64>) -> (f64, Params<f64>) {
    let data = data().balance(&[30, 21, 9, 30]);
    let mut batch = Batch::default();
    assert!(Order::new(Batching::Pooled(1000), &data, &labels(TASKS), &Seed::of(&1)).next(&mut batch));
    let mut grads = Params::zeros(model.layout());
    (model.gradient(&data, &batch, None, &mut grads), grads)
}

#[test]
fn without_deviations_two_layers_are_single_and_one_is_mmoe_with_one_expert() {
    for topics in [1, 3] {
        for (layers, mut other) in [(2, plain(Shared)), (1, mmoe(1))] {
            let mut model = tomato(layers, topics);
            for task in 0..TASKS {
                for name in pairs(layers) {
                    let zeros = vec![0.0; get(&model, name, task).len()];
                    set(&mut model, name, task, &zeros);
                }
                if layers == 1 {
                    for name in ["output", "output.bias"] {
                        set(&mut other, name, task, &get(&model, name, task));
                    }
                }
            }
            for name in pairs(layers) {
                let base = get(&model, &format!("{name}.base"), 0);
                set(&mut other, &name.replace("hidden", if layers == 1 { "experts" } else { "hidden" }), 0, &base);
            }
            same(&model, &other);
        }
    }
}

#[test]
fn one_topic_is_shared_bottom_and_needs_no_gate() {
    let mut model = tomato(2, 1);
    let mut other = plain(Task);
    for task in 0..TASKS {
        for name in pairs(2) {
            let base = get(&model, &format!("{name}.base"), 0);
            let sum: Vec<f64> = get(&model, name, task).iter().zip(base).map(|(s, b)| s + b).collect();
            set(&mut other, name, task, &sum);
        }
    }
    same(&model, &other);
    let (_, grads) = gradient(&mut model);
    for name in ["gate", "gate.bias"] {
        let place = model.layout().place(model.layout().find(name).expect("a gate")).clone();
        assert!(grads.slice(&place, 0).iter().all(|g| *g == 0.0));
    }
    // Derivatives by theta_0 are the sums over tasks of those by s_t.
    for name in pairs(2) {
        let of = |name: &str, task: usize| {
            grads.slice(model.layout().place(model.layout().find(name).expect("a parameter")), task).to_vec()
        };
        let sums = of(&format!("{name}.base"), 0);
        for (i, sum) in sums.iter().enumerate() {
            let parts: f64 = (0..TASKS).map(|task| of(name, task)[i]).sum();
            assert!((sum - parts).abs() < 1e-14, "{name}");
        }
    }
}

#[test]
fn equal_topics_do_not_need_a_gate() {
    for layers in [1, 2] {
        let mut model = tomato(layers, 3);
        for task in 0..TASKS {
            for name in pairs(layers) {
                let values = get(&model, name, task);
                let block = values.len() / 3;
                set(&mut model, name, task, &values[..block].repeat(3));
            }
        }
        let before = model.outputs(2, &data().tasks[2].inputs);
        let moved: Vec<f64> = get(&model, "gate", 0).iter().map(|w| w * 5.0 + 1.0).collect();
        set(&mut model, "gate", 0, &moved);
        for (a, b) in before.iter().zip(model.outputs(2, &data().tasks[2].inputs)) {
            assert!((a - b).abs() < 1e-13);
        }
    }
}

/// Topics that weigh common experts, `g(k, z, t) = sum_e p(k, t)_e v_e(z)`, are a mixture of experts with the gate
/// `sum_k h_k p(k, t)` (invariant 8).
#[test]
fn topics_that_weigh_experts_are_a_mixture_of_experts() {
    let (mut net, z) = bottom();
    let gate = net.dense(z, Layer::new("gate", Shared, 2, Softmax));
    let v = net.dense(z, Layer::new("experts", Shared, 3, Relu));
    let g = net.dense(v, Layer::new("shares", Task, 1, Linear).blocks(2).without_bias());
    net.mix(gate, g);
    let mut model = Model::<f64>::new(net, Loss::Squared);
    draw(&mut model);
    let half = |name: &str| {
        let (mut net, z) = bottom();
        net.dense(
            z,
            if name == "gate" { Layer::new(name, Shared, 2, Softmax) } else { Layer::new(name, Shared, 3, Relu) },
        );
        let mut part = Model::<f64>::new(net, Loss::Squared);
        for name in ["bottom".to_owned(), "bottom.bias".into(), name.into(), format!("{name}.bias")] {
            set(&mut part, &name, 0, &get(&model, &name, 0));
        }
        part
    };
    let (gates, experts) = (half("gate"), half("experts"));
    for task in 0..TASKS {
        let inputs = &data().tasks[task].inputs;
        let (h, v, p) = (gates.outputs(0, inputs), experts.outputs(0, inputs), get(&model, "shares", task));
        for (row, found) in model.outputs(task, inputs).into_iter().enumerate() {
            let mixed = |e: usize| (0..2).map(|k| h[row * 2 + k] * p[k * 3 + e]).sum::<f64>();
            let expected: f64 = (0..3).map(|e| mixed(e) * v[row * 3 + e]).sum();
            assert!((found - expected).abs() < 1e-13);
        }
    }
}

/// Invariant 10: with equal layers of the tasks' own, derivatives add up to those of one network for all; and a task's own
/// parameters follow its own samples alone, by their share of the minibatch.
#[test]
fn own_layers_follow_their_own_samples() {
    let (mut single, mut own) = (plain(Shared), plain(Task));
    for task in 0..TASKS {
        pairs(2).for_each(|name| set(&mut own, name, task, &get(&single, name, 0)));
    }
    set(&mut own, "bottom", 0, &get(&single, "bottom", 0));
    set(&mut own, "bottom.bias", 0, &get(&single, "bottom.bias", 0));
    let ((a, of_single), (b, of_own)) = (gradient(&mut single), gradient(&mut own));
    assert!((a - b).abs() < 1e-14);
    let read = |model: &Model<f64>, grads: &Params<f64>, name: &str, task: usize| {
        grads.slice(model.layout().place(model.layout().find(name).expect("a parameter")), task).to_vec()
    };
    for name in pairs(2) {
        for (i, sum) in read(&single, &of_single, name, 0).into_iter().enumerate() {
            let parts: f64 = (0..TASKS).map(|task| read(&own, &of_own, name, task)[i]).sum();
            assert!((sum - parts).abs() < 1e-14, "{name}");
        }
    }
    // Alone in its minibatch, task 1 has T times the weight: every task's samples weigh 1 / T in all.
    let all = data().balance(&[30, 21, 9, 30]);
    let samples: Vec<_> = (0..21).map(|row| (1, row)).collect();
    let alone = Batch { starts: vec![0, 0, 21, 21, 21], samples, weights: vec![1.0 / 21.0; TASKS] };
    let mut grads = Params::zeros(own.layout());
    own.gradient(&all, &alone, None, &mut grads);
    for name in pairs(2) {
        for (part, whole) in read(&own, &of_own, name, 1).iter().zip(read(&own, &grads, name, 1)) {
            assert!((part - whole / TASKS as f64).abs() < 1e-14);
        }
        assert!(read(&own, &grads, name, 0).iter().all(|g| *g == 0.0));
    }
}

/// Invariant 14: on a convex problem, steps and maps at a small rate never raise the objective.
#[test]
fn proximal_steps_descend_on_a_convex_problem() {
    for form in [Form::ElementWise, Form::Exclusive] {
        let mut net = Net::new(TASKS, INPUTS);
        net.dense(net.input(), Layer::new("w", Task, CLASSES, Linear).without_bias());
        let id = net.layout().find("w").expect("weights");
        let mut model = Model::<f64>::new(net, Loss::SoftmaxCrossEntropy);
        draw(&mut model);
        let mut map = Topics::new(model.layout(), form, 0.1, &[id]);
        let data = data();
        let batch = Batch::all(&data);
        let mut stepper = Stepper::new(Optimiser::Sgd { rate: 0.5, decay: 1.0, decay_steps: 1.0 }, model.layout());
        let mut grads = Params::zeros(model.layout());
        let mut last = f64::INFINITY;
        for step in 0..300 {
            let objective = model.gradient(&data, &batch, None, &mut grads) + map.value(&map.norms(model.free()));
            assert!(objective <= last + 1e-15, "{form:?}, step {step}: {last} to {objective}");
            last = objective;
            let rate = stepper.update(model.free_mut(), &grads);
            map.apply(model.free_mut(), rate);
        }
        assert!(map.norms(model.free()).contains(&0.0) || form == Form::Exclusive);
    }
}
