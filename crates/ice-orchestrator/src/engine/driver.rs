//! The task of one run: owns its state, decides, keeps records, carries commands out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use ice_core::budget::Spend;
use ice_core::id::Principal;
use ice_core::path::NodePath;
use ice_core::store::{Batch, Durability, Key};
use ice_core::telemetry::Stopwatch;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::attempt::AttemptEnd;
use super::budgets::Share;
use super::run::{Kept, Message, Messages, RunShared, Told};
use super::spans::Spans;
use super::writer::Writer;
use super::{Engine, RunEnd, RunError};
use crate::journal::{Decision, Failure, RunStatus};
use crate::workflow::runtime::{Decided, Input, Start, State, Ticket};

mod answering;
mod funding;
mod inbox;
mod launching;
mod leaving;
mod observing;
mod resting;
mod stepping;
mod taking;

/// Bytes of records that are committed without waiting for more.
const FLUSH_BYTES: usize = 64 << 10;
/// Bytes of records that wait for a commit before nothing more is decided. Far below what a store takes in one
/// batch, for records are added a pass at a time.
const MAX_WAITING: usize = 1 << 20;
/// Inputs taken before it is looked whether something is to be written, or others are to get their turn.
const TURN: usize = 128;
/// How long a run goes on before others get their turn, in seconds. To hand the thread over wakes another one, which takes as
/// long as several nodes.
const SLICE: f64 = 0.000_5;
/// Inbox messages read at a time.
const PAGE: usize = 64;

/// The task of one run.
pub(super) struct Driver {
    pub(super) shared: Arc<RunShared>,
    pub(super) state: State,
    pub(super) writer: Writer,
    messages: Messages,
    tasks: JoinSet<AttemptEnd>,
    /// Attempts under way that did not end at once, with their tasks.
    live: BTreeMap<Ticket, (CancellationToken, tokio::task::Id)>,
    /// Attempts and steps that wait until the records before this number are durable.
    held: VecDeque<(u64, Held)>,
    /// Where attempts hear what is kept of steps that have ended.
    receipts: Vec<(Ticket, NodePath, Kept)>,
    queue: VecDeque<Input>,
    /// Kept for its memory.
    decided: Decided,
    advance: bool,
    look: bool,
    inbox_after: u64,
    /// What takes messages out of the inbox, once what they ask for is recorded.
    consumed: Vec<Batch>,
    in_doubt: Option<(Decision, Principal)>,
    /// What the run has drawn from shared budgets.
    shares: Vec<(Key, Share)>,
    /// An input that needs to be let spend so much in all before it can be taken.
    short: Option<(Input, Spend)>,
    /// Answers that were not taken yet, by id, and who waits.
    answers: Vec<(Option<Uuid>, Told)>,
    /// Whether somebody waits for what was recorded to be durable.
    owes: bool,
    /// Since when there is nothing to do for long.
    idle_since: Option<Instant>,
    /// Who wants the run to leave memory.
    rest: Option<oneshot::Sender<bool>>,
    /// Whether the engine closes: nothing begins any more.
    leaving: bool,
    spans: Spans,
}

enum Held {
    Start(Start),
    Step {
        ticket: Ticket,
        step: NodePath,
        go: oneshot::Sender<Result<(), Failure>>,
    },
    /// Whoever answered a question, once it has the answer.
    Answered(Told),
}

/// Something that waits until its record has been made.
const UNRECORDED: u64 = u64::MAX;

impl Driver {
    pub(super) fn new(shared: Arc<RunShared>, state: State, writer: Writer) -> Box<Self> {
        Box::new(Self {
            messages: Messages::open(Arc::clone(&shared)),
            shared,
            state,
            writer,
            tasks: JoinSet::new(),
            live: BTreeMap::new(),
            held: VecDeque::new(),
            receipts: Vec::new(),
            queue: VecDeque::new(),
            decided: Decided::default(),
            advance: true,
            look: false,
            inbox_after: 0,
            consumed: Vec::new(),
            in_doubt: None,
            shares: Vec::new(),
            short: None,
            answers: Vec::new(),
            owes: false,
            idle_since: None,
            rest: None,
            leaving: false,
            spans: Spans::default(),
        })
    }

    /// Begins with this input instead of a fresh start: looks into the inbox, decides about nodes in doubt.
    pub(super) fn recovering(
        mut self: Box<Self>,
        input: Input,
        in_doubt: Option<(Decision, Principal)>,
    ) -> Box<Self> {
        self.queue.push_back(input);
        self.look = true;
        self.in_doubt = in_doubt;
        self
    }

    /// Makes the run's span, within the one that is entered.
    pub(super) fn traced(&mut self) -> tracing::Span {
        self.spans = Spans::begin(&self.shared, self.look);
        self.spans.run()
    }

