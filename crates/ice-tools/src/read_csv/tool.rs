//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::{CellTypes, Source, TableOptions, blocking, delimiter, read_table};

/// CSV to read: either `path` or `text`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The file, within a granted folder.
    #[serde(default)]
    pub path: Option<String>,
    /// The text itself.
    #[serde(default)]
    pub text: Option<String>,
    /// The character between fields; a comma if left out.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// Whether the first record names the columns. Without names they are `column_1`, `column_2`, ….
    #[serde(default = "yes")]
    pub header: bool,
    /// `infer` makes numbers and truth values of columns that hold nothing else, and null of empty cells; numbers
    /// with leading zeros and whole ones beyond 2^53 stay text. `string` leaves every cell as it stands.
    #[serde(default)]
    #[schemars(with = "CellTypes")]
    pub(crate) types: CellTypes,
    /// The columns to keep, in this order; all if left out.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// The most rows to read.
    #[serde(default)]
    pub limit: Option<usize>,
    /// The encoding, for example `windows-1252`; UTF-8 if left out.
    #[serde(default)]
    pub encoding: Option<String>,
}

const fn yes() -> bool {
    true
}

/// The rows.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The names of the columns.
    pub columns: Vec<Arc<str>>,
    /// The rows, each an object from column to cell.
    #[schemars(with = "Vec<std::collections::BTreeMap<String, Value>>")]
    pub rows: Vec<Value>,
    /// The number of rows.
    pub count: usize,
    /// Whether there are rows beyond `limit`.
    pub more: bool,
}

/// The tool `read_csv`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "read_csv",
        "1.0.0",
        "Reads the rows of a CSV file or text, with numbers and truth values inferred.",
    )
    .effect(Effect::Idempotent)
    .effect_of(crate::support::reading_effect)
    .capability(Capability::ReadFiles)
    .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| {
        let options = TableOptions {
            delimiter: delimiter(input.delimiter.as_deref())?,
            header: input.header,
            types: input.types,
            columns: input.columns,
            limit: input.limit,
            encoding: input.encoding,
        };
        let source = Source::open(ctx, input.path.as_deref(), input.text)?;
        let table = read_table(ctx, source, &options)?;
        Ok(Output { count: table.rows.len(), columns: table.columns, rows: table.rows, more: table.more })
    })
    .await
}
