//! Changing the master key: the keys that it wraps are wrapped anew. What is sealed under those stays as it is.

use super::SealError;
use super::data::for_blobs;
use super::mark::{Mark, mark, rotation};
use crate::seal::{Entropy, OpenError, SealingKey, key_of};
use crate::store::{Batch, CommitError, Entry, Key, KeyBuilder, Store, StoreError};

/// How many keys are wrapped anew by one commit, at most.
const PAGE: usize = 500;
/// How often a page is tried again that somebody else changed meanwhile.
const TRIES: usize = 8;

/// What a change of the master key has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// How many keys of tenants, runs and blobs were wrapped anew by this call.
    pub keys: u64,
}

/// Changes the master key of a store that nobody else has open. A call that was cut short is finished by another one with the same
/// keys; until then the store opens with neither. [Compact](Store::compact) it after: the keys wrapped by the old one are in its files
/// until then.
///
/// # Errors
/// [`SealError`]: the store is in clear, sealed under another key, or being changed to another one; what is wrapped cannot be
/// unwrapped; or the store failed.
pub async fn rotate(
    store: &dyn Store,
    from: &SealingKey,
    to: &SealingKey,
    entropy: &dyn Entropy,
) -> Result<Rotated, SealError> {
    let (place, changing) = (mark(), rotation());
    let Some(found) = Mark::read(store, place.clone()).await? else { return Err(SealError::InClear) };
    let begun = Mark::read(store, changing.clone()).await?;
    match &begun {
        None if found.key == to.id() => return found.check(to).map(|()| Rotated::default()),
        None => found.check(from)?,
        Some(begun) if begun.key == to.id() => {
            found.check(from)?;
            begun.check(to)?;
        }
        Some(begun) => return Err(SealError::Rotating { from: found.key, to: begun.key }),
    }
    if begun.is_none() {
        let batch = Batch::new()
            .expect_version(place.clone(), found.version)
            .expect_absent(changing.clone())
            .put(changing.clone(), Mark::make(&changing, to, entropy)?);
        store.commit(batch, store.offers().durability).await?;
    }
    let mut rotated = Rotated::default();
    for (folder, from, to) in [("key", from.clone(), to.clone()), ("blob", for_blobs(from), for_blobs(to))] {
        let folder = KeyBuilder::root().folder("seal").folder(folder).key();
        rotated.keys += wrap_all(store, &folder, (&from, &to), entropy).await?;
    }
    let done = Batch::new()
        .expect_version(place.clone(), found.version)
        .put(place.clone(), Mark::make(&place, to, entropy)?)
        .delete(changing);
    store.commit(done, store.offers().durability).await?;
    Ok(rotated)
}

/// Wraps everything below a folder anew that is not yet; says how much it was.
async fn wrap_all(
    store: &dyn Store,
    folder: &Key,
    keys: (&SealingKey, &SealingKey),
    entropy: &dyn Entropy,
) -> Result<u64, SealError> {
    let (mut count, mut after, mut tries) = (0, None::<Key>, 0);
    loop {
        let page = store.scan(folder, after.as_ref(), PAGE).await?;
        let Some(last) = page.last().map(|entry| entry.key.clone()) else { return Ok(count) };
        let (mut batch, mut here) = (Batch::new(), 0);
        for entry in page {
            if key_of(&entry.value).map_err(|error| damaged(&entry.key, &error))? == keys.1.id() {
                continue;
            }
            let Entry { key, value, version } = entry;
            let clear = keys.0.open(key.as_bytes(), &value).map_err(|error| damaged(&key, &error))?;
            let clear = zeroize::Zeroizing::new(clear);
            let wrapped = keys.1.seal(entropy, key.as_bytes(), &clear)?;
            batch = batch.expect_version(key.clone(), version).put(key, wrapped);
            here += 1;
        }
        if here > 0 {
            match store.commit(batch, store.offers().durability).await {
                Ok(_) => count += here,
                Err(CommitError::Conflict { .. }) if tries < TRIES => {
                    tries += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
        }
        (after, tries) = (Some(last), 0);
    }
}

fn damaged(key: &Key, error: &OpenError) -> SealError {
    StoreError::Corrupt { what: format!("the wrapped key at {key}: {error}") }.into()
}
