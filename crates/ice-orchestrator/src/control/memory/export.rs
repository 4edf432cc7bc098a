//! Memory as a stream of pieces.

use std::pin::Pin;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use ice_core::memory::{ExportWhat, Memory, MemoryError};

use crate::control::piece::MAX_PIECE_BYTES;
use crate::control::{Reply, Response};

type Lines = Pin<Box<dyn Stream<Item = Result<String, MemoryError>> + Send>>;

/// Where an export is.
struct Export {
    lines: Lines,
    /// What was read and not sent yet.
    waiting: Vec<u8>,
    is_over: bool,
}

/// The lines in pieces, [`Response::End`] last.
pub(super) fn pieces(memory: &Memory, what: ExportWhat) -> Reply {
    let export = Export { lines: Box::pin(memory.export(what)), waiting: Vec::new(), is_over: false };
    let pieces: BoxStream<'static, Response> = futures::stream::unfold(Some(export), next).boxed();
    Reply::Many(pieces)
}

async fn next(export: Option<Export>) -> Option<(Response, Option<Export>)> {
    let mut export = export?;
    while export.waiting.len() < MAX_PIECE_BYTES && !export.is_over {
        match export.lines.next().await {
            Some(Ok(line)) => {
                export.waiting.extend_from_slice(line.as_bytes());
                export.waiting.push(b'\n');
            }
            Some(Err(error)) => return Some((Response::Refused(error.into()), None)),
            None => export.is_over = true,
        }
    }
    if export.waiting.is_empty() {
        return Some((Response::End, None));
    }
    let rest = export.waiting.split_off(export.waiting.len().min(MAX_PIECE_BYTES));
    let data = BASE64_STANDARD.encode(std::mem::replace(&mut export.waiting, rest));
    Some((Response::Piece { data }, Some(export)))
}
