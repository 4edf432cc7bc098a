//! Nodes that watch.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{json, plan, registry};
use ice_core::alert::{Alert, AlertSink, Severity};
use ice_core::blueprint::AlertChannel;
use ice_core::error::ErrorCode;
use ice_core::id::Tenant;
use ice_core::registry::Registry;
use ice_core::tools::{ToolContext, ToolError};
use ice_core::value::Value;
use ice_orchestrator::engine::Engine;
use ice_orchestrator::journal::{Decision, Intent, RunOptions, RunStatus};
use ice_orchestrator::simulation::{Call, Choices, Faults, Finished, Paths, Random, Reply, Simulation};

/// Chooses the first of what could happen.
struct First;

impl Choices for First {
    fn choose(&mut self, _: usize) -> usize {
        0
    }
}

/// Tools take as many seconds as their `s`; every alert is sent but those by text message.
#[cfg(test)]
fn world(call: &Call<'_>) -> Reply {
    if let Intent::Alert { request } = call.intent {
        let channels = request.get("channels").and_then(Value::as_list).unwrap().iter();
        let sent = channels.map(|channel| {
            let name = channel.as_str().unwrap();
            (name, Value::from(name != "sms"))
        });
        return Reply::give(Value::map(sent));
    }
    let seconds = call.input().get("s").and_then(Value::as_i64).unwrap_or_default();
    Reply::give("done").after(Duration::from_secs(seconds.unsigned_abs()))
}

#[cfg(test)]
fn simulate(yaml: &str, faults: Faults, choices: &mut impl Choices) -> Finished {
    let plan = plan(yaml, &registry());
    let run = Simulation::new(&plan, json("{}"), RunOptions::default(), world, choices);
    run.faults(faults).run().unwrap_or_else(|violation| panic!("{violation}"))
}

#[cfg(test)]
fn facts(finished: &Finished) -> (i64, i64, i64, f64) {
    let output = finished.output.get("m").unwrap_or_else(|| panic!("{:?}", finished.failures));
    let number = |name: &str| output.get(name).unwrap().as_i64().unwrap();
    let took = output.get("monitoring_duration_seconds").unwrap().as_f64().unwrap();
    (number("checks_performed"), number("triggers_fired"), number("alerts_sent"), took)
}

const BESIDE: &str = "nodes:
- {id: m, type: monitor, metric_expression: run.nodes_succeeded >= 2, check_interval_seconds: 5}
- {id: a, type: tool, tool_name: same, tool_args: {s: 4}}
- {id: b, type: tool, tool_name: same, tool_args: {s: 4}, dependencies: [a]}
- {id: c, type: tool, tool_name: same, tool_args: {s: 4}, dependencies: [b]}";

#[test]
fn it_looks_at_intervals_beside_other_nodes_and_ends_after_they_did() {
    let finished = simulate(BESIDE, Faults::default(), &mut First);
    assert_eq!(finished.status, RunStatus::Succeeded, "{:?}", finished.failures);
    // At 0, 5, 10, and once more at 12 s, when nothing else goes on.
    let expected = r#"{"monitoring_active": false, "checks_performed": 4, "triggers_fired": 2, "alerts_sent": 0,
        "action_taken": "alert_only", "final_status": "completed", "monitoring_duration_seconds": 12.0,
        "metric_evaluated": "run.nodes_succeeded >= 2", "triggered": true}"#;
    assert_eq!(finished.output.get("m").unwrap().to_string(), json(expected).to_string());
}

#[test]
fn it_looks_five_times_or_as_often_as_its_time_or_its_number_allows() {
    let slow = "- {id: slow, type: tool, tool_name: same, tool_args: {s: 100}}";
    for (fields, expected) in [
        ("check_interval_seconds: 5", (5, 5, 0, 20.0)),
        ("max_checks: 7", (7, 7, 0, 30.0)),
        ("timeout_seconds: 42", (10, 10, 0, 42.0)),
        ("timeout_seconds: 42, max_checks: 3", (3, 3, 0, 10.0)),
        ("timeout_seconds: 3", (2, 2, 0, 3.0)),
        ("check_interval_seconds: 60", (3, 3, 0, 100.0)),
    ] {
        let yaml = format!("nodes:\n- {{id: m, type: monitor, metric_expression: 'true', {fields}}}\n{slow}");
        assert_eq!(facts(&simulate(&yaml, Faults::default(), &mut First)), expected, "{fields}");
    }
}

