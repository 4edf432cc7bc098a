//! Keeping the beginning and the end of an output, whatever its length.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use crate::report::Output;

/// Takes an output piece by piece.
#[derive(Debug)]
pub(super) struct Keep {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    total: u64,
}

impl Keep {
    /// Keeps so many bytes, half of them from the end.
    pub(super) fn new(bytes: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), half: (bytes / 2).max(1), total: 0 }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = self.half.saturating_sub(self.head.len());
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        let rest = rest.get(rest.len().saturating_sub(self.half)..).unwrap_or_default();
        let over = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    pub(super) fn output(self) -> Output {
        Output { head: self.head, tail: self.tail.into(), total: self.total }
    }
}

impl AsyncWrite for Keep {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn head_and_tail_are_those_of_all_that_was_written(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            bytes in 2_usize..64,
        ) {
            let mut keep = Keep::new(bytes);
            pieces.iter().for_each(|piece| keep.take(piece));
            let (all, output) = (pieces.concat(), keep.output());
            prop_assert_eq!(output.total, all.len() as u64);
            prop_assert!(all.starts_with(&output.head) && all.ends_with(&output.tail));
            prop_assert!(output.head.len() + output.tail.len() <= bytes.max(2));
            if all.len() <= bytes / 2 * 2 {
                prop_assert_eq!(output.left_out(), 0);
                prop_assert_eq!([output.head, output.tail].concat(), all);
            }
        }
    }
}
