//! The message about a value that is none of the few that a schema allows. Schemas state such a choice as `enum`, or as
//! `oneOf` or `anyOf` with one `const` each.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value as Json;

use crate::near::near_names;
use crate::value::Value;

/// The most choices that a message names.
const MAX_SHOWN: usize = 20;

/// What to say if an error is that a value is none of a fixed choice; nothing for any other error. Of the value itself
/// the message tells no more than which choice is near to it.
pub(super) fn describe(error: &ValidationError<'_>, found: Option<&Value>) -> Option<String> {
    let mut choices = Vec::new();
    gather(error, &mut choices)?;
    let shown: Vec<String> =
        choices.iter().take(MAX_SHOWN).map(|choice| format!("`{}`", plain(choice))).collect();
    let more = choices.len().saturating_sub(MAX_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names = choices.iter().filter_map(|choice| choice.as_str());
    let meant = found.and_then(Value::as_str).and_then(|found| meant(found, names));
    let meant = meant.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default();
    Some(format!("must be one of {}{more}{meant}", shown.join(", ")))
}

/// Adds the choices that an error tells of; nothing if it tells of anything else as well.
fn gather<'e>(error: &'e ValidationError<'_>, choices: &mut Vec<&'e Json>) -> Option<()> {
    let kind = error.kind();
    if let ValidationErrorKind::Enum { options } = kind {
        choices.extend(options.as_array()?);
        return Some(());
    }
    if let ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } = kind {
        let own = error.instance_path().as_str();
        for branch in context {
            gather_branch(branch, own, choices)?;
        }
        return (!choices.is_empty()).then_some(());
    }
    None
}

fn gather_branch<'e>(
    branch: &'e [ValidationError<'static>],
    own: &str,
    choices: &mut Vec<&'e Json>,
) -> Option<()> {
    let before = choices.len();
    let mut may_be_null = false;
    for error in branch {
        if error.instance_path().as_str() != own {
            return None;
        }
        if let ValidationErrorKind::Constant { expected_value } = error.kind() {
            choices.push(expected_value);
        } else if let ValidationErrorKind::Type { kind } = error.kind() {
            // A constant has its type beside it. That the value may be null, too, is how a field is left out.
            may_be_null |= matches!(kind, TypeKind::Single(JsonType::Null));
        } else {
            gather(error, choices)?;
        }
    }
    (may_be_null || choices.len() > before).then_some(())
}

fn plain(choice: &Json) -> String {
    choice.as_str().map_or_else(|| choice.to_string(), str::to_owned)
}

/// The choice that a text most likely meant: the nearest one, else the longest one that it begins with (`equals`
/// for `eq`).
fn meant<'c>(found: &str, names: impl Iterator<Item = &'c str> + Clone) -> Option<&'c str> {
    let near = near_names(found, names.clone()).into_iter().next();
    let lower = found.to_ascii_lowercase();
    near.or_else(|| {
        names.filter(|name| name.len() > 1 && lower.starts_with(*name)).max_by_key(|name| name.len())
    })
}
