//! The filter `tojson`.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::super::compare::weigh;
use super::super::error::TemplateError;
use super::super::meter::Meter;
use super::call::{Call, Outcome};
use crate::value::Value;

/// Bytes that are paid for before they are written.
struct Paid<'a> {
    bytes: Vec<u8>,
    meter: &'a Meter,
    refused: Option<TemplateError>,
}

impl io::Write for Paid<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.meter.grow(bytes.len()) {
            self.refused = Some(error);
            return Err(io::Error::other("too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line, with a space after `,` and `:`.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

fn write<F: Formatter>(call: &Call<'_>, value: &Value, formatter: F) -> Outcome {
    let mut paid = Paid { bytes: Vec::new(), meter: call.meter, refused: None };
    let written = value.serialize(&mut Serializer::with_formatter(&mut paid, formatter));
    match (written, paid.refused, String::from_utf8(paid.bytes)) {
        (Ok(()), None, Ok(text)) => Ok(Some(Value::string(text))),
        (_, Some(refused), _) => Err(refused),
        (Err(_), None, _) | (Ok(()), None, Err(_)) => Err(call.fails("cannot write this value")),
    }
}

pub(super) fn tojson(call: &Call<'_>) -> Outcome {
    const WIDEST: u64 = 100;
    let value = call.value(0)?;
    // Walks the value once before it is written: this bounds its depth.
    weigh(call.meter, &value)?;
    let width = match call.optional(1)? {
        None | Some(Value::Null | Value::Bool(false)) => return write(call, &value, Spaced),
        Some(Value::Bool(true)) => 2,
        Some(indent) => match indent.as_u64() {
            Some(width) if width <= WIDEST => usize::try_from(width).unwrap_or(0),
            Some(_) | None => return Err(call.fails(&format!("takes an indent from 0 to {WIDEST}"))),
        },
    };
    write(call, &value, PrettyFormatter::with_indent(" ".repeat(width).as_bytes()))
}
