//! A client of the owner.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures::{SinkExt, Stream, StreamExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::SocketError;
use super::frame::{Greeting, Lines, PROTOCOL, decode, encode, lines, trusts};
use super::place::{Place, SOCKET};
use crate::control::{Request, Response};

/// How long the other side may take to greet. It does so before it does anything else.
const GREETING: Duration = Duration::from_secs(5);

/// A connection to the owner of a data folder.
#[derive(Debug)]
pub struct Client {
    lines: Lines,
}

impl Client {
    /// Connects to the owner of a folder, which must belong to the user `uid` or to root. Cancel-safe.
    ///
    /// # Errors
    /// [`SocketError::Absent`] if nobody listens, [`SocketError::Silent`] if it does not greet within 5 s,
    /// [`SocketError::Version`] if it speaks another version, [`SocketError::Foreign`] if it is another user.
    pub async fn connect(folder: &Path, uid: u32) -> Result<Self, SocketError> {
        let stream = match Place::open(folder) {
            Ok(place) => UnixStream::connect(place.address(SOCKET)).await,
            Err(error) => Err(error),
        };
        let stream = stream.map_err(|error| {
            let absent = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
            if absent { SocketError::Absent } else { error.into() }
        })?;
        let peer = stream.peer_cred()?.uid();
        if !trusts(uid, peer) {
            return Err(SocketError::Foreign { uid: peer });
        }
        let mut lines = lines(stream);
        let greeting = async {
            lines.send(encode(&Greeting::new())?).await?;
            let line = lines.next().await.ok_or(SocketError::Gone)??;
            decode::<Greeting>(&line)
        };
        let theirs = timeout(GREETING, greeting).await.map_err(|_| SocketError::Silent)??.hello;
        if theirs.protocol != PROTOCOL {
            return Err(SocketError::Version { theirs: theirs.protocol });
        }
        Ok(Self { lines })
    }

    /// Asks for what has one answer, and waits for it. Not cancel-safe: drop the client too.
    ///
    /// # Errors
    /// [`SocketError::Gone`] if the owner went away before it answered.
    pub async fn call(&mut self, request: &Request) -> Result<Response, SocketError> {
        self.lines.send(encode(request)?).await?;
        let line = self.lines.next().await.ok_or(SocketError::Gone)??;
        decode(&line)
    }

    /// Asks for what has several answers: they come until [`Response::End`], [`Response::Refused`] or an
    /// error. Dropping the stream ends it.
    ///
    /// # Errors
    /// [`SocketError`] if the request could not be sent.
    pub async fn stream(
        mut self,
        request: &Request,
    ) -> Result<impl Stream<Item = Result<Response, SocketError>> + Send + use<>, SocketError> {
        self.lines.send(encode(request)?).await?;
        Ok(futures::stream::unfold(Some(self.lines), |lines| async {
            let mut lines = lines?;
            let answer = match lines.next().await {
                Some(Ok(line)) => decode::<Response>(&line),
                Some(Err(error)) => Err(error.into()),
                None => Err(SocketError::Gone),
            };
            let goes_on = matches!(answer, Ok(Response::Event { .. } | Response::Piece { .. }));
            Some((answer, goes_on.then_some(lines)))
        }))
    }
}
