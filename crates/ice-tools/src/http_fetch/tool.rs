//! What the tool takes, gives and does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ice_core::error::ErrorCode;
use ice_core::tools::typed::{self, InvalidTool};
use ice_core::tools::{Capability, Effect, HostGrant, Started, Tool, ToolContext, ToolError};
use ice_core::value::Value;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::body;
use super::exchange::{Outgoing, send};
use super::guard::{check, place};
use super::resolver::{HostResolver, SystemResolver};

/// The longest URL, in bytes.
const MAX_URL: usize = 8192;
/// The most headers, and the largest value of one in bytes.
const MAX_HEADERS: usize = 64;
const MAX_HEADER: usize = 8192;
/// The longest wait, in seconds.
const MAX_TIMEOUT: f64 = 600.0;
/// The most redirects that are followed.
const MAX_REDIRECTS: u32 = 10;
/// The headers that belong to the connection, and not to whoever asks.
const OWN_HEADERS: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::PROXY_AUTHORIZATION,
    header::EXPECT,
];
/// The headers that go along to another host.
const HARMLESS_HEADERS: [HeaderName; 4] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::USER_AGENT, header::CONTENT_TYPE];

/// A request.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The URL, `http` or `https`, of a granted host and port.
    pub url: String,
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// Headers. On a redirect to another host only `accept`, `accept-language`, `content-type` and `user-agent` go
    /// along.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: a text as it is, anything else as JSON.
    #[serde(default)]
    pub body: Value,
    /// The longest wait for the whole answer, in seconds, at most 600.
    #[serde(default = "thirty")]
    #[schemars(range(min = 0, max = 600))]
    pub timeout_seconds: f64,
    /// The largest answer, in bytes.
    #[serde(default = "ten_mebibytes")]
    pub max_bytes: u64,
    /// The most redirects to follow, at most 10.
    #[serde(default = "five")]
    #[schemars(range(min = 0, max = 10))]
    pub max_redirects: u32,
    /// Whether an answer with a status of 400 and above is an output like any other, and not a failure.
    #[serde(default)]
    pub any_status: bool,
}

const fn thirty() -> f64 {
    30.0
}

const fn ten_mebibytes() -> u64 {
    10 << 20
}

const fn five() -> u32 {
    5
}

/// A method of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Asks for something.
    #[default]
    Get,
    /// Asks for the head of an answer.
    Head,
    /// Hands something in.
    Post,
    /// Puts something in place.
    Put,
    /// Changes something.
    Patch,
    /// Takes something away.
    Delete,
}

impl Method {
    const fn to_http(self) -> reqwest::Method {
        match self {
            Self::Get => reqwest::Method::GET,
            Self::Head => reqwest::Method::HEAD,
            Self::Post => reqwest::Method::POST,
            Self::Put => reqwest::Method::PUT,
            Self::Patch => reqwest::Method::PATCH,
            Self::Delete => reqwest::Method::DELETE,
        }
    }
}

/// The answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The status, for example 200.
    pub status: u16,
    /// The URL that answered, after redirects.
    pub url: String,
    /// The headers, by names in lower case; several of one name are joined by `, `. Cookies are left out.
    pub headers: BTreeMap<String, String>,
    /// The size of the body, in bytes.
    pub bytes: usize,
    /// The body, if it is text.
    pub text: Option<String>,
    /// The body as a value, if its type is JSON.
    pub json: Option<Value>,
    /// The body in Base64, if it is no text.
    pub base64: Option<String>,
}

/// The tool `http_fetch`, with the resolver of the system.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool() -> Result<Arc<dyn Tool>, InvalidTool> {
    tool_with(Arc::new(SystemResolver))
}

/// The tool `http_fetch`, with another resolver. `GET` and `HEAD` can be repeated, the other methods are
/// irreversible.
///
/// # Errors
/// Never in practice: its description is fixed, and a test builds it.
pub fn tool_with(resolver: Arc<dyn HostResolver>) -> Result<Arc<dyn Tool>, InvalidTool> {
    typed::tool(
        "http_fetch",
        "1.0.0",
        "Asks a granted host over HTTP, follows redirects to granted hosts, and returns the answer as text or JSON.",
    )
    .effect(Effect::Irreversible)
    .effect_of(effect)
    .hosts_of(hosts)
    .capability(Capability::Network)
    .build(move |ctx, input| run(ctx, Arc::clone(&resolver), input))
}

