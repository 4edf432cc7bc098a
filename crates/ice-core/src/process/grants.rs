//! What a run may touch outside of itself. Given by whoever starts the run, never by a blueprint.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretRef;

/// The files, hosts, secrets and parts of memory a run may touch. Empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Absolute paths of folders and files that may be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<PathBuf>,
    /// Absolute paths of folders and files that may be read and written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<PathBuf>,
    /// Hosts and ports that may be connected to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostGrant>,
    /// Secrets by their names, and what each is called by those who keep it. A tool is given those alone that it names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretRef>,
    /// Scopes of the tenant's memory that may be read, and those that may be written as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<ScopeGrant>,
}

/// A host and port that may be connected to: `HOST:PORT`, `[V6]:PORT` for IPv6. `*.example.org:443` grants every
/// host below `example.org`.
///
/// A name grants the public addresses it leads to. A private, loopback, link-local or otherwise special address
/// must be granted itself (`10.0.0.5:443`), so that nobody who rules a name's records can point it into the network
/// of the machine; `localhost` grants the loopback addresses it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostGrant {
    /// The host name in lower case, or the address as it is written in a URL (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A text that is no `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not HOST:PORT, for example `api.example.org:443` or `[::1]:8080`")]
pub struct InvalidGrant(pub String);

/// What may be done with a scope of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeAccess {
    /// It may be read.
    Read,
    /// It may be read and written.
    Write,
}

/// A scope of memory that may be read and written, `SCOPE`, or only be read, `SCOPE:ro`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeGrant {
    /// The name of the scope: 1 to 128 bytes without control characters.
    pub scope: String,
    /// What may be done with it.
    pub access: ScopeAccess,
}

/// A text that is no `SCOPE` or `SCOPE:ro`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no scope of memory: write SCOPE to read and write it, or SCOPE:ro to read it; a scope has 1 to 128 bytes without control characters"
)]
pub struct InvalidScope(pub String);

impl ScopeGrant {
    /// Whether this grant covers that something is done with a scope.
    #[must_use]
    pub fn covers(&self, scope: &str, wanted: ScopeAccess) -> bool {
        self.scope == scope && wanted <= self.access
    }
}

impl FromStr for ScopeGrant {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scope, access) = match text.strip_suffix(":ro") {
            Some(scope) => (scope, ScopeAccess::Read),
            None => (text, ScopeAccess::Write),
        };
        if scope.is_empty() || scope.len() > 128 || scope.chars().any(char::is_control) {
            return Err(InvalidScope(text.escape_default().take(200).collect()));
        }
        Ok(Self { scope: scope.to_owned(), access })
    }
}

impl fmt::Display for ScopeGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scope)?;
        match self.access {
            ScopeAccess::Read => f.write_str(":ro"),
            ScopeAccess::Write => Ok(()),
        }
    }
}

impl Serialize for ScopeGrant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeGrant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for ScopeGrant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ScopeGrant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "SCOPE or SCOPE:ro" })
    }
}

impl HostGrant {
    /// Whether this grant covers a host (as in a URL, without brackets) and port.
    #[must_use]
    pub fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.port == port
            && match self.host.strip_prefix("*.") {
                Some(parent) => {
                    host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
                }
                None => self.host == host,
            }
    }
}

impl FromStr for HostGrant {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidGrant(text.chars().take(200).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or_else(invalid)?;
        let (bare, bracketed) = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => (inner, true),
            None => (host, false),
        };
        let is_v6 = bare.parse::<std::net::Ipv6Addr>().is_ok();
        let name = bare.strip_prefix("*.").unwrap_or(bare);
        let is_name = !name.is_empty()
            && name.len() <= 253
            && name.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            });
        if bracketed == is_v6 && (is_v6 || is_name) {
            Ok(Self { host: bare.to_ascii_lowercase(), port })
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for HostGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Serialize for HostGrant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostGrant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for HostGrant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HostGrant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "HOST:PORT" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_grants_are_read_and_cover() {
        let grant: HostGrant = "API.example.org:443".parse().unwrap();
        assert!(grant.covers("api.example.ORG", 443) && !grant.covers("api.example.org", 80));
        let wide: HostGrant = "*.example.org:443".parse().unwrap();
        assert!(wide.covers("a.b.example.org", 443));
        assert!(!wide.covers("example.org", 443) && !wide.covers("badexample.org", 443));
        assert_eq!("[::1]:80".parse::<HostGrant>().unwrap().to_string(), "[::1]:80");
        for bad in ["", "host", "host:", "host:0", "host:99999", "::1:80", ":80", "a b:80", "[x]:80", "*:80"]
        {
            assert!(bad.parse::<HostGrant>().is_err(), "{bad}");
        }
    }

    #[test]
    fn scope_grants_are_read_and_cover() {
        let wide: ScopeGrant = "kb".parse().unwrap();
        assert!(wide.covers("kb", ScopeAccess::Write) && wide.covers("kb", ScopeAccess::Read));
        let narrow: ScopeGrant = "team a:ro".parse().unwrap();
        assert!(narrow.covers("team a", ScopeAccess::Read) && !narrow.covers("team a", ScopeAccess::Write));
        assert!(!wide.covers("kb2", ScopeAccess::Read));
        assert_eq!((wide.to_string(), narrow.to_string()), ("kb".to_owned(), "team a:ro".to_owned()));
        for bad in ["", ":ro", "a\nb", &"x".repeat(129)] {
            assert!(bad.parse::<ScopeGrant>().is_err(), "{bad}");
        }
    }
}
