//! What is to go wrong.

use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;

/// Where the process ends: at the commit that a record of the run's journal is part of. On the simulated disk the power
/// fails with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The record's number; 0 is the manifest.
    pub record: u64,
    /// Before or after it was kept.
    pub side: Side,
}

/// On which side of a record a crash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The record was decided, and nothing of it was written.
    Before,
    /// It was being written: on the simulated disk, any part of it may be there.
    During,
    /// It is as durable as was promised, and nobody has heard of that yet.
    After,
}

impl Side {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];
}

impl Crash {
    /// Before anything of the record was written.
    #[must_use]
    pub const fn before(record: u64) -> Self {
        Self { record, side: Side::Before }
    }

    /// While the record is being written.
    #[must_use]
    pub const fn during(record: u64) -> Self {
        Self { record, side: Side::During }
    }

    /// Once the record is kept.
    #[must_use]
    pub const fn after(record: u64) -> Self {
        Self { record, side: Side::After }
    }
}

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// Every commit takes so long.
    Slow(Duration),
    /// The disk is full from the commit on that this record is part of, until the engine is started anew.
    Full(u64),
}

/// How a tool fails, and how often, counted over all its calls in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fails {
    pub(super) times: u32,
    pub(super) error: ToolError,
    /// Whether it does its work all the same.
    pub(super) performed: bool,
}

impl Fails {
    /// The first `times` calls fail with `TOOL_FAILED` before they have done anything. Trying again helps.
    #[must_use]
    pub fn first(times: u32) -> Self {
        let error = ToolError::failed(ErrorCode::ToolFailed, "a failure of the test").not_started();
        Self { times, error, performed: false }
    }

    /// The first `times` calls do their work, but their answer is lost: whether anything happened is not known.
    #[must_use]
    pub fn unknown(times: u32) -> Self {
        let error = ToolError::failed(ErrorCode::ToolFailed, "the answer was lost in the test");
        Self { times, error, performed: true }
    }

    /// The first `times` calls fail like this, before they have done anything.
    #[must_use]
    pub const fn with(times: u32, error: ToolError) -> Self {
        Self { times, error, performed: false }
    }
}
