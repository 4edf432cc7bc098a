//! CSV as rows, bounded.

use std::io::{Cursor, Read};
use std::sync::Arc;

use csv::StringRecord;
use ice_core::error::ErrorCode;
use ice_core::tools::{ToolContext, ToolError};
use ice_core::value::{Map, Value};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quotes::{Quotes, TooWide};
use super::source::{Decoding, Source, decode, read_all};
use super::watched::stopped;

/// The most cells of a table: a cell takes about 60 bytes of memory, however few it has in the file.
const MAX_CELLS: usize = 5_000_000;
/// The largest whole number that every JSON reader keeps exact.
const MAX_SAFE: u64 = 1 << 53;

/// What the cells of a table become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CellTypes {
    /// Column by column: if every cell that is not empty is a number or a truth value, they all become one. Empty
    /// cells become null.
    #[default]
    Infer,
    /// Text, as it stands.
    String,
}

/// How CSV is read.
#[derive(Clone, Debug)]
pub(crate) struct TableOptions {
    pub(crate) delimiter: u8,
    /// Whether the first record names the columns; else they are `column_1`, `column_2`, ….
    pub(crate) header: bool,
    pub(crate) types: CellTypes,
    /// The columns to keep, in this order; all if there are none.
    pub(crate) columns: Option<Vec<String>>,
    /// The most rows to keep.
    pub(crate) limit: Option<usize>,
    pub(crate) encoding: Option<String>,
}

/// Rows with the same columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Arc<str>>,
    /// Maps from column to cell.
    pub(crate) rows: Vec<Value>,
    /// Whether there are rows beyond the limit.
    pub(crate) more: bool,
}

/// The one byte that a delimiter is.
pub(crate) fn delimiter(text: Option<&str>) -> Result<u8, ToolError> {
    match text.unwrap_or(",").as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err(ToolError::refused(
            ErrorCode::ToolInputInvalid,
            "the delimiter is one ASCII character such as `,`, `;`, `|` or a tab, and no quote or line end",
        )),
    }
}

/// Reads CSV. Every record must have as many fields as the first; a quote must be closed. Blocks.
pub(crate) fn read_table(
    ctx: &ToolContext,
    source: Source,
    options: &TableOptions,
) -> Result<Table, ToolError> {
    let name = source.name.clone();
    let reader: Box<dyn Read> = match &options.encoding {
        None => Box::new(source.reader),
        Some(label) => {
            let how = Decoding { encoding: Some(label.clone()), replace_invalid: false };
            Box::new(Cursor::new(decode(&name, read_all(source)?, &how)?.into_bytes()))
        }
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(options.delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(Quotes::new(reader, options.delimiter));
    let mut parser =
        Parser { ctx, name: &name, options, columns: Vec::new(), records: Vec::new(), more: false };
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                if !parser.take(&record, line)? {
                    break;
                }
            }
            Ok(false) => {
                if let Some(line) = reader.get_ref().unclosed() {
                    return Err(broken(
                        &name,
                        &format!("the quote that opens in line {line} is never closed"),
                    ));
                }
                break;
            }
            Err(error) => return Err(parser.failed(error)),
        }
    }
    parser.finish()
}

fn broken(name: &str, message: &str) -> ToolError {
    ToolError::refused(ErrorCode::DataInvalid, format!("{name}: {message}"))
}

struct Parser<'c> {
    ctx: &'c ToolContext,
    name: &'c str,
    options: &'c TableOptions,
    columns: Vec<Arc<str>>,
    records: Vec<StringRecord>,
    more: bool,
}

impl Parser<'_> {
    /// Takes a record; whether another one is wanted.
    fn take(&mut self, record: &StringRecord, line: u64) -> Result<bool, ToolError> {
        if self.columns.is_empty() {
            let named = |(index, field): (usize, &str)| match field.trim() {
                name if self.options.header && !name.is_empty() => Arc::from(name),
                _ => Arc::from(format!("column_{}", index + 1)),
            };
            self.columns = record.iter().enumerate().map(named).collect();
            let mut seen = std::collections::HashSet::new();
            if let Some(twice) = self.columns.iter().find(|column| !seen.insert(Arc::clone(column))) {
                return Err(broken(self.name, &format!("the column `{twice}` stands twice in the header")));
            }
            if self.options.header {
                return Ok(true);
            }
        }
        if record.len() != self.columns.len() {
            let message = format!(
                "line {line} has {} fields, and the first has {}: are quotes missing, or is `delimiter` another one?",
                record.len(),
                self.columns.len()
            );
            return Err(broken(self.name, &message));
        }
        let most = self.ctx.limits.max_items;
        if self.options.limit.is_some_and(|limit| self.records.len() >= limit) {
            self.more = true;
            return Ok(false);
        }
        let limit = |message: String| Err(ToolError::refused(ErrorCode::LimitExceeded, message));
        if self.records.len() >= most {
            return limit(format!("{} has more than {most} rows: set `limit`, or split the file", self.name));
        }
        if (self.records.len() + 1).saturating_mul(self.columns.len()) > MAX_CELLS {
            return limit(format!("{} has more than {MAX_CELLS} cells: set `limit`", self.name));
        }
        self.records.push(record.clone());
        Ok(true)
    }

    fn finish(self) -> Result<Table, ToolError> {
        let kept: Vec<(usize, Arc<str>)> = match &self.options.columns {
            None => self.columns.iter().cloned().enumerate().collect(),
            Some(wanted) => wanted.iter().map(|column| self.position(column)).collect::<Result<_, _>>()?,
        };
        let kinds: Vec<Kind> = kept
            .iter()
            .map(|(index, _)| match self.options.types {
                CellTypes::String => Kind::AsItStands,
                CellTypes::Infer => Kind::of(self.records.iter().filter_map(|record| record.get(*index))),
            })
            .collect();
        let row = |record: &StringRecord| {
            let cell = |((index, column), kind): (&(usize, Arc<str>), &Kind)| {
                (Arc::clone(column), kind.read(record.get(*index).unwrap_or_default()))
            };
            Value::from(kept.iter().zip(&kinds).map(cell).collect::<Map>())
        };
        let rows = self.records.iter().map(row).collect();
        Ok(Table { rows, columns: kept.into_iter().map(|(_, column)| column).collect(), more: self.more })
    }

    fn position(&self, column: &str) -> Result<(usize, Arc<str>), ToolError> {
        let found = self.columns.iter().enumerate().find(|(_, name)| &***name == column);
        found
            .map(|(index, name)| (index, Arc::clone(name)))
            .ok_or_else(|| unknown_column(column, &self.columns))
    }

    fn failed(&self, error: csv::Error) -> ToolError {
        let line = error.position().map_or(0, csv::Position::line);
        if let csv::ErrorKind::Utf8 { .. } = error.kind() {
            return broken(self.name, &format!("line {line} is not valid UTF-8: state the `encoding`"));
        }
        let shown = error.to_string();
        let csv::ErrorKind::Io(error) = error.into_kind() else { return broken(self.name, &shown) };
        match error.get_ref().and_then(|inner| inner.downcast_ref::<TooWide>()) {
            Some(wide) => broken(self.name, &wide.to_string()),
            None => stopped(self.name, &error),
        }
    }
}

