//! The body of an answer, read up to a limit and turned into a value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;
use ice_core::value::Value;
use reqwest::Response;

use super::exchange::failed;
use crate::support::parse;

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(response: &mut Response, shown: &str, limit: u64) -> Result<Vec<u8>, ToolError> {
    let too_large = || {
        let message =
            format!("`{shown}` answers with more than {limit} bytes: raise `max_bytes` if that is meant");
        ToolError::failed(ErrorCode::FileTooLarge, message).retryable(false)
    };
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(shown, &error))? {
        if (body.len() as u64).saturating_add(chunk.len() as u64) > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A body as text if it is text, else as Base64; and as a value if it says that it is JSON and is.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) text: Option<String>,
    pub(super) json: Option<Value>,
    pub(super) base64: Option<String>,
}

/// Decodes by the charset of the content type, UTF-8 without one.
pub(super) fn decode(content_type: &str, body: Vec<u8>) -> Content {
    let mut parameters = content_type.split(';').map(str::trim);
    let media_type = parameters.next().unwrap_or_default().to_ascii_lowercase();
    let label = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
    });
    let is_json = media_type == "application/json" || media_type.ends_with("+json");
    let encoding = label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    let (text, _, had_errors) = encoding.unwrap_or(encoding_rs::UTF_8).decode(&body);
    if had_errors || text.contains('\0') {
        return Content { base64: Some(STANDARD.encode(&body)), ..Content::default() };
    }
    let json = is_json.then(|| parse("the body", &text).ok()).flatten();
    Content { text: Some(text.into_owned()), json, base64: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content_type: &str, body: &[u8], expected: (Option<&str>, Option<&str>, Option<&str>)) {
        let found = decode(content_type, body.to_vec());
        let json = found.json.map(|json| json.to_string());
        assert_eq!(
            (found.text.as_deref(), json.as_deref(), found.base64.as_deref()),
            expected,
            "{content_type}"
        );
    }

    #[test]
    fn a_body_is_text_or_bytes() {
        check("text/plain; charset=ISO-8859-1", b"gr\xfcn", (Some("grün"), None, None));
        check("text/plain", "grün".as_bytes(), (Some("grün"), None, None));
        check("", b"gr\xfcn", (None, None, Some("Z3L8bg==")));
        check("image/png", b"\0\0", (None, None, Some("AAA=")));
        check("application/json", b"{\"a\": 1}", (Some("{\"a\": 1}"), Some("{\"a\":1}"), None));
        check("application/problem+json; charset=utf-8", b"[1]", (Some("[1]"), Some("[1]"), None));
        check("application/json", b"{", (Some("{"), None, None));
    }
}
