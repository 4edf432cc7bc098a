//! Whether something names somebody: as whole words, whatever their case, white space and way of writing the same letters.
//!
//! ```
//! use ice_core::mention::Mentions;
//! use ice_core::value::Value;
//!
//! let ada = Mentions::of(["Ada Lovelace"]).unwrap();
//! assert!(ada.in_text("To: ADA\u{a0}LOVELACE, London"));
//! assert!(!ada.in_text("Ada Lovelaces"));
//! assert!(ada.in_value(&Value::map([("to", Value::string(r#"{"name":"\u0041da Lovelace"}"#))])));
//! ```

mod fold;
mod mentions;

pub use mentions::{Mentions, NoName};
