//! One request and the head of its answer.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::tools::ToolError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use reqwest::{Client, Response};

use super::guard::{Target, place};

/// A request as it goes out.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) method: reqwest::Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

/// Knows the checked addresses and no others, whatever name is asked for.
struct Pinned(Vec<SocketAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// Sends a request to a checked target. Redirects are not followed.
pub(super) async fn send(target: &Target, outgoing: &Outgoing) -> Result<Response, ToolError> {
    let pinned = Arc::new(Pinned(target.addresses.clone()));
    let shown = place(&target.url);
    // Every request has a client of its own: a pooled connection would outlive the check of its address. Making one
    // reads the system's certificates.
    let made = tokio::task::spawn_blocking(move || {
        Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .user_agent(concat!("ice/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(pinned)
            .build()
    });
    let client = match made.await {
        Ok(Ok(client)) => client,
        Ok(Err(_)) | Err(_) => {
            let message =
                format!("`{shown}`: no HTTP client could be made; are there certificates on this system?");
            return Err(ToolError::refused(ErrorCode::HttpFailed, message));
        }
    };
    let mut request =
        client.request(outgoing.method.clone(), target.url.clone()).headers(outgoing.headers.clone());
    if let Some(body) = &outgoing.body {
        request = request.body(body.clone());
    }
    let response = request.send().await.map_err(|error| failed(&shown, &error))?;
    let reached = response.remote_addr().map(|address| address.ip().to_canonical());
    let is_pinned = |ip| target.addresses.iter().any(|address| address.ip().to_canonical() == ip);
    if reached.is_some_and(|ip| !is_pinned(ip)) {
        let message = format!("`{shown}`: the connection went to an address that was not checked");
        return Err(ToolError::failed(ErrorCode::AddressRefused, message).retryable(false));
    }
    Ok(response)
}

/// A failure of the transport. The innermost cause is told: it names no header, path or body.
pub(super) fn failed(shown: &str, error: &reqwest::Error) -> ToolError {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let error_code = ErrorCode::HttpFailed;
    if error.is_connect() {
        return ToolError::refused(error_code, format!("`{shown}` cannot be connected to{cause}"))
            .retryable(true);
    }
    if error.is_builder() {
        return ToolError::refused(error_code, format!("`{shown}`: the request cannot be built"));
    }
    ToolError::failed(error_code, format!("`{shown}`: the exchange broke off{cause}"))
}
