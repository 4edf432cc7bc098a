//! How much a command may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::PolicyError;

/// How much a command, with all the processes it starts, may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time on the clock. At most a week. Default: a minute.
    pub wall: Duration,
    /// Time without any output. Default: none.
    pub idle: Option<Duration>,
    /// CPU time of all its processes together. Default: 30 s.
    pub cpu: Option<Duration>,
    /// Memory of all its processes together, in bytes. Default: 512 MiB.
    pub memory: Option<u64>,
    /// Address space of each process, in bytes. Runtimes that compile while they run reserve gigabytes. Default: none.
    pub address_space: Option<u64>,
    /// Processes and threads at a time. Default: 64.
    pub processes: u64,
    /// Open files of each process. Default: 256.
    pub open_files: u64,
    /// The largest file that can be written, in bytes. Default: 64 MiB.
    pub file_size: u64,
    /// What fits into the working folder, which is in memory, in bytes. Default: 64 MiB.
    pub workspace: u64,
    /// What may be written to standard output and to standard error, in bytes each. Default: 16 MiB.
    pub output: u64,
    /// How much of each of the two is kept, in bytes: half from its beginning, half from its end. Default: 1 MiB.
    pub kept_output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            idle: None,
            cpu: Some(Duration::from_secs(30)),
            memory: Some(512 << 20),
            address_space: None,
            processes: 64,
            open_files: 256,
            file_size: 64 << 20,
            workspace: 64 << 20,
            output: 16 << 20,
            kept_output: 1 << 20,
        }
    }
}

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

impl Limits {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let times = [("wall", Some(self.wall)), ("idle", self.idle), ("cpu", self.cpu)];
        for (limit, value) in times {
            let fits = value.is_none_or(|value| value >= Duration::from_millis(1) && value <= WEEK);
            if !fits {
                let value = format!("{} s", value.unwrap_or_default().as_secs_f64());
                return Err(PolicyError::Limit { limit, value, must: "from a millisecond to a week" });
            }
        }
        let sizes = [
            ("memory", self.memory, 1 << 20),
            ("address_space", self.address_space, 1 << 20),
            ("file_size", Some(self.file_size), 0),
            ("workspace", Some(self.workspace), 64 << 10),
            ("output", Some(self.output), 1),
            ("kept_output", Some(self.kept_output as u64), 2),
        ];
        for (limit, value, least) in sizes {
            if value.is_some_and(|value| value < least || value > 1 << 50) {
                let value = format!("{} bytes", value.unwrap_or_default());
                let must = match limit {
                    "workspace" => "from 64 KiB to 1 PiB",
                    "output" | "kept_output" | "file_size" => "from a few bytes to 1 PiB",
                    _ => "from 1 MiB to 1 PiB",
                };
                return Err(PolicyError::Limit { limit, value, must });
            }
        }
        for (limit, value) in [("processes", self.processes), ("open_files", self.open_files)] {
            if !(1..=1 << 20).contains(&value) {
                return Err(PolicyError::Limit {
                    limit,
                    value: value.to_string(),
                    must: "from 1 to 1048576",
                });
            }
        }
        if self.open_files < 16 {
            return Err(PolicyError::Limit {
                limit: "open_files",
                value: self.open_files.to_string(),
                must: "at least 16: the cage is made with some, and a program opens its libraries",
            });
        }
        Ok(())
    }
}
