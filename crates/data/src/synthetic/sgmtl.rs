//! Groups of tasks with a block of features each, after the two generators of the SG-MTL paper (Kshirsagar, Yang,
//! Lozano, ECML PKDD 2017).
//!
//! - Inputs `X_t = N(0, 1)`, targets `y_t = X_t w_t + sigma N(0, 1)`.
//! - The weights of a task are zero but on the block of its group. Groups are equally many tasks in a row, where they
//!   can be; a block has `floor(d / N)` features.
//! - In set-1 blocks are disjoint: `d = 21`, `N = 3`, `m = 30`, 15 samples.
//! - In set-2 neighbouring blocks overlap: `d = 150`, `N = 5`, `m = 30`, 100 samples, blocks of 30 features. 30 % are 9
//!   features; the authors' program has 8, so that features 118 to 149, from 0, are nobody's.
//!
//! The paper says neither how large weights nor how noisy targets are. Hence presets:
//!
//! | `preset` | weights in the block | weights everywhere | `sigma` | overlap of 30 |
//! |---|---|---|---|---|
//! | `calibrated` | 0.5 | | 0.2 in set-1, 0.35 in set-2 | 8 |
//! | `paper` | `N(0, 1)` | | 0.3 | 9 |
//! | `code` | 0.5 | `+ N(0, 0.05^2)` | 0 | 8 |
//!
//! `paper` takes it at its word and its Fig. 4(a), which shows both signs; `code` is the authors' program, which has
//! noise on the weights instead of the targets; `calibrated` comes nearest to the published errors, though no generator
//! that was tried gives all of them.
//!
//! Weights, their noise, inputs and the targets' noise come from separate streams of the seed, with a stream for each
//! task: more samples leave the first ones as they are, and presets share inputs.

use std::ops::Range;

use mtl_core::{MultiTask, Seed, Truth};
use ndarray::{Array2, s};

use super::{normal, observe_with};
use crate::sets::{Options, choice, number};

/// Size of a weight in its block where it is not drawn.
const SIZE: f64 = 0.5;
/// Standard deviation of the noise on all weights that the authors' program adds.
pub const DENSE: f64 = 0.05;

/// What a preset says.
#[derive(Debug, Clone, Copy)]
struct Recipe {
    /// Weights in the block are drawn from `N(0, 1)`.
    drawn: bool,
    /// Standard deviation of the noise on all weights.
    dense: f64,
    /// Standard deviation of the noise on targets.
    sigma: f64,
    /// Features of a block of 30 that are also in the next one.
    overlap: usize,
}

pub(crate) fn draw_set1(options: &Options, seed: &Seed) -> MultiTask {
    let disjoint = |recipe| Recipe { overlap: 0, ..recipe };
    draw(options, disjoint(recipe(choice(options, "preset"), 0.2)), seed)
}

pub(crate) fn draw_set2(options: &Options, seed: &Seed) -> MultiTask {
    draw(options, recipe(choice(options, "preset"), 0.35), seed)
}

fn recipe(preset: &str, calibrated: f64) -> Recipe {
    match preset {
        "paper" => Recipe { drawn: true, dense: 0.0, sigma: 0.3, overlap: 9 },
        "code" => Recipe { drawn: false, dense: DENSE, sigma: 0.0, overlap: 8 },
        _ => Recipe { drawn: false, dense: 0.0, sigma: calibrated, overlap: 8 },
    }
}

fn draw(options: &Options, recipe: Recipe, seed: &Seed) -> MultiTask {
    let [features, tasks, groups, samples] =
        ["features", "tasks", "groups", "samples"].map(|option| number(options, option));
    observe_with(truth([features, tasks, groups], recipe, seed), samples, recipe.sigma, seed)
}

/// The known weights of Fig. 4(a) with their groups: 21 features, 30 tasks, three disjoint blocks of 7 features and 10
/// tasks from `N(0, 1)`, and on all weights noise of a standard deviation, which may be zero: without it partitions
/// into fewer groups tie with the true one under the norm that is not squared. [`DENSE`] is that of the authors'
/// program.
pub fn blocks(dense: f64, seed: &Seed) -> Truth {
    truth([21, 30, 3], Recipe { drawn: true, dense, sigma: 0.0, overlap: 0 }, seed)
}

