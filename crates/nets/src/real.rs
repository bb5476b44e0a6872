//! The two kinds of numbers networks are computed in: f32 for training, f64 to check gradients.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// f32 or f64.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The nearest number of this kind.
    fn of(value: f64) -> Self;
    /// The same number as f64.
    fn wide(self) -> f64;
    /// `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Exponential.
    fn exp(self) -> Self;
    /// `ln(1 + self)`.
    fn ln_1p(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Whether it is neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// The larger of two numbers; the other one if this is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
}

macro_rules! real {
    ($kind:ty) => {
        impl Real for $kind {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation)]
            fn of(value: f64) -> Self {
                value as $kind
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                <$kind>::mul_add(self, a, b)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$kind>::sqrt(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                <$kind>::exp(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                <$kind>::ln_1p(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                <$kind>::ln(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$kind>::abs(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                <$kind>::is_finite(self)
            }
        }
    };
}

real!(f32);
real!(f64);
