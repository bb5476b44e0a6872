//! Topic-wise multi-task sparsity: what tasks add to a common network depends on the topic of a row.

use mtl_nets::free::Additive;
use mtl_nets::net::{Activation, Charge, Layer, Net};
use mtl_nets::params::Own;
use mtl_nets::proximal::{Form, Topics};
use ndarray::Array2;
use serde::Deserialize;

use super::setting::{Setting, fit_path, ids};
use super::{CLASSES, strength, top, with_options};
use crate::method::{Context, Family, FitError, Fitted, Info, Method, Problem};
use crate::params::{ParamSet, ParamSpec};

/// Name of the component with the norms of deviations, topics x tasks.
pub const TOPICS: &str = "topics";

const CITATION: &str = "Zhang and Lee (2020), TOMATO: A topic-wise multi-task sparsity model, CIKM";

/// TOMATO-el: every task's deviation in every topic by itself, `lambda sum_kt ||s_kt||`.
///
/// On the bottom `z` a gate `h = softmax(W_gate' z + b_gate)` weighs `K` topics, the same for all tasks. Parameters of task
/// `t` in topic `k` are `theta_kt = theta_0 + s_kt`, weights and biases alike, and `s_kt` is one vector of all of them.
///
/// - `topic_layers=2`: `f_t = sum_k h_k (W_2,kt' relu(W_1,kt' z + b_1,kt) + b_2,kt)`; `R` has `theta_0`'s weights.
/// - `topic_layers=1`: `f_t = V_t' (sum_k h_k relu(W_kt' z + b_kt)) + e_t`, where `V_t` and `e_t` are the task's own, without
///   topics or sparsity; `R` has `theta_0`'s weights and `V`.
///
/// `R` has `W_gate` too if there is more than one topic. A step goes along the gradient of loss and `l2`, at rate `r_i`; then
/// the proximal map of `lambda r_i` times the norm is applied to all `s_kt` (equation 12), those of tasks without a row in the
/// minibatch included: `s_kt` loses `lambda r_i` of its norm.
///
/// The model of the paper's case study had two more terms, which the paper does not mention: `entropy` times the mean entropy
/// of `0.9 h + 0.1 / K`, and `reconstruction` times the mean of `||M h + m - x||^2` with a trained linear map.
///
/// Besides what all networks give, a fit has `||s_kt||` as the component `topics` (topics x tasks), how many of them are
/// zero (`zero-deviations`), the topics in which all are and in which some are (`zero-topics`, `sparse-topics`), and what the
/// maps can have taken off one norm in all, `lambda sum_i r_i` (`shrink-budget`): where that is small beside the mean norm
/// of the start (`first-norm`), there can be no zeros.
pub struct TomatoEl;

/// TOMATO-ex: as [`TomatoEl`], but tasks compete for topics, `lambda 1/2 sum_k (sum_t ||s_kt||)^2`.
///
/// The map takes `A_k = max_i (a_1 + .. + a_i) / (1 / (lambda r_i) + i)` off all norms of topic `k`, with the norms
/// `a_1 >= a_2 >= ..` of its tasks (algorithm 1, whose last lines the text lost).
pub struct TomatoEx;

#[derive(Debug, Clone, Deserialize)]
struct Params {
    top: usize,
    topics: usize,
    lambda: f64,
    topic_layers: usize,
    entropy: f64,
    reconstruction: f64,
}

fn specs() -> Vec<ParamSpec> {
    with_options(vec![
        top(),
        ParamSpec::count("topics", 1, 4, "number of topics").over(&[1.0, 2.0, 4.0, 8.0, 16.0]),
        strength("lambda", 1e-3, &[0.0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1], "strength of the sparsity of deviations"),
        ParamSpec::count("topic_layers", 1, 2, "layers that depend on topic and task, 1 or 2").over(&[1.0, 2.0]),
        ParamSpec::number("entropy", 0.0, false, 0.0, "strength of the topics' entropy; 0.1 in the paper's case study"),
        ParamSpec::number(
            "reconstruction",
            0.0,
            false,
            0.0,
            "strength of the inputs' reconstruction from topics; 0.1 in the paper's case study",
        ),
    ])
}

impl Method for TomatoEl {
    fn info() -> Info {
        Info {
            name: "tomato-el",
            aliases: &[],
            family: Family::Deep,
            summary: "networks with sparse deviations by task and topic, each by itself",
            objective: "mean_t loss_t + l2 sum_{W in R} ||W||_F^2 + lambda sum_kt ||s_kt||_2, theta_kt = theta_0 + s_kt",
            targets: CLASSES,
            citation: CITATION,
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        specs()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, |setting, params| fit(setting, params, Form::ElementWise))
    }
}

