//! One of a few names: enums read by their serde names, which are told where none fits.

use std::fmt;

use serde::Deserialize;
use serde::de::value::StrDeserializer;

use crate::diagnostic::{Finding, did_you_mean};
use crate::error::ErrorCode;

/// One of the names of an enum, with the names told where it is none.
pub(super) fn chosen<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Finding> {
    T::deserialize(StrDeserializer::<NoVariant>::new(text)).map_err(|NoVariant(names)| {
        let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        Finding::error(ErrorCode::OutOfRange, format!("`{text}` is not one of {list}"))
            .advise(did_you_mean(text, names.iter().copied()))
    })
}

/// The error that keeps the names a choice has.
#[derive(Debug)]
struct NoVariant(&'static [&'static str]);

impl fmt::Display for NoVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown variant")
    }
}

impl std::error::Error for NoVariant {}

impl serde::de::Error for NoVariant {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}
