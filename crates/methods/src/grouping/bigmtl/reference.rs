//! The hypergradient as printed, through singular value decompositions or Gram matrices: slower than the mirror form,
//! and what it is checked against. Matrices of a group are features x tasks here, as in the paper.

use ndarray::{Array1, Array2, Axis};

use super::hypergradient::{Evaluation, State, step_size};
use super::lower::{Lower, Upper};
use super::spectral::Spectral;
use super::theta::Theta;
use crate::linalg::{Eigen, NotFinite, Svd};
use crate::method::Context;
use crate::solver::SolverError;

/// How functions of singular values and their derivatives are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Formula {
    /// From the singular vectors on both sides.
    Svd,
    /// From the eigenvectors of the smaller Gram matrix.
    Gram,
}

/// One of the two functions of singular values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spectrally {
    /// `grad phi`, from the spectral ball of radius lambda to everywhere: `s / sqrt(lambda^2 - s^2)`.
    Out(f64),
    /// `grad phi*`, back into the ball: `lambda s / sqrt(1 + s^2)`.
    In(f64),
}

impl Spectrally {
    /// The root below which singular values are divided: `sqrt(lambda^2 - s^2)` or `sqrt(1 + s^2)`, from `s^2`.
    fn root(self, square: f64) -> f64 {
        match self {
            Self::Out(lambda) => (lambda * lambda - square).max(0.0).sqrt(),
            Self::In(_) => (1.0 + square).sqrt(),
        }
    }

    fn factor(self) -> f64 {
        match self {
            Self::Out(_) => 1.0,
            Self::In(lambda) => lambda,
        }
    }

    /// The map itself.
    ///
    /// # Errors
    /// If an entry is not finite.
    pub(super) fn of(self, formula: Formula, x: &Array2<f64>) -> Result<Array2<f64>, NotFinite> {
        if formula == Formula::Svd {
            let svd = Svd::of(x)?;
            return Ok(svd.rebuild(&svd.values.mapv(|s| self.factor() * s / self.root(s * s))));
        }
        if x.nrows() < x.ncols() {
            return Ok(self.of(formula, &x.t().to_owned())?.reversed_axes());
        }
        let Eigen { values, vectors } = Eigen::of(&x.t().dot(x))?;
        let inverse = values.mapv(|v| self.factor() / self.root(v.max(0.0)));
        Ok(x.dot(&(&vectors * &inverse).dot(&vectors.t())))
    }

    /// Its derivative at `x` in direction `e`.
    ///
    /// # Errors
    /// If an entry is not finite.
    pub(super) fn derivative(
        self,
        formula: Formula,
        x: &Array2<f64>,
        e: &Array2<f64>,
    ) -> Result<Array2<f64>, NotFinite> {
        match formula {
            Formula::Svd => self.derivative_by_svd(x, e),
            Formula::Gram if x.nrows() < x.ncols() => {
                let turned = self.derivative(formula, &x.t().to_owned(), &e.t().to_owned())?;
                Ok(turned.reversed_axes())
            }
            Formula::Gram => self.derivative_by_gram(x, e),
        }
    }

    /// For `h` and singular values `s_i`, with `r_i` their roots: the direction, in singular coordinates, is multiplied by
    /// the mean of the divided differences of `h` on the symmetric and on the antisymmetric part, its transpose by half
    /// their difference, and what is outside of the row or column space by `h(s_i) / s_i`.
    fn derivative_by_svd(self, x: &Array2<f64>, e: &Array2<f64>) -> Result<Array2<f64>, NotFinite> {
        let Svd { values, left, right } = Svd::of(x)?;
        let roots = values.mapv(|s| self.root(s * s));
        let (straight, crossed) = match self {
            Self::Out(lambda) => (lambda * lambda, 1.0),
            Self::In(_) => (1.0, -1.0),
        };
        let turned = left.t().dot(e).dot(&right);
        let inner = Array2::from_shape_fn(turned.raw_dim(), |(i, j)| {
            let (a, b) = (roots[i], roots[j]);
            let below = a * b * (a + b) / self.factor();
            ((straight + a * b) * turned[[i, j]] + crossed * values[i] * values[j] * turned[[j, i]]) / below
        });
        let outer = roots.mapv(|r| self.factor() / r);
        let mut derivative = left.dot(&inner).dot(&right.t());
        let below = e - &left.dot(&left.t().dot(e));
        derivative += &(below.dot(&right) * &outer).dot(&right.t());
        let beside = e - &e.dot(&right).dot(&right.t());
        derivative += &(&left * &outer).dot(&left.t().dot(&beside));
        Ok(derivative)
    }

    fn derivative_by_gram(self, x: &Array2<f64>, e: &Array2<f64>) -> Result<Array2<f64>, NotFinite> {
        let Eigen { values, vectors } = Eigen::of(&x.t().dot(x))?;
        let roots = values.mapv(|v| self.root(v.max(0.0)));
        let sign = if let Self::Out(_) = self { 1.0 } else { -1.0 };
        let mixed = e.t().dot(x);
        let mixed = vectors.t().dot(&(&mixed + &mixed.t())).dot(&vectors);
        let inner = Array2::from_shape_fn(mixed.raw_dim(), |(i, j)| {
            sign * mixed[[i, j]] / (roots[i] * roots[j] * (roots[i] + roots[j]))
        });
        let straight = e.dot(&(&vectors / &roots).dot(&vectors.t()));
        Ok((straight + x.dot(&vectors.dot(&inner).dot(&vectors.t()))) * self.factor())
    }
}

