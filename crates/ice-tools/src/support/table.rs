//! CSV as rows, bounded.

use std::io::{Cursor, Read};
use std::sync::Arc;

use csv::StringRecord;
use ice_core::error::ErrorCode;
use ice_core::tools::{ToolContext, ToolError};
use ice_core::value::{Map, Value};
use indexmap::IndexSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cells::Kind;
use super::records::Records;
use super::source::{Decoding, Source, decode, read_all};

/// The most cells of a table: a cell takes about 60 bytes of memory, however few it has in the file.
const MAX_CELLS: usize = 5_000_000;
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
    let mut records = Records::open(ctx, &name, reader, options.delimiter, options.header)?;
    let columns = records.columns().to_vec();
    let (mut kept, mut more) = (Vec::new(), false);
    while let Some(record) = records.read()? {
        if options.limit.is_some_and(|limit| kept.len() >= limit) {
            more = true;
            break;
        }
        let limit = |message: String| Err(ToolError::refused(ErrorCode::LimitExceeded, message));
        let most = ctx.limits.max_items;
        let advice = "set `limit`, or take what is needed of the file with `query_rows`";
        if kept.len() >= most {
            return limit(format!("{name} has more than {most} rows, the most that is read: {advice}"));
        }
        if (kept.len() + 1).saturating_mul(columns.len()) > MAX_CELLS {
            return limit(format!("{name} has more than {MAX_CELLS} cells, the most that is read: {advice}"));
        }
        kept.push(record.clone());
    }
    typed(&columns, &kept, options, more)
}

/// The rows of records, each cell as its column has it.
fn typed(
    columns: &[Arc<str>],
    records: &[StringRecord],
    options: &TableOptions,
    more: bool,
) -> Result<Table, ToolError> {
    let position = |wanted: &String| {
        let found = columns.iter().enumerate().find(|(_, name)| &***name == wanted.as_str());
        found.map(|(index, name)| (index, Arc::clone(name))).ok_or_else(|| unknown_column(wanted, columns))
    };
    let kept: Vec<(usize, Arc<str>)> = match &options.columns {
        None => columns.iter().cloned().enumerate().collect(),
        Some(wanted) => wanted.iter().map(position).collect::<Result<_, _>>()?,
    };
    let kinds: Vec<Kind> = kept
        .iter()
        .map(|(index, _)| match options.types {
            CellTypes::String => Kind::AsItStands,
            CellTypes::Infer => Kind::of(records.iter().filter_map(|record| record.get(*index))),
        })
        .collect();
    let row = |record: &StringRecord| {
        let cell = |((index, column), kind): (&(usize, Arc<str>), &Kind)| {
            (Arc::clone(column), kind.read(record.get(*index).unwrap_or_default()))
        };
        Value::from(kept.iter().zip(&kinds).map(cell).collect::<Map>())
    };
    let rows = records.iter().map(row).collect();
    Ok(Table { rows, columns: kept.into_iter().map(|(_, column)| column).collect(), more })
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

/// The columns of rows, in the order in which they first appear.
pub(crate) fn columns_of(rows: &[Value]) -> Result<Vec<Arc<str>>, ToolError> {
    let mut columns = IndexSet::new();
    for (index, row) in rows.iter().enumerate() {
        add_columns(&mut columns, as_row(index, row)?);
    }
    Ok(columns.into_iter().collect())
}

/// Adds the columns of a row that are not there yet.
pub(crate) fn add_columns(columns: &mut IndexSet<Arc<str>>, row: &Map) {
    for column in row.keys() {
        if !columns.contains(column) {
            columns.insert(Arc::clone(column));
        }
    }
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
