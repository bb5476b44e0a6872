//! Functions of the singular values of `V_1, .., V_L`, all at once, through the eigenvectors of the Gram matrices on the
//! short side.

use pulp::{Arch, Simd, WithSimd};

use super::jacobi::eigenvalues;
use super::lanes::Lanes;
use crate::linalg::NotFinite;

/// Steps after which a basis that was carried on is found anew: rounding errors of rotations add up.
const CARRIED: usize = 64;

/// Entries of a rotated Gram matrix below this share of one and the diagonal are rounding errors.
const ROUNDING: f64 = 1e-16;

/// Those that functions of `I + V'V` do not notice: they need not tell eigenvalues far below one apart.
const MIRROR_ROUNDING: f64 = 1e-14;

/// Eigenvectors and eigenvalues of `V_l'V_l` with what functions of `V_l` need. `V_l` is `long x short`.
#[derive(Debug, Clone)]
pub(super) struct Spectral {
    /// Eigenvectors in rows, `short x short`.
    basis: Lanes,
    /// Eigenvalues, `1 x short`.
    values: Lanes,
    /// `V_l B_l`, `long x short`.
    rotated: Lanes,
    /// Decompositions since the basis was found from nothing.
    age: usize,
}

impl Spectral {
    /// Decomposes, from the basis of matrices that were nearly the same if there is one.
    ///
    /// # Errors
    /// If an entry is not finite.
    pub(super) fn of(v: &Lanes, before: Option<&Self>) -> Result<Self, NotFinite> {
        Self::within(ROUNDING, v, before)
    }

    /// Decomposes as finely as [`Spectral::mirror`] and its derivative need, which saves most rotations of many states.
    ///
    /// # Errors
    /// If an entry is not finite.
    pub(super) fn of_mirror(v: &Lanes, before: Option<&Self>) -> Result<Self, NotFinite> {
        Self::within(MIRROR_ROUNDING, v, before)
    }

    fn within(rounding: f64, v: &Lanes, before: Option<&Self>) -> Result<Self, NotFinite> {
        let short = v.shape().1;
        let (mut basis, mut values, age);
        match before.filter(|before| before.age < CARRIED) {
            Some(before) => {
                (basis, age) = (before.basis.clone(), before.age + 1);
                values = eigenvalues(&Lanes::product_transposed(v, &basis), &mut basis, rounding)?;
            }
            None => {
                (basis, age) = (v.identity(short), 0);
                values = eigenvalues(v, &mut basis, rounding)?;
            }
        }
        values.values_mut().iter_mut().for_each(|x| *x = x.max(0.0));
        let rotated = Lanes::product_transposed(v, &basis);
        Ok(Self { basis, values, rotated, age })
    }

    /// The largest singular value of all.
    pub(super) fn norm(&self) -> f64 {
        self.values.values().iter().fold(0.0, |max: f64, x| max.max(*x)).sqrt()
    }

    /// `f` of every eigenvalue, `1 x short`.
    fn mapped(&self, f: impl Fn(f64) -> f64) -> Lanes {
        let mut mapped = self.values.clone();
        mapped.values_mut().iter_mut().for_each(|x| *x = f(*x));
        mapped
    }

    /// `V_l q(V_l'V_l)`: singular values `s` become `s q(s^2)`.
    pub(super) fn apply(&self, q: impl Fn(f64) -> f64) -> Lanes {
        Lanes::product(&self.rotated.times_columns(&self.mapped(q)), &self.basis)
    }

    /// Sum of the singular values of all groups.
    pub(super) fn nuclear_norm(&self) -> f64 {
        self.values.values().iter().map(|x| x.sqrt()).sum()
    }

    /// `psi(V) = grad phi*(V) = lambda V (I + V'V)^{-1/2}`, inside the spectral balls of radius lambda.
    pub(super) fn mirror(&self, lambda: f64) -> Lanes {
        self.apply(|x| lambda / (1.0 + x).sqrt())
    }

    /// `Hess phi*(V)[E]`, the derivative of [`Spectral::mirror`] in direction `E`. The divided differences of `(1 +
    /// x)^{-1/2}` have a form without differences, so repeated eigenvalues need no care.
    pub(super) fn mirror_derivative(&self, lambda: f64, e: &Lanes) -> Lanes {
        let inverse = self.mapped(|x| 1.0 / (1.0 + x).sqrt());
        let turned = Lanes::product_transposed(e, &self.basis);
        let mut mixed = Lanes::inner_product(&turned, &self.rotated);
        Arch::new().dispatch(DividedDifferences { mixed: &mut mixed, inverse: &inverse });
        let mut sum = Lanes::product(&self.rotated, &mixed);
        Arch::new().dispatch(AddColumns { lambda, turned: &turned, inverse: &inverse, sum: &mut sum });
        Lanes::product(&sum, &self.basis)
    }
}

/// `(M + M')` times `-1 / (c d (c + d))` for the roots `c = 1 / a` and `d = 1 / b` of row and column.
struct DividedDifferences<'a> {
    mixed: &'a mut Lanes,
    inverse: &'a Lanes,
}

impl WithSimd for DividedDifferences<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (mixed, inverse) in self.mixed.planes_mut().zip(self.inverse.planes()) {
            let (mixed, inverse) = (S::as_mut_simd_f64s(mixed).0, S::as_simd_f64s(inverse).0);
            let n = inverse.len();
            for (i, &a) in inverse.iter().enumerate() {
                for (j, &b) in inverse[..=i].iter().enumerate() {
                    let product = simd.mul_f64s(a, b);
                    let factor = simd.div_f64s(simd.mul_f64s(product, product), simd.add_f64s(a, b));
                    let both = simd.add_f64s(mixed[i * n + j], mixed[j * n + i]);
                    let both = simd.neg_f64s(simd.mul_f64s(factor, both));
                    mixed[i * n + j] = both;
                    mixed[j * n + i] = both;
                }
            }
        }
    }
}

/// `lambda` times the sum and the turned matrix with its columns multiplied.
struct AddColumns<'a> {
    lambda: f64,
    turned: &'a Lanes,
    inverse: &'a Lanes,
    sum: &'a mut Lanes,
}

impl WithSimd for AddColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lambda = simd.splat_f64s(self.lambda);
        for ((sum, turned), inverse) in self.sum.planes_mut().zip(self.turned.planes()).zip(self.inverse.planes()) {
            let (sum, turned) = (S::as_mut_simd_f64s(sum).0, S::as_simd_f64s(turned).0);
            let inverse = S::as_simd_f64s(inverse).0;
            for (sum, turned) in sum.chunks_exact_mut(inverse.len()).zip(turned.chunks_exact(inverse.len())) {
                for ((sum, &turned), &factor) in sum.iter_mut().zip(turned).zip(inverse) {
                    *sum = simd.mul_f64s(lambda, simd.mul_add_e_f64s(turned, factor, *sum));
                }
            }
        }
    }
}
