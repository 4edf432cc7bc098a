//! A stream of bytes from one end to another, in steps that can be given up and taken up again.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

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
        Self { ends, piece: Vec::new(), written: 0, flushed: true, total: 0 }
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
        let (step, open) = if !rest.is_empty() {
            self.flushed = false;
            let written = to.write(rest).await.unwrap_or(0);
            self.written += written;
            (Step::Written, written > 0)
        } else if !self.flushed {
            let flushed = to.flush().await.is_ok();
            self.flushed = true;
            (Step::Written, flushed)
        } else {
            self.piece.clear();
            self.written = 0;
            self.piece.reserve(PIECE);
            let read = from.read_buf(&mut self.piece).await.unwrap_or(0);
            self.total += read as u64;
            (Step::Read, read > 0)
        };
        if !open {
            self.ends = None;
        }
        step
    }
}

#[cfg(test)]
mod tests {
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
}
