//! YAML with errors a user can act on: file, line, what was found and what would be valid.

use std::fmt;
use std::path::{Path, PathBuf};

use mtl_data::suggest::quoted;
use serde::de::DeserializeOwned;
pub use serde_yaml::Spanned;

/// A YAML file with its text, so that later checks can point into it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it was read from.
    pub path: PathBuf,
    text: String,
}

/// Something wrong in a YAML file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// The file.
    pub path: PathBuf,
    /// Line, counted from 1; 0 if the file as a whole is meant.
    pub line: usize,
    /// Column, counted from 1.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
    /// The line's text.
    excerpt: String,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = on_lines(&self.message);
        if self.line == 0 {
            return write!(f, "{}: {message}", self.path.display());
        }
        write!(f, "{}:{}:{}: {message}", self.path.display(), self.line, self.column)?;
        if !self.excerpt.is_empty() {
            let gutter = self.line.to_string().len();
            let (excerpt, before) = window(&self.excerpt, self.column.saturating_sub(1));
            let marker = " ".repeat(before);
            write!(f, "\n{:gutter$} |\n{} | {excerpt}\n{:gutter$} | {marker}^", "", self.line, "")?;
        }
        Ok(())
    }
}

impl std::error::Error for YamlError {}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Self, YamlError> {
        let text = std::fs::read_to_string(path).map_err(|e| YamlError {
            path: path.to_owned(),
            line: 0,
            column: 0,
            message: e.to_string(),
            excerpt: String::new(),
        })?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// Name of the file, without its folder.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Parses the whole file.
    ///
    /// # Errors
    /// With the position of the first thing that does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, YamlError> {
        serde_yaml::from_str(&self.text).map_err(|error| {
            let error = error.without_snippet();
            let (line, column) = error.location().map_or((0, 0), |at| (at.line() as usize, at.column() as usize));
            // The position is shown in front already.
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            self.error_at(line, column, in_plain_words(message))
        })
    }

    /// An error about a value that parsed but means nothing.
    pub fn error<T>(&self, at: &Spanned<T>, message: impl Into<String>) -> YamlError {
        self.error_at(at.referenced.line() as usize, at.referenced.column() as usize, message.into())
    }

    /// An error about a value that carries no position: it is looked for by the words that lead to it, each after the
    /// one before, comments aside.
    pub fn error_below(&self, words: &[&str], message: impl Into<String>) -> YamlError {
        let (mut found, mut from) = ((0, 0), (0, 0));
        for word in words {
            let lines = self.text.lines().enumerate().skip(from.0);
            let start = |i: usize| if i == from.0 { from.1 } else { 0 };
            let next = lines.into_iter().find_map(|(i, line)| Some((i, position(line, word, start(i))?)));
            let Some((line, column)) = next else { break };
            from = (line, column + word.len());
            found = (line + 1, self.text.lines().nth(line).map_or(0, |l| l[..column].chars().count()) + 1);
        }
        self.error_at(found.0, found.1, message.into())
    }

    /// An error about the file as a whole.
    pub fn whole(&self, message: impl Into<String>) -> YamlError {
        self.error_at(0, 0, message.into())
    }

    fn error_at(&self, line: usize, column: usize, message: String) -> YamlError {
        let excerpt = line.checked_sub(1).and_then(|l| self.text.lines().nth(l)).unwrap_or_default().to_owned();
        YamlError { path: self.path.clone(), line, column, message, excerpt }
    }
}

/// Where a word stands by itself in a line, counted in bytes.
fn position(line: &str, word: &str, from: usize) -> Option<usize> {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let content = line.split(" #").next().filter(|content| !content.starts_with('#'))?;
    let mut found = content.get(from..)?.match_indices(word).map(|(i, _)| i + from);
    found.find(|&i| !content[..i].ends_with(inside) && !content[i + word.len()..].starts_with(inside))
}

/// A line, and how many characters of it are before a place; of a long line what is around the place.
fn window(line: &str, before: usize) -> (String, usize) {
    const WIDTH: usize = 160;
    if line.chars().count() <= WIDTH {
        return (line.to_owned(), before);
    }
    let from = before.saturating_sub(WIDTH / 2);
    (line.chars().skip(from).take(WIDTH).collect(), before - from)
}

/// A long list of valid names on a line of its own, a very long one on several.
fn on_lines(message: &str) -> String {
    const LONG: usize = 160;
    const VERY_LONG: usize = 300;
    let Some((what, valid)) = message.split_once("; valid: ").filter(|_| message.chars().count() > LONG) else {
        return message.to_owned();
    };
    let (mut text, mut width) = (format!("{what}\nvalid: "), "valid: ".len());
    for (i, name) in valid.split(", ").enumerate() {
        let more = name.chars().count() + ", ".len();
        match i {
            0 => {}
            _ if width + more > VERY_LONG => {
                text.push_str(",\n");
                width = 0;
            }
            _ => text.push_str(", "),
        }
        text.push_str(name);
        width += more;
    }
    text
}

/// The parser's messages that speak of Rust or of the parser itself.
fn in_plain_words(message: &str) -> String {
    if let Some(key) = message.strip_prefix("duplicate mapping key: ") {
        return format!("`{}` is given twice", key.split(", set ").next().unwrap_or(key));
    }
    if let Some(number) = message.strip_prefix("non-finite float ") {
        return format!("{}, expected a finite number", number.split(" rejected ").next().unwrap_or(number));
    }
    match message {
        "invalid u16" | "invalid u32" | "invalid u64" | "invalid usize" => "expected a whole number >= 0".into(),
        "invalid floating point" => "expected a number".into(),
        "expected string scalar" => "expected text".into(),
        other => other.into(),
    }
}

/// `unknown KIND `NAME`; valid: ..`, the one way in which all files complain about a name.
pub fn unknown<'a>(kind: &str, name: &str, valid: impl IntoIterator<Item = &'a str>) -> String {
    let valid: Vec<_> = valid.into_iter().collect();
    format!("unknown {kind} {}; valid: {}", quoted(name), valid.join(", "))
}
