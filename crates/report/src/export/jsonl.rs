//! One JSON object a line.

use super::{ExportError, Sheet, Value};

pub fn write(sheet: &Sheet) -> Result<Vec<u8>, ExportError> {
    let mut bytes = Vec::new();
    for row in &sheet.rows {
        let object: serde_json::Map<_, _> = sheet
            .columns
            .iter()
            .zip(row)
            .filter(|(_, value)| **value != Value::Missing(()))
            .map(|(name, value)| Ok(((*name).to_owned(), serde_json::to_value(value)?)))
            .collect::<Result<_, serde_json::Error>>()
            .map_err(ExportError::new)?;
        serde_json::to_writer(&mut bytes, &object).map_err(ExportError::new)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}
