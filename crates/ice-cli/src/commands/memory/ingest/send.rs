//! How documents get to the owner of the folder.

use ice_core::memory::{Ingested, KnownDocument, Passage, Scope, SourceDocument};
use ice_orchestrator::control::{
    MemoryDocuments, MemoryForget, MemoryIngest, MemoryRequest, MemoryResponse, MemorySelection,
};

use super::super::call;
use crate::data::{Link, LinkError};

/// The most passages of one part, and about the most bytes of their texts.
const PART: usize = 512;
const PART_BYTES: usize = 4 << 20;

/// Sends a document in parts.
pub(super) async fn send(
    link: &Link,
    document: &SourceDocument,
    passages: Vec<Passage>,
) -> Result<Ingested, LinkError> {
    let mut done = Ingested::default();
    let mut passages = passages.into_iter().peekable();
    loop {
        let (mut part, mut bytes) = (Vec::new(), 0);
        while part.len() < PART
            && bytes < PART_BYTES
            && let Some(passage) = passages.next()
        {
            bytes += passage.text.len();
            part.push(passage);
        }
        let last = passages.peek().is_none();
        let part = MemoryIngest { document: document.clone(), passages: part, last };
        let response = call(link, MemoryRequest::Ingest(Box::new(part))).await?;
        let MemoryResponse::Ingested { passages: sent } = response else { return Err(LinkError::astray()) };
        done.written += sent.written;
        done.kept += sent.kept;
        done.ended += sent.ended;
        if last {
            return Ok(done);
        }
    }
}

/// What is known of documents of these names.
pub(super) async fn known(
    link: &Link,
    scope: &Scope,
    names: Vec<String>,
) -> Result<Vec<KnownDocument>, LinkError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let which = MemoryDocuments { scope: Some(scope.clone()), names, ..MemoryDocuments::default() };
    Ok(ask(link, which).await?.0)
}

/// Whether a document was taken in as a whole with this hash.
pub(super) async fn has(link: &Link, scope: &Scope, name: &str, hash: &str) -> Result<bool, LinkError> {
    let (names, hash) = (vec![name.to_owned()], Some(hash.to_owned()));
    let which = MemoryDocuments { scope: Some(scope.clone()), names, hash, after: None };
    Ok(!ask(link, which).await?.0.is_empty())
}

/// Every document of a scope.
pub(super) async fn all(link: &Link, scope: &Scope) -> Result<Vec<KnownDocument>, LinkError> {
    let (mut documents, mut after) = (Vec::new(), None);
    loop {
        let which = MemoryDocuments { scope: Some(scope.clone()), after, ..MemoryDocuments::default() };
        let (page, next) = ask(link, which).await?;
        documents.extend(page);
        match next {
            Some(next) => after = Some(next),
            None => return Ok(documents),
        }
    }
}

async fn ask(link: &Link, which: MemoryDocuments) -> Result<(Vec<KnownDocument>, Option<String>), LinkError> {
    let response = call(link, MemoryRequest::Documents(which)).await?;
    let MemoryResponse::Documents { documents, next } = response else { return Err(LinkError::astray()) };
    Ok((documents, next))
}

/// Forgets a document; says how many passages it had.
pub(super) async fn forget(link: &Link, scope: &Scope, name: &str, dry_run: bool) -> Result<u64, LinkError> {
    let what = MemorySelection::Document { name: name.to_owned(), scope: Some(scope.clone()) };
    let request = MemoryRequest::Forget(MemoryForget { what, erase: false, dry_run });
    let MemoryResponse::Forgotten { entries } = call(link, request).await? else {
        return Err(LinkError::astray());
    };
    Ok(entries.saturating_sub(1))
}
