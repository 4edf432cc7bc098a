//! Lets the validator read a [`Value`] in place, so that checking a large value copies nothing.

use std::borrow::Cow;
use std::cell::Cell;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object, SerdeJson, unique};
use serde_json::Number;

use crate::value::{BlobRef, Map, Value};

/// Names this representation to the validator.
pub(super) struct InPlace;

/// How many containers may still be opened in one check. Collecting errors follows references without
/// remembering where it has been, which for some recursive schemas doubles the work with each level of the
/// value: once the fuel is spent every container looks empty, the check ends, and its result is void.
pub(super) type Fuel = Cell<u64>;

/// A place within a value.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    what: What<'a>,
    fuel: Option<&'a Fuel>,
}

/// What stands there. A blob is seen as the object that stands for it in JSON.
#[derive(Clone, Copy)]
enum What<'a> {
    Whole(&'a Value),
    Name(&'a str),
    BlobField(&'a BlobRef, BlobField),
}

impl<'a> Place<'a> {
    /// The whole of a value, to be checked with that much fuel.
    pub(super) const fn new(value: &'a Value, fuel: Option<&'a Fuel>) -> Self {
        Self { what: What::Whole(value), fuel }
    }

    /// Takes a drop of fuel; whether there was one.
    fn burn(&self) -> bool {
        let Some(fuel) = self.fuel else { return true };
        let left = fuel.get();
        fuel.set(left.saturating_sub(1));
        left > 0
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BlobField {
    Hash,
    MediaType,
    Size,
}

impl BlobField {
    const ALL: [(&'static str, Self); 3] =
        [("$blob", Self::Hash), ("media_type", Self::MediaType), ("size", Self::Size)];
}

impl Json for InPlace {
    type Node<'a> = Place<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = ();

    fn prepare_key(key: &str) -> Box<str> {
        Box::from(key)
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Place<'_>) -> T) -> T {
        f(Place { what: What::Name(string), fuel: None })
    }
}

impl<'a> Node<'a, InPlace> for Place<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = Number;

    fn as_object(&self) -> Option<Members<'a>> {
        let source = match self.what {
            What::Whole(Value::Map(entries)) => Source::Map(entries),
            What::Whole(Value::Blob(blob)) => Source::Blob(blob),
            What::Whole(_) | What::Name(_) | What::BlobField(..) => return None,
        };
        Some(Members { source: if self.burn() { source } else { Source::Spent }, fuel: self.fuel })
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        match self.what {
            What::Whole(value) => value
                .as_list()
                .map(|items| Elements { items: if self.burn() { items } else { &[] }, fuel: self.fuel }),
            What::Name(_) | What::BlobField(..) => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self.what {
            What::Whole(value) => value.as_str().map(Cow::Borrowed),
            What::Name(name) => Some(Cow::Borrowed(name)),
            What::BlobField(blob, BlobField::Hash) => Some(Cow::Owned(blob.hash.to_string())),
            What::BlobField(blob, BlobField::MediaType) => Some(Cow::Borrowed(&blob.media_type)),
            What::BlobField(_, BlobField::Size) => None,
        }
    }

    fn as_number(&self) -> Option<Number> {
        match self.what {
            What::Whole(Value::Number(number)) => Some(number.clone()),
            What::BlobField(blob, BlobField::Size) => Some(Number::from(blob.size)),
            What::Whole(_) | What::Name(_) | What::BlobField(..) => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.what {
            What::Whole(value) => value.as_bool(),
            What::Name(_) | What::BlobField(..) => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.what, What::Whole(Value::Null))
    }

    fn json_type(&self) -> JsonType {
        match self.what {
            What::Whole(Value::Null) => JsonType::Null,
            What::Whole(Value::Bool(_)) => JsonType::Boolean,
            What::Whole(Value::Number(_)) | What::BlobField(_, BlobField::Size) => JsonType::Number,
            What::Whole(Value::String(_)) | What::Name(_) | What::BlobField(..) => JsonType::String,
            What::Whole(Value::List(_)) => JsonType::Array,
            What::Whole(Value::Map(_) | Value::Blob(_)) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &serde_json::Value) -> bool {
        match self.what {
            What::Whole(value) => equal(value, expected),
            What::Name(name) => expected.as_str() == Some(name),
            What::BlobField(_, BlobField::Size) => {
                expected.is_number() && self.as_number().as_ref() == expected.as_number()
            }
            What::BlobField(..) => self.as_string().as_deref() == expected.as_str(),
        }
    }

    /// A specimen of the same type. The validator asks for it only to build its errors, whose texts are
    /// shown with the value masked; comparing is done in place above.
    fn to_value(&self) -> Cow<'a, serde_json::Value> {
        Cow::Owned(match self.json_type() {
            JsonType::Null => serde_json::Value::Null,
            JsonType::Boolean => serde_json::Value::Bool(self.as_boolean().unwrap_or_default()),
            JsonType::Number | JsonType::Integer => {
                self.as_number().map_or(serde_json::Value::Null, serde_json::Value::Number)
            }
            JsonType::String => match self.what {
                What::Name(name) => serde_json::Value::String(name.to_owned()),
                What::Whole(_) | What::BlobField(..) => serde_json::Value::String(String::new()),
            },
            JsonType::Array => serde_json::Value::Array(Vec::new()),
            JsonType::Object => serde_json::Value::Object(serde_json::Map::default()),
        })
    }

    /// Of scalars too, so that what was found out about one is remembered as well: every place outlives the
    /// check.
    fn container_identity(&self) -> Option<NodeIdentity> {
        self.identity()
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(match self.what {
            What::Whole(value) => NodeIdentity::new(std::ptr::from_ref::<Value>(value).addr()),
            What::Name(name) => NodeIdentity::tagged(name.as_ptr().addr(), 1),
            What::BlobField(blob, field) => {
                NodeIdentity::tagged(std::ptr::from_ref::<BlobRef>(blob).addr(), 2 + field as u32)
            }
        })
    }
}

/// Equality as JSON Schema has it: numbers by their value, objects whatever the order of their keys.
fn equal(value: &Value, expected: &serde_json::Value) -> bool {
    match (value, expected) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Value::Number(a), serde_json::Value::Number(_)) => {
            let a = serde_json::Value::Number(a.clone());
            <&serde_json::Value as Node<'_, SerdeJson>>::equals_value(&&a, expected)
        }
        (Value::String(a), serde_json::Value::String(b)) => **a == **b,
        (Value::List(a), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Map(a), serde_json::Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, item)| b.get(&**key).is_some_and(|expected| equal(item, expected)))
        }
        (Value::Blob(_), serde_json::Value::Object(_)) => serde_json::Value::from(value) == *expected,
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Blob(_),
            _,
        ) => false,
    }
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Map(&'a Map),
    Blob(&'a BlobRef),
    Spent,
}

pub(super) struct Members<'a> {
    source: Source<'a>,
    fuel: Option<&'a Fuel>,
}

impl<'a> Object<'a, InPlace> for Members<'a> {
    type Node = Place<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        match self.source {
            Source::Map(entries) => entries.len(),
            Source::Blob(_) => BlobField::ALL.len(),
            Source::Spent => 0,
        }
    }

    fn get(&self, key: &Box<str>) -> Option<Place<'a>> {
        let what = match self.source {
            Source::Map(entries) => What::Whole(entries.get(key)?),
            Source::Blob(blob) => {
                let (_, field) = BlobField::ALL.iter().find(|(name, _)| *name == &**key)?;
                What::BlobField(blob, *field)
            }
            Source::Spent => return None,
        };
        Some(Place { what, fuel: self.fuel })
    }

    fn members(&self) -> MembersIter<'a> {
        let entries = match self.source {
            Source::Map(entries) => Entries::Map(entries.iter()),
            Source::Blob(blob) => Entries::Blob(blob, BlobField::ALL.iter()),
            Source::Spent => Entries::Spent,
        };
        MembersIter { entries, fuel: self.fuel }
    }
}

