//! The values that flow between nodes: JSON trees whose copies are free, plus references to blobs.

mod blob;
mod convert;
mod de;
mod handoff;
pub mod json;
mod key;
mod map;
mod path;
mod ser;

use std::fmt;
use std::sync::Arc;

use serde_json::Number;

pub use blob::{BlobHash, BlobRef};
pub use map::{Iter, Map};
pub(crate) use path::describe;
pub use path::{PathNotFound, ValuePath};

/// A JSON value whose `clone` takes constant time: everything large is shared behind an [`Arc`].
///
/// Numbers are `i64`, `u64` or finite `f64`. A [`Value::Blob`] stands for bytes that are kept outside, in
/// the blob store; in JSON it is written `{"$blob": "<hash>", "media_type": …, "size": …}`.
#[derive(Clone, PartialEq, Default)]
pub enum Value {
    /// Absent or null.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(Arc<str>),
    /// An ordered list.
    List(Arc<Vec<Value>>),
    /// Named entries in the order they were written.
    Map(Arc<Map>),
    /// Bytes kept in the blob store.
    Blob(Arc<BlobRef>),
}

impl Value {
    /// Text.
    #[must_use]
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// A list.
    #[must_use]
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(Arc::new(items.into_iter().collect()))
    }

    /// A map.
    #[must_use]
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(Arc::new(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// An empty map.
    #[must_use]
    pub fn empty_map() -> Self {
        Self::Map(Arc::new(Map::default()))
    }

    /// Whether this is [`Value::Null`].
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The number as `i64`, if it is a whole number in range.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Number(number) = self { number.as_i64() } else { None }
    }

    /// The number as `u64`, if it is a whole number in range.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Number(number) = self { number.as_u64() } else { None }
    }

    /// The number as `f64`.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        if let Self::Number(number) = self { number.as_f64() } else { None }
    }

    /// The truth value of a bool.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The items of a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// The entries of a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        if let Self::Map(entries) = self { Some(entries) } else { None }
    }

    /// The entry of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// The item of a list.
    #[must_use]
    pub fn item(&self, index: usize) -> Option<&Self> {
        self.as_list()?.get(index)
    }

    /// The name of the JSON type: `null`, `boolean`, `number`, `string`, `array`, `object` or `blob`.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::List(_) => "array",
            Self::Map(_) => "object",
            Self::Blob(_) => "blob",
        }
    }

    /// Whether lists and maps are nested within one another more than `levels` deep, at most 254.
    #[must_use]
    pub fn is_deeper_than(&self, levels: u8) -> bool {
        self.levels(levels.saturating_add(1), &mut None) > levels
    }

    fn levels(&self, most: u8, seen: &mut Seen) -> u8 {
        match self {
            Self::List(items) => {
                let address = Arc::as_ptr(items) as usize;
                match seen.as_ref().and_then(|seen| seen.get(&address)) {
                    // Whether the count was cut off at `upto`, where it is as high as that.
                    Some((known, upto)) if known < upto || most <= *upto => (*known).min(most),
                    Some(_) | None => {
                        let found = levels(&**items, most, seen);
                        if found > 1 {
                            seen.get_or_insert_default().insert(address, (found, most));
                        }
                        found
                    }
                }
            }
            Self::Map(entries) => entries.levels(most, seen),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Blob(_) => 0,
        }
    }

    /// The size of the value as compact JSON, in bytes, roughly; stops counting once `limit` is passed.
    #[must_use]
    pub fn weight(&self, limit: usize) -> usize {
        fn add(value: &Value, sum: &mut usize, limit: usize) {
            *sum += match value {
                Value::Null | Value::Bool(_) => 5,
                Value::Number(_) => 8,
                Value::String(text) => text.len() + 2,
                Value::List(_) | Value::Map(_) => 2,
                Value::Blob(_) => 140,
            };
            match value {
                Value::List(items) => {
                    for item in items.iter() {
                        if *sum > limit {
                            return;
                        }
                        *sum += 1;
                        add(item, sum, limit);
                    }
                }
                Value::Map(entries) => {
                    for (key, item) in entries.iter() {
                        if *sum > limit {
                            return;
                        }
                        *sum += key.len() + 4;
                        add(item, sum, limit);
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => {}
            }
        }
        let mut sum = 0;
        add(self, &mut sum, limit);
        sum
    }
}

/// Lists that were looked at, by address: how deep they nest, and up to what that was counted. A list may hold
/// another one many times over. Made with the first.
type Seen = Option<ahash::AHashMap<usize, (u8, u8)>>;

/// How deep what holds these items nests, itself included, or `most` if that is less.
fn levels<'v>(items: impl IntoIterator<Item = &'v Value>, most: u8, seen: &mut Seen) -> u8 {
    let Some(below) = most.checked_sub(1) else { return 0 };
    let mut deepest = 0;
    for item in items {
        if deepest == below {
            break;
        }
        deepest = deepest.max(item.levels(below, seen));
    }
    deepest + 1
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Value {
    /// Compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut json = Vec::new();
        json::write_value(&mut json, self).map_err(|_| fmt::Error)?;
        f.write_str(str::from_utf8(&json).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_stops_at_its_limit() {
        let value = Value::list((0..1_000_000).map(|_| Value::Null));
        assert!(value.weight(100) < 120);
        assert_eq!(Value::string("abc").weight(100), 5);
    }

    #[test]
    fn depth_counts_lists_and_maps() {
        let value: Value = serde_json::from_str(r#"{"a":[1,{"b":2}],"c":3}"#).unwrap();
        assert_eq!([0, 1, 2, 3].map(|levels| value.is_deeper_than(levels)), [true, true, true, false]);
        assert!(!Value::from(1).is_deeper_than(0) && Value::empty_map().is_deeper_than(0));
    }

    #[test]
    fn the_depth_of_what_holds_itself_many_times_over_is_found_at_once() {
        let mut value = Value::list([Value::from(1)]);
        for levels in 1..=100 {
            assert!(value.is_deeper_than(levels - 1) && !value.is_deeper_than(levels), "{levels}");
            value = match levels % 3 {
                0 => Value::map([("a", value.clone()), ("b", value)]),
                _ => Value::list([value.clone(), value]),
            };
        }
    }

    #[test]
    fn entries_keep_their_order() {
        let value: Value = serde_json::from_str(r#"{"z":1,"a":{"m":[true,null,"x"]},"b":-2.5}"#).unwrap();
        assert_eq!(value.to_string(), r#"{"z":1,"a":{"m":[true,null,"x"]},"b":-2.5}"#);
    }
}
