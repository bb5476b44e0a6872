//! The two generators of the TOMATO paper (Zhang and Lee, CIKM 2020), which draw with numpy: a seed gives the very numbers
//! that the authors had. Both are fixed data sets, whose repeats are splits.
//!
//! With `d = 64` features, cores `e_k` of `K` topics and weights `w_0`, `w_kt` (zero but for the few tasks that are special in
//! a topic), a row of task `t` has
//!
//! ```text
//! h = softmax_k(+- ||x - e_k||^2 / scale^2),   q = (w_0 + sum_k h_k w_kt)' x,
//! y = softmax(q + sum_n sin(alpha_n q + beta) + N(0, 1))
//! ```
//!
//! - `synthetic-tomato` (Tables 3 and 4): 12 tasks of 2000 rows, 4 topics with 3 special tasks each, 5 classes, `x ~ N(0, I)`. The sign
//!   is plus: the topic of a row is the one whose core is furthest. `beta` goes by output, a slip that five terms for five
//!   outputs let pass.
//! - `synthetic-tomato-case` (Fig. 4): 12 tasks of 1000 rows, 2 topics with 2 special tasks each, 2 classes, `x = e_g + N(0, 0.2^2 I)`
//!   with a random `g`. The sign is minus and the scale 0.1: a row has one topic.
//!
//! Labels are `y`, distributions over the classes. Tasks are in the order of their names (t0, t1, t10, t11, t2, ..), as the
//! program has them. Constants that the paper leaves out are those of the repository's commits of the time.

use std::sync::Arc;

use mtl_core::{MultiTask, Seed, Target, Task};
use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::numpy::RandomState;
use crate::sets::{Options, number};
use crate::spec::DatasetSpec;

const FEATURES: usize = 64;
const TASKS: usize = 12;
/// Sine terms, and the standard deviation of their `alpha` and `beta`.
const TERMS: usize = 5;
const TERM_SD: f64 = 0.01;

/// What tells the two generators apart.
struct Recipe {
    topics: usize,
    special: usize,
    special_sd: f64,
    classes: usize,
    samples: usize,
    inputs: Inputs,
}

enum Inputs {
    /// From `N(0, I)`; the furthest core is the topic.
    Anywhere,
    /// Around a core with this standard deviation; the nearest core is the topic, by distances over `scale`.
    AroundCores { sd: f64, scale: f64 },
}

const TABLES: Recipe =
    Recipe { topics: 4, special: 3, special_sd: 0.5, classes: 5, samples: 2000, inputs: Inputs::Anywhere };
const CASE: Recipe = Recipe {
    topics: 2,
    special: 2,
    special_sd: 3.0,
    classes: 2,
    samples: 1000,
    inputs: Inputs::AroundCores { sd: 0.2, scale: 0.1 },
};

/// What rows are drawn with.
struct Parameters {
    /// `w_0`, features x classes.
    common: Array2<f64>,
    /// Topics x features.
    cores: Array2<f64>,
    /// `w_kt` by topic, with the number of the task.
    special: Vec<Vec<(usize, Array2<f64>)>>,
    alpha: Vec<f64>,
    beta: Vec<f64>,
}

pub(crate) fn draw(options: &Options, _: &Seed) -> MultiTask {
    rows(&TABLES, number(options, "seed"))
}

pub(crate) fn draw_case(options: &Options, _: &Seed) -> MultiTask {
    rows(&CASE, number(options, "seed"))
}

/// True norms `||w_kt||`, topics x tasks, of a variant of one of the two data sets; none of any other.
pub fn deviations(spec: &DatasetSpec) -> Option<Array2<f64>> {
    let recipe = match spec.name.as_str() {
        "synthetic-tomato" => &TABLES,
        "synthetic-tomato-case" => &CASE,
        _ => return None,
    };
    let Parameters { special, .. } = parameters(recipe, &mut RandomState::new(number(&spec.options, "seed")));
    let order = order();
    let mut norms = Array2::zeros((recipe.topics, TASKS));
    for (k, tasks) in special.iter().enumerate() {
        for (raw, weights) in tasks {
            let place = order.iter().position(|task| task == raw)?;
            norms[[k, place]] = weights.mapv(|w| w * w).sum().sqrt();
        }
    }
    Some(norms)
}

