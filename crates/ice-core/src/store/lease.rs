//! Leases: who owns a thing, until when, and the fence that keeps a former owner from writing.
//!
//! A lease is two keys. The fence, under the lease's key, is written by acquiring and releasing only, so its
//! version is the epoch of an ownership: it grows with every acquisition and, as versions do, never recurs.
//! Beside it stands the time at which the lease ends; renewing writes only that. A batch that must not be
//! applied by a former owner takes the fence in with [`Lease::fence`].
//!
//! Leases are committed [`Durability::Buffered`]: whatever an owner writes comes later in the order of
//! commits, and no commit survives without the ones before it.

use serde::{Deserialize, Serialize};

use super::{Batch, CommitError, CommitSeq, Durability, Key, Store, StoreError, Version, Versioned};
use crate::error::ErrorCode;
use crate::time::{Clock, Moment};

/// An ownership that was acquired. It holds until [`Lease::until`], unless renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is owned.
    pub key: Key,
    /// Who owns it.
    pub owner: String,
    /// The epoch: greater than that of every earlier ownership of this key.
    pub epoch: u64,
    /// When it ends.
    pub until: Moment,
    beat: Version,
}

/// An ownership as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Who owns it.
    pub owner: String,
    /// The epoch of the ownership.
    pub epoch: u64,
    /// When it ends, or ended.
    pub until: Moment,
}

/// Why a lease could not be had or kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else owns it and has not let it expire. Wait until then, or ask the owner.
    #[error("`{key}` is owned by {owner} until {until}")]
    Held {
        /// What is owned.
        key: Key,
        /// Who owns it.
        owner: String,
        /// When the lease ends.
        until: Moment,
    },
    /// The ownership has ended: it expired and was taken over, or was released. Stop writing.
    #[error("the ownership of `{key}` has ended")]
    Lost {
        /// What was owned.
        key: Key,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LeaseError {
    /// The code of the failure.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Held { .. } => ErrorCode::RunOwned,
            Self::Lost { .. } => ErrorCode::RunLost,
            Self::Store(error) => error.code(),
        }
    }
}

/// An acquisition that is ready to be committed, alone or within a larger batch.
#[derive(Clone, Debug)]
pub struct Claim {
    key: Key,
    owner: String,
    until: Moment,
    batch: Batch,
}

impl Claim {
    /// What must be committed for the claim to hold; a conflict on its keys means that somebody was faster.
    #[must_use]
    pub fn batch(&self) -> Batch {
        self.batch.clone()
    }

    /// The lease, once a batch with [`Claim::batch`] in it was committed as `seq`.
    #[must_use]
    pub fn committed(self, seq: CommitSeq) -> Lease {
        Lease { key: self.key, owner: self.owner, epoch: seq.0, until: self.until, beat: Version(seq.0) }
    }
}

#[derive(Serialize, Deserialize)]
struct Fence {
    owner: String,
}

#[derive(Serialize, Deserialize)]
struct Beat {
    until: Moment,
}

fn beat_key(key: &Key) -> Result<Key, StoreError> {
    let text = format!("{key}/until");
    Key::new(&text).map_err(|invalid| StoreError::TooLarge {
        what: "the key of a lease",
        size: invalid.length,
        limit: Key::MAX_BYTES,
    })
}

fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    let cannot = |error: serde_json::Error| StoreError::Corrupt { what: format!("a lease record: {error}") };
    serde_json::to_vec(record).map_err(cannot)
}

fn decode<'a, T: Deserialize<'a>>(key: &Key, found: &'a Versioned) -> Result<T, StoreError> {
    let cannot = |error| StoreError::Corrupt { what: format!("the lease record under `{key}`: {error}") };
    serde_json::from_slice(&found.value).map_err(cannot)
}

/// Both records of a lease as they stand.
struct Record {
    fence: Option<Versioned>,
    beat: Option<Versioned>,
    ownership: Option<Ownership>,
}

async fn read(store: &dyn Store, key: &Key) -> Result<Record, StoreError> {
    let beat_key = beat_key(key)?;
    loop {
        let (fence, beat) = (store.get(key).await?, store.get(&beat_key).await?);
        let version = |found: &Option<Versioned>| found.as_ref().map(|found| found.version);
        // Two reads are no snapshot: if the fence has changed since, they may belong to two ownerships.
        if version(&fence) != version(&beat) && version(&store.get(key).await?) != version(&fence) {
            continue;
        }
        let ownership = match (&fence, &beat) {
            (Some(fence), Some(beat)) => Some(Ownership {
                owner: decode::<Fence>(key, fence)?.owner,
                epoch: fence.version.0,
                until: decode::<Beat>(&beat_key, beat)?.until,
            }),
            (None | Some(_), None) | (None, Some(_)) => None,
        };
        return Ok(Record { fence, beat, ownership });
    }
}

