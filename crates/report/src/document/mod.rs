//! What a report consists of, before it becomes a page: text, tables and figures.

mod csv;
mod html;
mod latex;
mod markdown;

pub use self::csv::table as csv_table;
pub use html::{PageError, page as html_page};
pub use latex::table as latex_table;
pub use markdown::page as markdown_page;

use mtl_stats::Interval;
use serde::Serialize;

/// A whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    /// Title of the page.
    pub title: String,
    /// One line below it.
    pub subtitle: String,
    /// How the page came about and how to make it again.
    pub command: String,
    /// The content.
    pub blocks: Vec<Block>,
}

/// A piece of a report.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Block {
    /// A heading; level 2 begins a section.
    Heading {
        /// 2 or 3.
        level: u8,
        /// Target of links.
        id: String,
        /// Text.
        text: String,
    },
    /// A paragraph.
    Text {
        /// Text.
        text: String,
    },
    /// Something the reader has to know before believing what follows.
    Notice {
        /// Text, possibly of several lines.
        text: String,
    },
    /// Numbers in large print.
    Tiles {
        /// The numbers.
        tiles: Vec<Tile>,
    },
    /// A table.
    Table {
        /// The table.
        table: Table,
        /// Shown only when asked for.
        folded: bool,
    },
    /// A chart.
    Figure {
        /// The chart.
        figure: Figure,
    },
}

/// A number in large print with what it counts.
#[derive(Debug, Clone, Serialize)]
pub struct Tile {
    /// The number.
    pub value: String,
    /// What it counts.
    pub label: String,
    /// Its colour.
    pub tone: Tone,
}

/// A chart in both forms.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Name of its files.
    pub id: String,
    /// What it shows.
    pub caption: String,
    /// The drawing.
    pub svg: String,
    /// The same as pixels.
    #[serde(skip)]
    pub png: Vec<u8>,
    /// What regenerates it.
    pub command: String,
}

/// A table with everything its formats need.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Table {
    /// Name of its files and target of links.
    pub id: String,
    /// What it shows.
    pub caption: String,
    /// Profile, number of repeats, status of the data.
    pub stamp: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, as many cells each as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// Remarks below the table.
    pub notes: Vec<String>,
}

/// A column of a table.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// Heading.
    pub title: String,
    /// Whether it holds numbers, which are aligned to the right.
    pub numeric: bool,
}

/// A cell of a table.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// A second line in small print.
    pub small: Option<String>,
    /// A judgement.
    pub badge: Option<Badge>,
    /// The number behind the text, for sorting and for CSV.
    pub value: Option<f64>,
    /// Id of what stands behind it.
    pub link: Option<String>,
    /// Target of links to this cell.
    pub anchor: Option<String>,
    /// The best of its row.
    pub strong: bool,
    /// More about it.
    pub hint: Option<String>,
}

/// A judgement in a word.
#[derive(Debug, Clone, Serialize)]
pub struct Badge {
    /// The word.
    pub label: String,
    /// Its colour.
    pub tone: Tone,
}

/// Colours by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// As it should be.
    Good,
    /// Nearly.
    Near,
    /// Otherwise, and better.
    Better,
    /// Otherwise.
    Bad,
    /// Says nothing either way.
    Neutral,
}

impl Table {
    /// An empty table; a heading that begins with `#` is that of numbers.
    pub fn new(id: impl Into<String>, caption: impl Into<String>, headings: &[&str]) -> Self {
        let column = |heading: &&str| match heading.strip_prefix('#') {
            Some(title) => Column { title: title.to_owned(), numeric: true },
            None => Column { title: (*heading).to_owned(), numeric: false },
        };
        Self {
            id: id.into(),
            caption: caption.into(),
            columns: headings.iter().map(column).collect(),
            ..Self::default()
        }
    }

    /// As a block of a document.
    pub fn shown(self) -> Block {
        Block::Table { table: self, folded: false }
    }

    /// As a block that is opened when wanted.
    pub fn folded(self) -> Block {
        Block::Table { table: self, folded: true }
    }
}

impl Cell {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number in three digits.
    pub fn number(value: f64) -> Self {
        Self { text: number(value), value: Some(value), ..Self::default() }
    }

    /// A number, if there is one.
    pub fn maybe(value: Option<f64>) -> Self {
        value.map_or_else(|| Self::text("–"), Self::number)
    }

    /// A p-value.
    pub fn p(value: f64) -> Self {
        let text = if value < 0.001 { "< 0.001".to_owned() } else { format!("{value:.3}") };
        Self { text, value: Some(value), ..Self::default() }
    }

    /// An interval, if there is one.
    pub fn interval(interval: Option<Interval>) -> Self {
        Self::text(interval.map_or_else(|| "–".into(), |i| format!("[{}, {}]", number(i.low), number(i.high))))
    }

    /// A whole number.
    pub fn count(value: usize) -> Self {
        Self { text: value.to_string(), value: Some(value as f64), ..Self::default() }
    }

    /// A judgement.
    pub fn badge(label: impl Into<String>, tone: Tone) -> Self {
        Self::default().judged(label, tone)
    }

    /// The cell with a judgement.
    pub fn judged(self, label: impl Into<String>, tone: Tone) -> Self {
        Self { badge: Some(Badge { label: label.into(), tone }), ..self }
    }

    /// The cell with more about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The cell with a link to what stands behind it.
    pub fn link(self, id: impl Into<String>) -> Self {
        Self { link: Some(id.into()), ..self }
    }

    /// Everything it says in one line.
    fn line(&self) -> String {
        let badge = self.badge.as_ref().map(|b| format!("[{}]", b.label));
        let parts = [Some(self.text.clone()), badge, self.small.as_ref().map(|s| format!("({s})"))];
        parts.into_iter().flatten().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl Block {
    /// A paragraph.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// Something to know first.
    pub fn notice(text: impl Into<String>) -> Self {
        Self::Notice { text: text.into() }
    }

    /// A heading.
    pub fn heading(level: u8, id: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Heading { level, id: id.into(), text: text.into() }
    }
}

impl Document {
    /// The tables, in order.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.blocks.iter().filter_map(|b| match b {
            Block::Table { table, .. } => Some(table),
            _ => None,
        })
    }

    /// The figures, in order.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.blocks.iter().filter_map(|b| match b {
            Block::Figure { figure } => Some(figure),
            _ => None,
        })
    }
}

/// Three significant digits, or four decimals where that is more.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-4..1e5).contains(&size) => format!("{value:.2e}"),
        size if size >= 100.0 => format!("{value:.1}"),
        _ => format!("{value:.4}"),
    }
}

/// Mean and spread as papers print them.
pub fn plus_minus(mean: f64, std: Option<f64>) -> String {
    match std {
        // A spread of rounding errors is none.
        Some(std) if std < 1e-14 * mean.abs() => format!("{} ± 0", number(mean)),
        Some(std) => format!("{} ± {}", number(mean), number(std)),
        None => number(mean),
    }
}
