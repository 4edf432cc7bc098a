//! What happened, for people and programs that watch.

use std::sync::Arc;

use ice_core::budget::Spend;
use ice_core::id::RunId;
use ice_core::path::NodePath;
use ice_core::time::Moment;
use ice_core::tools::Effect;
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Cursor;
use crate::engine::Transient;
use crate::executors::TransientEvent;
use crate::journal::{Body, Intent, Opening, Outputs, Record, Views};

/// How lasting an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventClass {
    /// A record of the journal: there for as long as the run is.
    Durable,
    /// Shown live, kept for a while.
    Transient,
    /// Stands for events that are no longer kept: `data` has `from` and `to`.
    Gap,
}

/// What happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The run.
    #[schemars(with = "String")]
    pub run: RunId,
    /// Where to go on after this event.
    pub cursor: Cursor,
    /// How lasting it is.
    pub class: EventClass,
    /// The number of the record, for durable events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// When it happened; transient events have no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// What happened, for example `node.succeeded`.
    pub event: String,
    /// The node or step it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodePath>,
    /// The attempt, from 1, where the event tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What else there is to say, an object.
    #[serde(default = "Value::empty_map")]
    pub data: Value,
}

impl Event {
    pub(super) fn durable(
        run: RunId,
        number: u64,
        (record, views): (&Record, &Views),
        cursor: Cursor,
    ) -> Self {
        let record = &*views.record(record, Outputs::Redacted);
        let (event, node, attempt, data) = describe(&record.body);
        Self {
            run,
            cursor,
            class: EventClass::Durable,
            number: Some(number),
            at: Some(record.at),
            event: event.to_owned(),
            node,
            attempt,
            data,
        }
    }

    pub(super) fn transient(run: RunId, transient: &Transient, cursor: Cursor) -> Self {
        let offset = ("offset", Value::from(transient.offset));
        let (event, data) = match &transient.event {
            TransientEvent::Token { text } => {
                ("node.token", Value::map([("text", Value::from(text.as_str())), offset]))
            }
            TransientEvent::Progress { progress } => {
                ("node.progress", Value::map([("progress", progress.clone()), offset]))
            }
            TransientEvent::StreamReset => ("stream.reset", Value::map([offset])),
        };
        Self {
            run,
            cursor,
            class: EventClass::Transient,
            number: None,
            at: None,
            event: event.to_owned(),
            node: Some(transient.address.clone()),
            attempt: Some(transient.attempt),
            data,
        }
    }

    pub(super) fn gap(run: RunId, from: u64, to: u64, cursor: Cursor) -> Self {
        Self {
            run,
            cursor,
            class: EventClass::Gap,
            number: None,
            at: None,
            event: "gap".to_owned(),
            node: None,
            attempt: None,
            data: Value::map([("from", Value::from(from)), ("to", Value::from(to))]),
        }
    }

    /// Whether this is the last event of its run.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.event == "run.ended"
    }
}

fn value<T: Serialize + ?Sized>(value: &T) -> Value {
    Value::from_serialize(value).unwrap_or_default()
}

