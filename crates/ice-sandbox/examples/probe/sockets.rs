//! The network, and sockets of other programs.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;

use crate::tell::{call, number, text, tried};

pub(crate) fn attack(name: &str, arguments: &[&str]) -> bool {
    match name {
        "network" => network(number(arguments, 0) as u16),
        "unix" => unix(text(arguments, 0), text(arguments, 1)),
        "own-sockets" => own_sockets(),
        _ => return false,
    }
    true
}

fn network(port: u16) {
    let address = (Ipv4Addr::LOCALHOST, port);
    let connected = TcpStream::connect_timeout(&address.into(), Duration::from_secs(2))
        .and_then(|mut to| to.write_all(b"x"));
    tried("tcp-connect", connected);
    tried("tcp-bind", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let sent = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| socket.send_to(b"x", address));
    tried("udp", sent);
    let packet = libc::AF_PACKET;
    let (stream, datagram, raw) = (libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_RAW);
    for (name, family, kind, protocol) in [
        ("ping", libc::AF_INET, datagram, libc::IPPROTO_ICMP),
        ("raw", libc::AF_INET, raw, libc::IPPROTO_ICMP),
        ("tcp6", libc::AF_INET6, stream, 0),
        ("udp6", libc::AF_INET6, datagram, 0),
        ("packet", packet, raw, 0),
        ("netlink", libc::AF_NETLINK, raw, libc::NETLINK_ROUTE),
        ("vsock", libc::AF_VSOCK, stream, 0),
        ("alg", libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
        ("bluetooth", libc::AF_BLUETOOTH, raw, 1),
        ("mptcp", libc::AF_INET, stream, 262),
    ] {
        // SAFETY: takes numbers.
        tried(name, call(unsafe { libc::socket(family, kind, protocol) }.into()));
    }
    // What is above the 32 bits that a socket's family has is not looked at by the kernel.
    let family = libc::c_long::from(libc::AF_INET) | (1 << 40);
    // SAFETY: takes numbers.
    tried("high-bits", call(unsafe { libc::syscall(libc::SYS_socket, family, stream, 0) }));
}

fn unix(path: &str, name: &str) {
    let hello = |mut to: UnixStream| to.write_all(b"x");
    tried("path-stream", UnixStream::connect(path).and_then(hello));
    let datagram =
        |address: &SocketAddr| UnixDatagram::unbound().and_then(|socket| socket.send_to_addr(b"x", address));
    tried(
        "path-datagram",
        SocketAddr::from_pathname(format!("{path}.datagram")).and_then(|to| datagram(&to)),
    );
    let address = SocketAddr::from_abstract_name(name);
    let connect = |address: SocketAddr| UnixStream::connect_addr(&address);
    tried("abstract-stream", address.and_then(connect).and_then(hello));
    let address: io::Result<SocketAddr> = SocketAddr::from_abstract_name(format!("{name}.datagram"));
    tried("abstract-datagram", address.and_then(|to| datagram(&to)));
}

/// Sockets between its own processes are for its own use.
fn own_sockets() {
    let pair = UnixStream::pair().and_then(|(mut one, _other)| one.write_all(b"x"));
    tried("pair", pair);
    let named = UnixListener::bind("/cage/socket").and_then(|_listening| UnixStream::connect("/cage/socket"));
    tried("named", named);
}
