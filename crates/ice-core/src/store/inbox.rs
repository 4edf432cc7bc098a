//! Inboxes: numbered messages under a prefix, sent by anybody who reaches the store, consumed in the
//! consumer's own commit.
//!
//! Under the prefix stand `last` (the number given out last), `m/<number>` (the messages) and `k/<key>` (the
//! numbers of idempotency keys, kept until the prefix is removed, so that a late repetition is recognised).

use bytes::Bytes;

use super::{Batch, CommitError, InvalidKey, Key, Store, StoreError, Version, Versioned};
use crate::error::ErrorCode;

/// The longest idempotency key, in bytes.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 200;

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number, from 1.
    pub number: u64,
    /// What was sent.
    pub payload: Bytes,
    version: Version,
}

/// Why a message could not be sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InboxError {
    /// The idempotency key is empty or too long for the prefix.
    #[error("an idempotency key must have 1 to {MAX_IDEMPOTENCY_KEY_BYTES} bytes and fit into a store key")]
    IdempotencyKey,
    /// The store failed. Sending again with the same idempotency key is safe.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl InboxError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::IdempotencyKey => ErrorCode::StoreTooLarge,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<InvalidKey> for InboxError {
    fn from(_: InvalidKey) -> Self {
        Self::IdempotencyKey
    }
}

/// The prefix under which the messages themselves stand: what a consumer watches.
#[must_use]
pub fn messages(prefix: &Key) -> Key {
    prefix.folder("m")
}

fn number_of(key: &Key, found: Option<&Versioned>) -> Result<u64, StoreError> {
    let Some(found) = found else { return Ok(0) };
    let bytes = <[u8; 8]>::try_from(found.value.as_ref());
    bytes
        .map(u64::from_be_bytes)
        .map_err(|_| StoreError::Corrupt { what: format!("the number under `{key}`") })
}

/// Sends a message, with the store's best durability, and returns its number. Numbers ascend; concurrent
/// senders neither lose nor overwrite one another. A repetition with the same idempotency key sends nothing
/// and returns the first one's number.
///
/// # Errors
/// [`InboxError`]; then it is not known whether the message was sent, unless there is an idempotency key.
pub async fn send(
    store: &dyn Store,
    prefix: &Key,
    payload: Bytes,
    idempotency_key: Option<&str>,
) -> Result<u64, InboxError> {
    let last = prefix.leaf("last");
    let once = match idempotency_key {
        Some(text) if text.is_empty() || text.len() > MAX_IDEMPOTENCY_KEY_BYTES => {
            return Err(InboxError::IdempotencyKey);
        }
        Some(text) => Some(Key::new(prefix.folder("k").leaf(text).as_str())?),
        None => None,
    };
    loop {
        if let Some(once) = &once
            && let Some(found) = store.get(once).await?
        {
            return Ok(number_of(once, Some(&found))?);
        }
        let found = store.get(&last).await?;
        let number = number_of(&last, found.as_ref())?.saturating_add(1);
        let batch = match &found {
            Some(found) => Batch::new().expect_version(last.clone(), found.version),
            None => Batch::new().expect_absent(last.clone()),
        };
        let bytes = Bytes::copy_from_slice(&number.to_be_bytes());
        let mut batch =
            batch.put(last.clone(), bytes.clone()).put(messages(prefix).number(number), payload.clone());
        if let Some(once) = &once {
            batch = batch.expect_absent(once.clone()).put(once.clone(), bytes);
        }
        match store.commit(batch, store.offers().durability).await {
            Ok(_) => return Ok(number),
            // Another sender was faster; each round of this loop is one message of theirs.
            Err(CommitError::Conflict { .. }) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// The messages that wait after `after`, at most `limit`, in the order of their numbers.
///
/// # Errors
/// [`StoreError`] if the store failed.
pub async fn read(
    store: &dyn Store,
    prefix: &Key,
    after: u64,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let folder = messages(prefix);
    let entries = store.scan(&folder, Some(&folder.number(after)), limit).await?;
    let message = |entry: super::Entry| {
        let number = entry
            .key
            .number_after(&folder)
            .ok_or_else(|| StoreError::Corrupt { what: format!("`{}` is no message number", entry.key) })?;
        Ok(Message { number, payload: entry.value, version: entry.version })
    };
    entries.into_iter().map(message).collect()
}

/// What consumes messages: to be merged into the commit that acts on them. It conflicts if one of them was
/// consumed already.
#[must_use]
pub fn consume<'a>(prefix: &Key, read: impl IntoIterator<Item = &'a Message>) -> Batch {
    let folder = messages(prefix);
    read.into_iter().fold(Batch::new(), |batch, message| {
        let key = folder.number(message.number);
        batch.expect_version(key.clone(), message.version).delete(key)
    })
}
