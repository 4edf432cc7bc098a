//! The port of whoever looks at what goes to models and tools before it does.

use std::fmt;

use super::Request;
use crate::value::Value;

/// What becomes of something that is about to be sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling<T> {
    /// It goes as it is.
    Allow,
    /// This goes instead, and is what the journal has.
    Replace(T),
    /// Nothing goes: what would have sent it fails with `POLICY_STOPPED`.
    Stop {
        /// Why, for people. It must hold nothing of what was stopped.
        reason: String,
    },
}

/// Looks at every request to a model and every call of a tool before it is recorded and made.
///
/// A ruling depends on nothing but what it is about: a run that is gone through again, or taken up after a crash, asks again
/// and must hear the same. Must not block.
///
/// ```
/// use ice_core::llm::{PromptPolicy, Request, Ruling};
/// use ice_core::value::Value;
///
/// /// Lets no mail be sent.
/// #[derive(Debug)]
/// struct NoMail;
///
/// impl PromptPolicy for NoMail {
///     fn inspect_request(&self, _request: &Request, _seen: usize) -> Ruling<Request> {
///         Ruling::Allow
///     }
///
///     fn inspect_call(&self, tool: &str, _input: &Value) -> Ruling<Value> {
///         match tool {
///             "send_mail" => Ruling::Stop { reason: "mail is not sent from here".to_owned() },
///             _ => Ruling::Allow,
///         }
///     }
/// }
///
/// assert_eq!(NoMail.inspect_call("add", &Value::Null), Ruling::Allow);
/// ```
pub trait PromptPolicy: Send + Sync + fmt::Debug {
    /// Looks at a request to a model. A conversation is sent whole with each of its rounds: `seen` of its first messages
    /// were let through as they are with an earlier one.
    fn inspect_request(&self, request: &Request, seen: usize) -> Ruling<Request>;

    /// Looks at a call of a tool.
    fn inspect_call(&self, tool: &str, input: &Value) -> Ruling<Value>;
}
