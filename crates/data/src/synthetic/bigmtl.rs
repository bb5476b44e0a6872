//! Groups of tasks whose weights lie in orthogonal subspaces, after the experiment of the BiGMTL paper: 30 tasks in
//! three groups of ten, 20 features, 10 samples a task and part.
//!
//! - A random orthogonal matrix is cut into blocks of columns, one a group; a task's weights are normal coefficients of
//!   its group's block, scaled to length 1.
//! - Inputs are `N(0, 1)`, each column scaled to length 1 in training, validation and test part separately.
//! - Targets are `X_t w_t` and normal noise, whose standard deviation is 0.1 of that of the part's own `X_t w_t`, taken
//!   with division by `N`.
//!
//! The paper leaves open how wide blocks are, how long weights are and in which sense columns are normalised. Widths
//! are drawn from 2 to `floor(P / groups)`, each by itself; `ranks: equal` gives all groups the largest. What is said
//! above of the others comes nearest to the published errors.
//!
//! A test part of another size than the others is made of sets of their size, each with columns of length 1 and noise
//! of its own, of which the last one is cut off: one long set would have smaller inputs, and errors on another scale.
//!
//! Each task and part has streams of its own: other test sizes leave training and validation rows as they are.

use std::ops::Range;
use std::sync::Arc;

use mtl_core::{MultiTask, Seed, Split, Target, Task, Truth};
use ndarray::{Array1, Array2, Axis, concatenate, s};
use rand::Rng;

use super::normal;
use crate::sets::{Options, choice, number};

/// Noise by the standard deviation of what is without noise.
const NOISE: f64 = 0.1;

pub(crate) fn draw(options: &Options, seed: &Seed) -> MultiTask {
    let [tasks, features, groups, samples, test]: [usize; 5] =
        ["tasks", "features", "groups", "samples", "test-samples"].map(|option| number(options, option));
    let test = if test == 0 { samples } else { test };
    let truth = truth([features, tasks, groups], choice(options, "ranks") == "equal", seed);
    let task = |t: usize| {
        let name = format!("task {}", t + 1);
        let w = truth.weights.column(t).to_owned();
        let sets = (0..test.div_ceil(samples)).map(|set| format!("test {}", set + 1));
        let parts: Vec<_> = ["train".to_owned(), "valid".to_owned()]
            .into_iter()
            .chain(sets)
            .map(|part| set(&w, samples, &seed.stream(&name).stream(&part)))
            .collect();
        let rows = 2 * samples + test;
        let all = "parts of a task are equally wide";
        let x: Vec<_> = parts.iter().map(|(x, _)| x.view()).collect();
        let y: Vec<_> = parts.iter().map(|(_, y)| y.view()).collect();
        let x = concatenate(Axis(0), &x).expect(all).slice(s![..rows, ..]).to_owned();
        let y = concatenate(Axis(0), &y).expect(all).slice(s![..rows]).to_owned();
        Task { name, x: Arc::new(x), y }
    };
    let names = (1..=features).map(|i| format!("x{i}")).collect();
    let data = MultiTask::new(names, Target::Regression, (0..tasks).map(task).collect());
    let rows = |rows: Range<usize>| vec![Arc::<[usize]>::from(rows.collect::<Vec<_>>()); tasks];
    let (train, valid) = (rows(0..samples), rows(samples..2 * samples));
    let split = Split { train, valid, test: rows(2 * samples..2 * samples + test) };
    let data = data.expect("shapes follow from the weights, and normal numbers are finite").with_truth(truth);
    data.with_official(vec![split]).expect("the parts follow one another")
}

/// Inputs with columns of length 1, and targets with noise.
fn set(w: &Array1<f64>, samples: usize, seed: &Seed) -> (Array2<f64>, Array1<f64>) {
    let mut rng = seed.stream("inputs").rng();
    let mut x = Array2::from_shape_simple_fn((samples, w.len()), || normal(&mut rng));
    x.columns_mut().into_iter().for_each(|mut column| column /= column.dot(&column).sqrt());
    let clean = x.dot(w);
    let sd = NOISE * clean.std(0.0);
    let mut rng = seed.stream("noise").rng();
    let y = clean.mapv(|v| v + sd * normal(&mut rng));
    (x, y)
}

