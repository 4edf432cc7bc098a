//! JSON Schemas: simple schema dictionaries made whole, schemas compiled, values checked against them.
//!
//! Nothing is ever fetched: a `$ref` may lead only to places within the schema and to the meta-schemas of
//! JSON Schema itself. Patterns run in linear time.

mod bounds;
mod error;
mod of;
mod representation;
mod simple;
mod validator;

pub use error::{SchemaError, SchemaViolation};
pub use of::{of_input, of_output};
pub use simple::{is_json_schema, normalize};
pub use validator::Validator;
