//! The default policy: what looks like a key or a token, or is known to be a secret, does not go to a model.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::{Message, Part, PromptPolicy, Request, Role, Ruling};
use crate::redact::{Policy, Preset, Redactor};
use crate::value::Value;

/// Puts `[redacted: <kind>]` in the place of secrets in what goes to models: of keys and tokens in the formats of well-known
/// services, JSON web tokens, private keys in PEM, credentials in URLs, and of texts that are [known](Self::hiding) to be secret.
/// What a model said itself goes back to it unchanged. Calls of tools pass.
///
/// That is the preset [`Secrets`](Preset::Secrets); [`with`](Self::with) takes any other policy.
#[derive(Clone, Default)]
pub struct RedactSecrets {
    known: Vec<String>,
    /// Made when it is first asked; nothing if it cannot be made.
    redactor: Arc<OnceLock<Option<Redactor>>>,
}

impl RedactSecrets {
    /// Lets models see what this redactor lets be seen. It must do the same for whoever takes up or replays a run.
    #[must_use]
    pub fn with(redactor: Redactor) -> Self {
        Self { known: Vec::new(), redactor: Arc::new(OnceLock::from(Some(redactor))) }
    }

    /// Hides these texts as well, wherever they stand. Of fewer than 8 bytes nothing is hidden. A redactor that was
    /// [given](Self::with) gives way to the preset.
    #[must_use]
    pub fn hiding(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        self.known.extend(secrets);
        self.redactor = Arc::default();
        self
    }

    fn redactor(&self) -> Option<&Redactor> {
        let make = || {
            Redactor::builder(Policy::preset(Preset::Secrets)).known(self.known.iter().cloned()).build().ok()
        };
        self.redactor.get_or_init(make).as_ref()
    }

    /// The text without secrets.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.redactor() {
            Some(redactor) => redactor.text(text),
            // There are more known secrets than can be looked for: nothing may be seen.
            None => Cow::Borrowed("[redacted: secret]"),
        }
    }

    /// The value without secrets, if there are some in it.
    fn value(&self, value: &Value) -> Option<Value> {
        match self.redactor() {
            Some(redactor) => redactor.value(value),
            None => Some(Value::from("[redacted: secret]")),
        }
    }

    fn part(&self, part: &Part) -> Option<Part> {
        match part {
            Part::Text { text } => owned(self.text(text)).map(|text| Part::Text { text }),
            Part::ToolResult { call_id, content, is_error } => {
                let content = self.value(content)?;
                Some(Part::ToolResult { call_id: call_id.clone(), content, is_error: *is_error })
            }
            Part::Blob { .. } | Part::ToolCall { .. } | Part::Reasoning { .. } | Part::Opaque { .. } => None,
        }
    }

    fn message(&self, message: &Message) -> Option<Message> {
        match message.role {
            // The model said it: it knows it, and signatures may be over it.
            Role::Assistant => None,
            Role::System | Role::User | Role::Tool => {
                let clean: Vec<Option<Part>> = message.parts.iter().map(|part| self.part(part)).collect();
                clean.iter().any(Option::is_some).then(|| {
                    let parts = message.parts.iter().zip(clean);
                    let parts = parts.map(|(part, clean)| clean.unwrap_or_else(|| part.clone())).collect();
                    Message { role: message.role, parts }
                })
            }
        }
    }
}

impl PromptPolicy for RedactSecrets {
    fn inspect_request(&self, request: &Request, seen: usize) -> Ruling<Request> {
        let new = request.messages.iter().enumerate().skip(seen);
        let clean: Vec<(usize, Message)> =
            new.filter_map(|(at, message)| Some((at, self.message(message)?))).collect();
        if clean.is_empty() {
            return Ruling::Allow;
        }
        let mut request = request.clone();
        for (at, message) in clean {
            if let Some(slot) = request.messages.get_mut(at) {
                *slot = Arc::new(message);
            }
        }
        Ruling::Replace(request)
    }

    fn inspect_call(&self, _tool: &str, _input: &Value) -> Ruling<Value> {
        Ruling::Allow
    }
}

fn owned(text: Cow<'_, str>) -> Option<String> {
    match text {
        Cow::Owned(text) => Some(text),
        Cow::Borrowed(_) => None,
    }
}

impl fmt::Debug for RedactSecrets {
    /// Says how many secrets it knows, and none of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactSecrets").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that are none, put together so that no scanner takes them for some.
    fn key(parts: &[&str]) -> String {
        parts.concat()
    }

