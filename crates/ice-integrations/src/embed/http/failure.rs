//! What went wrong, told from the status, the headers and the body of an answer.

use std::time::Duration;

use ice_core::embedding::{EmbedError, EmbedErrorKind};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// The longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// How servers say that a text is too long: those of OpenAI, vLLM, llama.cpp, Ollama and text-embeddings-inference. They
/// have no code for it.
const TOO_LONG: [&str; 7] = [
    "maximum context length",
    "context_length_exceeded",
    "exceeds the context length",
    "exceeds maximum context length",
    "exceed_context_size",
    "too large to process",
    "must have less than",
];

/// The failure that an answer other than success tells of. `who` names the embedder and its host.
pub(super) fn of(who: &str, model: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> EmbedError {
    let said = Said::of(body);
    let number = status.as_u16();
    let told = |kind, what: String| EmbedError::new(kind, format!("{who} {what}"));
    let too_long = || {
        let what = format!("says that a text is too long for `{model}` ({number}): cut it into pieces");
        told(EmbedErrorKind::TextTooLong, what)
    };
    let transient = |what: &str| {
        let kind = EmbedErrorKind::Transient { retry_after: retry_after(headers) };
        told(kind, format!("{what} ({number}{}): try again later", said.reason()))
    };
    match number {
        401 | 403 => told(
            EmbedErrorKind::Auth,
            format!("refused the key ({number}): check the key, and what it may be used for"),
        ),
        402 => told(EmbedErrorKind::Quota, format!("asks for payment ({number}): the account is used up")),
        429 if said.is("insufficient_quota") => told(
            EmbedErrorKind::Quota,
            format!("says that the quota is used up ({number}): look at the account's plan"),
        ),
        429 => transient("limits how much may be asked"),
        413 => too_long(),
        400..=599 if said.is_too_long => too_long(),
        408 | 425 => transient("did not wait for the request"),
        500..=599 => transient("has a fault"),
        404 => told(
            EmbedErrorKind::InvalidRequest,
            format!(
                "does not know the model `{model}`, or not this route ({number}{}): check both, and with Ollama pull the \
                 model",
                said.reason()
            ),
        ),
        300..=399 => told(
            EmbedErrorKind::InvalidRequest,
            format!("sends elsewhere ({number}): state the URL that is meant; no redirect is followed"),
        ),
        _ => told(
            EmbedErrorKind::InvalidRequest,
            format!(
                "refused the request for `{model}` ({number}{}): check the model and its dimension",
                said.reason()
            ),
        ),
    }
}

/// How long the server asks to wait. A date is not read: this has no clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds =
        number("retry-after-ms").map(|millis| millis / 1_000.0).or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(LONGEST_WAIT))
}

/// What a body says: only words of a program, never sentences, which may repeat what was sent.
struct Said {
    words: Vec<String>,
    is_too_long: bool,
}

impl Said {
    fn of(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let lower = text.to_lowercase();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let error = value.get("error").unwrap_or(&value);
        let words = ["code", "type", "error_type"]
            .iter()
            .filter_map(|field| error.get(field)?.as_str())
            .filter(|word| is_word(word))
            .map(str::to_owned)
            .collect();
        Self { words, is_too_long: TOO_LONG.iter().any(|phrase| lower.contains(phrase)) }
    }

    fn is(&self, word: &str) -> bool {
        self.words.iter().any(|said| said == word)
    }

    /// The first word, to stand behind the status.
    fn reason(&self) -> String {
        self.words.first().map(|word| format!(", {word}")).unwrap_or_default()
    }
}

fn is_word(word: &str) -> bool {
    (1..=40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        status: u16,
        header: Option<(&'static str, &'static str)>,
        body: &str,
        kind: EmbedErrorKind,
    ) -> String {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let error = of("`e` at h", "m", status, &headers, body.as_bytes());
        assert_eq!(error.kind, kind, "{status} {body}");
        error.message
    }

    #[test]
    fn a_status_says_what_can_be_done() {
        let transient = |seconds: Option<f64>| EmbedErrorKind::Transient {
            retry_after: seconds.map(Duration::from_secs_f64),
        };
        check(401, None, "", EmbedErrorKind::Auth);
        check(403, None, "", EmbedErrorKind::Auth);
        check(402, None, "", EmbedErrorKind::Quota);
        check(429, None, r#"{"error": {"code": "insufficient_quota"}}"#, EmbedErrorKind::Quota);
        check(429, None, "{}", transient(None));
        check(429, Some(("retry-after", "3")), "{}", transient(Some(3.0)));
        check(429, Some(("retry-after-ms", "250")), "{}", transient(Some(0.25)));
        check(429, Some(("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")), "{}", transient(None));
        check(429, Some(("retry-after", "-1")), "{}", transient(None));
        check(429, Some(("retry-after", "1e30")), "{}", transient(None));
        check(503, Some(("retry-after", "999999999")), "{}", transient(Some(86_400.0)));
        for status in [408, 425, 500, 502, 503, 504, 529] {
            check(status, None, "busy", transient(None));
        }
        for status in [301, 307, 400, 404, 405, 422] {
            check(status, None, "no", EmbedErrorKind::InvalidRequest);
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_told_apart() {
        for (status, body) in [
            (
                400,
                r#"{"error": {"message": "This model's maximum context length is 8192 tokens, however …"}}"#,
            ),
            (400, r#"{"error": "the input length exceeds the context length"}"#),
            (500, r#"{"error": "input length exceeds maximum context length"}"#),
            (
                500,
                r#"{"error": {"message": "input is too large to process. increase the physical batch size"}}"#,
            ),
            (
                422,
                r#"{"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 900"}"#,
            ),
            (413, ""),
        ] {
            check(status, None, body, EmbedErrorKind::TextTooLong);
        }
    }

    #[test]
    fn words_of_the_server_are_not_repeated() {
        let body = r#"{"error": {"message": "bad: sk-secret and the text", "type": "invalid_request_error", "code": "SK secret"}}"#;
        assert_eq!(
            check(400, None, body, EmbedErrorKind::InvalidRequest),
            "`e` at h refused the request for `m` (400, invalid_request_error): check the model and its dimension"
        );
        let body = r#"{"error": "model \"m\" not found, try pulling it first"}"#;
        assert_eq!(
            check(404, None, body, EmbedErrorKind::InvalidRequest),
            "`e` at h does not know the model `m`, or not this route (404): check both, and with Ollama pull the model"
        );
    }
}
