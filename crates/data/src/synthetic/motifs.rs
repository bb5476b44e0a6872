//! Sequences in which motifs are planted: a stand-in for binding sites of transcription factors, which the SG-MTL paper
//! (Kshirsagar, Yang, Lozano, ECML PKDD 2017) has, with the same features as the data set `tfbs`.
//!
//! - A motif is eight bases, one of those inside of any kind. A group of tasks shares its motifs; groups are equally
//!   many tasks in a row, where they can be.
//! - Sequences have independent, equally likely bases. Half of each task's are negatives; in each of the others one of
//!   the group's motifs is planted at a random place of a random strand, each of its fixed bases replaced by another
//!   with the probability `mutation`.
//! - Features are counts of the words most frequent over all rows, as of the real sequences.
//!
//! No weights are known, so there is no [`Truth`](mtl_core::Truth); a task's name says which group it is of.

use mtl_core::{MultiTask, Seed};
use rand::Rng;

use crate::sequence::{complement, tasks};
use crate::sets::{Options, number};

/// Length of a motif.
const LENGTH: usize = 8;

/// Bases, and `None` where any will do.
type Motif = [Option<u8>; LENGTH];

pub(crate) fn draw(options: &Options, seed: &Seed) -> MultiTask {
    let [count, groups, motifs, rows, length, features] =
        ["tasks", "groups", "motifs", "rows", "length", "features"].map(|option| number(options, option));
    let mutation: f64 = number(options, "mutation");
    let task = |t: usize| {
        let group = t * groups / count;
        let name = format!("group {}, task {}", group + 1, t + 1);
        let motifs = motifs_of(group, motifs, seed);
        let mut rng = seed.stream("sequences").stream(&format!("task {}", t + 1)).rng();
        let row = |i: usize| {
            let mut sequence: Vec<u8> = (0..length).map(|_| rng.random_range(0..4)).collect();
            let positive = i < rows / 2;
            if positive {
                plant(&motifs[rng.random_range(0..motifs.len())], mutation, &mut sequence, &mut rng);
            }
            (sequence, if positive { 1.0 } else { -1.0 })
        };
        (name, (0..rows).map(row).collect())
    };
    tasks((0..count).map(task).collect(), features).expect("counts are finite, and every task has rows")
}

fn motifs_of(group: usize, count: usize, seed: &Seed) -> Vec<Motif> {
    let mut rng = seed.stream("motifs").stream(&format!("group {}", group + 1)).rng();
    let motif = |_| {
        let mut motif = [(); LENGTH].map(|()| Some(rng.random_range(0..4)));
        motif[rng.random_range(1..LENGTH - 1)] = None;
        motif
    };
    (0..count).map(motif).collect()
}

/// Writes a motif over a random place of a sequence, on a random strand.
fn plant(motif: &Motif, mutation: f64, sequence: &mut [u8], rng: &mut impl Rng) {
    let start = rng.random_range(0..=sequence.len() - LENGTH);
    let reverse = rng.random::<bool>();
    for (i, base) in motif.iter().enumerate() {
        let Some(base) = base else { continue };
        let base = if rng.random::<f64>() < mutation { (base + rng.random_range(1..4)) % 4 } else { *base };
        let (place, base) = if reverse { (LENGTH - 1 - i, complement(base)) } else { (i, base) };
        sequence[start + place] = base;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalog, DatasetSpec};
    use mtl_core::Target;

    fn drawn(options: &[(&str, &str)], seed: u32) -> MultiTask {
        let spec = options.iter().fold(DatasetSpec::new("synthetic-motifs"), |spec, (o, v)| spec.with(*o, *v));
        draw(&spec.canonical(&Catalog::embedded()).unwrap().options, &Seed::of(&seed))
    }

    /// The names of a motif on both strands.
    fn names(motif: &Motif) -> [String; 2] {
        let letter = |b: &Option<u8>| b.map_or('N', |b| ['A', 'C', 'G', 'T'][usize::from(b)]);
        let across = |b: &Option<u8>| b.map(complement);
        [motif.iter().map(letter).collect(), motif.iter().rev().map(across).map(|b| letter(&b)).collect()]
    }

    #[test]
    fn planted_motifs_are_among_the_features_and_tell_classes_apart() {
        let data = drawn(&[("mutation", "0")], 1);
        assert_eq!(
            (data.target, data.n_tasks(), data.n_features(), data.n_samples()),
            (Target::Binary, 12, 1000, 7200)
        );
        assert_eq!(
            (data.task_names()[0].as_str(), data.task_names()[11].as_str()),
            ("group 1, task 1", "group 4, task 12")
        );
        assert!(data.truth.is_none());
        for (t, task) in data.tasks.iter().enumerate() {
            assert_eq!(task.y.iter().filter(|y| **y > 0.0).count(), 300);
            let motifs = motifs_of(t / 3, 3, &Seed::of(&1));
            let columns: Vec<usize> = motifs
                .iter()
                .map(|m| data.features.iter().position(|f| names(m).contains(f)).expect("a motif is frequent"))
                .collect();
            let has = |row: usize| columns.iter().any(|&c| task.x[[row, c]] > 0.0);
            assert!((0..300).all(has), "every positive of task {t} has a motif");
            // By chance: 94 places, two strands, three motifs of seven bases.
            let chance = (300..600).filter(|&row| has(row)).count();
            assert!(chance < 30, "{chance} negatives of task {t} have a motif");
            assert!(task.x.rows().into_iter().all(|r| (r.dot(&r) - 1.0).abs() < 1e-12));
        }
    }

    #[test]
    fn mutations_are_as_frequent_as_asked() {
        let mut rng = Seed::of(&"mutations").rng();
        let motif = motifs_of(0, 1, &Seed::of(&3))[0];
        let (mut intact, n) = (0, 4000);
        for _ in 0..n {
            let mut sequence = vec![0_u8; LENGTH];
            plant(&motif, 0.1, &mut sequence, &mut rng);
            let fits = |s: &[u8]| motif.iter().zip(s).all(|(m, b)| m.is_none_or(|m| m == *b));
            let other: Vec<u8> = sequence.iter().rev().map(|&b| complement(b)).collect();
            intact += usize::from(fits(&sequence) || fits(&other));
        }
        let (share, expected) = (f64::from(intact as u32) / f64::from(n), 0.9_f64.powi(7));
        assert!((share - expected).abs() < 5.0 * (expected * (1.0 - expected) / f64::from(n)).sqrt(), "{share}");
    }

    #[test]
    fn draws_repeat_and_options_count() {
        let small = [("tasks", "5"), ("groups", "2"), ("rows", "11"), ("length", "30"), ("features", "40")];
        let data = drawn(&small, 1);
        assert_eq!((data.n_tasks(), data.n_features(), data.tasks[0].n()), (5, 40, 11));
        assert_eq!(data.tasks[0].y.iter().filter(|y| **y > 0.0).count(), 5);
        let groups: Vec<&str> = data.tasks.iter().map(|t| &t.name[..7]).collect();
        assert_eq!(groups, ["group 1", "group 1", "group 1", "group 2", "group 2"]);
        let again = drawn(&small, 1);
        assert!(again.features == data.features && again.tasks.iter().zip(&data.tasks).all(|(a, b)| a.x == b.x));
        assert_ne!(drawn(&small, 2).features, data.features);
    }
}
