//! How often short words are found in sequences, on either strand.
//!
//! The words are 8-mers, and 8-mers with one letter inside, neither the first nor the last, that may be any base: `N`.
//! A word and its reverse complement are one, called by the smaller of the two keys. A place in a sequence counts for
//! its 8-mer and for the six words with an `N` that fit it.
//!
//! A key has the place of the `N`, or 0, above the 16 bits of the word, whose `N` is 0: as there are only so many, they
//! are counted in a table and not hashed.

use std::sync::Arc;

use mtl_core::{DataError, MultiTask, Target, Task};
use ndarray::{Array1, Array2};

use super::complement;

/// Length of a word.
const K: usize = 8;
/// Bits of a word.
const BITS: usize = 2 * K;
/// Number of keys.
const KEYS: usize = (K - 1) << BITS;
/// Calls `found` with the key of every word of a sequence.
fn each_word(sequence: &[u8], mut found: impl FnMut(usize)) {
    let (mut word, mut other) = (0_usize, 0_usize);
    for (end, &base) in (1..).zip(sequence) {
        word = (word << 2 | usize::from(base)) & ((1 << BITS) - 1);
        other = other >> 2 | usize::from(complement(base)) << (BITS - 2);
        if end < K {
            continue;
        }
        found(word.min(other));
        for place in 1..K - 1 {
            found(key(word, place).min(key(other, K - 1 - place)));
        }
    }
}

/// The key of a word with an `N` at a place.
fn key(word: usize, place: usize) -> usize {
    place << BITS | word & !(3 << (2 * (K - 1 - place)))
}

/// The letters of a key.
fn name(key: usize) -> String {
    let place = key >> BITS;
    let letter =
        |i: usize| if i == place && place > 0 { 'N' } else { ['A', 'C', 'G', 'T'][key >> (2 * (K - 1 - i)) & 3] };
    (0..K).map(letter).collect()
}

/// The words that are found most often in all sequences together, most frequent first; equally frequent ones by key.
fn most_frequent<'a>(sequences: impl Iterator<Item = &'a Vec<u8>>, kept: usize) -> Vec<usize> {
    let mut counts = vec![0_u64; KEYS];
    sequences.for_each(|sequence| each_word(sequence, |key| counts[key] += 1));
    let mut keys: Vec<usize> = (0..KEYS).filter(|&key| counts[key] > 0).collect();
    keys.sort_by_key(|&key| (std::cmp::Reverse(counts[key]), key));
    keys.truncate(kept);
    keys
}

/// Sequences, each with its label -1 or +1.
pub(crate) type Labelled = Vec<(Vec<u8>, f64)>;

