//! JSON: each value that is no list and no object, with its pointer. Nothing but the text is held in memory.

use std::fmt;

use ice_core::tools::ToolError;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::ingest::Place;
use crate::ingest::document::Sink;
use crate::ingest::limits::damaged;

/// The values of one document.
pub(crate) fn json(text: &str, sink: &mut Sink<'_>) -> Result<(), ToolError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut walk = Walk { sink, pointer: String::new(), line: None, stopped: None };
    let read = Values { walk: &mut walk, name: None }.deserialize(&mut deserializer);
    let stopped = walk.stopped.take();
    let read = read.and_then(|()| deserializer.end());
    stopped.map_or(Ok(()), Err)?;
    read.map_err(|error| damaged(format!("the document is not JSON: {error}")))
}

/// The values of each line. Lines that are empty are left out.
pub(crate) fn json_lines(text: &str, sink: &mut Sink<'_>) -> Result<(), ToolError> {
    let mut done = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        done += line.len();
        if line.trim().is_empty() {
            continue;
        }
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let mut walk = Walk { sink, pointer: String::new(), line: Some(number), stopped: None };
        let read = Values { walk: &mut walk, name: None }.deserialize(&mut deserializer);
        let stopped = walk.stopped.take();
        let read = read.and_then(|()| deserializer.end());
        stopped.map_or(Ok(()), Err)?;
        read.map_err(|error| damaged(format!("line {number} is not JSON: {error}")))?;
        if number % 256 == 0 {
            sink.observer.progressed(done as u64, text.len() as u64);
        }
    }
    Ok(())
}

struct Walk<'w, 's> {
    sink: &'w mut Sink<'s>,
    pointer: String,
    line: Option<u64>,
    /// Why it was stopped, which the reader of JSON does not know.
    stopped: Option<ToolError>,
}

/// The values at the pointer, the last part of which is a name.
struct Values<'v, 'w, 's> {
    walk: &'v mut Walk<'w, 's>,
    name: Option<&'v str>,
}

impl Values<'_, '_, '_> {
    fn add<E: Error>(self, text: &str) -> Result<(), E> {
        let Walk { sink, pointer, line, stopped } = self.walk;
        let place = Place { pointer: Some(pointer.clone()), line: *line, ..Place::default() };
        let added = sink.room(text.len()).and_then(|()| match self.name {
            Some(name) if !text.trim().is_empty() => sink.add(&format!("{name}: {text}"), place, false),
            Some(_) | None => sink.add(text, place, false),
        });
        added.map_err(|error| {
            *stopped = Some(error);
            E::custom("stopped")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Values<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.add(if value { "true" } else { "false" })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.add(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.add(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.add(&value.to_string())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.add(value)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let length = self.walk.pointer.len();
        for index in 0_u64.. {
            self.walk.pointer.push_str(&format!("/{index}"));
            let more = list.next_element_seed(Values { walk: &mut *self.walk, name: None })?;
            self.walk.pointer.truncate(length);
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let length = self.walk.pointer.len();
        while let Some(name) = map.next_key::<String>()? {
            self.walk.pointer.push('/');
            self.walk.pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            map.next_value_seed(Values { walk: &mut *self.walk, name: Some(&name) })?;
            self.walk.pointer.truncate(length);
        }
        Ok(())
    }
}
