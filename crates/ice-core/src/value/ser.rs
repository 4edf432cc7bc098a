//! Writes Rust types straight into a [`Value`]: values within are shared.

use std::sync::Arc;

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use super::key::IntoKey;
use super::{Map, Value, handoff};

/// Writes into a [`Value`].
pub(super) struct IntoValue;

impl Serializer for IntoValue {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn serialize_bool(self, truth: bool) -> Result<Value, Error> {
        Ok(Value::Bool(truth))
    }

    fn serialize_i8(self, number: i8) -> Result<Value, Error> {
        Ok(Value::from(i64::from(number)))
    }

    fn serialize_i16(self, number: i16) -> Result<Value, Error> {
        Ok(Value::from(i64::from(number)))
    }

    fn serialize_i32(self, number: i32) -> Result<Value, Error> {
        Ok(Value::from(number))
    }

    fn serialize_i64(self, number: i64) -> Result<Value, Error> {
        Ok(Value::from(number))
    }

    fn serialize_u8(self, number: u8) -> Result<Value, Error> {
        Ok(Value::from(u64::from(number)))
    }

    fn serialize_u16(self, number: u16) -> Result<Value, Error> {
        Ok(Value::from(u64::from(number)))
    }

    fn serialize_u32(self, number: u32) -> Result<Value, Error> {
        Ok(Value::from(number))
    }

    fn serialize_u64(self, number: u64) -> Result<Value, Error> {
        Ok(Value::from(number))
    }

    fn serialize_f32(self, number: f32) -> Result<Value, Error> {
        self.serialize_f64(f64::from(number))
    }

    /// A number that JSON cannot write becomes null, as it does in `serde_json`.
    fn serialize_f64(self, number: f64) -> Result<Value, Error> {
        Ok(Value::try_from(number).unwrap_or_default())
    }

    fn serialize_char(self, letter: char) -> Result<Value, Error> {
        self.serialize_str(letter.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<Value, Error> {
        Ok(Value::string(text))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Error> {
        Ok(Value::list(bytes.iter().map(|byte| Value::from(u64::from(*byte)))))
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Value, Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        if name == handoff::TOKEN {
            let (written, given) = handoff::collect(|| value.serialize(self));
            given.map_or(written, Ok)
        } else {
            value.serialize(self)
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(Value::map([(variant, value.serialize(self)?)]))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Items, Error> {
        Ok(Items { variant: None, items: Vec::with_capacity(len.unwrap_or(0).min(4096)) })
    }

    fn serialize_tuple(self, len: usize) -> Result<Items, Error> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Items, Error> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items, Error> {
        Ok(Items { variant: Some(variant), ..self.serialize_seq(Some(len))? })
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Entries, Error> {
        Ok(Entries { variant: None, key: None, entries: Map::default() })
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Entries, Error> {
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Entries, Error> {
        Ok(Entries { variant: Some(variant), ..self.serialize_map(Some(len))? })
    }
}

fn within(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::map([(variant, value)]),
        None => value,
    }
}

pub(super) struct Items {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.items.push(value.serialize(IntoValue)?);
        Ok(())
    }

    fn finish(self) -> Value {
        within(self.variant, Value::from(self.items))
    }
}

macro_rules! items {
    ($($port:ident $method:ident,)*) => {$(
        impl $port for Items {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.push(value)
            }

            fn end(self) -> Result<Value, Error> {
                Ok(self.finish())
            }
        }
    )*};
}
items! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
}

pub(super) struct Entries {
    variant: Option<&'static str>,
    key: Option<Arc<str>>,
    entries: Map,
}

impl Entries {
    fn insert<T: Serialize + ?Sized>(&mut self, key: Arc<str>, value: &T) -> Result<(), Error> {
        self.entries.insert(key, value.serialize(IntoValue)?);
        Ok(())
    }

    fn finish(self) -> Value {
        within(self.variant, Value::from_entries(self.entries))
    }
}

impl SerializeMap for Entries {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = Some(key.serialize(IntoKey)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = self.key.take().ok_or_else(|| Error::custom("a value came before its key"))?;
        self.insert(key, value)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(self.finish())
    }
}

macro_rules! entries {
    ($($port:ident)*) => {$(
        impl $port for Entries {
            type Ok = Value;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.insert(Arc::from(key), value)
            }

            fn end(self) -> Result<Value, Error> {
                Ok(self.finish())
            }
        }
    )*};
}
entries!(SerializeStruct SerializeStructVariant);
