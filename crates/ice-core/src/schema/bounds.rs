//! What a schema may cost: its size, where its references lead, and how much work they multiply to.
//!
//! Checking walks a value and, at each place, the sub-schemas that apply to that same place: those behind
//! `$ref`, `allOf` and their like. Sixty definitions that each refer twice to the next are small as a text and
//! 2^60 steps of work, so that work is counted before a schema is compiled.

use std::collections::HashMap;

use super::SchemaError;
use crate::value::{Map, Value};

/// The deepest nesting of a schema, and of a value that is checked against one.
pub(super) const MAX_DEPTH: usize = 128;
/// The largest schema as JSON, in bytes, roughly.
const MAX_BYTES: usize = 1 << 20;
/// The most sub-schemas that may apply to one place of a value.
const MAX_APPLIED: u64 = 10_000;
/// The longest chain of sub-schemas that apply to one place, each by way of the one before.
const MAX_CHAIN: usize = 128;
/// The most sub-schemas that may be open at once, over all levels of a value: bounds the stack.
const MAX_OPEN: usize = 1024;

/// What checking against a schema may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The deepest value that may be checked; nothing if only the schema itself bounds the recursion.
    pub(super) value_depth: Option<usize>,
}

/// Checks the size of a schema before anything else is done with it.
pub(super) fn check_size(schema: &Value) -> Result<(), SchemaError> {
    if depth_exceeds(schema, MAX_DEPTH) {
        return Err(SchemaError::TooLarge { message: format!("it nests deeper than {MAX_DEPTH} levels") });
    }
    if schema.weight(MAX_BYTES) > MAX_BYTES {
        return Err(SchemaError::TooLarge { message: format!("it exceeds {MAX_BYTES} bytes") });
    }
    Ok(())
}

/// Checks where the references of a schema lead and how much work they make.
pub(super) fn check_references(schema: &Value) -> Result<Extent, SchemaError> {
    let mut walk = Walk {
        root: schema,
        places: Vec::new(),
        anchors: HashMap::new(),
        counted: HashMap::new(),
        follows_value: false,
    };
    walk.collect(schema, &mut String::new(), true)?;
    let mut longest = 1;
    for place in std::mem::take(&mut walk.places) {
        longest = longest.max(walk.applied(place, 1)?.chain);
    }
    Ok(Extent { value_depth: walk.follows_value.then(|| (MAX_OPEN / longest).clamp(1, MAX_DEPTH)) })
}

/// Whether a value nests deeper than `limit`, found without recursing any deeper.
pub(super) fn depth_exceeds(value: &Value, limit: usize) -> bool {
    let below = |item| depth_exceeds(item, limit.saturating_sub(1));
    match value {
        Value::List(items) => limit == 0 || items.iter().any(below),
        Value::Map(entries) => limit == 0 || entries.values().any(below),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => false,
    }
}

/// How many sub-schemas apply to the place that one is applied to, itself included, and the longest chain.
#[derive(Clone, Copy)]
struct Applied {
    count: u64,
    chain: usize,
}

struct Walk<'s> {
    root: &'s Value,
    places: Vec<&'s Value>,
    anchors: HashMap<&'s str, &'s Value>,
    /// By the address of the sub-schema; nothing while it is being counted.
    counted: HashMap<usize, Option<Applied>>,
    /// Whether checking may go as deep as the value: a reference may lead back up, and comparisons of whole
    /// values go all the way down.
    follows_value: bool,
}

