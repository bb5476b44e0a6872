//! Parquet, for polars, pandas and DuckDB.

use polars::prelude::{Column, DataFrame, ParquetWriter};

use super::{ExportError, Sheet, Value};

pub fn write(sheet: &Sheet) -> Result<Vec<u8>, ExportError> {
    let columns: Vec<Column> = (0..sheet.columns.len()).map(|c| column(sheet, c)).collect();
    let mut frame = DataFrame::new(sheet.rows.len(), columns).map_err(ExportError::new)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).map_err(ExportError::new)?;
    Ok(bytes)
}

/// A column of the type its values have.
fn column(sheet: &Sheet, index: usize) -> Column {
    let name = sheet.columns[index].into();
    let values = || sheet.rows.iter().map(|row| &row[index]);
    if values().any(|v| matches!(v, Value::Number(_))) {
        let number = |v: &Value| if let Value::Number(n) = v { Some(*n) } else { None };
        Column::new(name, values().map(number).collect::<Vec<_>>())
    } else if values().any(|v| matches!(v, Value::Count(_))) {
        let count = |v: &Value| if let Value::Count(n) = v { Some(*n) } else { None };
        Column::new(name, values().map(count).collect::<Vec<_>>())
    } else {
        let text = |v: &Value| if let Value::Text(t) = v { Some(t.clone()) } else { None };
        Column::new(name, values().map(text).collect::<Vec<_>>())
    }
}
