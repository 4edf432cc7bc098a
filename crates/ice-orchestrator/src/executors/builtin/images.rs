//! What a model is shown with what it is told: the `images` of a node.

use ice_core::blueprint::MAX_IMAGES;
use ice_core::error::ErrorCode;
use ice_core::llm::Part;
use ice_core::template::Template;
use ice_core::value::Value;

use super::template_failure;
use crate::executors::Env;
use crate::journal::Failure;

/// The parts of a message that show what templates give, in their order. Null is left out.
pub(super) fn shown(images: &[Template], env: &Env<'_>) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    for (index, template) in images.iter().enumerate() {
        let field = format!("images.{index}");
        let given = template.render(env, &env.limits).map_err(|error| template_failure(&field, &error))?;
        match &given {
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    add(item, || format!("{field}.{at}"), &mut parts)?;
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Map(_)
            | Value::Blob(_) => add(&given, || field, &mut parts)?,
        }
    }
    Ok(parts)
}

/// Adds one picture.
fn add(given: &Value, place: impl FnOnce() -> String, parts: &mut Vec<Part>) -> Result<(), Failure> {
    let problem = match given {
        Value::Null => return Ok(()),
        Value::Blob(_) if parts.len() >= MAX_IMAGES => {
            format!("a node shows at most {MAX_IMAGES} pictures, and this is one more")
        }
        Value::Blob(blob) => {
            parts.push(Part::Blob { blob: (**blob).clone() });
            return Ok(());
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::List(_) | Value::Map(_) => {
            let found = given.type_name();
            format!("a picture is a blob, and this is {found}; give a blob, a list of blobs, or null")
        }
    };
    let place = place();
    Err(Failure::new(ErrorCode::InputInvalid, format!("`{place}`: {problem}")).about(place))
}
