//! Keys kept in a store, each wrapped by a master key that is kept elsewhere.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::{FutureExt, StreamExt};

use crate::seal::{Entropy, KeyError, KeyId, KeyName, KeyProvider, SealingKey, SecretKey};
use crate::store::{
    Batch, CommitError, Key, KeyBuilder, Store, StoreError, Version, Versioned, Watch, WatchEvent, lock,
};

/// The most keys that are remembered.
const REMEMBERED: usize = 4_096;
/// How often a change is tried again that somebody else came before.
const TRIES: usize = 8;

/// Keys in a store, wrapped by a master key, so that who has the store alone can open nothing.
///
/// Destroying a key leaves a mark in its place, by which it can never be made again. Keys are remembered; what another process on
/// the same store destroys is forgotten here as soon as the store tells of it.
pub struct StoreKeys {
    store: Arc<dyn Store>,
    master: SealingKey,
    entropy: Arc<dyn Entropy>,
    memory: Mutex<Memory>,
}

struct Memory {
    keys: HashMap<Key, SealingKey>,
    changes: Watch,
}

/// What stands in the place of a key.
enum Kept {
    Nothing,
    Key(SealingKey),
    Destroyed,
}

impl StoreKeys {
    /// Keys in this store, which must be one that is not sealed itself.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, master: SealingKey, entropy: Arc<dyn Entropy>) -> Self {
        let changes = store.watch(&prefix(), None);
        let memory = Mutex::new(Memory { keys: HashMap::new(), changes });
        Self { store, master, entropy, memory }
    }

    fn remembered(&self, place: &Key) -> Option<SealingKey> {
        let mut memory = lock(&self.memory);
        while let Some(event) = memory.changes.next().now_or_never() {
            match event {
                Some(WatchEvent::Changed(change)) => {
                    memory.keys.remove(&change.key);
                }
                Some(WatchEvent::Gap { .. }) => memory.keys.clear(),
                // The store is closed: what it would say cannot be known.
                None => {
                    memory.keys.clear();
                    break;
                }
            }
        }
        memory.keys.get(place).cloned()
    }

    fn remember(&self, place: &Key, key: &SealingKey) {
        let mut memory = lock(&self.memory);
        if memory.keys.len() >= REMEMBERED {
            memory.keys.clear();
        }
        memory.keys.insert(place.clone(), key.clone());
    }

    async fn read(&self, place: &Key, name: &KeyName) -> Result<(Kept, Option<Version>), KeyError> {
        let found = self.store.get(place).await.map_err(|error| unavailable("reading a key", error))?;
        let Some(Versioned { value, version }) = found else { return Ok((Kept::Nothing, None)) };
        let refused = || KeyError::Refused { name: name.clone() };
        let clear = self.master.open(place.as_bytes(), &value).map_err(|_| refused())?;
        let clear = zeroize::Zeroizing::new(clear);
        if clear.is_empty() {
            return Ok((Kept::Destroyed, Some(version)));
        }
        let (id, key) = clear.split_first_chunk::<{ KeyId::BYTES }>().ok_or_else(refused)?;
        let mut key = <[u8; SecretKey::BYTES]>::try_from(key).map_err(|_| refused())?;
        let key = SealingKey::new(KeyId::from_bytes(*id), SecretKey::from_bytes(&mut key));
        Ok((Kept::Key(key), Some(version)))
    }

    async fn commit(&self, batch: Batch) -> Result<bool, KeyError> {
        match self.store.commit(batch, self.store.offers().durability).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(CommitError::Store(error)) => Err(unavailable("keeping a key", error)),
        }
    }
}

#[async_trait]
impl KeyProvider for StoreKeys {
    async fn key(&self, name: &KeyName) -> Result<SealingKey, KeyError> {
        let place = place(name);
        if let Some(key) = self.remembered(&place) {
            return Ok(key);
        }
        match self.read(&place, name).await?.0 {
            Kept::Key(key) => {
                self.remember(&place, &key);
                Ok(key)
            }
            Kept::Destroyed => Err(KeyError::Destroyed { name: name.clone() }),
            Kept::Nothing => Err(KeyError::Missing { name: name.clone() }),
        }
    }

    async fn create(&self, name: &KeyName) -> Result<SealingKey, KeyError> {
        for _ in 0..TRIES {
            match self.key(name).await {
                Err(KeyError::Missing { .. }) => {}
                known => return known,
            }
            let place = place(name);
            let mut id = [0; KeyId::BYTES];
            self.entropy.fill(&mut id)?;
            let secret = SecretKey::generate(&*self.entropy)?;
            let clear = zeroize::Zeroizing::new([&id[..], secret.bytes()].concat());
            let wrapped = self.master.seal(&*self.entropy, place.as_bytes(), &clear)?;
            if self.commit(Batch::new().expect_absent(place.clone()).put(place, wrapped)).await? {
                return Ok(SealingKey::new(KeyId::from_bytes(id), secret));
            }
        }
        Err(busy("making a key"))
    }

    async fn destroy(&self, name: &KeyName) -> Result<(), KeyError> {
        let place = place(name);
        for _ in 0..TRIES {
            let (kept, version) = self.read(&place, name).await?;
            if matches!(kept, Kept::Destroyed) {
                return Ok(());
            }
            let mark = self.master.seal(&*self.entropy, place.as_bytes(), b"")?;
            let batch = match version {
                Some(version) => Batch::new().expect_version(place.clone(), version),
                None => Batch::new().expect_absent(place.clone()),
            };
            if self.commit(batch.put(place.clone(), mark)).await? {
                lock(&self.memory).keys.remove(&place);
                return Ok(());
            }
        }
        Err(busy("destroying a key"))
    }
}

/// Where the keys of all tenants stand. Everything else that sealing keeps is below `seal/` too.
fn prefix() -> Key {
    KeyBuilder::root().folder("seal").folder("key").key()
}

/// Where the key of a name stands.
fn place(name: &KeyName) -> Key {
    let tenant = KeyBuilder::root().folder("seal").folder("key").folder(name.tenant.as_str());
    match name.run {
        Some(run) => tenant.folder("run").leaf(&run.to_string()),
        None => tenant.leaf("tenant"),
    }
}

fn unavailable(what: &str, error: StoreError) -> KeyError {
    KeyError::Unavailable { what: what.to_owned(), source: Some(Arc::new(error)) }
}

fn busy(what: &str) -> KeyError {
    KeyError::Unavailable { what: format!("{what}: others changed it {TRIES} times meanwhile"), source: None }
}

impl fmt::Debug for StoreKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreKeys").field("master", &self.master.id()).finish_non_exhaustive()
    }
}
