//! An event in one line, and what progress needs to know of it.

use std::time::Duration;

use ice_core::budget::Budget;
use ice_core::llm::Usage;
use ice_core::process::{Home, Report};
use ice_core::value::Value;
use ice_orchestrator::events::{Event, EventClass};
use ice_orchestrator::journal::RunStatus;
use serde::de::DeserializeOwned;

use super::text;
use crate::screen::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, styled};

/// The most characters of a message that are shown in a line.
const LONGEST: usize = 160;

/// `12:03:44.120  node.failed  a[2]  TOOL_FAILED: …`.
pub(crate) fn line(event: &Event) -> String {
    let at = event.at.map(|at| at.to_string()).unwrap_or_default();
    let time = at.get(11..23).unwrap_or("            ");
    let style = match event.event.rsplit('.').next().unwrap_or_default() {
        "failed" | "unresponsive" => RED,
        "succeeded" => GREEN,
        "retrying" | "denied" | "parked" | "cancelling" | "cancelled" | "in_doubt" | "asked"
        | "escalated" | "alerted" => YELLOW,
        "started" | "resumed" | "migrated" => CYAN,
        _ => DIM,
    };
    let mut parts = vec![styled(DIM, time), styled(style, format_args!("{:<14}", event.event))];
    if let Some(node) = &event.node {
        parts.push(styled(BOLD, node));
    }
    if let Some(attempt) = event.attempt.filter(|attempt| *attempt > 1) {
        parts.push(styled(DIM, format_args!("attempt {attempt}")));
    }
    let detail = detail(event);
    if !detail.is_empty() {
        parts.push(detail);
    }
    parts.join("  ")
}

/// What an event says beyond its name, in a few words.
fn detail(event: &Event) -> String {
    let data = &event.data;
    if let Some(failure) = failure(event) {
        return failure;
    }
    let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
    match event.event.as_str() {
        "node.checked" => {
            let holds = data.get("triggered") == Some(&Value::from(true));
            return if holds { "holds" } else { "does not hold" }.to_owned();
        }
        "node.alerted" => return alerted(data),
        "run.funded" => return text("refused").unwrap_or_else(|| funded(data)),
        "node.iterated" => return format!("iteration {}", data.get("iteration").unwrap_or(&Value::Null)),
        "node.report" => return report(event).unwrap_or_default(),
        "node.denied" => {
            let kind = text("kind").unwrap_or_default();
            return text::line(&format!("{kind}: {}", text("what").unwrap_or_default()), LONGEST);
        }
        _ => {}
    }
    if let Some(people) = people(event) {
        return people;
    }
    match event.class {
        EventClass::Transient => {
            text("text").map(|piece| format!("{:?}", text::line(&piece, LONGEST))).unwrap_or_default()
        }
        EventClass::Gap => "events that are no longer kept".to_owned(),
        EventClass::Durable => {
            let intent = data.get("intent");
            let tool = intent.and_then(|intent| intent.get("tool")).and_then(Value::as_str);
            let provider = intent.and_then(|intent| intent.get("provider")).and_then(Value::as_str);
            tool.or(provider)
                .map(str::to_owned)
                .or_else(|| text("status"))
                .or_else(|| text("name"))
                .or_else(|| text("reason"))
                .map(|text| text::line(&text, LONGEST))
                .unwrap_or_default()
        }
    }
}

/// How far shared budgets let a run go: `may spend $0.12, 3 tool calls in all`.
fn funded(data: &Value) -> String {
    let Some(until) = data.get("until").and_then(read::<Budget>) else { return String::new() };
    let counts =
        [(until.tokens, "token"), (until.model_calls, "model call"), (until.tool_calls, "tool call")];
    let money = until.cost_usd.map(|cost| format!("${cost}"));
    let counts = counts.into_iter().filter_map(|(count, what)| count.map(|count| text::count(count, what)));
    let all: Vec<String> = money.into_iter().chain(counts).collect();
    if all.is_empty() {
        "shares no budget any more".to_owned()
    } else {
        format!("may spend {} in all", all.join(", "))
    }
}

/// Whom an alert reached: `slack: sent, email: not sent`.
fn alerted(data: &Value) -> String {
    let sent = data.get("sent").and_then(Value::as_map).into_iter().flatten();
    let said = sent.map(|(channel, sent)| {
        let what = if *sent == Value::from(true) { "sent" } else { "not sent" };
        format!("{channel}: {what}")
    });
    said.collect::<Vec<_>>().join(", ")
}

/// What an event about a question says: the question, who is asked next, `approve, by user:ann`.
pub(crate) fn people(event: &Event) -> Option<String> {
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    let said = match event.event.as_str() {
        "node.asked" => text("message").to_owned(),
        "node.escalated" => format!("escalated to {}", text("to")),
        "node.answered" => match text("kind") {
            "auto_approved" => "approved, as nobody had answered".to_owned(),
            "timed_out" => "rejected, as nobody had answered".to_owned(),
            _ => {
                let response = match event.data.get("response") {
                    Some(Value::Bool(approved)) => if *approved { "approve" } else { "reject" }.to_owned(),
                    Some(Value::String(said)) => said.to_string(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                format!("{}, by {}", text::line(&response, LONGEST), text("by"))
            }
        },
        _ => return None,
    };
    Some(text::line(&said, LONGEST))
}

/// `ok in process: 180 ms, 96 ms CPU, 12 MiB`, and the layers that were missing.
fn report(event: &Event) -> Option<String> {
    let report: Report = read(&event.data)?;
    let usage = &report.usage;
    let span = |micros| text::span(Duration::from_micros(micros));
    let home = match report.home {
        Home::InProcess => "in the engine",
        Home::Process => "in a cage",
        Home::Wasm => "in WebAssembly",
        Home::Mcp => "in an MCP server",
    };
    let mut parts = vec![
        format!("{} {home}: {}", report.verdict.name(), span(usage.wall_us)),
        format!("{} CPU", span(usage.cpu_user_us.saturating_add(usage.cpu_system_us))),
        text::size(usage.peak_memory_bytes),
    ];
    if !report.not_enforced.is_empty() {
        let missing: Vec<&str> = report.not_enforced.iter().map(|missing| missing.layer.as_str()).collect();
        parts.push(format!("without {}", missing.join(", ")));
    }
    Some(parts.join(", "))
}

/// The code and message of an event that is about a failure.
pub(crate) fn failure(event: &Event) -> Option<String> {
    let failure = event.data.get("failure")?;
    let code = failure.get("code").and_then(Value::as_str)?;
    let message = failure.get("message").and_then(Value::as_str).unwrap_or_default();
    Some(format!("{code}: {}", text::line(message, LONGEST)))
}

/// The status of the run after an event, if the event tells that it goes no further.
pub(crate) fn status(event: &Event) -> Option<RunStatus> {
    match event.event.as_str() {
        "run.parked" => Some(RunStatus::Parked),
        "run.ended" => read(event.data.get("status")?),
        _ => None,
    }
}

/// The tokens an event tells of, and what they cost.
pub(crate) fn usage(event: &Event) -> Usage {
    let usage = event.data.get("usage").or_else(|| event.data.get("failure")?.get("usage"));
    usage.and_then(read::<Usage>).unwrap_or_default()
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::to_value(value).ok().and_then(|value| serde_json::from_value(value).ok())
}