#[test]
fn alone_it_looks_once_and_keeps_nothing_waiting() {
    let yaml = "nodes:
- {id: m, type: monitor, metric_expression: run.tokens > 0}
- {id: after, type: tool, tool_name: same, tool_args: {value: '{{ m.triggered }}'}}";
    let finished = simulate(yaml, Faults::default(), &mut First);
    assert_eq!(facts(&finished), (1, 0, 0, 0.0));
    assert!(finished.output.get("after").is_some());
    let output = finished.output.get("m").unwrap();
    assert_eq!(output.get("action_taken"), Some(&Value::Null));
}

#[test]
fn it_reads_the_outputs_in_scope_and_the_metrics_of_the_run() {
    let yaml = "nodes:
- {id: n, type: tool, tool_name: same, tool_args: {s: 7}}
- id: m
  type: monitor
  metric_expression: n == 'done' and run.elapsed_seconds >= 7 and run.nodes_failed == 0 and run.attempts >= 2 and run.cost_usd == 0
- {id: run, type: tool, tool_name: same}";
    // A node of that name comes first.
    let finished = simulate(yaml, Faults::default(), &mut First);
    assert_eq!(finished.status, RunStatus::Failed);
    let failure = &finished.failures[0];
    assert_eq!((failure.node.as_str(), failure.failure.code), ("m", ErrorCode::TemplateFailed));
    assert_eq!(failure.failure.about.as_ref().unwrap().field, "metric_expression");
    let finished = simulate(&yaml.replace("id: run", "id: other"), Faults::default(), &mut First);
    assert_eq!(facts(&finished), (1, 1, 0, 0.0), "{:?}", finished.failures);
}

const PAUSES: &str = "nodes:
- {id: m, type: monitor, metric_expression: run.nodes_succeeded > 0, action_on_trigger: pause, alert_channels: [slack, sms]}
- {id: a, type: tool, tool_name: same, tool_args: {s: 1}}
- {id: b, type: tool, tool_name: same, tool_args: {s: 9}, dependencies: [a]}
- {id: c, type: tool, tool_name: same, dependencies: [b]}";

#[test]
fn pause_parks_the_run_until_it_is_resumed() {
    let finished = simulate(PAUSES, Faults::default(), &mut First);
    assert_eq!(
        (finished.status, finished.failure.as_ref().unwrap().code),
        (RunStatus::Parked, ErrorCode::RunPaused)
    );
    // What was under way ended; nothing new began.
    assert_eq!((finished.output.get("b").is_some(), finished.output.get("c")), (true, None));
    assert_eq!(facts(&finished), (2, 1, 1, 5.0));
    assert_eq!(finished.output.get("m").unwrap().get("final_status"), Some(&Value::from("paused")));
    let plan = plan(PAUSES, &registry());
    let resumed = Simulation::resume(&plan, &finished.journal, world, &mut First).unwrap().run().unwrap();
    assert_eq!(resumed.status, RunStatus::Succeeded, "{:?}", resumed.failure);
    assert_eq!(facts(&resumed), (2, 1, 1, 5.0));
}

#[test]
fn abort_ends_the_run_whatever_its_policy() {
    let finished = simulate(
        &PAUSES.replace("action_on_trigger: pause", "action_on_trigger: abort"),
        Faults::default(),
        &mut First,
    );
    let failure = finished.failure.as_ref().unwrap();
    assert_eq!((finished.status, failure.code), (RunStatus::Failed, ErrorCode::RunAborted));
    assert!(failure.message.contains("`run.nodes_succeeded > 0` held at look 2"), "{failure}");
    assert_eq!(finished.output.get("c"), None);
    assert_eq!(finished.failures[0].node.as_str(), "m");
}

