//! Values as the engine sees them, and back: lists and maps are views over what is shared, never copies.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value as Engine, ValueKind};
use serde_json::Number;

use super::error::TemplateError;
use crate::value::{BlobRef, Map, Value};

#[derive(Debug)]
struct ListView(Arc<Vec<Value>>);

impl Object for ListView {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        self.0.get(key.as_usize()?).map(to_engine)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
}

#[derive(Debug)]
struct MapView(Arc<Map>);

impl Object for MapView {
    fn get_value(self: &Arc<Self>, key: &Engine) -> Option<Engine> {
        self.0.get(key.as_str()?).map(to_engine)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let entries = Arc::clone(&self.0);
        Enumerator::Iter(Box::new((0..entries.len()).map(move |index| {
            entries.get_index(index).map_or(Engine::UNDEFINED, |(key, _)| Engine::from(Arc::clone(key)))
        })))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

#[derive(Debug)]
struct BlobView(Arc<BlobRef>);

impl Object for BlobView {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// The engine's view of a value, in constant time.
pub(super) fn to_engine(value: &Value) -> Engine {
    match value {
        Value::Null => Engine::from(()),
        Value::Bool(truth) => Engine::from(*truth),
        Value::Number(number) => number_to_engine(number),
        Value::String(text) => Engine::from(Arc::clone(text)),
        Value::List(items) => Engine::from_object(ListView(Arc::clone(items))),
        Value::Map(entries) => Engine::from_object(MapView(Arc::clone(entries))),
        Value::Blob(blob) => Engine::from_object(BlobView(Arc::clone(blob))),
    }
}

fn number_to_engine(number: &Number) -> Engine {
    if let Some(number) = number.as_i64() {
        Engine::from(number)
    } else if let Some(number) = number.as_u64() {
        Engine::from(number)
    } else {
        Engine::from(number.as_f64().unwrap_or(0.0))
    }
}

/// The value behind what the engine holds. What came from us goes back
/// shared; lists and maps that did not are never made.
pub(super) fn from_engine(value: &Engine) -> Result<Value, TemplateError> {
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Some(text) = value.to_str() {
        return Ok(Value::String(text));
    }
    if value.is_number() {
        return number_from_engine(value).map(Value::Number);
    }
    if value.kind() == ValueKind::Bool {
        return Ok(Value::Bool(value.is_true()));
    }
    if value.is_undefined() {
        return Err(undefined());
    }
    object_from_engine(value)
}

pub(super) fn undefined() -> TemplateError {
    TemplateError::failed("a value that is not there is used, such as the first item of an empty list")
}

fn number_from_engine(value: &Engine) -> Result<Number, TemplateError> {
    if value.is_integer() {
        let whole = i128::try_from(value.clone()).ok();
        return whole.and_then(Number::from_i128).ok_or_else(|| {
            TemplateError::failed("a whole number lies beyond 64 bits; use a float, for example `1.0 * x`")
        });
    }
    f64::try_from(value.clone())
        .ok()
        .and_then(Number::from_f64)
        .ok_or_else(|| TemplateError::failed("a number is not finite"))
}

fn object_from_engine(value: &Engine) -> Result<Value, TemplateError> {
    if let Some(list) = value.downcast_object_ref::<ListView>() {
        return Ok(Value::List(Arc::clone(&list.0)));
    }
    if let Some(map) = value.downcast_object_ref::<MapView>() {
        return Ok(Value::Map(Arc::clone(&map.0)));
    }
    if let Some(blob) = value.downcast_object_ref::<BlobView>() {
        return Ok(Value::Blob(Arc::clone(&blob.0)));
    }
    Err(TemplateError::failed("this is no value: a function or loop can only be called or asked"))
}