/// Groups are equally many tasks in a row, where they can be.
fn truth([features, tasks, groups]: [usize; 3], equal: bool, seed: &Seed) -> Truth {
    let blocks = blocks(features, groups, equal, &mut seed.stream("ranks").rng());
    let basis = orthogonal(features, &mut seed.stream("basis").rng());
    let group_of: Vec<usize> = (0..tasks).map(|t| t * groups / tasks).collect();
    let mut weights = Array2::zeros((features, tasks));
    for (t, &group) in group_of.iter().enumerate() {
        let mut rng = seed.stream("weights").stream(&format!("task {}", t + 1)).rng();
        let block = basis.slice(s![.., blocks[group].clone()]);
        let w = block.dot(&Array1::from_shape_simple_fn(block.ncols(), || normal(&mut rng)));
        weights.column_mut(t).assign(&(&w / w.dot(&w).sqrt()));
    }
    Truth { weights, shared_rows: Vec::new(), groups: group_of, outliers: Vec::new(), support: None }
}

/// The columns of each group's block, one after the other.
fn blocks(features: usize, groups: usize, equal: bool, rng: &mut impl Rng) -> Vec<Range<usize>> {
    let largest = (features / groups).max(1);
    let mut end = 0;
    let block = |_| {
        let width = if equal { largest } else { rng.random_range(2.min(largest)..=largest) };
        // With more groups than features the last ones share the last column.
        let start = end.min(features - width);
        end = start + width;
        start..end
    };
    (0..groups).map(block).collect()
}

