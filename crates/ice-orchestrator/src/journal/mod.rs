//! The journal: append-only records per run, the only durable truth about it.

pub(crate) mod codec;
mod failure;
pub(crate) mod keys;
mod manifest;
mod record;

pub use codec::{DecodeError, Decoder};
pub use failure::Failure;
pub use manifest::{FailurePolicy, Manifest, PinnedPlan, PinnedTool, PinnedWorkflow, RunOptions};
pub use record::{Body, Decision, Intent, Opening, RECORD_VERSION, Record, RunStatus, SkipReason};
