//! The limits of a manifest: how they are written, and what they may be.

use std::ops::RangeInclusive;

use ice_core::document::{Object, Problem};
use ice_core::error::ErrorCode;
use ice_core::process::Limits;
use ice_core::quantity::{self, write_bytes, write_millis};
use ice_core::value::Value;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A week in milliseconds, the longest time of a limit.
const WEEK: u64 = 7 * 24 * 3_600_000;
/// A PiB, the largest size of most limits.
const PIB: u64 = 1 << 50;

/// How much one call may use. What is absent is bounded by the defaults of cages.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    /// Time on the clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    wall: Option<Span>,
    /// Time without any output.
    #[serde(skip_serializing_if = "Option::is_none")]
    idle: Option<Span>,
    /// CPU time of everything it starts together.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<Span>,
    /// Memory of everything it starts together.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Size>,
    /// Processes and threads at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    processes: Option<u64>,
    /// Open files of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_files: Option<u64>,
    /// The largest file it may write.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Size>,
    /// What fits into its working folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<Size>,
    /// What it may write to standard output and to standard error, each: 16 MiB by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Size>,
}

/// A span of time as it is written.
#[derive(Clone, Debug, Serialize)]
struct Span(String);

/// A number of bytes as it is written.
#[derive(Clone, Debug, Serialize)]
struct Size(String);

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number with a unit, `ms`, `s`, `m` or `h`; a number alone is seconds.",
            "type": ["string", "integer"],
            "pattern": "^[0-9]+ *(ms|s|m|min|h)?$",
            "minimum": 1,
            "examples": ["250ms", "30s", "5m"],
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number with a unit, `KiB`, `MiB` or `GiB`; a number alone is bytes.",
            "type": ["string", "integer"],
            "pattern": "^[0-9]+ *(K|KiB|M|MiB|G|GiB)?$",
            "minimum": 1,
            "examples": ["64KiB", "256MiB"],
        })
    }
}

/// Writes limits as a manifest has them.
pub(super) fn write<S: Serializer>(limits: &Limits, serializer: S) -> Result<S::Ok, S::Error> {
    let Limits {
        wall_ms,
        idle_ms,
        cpu_ms,
        memory_bytes,
        processes,
        open_files,
        file_bytes,
        workspace_bytes,
        output_bytes,
        // Manifests are for programs; only WebAssembly has fuel.
        fuel: _,
    } = *limits;
    let span = |millis: Option<u64>| millis.map(|millis| Span(write_millis(millis)));
    let size = |bytes: Option<u64>| bytes.map(|bytes| Size(write_bytes(bytes)));
    let written = Written {
        wall: span(wall_ms),
        idle: span(idle_ms),
        cpu: span(cpu_ms),
        memory: size(memory_bytes),
        processes,
        open_files,
        file: size(file_bytes),
        workspace: size(workspace_bytes),
        output: size(output_bytes),
    };
    written.serialize(serializer)
}

/// Reads the limits of a manifest.
pub(super) fn read(object: &mut Object<'_, '_>) -> Limits {
    let span = |text: &str| {
        let millis = quantity::span(text)?.as_millis();
        u64::try_from(millis).map_err(|_| quantity::InvalidQuantity::TooMuch)
    };
    let time = Kind { read: &span, write: &write_millis, example: "30s" };
    let size = Kind { read: &quantity::bytes, write: &write_bytes, example: "256MiB" };
    let count = Kind { read: &quantity::bytes, write: &|number| number.to_string(), example: "16" };
    Limits {
        wall_ms: time.read(object, "wall", 1..=WEEK),
        idle_ms: time.read(object, "idle", 1..=WEEK),
        cpu_ms: time.read(object, "cpu", 1..=WEEK),
        memory_bytes: size.read(object, "memory", 1 << 20..=PIB),
        processes: count.whole(object, "processes", 1..=1 << 20),
        open_files: count.whole(object, "open_files", 16..=1 << 20),
        file_bytes: size.read(object, "file", 1..=PIB),
        workspace_bytes: size.read(object, "workspace", 64 << 10..=PIB),
        output_bytes: size.read(object, "output", 1..=super::read::MAX_OUTPUT_BYTES),
        fuel: None,
    }
}

/// A kind of quantity.
struct Kind<'k> {
    read: &'k dyn Fn(&str) -> Result<u64, quantity::InvalidQuantity>,
    write: &'k dyn Fn(u64) -> String,
    example: &'static str,
}

impl Kind<'_> {
    /// A number with a unit.
    fn read(
        &self,
        object: &mut Object<'_, '_>,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = object.value(name)?;
        let text = match value {
            Value::String(text) => text.to_string(),
            // A float or a negative number is told by the reader of quantities.
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) | Value::Blob(_) => {
                object.refuse_type(name, &format!("a quantity such as `{}`", self.example), value);
                return None;
            }
        };
        match (self.read)(&text) {
            Ok(number) => self.within(object, name, number, range),
            Err(error) => {
                let shown: String = text.chars().take(40).collect();
                let message = format!("`{}` is no quantity: {error}", shown.escape_debug());
                object.refuse(name, Problem::new(ErrorCode::OutOfRange, message));
                None
            }
        }
    }

    /// A number without a unit.
    fn whole(
        &self,
        object: &mut Object<'_, '_>,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let number = object.whole(name)?;
        self.within(object, name, number, range)
    }

    fn within(
        &self,
        object: &Object<'_, '_>,
        name: &'static str,
        number: u64,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        if range.contains(&number) {
            return Some(number);
        }
        let [low, high, found] = [*range.start(), *range.end(), number].map(self.write);
        let message = format!("`{name}` must lie between {low} and {high}, not {found}");
        object.refuse(name, Problem::new(ErrorCode::OutOfRange, message));
        None
    }
}