/// Prepares an acquisition for [`Store::commit`]. An owner that claims what it holds gets a new epoch.
///
/// # Errors
/// [`LeaseError::Held`] if another owner's lease has not expired by `clock`.
pub async fn claim(
    store: &dyn Store,
    key: &Key,
    owner: &str,
    ttl: std::time::Duration,
    clock: &dyn Clock,
) -> Result<Claim, LeaseError> {
    let record = read(store, key).await?;
    let now = clock.now();
    if let Some(Ownership { owner: holder, until, .. }) = record.ownership
        && holder != owner
        && until > now
    {
        return Err(LeaseError::Held { key: key.clone(), owner: holder, until });
    }
    let beat_key = beat_key(key)?;
    let expect = |batch: Batch, key: &Key, found: Option<&Versioned>| match found {
        Some(found) => batch.expect_version(key.clone(), found.version),
        None => batch.expect_absent(key.clone()),
    };
    let until = now.plus(ttl);
    let batch = expect(Batch::new(), key, record.fence.as_ref());
    let batch = expect(batch, &beat_key, record.beat.as_ref())
        .put(key.clone(), encode(&Fence { owner: owner.to_owned() })?)
        .put(beat_key, encode(&Beat { until })?);
    Ok(Claim { key: key.clone(), owner: owner.to_owned(), until, batch })
}

/// Acquires a lease for `ttl`: if nobody holds it, its owner released it or let it expire, or is `owner`.
///
/// # Errors
/// [`LeaseError::Held`] if another owner holds it.
pub async fn acquire(
    store: &dyn Store,
    key: &Key,
    owner: &str,
    ttl: std::time::Duration,
    clock: &dyn Clock,
) -> Result<Lease, LeaseError> {
    loop {
        let claim = claim(store, key, owner, ttl, clock).await?;
        match store.commit(claim.batch(), Durability::Buffered).await {
            Ok(seq) => return Ok(claim.committed(seq)),
            // Somebody was faster: look again, the claim then says who. Each round is one commit of theirs.
            Err(CommitError::Conflict { .. }) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// Who owns a thing, expired or not; nothing if nobody does or the last owner released it.
///
/// # Errors
/// [`StoreError`] if the store failed.
pub async fn current(store: &dyn Store, key: &Key) -> Result<Option<Ownership>, StoreError> {
    Ok(read(store, key).await?.ownership)
}

impl Lease {
    /// What a batch must expect so that only the present owner can apply it.
    #[must_use]
    pub const fn version(&self) -> Version {
        Version(self.epoch)
    }

    /// Adds the fence to a batch: it conflicts once somebody else has taken over, or after a release.
    #[must_use]
    pub fn fence(&self, batch: Batch) -> Batch {
        batch.expect_version(self.key.clone(), self.version())
    }

    /// Lets the lease run for `ttl` from now. Works on an expired lease too, if nobody has taken it over.
    ///
    /// # Errors
    /// [`LeaseError::Lost`] if the ownership has ended.
    pub async fn renew(
        &mut self,
        store: &dyn Store,
        ttl: std::time::Duration,
        clock: &dyn Clock,
    ) -> Result<(), LeaseError> {
        let until = clock.now().plus(ttl);
        let beat_key = beat_key(&self.key)?;
        let batch = self
            .fence(Batch::new())
            .expect_version(beat_key.clone(), self.beat)
            .put(beat_key, encode(&Beat { until })?);
        let seq = self.commit(store, batch).await?;
        self.until = until;
        self.beat = Version(seq.0);
        Ok(())
    }

    /// Gives the ownership up, so that others need not wait.
    ///
    /// # Errors
    /// [`LeaseError::Lost`] if it has ended already.
    pub async fn release(self, store: &dyn Store) -> Result<(), LeaseError> {
        let batch = self.release_batch()?;
        self.commit(store, batch).await?;
        Ok(())
    }

    /// The release as part of a larger batch.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] if the key leaves no room for the lease's second key.
    pub fn release_batch(&self) -> Result<Batch, StoreError> {
        Ok(self.fence(Batch::new()).delete(self.key.clone()).delete(beat_key(&self.key)?))
    }

    async fn commit(&self, store: &dyn Store, batch: Batch) -> Result<CommitSeq, LeaseError> {
        match store.commit(batch, Durability::Buffered).await {
            Ok(seq) => Ok(seq),
            Err(CommitError::Conflict { .. }) => Err(LeaseError::Lost { key: self.key.clone() }),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}
