//! A search among the local minima that signs create.

use ndarray::{Array1, Array2};
use rand::Rng;

use super::{ChainObjective, Descended, descend};
use crate::method::{Context, FitError};
use crate::penalty::{Chain, ChainProx};

/// As accurate have descents to be that only look for a lower valley: their objectives are then within the square of
/// this of where they lead.
const ROUGHLY: f64 = 1e-4;

/// So many tasks have few patterns of signs.
const FEW: usize = 4;

/// A later descent has to be lower by this share to be taken, so that rounding does not choose between equals.
const LOWER: f64 = 1e-10;

/// How long to search, and how accurately.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// Descents in a row that find nothing lower before the search ends.
    pub restarts: usize,
    /// Stationarity of the result.
    pub tol: f64,
    /// Most sweeps of a descent.
    pub max_sweeps: usize,
}

/// The lowest point that descents lead to: from `start`, from its strict projection, and then from the best point with
/// one feature's weights replaced by `ridge` with new signs, which the other features meet first. A convex objective
/// takes one descent.
///
/// # Errors
/// As [`descend`].
pub fn search(
    objective: &ChainObjective<'_>,
    ridge: &Array2<f64>,
    start: Array2<f64>,
    settings: Search,
    context: &Context,
) -> Result<Descended, FitError> {
    let Search { restarts, tol, max_sweeps } = settings;
    let descend = |start, first, tol| descend(objective, start, first, tol, max_sweeps, context);
    let strict = strict_projection(objective, &start);
    if objective.is_convex() {
        return descend(start, 0, tol);
    }
    let mut best = descend(strict, 0, tol)?;
    // Weights that break a strict chain are no start, they have no objective.
    if objective.kinks(&start).is_finite() {
        let found = descend(start, 0, tol)?;
        if !lower(&best, &found) {
            best = found;
        }
    }
    let (p, m) = ridge.dim();
    let mut rng = context.seed.stream("restarts").rng();
    let mut in_vain = 0;
    for kick in 0_usize.. {
        if in_vain >= restarts || p == 0 {
            break;
        }
        let (feature, round) = (kick % p, kick / p);
        // All patterns in turn, if they are few.
        let mut flipped = |t: usize| if m <= FEW { round >> t & 1 == 1 } else { rng.random() };
        let signed = |(t, w): (usize, &f64)| if flipped(t) { -w } else { *w };
        let mut kicked = best.weights.clone();
        kicked.row_mut(feature).assign(&Array1::from_iter(ridge.row(feature).iter().enumerate().map(signed)));
        if objective.chain.c.is_infinite() {
            kicked = strict_projection(objective, &kicked);
        }
        let rough = descend(kicked, feature + 1, tol.max(ROUGHLY))?;
        in_vain += 1;
        if lower(&rough, &best) {
            best = descend(rough.weights, 0, tol)?;
            in_vain = 0;
        }
    }
    Ok(best)
}

fn lower(found: &Descended, best: &Descended) -> bool {
    found.value.total < best.value.total - LOWER * best.value.total.abs()
}

/// The nearest weights whose neighbours do not disagree.
fn strict_projection(objective: &ChainObjective<'_>, w: &Array2<f64>) -> Array2<f64> {
    let order = objective.order();
    let (strict, q) = (Chain { l1: 0.0, c: f64::INFINITY }, vec![1.0; order.len()]);
    let (mut prox, mut u) = (ChainProx::default(), vec![0.0; order.len()]);
    let mut out = Array2::zeros(w.raw_dim());
    for (row, mut into) in w.rows().into_iter().zip(out.rows_mut()) {
        let b: Vec<f64> = order.iter().map(|&t| row[t]).collect();
        prox.minimise(strict, &q, &b, &mut u);
        order.iter().zip(&u).for_each(|(&t, v)| into[t] = *v);
    }
    out
}
