//! The tables of two reports, value by value.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use csv::StringRecord;

/// What came out otherwise.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Tables compared.
    pub tables: usize,
    /// Values compared.
    pub values: usize,
    /// Times, which are never the same.
    pub times: usize,
    /// Tables that only one has, or that have another shape.
    pub faults: Vec<String>,
    /// Values that differ.
    pub deviations: Vec<Deviation>,
}

/// A value that came out otherwise.
#[derive(Debug)]
pub struct Deviation {
    /// The table.
    pub table: String,
    /// The texts that its row begins with.
    pub row: String,
    /// The column's heading.
    pub column: String,
    /// What was reported.
    pub reported: String,
    /// What came out here.
    pub here: String,
}

impl Comparison {
    /// Whether everything is the same.
    pub fn is_same(&self) -> bool {
        self.faults.is_empty() && self.deviations.is_empty()
    }
}

/// Says who ran when, which is another thing each time.
const CIRCUMSTANCES: &str = "provenance-work.csv";

/// Compares the CSV files of two folders.
pub fn compare(reported: &Path, here: &Path, tolerance: f64) -> anyhow::Result<Comparison> {
    let mut found = Comparison::default();
    let names = |folder: &Path| -> BTreeSet<String> {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with(".csv") && name != CIRCUMSTANCES).collect()
    };
    let (theirs, ours) = (names(reported), names(here));
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>, place: &str| -> Vec<String> {
        a.difference(b).map(|name| format!("table {name} is {place} only")).collect()
    };
    found.faults.extend(only(&theirs, &ours, "in the report"));
    found.faults.extend(only(&ours, &theirs, "here"));
    for name in theirs.intersection(&ours) {
        found.tables += 1;
        found.table(name.trim_end_matches(".csv"), &read(&reported.join(name))?, &read(&here.join(name))?, tolerance);
    }
    Ok(found)
}

/// A table's rows, that of the headings first.
fn read(file: &Path) -> anyhow::Result<Vec<StringRecord>> {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(file);
    let rows = reader.and_then(|mut reader| reader.records().collect());
    rows.with_context(|| format!("{} cannot be read as a table", file.display()))
}

impl Comparison {
    fn table(&mut self, name: &str, reported: &[StringRecord], here: &[StringRecord], tolerance: f64) {
        if reported.len() != here.len() || reported.first() != here.first() {
            self.faults.push(format!(
                "table {name} has {} rows in the report and {} here, or other columns",
                reported.len().saturating_sub(1),
                here.len().saturating_sub(1)
            ));
            return;
        }
        let Some((headings, rows)) = reported.split_first() else { return };
        // The heading of the rows' names says what all of a table is about, such as exponents of times.
        let all_timed = headings.iter().next().is_some_and(is_about_time);
        for (theirs, ours) in rows.iter().zip(&here[1..]) {
            // A row about times, or a column of them.
            let timed = all_timed || theirs.iter().any(is_about_time);
            for ((theirs_cell, ours_cell), heading) in theirs.iter().zip(ours).zip(headings) {
                if timed || is_about_time(heading) {
                    self.times += 1;
                    continue;
                }
                self.values += 1;
                if !same(theirs_cell, ours_cell, tolerance) {
                    self.deviations.push(Deviation {
                        table: name.to_owned(),
                        row: theirs
                            .iter()
                            .take_while(|cell| cell.parse::<f64>().is_err())
                            .collect::<Vec<_>>()
                            .join(", "),
                        column: heading.to_owned(),
                        reported: theirs_cell.to_owned(),
                        here: ours_cell.to_owned(),
                    });
                }
            }
        }
    }
}

fn is_about_time(text: &str) -> bool {
    text.contains("seconds")
}

