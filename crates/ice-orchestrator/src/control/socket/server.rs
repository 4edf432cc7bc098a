//! The owner's side: one task accepts, one serves each client, and closing joins them all.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{SinkExt, StreamExt};
use ice_core::error::ErrorCode;
use ice_core::id::{Principal, Tenant};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::SocketError;
use super::frame::{Greeting, Lines, PROTOCOL, decode, encode, lines, trusts};
use super::place::Place;
use crate::control::{Caller, Control, Refusal, Reply, Request, Response};

/// The most clients that are served at once; further ones wait in the system's queue.
pub const MAX_CLIENTS: usize = 256;

/// How long a client may take to greet: who connects and says nothing must not take the seats of others.
const GREETING: Duration = Duration::from_secs(5);

/// How long a client may take to read a line that was sent to it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a client may say nothing between two requests.
const IDLE: Duration = Duration::from_secs(30);

/// Serves the control socket of a data folder until it is closed.
pub struct Server {
    place: Place,
    closing: CancellationToken,
    tasks: JoinSet<()>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Server {
    /// Makes the socket in a folder and serves it. The caller holds the lock of the folder for as long as
    /// the server lives; clients must be the user `uid` or root, and see the runs of `tenant`.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`SocketError::Io`] if the socket cannot be made.
    pub fn open(folder: &Path, uid: u32, tenant: Tenant, control: Control) -> Result<Self, SocketError> {
        let place = Place::open(folder)?;
        let listener = UnixListener::from_std(place.listen()?)?;
        let closing = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(Host { uid, tenant, control }), closing.clone()));
        Ok(Self { place, closing, tasks })
    }

    /// Takes the socket away, ends every connection, and returns once no task of it is left. An answer that
    /// is being written is cut off.
    pub async fn close(mut self) {
        self.place.remove();
        self.closing.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What every connection needs.
#[derive(Debug)]
struct Host {
    uid: u32,
    tenant: Tenant,
    control: Control,
}

async fn accept(listener: UnixListener, host: Arc<Host>, closing: CancellationToken) {
    let seats = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = closing.cancelled() => break,
            Some(_) = clients.join_next() => continue,
            accepted = async {
                let seat = Arc::clone(&seats).acquire_owned().await;
                (seat, listener.accept().await)
            } => accepted,
        };
        match accepted {
            (Ok(seat), Ok((stream, _))) => {
                let (host, closing) = (Arc::clone(&host), closing.clone());
                clients.spawn(async move {
                    let served = tokio::select! {
                        () = closing.cancelled() => Ok(()),
                        served = serve(stream, &host) => served,
                    };
                    if let Err(error) = served {
                        tracing::debug!(%error, "a client of the control socket was let go");
                    }
                    drop(seat);
                });
            }
            (Err(_), _) => break,
            (_, Err(error)) => {
                tracing::warn!(%error, "a client of the control socket could not be accepted");
                // Most likely no file handle is free; they come back as others are closed.
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    while clients.join_next().await.is_some() {}
}

async fn serve(stream: UnixStream, host: &Host) -> Result<(), SocketError> {
    let uid = stream.peer_cred()?.uid();
    if !trusts(host.uid, uid) {
        return Err(SocketError::Foreign { uid });
    }
    let principal =
        Principal::new(&format!("cli:{uid}")).map_err(|error| SocketError::Protocol(error.to_string()))?;
    let caller = Caller { tenant: host.tenant.clone(), principal };
    let mut lines = lines(stream);
    send(&mut lines, encode(&Greeting::new())?).await?;
    let first = timeout(GREETING, lines.next()).await.map_err(|_| SocketError::Silent)?;
    let Some(first) = first else { return Ok(()) };
    let theirs = decode::<Greeting>(&first?)?.hello;
    if theirs.protocol != PROTOCOL {
        return Err(SocketError::Version { theirs: theirs.protocol });
    }
    loop {
        let line = timeout(IDLE, lines.next()).await.map_err(|_| SocketError::Silent)?;
        let Some(line) = line else { return Ok(()) };
        let reply = match decode::<Request>(&line?) {
            Ok(request) => host.control.call(&caller, request).await,
            Err(error) => Reply::One(Response::Refused(Refusal::new(
                ErrorCode::Usage,
                format!("this is not a request: {error}"),
            ))),
        };
        match reply {
            Reply::One(response) => answer(&mut lines, &response).await?,
            Reply::Many(responses) => relay(&mut lines, responses).await?,
        }
    }
}

/// Sends answers as they come. The client says nothing meanwhile; if it goes away, so do the answers.
async fn relay(lines: &mut Lines, mut responses: BoxStream<'static, Response>) -> Result<(), SocketError> {
    loop {
        let response = tokio::select! {
            response = responses.next() => response,
            said = lines.next() => match said {
                None => return Ok(()),
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(_)) => {
                    return Err(SocketError::Protocol("a request before the last answer".to_owned()));
                }
            },
        };
        let Some(response) = response else { return Ok(()) };
        let is_last = match &response {
            Response::End | Response::Refused(_) => true,
            Response::Info(_)
            | Response::Started { .. }
            | Response::Runs { .. }
            | Response::Run { .. }
            | Response::Accepted { .. }
            | Response::Replayed { .. }
            | Response::Schedules { .. }
            | Response::Budgets { .. }
            | Response::Pruned(_)
            | Response::Erased(_)
            | Response::Memory(_)
            | Response::Migrated { .. }
            | Response::Piece { .. }
            | Response::Received { .. }
            | Response::Kept { .. }
            | Response::Imported { .. }
            | Response::Event { .. } => false,
        };
        answer(lines, &response).await?;
        if is_last {
            return Ok(());
        }
    }
}

async fn answer(lines: &mut Lines, response: &Response) -> Result<(), SocketError> {
    let line = match encode(response) {
        Ok(line) => line,
        Err(SocketError::TooLarge) => encode(&Response::Refused(Refusal::new(
            ErrorCode::LimitExceeded,
            "the answer is too large for the control socket; ask for less, or stop the owner and ask again",
        )))?,
        Err(error) => return Err(error),
    };
    send(lines, line).await
}

/// Sends a line; a client that does not read is let go.
async fn send(lines: &mut Lines, line: String) -> Result<(), SocketError> {
    timeout(PATIENCE, lines.send(line)).await.map_err(|_| SocketError::Silent)?.map_err(SocketError::from)
}
