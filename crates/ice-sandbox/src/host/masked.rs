//! Handing on what a command writes, with its secrets masked.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::scrub::Scrub;

/// Hands on to another writer what is written to it, with `*` in place of each byte of a secret of the command
/// ([`Caged::masked`](crate::Caged::masked)). A secret of 4 bytes or more is found as it is, and as it
/// stands in JSON, and so is each of its lines, not in another encoding. What may be the beginning
/// of one is held back until more comes: [`finish`](Self::finish) hands on the rest.
#[derive(Debug)]
pub struct Masked<W> {
    inner: W,
    scrub: Scrub,
    /// What is masked, and handed on from `written` on.
    masked: Vec<u8>,
    written: usize,
}

impl<W: AsyncWrite + Unpin> Masked<W> {
    pub(super) const fn new(inner: W, scrub: Scrub) -> Self {
        Self { inner, scrub, masked: Vec::new(), written: 0 }
    }

    /// Hands on the rest, once nothing is written any more.
    ///
    /// # Errors
    /// What the other writer says.
    pub async fn finish(mut self) -> io::Result<()> {
        let rest = self.scrub.rest();
        self.masked.extend(rest);
        poll_fn(|context| Pin::new(&mut self).poll_flush(context)).await
    }

    fn hand_on(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.masked.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.masked.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Masked<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.scrub.is_idle() {
            return Pin::new(&mut self.inner).poll_write(context, bytes);
        }
        ready!(self.hand_on(context))?;
        let masked = self.scrub.pass(bytes);
        self.masked = masked;
        match self.hand_on(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What is left goes before whatever comes next.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.hand_on(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let rest = self.scrub.rest();
        self.masked.extend(rest);
        ready!(self.hand_on(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::secret::SecretBytes;

    async fn masked(secrets: &[&str], pieces: &[&str], room: usize) -> String {
        let secrets: Vec<SecretBytes> = secrets.iter().map(|secret| SecretBytes::new(*secret)).collect();
        let (to, mut from) = tokio::io::duplex(room);
        let write = async {
            let mut masked = Masked::new(to, Scrub::of(&secrets));
            for piece in pieces {
                masked.write_all(piece.as_bytes()).await.unwrap();
            }
            masked.finish().await.unwrap();
        };
        let mut all = String::new();
        tokio::join!(write, from.read_to_string(&mut all)).1.unwrap();
        all
    }

    #[tokio::test]
    async fn secrets_are_masked_wherever_the_pieces_begin_and_however_little_room_there_is() {
        for room in [1, 3, 100] {
            let pieces = ["the hun", "ter2 of hunt", "er", "s and hun"];
            assert_eq!(masked(&["hunter2"], &pieces, room).await, "the ******* of hunters and hun");
            assert_eq!(masked(&[], &pieces, room).await, pieces.concat());
        }
    }

    #[tokio::test]
    async fn a_writer_that_takes_no_more_is_told_of() {
        let (to, from) = tokio::io::duplex(4);
        drop(from);
        let mut masked = Masked::new(to, Scrub::of(&[SecretBytes::new("hunter2")]));
        assert_eq!(masked.write_all(b"abc").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
