//! What a module writes: kept up to the limit, and not one byte of host memory beyond.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use super::stop::{End, Ended, Stop};
use super::system;

/// How much of the beginning and of the end of standard error is kept.
const STDERR_PART: usize = 16 << 10;
/// How much may be written at a time.
const AT_A_TIME: usize = 64 << 10;

/// Where one stream of a run is written to. Clones write to the same place.
#[derive(Clone, Debug)]
pub(super) struct Sink(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept: Mutex<Kept>,
    allowed: usize,
    /// How much of the beginning is kept; after that, as much of the end.
    head: usize,
    tail: usize,
    stop: Arc<Stop>,
}

#[derive(Debug)]
struct Kept {
    written: u64,
    last: Instant,
    head: BytesMut,
    tail: VecDeque<u8>,
}

impl Sink {
    /// Keeps everything up to the limit.
    pub(super) fn whole(allowed: usize, stop: &Arc<Stop>) -> Self {
        Self::new(allowed, allowed, 0, stop)
    }

    /// Keeps the beginning and the end.
    pub(super) fn ends(allowed: usize, stop: &Arc<Stop>) -> Self {
        Self::new(allowed, STDERR_PART, STDERR_PART, stop)
    }

    fn new(allowed: usize, head: usize, tail: usize, stop: &Arc<Stop>) -> Self {
        let kept = Kept { written: 0, last: system::now(), head: BytesMut::new(), tail: VecDeque::new() };
        Self(Arc::new(Shared { kept: Mutex::new(kept), allowed, head, tail, stop: Arc::clone(stop) }))
    }

    /// How many bytes were written.
    pub(super) fn written(&self) -> u64 {
        self.0.lock().written
    }

    /// When something was written last; at first, when the stream was made.
    pub(super) fn last_written(&self) -> Instant {
        self.0.lock().last
    }

    /// Takes the beginning, which is everything where everything is kept.
    pub(super) fn take(&self) -> Bytes {
        std::mem::take(&mut self.0.lock().head).freeze()
    }

    /// The beginning and the end as text, with a line between them that says what was left out.
    pub(super) fn text(&self) -> String {
        let mut kept = self.0.lock();
        let left_out = kept.written.saturating_sub((kept.head.len() + kept.tail.len()) as u64);
        let mut text = String::from_utf8_lossy(&kept.head).into_owned();
        if left_out > 0 {
            text.push_str(&format!("\n[... {left_out} bytes left out ...]\n"));
        }
        text.push_str(&String::from_utf8_lossy(kept.tail.make_contiguous()));
        text
    }

    fn put(&self, bytes: &[u8]) -> Result<(), Ended> {
        let mut kept = self.0.lock();
        if !bytes.is_empty() {
            kept.last = system::now();
        }
        let room = (self.0.allowed as u64).saturating_sub(kept.written);
        let fitting = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let (allowed, beyond) = bytes.split_at_checked(fitting).unwrap_or((bytes, &[]));
        kept.written = kept.written.saturating_add(allowed.len() as u64);
        let to_head = self.0.head.saturating_sub(kept.head.len()).min(allowed.len());
        let (first, rest) = allowed.split_at_checked(to_head).unwrap_or((allowed, &[]));
        kept.head.extend_from_slice(first);
        let rest = rest.get(rest.len().saturating_sub(self.0.tail)..).unwrap_or_default();
        let surplus = (kept.tail.len() + rest.len()).saturating_sub(self.0.tail);
        kept.tail.drain(..surplus);
        kept.tail.extend(rest);
        if beyond.is_empty() {
            Ok(())
        } else {
            self.0.stop.tell(End::Output);
            Err(Ended)
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IsTerminal for Sink {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Sink {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Sink {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for Sink {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.put(&bytes).map_err(|ended| StreamError::Trap(ended.into()))
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(AT_A_TIME)
    }
}

impl AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.put(bytes).map(|()| bytes.len()).map_err(io::Error::other))
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
    use super::*;

    #[test]
    fn everything_is_kept_up_to_the_limit_and_then_the_run_ends() {
        let stop = Arc::<Stop>::default();
        let sink = Sink::whole(5, &stop);
        sink.put(b"abc").unwrap();
        sink.put(b"de").unwrap();
        assert_eq!(stop.end(), None);
        sink.put(b"f").unwrap_err();
        assert_eq!((stop.end(), sink.written(), sink.take().as_ref()), (Some(End::Output), 5, &b"abcde"[..]));
    }

    #[test]
    fn beginning_and_end_are_kept_with_a_line_between() {
        let sink = Sink::ends(1 << 20, &Arc::default());
        sink.put(b"begin").unwrap();
        assert_eq!(sink.text(), "begin");
        for _ in 0..10 {
            sink.put(&vec![b'.'; STDERR_PART]).unwrap();
        }
        sink.put(b"end").unwrap();
        let text = sink.text();
        assert!(text.starts_with("begin.") && text.ends_with(".end"), "{text}");
        let left_out = 8 + 10 * STDERR_PART - 2 * STDERR_PART;
        assert!(text.contains(&format!("\n[... {left_out} bytes left out ...]\n")), "{left_out}");
    }
}