impl<'s> Walk<'s> {
    /// Visits everything that may be a sub-schema: gathers anchors and refuses what leads outside.
    fn collect(&mut self, place: &'s Value, path: &mut String, is_root: bool) -> Result<(), SchemaError> {
        match place {
            Value::Map(entries) => {
                self.places.push(place);
                self.keywords(place, entries, path, is_root)?;
                for (key, item) in entries.iter() {
                    if matches!(&**key, "const" | "enum" | "default" | "examples") {
                        continue;
                    }
                    let end = path.len();
                    path.push('/');
                    path.push_str(&key.replace('~', "~0").replace('/', "~1"));
                    self.collect(item, path, false)?;
                    path.truncate(end);
                }
                Ok(())
            }
            Value::List(items) => items.iter().try_for_each(|item| self.collect(item, path, false)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => Ok(()),
        }
    }

    fn keywords(
        &mut self,
        place: &'s Value,
        entries: &'s Map,
        path: &str,
        is_root: bool,
    ) -> Result<(), SchemaError> {
        for (key, item) in entries.iter() {
            let text = item.as_str();
            match (&**key, text) {
                ("$ref" | "$dynamicRef" | "$recursiveRef", Some(target)) => {
                    self.follows_value = true;
                    if !target.starts_with('#') && !is_meta_schema(target) {
                        let shown: String = target.chars().take(120).collect();
                        let message = format!("`{shown}` leads outside of the schema: refer to `#/$defs/…`");
                        return Err(SchemaError::invalid(format!("{path}/{key}"), message));
                    }
                }
                ("$anchor" | "$dynamicAnchor", Some(name)) => {
                    let other = self.anchors.insert(name, place);
                    if other.is_some_and(|other| !std::ptr::eq(other, place)) {
                        let message = "two anchors have the same name: give each its own";
                        return Err(SchemaError::invalid(format!("{path}/{key}"), message));
                    }
                }
                ("$id" | "id", Some(_))
                    if !is_root && (&**key == "$id" || entries.contains_key("$schema")) =>
                {
                    let message = "a schema within a schema has no id of its own: leave it out";
                    return Err(SchemaError::invalid(format!("{path}/{key}"), message));
                }
                ("const" | "enum", _) => self.follows_value = true,
                ("uniqueItems", None) => self.follows_value |= item.as_bool() == Some(true),
                _ => {}
            }
        }
        Ok(())
    }

    fn applied(&mut self, place: &'s Value, chain: usize) -> Result<Applied, SchemaError> {
        let one = Applied { count: 1, chain: 1 };
        let Value::Map(entries) = place else { return Ok(one) };
        if chain > MAX_CHAIN {
            return Err(SchemaError::TooLarge {
                message: format!("more than {MAX_CHAIN} sub-schemas apply to one place through each other"),
            });
        }
        let address = std::ptr::from_ref::<Value>(place).addr();
        match self.counted.get(&address) {
            Some(Some(known)) => return Ok(*known),
            // A circle that consumes nothing of the value: the validator ends it when it comes round.
            Some(None) => return Ok(one),
            None => {}
        }
        self.counted.insert(address, None);
        let mut sum = one;
        for target in self.in_place(entries) {
            let more = self.applied(target, chain + 1)?;
            sum.count = sum.count.saturating_add(more.count);
            sum.chain = sum.chain.max(more.chain + 1);
        }
        if sum.count > MAX_APPLIED {
            return Err(SchemaError::TooLarge {
                message: format!(
                    "more than {MAX_APPLIED} sub-schemas apply to one place: `$ref` and `allOf`, `anyOf`, \
                     `oneOf` multiply"
                ),
            });
        }
        self.counted.insert(address, Some(sum));
        Ok(sum)
    }

    /// The sub-schemas that apply to the same place as the one with these keywords.
    fn in_place(&self, entries: &'s Map) -> Vec<&'s Value> {
        let mut found = Vec::new();
        for (key, item) in entries.iter() {
            match (&**key, item) {
                ("$ref" | "$dynamicRef", Value::String(target)) => found.extend(self.resolve(target)),
                ("$recursiveRef", _) => found.push(self.root),
                ("not" | "if" | "then" | "else", _) => found.push(item),
                ("allOf" | "anyOf" | "oneOf", Value::List(items)) => found.extend(items.iter()),
                ("dependentSchemas" | "dependencies", Value::Map(items)) => found.extend(items.values()),
                _ => {}
            }
        }
        found
    }

    fn resolve(&self, target: &str) -> Option<&'s Value> {
        let fragment = target.strip_prefix('#')?;
        if fragment.is_empty() {
            return Some(self.root);
        }
        let Some(pointer) = fragment.strip_prefix('/') else {
            return self.anchors.get(fragment).copied();
        };
        pointer.split('/').try_fold(self.root, |here, segment| {
            let segment = decode_percent(segment).replace("~1", "/").replace("~0", "~");
            match here {
                Value::Map(entries) => entries.get(&segment),
                Value::List(items) => items.get(segment.parse::<usize>().ok()?),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => None,
            }
        })
    }
}

fn is_meta_schema(target: &str) -> bool {
    ["https://json-schema.org/draft", "http://json-schema.org/draft"]
        .iter()
        .any(|prefix| target.starts_with(prefix))
}

/// `%7E` and its like in the fragment of a URI.
fn decode_percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match digits.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                at += 3;
            }
            Some(_) | None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
