//! Reading the fields of a manifest.

use std::collections::BTreeMap;
use std::path::Path;

use ice_core::document::{Object, Problem};
use ice_core::error::ErrorCode;
use ice_core::manifest::{self, ManifestGrants, count, size, span};
use ice_core::process::{Limits, SecretDelivery, SecretRef};
use ice_core::value::Value;
use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use super::model::{Endpoint, OAuth, Patience, Program, Remote, Secret, ServerManifest, ToolOverride};
use crate::mcp::names::{MOST_PREFIX, is_word};

const WEEK: u64 = 7 * 24 * 3_600_000;

/// Reads a manifest that lies in `folder`.
pub(super) fn server(object: &mut Object<'_, '_>, folder: &Path) -> ServerManifest {
    object.choice::<Kinds>("kind");
    ServerManifest {
        kind: super::model::Kind::McpServer,
        name: name(object),
        version: version(object),
        description: object.text("description").map(|text| text.trim_end().to_owned()),
        endpoint: endpoint(object, folder),
        protocol: object.choice("protocol"),
        tools: tools(object),
        patience: patience(object),
    }
}

/// The word that makes a manifest one of a server.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kinds {
    #[default]
    McpServer,
}

fn refuse(object: &Object<'_, '_>, field: &str, message: impl Into<String>) {
    object.refuse(field, Problem::new(ErrorCode::OutOfRange, message));
}

fn name(object: &mut Object<'_, '_>) -> String {
    let name = object.required_text("name");
    let is_text = object.value("name").is_some_and(|written| written.as_str().is_some());
    if is_text && !(is_word(&name) && name.len() <= MOST_PREFIX) {
        let shown: String = name.chars().take(80).collect();
        let message = format!(
            "`{}` is no name for a server: lower-case letters, digits and `_`, beginning with a letter, {MOST_PREFIX} bytes at \
             most",
            shown.escape_debug()
        );
        object.refuse("name", Problem::new(ErrorCode::InvalidId, message));
    }
    name
}

fn version(object: &mut Object<'_, '_>) -> semver::Version {
    let first = semver::Version::new(1, 0, 0);
    let text = match object.value("version") {
        // A version with one point is a number in YAML.
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(
            Value::Null | Value::Bool(_) | Value::String(_) | Value::List(_) | Value::Map(_) | Value::Blob(_),
        ) => object.text("version"),
        None => None,
    };
    let Some(text) = text else { return first };
    semver::Version::parse(&text).unwrap_or_else(|_| {
        let shown: String = text.chars().take(80).collect();
        let message =
            format!("`{}` is no version: write three numbers such as `1.0.0`", shown.escape_debug());
        refuse(object, "version", message);
        first
    })
}

fn endpoint(object: &mut Object<'_, '_>, folder: &Path) -> Endpoint {
    let is_remote = object.value("url").is_some();
    if is_remote && object.value("command").is_some() {
        let problem =
            Problem::new(ErrorCode::OutOfRange, "a server is reached by `url` or is a `command`, not both");
        object.refuse("command", problem.advise("write two manifests"));
    }
    let Some(remote) = is_remote.then(|| remote(object)) else {
        return Endpoint::Program(Box::new(program(object, folder)));
    };
    // Without an address the document is refused, and nobody sees the stand-in.
    remote.map_or_else(|| Endpoint::Program(Box::default()), |remote| Endpoint::Remote(Box::new(remote)))
}

fn program(object: &mut Object<'_, '_>, folder: &Path) -> Program {
    let (command, is_own) = manifest::command(object, folder);
    let profile = object.choice("profile");
    let grants = ManifestGrants::read(object, folder, is_own);
    let environment = manifest::environment(object);
    let secrets = secrets(object, &environment);
    let limits = object.below("limits", limits).unwrap_or_default();
    Program { command, profile, grants, environment, secrets, limits }
}

