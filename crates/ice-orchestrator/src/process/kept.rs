//! Taking what a program writes: the beginning and the end of it, or its count alone.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// Bytes that are kept of the beginning, and as many of the end.
const HALF: usize = 4 << 10;

/// Keeps the beginning and the end of what is written to it.
#[derive(Debug, Default)]
pub(super) struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Kept {
    /// All bytes that were written.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// What was kept as text, with a line that says what was left out.
    pub(super) fn text(&self) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let kept = (self.head.len() + tail.len()) as u64;
        match self.total.saturating_sub(kept) {
            0 => String::from_utf8_lossy(&[self.head.as_slice(), &tail].concat()).into_owned(),
            left_out => format!(
                "{}\n[... {left_out} bytes left out ...]\n{}",
                String::from_utf8_lossy(&self.head),
                String::from_utf8_lossy(&tail)
            ),
        }
    }
}

impl AsyncWrite for Kept {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.total += bytes.len() as u64;
        let room = HALF - self.head.len().min(HALF);
        let (first, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(first);
        let last = rest.len().saturating_sub(HALF);
        self.tail.extend(rest.iter().skip(last));
        let spare = self.tail.len().saturating_sub(HALF);
        self.tail.drain(..spare);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Hands on what is written to it, and counts.
pub(super) struct Counted<'w> {
    pub(super) inner: &'w mut (dyn AsyncWrite + Send + Unpin),
    pub(super) bytes: u64,
}

impl AsyncWrite for Counted<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.inner).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            self.bytes += *count as u64;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn the_beginning_and_the_end_are_kept() {
        let mut kept = Kept::default();
        kept.write_all(b"short").await.unwrap();
        assert_eq!(kept.text(), "short");
        for _ in 0..10 {
            kept.write_all(&[b'x'; 3_000]).await.unwrap();
        }
        kept.write_all(b"end").await.unwrap();
        let text = kept.text();
        let left_out = 30_008 - 2 * HALF;
        assert!(text.starts_with("shortxx") && text.ends_with("xxend"), "{text}");
        assert!(text.contains(&format!("\n[... {left_out} bytes left out ...]\n")), "{text}");
        assert_eq!(kept.total(), 30_008);
    }
}
