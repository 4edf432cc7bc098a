//! A store with its blobs, both sealed, as one thing that says of itself that it is.

use std::sync::Arc;

use super::mark::{Mark, mark};
use super::{Naming, Seal, SealError, SealedBlobs, SealedStore, StoreKeys};
use crate::seal::{Entropy, KeyProvider, SealingKey, key_of};
use crate::store::{Batch, BlobStore, CommitError, Key, KeyBuilder, Store};

/// How often the first opening is tried again that somebody else came before.
const TRIES: usize = 8;
/// How many entries are looked at at a time.
const PAGE: usize = 100;

/// A store and its blobs, sealed under keys that are kept in the store, wrapped by a master key.
///
/// The first opening of an empty store under a key leaves a mark in it, by one commit; from then on it opens with that key alone, and
/// [`Seal`] tells what it is. Several processes may open one store at a time, if it allows that; all must open it sealed.
///
/// ```
/// use std::sync::Arc;
///
/// use ice_core::seal::{SealingKey, SecretKey, SystemEntropy};
/// use ice_core::store::{BlobStore, MemoryBlobs, MemoryStore, Store};
/// use ice_core::vault::{Seal, SealError, SealedData, tenants};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (raw, blobs): (Arc<dyn Store>, Arc<dyn BlobStore>) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::new()));
/// let key = || SealingKey::of(SecretKey::generate(&SystemEntropy).unwrap());
/// let (master, entropy) = (key(), Arc::new(SystemEntropy));
/// SealedData::open(raw.clone(), blobs.clone(), &master, tenants(), entropy.clone()).await.unwrap();
/// assert_eq!(Seal::of(&*raw).await.unwrap(), Seal::Sealed { key: master.id() });
/// let other = SealedData::open(raw, blobs, &key(), tenants(), entropy).await;
/// assert!(matches!(other, Err(SealError::OtherKey { .. })));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct SealedData {
    store: Arc<dyn Store>,
    blobs: Arc<dyn BlobStore>,
    keys: Arc<dyn KeyProvider>,
}

impl SealedData {
    /// Opens a store and its blobs under a master key. An empty store becomes sealed. `naming` must be the same each time.
    ///
    /// # Errors
    /// [`SealError`]: what is in the store is in clear, or sealed under another key; the master key is being changed; or the store
    /// failed. Nothing was changed then.
    pub async fn open(
        raw: Arc<dyn Store>,
        blobs: Arc<dyn BlobStore>,
        master: &SealingKey,
        naming: Naming,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, SealError> {
        admit(&*raw, master, &naming, &*entropy).await?;
        let keys: Arc<dyn KeyProvider> =
            Arc::new(StoreKeys::new(Arc::clone(&raw), master.clone(), Arc::clone(&entropy)));
        let sealed = SealedStore::new(Arc::clone(&raw), Arc::clone(&keys), naming, Arc::clone(&entropy));
        let blobs = SealedBlobs::new(blobs, raw, for_blobs(master), entropy);
        Ok(Self { store: Arc::new(sealed), blobs: Arc::new(blobs), keys })
    }

    /// The store: values are clear here, and sealed beneath.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// The blobs: clear here, and sealed beneath.
    #[must_use]
    pub fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.blobs)
    }

    /// The keys of tenants and runs: destroying one erases what is sealed under it.
    #[must_use]
    pub fn keys(&self) -> Arc<dyn KeyProvider> {
        Arc::clone(&self.keys)
    }
}

/// The key that wraps those of blobs.
pub(super) fn for_blobs(master: &SealingKey) -> SealingKey {
    SealingKey::of(master.secret().derive("blobs"))
}

/// Checks that a store is sealed under this key; an empty one is from now on.
async fn admit(
    raw: &dyn Store,
    master: &SealingKey,
    naming: &Naming,
    entropy: &dyn Entropy,
) -> Result<(), SealError> {
    let place = mark();
    let mut lost = None;
    for _ in 0..TRIES {
        match Seal::of(raw).await? {
            Seal::Empty => {}
            Seal::Clear => return Err(SealError::InClear),
            Seal::Rotating { from, to } => return Err(SealError::Rotating { from, to }),
            Seal::Sealed { .. } => match Mark::read(raw, place.clone()).await? {
                Some(mark) => return mark.check(master),
                None => continue,
            },
        }
        let value = Mark::make(&place, master, entropy)?;
        let batch = Batch::new().expect_absent(place.clone()).put(place.clone(), value);
        match raw.commit(batch, raw.offers().durability).await {
            Ok(_) => return still_empty(raw, naming).await,
            // Somebody else came first: whose key it is is looked at anew.
            Err(conflict @ CommitError::Conflict { .. }) => lost = Some(conflict),
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Err(lost.map_or(SealError::InClear, SealError::Contended))
}

/// Whoever had the store open in clear may have written meanwhile: then it is not sealed after all.
async fn still_empty(raw: &dyn Store, naming: &Naming) -> Result<(), SealError> {
    let (root, mut after) = (KeyBuilder::root().key(), None::<Key>);
    loop {
        let page = raw.scan(&root, after.as_ref(), PAGE).await?;
        if page.iter().any(|entry| naming(&entry.key).is_some() && key_of(&entry.value).is_err()) {
            let place = mark();
            if let Some(mark) = Mark::read(raw, place.clone()).await? {
                let batch = Batch::new().expect_version(place.clone(), mark.version).delete(place);
                raw.commit(batch, raw.offers().durability).await?;
            }
            return Err(SealError::InClear);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
            Some(_) | None => return Ok(()),
        }
    }
}
