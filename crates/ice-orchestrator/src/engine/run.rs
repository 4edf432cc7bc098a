//! What the parts of one run share: its task, its attempts, its handles.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ice_core::id::{RunId, Tenant};
use ice_core::tools::Grants;
use tokio::sync::Notify;

use super::RunError;
use super::engine::Inner;
use super::handle::RunEnd;
use super::transient::TransientHub;
use crate::executors::{Completion, Observation};
use crate::journal::{Answer, Failure, Intent};
use crate::workflow::Plan;
use crate::workflow::runtime::Ticket;
use ice_core::metrics::{MetricName, gauge};
use ice_core::path::NodePath;
use ice_core::process::{Isolation, Limits};
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
    pub(crate) transient: TransientHub,
    pub(crate) mailbox: Mailbox,
    pub(crate) progress: Watched<Progress>,
    pub(crate) grace_ms: u64,
    pub(crate) confinement: Confinement,
}

/// How what a run executes outside of the engine's own code is held.
#[derive(Clone, Debug, Default)]
pub(crate) struct Confinement {
    pub(crate) isolation: Isolation,
    pub(crate) waive: Vec<String>,
    pub(crate) limits: Limits,
}

impl Confinement {
    /// Counts the run among those that do without a layer.
    pub(crate) fn waived(&self, change: f64) {
        for layer in &self.waive {
            if change > 0.0 {
                tracing::warn!(%layer, "a run does without a layer of cages where it cannot be had");
            }
            gauge(MetricName::SandboxWaivers, &[("layer", layer)]).increment(change);
        }
    }
}

/// How far a run has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Records before this number survive what the run's durability promises.
    pub(crate) durable: u64,
    /// Whether the run goes no further until somebody answers, and that is kept.
    pub(crate) asked: bool,
    /// Whether the run waits outside of memory.
    pub(crate) asleep: bool,
    /// Set once, when the run's task ends.
    pub(crate) end: Option<Result<Arc<RunEnd>, RunError>>,
}

impl Progress {
    /// Whether the run's task has nothing to do that nobody else brings.
    pub(crate) const fn rests(&self) -> bool {
        self.asked || self.asleep || self.end.is_some()
    }
}

impl Drop for RunShared {
    fn drop(&mut self) {
        if self.progress.read(|progress| progress.asleep) {
            self.engine.roster.let_go(self);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something that one changes and others wait for.
#[derive(Debug, Default)]
pub(crate) struct Watched<T> {
    state: Mutex<T>,
    changed: Notify,
}

impl<T> Watched<T> {
    pub(crate) fn new(state: T) -> Self {
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut T)) {
        change(&mut lock(&self.state));
        self.changed.notify_waiters();
    }

    pub(crate) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&lock(&self.state))
    }

    /// Waits until `look` finds something. Cancel-safe.
    pub(crate) async fn wait_for<R>(&self, mut look: impl FnMut(&T) -> Option<R>) -> R {
        // Mostly it is there already once a run was accepted.
        if let Some(found) = self.read(&mut look) {
            return found;
        }
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = look(&lock(&self.state)) {
                return found;
            }
            changed.await;
        }
    }
}

/// Where the task of a run hears from the others.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    letters: Mutex<Letters>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Letters {
    queue: VecDeque<Message>,
    /// Nudges carry nothing: one that waits stands for all.
    nudged: bool,
    closed: bool,
}

impl Mailbox {
    /// Hands a message over; false if the task has ended.
    pub(crate) fn send(&self, message: Message) -> bool {
        let mut letters = lock(&self.letters);
        if letters.closed {
            return false;
        }
        match message {
            Message::Nudge => letters.nudged = true,
            Message::Announce { .. }
            | Message::Receipt { .. }
            | Message::Observed { .. }
            | Message::Rest(_)
            | Message::Answer { .. } => letters.queue.push_back(message),
        }
        drop(letters);
        self.bell.notify_one();
        true
    }

    fn take(&self) -> Option<Message> {
        let mut letters = lock(&self.letters);
        let nudge = |letters: &mut Letters| std::mem::take(&mut letters.nudged).then_some(Message::Nudge);
        letters.queue.pop_front().or_else(|| nudge(&mut letters))
    }
}

/// The task's end of its mailbox. Whoever waits for the task hears of it when it is dropped.
#[derive(Debug)]
pub(super) struct Messages {
    shared: Arc<RunShared>,
    sleeps: bool,
}

impl Messages {
    /// Opens the mailbox of a run, maybe again.
    pub(super) fn open(shared: Arc<RunShared>) -> Self {
        lock(&shared.mailbox.letters).closed = false;
        // What it waited for may have come: whether it still rests, it says once it has looked.
        if shared.progress.read(|progress| progress.asleep || progress.asked) {
            shared.progress.change(|progress| (progress.asleep, progress.asked) = (false, false));
        }
        Self { shared, sleeps: false }
    }

    /// The run will be taken up again after this task has ended.
    pub(super) const fn sleep(&mut self) {
        self.sleeps = true;
    }

    /// The next message, if one is there.
    pub(super) fn next(&mut self) -> Option<Message> {
        self.shared.mailbox.take()
    }

    /// Waits for a message. Cancel-safe.
    pub(super) async fn recv(&mut self) -> Message {
        loop {
            if let Some(message) = self.shared.mailbox.take() {
                return message;
            }
            self.shared.mailbox.bell.notified().await;
        }
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        let left = {
            let mut letters = lock(&self.shared.mailbox.letters);
            letters.closed = true;
            std::mem::take(&mut letters.queue)
        };
        drop(left);
        if self.sleeps {
            return;
        }
        self.shared.progress.change(|progress| {
            // The task was dropped before its end: the runtime is being torn down.
            progress.end.get_or_insert(Err(RunError::Closing));
        });
    }
}

/// Why an answer was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// It is none to the question: what is wrong with it, and what is wanted.
    Unfit(String),
    /// No question of the node waits for an answer.
    NotAsked,
}

/// Where whoever answered a question hears whether the answer counts.
pub(crate) type Told = oneshot::Sender<Result<(), Unanswered>>;

/// Where whoever made a step hears what is kept of it.
pub(crate) type Kept = oneshot::Sender<Result<Value, Failure>>;

/// What others tell the task of a run. Senders are attempts, of which there are boundedly many and each waits
/// for its answer, people, who wait too, and nudges.
#[derive(Debug)]
pub(crate) enum Message {
    /// There may be something in the inbox, or the engine closes.
    Nudge,
    /// An attempt announces a step and waits until it may go on.
    Announce {
        ticket: Ticket,
        step: NodePath,
        intent: Intent,
        effect: Effect,
        go: oneshot::Sender<Result<(), Failure>>,
    },
    /// Somebody answers a question, and waits until that is kept or refused.
    Answer { node: NodePath, answer: Answer, told: Told },
    /// Somebody wants the run to leave memory, and hears whether it does: nothing of it may be under way.
    Rest(oneshot::Sender<bool>),
    /// There is something to keep of what an attempt does.
    Observed { ticket: Ticket, address: NodePath, observation: Observation },
    /// A step ended.
    Receipt { ticket: Ticket, step: NodePath, result: Result<Completion, Failure>, kept: Kept },
}
