//! Connecting with a server over HTTP.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ice_core::process::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

use super::error::Error;
use super::manifest::{Remote, ServerManifest};
use super::ports::{SecretText, Secrets};

/// The most redirects that are followed.
const MOST_REDIRECTS: usize = 5;
/// The longest time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(15);
/// How often a stream that broke is taken up again.
const RESUMES: usize = 5;

/// Finds the addresses of hosts: the public ones of a name, so that nobody who rules its records can point it into the network
/// of this machine; those of this machine for `localhost`.
#[derive(Clone, Copy, Debug)]
struct Outside;

impl Resolve for Outside {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?;
            let is_here = host == "localhost";
            let fits = |address: &SocketAddr| {
                if is_here { address.ip().is_loopback() } else { is_public(address.ip()) }
            };
            let allowed: Vec<SocketAddr> = found.filter(fits).collect();
            if allowed.is_empty() {
                let why =
                    "the name leads to no public address: write a private one as it is, if that is meant";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Follows a redirect that stays where it is and sends the same again; any other is a failure.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let is_same = attempt.previous().last().is_some_and(|from| {
        let to = attempt.url();
        (from.scheme(), from.host_str(), from.port_or_known_default())
            == (to.scheme(), to.host_str(), to.port_or_known_default())
    });
    let sends_again = matches!(attempt.status().as_u16(), 307 | 308);
    if is_same && sends_again && attempt.previous().len() <= MOST_REDIRECTS {
        attempt.follow()
    } else {
        attempt.error("the server leads elsewhere")
    }
}

/// What talks HTTP. Connections are not kept: a kept one may be closed at the other end just as it is used again.
pub(super) fn client(server: &str) -> Result<reqwest::Client, Error> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(Arc::new(Outside))
        .redirect(Policy::custom(redirect))
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(0)
        .build();
    client.map_err(|error| Error::unavailable(server, format!("HTTP cannot be spoken here: {error}")))
}

/// How a server is talked with, and the secrets that are sent to it.
pub(super) async fn config(
    manifest: &ServerManifest,
    remote: &Remote,
    secrets: Option<&dyn Secrets>,
) -> Result<(StreamableHttpClientTransportConfig, Vec<SecretText>), Error> {
    let server = manifest.name.as_str();
    let mut known = Vec::new();
    let mut headers = HeaderMap::new();
    for (name, value) in &remote.headers {
        let value = HeaderValue::from_str(value);
        put(server, &mut headers, name, value.map_err(|_| ()))?;
    }
    for (name, reference) in &remote.secret_headers {
        let secret = super::secret(server, secrets, reference).await?;
        let value = HeaderValue::from_str(secret.expose()).map(|mut value| {
            value.set_sensitive(true);
            value
        });
        put(server, &mut headers, name, value.map_err(|_| ()))?;
        known.push(secret);
    }
    let headers: HashMap<HeaderName, HeaderValue> =
        headers.into_iter().filter_map(|(name, value)| Some((name?, value))).collect();
    let most = manifest.patience.message();
    let mut config = StreamableHttpClientTransportConfig::with_uri(remote.url.as_str())
        .custom_headers(headers)
        .max_sse_event_size(most)
        .max_json_response_size(most)
        .max_error_response_size(4 << 10);
    let mut retries = ExponentialBackoff::default();
    retries.max_times = Some(RESUMES);
    retries.max_delay = Some(Duration::from_secs(10));
    config.retry_config = Arc::new(retries);
    if let Some(reference) = &remote.bearer {
        let secret = super::secret(server, secrets, reference).await?;
        if HeaderValue::from_str(secret.expose()).is_err() {
            return Err(Error::unavailable(server, format!("`{reference}` holds no token that can be sent")));
        }
        config = config.auth_header(secret.expose());
        known.push(secret);
    }
    Ok((config, known))
}

fn put(
    server: &str,
    headers: &mut HeaderMap,
    name: &str,
    value: Result<HeaderValue, ()>,
) -> Result<(), Error> {
    let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value) else {
        return Err(Error::unavailable(
            server,
            format!("the header `{name}` cannot be sent: its value is none of a header"),
        ));
    };
    headers.insert(name, value);
    Ok(())
}
