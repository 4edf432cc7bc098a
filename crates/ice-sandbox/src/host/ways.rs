//! Taking over the sockets that listen in a cage.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::Arc;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags};
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::broker::Broker;
use crate::policy::Endpoint;
use crate::report::Traffic;

/// The ways out of one cage: first the sockets that are awaited, then the broker that serves them.
#[derive(Debug)]
pub(super) struct Ways {
    socket: Arc<UnixStream>,
    /// Those whose sockets have not come yet, in the order in which they come.
    awaited: VecDeque<Endpoint>,
    sockets: Vec<(Endpoint, OwnedFd)>,
    broker: Option<Broker>,
}

impl Ways {
    pub(super) fn new(socket: StdStream, awaited: VecDeque<Endpoint>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UnixStream::from_std(socket)?);
        Ok(Self { socket, awaited, sockets: Vec::new(), broker: None })
    }

    /// Takes the sockets over and serves them; nothing is left to do once that is done. Cancel-safe.
    pub(super) async fn open(&mut self) -> io::Result<()> {
        while let Some(endpoint) = self.awaited.front() {
            // Where none comes the cage could not be made, which is told elsewhere.
            let Some(socket) = receive(&self.socket).await? else { return Ok(()) };
            self.sockets.push((endpoint.clone(), socket));
            self.awaited.pop_front();
        }
        if !self.sockets.is_empty() {
            self.broker = Some(Broker::new(std::mem::take(&mut self.sockets), Arc::clone(&self.socket))?);
        }
        Ok(())
    }

    /// Ends them after the run: if that ended by itself, with all that is under way. Cancel-safe.
    pub(super) async fn close(&mut self, by_itself: bool) {
        if let Some(broker) = &mut self.broker {
            if by_itself {
                broker.finish().await;
            } else {
                broker.cut().await;
            }
        }
    }

    /// What was carried so far.
    pub(super) fn traffic(&self) -> Vec<Traffic> {
        self.broker.as_ref().map(Broker::traffic).unwrap_or_default()
    }
}

/// The next socket; nothing if there is no more. Cancel-safe.
async fn receive(from: &UnixStream) -> io::Result<Option<OwnedFd>> {
    from.async_io(Interest::READABLE, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let came = rustix::net::recvmsg(
            from,
            &mut [IoSliceMut::new(&mut byte)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        if came.flags.contains(ReturnFlags::CTRUNC) {
            // The message has come, but there was no number left for the socket in it.
            return Err(rustix::io::Errno::MFILE.into());
        }
        let mut socket = None;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(mut rights) = message {
                socket = rights.next().or(socket);
            }
        }
        Ok(socket)
    })
    .await
}
