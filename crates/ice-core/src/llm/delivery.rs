//! How the built-in providers deliver an answer: in pieces, with pauses, until cancelled.

use std::collections::VecDeque;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Chunk, ChunkStream, LlmError, LlmErrorKind, Response};

/// The most pieces a text is cut into.
const MAX_PIECES: usize = 1_000;

/// Cuts a text into words, each with the space after it; a long text into runs of words.
pub(super) fn words(text: &str) -> Vec<String> {
    let least = text.len() / MAX_PIECES;
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        piece.push_str(word);
        if piece.len() > least {
            pieces.push(std::mem::take(&mut piece));
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

pub(super) fn cancelled() -> LlmError {
    LlmError::new(LlmErrorKind::Cancelled, "the call was cancelled")
}

/// Waits, unless it is cancelled first.
pub(super) async fn pause(span: Duration, cancel: &CancellationToken) -> Result<(), LlmError> {
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    if span.is_zero() {
        return Ok(());
    }
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(cancelled()),
        () = tokio::time::sleep(span) => Ok(()),
    }
}

/// An answer on its way.
pub(super) struct Delivery {
    /// What comes before the end.
    pub(super) pieces: VecDeque<Chunk>,
    /// The pause before each piece.
    pub(super) pause: Duration,
    /// How it ends.
    pub(super) end: Result<Response, LlmError>,
    /// Ends it early.
    pub(super) cancel: CancellationToken,
}

impl Delivery {
    pub(super) fn into_stream(self) -> ChunkStream {
        Box::pin(futures::stream::unfold(Some(self), |state| async move {
            let mut delivery = state?;
            if let Err(error) = pause(delivery.pause, &delivery.cancel).await {
                return Some((Err(error), None));
            }
            match delivery.pieces.pop_front() {
                Some(piece) => Some((Ok(piece), Some(delivery))),
                None => Some((delivery.end.map(|response| Chunk::Done { response }), None)),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_every_character_and_stay_few() {
        assert_eq!(words("two  words\n"), ["two ", " ", "words\n"]);
        assert!(words("").is_empty());
        let long = "word ".repeat(50_000);
        let pieces = words(&long);
        assert!(pieces.len() <= MAX_PIECES, "{}", pieces.len());
        assert_eq!(pieces.concat(), long);
    }
}
