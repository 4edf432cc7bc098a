//! Which addresses a run may reach: those of the public internet under granted names, and others that are granted themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Grants, HostGrant};

/// What is not public of IPv4, as (network, prefix length): the special-purpose registry of IANA (RFC 6890 and its
/// updates), multicast, the reserved end, and the address that a cloud serves its machines' secrets from outside
/// of the private ranges.
const NOT_PUBLIC: [(Ipv4Addr, u32); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// Whether an address belongs to the public internet. An IPv4 address within an IPv6 one (mapped, NAT64, 6to4) counts
/// as what it leads to.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits();
            !NOT_PUBLIC.iter().any(|(network, length)| (bits ^ network.to_bits()) >> (32 - length) == 0)
        }
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Whether a connection may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It may.
    Granted,
    /// Nothing grants it.
    NotGranted,
    /// The name is granted, but this address of it is not public and would have to be granted itself.
    Refused,
}

impl Grants {
    /// Whether a name is granted with a port.
    #[must_use]
    pub fn cover(&self, name: &str, port: u16) -> bool {
        self.hosts.iter().any(|grant| grant.covers(name, port))
    }

    /// Whether an address may be connected to, to which a name led, or that was written as it is.
    #[must_use]
    pub fn reach(&self, name: Option<&str>, address: IpAddr, port: u16) -> Reach {
        let granted = self.hosts.iter().any(|grant| is_grant_of(grant, address, port));
        match name {
            Some(name) if !self.cover(name, port) => Reach::NotGranted,
            _ if granted => Reach::Granted,
            None if is_public(address) => Reach::NotGranted,
            Some(_) if is_public(address) => Reach::Granted,
            Some(name) if address.is_loopback() && is_localhost(name) => Reach::Granted,
            None | Some(_) => Reach::Refused,
        }
    }
}

fn is_grant_of(grant: &HostGrant, address: IpAddr, port: u16) -> bool {
    let granted = grant.host.parse::<IpAddr>();
    grant.port == port && granted.is_ok_and(|granted| granted.to_canonical() == address.to_canonical())
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let within = |high: u16, low: u16| {
        let ([h1, h2], [l1, l2]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public(IpAddr::V4(Ipv4Addr::new(h1, h2, l1, l2)))
    };
    match (a, b) {
        // ::ffff:a.b.c.d
        (0, 0) if [c, d, e, f] == [0, 0, 0, 0xffff] => within(g, h),
        // 64:ff9b::a.b.c.d (NAT64)
        (0x64, 0xff9b) if [c, d, e, f] == [0, 0, 0, 0] => within(g, h),
        // 2002:a.b.c.d:: (6to4)
        (0x2002, high) => within(high, c),
        // 2001::/23 (protocol assignments, Teredo among them), 2001:db8::/32 and 3fff::/20 (documentation)
        (0x2001, low) if low < 0x0200 || low == 0x0db8 => false,
        (0x3fff, low) if low < 0x1000 => false,
        // 2620:4f:8000::/48 (AS112)
        (0x2620, 0x004f) => c != 0x8000,
        // 2000::/3 is all that is handed out; private, link-local, multicast and the rest lie outside of it.
        (first, _) => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "169.253.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:200::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::2",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1.1.1.1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2002:c0a8:101::",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "2620:4f:8000::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn wrapping_an_address_does_not_make_it_public(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let public = is_public(IpAddr::V4(v4));
            let [high, low] = [(bits >> 16) as u16, (bits & 0xffff) as u16];
            for wrapped in [
                v4.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ] {
                prop_assert_eq!(is_public(IpAddr::V6(wrapped)), public, "{}", wrapped);
            }
            // `::a.b.c.d`, which nobody uses any more.
            prop_assert!(!is_public(IpAddr::V6(Ipv6Addr::from_bits(u128::from(bits)))));
        }
    }
}
