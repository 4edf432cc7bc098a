//! Documents that are taken in part by part, and which of them are known.

use futures::future::try_join_all;
use ice_core::error::ErrorCode;
use ice_core::memory::{Cursor, Memory};

use super::{MemoryDocuments, MemoryIngest, MemoryResponse};
use crate::control::Refusal;

/// The most passages of one part, names of one question and documents of one answer.
const MAX_AT_ONCE: usize = 1_000;

/// Takes a part. Each is sound by itself, so that a document may be sent again from its beginning, or from where its
/// sender knows it to be.
pub(super) async fn ingest(memory: &Memory, part: MemoryIngest) -> Result<MemoryResponse, Refusal> {
    let MemoryIngest { document, passages, last } = part;
    at_most("passages", passages.len())?;
    memory.begin_document(&document).await?;
    let mut done = memory.add_passages(&document, passages).await?;
    if last {
        done.ended = memory.end_document(&document).await?;
    }
    Ok(MemoryResponse::Ingested { passages: done })
}

/// The documents of some names, or a page of all.
pub(super) async fn known(memory: &Memory, which: MemoryDocuments) -> Result<MemoryResponse, Refusal> {
    let MemoryDocuments { scope, names, hash, after } = which;
    let scope = scope.unwrap_or_default();
    at_most("names", names.len())?;
    if !names.is_empty() {
        let of = async |name: &String| match &hash {
            Some(hash) if !memory.has_document(&scope, name, hash).await? => Ok(None),
            Some(_) | None => memory.document(&scope, name).await,
        };
        let found = try_join_all(names.iter().map(of)).await?;
        return Ok(MemoryResponse::Documents {
            documents: found.into_iter().flatten().collect(),
            next: None,
        });
    }
    let after: Option<Cursor> =
        after.map(|after| after.parse()).transpose().map_err(|error: ice_core::id::InvalidId| {
            Refusal::new(ErrorCode::MemoryInvalid, error.to_string())
        })?;
    let page = memory.documents(&scope, after, MAX_AT_ONCE).await?;
    Ok(MemoryResponse::Documents { documents: page.documents, next: page.next.map(|next| next.to_string()) })
}

fn at_most(what: &str, count: usize) -> Result<(), Refusal> {
    if count <= MAX_AT_ONCE {
        return Ok(());
    }
    let message = format!("there are {count} {what}, and {MAX_AT_ONCE} is the most at once");
    Err(Refusal::new(ErrorCode::LimitExceeded, message))
}
