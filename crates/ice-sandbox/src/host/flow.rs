//! A stream of bytes from one end to another, in steps that can be given up and taken up again.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::report::{Broken, Side, Stream};

/// How much is read at a time.
const PIECE: usize = 64 << 10;

/// Carries bytes from where they are read to where they are written.
#[derive(Debug)]
pub(super) struct Flow<R, W> {
    /// Both ends, until one of them is closed. Then both are dropped, which closes the other one.
    ends: Option<(R, W)>,
    /// What was read, and is written from `written` on.
    piece: Vec<u8>,
    written: usize,
    flushed: bool,
    total: u64,
    /// Why it was closed, if not by the end of what is read.
    failure: Option<(Side, io::Error)>,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something came, or its end.
    Read,
    /// Something was handed on, or nobody takes any more.
    Written,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Flow<R, W> {
    /// From here to there; nothing at all without both.
    pub(super) const fn new(ends: Option<(R, W)>) -> Self {
        Self { ends, piece: Vec::new(), written: 0, flushed: true, total: 0, failure: None }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.ends.is_some()
    }

    /// Whether the next step waits for something to come, and not for somebody to take it.
    pub(super) const fn is_read(&self) -> bool {
        self.written >= self.piece.len() && self.flushed
    }

    /// All bytes that came.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Reads a piece or hands on what was read. For ever once an end is closed. Cancel-safe.
    pub(super) async fn step(&mut self) -> Step {
        let Some((from, to)) = &mut self.ends else { return std::future::pending().await };
        let rest = self.piece.get(self.written..).unwrap_or_default();
        let (step, side, done) = if !rest.is_empty() {
            self.flushed = false;
            let written = to.write(rest).await;
            let written = written.and_then(|bytes| match bytes {
                0 => Err(io::ErrorKind::WriteZero.into()),
                bytes => Ok(bytes),
            });
            (Step::Written, Side::Sink, written.map(|bytes| self.written += bytes).map(|()| true))
        } else if !self.flushed {
            let flushed = to.flush().await;
            self.flushed = true;
            (Step::Written, Side::Sink, flushed.map(|()| true))
        } else {
            self.piece.clear();
            self.written = 0;
            self.piece.reserve(PIECE);
            let read = from.read_buf(&mut self.piece).await;
            (
                Step::Read,
                Side::Source,
                read.map(|bytes| {
                    self.total += bytes as u64;
                    bytes > 0
                }),
            )
        };
        match done {
            Ok(true) => {}
            Ok(false) => self.ends = None,
            Err(error) => (self.ends, self.failure) = (None, Some((side, error))),
        }
        step
    }

    /// What broke it, if something has.
    pub(super) fn broken(&self, stream: Stream) -> Option<Broken> {
        let (side, error) = self.failure.as_ref()?;
        Some(Broken { stream, side: *side, why: error.to_string(), errno: error.raw_os_error() })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::*;

    async fn carried(pieces: &[&[u8]], room: usize) -> (Vec<u8>, u64) {
        let (mut source, from) = tokio::io::duplex(1 << 20);
        let (to, mut sink) = tokio::io::duplex(room);
        let mut flow = Flow::new(Some((from, to)));
        for piece in pieces {
            source.write_all(piece).await.unwrap();
        }
        drop(source);
        let mut all = Vec::new();
        let carry = async {
            while flow.is_open() {
                flow.step().await;
            }
        };
        tokio::join!(carry, sink.read_to_end(&mut all)).1.unwrap();
        (all, flow.total())
    }

    #[tokio::test]
    async fn everything_arrives_however_little_room_there_is() {
        let pieces: [&[u8]; 3] = [b"one", &[7; 100_000], b"three"];
        assert_eq!(carried(&pieces, 10).await, (pieces.concat(), 100_008));
        assert_eq!(carried(&[], 10).await, (Vec::new(), 0));
    }

    #[tokio::test]
    async fn the_source_is_closed_once_nobody_takes_any_more() {
        let (mut source, from) = tokio::io::duplex(64);
        let (to, sink) = tokio::io::duplex(64);
        drop(sink);
        let mut flow = Flow::new(Some((from, to)));
        source.write_all(b"one").await.unwrap();
        while flow.is_open() {
            flow.step().await;
        }
        assert!(source.write_all(b"two").await.is_err());
    }
    #[tokio::test]
    async fn what_broke_it_is_told() {
        let good = || &b"one"[..];
        let mut flow = Flow::new(Some((Broke(libc::EIO), Vec::new())));
        while flow.is_open() {
            flow.step().await;
        }
        let broken = flow.broken(Stream::Stdin).unwrap();
        assert_eq!((broken.side, broken.errno), (Side::Source, Some(libc::EIO)));
        let mut flow = Flow::new(Some((good(), Broke(libc::ENOSPC))));
        while flow.is_open() {
            flow.step().await;
        }
        let broken = flow.broken(Stream::Stdout).unwrap();
        assert_eq!((broken.side, broken.errno), (Side::Sink, Some(libc::ENOSPC)));
        let mut flow = Flow::new(Some((good(), Vec::new())));
        while flow.is_open() {
            flow.step().await;
        }
        assert_eq!(flow.broken(Stream::Stdout), None);
    }

    /// An end that fails at once.
    struct Broke(i32);

    impl Broke {
        fn again(&self) -> io::Error {
            io::Error::from_raw_os_error(self.0)
        }
    }

    impl AsyncRead for Broke {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Ready(Err(self.again()))
        }
    }

    impl AsyncWrite for Broke {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(self.again()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
}
