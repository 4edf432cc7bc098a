//! What a policy makes of what is about to be sent.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::llm::{Message, PromptPolicy, Request, Ruling};
use ice_core::value::{Map, Value};

use crate::journal::{Failure, Intent};

/// What goes instead of an intent, or nothing if it goes as it is. `read` gives a request as it is sent, and how many of its
/// first messages were let through before.
///
/// # Errors
/// `POLICY_STOPPED`, if nothing is to go.
pub(crate) fn inspected(
    policy: &dyn PromptPolicy,
    intent: &Intent,
    read: impl FnOnce(&Value) -> Result<(Request, usize), serde_json::Error>,
) -> Result<Option<Intent>, Failure> {
    match intent {
        Intent::Tool { tool, input } => match policy.inspect_call(tool, input) {
            Ruling::Allow => Ok(None),
            Ruling::Replace(input) => Ok(Some(Intent::Tool { tool: Arc::clone(tool), input })),
            Ruling::Stop { reason } => Err(stopped(&format!("the call of `{tool}`"), &reason)),
        },
        Intent::Llm { provider, request } => {
            // What cannot be read cannot be sent: whoever sends it says what is wrong.
            let Ok((read, seen)) = read(request) else { return Ok(None) };
            match policy.inspect_request(&read, seen) {
                Ruling::Allow => Ok(None),
                Ruling::Replace(other) => {
                    let request = replaced(request, &read, other)?;
                    Ok(Some(Intent::Llm { provider: Arc::clone(provider), request }))
                }
                Ruling::Stop { reason } => Err(stopped(&format!("a request to `{provider}`"), &reason)),
            }
        }
        // What these do are their steps, or reach no model and no tool.
        Intent::Code { .. }
        | Intent::Agent { .. }
        | Intent::Swarm { .. }
        | Intent::Aware { .. }
        | Intent::Memory { .. }
        | Intent::Alert { .. } => Ok(None),
    }
}

fn stopped(what: &str, reason: &str) -> Failure {
    Failure::new(ErrorCode::PolicyStopped, format!("the policy stopped {what}: {reason}"))
}

/// Another request as a value. Messages that are the same ones are shared with it.
fn replaced(value: &Value, read: &Request, other: Request) -> Result<Value, Failure> {
    let broken = |error: serde_json::Error| {
        Failure::new(ErrorCode::ModelFailed, format!("the request cannot be written: {error}"))
    };
    let known = value.get("messages").and_then(Value::as_list).unwrap_or_default();
    let message = |(at, message): (usize, &Arc<Message>)| {
        let same =
            read.messages.get(at).is_some_and(|before| Arc::ptr_eq(before, message) || before == message);
        match known.get(at).filter(|_| same) {
            Some(value) => Ok(value.clone()),
            None => Value::from_serialize(&**message),
        }
    };
    let messages = other.messages.iter().enumerate().map(message).collect::<Result<Vec<_>, _>>();
    let messages = Value::from(messages.map_err(broken)?);
    let others = Value::from_serialize(&Request { messages: Vec::new(), ..other }).map_err(broken)?;
    let mut entries: Map = others.as_map().cloned().unwrap_or_default();
    entries.insert(Arc::from("messages"), messages);
    Ok(Value::from(entries))
}
