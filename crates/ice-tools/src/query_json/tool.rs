//! What the tool takes, gives and does.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::{Decoding, Source, blocking, decode, parse, present, read_all};

/// A value and a way into it: one of `value`, `path` and `text`, and one of `at` and `pointer`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The value itself.
    #[serde(default, deserialize_with = "present")]
    pub value: Option<Value>,
    /// A JSON file, within a granted folder.
    #[serde(default)]
    pub path: Option<String>,
    /// A JSON text.
    #[serde(default)]
    pub text: Option<String>,
    /// A dotted path: `rows.0.name`. A `*` stands for every item of a list or every entry of an object, and makes
    /// the result a list: `rows.*.name`. `.` is the whole.
    #[serde(default)]
    pub at: Option<String>,
    /// A JSON Pointer: `/rows/0/name`.
    #[serde(default)]
    pub pointer: Option<String>,
    /// What the result is if there is nothing at that place; without it that is an error.
    #[serde(default, deserialize_with = "present")]
    pub default: Option<Value>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The value at that place; with `*` the list of all of them.
    pub value: Value,
    /// Whether there was something, or `value` is the default.
    pub found: bool,
}

/// The tool `query_json`.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool("query_json", "1.0.0", "Takes a part of a JSON value by a dotted path or a JSON Pointer.")
        .effect(Effect::Idempotent)
        .effect_of(crate::support::reading_effect)
        .capability(Capability::ReadFiles)
        .build(run)
}

async fn run(ctx: ToolContext, input: Input) -> Result<Output, ToolError> {
    let invalid = |message: &str| ToolError::refused(ErrorCode::ToolInputInvalid, message);
    let steps = match (&input.at, &input.pointer) {
        (Some(at), None) => dotted(at),
        (None, Some(pointer)) => {
            pointed(pointer).ok_or_else(|| invalid("a JSON Pointer is empty or begins with `/`"))?
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid("give either `at` or `pointer`, and not both"));
        }
    };
    let whole = match (input.value, input.path, input.text) {
        (Some(value), None, None) => value,
        (None, path, text) => {
            blocking(&ctx, move |ctx| {
                let source = Source::open(ctx, path.as_deref(), text)?;
                let name = source.name.clone();
                parse(&name, &decode(&name, read_all(source)?, &Decoding::default())?)
            })
            .await?
        }
        (Some(_), _, _) => return Err(invalid("give one of `value`, `path` and `text`, and not more")),
    };
    let every = steps.iter().any(|step| matches!(step, Step::Every));
    match (follow(&ctx, &whole, &steps)?, input.default) {
        (found, _) if every => Ok(Output { found: !found.is_empty(), value: Value::from(found) }),
        (found, default) => match (found.into_iter().next(), default) {
            (Some(value), _) => Ok(Output { value, found: true }),
            (None, Some(value)) => Ok(Output { value, found: false }),
            (None, None) => {
                let place = input.at.or(input.pointer).unwrap_or_default();
                let place: String = place.chars().take(200).collect();
                let message = format!("there is nothing at `{place}`: correct it, or give a `default`");
                Err(ToolError::refused(ErrorCode::DataInvalid, message))
            }
        },
    }
}

enum Step {
    Name(String),
    Every,
}

fn dotted(path: &str) -> Vec<Step> {
    let steps = path.split('.').filter(|_| !matches!(path, "" | "."));
    steps.map(|step| if step == "*" { Step::Every } else { Step::Name(step.to_owned()) }).collect()
}

fn pointed(pointer: &str) -> Option<Vec<Step>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let steps = pointer.strip_prefix('/')?.split('/');
    Some(steps.map(|step| Step::Name(step.replace("~1", "/").replace("~0", "~"))).collect())
}

/// All values that the steps lead to. Every step leads further down, so there are never more than the whole has.
fn follow(ctx: &ToolContext, whole: &Value, steps: &[Step]) -> Result<Vec<Value>, ToolError> {
    let mut here = vec![whole.clone()];
    for step in steps {
        let mut next = Vec::new();
        for value in here {
            if ctx.cancel.is_cancelled() {
                return Err(ToolError::cancelled().not_started());
            }
            match (step, &value) {
                (Step::Name(name), Value::Map(entries)) => next.extend(entries.get(name.as_str()).cloned()),
                (Step::Name(name), Value::List(items)) => {
                    let index = name.parse::<usize>().ok().filter(|index| index.to_string() == *name);
                    next.extend(index.and_then(|index| items.get(index)).cloned());
                }
                (Step::Every, Value::Map(entries)) => next.extend(entries.values().cloned()),
                (Step::Every, Value::List(items)) => next.extend(items.iter().cloned()),
                (_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_)) => {}
            }
            if next.len() > ctx.limits.max_items {
                let message = format!("there are more than {} values at that place", ctx.limits.max_items);
                return Err(ToolError::refused(ErrorCode::LimitExceeded, message));
            }
        }
        here = next;
    }
    Ok(here)
}