    /// Drives the run until it is final or parked, waits for long, or cannot be driven on. Joins all attempts before it
    /// returns.
    pub(super) async fn run(mut self: Box<Self>) {
        let mut result = match self.drive().await {
            Ok(Some(end)) => Ok(end),
            Ok(None) => {
                self.spans.end(&self.state, Err(&RunError::Closing));
                return self.sleep().await;
            }
            Err(error) => Err(error),
        };
        self.cancel_attempts();
        if matches!(result, Err(RunError::Closing)) {
            result = Box::pin(self.leave()).await;
        }
        self.tell_answered();
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = &result {
            tracing::warn!(run = %self.shared.run, %error, "the run is no longer driven");
        }
        self.spans.end(&self.state, result.as_ref());
        let engine = Arc::clone(&self.shared.engine);
        engine.leave(&self.shared);
        if matches!(&result, Ok(end) if end.status.is_final()) && self.state.funds.is_some() {
            let settled = Box::pin(engine.settle_shares(&self.shared.tenant, self.shared.run)).await;
            // Whoever takes up the runs of the tenant next does it then.
            if let Err(error) = settled {
                tracing::warn!(run = %self.shared.run, %error, "what was spent of shared budgets is not settled yet");
            }
        }
        let parked = matches!(&result, Ok(end) if end.status == RunStatus::Parked);
        let durable = self.durable();
        self.shared.progress.change(|progress| {
            progress.durable = durable;
            progress.end = Some(result.map(Arc::new));
        });
        if parked {
            // Whoever sent a message a moment ago believes that this task reads it.
            let engine = Engine::of(&engine);
            Box::pin(engine.attend(&self.shared.tenant, self.shared.run)).await;
        }
    }

    /// Gives how the run ended, or nothing if it waits for long.
    async fn drive(&mut self) -> Result<Option<RunEnd>, RunError> {
        if self.state.funds.is_some() || !self.shared.engine.is_without_budgets(&self.shared.tenant) {
            Box::pin(self.look_at_budgets()).await?;
        }
        if self.look {
            Box::pin(self.look_first()).await?;
        }
        loop {
            self.work().await?;
            if !self.writer.is_flying() {
                self.flush()?;
            }
            if self.is_finished() {
                return Ok(Some(RunEnd::of(&self.state).seen(&self.shared.engine.views)));
            }
            // While the thread that made it is still here: another one may see the commit land.
            self.state.forget_frames();
            if self.waits_for_long() && Box::pin(self.give_back()).await? {
                continue;
            }
            if self.rests_on_request() {
                return Ok(None);
            }
            if self.waits_for_long() && self.is_kept() {
                let since = *self.idle_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= self.patience() {
                    return Ok(None);
                }
            }
            self.tell_rest();
            self.wait().await?;
        }
    }

    /// Takes inputs until there are none and nothing more can be decided.
    async fn work(&mut self) -> Result<(), RunError> {
        let mut taken = 0_usize;
        let mut slice = None;
        let mut now = None;
        loop {
            // What ends because of the closing is not the run's own: it is looked at in another way.
            if self.shared.engine.closing.has_begun() {
                return Err(RunError::Closing);
            }
            let input = match self.queue.pop_front() {
                Some(input) => {
                    now = None;
                    input
                }
                None if std::mem::take(&mut self.advance) => Input::Advance,
                None => {
                    self.consumed.drain(..).for_each(|messages| self.writer.with(messages));
                    return Ok(());
                }
            };
            now = self.take_at(input, now)?;
            if let Some((input, need)) = self.short.take() {
                Box::pin(self.draw(input, need)).await?;
                now = None;
            }
            taken += 1;
            if self.writer.waiting() >= MAX_WAITING {
                if self.writer.is_flying() {
                    self.landing().await?
                } else {
                    self.flush()?
                }
                now = None;
            }
            if taken.is_multiple_of(TURN) {
                if !self.writer.is_flying() && self.writer.waiting() >= FLUSH_BYTES {
                    self.flush()?;
                }
                if let Some(landed) = self.writer.landed().now_or_never() {
                    landed?;
                    self.published();
                }
                // The first time it begins now, a little late.
                if slice.get_or_insert_with(Stopwatch::start).seconds() >= SLICE {
                    tokio::task::yield_now().await;
                    (slice, now) = (None, None);
                }
            }
        }
    }

    /// Waits for the commit under way.
    async fn landing(&mut self) -> Result<(), RunError> {
        tokio::select! {
            landed = self.writer.landed() => landed?,
            () = self.shared.engine.closing.begun() => return Err(RunError::Closing),
        }
        self.published();
        if self.writer.is_flying() { Ok(()) } else { self.flush() }
    }

