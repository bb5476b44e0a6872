//! The copies of a component that the penalty terms act on, each with a penalty parameter of its own.
//!
//! A copy is kept as its Douglas-Rachford point `s`: the copy itself is `z = prox(s)` and its scaled dual `u = s - z`.

use ndarray::{Array2, Axis, Zip};

use crate::penalty::row::Scratch;
use crate::penalty::{ColumnPairs, Component, n_pairs};

/// Over-relaxation (Eckstein and Bertsekas 1992); values of 1.5 to 1.8 are customary.
const RELAXATION: f64 = 1.6;

/// A power of two, so that factorisations are met again when parameters change back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rho {
    exponent: i32,
    bounds: (i32, i32),
}

/// How many binary orders of magnitude a parameter may move from the curvatures of the loss. Beyond that the weight
/// step would lose the digits it is supposed to gain.
const RANGE: i32 = 16;

impl Rho {
    /// The power of two nearest to `value`.
    pub fn near(value: f64) -> Self {
        Self::new(value, value)
    }

    /// The power of two nearest to `start`, free to move about it and about `typical`.
    pub fn new(start: f64, typical: f64) -> Self {
        let exponent = |value: f64| if value > 0.0 { value.log2().round() as i32 } else { 0 };
        let (start, typical) = (exponent(start), exponent(typical));
        Self { exponent: start, bounds: (start.min(typical) - RANGE, start.max(typical) + RANGE) }
    }

    /// Its value.
    pub fn value(self) -> f64 {
        f64::from(self.exponent).exp2()
    }

    /// The parameter that would have balanced residuals of this ratio (primal over dual, both relative).
    fn balanced(self, ratio: f64) -> Self {
        if ratio.is_nan() || ratio <= 0.0 {
            return self;
        }
        let step = if ratio.is_infinite() { STUCK } else { (ratio.log2().round() as i32).clamp(-6, 6) };
        Self { exponent: (self.exponent + step).clamp(self.bounds.0, self.bounds.1), ..self }
    }
}

/// By how many binary orders of magnitude the parameter of a copy that does not move at all is raised.
const STUCK: i32 = 3;

/// Distance from its original, relative to all weights, beyond which a copy that does not move is stuck.
const FAR: f64 = 1e-2;

/// What a matrix copy stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The component itself; carries selection.
    Whole,
    /// The component with its row means removed; carries clustering of entries, which does not see them.
    Centred,
}

impl Part {
    fn of(self, w: &Array2<f64>) -> Array2<f64> {
        match self {
            Self::Whole => w.clone(),
            Self::Centred => {
                let means = w.sum_axis(Axis(1)) / w.ncols() as f64;
                w - &means.insert_axis(Axis(1))
            }
        }
    }

    /// The terms of the component that this copy carries.
    fn terms(self, component: &Component) -> Component {
        match self {
            Self::Whole => Component { entry_pairs: 0.0, column_pairs: 0.0, ..*component },
            Self::Centred => Component { entry_pairs: component.entry_pairs, ..Component::default() },
        }
    }
}

/// Copy of a component or of its centred part.
#[derive(Debug, Clone)]
pub struct MatrixCopy {
    part: Part,
    /// Penalty parameter.
    pub rho: Rho,
    point: Array2<f64>,
    /// `prox(point)`.
    pub value: Array2<f64>,
    /// The nuclear norm of `value`, where its proximal operator knows.
    pub nuclear_norm: Option<f64>,
}

impl MatrixCopy {
    /// Zeros.
    pub fn new(part: Part, shape: (usize, usize), rho: Rho) -> Self {
        Self { part, rho, point: Array2::zeros(shape), value: Array2::zeros(shape), nuclear_norm: None }
    }

    /// `rho (z - u)`, what pulls at the component.
    pub fn add_pull(&self, out: &mut Array2<f64>) {
        let rho = self.rho.value();
        Zip::from(out).and(&self.value).and(&self.point).for_each(|out, z, s| *out += rho * (2.0 * z - s));
    }

    /// `rho u`, this copy's share of `-grad L`.
    pub fn dual(&self) -> Array2<f64> {
        (&self.point - &self.value) * self.rho.value()
    }

    /// Over-relaxed proximal step towards `w`. With `balance`, the squared size of all components together, the penalty
    /// parameter is adapted.
    pub fn step(&mut self, w: &Array2<f64>, component: &Component, balance: Option<f64>, scratch: &mut Scratch) {
        let terms = self.part.terms(component);
        let mut nuclear_norm = None;
        self.advance(w, balance, |value, step| nuclear_norm = terms.prox(value, step, scratch));
        self.nuclear_norm = nuclear_norm;
    }

