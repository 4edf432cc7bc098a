//! Reaching an endpoint: its name is resolved once, each address is looked at, and what was looked at is connected to.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpStream;

use super::address::is_public;
use super::own::is_own;
use crate::policy::Endpoint;

/// How long to wait for a host to answer.
const CONNECT: Duration = Duration::from_secs(10);

/// The network that cages are led to. Connecting takes an address and no name, so that nothing is resolved after the look
/// at what a name stands for.
#[async_trait]
pub(super) trait Network: fmt::Debug + Send + Sync {
    /// The addresses of a host, in the order in which they are tried.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// Connects to this address.
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

/// That of the machine, with the system's resolver.
#[derive(Debug)]
pub(super) struct System;

#[async_trait]
impl Network for System {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
    }
}

/// Connects to an endpoint, at an address that it may be at.
pub(super) async fn reach(endpoint: &Endpoint, network: &dyn Network) -> io::Result<TcpStream> {
    let connecting = async {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        for address in network.resolve(&endpoint.host).await? {
            if let Err(why) = may_be_at(endpoint, address) {
                last = io::Error::new(io::ErrorKind::PermissionDenied, format!("{address} is {why}"));
                continue;
            }
            match network.connect(SocketAddr::new(address, endpoint.port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    tokio::time::timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Whether an endpoint may be at an address; if not, what that is.
fn may_be_at(endpoint: &Endpoint, address: IpAddr) -> Result<(), &'static str> {
    if endpoint.private {
        Ok(())
    } else if !is_public(address) {
        Err("not a public address")
    } else if endpoint.address().map(IpAddr::V4) != Some(address) && is_own(address) {
        // Public as it is, behind it may be what trusts whoever is on the same machine.
        Err("an address of this machine")
    } else {
        Ok(())
    }
}
