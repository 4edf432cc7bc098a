//! What can go wrong with runs, cut by what the caller can do about it.

use ice_core::budget::{Overrun, Payer};
use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_core::memory::MemoryError;
use ice_core::path::NodePath;
use ice_core::store::inbox::InboxError;
use ice_core::store::lease::LeaseError;
use ice_core::store::{CommitError, Durability, StoreError};

use crate::journal::{Failure, ReadError, RunStatus};
use crate::replay::Divergence;
use crate::transfer::TransferError;
use crate::workflow::runtime::ApplyError;

/// Why a run cannot be started, read or changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RunError {
    /// No run has this id.
    #[error("no run has the id {0}")]
    NotFound(RunId),
    /// The inputs are not what the blueprint asks for.
    #[error("the inputs do not fit the blueprint: {0}")]
    Inputs(String),
    /// Something that would be kept with the run holds a secret.
    #[error("{what} {}", super::HOLDS_ONE)]
    HoldsSecret {
        /// What it is.
        what: String,
    },
    /// A tool needs a secret that the run is not given.
    #[error(
        "the tool `{tool}` needs the secret `{secret}`, which this run is not given: start it with \
         `--secret {secret}=env:VARIABLE` or `--secret {secret}=file:PATH`"
    )]
    Secret {
        /// The tool.
        tool: String,
        /// The secret.
        secret: String,
    },
    /// An option is out of its range.
    #[error("the option `{option}` is {found}, it must be {rule}")]
    Option {
        /// Which.
        option: &'static str,
        /// What was given.
        found: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// The store cannot keep the wanted durability.
    #[error("durability {wanted} was asked for, the store offers at most {offered}")]
    Durability {
        /// What was asked for.
        wanted: Durability,
        /// The best on offer.
        offered: Durability,
    },
    /// The idempotency key was used for another plan or other inputs.
    #[error("the idempotency key stands for the run {run}, which has another blueprint or other inputs")]
    IdempotencyConflict {
        /// The run it stands for.
        run: RunId,
    },
    /// Another engine drives the run and is alive.
    #[error("the run {run} is driven by {owner}")]
    Owned {
        /// The run.
        run: RunId,
        /// Who drives it.
        owner: String,
    },
    /// Others changed the same schedules or budgets at the same time, again and again.
    #[error("others change the same at the same time; try again")]
    Contended,
    /// The run is not in a state that allows this.
    #[error("the run {run} is {status}: {what}")]
    State {
        /// The run.
        run: RunId,
        /// Where it stands.
        status: RunStatus,
        /// What cannot be done.
        what: &'static str,
    },
    /// No question of the node waits for an answer.
    #[error("the node `{node}` of the run {run} has no question that waits for an answer; {open}")]
    NoQuestion {
        /// The run.
        run: RunId,
        /// The node.
        node: NodePath,
        /// Which nodes have, in words.
        open: String,
    },
    /// The question has its answer.
    #[error("the question of the node `{node}` was answered before: {how}")]
    Answered {
        /// The node.
        node: NodePath,
        /// By whom and when, in words.
        how: String,
    },
    /// The answer is none to the question.
    #[error("the node `{node}` asked something else: {what}")]
    Answer {
        /// The node.
        node: NodePath,
        /// What is wrong with it, and what is wanted.
        what: String,
    },
    /// The answer was sent, and nobody took it up for a while.
    #[error(
        "whoever drives the run {0} has not taken the answer up yet; it counts once they do, unless somebody was faster"
    )]
    Unheard(RunId),
    /// What is to be changed in a run's blueprint does not fit.
    #[error("what is to be changed does not fit: {0}")]
    Change(String),
    /// The run never came to a node.
    #[error("the run {run} has not come to the node `{node}`{near}")]
    NotReached {
        /// The run.
        run: RunId,
        /// The node.
        node: NodePath,
        /// What may have been meant, in words.
        near: String,
    },
    /// With what is changed, a run would have gone another way before.
    #[error("with what is changed, the run {run} would have gone another way: {divergence}")]
    Diverged {
        /// The run.
        run: RunId,
        /// Where.
        divergence: Box<Divergence>,
    },
    /// What a run that is moved to another plan has begun cannot go on over it.
    #[error("the run {run} cannot be moved: {what}")]
    Unmovable {
        /// The run.
        run: RunId,
        /// What has changed.
        what: String,
    },
    /// What is imported is not the file of a run.
    #[error("this is not the file of a run, or not all of it: {0}")]
    File(#[from] TransferError),
    /// The file of a run has something in it that no run has.
    #[error("the file of the run {run} is not sound: {what}")]
    Unsound {
        /// The run.
        run: RunId,
        /// What is wrong.
        what: String,
    },
    /// Another run of the same id is here.
    #[error("the run {0} is here already, and it is not as the file has it; nothing was changed")]
    Exists(RunId),
    /// Another engine took the run over; this one must let go.
    #[error("the run {0} was taken over by another engine")]
    Lost(RunId),
    /// Even the least that the run needs to succeed is more than its budget.
    #[error("the run cannot succeed within its budget: {}", .0.of_the_least())]
    Budget(Overrun),
    /// The same of a budget that the run would share with others.
    #[error("the run cannot succeed within the budget of {payer}: {}", .overrun.of_the_least())]
    SharedBudget {
        /// Whose budget.
        payer: Payer,
        /// Its limit.
        overrun: Overrun,
    },
    /// What is kept of a shared budget cannot be read or written.
    #[error("the shared budget at `{key}` cannot be used: {what}")]
    Ledger {
        /// Its key in the store.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// The engine is closing.
    #[error("the engine is closing")]
    Closing,
    /// The run's journal cannot be read.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// The run's journal does not fit together.
    #[error("the journal of the run {run} does not fit together")]
    Fold {
        /// The run.
        run: RunId,
        /// Where it does not.
        #[source]
        source: ApplyError,
    },
    /// A record of the run's start or plan cannot be read or written.
    #[error("a record of the run {run} cannot be read or written: {what}")]
    Record {
        /// The run.
        run: RunId,
        /// Which, and why.
        what: String,
    },
    /// The plan of the run cannot be made with what is registered now.
    #[error("the run {run} cannot go on: {failure}")]
    Plan {
        /// The run.
        run: RunId,
        /// Why.
        failure: Box<Failure>,
    },
    /// The memory of the tenant failed.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RunError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound(_) => ErrorCode::RunNotFound,
            Self::Secret { .. } => ErrorCode::GrantMissing,
            Self::Inputs(_) | Self::HoldsSecret { .. } | Self::Option { .. } | Self::Change(_) => {
                ErrorCode::InputInvalid
            }
            Self::Durability { .. } => ErrorCode::DurabilityUnavailable,
            Self::IdempotencyConflict { .. } | Self::Contended | Self::Exists(_) => ErrorCode::StoreConflict,
            Self::Owned { .. } | Self::Unheard(_) => ErrorCode::RunOwned,
            Self::NoQuestion { .. } | Self::Answered { .. } => ErrorCode::QuestionClosed,
            Self::Answer { .. } => ErrorCode::AnswerInvalid,
            Self::State { .. } => ErrorCode::RunState,
            Self::NotReached { .. } => ErrorCode::NodeNotReached,
            Self::Diverged { .. } => ErrorCode::ReplayDiverged,
            Self::Unmovable { .. } => ErrorCode::PinMismatch,
            Self::File(TransferError::Newer { .. }) => ErrorCode::JournalVersion,
            Self::File(_) | Self::Unsound { .. } => ErrorCode::RunFileInvalid,
            Self::Lost(_) => ErrorCode::RunLost,
            Self::Ledger { .. } => ErrorCode::StoreCorrupt,
            Self::Budget(_) | Self::SharedBudget { .. } => ErrorCode::BudgetExceeded,
            Self::Closing => ErrorCode::StoreUnavailable,
            Self::Journal(ReadError::Newer { .. }) => ErrorCode::JournalVersion,
            Self::Journal(ReadError::Store(error)) | Self::Store(error) => error.code(),
            Self::Journal(ReadError::Damaged { .. } | ReadError::Hole { .. })
            | Self::Fold { .. }
            | Self::Record { .. } => ErrorCode::JournalCorrupt,
            Self::Plan { failure, .. } => failure.code,
            Self::Memory(error) => error.code(),
        }
    }

    /// Whether what the store has of the run is damaged, and only that.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self.code(), ErrorCode::JournalCorrupt | ErrorCode::StoreCorrupt | ErrorCode::BlobMissing)
    }

    /// Whether it cannot be read, as it is damaged or of a newer version.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.is_damage() || self.code() == ErrorCode::JournalVersion
    }

    pub(crate) fn commit(run: RunId, error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => Self::Lost(run),
            CommitError::Store(error) => Self::Store(error),
        }
    }

    pub(crate) fn record(run: RunId, what: &str, error: &dyn std::fmt::Display) -> Self {
        Self::Record { run, what: format!("{what}: {error}") }
    }
}

impl From<InboxError> for RunError {
    fn from(error: InboxError) -> Self {
        match error {
            InboxError::IdempotencyKey => Self::Option {
                option: "idempotency_key",
                found: "too long".to_owned(),
                rule: "1 to 200 bytes",
            },
            InboxError::Store(error) => Self::Store(error),
        }
    }
}

impl RunError {
    pub(crate) fn lease(run: RunId, error: LeaseError) -> Self {
        match error {
            LeaseError::Held { owner, .. } => Self::Owned { run, owner },
            LeaseError::Lost { .. } => Self::Lost(run),
            LeaseError::Store(error) => Self::Store(error),
        }
    }
}