/// The features of each group's block.
fn layout(features: usize, groups: usize, overlap: usize) -> Vec<Range<usize>> {
    let length = (features / groups).max(1);
    let step = length - (length * overlap + 15) / 30;
    // With more groups than features the last ones share the last feature.
    (0..groups).map(|g| (g * step).min(features - length)).map(|start| start..start + length).collect()
}

fn truth([features, tasks, groups]: [usize; 3], recipe: Recipe, seed: &Seed) -> Truth {
    let blocks = layout(features, groups, recipe.overlap);
    let group_of: Vec<usize> = (0..tasks).map(|t| t * groups / tasks).collect();
    let mut weights = Array2::zeros((features, tasks));
    let mut support = Array2::from_elem((features, tasks), false);
    for (t, &group) in group_of.iter().enumerate() {
        let stream = |purpose: &str| seed.stream(purpose).stream(&format!("task {}", t + 1)).rng();
        let (mut sizes, mut dense) = (stream("weights"), stream("dense"));
        let block = s![blocks[group].clone(), t];
        support.slice_mut(block).fill(true);
        weights.slice_mut(block).mapv_inplace(|_| if recipe.drawn { normal(&mut sizes) } else { SIZE });
        weights.column_mut(t).mapv_inplace(|w| w + recipe.dense * normal(&mut dense));
    }
    let support = (recipe.dense > 0.0).then_some(support);
    Truth { weights, shared_rows: Vec::new(), groups: group_of, outliers: Vec::new(), support }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rms;
    use super::*;
    use crate::{Catalog, DatasetSpec};
    use mtl_core::recovery::support_f1;

    fn drawn(set: usize, options: &[(&str, &str)]) -> MultiTask {
        let spec = DatasetSpec::new(format!("synthetic-sgmtl-set{set}"));
        let spec = options.iter().fold(spec, |spec, (option, value)| spec.with(*option, *value));
        let spec = spec.canonical(&Catalog::embedded()).unwrap();
        [draw_set1, draw_set2][set - 1](&spec.options, &Seed::of(&1))
    }

    fn truth_of(data: &MultiTask) -> &Truth {
        data.truth.as_ref().unwrap()
    }

    /// Standard deviation of what the weights do not explain.
    fn noise(data: &MultiTask) -> f64 {
        let errors = data.tasks.iter().enumerate();
        rms(errors.flat_map(|(t, task)| &task.y - task.x.dot(&truth_of(data).weights.column(t))))
    }

    /// Five standard errors of a root mean square over n numbers.
    fn near(value: f64, expected: f64, n: usize) {
        assert!((value / expected - 1.0).abs() < 5.0 / (2.0 * n as f64).sqrt(), "{value} is not near {expected}");
    }

    #[test]
    fn blocks_of_set1_are_disjoint() {
        assert_eq!(layout(21, 3, 0), [0..7, 7..14, 14..21]);
        for preset in ["calibrated", "paper", "code"] {
            let data = drawn(1, &[("preset", preset)]);
            assert_eq!((data.n_features(), data.n_tasks(), data.n_samples()), (21, 30, 450));
            let truth = truth_of(&data);
            assert_eq!(truth.groups, [[0; 10], [1; 10], [2; 10]].concat());
            for ((j, t), &meant) in truth.support().indexed_iter() {
                assert_eq!(meant, j / 7 == t / 10, "{preset}, feature {j}, task {t}");
            }
        }
    }

    #[test]
    fn blocks_of_set2_overlap() {
        let of = |overlap| layout(150, 5, overlap);
        assert_eq!(of(8), [0..30, 22..52, 44..74, 66..96, 88..118]);
        assert_eq!(of(9), [0..30, 21..51, 42..72, 63..93, 84..114]);
        for (preset, step, used) in [("calibrated", 22, 118), ("paper", 21, 114), ("code", 22, 118)] {
            let data = drawn(2, &[("preset", preset)]);
            assert_eq!((data.n_features(), data.n_tasks(), data.n_samples()), (150, 30, 3000));
            let truth = truth_of(&data);
            assert_eq!(truth.groups, (0..30).map(|t| t / 6).collect::<Vec<_>>());
            for ((j, t), &meant) in truth.support().indexed_iter() {
                assert_eq!(meant, (t / 6 * step..t / 6 * step + 30).contains(&j), "{preset}, feature {j}, task {t}");
                assert!(j < used || !meant);
            }
            let unused = truth.weights.slice(s![used.., ..]);
            assert_eq!(unused.iter().all(|w| *w == 0.0), preset != "code");
        }
    }

    #[test]
    fn presets_differ_in_weights_and_noise() {
        for (set, sigma) in [(1, 0.2), (2, 0.35)] {
            let n = if set == 1 { 450 } else { 3000 };
            let calibrated = drawn(set, &[]);
            near(noise(&calibrated), sigma, n);
            assert!(truth_of(&calibrated).weights.iter().all(|w| [0.0, 0.5].contains(w)));
            assert_eq!(truth_of(&calibrated).support, None);

            let paper = drawn(set, &[("preset", "paper")]);
            near(noise(&paper), 0.3, n);
            let weights: Vec<f64> = truth_of(&paper).weights.iter().copied().filter(|w| *w != 0.0).collect();
            assert_eq!(weights.len(), if set == 1 { 210 } else { 900 });
            near(rms(weights.iter().copied()), 1.0, weights.len());
            assert!(weights.iter().any(|w| *w < 0.0));

            let code = drawn(set, &[("preset", "code")]);
            assert_eq!(noise(&code), 0.0);
            let truth = truth_of(&code);
            let clean = truth.support().mapv(|meant| if meant { 0.5 } else { 0.0 });
            near(rms(&truth.weights - &clean), 0.05, clean.len());
            assert_eq!(support_f1(&clean, truth), 1.0);
            assert!(support_f1(&truth.weights, truth) < 0.7, "what was noise is not meant to be found");

            let same_inputs = |other: &MultiTask| code.tasks.iter().zip(&other.tasks).all(|(a, b)| a.x == b.x);
            assert!(same_inputs(&calibrated) && same_inputs(&paper));
            near(rms(code.tasks.iter().flat_map(|t| t.x.iter().copied())), 1.0, n * code.n_features());
        }
    }

    #[test]
    fn sizes_are_numbers() {
        let base = drawn(1, &[]);
        let more = drawn(1, &[("samples", "40")]);
        for (a, b) in more.tasks.iter().zip(&base.tasks) {
            assert_eq!((a.x.slice(s![..15, ..]), a.y.slice(s![..15])), (b.x.view(), b.y.view()));
        }
        let other = drawn(1, &[("features", "60"), ("tasks", "20"), ("groups", "6")]);
        assert_eq!((other.n_features(), other.n_tasks()), (60, 20));
        let truth = truth_of(&other);
        assert_eq!(truth.groups, [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5]);
        assert!(truth.weights.columns().into_iter().all(|w| w.iter().filter(|w| **w != 0.0).count() == 10));
        // More groups than features or tasks make no sense, but no trouble either.
        let strange = drawn(2, &[("features", "2"), ("tasks", "3"), ("groups", "5"), ("samples", "2")]);
        assert_eq!(truth_of(&strange).groups, [0, 1, 3]);
        for overlap in [0, 8, 9] {
            for (features, groups) in [(1, 1), (2, 1), (3, 3), (7, 3), (29, 2), (1, 9), (100, 7)] {
                let blocks = layout(features, groups, overlap);
                assert!(blocks.iter().all(|b| b.end <= features && !b.is_empty()), "{blocks:?}");
                assert!(groups > features || blocks.windows(2).all(|w| w[0].start < w[1].start), "{blocks:?}");
            }
        }
    }

    #[test]
    fn known_weights_are_those_of_the_paper_preset() {
        let seed = Seed::of(&1);
        let clean = blocks(0.0, &seed);
        assert_eq!(&clean, truth_of(&drawn(1, &[("preset", "paper")])));
        let noisy = blocks(DENSE, &seed);
        assert_eq!((noisy.weights.dim(), noisy.support(), &noisy.groups), ((21, 30), clean.support(), &clean.groups));
        near(rms(&noisy.weights - &clean.weights), 0.05, 630);
        assert_ne!(blocks(0.0, &Seed::of(&2)), clean);
    }
}
