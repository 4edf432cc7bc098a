//! The journal: append-only records per run, the only durable truth about it.

pub(crate) mod codec;
mod document;
mod failure;
mod head;
mod intent;
pub(crate) mod keys;
mod manifest;
mod migration;
mod question;
mod reader;
mod record;
mod redacted;
mod status;
mod subject;
mod undoable;

pub use codec::{DecodeError, Decoder};
pub use document::{DocumentBuilder, NodeReport, RunDocument};
pub use failure::{Failure, FieldPart, NodeFailure};
pub use head::{Imported, RunSummary};
pub use intent::{Intent, Opening};
pub use keys::sealed_under;
pub use manifest::{
    FailurePolicy, Forked, Manifest, PinnedAgent, PinnedCode, PinnedModel, PinnedPlan, PinnedTool,
    PinnedWorkflow, RunOptions,
};
pub use migration::{Migrated, Migration};
pub use question::{Answer, AnswerKind, AnswerReport, Question, QuestionReport};
pub use reader::{Numbered, ReadError, Reader};
pub use record::{Body, RECORD_VERSION, Record};
pub use redacted::{Outputs, Views};
pub use status::{Decision, RunStatus, SkipReason};
pub use undoable::Undoable;

pub(crate) use codec::{values, values_mut};
pub(crate) use failure::list;
pub(crate) use head::RunHead;
pub(crate) use question::Lapse;