fn effect(input: &Value) -> Effect {
    match input.get("method").map(Value::as_str) {
        None | Some(Some("GET" | "HEAD")) => Effect::Idempotent,
        Some(_) => Effect::Irreversible,
    }
}

/// The host of the URL. Where it redirects to is not known before.
fn hosts(input: &Value) -> Vec<HostGrant> {
    let url = input.get("url").and_then(Value::as_str).and_then(|text| Url::parse(text).ok());
    let grant = url.and_then(|url| {
        let host = match url.host()? {
            url::Host::Domain(name) => name.to_owned(),
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => address.to_string(),
        };
        Some(HostGrant { host, port: url.port_or_known_default()? })
    });
    grant.into_iter().collect()
}

async fn run(ctx: ToolContext, resolver: Arc<dyn HostResolver>, input: Input) -> Result<Output, ToolError> {
    let invalid = |message: &str| Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
    if !(0.0..=MAX_TIMEOUT).contains(&input.timeout_seconds) {
        return invalid("`timeout_seconds` is 0 to 600");
    }
    if input.max_redirects > MAX_REDIRECTS {
        return invalid("`max_redirects` is 0 to 10");
    }
    if input.url.len() > MAX_URL {
        return invalid("the URL is longer than 8,192 bytes");
    }
    let Ok(url) = Url::parse(&input.url) else {
        return invalid("the URL cannot be read: write for example `https://example.org/data.json`");
    };
    let outgoing = outgoing(&input)?;
    let shown = place(&url);
    let span = Duration::from_secs_f64(input.timeout_seconds);
    let is_repeatable = matches!(input.method, Method::Get | Method::Head);
    let exchange = Exchange { ctx: &ctx, resolver: &*resolver, input: &input };
    let result = tokio::select! {
        biased;
        () = ctx.cancel.cancelled() => Err(ToolError::cancelled()),
        result = tokio::time::timeout(span, exchange.run(url, outgoing)) => result.unwrap_or_else(|_| {
            let message = format!("`{shown}` did not answer within {} seconds", input.timeout_seconds);
            Err(ToolError::failed(ErrorCode::HttpFailed, message))
        }),
    };
    // Asking again for what only reads is as if the first time had not been.
    result.map_err(|error| if is_repeatable { error.not_started() } else { error })
}

fn outgoing(input: &Input) -> Result<Outgoing, ToolError> {
    let invalid = |message: String| Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
    if input.headers.len() > MAX_HEADERS {
        return invalid(format!("there are more than {MAX_HEADERS} headers"));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &input.headers {
        let shown: String = name.chars().take(80).collect();
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            return invalid(format!("`{shown}` is no name of a header"));
        };
        if OWN_HEADERS.contains(&header) || header.as_str().starts_with("proxy-") {
            return invalid(format!("the header `{shown}` belongs to the connection: leave it out"));
        }
        let Some(mut value) =
            (value.len() <= MAX_HEADER).then(|| HeaderValue::from_str(value).ok()).flatten()
        else {
            return invalid(format!("the value of the header `{shown}` is too long, or holds a line end"));
        };
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    let body = match &input.body {
        Value::Null => None,
        Value::String(text) => Some(text.as_bytes().to_vec()),
        other @ (Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) | Value::Blob(_)) => {
            let json = HeaderValue::from_static("application/json");
            headers.entry(header::CONTENT_TYPE).or_insert(json);
            Some(other.to_string().into_bytes())
        }
    };
    if body.is_some() && matches!(input.method, Method::Get | Method::Head) {
        return invalid("GET and HEAD take no `body`".to_owned());
    }
    Ok(Outgoing { method: input.method.to_http(), headers, body })
}

struct Exchange<'c> {
    ctx: &'c ToolContext,
    resolver: &'c dyn HostResolver,
    input: &'c Input,
}

