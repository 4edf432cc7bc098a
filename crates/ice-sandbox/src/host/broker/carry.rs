//! Carrying the bytes of one connection, in both directions, until both have ended.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::RecvFlags;
use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::wire::BY_ITSELF;

/// How long a host may go on sending what nobody takes any more. Closing earlier would be a reset, which takes what is
/// under way to the host along.
const LINGER: Duration = Duration::from_millis(250);

/// Bytes that are carried after the end of a run: more than the sockets of a few connections hold.
const LAST: u64 = 16 << 20;

/// What the connections of a cage know of its run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// The socket to the launcher, which says there how a run ended before the run's own sockets are closed by that.
    launcher: Arc<UnixStream>,
    /// All of its processes have ended.
    pub(super) over: CancellationToken,
    /// Bytes that were carried after that.
    last: Arc<AtomicU64>,
}

impl Run {
    pub(super) fn new(launcher: Arc<UnixStream>) -> Self {
        Self { launcher, over: CancellationToken::new(), last: Arc::default() }
    }

    /// Whether the run was ended by somebody, instead of by itself or not at all.
    fn was_cut(&self) -> bool {
        let mut byte = [0];
        match rustix::net::recv(&self.launcher, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((1.., _)) => byte != [BY_ITSELF],
            // A launcher that is gone without a word was ended with its run.
            Ok((0, _)) => true,
            Err(error) => error != rustix::io::Errno::AGAIN,
        }
    }

    /// Whether so many bytes more may be carried.
    fn has_room(&self, bytes: usize) -> bool {
        !self.over.is_cancelled() || self.last.fetch_add(bytes as u64, Ordering::Relaxed) < LAST
    }
}

/// How the command's side of a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// All that it sent is handed on, and so is the end.
    All,
    /// It ended without an end, or nobody takes it.
    Torn,
    /// With the run, which did not end by itself.
    Cut,
}

/// Carries both directions until both have ended.
///
/// # Errors
/// Whatever ended it otherwise. Then, and if this is dropped, both sides learn by a reset that it is not whole.
pub(super) async fn carry(
    mut inside: TcpStream,
    mut outside: TcpStream,
    run: &Run,
    (sent, received): (&AtomicU64, &AtomicU64),
) -> io::Result<()> {
    // Until the end is known to be one.
    inside.set_zero_linger()?;
    outside.set_zero_linger()?;
    // Halves that are owned would end the stream in order where they are dropped.
    let (from_inside, to_inside) = inside.split();
    let (from_outside, to_outside) = outside.split();
    let unwanted = run.over.child_token();
    let end = {
        let there = there(from_inside, to_outside, run, (&unwanted, sent));
        let back = back(from_outside, to_inside, &unwanted, received);
        tokio::pin!(there, back);
        tokio::select! {
            end = &mut there => {
                if end != Sent::Cut {
                    tokio::select! {
                        ended = &mut back => ended?,
                        () = async { unwanted.cancelled().await; tokio::time::sleep(LINGER).await } => {}
                    }
                }
                end
            }
            ended = &mut back => {
                ended?;
                there.await
            }
        }
    };
    match end {
        Sent::All => Ok(set_socket_linger(&outside, None)?),
        Sent::Torn | Sent::Cut => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// Hands on what the command sends.
async fn there(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    run: &Run,
    (unwanted, count): (&CancellationToken, &AtomicU64),
) -> Sent {
    let mut piece = vec![0; 16 << 10];
    loop {
        match from.read(&mut piece).await {
            // What was ended has closed its sockets as one does that has sent all.
            Ok(0) if run.was_cut() => return Sent::Cut,
            Ok(0) => return if to.shutdown().await.is_ok() { Sent::All } else { Sent::Torn },
            Ok(read) => {
                let bytes = piece.get(..read).unwrap_or_default();
                if !run.has_room(read) || to.write_all(bytes).await.is_err() {
                    return Sent::Torn;
                }
                count.fetch_add(read as u64, Ordering::Relaxed);
            }
            // It has closed its socket without having read everything.
            Err(_) => {
                unwanted.cancel();
                return if run.was_cut() { Sent::Cut } else { Sent::Torn };
            }
        }
    }
}

/// Hands on what the host sends. Once nobody inside takes it, it is let go.
async fn back(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    unwanted: &CancellationToken,
    count: &AtomicU64,
) -> io::Result<()> {
    let mut piece = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut piece).await?;
        let bytes = piece.get(..read).unwrap_or_default();
        if read == 0 {
            // The command may be gone.
            let _ = to.shutdown().await;
            return Ok(());
        }
        if !unwanted.is_cancelled() {
            match to.write_all(bytes).await {
                Ok(()) => drop(count.fetch_add(read as u64, Ordering::Relaxed)),
                Err(_) => unwanted.cancel(),
            }
        }
    }
}
