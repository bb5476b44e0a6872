//! The penalty of one component: a weighted sum of the five seminorms that the shallow methods are built from, or the
//! nuclear norm.

use ndarray::{Array2, Axis};
use serde::Serialize;

use super::pairs::{ColumnPairs, column_lengths, longest_column, n_pairs};
use super::row::{RowPenalty, Scratch, shrink_length, soft_threshold};
use super::singular;
use crate::gengl::Partition;

/// A seminorm of a `p x m` weight matrix (features in rows, tasks in columns).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Seminorm {
    /// `sum_i ||W_i:||_2`, feature-level vector-wise selection.
    Rows,
    /// `sum_t ||w_t||_2`, task-level vector-wise selection.
    Columns,
    /// `sum_it |w_it|`, element-wise selection.
    Entries,
    /// `sum_{j<k} ||w_j - w_k||_2`, task-level vector-wise clustering.
    ColumnPairs,
    /// `sum_i sum_{j<k} |w_ij - w_ik|`, task-level element-wise clustering.
    EntryPairs,
}

impl Seminorm {
    /// All five.
    pub const ALL: [Self; 5] = [Self::Rows, Self::Columns, Self::Entries, Self::ColumnPairs, Self::EntryPairs];

    /// The GenGL partitions of features and tasks that define it (SSMTL, Table 1).
    pub fn partitions(self) -> (Partition, Partition) {
        match self {
            Self::Rows => (Partition::Finest, Partition::Coarsest),
            Self::Columns => (Partition::Coarsest, Partition::Finest),
            Self::Entries => (Partition::Finest, Partition::Finest),
            Self::ColumnPairs => (Partition::Coarsest, Partition::Pairs),
            Self::EntryPairs => (Partition::Finest, Partition::Pairs),
        }
    }

    /// Number of groups in a `p x m` matrix.
    pub fn n_groups(self, p: usize, m: usize) -> usize {
        match self {
            Self::Rows => p,
            Self::Columns => m,
            Self::Entries => p * m,
            Self::ColumnPairs => n_pairs(m),
            Self::EntryPairs => p * n_pairs(m),
        }
    }

    /// Squared spectral norm of the stacked operators: 1 for selection, `m` for clustering of `m > 1` tasks.
    pub fn operator_norm_squared(self, m: usize) -> f64 {
        match self {
            Self::Rows | Self::Columns | Self::Entries => 1.0,
            Self::ColumnPairs | Self::EntryPairs => {
                if m > 1 {
                    m as f64
                } else {
                    0.0
                }
            }
        }
    }

    /// Its value at `w`.
    pub fn value(self, w: &Array2<f64>) -> f64 {
        let rows =
            |penalty: RowPenalty| w.rows().into_iter().map(|r| r.as_slice().map_or(0.0, |r| penalty.value(r))).sum();
        let none = RowPenalty { pairs: 0.0, entries: 0.0, row: 0.0 };
        match self {
            Self::Rows => rows(RowPenalty { row: 1.0, ..none }),
            Self::Entries => rows(RowPenalty { entries: 1.0, ..none }),
            Self::EntryPairs => rows(RowPenalty { pairs: 1.0, ..none }),
            Self::Columns => column_lengths(w).iter().sum(),
            Self::ColumnPairs => ColumnPairs { m: w.ncols() }.value(w),
        }
    }

