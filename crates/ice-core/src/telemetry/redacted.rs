//! What spans may hold of what is said: what a policy lets a model see.

use std::sync::Arc;

use crate::llm::{Message, Part, PromptPolicy, Request, Role, Ruling};
use crate::value::Value;

/// Messages after a policy has looked at them; nothing if it stops them, or gives others in their place.
///
/// Policies let what a model said itself, and calls of tools, go as they are. Here nothing does: it all is shown to the policy
/// as if others had said it.
#[must_use]
pub fn redacted(policy: &dyn PromptPolicy, said: &[Arc<Message>]) -> Option<Vec<Arc<Message>>> {
    let foreign = said.iter().map(|message| Arc::new(foreign(message)));
    let request = Request { messages: foreign.collect(), ..Request::default() };
    match policy.inspect_request(&request, 0) {
        Ruling::Allow => Some(said.to_vec()),
        Ruling::Replace(other) if other.messages.len() == said.len() => {
            said.iter().zip(&other.messages).map(|(message, seen)| own(message, seen)).collect()
        }
        Ruling::Replace(_) | Ruling::Stop { .. } => None,
    }
}

/// A value, as [`redacted`] gives messages.
#[must_use]
pub fn redacted_value(policy: &dyn PromptPolicy, value: &Value) -> Option<Value> {
    let part = Part::ToolResult { call_id: String::new(), content: value.clone(), is_error: false };
    let message = Arc::new(Message { role: Role::Tool, parts: vec![part] });
    let seen = redacted(policy, &[message])?;
    match seen.first()?.parts.first()? {
        Part::ToolResult { content, .. } => Some(content.clone()),
        Part::Text { .. }
        | Part::Blob { .. }
        | Part::ToolCall { .. }
        | Part::Reasoning { .. }
        | Part::Opaque { .. } => None,
    }
}

/// The message as one of a person, whose every text is looked at.
fn foreign(message: &Message) -> Message {
    let part = |part: &Part| match part {
        Part::Reasoning { text } => Part::Text { text: text.clone() },
        Part::ToolCall { id, arguments, .. } => {
            Part::ToolResult { call_id: id.clone(), content: arguments.clone(), is_error: false }
        }
        Part::Text { .. } | Part::Blob { .. } | Part::ToolResult { .. } | Part::Opaque { .. } => part.clone(),
    };
    let role = match message.role {
        Role::Assistant => Role::User,
        role @ (Role::System | Role::User | Role::Tool) => role,
    };
    Message { role, parts: message.parts.iter().map(part).collect() }
}

/// The message with what was let through of it.
fn own(message: &Message, seen: &Message) -> Option<Arc<Message>> {
    if message.parts.len() != seen.parts.len() {
        return None;
    }
    let parts = message.parts.iter().zip(&seen.parts).map(|parts| match parts {
        (Part::Reasoning { .. }, Part::Text { text }) => Some(Part::Reasoning { text: text.clone() }),
        (Part::ToolCall { id, name, .. }, Part::ToolResult { content, .. }) => {
            Some(Part::ToolCall { id: id.clone(), name: name.clone(), arguments: content.clone() })
        }
        (Part::Text { .. }, Part::Text { .. })
        | (Part::Blob { .. }, Part::Blob { .. })
        | (Part::ToolResult { .. }, Part::ToolResult { .. })
        | (Part::Opaque { .. }, Part::Opaque { .. }) => Some(parts.1.clone()),
        _ => None,
    });
    Some(Arc::new(Message { role: message.role, parts: parts.collect::<Option<_>>()? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::RedactSecrets;

    const SECRET: &str = "swordfish-7";

    fn said(role: Role, parts: Vec<Part>) -> Arc<Message> {
        Arc::new(Message { role, parts })
    }

    #[test]
    fn nothing_that_is_known_to_be_secret_is_left_whoever_said_it() {
        let text = || format!("it is {SECRET}");
        let value = || Value::map([("password", Value::from(SECRET))]);
        let call = Part::ToolCall { id: "1".to_owned(), name: "t".to_owned(), arguments: value() };
        let gave = Part::ToolResult { call_id: "1".to_owned(), content: value(), is_error: true };
        let all = [
            said(Role::User, vec![Part::Text { text: text() }]),
            said(Role::Assistant, vec![Part::Reasoning { text: text() }, Part::Text { text: text() }, call]),
            said(Role::Tool, vec![gave]),
        ];
        let policy = RedactSecrets::default().hiding([SECRET.to_owned()]);
        let seen = redacted(&policy, &all).unwrap();
        let shown = serde_json::to_string(&seen).unwrap();
        assert!(!shown.contains(SECRET), "{shown}");
        assert_eq!(shown.matches("[redacted: secret]").count(), 5, "{shown}");
        let roles = |all: &[Arc<Message>]| all.iter().map(|message| message.role).collect::<Vec<_>>();
        assert_eq!(roles(&seen), roles(&all));
        assert!(matches!(&seen[1].parts[2], Part::ToolCall { name, .. } if name == "t"));
        assert!(!redacted_value(&policy, &value()).unwrap().to_string().contains(SECRET));
        assert_eq!(redacted(&RedactSecrets::default(), &all).unwrap(), all, "it is not known here");
    }

    #[test]
    fn what_a_policy_stops_is_not_recorded() {
        #[derive(Debug)]
        struct Stops;
        impl PromptPolicy for Stops {
            fn inspect_request(&self, _: &Request, _: usize) -> Ruling<Request> {
                Ruling::Stop { reason: "no".to_owned() }
            }
            fn inspect_call(&self, _: &str, _: &Value) -> Ruling<Value> {
                Ruling::Allow
            }
        }
        assert_eq!(redacted(&Stops, &[Arc::new(Message::text(Role::User, "hi"))]), None);
        assert_eq!(redacted_value(&Stops, &Value::from(1)), None);
    }
}