/// Whether two cells say the same. Numbers within a text are rounded: they may differ by one in their last digit where
/// anything may differ at all.
fn same(a: &str, b: &str, tolerance: f64) -> bool {
    let near = |a: f64, b: f64, more: f64| (a - b).abs() <= tolerance * 1_f64.max(a.abs()).max(b.abs()) + more;
    match (a.parse(), b.parse()) {
        _ if a == b => true,
        (Ok(a), Ok(b)) => near(a, b, 0.0),
        _ if tolerance == 0.0 => false,
        _ => {
            let words = |text: &'_ str| -> Vec<String> {
                let ends = |c: char| c.is_whitespace() || "()[],;=".contains(c);
                text.split(ends).filter(|word| !word.is_empty()).map(String::from).collect()
            };
            let (a, b) = (words(a), words(b));
            let alike = |(a, b): (&String, &String)| match (a.parse(), b.parse()) {
                (Ok(x), Ok(y)) => near(x, y, 1.001 * last_digit(a).max(last_digit(b))),
                _ => a == b,
            };
            a.len() == b.len() && a.iter().zip(&b).all(alike)
        }
    }
}

/// What one more in the last digit of a number makes.
fn last_digit(number: &str) -> f64 {
    let (digits, exponent) = number.split_once('e').unwrap_or((number, "0"));
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32);
    10_f64.powi(exponent.parse::<i32>().unwrap_or(0) - decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_the_tolerance_says() {
        assert!(same("0.1", "0.1", 0.0) && same("GL", "GL", 0.0) && same("0.10", "0.1", 0.0));
        assert!(!same("0.1", "0.10000001", 0.0) && same("0.1", "0.10000001", 1e-6) && !same("0.1", "0.1001", 1e-6));
        assert!(same("1e-7", "3e-7", 1e-6), "residuals below the tolerance");
        assert!(!same("", "0.1", 1e-6) && !same("GL", "0.1", 1e-6));
        // Rounded on either side of a half.
        assert!(same("0.1234 ± 0.0100 [close] (n = 3)", "0.1235 ± 0.0100 [close] (n = 3)", 1e-6));
        assert!(!same("0.1234 ± 0.0100 [close]", "0.1235 ± 0.0100 [close]", 0.0));
        assert!(!same("0.1234 ± 0.0100 [close]", "0.1236 ± 0.0100 [close]", 1e-6));
        assert!(!same("0.1234 [close]", "0.1234 [differs]", 1e-6));
        assert!(same("p 1.00e-5", "p 1.01e-5", 1e-9) && !same("p 1.00e+5", "p 1.02e+5", 1e-9));
    }

    #[test]
    fn tables_are_compared_and_times_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |side: &str, name: &str, text: &str| {
            std::fs::create_dir_all(folder.path().join(side)).unwrap();
            std::fs::write(folder.path().join(side).join(name), text).unwrap();
        };
        for (side, value, time) in [("a", "0.5", "7"), ("b", "0.25", "9")] {
            write(
                side,
                "t.csv",
                &format!("method,measure,value,our seconds\nGL,nMSE,{value},{time}\nGL,seconds,{time},1\n"),
            );
            write(side, "growth.csv", &format!("seconds-per-iteration along,GL\ntasks,{time}\n"));
            write(side, CIRCUMSTANCES, time);
            write(side, "t.tex", time);
        }
        write("a", "gone.csv", "x\n1\n");
        write("a", "longer.csv", "x\n1\n");
        write("b", "longer.csv", "x\n1\n2\n");
        let found = compare(&folder.path().join("a"), &folder.path().join("b"), 0.0).unwrap();
        assert_eq!((found.tables, found.values, found.times), (3, 3, 7));
        let [only] = &found.deviations[..] else { panic!("{found:?}") };
        assert_eq!((only.row.as_str(), only.column.as_str(), only.here.as_str()), ("GL, nMSE", "value", "0.25"));
        assert_eq!(found.faults.len(), 2, "{found:?}");
        assert!(compare(&folder.path().join("a"), &folder.path().join("a"), 0.0).unwrap().is_same());
    }
}
