//! Paths from a name in scope into its value, followed without the engine.

use std::fmt::Write as _;
use std::sync::Arc;

use super::error::TemplateError;
use super::reference::Segment;
use crate::near::nearest;
use crate::value::Value;

/// The most names of a scope or a value that are compared with one that is not among them.
pub(super) const MAX_ADVICE: usize = 1_000;

/// A name in scope and the static way into it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Path {
    /// The root name.
    pub(super) name: Arc<str>,
    /// Whether it is asked of `nodes`.
    pub(super) through_nodes: bool,
    /// The way.
    pub(super) segments: Vec<Segment>,
}

impl Path {
    /// The path as it would be written, up to `count` segments.
    pub(super) fn written(&self, count: usize) -> String {
        let mut text =
            if self.through_nodes { format!("nodes['{}']", self.name) } else { (*self.name).to_owned() };
        for segment in self.segments.iter().take(count) {
            // Writing to a string cannot fail.
            let _ = match segment {
                Segment::Key(key) if is_word(key) => write!(text, ".{key}"),
                Segment::Key(key) => write!(text, "['{key}']"),
                Segment::Index(index) => write!(text, "[{index}]"),
            };
        }
        text
    }

    /// Follows the whole path from the root's value.
    pub(super) fn follow(&self, root: &Value) -> Result<Value, TemplateError> {
        let mut here = root;
        for (index, segment) in self.segments.iter().enumerate() {
            match step(here, segment) {
                Some(next) => here = next,
                None => return self.follow_computed(here, index),
            }
        }
        Ok(here.clone())
    }

    /// The rest of the path from its segment `from` on, through attributes that are computed.
    #[cold]
    fn follow_computed(&self, value: &Value, from: usize) -> Result<Value, TemplateError> {
        let mut here = value.clone();
        for (index, segment) in self.segments.iter().enumerate().skip(from) {
            here = step_owned(&here, segment).ok_or_else(|| missing(&self.written(index), &here, segment))?;
        }
        Ok(here)
    }
}

fn is_word(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|rest| rest.is_ascii_alphanumeric() || rest == '_')
}

/// The units of work that following segments takes.
pub(super) fn weight(segments: &[Segment]) -> usize {
    let long = |segment: &Segment| if let Segment::Key(key) = segment { key.len() / 256 } else { 0 };
    segments.len() + segments.iter().map(long).sum::<usize>()
}

/// One step into a value. Every attribute of null is null, as a skipped node's output asks for.
pub(super) fn step<'v>(value: &'v Value, segment: &Segment) -> Option<&'v Value> {
    match (value, segment) {
        (Value::Null, Segment::Key(_) | Segment::Index(_)) => Some(&Value::Null),
        (Value::Map(entries), Segment::Key(key)) => entries.get(key),
        (Value::Map(entries), Segment::Index(index)) => entries.get(index.to_string().as_str()),
        (Value::List(items), Segment::Index(index)) => items.get(position(*index, items.len())?),
        (Value::List(items), Segment::Key(key)) => {
            // `items[007]` and `items[+1]` are no way to write an index.
            let index: usize = key.parse().ok()?;
            (index.to_string() == **key).then(|| items.get(index))?
        }
        (
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_),
            Segment::Key(_) | Segment::Index(_),
        ) => None,
    }
}

/// One step into a value, by value: also into what only computes its attributes.
pub(super) fn step_owned(value: &Value, segment: &Segment) -> Option<Value> {
    match (value, segment) {
        (Value::Blob(blob), Segment::Key(key)) => match &**key {
            "media_type" => Some(Value::string(blob.media_type.as_str())),
            "size" => Some(Value::from(blob.size)),
            "hash" => Some(Value::string(blob.hash.to_string())),
            _ => None,
        },
        _ => step(value, segment).cloned(),
    }
}

/// Follows segments, for who wants to know only whether something is there.
pub(super) fn find(value: &Value, segments: &[Segment]) -> Option<Value> {
    let mut here = value;
    for (index, segment) in segments.iter().enumerate() {
        match step(here, segment) {
            Some(next) => here = next,
            None => {
                let rest = segments.get(index..).unwrap_or_default();
                return rest.iter().try_fold(here.clone(), |here, segment| step_owned(&here, segment));
            }
        }
    }
    Some(here.clone())
}

/// The position that an index means in a list of `length` items.
pub(super) fn position(index: i64, length: usize) -> Option<usize> {
    let at = if index < 0 { index.checked_add(i64::try_from(length).ok()?)? } else { index };
    usize::try_from(at).ok().filter(|at| *at < length)
}

/// The error for a step that leads nowhere; `before` is the path up to it.
#[cold]
pub(super) fn missing(before: &str, value: &Value, segment: &Segment) -> TemplateError {
    let found = crate::value::describe(value);
    let Segment::Key(key) = segment else {
        return TemplateError::failed(format!("`{before}` has no item {segment}: it is {found}"));
    };
    let near = match value {
        Value::Map(entries) => nearest(key, entries.keys().map(|key| &**key).take(MAX_ADVICE)),
        Value::Blob(_) => nearest(key, ["media_type", "size", "hash"]),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::List(_) => None,
    };
    let shown: String = key.chars().take(60).collect();
    let dots = if shown.len() < key.len() { "…" } else { "" };
    TemplateError::failed(format!("`{before}` has no attribute `{shown}{dots}`: it is {found}"))
        .with_near(near)
}