    /// The same for any proximal operator, which is given its step.
    pub fn advance(&mut self, w: &Array2<f64>, balance: Option<f64>, prox: impl FnOnce(&mut Array2<f64>, f64)) {
        let whole = w;
        let centred = match self.part {
            Part::Whole => None,
            Part::Centred => Some(self.part.of(w)),
        };
        let w = centred.as_ref().unwrap_or(whole);
        Zip::from(&mut self.point).and(&self.value).and(w).for_each(|s, z, w| *s += RELAXATION * (w - z));
        let mut value = self.point.clone();
        prox(&mut value, 1.0 / self.rho.value());
        if let Some(total) = balance {
            let scale = square(whole);
            let dual = &self.point - &value;
            let ratio = residual_ratio(w, &value, &self.value, &dual, scale, total);
            let balanced = self.rho.balanced(ratio);
            let factor = self.rho.value() / balanced.value();
            self.point = &value + &(dual * factor);
            self.rho = balanced;
        }
        self.value = value;
    }
}

/// Copy of the column differences `W D`, which carries clustering of whole columns.
#[derive(Debug, Clone)]
pub struct PairsCopy {
    /// Penalty parameter.
    pub rho: Rho,
    point: Array2<f64>,
    /// For each pair the share of `point` that is the scaled dual: `min(1, bound / ||s||)`.
    clipped: Vec<f64>,
}

impl PairsCopy {
    /// Zeros.
    pub fn new((p, m): (usize, usize), rho: Rho) -> Self {
        Self { rho, point: Array2::zeros((p, n_pairs(m))), clipped: vec![1.0; n_pairs(m)] }
    }

    /// `rho (e - v) D'`.
    pub fn add_pull(&self, out: &mut Array2<f64>) {
        let rho = self.rho.value();
        let factors: Vec<f64> = self.clipped.iter().map(|c| rho * (1.0 - 2.0 * c)).collect();
        ColumnPairs { m: out.ncols() }.add_weighted_adjoint(&self.point, &factors, out);
    }

    /// `rho v`, one dual vector a pair, none longer than the strength.
    pub fn dual(&self) -> Array2<f64> {
        let factors: Vec<f64> = self.clipped.iter().map(|c| self.rho.value() * c).collect();
        &self.point * &ndarray::ArrayView1::from(&factors)
    }

    /// Over-relaxed proximal step towards `W D`: with `e = (1 - c) s` and `v = c s`, every pair's new point is its
    /// difference plus a multiple of its old point.
    pub fn step(&mut self, w: &Array2<f64>, strength: f64, balance: Option<f64>) {
        let pairs = ColumnPairs { m: w.ncols() };
        let before = balance.map(|total| (self.copy(), total));
        for c in &mut self.clipped {
            *c += (1.0 - RELAXATION) * (1.0 - *c);
        }
        let bound = strength / self.rho.value();
        let squares = pairs.add_differences(w, RELAXATION, &self.clipped, &mut self.point);
        for (c, square) in self.clipped.iter_mut().zip(squares) {
            *c = if square > bound * bound { bound / square.sqrt() } else { 1.0 };
        }
        if let Some((before, total)) = before {
            let mut differences = Array2::zeros(self.point.raw_dim());
            pairs.differences(w, &mut differences);
            let after = self.copy();
            let m = pairs.m as f64;
            let dual = &self.point - &after;
            let ratio = residual_ratio(&differences, &after, &before, &dual, m * square(w), m * total);
            let balanced = self.rho.balanced(ratio);
            let factor = self.rho.value() / balanced.value();
            for (mut column, c) in self.point.columns_mut().into_iter().zip(&mut self.clipped) {
                let scale = 1.0 - *c + factor * *c;
                column *= scale;
                *c *= factor / scale;
            }
            self.rho = balanced;
        }
    }

    fn copy(&self) -> Array2<f64> {
        let factors: Vec<f64> = self.clipped.iter().map(|c| 1.0 - c).collect();
        &self.point * &ndarray::ArrayView1::from(&factors)
    }
}

/// `||a||_F^2`.
pub fn square(a: &Array2<f64>) -> f64 {
    a.iter().map(|v| v * v).sum()
}

/// Relative primal over relative dual residual of one copy, normalised much as by Wohlberg (2017). The primal one is
/// relative to `scale`, the squared size the copy could have: a copy that is exactly zero must not count as being
/// infinitely far from its original.
///
/// A copy that has not moved has no dual residual. If it is far from its original even so, as `total` (the squared size
/// of all components together) goes, its parameter is far too small: the ratio is infinite. If not, nothing can be said.
fn residual_ratio(
    original: &Array2<f64>,
    copy: &Array2<f64>,
    before: &Array2<f64>,
    dual: &Array2<f64>,
    scale: f64,
    total: f64,
) -> f64 {
    let distance = |a: &Array2<f64>, b: &Array2<f64>| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let (primal, moved) = (distance(original, copy), distance(copy, before));
    if moved == 0.0 {
        return if primal > FAR * FAR * total { f64::INFINITY } else { f64::NAN };
    }
    (primal / scale.max(square(copy)) / (moved / square(dual))).sqrt()
}
