//! Metrics and logs of what a run records.

use ice_core::metrics::{MetricName, counter};

use super::Driver;
use crate::journal::Body;
use crate::telemetry::workflow_seconds;

impl Driver {
    /// Metrics and logs of a record.
    pub(super) fn observe(&self, body: &Body) {
        let meters = &self.shared.engine.meters;
        let run = self.shared.run;
        match body {
            Body::Failed { node, failure, retry_at } => {
                tracing::info!(%run, %node, code = %failure.code, retried = retry_at.is_some(), "node failed");
                if let Some(kind) = self.state.kind_at(node).and_then(|kind| meters.kind(kind)) {
                    let counter = if retry_at.is_some() { &kind.retries } else { &kind.failed };
                    counter.increment(1);
                }
            }
            Body::Skipped { node, reason } => {
                tracing::debug!(%run, %node, ?reason, "node skipped");
                meters.skipped.increment(1);
            }
            Body::Unresponsive { node } => {
                tracing::warn!(%run, %node, "node ignored its cancellation");
                meters.unresponsive.increment(1);
            }
            Body::Ended { status, failure, .. } => {
                tracing::info!(%run, %status, "run ended");
                if let Some((completed, seconds)) = meters.completed(*status) {
                    completed.increment(1);
                    let now = self.shared.engine.clock.now();
                    let took = now.since(self.state.started_at()).as_secs_f64();
                    seconds.record(took);
                    let plan = &self.shared.plan;
                    let code = failure.as_ref().map(|failure| failure.code);
                    let counted = || workflow_seconds(plan.blueprint(), code);
                    match code {
                        None => plan.seconds.get_or_init(counted).record(took),
                        Some(_) => counted().record(took),
                    }
                }
            }
            Body::Started { node, attempt, .. } => tracing::debug!(%run, %node, attempt, "node started"),
            Body::Succeeded { node, .. } => tracing::debug!(%run, %node, "node succeeded"),
            Body::Opened { node, .. } => tracing::debug!(%run, %node, "node opened"),
            Body::Funded { refused: Some(why), .. } => {
                tracing::warn!(%run, why, "a shared budget is used up")
            }
            Body::Exceeded { failure } => tracing::warn!(%run, code = %failure.code, "run out of time"),
            Body::Parked { failure } => tracing::warn!(%run, code = %failure.code, "run parked"),
            Body::Reported { node, report } => {
                tracing::info!(%run, %node, verdict = report.verdict.name(), "execution ended");
            }
            Body::Denied { node, denial } => {
                tracing::warn!(%run, %node, kind = denial.kind.as_str(), what = %denial.what, "denied");
            }
            Body::Asked { node, .. } => {
                tracing::info!(%run, %node, "a person is asked");
                counter(MetricName::QuestionsAsked, &[]).increment(1);
            }
            Body::Escalated { node, to } => {
                tracing::warn!(%run, %node, %to, "nobody has answered; the question is escalated");
                counter(MetricName::QuestionsEscalated, &[]).increment(1);
            }
            Body::Answered { node, answer } => {
                let kind = answer.kind.as_str();
                tracing::info!(%run, %node, kind, by = %answer.by, "question answered");
                counter(MetricName::QuestionsAnswered, &[("kind", kind)]).increment(1);
            }
            Body::Iterated { node, iteration } => tracing::debug!(%run, %node, iteration, "next iteration"),
            Body::Watching { node, .. } => tracing::debug!(%run, %node, "a monitor watches"),
            Body::Checked { node, holds, metrics, .. } => {
                if *holds {
                    tracing::warn!(%run, %node, %metrics, "what a monitor watches for holds");
                }
                let triggered = if *holds { "true" } else { "false" };
                counter(MetricName::MonitorChecks, &[("triggered", triggered)]).increment(1);
            }
            Body::Alerted { node, sent, failure } => {
                tracing::info!(%run, %node, %sent, code = failure.as_ref().map(|f| f.code.name()), "alert");
                for (channel, sent) in sent.as_map().into_iter().flatten() {
                    let sent = if *sent == ice_core::value::Value::from(true) { "true" } else { "false" };
                    let labels = [("channel", &**channel), ("sent", sent)];
                    counter(MetricName::AlertsSent, &labels).increment(1);
                }
            }
            Body::Migrated(to) => {
                tracing::info!(%run, plan = %to.plan, by = %to.by, "run moved to another plan")
            }
            Body::Manifest(_)
            | Body::Step { .. }
            | Body::Receipt { .. }
            | Body::Woken { .. }
            | Body::Closed { .. }
            | Body::Cancelling { .. }
            | Body::Cancelled { .. }
            | Body::Discarded { .. }
            | Body::InDoubt { .. }
            | Body::Settled { .. }
            | Body::Funded { refused: None, .. }
            | Body::Resumed { .. } => {}
        }
    }
}
