//! Numbers in attribute-relation files (ARFF). Every error says where it is, what was found and what was expected.
//!
//! Sparse rows and attributes other than numbers are refused: no data set here has them.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::Table;
use super::csv::{decoded, finite};
use crate::suggest::quoted;

/// What is wrong with an ARFF file.
#[derive(Debug, thiserror::Error)]
pub enum ArffError {
    /// The file cannot be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file ends too early.
    #[error("{}: the file ends without {missing}", path.display())]
    CutShort {
        /// The file.
        path: PathBuf,
        /// What should have come.
        missing: &'static str,
    },
    /// A line is not what it should be.
    #[error("{}, line {line}: found {found}, expected {expected}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The line's text in backticks, or words.
        found: String,
        /// What it should have been.
        expected: String,
    },
    /// An attribute's type or one of its values is not what it should be.
    #[error("{}, line {line}, attribute {}: found {found}, expected {expected}", path.display(), quoted(attribute))]
    Field {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The attribute's name.
        attribute: String,
        /// The text in backticks, or words.
        found: String,
        /// What it should have been.
        expected: &'static str,
    },
}

/// Reads a table of numbers. A missing value, `?`, is NaN.
pub fn read(path: &Path) -> Result<Table, ArffError> {
    let bytes = std::fs::read(path).map_err(|source| ArffError::Io { path: path.into(), source })?;
    let text = decoded(&bytes)
        .map_err(|(line, found)| bad_line(path, line, format!("text that is {found}"), "UTF-8".into()))?;
    let mut lines = (1..)
        .zip(text.trim_start_matches('\u{feff}').lines().map(str::trim))
        .filter(|(_, text)| !text.is_empty() && !text.starts_with('%'));
    let columns = header(path, &mut lines)?;
    let mut values = Vec::new();
    let mut rows = 0;
    for (line, text) in lines {
        row(path, line, text, &columns, &mut values)?;
        rows += 1;
    }
    if rows == 0 {
        return Err(ArffError::CutShort { path: path.into(), missing: "rows below `@data`" });
    }
    let values = Array2::from_shape_vec((rows, columns.len()), values).expect("one value a column in every row");
    Ok(Table { columns, values })
}

fn bad_line(path: &Path, line: usize, found: String, expected: String) -> ArffError {
    ArffError::Line { path: path.into(), line, found, expected }
}

/// Names of the attributes. Takes the lines up to `@data`.
fn header<'a>(path: &Path, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<Vec<String>, ArffError> {
    let mut names: Vec<String> = Vec::new();
    for (line, text) in lines {
        let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match keyword.to_ascii_lowercase().as_str() {
            "@relation" => {}
            "@attribute" => {
                let name = attribute(path, line, text, rest.trim_start())?;
                if names.contains(&name) {
                    let found = format!("a second attribute {}", quoted(&name));
                    return Err(bad_line(path, line, found, "different names".into()));
                }
                names.push(name);
            }
            "@data" if names.is_empty() => {
                return Err(bad_line(path, line, quoted(text), "an `@attribute` line before it".into()));
            }
            "@data" => return Ok(names),
            _ => {
                let expected = "`@relation`, `@attribute` or `@data`".into();
                return Err(bad_line(path, line, quoted(text), expected));
            }
        }
    }
    Err(ArffError::CutShort { path: path.into(), missing: "a line `@data`" })
}

/// Name of the attribute that is declared in a line; `rest` is the line without its keyword.
fn attribute(path: &Path, line: usize, text: &str, rest: &str) -> Result<String, ArffError> {
    let Some((name, kind)) = split_name(rest).filter(|(name, _)| !name.is_empty()) else {
        return Err(bad_line(path, line, quoted(text), "`@attribute`, a name and a type".into()));
    };
    let word = kind.trim_start().split(|c: char| c.is_whitespace() || c == '%').next().unwrap_or_default();
    let found = match word.to_ascii_lowercase().as_str() {
        "numeric" | "real" | "integer" => return Ok(name),
        "" => "no type".into(),
        _ if word.starts_with('{') => "a nominal attribute".into(),
        _ => quoted(word),
    };
    let expected = "`numeric`, `real` or `integer`";
    Err(ArffError::Field { path: path.into(), line, attribute: name, found, expected })
}

/// Splits what follows `@attribute` after the name, which may be in quotes, where a backslash saves the next character.
fn split_name(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next()?;
    if !matches!(quote, '\'' | '"') {
        return text.split_once(char::is_whitespace).map(|(name, rest)| (name.into(), rest));
    }
    let mut name = String::new();
    let mut saved = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if saved => {
                name.push(c);
                saved = false;
            }
            '\\' => saved = true,
            _ if c == quote => return Some((name, &text[at + c.len_utf8()..])),
            _ => name.push(c),
        }
    }
    None
}

