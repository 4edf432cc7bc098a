//! Which addresses are this machine's own, whatever kind they are of.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Bytes of the kernel's lists that are read: those of a machine with a full table of routes are longer.
const MOST: u64 = 64 << 20;

/// Whether what is sent to an address stays on this machine. Where that cannot be told, it is taken for so.
pub(super) fn is_own(address: IpAddr) -> bool {
    // Whoever has the address can be bound to it. On a machine that may bind to any address the lists tell.
    match UdpSocket::bind((address, 0)) {
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => false,
        Err(_) | Ok(_) => match address {
            IpAddr::V4(address) => {
                list("/proc/net/fib_trie").map_or(true, |text| is_local_v4(&text, address))
            }
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(inner) => is_own(IpAddr::V4(inner)),
                None => list("/proc/net/if_inet6").map_or(true, |text| is_local_v6(&text, address)),
            },
        },
    }
}

fn list(path: &str) -> io::Result<String> {
    let mut text = String::new();
    if std::fs::File::open(path)?.take(MOST).read_to_string(&mut text)? as u64 == MOST {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// Looks through the tables of routes: each line `|-- 10.0.0.1` is followed by those that say what begins there, such as
/// `/32 host LOCAL`. Tables that only chosen traffic goes by do not count.
fn is_local_v4(text: &str, address: Ipv4Addr) -> bool {
    let mut counts = false;
    let mut at = Ipv4Addr::UNSPECIFIED;
    for line in text.lines() {
        if !line.starts_with(' ') {
            counts = matches!(line, "Main:" | "Local:");
        } else if let Some(found) = line.trim_start().strip_prefix("|-- ") {
            at = found.trim_end().parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
        } else if counts && line.trim_end().ends_with(" LOCAL") {
            let length =
                line.trim_start().strip_prefix('/').and_then(|rest| rest.split(' ').next()?.parse().ok());
            let mask =
                length.map_or(u32::MAX, |length: u32| u32::MAX.checked_shl(32 - length.min(32)).unwrap_or(0));
            if u32::from(at) & mask == u32::from(address) & mask {
                return true;
            }
        }
    }
    false
}

/// Looks through the addresses of the interfaces, of which each line begins with one in 32 digits.
fn is_local_v6(text: &str, address: Ipv6Addr) -> bool {
    let digits = format!("{:032x}", u128::from(address));
    text.lines().any(|line| line.split(' ').next() == Some(&digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 203.0.113.0/24 2 0 2
        |-- 203.0.113.0
           /24 link UNICAST
        |-- 203.0.113.7
           /32 host LOCAL
        |-- 203.0.113.255
           /32 link BROADCAST
     |-- 198.51.100.0
        /24 host LOCAL
Id 100:
  |-- 0.0.0.0
     /0 host LOCAL
";

    #[test]
    fn addresses_of_the_interfaces_are_local() {
        for (address, is_local) in [
            ("203.0.113.7", true),
            ("198.51.100.77", true),
            ("203.0.113.8", false),
            ("203.0.113.255", false),
            ("8.8.8.8", false),
        ] {
            assert_eq!(is_local_v4(TABLES, address.parse().unwrap()), is_local, "{address}");
        }
        let interfaces = "20010db8000000000000000000000007 02 40 00 80     eth0\n";
        assert!(is_local_v6(interfaces, "2001:db8::7".parse().unwrap()));
        assert!(!is_local_v6(interfaces, "2001:db8::8".parse().unwrap()));
    }

    #[test]
    fn addresses_of_this_machine_are_its_own_and_those_of_others_are_not() {
        // That of whatever interface leads outside, if there is one.
        let outside = UdpSocket::bind("0.0.0.0:0").unwrap();
        let led = outside.connect("192.0.2.1:9").and_then(|()| outside.local_addr());
        let own = led.map_or(Ipv4Addr::LOCALHOST.into(), |own| own.ip());
        for (address, is_one) in [
            (own, true),
            (Ipv4Addr::LOCALHOST.into(), true),
            (Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(), true),
            ("192.0.2.1".parse().unwrap(), false),
            ("2001:db8::1".parse().unwrap(), false),
        ] {
            assert_eq!(is_own(address), is_one, "{address}");
        }
    }
}
