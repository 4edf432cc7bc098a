//! A store whose values are sealed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::Naming;
use crate::seal::{Entropy, KeyError, KeyName, KeyProvider, OVERHEAD, SealingKey};
use crate::store::{
    Batch, CommitError, CommitSeq, Durability, Entry, Expect, Key, Offers, Store, StoreError, Versioned,
    Watch, check_offer,
};

/// A store around another one, which sees keys in clear and values sealed: each under the key of a tenant or run, for its place
/// alone. A value that was altered, put elsewhere or not sealed is damage.
///
/// What was sealed under a key that was destroyed is not there for those who read; to write there is an error. Where such values
/// are among those that a scan passes, it reads on for others, and is no longer one snapshot. Each value counts [`OVERHEAD`]
/// bytes more in a batch.
pub struct SealedStore {
    inner: Arc<dyn Store>,
    keys: Arc<dyn KeyProvider>,
    naming: Naming,
    entropy: Arc<dyn Entropy>,
}

/// Keys that one call has asked for; none for those that were destroyed.
type Asked = HashMap<KeyName, Option<SealingKey>>;

impl SealedStore {
    /// Seals what comes to a store under the keys that `naming` names.
    #[must_use]
    pub fn new(
        inner: Arc<dyn Store>,
        keys: Arc<dyn KeyProvider>,
        naming: Naming,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { inner, keys, naming, entropy }
    }

    /// The clear value; nothing if its key was destroyed.
    async fn open(&self, key: &Key, value: Bytes, asked: &mut Asked) -> Result<Option<Bytes>, StoreError> {
        let Some(name) = (self.naming)(key) else { return Ok(Some(value)) };
        let sealing = match asked.get(&name) {
            Some(known) => known.clone(),
            None => {
                let found = match self.keys.key(&name).await {
                    Ok(key) => Some(key),
                    Err(KeyError::Destroyed { .. }) => None,
                    Err(error) => return Err(error.into()),
                };
                asked.insert(name, found.clone());
                found
            }
        };
        let Some(sealing) = sealing else { return Ok(None) };
        let opened = sealing.open(key.as_bytes(), &value);
        let damaged = |error| StoreError::Corrupt { what: format!("the value of the key {key}: {error}") };
        opened.map(|clear| Some(Bytes::from(clear))).map_err(damaged)
    }

    /// The batch with its values sealed.
    async fn seal(&self, batch: Batch) -> Result<Batch, StoreError> {
        let (writes, expectations) = batch.into_parts();
        let (mut sealed, mut asked) = (Batch::new(), HashMap::<KeyName, SealingKey>::new());
        for put in writes {
            let Some(value) = put.value else {
                sealed = sealed.delete(put.key);
                continue;
            };
            let Some(name) = (self.naming)(&put.key) else {
                sealed = sealed.put(put.key, value);
                continue;
            };
            let key = match asked.get(&name) {
                Some(key) => key.clone(),
                None => {
                    let key = self.keys.create(&name).await?;
                    asked.insert(name, key.clone());
                    key
                }
            };
            let bytes = key.seal(&*self.entropy, put.key.as_bytes(), &value).map_err(KeyError::from)?;
            sealed = sealed.put(put.key, bytes);
        }
        Ok(expectations.into_iter().fold(sealed, |batch, expectation| match expectation.expect {
            Expect::Absent => batch.expect_absent(expectation.key),
            Expect::Version(version) => batch.expect_version(expectation.key, version),
        }))
    }
}

#[async_trait]
impl Store for SealedStore {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        let Some(Versioned { value, version }) = self.inner.get(key).await? else { return Ok(None) };
        let clear = self.open(key, value, &mut Asked::new()).await?;
        Ok(clear.map(|value| Versioned { value, version }))
    }

    async fn scan(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let (mut clear, mut asked, mut after) = (Vec::new(), Asked::new(), after.cloned());
        while clear.len() < limit {
            let wanted = limit - clear.len();
            let found = self.inner.scan(prefix, after.as_ref(), wanted).await?;
            let is_last = found.len() < wanted;
            after = found.last().map(|entry| entry.key.clone());
            for Entry { key, value, version } in found {
                if let Some(value) = self.open(&key, value, &mut asked).await? {
                    clear.push(Entry { key, value, version });
                }
            }
            if is_last {
                break;
            }
        }
        Ok(clear)
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<CommitSeq, CommitError> {
        check_offer(&batch, durability, &self.offers())?;
        let sealed = self.seal(batch).await?;
        self.inner.commit(sealed, durability).await
    }

    fn watch(&self, prefix: &Key, after: Option<CommitSeq>) -> Watch {
        self.inner.watch(prefix, after)
    }

    fn last_commit(&self) -> CommitSeq {
        self.inner.last_commit()
    }

    fn offers(&self) -> Offers {
        let inner = self.inner.offers();
        Offers {
            max_value_bytes: inner.max_value_bytes.saturating_sub(OVERHEAD),
            max_batch_bytes: inner.max_batch_bytes.saturating_sub(OVERHEAD),
            ..inner
        }
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.inner.compact().await
    }
}

impl fmt::Debug for SealedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedStore")
            .field("inner", &self.inner)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
