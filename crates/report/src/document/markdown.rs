//! The report as Markdown, for reading in a repository.

use super::{Block, Document, Table};

/// The whole page; `figures` is the path from the page to the folder of the figures.
pub fn page(document: &Document, figures: &str) -> String {
    let mut parts = vec![
        format!("# {}", document.title),
        document.subtitle.clone(),
        format!("Regenerate with `{}`. [HTML version](index.html) with sortable tables.", document.command),
    ];
    parts.extend(document.blocks.iter().map(|block| render(block, figures)));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

fn render(block: &Block, figures: &str) -> String {
    match block {
        Block::Heading { level, text, .. } => format!("{} {text}", "#".repeat((*level).into())),
        Block::Text { text } => text.clone(),
        Block::Notice { text } => text.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("  \n"),
        Block::Tiles { tiles } => {
            tiles.iter().map(|t| format!("- **{}** {}", t.value, t.label)).collect::<Vec<_>>().join("\n")
        }
        Block::Table { table, folded: false } => format!("**{}**\n\n{}", caption(table), self::table(table)),
        Block::Table { table, folded: true } => {
            format!("<details><summary>{}</summary>\n\n{}\n\n</details>", caption(table), self::table(table))
        }
        Block::Figure { figure } => format!("![{}]({figures}/{}.png)\n\n{}", figure.id, figure.id, figure.caption),
    }
}

fn caption(table: &Table) -> String {
    if table.stamp.is_empty() { table.caption.clone() } else { format!("{} ({})", table.caption, table.stamp) }
}

fn table(table: &Table) -> String {
    let mut lines = vec![
        line(table.columns.iter().map(|c| c.title.clone())),
        line(table.columns.iter().map(|c| if c.numeric { "---:".into() } else { "---".into() })),
    ];
    for row in &table.rows {
        lines.push(line(row.iter().map(|cell| {
            let strong = cell.strong && !cell.text.is_empty();
            let text = if strong { format!("**{}**", cell.text) } else { cell.text.clone() };
            super::Cell { text, ..cell.clone() }.line()
        })));
    }
    let notes = table.notes.iter().map(|note| format!("\n{note}"));
    lines.into_iter().chain(notes).collect::<Vec<_>>().join("\n")
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = cells.map(|c| c.replace('|', "\\|").replace('\n', "<br>")).collect();
    format!("| {} |", cells.join(" | "))
}
