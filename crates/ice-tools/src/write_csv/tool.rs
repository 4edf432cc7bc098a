//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::access::{WriteMode, open_read, write};
use crate::support::{as_row, blocking, columns_of, delimiter};
use crate::write_text::Output;

/// Rows to write.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The file, within a granted folder. Missing folders are made.
    pub path: String,
    /// The rows, each an object from column to cell. Null becomes an empty cell, lists and objects become JSON.
    #[schemars(with = "Vec<std::collections::BTreeMap<String, Value>>")]
    pub rows: Vec<Value>,
    /// The columns to write, in this order; all, in the order in which they first appear, if left out.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// The character between fields; a comma if left out.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// Whether the names of the columns are the first record. Appending to a file that is not empty writes none.
    #[serde(default = "yes")]
    pub header: bool,
    /// `create` refuses a file that exists with other content, `overwrite` replaces it as a whole, `append` writes
    /// behind its end.
    #[serde(default)]
    #[schemars(with = "WriteMode")]
    pub(crate) mode: WriteMode,
}

const fn yes() -> bool {
    true
}

/// The tool `write_csv`. Appending is irreversible; the other modes can be repeated.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("write_csv", "1.0.0", "Writes rows into a CSV file within the granted folders.")
        .effect(Effect::Irreversible)
        .effect_of(crate::write_text::effect)
        .capability(Capability::WriteFiles)
        .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    blocking(&ctx, move |ctx| {
        let is_empty = || open_read(&ctx.grants, &input.path, u64::MAX).map_or(true, |open| open.size == 0);
        let header = input.header && (input.mode != WriteMode::Append || is_empty());
        let content = encode(ctx, &input, header)?;
        let written = write(ctx, &input.path, &content, input.mode)?;
        Ok(Output { path: input.path, bytes: written.size, existed: written.existed })
    })
    .await
}

fn encode(ctx: &ToolContext, input: &Input, header: bool) -> Result<Vec<u8>, ToolError> {
    let columns = match &input.columns {
        Some(columns) => columns.iter().map(|column| Arc::from(column.as_str())).collect(),
        None => columns_of(&input.rows)?,
    };
    let failed = |error: csv::Error| ToolError::refused(ErrorCode::ToolFailed, error.to_string());
    let mut writer =
        csv::WriterBuilder::new().delimiter(delimiter(input.delimiter.as_deref())?).from_writer(Vec::new());
    if header && !columns.is_empty() {
        writer.write_record(columns.iter().map(|column| column.as_bytes())).map_err(failed)?;
    }
    for (index, row) in input.rows.iter().enumerate() {
        if ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        let row = as_row(index, row)?;
        let cells = columns.iter().map(|column| row.get(column).map_or_else(String::new, cell));
        writer.write_record(cells).map_err(failed)?;
        let size = writer.get_ref().len() as u64;
        if size > ctx.limits.max_write_bytes {
            let message = format!(
                "`{}` would exceed {} bytes, the most that is written",
                input.path, ctx.limits.max_write_bytes
            );
            return Err(ToolError::refused(ErrorCode::FileTooLarge, message));
        }
    }
    writer.into_inner().map_err(|error| ToolError::refused(ErrorCode::ToolFailed, error.to_string()))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => (**text).to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) | Value::Blob(_) => {
            value.to_string()
        }
    }
}