enum Entries<'a> {
    Map(crate::value::Iter<'a>),
    Blob(&'a BlobRef, std::slice::Iter<'static, (&'static str, BlobField)>),
    Spent,
}

pub(super) struct MembersIter<'a> {
    entries: Entries<'a>,
    fuel: Option<&'a Fuel>,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Place<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, what) = match &mut self.entries {
            Entries::Map(entries) => entries.next().map(|(key, item)| (&**key, What::Whole(item)))?,
            Entries::Blob(blob, fields) => {
                fields.next().map(|(name, field)| (*name, What::BlobField(blob, *field)))?
            }
            Entries::Spent => return None,
        };
        Some((name, Place { what, fuel: self.fuel }))
    }
}

pub(super) struct Elements<'a> {
    items: &'a [Value],
    fuel: Option<&'a Fuel>,
}

impl<'a> Array<'a, InPlace> for Elements<'a> {
    type Node = Place<'a>;
    type ElementsIter = ElementsIter<'a>;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn elements(&self) -> ElementsIter<'a> {
        ElementsIter { items: self.items.iter(), fuel: self.fuel }
    }

    /// Only `uniqueItems` pays for a copy.
    fn is_unique(&self) -> bool {
        unique::is_unique(&self.items.iter().map(serde_json::Value::from).collect::<Vec<_>>())
    }
}

pub(super) struct ElementsIter<'a> {
    items: std::slice::Iter<'a, Value>,
    fuel: Option<&'a Fuel>,
}

impl<'a> Iterator for ElementsIter<'a> {
    type Item = Place<'a>;

    fn next(&mut self) -> Option<Place<'a>> {
        self.items.next().map(|item| Place::new(item, self.fuel))
    }
}
