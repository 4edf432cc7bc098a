//! Writes the keys of objects.

use std::sync::Arc;

use serde::ser::{Error as _, Impossible, Serialize, Serializer};
use serde_json::Error;

/// Writes the key of an object: text, or a number or truth value as text.
pub(super) struct IntoKey;

macro_rules! text_keys {
    ($($method:ident $scalar:ty,)*) => {$(
        fn $method(self, scalar: $scalar) -> Result<Arc<str>, Error> {
            Ok(Arc::from(scalar.to_string()))
        }
    )*};
}

fn no_key<T>() -> Result<T, Error> {
    Err(Error::custom("the keys of an object are texts"))
}

impl Serializer for IntoKey {
    type Ok = Arc<str>;
    type Error = Error;
    type SerializeSeq = Impossible<Arc<str>, Error>;
    type SerializeTuple = Impossible<Arc<str>, Error>;
    type SerializeTupleStruct = Impossible<Arc<str>, Error>;
    type SerializeTupleVariant = Impossible<Arc<str>, Error>;
    type SerializeMap = Impossible<Arc<str>, Error>;
    type SerializeStruct = Impossible<Arc<str>, Error>;
    type SerializeStructVariant = Impossible<Arc<str>, Error>;

    text_keys! {
        serialize_bool bool,
        serialize_i8 i8,
        serialize_i16 i16,
        serialize_i32 i32,
        serialize_i64 i64,
        serialize_u8 u8,
        serialize_u16 u16,
        serialize_u32 u32,
        serialize_u64 u64,
        serialize_char char,
    }

    fn serialize_str(self, text: &str) -> Result<Arc<str>, Error> {
        Ok(Arc::from(text))
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Arc<str>, Error> {
        Ok(Arc::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Arc<str>, Error> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Arc<str>, Error> {
        value.serialize(self)
    }

    fn serialize_f32(self, _: f32) -> Result<Arc<str>, Error> {
        no_key()
    }

    fn serialize_f64(self, _: f64) -> Result<Arc<str>, Error> {
        no_key()
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Arc<str>, Error> {
        no_key()
    }

    fn serialize_none(self) -> Result<Arc<str>, Error> {
        no_key()
    }

    fn serialize_unit(self) -> Result<Arc<str>, Error> {
        no_key()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Arc<str>, Error> {
        no_key()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Arc<str>, Error> {
        no_key()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Error> {
        no_key()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Error> {
        no_key()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Error> {
        no_key()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        no_key()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Error> {
        no_key()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Error> {
        no_key()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        no_key()
    }
}
