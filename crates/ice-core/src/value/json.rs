//! JSON written straight into bytes, for what is written once per record: byte for byte what serde writes, in
//! a fraction of its time, for it asks nobody what comes next and copies a text that needs no escapes whole.

use serde::Serialize;
use serde_json::Error;
use uuid::Uuid;

use super::{BlobHash, Value};

/// Appends a text as JSON.
///
/// # Errors
/// None that are known: those of `serde_json`, which writes the texts that need escapes.
pub fn write_text(out: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    if needs_escapes(text.as_bytes()) {
        return serde_json::to_writer(out, text);
    }
    write_plain(out, text.as_bytes());
    Ok(())
}

#[inline]
fn write_plain(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// Looks at all bytes without an early end, eight at a time: most texts are short.
#[inline]
fn needs_escapes(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let found = words.iter().fold(0, |found, word| found | special(u64::from_le_bytes(*word)));
    found != 0 || rest.iter().any(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\')
}

/// Not zero if one of eight bytes is a control character, a quote or a backslash: whoever is less than a bound borrows its
/// highest bit (from "Bit Twiddling Hacks" by S. E. Anderson, `hasless`).
const fn special(bytes: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xff;
    const HIGH: u64 = EACH * 0x80;
    let (quote, backslash) = (bytes ^ (EACH * b'"' as u64), bytes ^ (EACH * b'\\' as u64));
    let control = bytes.wrapping_sub(EACH * 0x20) & !bytes;
    let quote = quote.wrapping_sub(EACH) & !quote;
    let backslash = backslash.wrapping_sub(EACH) & !backslash;
    (control | quote | backslash) & HIGH
}

/// Appends a value as compact JSON.
///
/// # Errors
/// None that are known: those of `serde_json`, which writes texts that need escapes, and broken numbers.
pub fn write_value(out: &mut Vec<u8>, value: &Value) -> Result<(), Error> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => write_whole(out, number),
            (None, Some(number)) => write_whole(out, number),
            (None, None) => serde_json::to_writer(out, number)?,
        },
        Value::String(text) => write_text(out, text)?,
        Value::List(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(out, item)?;
            }
            out.push(b']');
        }
        Value::Map(entries) => {
            let mut object = Object::open(out);
            for (key, item) in entries.iter() {
                object.next();
                write_text(object.out, key)?;
                object.out.push(b':');
                write_value(object.out, item)?;
            }
            object.close();
        }
        Value::Blob(blob) => serde_json::to_writer(out, &**blob)?,
    }
    Ok(())
}

#[inline]
fn write_whole(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A JSON object that is being written, field by field. The names of fields are plain: without quotes,
/// backslashes and control characters.
#[derive(Debug)]
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    begun: bool,
}

impl<'o> Object<'o> {
    /// Opens an object at the end of `out`.
    #[inline]
    pub fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, begun: false }
    }

    #[inline]
    fn next(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            self.out.push(b',');
        }
    }

    // Where the name is known to the compiler, this is a handful of moves: it has to be put in place for that.
    #[inline(always)]
    fn key(&mut self, key: &'static str) {
        self.out.reserve(key.len() + 4);
        self.next();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// Adds a text that is known to need no escapes: without quotes, backslashes and control characters, as words of the code,
    /// ids and paths are.
    #[inline(always)]
    pub fn plain(&mut self, key: &'static str, text: &str) -> &mut Self {
        debug_assert!(!needs_escapes(text.as_bytes()), "{text:?} needs escapes");
        self.key(key);
        write_plain(self.out, text.as_bytes());
        self
    }

    /// Adds a UUID.
    pub fn uuid(&mut self, key: &'static str, uuid: Uuid) -> &mut Self {
        self.plain(key, uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }

    /// Adds a hash.
    pub fn hash(&mut self, key: &'static str, hash: &BlobHash) -> &mut Self {
        self.key(key);
        write_plain(self.out, &hash.to_hex());
        self
    }

    /// Adds a text.
    ///
    /// # Errors
    /// As [`write_text`].
    #[inline(always)]
    pub fn text(&mut self, key: &'static str, text: &str) -> Result<&mut Self, Error> {
        self.key(key);
        write_text(self.out, text)?;
        Ok(self)
    }

    /// Adds a whole number.
    #[inline(always)]
    pub fn whole(&mut self, key: &'static str, number: impl itoa::Integer) -> &mut Self {
        self.key(key);
        write_whole(self.out, number);
        self
    }

    /// Adds a value.
    ///
    /// # Errors
    /// As [`write_value`].
    #[inline(always)]
    pub fn value(&mut self, key: &'static str, value: &Value) -> Result<&mut Self, Error> {
        self.key(key);
        write_value(self.out, value)?;
        Ok(self)
    }

    /// Adds an object.
    #[inline(always)]
    pub fn object(&mut self, key: &'static str) -> Object<'_> {
        self.key(key);
        Object::open(self.out)
    }

    /// Adds anything that serde can write.
    ///
    /// # Errors
    /// If it has no JSON form.
    pub fn any<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<&mut Self, Error> {
        self.key(key);
        serde_json::to_writer(&mut *self.out, value)?;
        Ok(self)
    }

    /// Closes the object.
    #[inline]
    pub fn close(self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| Value::try_from(number).unwrap_or_default()),
            ".{0,24}".prop_map(Value::from),
            "[a-z\"\\\\\u{0}-\u{20}\u{7f}é]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".{0,6}", inner), 0..5).prop_map(Value::map),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_serde_writes(value in any_value()) {
            let mut out = Vec::new();
            write_value(&mut out, &value).unwrap();
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&value).unwrap());
        }
    }

    #[test]
    fn every_byte_that_needs_an_escape_is_found_wherever_it_stands() {
        for at in 0..20 {
            for byte in 0..=0x7f_u8 {
                let mut text = [b'x'; 20];
                text[at] = byte;
                let wanted = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(needs_escapes(&text), wanted, "{byte} at {at}");
            }
        }
        assert!(!needs_escapes("é\u{7f}\u{80}\u{10ffff}ßßßß".as_bytes()));
    }

    #[test]
    fn objects_hold_what_was_added() {
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        object.text("a", "x\"").unwrap().whole("b", -7).any("c", &[1, 2]).unwrap();
        let mut inner = object.object("d");
        inner.value("e", &Value::Null).unwrap();
        inner.close();
        object.close();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":"x\"","b":-7,"c":[1,2],"d":{"e":null}}"#);
    }
}
