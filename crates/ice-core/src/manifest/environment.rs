//! The variables of a program's environment.

use std::collections::BTreeMap;

use crate::document::{Object, Problem};
use crate::error::ErrorCode;

/// The variables that every call sets.
const RESERVED: &str = "ICE_";

/// Reads the field `environment` of a manifest: variables as texts.
pub fn environment(object: &mut Object<'_, '_>) -> BTreeMap<String, String> {
    object.parsed_entries("environment", |name, value| {
        variable(name)?;
        if value.contains('\0') {
            return Err(Problem::new(ErrorCode::OutOfRange, "a variable has no NUL characters"));
        }
        Ok(value.to_owned())
    })
}

/// Checks the name of a variable.
///
/// # Errors
/// [`Problem`] if it is no name, or one that ice sets.
pub fn variable(name: &str) -> Result<(), Problem> {
    let refused = |message: String| Err(Problem::new(ErrorCode::OutOfRange, message));
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !name.starts_with(is_first) || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return refused(format!(
            "`{}` is no name of a variable: write letters, digits and `_`",
            name.escape_debug()
        ));
    }
    if name.starts_with(RESERVED) {
        return refused(format!(
            "`{name}` is set by ice: variables that begin with `{RESERVED}` are its own"
        ));
    }
    Ok(())
}
