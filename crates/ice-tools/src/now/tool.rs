//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::time::Moment;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest format, in bytes.
const MAX_FORMAT: usize = 200;

/// How to tell the time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// A time zone of the IANA database, for example `Europe/Oslo`; UTC if left out.
    #[serde(default)]
    pub zone: Option<String>,
    /// How `text` is written, in the manner of `strftime`: `%Y-%m-%d %H:%M`. RFC 3339 with the offset if left out.
    #[serde(default)]
    pub format: Option<String>,
}

/// The time.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The moment, in UTC.
    pub utc: Moment,
    /// Milliseconds since the beginning of 1970 in UTC.
    pub unix_ms: i64,
    /// The time zone.
    pub zone: String,
    /// The date there, `2026-01-31`.
    pub date: String,
    /// The time there, `23:59:59`.
    pub time: String,
    /// The day of the week there, `Monday`.
    pub weekday: String,
    /// The time there, in the format that was asked for.
    pub text: String,
}

/// The tool `now`. Its clock is that of the call's context.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("now", "1.0.0", "Tells the time, in a time zone and format of your choice.")
        .effect(Effect::Idempotent)
        .capability(Capability::Nondeterminism)
        .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    let invalid = |message: String| ToolError::refused(ErrorCode::ToolInputInvalid, message);
    let name = input.zone.as_deref().unwrap_or("UTC");
    let zone = if name == "UTC" {
        TimeZone::UTC
    } else {
        // The database within the program: the answer does not depend on the machine.
        TimeZoneDatabase::bundled().get(name).map_err(|_| {
            let shown: String = name.chars().take(60).collect();
            invalid(format!("`{shown}` is no time zone: write for example `Europe/Oslo`"))
        })?
    };
    let utc = ctx.clock.now();
    let there = Timestamp::from_millisecond(utc.as_millis())
        .map_err(|_| invalid("the clock stands outside of the years -9999 to 9999".to_owned()))?
        .to_zoned(zone);
    let write = |format: &str| {
        let text = (format.len() <= MAX_FORMAT).then(|| jiff::fmt::strtime::format(format, &there));
        match text {
            Some(Ok(text)) => Ok(text),
            Some(Err(error)) => Err(invalid(format!("the format cannot be used: {error}"))),
            None => Err(invalid(format!("the format is longer than {MAX_FORMAT} bytes"))),
        }
    };
    Ok(Output {
        utc,
        unix_ms: utc.as_millis(),
        zone: name.to_owned(),
        date: write("%Y-%m-%d")?,
        time: write("%H:%M:%S")?,
        weekday: write("%A")?,
        text: write(input.format.as_deref().unwrap_or("%Y-%m-%dT%H:%M:%S%:z"))?,
    })
}
