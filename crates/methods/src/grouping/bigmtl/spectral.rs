//! Functions of the singular values of `V_1, .., V_L`, all at once, through the eigenvectors of the Gram matrices on the
//! short side.

use super::lanes::Lanes;
use crate::linalg::NotFinite;

/// Steps after which a basis that was carried on is found anew: rounding errors of rotations add up.
const CARRIED: usize = 64;

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
        let short = v.shape().1;
        let (mut gram, mut basis, age) = match before.filter(|before| before.age < CARRIED) {
            Some(Self { basis, age, .. }) => {
                let turned = Lanes::product(v.view(), basis.view().t());
                (Lanes::gram(turned.view()), basis.clone(), age + 1)
            }
            None => (Lanes::gram(v.view()), v.identity(short), 0),
        };
        gram.diagonalise(&mut basis)?;
        let mut values = gram.diagonal();
        values.values_mut().iter_mut().for_each(|x| *x = x.max(0.0));
        let rotated = Lanes::product(v.view(), basis.view().t());
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
        Lanes::product(self.rotated.times_columns(&self.mapped(q)).view(), self.basis.view())
    }

    /// Sum of the singular values of each group.
    pub(super) fn nuclear_norms(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.values.width()];
        for i in 0..self.values.shape().1 {
            sums.iter_mut().zip(self.values.at(0, i)).for_each(|(sum, x)| *sum += x.sqrt());
        }
        sums
    }

    /// `psi(V) = grad phi*(V) = lambda V (I + V'V)^{-1/2}`, inside the spectral balls of radius lambda.
    pub(super) fn mirror(&self, lambda: f64) -> Lanes {
        self.apply(|x| lambda / (1.0 + x).sqrt())
    }

    /// `Hess phi*(V)[E]`, the derivative of [`Spectral::mirror`] in direction `E`. The divided differences of `(1 +
    /// x)^{-1/2}` have a form without differences, so repeated eigenvalues need no care.
    pub(super) fn mirror_derivative(&self, lambda: f64, e: &Lanes) -> Lanes {
        let inverse = self.mapped(|x| 1.0 / (1.0 + x).sqrt());
        let turned = Lanes::product(e.view(), self.basis.view().t());
        let mut mixed = Lanes::product(turned.view().t(), self.rotated.view());
        let short = self.values.shape().1;
        for i in 0..short {
            for j in 0..=i {
                for g in 0..inverse.width() {
                    let (a, b) = (inverse.at(0, i)[g], inverse.at(0, j)[g]);
                    // -1 / (c d (c + d)) for c = 1 / a and d = 1 / b.
                    let divided = -a * a * b * b / (a + b);
                    let both = divided * (mixed.at(i, j)[g] + mixed.at(j, i)[g]);
                    mixed.at_mut(i, j)[g] = both;
                    mixed.at_mut(j, i)[g] = both;
                }
            }
        }
        let mut sum = Lanes::product(self.rotated.view(), mixed.view());
        let row = inverse.values().len();
        for (sum, turned) in sum.values_mut().chunks_exact_mut(row).zip(turned.values().chunks_exact(row)) {
            for ((s, t), factor) in sum.iter_mut().zip(turned).zip(inverse.values()) {
                *s = lambda * (*s + t * factor);
            }
        }
        Lanes::product(sum.view(), self.basis.view())
    }
}
