//! The names that are looked for, and looking for them.

use std::collections::HashSet;
use std::sync::Arc;

use super::fold::folded;
use crate::value::{BlobRef, Value};

/// How deep JSON within texts within JSON is read.
const MAX_DEPTH: usize = 8;

/// Why something cannot be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has at least two letters or digits")]
pub struct NoName;

/// Names, any of which is looked for.
#[derive(Clone, Debug)]
pub struct Mentions {
    names: Vec<String>,
}

impl Mentions {
    /// Looks for any of these.
    ///
    /// # Errors
    /// [`NoName`] if one of them has fewer than two letters or digits, or there is none.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, NoName> {
        let names: Vec<String> = names.into_iter().map(|name| folded(name).trim().to_owned()).collect();
        let is_name = |name: &String| name.chars().filter(|one| one.is_alphanumeric()).nth(1).is_some();
        if names.is_empty() || !names.iter().all(is_name) { Err(NoName) } else { Ok(Self { names }) }
    }

    /// Whether a text names one, in it or in the JSON that it is.
    #[must_use]
    pub fn in_text(&self, text: &str) -> bool {
        self.in_text_at(text, 0)
    }

    fn in_text_at(&self, text: &str, depth: usize) -> bool {
        let folded = folded(text);
        if self.names.iter().any(|name| has_words(&folded, name)) {
            return true;
        }
        // Only what is escaped reads otherwise than it is written.
        let is_json =
            depth < MAX_DEPTH && text.contains('\\') && text.trim_start().starts_with(['{', '[', '"']);
        is_json && serde_json::from_str(text).is_ok_and(|json| self.in_json_at(&json, depth + 1))
    }

    /// Whether bytes that are text, or hold some, name one.
    #[must_use]
    pub fn in_bytes(&self, bytes: &[u8]) -> bool {
        self.in_text(&String::from_utf8_lossy(bytes))
    }

    /// Whether JSON names one, in its texts, numbers and names of fields.
    #[must_use]
    pub fn in_json(&self, json: &serde_json::Value) -> bool {
        self.in_json_at(json, 0)
    }

    fn in_json_at(&self, json: &serde_json::Value, depth: usize) -> bool {
        match json {
            serde_json::Value::Null | serde_json::Value::Bool(_) => false,
            serde_json::Value::Number(number) => self.in_text_at(&number.to_string(), depth),
            serde_json::Value::String(text) => self.in_text_at(text, depth),
            serde_json::Value::Array(items) => items.iter().any(|item| self.in_json_at(item, depth)),
            serde_json::Value::Object(fields) => fields
                .iter()
                .any(|(name, value)| self.in_text_at(name, depth) || self.in_json_at(value, depth)),
        }
    }

    /// Whether a value names one; what is in blobs is not looked at.
    #[must_use]
    pub fn in_value(&self, value: &Value) -> bool {
        self.in_value_and(value, &mut |_| {})
    }

    /// The same, and hands out the blobs that the value refers to, as far as it was looked through.
    pub fn in_value_and(&self, value: &Value, blob: &mut dyn FnMut(&Arc<BlobRef>)) -> bool {
        // A value may hold another many times over.
        self.look(value, blob, &mut HashSet::new())
    }

    fn look(&self, value: &Value, blob: &mut dyn FnMut(&Arc<BlobRef>), seen: &mut HashSet<usize>) -> bool {
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => self.in_text(&number.to_string()),
            Value::String(text) => self.in_text(text),
            Value::List(items) => {
                seen.insert(Arc::as_ptr(items) as usize)
                    && items.iter().any(|item| self.look(item, blob, seen))
            }
            Value::Map(fields) => {
                seen.insert(Arc::as_ptr(fields) as usize)
                    && fields.iter().any(|(name, value)| self.in_text(name) || self.look(value, blob, seen))
            }
            Value::Blob(found) => {
                blob(found);
                self.in_text(&found.media_type)
            }
        }
    }
}

/// Whether a text has a name with no letter or digit beside it that would make it a part of a longer word.
fn has_words(text: &str, name: &str) -> bool {
    let is_inner = |one: Option<char>| one.is_some_and(char::is_alphanumeric);
    let (begins, ends) = (is_inner(name.chars().next()), is_inner(name.chars().next_back()));
    text.match_indices(name).any(|(at, found)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|after| after.chars().next());
        !(begins && is_inner(before) || ends && is_inner(after))
    }) || overlapping(text, name)
}

/// What [`str::match_indices`] passes over: a name that begins within an occurrence that was part of a longer word, as `ab ab` does in
/// `xab ab ab`.
fn overlapping(text: &str, name: &str) -> bool {
    // Only a name of several words can begin in itself at the beginning of a word.
    if !name.contains(' ') {
        return false;
    }
    let is_inner = |one: Option<char>| one.is_some_and(char::is_alphanumeric);
    let ends = is_inner(name.chars().next_back());
    text.match_indices(' ').any(|(at, _)| {
        let rest = text.get(at + 1..).and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| !(ends && is_inner(rest.chars().next())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str, expected: bool) {
        assert_eq!(Mentions::of([name]).unwrap().in_text(text), expected, "{name:?} in {text:?}");
    }

    #[test]
    fn a_name_is_found_however_it_is_written_and_not_within_another() {
        for text in ["ada", "Hello ADA!", "(ada)", "ada@example.org", "to_ada_and", "a\nada", "x\"ada\"y"] {
            check("Ada", text, true);
        }
        for text in ["", "adam", "nevada", "ada1", "äda"] {
            check("Ada", text, false);
        }
        check("José  Núñez", "jose\u{301}\n NU\u{301}n\u{303}EZ", true);
        check("José", "jose", false);
        check("Weiß", "WEISS", true);
        check("Σίσυφος", "ΣΊΣΥΦΟΣ", true);
        check("Ada", "\u{ff21}d\u{ad}a", true);
        check("İpek", "i\u{307}pek", true);
        check("+49 30", "call +49 30!", true);
        check("ab ab", "xab ab ab", true);
        check("a.b@c.org", "<A.B@C.ORG>", true);
    }

    #[test]
    fn json_in_texts_is_read_and_so_are_names_and_numbers() {
        let ada = Mentions::of(["Ada", "4711"]).unwrap();
        let escaped = r#"{"a":["\u0041da"]}"#;
        assert!(ada.in_text(escaped) && !ada.in_text(r"\u0041da"));
        let twice = serde_json::json!({"x": serde_json::to_string(escaped).unwrap()});
        assert!(ada.in_json(&twice));
        assert!(ada.in_json(&serde_json::json!({"ada": 1})) && ada.in_json(&serde_json::json!([4711])));
        assert!(!ada.in_json(&serde_json::json!({"adam": 47110, "b": [null, true]})));
        assert!(ada.in_bytes(b"\xff\xfe ada \xff") && !ada.in_bytes(b"\xff\xfeada1"));
    }

    #[test]
    fn a_value_that_holds_another_many_times_is_looked_through_once() {
        let mut value = Value::from("adam");
        for _ in 0..64 {
            value = Value::list([value.clone(), value]);
        }
        assert!(!Mentions::of(["ada"]).unwrap().in_value(&value));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for names in [&[] as &[&str], &[""], &["a"], &["ada", " - "]] {
            assert_eq!(Mentions::of(names.iter().copied()).unwrap_err(), NoName, "{names:?}");
        }
    }
}
