//! Documents that people write beside blueprints, read as blueprints are: JSON or YAML, strictly, with every problem
//! at once, its line, and the nearest known name.
//!
//! ```
//! use ice_core::blueprint::Format;
//! use ice_core::document;
//!
//! let read = |text| document::read(text, Format::Yaml, "a.yaml", "greeting", |object| object.required_text("name"));
//! assert_eq!(read("name: Ada\n").value.as_deref(), Some("Ada"));
//! assert_eq!(
//!     read("nmae: Ada\n").diagnostics.to_string(),
//!     "a.yaml:1:1: error[UNKNOWN_FIELD]: nmae: unknown field `nmae`; did you mean `name`?"
//! );
//! ```

mod object;
mod problem;
mod reading;

pub use object::Object;
pub use problem::Problem;
pub use reading::{Reading, read};
