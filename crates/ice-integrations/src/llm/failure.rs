//! From an error of the client to one of the port, by what the vendors say in their bodies and headers.

use std::time::Duration;

use genai::Error;
use ice_core::llm::{LlmError, LlmErrorKind};
use ice_core::time::{Clock, Moment, SystemClock};
use jiff::fmt::rfc2822;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value as Json;

/// The most of what a vendor says that is told, in characters.
const MAX_TOLD: usize = 300;

/// What went wrong with a call.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the client has many errors, and all others are about the request"
)]
pub(super) fn failure(provider: &str, error: &Error) -> LlmError {
    match error {
        Error::HttpError { status, body, headers, .. } => refused(provider, *status, body, headers),
        Error::WebModelCall { webc_error, .. } | Error::WebAdapterCall { webc_error, .. } => {
            of_call(provider, webc_error)
        }
        Error::WebStream { error, cause, .. } => of_stream(provider, error.as_ref(), cause),
        Error::ChatResponse { body, .. } => said(provider, None, body, None),
        Error::StreamParse { serde_error, .. } => {
            let text = format!("`{provider}` sent what is no part of an answer: {serde_error}");
            LlmError { another_model_helps: true, ..LlmError::new(LlmErrorKind::Truncated, text) }
        }
        other => {
            let text: String =
                other.to_string().lines().next().unwrap_or_default().chars().take(MAX_TOLD).collect();
            LlmError::new(LlmErrorKind::InvalidRequest, format!("`{provider}` cannot be asked this: {text}"))
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others of the client are about what came back")]
fn of_call(provider: &str, error: &genai::webc::Error) -> LlmError {
    match error {
        genai::webc::Error::ResponseFailedStatus { status, body, headers } => {
            refused(provider, *status, body, headers)
        }
        genai::webc::Error::Reqwest(error) => unreachable_server(provider, error),
        other => {
            let text = format!("`{provider}` sent what is no answer: {}", first_line(&other.to_string()));
            LlmError { another_model_helps: true, ..LlmError::new(LlmErrorKind::Truncated, text) }
        }
    }
}

/// A stream broke, or never began: the client puts what the server said into a box.
fn of_stream(
    provider: &str,
    error: &(dyn std::error::Error + Send + Sync + 'static),
    cause: &str,
) -> LlmError {
    if let Some(error) = error.downcast_ref::<Error>() {
        return failure(provider, error);
    }
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return unreachable_server(provider, error);
    }
    let text = format!("`{provider}` broke off: {}", first_line(cause));
    LlmError { another_model_helps: true, ..LlmError::new(LlmErrorKind::Truncated, text) }
}

/// The connection could not be made, or was lost. Nothing of the URL is told: it may hold a key.
fn unreachable_server(provider: &str, error: &reqwest::Error) -> LlmError {
    let mut root: &dyn std::error::Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    let why = first_line(&root.to_string());
    let (kind, text) = if error.is_connect() {
        (LlmErrorKind::Transient { retry_after: None }, format!("`{provider}` cannot be reached: {why}"))
    } else if error.is_timeout() {
        (LlmErrorKind::Transient { retry_after: None }, format!("`{provider}` did not answer in time"))
    } else if error.is_body() || error.is_decode() {
        (LlmErrorKind::Truncated, format!("`{provider}` broke off: {why}"))
    } else {
        (
            LlmErrorKind::Transient { retry_after: None },
            format!("the connection to `{provider}` was lost: {why}"),
        )
    };
    LlmError { another_model_helps: true, ..LlmError::new(kind, text) }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(MAX_TOLD).collect()
}

/// The server answered with an error.
fn refused(provider: &str, status: StatusCode, body: &str, headers: &HeaderMap) -> LlmError {
    let json = serde_json::from_str::<Json>(body).unwrap_or_else(|_| Json::String(first_line(body)));
    said(provider, Some(status), &json, Some(headers))
}

/// What a vendor says: `{"error": {"message", "type" | "status", "code"}}` in one form or another.
fn said(provider: &str, status: Option<StatusCode>, body: &Json, headers: Option<&HeaderMap>) -> LlmError {
    // Google wraps it into a list when it streams.
    let error = body.as_array().and_then(|list| list.first()).unwrap_or(body);
    let error = error.get("error").unwrap_or(error);
    let text = |name: &str| error.get(name).and_then(Json::as_str);
    let told = text("message").or_else(|| error.as_str()).unwrap_or_default();
    let labels = [text("type"), text("status"), text("code")];
    let is = |label: &str| labels.contains(&Some(label));
    let status = status.or_else(|| {
        let code = error.get("code").and_then(Json::as_u64)?;
        StatusCode::from_u16(u16::try_from(code).ok()?).ok()
    });
    let number = status.map(|status| status.as_u16());
    let kind = if is("insufficient_quota")
        || is("billing_error")
        || is("billing_hard_limit_reached")
        || number == Some(402)
    {
        LlmErrorKind::Quota
    } else if is("context_length_exceeded")
        || number == Some(413)
        || (number.is_none_or(|n| n == 400) && is_too_long(told))
    {
        LlmErrorKind::ContextTooLong
    } else if is("content_filter") || is("content_policy_violation") {
        LlmErrorKind::Refused
    } else if matches!(number, Some(401 | 403)) || is("authentication_error") || is("permission_error") {
        LlmErrorKind::Auth
    } else if matches!(number, Some(408 | 409 | 425 | 429 | 500..=599))
        || ["overloaded_error", "rate_limit_error", "rate_limit_exceeded"].iter().any(|label| is(label))
        // Servers say this of whatever went wrong: where the status says that it is the request, it is.
        || number.is_none_or(|number| !(400..500).contains(&number))
            && ["api_error", "server_error", "timeout_error"].iter().any(|label| is(label))
    {
        LlmErrorKind::Transient { retry_after: wait(headers, error) }
    } else {
        LlmErrorKind::InvalidRequest
    };
    let another_model_helps = match kind {
        LlmErrorKind::InvalidRequest => matches!(number, Some(404)),
        LlmErrorKind::Cancelled => false,
        LlmErrorKind::ContextTooLong
        | LlmErrorKind::Transient { .. }
        | LlmErrorKind::Auth
        | LlmErrorKind::Quota
        | LlmErrorKind::Refused
        | LlmErrorKind::Truncated => true,
    };
    let number = number.map(|number| format!(" ({number})")).unwrap_or_default();
    let told = first_line(told);
    let message = if told.is_empty() {
        format!("`{provider}` answered with an error{number}")
    } else {
        format!("`{provider}` answered{number}: {told}")
    };
    LlmError { another_model_helps, ..LlmError::new(kind, message) }
}

/// Whether a complaint is about the length of the conversation: vendors have no code for it but OpenAI.
fn is_too_long(told: &str) -> bool {
    let told = told.to_ascii_lowercase();
    [
        "prompt is too long",
        "maximum context length",
        "context window",
        "context length",
        "input token count",
        "too many tokens",
    ]
    .iter()
    .any(|words| told.contains(words))
}

/// How long the vendor asks to be left alone: in the header, in seconds or as a date, or in Google's details.
fn wait(headers: Option<&HeaderMap>, error: &Json) -> Option<Duration> {
    let header = |name: &str| headers?.get(name)?.to_str().ok().map(str::trim);
    let seconds =
        |text: &str| text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    if let Some(millis) = header("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1_000.0).ok();
    }
    if let Some(text) = header("retry-after") {
        return seconds(text).or_else(|| {
            let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            Some(Moment::from_millis(until.as_millisecond()).since(SystemClock.now()))
        });
    }
    let details = error.get("details")?.as_array()?;
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    seconds(delay.trim_end_matches('s'))
}