/// Appends the values of a row.
fn row(path: &Path, line: usize, text: &str, columns: &[String], to: &mut Vec<f64>) -> Result<(), ArffError> {
    let wanted = || format!("{} values separated by commas, one an attribute", columns.len());
    if text.starts_with('{') {
        return Err(bad_line(path, line, "a sparse row".into(), wanted()));
    }
    // No number has a percent sign: a comment begins.
    let numbers = text.split('%').next().unwrap_or_default();
    let count = numbers.split(',').count();
    if count != columns.len() {
        return Err(bad_line(path, line, format!("{count}"), wanted()));
    }
    for (cell, column) in numbers.split(',').map(str::trim).zip(columns) {
        let value = if cell == "?" { Ok(f64::NAN) } else { finite(cell) };
        to.push(value.map_err(|expected| ArffError::Field {
            path: path.into(),
            line,
            attribute: column.clone(),
            found: if cell.is_empty() { "nothing".into() } else { quoted(cell) },
            expected,
        })?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn read_bytes(bytes: &[u8]) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.arff");
        std::fs::write(&path, bytes).unwrap();
        let prefix = path.display().to_string();
        read(&path).map_err(|e| e.to_string().replace(&prefix, "d.arff"))
    }

    #[test]
    fn spellings_of_one_table_are_equal() {
        let expected = Table { columns: vec!["a".into(), "b -6".into()], values: array![[1.0, -2.5e-5], [3.0, 4.0]] };
        for text in [
            "@relation x\n@attribute a numeric\n@attribute 'b -6' numeric\n@data\n1,-2.5e-5\n3,4\n",
            "@RELATION 'x: -C 2'\r\n@Attribute\ta\tREAL\r\n@attribute \"b -6\" Integer\r\n@DATA\r\n1,-2.5e-005\r\n3,4",
            "\u{feff}% made up\n\n@relation x % of numbers\n@attribute 'a'numeric\n@attribute 'b -6'   real % flow\n\n\
             @data\n% rows\n 1 ,\t-2.5e-5 \n\n3,4.000 % the last\n",
        ] {
            assert_eq!(read_bytes(text.as_bytes()), Ok(expected.clone()), "{text:?}");
        }
    }

    #[test]
    fn quotes_and_question_marks() {
        let text = "@relation x\n@attribute 'it\\'s 5%' real\n@attribute {b} real\n@data\n?,1\n2, ? \n";
        let table = read_bytes(text.as_bytes()).unwrap();
        assert_eq!(table.columns, ["it's 5%", "{b}"]);
        assert!(table.values[[0, 0]].is_nan() && table.values[[1, 1]].is_nan());
        assert_eq!((table.values[[0, 1]], table.values[[1, 0]]), (1.0, 2.0));
    }

    #[test]
    fn every_fault_has_its_place() {
        let fails = |text: &str, expected: &str| assert_eq!(read_bytes(text.as_bytes()).unwrap_err(), expected);
        fails("", "d.arff: the file ends without a line `@data`");
        fails("@relation x\n@attribute a real\n", "d.arff: the file ends without a line `@data`");
        fails("@relation x\n@attribute a real\n@data\n% none\n", "d.arff: the file ends without rows below `@data`");
        fails("<html>\n", "d.arff, line 1: found `<html>`, expected `@relation`, `@attribute` or `@data`");
        fails("@relation x\n\n@data\n1\n", "d.arff, line 3: found `@data`, expected an `@attribute` line before it");
        let name_and_type = "expected `@attribute`, a name and a type";
        fails("@attribute a\n", &format!("d.arff, line 1: found `@attribute a`, {name_and_type}"));
        fails("@attribute\n", &format!("d.arff, line 1: found `@attribute`, {name_and_type}"));
        fails("@attribute 'a real\n", &format!("d.arff, line 1: found `@attribute 'a real`, {name_and_type}"));
        fails("@attribute '' real\n", &format!("d.arff, line 1: found `@attribute '' real`, {name_and_type}"));
        fails(
            "@attribute a real\n@attribute 'a' real\n",
            "d.arff, line 2: found a second attribute `a`, expected different names",
        );
        let kinds = "expected `numeric`, `real` or `integer`";
        fails(
            "%\n@attribute c {x, y}\n",
            &format!("d.arff, line 2, attribute `c`: found a nominal attribute, {kinds}"),
        );
        fails("@attribute c String\n", &format!("d.arff, line 1, attribute `c`: found `String`, {kinds}"));
        fails("@attribute 'c'\n", &format!("d.arff, line 1, attribute `c`: found no type, {kinds}"));
    }

    #[test]
    fn a_bad_row_is_named() {
        let fails = |rows: &str, expected: &str| {
            let text = format!("@relation x\n@attribute a real\n@attribute 'b c' real\n@data\n1,2\n\n{rows}\n");
            assert_eq!(read_bytes(text.as_bytes()).unwrap_err(), format!("d.arff, line 7{expected}"));
        };
        let wanted = "expected 2 values separated by commas, one an attribute";
        fails("{0 1, 1 2}", &format!(": found a sparse row, {wanted}"));
        fails("1", &format!(": found 1, {wanted}"));
        fails("1,2,3", &format!(": found 3, {wanted}"));
        fails("1 2", &format!(": found 1, {wanted}"));
        fails("1,x", ", attribute `b c`: found `x`, expected a number, with a decimal point");
        fails(",1", ", attribute `a`: found nothing, expected a number, with a decimal point");
        fails("1,NaN", ", attribute `b c`: found `NaN`, expected a finite number");
        fails("1e999,1", ", attribute `a`: found `1e999`, expected a finite number");
    }

    #[test]
    fn names_do_not_fill_the_screen() {
        let error = read_bytes(format!("@attribute {} real\n@data\nx\n", "a".repeat(1000)).as_bytes()).unwrap_err();
        assert!(error.contains("aaa...`: found `x`") && error.len() < 200, "{error}");
    }

    #[test]
    fn other_encodings_and_missing_files_are_named() {
        let error = read_bytes(b"@relation x\n% fl\xfcsse\n").unwrap_err();
        assert_eq!(error, "d.arff, line 2: found text that is not UTF-8 (perhaps Latin-1), expected UTF-8");
        let error = read(Path::new("/nowhere/d.arff")).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/d.arff: cannot be read: "), "{error}");
    }
}
