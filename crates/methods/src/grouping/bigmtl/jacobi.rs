//! Eigenvectors of Gram matrices of all groups at once, by Jacobi's rotations.

use pulp::{Arch, Simd, WithSimd};

use super::lanes::Lanes;
use crate::linalg::NotFinite;

/// Sweeps of Jacobi's method before a matrix counts as one that has no decomposition. Quadratic convergence takes six
/// or seven from a basis that knows nothing.
const SWEEPS: usize = 60;

/// Rotations by smaller angles than this are added up instead of made one after the other: what that leaves out is their
/// squares.
const SMALL: f64 = 1e-8;

/// Eigenvalues of `a' a` for each group, `1 x cols`; the rows of `basis` become its eigenvectors, if they are those
/// of the identity, or are turned with it: with `a = v basis'` they become those of `v' v`. Few sweeps do for a basis
/// that is nearly right. Entries below `rounding` times one and the diagonal count as zeros.
///
/// # Errors
/// If there is an entry that is not finite.
pub(super) fn eigenvalues(a: &Lanes, basis: &mut Lanes, rounding: f64) -> Result<Lanes, NotFinite> {
    let mut gram = Lanes::half_gram(a);
    let mut angles = gram.clone();
    let rounds = rounds(gram.shape().1);
    for _ in 0..SWEEPS {
        let largest = Arch::new().dispatch(Angles { a: &gram, angles: &mut angles, rounding });
        if largest.is_nan() {
            return Err(NotFinite);
        }
        if largest <= SMALL {
            if largest > 0.0 {
                let turned = Lanes::product(&angles, basis);
                basis.values_mut().iter_mut().zip(turned.values()).for_each(|(b, t)| *b += t);
            }
            return Ok(gram.diagonal());
        }
        Arch::new().dispatch(Sweep { a: &mut gram, basis, rounds: &rounds });
    }
    Err(NotFinite)
}

/// The tangents of the rotations that would make entries of the upper half vanish, as the antisymmetric matrix that
/// adds them to a basis. Returns the largest, not a number if there is none.
struct Angles<'a> {
    a: &'a Lanes,
    angles: &'a mut Lanes,
    rounding: f64,
}

impl WithSimd for Angles<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let n = self.a.shape().1;
        let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
        let (rounding, tiny) = (simd.splat_f64s(self.rounding), simd.splat_f64s(f64::MIN_POSITIVE));
        let (mut largest, mut sum) = (zero, zero);
        for (a, angles) in self.a.planes().zip(self.angles.planes_mut()) {
            let (a, angles) = (S::as_simd_f64s(a).0, S::as_mut_simd_f64s(angles).0);
            for p in 0..n {
                let (pp, row) = (a[p * n + p], &a[p * n..][..n]);
                sum = simd.add_f64s(sum, pp);
                angles[p * n + p] = zero;
                for q in p + 1..n {
                    let (qq, pq) = (a[q * n + q], row[q]);
                    sum = simd.add_f64s(sum, pq);
                    let (gap, size) = (simd.sub_f64s(qq, pp), simd.abs_f64s(pq));
                    let scale = simd.add_f64s(one, simd.add_f64s(simd.abs_f64s(pp), simd.abs_f64s(qq)));
                    let noise = simd.less_than_or_equal_f64s(size, simd.mul_f64s(rounding, scale));
                    let tan = simd.div_f64s(size, simd.max_f64s(simd.abs_f64s(gap), tiny));
                    let tan = simd.select_f64s(noise, zero, tan);
                    largest = simd.max_f64s(largest, tan);
                    let opposite = simd.less_than_f64s(simd.mul_f64s(gap, pq), zero);
                    let tan = simd.select_f64s(opposite, simd.neg_f64s(tan), tan);
                    angles[p * n + q] = simd.neg_f64s(tan);
                    angles[q * n + p] = tan;
                }
            }
        }
        // Maxima may swallow what is not a number; sums do not.
        if simd.reduce_sum_f64s(sum).is_finite() { simd.reduce_max_f64s(largest) } else { f64::NAN }
    }
}

/// One sweep of Jacobi's rotations over all pairs of rows, of the upper half.
struct Sweep<'a> {
    a: &'a mut Lanes,
    basis: &'a mut Lanes,
    rounds: &'a [Pair],
}

impl WithSimd for Sweep<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let n = self.a.shape().1;
        let mut rotations = Vec::with_capacity(n / 2);
        for (a, basis) in self.a.planes_mut().zip(self.basis.planes_mut()) {
            let (a, basis) = (S::as_mut_simd_f64s(a).0, S::as_mut_simd_f64s(basis).0);
            for pairs in self.rounds.chunk_by(|one, next| one.round == next.round) {
                round(simd, (a, basis), n, pairs, &mut rotations);
            }
        }
    }
}

/// Two rows that a sweep turns, `p < q`.
struct Pair {
    round: usize,
    p: usize,
    q: usize,
}

/// All pairs of `n` rows, in rounds as of a tournament: no row is twice in a round.
fn rounds(n: usize) -> Vec<Pair> {
    // With an odd number, one row at a time has nobody to meet.
    let last = n.next_multiple_of(2).saturating_sub(1);
    let mut pairs = Vec::with_capacity(last * n.div_ceil(2));
    for round in 0..last {
        if last < n {
            pairs.push(Pair { round, p: round, q: last });
        }
        for k in 1..=last / 2 {
            let (above, below) = (round + k, round + last - k);
            let (x, y) =
                (if above < last { above } else { above - last }, if below < last { below } else { below - last });
            pairs.push(Pair { round, p: x.min(y), q: x.max(y) });
        }
    }
    pairs
}

