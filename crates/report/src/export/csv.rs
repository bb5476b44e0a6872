//! Comma-separated values.

use super::{ExportError, Sheet, Value};

pub fn write(sheet: &Sheet) -> Result<Vec<u8>, ExportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&sheet.columns).map_err(ExportError::new)?;
    for row in &sheet.rows {
        let fields = row.iter().map(|value| match value {
            Value::Text(text) => text.clone(),
            Value::Count(count) => count.to_string(),
            // The shortest text that reads back as the same number.
            Value::Number(number) => number.to_string(),
            Value::Missing(()) => String::new(),
        });
        writer.write_record(fields).map_err(ExportError::new)?;
    }
    writer.into_inner().map_err(ExportError::new)
}