/// Tasks to tell sequences apart, by name, from how often the `kept` most frequent words of all these sequences are
/// found in each, divided by the length of that vector; zeros if none is. Labels play no part in what is kept.
pub(crate) fn tasks(sequences: Vec<(String, Labelled)>, kept: usize) -> Result<MultiTask, DataError> {
    let all = sequences.iter().flat_map(|(_, rows)| rows.iter().map(|(sequence, _)| sequence));
    let keys = most_frequent(all, kept);
    let mut columns = vec![None; KEYS];
    keys.iter().enumerate().for_each(|(column, &key)| columns[key] = Some(column));
    let task = |(name, rows): (String, Labelled)| {
        let mut x = Array2::<f64>::zeros((rows.len(), keys.len()));
        for (mut row, (sequence, _)) in x.rows_mut().into_iter().zip(&rows) {
            each_word(sequence, |key| {
                if let Some(column) = columns[key] {
                    row[column] += 1.0;
                }
            });
            let length = row.dot(&row).sqrt();
            if length > 0.0 {
                row /= length;
            }
        }
        Task { name, x: Arc::new(x), y: rows.iter().map(|(_, label)| *label).collect::<Array1<f64>>() }
    };
    let features = keys.iter().map(|&key| name(key)).collect();
    MultiTask::new(features, Target::Binary, sequences.into_iter().map(task).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;
    use crate::catalog::Values;
    use mtl_core::Seed;
    use rand::Rng;
    use std::collections::BTreeMap;

    fn bases(letters: &str) -> Vec<u8> {
        letters.chars().map(|c| "ACGT".find(c).unwrap() as u8).collect()
    }

    /// The other strand of a word of letters, `N` included.
    fn reverse_complement(word: &str) -> String {
        let across = |c| ['T', 'G', 'C', 'A', 'N']["ACGTN".find(c).unwrap()];
        word.chars().rev().map(across).collect()
    }

    /// Counts by letters: a word and its other strand under the smaller one, by place of the `N` and then by letters.
    fn by_letters(sequence: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for start in 0..(sequence.len() + 1).saturating_sub(8) {
            let word = &sequence[start..start + 8];
            let with_n = (1..7).map(|i| format!("{}N{}", &word[..i], &word[i + 1..]));
            for word in std::iter::once(word.to_owned()).chain(with_n) {
                let rank = |w: &String| (w.find('N').unwrap_or(0), w.replace('N', "A"));
                let canonical = [word.clone(), reverse_complement(&word)].into_iter().min_by_key(rank).unwrap();
                *counts.entry(canonical).or_default() += 1;
            }
        }
        counts
    }

    fn random(rng: &mut impl Rng, length: usize) -> String {
        (0..length).map(|_| ['A', 'C', 'G', 'T'][rng.random_range(0..4)]).collect()
    }

    #[test]
    fn words_are_those_that_letters_give() {
        let mut rng = Seed::of(&"words").rng();
        for length in [0, 7, 8, 9, 50, 101] {
            let sequence = random(&mut rng, length);
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            each_word(&bases(&sequence), |key| *counts.entry(name(key)).or_default() += 1);
            assert_eq!(counts, by_letters(&sequence), "{sequence}");
        }
    }

    #[test]
    fn strands_have_the_same_words() {
        let sequence = random(&mut Seed::of(&"strands").rng(), 200);
        let words = |letters: &str| {
            let mut words = Vec::new();
            each_word(&bases(letters), |key| words.push(key));
            words.sort_unstable();
            words
        };
        assert_eq!(words(&sequence), words(&reverse_complement(&sequence)));
        assert_eq!(words(&sequence).len(), 193 * 7);
    }

    #[test]
    fn there_are_as_many_words_as_said() {
        let mut seen = vec![false; KEYS];
        for word in 0..65536_usize {
            let letters: Vec<u8> = (0..8).map(|i| (word >> (2 * i) & 3) as u8).collect();
            each_word(&letters, |key| seen[key] = true);
        }
        // 4^8 and 4^4 palindromes in pairs; half of 6 times 4^7, none of which is a palindrome, as its `N` would have
        // to lie in the middle.
        let most = (65536 + 256) / 2 + 6 * 16384 / 2;
        assert_eq!(seen.iter().filter(|s| **s).count(), most);
        for set in ["tfbs", "synthetic-motifs"] {
            let features = Catalog::embedded().get(set).unwrap().options["features"].values.clone();
            assert_eq!(features, Values::Whole(1, most as u64), "{set}");
        }
    }

    #[test]
    fn the_most_frequent_words_become_features() {
        let row = |letters: &str, label: f64| (bases(letters), label);
        // Words of one letter four times in all. A palindrome has its words with an `N` twice; ties go by key.
        let data = tasks(
            vec![
                ("one".into(), vec![row("AAAAAAAA", 1.0), row("ACGTACGT", -1.0)]),
                ("two".into(), vec![row("TTTTTTTT", 1.0), row("AAAAAAAAA", 1.0), row("ACG", -1.0)]),
            ],
            8,
        )
        .unwrap();
        let names = ["AAAAAAAA", "ANAAAAAA", "TNTTTTTT", "AANAAAAA", "TTNTTTTT", "AAANAAAA", "TTTNTTTT", "ANGTACGT"];
        assert_eq!(*data.features, names.map(String::from));
        assert_eq!((data.target, data.task_names().join(" ")), (Target::Binary, "one two".into()));
        let length = 7.0_f64.sqrt();
        let homopolymer = [1.0 / length; 7].into_iter().chain([0.0]).collect::<Array1<f64>>();
        for row in [data.tasks[0].x.row(0), data.tasks[1].x.row(0), data.tasks[1].x.row(1)] {
            assert!((&row - &homopolymer).iter().all(|d| d.abs() < 1e-15), "{row}");
        }
        assert_eq!(data.tasks[0].x.row(1).to_vec(), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(data.tasks[1].x.row(2).to_vec(), [0.0; 8], "too short for a word");
        assert_eq!(data.tasks[1].y.to_vec(), [1.0, 1.0, -1.0]);
    }
}
