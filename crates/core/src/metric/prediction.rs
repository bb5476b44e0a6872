//! How far predictions are from targets, one task or one row at a time.

use std::f64::consts::PI;

use ndarray::{Array1, ArrayView1};

use super::rows_of;
use crate::likeliest;

/// `a / b`, with nothing left of nothing counting as zero.
pub(super) fn ratio(a: f64, b: f64) -> f64 {
    if a == 0.0 { 0.0 } else { a / b }
}

pub(super) fn squares(v: &Array1<f64>) -> f64 {
    v.dot(v)
}

pub(super) fn msle(y: &Array1<f64>, predicted: &Array1<f64>) -> f64 {
    const FLOOR: f64 = 1e-6;
    let error = |y: f64, f: f64| (y.ln_1p() - (1.0 + f).max(FLOOR).ln()).powi(2);
    y.iter().zip(predicted).map(|(&y, &f)| error(y, f)).sum::<f64>() / y.len() as f64
}

/// `|log(1 + y) - log(1 + f)|^2`. The logarithm of a negative number has the imaginary part pi.
pub(super) fn complex_log_error(y: f64, f: f64) -> f64 {
    const FLOOR: f64 = 1e-300;
    let modulus = |v: f64| (1.0 + v).abs().max(FLOOR).ln();
    let turn = if (1.0 + y < 0.0) == (1.0 + f < 0.0) { 0.0 } else { PI };
    (modulus(y) - modulus(f)).powi(2) + turn.powi(2)
}

pub(super) fn accuracy(y: &Array1<f64>, scores: &Array1<f64>) -> f64 {
    rows_of(y, scores).filter(|(y, scores)| !misclassified(*y, *scores)).count() as f64 / y.len() as f64
}

/// Whether a label has another sign than its score, or a class is not the one of the highest score.
pub(super) fn misclassified(y: f64, scores: ArrayView1<f64>) -> bool {
    if scores.len() == 1 { (y > 0.0) != (scores[0] > 0.0) } else { likeliest(scores.iter().copied()) as f64 != y }
}

/// `-ln softmax(scores)_y`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a class is a small whole number")]
pub(super) fn cross_entropy(y: f64, scores: ArrayView1<f64>) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + scores.iter().map(|s| (s - largest).exp()).sum::<f64>().ln() - scores[y as usize]
}

/// Of labels as 0 and 1, relative to the number of positives; without one it has no scale.
pub(super) fn squared_error_of_probabilities(y: &Array1<f64>, log_odds: &Array1<f64>) -> f64 {
    let label = y.mapv(|y| if y > 0.0 { 1.0 } else { 0.0 });
    let errors = &label - &log_odds.mapv(|f| 1.0 / (1.0 + (-f).exp()));
    squares(&errors) / squares(&label)
}

/// The Mann-Whitney form: the chance that a random positive scores above a random negative.
pub(super) fn auc(y: &Array1<f64>, scores: &Array1<f64>) -> f64 {
    let mut order: Vec<usize> = (0..y.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let positives = y.iter().filter(|y| **y > 0.0).count() as f64;
    let negatives = y.len() as f64 - positives;
    let (mut below, mut wins) = (0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let up = tied.iter().filter(|&&i| y[i] > 0.0).count() as f64;
        let down = tied.len() as f64 - up;
        wins += up * (below + down / 2.0);
        below += down;
    }
    if positives == 0.0 || negatives == 0.0 { 0.5 } else { wins / (positives * negatives) }
}

/// Sum over the thresholds, from the highest score down, of the recall gained times a height made of the precision before
/// and at the threshold.
pub(super) fn precision_recall(y: &Array1<f64>, scores: &Array1<f64>, height: fn(f64, f64) -> f64) -> f64 {
    let mut order: Vec<usize> = (0..y.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let positives = y.iter().filter(|y| **y > 0.0).count() as f64;
    let (mut above, mut found, mut before, mut area) = (0.0, 0.0, None, 0.0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let gained = tied.iter().filter(|&&i| y[i] > 0.0).count() as f64;
        above += tied.len() as f64;
        found += gained;
        let precision = found / above;
        area += gained / positives * height(before.unwrap_or(precision), precision);
        before = Some(precision);
    }
    if positives == 0.0 { f64::NAN } else { area }
}

pub(super) fn variance(v: &Array1<f64>) -> f64 {
    let n = v.len() as f64;
    let mean = v.sum() / n;
    v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n
}