/// The limits that hold for as long as a server runs.
fn limits(object: &mut Object<'_, '_>) -> Limits {
    let limits = manifest::limits(object);
    let of_calls = [
        ("wall", limits.wall_ms, "timeout"),
        ("idle", limits.idle_ms, "idle"),
        ("output", limits.output_bytes, "message"),
    ];
    for (name, limit, instead) in of_calls {
        if limit.is_some() {
            let message = format!("a server has no limit `{name}`: it goes on");
            let problem = Problem::new(ErrorCode::OutOfRange, message);
            object.refuse(
                name,
                problem.advise(format!("write `{instead}` beside `limits`, which bounds each call")),
            );
        }
    }
    Limits { wall_ms: None, idle_ms: None, output_bytes: None, ..limits }
}

fn secrets(object: &mut Object<'_, '_>, environment: &BTreeMap<String, String>) -> BTreeMap<String, Secret> {
    object.each("secrets", |name, secret| {
        if let Err(problem) = manifest::variable(name) {
            secret.refuse_whole(problem);
        }
        let from = secret.required_text("from");
        if let Err(problem) = reference(&from)
            && secret.value("from").is_some_and(|written| written.as_str().is_some())
        {
            secret.refuse("from", problem);
        }
        let delivery = match secret.value("as") {
            Some(_) => secret.choice("as"),
            None => SecretDelivery::Variable,
        };
        let variable = match delivery {
            SecretDelivery::Variable => name.to_owned(),
            SecretDelivery::File => format!("{name}_FILE"),
        };
        if environment.contains_key(&variable) {
            let message = format!("the variable `{variable}` of this secret stands in `environment` as well");
            secret.refuse_whole(Problem::new(ErrorCode::OutOfRange, message));
        }
        Secret { from: SecretRef::new(from), delivery }
    })
}

/// Checks where a secret is said to be. What was written is not repeated: it may be the secret itself.
fn reference(written: &str) -> Result<SecretRef, Problem> {
    let is_place =
        ["env:", "file:"].iter().any(|kind| written.strip_prefix(kind).is_some_and(|rest| !rest.is_empty()));
    if is_place {
        return Ok(SecretRef::new(written));
    }
    let problem = Problem::new(ErrorCode::OutOfRange, "this does not say where the secret is kept");
    Err(problem.advise("write `env:VARIABLE` or `file:PATH`, never the secret itself"))
}

fn secret_reference(object: &mut Object<'_, '_>, name: &'static str) -> Option<SecretRef> {
    let written = object.text(name)?;
    reference(&written).map_err(|problem| object.refuse(name, problem)).ok()
}

/// A server elsewhere; nothing if its address was refused.
fn remote(object: &mut Object<'_, '_>) -> Option<Remote> {
    for odd in ["profile", "grants", "environment", "secrets", "limits"] {
        if object.value(odd).is_some() {
            refuse(object, odd, format!("`{odd}` is for a server that is a command"));
        }
    }
    let url = address(object);
    let headers = object.parsed_entries("headers", |name, value| {
        header(name)?;
        let is_value = HeaderValue::from_str(value).is_ok();
        is_value
            .then(|| value.to_owned())
            .ok_or_else(|| Problem::new(ErrorCode::OutOfRange, "this is no value of a header"))
    });
    let secret_headers = object.parsed_entries("secret_headers", |name, written| {
        header(name)?;
        if headers.keys().any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(Problem::new(ErrorCode::OutOfRange, "this header stands in `headers` as well"));
        }
        reference(written)
    });
    let bearer = secret_reference(object, "bearer");
    let oauth = object.below("oauth", oauth);
    if bearer.is_some() && oauth.is_some() {
        let problem = Problem::new(
            ErrorCode::OutOfRange,
            "a server takes the token of `bearer` or those of `oauth`, not both",
        );
        object.refuse("oauth", problem);
    }
    Some(Remote { url: url?, headers, secret_headers, bearer, oauth })
}

/// Checks the name of a header that a manifest may set.
fn header(name: &str) -> Result<(), Problem> {
    /// What the protocol itself sets.
    const TAKEN: [&str; 8] = [
        "accept",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "last-event-id",
        "mcp-session-id",
        "transfer-encoding",
    ];
    let lower = name.to_ascii_lowercase();
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        let message = format!("`{}` is no name of a header", name.escape_debug());
        return Err(Problem::new(ErrorCode::OutOfRange, message));
    }
    if lower == "authorization" {
        let problem =
            Problem::new(ErrorCode::OutOfRange, "who ice is to a server does not stand in `headers`");
        return Err(problem.advise("write `bearer: env:VARIABLE`, or `oauth`"));
    }
    if TAKEN.contains(&lower.as_str()) || lower.starts_with("mcp-") {
        return Err(Problem::new(
            ErrorCode::OutOfRange,
            format!("the header `{lower}` is set by the protocol"),
        ));
    }
    Ok(())
}

