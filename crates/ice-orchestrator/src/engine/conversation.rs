//! Requests to models as providers take them. A conversation grows at its end and is sent whole with every call: each of its
//! messages is read once, and shared from then on.

use std::sync::{Arc, Mutex, PoisonError};

use ahash::AHashMap;
use ice_core::llm::{Message, Request};
use ice_core::value::Value;
use serde_json::Error;

/// Bytes of messages that are kept, roughly. What is more is read again with the next request.
const KEPT_BYTES: usize = 16 << 20;

/// Requests of so few messages are hardly part of a conversation: nothing is kept of them.
const FEW: usize = 2;

/// The messages of one attempt's conversations, as far as they were read.
#[derive(Debug, Default)]
pub(super) struct Conversation(Mutex<Option<Box<Known>>>);

#[derive(Debug, Default)]
struct Known {
    /// By the address of the value that was read. Keeping the value keeps the address from being used again.
    messages: AHashMap<usize, (Value, Read)>,
    bytes: usize,
}

/// A message that was read.
#[derive(Debug)]
struct Read {
    message: Arc<Message>,
    /// Whether it was let through as it is.
    passed: bool,
}

impl Conversation {
    /// Reads a request, and says how many of its first messages were let through before.
    pub(super) fn unseen(&self, value: &Value) -> Result<(Request, usize), Error> {
        let request = self.request(value)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut passed = |message: &Value| {
            known.as_mut().and_then(|known| known.find(message)).is_some_and(|read| read.passed)
        };
        let messages = value.get("messages").and_then(Value::as_list).unwrap_or_default();
        let seen = messages.iter().take_while(|message| passed(message)).count();
        Ok((request, seen))
    }

    /// All messages of a request were let through as they are.
    pub(super) fn pass(&self, value: &Value) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = known.as_mut() else { return };
        for message in value.get("messages").and_then(Value::as_list).unwrap_or_default() {
            if let Some(read) = known.find(message) {
                read.passed = true;
            }
        }
    }

    /// Reads a request.
    pub(super) fn request(&self, value: &Value) -> Result<Request, Error> {
        let messages = value.get("messages").and_then(Value::as_list).unwrap_or_default();
        let Some(entries) = value.as_map().filter(|_| messages.len() > FEW) else { return value.to() };
        let mut others = entries.clone();
        others.insert(Arc::from("messages"), Value::list([]));
        let mut request: Request = Value::from(others).to()?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_default();
        request.messages = messages.iter().map(|message| known.read(message)).collect::<Result<_, _>>()?;
        Ok(request)
    }
}

impl Known {
    fn find(&mut self, value: &Value) -> Option<&mut Read> {
        let Value::Map(entries) = value else { return None };
        self.messages.get_mut(&(Arc::as_ptr(entries) as usize)).map(|(_, read)| read)
    }

    fn read(&mut self, value: &Value) -> Result<Arc<Message>, Error> {
        let Value::Map(entries) = value else { return value.to() };
        let address = Arc::as_ptr(entries) as usize;
        if let Some((_, read)) = self.messages.get(&address) {
            return Ok(Arc::clone(&read.message));
        }
        let message: Arc<Message> = value.to()?;
        let bytes = value.weight(KEPT_BYTES);
        if self.bytes.saturating_add(bytes) > KEPT_BYTES {
            self.messages.clear();
            self.bytes = 0;
        }
        if bytes <= KEPT_BYTES {
            self.bytes += bytes;
            let read = Read { message: Arc::clone(&message), passed: false };
            self.messages.insert(address, (value.clone(), read));
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use ice_core::llm::{Part, Role};

    use super::*;

    fn said(length: usize, number: usize) -> Value {
        let text = format!("{number} {}", "x".repeat(length));
        Value::from_serialize(&Message::text(Role::User, text)).unwrap()
    }

    fn request(messages: &[Value]) -> Value {
        Value::map([
            ("model", Value::from("m")),
            ("messages", Value::list(messages.iter().cloned())),
            ("temperature", Value::try_from(0.5).unwrap()),
        ])
    }

    #[test]
    fn a_request_is_what_it_says_and_what_it_has_in_common_with_the_last_one_is_shared() {
        let conversation = Conversation::default();
        let mut messages: Vec<Value> = (0..3).map(|number| said(10, number)).collect();
        let first = conversation.request(&request(&messages)).unwrap();
        messages.push(said(10, 3));
        let whole = request(&messages);
        let second = conversation.request(&whole).unwrap();
        assert_eq!(second, whole.to().unwrap());
        let shared = first.messages.iter().zip(&second.messages).all(|(one, other)| Arc::ptr_eq(one, other));
        assert!(shared && first.messages.len() == 3);
        // What stands in the place of another message is itself.
        messages[1] = said(10, 9);
        assert_eq!(conversation.request(&request(&messages)).unwrap(), request(&messages).to().unwrap());
        let few = request(&messages[..1]);
        assert_eq!(conversation.request(&few).unwrap(), few.to().unwrap());
    }

    #[test]
    fn what_was_let_through_is_told_from_what_is_new() {
        let conversation = Conversation::default();
        let mut messages: Vec<Value> = (0..3).map(|number| said(10, number)).collect();
        let seen = |messages: &[Value]| conversation.unseen(&request(messages)).unwrap().1;
        assert_eq!((seen(&messages), seen(&messages)), (0, 0), "reading is not letting through");
        conversation.pass(&request(&messages));
        messages.push(said(10, 3));
        assert_eq!(seen(&messages), 3);
        messages[1] = said(10, 9);
        assert_eq!(seen(&messages), 1);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let odd = Value::map([("role", Value::from("nobody")), ("parts", Value::list([]))]);
        for wrong in [odd, Value::from(1)] {
            let messages = [said(1, 0), said(1, 1), wrong];
            assert!(Conversation::default().request(&request(&messages)).is_err());
        }
        assert!(Conversation::default().request(&Value::from("text")).is_err());
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes() {
        let conversation = Conversation::default();
        let messages: Vec<Value> = (0..40).map(|number| said(1 << 20, number)).collect();
        for upto in 3..=messages.len() {
            let read = conversation.request(&request(&messages[..upto])).unwrap();
            let Some(Part::Text { text }) = read.messages.last().and_then(|last| last.parts.first()) else {
                panic!("{} messages", read.messages.len());
            };
            assert!(text.starts_with(&format!("{} ", upto - 1)));
        }
        let known = conversation.0.lock().unwrap();
        let known = known.as_ref().unwrap();
        let held: usize = known.messages.values().map(|(value, _)| value.weight(usize::MAX)).sum();
        assert!(held == known.bytes && held <= KEPT_BYTES && held > 0, "{held}");
    }
}
