//! What the parts of one run share: its task, its attempts, its handles.

use std::sync::Arc;

use ice_core::id::{RunId, Tenant};
use ice_core::tools::Grants;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::engine::Inner;
use super::handle::RunEnd;
use super::transient::TransientHub;
use crate::journal::{Failure, Intent};
use crate::workflow::Plan;
use crate::workflow::runtime::Ticket;
use ice_core::path::NodePath;
use ice_core::tools::Effect;
use ice_core::value::Value;
use tokio::sync::oneshot;

/// What the parts of one run share.
#[derive(Debug)]
pub(crate) struct RunShared {
    pub(crate) engine: Arc<Inner>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) tenant: Tenant,
    pub(crate) run: RunId,
    pub(crate) grants: Arc<Grants>,
    pub(crate) cancel: CancellationToken,
    pub(crate) transient: TransientHub,
    pub(crate) messages: mpsc::UnboundedSender<Message>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) grace_ms: u64,
}

/// How far a run has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Records before this number are committed.
    pub(crate) visible: u64,
    /// Records before this number survive what the run's durability promises.
    pub(crate) durable: u64,
    /// Set once, when the run's task ends.
    pub(crate) end: Option<Result<Arc<RunEnd>, RunError>>,
}

/// What others tell the task of a run. Senders are attempts, of which there are boundedly many, each waiting
/// for its answer, and nudges, which carry nothing.
#[derive(Debug)]
pub(crate) enum Message {
    /// There may be something in the inbox.
    Nudge,
    /// An attempt announces a step and waits until it may go on.
    Announce { ticket: Ticket, step: NodePath, intent: Intent, effect: Effect, go: oneshot::Sender<()> },
    /// A step ended.
    Receipt { ticket: Ticket, step: NodePath, result: Result<Value, Failure> },
}
