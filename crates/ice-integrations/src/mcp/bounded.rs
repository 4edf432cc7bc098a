//! A bound on what lies between two ends of lines.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::fate::Fate;

/// Hands on what it reads as long as no line is longer than it may be; then it ends with an error.
pub(super) struct Bounded<R> {
    inner: R,
    most: usize,
    /// Bytes since the last end of a line.
    line: usize,
    fate: Arc<Fate>,
}

impl<R> Bounded<R> {
    pub(super) const fn new(inner: R, most: usize, fate: Arc<Fate>) -> Self {
        Self { inner, most, line: 0, fate }
    }

    /// Takes note of what came; whether every line is within its bound.
    fn is_within(&mut self, bytes: &[u8]) -> bool {
        let mut pieces = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).peekable();
        while let Some(piece) = pieces.next() {
            self.line = self.line.saturating_add(piece);
            if self.line > self.most {
                return false;
            }
            if pieces.peek().is_some() {
                self.line = 0;
            }
        }
        true
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Bounded<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        if self.is_within(came) {
            return Poll::Ready(Ok(()));
        }
        // With an error nothing was read.
        buffer.set_filled(before);
        self.fate.decide(format!(
            "it sent a message of more than {}: raise `message` in its manifest if that is meant",
            ice_core::quantity::write_bytes(self.most as u64)
        ));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a message is longer than it may be")))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read(text: &[u8], most: usize) -> (Vec<u8>, bool, Option<String>) {
        let fate = Arc::new(Fate::default());
        let mut bounded = Bounded::new(text, most, Arc::clone(&fate));
        let mut all = Vec::new();
        let read = bounded.read_to_end(&mut all).await;
        (all, read.is_ok(), fate.told())
    }

    #[tokio::test]
    async fn lines_are_bounded_one_by_one() {
        assert_eq!(read(b"1234\n12\n\n1234", 4).await, (b"1234\n12\n\n1234".to_vec(), true, None));
        let (_, is_good, told) = read(b"1234\n12345", 4).await;
        assert!(!is_good);
        assert_eq!(
            told.as_deref(),
            Some("it sent a message of more than 4: raise `message` in its manifest if that is meant")
        );
    }
}
