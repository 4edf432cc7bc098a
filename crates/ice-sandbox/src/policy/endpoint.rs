//! Where on the network a command may go.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::PolicyError;

/// How many endpoints a policy may name.
pub(super) const MOST: usize = 200;

/// A host and a port that a command may connect to, over TCP. A name is resolved outside of the cage, anew for each
/// connection, and what it resolves to is looked at: addresses of private networks, of this machine and of its neighbours
/// are refused, public ones that an interface of this machine has among them, unless the endpoint is granted as private. Written `host:port`; whoever writes an address instead of a
/// name means that one, be it private or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// A name, or an IPv4 address.
    pub host: String,
    /// A port.
    pub port: u16,
    /// Whether it may be at an address that is not public.
    #[serde(default)]
    pub private: bool,
}

impl Endpoint {
    /// The same, at any address, also of this machine and its networks.
    #[must_use]
    pub fn private(self) -> Self {
        Self { private: true, ..self }
    }

    /// The address it is named by, if it is not a name.
    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        self.host.parse().ok()
    }

    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let fail = |why| Err(PolicyError::Endpoint { endpoint: self.to_string(), why });
        let is_name = |host: &str| {
            let labels = |label: &str| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            };
            host.len() <= 253 && host.split('.').all(labels)
        };
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(_)) => return fail("an IPv6 address cannot be granted; grant a name"),
            Ok(IpAddr::V4(address))
                if address.is_unspecified() || address.is_multicast() || address.is_broadcast() =>
            {
                return fail("nothing can be reached at this address");
            }
            Ok(IpAddr::V4(_)) => {}
            Err(_) if is_name(&self.host) => {}
            Err(_) => return fail("its host is neither a name nor an address"),
        }
        if self.port == 0 { fail("the port is from 1 to 65535") } else { Ok(()) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Endpoint {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |why| PolicyError::Endpoint { endpoint: text.to_owned(), why };
        let (host, port) = text.rsplit_once(':').ok_or(fail("it is written `host:port`"))?;
        let port = port.parse().map_err(|_| fail("the port is from 1 to 65535"))?;
        let private = host.parse::<Ipv4Addr>().is_ok();
        let endpoint = Self { host: host.to_ascii_lowercase(), port, private };
        endpoint.check()?;
        Ok(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_version_4_are_endpoints() {
        for good in
            ["example.org:443", "localhost:1", "10.0.0.1:5432", "a_b.internal:65535", "EXAMPLE.org:80"]
        {
            assert!(good.parse::<Endpoint>().is_ok(), "{good}");
        }
        let bad = [
            "example.org",
            "example.org:0",
            ":80",
            "[::1]:80",
            "::1:80",
            "a..b:80",
            "*.org:80",
            "0.0.0.0:1",
            "x:99999",
        ];
        for bad in bad {
            assert!(matches!(bad.parse::<Endpoint>(), Err(PolicyError::Endpoint { .. })), "{bad}");
        }
    }
}