/// One dual variable a group, features x tasks.
type Groups = Vec<Array2<f64>>;

/// `theta_l . W` for weights with a row a feature.
fn scaled(shares: &Array2<f64>, w: &Array2<f64>) -> Groups {
    shares.rows().into_iter().map(|theta| w * &theta).collect()
}

fn adjoint(shares: &Array2<f64>, u: &[Array2<f64>]) -> Array2<f64> {
    let mut sum = Array2::zeros(u[0].raw_dim());
    for (theta, u) in shares.rows().into_iter().zip(u) {
        sum += &(u * &theta);
    }
    sum
}

/// Column by column, a row a group.
fn products(u: &[Array2<f64>], w: &Array2<f64>) -> Array2<f64> {
    let rows: Vec<Array1<f64>> = u.iter().map(|u| (u * w).sum_axis(Axis(0))).collect();
    Array2::from_shape_fn((u.len(), w.ncols()), |(l, t)| rows[l][t])
}

/// The published recursion, forwards and backwards.
///
/// # Errors
/// If an iterate is not finite or the run is interrupted.
pub(super) fn hypergradient(
    formula: Formula,
    (lower, upper): (&Lower, &Upper),
    theta: &Theta,
    start: &State,
    steps: usize,
    context: &Context,
) -> Result<Evaluation, SolverError> {
    let (shares, gamma) = (theta.shares(), step_size(lower));
    let (out, back) = (Spectrally::Out(lower.lambda), Spectrally::In(lower.lambda));
    let solve = |r: Array2<f64>| lower.solve(&r.reversed_axes().as_standard_layout().into_owned()).reversed_axes();
    let weights = |u: &Groups| solve(&lower.loss.linear.t() - &adjoint(&shares, u));
    let map = |f: Spectrally, x: &Groups| x.iter().map(|x| f.of(formula, x)).collect::<Result<Groups, NotFinite>>();
    let derive = |f: Spectrally, x: &Groups, e: &Groups| {
        x.iter().zip(e).map(|(x, e)| f.derivative(formula, x, e)).collect::<Result<Groups, NotFinite>>()
    };

    let mut passed = Vec::with_capacity(steps);
    let mut u = theta.matrices(&start.u);
    for _ in 0..steps {
        context.check()?;
        let w = weights(&u);
        let mut v = map(out, &u)?;
        v.iter_mut().zip(scaled(&shares, &w)).for_each(|(v, w)| v.scaled_add(gamma, &w));
        let next = map(back, &v)?;
        passed.push((std::mem::replace(&mut u, next), v, w));
    }
    let w = weights(&u);
    let by_tasks = w.t().as_standard_layout().into_owned();
    let mut z = solve(upper.loss.gradient(&by_tasks).reversed_axes());
    let mut gradient = -products(&u, &z);
    let mut pulled: Groups = scaled(&shares, &z).into_iter().map(|z| -z).collect();
    for (u, v, w) in passed.iter().rev() {
        context.check()?;
        let s = derive(back, v, &pulled)?;
        z = solve(adjoint(&shares, &s));
        gradient = gradient + (products(&s, w) - products(u, &z)) * gamma;
        pulled = derive(out, u, &s)?;
        pulled.iter_mut().zip(scaled(&shares, &z)).for_each(|(h, z)| h.scaled_add(-gamma, &z));
    }
    let v = passed.last().map_or_else(|| theta.zeros(), |(_, v, _)| theta.lanes(v));
    let spectral = Spectral::of(&v, None)?;
    let state = State { u: spectral.mirror(lower.lambda), v, spectral };
    Ok(Evaluation { gradient, state, value: upper.loss.value(&by_tasks) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn matrix(rows: usize, cols: usize, seed: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, cols), |(i, j)| {
            (((i * 37 + j * 101 + seed * 53) * 7919) % 199) as f64 / 100.0 - 1.0
        })
    }

    fn norm(a: &Array2<f64>) -> f64 {
        (a * a).sum().sqrt()
    }

    /// Matrices with generic, repeated, few and no singular values.
    fn cases(rows: usize, cols: usize) -> Vec<Array2<f64>> {
        let svd = Svd::of(&matrix(rows, cols, 3)).unwrap();
        let with = |f: &dyn Fn(usize) -> f64| svd.rebuild(&(0..svd.values.len()).map(f).collect());
        vec![
            matrix(rows, cols, 1) * 0.4,
            with(&|i| if i < 3 { 0.7 } else { 0.2 }),
            with(&|i| if i < 2 { 0.5 } else { 0.0 }),
            Array2::zeros((rows, cols)),
        ]
    }

    #[test]
    fn the_maps_are_inverse_and_stay_in_the_ball() {
        let lambda = 0.8;
        for (rows, cols) in [(6, 5), (5, 6), (5, 5), (7, 3)] {
            for v in cases(rows, cols) {
                let v = v * 20.0;
                for formula in [Formula::Svd, Formula::Gram] {
                    let u = Spectrally::In(lambda).of(formula, &v).unwrap();
                    assert!(Svd::of(&u).unwrap().values.iter().all(|&s| s < lambda));
                    let back = Spectrally::Out(lambda).of(formula, &u).unwrap();
                    // Squares of singular values lose digits near the boundary: the reason to avoid this map.
                    let tolerance = if formula == Formula::Svd { 1e-11 } else { 1e-8 };
                    assert!(norm(&(&back - &v)) <= tolerance * (1.0 + norm(&v)), "{formula:?} {rows} x {cols}");
                }
            }
        }
    }

    #[test]
    fn the_conjugate_is_a_supremum() {
        // phi* of a number is sup_t s t + sqrt(lambda^2 - t^2), found on a grid; its derivative is the map.
        let lambda = 0.7;
        let supremum = |s: f64| {
            let value = |k: i32| {
                let t = lambda * f64::from(k) / 200_000.0;
                s * t + (lambda * lambda - t * t).sqrt()
            };
            (-200_000..=200_000).map(value).fold(f64::NEG_INFINITY, f64::max)
        };
        for s in [-3.0, -0.4, 0.0, 0.9, 12.0] {
            assert!((supremum(s) - lambda * (1.0 + s * s).sqrt()).abs() < 1e-9);
            let slope = (supremum(s + 1e-3) - supremum(s - 1e-3)) / 2e-3;
            let map = Spectrally::In(lambda).of(Formula::Svd, &array![[s]]).unwrap()[[0, 0]];
            assert!((slope - map).abs() < 1e-5, "{slope} {map}");
        }
    }

    #[test]
    fn derivatives_agree_with_each_other_and_with_differences() {
        let lambda = 1.3;
        for (rows, cols) in [(6, 5), (5, 6), (5, 5), (7, 3)] {
            for x in cases(rows, cols) {
                for f in [Spectrally::Out(lambda), Spectrally::In(lambda)] {
                    let e = matrix(rows, cols, 9);
                    let svd = f.derivative(Formula::Svd, &x, &e).unwrap();
                    let gram = f.derivative(Formula::Gram, &x, &e).unwrap();
                    assert!(norm(&(&svd - &gram)) < 1e-12 * norm(&svd), "{f:?} {rows} x {cols}");
                    let at = |h: f64| f.of(Formula::Svd, &(&x + &(&e * h))).unwrap();
                    let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                    assert!(norm(&(&svd - &difference)) < 1e-7 * norm(&svd), "{f:?} {rows} x {cols}");
                    // Self-adjoint.
                    let d = matrix(rows, cols, 4);
                    let other = f.derivative(Formula::Svd, &x, &d).unwrap();
                    assert!(((&d * &svd).sum() - (&e * &other).sum()).abs() < 1e-12 * norm(&svd) * norm(&d));
                }
            }
        }
    }

    #[test]
    fn curvatures_are_bounded_and_inverse() {
        let lambda = 0.6;
        for (rows, cols) in [(6, 5), (4, 7)] {
            for x in cases(rows, cols) {
                let (v, e) = (x * 5.0, matrix(rows, cols, 8));
                let u = Spectrally::In(lambda).of(Formula::Svd, &v).unwrap();
                let inwards = Spectrally::In(lambda).derivative(Formula::Svd, &v, &e).unwrap();
                let outwards = Spectrally::Out(lambda).derivative(Formula::Svd, &u, &e).unwrap();
                let square = (&e * &e).sum();
                let steep = (&e * &inwards).sum() / square;
                assert!(steep > 0.0 && steep <= lambda * (1.0 + 1e-12));
                assert!((&e * &outwards).sum() / square >= (1.0 - 1e-12) / lambda);
                let back = Spectrally::Out(lambda).derivative(Formula::Svd, &u, &inwards).unwrap();
                assert!(norm(&(&back - &e)) < 1e-9 * norm(&e));
            }
        }
    }

    #[test]
    fn turning_coordinates_turns_the_map() {
        let v = matrix(6, 4, 2) * 3.0;
        let left = Svd::of(&matrix(6, 6, 5)).unwrap();
        let right = Svd::of(&matrix(4, 4, 6)).unwrap();
        let (a, b) = (left.left.dot(&left.right.t()), right.left.dot(&right.right.t()));
        for formula in [Formula::Svd, Formula::Gram] {
            let map = |x: &Array2<f64>| Spectrally::In(0.9).of(formula, x).unwrap();
            assert!(norm(&(map(&a.dot(&v).dot(&b)) - a.dot(&map(&v)).dot(&b))) < 1e-12);
            assert!(norm(&(map(&v.t().to_owned()) - map(&v).t())) < 1e-12);
            assert!(norm(&(map(&(-&v)) + map(&v))) < 1e-14);
        }
    }
}
