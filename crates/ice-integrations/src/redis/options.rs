//! Where a server is, and how long it is waited for.

use std::fmt;
use std::time::Duration;

use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use secrecy::{ExposeSecret, SecretString};

/// How to reach the server, and which of its stores to use.
#[derive(Clone)]
pub struct Options {
    pub(super) info: ConnectionInfo,
    pub(super) name: String,
    pub(super) create: bool,
    pub(super) connect_timeout: Duration,
    pub(super) call_timeout: Duration,
    pub(super) patience: Duration,
    pub(super) inspect_every: Duration,
}

/// Options that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOptions {
    /// The address is none. It is not repeated, as it may hold a password.
    #[error(
        "the address of Redis cannot be read ({reason}); write redis://[name:password@]host[:port][/database] or rediss://…"
    )]
    Address {
        /// What was wrong.
        reason: String,
    },
    /// The name of a store has other characters or another length.
    #[error("a store in Redis is named by 1 to 64 of a-z, 0-9, - and _, not {name:?}")]
    Name {
        /// What was given.
        name: String,
    },
}

impl Options {
    /// The server at an address: `redis://[name:password@]host[:port][/database]`, or `rediss://` for TLS with the certificates
    /// that the system trusts.
    ///
    /// # Errors
    /// [`InvalidOptions::Address`].
    pub fn new(address: &str) -> Result<Self, InvalidOptions> {
        let bad = |reason: &str| InvalidOptions::Address { reason: reason.to_owned() };
        let info = address.into_connection_info().map_err(|error| bad(error.category()))?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
            return Err(bad("certificates that are not checked are no protection"));
        }
        if let ConnectionAddr::TcpTls { host, .. } = info.addr()
            && rustls::pki_types::ServerName::try_from(host.as_str()).is_err()
        {
            return Err(bad("no certificate can be for this host"));
        }
        Ok(Self {
            info,
            name: "default".to_owned(),
            create: true,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(3),
            inspect_every: Duration::from_secs(10),
        })
    }

    /// Who asks and with which password, in the place of what the address says. Neither is in any message.
    #[must_use]
    pub fn login(mut self, user: Option<&str>, password: Option<&SecretString>) -> Self {
        let mut settings = self.info.redis_settings().clone();
        if let Some(user) = user {
            settings = settings.set_username(user);
        }
        if let Some(password) = password {
            settings = settings.set_password(password.expose_secret());
        }
        self.info = self.info.set_redis_settings(settings);
        self
    }

    /// Whether a password is given.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.info.redis_settings().password().is_some()
    }

    /// Which store of the server: several live side by side. `default` if nothing is said.
    ///
    /// # Errors
    /// [`InvalidOptions::Name`].
    pub fn name(mut self, name: &str) -> Result<Self, InvalidOptions> {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return Err(InvalidOptions::Name { name: name.chars().take(80).collect() });
        }
        name.clone_into(&mut self.name);
        Ok(self)
    }

    /// Refuses to open a store that is not there, instead of making it. For those who know that there is one: a server that has
    /// lost everything is told apart from a new one.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.create = false;
        self
    }

    /// How long a connection may take (5 seconds), and a call as a whole (10 seconds).
    #[must_use]
    pub fn timeouts(mut self, connect: Duration, call: Duration) -> Self {
        (self.connect_timeout, self.call_timeout) = (connect, call);
        self
    }

    /// How long a call is repeated while the server cannot be reached (3 seconds).
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How often it is read what the server promises (10 seconds).
    #[must_use]
    pub fn inspect_every(mut self, interval: Duration) -> Self {
        self.inspect_every = interval.max(Duration::from_millis(10));
        self
    }

    /// A key of the server. The name stands in braces, so that a cluster keeps all keys of a store in one slot.
    pub(super) fn key(&self, what: &str) -> String {
        format!("ice:{{{}}}:{what}", self.name)
    }

    /// What messages call the server: never with a password.
    pub(super) fn place(&self) -> String {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}"),
            ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{host}:{port}"),
            ConnectionAddr::Unix(path) => format!("redis+unix://{}", path.display()),
            _ => "redis".to_owned(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("place", &self.place())
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
