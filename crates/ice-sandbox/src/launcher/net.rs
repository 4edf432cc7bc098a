//! The way out of a cage that has one: sockets that listen inside, at the addresses that its granted hosts have there,
//! and are accepted from outside.
//!
//! The cage keeps its empty network. Every granted name stands in its `/etc/hosts` with a loopback address of its own;
//! what connects there is taken by the program outside, which connects to the real host.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::AsFd;

use rustix::net::{AddressFamily, SocketType};

use super::{inherit, sys};
use crate::wire::Way;

/// Has the loopback device of the cage carry its addresses, listens, and hands the sockets over.
pub(super) fn open(ways: &[Way]) -> io::Result<()> {
    let device = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    sys::raise_loopback(device.as_fd())?;
    let others = ways.iter().map(|way| way.inside).filter(|address| !address.is_loopback());
    let others: BTreeSet<Ipv4Addr> = others.collect();
    for (number, address) in others.into_iter().enumerate() {
        sys::add_to_loopback(device.as_fd(), number + 1, address)?;
    }
    for way in ways {
        let listener = TcpListener::bind(SocketAddrV4::new(way.inside, way.port))?;
        inherit::hand_over(listener.as_fd())?;
    }
    Ok(())
}

/// What the cage's `/etc/hosts` says besides.
pub(super) fn hosts(ways: &[Way]) -> String {
    let named = ways.iter().filter(|way| way.host.parse::<Ipv4Addr>().is_err() && way.host != "localhost");
    let lines: BTreeSet<String> = named.map(|way| format!("{} {}\n", way.inside, way.host)).collect();
    lines.into_iter().collect()
}
