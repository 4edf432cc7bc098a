//! Servers that a blueprint names itself: their host must be granted, and every address that it leads to is checked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ice_core::llm::{LlmError, LlmErrorKind};
use ice_core::process::{Grants, Reach};
use url::{Host, Url};

use super::vendor::connections;

/// A server that may be asked.
pub(super) struct Place {
    /// Its address, with a slash at the end.
    pub(super) address: String,
    /// Connections that lead to the addresses that were checked, and nowhere else.
    pub(super) connections: reqwest::Client,
}

/// Checks where a request wants to go.
///
/// # Errors
/// [`LlmErrorKind::InvalidRequest`] if it is no URL, was not granted, or leads to an address that was not.
pub(super) async fn guarded(url: &str, grants: &Arc<Grants>, connect: Duration) -> Result<Place, LlmError> {
    let invalid = |message: String| LlmError::new(LlmErrorKind::InvalidRequest, message);
    let url = Url::parse(url).map_err(|error| invalid(format!("`base_url`: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "`base_url` begins with `http://` or `https://`, and holds no name or password".to_owned(),
        ));
    }
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return Err(invalid("`base_url` names no host".to_owned()));
    };
    let shown = url.origin().ascii_serialization();
    let (name, found) = match host {
        Host::Ipv4(address) => (None, vec![IpAddr::V4(address)]),
        Host::Ipv6(address) => (None, vec![IpAddr::V6(address)]),
        Host::Domain(name) => {
            if !grants.cover(name, port) {
                return Err(invalid(not_granted(&shown, name, port)));
            }
            let looked_up = tokio::time::timeout(connect, tokio::net::lookup_host((name, port))).await;
            let found = looked_up.ok().and_then(Result::ok).into_iter().flatten();
            (Some(name), found.map(|address| address.ip()).collect())
        }
    };
    if found.is_empty() {
        let message = format!("`{shown}`: the name was not found");
        return Err(LlmError::new(LlmErrorKind::Transient { retry_after: None }, message));
    }
    for address in &found {
        match grants.reach(name, *address, port) {
            Reach::Granted => {}
            Reach::NotGranted => return Err(invalid(not_granted(&shown, &address.to_string(), port))),
            Reach::Refused => {
                let at = SocketAddr::new(*address, port);
                return Err(invalid(format!(
                    "`{shown}` is at {at}, which is no public address: if that is meant, start the run with \
                     `--allow-net {at}`"
                )));
            }
        }
    }
    let mut builder = connections(connect).no_proxy();
    if let Some(name) = name {
        let checked: Vec<SocketAddr> = found.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        builder = builder.resolve_to_addrs(name, &checked);
    }
    let connections = builder.build().map_err(|error| invalid(error.to_string()))?;
    let address = url.as_str();
    let address = if address.ends_with('/') { address.to_owned() } else { format!("{address}/") };
    Ok(Place { address, connections })
}

fn not_granted(shown: &str, host: &str, port: u16) -> String {
    format!("`{shown}` was not granted: start the run with `--allow-net {host}:{port}`")
}
