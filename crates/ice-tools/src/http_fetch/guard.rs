//! Which hosts may be asked: granted ones, at addresses that were checked.

use std::net::{IpAddr, SocketAddr};

use ice_core::error::ErrorCode;
use ice_core::process::Reach;
use ice_core::tools::{Grants, ToolError};
use url::{Host, Url};

use super::resolver::HostResolver;

/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 16;

/// A URL that may be asked, and the addresses it may be asked at.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) addresses: Vec<SocketAddr>,
}

/// Checks a URL against the grants, resolves its host and checks every address.
///
/// A host must be granted with its port. Private and other special addresses must be granted themselves
/// (`10.0.0.5:443`), whatever name leads to them; granting `localhost` grants the loopback addresses it has.
pub(super) async fn check(
    grants: &Grants,
    resolver: &dyn HostResolver,
    mut url: Url,
) -> Result<Target, ToolError> {
    let invalid = |message: &str| Err(ToolError::refused(ErrorCode::ToolInputInvalid, message));
    if !matches!(url.scheme(), "http" | "https") {
        return invalid("the URL begins with `http://` or `https://`");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return invalid("the URL holds a user name or password: use a header for them");
    }
    url.set_fragment(None);
    let (Some(host), Some(port)) = (url.host().map(|host| host.to_owned()), url.port_or_known_default())
    else {
        return invalid("the URL names no host");
    };
    let shown = place(&url);
    let (name, addresses) = match host {
        Host::Ipv4(address) => (None, vec![IpAddr::V4(address)]),
        Host::Ipv6(address) => (None, vec![IpAddr::V6(address)]),
        Host::Domain(name) => {
            if !grants.cover(&name, port) {
                return Err(missing(&shown));
            }
            let found = resolver.resolve(&name).await.unwrap_or_default();
            if found.is_empty() {
                let message = format!("`{shown}`: the name was not found");
                return Err(ToolError::refused(ErrorCode::HttpFailed, message).retryable(true));
            }
            (Some(name), found)
        }
    };
    for address in &addresses {
        match grants.reach(name.as_deref(), *address, port) {
            Reach::Granted => {}
            Reach::NotGranted => return Err(missing(&shown)),
            Reach::Refused => return Err(refused(&shown, *address, port)),
        }
    }
    let addresses = addresses.into_iter().take(MAX_ADDRESSES).map(|ip| SocketAddr::new(ip, port)).collect();
    Ok(Target { url, addresses })
}

/// Scheme, host and port: what messages show of a URL. The rest may hold secrets.
pub(super) fn place(url: &Url) -> String {
    url.origin().ascii_serialization().chars().take(300).collect()
}

fn missing(place: &str) -> ToolError {
    ToolError::refused(
        ErrorCode::GrantMissing,
        format!("`{place}` was not granted: start the run with `--allow-net HOST:PORT` for it"),
    )
}

fn refused(place: &str, address: IpAddr, port: u16) -> ToolError {
    let address = SocketAddr::new(address, port);
    ToolError::refused(
        ErrorCode::AddressRefused,
        format!(
            "`{place}` is at {address}, which is no public address: if that is meant, start the run with \
             `--allow-net {address}`"
        ),
    )
}
