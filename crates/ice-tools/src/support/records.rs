//! The records of CSV, one after another: each as wide as the first, every quote closed. Holds one at a time.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use csv::StringRecord;
use ice_core::error::ErrorCode;
use ice_core::tools::{ToolContext, ToolError};

use super::quotes::{Quotes, TooWide};
use super::watched::stopped;

/// Records that are being read.
pub(crate) struct Records<'c> {
    ctx: &'c ToolContext,
    /// What to call the source in messages.
    name: String,
    reader: csv::Reader<Quotes<Box<dyn Read + 'c>>>,
    record: StringRecord,
    columns: Vec<Arc<str>>,
    /// Whether the first record, which tells the columns, is a row itself and was not handed out yet.
    first_is_due: bool,
}

impl<'c> Records<'c> {
    /// Reads the first record. `header` tells whether it names the columns; else they are `column_1`, `column_2`, ….
    /// Blocks.
    pub(crate) fn open(
        ctx: &'c ToolContext,
        name: &str,
        reader: Box<dyn Read + 'c>,
        delimiter: u8,
        header: bool,
    ) -> Result<Self, ToolError> {
        let reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(Quotes::new(reader, delimiter));
        let (record, columns) = (StringRecord::new(), Vec::new());
        let mut records = Self { ctx, name: name.to_owned(), reader, record, columns, first_is_due: false };
        if records.advance()? {
            records.columns = columns_named(&records.record, header);
            let mut seen = HashSet::new();
            if let Some(twice) = records.columns.iter().find(|column| !seen.insert(Arc::clone(column))) {
                return Err(records.broken(&format!("the column `{twice}` stands twice in the header")));
            }
            records.first_is_due = !header;
        }
        Ok(records)
    }

    /// The names of the columns; none if there is no record at all.
    pub(crate) fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    /// The next record that is a row. Blocks; looks at the cancel token.
    pub(crate) fn read(&mut self) -> Result<Option<&StringRecord>, ToolError> {
        if self.ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        if !std::mem::take(&mut self.first_is_due) && !self.advance()? {
            return Ok(None);
        }
        if self.record.len() != self.columns.len() {
            let message = format!(
                "line {} has {} fields, and the first has {}: are quotes missing, or is `delimiter` another one?",
                self.record.position().map_or(0, csv::Position::line),
                self.record.len(),
                self.columns.len()
            );
            return Err(self.broken(&message));
        }
        Ok(Some(&self.record))
    }

    fn advance(&mut self) -> Result<bool, ToolError> {
        match self.reader.read_record(&mut self.record) {
            Ok(true) => Ok(true),
            Ok(false) => match self.reader.get_ref().unclosed() {
                Some(line) => {
                    Err(self.broken(&format!("the quote that opens in line {line} is never closed")))
                }
                None => Ok(false),
            },
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, error: csv::Error) -> ToolError {
        let line = error.position().map_or(0, csv::Position::line);
        if let csv::ErrorKind::Utf8 { .. } = error.kind() {
            return self.broken(&format!("line {line} is not valid UTF-8: state the `encoding`"));
        }
        let shown = error.to_string();
        let csv::ErrorKind::Io(error) = error.into_kind() else { return self.broken(&shown) };
        match error.get_ref().and_then(|inner| inner.downcast_ref::<TooWide>()) {
            Some(wide) => self.broken(&wide.to_string()),
            None => stopped(&self.name, &error),
        }
    }

    fn broken(&self, message: &str) -> ToolError {
        ToolError::refused(ErrorCode::DataInvalid, format!("{}: {message}", self.name))
    }
}

fn columns_named(first: &StringRecord, header: bool) -> Vec<Arc<str>> {
    let named = |(index, field): (usize, &str)| match field.trim() {
        name if header && !name.is_empty() => Arc::from(name),
        _ => Arc::from(format!("column_{}", index + 1)),
    };
    first.iter().enumerate().map(named).collect()
}