/// Numbers of the tasks in the order of their names.
fn order() -> Vec<usize> {
    let mut order: Vec<usize> = (0..TASKS).collect();
    order.sort_by_key(|task| format!("t{task}"));
    order
}

fn parameters(recipe: &Recipe, random: &mut RandomState) -> Parameters {
    let shape = (FEATURES, recipe.classes);
    let common = random.normals(shape, 1.0);
    let cores = random.normals((recipe.topics, FEATURES), 1.0);
    let special = (0..recipe.topics).map(|_| {
        let mut tasks: Vec<usize> = (0..TASKS).collect();
        random.shuffle(&mut tasks);
        // The program keeps these weights in single precision.
        let weights = |random: &mut RandomState| random.normals(shape, recipe.special_sd).mapv(|w| f64::from(w as f32));
        tasks[..recipe.special].iter().map(|task| (*task, weights(random))).collect()
    });
    let special = special.collect();
    let mut terms = || (0..TERMS).map(|_| TERM_SD * random.normal()).collect();
    Parameters { common, cores, special, alpha: terms(), beta: terms() }
}

fn rows(recipe: &Recipe, seed: u32) -> MultiTask {
    let mut random = RandomState::new(seed);
    let parameters = parameters(recipe, &mut random);
    let drawn: Vec<_> = (0..TASKS).map(|task| task_of(recipe, &parameters, task, &mut random)).collect();
    let order = order();
    let tasks = order.iter().map(|&task| drawn[task].0.clone()).collect();
    let likelihoods = order.iter().map(|&task| drawn[task].1.clone()).collect();
    let features = (1..=FEATURES).map(|i| format!("x{i}")).collect();
    let data = MultiTask::new(features, Target::Classes(recipe.classes as u32), tasks);
    data.and_then(|data| data.with_likelihoods(likelihoods))
        .expect("a softmax is a distribution, and normal numbers are finite")
}

fn task_of(recipe: &Recipe, parameters: &Parameters, task: usize, random: &mut RandomState) -> (Task, Array2<f64>) {
    let mut x = random
        .normals((recipe.samples, FEATURES), if let Inputs::AroundCores { sd, .. } = recipe.inputs { sd } else { 1.0 });
    if let Inputs::AroundCores { .. } = recipe.inputs {
        for mut row in x.rows_mut() {
            row += &parameters.cores.row(random.whole(recipe.topics as u32 - 1));
        }
    }
    let noise = random.normals((recipe.samples, recipe.classes), 1.0);
    let mut scores = x.dot(&parameters.common);
    for (x, mut q) in x.rows().into_iter().zip(scores.rows_mut()) {
        let topics = topics_of(recipe, parameters, x);
        for (share, special) in topics.iter().zip(&parameters.special) {
            if let Some((_, weights)) = special.iter().find(|(special, _)| *special == task) {
                q.scaled_add(*share, &x.dot(weights));
            }
        }
        for (c, q) in q.iter_mut().enumerate() {
            let linear = *q;
            for (n, alpha) in parameters.alpha.iter().enumerate() {
                let by_output = matches!(recipe.inputs, Inputs::Anywhere);
                *q += (alpha * linear + parameters.beta[if by_output { c } else { n }]).sin();
            }
        }
    }
    scores += &noise;
    for mut row in scores.rows_mut() {
        let shares = softmax(row.to_vec());
        row.assign(&ArrayView1::from(&shares));
    }
    let y = scores.map_axis(Axis(1), likeliest);
    (Task { name: format!("t{task}"), x: Arc::new(x), y }, scores)
}

/// `h`, the shares of a row in the topics.
fn topics_of(recipe: &Recipe, parameters: &Parameters, x: ArrayView1<'_, f64>) -> Array1<f64> {
    let distance = |core: ArrayView1<'_, f64>| (&x - &core).mapv(|d| d * d).sum();
    let scores = parameters.cores.rows().into_iter().map(|core| match recipe.inputs {
        Inputs::Anywhere => distance(core),
        Inputs::AroundCores { scale, .. } => -distance(core) / (scale * scale),
    });
    softmax(scores.collect()).into()
}