impl Method for TomatoEx {
    fn info() -> Info {
        Info {
            name: "tomato-ex",
            aliases: &[],
            family: Family::Deep,
            summary: "networks with sparse deviations by task and topic, where tasks compete for topics",
            objective: "mean_t loss_t + l2 sum_{W in R} ||W||_F^2 + lambda/2 sum_k (sum_t ||s_kt||_2)^2, theta_kt = theta_0 + \
                        s_kt",
            targets: CLASSES,
            citation: CITATION,
            revision: 1,
        }
    }

    fn params() -> Vec<ParamSpec> {
        specs()
    }

    fn fit_path(problem: &Problem, path: &[ParamSet], context: &Context) -> Result<Vec<Fitted>, FitError> {
        fit_path(problem, path, context, |setting, params| fit(setting, params, Form::Exclusive))
    }
}

fn fit(setting: &Setting<'_>, params: &Params, form: Form) -> Result<Fitted, FitError> {
    let layers = params.topic_layers;
    if layers > 2 {
        return Err(FitError::NotApplicable(format!("`topic_layers` is {layers}, expected 1 or 2")));
    }
    let net = network(setting, params);
    let deviate: &[&str] = &["hidden", "hidden.bias", "output", "output.bias"];
    let deviate = ids(net.layout(), &deviate[..2 * layers]);
    let map = Additive::new(net.layout(), &deviate);
    let mut model = setting.start_composed(net, Box::new(map), &setting.seed_of_start());

    let output = if layers == 2 { "output.base" } else { "output" };
    // One topic needs no gate.
    let decayed = ["hidden.base", output, "gate"];
    let mut added = setting.decay(model.layout(), &decayed[..if params.topics > 1 { 3 } else { 2 }]);
    let lambda = setting.options.share(params.lambda, setting.tasks);
    let topics = Topics::new(model.layout(), form, lambda, &deviate);
    added.proximals.push(Box::new(topics.clone()));
    let first = topics.norms(model.free());
    let mut run = setting.train(&mut model, added)?;

    let norms = topics.norms(model.free());
    run.penalty += topics.value(&norms);
    let matrix = Array2::from_shape_fn((params.topics, setting.tasks), |(k, t)| norms[t * params.topics + k]);
    let zeros: Vec<usize> =
        matrix.rows().into_iter().map(|topic| topic.iter().filter(|norm| **norm == 0.0).count()).collect();
    let mut fitted = setting.fitted(&model, &run, vec![(TOPICS.to_owned(), matrix)])?;
    let optimiser = setting.plan().optimiser;
    let budget = lambda * (0..run.steps()).map(|step| optimiser.rate(step)).sum::<f64>();
    let among = |topics: &dyn Fn(usize) -> bool| zeros.iter().filter(|zeros| topics(**zeros)).count() as f64;
    let counts = [
        ("zero-deviations", zeros.iter().sum::<usize>() as f64),
        ("zero-topics", among(&|zeros| zeros == setting.tasks)),
        ("sparse-topics", among(&|zeros| zeros > 0)),
        ("shrink-budget", budget),
        ("first-norm", first.iter().sum::<f64>() / first.len() as f64),
    ];
    fitted.traces.extend(counts.map(|(name, count)| (name.to_owned(), vec![count])));
    Ok(fitted)
}

fn network(setting: &Setting<'_>, params: &Params) -> Net {
    let (topics, classes) = (params.topics, setting.classes);
    let (mut net, z) = setting.bottom(Own::Shared);
    let gate = net.dense(z, Layer::new("gate", Own::Shared, topics, Activation::Softmax));
    let share = |strength| setting.options.share(strength, setting.tasks);
    if params.entropy > 0.0 {
        net.charge(gate, Charge::Entropy(share(params.entropy)));
    }
    if params.reconstruction > 0.0 {
        let layer = Layer::new("reconstruction", Own::Shared, net.inputs(), Activation::Linear);
        let guess = net.dense(gate, layer);
        net.charge(guess, Charge::Reconstruction(share(params.reconstruction)));
    }
    let u = net.dense(z, Layer::new("hidden", Own::Task, params.top, Activation::Relu).blocks(topics));
    if params.topic_layers == 1 {
        let v = net.mix(gate, u);
        net.dense(v, Layer::new("output", Own::Task, classes, Activation::Linear));
    } else {
        let o = net.dense(u, Layer::new("output", Own::Task, classes, Activation::Linear).split(topics));
        net.mix(gate, o);
    }
    net
}
