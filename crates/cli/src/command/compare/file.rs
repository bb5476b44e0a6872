//! Results of other tools: one number a line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use csv::{ReaderBuilder, StringRecord, Trim};
use mtl_data::suggest::{did_you_mean, listed};

use super::series::Series;

const COLUMNS: [&str; 5] = ["method", "dataset", "repeat", "metric", "value"];

/// A table with the columns method, dataset, repeat, metric and value.
pub struct ResultsFile {
    path: PathBuf,
    rows: Vec<Row>,
}

struct Row {
    line: u64,
    method: String,
    dataset: String,
    repeat: u32,
    metric: String,
    value: f64,
}

impl ResultsFile {
    /// Reads and checks all of it.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let at = || path.display().to_string();
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_path(path).with_context(at)?;
        let header = reader.headers().with_context(at)?.clone();
        let names: Vec<&str> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
        let position = |wanted: &str| {
            names.iter().position(|name| *name == wanted).ok_or_else(|| {
                let hint = did_you_mean(wanted, &names);
                anyhow!(
                    "{}, line 1: there is no column `{wanted}`{hint}\nfound: {}\nexpected: {}",
                    path.display(),
                    listed(&names),
                    listed(&COLUMNS)
                )
            })
        };
        let columns = COLUMNS.map(position).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        let mut rows = Vec::new();
        for record in reader.records() {
            rows.push(Row::read(path, &record.with_context(at)?, &columns)?);
        }
        if rows.is_empty() {
            bail!("{}: there are no results below the line of column names", path.display());
        }
        Ok(Self { path: path.to_owned(), rows })
    }

    /// The values of a method; `None` if the table does not know it.
    pub fn series(&self, method: &str, dataset: &str, metric: &str) -> anyhow::Result<Option<Series>> {
        let of_method: Vec<&Row> = self.rows.iter().filter(|row| row.method == method).collect();
        if of_method.is_empty() {
            return Ok(None);
        }
        let of_dataset = self.narrow(&of_method, "dataset", dataset, |row| &row.dataset, |a, b| a == b)?;
        let chosen = self.narrow(&of_dataset, "metric", metric, |row| &row.metric, str::eq_ignore_ascii_case)?;
        let mut values: BTreeMap<u32, (f64, u64)> = BTreeMap::new();
        for row in chosen {
            if let Some((_, first)) = values.insert(row.repeat, (row.value, row.line)) {
                bail!(
                    "{}, line {}: a second value for {method}, {dataset}, repeat {}, {metric}; the first is in line {first}",
                    self.path.display(),
                    row.line,
                    row.repeat
                );
            }
        }
        Ok(Some(Series::from_file(values.into_iter().map(|(repeat, (value, _))| (repeat, value)).collect())))
    }

    /// The methods in the table.
    pub fn methods(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.rows.iter().map(|row| row.method.as_str()).collect();
        names.into_iter().collect()
    }

    fn narrow<'r>(
        &self,
        rows: &[&'r Row],
        what: &str,
        wanted: &str,
        field: fn(&Row) -> &String,
        same: fn(&str, &str) -> bool,
    ) -> anyhow::Result<Vec<&'r Row>> {
        let found: Vec<&Row> = rows.iter().copied().filter(|row| same(field(row), wanted)).collect();
        if found.is_empty() {
            let known: BTreeSet<&str> = rows.iter().map(|row| field(row).as_str()).collect();
            let known: Vec<&str> = known.into_iter().collect();
            let method = rows.first().map_or("", |row| row.method.as_str());
            bail!(
                "{}: `{method}` has no values for {what} `{wanted}`{}\nthere are: {}",
                self.path.display(),
                did_you_mean(wanted, &known),
                listed(&known)
            );
        }
        Ok(found)
    }
}

impl Row {
    fn read(path: &Path, record: &StringRecord, columns: &[usize]) -> anyhow::Result<Self> {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |i: usize| record.get(columns[i]).unwrap_or_default();
        let wrong = |i: usize, expected: &str| {
            anyhow!(
                "{}, line {line}, column `{}`: found `{}`, expected {expected}",
                path.display(),
                COLUMNS[i],
                cell(i)
            )
        };
        let text = |i: usize| match cell(i) {
            "" => Err(wrong(i, "a name")),
            name => Ok(name.to_owned()),
        };
        let value: f64 = cell(4).parse().map_err(|_| wrong(4, "a number"))?;
        if !value.is_finite() {
            return Err(wrong(4, "a finite number"));
        }
        let repeat = cell(2).parse().map_err(|_| wrong(2, "the number of the repeat: 0, 1, 2, .."))?;
        Ok(Self { line, method: text(0)?, dataset: text(1)?, repeat, metric: text(3)?, value })
    }
}
