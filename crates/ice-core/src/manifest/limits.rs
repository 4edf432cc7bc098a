//! The limits of a manifest: how they are written, and what they may be.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::quantity::{Size, Span, count, size, span};
use crate::document::Object;
use crate::process::Limits;

/// The most that a program may write to standard output: it is held in memory as a whole.
const MAX_OUTPUT_BYTES: u64 = 256 << 20;

/// A week in milliseconds, the longest time of a limit.
const WEEK: u64 = 7 * 24 * 3_600_000;
/// A PiB, the largest size of most limits.
const PIB: u64 = 1 << 50;

/// How much one call may use. What is absent is bounded by the defaults of cages.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WrittenLimits {
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

/// Writes limits as a manifest has them, for serde.
///
/// # Errors
/// Those of the serializer.
pub fn write_limits<S: Serializer>(limits: &Limits, serializer: S) -> Result<S::Ok, S::Error> {
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
    let span = |millis: Option<u64>| millis.map(Span::of_millis);
    let size = |bytes: Option<u64>| bytes.map(Size::of_bytes);
    let written = WrittenLimits {
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

/// Reads the limits of a manifest, an object below its field `limits`.
pub fn limits(object: &mut Object<'_, '_>) -> Limits {
    Limits {
        wall_ms: span(object, "wall", 1..=WEEK),
        idle_ms: span(object, "idle", 1..=WEEK),
        cpu_ms: span(object, "cpu", 1..=WEEK),
        memory_bytes: size(object, "memory", 1 << 20..=PIB),
        processes: count(object, "processes", 1..=1 << 20),
        open_files: count(object, "open_files", 16..=1 << 20),
        file_bytes: size(object, "file", 1..=PIB),
        workspace_bytes: size(object, "workspace", 64 << 10..=PIB),
        output_bytes: size(object, "output", 1..=MAX_OUTPUT_BYTES),
        fuel: None,
    }
}
