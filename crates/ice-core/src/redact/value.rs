//! Redacting values: texts within them, keys of maps, and numbers.

use std::borrow::Cow;
use std::sync::Arc;

use ahash::AHashMap;

use super::Redactor;
use crate::value::{Map, Value};

/// The longest text of which the key above it counts as words before it, in bytes.
const LONGEST_FIELD: usize = 256;
/// The longest such key, in bytes.
const LONGEST_KEY: usize = 64;

impl Redactor {
    /// The value as the policy lets it be seen; nothing if that is the value itself. Texts and the keys of maps are looked at, and
    /// whole numbers, which become texts where they are redacted. A key counts as words before its value: `{"phone": "…"}`.
    ///
    /// What a value holds many times over is looked at once for each key above it, and is shared after as it was before.
    #[must_use]
    pub fn value(&self, value: &Value) -> Option<Value> {
        Pass { redactor: self, seen: AHashMap::new() }.value(value, "")
    }
}

struct Pass<'r> {
    redactor: &'r Redactor,
    /// Lists and maps that were looked at, by address and the key above: what became of them.
    seen: AHashMap<(usize, Arc<str>), Option<Value>>,
}

impl Pass<'_> {
    fn value(&mut self, value: &Value, key: &str) -> Option<Value> {
        match value {
            Value::String(text) => owned(self.text(text, key)).map(Value::from),
            Value::Number(number) => {
                let text = number.is_f64().then(String::new).unwrap_or_else(|| number.to_string());
                // A shorter number is nothing.
                if text.len() < 7 { None } else { owned(self.text(&text, key)).map(Value::from) }
            }
            Value::List(items) => self.once(Arc::as_ptr(items) as usize, key, |pass| pass.list(items, key)),
            Value::Map(entries) => self.once(Arc::as_ptr(entries) as usize, "", |pass| pass.map(entries)),
            Value::Null | Value::Bool(_) | Value::Blob(_) => None,
        }
    }

    fn once(
        &mut self,
        address: usize,
        key: &str,
        look: impl FnOnce(&mut Self) -> Option<Value>,
    ) -> Option<Value> {
        let place = (address, Arc::from(key));
        if let Some(known) = self.seen.get(&place) {
            return known.clone();
        }
        let clean = look(self);
        self.seen.insert(place, clean.clone());
        clean
    }

    fn list(&mut self, items: &[Value], key: &str) -> Option<Value> {
        let clean: Vec<Option<Value>> = items.iter().map(|item| self.value(item, key)).collect();
        clean.iter().any(Option::is_some).then(|| {
            let items = items.iter().zip(clean);
            Value::list(items.map(|(item, clean)| clean.unwrap_or_else(|| item.clone())))
        })
    }

    fn map(&mut self, entries: &Map) -> Option<Value> {
        let clean: Vec<_> = entries
            .iter()
            .map(|(key, value)| (owned(self.redactor.text(key)), self.value(value, key)))
            .collect();
        if clean.iter().all(|(key, value)| key.is_none() && value.is_none()) {
            return None;
        }
        let mut map = Map::with_capacity(entries.len());
        for ((key, value), (other, clean)) in entries.iter().zip(clean) {
            let key = other.map_or_else(|| Arc::clone(key), |other| unused(&map, entries, &other));
            map.insert(key, clean.unwrap_or_else(|| value.clone()));
        }
        Some(Value::from(map))
    }

    fn text<'t>(&self, text: &'t str, key: &str) -> Cow<'t, str> {
        let counts = self.redactor.reads_context();
        if !counts || key.is_empty() || key.len() > LONGEST_KEY || text.len() > LONGEST_FIELD {
            return self.redactor.text(text);
        }
        let field = format!("{key}: {text}");
        let begin = key.len() + 2;
        match self.redactor.replaced(&field, &self.redactor.findings(&field), begin) {
            Cow::Owned(clean) => Cow::Owned(clean),
            Cow::Borrowed(_) => Cow::Borrowed(text),
        }
    }
}

/// A key that stands nowhere yet: keys that were different may be redacted to the same.
fn unused(map: &Map, entries: &Map, key: &str) -> Arc<str> {
    let is_used = |key: &str| map.contains_key(key) || entries.contains_key(key);
    if !is_used(key) {
        return Arc::from(key);
    }
    // One of so many is not used.
    let keys = (2..=entries.len() * 2 + 2).map(|number| format!("{key} ({number})"));
    keys.into_iter().find(|key| !is_used(key)).map_or_else(|| Arc::from(key), Arc::from)
}

fn owned(text: Cow<'_, str>) -> Option<String> {
    match text {
        Cow::Owned(text) => Some(text),
        Cow::Borrowed(_) => None,
    }
}
