//! Tables for other programs.

use super::{Cell, Table};

/// One header, one line a row. Cells that are one number are written in full precision.
///
/// # Errors
/// Never for tables whose rows have as many cells as there are columns.
pub fn table(table: &Table) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(table.columns.iter().map(|c| c.title.as_str()))?;
    for row in &table.rows {
        writer.write_record(row.iter().map(value))?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}

fn value(cell: &Cell) -> String {
    match cell.value {
        Some(value) if cell.small.is_none() && cell.badge.is_none() => value.to_string(),
        _ => cell.line(),
    }
}
