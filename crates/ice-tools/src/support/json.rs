//! JSON as values, bounded.

use ice_core::error::ErrorCode;
use ice_core::tools::{ToolContext, ToolError};
use ice_core::value::Value;

/// The most values within a document: one takes up to 70 bytes of memory, however few it has in the text.
const MAX_VALUES: usize = 8_000_000;

/// Parses a document of at most 8 million values, 128 levels deep. Blocks.
pub(crate) fn parse(name: &str, text: &str) -> Result<Value, ToolError> {
    check_count(name, text)?;
    serde_json::from_str(text).map_err(|error| invalid(name, &error.to_string()))
}

/// Parses one document per line; empty lines are left out. Blocks; looks at the cancel token as it goes.
pub(crate) fn parse_lines(ctx: &ToolContext, name: &str, text: &str) -> Result<Value, ToolError> {
    check_count(name, text)?;
    let most = ctx.limits.max_items;
    let mut values = Vec::new();
    each_line(ctx, name, text, |value| {
        if values.len() >= most {
            let message = format!("{name} has more than {most} lines, the most that is read");
            return Err(ToolError::refused(ErrorCode::LimitExceeded, message));
        }
        values.push(value);
        Ok(())
    })?;
    Ok(Value::from(values))
}

/// Hands over the document of each line in turn; empty lines are left out. Blocks; looks at the cancel token as it goes.
pub(crate) fn each_line(
    ctx: &ToolContext,
    name: &str,
    text: &str,
    mut take: impl FnMut(Value) -> Result<(), ToolError>,
) -> Result<(), ToolError> {
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if ctx.cancel.is_cancelled() {
            return Err(ToolError::cancelled().not_started());
        }
        check_count(name, line)?;
        take(
            serde_json::from_str(line)
                .map_err(|error| invalid(name, &format!("line {}: {error}", index + 1)))?,
        )?;
    }
    Ok(())
}

fn invalid(name: &str, message: &str) -> ToolError {
    ToolError::refused(ErrorCode::DataInvalid, format!("{name} is not valid JSON: {message}"))
}

/// Every value but the first follows a comma or an opening bracket; those within texts are counted too.
fn check_count(name: &str, text: &str) -> Result<(), ToolError> {
    let count = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if count > MAX_VALUES {
        let message = format!("{name} holds about {count} values, and {MAX_VALUES} is the most that is read");
        return Err(ToolError::refused(ErrorCode::LimitExceeded, message));
    }
    Ok(())
}
