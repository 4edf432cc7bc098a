//! Finding the owner of the data folder, or becoming it.

use std::time::Duration;

use ice_orchestrator::control::socket::SocketError;
use tokio::time::{Instant, sleep};

use super::owner::NotOwner;
use super::{DataFolder, Link, Owner, Remote, Role, socket_fault};
use crate::fault::Fault;

/// How long an owner may take to answer: it may just be opening a large store, or closing it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two looks, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(100));

/// Finds the owner of the folder, or becomes it.
///
/// # Errors
/// `CONTROL_UNAVAILABLE` with the owner's process id if there is one that does not answer in 5 s;
/// whatever keeps the folder from being opened.
pub(crate) async fn access(folder: &DataFolder, role: Role) -> Result<Link, Fault> {
    folder.prepare()?;
    let remote = Remote::of(folder);
    let deadline = Instant::now() + PATIENCE;
    let mut pause = PAUSES.0;
    loop {
        match remote.connect().await {
            Ok(_) => return Ok(Link::Remote(remote)),
            Err(SocketError::Absent | SocketError::Gone) => {}
            Err(error) => return Err(socket_fault(&error, folder.owner())),
        }
        match Box::pin(Owner::open(folder, role)).await {
            Ok(owner) => return Ok(Link::Owner(Box::new(owner))),
            Err(NotOwner::Fault(fault)) => return Err(fault),
            Err(NotOwner::Locked { pid }) if Instant::now() >= deadline => {
                return Err(socket_fault(&SocketError::Silent, pid));
            }
            Err(NotOwner::Locked { .. }) => {}
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// As [`access`], for a moment only, and nothing if the folder does not exist.
///
/// # Errors
/// As [`access`].
pub(crate) async fn glance(folder: &DataFolder) -> Result<Option<Link>, Fault> {
    if folder.path().exists() { access(folder, Role::Glance).await.map(Some) } else { Ok(None) }
}
