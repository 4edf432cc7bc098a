//! An attempt under way: how long it may take, how it is cancelled, what comes of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::path::NodePath;
use metrics::Histogram;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::engine::run::RunShared;
use crate::engine::spans::attempt_ended;
use crate::executors::Completion;
use crate::journal::Failure;
use crate::telemetry::failed_tool;
use crate::workflow::model::{TimeLimit, Work};
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
    limit: Option<TimeLimit>,
    span: Span,
    /// Where the time of a tool node is counted.
    tool: Option<(Arc<str>, Histogram)>,
}

impl Attempt {
    pub(in crate::engine) fn of(start: &Start, span: Span) -> Self {
        let node = start.plan_node();
        let limit = node.and_then(|node| node.timeout);
        let tool = match node.map(|node| &node.work) {
            Some(Work::Tool(plan)) => Some((Arc::clone(&plan.name), plan.seconds.clone())),
            Some(_) | None => None,
        };
        Self { ticket: start.ticket, path: start.path.clone(), began: Instant::now(), limit, span, tool }
    }

    pub(in crate::engine) fn end(
        self,
        shared: &RunShared,
        result: Result<Completion, Failure>,
        unresponsive: bool,
    ) -> AttemptEnd {
        shared.transient.ended(&self.path);
        let seconds = self.began.elapsed().as_secs_f64();
        attempt_ended(&self.span, result.as_ref().map(|completion| completion.cached));
        match (&self.tool, &result) {
            (Some((_, counted)), Ok(completion)) if !completion.cached => counted.record(seconds),
            (Some((name, _)), Err(failure)) => failed_tool(name, failure.code, seconds),
            (Some(_), Ok(_)) | (None, _) => {}
        }
        AttemptEnd { ticket: self.ticket, result, unresponsive, seconds }
    }

    /// Waits for what did not end at once. Ends at the latest one grace period after `cancel` fires or its time
    /// is up.
    pub(in crate::engine) async fn supervise(
        self,
        shared: Arc<RunShared>,
        work: Pin<Box<impl Future<Output = Result<Completion, Failure>>>>,
        cancel: CancellationToken,
    ) -> AttemptEnd {
        let grace = Duration::from_millis(shared.grace_ms);
        let (result, unresponsive) = supervise(work, &cancel, self.limit, grace).await;
        self.end(&shared, result, unresponsive)
    }
}

async fn supervise(
    mut work: Pin<Box<impl Future<Output = Result<Completion, Failure>>>>,
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

async fn end_within<F: Future>(work: Pin<&mut F>, grace: Duration) -> Option<F::Output> {
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
