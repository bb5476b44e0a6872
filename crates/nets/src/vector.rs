//! Sums over slices in eight strands: wide enough for vectors, and in an order that depends on the length alone.

use pulp::Arch;

use crate::real::Real;

/// Runs plain loops compiled for the widest vectors at hand.
#[inline(always)]
pub(crate) fn wide<T>(loops: impl FnOnce() -> T) -> T {
    Arch::new().dispatch(loops)
}

#[inline(always)]
fn strands<R: Real>(a: &[R], b: &[R], term: impl Fn(R, R) -> R) -> R {
    let mut sums = [R::ZERO; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += term(a[i], b[i]);
        }
    }
    let mut rest = R::ZERO;
    for (&a, &b) in a_rest.iter().zip(b_rest) {
        rest += term(a, b);
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (b + f)) + ((c + g) + (d + h)) + rest
}

/// `sum a_i b_i`.
#[inline(always)]
pub(crate) fn dot<R: Real>(a: &[R], b: &[R]) -> R {
    strands(a, b, |a, b| a * b)
}

/// `||a||^2`.
#[inline(always)]
pub(crate) fn square<R: Real>(a: &[R]) -> R {
    dot(a, a)
}

/// `||a - b||^2`.
#[inline(always)]
pub(crate) fn distance<R: Real>(a: &[R], b: &[R]) -> R {
    strands(a, b, |a, b| (a - b) * (a - b))
}

/// `sum |a_i|`.
#[inline(always)]
pub(crate) fn absolute<R: Real>(a: &[R]) -> R {
    strands(a, a, |a, _| a.abs())
}

/// `out += factor a`.
#[inline(always)]
pub(crate) fn add<R: Real>(factor: R, a: &[R], out: &mut [R]) {
    for (out, &a) in out.iter_mut().zip(a) {
        *out += factor * a;
    }
}

/// `out += factor (a - b)`.
#[inline(always)]
pub(crate) fn add_difference<R: Real>(factor: R, a: &[R], b: &[R], out: &mut [R]) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out += factor * (a - b);
    }
}

/// `1 / x`, or zero for zero.
#[inline(always)]
pub(crate) fn inverse<R: Real>(x: R) -> R {
    if x > R::ZERO { R::ONE / x } else { R::ZERO }
}
