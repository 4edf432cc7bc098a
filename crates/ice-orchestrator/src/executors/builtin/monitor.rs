//! `monitor`: looks at an expression from time to time, and acts when it holds.

use std::sync::Arc;
use std::time::Duration;

use ice_core::alert::{Alert, Severity};
use ice_core::blueprint::ActionOnTrigger;
use ice_core::llm::Usage;
use ice_core::template::Scope;
use ice_core::value::{Map, Value};

use super::template_failure;
use crate::executors::{Completion, Env, StepContext};
use crate::journal::{Failure, Intent};
use crate::workflow::model::MonitorPlan;

/// The metrics of a run, as its state has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metrics {
    pub(crate) elapsed: Duration,
    pub(crate) usage: Usage,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) attempts: u64,
}

impl Metrics {
    /// What expressions see under `run`.
    pub(crate) fn value(&self) -> Value {
        let number = |number: f64| Value::try_from(number).unwrap_or_default();
        Value::map([
            ("elapsed_seconds", number(self.elapsed.as_secs_f64())),
            ("tokens", Value::from(self.usage.total())),
            ("cost_usd", number(self.usage.cost.as_dollars())),
            ("nodes_succeeded", Value::from(self.succeeded)),
            ("nodes_failed", Value::from(self.failed)),
            ("attempts", Value::from(self.attempts)),
        ])
    }
}

/// What monitors have seen and done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) checks: u64,
    pub(crate) triggers: u64,
    pub(crate) alerts: u64,
}

/// Whether the expression holds.
pub(crate) fn check(plan: &MonitorPlan, env: &Env<'_>, metrics: &Value) -> Result<bool, Failure> {
    let seen = Seen { env, metrics };
    plan.expression.test(&seen, &env.limits).map_err(|error| template_failure("metric_expression", &error))
}

/// What the expression sees: what the node does, and after it the metrics of the run.
struct Seen<'s, 'e> {
    env: &'s Env<'e>,
    metrics: &'s Value,
}

impl Scope for Seen<'_, '_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.env.lookup(name).or_else(|| (name == "run").then(|| self.metrics.clone()))
    }

    fn lookup_node(&self, id: &str) -> Option<Value> {
        self.env.lookup_node(id)
    }

    fn names(&self) -> Vec<Arc<str>> {
        let mut names = self.env.names();
        names.push(Arc::from("run"));
        names
    }
}

/// The alert about a look at which the expression held.
pub(crate) fn intent(plan: &MonitorPlan, number: u64, cost_and_time: Severity, metrics: Value) -> Intent {
    let channels = plan.channels.iter().map(|channel| Value::from(channel.as_str()));
    let severity = match cost_and_time {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    };
    let request = Value::map([
        ("channels", Value::list(channels)),
        ("check", Value::from(number)),
        ("message", Value::from(format!("`{}` holds", plan.source))),
        ("severity", Value::from(severity)),
        ("metrics", metrics),
    ]);
    Intent::Alert { request }
}

/// Sends an alert to every channel; one that cannot be sent does not keep the others back. Gives whether it was sent, by
/// channel.
pub(crate) async fn run(
    plan: &MonitorPlan,
    ctx: &StepContext,
    intent: Intent,
) -> Result<Completion, Failure> {
    let mut sent = Map::default();
    let all = futures::future::join_all(plan.channels.iter().map(|channel| {
        let intent = intent.clone();
        async move { (*channel, Arc::clone(&ctx.port).alert(ctx, *channel, &intent).await) }
    }));
    for (channel, result) in all.await {
        if ctx.cancel.is_cancelled() {
            result?;
            continue;
        }
        if let Err(failure) = &result {
            let (path, channel) = (&ctx.path, channel.as_str());
            tracing::warn!(%path, channel, code = %failure.code, message = %failure.message, "alert not sent");
        }
        sent.insert(Arc::from(channel.as_str()), Value::from(result.is_ok()));
    }
    Ok(Value::from(sent).into())
}

/// Reads the alert of an intent.
pub(crate) fn alert(request: &Value, run: ice_core::id::RunId, ctx: &StepContext, channel: &str) -> Alert {
    let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = request.get("check").and_then(Value::as_i64).unwrap_or_default();
    Alert {
        idempotency_key: format!("{run}/{}/{}/check[{number}]/{channel}", ctx.path, ctx.attempt),
        run,
        node: ctx.path.clone(),
        message: text("message").to_owned(),
        severity: match text("severity") {
            "critical" => Severity::Critical,
            "high" => Severity::High,
            "medium" => Severity::Medium,
            _ => Severity::Low,
        },
        metrics: request.get("metrics").cloned().unwrap_or_default(),
    }
}

/// What a monitor gives when it ends.
pub(crate) fn output(plan: &MonitorPlan, tally: Tally, took: Duration, holds: bool) -> Value {
    let Tally { checks, triggers, alerts } = tally;
    let (action, status) = match plan.action {
        ActionOnTrigger::Pause if holds => (Value::from("workflow_paused"), "paused"),
        ActionOnTrigger::Abort if holds => (Value::from("workflow_aborted"), "aborted"),
        ActionOnTrigger::AlertOnly | ActionOnTrigger::Pause | ActionOnTrigger::Abort if triggers == 0 => {
            (Value::Null, "completed")
        }
        ActionOnTrigger::AlertOnly | ActionOnTrigger::Pause | ActionOnTrigger::Abort => {
            (Value::from("alert_only"), "completed")
        }
    };
    Value::map([
        ("monitoring_active", Value::from(false)),
        ("checks_performed", Value::from(checks)),
        ("triggers_fired", Value::from(triggers)),
        ("alerts_sent", Value::from(alerts)),
        ("action_taken", action),
        ("final_status", Value::from(status)),
        ("monitoring_duration_seconds", Value::try_from(took.as_secs_f64()).unwrap_or_default()),
        ("metric_evaluated", Value::String(Arc::clone(&plan.source))),
        ("triggered", Value::from(triggers > 0)),
    ])
}