/// The rotation of columns `p` and `q` that makes entry `pq` vanish.
#[inline(always)]
fn rotation<S: Simd>(simd: S, [pp, qq, pq]: [S::f64s; 3]) -> Rotation<S> {
    let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
    let gap = simd.sub_f64s(qq, pp);
    let twice = simd.add_f64s(pq, pq);
    let root = simd.sqrt_f64s(simd.mul_add_e_f64s(gap, gap, simd.mul_f64s(twice, twice)));
    let negative = simd.less_than_f64s(gap, zero);
    let below = simd.add_f64s(simd.add_f64s(simd.abs_f64s(gap), root), simd.splat_f64s(f64::MIN_POSITIVE));
    // The smaller of the two angles, whose tangent is above / below.
    let above = simd.select_f64s(negative, simd.neg_f64s(twice), twice);
    let tan = simd.div_f64s(above, below);
    let cos = simd.div_f64s(one, simd.sqrt_f64s(simd.mul_add_e_f64s(tan, tan, one)));
    Rotation { cos, sin: simd.mul_f64s(tan, cos), moved: simd.mul_f64s(tan, pq) }
}

#[derive(Clone, Copy)]
struct Rotation<S: Simd> {
    cos: S::f64s,
    sin: S::f64s,
    /// What moves from one diagonal entry to the other.
    moved: S::f64s,
}

impl<S: Simd> Rotation<S> {
    #[inline(always)]
    fn turn(self, simd: S, x: &mut S::f64s, y: &mut S::f64s) {
        let left = simd.negate_mul_add_e_f64s(self.sin, *y, simd.mul_f64s(self.cos, *x));
        (*x, *y) = (left, simd.mul_add_e_f64s(self.sin, *x, simd.mul_f64s(self.cos, *y)));
    }
}

/// One round of a sweep. None of its rotations changes what another one is computed from, so that their divisions and
/// roots do not wait for each other.
#[inline(always)]
fn round<S: Simd>(
    simd: S,
    (a, basis): (&mut [S::f64s], &mut [S::f64s]),
    n: usize,
    pairs: &[Pair],
    rotations: &mut Vec<Rotation<S>>,
) {
    rotations.clear();
    for &Pair { p, q, .. } in pairs {
        rotations.push(rotation(simd, [a[p * n + p], a[q * n + q], a[p * n + q]]));
    }
    for (&Pair { p, q, .. }, &rotation) in pairs.iter().zip(&*rotations) {
        a[p * n + p] = simd.sub_f64s(a[p * n + p], rotation.moved);
        a[q * n + q] = simd.add_f64s(a[q * n + q], rotation.moved);
        a[p * n + q] = simd.splat_f64s(0.0);
        // Above row p, between the rows, and right of column q.
        for row in a.chunks_exact_mut(n).take(p) {
            let (x, y) = row.split_at_mut(q);
            rotation.turn(simd, &mut x[p], &mut y[0]);
        }
        let (upper, lower) = a.split_at_mut(q * n);
        let (top, between) = upper[p * n..].split_at_mut(n);
        for (x, row) in top[p + 1..q].iter_mut().zip(between.chunks_exact_mut(n)) {
            rotation.turn(simd, x, &mut row[q]);
        }
        for (x, y) in top[q + 1..].iter_mut().zip(&mut lower[q + 1..n]) {
            rotation.turn(simd, x, y);
        }
        let (head, tail) = basis.split_at_mut(q * n);
        for (x, y) in head[p * n..][..n].iter_mut().zip(&mut tail[..n]) {
            rotation.turn(simd, x, y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_find_the_eigenvectors() {
        for (rows, n, groups) in [(3, 1, 2), (9, 5, 6), (4, 7, 10)] {
            let mut x = Lanes::filled((rows, n), groups);
            // A zero matrix and a repeated eigenvalue among them.
            for (i, j) in (0..rows).flat_map(|i| (0..n).map(move |j| (i, j))) {
                x.set(0, (i, j), 0.0);
                x.set(1, (i, j), if i == j { 2.0 } else { 0.0 });
            }
            let a = Lanes::inner_product(&x, &x);
            let mut basis = a.identity(n);
            let values = eigenvalues(&x, &mut basis, 1e-16).unwrap();
            for g in 0..groups {
                for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    // A = sum_k value_k b_k b_k', and the b_k are orthonormal.
                    let pair = |k: usize| basis.get(g, (k, i)) * basis.get(g, (k, j));
                    let rebuilt: f64 = (0..n).map(|k| values.get(g, (0, k)) * pair(k)).sum();
                    assert!((rebuilt - a.get(g, (i, j))).abs() < 1e-12, "group {g}, {n}");
                    let unit: f64 = (0..n).map(pair).sum();
                    assert!((unit - f64::from(u8::from(i == j))).abs() < 1e-13);
                }
            }
        }
    }

    #[test]
    fn every_pair_meets_once_and_no_row_twice_in_a_round() {
        for n in 0..12 {
            let rounds = rounds(n);
            let mut pairs: Vec<_> = rounds.iter().map(|pair| (pair.p, pair.q)).collect();
            pairs.sort_unstable();
            let all: Vec<_> = (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))).collect();
            assert_eq!(pairs, all);
            for round in rounds.chunk_by(|one, next| one.round == next.round) {
                let mut rows: Vec<_> = round.iter().flat_map(|pair| [pair.p, pair.q]).collect();
                rows.sort_unstable();
                rows.dedup();
                assert_eq!(rows.len(), 2 * round.len(), "{n} rows");
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        let mut x = Lanes::filled((3, 3), 2);
        x.set(1, (0, 2), f64::NAN);
        let mut basis = x.identity(3);
        assert!(eigenvalues(&x, &mut basis, 1e-16).is_err());
    }
}