    fn check(secret: &str, kind: &str) {
        let policy = RedactSecrets::default();
        let told = policy.text(&format!("before {secret}, after")).into_owned();
        assert_eq!(told, format!("before [redacted: {kind}], after"));
        assert_eq!(policy.text(&told), told, "what was redacted stays as it is");
    }

    #[test]
    fn keys_of_well_known_services_are_redacted() {
        let body = "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4e5F6";
        check(&key(&["sk-", "proj-", body]), "api_key");
        check(&key(&["sk-", "ant-api03-", body, "-", body]), "api_key");
        check(&key(&["ghp", "_", body]), "github_token");
        check(&key(&["github", "_pat_", body]), "github_token");
        check(&key(&["glpat", "-", body]), "gitlab_token");
        check(&key(&["AKIA", "IOSFODNN7EXAMPLE"]), "aws_access_key");
        check(&key(&["xoxb", "-123456789012-", body]), "slack_token");
        check(&key(&["AIza", &body[..35]]), "google_api_key");
        check(&key(&["sk", "_live_", body]), "stripe_key");
        check(&key(&["npm", "_", body]), "npm_token");
        check(&key(&["pypi", "-", body, body]), "pypi_token");
        check(&key(&["hf", "_", body]), "hugging_face_token");
        check(&key(&["eyJ", "hbGciOiJI", ".eyJ", "zdWIiOiIx", ".", body]), "jwt");
        let pem = ["-----BEGIN RSA PRIVATE", " KEY-----\nMIIE\n-----END RSA PRIVATE", " KEY-----"];
        check(&key(&pem), "private_key");
    }

    #[test]
    fn what_only_resembles_a_secret_stays() {
        let policy = RedactSecrets::default();
        for text in [
            "sk-learn-is-a-library-with-a-long-name",
            "task-0123456789012345678901234567890",
            "AKIA is a prefix",
            "ghp_short1",
            "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----",
            "eyJhbGciOiJI.not.a.token",
        ] {
            assert!(matches!(policy.text(text), Cow::Borrowed(_)), "{text}: {}", policy.text(text));
        }
    }

    #[test]
    fn a_private_key_that_is_cut_off_is_redacted_to_the_end() {
        let text = key(&["-----BEGIN PRIVATE", " KEY-----\nMIIEvQ"]);
        assert_eq!(RedactSecrets::default().text(&text), "[redacted: private_key]");
    }

    #[test]
    fn known_secrets_are_hidden_wherever_they_stand_and_never_shown() {
        let policy = RedactSecrets::default()
            .hiding(["hunter2hunter2", "correct hunter2hunter2 horse", "short"].map(str::to_owned));
        assert_eq!(
            policy.text("short hunter2hunter2 correct hunter2hunter2 horse"),
            "short [redacted: secret] [redacted: secret]"
        );
        assert!(!format!("{policy:?}").contains("hunter2"));
    }

    #[test]
    fn messages_that_hold_no_secret_are_the_same_ones_after() {
        let secret = key(&["ghp", "_", "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4e5F6"]);
        let result = Part::ToolResult {
            call_id: "1".to_owned(),
            content: Value::map([("list", Value::list([Value::from(1), Value::from(secret.as_str())]))]),
            is_error: false,
        };
        let messages = [
            Message::text(Role::System, "Be kind."),
            Message::text(Role::Assistant, secret.as_str()),
            Message { role: Role::Tool, parts: vec![result] },
            Message::text(Role::User, secret.as_str()),
        ];
        let request = Request { messages: messages.map(Arc::new).to_vec(), ..Request::prompt("m", "") };
        let policy = RedactSecrets::default();
        let Ruling::Replace(clean) = policy.inspect_request(&request, 0) else { panic!("nothing was found") };
        for at in [0, 1] {
            assert!(Arc::ptr_eq(&request.messages[at], &clean.messages[at]), "{at}");
        }
        let text = serde_json::to_string(&clean.messages[2..]).unwrap();
        assert!(
            !text.contains(&secret) && text.contains(r#"{"list":[1,"[redacted: github_token]"]}"#),
            "{text}"
        );
        // What was let through before is not looked at again.
        let Ruling::Replace(clean) = policy.inspect_request(&request, 3) else { panic!("nothing was found") };
        assert!(Arc::ptr_eq(&request.messages[2], &clean.messages[2]));
        assert_eq!(policy.inspect_request(&request, 4), Ruling::Allow);
    }
}
