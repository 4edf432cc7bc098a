//! How much an execution may use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much one execution may use. What is absent is bounded by the default of its home alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time on the clock, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// Time without any output, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// CPU time of everything it starts together, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Memory of everything it starts together, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Processes and threads at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Open files of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// The largest file it may write, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
    /// What fits into its working folder, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_bytes: Option<u64>,
    /// What it may write to standard output and to standard error, in bytes each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Instructions of WebAssembly, in the fuel of its engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

impl Limits {
    /// The lower of each of the two.
    #[must_use]
    pub fn within(self, outer: Self) -> Self {
        let low = |inner: Option<u64>, outer: Option<u64>| match (inner, outer) {
            (Some(inner), Some(outer)) => Some(inner.min(outer)),
            (one, other) => one.or(other),
        };
        Self {
            wall_ms: low(self.wall_ms, outer.wall_ms),
            idle_ms: low(self.idle_ms, outer.idle_ms),
            cpu_ms: low(self.cpu_ms, outer.cpu_ms),
            memory_bytes: low(self.memory_bytes, outer.memory_bytes),
            processes: low(self.processes, outer.processes),
            open_files: low(self.open_files, outer.open_files),
            file_bytes: low(self.file_bytes, outer.file_bytes),
            workspace_bytes: low(self.workspace_bytes, outer.workspace_bytes),
            output_bytes: low(self.output_bytes, outer.output_bytes),
            fuel: low(self.fuel, outer.fuel),
        }
    }

    /// These, and those of `defaults` where these say nothing.
    #[must_use]
    pub fn or(self, defaults: Self) -> Self {
        Self {
            wall_ms: self.wall_ms.or(defaults.wall_ms),
            idle_ms: self.idle_ms.or(defaults.idle_ms),
            cpu_ms: self.cpu_ms.or(defaults.cpu_ms),
            memory_bytes: self.memory_bytes.or(defaults.memory_bytes),
            processes: self.processes.or(defaults.processes),
            open_files: self.open_files.or(defaults.open_files),
            file_bytes: self.file_bytes.or(defaults.file_bytes),
            workspace_bytes: self.workspace_bytes.or(defaults.workspace_bytes),
            output_bytes: self.output_bytes.or(defaults.output_bytes),
            fuel: self.fuel.or(defaults.fuel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_limit_holds_and_the_default_fills_in() {
        let inner = Limits { wall_ms: Some(5), cpu_ms: Some(9), ..Limits::default() };
        let outer = Limits { wall_ms: Some(7), cpu_ms: Some(3), fuel: Some(1), ..Limits::default() };
        let both = Limits { wall_ms: Some(5), cpu_ms: Some(3), fuel: Some(1), ..Limits::default() };
        assert_eq!(inner.within(outer), both);
        assert_eq!(outer.within(inner), both);
        assert_eq!(inner.or(outer), Limits { fuel: Some(1), ..inner });
    }
}