/// A matrix with orthonormal columns whose directions have no preference: Gram and Schmidt's on normal numbers, done
/// twice for the sake of rounding.
fn orthogonal(size: usize, rng: &mut impl Rng) -> Array2<f64> {
    let mut basis = Array2::zeros((size, size));
    for j in 0..size {
        let mut column = Array1::from_shape_simple_fn(size, || normal(rng));
        for _ in 0..2 {
            let before = basis.slice(s![.., ..j]);
            column = &column - &before.dot(&before.t().dot(&column));
        }
        let length = column.dot(&column).sqrt();
        basis.column_mut(j).assign(&(column / length));
    }
    basis
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalog, DatasetSpec};

    fn drawn(options: &[(&str, &str)], seed: u32) -> MultiTask {
        let spec = options.iter().fold(DatasetSpec::new("synthetic-bigmtl"), |spec, (o, v)| spec.with(*o, *v));
        draw(&spec.canonical(&Catalog::embedded()).unwrap().options, &Seed::of(&seed))
    }

    fn truth_of(data: &MultiTask) -> &Truth {
        data.truth.as_ref().unwrap()
    }

    /// Rank of the weights of a group: Gram and Schmidt's process on its tasks.
    fn rank(data: &MultiTask, group: usize) -> usize {
        let truth = truth_of(data);
        let mut basis: Vec<Array1<f64>> = Vec::new();
        for t in (0..truth.groups.len()).filter(|&t| truth.groups[t] == group) {
            let w = truth.weights.column(t).to_owned();
            let left = basis.iter().fold(w, |w, b| &w - &(b * b.dot(&w)));
            let length = left.dot(&left).sqrt();
            if length > 1e-6 {
                basis.push(left / length);
            }
        }
        basis.len()
    }

    #[test]
    fn weights_are_of_length_one_in_orthogonal_subspaces() {
        let mut ranks = Vec::new();
        for seed in 0..40 {
            let data = drawn(&[], seed);
            let truth = truth_of(&data);
            assert_eq!((truth.weights.dim(), data.n_samples()), ((20, 30), 900));
            assert_eq!(truth.groups, [[0; 10], [1; 10], [2; 10]].concat());
            let products = truth.weights.t().dot(&truth.weights);
            for ((s, t), &product) in products.indexed_iter() {
                let other = truth.groups[s] != truth.groups[t];
                assert!(s != t || (product - 1.0).abs() < 1e-12);
                assert!(!other || product.abs() < 1e-12, "tasks {s} and {t}: {product}");
            }
            ranks.extend((0..3).map(|group| rank(&data, group)));
        }
        // 120 draws of five numbers: each is there 24 times or so, with a standard deviation of 4.4.
        for width in 2..=6 {
            let count = ranks.iter().filter(|r| **r == width).count();
            assert!((8..=40).contains(&count), "{count} blocks of width {width}");
        }
        assert!(ranks.iter().all(|r| (2..=6).contains(r)));
        let equal = drawn(&[("ranks", "equal")], 1);
        assert_eq!([0, 1, 2].map(|group| rank(&equal, group)), [6, 6, 6]);
    }

    #[test]
    fn columns_have_length_one_and_noise_is_a_tenth_in_every_part() {
        let data = drawn(&[], 1);
        assert_eq!(data.distinct_inputs(), (0..30).collect::<Vec<_>>());
        let split = &data.official.as_ref().unwrap()[0];
        let mut shares = Vec::new();
        for rows in [&split.train, &split.valid, &split.test] {
            let part = data.select(rows);
            for (t, task) in part.tasks.iter().enumerate() {
                assert_eq!(task.x.dim(), (10, 20));
                assert!(task.x.columns().into_iter().all(|c| (c.dot(&c) - 1.0).abs() < 1e-12));
                let clean = task.x.dot(&truth_of(&data).weights.column(t));
                shares.push(((&task.y - &clean) / clean.std(0.0)).mapv(|e| e * e).mean().unwrap());
            }
        }
        // 900 numbers: five standard errors of their root mean square are an eighth of it.
        let noise = shares.iter().sum::<f64>() / shares.len() as f64;
        assert!((noise.sqrt() / 0.1 - 1.0).abs() < 0.12, "{noise}");
    }

    #[test]
    fn more_rows_to_test_on_are_more_of_the_same() {
        let (base, more) = (drawn(&[], 1), drawn(&[("test-samples", "1005")], 1));
        assert_eq!(more.tasks[0].n(), 1025);
        let split = &more.official.as_ref().unwrap()[0];
        assert_eq!([&split.train, &split.valid, &split.test].map(|part| part[7].len()), [10, 10, 1005]);
        for (a, b) in more.tasks.iter().zip(&base.tasks) {
            assert_eq!((a.x.slice(s![..30, ..]), a.y.slice(s![..30])), (b.x.view(), b.y.view()));
            let set = a.x.slice(s![1010..1020, ..]);
            assert!(set.columns().into_iter().all(|c| (c.dot(&c) - 1.0).abs() < 1e-12));
        }
        assert_eq!(drawn(&[("samples", "7")], 1).tasks[3].n(), 21);
    }

    #[test]
    fn seeds_and_sizes() {
        let (a, again, b) = (drawn(&[], 1), drawn(&[], 1), drawn(&[], 2));
        assert!(a.truth == again.truth && a.tasks.iter().zip(&again.tasks).all(|(a, b)| a.x == b.x && a.y == b.y));
        assert!(a.truth != b.truth && a.tasks[0].x != b.tasks[0].x);
        assert_ne!(a.tasks[0].x, a.tasks[1].x);
        // More tasks of a group leave its subspace and its first tasks as they are.
        let (few, many) = (drawn(&[("groups", "1"), ("tasks", "4")], 1), drawn(&[("groups", "1"), ("tasks", "9")], 1));
        assert!((0..4).all(|t| few.tasks[t].x == many.tasks[t].x && few.tasks[t].y == many.tasks[t].y));
        for (features, tasks, groups) in [(2, 3, 5), (1, 1, 1), (7, 10, 3), (50, 12, 6)] {
            let of = |n: usize| n.to_string();
            let data = drawn(&[("features", &of(features)), ("tasks", &of(tasks)), ("groups", &of(groups))], 3);
            let truth = truth_of(&data);
            assert_eq!(truth.weights.dim(), (features, tasks));
            assert!(truth.weights.columns().into_iter().all(|w| (w.dot(&w) - 1.0).abs() < 1e-12));
        }
        let basis = orthogonal(40, &mut Seed::of(&1).rng());
        assert!((basis.t().dot(&basis) - Array2::<f64>::eye(40)).iter().all(|v| v.abs() < 1e-13));
    }
}
