//! What must not be seen, found and replaced: secrets, and what tells of people. For views of all kinds: logs, events, exports,
//! prompts, and what is written to memory.
//!
//! ```
//! use ice_core::redact::{Action, HashKey, Kind, Policy, Preset, Redactor};
//!
//! let policy = Policy::preset(Preset::Strict).with(Kind::Email, Action::Hash);
//! let redactor = Redactor::builder(policy).hash_key(HashKey::new([7; 32])).build().unwrap();
//! let seen = redactor.text("Call +49 30 901820 or write to ada@example.org.");
//! assert!(seen.starts_with("Call [redacted: phone] or write to [email:"));
//! assert_eq!(redactor.text(&seen), seen, "what was redacted stays as it is");
//! ```

mod detect;
mod found;
mod kind;
mod known;
mod pieces;
mod placeholder;
mod policy;
mod redactor;
mod scanner;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub use found::Finding;
pub use kind::Kind;
pub use known::KnownSecrets;
pub use pieces::Pieces;
pub(crate) use placeholder::is_redacted;
pub use policy::{Action, Custom, Policy, Preset};
pub use redactor::{Conceal, HashKey, InvalidPolicy, Redactor, RedactorBuilder};
