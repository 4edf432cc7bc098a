//! What the server says when it does not do as it is told, in the words of the port.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{ErrorKind, RedisError, ServerErrorKind};
use ice_core::store::StoreError;

/// A failure, and whether the same may work in a moment.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) error: StoreError,
    /// Whether asking again over a new connection may help.
    pub(super) passing: bool,
}

impl Fault {
    pub(super) fn lasting(error: StoreError) -> Self {
        Self { error, passing: false }
    }

    pub(super) fn late(place: &str, what: &str, after: Duration) -> Self {
        let what = format!("{what}: {place} has not answered within {after:?}");
        Self { error: StoreError::Unavailable { what, source: None }, passing: true }
    }

    pub(super) fn of(place: &str, what: &str, error: &RedisError) -> Self {
        let (passing, said) = judge(error);
        let source = error.is_io_error().then(|| Arc::new(io::Error::other(error.to_string())));
        let what = format!("{what}: {place} {said}");
        Self { error: StoreError::Unavailable { what, source }, passing }
    }
}

/// Whether it passes, and what is to be said.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the list of another library, which grows: what is new is shown as it is"
)]
fn judge(error: &RedisError) -> (bool, String) {
    let detail = error.detail().unwrap_or_default();
    let lasting = |text: &str| (false, text.to_owned());
    match error.code() {
        Some("WRONGPASS" | "NOAUTH") => {
            return lasting("does not accept the name and password; check the address that was given");
        }
        Some("OOM") => {
            return lasting(
                "has no memory left (maxmemory); nothing was written; give it more, or remove what is not needed",
            );
        }
        Some("MISCONF") => return lasting("cannot write to its disk and takes no writes; see its log"),
        Some("NOREPLICAS") => return lasting("has too few replicas to take writes (min-replicas-to-write)"),
        Some("WRONGTYPE") => {
            return lasting(
                "has keys of another kind where the store keeps its own; another program uses the same names",
            );
        }
        Some("BUSY") => return (true, "is busy with a script".to_owned()),
        Some(_) | None => {}
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed => {
            lasting("does not accept the name and password; check the address that was given")
        }
        ErrorKind::Io => (true, "cannot be reached".to_owned()),
        ErrorKind::Server(ServerErrorKind::BusyLoading) => (true, "is still loading its data".to_owned()),
        ErrorKind::Server(ServerErrorKind::NoScript) => (true, "has forgotten the scripts".to_owned()),
        ErrorKind::Server(
            ServerErrorKind::TryAgain | ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown,
        ) => (true, format!("is not ready: {detail}")),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot) => {
            lasting(
                "is a node of a cluster that does not hold this store; give the address of the node that does",
            )
        }
        ErrorKind::Server(ServerErrorKind::ReadOnly) => {
            lasting("is a replica; give the address of the primary")
        }
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            (false, format!("does not permit it to this user: {detail}"))
        }
        ErrorKind::InvalidClientConfig | ErrorKind::Client => (false, format!("cannot be used: {error}")),
        _ => (false, format!("answered {error}")),
    }
}
