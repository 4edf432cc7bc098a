//! What servers answer with, whichever protocol they speak.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Error, SeqAccess, Visitor};

/// An answer that was understood: vectors in the order of the texts, and the tokens read if the server says so.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) rows: Vec<Vec<f32>>,
    pub(super) input: Option<u64>,
}

/// The numbers of a vector: a list, or Base64 of little-endian 32-bit floats.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Numbers(pub(super) Vec<f32>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Numbers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers, or Base64 of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Numbers, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = list.next_element()? {
            numbers.push(number);
        }
        Ok(Numbers(numbers))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Numbers, E> {
        let bytes = STANDARD.decode(text).map_err(|_| E::custom("the Base64 of a vector is damaged"))?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(E::custom("the bytes of a vector are no whole numbers"));
        }
        Ok(Numbers(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<f32>> {
        serde_json::from_str::<Numbers>(text).ok().map(|numbers| numbers.0)
    }

    #[test]
    fn numbers_are_read_from_lists_and_from_base64() {
        let bytes: Vec<u8> = [0.5_f32, -2.0].iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(read("[0.5, -2]"), Some(vec![0.5, -2.0]));
        assert_eq!(read(&format!("\"{}\"", STANDARD.encode(&bytes))), Some(vec![0.5, -2.0]));
        assert_eq!(read("[]"), Some(vec![]));
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        for bad in ["null", "3", "{}", "[null]", "[\"1\"]", "\"AAAA?\"", "\"AAAA\"", "[[1]]", "[1e999]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