    /// Nesterov's smoothing of `strength` times the seminorm with parameter `mu`: a Huber function of every group.
    /// Returns its value and adds its gradient to `gradient` (SSMTL supplement, eqs. 4-7, with the strength kept).
    pub fn smoothed(self, w: &Array2<f64>, strength: f64, mu: f64, gradient: &mut Array2<f64>) -> f64 {
        let huber = |length: f64| {
            let u = strength * length;
            // The second value is b*/||u||: the dual variable is the group's direction, scaled into the unit ball.
            if u <= mu { (u * u / (2.0 * mu), strength * strength / mu) } else { (u - mu / 2.0, strength / length) }
        };
        let mut value = 0.0;
        match self {
            Self::Rows => {
                for (w, mut g) in w.rows().into_iter().zip(gradient.rows_mut()) {
                    let (v, factor) = huber(w.dot(&w).sqrt());
                    value += v;
                    g.scaled_add(factor, &w);
                }
            }
            Self::Columns => {
                let factors: Vec<f64> = column_lengths(w)
                    .into_iter()
                    .map(|length| {
                        let (v, factor) = huber(length);
                        value += v;
                        factor
                    })
                    .collect();
                for (w, mut g) in w.rows().into_iter().zip(gradient.rows_mut()) {
                    for ((g, w), factor) in g.iter_mut().zip(w).zip(&factors) {
                        *g += factor * w;
                    }
                }
            }
            Self::Entries => {
                for (w, g) in w.iter().zip(gradient.iter_mut()) {
                    let (v, factor) = huber(w.abs());
                    value += v;
                    *g += factor * w;
                }
            }
            Self::ColumnPairs => {
                let m = w.ncols();
                let mut differences = Array2::zeros((w.nrows(), n_pairs(m)));
                let mut adjoint = Array2::zeros(w.raw_dim());
                let pairs = ColumnPairs { m };
                pairs.differences(w, &mut differences);
                let lengths = column_lengths(&differences);
                for (mut column, length) in differences.columns_mut().into_iter().zip(lengths) {
                    let (v, factor) = huber(length);
                    value += v;
                    column *= factor;
                }
                pairs.adjoint(&differences, &mut adjoint);
                *gradient += &adjoint;
            }
            Self::EntryPairs => {
                for (w, mut g) in w.rows().into_iter().zip(gradient.rows_mut()) {
                    for j in 0..w.len() {
                        for k in j + 1..w.len() {
                            let d = w[j] - w[k];
                            let (v, factor) = huber(d.abs());
                            value += v;
                            g[j] += factor * d;
                            g[k] -= factor * d;
                        }
                    }
                }
            }
        }
        value
    }
}

/// `sum of strength x seminorm` on one component of the weights. `columns` cannot be combined with `rows` or with
/// clustering, nor `nuclear` with anything: no method does, and their sum has no closed proximal operator.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Component {
    /// Strength of [`Seminorm::Rows`].
    pub rows: f64,
    /// Strength of [`Seminorm::Columns`].
    pub columns: f64,
    /// Strength of [`Seminorm::Entries`].
    pub entries: f64,
    /// Strength of [`Seminorm::ColumnPairs`].
    pub column_pairs: f64,
    /// Strength of [`Seminorm::EntryPairs`].
    pub entry_pairs: f64,
    /// Strength of the nuclear norm `||W||_*`, the sum of the singular values. It belongs to no partition of features
    /// and tasks, so it is no [`Seminorm`] of the generalized group lasso.
    #[serde(skip_serializing_if = "is_zero")]
    pub nuclear: f64,
}

fn is_zero(strength: &f64) -> bool {
    *strength == 0.0
}

impl Component {
    /// The seminorms with a positive strength.
    pub fn terms(&self) -> impl Iterator<Item = (Seminorm, f64)> {
        let strengths = [self.rows, self.columns, self.entries, self.column_pairs, self.entry_pairs];
        Seminorm::ALL.into_iter().zip(strengths).filter(|(_, strength)| *strength > 0.0)
    }