fn describe(body: &Body) -> (&'static str, Option<NodePath>, Option<u32>, Value) {
    let empty = Value::empty_map();
    match body {
        Body::Manifest(manifest) => {
            let data = Value::map([
                ("blueprint_id", Value::from(manifest.blueprint.as_str())),
                ("name", Value::from(manifest.name.as_str())),
                ("by", Value::from(manifest.by.as_str())),
                ("inputs", manifest.inputs.clone()),
                ("not_enforced", value(&manifest.not_enforced)),
            ]);
            ("run.started", None, None, data)
        }
        Body::Started { node, attempt, intent, effect, held } => {
            ("node.started", Some(node.clone()), Some(*attempt), begun(intent, *effect, held.as_deref()))
        }
        Body::Opened { node, attempt, opening } => {
            let data = match opening {
                Opening::Condition { result } => Value::map([("result", Value::from(*result))]),
                Opening::Loop { items } => {
                    Value::map([("items", Value::from(items.as_list().map_or(0, <[Value]>::len)))])
                }
                Opening::Parallel | Opening::Recursive => empty,
                Opening::Workflow { inputs } => Value::map([("inputs", inputs.clone())]),
            };
            ("node.started", Some(node.clone()), Some(*attempt), data)
        }
        Body::Step { step, intent, effect, held, node: _ } => {
            ("step.started", Some(step.clone()), None, begun(intent, *effect, held.as_deref()))
        }
        Body::Receipt { step, result, usage, stream, cached, .. } => {
            let mut data = match result {
                Ok(output) => vec![("output", output.clone())],
                Err(failure) => vec![("failure", value(failure))],
            };
            if usage.total() > 0 {
                data.push(("usage", value(usage)));
            }
            if let Some(stream) = stream {
                data.push(("stream", Value::from(stream.to_string())));
            }
            if *cached {
                data.push(("cached", Value::from(true)));
            }
            ("step.ended", Some(step.clone()), None, Value::map(data))
        }
        Body::Succeeded { node, output, usage, stream, cached } => {
            let mut data = vec![("output", output.clone())];
            if usage.total() > 0 {
                data.push(("usage", value(usage)));
            }
            if let Some(stream) = stream {
                data.push(("stream", Value::from(stream.to_string())));
            }
            if *cached {
                data.push(("cached", Value::from(true)));
            }
            ("node.succeeded", Some(node.clone()), None, Value::map(data))
        }
        Body::Iterated { node, iteration } => {
            let data = Value::map([("iteration", Value::from(*iteration))]);
            ("node.iterated", Some(node.clone()), None, data)
        }
        Body::Watching { node, attempt } => ("node.watching", Some(node.clone()), Some(*attempt), empty),
        Body::Checked { node, holds, last, metrics } => {
            let data = Value::map([
                ("triggered", Value::from(*holds)),
                ("last", Value::from(*last)),
                ("metrics", metrics.clone()),
            ]);
            ("node.checked", Some(node.clone()), None, data)
        }
        Body::Alerted { node, sent, failure } => {
            let mut data = vec![("sent", sent.clone())];
            data.extend(failure.as_ref().map(|failure| ("failure", value(failure))));
            ("node.alerted", Some(node.clone()), None, Value::map(data))
        }
        Body::Asked { node, attempt, question, step } => {
            let mut data = value(question).as_map().cloned().unwrap_or_default();
            data.extend(step.as_ref().map(|step| (Arc::from("step"), Value::from(step.as_str()))));
            ("node.asked", Some(node.clone()), Some(*attempt), Value::from(data))
        }
        Body::Escalated { node, to } => {
            ("node.escalated", Some(node.clone()), None, Value::map([("to", Value::from(to.as_str()))]))
        }
        Body::Answered { node, answer } => {
            let data = Value::map([
                ("response", answer.response.clone()),
                ("kind", value(&answer.kind)),
                ("by", Value::from(answer.by.as_str())),
                ("comment", Value::from(answer.comment.clone())),
            ]);
            ("node.answered", Some(node.clone()), None, data)
        }
        Body::Closed { node, output } => {
            ("node.succeeded", Some(node.clone()), None, Value::map([("output", output.clone())]))
        }
        Body::Failed { node, failure, retry_at: None } => {
            ("node.failed", Some(node.clone()), None, Value::map([("failure", value(failure))]))
        }
        Body::Failed { node, failure, retry_at: Some(at) } => {
            let data = Value::map([("failure", value(failure)), ("retry_at", value(at))]);
            ("node.retrying", Some(node.clone()), None, data)
        }
        Body::Woken { node } => ("node.queued", Some(node.clone()), None, empty),
        Body::Skipped { node, reason } => {
            ("node.skipped", Some(node.clone()), None, Value::map([("reason", value(reason))]))
        }
        Body::Reported { node, report } => ("node.report", Some(node.clone()), None, value(report)),
        Body::Denied { node, denial } => ("node.denied", Some(node.clone()), None, value(denial)),
        Body::Cancelled { node, in_doubt, winding_down: _ } => {
            let data = Value::map([("in_doubt", Value::from(*in_doubt))]);
            ("node.cancelled", Some(node.clone()), None, data)
        }
        Body::Discarded { node, usage, in_doubt, started: _ } => {
            let data = Value::map([("in_doubt", Value::from(*in_doubt)), ("usage", value(usage))]);
            ("node.discarded", Some(node.clone()), None, data)
        }
        Body::Unresponsive { node } => ("node.unresponsive", Some(node.clone()), None, empty),
        Body::InDoubt { node } => ("node.in_doubt", Some(node.clone()), None, empty),
        Body::Settled { node, decision, by } => {
            let data = Value::map([("decision", value(decision)), ("by", Value::from(by.as_str()))]);
            ("node.settled", Some(node.clone()), None, data)
        }
        Body::Cancelling { by, reason } => {
            let reason = Value::from(reason.clone());
            ("run.cancelling", None, None, Value::map([("by", Value::from(by.as_str())), ("reason", reason)]))
        }
        Body::Funded { until, refused } => {
            let refused = Value::from(refused.as_deref().map(str::to_owned));
            ("run.funded", None, None, Value::map([("until", value(until)), ("refused", refused)]))
        }
        Body::Exceeded { failure } => ("run.exceeded", None, None, Value::map([("failure", value(failure))])),
        Body::Migrated(to) => {
            let data = Value::map([
                ("blueprint_id", Value::from(to.blueprint.as_str())),
                ("name", Value::from(to.name.as_str())),
                ("by", Value::from(to.by.as_str())),
                ("not_enforced", value(&to.not_enforced)),
            ]);
            ("run.migrated", None, None, data)
        }
        Body::Parked { failure } => ("run.parked", None, None, Value::map([("failure", value(failure))])),
        Body::Resumed { by, epoch } => {
            let data = Value::map([("by", Value::from(by.as_str())), ("epoch", Value::from(*epoch))]);
            ("run.resumed", None, None, data)
        }
        Body::Ended { status, output, failure } => {
            let mut data = vec![("status", value(status)), ("output", output.clone())];
            if let Some(failure) = failure {
                data.push(("failure", value(failure)));
            }
            ("run.ended", None, None, Value::map(data))
        }
    }
}

fn begun(intent: &Intent, effect: Effect, held: Option<&Spend>) -> Value {
    let held = held.map(|held| ("held", value(held)));
    let all = [("effect", value(&effect)), ("intent", intent_value(intent))];
    Value::map(all.into_iter().chain(held))
}

fn intent_value(intent: &Intent) -> Value {
    match intent {
        Intent::Tool { tool, input } => {
            Value::map([("tool", Value::String(std::sync::Arc::clone(tool))), ("input", input.clone())])
        }
        Intent::Llm { provider, request } | Intent::Aware { provider, request } => Value::map([
            ("provider", Value::String(std::sync::Arc::clone(provider))),
            ("request", request.clone()),
        ]),
        Intent::Code { request }
        | Intent::Swarm { request }
        | Intent::Alert { request }
        | Intent::Memory { request } => request.clone(),
        Intent::Agent { agent, provider, request } => Value::map([
            ("agent", Value::String(std::sync::Arc::clone(agent))),
            ("provider", Value::String(std::sync::Arc::clone(provider))),
            ("request", request.clone()),
        ]),
    }
}