fn softmax(scores: Vec<f64>) -> Vec<f64> {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

/// The first of the likeliest classes.
fn likeliest(shares: ArrayView1<'_, f64>) -> f64 {
    let better = |best: usize, c: usize| if shares[c] > shares[best] { c } else { best };
    (0..shares.len()).reduce(better).unwrap_or(0) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;
    use ndarray::s;

    fn spec(name: &str) -> DatasetSpec {
        DatasetSpec::new(name).canonical(&Catalog::embedded()).unwrap()
    }

    fn close(found: &[f64], expected: &[f64], tolerance: f64) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < tolerance), "{found:?}, expected {expected:?}");
    }

    /// Rows by the likeliest class.
    fn counts(data: &MultiTask, classes: usize) -> Vec<usize> {
        let labels = || data.tasks.iter().flat_map(|task| task.y.iter());
        (0..classes).map(|c| labels().filter(|label| **label == c as f64).count()).collect()
    }

    fn task<'d>(data: &'d MultiTask, name: &str) -> (usize, &'d Task) {
        data.tasks.iter().enumerate().find(|(_, task)| task.name == name).unwrap()
    }

    /// Numbers that the authors' program draws.
    #[test]
    fn the_tables_have_the_authors_numbers() {
        let parameters = parameters(&TABLES, &mut RandomState::new(2019));
        let w0 = [-0.217_678_963_740, 0.821_455_354_592, 1.481_277_809_039, 1.331_864_042_231, -0.361_865_371_996];
        close(&parameters.common.row(0).to_vec(), &w0, 1e-11);
        close(&[parameters.common.sum()], &[5.030_509_761_552], 1e-9);
        close(
            &parameters.cores.slice(s![0, ..3]).to_vec(),
            &[1.050_203_545_821, 0.779_691_836_225, 0.806_709_930_745],
            1e-11,
        );
        let special: Vec<Vec<usize>> =
            parameters.special.iter().map(|tasks| tasks.iter().map(|(task, _)| *task).collect()).collect();
        assert_eq!(special, [[8, 10, 5], [6, 11, 7], [4, 1, 9], [10, 0, 11]]);
        close(&[parameters.alpha[0], parameters.beta[0]], &[-0.001_548_742_217, -0.008_909_223_192], 1e-11);

        let data = draw(&spec("synthetic-tomato").options, &Seed::of(&1));
        assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (12, 64, 24_000));
        let (t, first) = task(&data, "t0");
        close(&first.x.slice(s![0, ..3]).to_vec(), &[0.192_547_501_433, -0.197_263_348_867, 0.865_337_261_856], 1e-11);
        close(&[data.likelihoods.as_ref().unwrap()[t][[0, 2]]], &[0.999_779_429_938], 1e-10);
        close(&[data.tasks.iter().map(|task| task.x.sum()).sum()], &[2_366.260_551], 1e-5);
        assert_eq!(counts(&data, 5), [4843, 5534, 4990, 4353, 4280]);
        let again = draw(&spec("synthetic-tomato").options, &Seed::of(&2));
        assert_eq!(again.tasks[3].x, data.tasks[3].x, "the data are fixed");
    }

    #[test]
    fn the_case_study_has_the_authors_numbers() {
        let data = draw_case(&spec("synthetic-tomato-case").options, &Seed::of(&1));
        assert_eq!((data.n_tasks(), data.n_features(), data.n_samples()), (12, 64, 12_000));
        let first = task(&data, "t0").1;
        close(&first.x.slice(s![0, ..3]).to_vec(), &[1.089_323_577_075, -0.550_137_978_167, 0.662_971_874_669], 1e-11);
        assert_eq!(counts(&data, 2), [1707, 10_293]);
        // Fig. 4(a) of the paper: by the order of names, tasks 2 and 7 in one topic, 9 and 0 in the other.
        let norms = deviations(&spec("synthetic-tomato-case")).unwrap();
        close(
            &[norms[[0, 2]], norms[[0, 7]], norms[[1, 9]], norms[[1, 0]]],
            &[32.9274, 30.2095, 32.0921, 31.4518],
            1e-4,
        );
        assert_eq!(norms.iter().filter(|norm| **norm > 0.0).count(), 4);
        assert_eq!(deviations(&DatasetSpec::new("school")), None);
    }
}
