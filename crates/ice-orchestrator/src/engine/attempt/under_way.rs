//! An attempt under way: how long it may take, how it is cancelled, what comes of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::Doing;
use crate::engine::run::RunShared;
use crate::engine::spans::attempt_ended;
use crate::executors::Completion;
use crate::journal::Failure;
use crate::telemetry::failed_tool;
use crate::workflow::Plan;
use crate::workflow::model::{NodeIndex, PlanNode, ScopeIndex, TimeLimit, Work};
use crate::workflow::runtime::{Input, Start, Ticket, timeout_failure};

/// How an attempt ended.
pub(in crate::engine) struct AttemptEnd {
    pub(in crate::engine) ticket: Ticket,
    pub(in crate::engine) result: Result<Completion, Failure>,
    pub(in crate::engine) unresponsive: bool,
    pub(in crate::engine) seconds: f64,
}

impl AttemptEnd {
    pub(in crate::engine) fn into_input(self) -> Input {
        Input::Completed { ticket: self.ticket, result: self.result, unresponsive: self.unresponsive }
    }
}

/// An attempt under way, without what it does.
pub(in crate::engine) struct Attempt {
    ticket: Ticket,
    path: NodePath,
    began: Instant,
    span: Span,
    plan: Arc<Plan>,
    node: (ScopeIndex, NodeIndex),
}

impl Attempt {
    /// An attempt that begins now.
    pub(in crate::engine) fn of(start: &Start, span: Span) -> Self {
        let (path, plan) = (start.path.clone(), Arc::clone(&start.plan));
        let (began, node) = (Instant::now(), (start.scope, start.node));
        Self { ticket: start.ticket, path, began, span, plan, node }
    }

    /// When it began.
    pub(in crate::engine) const fn began(&self) -> Instant {
        self.began
    }

    fn node(&self) -> Option<&PlanNode> {
        self.plan.scope(self.node.0)?.node(self.node.1)
    }

    pub(in crate::engine) fn end(
        self,
        shared: &RunShared,
        result: Result<Completion, Failure>,
        unresponsive: bool,
    ) -> AttemptEnd {
        shared.transient.ended(&self.path);
        let result = shared.engine.known.scrub(result);
        let seconds = self.began.elapsed().as_secs_f64();
        attempt_ended(&self.span, result.as_ref().map(|completion| completion.cached));
        // The time of a node that is a tool's own is that of its attempt.
        if let Some(Work::Tool(of)) = self.node().map(|node| &node.work) {
            match &result {
                Ok(completion) if completion.cached => {}
                Ok(_) => of.seconds.record(seconds),
                Err(failure) => failed_tool(&of.name, failure.code, seconds),
            }
        }
        AttemptEnd { ticket: self.ticket, result, unresponsive, seconds }
    }

    /// Waits for what did not end at once. Ends at the latest one grace period after `cancel` fires or its time
    /// is up.
    pub(in crate::engine) async fn supervise(
        self,
        shared: Arc<RunShared>,
        work: Doing,
        cancel: CancellationToken,
    ) -> AttemptEnd {
        let grace = Duration::from_millis(shared.grace_ms);
        let limit = self.node().and_then(|node| node.timeout);
        let (result, unresponsive) = supervise(work, &cancel, limit, grace).await;
        self.end(&shared, result, unresponsive)
    }
}

async fn supervise(
    mut work: Doing,
    cancel: &CancellationToken,
    limit: Option<TimeLimit>,
    grace: Duration,
) -> (Result<Completion, Failure>, bool) {
    let timed_out = tokio::select! {
        biased;
        result = &mut work => return (result, false),
        () = cancel.cancelled() => None,
        limit = elapsed(limit) => Some(limit),
    };
    cancel.cancel();
    let ended = end_within(work.as_mut(), grace).await;
    let failure = match timed_out {
        Some(limit) => timeout_failure(limit),
        None => Failure {
            unknown_outcome: true,
            ..Failure::new(ErrorCode::RunCancelled, "the attempt was cancelled")
        },
    };
    match ended {
        // What happened, happened: a result that came in time to be kept is kept.
        Some(Ok(completion)) => (Ok(completion), false),
        Some(Err(error)) if error.code == ErrorCode::RunCancelled => {
            (Err(Failure { unknown_outcome: error.unknown_outcome, usage: error.usage, ..failure }), false)
        }
        Some(Err(error)) => (Err(error), false),
        None => {
            let message = format!(
                "{}; it ignored its cancellation for {} s, what it gives is discarded",
                failure.message,
                grace.as_secs_f64()
            );
            (Err(Failure { message, ..failure }), true)
        }
    }
}

async fn end_within<F: Future + ?Sized>(work: Pin<&mut F>, grace: Duration) -> Option<F::Output> {
    tokio::time::timeout(grace, work).await.ok()
}

/// Waits for a limit, for ever if there is none.
async fn elapsed(limit: Option<TimeLimit>) -> TimeLimit {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit.span).await;
            limit
        }
        None => std::future::pending().await,
    }
}