    fn durable(&self) -> u64 {
        self.writer.durable
    }

    /// Decides about nodes in doubt, if whoever took the run up has said how.
    fn settle_doubts(&mut self) {
        let Some((decision, by)) = self.in_doubt.take() else { return };
        for node in self.state.doubtful() {
            self.queue.push_back(Input::Settle { node, decision, by: by.clone() });
        }
    }

    /// Starts a commit if there is a reason to: somebody waits for durability, or the run pauses.
    fn flush(&mut self) -> Result<(), RunError> {
        let next = self.state.next_number();
        let held = self.held.iter().any(|(upto, _)| *upto > self.durable());
        let ends = self.state.status().is_final() || self.state.status() == RunStatus::Parked;
        let accepted = self.durable() > 0;
        let must = (held || ends || !accepted || self.owes || self.waits_for_long()) && self.durable() < next;
        if must || self.writer.has_waiting() {
            let durability = if must { self.writer.promise() } else { Durability::Buffered };
            self.writer.begin(Some(&self.state), self.state.status(), durability)?;
            self.owes = false;
        }
        Ok(())
    }

    async fn wait(&mut self) -> Result<(), RunError> {
        if std::mem::take(&mut self.look) {
            return Box::pin(self.look_into_inbox()).await;
        }
        let due = self.state.next_timer().map(|at| at.since(self.shared.engine.clock.now()));
        let bored = self.idle_since.map(|since| self.patience().saturating_sub(since.elapsed()));
        tokio::select! {
            biased;
            landed = self.writer.landed() => {
                landed?;
                self.published();
            }
            Some(ended) = self.tasks.join_next() => self.ended(ended),
            // That the engine closes comes as a message, too: to wait for it here would cost every run two turns at a lock of
            // all.
            message = self.messages.recv() => self.told(message),
            () = sleep(due) => self.queue.push_back(Input::Tick),
            () = sleep(bored) => {}
        }
        Ok(())
    }

    /// Takes what was said before an attempt ended, so that it counts before the end does.
    fn hear(&mut self) {
        while let Some(message) = self.messages.next() {
            self.told(message);
        }
    }

    fn told(&mut self, message: Message) {
        match message {
            Message::Nudge => self.look = true,
            Message::Rest(told) => self.rest = Some(told),
            // The attempt was given up: dropping `go` tells it.
            Message::Announce { ticket, .. } if !self.state.attempts.contains(ticket) => {}
            Message::Announce { ticket, step, intent, effect, go } => {
                self.held.push_back((UNRECORDED, Held::Step { ticket, step: step.clone(), go }));
                self.queue.push_back(Input::StepAnnounced { ticket, step, intent, effect });
            }
            Message::Answer { node, answer, told } => self.answered(node, answer, told),
            Message::Receipt { ticket, step, result, kept } => {
                self.receipts.push((ticket, step.clone(), kept));
                self.queue.push_back(Input::StepEnded { ticket, step, result });
            }
            Message::Observed { ticket, address, observation } => {
                self.queue.push_back(Input::Observed { ticket, address, observation });
            }
        }
    }

    /// A commit landed: tells who waits, and lets go what was held for it.
    fn published(&mut self) {
        let durable = self.durable();
        if let Some(plan) = self.writer.brought_plan() {
            self.shared.engine.plans.stored(&self.shared.tenant, plan);
        }
        if self.is_finished() {
            // Those who wait are told in a moment, of this and of the end.
            return;
        }
        self.shared.progress.change(|progress| progress.durable = durable);
        let mut kept = VecDeque::new();
        while let Some((upto, held)) = self.held.pop_front() {
            if upto > durable {
                kept.push_back((upto, held));
                continue;
            }
            match held {
                Held::Start(start) => self.launch(start),
                Held::Step { ticket, go, .. } if self.state.attempts.contains(ticket) => {
                    // An attempt that was given up meanwhile does not wait any more.
                    let _gone = go.send(Ok(()));
                }
                // Its attempt does not count any more: dropping `go` tells it.
                Held::Step { .. } => {}
                Held::Answered(told) => {
                    // Whoever it was may have gone away.
                    let _gone = told.send(Ok(()));
                }
            }
        }
        self.held = kept;
    }
}

impl Drop for Driver {
    /// However the task ends, what it began hears of it.
    fn drop(&mut self) {
        self.cancel_attempts();
    }
}

/// Waits for a span, for ever if there is none.
async fn sleep(span: Option<Duration>) {
    match span {
        Some(span) => tokio::time::sleep(span).await,
        None => std::future::pending().await,
    }
}
