//! Proof that a table holds the expected values, whatever file they came in.
//!
//! Copies of a data set differ in container, number format and header. A checksum tells them apart; a fingerprint
//! tells that they are the same data.

use serde::Deserialize;

use crate::format::Table;

/// Sums may differ by this share of the larger one.
pub const TOLERANCE: f64 = 1e-9;

/// What the values of a table must be.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Number of missing cells (NaN).
    pub missing: usize,
    /// Sum of each column over the cells that are not missing, where someone has computed them.
    pub column_sums: Option<Vec<f64>>,
    /// Sum of all cells that are not missing, for a table with more columns than one would list.
    pub total: Option<f64>,
}

/// The first difference between a table and its fingerprint.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// The shape differs.
    #[error("the table has {found_rows} rows and {found_columns} columns, expected {rows} and {columns}")]
    Shape {
        /// Rows in the table.
        found_rows: usize,
        /// Columns in the table.
        found_columns: usize,
        /// Rows expected.
        rows: usize,
        /// Columns expected.
        columns: usize,
    },
    /// The number of missing cells differs.
    #[error("{found} cells are missing, expected {expected}")]
    Missing {
        /// Missing cells in the table.
        found: usize,
        /// Missing cells expected.
        expected: usize,
    },
    /// A column's values differ.
    #[error("column {number} (`{column}`) sums to {found:?}, expected {expected:?}")]
    Sum {
        /// Name of the first column that differs.
        column: String,
        /// Its position, counted from 1.
        number: usize,
        /// Sum in the table.
        found: f64,
        /// Sum expected.
        expected: f64,
    },
    /// The values differ somewhere.
    #[error("the table sums to {found:?}, expected {expected:?}")]
    Total {
        /// Sum of the table.
        found: f64,
        /// Sum expected.
        expected: f64,
    },
}

impl Fingerprint {
    /// The fingerprint of a table.
    pub fn of(table: &Table) -> Self {
        Self {
            rows: table.values.nrows(),
            columns: table.values.ncols(),
            missing: table.values.iter().filter(|v| v.is_nan()).count(),
            column_sums: Some(column_sums(table)),
            total: Some(sum(&table.values)),
        }
    }

    /// Whether the table has these values.
    pub fn verify(&self, table: &Table) -> Result<(), Mismatch> {
        // Of large tables a sum takes as long as reading them.
        let found = Self {
            rows: table.values.nrows(),
            columns: table.values.ncols(),
            missing: table.values.iter().filter(|v| v.is_nan()).count(),
            column_sums: self.column_sums.as_ref().map(|_| column_sums(table)),
            total: self.total.map(|_| sum(&table.values)),
        };
        if (found.rows, found.columns) != (self.rows, self.columns) {
            return Err(Mismatch::Shape {
                found_rows: found.rows,
                found_columns: found.columns,
                rows: self.rows,
                columns: self.columns,
            });
        }
        if found.missing != self.missing {
            return Err(Mismatch::Missing { found: found.missing, expected: self.missing });
        }
        let sums = found.column_sums.iter().flatten().zip(self.column_sums.iter().flatten());
        for (index, (&found, &expected)) in sums.enumerate() {
            if !close(found, expected) {
                let column = table.columns[index].clone();
                return Err(Mismatch::Sum { column, number: index + 1, found, expected });
            }
        }
        match (found.total, self.total) {
            (Some(found), Some(expected)) if !close(found, expected) => Err(Mismatch::Total { found, expected }),
            _ => Ok(()),
        }
    }

    /// Whether the fingerprint itself makes sense.
    pub(crate) fn check(&self) -> Result<(), String> {
        match &self.column_sums {
            Some(sums) if sums.len() != self.columns => {
                Err(format!("{} column sums for {} columns", sums.len(), self.columns))
            }
            Some(sums) if sums.iter().any(|s| !s.is_finite()) => Err("a column sum is not finite".into()),
            _ if self.total.is_some_and(|t| !t.is_finite()) => Err("the total is not finite".into()),
            _ => Ok(()),
        }
    }
}

/// Whether two sums are the same but for rounding. One that is infinite never is: the tolerance would be, too.
fn close(found: f64, expected: f64) -> bool {
    found.is_finite() && (found - expected).abs() <= TOLERANCE * found.abs().max(expected.abs())
}

/// The sum of each column. Rows are walked in memory's order: a column at a time would miss the cache at every cell.
fn column_sums(table: &Table) -> Vec<f64> {
    let mut sums = vec![Sum::default(); table.values.ncols()];
    for row in table.values.rows() {
        sums.iter_mut().zip(row).filter(|(_, v)| !v.is_nan()).for_each(|(sum, &value)| sum.add(value));
    }
    sums.iter().map(Sum::value).collect()
}

fn sum<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    let mut sum = Sum::default();
    values.into_iter().filter(|v| !v.is_nan()).for_each(|&value| sum.add(value));
    sum.value()
}

/// Neumaier's sum: exact enough that neither the order of the rows nor cancellation in a centred column shows.
#[derive(Clone, Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        let next = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() { (self.sum - next) + value } else { (value - next) + self.sum };
        self.sum = next;
    }

    fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn table() -> Table {
        Table { columns: vec!["a".into(), "b".into()], values: array![[1.0, 1e9], [2.0, f64::NAN], [4.0, -1e9 + 0.5]] }
    }

    #[test]
    fn a_table_matches_its_own_fingerprint_only() {
        let print = Fingerprint::of(&table());
        let column_sums = Some(vec![7.0, 0.5]);
        assert_eq!(print, Fingerprint { rows: 3, columns: 2, missing: 1, column_sums, total: Some(7.5) });
        print.verify(&table()).unwrap();

        let mut other = table();
        other.values[[2, 1]] += 1e-6;
        let error = print.verify(&other).unwrap_err().to_string();
        assert_eq!(error, "column 2 (`b`) sums to 0.5000009536743164, expected 0.5");

        other = table();
        other.values[[0, 0]] *= 1.0 + 1e-12;
        print.verify(&other).unwrap();

        other = table();
        other.values[[1, 1]] = 0.0;
        assert_eq!(print.verify(&other).unwrap_err(), Mismatch::Missing { found: 0, expected: 1 });

        other.values = array![[1.0, 2.0]];
        assert!(print.verify(&other).unwrap_err().to_string().starts_with("the table has 1 rows and 2 columns"));
    }

    #[test]
    fn a_total_alone_shows_a_change() {
        let print = Fingerprint { column_sums: None, ..Fingerprint::of(&table()) };
        print.verify(&table()).unwrap();
        let mut other = table();
        other.values[[0, 0]] += 1e-6;
        let error = print.verify(&other).unwrap_err().to_string();
        assert_eq!(error, "the table sums to 7.500001, expected 7.5");
        assert_eq!(Fingerprint { total: Some(f64::NAN), ..print }.check(), Err("the total is not finite".into()));
    }

    #[test]
    fn an_infinite_sum_never_matches() {
        let print = Fingerprint { rows: 1, columns: 1, missing: 0, column_sums: Some(vec![1.0]), total: None };
        let table = Table { columns: vec!["a".into()], values: array![[f64::INFINITY]] };
        assert!(matches!(print.verify(&table), Err(Mismatch::Sum { .. })));
    }

    #[test]
    fn the_order_of_rows_does_not_show() {
        let values: Vec<f64> = (0..1000).map(|i| 0.1 * f64::from(i) - 49.95).collect();
        let mut reversed = values.clone();
        reversed.reverse();
        assert_eq!(sum(&values).to_bits(), sum(&reversed).to_bits());
    }
}
