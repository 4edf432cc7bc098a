//! What a failure means: whether it may be tried again, after how long, and how it is told.

use std::time::Duration;

use ice_core::blueprint::RetryPolicy;
use ice_core::error::ErrorCode;
use ice_core::llm::Usage;
use ice_core::path::NodePath;

use super::frame::Attempt;
use super::state::State;
use crate::journal::{Body, Failure, NodeFailure};
use crate::workflow::model::TimeLimit;

/// Whether something that failed may be tried again, as far as its effects go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Safety {
    /// Nothing stands against it.
    Safe,
    /// Its effect cannot be repeated, and may have happened.
    Unknown,
    /// An effect within that cannot be repeated has happened, or may have.
    Touched,
}

impl Safety {
    /// After an attempt failed.
    pub(super) fn after(attempt: &Attempt, failure: &Failure) -> Self {
        if attempt.kept_after(failure).is_some() {
            Self::Safe
        } else if attempt.has_touched() {
            Self::Touched
        } else if failure.unknown_outcome && !attempt.effect.is_repeatable() {
            Self::Unknown
        } else {
            Self::Safe
        }
    }

    pub(super) const fn why(self) -> Option<&'static str> {
        match self {
            Self::Safe => None,
            Self::Unknown => Some("the effect is not repeatable, and it is not known whether it happened"),
            Self::Touched => Some("an effect within, which is not repeatable, happened or may have happened"),
        }
    }
}

/// A node's failure as its run's.
pub(super) fn of_node(failed: &NodeFailure) -> Failure {
    failed.failure.told_by(format!("the node `{}` failed: {}", failed.node, failed.failure.message))
}

/// The failure of a run that somebody cancelled.
pub(crate) fn cancelled(by: &str, reason: Option<&str>) -> Failure {
    let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    Failure::new(ErrorCode::RunCancelled, format!("cancelled by {by}{why}"))
}

/// The most bytes of a message or a reason that are kept.
const MAX_MESSAGE: usize = 8 << 10;

/// Cuts a text off where it would be kept too long.
pub(super) fn shorten(text: &mut String) {
    if text.len() > MAX_MESSAGE {
        text.truncate(text.floor_char_boundary(MAX_MESSAGE));
        text.push('…');
    }
}

/// What is recorded instead of a record with a value that cannot be kept; nothing if the record is
/// not about a node's value.
pub(crate) fn not_kept(body: &Body, why: &str) -> Option<Body> {
    let failure =
        |what: &str| Failure::new(ErrorCode::LimitExceeded, format!("{what} cannot be kept: {why}"));
    let (node, failure) = match body {
        Body::Started { node, .. } | Body::Opened { node, .. } | Body::Step { node, .. } => {
            (node, failure("what the node takes"))
        }
        Body::Asked { node, .. } => (node, failure("what the node asks")),
        Body::Succeeded { node, usage, .. } => {
            (node, Failure { usage: *usage, unknown_outcome: true, ..failure("the node's output") })
        }
        Body::Closed { node, .. } => (node, failure("the node's output")),
        Body::Receipt { step, node, usage, stream, discarded, .. } => {
            let failure = Failure { usage: *usage, unknown_outcome: true, ..failure("what the step gave") };
            return Some(Body::Receipt {
                step: step.clone(),
                node: node.clone(),
                result: Err(failure),
                usage: Usage::default(),
                stream: *stream,
                cached: false,
                discarded: *discarded,
            });
        }
        Body::Manifest(_)
        | Body::Failed { .. }
        | Body::Woken { .. }
        | Body::Skipped { .. }
        | Body::Watching { .. }
        | Body::Checked { .. }
        | Body::Alerted { .. }
        | Body::Iterated { .. }
        | Body::Escalated { .. }
        | Body::Answered { .. }
        | Body::Reported { .. }
        | Body::Denied { .. }
        | Body::Cancelling { .. }
        | Body::Cancelled { .. }
        | Body::Discarded { .. }
        | Body::Unresponsive { .. }
        | Body::InDoubt { .. }
        | Body::Settled { .. }
        | Body::Exceeded { .. }
        | Body::Funded { .. }
        | Body::Migrated(_)
        | Body::Parked { .. }
        | Body::Resumed { .. }
        | Body::Ended { .. } => return None,
    };
    Some(Body::Failed { node: node.clone(), failure, retry_at: None })
}

/// Whether a record stands in a journal because one that was decided could not be kept.
pub(crate) fn is_instead_of(body: &Body, decided: &Body) -> bool {
    let (Body::Failed { node, failure, .. }, Some(Body::Failed { node: of, failure: instead, .. })) =
        (body, not_kept(decided, ""))
    else {
        return false;
    };
    let what = instead.message.trim_end_matches(": ");
    *node == of && failure.code == instead.code && failure.message.starts_with(what)
}

/// A failure as it was before it was said why it is not tried again.
pub(crate) fn without_suffix(mut failure: Failure) -> Failure {
    for safety in [Safety::Unknown, Safety::Touched] {
        let suffix = safety.why().map(not_tried_again).unwrap_or_default();
        if let Some(rest) = failure.message.strip_suffix(&suffix) {
            failure.message.truncate(rest.len());
        }
    }
    failure
}

/// What is added to the message of a failure that is not tried again because of its effects.
pub(super) fn not_tried_again(why: &str) -> String {
    format!(" (not tried again: {why})")
}

/// The failure of something that took longer than it may.
pub(crate) fn timeout_failure(limit: TimeLimit) -> Failure {
    Failure::passing(
        ErrorCode::NodeTimeout,
        format!("took longer than its time-out of {} s", limit.span.as_secs_f64()),
    )
    .about(limit.field)
}

/// The failure of a run that took longer than it may.
pub(super) fn time_is_up(limit_ms: u64) -> Failure {
    let seconds = Duration::from_millis(limit_ms).as_secs_f64();
    Failure::new(ErrorCode::RunTimeout, format!("the run has taken {seconds} s, its limit `max_time_ms`"))
}

/// How long to wait before the next attempt: what the policy says, spread, or what the other side asked for.
pub(super) fn wait_before_next(
    retry: &RetryPolicy,
    failure: &Failure,
    state: &State,
    path: &NodePath,
    attempt: u32,
) -> Duration {
    let asked = failure.retry_after().unwrap_or_default().min(RetryPolicy::MAX_WAIT);
    asked.max(jitter(retry.wait_after(attempt), state, path, attempt))
}

/// Half of the wait, plus up to the other half: the same for the same attempt of the same run.
fn jitter(wait: Duration, state: &State, path: &NodePath, attempt: u32) -> Duration {
    let mut hasher = blake3::Hasher::new();
    hasher.update(state.manifest.seed().uuid().as_bytes());
    hasher.update(path.as_str().as_bytes());
    hasher.update(&attempt.to_le_bytes());
    let share = hasher.finalize().as_bytes().first().copied().unwrap_or_default();
    wait / 2 + wait.mul_f64(f64::from(share) / 510.0)
}
