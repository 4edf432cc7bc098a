//! The way out of a cage: takes the connections that a command makes to what it was granted, and carries them there.
//!
//! A name is resolved here, for each connection anew, and connected to at the very address that was looked at: what it
//! resolves to afterwards does not matter.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::policy::Endpoint;
use crate::report::Traffic;

/// How long to wait for a host to answer.
const CONNECT: Duration = Duration::from_secs(10);

/// Connections of one cage at a time.
const MOST: usize = 128;

/// Carries the connections of one cage. Dropping it cuts them.
#[derive(Debug)]
pub(super) struct Broker {
    counts: Vec<(Endpoint, Arc<Counts>)>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    refused: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Broker {
    /// Takes what comes at these sockets for these endpoints.
    pub(super) fn new(sockets: Vec<(Endpoint, OwnedFd)>) -> io::Result<Self> {
        let seats = Arc::new(Semaphore::new(MOST));
        let (mut counts, mut tasks) = (Vec::new(), JoinSet::new());
        for (endpoint, socket) in sockets {
            let listener = std::net::TcpListener::from(socket);
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let count = Arc::new(Counts::default());
            counts.push((endpoint.clone(), Arc::clone(&count)));
            tasks.spawn(accept(listener, endpoint, count, Arc::clone(&seats)));
        }
        Ok(Self { counts, _tasks: tasks })
    }

    /// What was carried so far, endpoint by endpoint.
    pub(super) fn traffic(&self) -> Vec<Traffic> {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let each = self.counts.iter().map(|(endpoint, counts)| Traffic {
            endpoint: endpoint.to_string(),
            connections: of(&counts.connections),
            refused: of(&counts.refused),
            sent: of(&counts.sent),
            received: of(&counts.received),
        });
        each.collect()
    }
}

async fn accept(listener: TcpListener, endpoint: Endpoint, counts: Arc<Counts>, seats: Arc<Semaphore>) {
    // They end with the broker.
    let mut connections = JoinSet::new();
    loop {
        let inside = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((inside, _)) => inside,
                Err(error) => {
                    tracing::warn!(%endpoint, %error, "a connection out of a cage could not be taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        // Those that wait for a seat are few: one for each endpoint.
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let (endpoint, counts) = (endpoint.clone(), Arc::clone(&counts));
        connections.spawn(async move {
            match connect(&endpoint).await {
                Ok(outside) => {
                    counts.connections.fetch_add(1, Ordering::Relaxed);
                    carry(inside, outside, &counts).await;
                }
                Err(error) => {
                    counts.refused.fetch_add(1, Ordering::Relaxed);
                    tracing::info!(%endpoint, %error, "a connection out of a cage was refused");
                }
            }
            drop(seat);
        });
    }
}

/// Connects to an endpoint, at an address that it may be at.
async fn connect(endpoint: &Endpoint) -> io::Result<TcpStream> {
    let connecting = async {
        let found = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port)).await?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        for address in found {
            if !endpoint.private && !is_public(address.ip()) {
                let what = format!("{} is not a public address", address.ip());
                last = io::Error::new(io::ErrorKind::PermissionDenied, what);
                continue;
            }
            match TcpStream::connect(SocketAddr::new(address.ip(), endpoint.port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    tokio::time::timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Carries both directions until both have ended.
async fn carry(inside: TcpStream, outside: TcpStream, counts: &Counts) {
    let (from_inside, to_inside) = inside.into_split();
    let (from_outside, to_outside) = outside.into_split();
    tokio::join!(
        pour(from_inside, to_outside, &counts.sent),
        pour(from_outside, to_inside, &counts.received),
    );
}

async fn pour(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, count: &AtomicU64) {
    let mut piece = vec![0; 16 << 10];
    loop {
        let read = match from.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let Some(bytes) = piece.get(..read) else { break };
        if to.write_all(bytes).await.is_err() {
            return;
        }
        count.fetch_add(read as u64, Ordering::Relaxed);
    }
    // The other side may be gone.
    let _ = to.shutdown().await;
}

/// Whether an address is one of the open internet, and not of this machine, its networks, or its cloud's own services.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        // This network, shared by providers, protocol assignments, benchmarks, reserved (RFC 6890).
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        // What the machines of a cloud ask about themselves.
        || [a, b, c, d] == [168, 63, 129, 16]
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    // Global unicast is 2000::/3; within it are documentation, benchmarks and other protocols, and addresses that carry
    // one of version 4 (RFC 6890, 3056, 4380).
    first & 0xe000 == 0x2000
        && !(first == 0x2001 && second < 0x0200)
        && !(first == 0x2001 && second == 0x0db8)
        && first != 0x2002
        && !(first == 0x3fff && second < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_open_internet_are_public() {
        for public in ["8.8.8.8", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        let others = [
            "127.0.0.1",
            "168.63.129.16",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "240.0.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2001::1",
            "fec0::1",
        ];
        for other in others {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }
}
