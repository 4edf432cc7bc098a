//! JSON Schemas: simple schema dictionaries made whole, schemas compiled, values checked against them.
//!
//! Nothing is ever fetched: a `$ref` may lead only to places within the schema and to the meta-schemas of
//! JSON Schema itself. Patterns run in linear time.
//!
//! ```
//! use ice_core::schema::Validator;
//! use ice_core::value::Value;
//!
//! # fn main() -> Result<(), ice_core::schema::SchemaError> {
//! let schema = Value::map([("name", Value::from("str")), ("ages", Value::from("list[int]"))]);
//! let validator = Validator::compile(&schema)?;
//! let value = Value::map([("name", Value::from("Ada")), ("ages", Value::list([Value::from("x")]))]);
//! let violations = validator.validate(&value).unwrap_err();
//! assert_eq!(violations[0].to_string(), r#"/ages/0: the string is not of type "integer""#);
//! # Ok(())
//! # }
//! ```

mod bounds;
mod choices;
mod error;
mod of;
mod representation;
mod simple;
mod validator;

pub use error::{SchemaError, SchemaViolation};
pub use of::{of_input, of_output};
pub use simple::{is_json_schema, normalize};
pub use validator::Validator;
