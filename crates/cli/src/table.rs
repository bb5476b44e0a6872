//! Aligned text tables.

use std::fmt;

use mtl_methods::ParamValue;

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Text, to the left.
    Left,
    /// Numbers, to the right.
    Right,
    /// Text, to the left, broken between words into lines of this width.
    Wrapped(usize),
}

/// A table with a line of column names.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    spaced: bool,
}

impl Table {
    /// A table without rows.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Column)>) -> Self {
        let (names, columns) = columns.into_iter().map(|(name, column)| (name.to_owned(), column)).unzip();
        Self { columns, rows: vec![names], spaced: false }
    }

    /// With an empty line between rows, for cells of several lines.
    #[must_use]
    pub fn spaced(mut self) -> Self {
        self.spaced = true;
        self
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The lines of a cell.
    fn lines(&self, column: usize, cell: &str) -> Vec<String> {
        match self.columns.get(column) {
            Some(Column::Wrapped(width)) => wrap(cell, *width),
            _ => vec![cell.to_owned()],
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = |row: &Vec<String>| row.iter().enumerate().map(|(c, cell)| self.lines(c, cell)).collect::<Vec<_>>();
        let rows: Vec<_> = self.rows.iter().map(cells).collect();
        let width = |c: usize| {
            let lines = rows.iter().filter_map(|row| row.get(c)).flatten();
            lines.map(|line| line.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for (r, row) in rows.iter().enumerate() {
            if self.spaced && r > 1 {
                writeln!(f)?;
            }
            for n in 0..row.iter().map(Vec::len).max().unwrap_or(0) {
                let cell = |(c, &width): (usize, &usize)| {
                    let text = row.get(c).and_then(|lines| lines.get(n)).map_or("", String::as_str);
                    match self.columns[c] {
                        Column::Right => format!("{text:>width$}"),
                        _ => format!("{text:<width$}"),
                    }
                };
                let line = widths.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ");
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }
}

/// Breaks text between words; line breaks in it stay.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    if lines.is_empty() { vec![String::new()] } else { lines }
}

/// `1 row`, `2 rows`.
pub fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A time as people say it.
pub fn rough(seconds: f64) -> String {
    match seconds {
        s if s < 0.5 => "-".into(),
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 180.0 * 60.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Five significant digits, in scientific notation where plain digits would be unreadable.
pub fn number(v: f64) -> String {
    let size = v.abs();
    if v == 0.0 {
        "0".into()
    } else if (1e-4..1e6).contains(&size) {
        let decimals = (4.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
        format!("{v:.decimals$}")
    } else {
        format!("{v:.4e}")
    }
}

/// A hyperparameter's value, short.
pub fn parameter(value: &ParamValue) -> String {
    match value {
        ParamValue::Number(v) if *v != 0.0 && !(1e-3..1e6).contains(&v.abs()) => format!("{v:e}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_long_cells_are_broken() {
        let mut table = Table::new([("NAME", Column::Left), ("N", Column::Right), ("DOC", Column::Wrapped(9))]);
        table.row(["a", "7", "one two three"]);
        table.row(["long", "12", ""]);
        assert_eq!(table.to_string(), "NAME   N  DOC\na      7  one two\n          three\nlong  12\n");
    }

    #[test]
    fn numbers_keep_five_digits() {
        let printed = [0.0, 0.123456, 12345.678, 999999.5, 0.00012345678, 1.5e-9, -2.0].map(number);
        assert_eq!([1e-9, 0.001, 0.0, 1e3].map(|v| parameter(&ParamValue::Number(v))), ["1e-9", "0.001", "0", "1000"]);
        assert_eq!(printed, ["0", "0.12346", "12346", "1000000", "0.00012346", "1.5000e-9", "-2.0000"]);
    }
}