    /// Whether there is no penalty at all.
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }

    /// The same penalty for `m` tasks: a single task has no pairs to cluster.
    #[must_use]
    pub fn for_tasks(self, m: usize) -> Self {
        if m > 1 { self } else { Self { column_pairs: 0.0, entry_pairs: 0.0, ..self } }
    }

    /// Value at `w`.
    pub fn value(&self, w: &Array2<f64>) -> f64 {
        self.value_given(w, None)
    }

    /// Value at a `w` whose nuclear norm may be known already.
    pub fn value_given(&self, w: &Array2<f64>, nuclear_norm: Option<f64>) -> f64 {
        let seminorms: f64 = self.terms().map(|(seminorm, strength)| strength * seminorm.value(w)).sum();
        if self.nuclear > 0.0 {
            seminorms + self.nuclear * nuclear_norm.unwrap_or_else(|| singular::nuclear_norm(w))
        } else {
            seminorms
        }
    }

    /// The part that treats rows one by one.
    pub fn row_part(&self) -> RowPenalty {
        RowPenalty { pairs: self.entry_pairs, entries: self.entries, row: self.rows }
    }

    /// Whether a matrix with equal columns costs nothing, so that only the loss fixes its level.
    pub fn leaves_mean_free(&self) -> bool {
        self.rows == 0.0 && self.entries == 0.0 && self.columns == 0.0 && self.nuclear == 0.0
    }

    /// Whether [`Self::prox`] covers the whole penalty.
    pub fn has_closed_prox(&self) -> bool {
        self.column_pairs == 0.0
    }

    /// Overwrites `w` by `argmin_z 1/2 ||z - w||_F^2 + step * penalty(z)`, leaving out column clustering. Gives the
    /// nuclear norm there if it has a part in the penalty.
    pub fn prox(&self, w: &mut Array2<f64>, step: f64, scratch: &mut Scratch) -> Option<f64> {
        if self.nuclear > 0.0 {
            return Some(singular::soft_threshold(w, step * self.nuclear));
        }
        if self.columns > 0.0 {
            for mut column in w.columns_mut() {
                let mut values = column.to_vec();
                soft_threshold(&mut values, step * self.entries);
                shrink_length(&mut values, step * self.columns);
                column.assign(&ndarray::ArrayView1::from(&values));
            }
            return None;
        }
        let penalty = self.row_part().scaled(step);
        for mut row in w.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                penalty.prox(row, scratch);
            }
        }
        None
    }

    /// How far `y` exceeds the dual unit ball of this penalty: an upper bound of the larger of `least` and the smallest
    /// `kappa` such that `<y, w> <= kappa * penalty(w)` for all `w`.
    ///
    /// Column clustering needs dual variables of its own, one vector a pair, no longer than its strength; the rest
    /// of `y` must then be carried by the other terms. `pair_duals` holds them (`p x m(m-1)/2`).
    pub fn excess(&self, y: &Array2<f64>, pair_duals: Option<&Array2<f64>>, least: f64, scratch: &mut Scratch) -> f64 {
        if self.nuclear > 0.0 {
            return least.max(singular::spectral_norm(y) / self.nuclear);
        }
        let mut rest = y.clone();
        let mut kappa = least;
        if self.column_pairs > 0.0 {
            let pairs = ColumnPairs { m: y.ncols() };
            let none = || Array2::zeros((y.nrows(), n_pairs(y.ncols())));
            let mut duals = pair_duals.map_or_else(none, Array2::clone);
            pairs.add_weighted_adjoint(&duals, &vec![-1.0; duals.ncols()], &mut rest);
            if self.leaves_mean_free() && self.entry_pairs == 0.0 {
                // Nothing else can carry the rest. On matrices whose rows sum to zero D'D = m I, so D rest / m is
                // the smallest change of the pair duals that does.
                pairs.add_differences(&rest, 1.0 / y.ncols() as f64, &vec![1.0; duals.ncols()], &mut duals);
                return kappa.max(longest_column(&duals) / self.column_pairs);
            }
            kappa = kappa.max(longest_column(&duals) / self.column_pairs);
        }
        if self.columns > 0.0 {
            let penalty = RowPenalty { pairs: 0.0, entries: self.entries, row: self.columns };
            return rest.columns().into_iter().fold(kappa, |k, c| penalty.excess(&c.to_vec(), k, scratch));
        }
        if self.leaves_mean_free() {
            if self.entry_pairs == 0.0 {
                return if rest.iter().all(|&v| v == 0.0) { kappa } else { f64::INFINITY };
            }
            remove_row_means(&mut rest);
            return rest.rows().into_iter().fold(kappa, |k, r| k.max(clustering_gauge(&r.to_vec(), self.entry_pairs)));
        }
        let penalty = self.row_part();
        rest.rows().into_iter().fold(kappa, |k, r| r.as_slice().map_or(k, |r| penalty.excess(r, k, scratch)))
    }
}

/// Gauge of a row that sums to zero under the dual norm of `strength * sum_{j<k} |x_j - x_k|`: the extreme rays of
/// sorted rows are the indicators of the `k` largest values, which cut `k (m - k)` pairs.
fn clustering_gauge(row: &[f64], strength: f64) -> f64 {
    let mut sorted = row.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let m = sorted.len();
    let mut sum = 0.0;
    let mut gauge: f64 = 0.0;
    for (k, v) in sorted.iter().enumerate().take(m.saturating_sub(1)) {
        sum += v;
        let count = k + 1;
        gauge = gauge.max(sum / (strength * (count * (m - count)) as f64));
    }
    gauge
}

fn remove_row_means(w: &mut Array2<f64>) {
    let means = w.mean_axis(Axis(1));
    if let Some(means) = means {
        *w -= &means.insert_axis(Axis(1));
    }
}