#[test]
fn with_a_crash_anywhere_it_ends_as_without() {
    let yaml = "nodes:
- {id: m, type: monitor, metric_expression: run.nodes_succeeded > 0, alert_channels: [slack], max_checks: 2, output_selection: [final_status]}
- {id: a, type: tool, tool_name: same, tool_args: {s: 6}}";
    let mut paths = Paths::new();
    let (mut count, mut alerts) = (0, 0);
    loop {
        let faults = Faults { crashes: 1, ..Faults::default() };
        let finished = simulate(yaml, faults, &mut paths);
        assert_eq!(finished.status, RunStatus::Succeeded);
        assert_eq!(finished.output.to_string(), r#"{"m":{"final_status":"completed"},"a":"done"}"#);
        alerts += finished.trace.iter().filter(|line| line.contains("    Alerted")).count();
        count += 1;
        if !paths.advance() {
            break;
        }
    }
    assert!((10..3_000).contains(&count) && alerts >= count / 2, "{count} orders, {alerts} alerts");
}

#[test]
fn within_loops_and_races_it_ends_with_them() {
    let yaml = "nodes:
- id: each
  type: loop
  items_source: '{{ [1, 2] }}'
  body:
  - {id: work, type: tool, tool_name: same, tool_args: {s: 7}}
  - {id: w, type: monitor, metric_expression: run.attempts > 2, output_selection: [checks_performed]}
- id: p
  type: parallel
  wait_strategy: race
  branches:
  - [{id: v, type: monitor, metric_expression: 'true', alert_channels: [slack], timeout_seconds: 1000}]
  - [{id: x, type: tool, tool_name: same, tool_args: {s: 30}}]";
    for seed in 0..200 {
        let faults =
            Faults { crashes: 2, late: true, decisions: vec![Decision::Repeat], ..Faults::default() };
        let finished = simulate(yaml, faults, &mut Random::new(seed));
        assert_eq!(finished.status, RunStatus::Succeeded, "{:?}", finished.failures);
    }
    let finished = simulate(yaml, Faults::default(), &mut First);
    let each = json(r#"[{"checks_performed": 5}, {"checks_performed": 3}]"#);
    assert_eq!(finished.output.get("each"), Some(&each));
}

/// Keeps what it is told; says no to the first alert.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Alert>>);

#[async_trait::async_trait]
impl AlertSink for Kept {
    async fn send(&self, ctx: &ToolContext, alert: &Alert) -> Result<(), ToolError> {
        assert_eq!(ctx.run, alert.run);
        let mut kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.push(alert.clone());
        if kept.len() == 1 {
            return Err(ToolError::failed(ErrorCode::ToolFailed, "not now"));
        }
        Ok(())
    }
}

#[cfg(test)]
fn with_sink(sink: &Arc<Kept>) -> Registry {
    let mut registry = registry();
    registry.alerts.register(AlertChannel::Slack, Arc::clone(sink) as _);
    registry
}

#[tokio::test]
async fn alerts_go_to_whoever_takes_them_on() {
    let sink = Arc::new(Kept::default());
    let registry = with_sink(&sink);
    let yaml = "nodes:
- {id: m, type: monitor, metric_expression: 'true', alert_channels: [slack, email], check_interval_seconds: 1, max_checks: 3}
- {id: w, type: tool, tool_name: wait, timeout_seconds: 3}";
    let plan = plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let options = RunOptions { cancel_grace_ms: 100, ..RunOptions::default() };
    let handle =
        engine.start(&plan, json("{}"), options, &crate::common::me(), &Tenant::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    crate::common::replays(&engine, end.id).await;
    let output = end.output.get("m").unwrap();
    // Nobody takes on mail, and the first one was refused.
    assert_eq!(output.get("alerts_sent"), Some(&Value::from(2)), "{output}");
    assert_eq!(output.get("triggers_fired"), Some(&Value::from(3)), "{output}");
    let alerts = sink.0.lock().unwrap();
    let keys: Vec<String> = alerts.iter().map(|alert| alert.idempotency_key.clone()).collect();
    let expected = (1..=3).map(|check| format!("{}/m/1/check[{check}]/slack", handle.id()));
    assert_eq!(keys, expected.collect::<Vec<_>>());
    assert_eq!((alerts[0].severity, alerts[0].message.as_str()), (Severity::Low, "`true` holds"));
    assert!(alerts[2].metrics.get("elapsed_seconds").unwrap().as_f64().unwrap() >= 2.0);
}

#[tokio::test]
async fn a_paused_run_is_resumed_and_ends() {
    let registry = registry();
    let yaml = "nodes:
- {id: a, type: tool, tool_name: same, tool_args: {value: 1}}
- {id: m, type: monitor, metric_expression: a == 1, action_on_trigger: pause}
- {id: b, type: tool, tool_name: same, tool_args: {value: '{{ m.action_taken }}'}}";
    let plan = plan(yaml, &registry);
    let engine = Engine::builder().registry(registry).build();
    let options = RunOptions::default();
    let handle =
        engine.start(&plan, json("{}"), options, &crate::common::me(), &Tenant::default()).await.unwrap();
    let end = handle.wait().await.unwrap();
    crate::common::replays(&engine, end.id).await;
    assert_eq!((end.status, end.failure.as_ref().unwrap().code), (RunStatus::Parked, ErrorCode::RunPaused));
    let resumed = engine.resume(&Tenant::default(), handle.id(), &crate::common::me(), None).await.unwrap();
    let end = resumed.wait().await.unwrap();
    assert_eq!(end.status, RunStatus::Succeeded, "{:?}", end.failure);
    assert_eq!(end.output.get("b"), Some(&Value::from("workflow_paused")));
}