/// The address; nothing if it was refused.
fn address(object: &mut Object<'_, '_>) -> Option<Url> {
    let written = object.text("url")?;
    checked_url(&written).map_err(|problem| object.refuse("url", problem)).ok()
}

fn checked_url(written: &str) -> Result<Url, Problem> {
    let refused = |message: &str| Problem::new(ErrorCode::OutOfRange, message);
    let url = Url::parse(written).map_err(|error| refused(&format!("this is no address: {error}")))?;
    let host = url.host_str().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("an address has no name and no password in it")
            .advise("write `bearer` or `secret_headers`"));
    }
    if url.fragment().is_some() {
        return Err(refused("an address has no part after `#`"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here(host) => Ok(url),
        "http" => {
            let problem = refused("what goes to another machine goes over `https`");
            Err(problem.advise("`http` is for `localhost` and the addresses of this machine"))
        }
        _ => Err(refused("a server is reached over `https`")),
    }
}

/// Whether a host, as it stands in a URL, is this machine.
fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn oauth(object: &mut Object<'_, '_>) -> OAuth {
    let client_id = object.text("client_id");
    let client_metadata_url = object.text("client_metadata_url");
    if let Some(url) = &client_metadata_url
        && Url::parse(url).map_or(true, |url| url.scheme() != "https" || url.path() == "/")
    {
        refuse(object, "client_metadata_url", "this must be an `https` address with a path");
    }
    let client_secret = secret_reference(object, "client_secret");
    let word = |text: &str| {
        let is_word = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        is_word
            .then(|| text.to_owned())
            .ok_or_else(|| Problem::new(ErrorCode::OutOfRange, "this is no scope"))
    };
    let scopes = object.parsed("scopes", word).unwrap_or_default();
    let for_itself = object.value("for_itself").is_some().then(|| object.flag("for_itself", false));
    if client_secret.is_some() && client_id.is_none() {
        object.refuse(
            "client_secret",
            Problem::new(ErrorCode::OutOfRange, "a client with a secret has an id")
                .advise("write `client_id` as well"),
        );
    }
    if for_itself == Some(true) && client_secret.is_none() {
        refuse(object, "for_itself", "a client asks for tokens in its own name with a `client_secret`");
    }
    OAuth { client_id, client_metadata_url, client_secret, scopes, for_itself }
}

fn tools(object: &mut Object<'_, '_>) -> BTreeMap<String, ToolOverride> {
    object.each("tools", |_, tool| {
        let name = tool.text("name");
        if let Some(name) = &name
            && !is_word(name)
        {
            let message = "a tool is called by lower-case letters, digits and `_`, beginning with a letter";
            tool.refuse("name", Problem::new(ErrorCode::InvalidId, message));
        }
        let effect = tool.value("effect").is_some().then(|| tool.choice("effect"));
        let mut capabilities = tool.choices("capabilities");
        capabilities.sort_unstable();
        capabilities.dedup();
        ToolOverride { name, effect, capabilities, enabled: tool.flag("enabled", true) }
    })
}

fn patience(object: &mut Object<'_, '_>) -> Patience {
    let usual = Patience::default();
    Patience {
        start_ms: span(object, "start", 1..=3_600_000).unwrap_or(usual.start_ms),
        timeout_ms: span(object, "timeout", 1..=WEEK).unwrap_or(usual.timeout_ms),
        idle_ms: span(object, "idle", 1..=WEEK).unwrap_or(usual.idle_ms),
        message_bytes: size(object, "message", 1 << 10..=256 << 20).unwrap_or(usual.message_bytes),
        attachment_bytes: size(object, "attachment", 1..=64 << 20).unwrap_or(usual.attachment_bytes),
        restarts: count(object, "restarts", 0..=1_000).unwrap_or(usual.restarts),
        restart_window_ms: span(object, "restart_window", 1_000..=WEEK).unwrap_or(usual.restart_window_ms),
    }
}
