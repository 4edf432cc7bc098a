//! What must not stand in a cassette.

use serde_json::Value as Json;

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// Texts and fields that are not to be written.
#[derive(Clone, Debug, Default)]
pub(super) struct Redaction {
    texts: Vec<String>,
    fields: Vec<String>,
}

impl Redaction {
    pub(super) fn text(&mut self, secret: String) {
        // An empty text stands everywhere.
        if !secret.is_empty() {
            self.texts.push(secret);
        }
    }

    pub(super) fn field(&mut self, name: String) {
        self.fields.push(name);
    }

    pub(super) fn apply(&self, value: &mut Json) {
        match value {
            Json::String(text) => {
                for secret in &self.texts {
                    if text.contains(secret) {
                        *text = text.replace(secret, REDACTED);
                    }
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.apply(item)),
            Json::Object(fields) => {
                for (name, value) in fields {
                    if self.fields.iter().any(|field| field.eq_ignore_ascii_case(name)) {
                        *value = Json::from(REDACTED);
                    } else {
                        self.apply(value);
                    }
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_and_fields_are_redacted_at_any_depth() {
        let mut redaction = Redaction::default();
        redaction.text("s3cret".to_owned());
        redaction.text(String::new());
        redaction.field("Authorization".to_owned());
        let mut value = json!({"a": ["x s3cret y", 1], "authorization": {"token": "abc"}, "b": null});
        redaction.apply(&mut value);
        let expected = json!({"a": ["x [redacted] y", 1], "authorization": "[redacted]", "b": null});
        assert_eq!(value, expected);
    }
}
