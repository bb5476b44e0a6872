//! Differences of all pairs of columns (tasks): the operator `D` of vector-wise task clustering and its adjoint.

use ndarray::Array2;

/// Number of task pairs `m(m-1)/2`.
pub fn n_pairs(m: usize) -> usize {
    m * m.saturating_sub(1) / 2
}

/// The pairwise differences of the columns of a `p x m` matrix, as a `p x m(m-1)/2` matrix in the order
/// (0,1), (0,2), .., (1,2), ..
#[derive(Debug, Clone, Copy)]
pub struct ColumnPairs {
    /// Number of columns.
    pub m: usize,
}

impl ColumnPairs {
    /// `out[:, (j,k)] = w[:, j] - w[:, k]`.
    pub fn differences(self, w: &Array2<f64>, out: &mut Array2<f64>) {
        for (w, mut out) in w.rows().into_iter().zip(out.rows_mut()) {
            if let (Some(w), Some(out)) = (w.as_slice(), out.as_slice_mut()) {
                let mut position = 0;
                for j in 0..self.m {
                    for (o, &wk) in out[position..].iter_mut().zip(&w[j + 1..]) {
                        *o = w[j] - wk;
                    }
                    position += self.m - 1 - j;
                }
            }
        }
    }

    /// The adjoint: `out[:, j] = sum_{k>j} e[:, (j,k)] - sum_{k<j} e[:, (k,j)]`.
    pub fn adjoint(self, e: &Array2<f64>, out: &mut Array2<f64>) {
        for (e, mut out) in e.rows().into_iter().zip(out.rows_mut()) {
            if let (Some(e), Some(out)) = (e.as_slice(), out.as_slice_mut()) {
                out.fill(0.0);
                let mut position = 0;
                for j in 0..self.m {
                    let pairs = &e[position..position + self.m - 1 - j];
                    out[j] += pairs.iter().sum::<f64>();
                    for (o, v) in out[j + 1..].iter_mut().zip(pairs) {
                        *o -= v;
                    }
                    position += self.m - 1 - j;
                }
            }
        }
    }

    /// `out[:, j] += sum_{k>j} f_jk e[:, (j,k)] - sum_{k<j} f_kj e[:, (k,j)]`, the adjoint of weighted pairs.
    pub fn add_weighted_adjoint(self, e: &Array2<f64>, factors: &[f64], out: &mut Array2<f64>) {
        for (e, mut out) in e.rows().into_iter().zip(out.rows_mut()) {
            if let (Some(e), Some(out)) = (e.as_slice(), out.as_slice_mut()) {
                let mut position = 0;
                for j in 0..self.m {
                    let count = self.m - 1 - j;
                    let (own, others) = out[j..].split_at_mut(1);
                    let pairs = e[position..position + count].iter().zip(&factors[position..position + count]);
                    let mut sum = 0.0;
                    for (o, (e, f)) in others.iter_mut().zip(pairs) {
                        let v = e * f;
                        sum += v;
                        *o -= v;
                    }
                    own[0] += sum;
                    position += count;
                }
            }
        }
    }

    /// `e[:, (j,k)] = scale (w_j - w_k) + f_jk e[:, (j,k)]`, and the squared length of every pair's new vector.
    pub fn add_differences(self, w: &Array2<f64>, scale: f64, factors: &[f64], e: &mut Array2<f64>) -> Vec<f64> {
        let mut squares = vec![0.0; factors.len()];
        for (w, mut e) in w.rows().into_iter().zip(e.rows_mut()) {
            if let (Some(w), Some(e)) = (w.as_slice(), e.as_slice_mut()) {
                let mut position = 0;
                for j in 0..self.m {
                    let range = position..position + self.m - 1 - j;
                    let state = e[range.clone()].iter_mut().zip(&mut squares[range.clone()]);
                    for (((e, s), f), wk) in state.zip(&factors[range.clone()]).zip(&w[j + 1..]) {
                        let v = scale * (w[j] - wk) + f * *e;
                        *e = v;
                        *s += v * v;
                    }
                    position = range.end;
                }
            }
        }
        squares
    }

    /// `sum_{j<k} ||w_j - w_k||_2`.
    pub fn value(self, w: &Array2<f64>) -> f64 {
        self.distances(w).iter().sum()
    }

    /// `||w_j - w_k||_2` of every pair.
    pub fn distances(self, w: &Array2<f64>) -> Vec<f64> {
        let mut squares = vec![0.0; n_pairs(self.m)];
        for row in w.rows() {
            if let Some(w) = row.as_slice() {
                let mut position = 0;
                for j in 0..self.m {
                    for (s, &wk) in squares[position..].iter_mut().zip(&w[j + 1..]) {
                        let d = w[j] - wk;
                        *s += d * d;
                    }
                    position += self.m - 1 - j;
                }
            }
        }
        squares.iter_mut().for_each(|s| *s = s.sqrt());
        squares
    }
}

/// Euclidean length of every column.
pub fn column_lengths(e: &Array2<f64>) -> Vec<f64> {
    let mut squares = vec![0.0; e.ncols()];
    for row in e.rows() {
        for (s, v) in squares.iter_mut().zip(row) {
            *s += v * v;
        }
    }
    squares.iter_mut().for_each(|s| *s = s.sqrt());
    squares
}

/// Length of the longest column.
pub fn longest_column(e: &Array2<f64>) -> f64 {
    column_lengths(e).into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn adjoint_pairs_with_differences() {
        let w = array![[1.0, -2.0, 0.5, 3.0], [0.0, 1.0, 4.0, -1.0]];
        let e = Array2::from_shape_fn((2, 6), |(i, j)| (i as f64 + 1.0) * (j as f64 - 2.5).sin());
        let pairs = ColumnPairs { m: 4 };
        let (mut d, mut a) = (Array2::zeros((2, 6)), Array2::zeros((2, 4)));
        pairs.differences(&w, &mut d);
        pairs.adjoint(&e, &mut a);
        assert!(((&d * &e).sum() - (&w * &a).sum()).abs() < 1e-12);
        assert_eq!(d.column(4).to_vec(), vec![-5.0, 2.0], "pair (1,3)");
        assert!((pairs.value(&w) - column_lengths(&d).iter().sum::<f64>()).abs() < 1e-12);
        let factors = [0.5, -1.0, 2.0, 0.0, 3.0, 1.0];
        let weights = ndarray::ArrayView1::from(&factors);
        let mut weighted = Array2::ones((2, 4));
        pairs.add_weighted_adjoint(&e, &factors, &mut weighted);
        pairs.adjoint(&(&e * &weights), &mut a);
        assert!((weighted - 1.0 - &a).iter().all(|d| d.abs() < 1e-12));
        let expected = &d * 1.5 + &e * &weights;
        let mut updated = e;
        let squares = pairs.add_differences(&w, 1.5, &factors, &mut updated);
        assert!((&updated - &expected).iter().all(|d| d.abs() < 1e-12));
        assert!(squares.iter().zip(column_lengths(&expected)).all(|(s, l)| (s - l * l).abs() < 1e-12));
    }
}
