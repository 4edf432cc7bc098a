//! The version lock: the fingerprint of a blueprint as it was written.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::{BlueprintId, InvalidId};
use crate::value::Value;

/// The fingerprint of a blueprint as it was written: 64 lower-case hex digits.
///
/// It is SHA-256 over the RFC 8785 form of the document before any upgrade, with null entries of objects
/// dropped and without `blueprint_id`. So it is the same for JSON and YAML, for any order of keys and any
/// layout, and changes with every value that is written differently.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionLock(Arc<str>);

impl VersionLock {
    /// The lock of a document.
    #[must_use]
    pub fn of(document: &Value) -> Self {
        // Cannot fail: a `Value` holds text keys and finite numbers only.
        let form = serde_json_canonicalizer::to_vec(&Locked { value: document, top: true });
        let digest = Sha256::digest(form.unwrap_or_default());
        let mut digits = String::with_capacity(64);
        for byte in digest {
            digits.extend(
                [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')),
            );
        }
        Self(Arc::from(digits))
    }

    /// The 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of a blueprint that has none: `bp_` and the first eight digits.
    #[must_use]
    pub fn blueprint_id(&self) -> BlueprintId {
        let text: String = "bp_".chars().chain(self.0.chars().take(8)).collect();
        BlueprintId::from_valid(&text)
    }
}

/// A document as the lock sees it.
struct Locked<'v> {
    value: &'v Value,
    top: bool,
}

impl Serialize for Locked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in entries.iter() {
                    let is_own_id = self.top && &**key == "blueprint_id";
                    if !value.is_null() && !is_own_id {
                        map.serialize_entry(&**key, &Locked { value, top: false })?;
                    }
                }
                map.end()
            }
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for value in items.iter() {
                    list.serialize_element(&Locked { value, top: false })?;
                }
                list.end()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Blob(_) => {
                self.value.serialize(serializer)
            }
        }
    }
}

impl fmt::Display for VersionLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for VersionLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VersionLock {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 64 && text.bytes().all(is_digit) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(InvalidId::new("version lock", text, "64 lower-case hex digits"))
        }
    }
}

impl Serialize for VersionLock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for VersionLock {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for VersionLock {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "VersionLock".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn canonical(text: &str) -> String {
        serde_json_canonicalizer::to_string(&Locked { value: &value(text), top: true }).unwrap()
    }

    #[test]
    fn the_form_is_that_of_rfc_8785() {
        // Section 3.2.2 of the RFC: literals, escapes and the serialisation of numbers.
        let source = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
            "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        assert_eq!(
            canonical(source),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
             \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        // Section 3.2.3: keys are sorted by UTF-16 code units.
        let keys = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
            "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let order: Vec<String> = serde_json::from_str::<Value>(&canonical(keys))
            .unwrap()
            .as_map()
            .unwrap()
            .values()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            order,
            [
                "Carriage Return",
                "One",
                "Control",
                "Latin Small Letter O With Diaeresis",
                "Euro Sign",
                "Emoji: Grinning Face",
                "Hebrew Letter Dalet With Dagesh"
            ]
        );
    }

    #[test]
    fn numbers_are_written_as_in_the_table_of_rfc_8785() {
        // Appendix B.
        for (bits, expected) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let number = Value::try_from(f64::from_bits(bits)).unwrap();
            let written = serde_json_canonicalizer::to_string(&Locked { value: &number, top: true }).unwrap();
            assert_eq!(written, expected, "{bits:x}");
        }
    }

    #[test]
    fn nulls_the_id_and_the_order_of_keys_do_not_count() {
        let lock = |text: &str| VersionLock::of(&value(text));
        let plain = lock(r#"{"nodes":[{"id":"a","x":1.0}]}"#);
        assert_eq!(
            plain,
            lock(r#"{"blueprint_id":"b","name":null,"nodes":[{"x":1,"id":"a","blueprint_id":null}]}"#)
        );
        for other in [
            r#"{"nodes":[{"id":"a","x":2}]}"#,
            r#"{"nodes":[{"id":"a","x":1,"blueprint_id":"b"}]}"#,
            r#"{"nodes":[{"id":"a","x":1},null]}"#,
        ] {
            assert_ne!(plain, lock(other), "{other}");
        }
    }

    #[test]
    fn the_lock_is_the_digest_of_the_canonical_form() {
        // `printf '{}' | sha256sum`
        let lock = VersionLock::of(&value("{}"));
        assert_eq!(lock.as_str(), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        assert_eq!(lock.blueprint_id().as_str(), "bp_44136fa3");
        assert_eq!(lock.as_str().parse::<VersionLock>().unwrap(), lock);
        for bad in ["", "44136fa3", &"G".repeat(64), &"A".repeat(64)] {
            assert!(bad.parse::<VersionLock>().is_err(), "{bad}");
        }
    }
}
