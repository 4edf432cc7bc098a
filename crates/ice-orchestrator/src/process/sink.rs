//! Where the output of a program goes: into memory, up to a limit.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// Takes what is written to it, and keeps no more than its limit.
#[derive(Debug)]
pub(super) struct Sink {
    kept: Vec<u8>,
    limit: usize,
    is_full: bool,
}

impl Sink {
    /// An empty sink that keeps so many bytes at most.
    pub(super) fn new(limit: u64) -> Self {
        Self { kept: Vec::new(), limit: usize::try_from(limit).unwrap_or(usize::MAX), is_full: false }
    }

    /// What was written; nothing if that was more than the limit.
    pub(super) fn whole(self) -> Option<Vec<u8>> {
        (!self.is_full).then_some(self.kept)
    }
}

impl AsyncWrite for Sink {
    /// Takes everything: what is beyond the limit is dropped, so that who writes is held up by nothing.
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sink = self.get_mut();
        if bytes.len() > sink.limit - sink.kept.len() {
            // No part of it is of use any more.
            sink.is_full = true;
            sink.kept = Vec::new();
            sink.limit = 0;
        } else {
            sink.kept.extend_from_slice(bytes);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn check(limit: u64, writes: &[&str], expected: Option<&str>) {
        let mut sink = Sink::new(limit);
        for write in writes {
            sink.write_all(write.as_bytes()).await.unwrap();
            assert!(sink.kept.len() as u64 <= limit);
        }
        assert_eq!(sink.whole().as_deref(), expected.map(str::as_bytes));
    }

    #[tokio::test]
    async fn no_more_than_the_limit_is_kept() {
        check(4, &["ab", "cd"], Some("abcd")).await;
        check(4, &["ab", "cd", "", "e", "f"], None).await;
        check(4, &["abcde"], None).await;
        check(0, &[""], Some("")).await;
    }
}