impl Exchange<'_> {
    async fn run(&self, mut url: Url, mut outgoing: Outgoing) -> Result<Output, ToolError> {
        let body_size = outgoing.body.as_ref().map_or(0, |body| body.len() as u64);
        if body_size > self.ctx.limits.max_write_bytes {
            let message = format!("the body has more than {} bytes", self.ctx.limits.max_write_bytes);
            return Err(ToolError::refused(ErrorCode::FileTooLarge, message));
        }
        for hop in 0..=self.input.max_redirects {
            let sent = self.hop(url.clone(), &outgoing).await;
            // What was refused after a redirect comes after a request that did go out.
            let response = sent.map_err(|error| if hop == 0 { error } else { begun(error) })?;
            let Some(next) = redirect(&url, &response).map_err(begun)? else {
                return self.finish(response).await;
            };
            follow(&mut outgoing, &url, &next, response.status());
            url = next;
        }
        let message = format!("`{}` redirects more than {} times", place(&url), self.input.max_redirects);
        Err(ToolError::failed(ErrorCode::HttpFailed, message).retryable(false))
    }

    async fn hop(&self, url: Url, outgoing: &Outgoing) -> Result<reqwest::Response, ToolError> {
        let target = check(&self.ctx.grants, self.resolver, url).await?;
        send(&target, outgoing).await
    }

    async fn finish(&self, mut response: reqwest::Response) -> Result<Output, ToolError> {
        let shown = place(response.url());
        let status = response.status();
        if status.as_u16() >= 400 && !self.input.any_status {
            return Err(status_error(&shown, &response));
        }
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in response.headers() {
            if *name == header::SET_COOKIE {
                continue;
            }
            let value = String::from_utf8_lossy(value.as_bytes());
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|joined| {
                    joined.push_str(", ");
                    joined.push_str(&value);
                })
                .or_insert_with(|| value.to_string());
        }
        let limit = self.input.max_bytes.min(self.ctx.limits.max_read_bytes);
        let url = response.url().to_string();
        // The answer to HEAD states the size of a body that does not follow.
        let is_head = self.input.method == Method::Head;
        let bytes = if is_head { Vec::new() } else { body::read(&mut response, &shown, limit).await? };
        let size = bytes.len();
        let content = body::decode(headers.get("content-type").map_or("", String::as_str), bytes);
        Ok(Output {
            status: status.as_u16(),
            url,
            headers,
            bytes: size,
            text: content.text,
            json: content.json,
            base64: content.base64,
        })
    }
}

fn begun(mut error: ToolError) -> ToolError {
    error.started = Started::Unknown;
    error
}

/// Where an answer redirects to, if it does.
fn redirect(from: &Url, response: &reqwest::Response) -> Result<Option<Url>, ToolError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(header::LOCATION) else { return Ok(None) };
    let refuse = |what: &str| {
        let message = format!("`{}` redirects {what}", place(from));
        Err(ToolError::refused(ErrorCode::HttpFailed, message))
    };
    let next =
        location.to_str().ok().filter(|text| text.len() <= MAX_URL).and_then(|text| from.join(text).ok());
    match next {
        None => refuse("to something that is no URL"),
        Some(next) if from.scheme() == "https" && next.scheme() != "https" => refuse("away from `https`"),
        Some(next) => Ok(Some(next)),
    }
}

/// Changes the request as the Fetch standard does: 303, and 301 or 302 after POST, ask again by GET; another origin
/// does not get headers that may hold secrets.
fn follow(outgoing: &mut Outgoing, from: &Url, to: &Url, status: reqwest::StatusCode) {
    let was_post = outgoing.method == reqwest::Method::POST;
    let was_read = matches!(outgoing.method, reqwest::Method::GET | reqwest::Method::HEAD);
    if (status.as_u16() == 303 && !was_read) || (matches!(status.as_u16(), 301 | 302) && was_post) {
        outgoing.method = reqwest::Method::GET;
        outgoing.body = None;
        outgoing.headers.remove(header::CONTENT_TYPE);
    }
    if from.origin() != to.origin() {
        let kept = outgoing.headers.clone();
        outgoing.headers.clear();
        for name in HARMLESS_HEADERS {
            if let Some(value) = kept.get(&name) {
                outgoing.headers.insert(name, value.clone());
            }
        }
    }
}

fn status_error(shown: &str, response: &reqwest::Response) -> ToolError {
    let status = response.status().as_u16();
    let message = format!("`{shown}` answers with status {status}");
    let is_temporary = matches!(status, 408 | 425 | 429) || status >= 500;
    let error = ToolError::failed(ErrorCode::HttpFailed, message).retryable(is_temporary);
    let seconds = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match seconds.filter(|_| is_temporary) {
        Some(seconds) => error.retry_after(Duration::from_secs(seconds.min(86_400))),
        None => error,
    }
}
