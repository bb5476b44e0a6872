//! Random sequences with the same pairs of neighbouring bases.

use rand::Rng;
use rand::seq::SliceRandom;

/// A sequence drawn from all that have as many of each dinucleotide as this one, and its first and last base, all
/// equally likely.
///
/// Dinucleotides are the edges of a graph on the four bases, and a sequence is a path along all of them. The edges by
/// which each base is left last form a tree towards the last base; given such a tree, drawn at random, the other edges
/// can be taken in any order.
///
/// Altschul and Erickson, "Significance of nucleotide sequence alignments: a method for random sequence permutation
/// that preserves dinucleotide and codon usage" (1985).
pub(crate) fn shuffled(sequence: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let (Some(&first), Some(&last)) = (sequence.first(), sequence.last()) else { return Vec::new() };
    let mut following: [Vec<u8>; 4] = Default::default();
    sequence.windows(2).for_each(|pair| following[usize::from(pair[0])].push(pair[1]));

    // Drawing until the last edges form a tree gives each tree its due: there are no more than 3 of them to be drawn.
    loop {
        for (base, next) in following.iter_mut().enumerate() {
            if base != usize::from(last) && !next.is_empty() {
                let (chosen, end) = (rng.random_range(0..next.len()), next.len() - 1);
                next.swap(chosen, end);
            }
        }
        if (0..4).filter(|&base| !following[base].is_empty()).all(|base| leads_to(last, base, &following)) {
            break;
        }
    }
    for (base, next) in following.iter_mut().enumerate() {
        let free = if base == usize::from(last) { next.len() } else { next.len().saturating_sub(1) };
        next[..free].shuffle(rng);
    }
    let mut taken = [0; 4];
    let mut path = vec![first];
    let mut base = usize::from(first);
    while let Some(&next) = following[base].get(taken[base]) {
        taken[base] += 1;
        path.push(next);
        base = usize::from(next);
    }
    path
}

/// Whether the last edges lead from a base to the last one.
fn leads_to(last: u8, mut base: usize, following: &[Vec<u8>; 4]) -> bool {
    for _ in 0..4 {
        if base == usize::from(last) {
            return true;
        }
        base = following[base].last().map_or(base, |&next| usize::from(next));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use mtl_core::Seed;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn pairs(sequence: &[u8]) -> BTreeMap<(u8, u8), usize> {
        let mut counts = BTreeMap::new();
        sequence.windows(2).for_each(|pair| *counts.entry((pair[0], pair[1])).or_default() += 1);
        counts
    }

    proptest! {
        #[test]
        fn neighbours_and_ends_stay(sequence in prop::collection::vec(0_u8..4, 0..150), seed: u64) {
            let other = shuffled(&sequence, &mut Seed::of(&seed).rng());
            prop_assert_eq!(pairs(&other), pairs(&sequence));
            prop_assert_eq!((other.first(), other.last()), (sequence.first(), sequence.last()));
            prop_assert_eq!(other.len(), sequence.len());
        }
    }

    #[test]
    fn all_sequences_with_these_pairs_are_equally_likely() {
        // Brute force: of all 4^9 sequences those with the same pairs and ends.
        let sequence = [0, 1, 0, 2, 1, 3, 0, 1, 2];
        let all = (0..4_usize.pow(9)).map(|n| (0..9).map(|i| ((n >> (2 * i)) & 3) as u8).collect::<Vec<u8>>());
        let ends = |s: &[u8]| s[0] == 0 && s[8] == 2;
        let possible: Vec<Vec<u8>> = all.filter(|s| ends(s) && pairs(s) == pairs(&sequence)).collect();
        assert!(possible.len() >= 6, "{possible:?}");
        let mut rng = Seed::of(&"uniform").rng();
        let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let draws = 2000 * possible.len();
        (0..draws).for_each(|_| *counts.entry(shuffled(&sequence, &mut rng)).or_default() += 1);
        assert_eq!(
            counts.keys().cloned().collect::<std::collections::BTreeSet<_>>(),
            possible.iter().cloned().collect()
        );
        for (found, count) in counts {
            // Five standard errors about 2000.
            assert!((count as f64 - 2000.0).abs() < 5.0 * 2000.0_f64.sqrt(), "{found:?}: {count}");
        }
    }

    #[test]
    fn long_sequences_do_change() {
        let sequence: Vec<u8> = (0..101_u32).map(|i| ((i * i + i / 3) % 4) as u8).collect();
        let mut rng = Seed::of(&"change").rng();
        let (one, two) = (shuffled(&sequence, &mut rng), shuffled(&sequence, &mut rng));
        assert!(one != sequence && two != sequence && one != two);
    }
}