/// A column that a row does not have.
pub(crate) fn unknown_column(column: &str, known: &[Arc<str>]) -> ToolError {
    let names: Vec<&str> = known.iter().take(20).map(|name| &**name).collect();
    let more = if known.len() > names.len() { ", …" } else { "" };
    ToolError::refused(
        ErrorCode::ToolInputInvalid,
        format!("there is no column `{column}`; the columns are: {}{more}", names.join(", ")),
    )
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    AsItStands,
    /// Text, with empty cells as null.
    Text,
    Integer,
    Number,
    Boolean,
}

impl Kind {
    fn of<'r>(cells: impl Iterator<Item = &'r str>) -> Self {
        let mut kind = None;
        for cell in cells.filter(|cell| !cell.is_empty()) {
            let this = Self::of_cell(cell);
            kind = Some(match (kind, this) {
                (None, this) => this,
                (Some(a), b) if a == b => b,
                (Some(Self::Integer | Self::Number), Self::Integer | Self::Number) => Self::Number,
                (Some(_), _) => Self::Text,
            });
            if kind == Some(Self::Text) {
                break;
            }
        }
        kind.unwrap_or(Self::Text)
    }

    /// A number as JSON writes it (so `007`, `+1`, `.5` and `1,000` are text), whole ones up to 2^53 (longer ones
    /// are mostly ids); `true` and `false` in any case.
    fn of_cell(cell: &str) -> Self {
        if cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false") {
            return Self::Boolean;
        }
        match serde_json::from_str::<serde_json::Number>(cell) {
            Ok(_) if cell.trim() != cell => Self::Text,
            Ok(number) if cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
                let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
                if size.is_some_and(|size| size <= MAX_SAFE) && cell != "-0" {
                    Self::Integer
                } else {
                    Self::Text
                }
            }
            Ok(_) => Self::Number,
            Err(_) => Self::Text,
        }
    }

    fn read(self, cell: &str) -> Value {
        match self {
            Self::AsItStands => Value::string(cell),
            Self::Text | Self::Integer | Self::Number | Self::Boolean if cell.is_empty() => Value::Null,
            Self::Text => Value::string(cell),
            Self::Integer => cell.parse::<i64>().map_or(Value::Null, Value::from),
            Self::Number => {
                cell.parse::<f64>().ok().and_then(|n| Value::try_from(n).ok()).unwrap_or_default()
            }
            Self::Boolean => Value::Bool(cell.eq_ignore_ascii_case("true")),
        }
    }
}

/// The columns of rows, in the order in which they first appear.
pub(crate) fn columns_of(rows: &[Value]) -> Result<Vec<Arc<str>>, ToolError> {
    let mut columns = IndexMap::new();
    for (index, row) in rows.iter().enumerate() {
        for column in as_row(index, row)?.keys() {
            if !columns.contains_key(column) {
                columns.insert(Arc::clone(column), ());
            }
        }
    }
    Ok(columns.into_keys().collect())
}

/// A row as a map.
pub(crate) fn as_row(index: usize, row: &Value) -> Result<&Map, ToolError> {
    row.as_map().ok_or_else(|| {
        ToolError::refused(
            ErrorCode::ToolInputInvalid,
            format!("`rows` is a list of objects, but item {index} is {}", row.type_name()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_what_all_its_cells_are() {
        for (cells, expected) in [
            (&["1", "", "-3"][..], Kind::Integer),
            (&["1", "2.5", "1e3"], Kind::Number),
            (&["1", "true"], Kind::Text),
            (&["true", "FALSE", ""], Kind::Boolean),
            (&["007"], Kind::Text),
            (&["+1"], Kind::Text),
            (&[" 1"], Kind::Text),
            (&["9007199254740992"], Kind::Integer),
            (&["9007199254740993"], Kind::Text),
            (&["123456789012345678901234567890"], Kind::Text),
            (&["1e999"], Kind::Text),
            (&["NaN"], Kind::Text),
            (&["-0"], Kind::Text),
            (&["", ""], Kind::Text),
            (&["\"1\""], Kind::Text),
        ] {
            assert_eq!(Kind::of(cells.iter().copied()), expected, "{cells:?}");
        }
    }
}
